/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cells whose quota is spent.
 *
 * The tasks of a throttled cell stay in their queues, and dispatch passes them
 * by. One timer, armed only while cells are throttled, wakes idle CPUs when the
 * first of them has a budget again.
 *
 * No cell is throttled for longer than throttle_max_ns. What it owes after that
 * is forgiven: exempt tasks (exempt.bpf.h) may have used more than its quota
 * gives.
 */
#ifndef OCIHOOK_THROTTLE_BPF_H
#define OCIHOOK_THROTTLE_BPF_H

#include "maps.bpf.h"
#include "quota.bpf.h"

struct quota_timer {
	struct bpf_timer timer;
	/* When it goes off, CLOCK_MONOTONIC; 0 while it is not armed. */
	u64 due_ns;
};

/* Pinned, since the kernel cancels the timers of a map that nobody holds. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct quota_timer);
} quota_timer SEC(".maps");

/* When the timer last woke idle CPUs. */
u64 woken_ns;
/* A bit for each throttled cell. */
u64 throttled_cells[CELL_WORDS];

static __always_inline struct quota_timer *the_quota_timer(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&quota_timer, &zero);
}

/* When a throttled cell is let go whatever its budget is: see forgive(). */
static __always_inline u64 mercy_ns(const struct cell *c)
{
	return READ_ONCE(c->throttled_since_ns) + config.throttle_max_ns;
}

/* When to look at a throttled cell again. */
static __always_inline u64 throttle_end(const struct cell *c, u64 now)
{
	u64 end = period_end(c), mercy = mercy_ns(c);

	if (time_before(mercy, end))
		end = mercy;
	return time_before(end, now + TIMER_MIN_NS) ? now + TIMER_MIN_NS : end;
}

static __always_inline void start_timer(struct quota_timer *t, u64 due_ns,
					u64 now)
{
	if (bpf_timer_start(&t->timer,
			    time_before(now, due_ns) ? due_ns - now : 0, 0))
		WRITE_ONCE(t->due_ns, 0);
}

/*
 * Have the timer go off at `due_ns`, unless it does so earlier. If two CPUs arm
 * it at once, the later start counts, and may be that of the later time: so
 * each looks once more after it. One that gives way to the other's exchange has
 * its cell looked at when the other's is: late, by a period at most.
 */
static __always_inline void arm_timer(u64 due_ns, u64 now)
{
	struct quota_timer *t = the_quota_timer();
	u64 armed;

	if (!t)
		return;
	armed = READ_ONCE(t->due_ns);
	if (armed && time_before(armed, due_ns))
		return;
	if (__sync_val_compare_and_swap(&t->due_ns, armed, due_ns) != armed)
		return;
	start_timer(t, due_ns, now);
	armed = READ_ONCE(t->due_ns);
	if (armed && time_before(armed, due_ns))
		start_timer(t, armed, now);
}

/* The cell may run again. False where it was not throttled. */
static __always_inline bool unthrottle(struct cell *c, u64 now)
{
	u64 since = READ_ONCE(c->throttled_since_ns);

	if (!since || __sync_val_compare_and_swap(&c->throttled_since_ns, since,
						  0) != since)
		return false;
	if (time_before(since, now))
		__sync_fetch_and_add(&c->throttled_ns, now - since);
	bump_release_seq();
	return true;
}

/*
 * Note that the cell may not run. The bit is set before the timer is looked at,
 * and the timer's callback says that it is not armed before it looks at bits:
 * one of the two sees the other.
 */
static __always_inline void throttle(struct cell *c, struct cell_objects *node,
				     u32 slot, u64 now)
{
	u64 bit = 1ULL << (slot % 64);
	u32 word = slot / 64;

	if (!READ_ONCE(c->throttled_since_ns) &&
	    !__sync_val_compare_and_swap(&c->throttled_since_ns, 0, now))
		count_throttled(c, node, 1);
	if (word >= CELL_WORDS || READ_ONCE(throttled_cells[word]) & bit)
		return;
	if (!(__sync_fetch_and_or(&throttled_cells[word], bit) & bit))
		arm_timer(throttle_end(c, now), now);
}

/*
 * Let go of a cell that was throttled for so long without a break: its debt is
 * forgiven. The CPU that ends the throttling does it, so it is done once.
 */
static __always_inline bool forgive(struct cell *c, u64 now)
{
	if (!READ_ONCE(c->throttled_since_ns) ||
	    time_before(now, mercy_ns(c)) || !unthrottle(c, now))
		return false;
	__sync_fetch_and_add(&c->budget_ns,
			     SLICE_MIN_NS - READ_ONCE(c->budget_ns));
	return true;
}

/* Whether the node may run, by its quota. Throttles it where it may not. */
__noinline int may_spend_quota(u32 slot, u64 now)
{
	struct cell_objects *objects = objects_of(slot);
	struct cell *c = cell_at(slot);

	if (!c || !objects || !READ_ONCE(c->quota_ns))
		return true;
	refill(c, objects, now);
	if (READ_ONCE(c->budget_ns) > 0) {
		unthrottle(c, now);
		return true;
	}
	if (forgive(c, now))
		return true;
	throttle(c, objects, slot, now);
	return false;
}

/* Whether all that lies below may run, by each limit from `limit` up. */
__noinline int may_spend_below(u32 limit, u64 now)
{
	bool may = true;
	int up;

	bpf_for(up, 0, MAX_CGROUP_DEPTH) {
		struct cell *c = cell_at(limit);

		if (!limit || !c || !may)
			break;
		may = may_spend_quota(limit, now);
		limit = next_limit(c);
	}
	return may;
}

static __always_inline bool may_spend(const struct cell *c, u64 now)
{
	u32 limit = READ_ONCE(c->limited);

	return !limit || may_spend_below(limit, now);
}

/*
 * Let a cell go whose budget is full again, or that nobody waits for. Returns
 * when to look at it next, or 0. Sets `wake` where it may run now.
 *
 * The bit goes first: a task that comes and finds it set does not arm the
 * timer, but it was counted before that, so it is seen here.
 */
__noinline u64 serve_throttled(u32 slot, u64 now, bool *wake __arg_nonnull)
{
	struct cell_objects *objects = objects_of(slot);
	u64 bit = 1ULL << (slot % 64);
	struct cell *c = cell_at(slot);
	u32 word = slot / 64;

	if (!c || !objects || word >= CELL_WORDS)
		return 0;
	__sync_fetch_and_and(&throttled_cells[word], ~bit);
	refill(c, objects, now);
	if (READ_ONCE(c->quota_ns) && READ_ONCE(c->budget_ns) <= 0 &&
	    READ_ONCE(objects->nr_limited) > 0 && !forgive(c, now)) {
		__sync_fetch_and_or(&throttled_cells[word], bit);
		return throttle_end(c, now);
	}
	unthrottle(c, now);
	*wake = true;
	return 0;
}

/* From here on a cell that is throttled arms the timer again, by itself. */
static int quota_tick(void *map, int *key, struct quota_timer *t)
{
	u64 now = scx_bpf_now(), next = 0;
	bool wake = false;
	int word, bit;

	WRITE_ONCE(t->due_ns, 0);
	bpf_for(word, 0, CELL_WORDS) {
		u64 left = READ_ONCE(throttled_cells[word % CELL_WORDS]);

		bpf_for(bit, 0, 64) {
			u64 due;

			if (!(left >> bit))
				break;
			if (!(left >> bit & 1))
				continue;
			due = serve_throttled(word * 64 + bit, now, &wake);
			if (due && (!next || time_before(due, next)))
				next = due;
		}
	}
	/* While all is throttled, an idle CPU looks for late tasks. */
	if (next && !time_before(now, woken_ns + config.throttle_max_ns / 16))
		wake = true;
	if (wake) {
		woken_ns = now;
		wake_idle_cpus();
	}
	if (next)
		arm_timer(next, now);
	return 0;
}

static __always_inline int init_quota_timer(void)
{
	struct quota_timer *t = the_quota_timer();

	if (!t)
		return -EINVAL;
	t->due_ns = 0;
	return init_timer(&t->timer, &quota_timer, quota_tick);
}

#endif /* OCIHOOK_THROTTLE_BPF_H */
