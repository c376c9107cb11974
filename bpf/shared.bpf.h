/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cells that several cgroups share by a name and a scope, which keeps apart
 * those of different owners: the same name in two scopes is two cells.
 *
 * The shared cell has a slot of its own, without a cgroup: it has the name, the
 * weight, the quota, the CPUs and all tasks. Each member has its slot as well,
 * for what is the container's: id, bundle, cgroup. A member's slot names the
 * shared one with its generation; when the last member ends, so does it.
 */
#ifndef OCIHOOK_SHARED_BPF_H
#define OCIHOOK_SHARED_BPF_H

#include "table.bpf.h"

/* The name of a request, and whose it is, out of the context. */
struct cell_name {
	u64 words[OCIHOOK_NAME_BYTES / 8];
	u64 scope;
};

static __always_inline void copy_name(struct cell_name *name,
				      const struct cell_request *req)
{
	const u64 *from = (const u64 *)req->name;
	int word;

	UNROLLED
	for (word = 0; word < OCIHOOK_NAME_BYTES / 8; word++)
		name->words[word] = READ_ONCE(from[word]);
	name->scope = READ_ONCE(req->scope);
}

static __always_inline bool has_name(const struct cell *c,
				     const struct cell_name *name)
{
	const u64 *ours = (const u64 *)c->name;
	u64 differ = READ_ONCE(c->scope) ^ name->scope;
	int word;

	UNROLLED
	for (word = 0; word < OCIHOOK_NAME_BYTES / 8; word++)
		differ |= READ_ONCE(ours[word]) ^ name->words[word];
	return !differ;
}

/* The first live shared cell of that name, or 0. */
static __always_inline u64 find_shared(const struct cell_name *name)
{
	u64 found = 0;
	int slot;

	bpf_for(slot, 1, nr_slots()) {
		struct cell *c = cell_at(slot);
		u32 generation;

		if (!c)
			break;
		generation = READ_ONCE(c->generation);
		if (READ_ONCE(c->state) == CELL_LIVE && !c->cgid &&
		    READ_ONCE(c->nr_members) && has_name(c, name)) {
			found = slot_ref(slot, generation);
			break;
		}
	}
	return found;
}

/* One member less; the last one ends the cell. */
__noinline int leave_shared(u32 slot, u32 generation)
{
	struct cell *c = cell_at(slot);

	if (!c || READ_ONCE(c->generation) != generation)
		return 0;
	if (__sync_fetch_and_sub(&c->nr_members, 1) == 1)
		end_slot(slot, generation);
	return 0;
}

/*
 * One member more. Not of a cell that has none: its last member is just ending
 * it. The slot may have been used anew since it was found: then the member
 * that was added is taken back.
 */
static __always_inline bool join_shared(u64 ref)
{
	struct cell *c = cell_at((u32)ref);
	u32 members = c ? READ_ONCE(c->nr_members) : 0;

	if (!members || __sync_val_compare_and_swap(&c->nr_members, members,
						    members + 1) != members)
		return false;
	if (READ_ONCE(c->generation) == ref >> 32)
		return true;
	leave_shared(ref, READ_ONCE(c->generation));
	return false;
}

/*
 * A new shared cell with one member: its reference, or a negative errno. (They
 * differ in sign until a slot has been used two billion times.)
 */
static __always_inline s64 make_shared(const struct cell_name *name)
{
	u64 ref = claim_slot();
	struct cell *c = cell_at((u32)ref);
	u64 *to;
	int word, err;

	if (!ref || !c)
		return -ENOSPC;
	err = clear_slot(c, ref);
	to = (u64 *)c->name;
	UNROLLED
	for (word = 0; word < OCIHOOK_NAME_BYTES / 8; word++)
		to[word] = name->words[word];
	c->scope = name->scope;
	c->nr_members = 1;
	c->box = ref;
	if (!err && !change_word(c, cell_word(CELL_CLAIMING, ref >> 32),
				 cell_word(CELL_LIVE, ref >> 32)))
		err = -EAGAIN;
	if (!err)
		return ref;
	change_word(c, cell_word(CELL_CLAIMING, ref >> 32),
		    cell_word(CELL_FREE, ref >> 32));
	return err;
}

/*
 * The shared cell of a name, with one member more: its reference, or a negative
 * errno; and whether it was made for this member. Two that make it at once both
 * publish theirs before they look for the first one of that name, so both find
 * the same; the other goes again.
 */
static __always_inline s64 enter_shared(const struct cell_name *name,
					bool *made)
{
	s64 ref = 0;
	int attempt;

	bpf_for(attempt, 0, PICK_ATTEMPTS) {
		u64 first = find_shared(name);

		if (first) {
			if (!join_shared(first))
				continue;
			if (ref)
				leave_shared(ref, (u64)ref >> 32);
			*made = false;
			return first;
		}
		ref = make_shared(name);
		if (ref < 0)
			return ref;
		*made = true;
		if (find_shared(name) == ref)
			return ref;
	}
	if (ref)
		leave_shared(ref, (u64)ref >> 32);
	return -EAGAIN;
}

/*
 * Release what a cgroup has: its cell, or its place in a shared one. False
 * where somebody else did it.
 */
__noinline int release_slot(u32 slot, u32 generation)
{
	struct cell *c = cell_at(slot);
	u32 shared, shared_generation;

	if (!c)
		return false;
	shared = READ_ONCE(c->shared);
	shared_generation = READ_ONCE(c->shared_generation);
	if (!end_slot(slot, generation))
		return false;
	if (shared)
		leave_shared(shared, shared_generation);
	return true;
}

#endif /* OCIHOOK_SHARED_BPF_H */
