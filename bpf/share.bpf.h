/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is owed CPU time: two levels of virtual time.
 *
 * A cell's vtime advances by run / weight over all its CPUs; the cell furthest
 * behind is served first. Inside a cell each task has a vtime of its own, which
 * orders the cell's queue.
 *
 * A cell is charged a whole slice when its task goes on a CPU, and refunded
 * what was not used when it comes off. Charged only afterwards, a cell with
 * tasks for all CPUs would be picked by each of them before the first charge
 * arrives: weights of 100 to 300 then gave 1 to 1.8.
 */
#ifndef OCIHOOK_SHARE_BPF_H
#define OCIHOOK_SHARE_BPF_H

#include "maps.bpf.h"
#include "own.bpf.h"
#include "quota.bpf.h"

static __always_inline u64 cell_cost(const struct cell *c, u64 run_ns)
{
	u32 weight = READ_ONCE(c->weight);

	return run_ns * OCIHOOK_WEIGHT_DEFAULT / (weight ?: 1);
}

/* p->scx.weight is 100 at nice 0, as cpu.weight is by default. */
static __always_inline u64 task_cost(struct task_struct *p, u64 run_ns)
{
	return run_ns * 100 / (p->scx.weight ?: 1);
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
	if (slice_ns != p->scx.slice) {
		if (scx_bpf_task_set_slice)
			scx_bpf_task_set_slice(p, slice_ns);
		else
			p->scx.slice = slice_ns;
	}
	tctx->started_ns = now;
	tctx->granted_ns = slice_ns;
	tctx->prepaid = cell_cost(c, slice_ns);
	__sync_fetch_and_add(&c->vtime, tctx->prepaid);
	spend(c, slice_ns);
	WRITE_ONCE(c->served_ns, now);
}

/* Note whose CPU the task uses. */
static __always_inline void count_borrowed(const struct task_ctx *tctx,
					   struct cell_stats *stats, u64 used)
{
	struct cell_stats *lender;

	if (!tctx->lender)
		return;
	stats->borrowed_ns += used;
	lender = stats_of(tctx->lender);
	if (lender)
		lender->lent_ns += used;
}

/*
 * Turn what was prepaid into what was used. A clock that steps back between
 * CPUs, as it may by some microseconds, counts as no time at all.
 */
static __always_inline void settle(struct task_struct *p, struct task_ctx *tctx,
				   u64 now)
{
	struct cell_stats *stats = stats_of(tctx->cell);
	struct cell *c = cell_at(tctx->cell);
	u64 used = now - tctx->started_ns;

	if (!c || !stats || !tctx->started_ns)
		return;
	if (time_before(now, tctx->started_ns))
		used = 0;
	__sync_fetch_and_add(&c->vtime, cell_cost(c, used) - tctx->prepaid);
	/* An end is not limited: it gives back what others wait for. */
	spend(c,
	      (p->flags & PF_EXITING ? 0 : (s64)used) - (s64)tctx->granted_ns);
	tctx->vtime += task_cost(p, used);
	tctx->prepaid = 0;
	tctx->granted_ns = 0;
	tctx->started_ns = now;
	stats->run_ns += used;
	count_borrowed(tctx, stats, used);
}

/*
 * The vtime that a cell is measured against: the latest that began where it
 * may run. For most cells that is the machine's clock. One with a cpuset is
 * compared on the task's CPU: elsewhere, cells that compete with nobody run
 * ahead, and their clock would wipe out what its own neighbours owe it. Cells
 * with own CPUs run ahead as well, and are compared with each other.
 */
static __always_inline u64 clock_for(struct task_struct *p,
				     const struct cell *c)
{
	struct cpu_ctx *cpu;

	if (READ_ONCE(c->flags) & CELL_FLAG_OWNS)
		return READ_ONCE(owner_clock);
	if (!READ_ONCE(c->restricted) || !cpu_words_any(&c->allowed))
		return READ_ONCE(cell_clock);
	cpu = cpu_at(scx_bpf_task_cpu(p));
	return cpu && !READ_ONCE(cpu->owner) ? READ_ONCE(cpu->clock)
					     : READ_ONCE(cell_clock);
}

/*
 * A cell that slept, or cannot use what it is owed, saves up two slices of its
 * own and no more; but no less than two of a cell of the default weight. For a
 * slice of a neighbour's moves the clock by more than a heavy cell's own two,
 * and where it would fall behind that it must not lose what it is owed. A lost
 * exchange means that another CPU just moved the cell's vtime; the next
 * enqueue looks again.
 */
static __always_inline void limit_lag(struct task_struct *p, struct cell *c)
{
	u64 lag = cell_cost(c, 2 * SLICE_NS), vtime = READ_ONCE(c->vtime);
	u64 floor;

	if (lag < 2 * SLICE_NS)
		lag = 2 * SLICE_NS;
	floor = clock_for(p, c) - lag;

	if (time_before(vtime, floor))
		__sync_val_compare_and_swap(&c->vtime, vtime, floor);
}

/*
 * The same for a task inside its cell: one slice. And what it ran too long, as
 * on a CPU that had no tick for a while, counts for two slices at most: in a
 * throttled cell it would else wait for all others to have run as long.
 */
static __always_inline void limit_task_lag(struct task_struct *p,
					   struct task_ctx *tctx,
					   const struct cell *c)
{
	u64 clock = READ_ONCE(c->task_vtime), floor = clock - SLICE_NS;
	u64 ceiling = clock + task_cost(p, 2 * SLICE_NS);

	if (time_before(tctx->vtime, floor))
		tctx->vtime = floor;
	if (time_before(ceiling, tctx->vtime))
		tctx->vtime = ceiling;
}

static __always_inline void advance(u64 *clock, u64 vtime)
{
	if (time_before(READ_ONCE(*clock), vtime))
		WRITE_ONCE(*clock, vtime);
}

/*
 * Note that a task of the cell begins. The clocks are stored without a lock:
 * two CPUs may set one back by a slice, which the next start mends.
 */
static __always_inline void
advance_clocks(struct cell *c, struct task_ctx *tctx, struct cpu_ctx *here)
{
	u64 vtime = READ_ONCE(c->vtime);

	if (READ_ONCE(c->flags) & CELL_FLAG_OWNS) {
		advance(&owner_clock, vtime);
	} else {
		advance(&cell_clock, vtime);
		if (!READ_ONCE(here->owner))
			advance(&here->clock, vtime);
	}
	advance(&c->task_vtime, tctx->vtime);
}

#endif /* OCIHOOK_SHARE_BPF_H */
