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

/*
 * Make `words` the slot's cpumask. Readers see the old mask or the new one,
 * never a part: the pointer is exchanged, and the old mask outlives every
 * reader under RCU.
 */
static __noinline int publish_mask(u32 slot, const struct cpu_words *words)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	struct cell_objects *objects = objects_of(slot);
	struct bpf_cpumask *mask;
	int cpu;

	if (!words || !objects)
		return -EINVAL;
	mask = bpf_cpumask_create();
	if (!mask)
		return -ENOMEM;
	bpf_for(cpu, 0, MAX_CPUS) {
		if (cpu >= nr_cpus)
			break;
		if (cpu_words_test(words, cpu))
			bpf_cpumask_set_cpu(cpu, mask);
	}
	mask = bpf_kptr_xchg(&objects->allowed, mask);
	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}

static __always_inline bool is_narrow(struct task_struct *p, u32 slot)
{
	const struct cpumask *mask;
	struct cell *c = cell_at(slot);
	bool narrow = false;

	if (!c)
		return false;
	if (READ_ONCE(c->restricted)) {
		mask = mask_of(slot);
		return mask && !bpf_cpumask_subset(mask, p->cpus_ptr);
	}
	mask = scx_bpf_get_online_cpumask();
	narrow = !bpf_cpumask_subset(mask, p->cpus_ptr);
	scx_bpf_put_cpumask(mask);
	return narrow;
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

	if (c && READ_ONCE(c->restricted) && !tctx->narrow)
		mask = mask_of(tctx->cell);
	if (mask) {
		cpu = scx_bpf_pick_idle_cpu(mask, SCX_PICK_IDLE_CORE);
		return cpu >= 0 ? cpu : scx_bpf_pick_idle_cpu(mask, 0);
	}
	cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, SCX_PICK_IDLE_CORE);
	return cpu >= 0 ? cpu : scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
}

/* Whether the cell of a task that is not narrow may use `cpu`. */
static __always_inline bool cell_may_use(const struct cell *c, s32 cpu)
{
	return !READ_ONCE(c->restricted) || cpu_words_test(&c->allowed, cpu);
}

#endif /* OCIHOOK_AFFINITY_BPF_H */
