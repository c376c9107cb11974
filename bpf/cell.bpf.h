/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a task to its cell: the nearest ancestor of its cgroup that owns one,
 * else the host's.
 *
 * The cgroup is p->cgroups->dfl_cgrp, the task's own on the v2 hierarchy. The
 * kernel's scx_bpf_task_cgroup() names the nearest one with the cpu controller
 * instead, which is some ancestor where the controller is off.
 *
 * Nothing is pushed to tasks. Each remembers the cgroup and the config_seq it
 * last looked at; when either differs it walks again. So a move between
 * cgroups, a registration and the end of a cell need no list of tasks. A task
 * that waits in a queue meanwhile stays there until it next runs: the old
 * queue is still served (waiting.bpf.h), so this costs at most one turn.
 */
#ifndef OCIHOOK_CELL_BPF_H
#define OCIHOOK_CELL_BPF_H

#include "maps.bpf.h"
#include "active.bpf.h"
#include "affinity.bpf.h"
#include "cpuset.bpf.h"
#include "follow.bpf.h"

/* The slot of the cell that a member shares, or HOST_CELL. */
static __always_inline u32 shared_cell(const struct cell *member,
				       u32 *generation)
{
	u32 slot = READ_ONCE(member->shared);
	struct cell *c = cell_at(slot);

	if (!c || READ_ONCE(c->state) != CELL_LIVE ||
	    READ_ONCE(c->generation) != READ_ONCE(member->shared_generation))
		return HOST_CELL;
	*generation = READ_ONCE(member->shared_generation);
	return slot;
}

/* A task's node, and the cell that the node is, or lies in. */
struct place {
	u32 slot;
	u32 generation;
	u32 box;
	u32 box_generation;
};

/* The slot of the node that `cgrp` itself is, or HOST_CELL. */
static __always_inline u32 own_node(struct cgroup *cgrp, u32 *generation,
				    bool *is_box)
{
	struct cgroup_cell *hint;
	struct cell *c;
	u32 slot, state;

	hint = bpf_cgrp_storage_get(&cgroup_cells, cgrp, 0, 0);
	if (!hint)
		return HOST_CELL;
	slot = READ_ONCE(hint->ref);
	c = cell_at(slot);
	/* The slot may have been freed, even taken by another cgroup. */
	if (slot == HOST_CELL || !c || READ_ONCE(c->cgid) != cgrp->kn->id)
		return HOST_CELL;
	state = READ_ONCE(c->state);
	/* A node is one while it becomes a cell, too. */
	if (!is_node(state) && !(state == CELL_CLAIMING &&
				 READ_ONCE(c->flags) & CELL_FLAG_CONTROLLED))
		return HOST_CELL;
	*is_box = state == CELL_LIVE;
	if (READ_ONCE(c->shared))
		return shared_cell(c, generation);
	*generation = READ_ONCE(c->generation);
	return slot;
}

static __always_inline int reached_level(const struct cgroup *cgrp)
{
	return cgrp->level < MAX_CGROUP_DEPTH ? cgrp->level
					      : MAX_CGROUP_DEPTH - 1;
}

/*
 * Walk up from `cgrp`, and hang each node that is met below the next one. From
 * a deeper cgroup than is walked it begins at the deepest ancestor from which
 * it reaches the root: what lies deeper belongs to that one, and no task gets
 * out of a cell by cgroups that are made below it.
 */
static __always_inline void find_place(struct cgroup *cgrp, struct place *place)
{
	int level = reached_level(cgrp), up;
	u32 below = HOST_CELL;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		struct cgroup *ancestor;
		bool is_box = false;
		u32 generation = 0, slot;

		if (up > level)
			break;
		ancestor = bpf_cgroup_ancestor(cgrp, level - up);
		if (!ancestor)
			break;
		slot = own_node(ancestor, &generation, &is_box);
		bpf_cgroup_release(ancestor);
		if (slot == HOST_CELL)
			continue;
		if (below != HOST_CELL) {
			set_parent(below, slot);
		} else {
			place->slot = slot;
			place->generation = generation;
		}
		if (is_box && place->box == HOST_CELL) {
			place->box = slot;
			place->box_generation = generation;
		}
		below = slot;
	}
	set_parent(below, HOST_CELL);
}

/* Carry the task's bookkeeping over to another node. */
static __always_inline void join_node(struct task_ctx *tctx,
				      const struct place *place)
{
	struct cell_stats *stats = stats_of(tctx->box);
	struct cell *c = cell_at(place->slot);
	bool counted = tctx->counted;

	if (!c)
		return;
	if (stats && tctx->box != HOST_CELL && place->box == HOST_CELL)
		__sync_fetch_and_add(&stats->nr_fallbacks, 1);
	uncount_runnable(tctx);
	if (tctx->cell != place->slot || tctx->generation != place->generation)
		tctx->vtime = READ_ONCE(c->task_vtime);
	tctx->cell = place->slot;
	tctx->generation = place->generation;
	tctx->box = place->box;
	tctx->box_generation = place->box_generation;
	WRITE_ONCE(c->box, place->box);
	if (counted)
		count_runnable(tctx);
}

/* The id of the task's cgroup, now. Call under RCU. */
static __always_inline u64 cgid_of(struct task_struct *p)
{
	return p->cgroups->dfl_cgrp->kn->id;
}

/*
 * Whether a task comes into a cell from outside: moved there, or cloned into
 * its cgroup, as `exec` of a runtime does. A task that was in the cgroup when
 * the cell came to it does not, nor does one that a task of the cell forked;
 * its children are what it is.
 */
static __always_inline bool came_from_outside(const struct task_ctx *tctx,
					      const struct place *place,
					      u64 cgid)
{
	if (place->box == HOST_CELL || tctx->cgid == cgid)
		return false;
	if (tctx->cgid)
		return true;
	/* Its first look. The parent may have forked it before its own. */
	if (tctx->parent_cgid == cgid ||
	    (tctx->parent_cell == place->box &&
	     tctx->parent_generation == place->box_generation))
		return tctx->joined;
	return true;
}

/*
 * Bring the task's cell up to date. The sequence number is read before the
 * table: a change in between makes the next call walk once more, never less.
 */
static __always_inline void refresh_cell(struct task_struct *p,
					 struct task_ctx *tctx)
{
	u64 seq = READ_ONCE(config_seq), cgid;
	struct place place = {};
	bool fresh;

	bpf_rcu_read_lock();
	cgid = cgid_of(p);
	fresh = tctx->seq == seq && tctx->cgid == cgid;
	if (!fresh)
		find_place(p->cgroups->dfl_cgrp, &place);
	bpf_rcu_read_unlock();
	follow_group(p, fresh ? tctx->cell : place.slot);
	if (fresh) {
		follow_limits(tctx);
		return;
	}

	if (place.box != tctx->box ||
	    place.box_generation != tctx->box_generation)
		tctx->joined = came_from_outside(tctx, &place, cgid);
	if (place.box != tctx->box ||
	    place.box_generation != tctx->box_generation ||
	    place.slot != tctx->cell || place.generation != tctx->generation)
		join_node(tctx, &place);
	follow_cpuset(p, tctx->box);
	compare_affinity(p, tctx);
	count_narrow(tctx);
	tctx->cgid = cgid;
	tctx->seq = seq;
}

#endif /* OCIHOOK_CELL_BPF_H */
