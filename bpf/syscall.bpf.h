/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks that a limit lets finish their system call.
 *
 * In it, a task may hold a lock of the kernel that tasks of others wait for.
 * Stopped there, it keeps the lock until its node has a budget and it has its
 * turn: on 6.18 a task of the host waited for 23 s to write to a file to which
 * one with 2 ms in 500 wrote, too. EEVDF stops a task where it returns to user
 * space, from 6.18 on (sched/fair.c, throttle_cfs_rq_work). So do we, by the
 * same means: a piece of task work, which the kernel runs on that way. Until
 * then the task is exempt, and charged.
 *
 * What a call may use in that way, a limit makes up for in half the time after
 * which debts are forgiven: else calls that take long would pass limits. Once a
 * node owes more, none of its calls goes on until it has a budget.
 *
 * A task that finds the place of its work taken waits like others, as all do
 * before 6.18, and as workers of the kernel do: they never return.
 */
#ifndef OCIHOOK_SYSCALL_BPF_H
#define OCIHOOK_SYSCALL_BPF_H

#include "maps.bpf.h"
#include "throttle.bpf.h"

enum {
	/* Tasks on their way out at once, by the last bits of their pids. */
	MAX_RETURNS = 4096,
	PF_WORKER = PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER,
};

struct task_return {
	struct bpf_task_work work;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_RETURNS);
	__type(key, u32);
	__type(value, struct task_return);
} returns SEC(".maps");

/* Whether the task is in a system call, or on its way out of one. */
static __always_inline bool is_in_syscall(struct task_struct *p)
{
	const struct pt_regs *regs = (void *)bpf_task_pt_regs(p);

	if (p->flags & PF_WORKER)
		return false;
	if (bpf_core_field_exists(regs->orig_ax))
		return (s64)regs->orig_ax >= 0;
	if (bpf_core_field_exists(regs->syscallno))
		return regs->syscallno >= 0;
	return false;
}

/*
 * The task is about to return to user space; a limit may stop it now. It stops
 * in here, as a task that may not migrate for a moment: then the kernel asks
 * ops.enqueue for one with SCX_OPS_ENQ_MIGRATION_DISABLED alone. It holds no
 * lock; but what waits for the end of sleepable BPF programs waits for it.
 */
static int on_return(struct bpf_map *map, void *key, void *value)
{
	struct task_struct *p = bpf_get_current_task_btf();
	struct task_ctx *tctx = task_ctx(p);
	const struct cell *c;

	if (!tctx)
		return 0;
	tctx->leaves_call = false;
	c = cell_at(tctx->cell);
	if (c && !may_spend(c, scx_bpf_now())) {
		tctx->has_left = true;
		scx_bpf_kick_cpu(scx_bpf_task_cpu(p), SCX_KICK_PREEMPT);
	}
	return 0;
}

/* How much the node may owe to its limit. */
static __always_inline s64 owed_max_ns(const struct cell *c)
{
	u64 period_ns = READ_ONCE(c->period_ns) ?: 1;
	u64 periods = config.throttle_max_ns / 2 / period_ns ?: 1;

	return READ_ONCE(c->quota_ns) * periods;
}

/* Whether each limit from `limit` up lets system calls go on. */
__noinline int may_owe_below(u32 limit)
{
	bool may = true;
	int up;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		struct cell_objects *node = objects_of(limit);
		struct cell *c = cell_at(limit);
		s64 budget_ns;

		if (!limit || !c || !node || !may)
			break;
		budget_ns = READ_ONCE(c->budget_ns);
		if (budget_ns > 0)
			WRITE_ONCE(node->overdrawn, false);
		else if (budget_ns < -owed_max_ns(c))
			WRITE_ONCE(node->overdrawn, true);
		may = !READ_ONCE(c->quota_ns) || !READ_ONCE(node->overdrawn);
		limit = next_limit(c);
	}
	return may;
}

/* Whether the task goes on to the end of its system call. */
static __always_inline bool finishes_call(const struct task_ctx *tctx)
{
	const struct cell *c;

	if (!tctx->leaves_call)
		return false;
	c = cell_at(tctx->cell);
	return c && may_owe_below(READ_ONCE(c->limited));
}

static __always_inline int await_return(struct task_struct *p)
{
	u32 key = (u32)p->pid % MAX_RETURNS;
	struct task_return *there = bpf_map_lookup_elem(&returns, &key);

	if (!there)
		return -EINVAL;
	if (bpf_task_work_schedule_resume)
		return bpf_task_work_schedule_resume(p, &there->work, &returns,
						     on_return);
	if (bpf_task_work_schedule_resume_impl)
		return bpf_task_work_schedule_resume_impl(
			p, &there->work, &returns, on_return, NULL);
	return -ENODEV;
}

/*
 * A task is about to wait that a limit stops: let it finish its system call, if
 * it is in one. On its way out of one it looks as if it were.
 */
static __always_inline void note_syscall(struct task_struct *p,
					 struct task_ctx *tctx, u64 now)
{
	const struct cell *c = cell_at(tctx->cell);

	if (!c || !READ_ONCE(c->limited) || tctx->leaves_call ||
	    tctx->has_left || may_spend(c, now) || !is_in_syscall(p))
		return;
	tctx->leaves_call = !await_return(p);
}

#endif /* OCIHOOK_SYSCALL_BPF_H */
