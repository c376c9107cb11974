/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose task runs on which CPU, for `ocihook record`.
 *
 * Loaded and verified with the scheduler, attached only while somebody records:
 * its link is held by the recorder alone and dies with it. So whoever does not
 * record pays nothing, not even the load of a switch. The tracepoint also sees
 * what no callback of ours does: the idle task, and tasks of other classes.
 */
#ifndef OCIHOOK_SWITCHES_BPF_H
#define OCIHOOK_SWITCHES_BPF_H

#include "maps.bpf.h"

enum {
	/* 26,000 switches, which 20 CPUs make in 50 ms at 25,000 each a second.
	 * A power of two, and of whole pages. */
	SWITCHES_BYTES = 1 << 20,
	/* include/linux/sched/prio.h: below are real-time and deadline. */
	MAX_RT_PRIO = 100,
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SWITCHES_BYTES);
} switches SEC(".maps");

/* Say in `event` what kind of task comes on a CPU, and of which cell. */
static __always_inline void describe_next(struct task_struct *next,
					  struct switch_event *event)
{
	struct task_ctx *tctx;

	event->pid = next->pid;
	event->cell = HOST_CELL;
	event->generation = 0;
	if (!next->pid) {
		event->kind = RUN_IDLE;
		return;
	}
	event->kind = RUN_OTHER;
	if (next->prio < MAX_RT_PRIO)
		return;
	tctx = task_ctx(next);
	if (!tctx)
		return;
	event->kind = RUN_CELL;
	event->cell = tctx->box;
	event->generation = tctx->box_generation;
}

/*
 * The number goes up where there is no room, too: a reader sees from a gap how
 * many switches it missed, and on which CPU. Nobody is woken: a wake-up from
 * here would be a switch to be recorded.
 */
SEC("tp_btf/sched_switch")
int record_switch(u64 *ctx)
{
	struct task_struct *next = (struct task_struct *)ctx[2];
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu_ctx *here = cpu_at(cpu);
	struct switch_event *event;

	if (!here)
		return 0;
	here->nr_switches++;
	event = bpf_ringbuf_reserve(&switches, sizeof(*event), 0);
	if (!event)
		return 0;
	event->at_ns = bpf_ktime_get_ns();
	event->cpu = cpu;
	event->seq = here->nr_switches;
	describe_next(next, event);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/*
 * What runs on a CPU now, since it may go on without a switch for as long as it
 * likes. In that order: what changes meanwhile is in the ring with a later
 * time.
 */
SEC("syscall")
int running_on(struct switch_event *event)
{
	struct cpu_ctx *there = cpu_at(event->cpu);
	struct cell *c;
	bool busy;
	u32 slot;

	if (!there)
		return -EINVAL;
	event->at_ns = bpf_ktime_get_ns();
	event->seq = READ_ONCE(there->nr_switches);
	busy = READ_ONCE(there->busy);
	c = cell_at(busy ? READ_ONCE(there->running_cell) : HOST_CELL);
	slot = c ? READ_ONCE(c->box) : HOST_CELL;
	c = cell_at(slot);
	event->kind = busy ? RUN_CELL : RUN_IDLE;
	event->cell = slot;
	event->generation =
		c && slot != HOST_CELL ? READ_ONCE(c->generation) : 0;
	event->pid = 0;
	return 0;
}

#endif /* OCIHOOK_SWITCHES_BPF_H */
