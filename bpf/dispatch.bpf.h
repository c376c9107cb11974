/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU runs next: a task of the cell furthest behind, a task of the
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
#include "share.bpf.h"

/* The choice so far: `slot` is -1 while there is none. */
struct pick {
	u64 vtime;
	s32 slot;
	bool stalled;
};

/* The vtime of the first task in a queue; false where it is empty. */
static __always_inline bool head_vtime(u64 dsq_id, u64 *vtime)
{
	struct bpf_iter_scx_dsq it;
	struct task_struct *p;
	bool found = false;

	if (!bpf_iter_scx_dsq_new(&it, dsq_id, 0)) {
		p = bpf_iter_scx_dsq_next(&it);
		if (p) {
			*vtime = p->scx.dsq_vtime;
			found = true;
		}
	}
	bpf_iter_scx_dsq_destroy(&it);
	return found;
}

/* Weigh one cell against the choice so far; the longest stalled goes first. */
static __always_inline void weigh_cell(struct pick *pick, u32 slot, s32 cpu,
				       u64 now)
{
	struct cell *c = cell_at(slot);
	bool stalled;
	u64 key;

	if (!c || !cell_may_use(c, cpu) ||
	    scx_bpf_dsq_nr_queued(CELL_DSQ(slot)) <= 0)
		return;
	key = READ_ONCE(c->served_ns);
	stalled = !time_before(now, key + STALL_NS);
	if (pick->stalled && !stalled)
		return;
	if (!stalled)
		key = READ_ONCE(c->vtime);
	if (pick->slot >= 0 && pick->stalled == stalled &&
	    !time_before(key, pick->vtime))
		return;
	pick->slot = slot;
	pick->vtime = key;
	pick->stalled = stalled;
}

/* The best cell with waiting tasks that may use `cpu`. */
static __noinline int pick_cell(struct pick *pick, s32 cpu, u64 now)
{
	int word, bit;

	if (!pick)
		return 0;
	pick->slot = -1;
	pick->stalled = false;
	bpf_for(word, 0, CELL_WORDS) {
		u64 left = READ_ONCE(active_cells[word % CELL_WORDS]);

		bpf_for(bit, 0, 64) {
			if (!(left >> bit))
				break;
			if (left >> bit & 1)
				weigh_cell(pick, word * 64 + bit, cpu, now);
		}
	}
	return 0;
}

/* Take whatever may run here, in any order: an idle CPU helps nobody. */
static __always_inline bool take_any(s32 cpu)
{
	int word, bit;

	bpf_for(word, 0, CELL_WORDS) {
		u64 left = READ_ONCE(active_cells[word % CELL_WORDS]);

		bpf_for(bit, 0, 64) {
			u32 slot = word * 64 + bit;
			struct cell *c;

			if (!(left >> bit))
				break;
			c = left >> bit & 1 ? cell_at(slot) : NULL;
			if (c && cell_may_use(c, cpu) &&
			    scx_bpf_dsq_move_to_local(CELL_DSQ(slot)))
				return true;
		}
	}
	return scx_bpf_dsq_move_to_local(CPU_DSQ(cpu));
}

/*
 * Serve the CPU's own queue where its head is further behind than the best
 * cell and the task that was running. Every NARROW_EVERY times, and after
 * STALL_NS, it goes first whatever its head's vtime is.
 */
static __always_inline bool take_narrow(s32 cpu, struct cpu_ctx *here,
					const struct pick *pick,
					struct task_ctx *prev_ctx, u64 now)
{
	struct cell *c = prev_ctx ? cell_at(prev_ctx->cell) : NULL;
	u64 vtime;

	if (!head_vtime(CPU_DSQ(cpu), &vtime)) {
		here->narrow_served_ns = now;
		return false;
	}
	if (++here->nr_dispatches % NARROW_EVERY &&
	    time_before(now, here->narrow_served_ns + STALL_NS)) {
		if (pick->stalled)
			return false;
		if (pick->slot >= 0 && !time_before(vtime, pick->vtime))
			return false;
		if (c && time_before(READ_ONCE(c->vtime), vtime))
			return false;
	}
	if (!scx_bpf_dsq_move_to_local(CPU_DSQ(cpu)))
		return false;
	here->narrow_served_ns = now;
	return true;
}

/*
 * Whether the task that was running goes on. Within its own cell it gives way
 * to a task that is further behind.
 */
static __always_inline bool keeps_running(struct task_struct *p,
					  struct task_ctx *tctx, s32 cpu,
					  const struct pick *pick)
{
	struct cell *c = cell_at(tctx->cell);
	u64 head;

	if (!c || !may_run_on(p, tctx, c, cpu))
		return false;
	if (pick->slot < 0)
		return true;
	if (pick->stalled)
		return false;
	if (pick->slot != tctx->cell)
		return time_before(READ_ONCE(c->vtime), pick->vtime);
	return head_vtime(CELL_DSQ(tctx->cell), &head) &&
	       time_before(tctx->vtime, head);
}

static __always_inline void renew_slice(struct task_struct *p,
					struct task_ctx *tctx, u64 now)
{
	if (scx_bpf_task_set_slice)
		scx_bpf_task_set_slice(p, SLICE_NS);
	else
		p->scx.slice = SLICE_NS;
	prepay(tctx, now);
}

/*
 * Take a task of the best cell, or let the one that was running go on. CPUs
 * whose ticks coincide pick the same task, and one of them finds it gone: it
 * picks again by the same rule, the running task included. (It once took any
 * task it found: of 20 busy cells on 2 CPUs the first then got twice what the
 * others got. And it once forgot the running task, which kept a cell from
 * having both CPUs: weights of 100 and 300 gave 1 to 2.6.)
 */
static __always_inline bool take_best(s32 cpu, struct task_struct *prev,
				      struct task_ctx *prev_ctx,
				      struct pick *pick, u64 now)
{
	bool taken = false;
	int attempt;

	bpf_for(attempt, 0, PICK_ATTEMPTS) {
		if (prev_ctx && keeps_running(prev, prev_ctx, cpu, pick)) {
			renew_slice(prev, prev_ctx, now);
			taken = true;
			break;
		}
		if (pick->slot < 0)
			break;
		taken = scx_bpf_dsq_move_to_local(CELL_DSQ(pick->slot));
		if (taken)
			break;
		pick_cell(pick, cpu, now);
	}
	return taken;
}

static __always_inline void dispatch_cpu(s32 cpu, struct task_struct *prev)
{
	struct cpu_ctx *here = cpu_at(cpu);
	struct task_ctx *prev_ctx = NULL;
	u64 now = scx_bpf_now();
	struct pick pick;
	struct cell *c;

	if (!here || take_orphan())
		return;
	if (prev && prev->scx.flags & SCX_TASK_QUEUED)
		prev_ctx = task_ctx(prev);
	if (prev_ctx) {
		/* Alone on its CPU, it would not be enqueued for long. */
		settle(prev, prev_ctx, now);
		refresh_cell(prev, prev_ctx);
	}
	pick_cell(&pick, cpu, now);
	if (take_narrow(cpu, here, &pick, prev_ctx, now))
		return;
	if (take_best(cpu, prev, prev_ctx, &pick, now) || take_any(cpu))
		return;
	c = prev_ctx ? cell_at(prev_ctx->cell) : NULL;
	/* Else it is enqueued with ENQ_LAST, and finds a CPU that it may use.
	 */
	if (c && may_run_on(prev, prev_ctx, c, cpu))
		renew_slice(prev, prev_ctx, now);
}

#endif /* OCIHOOK_DISPATCH_BPF_H */
