/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ocihook: a cell of CPU time for every container, in one scheduler.
 *
 * A container's cgroup owns a cell; every task below it runs on the cell's
 * account. Cells and all other cgroups share the CPUs as cgroup v2 documents
 * it: by weight among siblings, and within each limit above. What belongs to no
 * container runs in cell 0. Cells may far outnumber CPUs.
 *
 * This file is the table of contents. Each topic is a header of its own:
 *
 *	abi.h		what crosses to user space
 *	scx.bpf.h	the kernel's types and kfuncs
 *	state.bpf.h	what is known of a task, a slot and a CPU
 *	maps.bpf.h	where that is kept
 *
 *	attach.bpf.h	how the scheduler begins and ends
 *	task.bpf.h	how tasks come and go
 *	cell.bpf.h	from a task to its node and its cell
 *	tree.bpf.h	how much of the machine a node is due
 *	node.bpf.h	cgroups that come and go
 *	follow.bpf.h	their weights and limits, as the kernel has them
 *	active.bpf.h	which nodes have runnable tasks
 *	own.bpf.h	CPUs that are somebody's own
 *	affinity.bpf.h	the CPUs of cells and tasks
 *	hotplug.bpf.h	CPUs that come and go
 *
 *	share.bpf.h	virtual times: who is owed CPU time
 *	clock.bpf.h	what they are measured against
 *	excess.bpf.h	nodes whose vtime is of other CPUs than a task's
 *	quota.bpf.h	cpu.max: what a cell may use
 *	throttle.bpf.h	who has used it up
 *	tickless.bpf.h	slices that no tick ends
 *	exempt.bpf.h	whom that does not stop
 *	queue.bpf.h	where tasks wait
 *	grow.bpf.h	how many queues a node has
 *	order.bpf.h	which nodes wait, in the order of their vtimes
 *	waiting.bpf.h	how they come to it, and leave it
 *	idle.bpf.h	which idle CPU a task gets
 *	place.bpf.h	where a runnable task goes
 *	preempt.bpf.h	who has to stop for it
 *	search.bpf.h	the first node that was not passed over
 *	pick.bpf.h	which node a CPU serves
 *	bound.bpf.h	tasks that wait for one CPU
 *	rivals.bpf.h	whether one of them goes before all others
 *	dispatch.bpf.h	what a CPU runs next
 *	stats.bpf.h	how long tasks waited, how often they were stopped
 *	dump.bpf.h	all of that for the kernel's log
 *	switches.bpf.h	whose task runs where, for a recording
 *
 *	table.bpf.h	the slots of the cell table
 *	claim.bpf.h	how CPUs become a cell's own
 *	cpuset.bpf.h	own CPUs that are out of their owner's reach
 *	apply.bpf.h	what a request wishes
 *	shared.bpf.h	cells of several cgroups
 *	register.bpf.h	how a cgroup gets its cell
 *	sweep.bpf.h	what is left by those who did not come back
 *	programs.bpf.h	what user space calls
 *	fault.bpf.h	forks that fail, in an object for tests alone
 *
 * Data never ends the scheduler: scx_bpf_error() is not called at all. What
 * cannot be had falls back to cell 0 and is counted; a fork for which there is
 * no memory fails with ENOMEM, alone.
 */
#include "attach.bpf.h"
#include "cell.bpf.h"
#include "clock.bpf.h"
#include "dispatch.bpf.h"
#include "dump.bpf.h"
#include "node.bpf.h"
#include "place.bpf.h"
#include "programs.bpf.h"
#include "share.bpf.h"
#include "stats.bpf.h"
#include "switches.bpf.h"
#include "task.bpf.h"
#include "throttle.bpf.h"

char _license[] SEC("license") = "GPL";

/* clang drops an enum from BTF that is used for its constants only. */
const volatile enum ocihook_abi
	abi_version SEC(".rodata") = OCIHOOK_ABI_VERSION;
const volatile enum cell_state abi_cell_state SEC(".rodata");
const volatile enum cell_field abi_cell_field SEC(".rodata");
const volatile enum cell_flag abi_cell_flag SEC(".rodata");
const volatile enum cell_shared abi_cell_shared SEC(".rodata");
const volatile enum scheduler_time abi_scheduler_time SEC(".rodata");
const volatile enum run_kind abi_run_kind SEC(".rodata");

SEC("struct_ops/ocihook_select_cpu")
s32 ocihook_select_cpu(u64 *ctx)
{
	struct task_struct *p = (struct task_struct *)ctx[0];
	struct task_ctx *tctx = task_ctx(p);
	s32 prev_cpu = ctx[1];

	if (!tctx)
		return prev_cpu;
	refresh_cell(p, tctx);
	return place_on_idle(p, tctx, prev_cpu);
}

SEC("struct_ops/ocihook_enqueue")
void ocihook_enqueue(u64 *ctx)
{
	struct task_struct *p = (struct task_struct *)ctx[0];
	struct task_ctx *tctx = task_ctx(p);
	u64 enq_flags = ctx[1];

	/* Without storage: not seen since init_task makes it or fails. */
	if (!tctx || this_cpu_leaves()) {
		scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, SLICE_NS, enq_flags);
		return;
	}
	refresh_cell(p, tctx);
	enqueue_task(p, tctx, enq_flags);
}

SEC("struct_ops/ocihook_dispatch")
void ocihook_dispatch(u64 *ctx)
{
	struct task_struct *prev = (struct task_struct *)ctx[1];

	dispatch_cpu(ctx[0], prev);
	/* The kernel asks only where the slice is used up. */
	if (prev && prev->scx.flags & SCX_TASK_QUEUED && prev->scx.slice)
		forget_preempt(ctx[0]);
}

SEC("struct_ops/ocihook_runnable")
void ocihook_runnable(u64 *ctx)
{
	struct task_struct *p = (struct task_struct *)ctx[0];
	struct task_ctx *tctx = task_ctx(p);

	if (!tctx)
		return;
	refresh_cell(p, tctx);
	count_runnable(tctx);
	note_runnable(tctx, ctx[1], scx_bpf_now());
}

SEC("struct_ops/ocihook_running")
void ocihook_running(u64 *ctx)
{
	struct task_struct *p = (struct task_struct *)ctx[0];
	struct task_ctx *tctx = task_ctx(p);
	u64 now = scx_bpf_now();
	struct cell_stats *stats;
	struct cpu_ctx *here;
	struct cell *c;

	if (!tctx)
		return;
	uncount_waiting(tctx);
	c = cell_at(tctx->cell);
	here = cpu_at(scx_bpf_task_cpu(p));
	stats = stats_of(tctx->box);
	if (!c || !here || !stats)
		return;
	advance_clocks(p, c, tctx, here);
	note_running(tctx, here, now);
	WRITE_ONCE(here->endless, has_no_end(p, here));
	note_wait_over(tctx, stats, now);
	tctx->lender = owner_of(here);
	if (tctx->lender == tctx->box)
		tctx->lender = HOST_CELL;
	grant_slice(p, tctx, c, here, p->scx.slice);
	__sync_fetch_and_add(&stats->nr_runs, 1);
}

SEC("struct_ops/ocihook_stopping")
void ocihook_stopping(u64 *ctx)
{
	struct task_struct *p = (struct task_struct *)ctx[0];
	struct task_ctx *tctx = task_ctx(p);
	s32 cpu = scx_bpf_task_cpu(p);
	u64 now = scx_bpf_now();

	if (!tctx)
		return;
	note_stopping(cpu, now);
	note_put_off(tctx, ctx[1], cpu, now);
	settle(p, tctx, now);
	tctx->started_ns = 0;
}

SEC("struct_ops/ocihook_quiescent")
void ocihook_quiescent(u64 *ctx)
{
	struct task_ctx *tctx = task_ctx((struct task_struct *)ctx[0]);

	if (!tctx)
		return;
	uncount_waiting(tctx);
	uncount_runnable(tctx);
}

SEC("struct_ops/ocihook_set_cpumask")
void ocihook_set_cpumask(u64 *ctx)
{
	struct task_struct *p = (struct task_struct *)ctx[0];
	struct task_ctx *tctx = task_ctx(p);

	if (!tctx)
		return;
	/* Whether it is narrow is seen anew at its next enqueue. */
	tctx->seq = 0;
	/*
	 * The kernel narrows a task that is switched out while it may not
	 * migrate, as one that executes a program, and widens it again. It
	 * has not moved. (A real change meanwhile is taken for that, too.)
	 */
	if (!p->migration_disabled)
		tctx->moved = true;
}

SEC("struct_ops/ocihook_cgroup_set_weight")
void ocihook_cgroup_set_weight(u64 *ctx)
{
	follow_weight((struct cgroup *)ctx[0], ctx[1]);
}

SEC("struct_ops/ocihook_cgroup_set_bandwidth")
void ocihook_cgroup_set_bandwidth(u64 *ctx)
{
	follow_quota((struct cgroup *)ctx[0], ctx[1], ctx[2], ctx[3]);
}

SEC("struct_ops/ocihook_cgroup_set_idle")
void ocihook_cgroup_set_idle(u64 *ctx)
{
	/* What it weighs without it, the next task of it tells. */
	follow_weight((struct cgroup *)ctx[0], ctx[1] ? OCIHOOK_WEIGHT_MIN : 0);
}

/*
 * A task of a higher class takes the CPU. What waits in its local queue, and
 * what ran there, is enqueued anew: other CPUs may have time for it.
 */
SEC("struct_ops/ocihook_cpu_release")
void ocihook_cpu_release(u64 *ctx)
{
	scx_bpf_reenqueue_local();
}

SEC("struct_ops/ocihook_cpu_online")
void ocihook_cpu_online(u64 *ctx)
{
	note_online(ctx[0]);
}

SEC("struct_ops/ocihook_cpu_offline")
void ocihook_cpu_offline(u64 *ctx)
{
	note_offline(ctx[0]);
}

SEC(".struct_ops.link")
struct sched_ext_ops ocihook_ops = {
	.select_cpu = (void *)ocihook_select_cpu,
	.enqueue = (void *)ocihook_enqueue,
	.dispatch = (void *)ocihook_dispatch,
	.runnable = (void *)ocihook_runnable,
	.running = (void *)ocihook_running,
	.stopping = (void *)ocihook_stopping,
	.quiescent = (void *)ocihook_quiescent,
	.enable = (void *)ocihook_enable,
	.set_cpumask = (void *)ocihook_set_cpumask,
	.cgroup_init = (void *)ocihook_cgroup_init,
	.cgroup_exit = (void *)ocihook_cgroup_exit,
	.cgroup_set_weight = (void *)ocihook_cgroup_set_weight,
	.cgroup_set_bandwidth = (void *)ocihook_cgroup_set_bandwidth,
	.cgroup_set_idle = (void *)ocihook_cgroup_set_idle,
	.cpu_release = (void *)ocihook_cpu_release,
	.cpu_online = (void *)ocihook_cpu_online,
	.cpu_offline = (void *)ocihook_cpu_offline,
	.init_task = (void *)ocihook_init_task,
	.exit_task = (void *)ocihook_exit_task,
	.dump = (void *)ocihook_dump,
	.dump_cpu = (void *)ocihook_dump_cpu,
	.dump_task = (void *)ocihook_dump_task,
	.init = (void *)ocihook_init,
	.exit = (void *)ocihook_exit,
	/* dispatch says which task goes on, also where there is no other. */
	.flags = SCX_OPS_ENQ_LAST,
	/* The loader writes config's here. */
	.timeout_ms = OCIHOOK_TIMEOUT_MS,
	.name = "ocihook",
};
