/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Slices on CPUs that may be without a tick, those of nohz_full=.
 *
 * A slice ends at a tick. On 6.18 the kernel can leave that of such a CPU off
 * when a task of sched_ext comes after the idle one (7.3 does not: commit
 * 4ec10f38ff90). Then a task ran for seconds past its slice and its limit, and
 * what may run on that CPU alone waited as long. So a timer ends slices there.
 */
#ifndef OCIHOOK_TICKLESS_BPF_H
#define OCIHOOK_TICKLESS_BPF_H

#include "maps.bpf.h"

struct slice_timer {
	struct bpf_timer timer;
	/* By scx_bpf_now(): when the slice ends that was granted last. */
	u64 ends_ns;
};

/* Pinned, as quota_timer is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_CPUS);
	__type(key, u32);
	__type(value, struct slice_timer);
} slice_timers SEC(".maps");

static __always_inline bool may_be_tickless(u32 cpu)
{
	return config.tickless.bits[cpu / 64 % OCIHOOK_CPU_WORDS] >>
		       (cpu % 64) &
	       1;
}

static __always_inline struct slice_timer *slice_timer_of(u32 cpu)
{
	return bpf_map_lookup_elem(&slice_timers, &cpu);
}

/*
 * What runs there has had a tick by now, if there was one. A slice that was
 * granted meanwhile ends later, and has armed the timer again. The clocks of
 * timers and of the scheduler are two.
 */
static int slice_over(void *map, u32 *cpu, struct slice_timer *t)
{
	struct cpu_ctx *there = cpu_at(*cpu);

	if (there && READ_ONCE(there->busy) && !READ_ONCE(there->endless) &&
	    !time_before(scx_bpf_now() + SLICE_MIN_NS / 2,
			 READ_ONCE(t->ends_ns)))
		scx_bpf_kick_cpu(*cpu, SCX_KICK_PREEMPT);
	return 0;
}

/* A task goes on the CPU, or goes on there, for a slice. */
static __always_inline void end_slice_in(u32 cpu, u64 slice_ns, u64 now)
{
	struct slice_timer *t;

	if (!may_be_tickless(cpu))
		return;
	t = slice_timer_of(cpu);
	if (!t)
		return;
	WRITE_ONCE(t->ends_ns, now + slice_ns);
	bpf_timer_start(&t->timer, slice_ns, 0);
}

static __always_inline int init_slice_timer(u32 cpu)
{
	struct slice_timer *t = slice_timer_of(cpu);

	if (!t || !may_be_tickless(cpu))
		return 0;
	return init_timer(&t->timer, &slice_timers, slice_over);
}

#endif /* OCIHOOK_TICKLESS_BPF_H */
