/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cell's queues: up to one for each cache of the last level (LLC), so that a
 * task comes back to a CPU that shares a cache with its last one, and CPUs that
 * share none do not contend for one queue. While there are fewer, neighbouring
 * caches share one; grow.bpf.h says how many there are.
 *
 * The loader numbers the caches node by node. A CPU takes from its own cache's
 * queue first and then from the others in order of number, those of its own
 * NUMA node before those of the next. All of them are always looked at: a task
 * stays in the queue that was its cache's when it came, and is found there when
 * there are more by now. Queues are made before they are counted, and the id of
 * a new one comes from the new count. So a CPU that has the id finds the queue,
 * also where loads are not in order.
 *
 * On a machine with one such cache the verifier, which knows `config`, leaves
 * one queue of all this.
 */
#ifndef OCIHOOK_QUEUE_BPF_H
#define OCIHOOK_QUEUE_BPF_H

#include "maps.bpf.h"

/* How many queues the slot has; with one cache, the one that it may have. */
static __always_inline u32 nr_queues(u32 slot)
{
	const struct cell_objects *node;
	u32 nr;

	if (config.nr_llcs <= 1)
		return 1;
	node = objects_of(slot);
	nr = node ? READ_ONCE(node->nr_queues) : 0;
	return nr < OCIHOOK_MAX_LLCS ? nr : OCIHOOK_MAX_LLCS;
}

/* Which of `nr` queues is the cache's. */
static __always_inline u32 queue_of(u32 llc, u32 nr)
{
	return llc * nr / (nr_llcs() ?: 1);
}

/* The queue in which a task of the cell waits that last ran on `cpu`. */
static __always_inline u64 cell_dsq(u32 slot, s32 cpu)
{
	if (config.nr_llcs <= 1)
		return CELL_DSQ(slot, 0);
	return CELL_DSQ(slot, queue_of(llc_of(cpu), nr_queues(slot)));
}

/* The vtime of the first task in a queue; false where it is empty. */
static __always_inline bool head_vtime(u64 dsq_id, u64 *vtime)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	bool found = false;

	/* Most are: it spares the iterator and the queue's lock. */
	if (scx_bpf_dsq_nr_queued(dsq_id) <= 0)
		return false;
	if (!bpf_iter_scx_dsq_new(&it, dsq_id, 0)) {
		p = bpf_iter_scx_dsq_next(&it);
		if (p) {
			*vtime = p->scx.dsq_vtime;
			found = true;
		}
	}
	bpf_iter_scx_dsq_destroy(&it);
	return found;
}

/* Whether any task waits in the cell's queues. */
__noinline int cell_waits_here(u32 slot)
{
	bool waits = false;
	int queue;

	if (config.nr_llcs <= 1)
		return scx_bpf_dsq_nr_queued(CELL_DSQ(slot, 0)) > 0;
	bpf_for(queue, 0, nr_queues(slot)) {
		if (scx_bpf_dsq_nr_queued(CELL_DSQ(slot, queue)) > 0) {
			waits = true;
			break;
		}
	}
	return waits;
}

/* How many tasks wait in the cell's queues. */
static __always_inline s32 nr_waiting(u32 slot)
{
	s32 count = 0;
	int queue;

	bpf_for(queue, 0, nr_queues(slot)) {
		s32 queued = scx_bpf_dsq_nr_queued(CELL_DSQ(slot, queue));

		/* Negative where a slot has no queue yet. */
		count += queued > 0 ? queued : 0;
	}
	return count;
}

/* The earliest vtime in the queue that `cpu` would take from first. */
static __always_inline bool cell_head_vtime(u32 slot, s32 cpu, u64 *vtime)
{
	bool found = head_vtime(cell_dsq(slot, cpu), vtime);
	int queue;

	if (found || config.nr_llcs <= 1)
		return found;
	bpf_for(queue, 0, nr_queues(slot)) {
		found = head_vtime(CELL_DSQ(slot, queue), vtime);
		if (found)
			break;
	}
	return found;
}

/*
 * Take a task of the cell. Every OTHER_LLC_EVERY dispatches the search begins
 * at another queue in turn: one whose own CPUs are busy with other cells is
 * served by the rest.
 */
__noinline int take_of_cell(u32 slot, s32 cpu, u32 nr_dispatches)
{
	bool taken = false;
	u32 nr, first;
	int step;

	if (config.nr_llcs <= 1)
		return scx_bpf_dsq_move_to_local(CELL_DSQ(slot, 0));
	nr = nr_queues(slot);
	first = queue_of(llc_of(cpu), nr);
	if (nr_dispatches % OTHER_LLC_EVERY == 0)
		first = nr_dispatches / OTHER_LLC_EVERY;
	bpf_for(step, 0, nr) {
		taken = scx_bpf_dsq_move_to_local(
			CELL_DSQ(slot, (first + step) % nr));
		if (taken)
			break;
	}
	return taken;
}

#endif /* OCIHOOK_QUEUE_BPF_H */
