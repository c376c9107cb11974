/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs: those that a cell may use, those that a task may use, and what happens
 * where the second are fewer.
 *
 * A task waits in its node's queue, and a CPU passes over those that may not
 * run there. Only a task that is `bound` waits in the queue of one CPU: where
 * that is the only one it may use; where execCPUAffinity holds it to some, of
 * which the kernel knows nothing; and where it is a guest, which may use none
 * of the CPUs on which its cell has first claim. Others do for one turn, where
 * the vtime of their node is of other CPUs than theirs: see excess.bpf.h.
 */
#ifndef OCIHOOK_AFFINITY_BPF_H
#define OCIHOOK_AFFINITY_BPF_H

#include "maps.bpf.h"
#include "own.bpf.h"

/* Where the cell has first claim, or NULL: everywhere. */
static __always_inline const struct cpumask *home_of(u32 slot)
{
	struct cell_objects *objects = objects_of(slot);

	return objects ? (const struct cpumask *)objects->home : NULL;
}

/* Where the cell may run at all, or NULL: everywhere. */
static __always_inline const struct cpumask *usable_by(u32 slot)
{
	struct cell_objects *objects = objects_of(slot);

	return objects ? (const struct cpumask *)objects->usable : NULL;
}

/* What execCPUAffinity.final leaves, or NULL where it says nothing. */
static __always_inline const struct cpumask *exec_mask_of(u32 slot)
{
	struct cell_objects *objects = objects_of(slot);

	return objects ? (const struct cpumask *)objects->exec_allowed : NULL;
}

static __noinline struct bpf_cpumask *make_mask(const struct cpu_words *words)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	struct bpf_cpumask *mask;
	int cpu;

	if (!words)
		return NULL;
	mask = bpf_cpumask_create();
	if (!mask)
		return NULL;
	bpf_for(cpu, 0, MAX_CPUS) {
		if (cpu >= nr_cpus)
			break;
		if (cpu_words_test(words, cpu))
			bpf_cpumask_set_cpu(cpu, mask);
	}
	return mask;
}

/*
 * Publish the CPUs of tasks that join; none where `any` is false. As with the
 * cell's own sets, readers see the old mask or the new one.
 */
static __always_inline int publish_exec_mask(u32 slot, bool any,
					     const struct cpu_words *words)
{
	struct cell_objects *objects = objects_of(slot);
	struct bpf_cpumask *mask = NULL;

	if (!objects)
		return -EINVAL;
	if (any) {
		mask = make_mask(words);
		if (!mask)
			return -ENOMEM;
	}
	mask = bpf_kptr_xchg(&objects->exec_allowed, mask);
	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}

/*
 * See where the task's affinity stands to its cell; after each change. An exec
 * affinity that the task's own is within, or has no CPU in common with, says
 * nothing: the runtime's, or the task's, was the later word.
 */
static __always_inline void compare_affinity(struct task_struct *p,
					     struct task_ctx *tctx)
{
	struct cell *box = cell_at(tctx->box);
	const struct cpumask *online, *home, *exec;

	if (!box)
		return;
	exec = tctx->joined ? exec_mask_of(tctx->box) : NULL;
	tctx->confined = exec && !bpf_cpumask_subset(p->cpus_ptr, exec) &&
			 bpf_cpumask_intersects(p->cpus_ptr, exec);
	home = READ_ONCE(box->restricted) ? home_of(tctx->box) : NULL;
	tctx->guest = !tctx->confined && home &&
		      !bpf_cpumask_intersects(home, p->cpus_ptr);
	tctx->bound = p->nr_cpus_allowed == 1 || tctx->confined || tctx->guest;
	online = scx_bpf_get_online_cpumask();
	tctx->narrow = tctx->bound || !bpf_cpumask_subset(online, p->cpus_ptr);
	scx_bpf_put_cpumask(online);
}

/* Whether the cell may run on `cpu`. */
static __always_inline bool cell_may_use(const struct cell *c, s32 cpu)
{
	return !READ_ONCE(c->restricted) || cpu_words_test(&c->usable, cpu);
}

/*
 * Whether the task may run on `cpu`, by its own affinity and by its cell. Of a
 * guest its own affinity goes first: the kernel would run it nowhere else.
 */
static __always_inline bool may_run_on(struct task_struct *p,
				       struct task_ctx *tctx, s32 cpu)
{
	const struct cpumask *exec;
	struct cell *box;

	if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
		return false;
	if (!tctx->confined) {
		box = cell_at(tctx->box);
		return tctx->guest || (box && cell_may_use(box, cpu));
	}
	exec = exec_mask_of(tctx->box);
	return !exec || bpf_cpumask_test_cpu(cpu, exec);
}

/*
 * The CPU whose queue a bound task waits in where none is idle: the one it last
 * ran on, else any that it may use.
 */
static __always_inline s32 bound_cpu(struct task_struct *p,
				     struct task_ctx *tctx)
{
	s32 cpu = scx_bpf_task_cpu(p);
	const struct cpumask *online;
	struct cpu_ctx *there;
	int i;

	if (may_run_on(p, tctx, cpu))
		return cpu;
	bpf_for(i, 0, MAX_CPUS) {
		there = cpu_at(i);
		if (!tctx->confined || i >= scx_bpf_nr_cpu_ids() || !there)
			break;
		if (!there->offline && may_run_on(p, tctx, i))
			return i;
	}
	/* Its affinity may have CPUs that are offline, from the start even. */
	online = scx_bpf_get_online_cpumask();
	cpu = bpf_cpumask_any_and_distribute(online, p->cpus_ptr);
	scx_bpf_put_cpumask(online);
	return cpu < scx_bpf_nr_cpu_ids()
		       ? cpu
		       : bpf_cpumask_any_distribute(p->cpus_ptr);
}

#endif /* OCIHOOK_AFFINITY_BPF_H */
