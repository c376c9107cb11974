/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The slots of the cell table: claimed, filled, released. Any number of
 * callers at once, without a lock.
 *
 * A slot goes FREE -> CLAIMING -> LIVE -> DRAINING -> FREE, each step by one
 * compare-and-swap, so one caller wins it. What names a slot from outside (a
 * task's cache) carries its generation, which every release raises; a cgroup's
 * storage is right while the slot has the cgroup's id. What is stale falls
 * through to the next ancestor.
 *
 * The slot of a cgroup with the cpu controller goes CLAIMING -> NODE when the
 * cgroup appears, NODE -> CLAIMING -> LIVE -> NODE while it is a cell, and
 * NODE -> NODE_DRAINING -> FREE when it is gone.
 */
#ifndef OCIHOOK_TABLE_BPF_H
#define OCIHOOK_TABLE_BPF_H

#include "maps.bpf.h"
#include "affinity.bpf.h"
#include "claim.bpf.h"
#include "grow.bpf.h"
#include "order.bpf.h"
#include "stats.bpf.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "cell_word() has the state in the lower half"
#endif

/* A slot's state and generation change together, as one word. */
static __always_inline u64 cell_word(u32 state, u32 generation)
{
	return (u64)generation << 32 | state;
}

/* What a cgroup's storage holds: see struct cgroup_cell. */
static __always_inline u64 slot_ref(u32 slot, u32 generation)
{
	return (u64)generation << 32 | slot;
}

static __always_inline bool change_word(struct cell *c, u64 from, u64 to)
{
	return __sync_val_compare_and_swap((u64 *)&c->state, from, to) == from;
}

/* Change the state alone, whatever the generation is. */
static __always_inline bool change_state(struct cell *c, u32 from, u32 to)
{
	u32 generation = READ_ONCE(c->generation);

	return change_word(c, cell_word(from, generation),
			   cell_word(to, generation));
}

/* Write down how many cells are live. Two at once may miss each other's. */
__noinline int count_live(void)
{
	struct scheduler_record *rec = record();
	u32 live = 0;
	int slot;

	if (!rec)
		return 0;
	bpf_for(slot, 1, nr_slots()) {
		struct cell *c = cell_at(slot);

		/* A member of a shared cell has no tasks itself. */
		if (c && READ_ONCE(c->state) == CELL_LIVE && !c->shared)
			live++;
	}
	rec->nr_live = live;
	return 0;
}

/* Raise nr_slots over a slot; the claims that race here only ever raise it. */
static __always_inline void note_used(u32 slot)
{
	struct scheduler_record *rec = record();
	int attempt;

	bpf_for(attempt, 0, CLAIM_ATTEMPTS) {
		u32 used = rec ? READ_ONCE(rec->nr_slots) : OCIHOOK_MAX_CELLS;

		if (used > slot ||
		    __sync_val_compare_and_swap(&rec->nr_slots, used,
						slot + 1) == used)
			break;
	}
}

/*
 * Make the table ready for an attach: the host's cell, and a queue for every
 * slot that is in use already (a second attach of the same maps).
 */
static __always_inline int init_table(void)
{
	struct cell *host = cell_at(HOST_CELL);
	int slot, err;

	if (!host)
		return -EINVAL;
	note_used(HOST_CELL);
	host->state = CELL_LIVE;
	host->cgid = config.root_cgid;
	host->weight = OCIHOOK_WEIGHT_DEFAULT;
	__builtin_memcpy(host->name, "host", sizeof("host"));
	clear_order();
	nr_queues_made = 0;
	crowded = 0;
	bpf_for(slot, 0, OCIHOOK_MAX_CELLS) {
		struct cell_objects *objects = objects_of(slot);
		struct cell *c = cell_at(slot);

		if (!c || !objects)
			return -EINVAL;
		objects->nr_queues = 0;
		objects->nr_limited = 0;
		objects->nr_queued = 0;
		objects->nr_active = 0;
		objects->active_weight = 0;
		objects->active_most = 0;
		objects->nr_unlimited = 0;
		objects->counted_weight = 0;
		c->nr_runnable = 0;
		c->nr_nested = 0;
		if (c->state == CELL_FREE)
			continue;
		err = ensure_queue(slot);
		if (err)
			return err;
	}
	return count_live();
}

/*
 * Begin a slot's counters anew. Other CPUs' parts are set from here, too. No
 * task of the slot runs any more; but one that borrowed a CPU of its last use
 * may just then add to lent_ns, which is then of the old use, or lost.
 */
__noinline int reset_stats(u32 slot)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	int cpu, llc;

	bpf_for(cpu, 0, MAX_CPUS) {
		struct cell_run_ns *run;

		if (cpu >= nr_cpus)
			break;
		run = bpf_map_lookup_percpu_elem(&cell_run_ns, &slot, cpu);
		if (run)
			run->run_ns = 0;
	}
	bpf_for(llc, 0, nr_llcs()) {
		u32 key = slot * nr_llcs() + llc;
		struct cell_stats *stats =
			bpf_map_lookup_elem(&cell_stats, &key);

		if (stats)
			__builtin_memset(stats, 0, sizeof(*stats));
	}
	reset_waits(slot);
	return 0;
}

/* Forget whose cell it was, what was wished for it, and what it counted. */
static __always_inline void forget_cell(struct cell *c, u32 slot)
{
	c->bundle_hash = 0;
	c->flags &= CELL_FLAG_CONTROLLED;
	c->shared = 0;
	c->shared_generation = 0;
	c->scope = 0;
	c->throttled_ns = 0;
	c->nr_periods = 0;
	c->nr_throttled = 0;
	c->since_ns = bpf_ktime_get_ns();
	__builtin_memset(c->name, 0, sizeof(c->name));
	__builtin_memset(c->container, 0, sizeof(c->container));
	__builtin_memset(&c->allowed, 0, sizeof(c->allowed));
	__builtin_memset(&c->exec_allowed, 0, sizeof(c->exec_allowed));
	reset_stats(slot);
}

/* Begin a claimed slot anew, with a queue and nothing wished. */
static __always_inline int clear_slot(struct cell *c, u32 slot)
{
	struct cell_objects *node = objects_of(slot);

	if (!node)
		return -EINVAL;
	c->cgid = 0;
	c->weight = OCIHOOK_WEIGHT_DEFAULT;
	c->restricted = 0;
	c->flags = 0;
	c->nr_members = 0;
	c->quota_ns = 0;
	c->throttled_since_ns = 0;
	c->task_vtime = 0;
	c->vtime = READ_ONCE(cell_clock);
	node->unplaced = true;
	c->parent = HOST_CELL;
	c->box = HOST_CELL;
	c->limited = 0;
	c->nr_nested = 0;
	node->nr_limited = 0;
	node->throttled_period_ns = 0;
	node->followed_ns = 0;
	node->usable_weight = 0;
	node->most = 0;
	forget_cell(c, slot);
	return ensure_queue(slot);
}

/*
 * End a cell. Tasks that still wait in its queue are served until they are
 * gone; a claim takes the slot only after that. A cgroup with the cpu
 * controller goes on as a node, with the weight and the limit of its files.
 */
__noinline int end_slot(u32 slot, u32 generation)
{
	struct scheduler_record *rec = record();
	struct cell *c = cell_at(slot);
	bool stays;

	if (!c)
		return false;
	stays = READ_ONCE(c->flags) & CELL_FLAG_CONTROLLED;
	if (!change_word(c, cell_word(CELL_LIVE, generation),
			 cell_word(stays ? CELL_NODE : CELL_DRAINING,
				   generation + 1)))
		return false;
	release_owned(slot, c);
	if (stays) {
		forget_cell(c, slot);
		publish_exec_mask(slot, false, &c->exec_allowed);
		publish_cpus(slot);
	}
	bump_config_seq();
	if (!stays && READ_ONCE(c->nr_runnable) <= 0)
		change_state(c, CELL_DRAINING, CELL_FREE);
	if (rec)
		__sync_fetch_and_add(&rec->nr_released, 1);
	count_live();
	return true;
}

/* Free a slot whose last task has left since; returns whether it was a cell. */
static __always_inline bool free_drained(struct cell *c)
{
	u32 state = READ_ONCE(c->state);

	if (READ_ONCE(c->nr_runnable) > 0)
		return false;
	if (state == CELL_NODE_DRAINING)
		change_state(c, CELL_NODE_DRAINING, CELL_FREE);
	return state == CELL_DRAINING &&
	       change_state(c, CELL_DRAINING, CELL_FREE);
}

/*
 * Take a free or drained slot: a reference to it, or 0 where there is none.
 * The reference has the generation of the claim; a claim that was swept
 * meanwhile no longer matches it. That may happen at once, where a sweep finds
 * the slot between our two steps with the stamp of its last use: then the
 * registration ends with EAGAIN, and its caller tries again.
 */
static __always_inline u64 claim_slot(void)
{
	u64 taken = 0;
	int slot;

	bpf_for(slot, 1, OCIHOOK_MAX_CELLS) {
		struct cell *c = cell_at(slot);

		if (!c)
			break;
		free_drained(c);
		if (change_state(c, CELL_FREE, CELL_CLAIMING)) {
			WRITE_ONCE(c->since_ns, bpf_ktime_get_ns());
			note_used(slot);
			taken = slot_ref(slot, READ_ONCE(c->generation));
			break;
		}
	}
	return taken;
}

#endif /* OCIHOOK_TABLE_BPF_H */
