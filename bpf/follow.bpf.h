/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Weights and limits of cgroups, as the kernel has them now.
 *
 * The kernel's callbacks tell of a change at once. But they do not come for
 * cpu.idle before 6.19, nor for the weight that cpu.idle = 0 restores, and for
 * cpu.max since 6.17 alone. So all of it is also read from the task groups of
 * tasks that run, every FOLLOW_NS at most. What an annotation or `ocihook cells
 * set` named stays what it is.
 */
#ifndef OCIHOOK_FOLLOW_BPF_H
#define OCIHOOK_FOLLOW_BPF_H

#include "maps.bpf.h"
#include "quota.bpf.h"
#include "tree.bpf.h"

/*
 * Task groups between two nodes, or a task's and its node: cgroups that found
 * no slot, or lie too deep for one, at most so many. From still further down,
 * what no callback tells is not followed.
 */
enum {
	GROUPS_SKIPPED = 512,
};

static __always_inline u64 cgid_of_group(const struct task_group *tg)
{
	return BPF_CORE_READ(tg, css.cgroup, kn, id);
}

/* Take weight and limit over from the node's task group. */
static __always_inline void follow_node(struct cell *c, u32 slot,
					const struct task_group *tg)
{
	u32 flags = READ_ONCE(c->flags), weight = weight_of_group(tg);
	u64 quota_ns = BPF_CORE_READ(tg, cfs_bandwidth.quota);
	u64 burst_ns = BPF_CORE_READ(tg, cfs_bandwidth.burst);

	if (!(flags & CELL_FLAG_FIXED_WEIGHT) &&
	    READ_ONCE(c->weight) != weight) {
		WRITE_ONCE(c->weight, weight);
		recount(slot);
	}
	if (flags & CELL_FLAG_FIXED_QUOTA)
		return;
	/* RUNTIME_INF: no limit. */
	if (quota_ns == ~0ULL)
		quota_ns = burst_ns = 0;
	set_quota(c, quota_ns, BPF_CORE_READ(tg, cfs_bandwidth.period),
		  burst_ns);
}

/* The same for the task's node and those above it. */
__noinline int follow_groups(struct task_struct *p __arg_trusted, u32 slot)
{
	const struct task_group *tg = p->sched_task_group;
	int up, skipped;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		struct cell *c = cell_at(slot);

		if (!c || slot == HOST_CELL)
			break;
		if (READ_ONCE(c->flags) & CELL_FLAG_CONTROLLED) {
			bpf_for(skipped, 0, GROUPS_SKIPPED) {
				if (!tg || cgid_of_group(tg) == c->cgid)
					break;
				tg = BPF_CORE_READ(tg, parent);
			}
			if (!tg || cgid_of_group(tg) != c->cgid)
				break;
			follow_node(c, slot, tg);
		}
		see_limit(c, slot);
		measure_node(slot);
		slot = READ_ONCE(c->parent);
	}
	return 0;
}

/* The node that the cgroup itself is, or HOST_CELL. */
static __always_inline u32 node_of_cgroup(struct cgroup *cgrp)
{
	struct cgroup_cell *hint;
	struct cell *c;
	u32 slot;

	hint = bpf_cgrp_storage_get(&cgroup_cells, cgrp, 0, 0);
	if (!hint)
		return HOST_CELL;
	slot = READ_ONCE(hint->ref);
	c = cell_at(slot);
	if (!c || READ_ONCE(c->cgid) != cgrp->kn->id)
		return HOST_CELL;
	slot = READ_ONCE(c->shared) ?: slot;
	c = cell_at(slot);
	/* Of a cell that cgroups share none decides for the others. */
	return c && READ_ONCE(c->nr_members) < 2 ? slot : HOST_CELL;
}

static __always_inline void follow_weight(struct cgroup *cgrp, u32 weight)
{
	u32 slot = node_of_cgroup(cgrp);
	struct cell_objects *node = objects_of(slot);
	struct cell *c = cell_at(slot);

	if (!c || !node || slot == HOST_CELL ||
	    READ_ONCE(c->flags) & CELL_FLAG_FIXED_WEIGHT)
		return;
	WRITE_ONCE(node->followed_ns, 0);
	if (weight < OCIHOOK_WEIGHT_MIN || weight > OCIHOOK_WEIGHT_MAX)
		return;
	WRITE_ONCE(node->usable_weight, 0);
	WRITE_ONCE(c->weight, weight);
	recount(slot);
}

/* Without a limit the kernel gives all ones (RUNTIME_INF). */
static __always_inline void follow_quota(struct cgroup *cgrp, u64 period_us,
					 u64 quota_us, u64 burst_us)
{
	u32 slot = node_of_cgroup(cgrp);
	struct cell *c = cell_at(slot);

	if (!c || slot == HOST_CELL ||
	    READ_ONCE(c->flags) & CELL_FLAG_FIXED_QUOTA)
		return;
	if (quota_us > (u64)MAX_CPUS * OCIHOOK_PERIOD_MAX_US)
		quota_us = burst_us = 0;
	set_quota(c, quota_us * NSEC_PER_USEC, period_us * NSEC_PER_USEC,
		  burst_us * NSEC_PER_USEC);
	see_limit(c, slot);
}

static __always_inline void follow_group(struct task_struct *p, u32 slot)
{
	struct cell_objects *node = objects_of(slot);
	u64 now = scx_bpf_now();

	if (!node || slot == HOST_CELL ||
	    time_before(now, READ_ONCE(node->followed_ns) + FOLLOW_NS))
		return;
	WRITE_ONCE(node->followed_ns, now);
	follow_groups(p, slot);
}

#endif /* OCIHOOK_FOLLOW_BPF_H */
