/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first node in the order (order.bpf.h), of those not passed over.
 *
 * A CPU passes over nodes that it cannot serve. What comes after them is found
 * without a list of them: all up to the last one passed, in the order of key
 * and number, are left out.
 */
#ifndef OCIHOOK_SEARCH_BPF_H
#define OCIHOOK_SEARCH_BPF_H

#include "maps.bpf.h"
#include "exempt.bpf.h"
#include "order.bpf.h"

enum {
	/* Brackets that are open at once, while passed nodes are left out. */
	OPEN_MAX = 64,
	RETELL_NS = 100 * NSEC_PER_MSEC,
};

u64 retold_ns;

/* The choice so far: `slot` is -1 while there is none. */
struct pick {
	/* The node's vtime, or since when its turn is overdue if it is. */
	u64 key;
	s32 slot;
	/* How many nodes wait for this CPU; 2 stands for any more. */
	u32 nr_waiting;
	bool stalled;
	/* Whether the cell has first claim on this CPU. */
	bool home;
	/* Nodes none of whose waiting tasks may run here, after all: so many,
	 * up to this leaf of this key, in the order. */
	u32 nr_passed;
	u32 passed;
	u64 passed_key;
};

/* Brackets that have passed nodes in them and are not looked into yet. */
struct search {
	u32 nr_open;
	u32 open[OPEN_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct search);
} searches SEC(".maps");

/* The last bracket of leaves that may have members. */
static __always_inline u32 last_bracket(void)
{
	u32 last = bracket_of(NR_BRACKETS + nr_slots());

	return last < NR_BRACKETS ? last : NR_BRACKETS - 1;
}

/* See which nodes of a bracket have late tasks. */
static __always_inline void see_late_members(u32 bracket, u64 now)
{
	u64 members = members_of(bracket);
	int i;

	bpf_for(i, 0, BRACKET_WIDTH) {
		u32 slot = bracket * BRACKET_WIDTH + 1 + i - NR_BRACKETS;
		struct cell_objects *node;

		if (!(members >> i & 1))
			continue;
		node = objects_of(slot);
		if (node)
			see_late(node, now);
	}
}

/*
 * Every RETELL_NS, see which nodes have late tasks, and tell the brackets above
 * all leaves again. By the rules of the order that changes nothing. A fault in
 * them would leave a task waiting until the kernel ends the scheduler, and so
 * it waits no longer than this.
 */
static __always_inline void retell(u64 now)
{
	u32 bracket, last = last_bracket();

	if (time_before(now, READ_ONCE(retold_ns) + RETELL_NS))
		return;
	WRITE_ONCE(retold_ns, now);
	bpf_for(bracket, FIRST_BRACKET, NR_BRACKETS) {
		if (bracket > last)
			break;
		if (!members_of(bracket))
			continue;
		see_late_members(bracket, now);
		see_bracket(bracket);
		enter_above(bracket, order_key(bracket));
	}
}

static __always_inline void pass_over(struct pick *pick, u32 slot)
{
	u32 n = NR_BRACKETS + slot;

	pick->nr_passed++;
	pick->passed = n;
	pick->passed_key = order_key(n);
}

/* Whether a member comes after all that were passed. */
static __always_inline bool comes_after(const struct pick *pick, u32 n, u64 key)
{
	return time_before(pick->passed_key, key) ||
	       (n > pick->passed && key == pick->passed_key);
}

/*
 * Compare the members of a bracket that has passed nodes in it; brackets among
 * them that have some, too, are opened next.
 */
__noinline int compare_open(struct contest *contest __arg_nonnull,
			    const struct pick *pick __arg_nonnull,
			    struct search *search __arg_nonnull, u32 bracket)
{
	u64 members = members_of(bracket);
	int i;

	UNROLLED
	for (i = 0; i < BRACKET_WIDTH; i++) {
		u32 n = bracket * BRACKET_WIDTH + 1 + i;
		u64 key = order_key(n);

		if (!(members >> i & 1))
			continue;
		if (comes_after(pick, n, key)) {
			enter_member(contest, n, key);
		} else if (n < NR_BRACKETS) {
			u32 at = search->nr_open;

			if (at < OPEN_MAX) {
				search->open[at] = n;
				search->nr_open = at + 1;
			}
		}
	}
	return 0;
}

/* Find where nodes come first after those passed: a leaf, or a bracket. */
__noinline int leave_passed_out(struct contest *contest __arg_nonnull,
				const struct pick *pick __arg_nonnull)
{
	struct search *search;
	u32 zero = 0, bracket = 0;
	int step;

	search = bpf_map_lookup_elem(&searches, &zero);
	if (!search)
		return 0;
	search->nr_open = 0;
	bpf_for(step, 0, 4 * OPEN_MAX) {
		u32 last;

		compare_open(contest, pick, search, bracket);
		last = search->nr_open - 1;
		if (last >= OPEN_MAX)
			break;
		bracket = search->open[last];
		search->nr_open = last;
	}
	return 0;
}

/*
 * The first node in the order that was not passed; its slot, or -1. After
 * ORDER_ATTEMPTS it is one that was first a moment ago.
 */
__noinline int first_waiting(struct pick *pick __arg_nonnull)
{
	s32 slot = -1;
	int attempt, level;

	bpf_for(attempt, 0, ORDER_ATTEMPTS) {
		struct contest contest = {};
		u32 n = 0;

		if (pick->nr_passed) {
			leave_passed_out(&contest, pick);
			n = contest.best;
			if (!n)
				break;
		}
		bpf_for(level, 0, ORDER_DEPTH) {
			if (n >= NR_BRACKETS)
				break;
			compare_members(&contest, n);
			if (!contest.best)
				break;
			n = contest.best;
		}
		if (n < NR_BRACKETS) {
			if (!n)
				break;
			see_brackets(n);
			continue;
		}
		slot = n - NR_BRACKETS;
		pick->nr_waiting = 1 + contest.has_second;
		if (!contest.has_second ||
		    !time_before(contest.second_key, contest.key))
			break;
		see_brackets(bracket_of(n));
	}
	return slot;
}

#endif /* OCIHOOK_SEARCH_BPF_H */
