/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU runs next: a task of the node that pick.bpf.h names, a task of the
 * CPU's own queue (bound.bpf.h), or the one it was running.
 *
 * The three compete by the vtime of their nodes, and within one node by that of
 * the tasks. The task that was running is in no queue while dispatch runs, so
 * it is weighed here (left out, two nodes with one task each would alternate,
 * whatever their weights).
 */
#ifndef OCIHOOK_DISPATCH_BPF_H
#define OCIHOOK_DISPATCH_BPF_H

#include "maps.bpf.h"
#include "affinity.bpf.h"
#include "bound.bpf.h"
#include "cell.bpf.h"
#include "clock.bpf.h"
#include "hotplug.bpf.h"
#include "order.bpf.h"
#include "pick.bpf.h"
#include "queue.bpf.h"
#include "rivals.bpf.h"
#include "share.bpf.h"
#include "throttle.bpf.h"

/* The task that was running, and whether its cell has first claim here. */
struct prev {
	struct task_struct *p;
	struct task_ctx *tctx;
	struct cell *c;
	bool home;
};

/* Take a task of a bracket of nodes that may run here, of any. */
__noinline int take_of_bracket(u32 bracket, s32 cpu, u32 nr_dispatches, u64 now)
{
	u64 members = members_of(bracket);
	bool taken = false;
	int i;

	bpf_for(i, 0, BRACKET_WIDTH) {
		u32 slot = bracket * BRACKET_WIDTH + 1 + i - NR_BRACKETS;
		struct cell *c, *box;

		if (!(members >> i & 1))
			continue;
		c = cell_at(slot);
		box = c ? cell_at(READ_ONCE(c->box)) : NULL;
		taken = box && cell_may_use(box, cpu) && may_spend(c, now) &&
			take_of_cell(slot, cpu, nr_dispatches);
		if (taken)
			break;
	}
	return taken;
}

/* Take whatever may run here, in any order: an idle CPU helps nobody. */
__noinline int take_any(s32 cpu, u32 nr_dispatches, u64 now)
{
	u32 bracket, last = last_bracket();
	bool taken = false;

	if (!members_of(0))
		return false;
	bpf_for(bracket, FIRST_BRACKET, NR_BRACKETS) {
		if (bracket > last)
			break;
		if (!members_of(bracket))
			continue;
		taken = take_of_bracket(bracket, cpu, nr_dispatches, now);
		if (taken)
			break;
	}
	return taken;
}

/* See what waits in the CPU's own queue. */
static __always_inline void see_bound(s32 cpu, struct cpu_ctx *here,
				      const struct prev *prev, u64 now)
{
	here->best.pid = 0;
	if (scx_bpf_dsq_nr_queued(CPU_DSQ(cpu)) <= 0)
		return;
	here->last.may_go_on = prev->c;
	here->last.home = prev->home;
	if (prev->tctx) {
		here->last.slot = prev->tctx->cell;
		here->last.vtime = prev->tctx->vtime;
	}
	weigh_bound(&here->best, cpu, now);
}

/*
 * Whether the task that was running goes on. Within its own cell it gives way
 * to a task that is further behind.
 */
static __always_inline bool keeps_running(const struct prev *prev, s32 cpu,
					  const struct pick *pick, u64 now)
{
	u32 slot = prev->tctx->cell;
	u64 head;

	if (pick->slot < 0)
		return true;
	if (prev->home != pick->home)
		return prev->home;
	if (pick->stalled)
		return false;
	if (pick->slot != slot)
		return time_before(READ_ONCE(prev->c->vtime), pick->key);
	return cell_head_vtime(slot, cpu, &head) &&
	       time_before(prev->tctx->vtime, head);
}

/* Let it run for another slice. For the clocks it begins anew. */
static __always_inline void go_on(const struct prev *prev, struct cpu_ctx *here)
{
	if (!here->contended)
		limit_lead(prev->tctx, prev->c, scx_bpf_now());
	/* For those that wake up: its vtime is not that of its beginning. */
	WRITE_ONCE(here->running_vtime, prev->tctx->vtime);
	advance_clocks(prev->p, prev->c, prev->tctx, here);
	grant_slice(prev->p, prev->tctx, prev->c, here, SLICE_NS);
}

/* Take a task of the node, an exempt one first. */
static __always_inline bool take_of_node(u32 slot, s32 cpu, u32 nr_dispatches,
					 u64 now)
{
	const struct cell *c = cell_at(slot);

	if (has_exempt(slot)) {
		if (take_exempt(slot, cpu, now))
			return true;
		if (!c || !may_spend(c, now))
			return false;
	}
	return take_of_cell(slot, cpu, nr_dispatches);
}

/*
 * Take a task of the best cell or of the CPU's own queue, or let the one that
 * was running go on. CPUs
 * whose ticks coincide pick the same task, and one of them finds it gone: it
 * picks again by the same rule, the running task included. A node whose waiting
 * tasks may not run here is passed. (It once took any
 * task it found: of 20 busy cells on 2 CPUs the first then got twice what the
 * others got. And it once forgot the running task, which kept a cell from
 * having both CPUs: weights of 100 and 300 gave 1 to 2.6.)
 */
static __always_inline bool take_best(s32 cpu, struct cpu_ctx *here,
				      const struct prev *prev,
				      struct pick *pick, u64 now)
{
	bool taken = false;
	int attempt;

	bpf_for(attempt, 0, PICK_ATTEMPTS) {
		taken = here->best.pid && take_bound(here, pick, cpu, now);
		if (taken)
			break;
		here->by_time = false;
		here->clock_ceiling =
			pick->slot >= 0 && !pick->stalled ? pick->key : 0;
		if (prev->c && keeps_running(prev, cpu, pick, now)) {
			go_on(prev, here);
			taken = true;
			break;
		}
		if (pick->slot < 0)
			break;
		here->by_time = pick->stalled;
		taken = take_of_node(pick->slot, cpu, here->nr_dispatches, now);
		if (taken) {
			leave_early(pick->slot);
			break;
		}
		/* Taken by another CPU, or none of its tasks may run here. */
		if (cell_waits_here(pick->slot))
			pass_over(pick, pick->slot);
		pick_cell(pick, cpu, now);
	}
	return taken;
}

/*
 * See the task that was running, if it can go on. A task that a limit stops
 * competes with none: the CPU once went idle over one whose node was owed more
 * than that of the task in the CPU's own queue.
 */
static __always_inline void see_prev(struct prev *prev, struct task_struct *p,
				     s32 cpu, const struct cpu_ctx *here,
				     u64 now)
{
	struct task_ctx *tctx;
	struct cell *box, *c;

	if (!p || !(p->scx.flags & SCX_TASK_QUEUED))
		return;
	tctx = task_ctx(p);
	if (!tctx)
		return;
	/* Alone on its CPU, it would not be enqueued for long. */
	settle(p, tctx, now);
	refresh_cell(p, tctx);
	c = cell_at(tctx->cell);
	if (!c || !may_run_on(p, tctx, cpu) || !task_may_run(p, tctx, c, now))
		return;
	prev->p = p;
	prev->tctx = tctx;
	prev->c = c;
	box = cell_at(tctx->box);
	if (box)
		prev->home = has_first_claim(box, tctx->box, here);
}

static __always_inline void dispatch_cpu(s32 cpu, struct task_struct *p)
{
	struct cpu_ctx *here = cpu_at(cpu);
	u64 now = scx_bpf_now();
	struct prev prev = {};
	struct pick pick = {};

	if (!here || take_orphan())
		return;
	here->nr_dispatches++;
	see_prev(&prev, p, cpu, here, now);
	pick_cell(&pick, cpu, now);
	here->contended =
		pick.nr_waiting > 1 ||
		scx_bpf_dsq_nr_queued(CPU_DSQ(cpu)) > 0 ||
		(pick.nr_waiting && prev.tctx && prev.tctx->cell != pick.slot);
	if (here->contended)
		WRITE_ONCE(contended_ns, now);
	see_bound(cpu, here, &prev, now);
	if (take_best(cpu, here, &prev, &pick, now) ||
	    take_any(cpu, here->nr_dispatches, now))
		return;
	/*
	 * Else the task that was running is enqueued with ENQ_LAST, and finds
	 * a CPU that it may use, or waits for its cell's next period.
	 */
	if (prev.c)
		go_on(&prev, here);
	else
		take_left(cpu, here, now);
}

#endif /* OCIHOOK_DISPATCH_BPF_H */
