/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a cell's tasks waited for: how long, and how often they had to stop.
 *
 * wait_ns is all the time that tasks were runnable and not on a CPU, whether
 * they had woken up or been put off one. The histogram has wake-ups alone: how
 * soon a task runs that had something to react to. Both are counted for the
 * cell that the task has when it runs, which is another one than it waited in
 * for the one turn after a move.
 */
#ifndef OCIHOOK_STATS_BPF_H
#define OCIHOOK_STATS_BPF_H

#include "maps.bpf.h"

static __always_inline struct cell_waits *waits_of(u32 slot)
{
	return bpf_map_lookup_elem(&cell_waits, &slot);
}

/* The bucket of a wait, as struct cell_waits has them. */
static __always_inline u32 wait_bucket(u64 wait_ns)
{
	u64 us = wait_ns / NSEC_PER_USEC;
	u32 bucket = 0, shift;

	if (us >> (OCIHOOK_WAIT_BUCKETS - 2))
		return OCIHOOK_WAIT_BUCKETS - 1;
	UNROLLED
	for (shift = 16; shift; shift /= 2) {
		if (us >> shift) {
			us >>= shift;
			bucket += shift;
		}
	}
	return bucket + (us != 0);
}

/*
 * A task became runnable. The kernel also says so when it takes a waiting task
 * out and puts it back, for a new affinity or priority: that wait goes on.
 * ops.runnable is called where the waker is, before the task travels: we do
 * not set SCX_OPS_ALLOW_QUEUED_WAKEUP, so nothing was waited for unseen.
 */
static __always_inline void note_runnable(struct task_ctx *tctx, u64 enq_flags,
					  u64 now)
{
	if (tctx->waiting_ns)
		return;
	tctx->waiting_ns = now;
	tctx->woken = enq_flags & SCX_ENQ_WAKEUP;
}

/*
 * A task came under this scheduler, or came back to it: from a real-time
 * priority, say, that it got while it waited. What it did there is not ours.
 */
static __always_inline void forget_wait(struct task_ctx *tctx)
{
	tctx->waiting_ns = 0;
	tctx->woken = false;
}

/*
 * A task begins to run: its wait is over. A clock that steps back between CPUs
 * counts as no time. Buckets are shared by all CPUs, hence the atomic addition;
 * one for each wake-up is little beside the wake-up itself.
 */
static __always_inline void note_wait_over(struct task_ctx *tctx,
					   struct cell_stats *stats, u64 now)
{
	struct cell_waits *waits;
	u64 wait_ns;
	u32 bucket;

	if (!tctx->waiting_ns)
		return;
	wait_ns =
		time_before(now, tctx->waiting_ns) ? 0 : now - tctx->waiting_ns;
	tctx->waiting_ns = 0;
	__sync_fetch_and_add(&stats->wait_ns, wait_ns);
	if (!tctx->woken)
		return;
	tctx->woken = false;
	waits = waits_of(tctx->box);
	bucket = wait_bucket(wait_ns);
	if (waits && bucket < OCIHOOK_WAIT_BUCKETS)
		__sync_fetch_and_add(&waits->buckets[bucket], 1);
}

/*
 * What runs on `cpu` is about to be stopped for a task of more claim; whoever
 * kicks a CPU with SCX_KICK_PREEMPT says so here. It is counted when the task
 * stops, once, however many kicked. If the task gave up the CPU by itself
 * meanwhile, the kernel ends the slice of the one that came after it, and that
 * one is counted instead.
 */
static __always_inline void note_preempt(s32 cpu)
{
	struct cpu_ctx *there = cpu_at(cpu);

	if (there)
		WRITE_ONCE(there->preempted, true);
}

/* The task that runs goes on: it had the better claim when dispatch looked. */
static __always_inline void forget_preempt(s32 cpu)
{
	struct cpu_ctx *here = cpu_at(cpu);

	if (here && READ_ONCE(here->preempted))
		WRITE_ONCE(here->preempted, false);
}

/* A task stops; where it is still runnable, it was put off and waits anew. */
static __always_inline void note_put_off(struct task_ctx *tctx, bool runnable,
					 s32 cpu, u64 now)
{
	struct cell_stats *stats = stats_of(tctx->box);
	struct cpu_ctx *here = cpu_at(cpu);
	bool preempted = here && READ_ONCE(here->preempted);

	if (preempted)
		WRITE_ONCE(here->preempted, false);
	if (!runnable)
		return;
	tctx->waiting_ns = now;
	tctx->woken = false;
	if (preempted && stats)
		__sync_fetch_and_add(&stats->nr_preempted, 1);
}

/* Begin a slot's histogram anew, with its counters. */
static __always_inline void reset_waits(u32 slot)
{
	struct cell_waits *waits = waits_of(slot);

	if (waits)
		__builtin_memset(waits, 0, sizeof(*waits));
}

#endif /* OCIHOOK_STATS_BPF_H */
