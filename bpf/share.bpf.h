/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is owed CPU time: two levels of virtual time.
 *
 * A node's vtime advances by run time / share over all its CPUs (tree.bpf.h has
 * the share); the node furthest behind is served first. Inside a node each task
 * has a vtime of its own, which orders the node's queue.
 *
 * A node is charged a whole slice when its task goes on a CPU, and refunded
 * what was not used when it comes off. Charged only afterwards, a node with
 * tasks for all CPUs would be picked by each of them before the first charge
 * arrives: weights of 100 to 300 then gave 1 to 1.8.
 *
 * How far behind or ahead a node may be, says clock.bpf.h.
 */
#ifndef OCIHOOK_SHARE_BPF_H
#define OCIHOOK_SHARE_BPF_H

#include "maps.bpf.h"
#include "order.bpf.h"
#include "own.bpf.h"
#include "quota.bpf.h"
#include "tickless.bpf.h"
#include "tree.bpf.h"

/* What the run time costs a node of such a share, in virtual time. */
static __always_inline u64 cost_at(u64 share, u64 run_ns)
{
	return run_ns * SHARE_ONE / share;
}

/* p->scx.weight is 100 at nice 0, as cpu.weight is by default. */
static __always_inline u64 task_cost(struct task_struct *p, u64 run_ns)
{
	return run_ns * 100 / (p->scx.weight ?: 1);
}

static __always_inline void set_slice(struct task_struct *p, u64 slice_ns)
{
	if (slice_ns == p->scx.slice)
		return;
	if (scx_bpf_task_set_slice)
		scx_bpf_task_set_slice(p, slice_ns);
	else
		p->scx.slice = slice_ns;
}

/*
 * Give the task the slice that begins now, and charge its cell for it. A slice
 * is short where other cells wait for the CPU. A task that comes back to what
 * was left of its slice gets no more than that.
 */
static __always_inline void grant_slice(struct task_struct *p,
					struct task_ctx *tctx, struct cell *c,
					const struct cpu_ctx *here, u64 most_ns)
{
	u64 slice_ns = here->contended ? SLICE_CONTENDED_NS : SLICE_NS;
	u64 now = scx_bpf_now();

	slice_ns = affordable(c, slice_ns < most_ns ? slice_ns : most_ns);
	if (here->endless) {
		set_slice(p, SCX_SLICE_INF);
	} else {
		set_slice(p, slice_ns);
		end_slice_in(scx_bpf_task_cpu(p), slice_ns, now);
	}
	tctx->started_ns = now;
	tctx->granted_ns = slice_ns;
	tctx->prepaid = cost_at(share_of(tctx->cell), slice_ns);
	tctx->first = false;
	__sync_fetch_and_add(&c->vtime, tctx->prepaid);
	follow_vtime(tctx->cell, c);
	spend(c, slice_ns);
	WRITE_ONCE(c->served_ns, now);
}

/* Note whose CPU the task uses. */
static __always_inline void count_borrowed(const struct task_ctx *tctx,
					   u64 used)
{
	struct cell_stats *stats = stats_of(tctx->box), *lender;

	if (!tctx->lender)
		return;
	lender = stats_of(tctx->lender);
	if (stats)
		__sync_fetch_and_add(&stats->borrowed_ns, used);
	if (lender)
		__sync_fetch_and_add(&lender->lent_ns, used);
}

/*
 * Turn what was prepaid into what was used. A clock that steps back between
 * CPUs, as it may by some microseconds, counts as no time at all.
 */
static __always_inline void settle(struct task_struct *p, struct task_ctx *tctx,
				   u64 now)
{
	struct cell_run_ns *run = run_of(tctx->box), *inner = NULL;
	struct cell *c = cell_at(tctx->cell);
	u64 used = now - tctx->started_ns;

	if (!c || !run || !tctx->started_ns)
		return;
	if (time_before(now, tctx->started_ns))
		used = 0;
	__sync_fetch_and_add(&c->vtime, cost_at(share_of(tctx->cell), used) -
						tctx->prepaid);
	follow_vtime(tctx->cell, c);
	spend(c, (s64)used - (s64)tctx->granted_ns);
	if (tctx->cell != tctx->box)
		inner = run_of(tctx->cell);
	if (inner)
		inner->run_ns += used;
	tctx->vtime += task_cost(p, used);
	tctx->prepaid = 0;
	tctx->granted_ns = 0;
	tctx->started_ns = now;
	run->run_ns += used;
	count_borrowed(tctx, used);
}

#endif /* OCIHOOK_SHARE_BPF_H */
