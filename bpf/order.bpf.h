/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The nodes whose tasks wait, in the order of their vtimes: a tournament.
 *
 * Each slot is a leaf. Four leaves are a bracket, four brackets the next one,
 * and so on up to the root. A bracket knows which of its members have a waiting
 * node, and a key: no waiting node below it has an earlier vtime. So a CPU
 * finds the node furthest behind by looking at six brackets, however many nodes
 * wait.
 *
 * The key may be too early: a node that is charged moves on, and the brackets
 * above it do not follow at once. A CPU that looks for a node finds that out,
 * sees them anew and starts again. The key is too late for a moment at most.
 * All of that is without a lock, and two rules keep it so. A CPU that makes a
 * member earlier sets its bit before it looks at the bracket's key; a CPU that
 * makes a key later looks at the members once more after that. One of the two
 * sees the other.
 */
#ifndef OCIHOOK_ORDER_BPF_H
#define OCIHOOK_ORDER_BPF_H

#include "maps.bpf.h"

enum {
	BRACKET_WIDTH = 4,
	/* Brackets from a leaf to the root. */
	ORDER_DEPTH = 6,
	/* The first bracket of leaves, and the first leaf. */
	FIRST_BRACKET = 1 + 4 + 16 + 64 + 256,
	NR_BRACKETS = FIRST_BRACKET + 1024,
	ORDER_SIZE = NR_BRACKETS + OCIHOOK_MAX_CELLS,
	/* How often a bracket is seen anew, and a choice begins anew, while
	 * other CPUs change it. */
	ORDER_ATTEMPTS = 8,
};

_Static_assert((int)OCIHOOK_MAX_CELLS == 4 * 1024, "as many leaves as slots");

/* Numbered from the root, level by level: the members of n are 4 n + 1 to
 * 4 n + 4. A slot's leaf is NR_BRACKETS + slot. */
u64 order_keys[ORDER_SIZE];
u64 bracket_members[NR_BRACKETS];

/* The best member of a bracket, and the second best one's key. */
struct contest {
	u64 key;
	u64 second_key;
	/* The best one's number; 0: there is none. */
	u32 best;
	bool has_second;
};

/* The number of the lowest bit that is set; the mask is not 0. */
static __always_inline u32 lowest_bit(u64 mask)
{
	u32 bit = __builtin_ctzll(mask);

	/* clang knows that it is below 64 and drops what would tell the
	 * verifier so. */
	barrier_var(bit);
	return bit;
}

static __always_inline u64 members_of(u32 bracket)
{
	/* Else clang compares one copy of it and uses another one. */
	barrier_var(bracket);
	return bracket < NR_BRACKETS ? READ_ONCE(bracket_members[bracket]) : 0;
}

static __always_inline u64 order_key(u32 n)
{
	barrier_var(n);
	return n < ORDER_SIZE ? READ_ONCE(order_keys[n]) : 0;
}

/* Returns whether the key was the old one, and is the new one. */
static __always_inline bool exchange_key(u32 n, u64 old, u64 key)
{
	barrier_var(n);
	return n < ORDER_SIZE &&
	       __sync_val_compare_and_swap(&order_keys[n], old, key) == old;
}

static __always_inline u32 bracket_of(u32 n)
{
	return (n - 1) / BRACKET_WIDTH;
}

static __always_inline u64 member_bit(u32 n)
{
	return 1ULL << ((n - 1) % BRACKET_WIDTH);
}

static __always_inline void set_member(u32 n)
{
	u32 bracket = bracket_of(n);

	barrier_var(bracket);
	if (bracket < NR_BRACKETS)
		__sync_fetch_and_or(&bracket_members[bracket], member_bit(n));
}

static __always_inline void clear_member(u32 n)
{
	u32 bracket = bracket_of(n);

	barrier_var(bracket);
	if (bracket < NR_BRACKETS)
		__sync_fetch_and_and(&bracket_members[bracket], ~member_bit(n));
}

/* Note a key as second best, if it is better than the second so far. */
static __always_inline void enter_second(struct contest *contest, u64 key)
{
	if (contest->has_second && !time_before(key, contest->second_key))
		return;
	contest->second_key = key;
	contest->has_second = true;
}

static __always_inline void enter_member(struct contest *contest, u32 n,
					 u64 key)
{
	if (contest->best && !time_before(key, contest->key)) {
		enter_second(contest, key);
		return;
	}
	if (contest->best)
		enter_second(contest, contest->key);
	contest->best = n;
	contest->key = key;
}

/* Find the best member of a bracket. The second best is that of all so far. */
__noinline int compare_members(struct contest *contest __arg_nonnull,
			       u32 bracket)
{
	u64 members = members_of(bracket);
	int i;

	contest->best = 0;
	UNROLLED
	for (i = 0; i < BRACKET_WIDTH; i++) {
		u32 n = bracket * BRACKET_WIDTH + 1 + i;

		if (members >> i & 1)
			enter_member(contest, n, order_key(n));
	}
	return 0;
}

/* No key of the bracket is earlier from now on than this one. */
static __always_inline void lower_key(u32 bracket, u64 key)
{
	int attempt;

	bpf_for(attempt, 0, ORDER_ATTEMPTS) {
		u64 old = order_key(bracket);

		if (!time_before(key, old) || exchange_key(bracket, old, key))
			break;
	}
}

/* Tell the brackets above a member that it is there, with this key. */
__noinline int enter_above(u32 n, u64 key)
{
	int up;

	bpf_for(up, 0, ORDER_DEPTH) {
		if (!n)
			break;
		/* Also where it is set: the order of both is what counts. */
		set_member(n);
		n = bracket_of(n);
		lower_key(n, key);
	}
	return 0;
}

/*
 * See anew which members a bracket has, and the earliest key of them. Returns
 * whether that changed anything.
 */
__noinline int see_bracket(u32 bracket)
{
	bool changed = false;
	int attempt;

	if (!bracket)
		return false;
	bpf_for(attempt, 0, ORDER_ATTEMPTS) {
		u64 old = order_key(bracket);
		struct contest contest = {};

		compare_members(&contest, bracket);
		if (contest.best && contest.key == old)
			break;
		changed = true;
		if (contest.best) {
			exchange_key(bracket, old, contest.key);
			continue;
		}
		clear_member(bracket);
		if (!members_of(bracket))
			break;
		/*
		 * A member came meanwhile. It may have told the brackets above
		 * before this one left them, and they may have left theirs
		 * since: so all of them are told again.
		 */
		enter_above(bracket, order_key(bracket));
	}
	return changed;
}

/* The same for the bracket and those above it, as far up as it changes any. */
__noinline int see_brackets(u32 bracket)
{
	int up;

	bpf_for(up, 0, ORDER_DEPTH) {
		if (!bracket || !see_bracket(bracket))
			break;
		bracket = bracket_of(bracket);
	}
	return 0;
}

static __always_inline int enter_order(u32 slot, u64 key)
{
	return enter_above(NR_BRACKETS + slot, key);
}

static __always_inline void leave_order(u32 slot)
{
	clear_member(NR_BRACKETS + slot);
}

static __always_inline bool is_in_order(u32 slot)
{
	u32 n = NR_BRACKETS + slot;

	return members_of(bracket_of(n)) & member_bit(n);
}

static __always_inline void set_leaf(u32 slot, u64 key)
{
	u32 n = NR_BRACKETS + slot;

	barrier_var(n);
	if (n < ORDER_SIZE)
		__sync_lock_test_and_set(&order_keys[n], key);
}

/* Follow the node's vtime, which was changed. */
static __always_inline void follow_vtime(u32 slot, const struct cell *c)
{
	u64 key;

	if (!is_in_order(slot))
		return;
	key = READ_ONCE(c->vtime);
	set_leaf(slot, key);
	if (time_before(key, order_key(bracket_of(NR_BRACKETS + slot))))
		enter_order(slot, key);
}

static __always_inline void clear_order(void)
{
	int n;

	bpf_for(n, 0, NR_BRACKETS) {
		if (n >= NR_BRACKETS)
			break;
		bracket_members[n] = 0;
	}
}

#endif /* OCIHOOK_ORDER_BPF_H */
