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
 * What happens to a cell whose budget is spent is in throttle.bpf.h.
 */
#ifndef OCIHOOK_QUOTA_BPF_H
#define OCIHOOK_QUOTA_BPF_H

#include "maps.bpf.h"

static __always_inline u64 period_end(const struct cell *c)
{
	return READ_ONCE(c->period_began_ns) + READ_ONCE(c->period_ns);
}

/*
 * Whether the quota is too little for all that want to run: a slice for each of
 * them would take longer than throttle_max_ns. In microseconds, for room.
 */
static __always_inline bool is_starved(const struct cell *c)
{
	s64 nr_runnable = READ_ONCE(c->nr_runnable);
	u64 period_us = READ_ONCE(c->period_ns) / NSEC_PER_USEC;
	u64 quota_us = READ_ONCE(c->quota_ns) / NSEC_PER_USEC;

	return nr_runnable > 0 &&
	       nr_runnable * (SLICE_NS / NSEC_PER_USEC) * period_us >
		       config.throttle_max_ns / NSEC_PER_USEC * quota_us;
}

/*
 * Fill the budget for the periods that have passed. Unused budget is kept up to
 * the burst, as the kernel does (sched/fair.c, __refill_cfs_bandwidth_runtime);
 * and what forgive() gave to a starved cell until its tasks had it, however
 * many periods that takes. The one that moves period_began_ns does it; what
 * others spend meanwhile is not lost, since a difference is added.
 */
static __always_inline void refill(struct cell *c, u64 now)
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
		has = had > most && is_starved(c) ? had : most;
	__sync_fetch_and_add(&c->budget_ns, has - had);
}

/* How long a task of the cell may run at once, at most `slice_ns`. */
static __always_inline u64 affordable(const struct cell *c, u64 slice_ns)
{
	s64 budget_ns = READ_ONCE(c->budget_ns);

	if (!READ_ONCE(c->quota_ns) || budget_ns >= (s64)slice_ns)
		return slice_ns;
	return budget_ns > SLICE_MIN_NS ? budget_ns : SLICE_MIN_NS;
}

/* Charge the budget; a refund is negative. */
static __always_inline void spend(struct cell *c, s64 spent_ns)
{
	if (READ_ONCE(c->quota_ns))
		__sync_fetch_and_sub(&c->budget_ns, spent_ns);
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
	if (READ_ONCE(c->throttled_since_ns))
		wake_idle_cpus();
}

#endif /* OCIHOOK_QUOTA_BPF_H */
