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

static __always_inline bool cpu_words_test(const struct cpu_words *words,
					   u32 cpu)
{
	return words->bits[(cpu / 64) % OCIHOOK_CPU_WORDS] >> (cpu % 64) & 1;
}

/* The published cpumask of a slot, or NULL before its first registration. */
static __always_inline const struct cpumask *mask_of(u32 slot)
{
	struct cell_objects *objects = objects_of(slot);

	return objects ? (const struct cpumask *)objects->allowed : NULL;
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
 * Make `words` the slot's cpumask. Readers see the old mask or the new one,
 * never a part: the pointer is exchanged, and the old mask outlives every
 * reader under RCU.
 */
static __always_inline int publish_mask(u32 slot, const struct cpu_words *words)
{
	struct cell_objects *objects = objects_of(slot);
	struct bpf_cpumask *mask;

	if (!objects)
		return -EINVAL;
	mask = make_mask(words);
	if (!mask)
		return -ENOMEM;
	mask = bpf_kptr_xchg(&objects->allowed, mask);
	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}

/* The same for the CPUs of tasks that join; none where `any` is false. */
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
	if (READ_ONCE(c->restricted)) {
		mask = mask_of(tctx->cell);
		tctx->narrow = mask && !bpf_cpumask_subset(mask, p->cpus_ptr);
		return;
	}
	mask = scx_bpf_get_online_cpumask();
	tctx->narrow = !bpf_cpumask_subset(mask, p->cpus_ptr);
	scx_bpf_put_cpumask(mask);
}

/* Whether the cell of a task that is not narrow may use `cpu`. */
static __always_inline bool cell_may_use(const struct cell *c, s32 cpu)
{
	return !READ_ONCE(c->restricted) || cpu_words_test(&c->allowed, cpu);
}

/* Whether the task may run on `cpu`, by its own affinity and by its cell. */
static __always_inline bool may_run_on(struct task_struct *p,
				       struct task_ctx *tctx,
				       const struct cell *c, s32 cpu)
{
	const struct cpumask *exec;

	if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
		return false;
	if (!tctx->confined)
		return tctx->narrow || cell_may_use(c, cpu);
	exec = exec_mask_of(tctx->cell);
	return !exec || bpf_cpumask_test_cpu(cpu, exec);
}

/*
 * Take an idle CPU that the task may use, a whole idle core first, and mark it
 * busy. Returns the CPU, or a negative number where all are busy. A narrow
 * task's own affinity is the smaller set; where it lies outside its cell's
 * CPUs altogether, the kernel would run it nowhere else either.
 */
static __always_inline s32 take_idle_cpu(struct task_struct *p,
					 struct task_ctx *tctx)
{
	const struct cpumask *mask = NULL;
	struct cell *c = cell_at(tctx->cell);
	s32 cpu;

	if (tctx->confined)
		mask = exec_mask_of(tctx->cell);
	else if (c && READ_ONCE(c->restricted) && !tctx->narrow)
		mask = mask_of(tctx->cell);
	if (!mask)
		mask = p->cpus_ptr;
	cpu = scx_bpf_pick_idle_cpu(mask, SCX_PICK_IDLE_CORE);
	if (cpu < 0)
		cpu = scx_bpf_pick_idle_cpu(mask, 0);
	if (cpu >= 0 && !bpf_cpumask_test_cpu(cpu, p->cpus_ptr)) {
		/* Outside its affinity: the CPU goes back to sleep. */
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
		return -EBUSY;
	}
	return cpu;
}

/*
 * The CPU whose queue a narrow task waits in where none is idle: the one it
 * last ran on, else any that it may use.
 */
static __always_inline s32 narrow_cpu(struct task_struct *p,
				      struct task_ctx *tctx,
				      const struct cell *c)
{
	const struct cpumask *exec = NULL;
	s32 cpu = scx_bpf_task_cpu(p);

	if (may_run_on(p, tctx, c, cpu))
		return cpu;
	if (tctx->confined)
		exec = exec_mask_of(tctx->cell);
	if (exec) {
		cpu = bpf_cpumask_any_and_distribute(exec, p->cpus_ptr);
		if (cpu < scx_bpf_nr_cpu_ids())
			return cpu;
	}
	return bpf_cpumask_any_distribute(p->cpus_ptr);
}

#endif /* OCIHOOK_AFFINITY_BPF_H */
