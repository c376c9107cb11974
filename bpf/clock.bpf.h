/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clocks: which vtime a node is measured against, and how far behind it or
 * ahead of it a node may be.
 *
 * Each CPU has one, since nodes that are bound to a crowded CPU fall behind
 * those that share another one. Tasks that may run everywhere are measured by
 * the latest of all CPUs, narrow ones by that of their CPU.
 *
 * While no task waits anywhere there is nothing to be fair about. A node that
 * runs then gets ahead of the others by two slices and no more, so that it does
 * not pay later for time that no other task wanted.
 */
#ifndef OCIHOOK_CLOCK_BPF_H
#define OCIHOOK_CLOCK_BPF_H

#include "maps.bpf.h"
#include "order.bpf.h"
#include "share.bpf.h"
#include "tree.bpf.h"

enum {
	/* Between two tasks a CPU is still in use: one may be enqueued there.
	 */
	IN_USE_NS = NSEC_PER_MSEC,
};

/* Whether tasks run on the CPU, or did until a moment ago. */
static __always_inline bool is_in_use(const struct cpu_ctx *cpu)
{
	return READ_ONCE(cpu->busy) ||
	       time_before(scx_bpf_now(),
			   READ_ONCE(cpu->stopped_ns) + IN_USE_NS);
}

/*
 * The vtime that a node is measured against: the latest that began where its
 * task may run. A narrow task is compared on its CPU: elsewhere, nodes that
 * have no competitor run ahead, and their clock would wipe out what its own
 * neighbours owe it. Nodes of cells with own CPUs run ahead as well, and are
 * compared with each other.
 */
static __always_inline u64 clock_for(struct task_struct *p,
				     const struct task_ctx *tctx,
				     const struct cell *box)
{
	struct cpu_ctx *cpu;

	if (READ_ONCE(box->flags) & CELL_FLAG_OWNS)
		return READ_ONCE(owner_clock);
	cpu = tctx->narrow ? cpu_at(scx_bpf_task_cpu(p)) : NULL;
	return cpu && is_in_use(cpu) && !owner_of(cpu) ? READ_ONCE(cpu->clock)
						       : READ_ONCE(cell_clock);
}

/*
 * What a node may be owed, or ahead by: two slices of its own, but no less than
 * two of a sibling of the default weight.
 */
static __always_inline u64 lag_of(u32 slot, const struct cell *c)
{
	u64 lag = cost_at(share_of(slot), 2 * SLICE_NS);
	u32 weight = READ_ONCE(c->weight);

	if (weight > OCIHOOK_WEIGHT_DEFAULT)
		lag = lag * weight / OCIHOOK_WEIGHT_DEFAULT;
	return lag;
}

/*
 * A node that slept, or cannot use what it is owed, saves up two slices of its
 * own and no more; but no less than two of a sibling of the default weight. For
 * a slice of a neighbour's moves the clock by more than a heavy node's own two,
 * and where it would fall behind that it must not lose what it is owed.
 *
 * A node that was active all the time keeps all that it is owed where its task
 * is narrow, since others run ahead where it may not run, and where a limit
 * keeps it behind: else nodes below one limit lost what they owe each other.
 * Nor does another task of it take that away (hold_back()).
 * Elsewhere it keeps LAG_ACTIVE times as much as one that slept. For its share
 * was a smaller one while a heavy task beside its parent was awake, and what it
 * is owed from then is of that scale: cut to the scale of now, siblings of
 * weights 27 and 119 below a parent of 24 got 4 % of the machine less and more.
 * With a new affinity it competes with others than before, so then it is
 * neither behind nor ahead by more than that; nor is one that wakes up by a
 * narrow task, since all others of it sleep. A lost exchange means that
 * another CPU just moved the node's vtime; the next enqueue looks again.
 */
static __always_inline void limit_lag(struct task_struct *p,
				      struct task_ctx *tctx, struct cell *c)
{
	u64 vtime = READ_ONCE(c->vtime), lag, clock, floor, ceiling = 0;
	struct cell_objects *node = objects_of(tctx->cell);
	struct cell *box = cell_at(tctx->box);

	if (!box || !node)
		return;
	lag = lag_of(tctx->cell, c);
	clock = clock_for(p, tctx, box);
	if (READ_ONCE(node->unplaced)) {
		WRITE_ONCE(node->unplaced, 0);
		ceiling = clock;
	} else if (tctx->moved) {
		tctx->moved = false;
		ceiling = clock + lag;
	} else if (tctx->first) {
		ceiling = tctx->narrow ? clock + lag : 0;
	} else {
		lag = tctx->narrow || READ_ONCE(c->limited) ||
				      READ_ONCE(node->nr_narrow)
			      ? LAG_MAX
			      : LAG_ACTIVE * lag;
	}
	/* It slept until the clock was half way round: 208 days of 512 CPUs. */
	if (time_before(clock + LEAD_MAX, vtime))
		ceiling = clock;
	floor = clock - lag;
	if (time_before(vtime, floor)) {
		if (__sync_val_compare_and_swap(&c->vtime, vtime, floor) ==
		    vtime)
			__sync_fetch_and_add(&node->lifted, floor - vtime);
	} else if (ceiling && time_before(ceiling, vtime)) {
		__sync_val_compare_and_swap(&c->vtime, vtime, ceiling);
	} else {
		return;
	}
	follow_vtime(tctx->cell, c);
}

/*
 * A node that goes on while no other one waits on the machine, and none has for
 * a while: see the head of this file. A lost exchange is made up for at the end
 * of the next slice.
 */
static __always_inline void limit_lead(const struct task_ctx *tctx,
				       struct cell *c, u64 now)
{
	u64 vtime = READ_ONCE(c->vtime), ceiling = READ_ONCE(contended_clock);

	if (time_before(now, READ_ONCE(contended_ns) + UNCONTENDED_NS))
		return;
	ceiling += cost_at(share_of(tctx->cell), 2 * SLICE_NS);
	if (!time_before(ceiling, vtime))
		return;
	__sync_val_compare_and_swap(&c->vtime, vtime, ceiling);
	follow_vtime(tctx->cell, c);
}

/*
 * The same for a task inside its node: one slice. And what it is ahead counts
 * for two slices at most, as after a time on a CPU that had no tick; and for no
 * more than the others of the node run within TURN_NS, so that many of them
 * cannot keep a task of low priority from its turn for longer.
 */
static __always_inline void limit_task_lag(struct task_struct *p,
					   struct task_ctx *tctx,
					   const struct cell *c)
{
	u64 clock = READ_ONCE(c->task_vtime), floor = clock - SLICE_NS;
	u64 lead = task_cost(p, 2 * SLICE_NS), turn;
	s64 nr_runnable = READ_ONCE(c->nr_runnable);

	if (nr_runnable < 1)
		nr_runnable = 1;
	turn = TURN_NS / SHARE_ONE * share_of(tctx->cell) / nr_runnable;
	if (lead > turn)
		lead = turn;
	if (time_before(tctx->vtime, floor))
		tctx->vtime = floor;
	if (time_before(clock + lead, tctx->vtime))
		tctx->vtime = clock + lead;
}

/* A kernel thread bound to one CPU does that CPU's own work, and is short. */
static __always_inline bool is_cpu_kthread(struct task_struct *p)
{
	return p->flags & PF_KTHREAD && p->nr_cpus_allowed == 1;
}

static __always_inline void advance(u64 *clock, u64 vtime)
{
	if (time_before(READ_ONCE(*clock), vtime))
		WRITE_ONCE(*clock, vtime);
}

/*
 * Note that a task of the node begins. A node whose turn was overdue may be far
 * ahead; it does not move the clocks, or all others would lose what they are
 * owed. Nor does what was charged meanwhile for a task of it on another CPU;
 * nor a CPU's own kernel thread, which does not wait for its turn. The clocks
 * are stored without a lock: two CPUs may set one back by a slice, which the
 * next start mends.
 */
static __always_inline void advance_clocks(struct task_struct *p,
					   struct cell *c,
					   struct task_ctx *tctx,
					   struct cpu_ctx *here)
{
	struct cell *box = cell_at(tctx->box);
	u64 vtime = READ_ONCE(c->vtime);

	advance(&c->task_vtime, tctx->vtime);
	if (is_cpu_kthread(p))
		return;
	if (here->clock_ceiling && time_before(here->clock_ceiling, vtime))
		vtime = here->clock_ceiling;
	here->clock_ceiling = 0;
	if (here->by_time) {
		here->by_time = false;
		return;
	}
	if (box && READ_ONCE(box->flags) & CELL_FLAG_OWNS) {
		advance(&owner_clock, vtime);
		return;
	}
	if (!owner_of(here))
		advance(&here->clock, vtime);
	advance(&cell_clock, vtime);
	if (here->contended)
		advance(&contended_clock, vtime);
}

#endif /* OCIHOOK_CLOCK_BPF_H */
