/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Own CPUs that are out of their owner's reach, since its cgroup's cpuset, or
 * one above it, has become narrower, or a partition elsewhere has taken them.
 *
 * Such a CPU has no owner for as long as that lasts: else all would be guests
 * where the owner never comes, and the owner a guest wherever it may run. User
 * space chooses among the CPUs that the cpuset has then; what changes later is
 * seen here, when the kernel has given the cell's tasks another affinity. A
 * cell that cgroups share has no cpuset of its own, and is left as it is.
 */
#ifndef OCIHOOK_CPUSET_BPF_H
#define OCIHOOK_CPUSET_BPF_H

#include "claim.bpf.h"

/* CPUs of a cpuset in the kernel, nr_cpu_ids of them. */
static __always_inline const u64 *effective_cpus(const void *cpuset)
{
	const struct cpuset___pointer *pointer = cpuset;
	const struct cpuset___array *array = cpuset;

	if (bpf_core_field_exists(pointer->effective_cpus))
		return (const u64 *)BPF_CORE_READ(pointer, effective_cpus);
	if (bpf_core_field_exists(array->effective_cpus))
		return (const u64 *)__builtin_preserve_access_index(
			&array->effective_cpus);
	return NULL;
}

/* The cpuset of the task's cgroup, or of the nearest one above with one. */
static __always_inline struct cgroup_subsys_state *
cpuset_of_task(struct task_struct *p)
{
	const struct css_set *set = BPF_CORE_READ(p, cgroups);
	struct cgroup_subsys_state *css = NULL;
	u64 at;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, cpuset_cgrp_id))
		return NULL;
	at = bpf_core_enum_value(enum cgroup_subsys_id, cpuset_cgrp_id);
	at = (u64)set + bpf_core_field_offset(set->subsys) + at * sizeof(css);
	if (bpf_probe_read_kernel(&css, sizeof(css), (const void *)at))
		return NULL;
	/* kernel/cgroup/cgroup.c: the default hierarchy has the first id. */
	return css && !BPF_CORE_READ(css, cgroup, root, hierarchy_id) ? css
								      : NULL;
}

/* How deep the cgroup `cgid` lies that the task is in or below; or -1. */
static __always_inline int level_above(struct task_struct *p, u64 cgid)
{
	struct cgroup *cgrp = BPF_CORE_READ(p, cgroups, dfl_cgrp);
	int up, level = -1;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		if (!cgrp)
			break;
		if (BPF_CORE_READ(cgrp, kn, id) == cgid) {
			level = BPF_CORE_READ(cgrp, level);
			break;
		}
		cgrp = BPF_CORE_READ(cgrp, self.parent, cgroup);
	}
	return level;
}

/* The CPUs that tasks of the cell's cgroup may use, by a task of the cell. */
static __always_inline const u64 *cpuset_of_cell(struct task_struct *p,
						 const struct cell *c)
{
	struct cgroup_subsys_state *css = cpuset_of_task(p);
	int level = level_above(p, READ_ONCE(c->cgid)), up;

	if (level < 0)
		return NULL;
	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		if (!css || BPF_CORE_READ(css, cgroup, level) <= level)
			break;
		css = BPF_CORE_READ(css, parent);
	}
	return css ? effective_cpus(css) : NULL;
}

/* Note which of the cell's own CPUs are out of its reach: whether that changed.
 */
static __always_inline bool note_reach(u32 slot, const u64 *cpus)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	bool changed = false;
	u64 word = 0;
	int cpu;

	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);
		bool out;

		if (cpu >= nr_cpus || !there)
			break;
		if (cpu % 64 == 0 &&
		    bpf_probe_read_kernel(&word, sizeof(word), cpus + cpu / 64))
			break;
		out = !(word >> (cpu % 64) & 1);
		if (READ_ONCE(there->owner) != slot ||
		    READ_ONCE(there->out_of_reach) == out)
			continue;
		WRITE_ONCE(there->out_of_reach, out);
		changed = true;
	}
	return changed;
}

struct reach_timer {
	struct bpf_timer timer;
};

/* Pinned, as quota_timer is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct reach_timer);
} reach_timer SEC(".maps");

static __always_inline struct reach_timer *the_reach_timer(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&reach_timer, &zero);
}

/*
 * Cells get their sets of CPUs anew. Not where the change is seen: interrupts
 * are off there, and the kernel has few masks at hand until they are on.
 */
static int publish_reach(void *map, u32 *key, struct reach_timer *t)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	int cpu;

	if (publish_all_cpus())
		bpf_timer_start(&t->timer, TIMER_MIN_NS, 0);
	bump_config_seq();
	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);

		if (cpu >= nr_cpus || !there)
			break;
		if (READ_ONCE(there->owner) && !READ_ONCE(there->endless))
			scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
	}
	return 0;
}

static __always_inline int init_reach_timer(void)
{
	struct reach_timer *t = the_reach_timer();

	if (!t)
		return -EINVAL;
	return init_timer(&t->timer, &reach_timer, publish_reach);
}

/* See whether the task's cell, in `slot`, may run on its own CPUs. */
__noinline int see_reach(struct task_struct *p __arg_trusted, u32 slot)
{
	struct cell *c = cell_at(slot);
	struct reach_timer *t = the_reach_timer();
	const u64 *cpus;

	if (!c || !t || slot == HOST_CELL)
		return 0;
	cpus = cpuset_of_cell(p, c);
	if (!cpus || !note_reach(slot, cpus))
		return 0;
	__sync_fetch_and_add(&own_seq, 1);
	bpf_timer_start(&t->timer, TIMER_MIN_NS, 0);
	return 0;
}

static __always_inline void follow_cpuset(struct task_struct *p, u32 slot)
{
	struct cell *c = cell_at(slot);

	if (READ_ONCE(nr_owned) && c && cpu_words_any(&c->own))
		see_reach(p, slot);
}

#endif /* OCIHOOK_CPUSET_BPF_H */
