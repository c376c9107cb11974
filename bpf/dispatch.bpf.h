/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU runs next: a task of the cell that pick.bpf.h names, a task of the
 * CPU's own queue, or the one it was running.
 *
 * The three compete by cell vtime. In the CPU's own queue tasks are ordered by
 * the vtime their cell had when they were enqueued, so its head has a key of
 * the same kind; and the task that was running is in no queue while dispatch
 * runs, so it is weighed here (left out, two cells with one task each would
 * alternate, whatever their weights).
 */
#ifndef OCIHOOK_DISPATCH_BPF_H
#define OCIHOOK_DISPATCH_BPF_H

#include "maps.bpf.h"
#include "active.bpf.h"
#include "affinity.bpf.h"
#include "cell.bpf.h"
#include "hotplug.bpf.h"
#include "pick.bpf.h"
#include "queue.bpf.h"
#include "share.bpf.h"
#include "throttle.bpf.h"

/* The task that was running, and whether its cell has first claim here. */
struct prev {
	struct task_struct *p;
	struct task_ctx *tctx;
	struct cell *c;
	bool home;
};

/* Take whatever may run here, in any order: an idle CPU helps nobody. */
__noinline int take_any(s32 cpu, u32 nr_dispatches, u64 now)
{
	u64 words = READ_ONCE(active_words);
	bool taken = false;
	int i, j;

	bpf_for(i, 0, CELL_WORDS) {
		u32 word = lowest_bit(words);
		u64 left;

		if (!words || taken)
			break;
		words &= words - 1;
		left = READ_ONCE(active_cells[word % CELL_WORDS]);
		bpf_for(j, 0, 64) {
			u32 slot = word * 64 + lowest_bit(left);
			struct cell *c;

			if (!left || taken)
				break;
			left &= left - 1;
			c = cell_at(slot);
			taken = c && cell_may_use(c, cpu) &&
				may_spend(c, slot, now) &&
				take_of_cell(slot, cpu, nr_dispatches);
		}
	}
	return taken;
}

/*
 * Move the first task of the CPU's own queue here whose cell may spend, if its
 * key is before `limit` (or whatever it is, where not `limited`). Those of
 * throttled cells are passed by.
 */
__noinline int take_of_cpu(s32 cpu, u64 limit, bool limited, u64 now)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	bool taken = false;

	if (bpf_iter_scx_dsq_new(&it, CPU_DSQ(cpu), 0))
		goto out;
	while ((p = bpf_iter_scx_dsq_next(&it))) {
		struct task_ctx *tctx = task_ctx(p);
		struct cell *c = tctx ? cell_at(tctx->cell) : NULL;

		if (c && !may_spend(c, tctx->cell, now))
			continue;
		if (limited && !time_before(p->scx.dsq_vtime, limit))
			break;
		taken = scx_bpf_dsq_move(&it, p, SCX_DSQ_LOCAL, 0);
		if (taken)
			break;
	}
out:
	bpf_iter_scx_dsq_destroy(&it);
	return taken;
}

/*
 * Serve the CPU's own queue where its head is further behind than the best
 * cell and the task that was running. Every NARROW_EVERY times, and after
 * stall_ns, it goes first whatever its head's key is.
 */
static __always_inline bool take_narrow(s32 cpu, struct cpu_ctx *here,
					const struct pick *pick,
					const struct prev *prev, u64 now)
{
	u64 limit = 0;
	bool limited = false;

	if (scx_bpf_dsq_nr_queued(CPU_DSQ(cpu)) <= 0) {
		here->narrow_served_ns = now;
		return false;
	}
	if (here->nr_dispatches % NARROW_EVERY &&
	    time_before(now, here->narrow_served_ns + config.stall_ns)) {
		if (pick->slot >= 0 && pick->home) {
			if (pick->stalled)
				return false;
			limit = pick->key;
			limited = true;
		}
		if (prev->c && prev->home &&
		    (!limited ||
		     time_before(READ_ONCE(prev->c->vtime), limit))) {
			/* A tie is the waiting task's. */
			limit = READ_ONCE(prev->c->vtime) + 1;
			limited = true;
		}
	}
	if (!take_of_cpu(cpu, limit, limited, now))
		return false;
	here->narrow_served_ns = now;
	return true;
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

	if (!may_run_on(prev->p, prev->tctx, prev->c, cpu) ||
	    !may_spend(prev->c, slot, now))
		return false;
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
	advance_clocks(prev->c, prev->tctx, here);
	grant_slice(prev->p, prev->tctx, prev->c, here, SLICE_NS);
}

/*
 * Take a task of the best cell, or let the one that was running go on. CPUs
 * whose ticks coincide pick the same task, and one of them finds it gone: it
 * picks again by the same rule, the running task included. (It once took any
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
		if (prev->c && keeps_running(prev, cpu, pick, now)) {
			go_on(prev, here);
			taken = true;
			break;
		}
		if (pick->slot < 0)
			break;
		taken = take_of_cell(pick->slot, cpu, here->nr_dispatches);
		if (taken)
			break;
		pick_cell(pick, cpu, now);
	}
	return taken;
}

/* Weigh the task that was running, where it could go on. */
static __always_inline void see_prev(struct prev *prev, struct task_struct *p,
				     const struct cpu_ctx *here, u64 now)
{
	struct task_ctx *tctx;

	if (!p || !(p->scx.flags & SCX_TASK_QUEUED))
		return;
	tctx = task_ctx(p);
	if (!tctx)
		return;
	/* Alone on its CPU, it would not be enqueued for long. */
	settle(p, tctx, now);
	refresh_cell(p, tctx);
	prev->p = p;
	prev->tctx = tctx;
	prev->c = cell_at(tctx->cell);
	if (prev->c)
		prev->home = has_first_claim(prev->c, tctx->cell, here);
}

static __always_inline void dispatch_cpu(s32 cpu, struct task_struct *p)
{
	struct cpu_ctx *here = cpu_at(cpu);
	u64 now = scx_bpf_now();
	struct prev prev = {};
	struct pick pick;

	if (!here || take_orphan())
		return;
	here->nr_dispatches++;
	see_prev(&prev, p, here, now);
	pick_cell(&pick, cpu, now);
	here->contended =
		pick.nr_waiting > 1 ||
		(pick.nr_waiting && prev.tctx && prev.tctx->cell != pick.slot);
	if (take_narrow(cpu, here, &pick, &prev, now) ||
	    take_best(cpu, here, &prev, &pick, now) ||
	    take_any(cpu, here->nr_dispatches, now))
		return;
	/*
	 * Else the task that was running is enqueued with ENQ_LAST, and finds
	 * a CPU that it may use, or waits for its cell's next period.
	 */
	if (prev.c && may_run_on(prev.p, prev.tctx, prev.c, cpu) &&
	    may_spend(prev.c, prev.tctx->cell, now))
		go_on(&prev, here);
}

#endif /* OCIHOOK_DISPATCH_BPF_H */
