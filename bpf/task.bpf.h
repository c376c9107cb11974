/* SPDX-License-Identifier: GPL-2.0-only */
/* How tasks come to the scheduler, and leave it. */
#ifndef OCIHOOK_TASK_BPF_H
#define OCIHOOK_TASK_BPF_H

#include "maps.bpf.h"
#include "active.bpf.h"
#include "fault.bpf.h"
#include "grow.bpf.h"
#include "stats.bpf.h"
#include "waiting.bpf.h"

SEC("struct_ops.s/ocihook_init_task")
s32 ocihook_init_task(u64 *ctx)
{
	struct scx_init_task_args *args = (struct scx_init_task_args *)ctx[1];
	struct task_struct *p = (struct task_struct *)ctx[0];
	struct task_ctx *tctx, *parent;

	/*
	 * The cgroup is not looked at: on fork, p->cgroups is the root's until
	 * after this. The first wake-up finds the cell.
	 */
	if (fork_must_fail(args->fork))
		return -ENOMEM;
	tctx = bpf_task_storage_get(&tasks, p, 0,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!tctx)
		return -ENOMEM;
	count_task_in();
	relieve_crowd();
	parent = args->fork ? task_ctx(bpf_get_current_task_btf()) : NULL;
	if (parent) {
		tctx->parent_cgid = parent->cgid;
		tctx->parent_cell = parent->box;
		tctx->parent_generation = parent->box_generation;
		tctx->joined = parent->joined;
	}
	return 0;
}

SEC("struct_ops/ocihook_enable")
void ocihook_enable(u64 *ctx)
{
	struct task_ctx *tctx = task_ctx((struct task_struct *)ctx[0]);

	if (tctx)
		forget_wait(tctx);
}

SEC("struct_ops/ocihook_exit_task")
void ocihook_exit_task(u64 *ctx)
{
	struct task_ctx *tctx = task_ctx((struct task_struct *)ctx[0]);

	count_task_out();
	if (!tctx)
		return;
	uncount_waiting(tctx);
	uncount_runnable(tctx);
}

#endif /* OCIHOOK_TASK_BPF_H */
