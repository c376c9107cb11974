/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpu.max: a cell with a quota spends a budget, which each period fills anew.
 *
 * Nothing of it is done in advance. The budget is filled up when somebody looks
 * (refill), for all periods that have passed; it is charged when a task goes on
 * a CPU for the slice it is given, and refunded what was not used. A slice ends
 * at a tick, so a cell may use more than it has: the debt is carried over, and
 * over some periods the quota holds.
 *
 * A limit counts for all that lies below: what a task uses is charged to each
 * limited node from its own up to the root (c->limited leads from one to the
 * next), and it runs while all of them have a budget.
 *
 * What happens to a node whose budget is spent is in throttle.bpf.h.
 */
#ifndef OCIHOOK_QUOTA_BPF_H
#define OCIHOOK_QUOTA_BPF_H

#include "maps.bpf.h"

static __always_inline u64 period_end(const struct cell *c)
{
	return READ_ONCE(c->period_began_ns) + READ_ONCE(c->period_ns);
}

/*
 * The node is throttled in the period that is now, and was in all before it, so
 * many in all. A refund may let it go, and throttle it again in the same one.
 */
static __always_inline void
count_throttled(struct cell *c, struct cell_objects *node, u64 periods)
{
	u64 began = READ_ONCE(c->period_began_ns);

	if (__sync_lock_test_and_set(&node->throttled_period_ns, began) !=
	    began)
		__sync_fetch_and_add(&c->nr_throttled, periods);
}

/*
 * Count periods as cpu.stat does, when the next ones begin. Those in which no
 * task wanted to run are not seen: of them one is counted, the one that begins.
 */
static __always_inline void
count_periods(struct cell *c, struct cell_objects *node, u64 periods, bool full)
{
	bool throttled = READ_ONCE(c->throttled_since_ns);

	if (!throttled && READ_ONCE(node->nr_limited) <= 0)
		return;
	__sync_fetch_and_add(&c->nr_periods, throttled ? periods : 1);
	if (throttled && !full)
		count_throttled(c, node, periods);
	else if (throttled)
		__sync_fetch_and_add(&c->nr_throttled, periods - 1);
}

/*
 * Fill the budget for the periods that have passed. Unused budget is kept up to
 * the burst, as the kernel does (sched/fair.c, __refill_cfs_bandwidth_runtime).
 * The one that moves period_began_ns does it; what others spend meanwhile is
 * not lost, since a difference is added.
 */
static __always_inline void refill(struct cell *c, struct cell_objects *node,
				   u64 now)
{
	u64 began = READ_ONCE(c->period_began_ns);
	u64 period_ns = READ_ONCE(c->period_ns);
	u64 quota_ns = READ_ONCE(c->quota_ns), periods;
	s64 most = quota_ns + READ_ONCE(c->burst_ns), had, has;

	if (!period_ns || time_before(now, began + period_ns))
		return;
	periods = (now - began) / period_ns;
	if (__sync_val_compare_and_swap(&c->period_began_ns, began,
					began + periods * period_ns) != began)
		return;
	had = READ_ONCE(c->budget_ns);
	/* After a long sleep the product could overflow; so much fills it. */
	if (periods > REFILL_PERIODS_MAX)
		periods = REFILL_PERIODS_MAX;
	has = had + (s64)(periods * quota_ns);
	if (has > most)
		has = most;
	__sync_fetch_and_add(&c->budget_ns, has - had);
	count_periods(c, node, periods, has > 0);
}

/* See which limit comes first, from the node up. */
static __always_inline void see_limit(struct cell *c, u32 slot)
{
	const struct cell *above = cell_at(READ_ONCE(c->parent));
	u32 limit = above ? READ_ONCE(above->limited) : 0;

	if (READ_ONCE(c->quota_ns))
		limit = slot;
	if (READ_ONCE(c->limited) == limit)
		return;
	WRITE_ONCE(c->limited, limit);
	bump_release_seq();
}

/* The limited node after this one, on the way to the root; 0: there is none. */
static __always_inline u32 next_limit(const struct cell *limit)
{
	const struct cell *above = cell_at(READ_ONCE(limit->parent));

	return above ? READ_ONCE(above->limited) : 0;
}

/* How long a task may run at once by each limit from `limit` up. */
__noinline u64 affordable_below(u32 limit, u64 slice_ns)
{
	int up;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		struct cell *c = cell_at(limit);
		s64 budget_ns;

		if (!limit || !c)
			break;
		budget_ns = READ_ONCE(c->budget_ns);
		if (READ_ONCE(c->quota_ns) && budget_ns < (s64)slice_ns)
			slice_ns = budget_ns > SLICE_MIN_NS ? budget_ns
							    : SLICE_MIN_NS;
		limit = next_limit(c);
	}
	return slice_ns;
}

static __always_inline u64 affordable(const struct cell *c, u64 slice_ns)
{
	u32 limit = READ_ONCE(c->limited);

	return limit ? affordable_below(limit, slice_ns) : slice_ns;
}

/* Charge each budget from `limit` up; a refund is negative. */
__noinline int spend_below(u32 limit, s64 spent_ns)
{
	int up;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		struct cell *c = cell_at(limit);

		if (!limit || !c)
			break;
		if (READ_ONCE(c->quota_ns))
			__sync_fetch_and_sub(&c->budget_ns, spent_ns);
		limit = next_limit(c);
	}
	return 0;
}

static __always_inline void spend(const struct cell *c, s64 spent_ns)
{
	u32 limit = READ_ONCE(c->limited);

	if (limit)
		spend_below(limit, spent_ns);
}

/* Wake the idle CPUs; the busy ones look by themselves. */
static __noinline int wake_idle_cpus(void)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	int cpu;

	bpf_for(cpu, 0, MAX_CPUS) {
		if (cpu >= nr_cpus)
			break;
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
	}
	return 0;
}

/*
 * Begin a quota, or lift it: from now on, with a full budget. Idle CPUs look at
 * once whether that lets somebody run who was throttled.
 *
 * Others refill and spend meanwhile: the first period may have a slice a CPU
 * too much or too little, since a task that runs was charged by the old quota.
 * Of two changes at once, quota and period may be of one each, until the next.
 */
static __always_inline void set_quota(struct cell *c, u64 quota_ns,
				      u64 period_ns, u64 burst_ns)
{
	u64 now = scx_bpf_now();

	if (READ_ONCE(c->quota_ns) == quota_ns &&
	    READ_ONCE(c->period_ns) == period_ns &&
	    READ_ONCE(c->burst_ns) == burst_ns)
		return;
	WRITE_ONCE(c->quota_ns, 0);
	WRITE_ONCE(c->period_ns, period_ns);
	WRITE_ONCE(c->burst_ns, burst_ns);
	WRITE_ONCE(c->period_began_ns, now);
	WRITE_ONCE(c->budget_ns, quota_ns);
	WRITE_ONCE(c->quota_ns, quota_ns);
	bump_release_seq();
	if (READ_ONCE(c->throttled_since_ns))
		wake_idle_cpus();
}

#endif /* OCIHOOK_QUOTA_BPF_H */
