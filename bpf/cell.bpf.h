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
 * queue is still served (active.bpf.h), so this costs at most one turn.
 */
#ifndef OCIHOOK_CELL_BPF_H
#define OCIHOOK_CELL_BPF_H

#include "maps.bpf.h"
#include "active.bpf.h"
#include "affinity.bpf.h"

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

/* The slot of the cell that `cgrp` itself has, or HOST_CELL. */
static __always_inline u32 own_cell(struct cgroup *cgrp, u32 *generation)
{
	struct cgroup_cell *hint;
	struct cell *c;
	u64 ref;

	hint = bpf_cgrp_storage_get(&cgroup_cells, cgrp, 0, 0);
	if (!hint)
		return HOST_CELL;
	ref = READ_ONCE(hint->ref);
	c = cell_at((u32)ref);
	/* The slot may have been freed, even taken by another cgroup. */
	if (!c || READ_ONCE(c->state) != CELL_LIVE ||
	    READ_ONCE(c->generation) != ref >> 32)
		return HOST_CELL;
	if (READ_ONCE(c->shared))
		return shared_cell(c, generation);
	*generation = ref >> 32;
	return ref;
}

/* Walk up from `cgrp`. Deeper than MAX_CGROUP_DEPTH counts as the host's. */
static __always_inline u32 nearest_cell(struct cgroup *cgrp, u32 *generation)
{
	int level = cgrp->level, up;
	u32 slot = HOST_CELL;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		struct cgroup *ancestor;

		if (up > level)
			break;
		ancestor = bpf_cgroup_ancestor(cgrp, level - up);
		if (!ancestor)
			break;
		slot = own_cell(ancestor, generation);
		bpf_cgroup_release(ancestor);
		if (slot != HOST_CELL)
			break;
	}
	return slot;
}

/* Carry the task's bookkeeping over to another cell. */
static __always_inline void join_cell(struct task_ctx *tctx, u32 slot,
				      u32 generation)
{
	struct cell_stats *stats = stats_of(tctx->cell);
	struct cell *c = cell_at(slot);
	bool counted = tctx->counted;

	if (!c)
		return;
	if (stats && slot == HOST_CELL)
		stats->nr_fallbacks++;
	uncount_runnable(tctx);
	tctx->cell = slot;
	tctx->generation = generation;
	tctx->vtime = READ_ONCE(c->task_vtime);
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
					      u32 slot, u32 generation,
					      u64 cgid)
{
	if (slot == HOST_CELL || tctx->cgid == cgid)
		return false;
	if (tctx->cgid)
		return true;
	/* Its first look. The parent may have forked it before its own. */
	if (tctx->parent_cgid == cgid ||
	    (tctx->parent_cell == slot &&
	     tctx->parent_generation == generation))
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
	u32 slot = HOST_CELL, generation = 0;
	bool fresh;

	bpf_rcu_read_lock();
	cgid = cgid_of(p);
	fresh = tctx->seq == seq && tctx->cgid == cgid;
	if (!fresh)
		slot = nearest_cell(p->cgroups->dfl_cgrp, &generation);
	bpf_rcu_read_unlock();
	if (fresh)
		return;

	if (slot != tctx->cell || generation != tctx->generation) {
		tctx->joined = came_from_outside(tctx, slot, generation, cgid);
		join_cell(tctx, slot, generation);
	}
	compare_affinity(p, tctx);
	tctx->cgid = cgid;
	tctx->seq = seq;
}

#endif /* OCIHOOK_CELL_BPF_H */
