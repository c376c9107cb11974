/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs that are somebody's own: lent while idle, and back at once.
 *
 * A CPU has one owner or none. What follows for a cell are two sets of CPUs
 * among those online: `home`, where it has first claim, and `usable`, where it
 * may run at all. Its cpuset is no part of them: the kernel has that in the
 * affinity of each task, and keeps it right.
 *
 *	the cell	home			usable, besides home
 *	has own CPUs	those			nobody's, and lent ones
 *	has none	nobody's CPUs		lent ones
 *
 * the last column only where the cell borrows. Whoever has first claim goes
 * before everybody else: when choosing what to run, and by preempting what
 * runs. A task whose affinity has no CPU of its cell's home is a guest there
 * (affinity.bpf.h).
 *
 * The owner of each CPU (struct cpu_ctx) is the truth, changed by
 * compare-and-swap; the sets are made from it. Whoever changed an owner makes
 * all of them anew; whoever makes one looks afterwards whether own_seq has
 * moved meanwhile, and if so makes it once more. So the last one to publish a
 * set has seen the last change.
 *
 * Functions that are not static are verified once and for themselves, not again
 * at every call: loops inside of loops would else be too much to follow.
 */
#ifndef OCIHOOK_OWN_BPF_H
#define OCIHOOK_OWN_BPF_H

#include "maps.bpf.h"

enum claim { CLAIM_NONE, CLAIM_GUEST, CLAIM_HOME };

static __always_inline bool cpu_words_test(const struct cpu_words *words,
					   u32 cpu)
{
	return words->bits[(cpu / 64) % OCIHOOK_CPU_WORDS] >> (cpu % 64) & 1;
}

static __always_inline bool cpu_words_any(const struct cpu_words *words)
{
	u64 any = 0;
	int word;

	UNROLLED
	for (word = 0; word < OCIHOOK_CPU_WORDS; word++)
		any |= words->bits[word];
	return any;
}

/* Whether the cell goes before all others on a CPU. */
static __always_inline bool has_first_claim(const struct cell *c, u32 slot,
					    const struct cpu_ctx *there)
{
	u32 owner = owner_of(there);

	return owner ? owner == slot : !(READ_ONCE(c->flags) & CELL_FLAG_OWNS);
}

/* The cell's claim on a CPU that is online. */
static __always_inline enum claim claim_on(const struct cell *c, u32 slot,
					   const struct cpu_ctx *there)
{
	u32 owner = owner_of(there), flags = READ_ONCE(c->flags);
	struct cell *lender;

	if (has_first_claim(c, slot, there))
		return CLAIM_HOME;
	if (flags & CELL_FLAG_NO_BORROW)
		return CLAIM_NONE;
	lender = owner ? cell_at(owner) : NULL;
	if (lender && READ_ONCE(lender->flags) & CELL_FLAG_NO_LEND)
		return CLAIM_NONE;
	return CLAIM_GUEST;
}

static __always_inline bool cpu_is_up(const struct cpu_ctx *there, s32 cpu,
				      const struct cpumask *online)
{
	return !there->offline && bpf_cpumask_test_cpu(cpu, online);
}

/* See whether the cell owns CPUs that are up. */
__noinline int see_ownership(u32 slot)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	/* Not a count: the verifier would follow each of its values. */
	bool owned = false;
	struct cell *c = cell_at(slot);
	const struct cpumask *online;
	int cpu;

	if (!c)
		return 0;
	online = scx_bpf_get_online_cpumask();
	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);

		if (cpu >= nr_cpus || !there)
			break;
		if (cpu_is_up(there, cpu, online))
			owned |= owner_of(there) == slot;
	}
	scx_bpf_put_cpumask(online);
	if (slot != HOST_CELL && owned)
		__sync_fetch_and_or(&c->flags, CELL_FLAG_OWNS);
	else
		__sync_fetch_and_and(&c->flags, ~CELL_FLAG_OWNS);
	return 0;
}

/*
 * Make the cell's sets. Readers of the masks see the old one or the new one:
 * the pointer is exchanged, and the old mask outlives every reader under RCU.
 */
__noinline int make_cpu_sets(u32 slot)
{
	struct cell_objects *objects = objects_of(slot);
	struct bpf_cpumask *home, *usable;
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	struct cell *c = cell_at(slot);
	const struct cpumask *online;
	u64 word = 0;
	int cpu;

	if (!c || !objects)
		return -EINVAL;
	home = bpf_cpumask_create();
	if (!home)
		return -ENOMEM;
	usable = bpf_cpumask_create();
	if (!usable) {
		bpf_cpumask_release(home);
		return -ENOMEM;
	}
	online = scx_bpf_get_online_cpumask();
	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);
		enum claim claim = CLAIM_NONE;

		if (!there)
			break;
		if (cpu < nr_cpus && cpu_is_up(there, cpu, online))
			claim = claim_on(c, slot, there);
		if (claim == CLAIM_HOME)
			bpf_cpumask_set_cpu(cpu, home);
		if (claim != CLAIM_NONE) {
			bpf_cpumask_set_cpu(cpu, usable);
			word |= 1ULL << (cpu % 64);
		}
		if (cpu % 64 == 63) {
			WRITE_ONCE(c->usable.bits[(u32)cpu / 64 %
						  OCIHOOK_CPU_WORDS],
				   word);
			word = 0;
			if (cpu >= nr_cpus)
				break;
		}
	}
	scx_bpf_put_cpumask(online);
	home = bpf_kptr_xchg(&objects->home, home);
	if (home)
		bpf_cpumask_release(home);
	usable = bpf_kptr_xchg(&objects->usable, usable);
	if (usable)
		bpf_cpumask_release(usable);
	return 0;
}

/*
 * Publish where the cell may run. While no cell owns a CPU it needs no sets. A
 * failure leaves what was there.
 */
__noinline int publish_cpus(u32 slot)
{
	struct cell *c = cell_at(slot);
	int attempt, err = 0;

	if (!c)
		return -EINVAL;
	bpf_for(attempt, 0, OWN_ATTEMPTS) {
		u64 seq = READ_ONCE(own_seq);

		if (!READ_ONCE(nr_owned)) {
			WRITE_ONCE(c->restricted, 0);
			__sync_fetch_and_and(&c->flags, ~CELL_FLAG_OWNS);
		} else {
			see_ownership(slot);
			err = make_cpu_sets(slot);
			if (!err)
				WRITE_ONCE(c->restricted, 1);
		}
		if (err || READ_ONCE(own_seq) == seq)
			break;
	}
	return err;
}

/* The same for every cell that has or may have tasks: whether one failed. */
__noinline int publish_all_cpus(void)
{
	int slot, err = 0;

	bpf_for(slot, 0, nr_slots()) {
		struct cell *c = cell_at(slot);
		u32 state = c ? READ_ONCE(c->state) : CELL_FREE;

		if (state == CELL_LIVE || state == CELL_DRAINING)
			err |= publish_cpus(slot);
	}
	return err;
}

#endif /* OCIHOOK_OWN_BPF_H */
