/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks that no limit stops: late ones, and dying ones.
 *
 * A late task has waited for so long that the watchdog would be next. Limits,
 * weights and priorities may each let a task wait for longer than the kernel's
 * watchdog (timeout_ms) does: 1 ms a second for fifty busy tasks is a turn of
 * each in minutes. So a task that has waited for LATE lanes, which is two
 * thirds of that time, has one turn before all others. Each node counts the
 * tasks in its queues by when they began to wait, in lanes of an eighth of
 * that. A lane is used again after LANES of them: a task that waits since then
 * was late long before.
 *
 * A dying task has been killed or exits. It runs in the kernel alone, which
 * limits do not stop under EEVDF either, from 6.18 on (sched/fair.c,
 * throttle_cfs_rq_work: a task is throttled where it returns to user space).
 *
 * Both are charged, and their node pays by waiting.
 */
#ifndef OCIHOOK_EXEMPT_BPF_H
#define OCIHOOK_EXEMPT_BPF_H

#include "maps.bpf.h"
#include "queue.bpf.h"
#include "throttle.bpf.h"

enum {
	/* A task is late if it began to wait so many lanes ago. */
	LATE = 8,
	/* Tasks of a queue that are looked at when exempt ones are brought
	 * forward, and when a dying one is looked for. */
	FORWARD_WINDOW = 4096,
	DYING_WINDOW = 64,
};

/* The lane of a moment. */
static __always_inline u32 lane_at(u64 ns)
{
	return ns / (config.throttle_max_ns * 2 / LATE);
}

static __always_inline bool is_late(const struct task_ctx *tctx, u64 now)
{
	return tctx->waiting_ns &&
	       (s32)(lane_at(now) - lane_at(tctx->waiting_ns)) >= LATE;
}

static __always_inline bool is_dying(const struct task_struct *p)
{
	return p->flags & PF_EXITING || p->signal->flags & SIGNAL_GROUP_EXIT;
}

static __always_inline bool is_exempt(const struct task_struct *p,
				      const struct task_ctx *tctx, u64 now)
{
	return is_late(tctx, now) || is_dying(p);
}

/* Whether limits let the task run. */
static __always_inline bool task_may_run(const struct task_struct *p,
					 const struct task_ctx *tctx,
					 const struct cell *c, u64 now)
{
	return may_spend(c, now) || is_exempt(p, tctx, now);
}

/* Whether late tasks wait in the node's queues, as far as was seen. */
static __always_inline bool has_late(u32 slot)
{
	const struct cell_objects *node = objects_of(slot);

	return node && READ_ONCE(node->nr_late);
}

static __always_inline bool has_exempt(u32 slot)
{
	const struct cell_objects *node = objects_of(slot);

	return node && (READ_ONCE(node->nr_late) || READ_ONCE(node->dying));
}

/* Whether limits let the node run, or one of its tasks. */
static __always_inline bool may_run(const struct cell *c, u32 slot, u64 now)
{
	return may_spend(c, now) || has_exempt(slot);
}

/* See whether late tasks wait in a node's queues. */
static __always_inline bool see_late(struct cell_objects *node, u64 now)
{
	u32 lane = lane_at(now), nr_late = 0;
	int age;

	UNROLLED
	for (age = LATE; age < LANES; age++)
		nr_late += READ_ONCE(node->nr_in_lane[(lane - age) % LANES]);
	if (READ_ONCE(node->nr_late) != nr_late)
		WRITE_ONCE(node->nr_late, nr_late);
	return nr_late;
}

/* The task is about to be put into the node's queue. */
static __always_inline void enter_lane(struct task_ctx *tctx,
				       struct cell_objects *node)
{
	tctx->lane = lane_at(tctx->waiting_ns ?: scx_bpf_now());
	__sync_fetch_and_add(&node->nr_in_lane[tctx->lane % LANES], 1);
}

/* It is not there any more. */
static __always_inline void leave_lane(const struct task_ctx *tctx,
				       struct cell_objects *node)
{
	__sync_fetch_and_sub(&node->nr_in_lane[tctx->lane % LANES], 1);
	if (READ_ONCE(node->nr_late))
		see_late(node, scx_bpf_now());
}

/* A task that is dying is about to be put into its node's queue. */
static __always_inline void note_dying(const struct task_struct *p,
				       const struct task_ctx *tctx)
{
	struct cell_objects *node;

	if (!is_dying(p))
		return;
	node = objects_of(tctx->cell);
	if (node)
		WRITE_ONCE(node->dying, true);
}

/* See whether one of the first tasks of a queue is dying. */
__noinline int see_dying(u64 dsq_id)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	bool found = false;
	int i;

	if (bpf_iter_scx_dsq_new(&it, dsq_id, 0))
		goto out;
	bpf_for(i, 0, DYING_WINDOW) {
		p = bpf_iter_scx_dsq_next(&it);
		if (!p)
			break;
		found = is_dying(p);
		if (found)
			break;
	}
out:
	bpf_iter_scx_dsq_destroy(&it);
	return found;
}

/* See whether a node that may not spend has tasks that run nevertheless. */
__noinline int see_exempt(u32 slot, u64 now)
{
	struct cell_objects *node = objects_of(slot);
	bool dying = false;
	int queue;

	if (!node)
		return false;
	bpf_for(queue, 0, nr_queues(slot)) {
		dying = see_dying(CELL_DSQ(slot, queue));
		if (dying)
			break;
	}
	if (dying)
		WRITE_ONCE(node->dying, true);
	return see_late(node, now) || dying;
}

/* Whether the first task of a queue is exempt, and may run here. */
static __always_inline bool head_is_exempt(u64 dsq_id, s32 cpu, u64 now)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	bool exempt = false;

	if (!bpf_iter_scx_dsq_new(&it, dsq_id, 0)) {
		p = bpf_iter_scx_dsq_next(&it);
		if (p) {
			struct task_ctx *tctx = task_ctx(p);

			exempt = tctx && is_exempt(p, tctx, now) &&
				 bpf_cpumask_test_cpu(cpu, p->cpus_ptr);
		}
	}
	bpf_iter_scx_dsq_destroy(&it);
	return exempt;
}

/*
 * Put the exempt tasks of a queue that may run here before its first one. Not
 * onto the CPU at once: the kernel ends a scheduler that moves a task to a CPU
 * which its affinity, changed a moment ago, leaves out.
 */
__noinline int bring_forward(u64 dsq_id, s32 cpu, u64 now)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	u64 first = 0;
	int i;

	if (bpf_iter_scx_dsq_new(&it, dsq_id, 0))
		goto out;
	bpf_for(i, 0, FORWARD_WINDOW) {
		struct task_ctx *tctx;

		p = bpf_iter_scx_dsq_next(&it);
		if (!p)
			break;
		if (!i)
			first = p->scx.dsq_vtime;
		tctx = task_ctx(p);
		if (!tctx || !is_exempt(p, tctx, now) ||
		    !bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
			continue;
		scx_bpf_dsq_move_set_vtime(&it, --first);
		scx_bpf_dsq_move_vtime(&it, p, dsq_id, 0);
	}
out:
	bpf_iter_scx_dsq_destroy(&it);
	return 0;
}

static __always_inline bool take_exempt_of(u64 dsq_id, s32 cpu, u64 now)
{
	if (scx_bpf_dsq_nr_queued(dsq_id) <= 0)
		return false;
	if (!head_is_exempt(dsq_id, cpu, now)) {
		bring_forward(dsq_id, cpu, now);
		if (!head_is_exempt(dsq_id, cpu, now))
			return false;
	}
	return scx_bpf_dsq_move_to_local(dsq_id);
}

/* Take an exempt task of the node that may run here. */
__noinline int take_exempt(u32 slot, s32 cpu, u64 now)
{
	struct cell_objects *node = objects_of(slot);
	bool taken = false;
	int queue;

	bpf_for(queue, 0, nr_queues(slot)) {
		taken = take_exempt_of(CELL_DSQ(slot, queue), cpu, now);
		if (taken)
			break;
	}
	/* Those that may not run here are seen again soon: see unpark(). */
	if (!taken && node)
		WRITE_ONCE(node->dying, false);
	return taken;
}

#endif /* OCIHOOK_EXEMPT_BPF_H */
