/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which node a CPU serves next: of those that wait and may run here, one whose
 * turn is overdue, then one whose cell has first claim before all others, then
 * the one furthest behind.
 *
 * A turn is overdue after stall_ns, divided by the node's runnable tasks: so
 * each of them runs within about that time, whatever weights say. A node that
 * gets what it is due is served more often by far, until there are thousands
 * of tasks for each CPU.
 */
#ifndef OCIHOOK_PICK_BPF_H
#define OCIHOOK_PICK_BPF_H

#include "maps.bpf.h"
#include "active.bpf.h"
#include "affinity.bpf.h"
#include "own.bpf.h"
#include "queue.bpf.h"
#include "throttle.bpf.h"

/* The choice so far: `slot` is -1 while there is none. */
struct pick {
	/* The node's vtime, or since when its turn is overdue if it is. */
	u64 key;
	s32 slot;
	/* How many cells wait for this CPU. */
	u32 nr_waiting;
	bool stalled;
	/* Whether the cell has first claim on this CPU. */
	bool home;
	/* Nodes none of whose waiting tasks may run here, after all. */
	u32 nr_passed;
	u32 passed[PICK_ATTEMPTS];
};

/* When the node's turn is overdue. */
static __always_inline u64 overdue_ns(const struct cell *c)
{
	s64 nr_runnable = READ_ONCE(c->nr_runnable);

	return READ_ONCE(c->served_ns) +
	       config.stall_ns / (nr_runnable > 1 ? (u64)nr_runnable : 1);
}

static __always_inline bool was_passed(const struct pick *pick, u32 slot)
{
	bool passed = false;
	int i;

	UNROLLED
	for (i = 0; i < PICK_ATTEMPTS; i++)
		passed |= i < pick->nr_passed && pick->passed[i] == slot;
	return passed;
}

/* Weigh one node against the choice so far. */
__noinline int weigh_cell(struct pick *pick, u32 slot, s32 cpu, u64 now)
{
	struct cpu_ctx *here = cpu_at(cpu);
	struct cell *c = cell_at(slot), *box;
	bool stalled, home;
	u64 key;

	if (!pick || !here || !c || was_passed(pick, slot) ||
	    !cell_waits_here(slot))
		return 0;
	box = cell_at(READ_ONCE(c->box));
	if (!box || !cell_may_use(box, cpu) || !may_spend(c, now))
		return 0;
	pick->nr_waiting++;
	key = overdue_ns(c);
	stalled = !time_before(now, key);
	home = stalled || has_first_claim(box, READ_ONCE(c->box), here);
	if (pick->slot >= 0 && pick->home && !home)
		return 0;
	if (!stalled)
		key = READ_ONCE(c->vtime);
	if (pick->slot >= 0 && pick->home == home) {
		if (pick->stalled && !stalled)
			return 0;
		if (pick->stalled == stalled && !time_before(key, pick->key))
			return 0;
	}
	pick->slot = slot;
	pick->key = key;
	pick->stalled = stalled;
	pick->home = home;
	return 0;
}

/* The best node with waiting tasks that may use `cpu`, of those not passed. */
__noinline int pick_cell(struct pick *pick, s32 cpu, u64 now)
{
	u64 words = READ_ONCE(active_words);
	int i, j;

	if (!pick)
		return 0;
	pick->slot = -1;
	pick->nr_waiting = 0;
	pick->stalled = false;
	pick->home = false;
	bpf_for(i, 0, CELL_WORDS) {
		u32 word = lowest_bit(words);
		u64 left;

		if (!words)
			break;
		words &= words - 1;
		left = READ_ONCE(active_cells[word % CELL_WORDS]);
		bpf_for(j, 0, 64) {
			if (!left)
				break;
			weigh_cell(pick, word * 64 + lowest_bit(left), cpu,
				   now);
			left &= left - 1;
		}
	}
	return 0;
}

#endif /* OCIHOOK_PICK_BPF_H */
