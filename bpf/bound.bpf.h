/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CPU's own queue: tasks that wait for this CPU alone.
 *
 * They wait in the order in which they came. When the CPU takes one, it weighs
 * them by what their nodes are owed then, and those of one node by their own
 * vtime: a key that was made when they came would be of another time. Those at
 * the head, BOUND_WINDOW of them, are weighed; the others move up. So that a
 * node with hundreds of tasks does not hide the one that comes behind them, a
 * node that has BOUND_PER_NODE in such queues puts no more into one that is
 * half as long as that; they wait in the node's own queue. So do all that a
 * limit stops.
 *
 * A task that has waited for stall_ns goes first. Guests of a CPU that is
 * another cell's own cannot be compared with the owner; they get one slice in
 * GUEST_EVERY_NS, the one first that waits longest.
 */
#ifndef OCIHOOK_BOUND_BPF_H
#define OCIHOOK_BOUND_BPF_H

#include "maps.bpf.h"
#include "clock.bpf.h"
#include "excess.bpf.h"
#include "exempt.bpf.h"
#include "own.bpf.h"
#include "throttle.bpf.h"
#include "waiting.bpf.h"

enum {
	/* Tasks of the queue that are looked at, weighed or not. */
	STOPPED_WINDOW = 1024,
};

/* How a task was weighed. After one that goes first none need be. */
enum weighed { WEIGHED, STOPPED, GOES_FIRST };

/* Whether the task goes before the best one so far; both have first claim. */
static __always_inline bool is_better(const struct bound *best,
				      const struct task_ctx *tctx, u64 key)
{
	if (best->slot == tctx->cell)
		return time_before(tctx->vtime, best->vtime);
	return time_before(key, best->key);
}

/* Whether a limit stops the task, or its cell has lost this CPU. */
static __always_inline bool is_stopped(struct task_struct *p,
				       struct task_ctx *tctx, s32 cpu, u64 now)
{
	const struct cell *c = cell_at(tctx->cell);

	return (c && !task_may_run(p, tctx, c, now)) ||
	       (!tctx->bound && !may_run_on(p, tctx, cpu));
}

/*
 * Weigh a task of the queue. Verified once: inside of the loop over the queue,
 * the verifier followed more than half of all its instructions here.
 */
__noinline int weigh_task(struct bound *best __arg_nonnull,
			  struct task_struct *p __arg_trusted, s32 cpu, u64 now)
{
	struct cpu_ctx *here = cpu_at(cpu);
	struct task_ctx *tctx = task_ctx(p);
	struct cell *c, *box;
	bool home, overdue;
	u64 key;

	if (!here || !tctx)
		return WEIGHED;
	if (is_stopped(p, tctx, cpu, now))
		return STOPPED;
	c = cell_at(tctx->cell);
	box = cell_at(tctx->box);
	if (!c || !box)
		return WEIGHED;
	key = bound_key(tctx, c);
	home = has_first_claim(box, tctx->box, here) ||
	       !time_before(now, here->guest_served_ns + GUEST_EVERY_NS);
	overdue = tctx->waiting_ns &&
		  !time_before(now, tctx->waiting_ns + config.stall_ns);
	if (!overdue && best->pid &&
	    (best->home != home ? best->home : !is_better(best, tctx, key)))
		return WEIGHED;
	best->key = key;
	best->vtime = tctx->vtime;
	best->slot = tctx->cell;
	best->pid = p->pid;
	best->home = home;
	best->overdue = overdue;
	return overdue ? GOES_FIRST : WEIGHED;
}

/*
 * Count a task of the CPU's own queue as one of its node's, unless that would
 * let it run on CPUs that the kernel does not keep it from.
 */
__noinline int count_as_nodes(struct task_ctx *tctx __arg_nonnull)
{
	if (tctx->confined || tctx->guest)
		return false;
	uncount_bound(tctx);
	count_waiting(tctx);
	return true;
}

/* Move a task from the CPU's own queue to its node's, if it may go there. */
static __always_inline void move_to_node(struct bpf_iter_scx_dsq *it,
					 struct task_struct *p)
{
	struct task_ctx *tctx = task_ctx(p);

	if (!tctx || !count_as_nodes(tctx))
		return;
	scx_bpf_dsq_move_set_vtime(it, tctx->vtime);
	scx_bpf_dsq_move_vtime(it, p, cell_dsq(tctx->cell, scx_bpf_task_cpu(p)),
			       0);
}

/* The best task of the CPU's own queue. */
__noinline int weigh_bound(struct bound *best __arg_nonnull, s32 cpu, u64 now)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	int i, nr_weighed = 0;

	__builtin_memset(best, 0, sizeof(*best));
	if (bpf_iter_scx_dsq_new(&it, CPU_DSQ(cpu), 0))
		goto out;
	bpf_for(i, 0, STOPPED_WINDOW) {
		int weighed;

		p = bpf_iter_scx_dsq_next(&it);
		if (!p)
			break;
		weighed = weigh_task(best, p, cpu, now);
		if (weighed == STOPPED) {
			move_to_node(&it, p);
			continue;
		}
		if (weighed == GOES_FIRST || ++nr_weighed >= BOUND_WINDOW)
			break;
	}
out:
	bpf_iter_scx_dsq_destroy(&it);
	return 0;
}

/* Move the task of that number from the CPU's own queue here. */
__noinline int take_of_cpu(s32 cpu, s32 pid, u64 now)
{
	struct cpu_ctx *here = cpu_at(cpu);
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	bool taken = false;
	int i;

	if (bpf_iter_scx_dsq_new(&it, CPU_DSQ(cpu), 0) || !here)
		goto out;
	bpf_for(i, 0, STOPPED_WINDOW) {
		struct task_ctx *tctx;
		struct cell *box;

		p = bpf_iter_scx_dsq_next(&it);
		if (!p)
			break;
		if (p->pid != pid)
			continue;
		tctx = task_ctx(p);
		box = tctx ? cell_at(tctx->box) : NULL;
		if (box && !has_first_claim(box, tctx->box, here))
			here->guest_served_ns = now;
		taken = scx_bpf_dsq_move(&it, p, SCX_DSQ_LOCAL, 0);
		break;
	}
out:
	bpf_iter_scx_dsq_destroy(&it);
	return taken;
}

#endif /* OCIHOOK_BOUND_BPF_H */
