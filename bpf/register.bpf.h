/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How cells come and go: SEC("syscall") programs, run from their pins by
 * BPF_PROG_RUN in the caller's own context, and a tracing program for those
 * who do not call. Each returns 0 or a negative errno.
 */
#ifndef OCIHOOK_REGISTER_BPF_H
#define OCIHOOK_REGISTER_BPF_H

#include "cell.bpf.h"
#include "sweep.bpf.h"
#include "table.bpf.h"

static __always_inline bool is_attached(void)
{
	struct scheduler_record *rec = record();

	return rec && READ_ONCE(rec->attached_ns) && !READ_ONCE(rec->exited_ns);
}

/* What the cgroup's storage holds, live or stale; 0 where there is none. */
static __always_inline u64 cell_ref(struct cgroup *cgrp)
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

	if (!c)
		return -ENOENT;
	err = apply_request(c, ref, req);
	bump_config_seq();
	reserve_host_share();
	req->cell = ref;
	req->generation = ref >> 32;
	return err;
}

/* Fill a claimed slot; on failure the slot is free again. */
static __always_inline int fill_slot(struct cell *c, u32 slot,
				     const struct cell_request *req)
{
	int err;

	c->cgid = req->cgid;
	c->bundle_hash = req->bundle_hash;
	c->weight = OCIHOOK_WEIGHT_DEFAULT;
	c->restricted = 0;
	c->task_vtime = 0;
	c->vtime = READ_ONCE(cell_clock);
	c->since_ns = bpf_ktime_get_ns();
	__builtin_memcpy(c->name, req->name, sizeof(c->name));
	__builtin_memcpy(c->container, req->container, sizeof(c->container));
	__builtin_memset(&c->allowed, 0, sizeof(c->allowed));
	__builtin_memset(&c->exec_allowed, 0, sizeof(c->exec_allowed));
	reset_stats(slot);
	err = ensure_dsq(slot);
	return err ?: apply_request(c, slot, req);
}

static __always_inline int register_cgroup(struct cgroup *cgrp,
					   struct cell_request *req)
{
	u64 old = cell_ref(cgrp), ref;
	struct cell *c;
	int err;

	if (ref_is_live(old))
		return update_ref(old, req);
	ref = claim_slot();
	c = cell_at((u32)ref);
	if (!ref || !c)
		return -ENOSPC;
	err = fill_slot(c, ref, req);
	if (err) {
		change_word(c, cell_word(CELL_CLAIMING, ref >> 32),
			    cell_word(CELL_FREE, ref >> 32));
		return err;
	}
	/*
	 * Everything above is seen before the state; nobody can reach the slot
	 * until the cgroup refers to it.
	 */
	if (!change_word(c, cell_word(CELL_CLAIMING, ref >> 32),
			 cell_word(CELL_LIVE, ref >> 32)))
		return -EAGAIN;
	if (!exchange_ref(cgrp, old, ref)) {
		/*
		 * The same cgroup was registered meanwhile: the caller's next
		 * attempt finds that cell and updates it.
		 */
		release_slot(c, ref >> 32);
		return -EAGAIN;
	}
	bump_config_seq();
	reserve_host_share();
	req->cell = ref;
	req->generation = ref >> 32;
	return 0;
}

SEC("syscall")
int cell_register(struct cell_request *req)
{
	struct scheduler_record *rec = record();
	struct cgroup *cgrp;
	int err;

	if (!request_is_valid(req))
		return -EINVAL;
	if (!is_attached() || !rec)
		return -ENODEV;
	sweep_claims();
	cgrp = bpf_cgroup_from_id(req->cgid);
	if (!cgrp)
		return -ESRCH;
	err = register_cgroup(cgrp, req);
	bpf_cgroup_release(cgrp);
	if (err)
		return err;
	__sync_fetch_and_add(&rec->nr_registered, 1);
	/*
	 * rmdir hides the id before it runs our tracing program. So either
	 * that program saw the cell, or we see here that the cgroup has gone.
	 */
	cgrp = bpf_cgroup_from_id(req->cgid);
	if (cgrp) {
		bpf_cgroup_release(cgrp);
	} else {
		struct cell *c = cell_at(req->cell);

		if (c)
			release_slot(c, req->generation);
		return -ESRCH;
	}
	return 0;
}

SEC("syscall")
int cell_update(struct cell_request *req)
{
	struct cgroup *cgrp;
	u64 ref;

	if (!request_is_valid(req))
		return -EINVAL;
	if (!is_attached())
		return -ENODEV;
	cgrp = bpf_cgroup_from_id(req->cgid);
	if (!cgrp)
		return -ESRCH;
	ref = cell_ref(cgrp);
	bpf_cgroup_release(cgrp);
	return ref_is_live(ref) ? update_ref(ref, req) : -ENOENT;
}

static __always_inline bool release_matches(const struct cell *c,
					    const struct cell_release *release)
{
	const u64 *ours = (const u64 *)c->container;
	const u64 *theirs = (const u64 *)release->container;
	u64 differ = 0;
	int word;

	if (release->cgid)
		return c->cgid == release->cgid;
	if (c->bundle_hash != release->bundle_hash)
		return false;
	/* Unrolled: the context is read at constant offsets only. */
	UNROLLED
	for (word = 0; word < OCIHOOK_CONTAINER_BYTES / 8; word++)
		differ |= READ_ONCE(ours[word]) ^ READ_ONCE(theirs[word]);
	return !differ;
}

SEC("syscall")
int cell_unregister(struct cell_release *release)
{
	u32 released = 0;
	int slot;

	bpf_for(slot, 1, nr_slots()) {
		struct cell *c = cell_at(slot);
		u32 generation;

		if (!c || READ_ONCE(c->state) != CELL_LIVE)
			continue;
		generation = READ_ONCE(c->generation);
		if (release_matches(c, release) && release_slot(c, generation))
			released++;
	}
	release->released = released;
	return 0;
}

SEC("syscall")
int cell_gc(struct cell_sweep *sweep)
{
	sweep->claims = sweep_claims();
	sweep->dead = sweep_dead();
	sweep->drained = sweep_drained();
	return 0;
}

static __always_inline int describe_task(struct task_struct *p,
					 struct cell_query *query)
{
	struct task_ctx *tctx = task_ctx(p);

	if (!tctx)
		return -ENODEV;
	query->cell = tctx->cell;
	query->generation = tctx->generation;
	query->cgid = tctx->cgid;
	return 0;
}

SEC("syscall")
int cell_of(struct cell_query *query)
{
	struct task_struct *p;
	int err;

	if (!query->pid)
		return describe_task(bpf_get_current_task_btf(), query);
	p = bpf_task_from_pid(query->pid);
	if (!p)
		return -ESRCH;
	err = describe_task(p, query);
	bpf_task_release(p);
	return err;
}

/*
 * The second layer of cleaning up: a cgroup is removed, whether or not anybody
 * called poststop. The storage is looked up in the cgroup itself, never by id:
 * v1 hierarchies fire this too, and their ids collide with those of v2.
 */
SEC("tp_btf/cgroup_rmdir")
int cgroup_rmdir(u64 *ctx)
{
	struct cgroup *cgrp = (struct cgroup *)ctx[0];
	struct cgroup_cell *hint;
	struct cell *c;
	u64 ref;

	hint = bpf_cgrp_storage_get(&cgroup_cells, cgrp, 0, 0);
	if (!hint)
		return 0;
	ref = READ_ONCE(hint->ref);
	c = cell_at((u32)ref);
	if (c && (u32)ref != HOST_CELL)
		release_slot(c, ref >> 32);
	return 0;
}

#endif /* OCIHOOK_REGISTER_BPF_H */
