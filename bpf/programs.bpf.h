/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user space calls: SEC("syscall") programs, run from their pins by
 * BPF_PROG_RUN in the caller's own context; and a tracing program for those who
 * do not call. Each returns 0 or a negative errno.
 */
#ifndef OCIHOOK_PROGRAMS_BPF_H
#define OCIHOOK_PROGRAMS_BPF_H

#include "cell.bpf.h"
#include "register.bpf.h"
#include "shared.bpf.h"
#include "sweep.bpf.h"

static __always_inline bool is_attached(void)
{
	struct scheduler_record *rec = record();

	return rec && READ_ONCE(rec->attached_ns) && !READ_ONCE(rec->exited_ns);
}

SEC("syscall")
int cell_register(struct cell_request *req)
{
	struct scheduler_record *rec = record();
	struct cgroup *cgrp;
	u64 ref;
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
	ref = cell_ref(cgrp);
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
		return 0;
	}
	release_slot(ref, ref >> 32);
	return -ESRCH;
}

SEC("syscall")
int cell_update(struct cell_request *req)
{
	struct cgroup *cgrp;
	u64 ref;
	int err;

	if (!request_is_valid(req))
		return -EINVAL;
	if (!is_attached())
		return -ENODEV;
	cgrp = bpf_cgroup_from_id(req->cgid);
	if (!cgrp)
		return -ESRCH;
	ref = cell_ref(cgrp);
	bpf_cgroup_release(cgrp);
	err = ref_is_live(ref) ? update_ref(ref, req) : -ENOENT;
	return err == -EAGAIN ? -ENOENT : err;
}

/*
 * Whether a cell is meant: by its cgroup's id, or by its container and bundle
 * where that is all that is known. Not inlined: the loop around it would keep
 * 32 addresses on the stack.
 */
static __noinline bool release_matches(const struct cell *c,
				       const struct cell_release *release)
{
	const u64 *ours = (const u64 *)c->container;
	const u64 *theirs = (const u64 *)release->container;
	int word;

	if (release->cgid)
		return c->cgid == release->cgid;
	/* A shared cell is no container's: it ends with its last member. */
	if (!c->cgid || c->bundle_hash != release->bundle_hash)
		return false;
	/* Unrolled: the context is read at constant offsets only. */
	UNROLLED
	for (word = 0; word < OCIHOOK_CONTAINER_BYTES / 8; word++)
		if (READ_ONCE(ours[word]) != READ_ONCE(theirs[word]))
			return false;
	return true;
}

/*
 * Whether a task is in the cgroup or below it, as cgroup.events' `populated`
 * has it (kernel/cgroup/cgroup-internal.h, cgroup_is_populated).
 */
static __noinline int has_tasks(u64 cgid)
{
	struct cgroup *cgrp = bpf_cgroup_from_id(cgid);
	int populated;

	if (!cgrp)
		return false;
	if (bpf_core_field_exists(cgrp->self.nr_populated_csets))
		populated = READ_ONCE(cgrp->self.nr_populated_csets);
	else
		populated = READ_ONCE(cgrp->nr_populated_csets);
	populated += READ_ONCE(cgrp->nr_populated_domain_children) +
		     READ_ONCE(cgrp->nr_populated_threaded_children);
	bpf_cgroup_release(cgrp);
	return populated > 0;
}

/*
 * A container that has ended has no tasks. So where only its name is known, a
 * cell with tasks is that of a later container, of the same id and bundle: the
 * engine restarted it before the poststop of the first one came.
 */
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
		if (release_matches(c, release) &&
		    (release->cgid || !has_tasks(READ_ONCE(c->cgid))))
			released += release_slot(slot, generation);
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
	query->cell = tctx->box;
	query->generation = tctx->box_generation;
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
	u32 slot;

	hint = bpf_cgrp_storage_get(&cgroup_cells, cgrp, 0, 0);
	if (!hint)
		return 0;
	slot = READ_ONCE(hint->ref);
	c = cell_at(slot);
	if (c && slot != HOST_CELL && READ_ONCE(c->cgid) == cgrp->kn->id)
		release_slot(slot, READ_ONCE(c->generation));
	return 0;
}

#endif /* OCIHOOK_PROGRAMS_BPF_H */
