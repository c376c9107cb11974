/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a request wishes for a cell, written into its slot.
 *
 * Programs read their context at constant offsets only ("dereference of
 * modified ctx ptr" else), so what is copied from it is copied word by word, in
 * loops that unroll.
 */
#ifndef OCIHOOK_APPLY_BPF_H
#define OCIHOOK_APPLY_BPF_H

#include "table.bpf.h"

enum {
	/* The flags that are wishes; the others are the scheduler's. */
	CELL_FLAGS_WISHED = CELL_FLAG_NO_LEND | CELL_FLAG_NO_BORROW |
			    CELL_FLAG_FIXED_WEIGHT | CELL_FLAG_FIXED_QUOTA,
};

static __always_inline bool request_is_valid(const struct cell_request *req)
{
	u64 usec = NSEC_PER_MSEC / 1000;

	if (!req->cgid || req->cgid == config.root_cgid)
		return false;
	if (req->fields & CELL_FIELD_WEIGHT &&
	    (req->weight < OCIHOOK_WEIGHT_MIN ||
	     req->weight > OCIHOOK_WEIGHT_MAX))
		return false;
	if (req->fields & CELL_FIELD_FLAGS && req->flags & ~CELL_FLAGS_WISHED)
		return false;
	return !(req->fields & CELL_FIELD_QUOTA) || !req->quota_ns ||
	       (req->quota_ns >= OCIHOOK_QUOTA_MIN_US * usec &&
		req->period_ns >= OCIHOOK_PERIOD_MIN_US * usec &&
		req->period_ns <= OCIHOOK_PERIOD_MAX_US * usec &&
		/* More than any machine could use up. */
		req->quota_ns <= MAX_CPUS * req->period_ns &&
		req->burst_ns <= MAX_CPUS * req->period_ns);
}

static __always_inline void apply_flags(struct cell *c,
					const struct cell_request *req)
{
	u32 flags = req->flags & CELL_FLAGS_WISHED;

	__sync_fetch_and_and(&c->flags, ~CELL_FLAGS_WISHED);
	__sync_fetch_and_or(&c->flags, flags);
}

static __always_inline int apply_exec(struct cell *c, u32 slot,
				      const struct cell_request *req)
{
	u64 any = 0;
	int word;

	UNROLLED
	for (word = 0; word < OCIHOOK_CPU_WORDS; word++) {
		c->exec_allowed.bits[word] =
			READ_ONCE(req->exec_allowed.bits[word]);
		any |= c->exec_allowed.bits[word];
	}
	return publish_exec_mask(slot, any, &c->exec_allowed);
}

/* Of two cells that ask for one CPU, one gets -EBUSY: see claim.bpf.h. */
static __always_inline int apply_own(u32 slot, const struct cell_request *req)
{
	struct cell_objects *objects = objects_of(slot);
	int word;

	if (!objects)
		return -EINVAL;
	UNROLLED
	for (word = 0; word < OCIHOOK_CPU_WORDS; word++)
		objects->wanted.bits[word] = READ_ONCE(req->own.bits[word]);
	return claim_wanted(slot);
}

/*
 * Set the members that the request names. Own CPUs come first: they are the
 * only ones that may be refused, and then nothing is changed. A change of the
 * cpuset, or of what is lent, moves the sets of CPUs that are made from them.
 *
 * There is no lock: of two requests for one cell at once, each member, and each
 * word of a cpulist, is that of either. `ocihook cells` says what it became.
 */
static __always_inline int apply_request(struct cell *c, u32 slot,
					 const struct cell_request *req)
{
	int word, err = 0;

	if (req->fields & CELL_FIELD_OWN)
		err = apply_own(slot, req);
	if (err)
		return err;
	if (req->fields & CELL_FIELD_FLAGS)
		apply_flags(c, req);
	if (req->fields & CELL_FIELD_ALLOWED) {
		UNROLLED
		for (word = 0; word < OCIHOOK_CPU_WORDS; word++)
			c->allowed.bits[word] =
				READ_ONCE(req->allowed.bits[word]);
	}
	if (req->fields & CELL_FIELD_WEIGHT)
		WRITE_ONCE(c->weight, req->weight);
	if (req->fields & CELL_FIELD_QUOTA) {
		set_quota(c, req->quota_ns, req->period_ns, req->burst_ns);
		if (req->quota_ns)
			WRITE_ONCE(c->limited, slot);
	}
	if (req->fields & CELL_FIELD_EXEC)
		err = apply_exec(c, slot, req);
	if (err)
		return err;
	if (req->fields & CELL_FIELD_FLAGS && cpu_words_any(&c->own))
		publish_all_cpus();
	return publish_cpus(slot);
}

#endif /* OCIHOOK_APPLY_BPF_H */
