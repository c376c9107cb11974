/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which cell a CPU serves next: of those that wait and may run here, one with
 * first claim before all others, then one that no CPU served for stall_ns, then
 * the one furthest behind.
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
	/* The cell's vtime, or when it was last served if it is stalled. */
	u64 key;
	s32 slot;
	/* How many cells wait for this CPU. */
	u32 nr_waiting;
	bool stalled;
	/* Whether the cell has first claim on this CPU. */
	bool home;
};

/* Weigh one cell against the choice so far. */
__noinline int weigh_cell(struct pick *pick, u32 slot, s32 cpu, u64 now)
{
	struct cpu_ctx *here = cpu_at(cpu);
	struct cell *c = cell_at(slot);
	bool stalled, home;
	u64 key;

	if (!pick || !here || !c || !cell_may_use(c, cpu) ||
	    !cell_waits_here(slot) || !may_spend(c, slot, now))
		return 0;
	pick->nr_waiting++;
	home = has_first_claim(c, slot, here);
	if (pick->slot >= 0 && pick->home && !home)
		return 0;
	key = READ_ONCE(c->served_ns);
	stalled = !time_before(now, key + config.stall_ns);
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

/* The best cell with waiting tasks that may use `cpu`. */
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
