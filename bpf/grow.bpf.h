/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many queues a node has: one at first, and one more each time that it is
 * crowded, until there is one for each cache of the last level.
 *
 * On newer kernels (7.3, not 7.0) each queue has a part for each possible CPU
 * (dsq->pcpu, 32 bytes): of 512 CPUs that makes 16 KB. A queue for each cache
 * and node would be most of what the scheduler needs, and most nodes never have
 * two tasks that wait. So there is a budget, by the loader, of queues in all;
 * a node's first one it does not stop. While half of it is left, a node is
 * crowded if tasks of two caches meet in one queue, and each waits near its
 * cache then as if there had been all queues from the first. After that it
 * takes QUEUE_CROWD tasks a queue.
 *
 * Only programs that may sleep make queues. An enqueue notes that the node is
 * crowded, in one word for all nodes; the next fork of any task makes one queue
 * for it. Of nodes that are crowded at once the first is noted, and the others
 * when their next task waits.
 *
 * Of what is read here while others change it, nothing matters: a node that is
 * noted may not be crowded any more, or be another cgroup's by now, and has a
 * queue more than it needs; forks at the same time may exceed the budget by a
 * queue each. What matters is that a queue is there before it is counted, and
 * that the count only rises: a queue that was counted is always looked at.
 */
#ifndef OCIHOOK_GROW_BPF_H
#define OCIHOOK_GROW_BPF_H

#include "maps.bpf.h"
#include "queue.bpf.h"

enum {
	QUEUE_CROWD = 4,
};

/* The slot that is crowded and 1, or 0. */
u32 crowded;
/* Queues of all nodes. */
u32 nr_queues_made;

/*
 * Make one queue more than the slot has, `nr`. Another fork may do the same at
 * once: one of them makes it, and either may count it, since by then it is
 * there. Sleepable programs only.
 */
__noinline int add_queue(u32 slot, u32 nr)
{
	struct cell_objects *node = objects_of(slot);
	int err;

	if (!node || nr >= OCIHOOK_MAX_LLCS)
		return -EINVAL;
	err = scx_bpf_create_dsq(CELL_DSQ(slot, nr), -1);
	if (err && err != -EEXIST)
		return err;
	if (!err)
		__sync_fetch_and_add(&nr_queues_made, 1);
	__sync_val_compare_and_swap(&node->nr_queues, nr, nr + 1);
	return 0;
}

/* Make the slot's first queue, once for each attach. */
static __always_inline int ensure_queue(u32 slot)
{
	const struct cell_objects *node = objects_of(slot);

	return node && READ_ONCE(node->nr_queues) ? 0 : add_queue(slot, 0);
}

/*
 * Whether the node, with a task on `llc` about to wait in it, is to have one
 * queue more. `nr_queued` has that task.
 */
static __always_inline bool is_crowded(struct cell_objects *node, u32 nr,
				       u32 llc)
{
	s64 queued = READ_ONCE(node->nr_queued);
	u32 last = READ_ONCE(node->last_llc);

	if (last != llc)
		WRITE_ONCE(node->last_llc, llc);
	if (queued >= (s64)QUEUE_CROWD * nr)
		return true;
	return queued > 1 && last != llc &&
	       queue_of(last, nr) == queue_of(llc, nr) &&
	       READ_ONCE(nr_queues_made) < config.nr_queues_max / 2;
}

/* A task that last ran on `cpu` is about to be put into the node's queue. */
static __always_inline void note_crowd(u32 slot, s32 cpu)
{
	struct cell_objects *node;
	u32 nr;

	if (config.nr_llcs <= 1)
		return;
	node = objects_of(slot);
	nr = nr_queues(slot);
	if (!node || nr >= nr_llcs() || READ_ONCE(crowded) ||
	    READ_ONCE(nr_queues_made) >= config.nr_queues_max)
		return;
	if (is_crowded(node, nr, llc_of(cpu)))
		WRITE_ONCE(crowded, slot + 1);
}

/* Make a queue for the node that is noted. Sleepable programs only. */
static __always_inline void relieve_crowd(void)
{
	u32 noted, nr;

	if (config.nr_llcs <= 1 || !READ_ONCE(crowded))
		return;
	noted = __sync_lock_test_and_set(&crowded, 0);
	if (!noted || READ_ONCE(nr_queues_made) >= config.nr_queues_max)
		return;
	nr = nr_queues(noted - 1);
	/* Without memory it stays as it is; it notes itself again. */
	if (nr && nr < nr_llcs())
		add_queue(noted - 1, nr);
}

#endif /* OCIHOOK_GROW_BPF_H */
