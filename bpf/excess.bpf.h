/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nodes whose vtime is of other CPUs than those of a task.
 *
 * A node has one vtime, and the CPUs on which its tasks may run have clocks
 * that may be far apart. Where some of its tasks are narrow and some are not,
 * it may be far ahead for those and far behind for these. Such a task waits in
 * the queue of one CPU (bound.bpf.h), and there its node's vtime counts as
 * another one: the task's `excess` is taken off.
 */
#ifndef OCIHOOK_EXCESS_BPF_H
#define OCIHOOK_EXCESS_BPF_H

#include "maps.bpf.h"
#include "clock.bpf.h"

/* By how much the node's vtime was moved up to floors, in all. */
static __always_inline u64 lifted_by(u32 slot)
{
	const struct cell_objects *node = objects_of(slot);

	return node ? READ_ONCE(node->lifted) : 0;
}

/*
 * Whether a narrow task waits for one CPU: its node is far ahead of all that
 * runs where the task may, by what others of it used elsewhere. It would wait
 * until its neighbours have caught up, for as long as they were behind.
 */
static __always_inline bool is_outrun(struct task_struct *p,
				      const struct task_ctx *tctx,
				      const struct cell *c)
{
	const struct cell *box = cell_at(tctx->box);

	return tctx->narrow && box && READ_ONCE(c->nr_runnable) > 1 &&
	       time_before(clock_for(p, tctx, box) +
				   LAG_ACTIVE * lag_of(tctx->cell, c),
			   READ_ONCE(c->vtime));
}

/*
 * Have a task that may run everywhere wait for one CPU, if its node is far
 * behind since its narrow tasks wait on crowded CPUs. It is not owed that
 * elsewhere; but if it lifted the node to what it is owed, the narrow ones
 * would be outrun. So for tasks like it the node's vtime counts as more. Two
 * CPUs that see that at once may differ by what the node used in between.
 */
static __always_inline bool hold_back(struct task_struct *p,
				      const struct task_ctx *tctx,
				      const struct cell *c)
{
	struct cell_objects *node = objects_of(tctx->cell);
	const struct cell *box = cell_at(tctx->box);
	u64 vtime = READ_ONCE(c->vtime), floor;

	if (tctx->narrow || !box || !node || !READ_ONCE(node->nr_narrow) ||
	    READ_ONCE(c->limited))
		return false;
	floor = clock_for(p, tctx, box) - LAG_ACTIVE * lag_of(tctx->cell, c);
	if (!time_before(vtime, floor)) {
		WRITE_ONCE(node->wide_lead, 0);
		return false;
	}
	if (time_before(vtime + READ_ONCE(node->wide_lead), floor))
		WRITE_ONCE(node->wide_lead, floor - vtime);
	return true;
}

/*
 * See as what its node's vtime counts for a task that waits for one CPU.
 *
 * A node may be far ahead of all that runs there: by what its tasks used
 * elsewhere, or since it was placed where others ran ahead. Its task is not to
 * pay for that: so its node counts as ahead by what one may be, and by what it
 * uses from then on; what another task of it that wakes up elsewhere lifts it
 * by does not count. And it is that, if no other task of it is runnable.
 */
static __always_inline void set_excess(struct task_ctx *tctx, struct cell *c,
				       const struct cpu_ctx *there,
				       bool held_back)
{
	const struct cell_objects *node = objects_of(tctx->cell);
	u64 vtime = READ_ONCE(c->vtime), ceiling;

	tctx->excess = 0;
	tctx->lifted = lifted_by(tctx->cell);
	if (held_back && node)
		tctx->excess = -READ_ONCE(node->wide_lead);
	ceiling = READ_ONCE(there->clock) + lag_of(tctx->cell, c);
	if (!time_before(ceiling, vtime - tctx->excess))
		return;
	if (READ_ONCE(c->nr_runnable) > 1) {
		tctx->excess = vtime - ceiling;
		return;
	}
	__sync_val_compare_and_swap(&c->vtime, vtime, ceiling);
	follow_vtime(tctx->cell, c);
}

/* The vtime of its node by which a task in a CPU's queue is weighed. */
static __always_inline u64 bound_key(const struct task_ctx *tctx,
				     const struct cell *c)
{
	return READ_ONCE(c->vtime) - tctx->excess -
	       (lifted_by(tctx->cell) - tctx->lifted);
}

#endif /* OCIHOOK_EXCESS_BPF_H */
