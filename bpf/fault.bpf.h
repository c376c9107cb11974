/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Forks that fail on purpose, for a test of what happens when memory is short.
 * Only in an object that is built for that (setup.py build_bpf
 * --fault-injection); the one that is installed has nothing of it.
 */
#ifndef OCIHOOK_FAULT_BPF_H
#define OCIHOOK_FAULT_BPF_H

#include "maps.bpf.h"

#ifdef OCIHOOK_FAULT_INJECTION

/* In and out of fault_forks. Not of the ABI: the test has its own reader. */
struct fault_request {
	/* In: one fork in so many fails; 0: none does. */
	u64 fail_every;
	/* Out, since the attach: tasks let in, kept out, and gone again. */
	u64 nr_in;
	u64 nr_failed;
	u64 nr_out;
};

static struct fault_request fault_state;
static u64 fault_nr_forks;

static __always_inline bool fork_must_fail(bool fork)
{
	u64 every = READ_ONCE(fault_state.fail_every);

	if (!fork || !every || __sync_fetch_and_add(&fault_nr_forks, 1) % every)
		return false;
	__sync_fetch_and_add(&fault_state.nr_failed, 1);
	return true;
}

static __always_inline void count_task_in(void)
{
	__sync_fetch_and_add(&fault_state.nr_in, 1);
}

static __always_inline void count_task_out(void)
{
	__sync_fetch_and_add(&fault_state.nr_out, 1);
}

SEC("syscall")
int fault_forks(struct fault_request *req)
{
	WRITE_ONCE(fault_state.fail_every, req->fail_every);
	req->nr_in = READ_ONCE(fault_state.nr_in);
	req->nr_failed = READ_ONCE(fault_state.nr_failed);
	req->nr_out = READ_ONCE(fault_state.nr_out);
	return 0;
}

#else

static __always_inline bool fork_must_fail(bool fork)
{
	return false;
}

static __always_inline void count_task_in(void)
{
}

static __always_inline void count_task_out(void)
{
}

#endif

#endif /* OCIHOOK_FAULT_BPF_H */
