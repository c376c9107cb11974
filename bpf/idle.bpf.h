/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Idle CPUs: which one a task gets.
 *
 * First where its cell has first claim, then where it may borrow; a whole idle
 * core before half of one, wherever it is; and on a machine of several
 * last-level caches, of either kind, one that shares the task's last cache
 * before the others, in the same order as the queues (queue.bpf.h).
 */
#ifndef OCIHOOK_IDLE_BPF_H
#define OCIHOOK_IDLE_BPF_H

#include "maps.bpf.h"
#include "affinity.bpf.h"
#include "own.bpf.h"
#include "queue.bpf.h"

/* Whether the task may run on a CPU, with first claim where that is asked. */
__noinline bool suits(struct task_struct *p __arg_trusted,
		      struct task_ctx *tctx __arg_nonnull, s32 cpu, bool home)
{
	struct cell *box = cell_at(tctx->box);
	struct cpu_ctx *there = cpu_at(cpu);

	return box && there &&
	       (!home || has_first_claim(box, tctx->box, there)) &&
	       may_run_on(p, tctx, cpu);
}

/*
 * Look at the CPUs one by one, at those of cache `llc` alone where it is one;
 * if `core`, at those of whole idle cores. For what no cpumask says: the CPUs
 * of a guest, and those of a cache.
 */
__noinline s32 scan_idle(struct task_struct *p __arg_trusted,
			 struct task_ctx *tctx __arg_nonnull, s32 llc,
			 bool home, bool core)
{
	const struct cpumask *cores = scx_bpf_get_idle_smtmask();
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	s32 found = -EBUSY;
	int cpu;

	bpf_for(cpu, 0, MAX_CPUS) {
		if (cpu >= nr_cpus)
			break;
		if ((llc >= 0 && llc_of(cpu) != llc) ||
		    (core && !bpf_cpumask_test_cpu(cpu, cores)))
			continue;
		if (!suits(p, tctx, cpu, home) ||
		    !scx_bpf_test_and_clear_cpu_idle(cpu))
			continue;
		found = cpu;
		break;
	}
	scx_bpf_put_idle_cpumask(cores);
	return found;
}

/*
 * Whether no CPU of the machine is idle. Asked first: to search in vain costs
 * more, and the machines where that happens are those short of CPU time.
 */
static __always_inline bool none_is_idle(void)
{
	const struct cpumask *idle = scx_bpf_get_idle_cpumask();
	bool none = bpf_cpumask_empty(idle);

	scx_bpf_put_idle_cpumask(idle);
	return none;
}

/*
 * Take an idle CPU that the task may use, and mark it busy: where its cell has
 * first claim (`home`), or anywhere. Returns the CPU, or a negative number
 * where all are busy.
 */
static __always_inline s32 take_idle_cpu(struct task_struct *p,
					 struct task_ctx *tctx, bool home)
{
	struct cell *box = cell_at(tctx->box);
	const struct cpumask *mask = NULL;
	s32 llc, cpu = -EBUSY;
	bool restricted;

	if (!box || none_is_idle())
		return -EBUSY;
	restricted = READ_ONCE(box->restricted);
	if (tctx->confined || tctx->guest || (tctx->narrow && restricted)) {
		cpu = scan_idle(p, tctx, -1, home, true);
		return cpu >= 0 ? cpu : scan_idle(p, tctx, -1, home, false);
	}
	if (restricted)
		mask = home ? home_of(tctx->box) : usable_by(tctx->box);
	if (!mask)
		mask = p->cpus_ptr;
	llc = config.nr_llcs > 1 ? llc_of(scx_bpf_task_cpu(p)) : -1;
	if (llc >= 0)
		cpu = scan_idle(p, tctx, llc, home, true);
	if (cpu < 0)
		cpu = scx_bpf_pick_idle_cpu(mask, SCX_PICK_IDLE_CORE);
	if (cpu < 0 && llc >= 0)
		cpu = scan_idle(p, tctx, llc, home, false);
	if (cpu < 0)
		cpu = scx_bpf_pick_idle_cpu(mask, 0);
	if (cpu >= 0 && !bpf_cpumask_test_cpu(cpu, p->cpus_ptr)) {
		/* Outside its affinity: the CPU goes back to sleep. */
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
		return -EBUSY;
	}
	return cpu;
}

#endif /* OCIHOOK_IDLE_BPF_H */
