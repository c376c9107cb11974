/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cgroups of the cpu controller come and go, and are nodes of the tree from the
 * first moment to the last; those that are there at attach come then.
 *
 * A cgroup that finds no slot is none: its tasks count with the nearest node
 * above, and the record says how many there are of those. One that lies deeper
 * than is walked is none, either: no tree takes all slots by its depth.
 */
#ifndef OCIHOOK_NODE_BPF_H
#define OCIHOOK_NODE_BPF_H

#include "follow.bpf.h"
#include "register.bpf.h"

/* The slot of the nearest node above the cgroup, or HOST_CELL. */
static __always_inline u32 node_above(struct cgroup *cgrp)
{
	int level = cgrp->level, up;
	u32 slot = HOST_CELL;

	bpf_for(up, 1, MAX_CGROUP_DEPTH) {
		struct cgroup *ancestor;

		if (up > level || slot != HOST_CELL)
			break;
		ancestor = bpf_cgroup_ancestor(cgrp, level - up);
		if (!ancestor)
			break;
		slot = cell_ref(ancestor);
		bpf_cgroup_release(ancestor);
	}
	return slot;
}

/* Make a slot the cgroup's node; a cell that it is already becomes one, too. */
static __always_inline void add_node(struct cgroup *cgrp, u32 weight)
{
	u64 stored = stored_ref(cgrp), ref = cell_ref(cgrp);
	struct scheduler_record *rec = record();
	struct cell *c;

	if (ref_is_live(ref)) {
		c = cell_at((u32)ref);
		if (c && !c->shared)
			__sync_fetch_and_or(&c->flags, CELL_FLAG_CONTROLLED);
		return;
	}
	ref = claim_slot();
	c = cell_at((u32)ref);
	if (!ref || !c || clear_slot(c, ref))
		goto unplaced;
	c->cgid = cgrp->kn->id;
	c->weight = weight ?: OCIHOOK_WEIGHT_DEFAULT;
	c->flags = CELL_FLAG_CONTROLLED;
	c->parent = node_above(cgrp);
	if (exchange_ref(cgrp, stored, ref) &&
	    change_word(c, cell_word(CELL_CLAIMING, ref >> 32),
			cell_word(CELL_NODE, ref >> 32))) {
		bump_config_seq();
		return;
	}
	/* Registered or swept meanwhile: a cell of its own, or none. */
	c->flags = 0;
	change_word(c, cell_word(CELL_CLAIMING, ref >> 32),
		    cell_word(CELL_FREE, ref >> 32));
unplaced:
	if (rec)
		__sync_fetch_and_add(&rec->nr_unplaced, 1);
}

static __always_inline bool is_of_v2(struct cgroup *cgrp)
{
	/* kernel/cgroup/cgroup.c: the default hierarchy has the first id. */
	return BPF_CORE_READ(cgrp, root, hierarchy_id) == 0;
}

SEC("struct_ops.s/ocihook_cgroup_init")
s32 ocihook_cgroup_init(u64 *ctx)
{
	struct cgroup *cgrp = (struct cgroup *)ctx[0];
	struct scx_cgroup_init_args *args =
		(struct scx_cgroup_init_args *)ctx[1];

	if (cgrp->level && cgrp->level < MAX_CGROUP_DEPTH && is_of_v2(cgrp))
		add_node(cgrp, args->weight);
	return 0;
}

/*
 * The controller leaves the cgroup, or both go. A cell stays one: rmdir and
 * poststop end it.
 */
SEC("struct_ops.s/ocihook_cgroup_exit")
void ocihook_cgroup_exit(u64 *ctx)
{
	struct cgroup *cgrp = (struct cgroup *)ctx[0];
	u64 ref = cell_ref(cgrp);
	struct cell *c = cell_at((u32)ref);

	if (!ref || !c)
		return;
	__sync_fetch_and_and(&c->flags, ~CELL_FLAG_CONTROLLED);
	if (!change_word(c, cell_word(CELL_NODE, ref >> 32),
			 cell_word(CELL_NODE_DRAINING, (ref >> 32) + 1)))
		return;
	set_quota(c, 0, 0, 0);
	bump_config_seq();
	free_drained(c);
}

#endif /* OCIHOOK_NODE_BPF_H */
