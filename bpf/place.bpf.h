/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a task that became runnable goes: an idle CPU at once, or a queue. */
#ifndef OCIHOOK_PLACE_BPF_H
#define OCIHOOK_PLACE_BPF_H

#include "maps.bpf.h"
#include "affinity.bpf.h"
#include "preempt.bpf.h"
#include "share.bpf.h"

/* A kernel thread bound to one CPU does that CPU's own work, and is short. */
static __always_inline bool is_cpu_kthread(struct task_struct *p)
{
	return p->flags & PF_KTHREAD && p->nr_cpus_allowed == 1;
}

/* Run on an idle CPU without queueing, the previous one if it can be. */
static __always_inline s32 place_on_idle(struct task_struct *p,
					 struct task_ctx *tctx, s32 prev_cpu)
{
	struct cell *c = cell_at(tctx->cell);
	s32 cpu = prev_cpu;

	if (!c)
		return prev_cpu;
	if (!may_run_on(p, tctx, c, prev_cpu) ||
	    !scx_bpf_test_and_clear_cpu_idle(prev_cpu))
		cpu = take_idle_cpu(p, tctx);
	if (cpu < 0)
		return prev_cpu;
	limit_lag(p, c);
	limit_task_lag(tctx, c);
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, SLICE_NS, 0);
	return cpu;
}

/* Into the queue of one CPU: an idle one, else where the task last ran. */
static __always_inline void enqueue_narrow(struct task_struct *p,
					   struct task_ctx *tctx,
					   struct cell *c, u64 enq_flags)
{
	struct cell_stats *stats = stats_of(tctx->cell);
	s32 cpu = take_idle_cpu(p, tctx);

	if (cpu < 0)
		cpu = narrow_cpu(p, tctx, c);
	if (stats)
		stats->nr_narrow++;
	scx_bpf_dsq_insert_vtime(p, CPU_DSQ(cpu), SLICE_NS, READ_ONCE(c->vtime),
				 enq_flags);
	scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

static __always_inline void enqueue_task(struct task_struct *p,
					 struct task_ctx *tctx, u64 enq_flags)
{
	struct cell *c = cell_at(tctx->cell);
	s32 cpu;

	if (!c)
		return;
	if (is_cpu_kthread(p)) {
		scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, SLICE_NS, enq_flags);
		return;
	}
	limit_lag(p, c);
	limit_task_lag(tctx, c);
	if (tctx->narrow) {
		enqueue_narrow(p, tctx, c, enq_flags);
		return;
	}
	scx_bpf_dsq_insert_vtime(p, CELL_DSQ(tctx->cell), SLICE_NS, tctx->vtime,
				 enq_flags);
	/*
	 * A CPU that went idle before this insertion does not look again by
	 * itself. It looks after the insertion: the kick is carried out when
	 * this CPU lets go of its runqueue.
	 */
	cpu = take_idle_cpu(p, tctx);
	if (cpu >= 0)
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
	else if (enq_flags & SCX_ENQ_WAKEUP)
		preempt_for(p, tctx, c);
}

#endif /* OCIHOOK_PLACE_BPF_H */
