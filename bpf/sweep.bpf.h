/* SPDX-License-Identifier: GPL-2.0-only */
/* What is left in the cell table by those who did not come back for it. */
#ifndef OCIHOOK_SWEEP_BPF_H
#define OCIHOOK_SWEEP_BPF_H

#include "register.bpf.h"

/*
 * Free the slots of registrations that were killed half-way. The generation is
 * raised, so that one which was merely asleep that long cannot publish the
 * slot. It may still write what it was about to write into the slot, if that
 * has a new owner by then: a name or a weight may be wrong, until poststart
 * sets them again.
 */
static __always_inline u32 sweep_claims(void)
{
	u64 now = bpf_ktime_get_ns();
	u32 swept = 0;
	int slot;

	bpf_for(slot, 1, nr_slots()) {
		struct cell *c = cell_at(slot);
		u32 generation;

		if (!c || READ_ONCE(c->state) != CELL_CLAIMING ||
		    !time_before(READ_ONCE(c->since_ns) + CLAIM_NS, now))
			continue;
		generation = READ_ONCE(c->generation);
		if (change_word(c, cell_word(CELL_CLAIMING, generation),
				cell_word(unclaimed_state(c), generation + 1)))
			swept++;
	}
	return swept;
}

/* Free the slots whose last task has left since. */
static __always_inline u32 sweep_drained(void)
{
	u32 swept = 0;
	int slot;

	bpf_for(slot, 1, nr_slots()) {
		struct cell *c = cell_at(slot);

		if (c && free_drained(c))
			swept++;
	}
	return swept;
}

/*
 * Release live cells whose cgroup is gone. Before 6.18 a caller in a cgroup
 * namespace finds no cgroup outside it (kernel commit 2c8951339506), so one
 * that cannot see the hierarchy's own root must not conclude anything. That
 * root has id 1; the loader's may be a container's, which a caller in there
 * sees, and not what lies beside it.
 */
static __always_inline u32 sweep_dead(void)
{
	struct cgroup *cgrp = bpf_cgroup_from_id(HIERARCHY_ROOT_CGID);
	u32 swept = 0;
	int slot;

	if (!cgrp)
		return 0;
	bpf_cgroup_release(cgrp);
	bpf_for(slot, 1, nr_slots()) {
		struct cell *c = cell_at(slot);
		u32 generation;

		if (!c || READ_ONCE(c->state) != CELL_LIVE || !c->cgid)
			continue;
		generation = READ_ONCE(c->generation);
		cgrp = bpf_cgroup_from_id(READ_ONCE(c->cgid));
		if (cgrp)
			bpf_cgroup_release(cgrp);
		else if (release_slot(slot, generation))
			swept++;
	}
	return swept;
}

#endif /* OCIHOOK_SWEEP_BPF_H */
