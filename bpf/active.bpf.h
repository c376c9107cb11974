/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which cells have runnable tasks. Dispatch looks at these alone, so its cost
 * follows the cells that are busy, not the cells that exist; and a cell that
 * was unregistered keeps being served until its last task has left.
 */
#ifndef OCIHOOK_ACTIVE_BPF_H
#define OCIHOOK_ACTIVE_BPF_H

#include "maps.bpf.h"

/* The number of the lowest bit that is set; the mask is not 0. */
static __always_inline u32 lowest_bit(u64 mask)
{
	u32 bit = __builtin_ctzll(mask);

	/* clang knows that it is below 64 and drops what would tell the
	 * verifier so. */
	barrier_var(bit);
	return bit;
}

static __always_inline void set_active(u32 slot)
{
	u32 word = slot / 64;

	if (word >= CELL_WORDS)
		return;
	__sync_fetch_and_or(&active_cells[word], 1ULL << (slot % 64));
	__sync_fetch_and_or(&active_words, 1ULL << word);
}

/*
 * A word without cells is left out. A cell that comes to it meanwhile sets its
 * own bit before the word's, so either it sets the word's after us, or we see
 * it here.
 */
static __always_inline void clear_active(u32 slot)
{
	u32 word = slot / 64;

	if (word >= CELL_WORDS)
		return;
	__sync_fetch_and_and(&active_cells[word], ~(1ULL << (slot % 64)));
	if (READ_ONCE(active_cells[word]))
		return;
	__sync_fetch_and_and(&active_words, ~(1ULL << word));
	if (READ_ONCE(active_cells[word]))
		__sync_fetch_and_or(&active_words, 1ULL << word);
}

static __always_inline void count_runnable(struct task_ctx *tctx)
{
	struct cell *c = cell_at(tctx->cell);

	if (!c || tctx->counted)
		return;
	tctx->counted = true;
	tctx->counted_cell = tctx->cell;
	if (__sync_fetch_and_add(&c->nr_runnable, 1) == 0) {
		/* Its wait starts now; an old stamp would look like a stall. */
		WRITE_ONCE(c->served_ns, scx_bpf_now());
		set_active(tctx->cell);
	}
}

static __always_inline void uncount_runnable(struct task_ctx *tctx)
{
	u32 slot = tctx->counted_cell;
	struct cell *c = cell_at(slot);

	if (!c || !tctx->counted)
		return;
	tctx->counted = false;
	if (__sync_fetch_and_sub(&c->nr_runnable, 1) != 1)
		return;
	clear_active(slot);
	/*
	 * Another CPU may have counted the next task, and set the bit, between
	 * our two steps. Then the bit is ours to give back; a CPU that looked
	 * in between may have gone idle over it, so one is woken.
	 */
	if (READ_ONCE(c->nr_runnable) > 0) {
		set_active(slot);
		scx_bpf_kick_cpu(0, SCX_KICK_IDLE);
	}
}

#endif /* OCIHOOK_ACTIVE_BPF_H */
