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
 */
#ifndef OCIHOOK_HOTPLUG_BPF_H
#define OCIHOOK_HOTPLUG_BPF_H

#include "maps.bpf.h"
#include "own.bpf.h"

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
