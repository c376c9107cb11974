/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tree: how much of the machine a cgroup is due.
 *
 * Each cgroup with the cpu controller is a node, and each registered cgroup.
 * As cgroup v2 documents it, active siblings share what their parent has by
 * weight, and tasks of the parent itself count as siblings of weight 100 each.
 * The share of a node is the product over the levels above it, computed where
 * CPU time is charged: an idle cgroup weighs nothing, and a weight that changes
 * counts at once.
 *
 * A node is active while tasks of it are runnable, or children of it are
 * active. Its parent keeps the sum of its active children's weights under the
 * parent's lock: a CPU that changes what a node's activity is made of looks at
 * it anew under that lock, so the last one to look has seen the last change.
 *
 * A node whose limit is less than what its weight gives it weighs, for its
 * siblings, as much as it can use: they get the rest, and not all the machine.
 * (A limit of 0.2 CPUs beside a sibling took that one's share of the machine
 * with it while both were active.)
 */
#ifndef OCIHOOK_TREE_BPF_H
#define OCIHOOK_TREE_BPF_H

#include "maps.bpf.h"

static __always_inline bool is_node(u32 state)
{
	return state == CELL_LIVE || state == CELL_NODE;
}

/* The weight of a node's own tasks, beside that of its children. */
static __always_inline u64 own_weight(const struct cell *c)
{
	s64 nr_runnable = READ_ONCE(c->nr_runnable);

	return nr_runnable > 0
		       ? (u64)nr_runnable * OCIHOOK_WEIGHT_DEFAULT * WEIGHT_ONE
		       : 0;
}

/* What the node weighs beside its siblings while it is active. */
static __always_inline u32 weight_of(const struct cell *c,
				     const struct cell_objects *node)
{
	return READ_ONCE(node->usable_weight)
		       ?: READ_ONCE(c->weight) * WEIGHT_ONE;
}

/*
 * See whether the node counts in a parent's sum as it should: as a child of
 * `parent` while it is active, and not at all of one that it has left. Returns
 * whether the parent's own activity may have changed by that.
 */
static __always_inline bool recount_in(u32 parent, u32 slot)
{
	struct cell_objects *above = objects_of(parent);
	struct cell_objects *node = objects_of(slot);
	struct cell *c = cell_at(slot);
	bool changed = false;
	u32 weight = 0;

	if (!above || !node || !c)
		return false;
	bpf_spin_lock(&above->lock);
	if (READ_ONCE(c->parent) == parent &&
	    (READ_ONCE(c->nr_runnable) > 0 || READ_ONCE(node->nr_active)))
		weight = weight_of(c, node);
	if (node->counted_weight && node->counted_parent == parent) {
		above->active_weight -= node->counted_weight;
		above->active_most -= node->counted_most;
		above->nr_unlimited -= !node->counted_most;
		above->nr_active--;
		changed = !above->nr_active;
		node->counted_weight = 0;
	}
	if (weight && !node->counted_weight) {
		above->active_weight += weight;
		node->counted_most = READ_ONCE(node->most);
		above->active_most += node->counted_most;
		above->nr_unlimited += !node->counted_most;
		above->nr_active++;
		changed = changed ? false : above->nr_active == 1;
		node->counted_weight = weight;
		node->counted_parent = parent;
	}
	bpf_spin_unlock(&above->lock);
	return changed;
}

/* The same for the node and those above it, as far up as anything changes. */
__noinline int recount(u32 slot)
{
	int up;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		struct cell *c = cell_at(slot);
		u32 parent;

		if (!c || slot == HOST_CELL)
			break;
		parent = READ_ONCE(c->parent);
		if (!recount_in(parent, slot))
			break;
		slot = parent;
	}
	return 0;
}

/* Take the node out of the sum of a parent that it has left. */
__noinline int uncount_in(u32 parent, u32 slot)
{
	if (recount_in(parent, slot))
		recount(parent);
	return 0;
}

/*
 * The share of the machine that the node is due now with all below it, in units
 * of SHARE_ONE; by what it can use, or (`full`) by its weight in full and those
 * above it, whose limits hold by themselves. Read while others change it: an
 * old weight costs a slice's error.
 */
__noinline u64 node_share(u32 slot, bool full)
{
	u64 share = SHARE_ONE;
	int up;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		struct cell_objects *node = objects_of(slot), *above;
		struct cell *c = cell_at(slot), *p;
		u32 weight, counted, parent;
		u64 sum;

		if (slot == HOST_CELL || !node || !c)
			break;
		parent = READ_ONCE(c->parent);
		above = objects_of(parent);
		p = cell_at(parent);
		if (!above || !p)
			break;
		weight = full ? READ_ONCE(c->weight) * WEIGHT_ONE
			      : weight_of(c, node);
		counted = READ_ONCE(node->counted_weight);
		sum = READ_ONCE(above->active_weight) + own_weight(p);
		sum = (sum > counted ? sum - counted : 0) + weight;
		if (sum > weight)
			share = share * weight / sum;
		slot = parent;
	}
	return share;
}

/* The same for the node's own tasks alone. */
__noinline u64 share_of(u32 slot)
{
	struct cell_objects *node = objects_of(slot);
	struct cell *c = cell_at(slot);
	u64 share = node_share(slot, true), own;

	if (c && node && READ_ONCE(node->nr_active)) {
		own = own_weight(c) ?: OCIHOOK_WEIGHT_DEFAULT * WEIGHT_ONE;
		share = share * own / (own + READ_ONCE(node->active_weight));
	}
	return share < SHARE_MIN ? SHARE_MIN : share;
}

/* How much the node can use at most: see struct cell_objects. */
static __always_inline u64 most_usable(const struct cell *c,
				       const struct cell_objects *node)
{
	u64 period_us = READ_ONCE(c->period_ns) / NSEC_PER_USEC;
	u64 quota_us = READ_ONCE(c->quota_ns) / NSEC_PER_USEC;
	u64 most = 0, own;

	if (READ_ONCE(node->nr_active) && !READ_ONCE(node->nr_unlimited) &&
	    READ_ONCE(c->nr_runnable) <= 0)
		most = READ_ONCE(node->active_most);
	if (quota_us && period_us) {
		own = quota_us * SHARE_ONE / period_us;
		if (!most || own < most)
			most = own;
	}
	return most;
}

/*
 * See anew how much of its weight the node can use: with w beside siblings of
 * the weight W it gets w / (w + W) of what its parent has.
 */
__noinline int measure_node(u32 slot)
{
	u32 nr_cpus = READ_ONCE(nr_online) - READ_ONCE(nr_owned), usable = 0;
	struct cell_objects *node = objects_of(slot), *above;
	struct cell *c = cell_at(slot), *p;
	u64 has, most, others, weight;

	if (slot == HOST_CELL || !c || !node)
		return 0;
	above = objects_of(READ_ONCE(c->parent));
	p = cell_at(READ_ONCE(c->parent));
	if (!above || !p)
		return 0;
	has = node_share(READ_ONCE(c->parent), false) * nr_cpus;
	most = most_usable(c, node);
	others = READ_ONCE(above->active_weight) + own_weight(p);
	weight = READ_ONCE(node->counted_weight);
	others = others > weight ? others - weight : 0;
	weight = READ_ONCE(c->weight) * WEIGHT_ONE;
	if (others && most && most < has &&
	    others / WEIGHT_ONE * most / ((has - most) / WEIGHT_ONE + 1) <
		    weight) {
		usable = others / WEIGHT_ONE * most /
			 ((has - most) / WEIGHT_ONE + 1);
		usable = usable ?: 1;
	}
	if (usable != READ_ONCE(node->usable_weight) ||
	    most != READ_ONCE(node->most)) {
		WRITE_ONCE(node->most, most);
		WRITE_ONCE(node->usable_weight, usable);
		recount(slot);
	}
	return 0;
}

/* Hang the node below another one. */
static __always_inline void set_parent(u32 slot, u32 parent)
{
	struct cell *c = cell_at(slot);
	u32 old;

	if (!c || slot == HOST_CELL || slot == parent)
		return;
	old = READ_ONCE(c->parent);
	if (old == parent)
		return;
	WRITE_ONCE(c->parent, parent);
	uncount_in(old, slot);
	recount(slot);
}

/* cpu.weight of a task group (kernel/sched/core.c, tg_weight). */
static __always_inline u32 weight_of_group(const struct task_group *tg)
{
	u64 shares = BPF_CORE_READ(tg, shares) >> 10;
	u64 weight = (shares * OCIHOOK_WEIGHT_DEFAULT + 512) / 1024;

	if (BPF_CORE_READ(tg, idle) || weight < OCIHOOK_WEIGHT_MIN)
		return OCIHOOK_WEIGHT_MIN;
	return weight < OCIHOOK_WEIGHT_MAX ? weight : OCIHOOK_WEIGHT_MAX;
}

#endif /* OCIHOOK_TREE_BPF_H */
