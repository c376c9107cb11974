/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who has to stop when a task wakes up and no CPU is idle.
 *
 * Without this a sleeper waits for the end of somebody's slice, and a cell that
 * uses little of its share pays for the neighbours that use all of theirs. A
 * task whose cell is behind the one on a CPU by more than PREEMPT_NS takes that
 * CPU at once, and so does one that is as far behind a task of its own cell:
 * dispatch then finds it first in order. The margin keeps busy cells that take
 * turns from interrupting each other for nothing.
 */
#ifndef OCIHOOK_PREEMPT_BPF_H
#define OCIHOOK_PREEMPT_BPF_H

#include "maps.bpf.h"
#include "affinity.bpf.h"

/* Note what begins to run on a CPU, for those that wake up meanwhile. */
static __always_inline void note_running(struct task_ctx *tctx, s32 cpu)
{
	struct cpu_ctx *here = cpu_at(cpu);

	if (!here)
		return;
	WRITE_ONCE(here->running_cell, tctx->cell);
	WRITE_ONCE(here->running_vtime, tctx->vtime);
	WRITE_ONCE(here->busy, true);
}

static __always_inline void note_stopping(s32 cpu)
{
	struct cpu_ctx *here = cpu_at(cpu);

	if (here)
		WRITE_ONCE(here->busy, false);
}

/* How far what runs on `cpu` is ahead of the task, in virtual time. */
static __always_inline s64 lead_over(struct task_ctx *tctx,
				     const struct cell *c, s32 cpu)
{
	struct cpu_ctx *there = cpu_at(cpu);
	struct cell *running;

	if (!there || !READ_ONCE(there->busy))
		return 0;
	if (READ_ONCE(there->running_cell) == tctx->cell)
		return READ_ONCE(there->running_vtime) - tctx->vtime;
	running = cell_at(READ_ONCE(there->running_cell));
	return running ? READ_ONCE(running->vtime) - READ_ONCE(c->vtime) : 0;
}

/*
 * Preempt for a task that was just put into its cell's queue. The task's last
 * CPU is taken if it can be, for its caches; else the one that is furthest
 * ahead. What is read of other CPUs may be old by a moment: the worst is one
 * preemption too many, or a wait until the end of a slice.
 */
static __always_inline void
preempt_for(struct task_struct *p, struct task_ctx *tctx, const struct cell *c)
{
	const struct cpumask *allowed = p->cpus_ptr;
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	s32 best = scx_bpf_task_cpu(p);
	s64 most = cell_may_use(c, best) ? lead_over(tctx, c, best) : 0;
	int cpu;

	if (most <= PREEMPT_NS) {
		bpf_for(cpu, 0, MAX_CPUS) {
			s64 lead;

			if (cpu >= nr_cpus)
				break;
			if (!cell_may_use(c, cpu) ||
			    !bpf_cpumask_test_cpu(cpu, allowed))
				continue;
			lead = lead_over(tctx, c, cpu);
			if (lead > most) {
				most = lead;
				best = cpu;
			}
		}
	}
	if (most > PREEMPT_NS)
		scx_bpf_kick_cpu(best, SCX_KICK_PREEMPT);
}

#endif /* OCIHOOK_PREEMPT_BPF_H */
