/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How CPUs become a cell's own, and nobody's again. User space picks them, and
 * asks; a CPU that has another owner by then is refused, and it picks again.
 */
#ifndef OCIHOOK_CLAIM_BPF_H
#define OCIHOOK_CLAIM_BPF_H

#include "own.bpf.h"

static __always_inline bool change_owner(struct cpu_ctx *there, u32 from,
					 u32 to)
{
	if (__sync_val_compare_and_swap(&there->owner, from, to) != from)
		return false;
	WRITE_ONCE(there->out_of_reach, false);
	return true;
}

/*
 * Write down what the owners of the CPUs say: the cell's own CPUs, and those of
 * all. Two writers at once may leave the older picture for a moment: both run
 * after own_seq was raised, and the later one to look has seen both changes.
 */
__noinline int record_owners(u32 slot)
{
	struct scheduler_record *rec = record();
	struct cell *c = cell_at(slot);
	u32 nr_cpus = scx_bpf_nr_cpu_ids(), count = 0;
	u64 own = 0, owned = 0;
	int cpu;

	if (!c || !rec)
		return 0;
	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);
		u32 owner, word = (u32)cpu / 64 % OCIHOOK_CPU_WORDS;

		if (!there)
			break;
		owner = cpu < nr_cpus ? READ_ONCE(there->owner) : HOST_CELL;
		if (owner) {
			owned |= 1ULL << (cpu % 64);
			count++;
		}
		if (owner && owner == slot)
			own |= 1ULL << (cpu % 64);
		if (cpu % 64 == 63) {
			WRITE_ONCE(c->own.bits[word], own);
			WRITE_ONCE(rec->owned.bits[word], owned);
			own = owned = 0;
		}
	}
	WRITE_ONCE(nr_owned, count);
	return 0;
}

/* Give up the slot's CPUs, all or those that `wanted` does not name. */
__noinline bool drop_owned(u32 slot, bool all)
{
	struct cell_objects *objects = objects_of(slot);
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	bool dropped = false;
	int cpu;

	if (!objects)
		return false;
	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);

		if (cpu >= nr_cpus || !there)
			break;
		if (READ_ONCE(there->owner) != slot ||
		    (!all && cpu_words_test(&objects->wanted, cpu)))
			continue;
		dropped |= change_owner(there, slot, HOST_CELL);
	}
	return dropped;
}

/* Whether a CPU that is up is nobody's: the host must keep one. */
__noinline int some_cpu_is_nobodys(void)
{
	const struct cpumask *online = scx_bpf_get_online_cpumask();
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	int cpu, found = 0;

	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);

		if (cpu >= nr_cpus || !there)
			break;
		if (cpu_is_up(there, cpu, online) && !READ_ONCE(there->owner)) {
			found = 1;
			break;
		}
	}
	scx_bpf_put_cpumask(online);
	return found;
}

/*
 * Take the wanted CPUs that are nobody's. -EBUSY where another cell has one,
 * or none would be left to the host; what was taken is then given back. Of two
 * that ask for the last CPUs at once both may be refused, never both served.
 */
__noinline int take_wanted(u32 slot)
{
	struct cell_objects *objects = objects_of(slot);
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	int cpu, err = 0;

	if (!objects)
		return -EINVAL;
	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);

		if (!there)
			break;
		if (!cpu_words_test(&objects->wanted, cpu) ||
		    (cpu < nr_cpus && READ_ONCE(there->owner) == slot))
			continue;
		if (cpu >= nr_cpus || !change_owner(there, HOST_CELL, slot)) {
			err = -EBUSY;
			break;
		}
	}
	return err ?: some_cpu_is_nobodys() ? 0 : -EBUSY;
}

/* Have the CPUs look anew who may run on them. */
__noinline int kick_owned(u32 slot)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	int cpu;

	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);

		if (cpu >= nr_cpus || !there)
			break;
		if (READ_ONCE(there->owner) == slot &&
		    !READ_ONCE(there->endless))
			scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
	}
	return 0;
}

/* After owners changed: every cell's sets are made anew. */
static __always_inline void announce_owners(u32 slot)
{
	__sync_fetch_and_add(&own_seq, 1);
	record_owners(slot);
	publish_all_cpus();
	bump_config_seq();
}

/*
 * Make `wanted` of the slot its own CPUs: those, and no others. On failure it
 * keeps what it had. Of two claims for one cell at once the CPUs of both may
 * be mixed; what the cell then has is what c->own says.
 */
__noinline int claim_wanted(u32 slot)
{
	struct cell_objects *objects = objects_of(slot);
	struct cell *c = cell_at(slot);
	int word, err;

	if (!objects || !c || slot == HOST_CELL)
		return -EINVAL;
	if (!cpu_words_any(&objects->wanted) && !cpu_words_any(&c->own))
		return 0;
	err = take_wanted(slot);
	if (err) {
		UNROLLED
		for (word = 0; word < OCIHOOK_CPU_WORDS; word++)
			objects->wanted.bits[word] = c->own.bits[word];
	}
	drop_owned(slot, false);
	announce_owners(slot);
	kick_owned(slot);
	return err;
}

/* The cell ends: its CPUs are nobody's. */
static __always_inline void release_owned(u32 slot, struct cell *c)
{
	if (cpu_words_any(&c->own) && drop_owned(slot, true))
		announce_owners(slot);
}

#endif /* OCIHOOK_CLAIM_BPF_H */
