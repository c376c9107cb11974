/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs that come and go.
 *
 * The kernel ends a scheduler without cpu_online and cpu_offline ops whenever
 * a CPU changes, and nobody would be there to start it again.
 *
 * A CPU that goes leaves its own queue behind. Tasks bound to it alone are
 * given a new affinity by the kernel, and with it a new queue; but one that may
 * also run elsewhere keeps its affinity, and would wait for the CPU to return.
 * So the other CPUs serve the queues of those that are gone, before their own.
 *
 * From the moment when the CPU is no longer active until it is gone, the kernel
 * asks nothing of the scheduler there: it picks what is in the CPU's local
 * queue, and moves that to other CPUs, until no task but those of the kernel is
 * left (kernel/sched/core.c, balance_push). It waits for that end. So what
 * waits on that CPU in a queue of ours goes to the local one. And a slice that
 * ends there leaves the CPU idle beside the task, until any interrupt comes
 * (6.18): the thread that takes the CPU off, and the kernel's others on one
 * that is offline to us, have slices without an end. Without the two, `echo 0 >
 * online` took for ever beside three tasks bound to the CPU, and the scheduler
 * was ejected for them.
 */
#ifndef OCIHOOK_HOTPLUG_BPF_H
#define OCIHOOK_HOTPLUG_BPF_H

#include "maps.bpf.h"
#include "clock.bpf.h"
#include "own.bpf.h"
#include "queue.bpf.h"

/* Whether the slice of a task must not end on this CPU. */
static __always_inline bool has_no_end(struct task_struct *p,
				       const struct cpu_ctx *here)
{
	if (!is_cpu_kthread(p))
		return false;
	/* kernel/cpu.c, cpuhp_threads. */
	return here->offline ||
	       (p->comm[0] == 'c' && p->comm[1] == 'p' && p->comm[2] == 'u' &&
		p->comm[3] == 'h' && p->comm[4] == 'p' && p->comm[5] == '/');
}

static __always_inline void count_online(void)
{
	const struct cpumask *online = scx_bpf_get_online_cpumask();

	WRITE_ONCE(nr_online, bpf_cpumask_weight(online));
	scx_bpf_put_cpumask(online);
}

/* Note which CPUs are offline at attach: no CPU serves their queues. */
static __always_inline void init_offline(void)
{
	const struct cpumask *online = scx_bpf_get_online_cpumask();
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	int cpu;

	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *there = cpu_at(cpu);

		if (cpu >= nr_cpus || !there)
			break;
		there->offline = !bpf_cpumask_test_cpu(cpu, online);
		there->left = false;
	}
	scx_bpf_put_cpumask(online);
	WRITE_ONCE(nr_offline, 0);
}

static __always_inline void note_online(s32 cpu)
{
	struct cpu_ctx *ctx = cpu_at(cpu);

	if (ctx && ctx->left) {
		ctx->left = false;
		__sync_fetch_and_sub(&nr_offline, 1);
	}
	if (ctx)
		ctx->offline = false;
	count_online();
	/* Cells see anew which CPUs are theirs, and tasks their affinity. */
	__sync_fetch_and_add(&own_seq, 1);
	publish_all_cpus();
	bump_config_seq();
}

/* Move the tasks that wait in a queue on the CPU to its local queue. */
__noinline int hand_over_queue(u64 dsq_id, s32 cpu)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;

	/* Negative where a slot has no queue yet. */
	if (scx_bpf_dsq_nr_queued(dsq_id) <= 0)
		return 0;
	if (!bpf_iter_scx_dsq_new(&it, dsq_id, 0)) {
		while ((p = bpf_iter_scx_dsq_next(&it))) {
			if (scx_bpf_task_cpu(p) == cpu)
				scx_bpf_dsq_move(&it, p, SCX_DSQ_LOCAL_ON | cpu,
						 0);
		}
	}
	bpf_iter_scx_dsq_destroy(&it);
	return 0;
}

/* Leave all that waits on the CPU to the kernel, which moves it elsewhere. */
static __always_inline void hand_over(s32 cpu)
{
	int slot, queue;

	hand_over_queue(CPU_DSQ(cpu), cpu);
	bpf_for(slot, 0, nr_slots()) {
		bpf_for(queue, 0, nr_queues(slot))
			hand_over_queue(CELL_DSQ(slot, queue), cpu);
	}
}

static __always_inline void note_offline(s32 cpu)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	struct cpu_ctx *ctx = cpu_at(cpu);
	int other;

	if (ctx && !ctx->offline) {
		ctx->offline = ctx->left = true;
		__sync_fetch_and_add(&nr_offline, 1);
	}
	count_online();
	__sync_fetch_and_add(&own_seq, 1);
	publish_all_cpus();
	bump_config_seq();
	hand_over(cpu);
	bpf_for(other, 0, MAX_CPUS) {
		if (other >= nr_cpus)
			break;
		if (other != cpu)
			scx_bpf_kick_cpu(other, SCX_KICK_IDLE);
	}
}

/*
 * Whether this CPU is going offline. It wakes up tasks up to its end, one that
 * waits for that end among them. By then it takes no interrupts any more, and
 * an irq_work that it queues is lost (stop_machine, after
 * CPUHP_AP_SMPCFD_DYING). That one stays in its list, and once the CPU is back
 * no other is ever carried out there: no kick, no new memory for BPF, and
 * from 7.0 on no timer of BPF and no grace period of SRCU. So no kick and no
 * timer from here: what wakes up goes straight to its CPU.
 */
static __always_inline bool this_cpu_leaves(void)
{
	const struct cpu_ctx *here = cpu_at(bpf_get_smp_processor_id());

	return here && READ_ONCE(here->offline);
}

/* Take a task that may run here from the queue of a CPU that is gone. */
static __always_inline bool take_orphan(void)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	bool taken = false;
	int cpu;

	if (!READ_ONCE(nr_offline))
		return false;
	bpf_for(cpu, 0, MAX_CPUS) {
		struct cpu_ctx *ctx;

		if (cpu >= nr_cpus)
			break;
		ctx = cpu_at(cpu);
		if (ctx && ctx->left &&
		    scx_bpf_dsq_move_to_local(CPU_DSQ(cpu))) {
			taken = true;
			break;
		}
	}
	return taken;
}

#endif /* OCIHOOK_HOTPLUG_BPF_H */
