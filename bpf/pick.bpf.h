/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which node a CPU serves next: of those that wait and may run here, one whose
 * turn is overdue, then one whose cell has first claim before all others, then
 * the one furthest behind.
 *
 * The order (order.bpf.h) names the node furthest behind. Nodes that cannot be
 * served here after all, or have no first claim, are passed over. If those are
 * too many, or the CPU's owner has nodes inside, the CPU compares all nodes
 * that wait.
 *
 * A turn is overdue after stall_ns, divided by the node's runnable tasks: so
 * each of them runs within about that time, whatever weights say. A node that
 * gets what it is due is served more often by far, until there are thousands
 * of tasks for each CPU. Each dispatch looks at one bracket of nodes for that,
 * in turn.
 */
#ifndef OCIHOOK_PICK_BPF_H
#define OCIHOOK_PICK_BPF_H

#include "maps.bpf.h"
#include "affinity.bpf.h"
#include "exempt.bpf.h"
#include "own.bpf.h"
#include "queue.bpf.h"
#include "search.bpf.h"
#include "throttle.bpf.h"
#include "waiting.bpf.h"

enum {
	/* Brackets of a dispatch whose nodes are looked at for overdue turns,
	 * and brackets that are seen for that. */
	OVERDUE_LOOKS = 2,
	OVERDUE_SEEN = 16,
};

/* When the node's turn is overdue. */
static __always_inline u64 overdue_ns(const struct cell *c)
{
	s64 nr_runnable = READ_ONCE(c->nr_runnable);

	return READ_ONCE(c->served_ns) +
	       config.stall_ns / (nr_runnable > 1 ? (u64)nr_runnable : 1);
}

/* The same question, without a division. */
static __always_inline bool is_overdue(const struct cell *c, u64 now)
{
	u64 waited_ns = now - READ_ONCE(c->served_ns);
	s64 nr_runnable = READ_ONCE(c->nr_runnable);

	return (s64)waited_ns > 0 &&
	       waited_ns * (nr_runnable > 1 ? (u64)nr_runnable : 1) >=
		       config.stall_ns;
}

/* Choose a node if it can be served here and is better than the choice. */
__noinline int weigh_cell(struct pick *pick __arg_nonnull, u32 slot, s32 cpu,
			  u64 now)
{
	struct cpu_ctx *here = cpu_at(cpu);
	struct cell *c = cell_at(slot), *box;
	bool stalled, home;
	u64 key;

	if (!here || !c || !cell_waits_here(slot))
		return 0;
	box = cell_at(READ_ONCE(c->box));
	if (!box || !cell_may_use(box, cpu) || !may_run(c, slot, now))
		return 0;
	pick->nr_waiting++;
	key = overdue_ns(c);
	if (has_late(slot))
		key -= 2 * config.throttle_max_ns;
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

/* Weigh the nodes of a bracket of leaves; only overdue ones, if asked. */
__noinline int weigh_bracket(struct pick *pick __arg_nonnull, u32 bracket,
			     s32 cpu, u64 now, bool overdue)
{
	u64 members = members_of(bracket);
	int i;

	bpf_for(i, 0, BRACKET_WIDTH) {
		u32 n = bracket * BRACKET_WIDTH + 1 + i;
		struct cell *c;

		if (!(members >> i & 1) || n < NR_BRACKETS)
			continue;
		c = cell_at(n - NR_BRACKETS);
		if (!c ||
		    (overdue && !is_overdue(c, now) &&
		     !has_late(n - NR_BRACKETS)) ||
		    (pick->nr_passed && !comes_after(pick, n, order_key(n))))
			continue;
		weigh_cell(pick, n - NR_BRACKETS, cpu, now);
	}
	return 0;
}

/* Compare all nodes that wait. */
__noinline int pick_of_all(struct pick *pick __arg_nonnull, s32 cpu, u64 now)
{
	u32 bracket, last = last_bracket();

	pick->slot = -1;
	pick->home = false;
	pick->nr_waiting = 0;
	bpf_for(bracket, FIRST_BRACKET, NR_BRACKETS) {
		if (bracket > last)
			break;
		if (members_of(bracket))
			weigh_bracket(pick, bracket, cpu, now, false);
	}
	return 0;
}

/* Look whether a turn is overdue, at the brackets that come next. */
__noinline int pick_overdue(struct pick *pick __arg_nonnull, s32 cpu, u64 now)
{
	u32 nr_waiting = pick->nr_waiting, last = last_bracket(), looked = 0;
	struct cpu_ctx *here = cpu_at(cpu);
	u32 bracket;
	int i;

	if (!here)
		return 0;
	bracket = here->looked_at;
	bpf_for(i, 0, OVERDUE_SEEN) {
		bracket++;
		if (bracket < FIRST_BRACKET || bracket > last)
			bracket = FIRST_BRACKET;
		if (!members_of(bracket))
			continue;
		weigh_bracket(pick, bracket, cpu, now, true);
		if (++looked >= OVERDUE_LOOKS || pick->stalled)
			break;
	}
	here->looked_at = bracket;
	pick->nr_waiting = nr_waiting;
	return 0;
}

/*
 * The first in the order that can be served here, of those with first claim if
 * there are any. On the CPU of an owner all that wait in the order are guests.
 * False: compare all.
 */
static __always_inline bool pick_in_order(struct pick *pick, s32 cpu, u32 owner,
					  u64 now)
{
	bool sure = false;
	int attempt;

	bpf_for(attempt, 0, PARK_ATTEMPTS) {
		s32 slot = first_waiting(pick);
		u32 nr_waiting = pick->nr_waiting;
		struct cell *c;

		if (slot < 0) {
			sure = true;
			break;
		}
		c = cell_at(slot);
		if (!c)
			break;
		if (cell_waits_here(slot) && !may_run(c, slot, now)) {
			park(slot, c, now);
			continue;
		}
		weigh_cell(pick, slot, cpu, now);
		pick->nr_waiting = nr_waiting;
		if (pick->slot >= 0 && (pick->home || owner)) {
			sure = true;
			break;
		}
		if (pick->nr_passed >= PICK_ATTEMPTS)
			break;
		pass_over(pick, slot);
	}
	return sure;
}

/*
 * The owner of the CPU, if its tasks wait. False: it has other nodes inside, so
 * compare all.
 */
static __always_inline bool pick_owner(struct pick *pick, s32 cpu, u32 owner,
				       u64 now)
{
	struct cell *c = cell_at(owner);

	if (!c || READ_ONCE(c->nr_nested) > 0)
		return false;
	weigh_cell(pick, owner, cpu, now);
	return true;
}

/* The best node with waiting tasks that may use `cpu`, of those not passed. */
__noinline int pick_cell(struct pick *pick __arg_nonnull, s32 cpu, u64 now)
{
	struct cpu_ctx *here = cpu_at(cpu);
	u32 owner = here ? owner_of(here) : HOST_CELL;
	bool sure;

	retell(now);
	unpark_all(now);
	pick->slot = -1;
	pick->nr_waiting = 0;
	pick->stalled = false;
	pick->home = false;
	if (!members_of(0))
		return 0;
	sure = !owner ||
	       (!pick->nr_passed && pick_owner(pick, cpu, owner, now));
	if (sure && pick->slot < 0)
		sure = pick_in_order(pick, cpu, owner, now);
	if (sure)
		pick_overdue(pick, cpu, now);
	else
		pick_of_all(pick, cpu, now);
	return 0;
}

#endif /* OCIHOOK_PICK_BPF_H */
