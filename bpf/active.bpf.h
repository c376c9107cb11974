/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which nodes have runnable tasks, waiting or on a CPU: those are active, and
 * count in the tree. Each limited node knows how many there are below it.
 */
#ifndef OCIHOOK_ACTIVE_BPF_H
#define OCIHOOK_ACTIVE_BPF_H

#include "maps.bpf.h"
#include "tree.bpf.h"

/* Count a runnable task for each limit that it is below, up to LIMITS_COUNTED.
 */
__noinline int count_limits(struct task_ctx *tctx __arg_nonnull)
{
	struct cell *c = cell_at(tctx->cell);
	u32 limit = c ? READ_ONCE(c->limited) : 0;
	int i;

	UNROLLED
	for (i = 0; i < LIMITS_COUNTED; i++) {
		struct cell_objects *node = objects_of(limit);

		tctx->counted_limits[i] = limit;
		if (limit && node)
			__sync_fetch_and_add(&node->nr_limited, 1);
		c = limit ? cell_at(limit) : NULL;
		c = c ? cell_at(READ_ONCE(c->parent)) : NULL;
		limit = c ? READ_ONCE(c->limited) : 0;
	}
	return 0;
}

__noinline int uncount_limits(struct task_ctx *tctx __arg_nonnull)
{
	int i;

	UNROLLED
	for (i = 0; i < LIMITS_COUNTED; i++) {
		struct cell_objects *node = objects_of(tctx->counted_limits[i]);

		if (tctx->counted_limits[i] && node)
			__sync_fetch_and_sub(&node->nr_limited, 1);
		tctx->counted_limits[i] = 0;
	}
	return 0;
}

static __always_inline void count_nested(struct task_ctx *tctx, s64 more)
{
	struct cell *box = cell_at(tctx->counted_box);

	if (box && tctx->counted_box != tctx->counted_cell)
		__sync_fetch_and_add(&box->nr_nested, more);
}

/* Count the task among the narrow ones of its node, or not any more. */
static __always_inline void count_narrow(struct task_ctx *tctx)
{
	struct cell_objects *node = objects_of(tctx->counted_cell);
	bool narrow = tctx->counted && tctx->narrow;

	if (!node || narrow == tctx->counted_narrow)
		return;
	tctx->counted_narrow = narrow;
	__sync_fetch_and_add(&node->nr_narrow, narrow ? 1 : -1);
}

static __always_inline void count_runnable(struct task_ctx *tctx)
{
	struct cell *c = cell_at(tctx->cell);

	if (!c || tctx->counted)
		return;
	tctx->counted = true;
	tctx->counted_cell = tctx->cell;
	tctx->counted_box = tctx->box;
	count_nested(tctx, 1);
	count_narrow(tctx);
	if (READ_ONCE(c->limited))
		count_limits(tctx);
	if (__sync_fetch_and_add(&c->nr_runnable, 1) == 0) {
		/* Its wait starts now; an old stamp would look like a stall. */
		WRITE_ONCE(c->served_ns, scx_bpf_now());
		tctx->first = true;
		recount(tctx->cell);
	}
}

/* The task's limits may be others than those that it was counted for. */
static __always_inline void follow_limits(struct task_ctx *tctx)
{
	struct cell *c = cell_at(tctx->cell);

	if (!c || !tctx->counted ||
	    READ_ONCE(c->limited) == tctx->counted_limits[0])
		return;
	uncount_limits(tctx);
	count_limits(tctx);
}

static __always_inline void uncount_runnable(struct task_ctx *tctx)
{
	u32 slot = tctx->counted_cell;
	struct cell *c = cell_at(slot);

	if (!c || !tctx->counted)
		return;
	tctx->counted = false;
	count_nested(tctx, -1);
	count_narrow(tctx);
	if (tctx->counted_limits[0])
		uncount_limits(tctx);
	if (__sync_fetch_and_sub(&c->nr_runnable, 1) == 1)
		recount(slot);
}

#endif /* OCIHOOK_ACTIVE_BPF_H */
