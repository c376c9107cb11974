/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A live change of cpu.weight and cpu.max is followed at once.
 *
 * The kernel calls these ops for cgroups with the cpu controller; where it is
 * off there are no such files. cgroup_set_bandwidth came with 6.17; before,
 * cpu.max is read by the hook's stages alone. A weight or quota that an
 * annotation or `ocihook cells set` named stays what it is.
 */
#ifndef OCIHOOK_FOLLOW_BPF_H
#define OCIHOOK_FOLLOW_BPF_H

#include "quota.bpf.h"
#include "register.bpf.h"

/* The cell that the cgroup itself has, or NULL. */
static __always_inline struct cell *cell_of_cgroup(struct cgroup *cgrp)
{
	u64 ref = cell_ref(cgrp);
	struct cell *c = ref_is_live(ref) ? cell_at((u32)ref) : NULL;

	return c && c->shared ? cell_at(c->shared) : c;
}

static __always_inline void follow_weight(struct cgroup *cgrp, u32 weight)
{
	struct cell *c = cell_of_cgroup(cgrp);

	if (!c || READ_ONCE(c->flags) & CELL_FLAG_FIXED_WEIGHT)
		return;
	if (weight < OCIHOOK_WEIGHT_MIN)
		weight = OCIHOOK_WEIGHT_MIN;
	if (weight > OCIHOOK_WEIGHT_MAX)
		weight = OCIHOOK_WEIGHT_MAX;
	WRITE_ONCE(c->weight, weight);
	reserve_host_share();
}

/* Without a limit the kernel gives all ones (RUNTIME_INF). */
static __always_inline void follow_quota(struct cgroup *cgrp, u64 period_us,
					 u64 quota_us, u64 burst_us)
{
	struct cell *c = cell_of_cgroup(cgrp);
	u64 usec = NSEC_PER_MSEC / 1000;

	if (!c || READ_ONCE(c->flags) & CELL_FLAG_FIXED_QUOTA)
		return;
	if (quota_us > (u64)MAX_CPUS * OCIHOOK_PERIOD_MAX_US)
		quota_us = burst_us = 0;
	set_quota(c, quota_us * usec, period_us * usec, burst_us * usec);
}

#endif /* OCIHOOK_FOLLOW_BPF_H */
