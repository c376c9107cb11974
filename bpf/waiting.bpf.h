/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which nodes have tasks in their queues: those are in the order (order.bpf.h),
 * and all that dispatch looks at. So its cost follows the nodes whose tasks
 * wait, not those that exist; and a cell that was unregistered is served until
 * its last task has left.
 *
 * A task counts from before it is put into the queue until it runs or sleeps,
 * so a node with a task in its queue is always counted. It may count for a
 * moment more: its task is already on the way to a CPU.
 *
 * A node that a limit stops is parked: out of the order until a limit lets go,
 * or at most for PARK_NS.
 */
#ifndef OCIHOOK_WAITING_BPF_H
#define OCIHOOK_WAITING_BPF_H

#include "maps.bpf.h"
#include "exempt.bpf.h"
#include "order.bpf.h"
#include "throttle.bpf.h"

enum {
	/* Nodes that a CPU parks or passes over before it compares all. */
	PARK_ATTEMPTS = 64,
};

/* A bit for each node that is parked; when all were last let go, and what
 * release_seq was then. */
u64 parked_cells[CELL_WORDS];
u64 unparked_ns;
u64 unparked_seq;

static __always_inline void enter_waiting(u32 slot, const struct cell *c)
{
	u64 key = READ_ONCE(c->vtime);

	set_leaf(slot, key);
	enter_order(slot, key);
}

/* The task is about to be put into a CPU's queue. */
static __always_inline void count_bound(struct task_ctx *tctx)
{
	struct cell_objects *node = objects_of(tctx->cell);

	if (!node || tctx->counted_bound)
		return;
	tctx->counted_bound = true;
	tctx->bound_of = tctx->cell;
	__sync_fetch_and_add(&node->nr_bound, 1);
}

static __always_inline void uncount_bound(struct task_ctx *tctx)
{
	struct cell_objects *node;

	if (!tctx->counted_bound)
		return;
	tctx->counted_bound = false;
	node = objects_of(tctx->bound_of);
	if (node)
		__sync_fetch_and_sub(&node->nr_bound, 1);
}

/* The task is about to be put into its node's queue. */
static __always_inline void count_waiting(struct task_ctx *tctx)
{
	struct cell_objects *node = objects_of(tctx->cell);
	struct cell *c = cell_at(tctx->cell);

	if (!c || !node || tctx->queued)
		return;
	tctx->queued = true;
	tctx->queued_in = tctx->cell;
	enter_lane(tctx, node);
	__sync_fetch_and_add(&node->nr_queued, 1);
	if (!is_in_order(tctx->cell))
		enter_waiting(tctx->cell, c);
}

/*
 * A task was taken from the node's queue. If it was the only one, the node
 * leaves before that task runs: else other CPUs would come for it.
 */
static __always_inline void leave_early(u32 slot)
{
	struct cell_objects *node = objects_of(slot);
	struct cell *c = cell_at(slot);

	if (!c || !node || READ_ONCE(node->nr_queued) != 1)
		return;
	leave_order(slot);
	if (READ_ONCE(node->nr_queued) > 1)
		enter_waiting(slot, c);
}

/*
 * It is not there any more. If another CPU counts the next task between the two
 * steps, the node is entered once more; a CPU that looked between them may have
 * gone idle over it, so idle ones are woken.
 */
static __always_inline void uncount_waiting(struct task_ctx *tctx)
{
	u32 slot = tctx->queued_in;
	struct cell_objects *node;
	struct cell *c;

	uncount_bound(tctx);
	if (!tctx->queued)
		return;
	tctx->queued = false;
	node = objects_of(slot);
	c = cell_at(slot);
	if (!c || !node)
		return;
	leave_lane(tctx, node);
	if (__sync_fetch_and_sub(&node->nr_queued, 1) != 1)
		return;
	leave_order(slot);
	if (READ_ONCE(node->nr_queued) > 0) {
		enter_waiting(slot, c);
		wake_idle_cpus();
	}
}

/* Take a node out of the order that may not spend; see whether it still may
 * not. */
static __always_inline void park(u32 slot, const struct cell *c, u64 now)
{
	u32 word = slot / 64;

	if (word >= CELL_WORDS)
		return;
	__sync_fetch_and_or(&parked_cells[word], 1ULL << (slot % 64));
	leave_order(slot);
	if (may_spend(c, now))
		bump_release_seq();
}

/*
 * Let a parked node into the order again, if its tasks still wait and may run.
 * Returns whether they do.
 */
__noinline int unpark(u32 slot, u64 now)
{
	struct cell_objects *node = objects_of(slot);
	struct cell *c = cell_at(slot);
	u32 word = slot / 64;

	if (!c || !node || word >= CELL_WORDS ||
	    READ_ONCE(node->nr_queued) <= 0)
		return false;
	if (!may_spend(c, now) && !see_exempt(slot, now)) {
		__sync_fetch_and_or(&parked_cells[word], 1ULL << (slot % 64));
		return false;
	}
	enter_waiting(slot, c);
	return true;
}

/*
 * Let all of them, if a limit let go since or it was long ago. The timer
 * woke the idle CPUs, and one that looked before this was done may have gone
 * idle again: so they are woken once more.
 */
static __always_inline void unpark_all(u64 now)
{
	u64 seq = READ_ONCE(release_seq);
	bool entered = false;
	int word, i;

	if (seq == READ_ONCE(unparked_seq) &&
	    time_before(now, READ_ONCE(unparked_ns) + PARK_NS))
		return;
	WRITE_ONCE(unparked_seq, seq);
	WRITE_ONCE(unparked_ns, now);
	bpf_for(word, 0, CELL_WORDS) {
		u64 left;

		if (word >= CELL_WORDS)
			break;
		if (!READ_ONCE(parked_cells[word]))
			continue;
		left = __sync_lock_test_and_set(&parked_cells[word], 0);
		bpf_for(i, 0, 64) {
			if (!left)
				break;
			if (unpark(word * 64 + lowest_bit(left), now))
				entered = true;
			left &= left - 1;
		}
	}
	if (entered)
		wake_idle_cpus();
}

#endif /* OCIHOOK_WAITING_BPF_H */
