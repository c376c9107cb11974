/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs: those that a cell may use, those that a task may use, and what happens
 * where the second are fewer.
 *
 * A cell's queue is shared by all its CPUs, so only tasks that may run on every
 * one of them go there. The others are `narrow` and wait in the queue of one
 * CPU. Otherwise each dispatch would wade through tasks that it cannot take.
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
 * A task is narrow that may not run all over its cell's home. CPUs that the
 * cell may use besides do not count: whose tasks could not use them would all
 * be narrow for it, and a CPU that finds only such tasks just goes on.
 */
static __always_inline void compare_with_sets(struct task_struct *p,
					      struct task_ctx *tctx,
					      const struct cell *c)
{
	const struct cpumask *home = home_of(tctx->cell);
	const struct cpumask *usable = usable_by(tctx->cell);

	tctx->narrow = READ_ONCE(c->flags) & CELL_FLAG_GUEST ||
		       (home && !bpf_cpumask_subset(home, p->cpus_ptr));
	tctx->stray = tctx->narrow && usable &&
		      !bpf_cpumask_intersects(usable, p->cpus_ptr);
}

/*
 * See where the task's affinity stands to its cell; after each change. An exec
 * affinity that the task's own is within, or has no CPU in common with, says
 * nothing: the runtime's, or the task's, was the later word.
 */
static __always_inline void compare_affinity(struct task_struct *p,
					     struct task_ctx *tctx)
{
	const struct cpumask *mask, *exec;
	struct cell *c = cell_at(tctx->cell);

	if (!c)
		return;
	exec = tctx->joined ? exec_mask_of(tctx->cell) : NULL;
	tctx->confined = exec && !bpf_cpumask_subset(p->cpus_ptr, exec) &&
			 bpf_cpumask_intersects(p->cpus_ptr, exec);
	if (tctx->confined) {
		tctx->narrow = true;
		return;
	}
	tctx->stray = false;
	if (READ_ONCE(c->restricted)) {
		compare_with_sets(p, tctx, c);
		return;
	}
	mask = scx_bpf_get_online_cpumask();
	tctx->narrow = !bpf_cpumask_subset(mask, p->cpus_ptr);
	scx_bpf_put_cpumask(mask);
}

/* Whether the cell may run on `cpu`. */
static __always_inline bool cell_may_use(const struct cell *c, s32 cpu)
{
	return !READ_ONCE(c->restricted) || cpu_words_test(&c->usable, cpu);
}

/*
 * Whether the task may run on `cpu`, by its own affinity and by its cell. A
 * stray one has no CPU that is both, and its own affinity goes first: the
 * kernel would run it nowhere else.
 */
static __always_inline bool may_run_on(struct task_struct *p,
				       struct task_ctx *tctx,
				       const struct cell *c, s32 cpu)
{
	const struct cpumask *exec;

	if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
		return false;
	if (!tctx->confined)
		return tctx->stray || cell_may_use(c, cpu);
	exec = exec_mask_of(tctx->cell);
	return !exec || bpf_cpumask_test_cpu(cpu, exec);
}

/*
 * The CPU whose queue a narrow task waits in where none is idle: the one it
 * last ran on, else any that it may use.
 */
static __always_inline s32 narrow_cpu(struct task_struct *p,
				      struct task_ctx *tctx,
				      const struct cell *c)
{
	const struct cpumask *within = NULL;
	s32 cpu = scx_bpf_task_cpu(p);

	if (may_run_on(p, tctx, c, cpu))
		return cpu;
	if (tctx->confined)
		within = exec_mask_of(tctx->cell);
	else if (READ_ONCE(c->restricted))
		within = usable_by(tctx->cell);
	if (within) {
		cpu = bpf_cpumask_any_and_distribute(within, p->cpus_ptr);
		if (cpu < scx_bpf_nr_cpu_ids())
			return cpu;
	}
	return bpf_cpumask_any_distribute(p->cpus_ptr);
}

#endif /* OCIHOOK_AFFINITY_BPF_H */
