/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a task that became runnable goes: an idle CPU at once, or a queue. */
#ifndef OCIHOOK_PLACE_BPF_H
#define OCIHOOK_PLACE_BPF_H

#include "maps.bpf.h"
#include "affinity.bpf.h"
#include "clock.bpf.h"
#include "excess.bpf.h"
#include "grow.bpf.h"
#include "idle.bpf.h"
#include "preempt.bpf.h"
#include "queue.bpf.h"
#include "throttle.bpf.h"
#include "waiting.bpf.h"

/* Whether the task's last CPU is idle and its own; it is then taken. */
static __always_inline bool take_last_cpu(struct task_struct *p,
					  struct task_ctx *tctx, s32 cpu)
{
	struct cell *box = cell_at(tctx->box);
	struct cpu_ctx *there = cpu_at(cpu);

	return there && box && has_first_claim(box, tctx->box, there) &&
	       may_run_on(p, tctx, cpu) && scx_bpf_test_and_clear_cpu_idle(cpu);
}

/*
 * Run on an idle CPU without queueing, the previous one if it can be. Only
 * where the cell has first claim: a task that would have to borrow first sees
 * whether one of its own CPUs is lent, in enqueue_task().
 */
static __always_inline s32 place_on_idle(struct task_struct *p,
					 struct task_ctx *tctx, s32 prev_cpu)
{
	struct cell *c = cell_at(tctx->cell);
	s32 cpu = prev_cpu;

	if (!c || !task_may_run(p, tctx, c, scx_bpf_now()))
		return prev_cpu;
	if (!take_last_cpu(p, tctx, prev_cpu))
		cpu = take_idle_cpu(p, tctx, true);
	if (cpu < 0)
		return prev_cpu;
	limit_lag(p, tctx, c);
	limit_task_lag(p, tctx, c);
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, SLICE_NS, 0);
	return cpu;
}

/*
 * Whether a bound task waits in its node's queue all the same (bound.bpf.h):
 * where the kernel keeps it on its CPU.
 */
static __always_inline bool waits_in_node(struct task_struct *p,
					  const struct task_ctx *tctx,
					  const struct cell *c)
{
	const struct cell_objects *node = objects_of(tctx->cell);

	if (!node || tctx->confined || tctx->guest)
		return false;
	return (READ_ONCE(node->nr_bound) >= BOUND_PER_NODE &&
		scx_bpf_dsq_nr_queued(CPU_DSQ(scx_bpf_task_cpu(p))) >=
			BOUND_WINDOW / 2) ||
	       (READ_ONCE(c->limited) &&
		!task_may_run(p, tctx, c, scx_bpf_now()));
}

/*
 * Of two CPUs that the task may use, the one whose queue is shorter. It may
 * move on each time it is enqueued; a bound task has but one.
 */
static __always_inline s32 shorter_queue(struct task_struct *p,
					 struct task_ctx *tctx, s32 cpu)
{
	struct cpu_ctx *there;
	s32 other;

	if (tctx->bound || scx_bpf_dsq_nr_queued(CPU_DSQ(cpu)) <= 0)
		return cpu;
	other = bpf_cpumask_any_distribute(p->cpus_ptr);
	there = cpu_at(other);
	if (!there || there->offline || !may_run_on(p, tctx, other) ||
	    scx_bpf_dsq_nr_queued(CPU_DSQ(other)) >=
		    scx_bpf_dsq_nr_queued(CPU_DSQ(cpu)))
		return cpu;
	return other;
}

/* Into the queue of one CPU: an idle one, else where the task last ran. */
static __always_inline void enqueue_bound(struct task_struct *p,
					  struct task_ctx *tctx, struct cell *c,
					  bool held_back, u64 enq_flags)
{
	struct cell_stats *stats = stats_of(tctx->box);
	bool may = task_may_run(p, tctx, c, scx_bpf_now());
	s32 cpu = may ? take_idle_cpu(p, tctx, false) : -EBUSY;
	struct cpu_ctx *there;
	s64 lead;

	if (cpu < 0)
		cpu = shorter_queue(p, tctx, bound_cpu(p, tctx));
	there = cpu_at(cpu);
	if (!there) {
		/* Not seen: ops.init refuses more CPUs than there is room for.
		 */
		scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, SLICE_NS, enq_flags);
		return;
	}
	if (stats)
		__sync_fetch_and_add(&stats->nr_narrow, 1);
	set_excess(tctx, c, there, held_back);
	count_bound(tctx);
	scx_bpf_dsq_insert(p, CPU_DSQ(cpu), SLICE_NS, enq_flags);
	/* Asked again: the CPU may have looked before the task was there. */
	if (!may && !may_spend(c, scx_bpf_now()))
		return;
	lead = lead_over(tctx, c, there);
	if (lead == CLAIM_LEAD || (enq_flags & SCX_ENQ_WAKEUP && lead > 0))
		preempt(cpu);
	else
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

/*
 * Into the cell's queue, and have a CPU come for it: an idle one where the cell
 * has first claim, one that it lent, an idle one to borrow, one that is ahead.
 *
 * A CPU that went idle before the insertion does not look again by itself. It
 * looks after the insertion: the kick is carried out when this CPU lets go of
 * its runqueue.
 */
static __always_inline void enqueue_free(struct task_struct *p,
					 struct task_ctx *tctx, struct cell *c,
					 u64 enq_flags)
{
	struct cell *box = cell_at(tctx->box);
	struct victim victim = {};
	bool restricted;
	s32 cpu;

	note_dying(p, tctx);
	count_waiting(tctx);
	note_crowd(tctx->cell, scx_bpf_task_cpu(p));
	scx_bpf_dsq_insert_vtime(p, cell_dsq(tctx->cell, scx_bpf_task_cpu(p)),
				 SLICE_NS, tctx->vtime, enq_flags);
	if (!box || !task_may_run(p, tctx, c, scx_bpf_now()))
		return;
	cpu = take_idle_cpu(p, tctx, true);
	if (cpu >= 0) {
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
		return;
	}
	restricted = READ_ONCE(box->restricted);
	if (!restricted && !(enq_flags & SCX_ENQ_WAKEUP))
		return;
	find_victim(&victim, p, tctx);
	if (victim.lead == CLAIM_LEAD) {
		preempt(victim.cpu);
		return;
	}
	cpu = restricted ? take_idle_cpu(p, tctx, false) : -1;
	if (cpu >= 0)
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
	else if (enq_flags & SCX_ENQ_WAKEUP && victim.lead > 0)
		preempt(victim.cpu);
}

static __always_inline void enqueue_task(struct task_struct *p,
					 struct task_ctx *tctx, u64 enq_flags)
{
	struct cell *c = cell_at(tctx->cell);
	bool held_back;

	if (!c)
		return;
	/* Taken back from a CPU that a higher class took. */
	uncount_waiting(tctx);
	/*
	 * By the local queue alone it would wait for the end of a slice. One
	 * that uses up its own is not short, and waits like others.
	 */
	if (is_cpu_kthread(p) && enq_flags & SCX_ENQ_WAKEUP) {
		scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, SLICE_NS,
				   enq_flags | SCX_ENQ_PREEMPT);
		return;
	}
	limit_lag(p, tctx, c);
	limit_task_lag(p, tctx, c);
	held_back = hold_back(p, tctx, c);
	if (!held_back && preempt_at_once(p, tctx, c, enq_flags))
		return;
	if ((tctx->bound || held_back || is_outrun(p, tctx, c)) &&
	    !waits_in_node(p, tctx, c))
		enqueue_bound(p, tctx, c, held_back, enq_flags);
	else
		enqueue_free(p, tctx, c, enq_flags);
}

#endif /* OCIHOOK_PLACE_BPF_H */
