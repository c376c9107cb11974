/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the best task of a CPU's own queue goes before its rivals: the task
 * of the node that pick.bpf.h names, and the one that was running.
 */
#ifndef OCIHOOK_RIVALS_BPF_H
#define OCIHOOK_RIVALS_BPF_H

#include "maps.bpf.h"
#include "bound.bpf.h"
#include "pick.bpf.h"
#include "queue.bpf.h"

/* Whether the best task of the CPU's own queue goes before a node's. */
static __always_inline bool goes_before_pick(const struct bound *best, s32 cpu,
					     const struct pick *pick)
{
	u64 head;

	if (pick->slot < 0)
		return true;
	if (pick->stalled)
		return false;
	if (pick->home != best->home)
		return best->home;
	if (pick->slot != best->slot)
		return time_before(best->key, pick->key);
	return !cell_head_vtime(best->slot, cpu, &head) ||
	       time_before(best->vtime, head);
}

/* And before the task that was running: a tie is the waiting task's. */
static __always_inline bool goes_before_last(const struct bound *best,
					     const struct last *last)
{
	const struct cell *c = cell_at(last->slot);

	if (!last->may_go_on || !c || last->home != best->home)
		return !last->may_go_on || best->home;
	if (last->slot != best->slot)
		return !time_before(READ_ONCE(c->vtime), best->key);
	return !time_before(last->vtime, best->vtime);
}

/*
 * Serve the CPU's own queue where its best task goes before all others. Asked
 * again for each pick: the first may be a node that is far behind, and none of
 * whose tasks may run here. (Asked once, a task that was bound to such a CPU
 * had its turn only when it was overdue.)
 */
__noinline int take_bound(struct cpu_ctx *here __arg_nonnull,
			  struct pick *pick __arg_nonnull, s32 cpu, u64 now)
{
	struct bound *best = &here->best;
	s32 pid = best->pid;

	if (!pid || (!best->overdue && !(goes_before_pick(best, cpu, pick) &&
					 goes_before_last(best, &here->last))))
		return false;
	here->by_time = best->overdue;
	here->clock_ceiling = best->key;
	best->pid = 0;
	return take_of_cpu(cpu, pid, now);
}

/* Serve the CPU's own queue: other CPUs took what went before its tasks. */
static __always_inline void take_left(s32 cpu, struct cpu_ctx *here, u64 now)
{
	if (scx_bpf_dsq_nr_queued(CPU_DSQ(cpu)) <= 0)
		return;
	weigh_bound(&here->best, cpu, now);
	if (here->best.pid)
		take_of_cpu(cpu, here->best.pid, now);
}

#endif /* OCIHOOK_RIVALS_BPF_H */
