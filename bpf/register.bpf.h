/* SPDX-License-Identifier: GPL-2.0-only */
/* How a cgroup gets its cell: a slot is claimed, filled, and made reachable. */
#ifndef OCIHOOK_REGISTER_BPF_H
#define OCIHOOK_REGISTER_BPF_H

#include "apply.bpf.h"
#include "shared.bpf.h"
#include "table.bpf.h"

/* What the cgroup's storage holds, live or stale; 0 where there is none. */
static __always_inline u64 stored_ref(struct cgroup *cgrp)
{
	struct cgroup_cell *hint;
	u64 ref = 0;

	bpf_rcu_read_lock();
	hint = bpf_cgrp_storage_get(&cgroup_cells, cgrp, 0, 0);
	if (hint)
		ref = READ_ONCE(hint->ref);
	bpf_rcu_read_unlock();
	return ref;
}

/* The slot that is the cgroup's, with its generation of now; or 0. */
static __always_inline u64 cell_ref(struct cgroup *cgrp)
{
	u32 slot = stored_ref(cgrp);
	struct cell *c = cell_at(slot);

	if (slot == HOST_CELL || !c || READ_ONCE(c->cgid) != cgrp->kn->id)
		return 0;
	return slot_ref(slot, READ_ONCE(c->generation));
}

static __always_inline bool exchange_ref(struct cgroup *cgrp, u64 from, u64 to)
{
	struct cgroup_cell *hint;
	bool won = false;

	bpf_rcu_read_lock();
	hint = bpf_cgrp_storage_get(&cgroup_cells, cgrp, 0,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (hint)
		won = __sync_val_compare_and_swap(&hint->ref, from, to) == from;
	bpf_rcu_read_unlock();
	return won;
}

static __always_inline bool ref_is_live(u64 ref)
{
	struct cell *c = cell_at((u32)ref);

	return (u32)ref != HOST_CELL && c &&
	       *(volatile u64 *)&c->state == cell_word(CELL_LIVE, ref >> 32);
}

/* Change a live cell by what the request names, and say which cell it is. */
static __always_inline int update_ref(u64 ref, struct cell_request *req)
{
	struct cell *c = cell_at((u32)ref);
	int err;

	if (c && c->shared) {
		ref = slot_ref(c->shared, c->shared_generation);
		c = cell_at((u32)ref);
	}
	if (!c)
		return -ENOENT;
	if (req->shared == CELL_SHARED_JOIN && READ_ONCE(c->nr_members) > 1) {
		req->shared = CELL_SHARED_JOINED;
		err = 0;
	} else {
		err = apply_request(c, ref, req);
	}
	/*
	 * The cell may have ended meanwhile, and given up its CPUs before it
	 * got those of this request. Should the slot have a new owner by now,
	 * that one loses its own CPUs, and `cells` says so.
	 */
	if (!ref_is_live(ref)) {
		release_owned(ref, c);
		return -EAGAIN;
	}
	bump_config_seq();
	count_live();
	recount(ref);
	req->cell = ref;
	req->generation = ref >> 32;
	return err;
}

/* Fill a claimed slot with what is the cgroup's and the container's. */
static __always_inline int fill_slot(struct cell *c, u32 slot,
				     const struct cell_request *req)
{
	int err = 0;

	if (READ_ONCE(c->flags) & CELL_FLAG_CONTROLLED)
		forget_cell(c, slot);
	else
		err = clear_slot(c, slot);
	c->cgid = req->cgid;
	c->bundle_hash = req->bundle_hash;
	__builtin_memcpy(c->name, req->name, sizeof(c->name));
	__builtin_memcpy(c->container, req->container, sizeof(c->container));
	return err;
}

/*
 * Make the slot a member of the cell of its name. The request's wishes are for
 * all of them, unless others are there and it only joins.
 */
static __always_inline int fill_shared(struct cell *c, u32 slot,
				       struct cell_request *req)
{
	struct cell_name name;
	bool made = false;
	struct cell *all;
	s64 ref;
	int err;

	copy_name(&name, req);
	ref = enter_shared(&name, &made);
	all = cell_at((u32)ref);
	if (ref < 0 || !all)
		return ref;
	if (made || req->shared != CELL_SHARED_JOIN) {
		err = apply_request(all, ref, req);
	} else {
		req->shared = CELL_SHARED_JOINED;
		err = 0;
	}
	if (err) {
		leave_shared(ref, (u64)ref >> 32);
		return err;
	}
	c->shared = ref;
	c->shared_generation = (u64)ref >> 32;
	return 0;
}

/* A claim of the cgroup's node, where it is one, or of another slot; or 0. */
static __always_inline u64 claim_for(u64 old)
{
	struct cell *c = cell_at((u32)old);

	if ((u32)old == HOST_CELL || !c)
		return claim_slot();
	WRITE_ONCE(c->since_ns, bpf_ktime_get_ns());
	if (change_word(c, cell_word(CELL_NODE, old >> 32),
			cell_word(CELL_CLAIMING, old >> 32)))
		return old;
	return READ_ONCE(c->flags) & CELL_FLAG_CONTROLLED ? 0 : claim_slot();
}

/* The state of a slot before it was claimed. */
static __always_inline u32 unclaimed_state(const struct cell *c)
{
	return READ_ONCE(c->flags) & CELL_FLAG_CONTROLLED ? CELL_NODE
							  : CELL_FREE;
}

/* Take a slot and fill it: its reference, or a negative errno. */
static __always_inline s64 new_slot(u64 old, struct cell_request *req)
{
	u64 ref = claim_for(old);
	struct cell *c = cell_at((u32)ref);
	int err;

	if (!ref || !c)
		return old ? -EAGAIN : -ENOSPC;
	err = fill_slot(c, ref, req);
	if (!err)
		err = req->shared ? fill_shared(c, ref, req)
				  : apply_request(c, ref, req);
	if (!err)
		return ref;
	release_owned(ref, c);
	change_word(c, cell_word(CELL_CLAIMING, ref >> 32),
		    cell_word(unclaimed_state(c), ref >> 32));
	return err;
}

static __always_inline int register_cgroup(struct cgroup *cgrp,
					   struct cell_request *req)
{
	u64 stored = stored_ref(cgrp), old = cell_ref(cgrp);
	struct cell *c;
	s64 ref;

	if (ref_is_live(old))
		return update_ref(old, req);
	/* No task would be in it: see find_place(). */
	if (cgrp->level >= MAX_CGROUP_DEPTH)
		return -ENAMETOOLONG;
	ref = new_slot(old, req);
	c = cell_at((u32)ref);
	if (ref < 0 || !c)
		return ref;
	/*
	 * Everything above is seen before the state; nobody can reach the slot
	 * until the cgroup refers to it.
	 */
	if (!change_word(c, cell_word(CELL_CLAIMING, (u64)ref >> 32),
			 cell_word(CELL_LIVE, (u64)ref >> 32))) {
		/* Swept, as nobody should be: what was claimed goes, too. */
		release_owned(ref, c);
		if (c->shared)
			leave_shared(c->shared, c->shared_generation);
		return -EAGAIN;
	}
	if ((u32)ref != (u32)stored && !exchange_ref(cgrp, stored, ref)) {
		/*
		 * The same cgroup was registered meanwhile: the caller's next
		 * attempt finds that cell and updates it.
		 */
		release_slot(ref, (u64)ref >> 32);
		return -EAGAIN;
	}
	/* Made while it was being claimed, its CPUs may be of before. */
	WRITE_ONCE(c->box, c->shared ?: (u32)ref);
	publish_cpus(ref);
	bump_config_seq();
	count_live();
	recount(ref);
	req->cell = c->shared ?: (u32)ref;
	req->generation = c->shared ? c->shared_generation : (u64)ref >> 32;
	return 0;
}

#endif /* OCIHOOK_REGISTER_BPF_H */
