/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel prints of us when it dumps sched_ext: into the log when the
 * watchdog or an error ends the scheduler, into the sched_ext_dump tracepoint
 * on sysrq-D. Written for whoever asks why a task waits.
 *
 * Times are in ns. A cell's vtime is relative to the clock of all cells, a
 * task's to that of its cell: below 0 is owed CPU time. All of it is read
 * while other CPUs go on, so numbers on two lines may be of two moments, and
 * what began on another CPU a moment ago may have begun in the future.
 */
#ifndef OCIHOOK_DUMP_BPF_H
#define OCIHOOK_DUMP_BPF_H

#include "maps.bpf.h"
#include "queue.bpf.h"

enum {
	/* A dump for the log has 32 KiB for everything, tasks included. */
	DUMP_CELLS = 64,
};

/* One argument to 12 (MAX_BPRINTF_VARARGS, the same from 6.16 to 7.3). */
#define dump_line(fmt, args...)                                          \
	({                                                               \
		static char _fmt[] = fmt "\n";                           \
		u64 _args[___bpf_narg(args)];                            \
                                                                         \
		___bpf_fill(_args, args);                                \
		scx_bpf_dump_bstr(_fmt, _args,                           \
				  ___bpf_narg(args) * sizeof(_args[0])); \
	})

static __always_inline const char *state_name(u32 state)
{
	switch (state) {
	case CELL_CLAIMING:
		return "claiming";
	case CELL_LIVE:
		return "live";
	case CELL_DRAINING:
		return "draining";
	default:
		return "free";
	}
}

__noinline int dump_cell(u32 slot)
{
	s64 clock = READ_ONCE(cell_clock), throttled_ns = 0;
	struct cell *c = cell_at(slot);

	if (!c)
		return 0;
	if (c->throttled_since_ns)
		throttled_ns = scx_bpf_now() - c->throttled_since_ns;
	dump_line("cell %u generation %u %s: %s", slot, c->generation,
		  (u64)state_name(c->state), (u64)c->name);
	dump_line("  weight=%u vtime=%lld runnable=%lld queued=%d queues=%u",
		  c->weight, (s64)c->vtime - clock, c->nr_runnable,
		  nr_waiting(slot), nr_queues(slot));
	if (c->quota_ns)
		dump_line("  quota=%llu period=%llu budget=%lld throttled=%lld",
			  c->quota_ns, c->period_ns, c->budget_ns,
			  throttled_ns);
	return 0;
}

/*
 * Cells met by the dump that is being made; the kernel makes one at a time. In
 * memory: of a count in a register the verifier would follow each value.
 */
u32 nr_dumped;

/* Print cells that are busy, or those that are not, while there is room. */
__noinline int dump_cells_that(bool busy)
{
	u32 slot;

	bpf_for(slot, 0, nr_slots()) {
		struct cell *c = cell_at(slot);

		/* Whose cell is shared has no tasks in its own slot. */
		if (!c || c->state == CELL_FREE || c->shared ||
		    busy != (c->nr_runnable > 0 || c->throttled_since_ns))
			continue;
		if (READ_ONCE(nr_dumped) < DUMP_CELLS)
			dump_cell(slot);
		WRITE_ONCE(nr_dumped, READ_ONCE(nr_dumped) + 1);
	}
	return 0;
}

/* The busy cells, then the others, at most DUMP_CELLS of both. */
static __always_inline void dump_cells(void)
{
	dump_line("ocihook: ABI %u, clock of the cells %llu",
		  OCIHOOK_ABI_VERSION, READ_ONCE(cell_clock));
	dump_line("ocihook: stalled after %llu, throttled for %llu at most",
		  config.stall_ns, config.throttle_max_ns);
	WRITE_ONCE(nr_dumped, 0);
	dump_cells_that(true);
	dump_cells_that(false);
	if (READ_ONCE(nr_dumped) > DUMP_CELLS)
		dump_line("... and %u more cells",
			  READ_ONCE(nr_dumped) - DUMP_CELLS);
}

/*
 * A CPU: whose task runs there, and what waits in its own queue. Nothing of an
 * idle one, which the kernel then leaves out, unless something waits there:
 * then that is what somebody is looking for.
 */
static __always_inline void dump_one_cpu(s32 cpu, bool idle)
{
	struct cpu_ctx *there = cpu_at(cpu);
	s32 queued = scx_bpf_dsq_nr_queued(CPU_DSQ(cpu));

	if (!there || (idle && queued <= 0))
		return;
	if (there->busy)
		dump_line("cell=%u running for %lld ns", there->running_cell,
			  (s64)(scx_bpf_now() - there->running_since_ns));
	dump_line("narrow queued=%d offline=%d preempted=%d clock=%lld", queued,
		  there->offline, there->preempted,
		  (s64)(there->clock - READ_ONCE(cell_clock)));
}

static __always_inline void dump_one_task(struct task_struct *p)
{
	struct task_ctx *tctx = task_ctx(p);
	struct cell *c = tctx ? cell_at(tctx->cell) : NULL;
	s64 waiting_ns = 0;

	if (!c)
		return;
	if (tctx->waiting_ns)
		waiting_ns = scx_bpf_now() - tctx->waiting_ns;
	dump_line("cell=%u generation=%u (now %u) vtime=%lld waiting=%lld"
		  " narrow=%d confined=%d joined=%d",
		  tctx->cell, tctx->generation, c->generation,
		  (s64)(tctx->vtime - c->task_vtime), waiting_ns, tctx->narrow,
		  tctx->confined, tctx->joined);
}

SEC("struct_ops/ocihook_dump")
void ocihook_dump(u64 *ctx)
{
	dump_cells();
}

SEC("struct_ops/ocihook_dump_cpu")
void ocihook_dump_cpu(u64 *ctx)
{
	dump_one_cpu(ctx[1], ctx[2]);
}

SEC("struct_ops/ocihook_dump_task")
void ocihook_dump_task(u64 *ctx)
{
	dump_one_task((struct task_struct *)ctx[1]);
}

#endif /* OCIHOOK_DUMP_BPF_H */
