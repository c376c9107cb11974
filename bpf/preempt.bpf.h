/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has to stop when a task becomes runnable and no CPU is idle.
 *
 * Without this a sleeper waits for the end of somebody's slice, and a cell that
 * uses little of its share pays for the neighbours that use all of theirs. A
 * task whose cell is behind the one on a CPU by more than PREEMPT_NS takes that
 * CPU at once, and so does one that is as far behind a task of its own cell:
 * dispatch then finds it first in order. The margin keeps busy cells that take
 * turns from interrupting each other for nothing.
 *
 * Where the task's cell has first claim on a CPU and what runs there has not,
 * there is no margin: this is how a lent CPU comes back.
 */
#ifndef OCIHOOK_PREEMPT_BPF_H
#define OCIHOOK_PREEMPT_BPF_H

#include "maps.bpf.h"
#include "affinity.bpf.h"
#include "clock.bpf.h"
#include "excess.bpf.h"
#include "own.bpf.h"
#include "pick.bpf.h"
#include "queue.bpf.h"
#include "share.bpf.h"
#include "stats.bpf.h"
#include "throttle.bpf.h"

/* More than any lead in virtual time. */
#define CLAIM_LEAD (1LL << 62)

/* Who has to stop, and by how much it is ahead. */
struct victim {
	s64 lead;
	s32 cpu;
};

/* Note what begins to run on a CPU, for those that wake up meanwhile. */
static __always_inline void note_running(struct task_ctx *tctx,
					 struct cpu_ctx *here, u64 now)
{
	struct cell *box = cell_at(tctx->box);

	WRITE_ONCE(here->running_cell, tctx->cell);
	WRITE_ONCE(here->running_vtime, tctx->vtime);
	WRITE_ONCE(here->running_home,
		   box && has_first_claim(box, tctx->box, here));
	WRITE_ONCE(here->running_since_ns, now);
	WRITE_ONCE(here->busy, true);
}

static __always_inline void note_stopping(s32 cpu, u64 now)
{
	struct cpu_ctx *here = cpu_at(cpu);

	if (!here)
		return;
	WRITE_ONCE(here->stopped_ns, now);
	WRITE_ONCE(here->busy, false);
}

/* Stop what runs on a CPU, for a task that is in a queue. */
static __always_inline void preempt(s32 cpu)
{
	note_preempt(cpu);
	scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
}

/*
 * By how much more than the margin what runs on a CPU is ahead of the task, in
 * virtual time. The margin is PREEMPT_NS of what runs there.
 */
static __always_inline s64 lead_over(struct task_ctx *tctx,
				     const struct cell *c,
				     const struct cpu_ctx *there)
{
	u32 slot = READ_ONCE(there->running_cell);
	struct cell *running, *box;
	u64 vtime;
	bool home;

	if (!READ_ONCE(there->busy) || READ_ONCE(there->endless))
		return 0;
	if (slot == tctx->cell)
		return READ_ONCE(there->running_vtime) - tctx->vtime -
		       PREEMPT_NS;
	box = cell_at(tctx->box);
	if (!box)
		return 0;
	home = has_first_claim(box, tctx->box, there);
	if (home != READ_ONCE(there->running_home))
		return home ? CLAIM_LEAD : 0;
	running = cell_at(slot);
	vtime = tctx->bound || tctx->counted_bound ? bound_key(tctx, c)
						   : READ_ONCE(c->vtime);
	return running ? READ_ONCE(running->vtime) - vtime -
				 cost_at(share_of(slot), PREEMPT_NS)
		       : 0;
}

/*
 * Find the CPU to preempt for a task that was just put into its cell's queue.
 * The task's last CPU is taken if it can be, for its caches; else the one that
 * is furthest ahead. What is read of other CPUs may be old by a moment: the
 * worst is one preemption too many, or a wait until the end of a slice.
 */
__noinline int find_victim(struct victim *victim __arg_nonnull,
			   struct task_struct *p __arg_trusted,
			   struct task_ctx *tctx __arg_nonnull)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	struct cell *c = cell_at(tctx->cell);
	struct cell *box = cell_at(tctx->box);
	s32 last = scx_bpf_task_cpu(p);
	struct cpu_ctx *there = cpu_at(last);
	int cpu;

	if (!c || !box)
		return 0;
	victim->cpu = last;
	victim->lead = there && may_run_on(p, tctx, last)
			       ? lead_over(tctx, c, there)
			       : 0;
	if (victim->lead > 0 &&
	    (victim->lead == CLAIM_LEAD || !READ_ONCE(box->restricted)))
		return 0;
	bpf_for(cpu, 0, MAX_CPUS) {
		s64 lead;

		there = cpu_at(cpu);
		if (cpu >= nr_cpus || !there)
			break;
		if (!may_run_on(p, tctx, cpu))
			continue;
		lead = lead_over(tctx, c, there);
		if (lead > victim->lead) {
			victim->lead = lead;
			victim->cpu = cpu;
		}
	}
	return 0;
}

/* Whether dispatch would take the task before all that wait for `cpu`. */
static __always_inline bool is_first(const struct task_ctx *tctx,
				     const struct cell *c, s32 cpu, u64 now)
{
	u64 vtime = READ_ONCE(c->vtime), head;
	struct pick pick = {};

	if (scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL_ON | cpu) > 0 ||
	    scx_bpf_dsq_nr_queued(CPU_DSQ(cpu)) > 0)
		return false;
	pick_cell(&pick, cpu, now);
	if (pick.slot < 0)
		return true;
	if (pick.stalled)
		return false;
	if (pick.slot != tctx->cell)
		return !pick.home || time_before(vtime, pick.key);
	return !cell_head_vtime(tctx->cell, cpu, &head) ||
	       time_before(tctx->vtime, head);
}

/*
 * Put a task that woke up on its CPU in place of what runs there, where its
 * cell has first claim and dispatch could not come to another choice. By the
 * queue and a kick it took an interrupt and a dispatch more: 145 us from the
 * wake-up to the switch instead of 105 (6.18, emulated).
 */
static __always_inline bool preempt_at_once(struct task_struct *p,
					    struct task_ctx *tctx,
					    struct cell *c, u64 enq_flags)
{
	s32 cpu = scx_bpf_task_cpu(p);
	struct cell *box = cell_at(tctx->box);
	struct cpu_ctx *there = cpu_at(cpu);
	u64 now = scx_bpf_now();
	s64 lead;

	if (!there || !box || !(enq_flags & SCX_ENQ_WAKEUP) ||
	    !has_first_claim(box, tctx->box, there) ||
	    !may_run_on(p, tctx, cpu))
		return false;
	lead = lead_over(tctx, c, there);
	/* A restricted cell may have lent another CPU, or find one idle. */
	if (lead <= 0 || (lead != CLAIM_LEAD && READ_ONCE(box->restricted)) ||
	    !may_spend(c, now) || !is_first(tctx, c, cpu, now))
		return false;
	there->contended = true;
	note_preempt(cpu);
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, SLICE_NS,
			   enq_flags | SCX_ENQ_PREEMPT);
	return true;
}

#endif /* OCIHOOK_PREEMPT_BPF_H */
