/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The constants of the scheduler, and what it knows of a task, a slot and a CPU
 * besides abi.h.
 */
#ifndef OCIHOOK_STATE_BPF_H
#define OCIHOOK_STATE_BPF_H

#include "scx.bpf.h"
#include "abi.h"

enum {
	NSEC_PER_USEC = 1000,
	NSEC_PER_MSEC = 1000 * NSEC_PER_USEC,
	NSEC_PER_SEC = 1000 * NSEC_PER_MSEC,

	/* How long a task runs before others are asked; where cells wait. */
	SLICE_NS = 5 * NSEC_PER_MSEC,
	SLICE_CONTENDED_NS = 2 * NSEC_PER_MSEC,
	/* The least that a cell with a quota is given at once. */
	SLICE_MIN_NS = NSEC_PER_MSEC / 2,
	/* How far behind, in virtual time, entitles to a CPU at once. */
	PREEMPT_NS = NSEC_PER_MSEC,
	/* How often a CPU picks anew: it lost a race for a node's last task, or
	 * none of the node's tasks may run there. */
	PICK_ATTEMPTS = 16,
	/* Claims that may raise nr_slots at once: fewer than CPUs, each once.
	 */
	CLAIM_ATTEMPTS = 64,
	/* How often a cell's CPU sets are made anew that changed meanwhile. */
	OWN_ATTEMPTS = 16,
	/* A registration takes microseconds; a claim so old has no owner. */
	CLAIM_NS = 5ULL * NSEC_PER_SEC,
	/* One dispatch in so many looks at the queues of another cache first.
	 */
	OTHER_LLC_EVERY = 8,
	/* Guests of a CPU that is another cell's own get a slice each time
	 * after so long: about an eighth. */
	GUEST_EVERY_NS = 7 * SLICE_NS,
	/* After so long without a node that waits nothing is contended. */
	UNCONTENDED_NS = 20 * NSEC_PER_MSEC,
	/* A node that stays active may be owed so many times what one may that
	 * slept. */
	LAG_ACTIVE = 8,
	/* So many tasks of a CPU's queue are weighed against each other. Where
	 * half as many wait, a node puts no more into CPUs' queues than: */
	BOUND_WINDOW = 64,
	BOUND_PER_NODE = 8,
	/* Periods that are filled up at once, at most. */
	REFILL_PERIODS_MAX = 1 << 20,
	/* The soonest that the timer for throttled cells goes off again. */
	TIMER_MIN_NS = NSEC_PER_MSEC,

	HOST_CELL = 0,
	/* kernel/cgroup/cgroup.c: the first id of each hierarchy is its root.
	 */
	HIERARCHY_ROOT_CGID = 1,
	MAX_CPUS = OCIHOOK_CPU_WORDS * 64,
	CELL_WORDS = OCIHOOK_MAX_CELLS / 64,
	/* So many levels of cgroups are told apart, the root's included; deeper
	 * ones count as their ancestor on the last. */
	MAX_CGROUP_DEPTH = 32,
	/* Waiting tasks are counted by when they began to: see exempt.bpf.h. */
	LANES = 16,
	/* Limits above each other that count their tasks; all of them limit. */
	LIMITS_COUNTED = 4,
	/* A node's share of the machine, with all of it as: */
	SHARE_ONE = 1 << 28,
	SHARE_MIN = SHARE_ONE >> 20,
	/* A weight of 1 in the sums of the tree. */
	WEIGHT_ONE = 64,
	/* What a limit stopped is looked at so often, besides when a limit lets
	 * go: all that CPUs may lose which stop it and let it go at once. */
	PARK_NS = 50 * NSEC_PER_MSEC,
	/* How often weights and limits are read from the kernel's cgroups. */
	FOLLOW_NS = 10 * NSEC_PER_MSEC,
};

/* A task of low priority has a turn in its node within so long. */
#define TURN_NS (5ULL * NSEC_PER_SEC)
/* More than any lag, and less than half of what wraps. */
#define LAG_MAX (1ULL << 60)
/* More than any lead: a slice at SHARE_MIN costs less than 2^43 ns. */
#define LEAD_MAX (1ULL << 56)

/* Queue ids: a cell's, up to one for each LLC, and a CPU's for narrow tasks. */
#define CELL_DSQ(slot, queue) \
	(0x1000000ULL + (u64)(slot) * OCIHOOK_MAX_LLCS + (queue))
#define CPU_DSQ(cpu) (0x2000000ULL + (cpu))

/*
 * Where a cgroup's cell is: the slot in the lower half, its generation in the
 * upper, so that both are exchanged at once. A hint: its reader compares
 * the generation with the slot's.
 */
struct cgroup_cell {
	u64 ref;
};

/* What the scheduler knows of a task. */
struct task_ctx {
	/* The cache key of `cell`: the task's cgroup, and `config_seq`. */
	u64 cgid;
	u64 seq;
	u32 cell;
	u32 generation;
	/* Virtual time inside the cell. */
	u64 vtime;
	/* While on a CPU: since when, and what the cell was charged for it, in
	 * virtual time and of its quota. */
	u64 started_ns;
	u64 prepaid;
	u64 granted_ns;
	/* Whose own CPU that is, where it is another cell's; else 0. */
	u32 lender;
	/* The cell that the node is, or lies in; its generation. */
	u32 box;
	u32 box_generation;
	/* The node, its cell, and the limited nodes whose counts have this
	 * task, where `counted`. */
	u32 counted_cell;
	u32 counted_box;
	u32 counted_limits[LIMITS_COUNTED];
	bool counted;
	/* Whether it is counted among the narrow ones of that node. */
	bool counted_narrow;
	/* Whether it is counted among those that wait in a node's queue; of
	 * which node, and in which lane. */
	bool queued;
	u32 queued_in;
	u32 lane;
	/* Whether it is counted among those of a node in CPUs' queues; of
	 * which node. */
	bool counted_bound;
	u32 bound_of;
	/* It made its node active, and has not run since. */
	bool first;
	/* Its affinity was changed. */
	bool moved;
	/* May not run on every CPU that is online. */
	bool narrow;
	/* Waits in the queue of one CPU; why, stands in affinity.bpf.h. */
	bool bound;
	/* By how much less its node's vtime counts while it waits for one CPU,
	 * modulo 2^64; how much that was lifted until then: see clock.bpf.h. */
	u64 excess;
	u64 lifted;
	/* May use none of the CPUs on which its cell has first claim. */
	bool guest;
	/* Came into its cell from outside, itself or an ancestor by fork. */
	bool joined;
	/* Held to the cell's exec_allowed, narrower than its own affinity. */
	bool confined;
	/* Cgroup and cell of the task that forked it, as of then. */
	u64 parent_cgid;
	u32 parent_cell;
	u32 parent_generation;
	/* Since when it is runnable and on no CPU; else 0. */
	u64 waiting_ns;
	/* Whether a wake-up began that wait. */
	bool woken;
};

/* What a slot has in the kernel. */
struct cell_objects {
	/* Where the cell has first claim, and where it may run at all; see
	 * own.bpf.h. Only of a restricted cell. */
	struct bpf_cpumask __kptr *home;
	struct bpf_cpumask __kptr *usable;
	/* Only where execCPUAffinity names CPUs. */
	struct bpf_cpumask __kptr *exec_allowed;
	/* The own CPUs of a request, while they are claimed. */
	struct cpu_words wanted;
	/* The beginning of the last period that nr_throttled has. */
	u64 throttled_period_ns;
	/* Runnable tasks below, of nodes with this one's limit. */
	s64 nr_limited;
	/* The tree: see tree.bpf.h. */
	struct bpf_spin_lock lock;
	/* How many children are active, and the sum of their weights. */
	u32 nr_active;
	u64 active_weight;
	/* How much it can use by its limit and those below, in units of
	 * SHARE_ONE a CPU; 0: all. The sum of that over its active children,
	 * and how many of them can use all. */
	u64 most;
	u64 active_most;
	u64 counted_most;
	u32 nr_unlimited;
	/* Its weight, as far as it can use what it gets by that; 0: all. */
	u32 usable_weight;
	/* The weight by which this node is in its parent's sum, or 0; and
	 * which parent that is. Weights here are in units of 1/WEIGHT_ONE. */
	u32 counted_weight;
	u32 counted_parent;
	/* Runnable tasks of it that are narrow. */
	s64 nr_narrow;
	/* Tasks in its queues, and those on their way from there to a CPU. */
	s64 nr_queued;
	/* Tasks of it in the queues of CPUs. */
	s64 nr_bound;
	/* The same by when they began to wait, and how many are late as far as
	 * was seen: see exempt.bpf.h. */
	u32 nr_in_lane[LANES];
	u32 nr_late;
	/* One of its tasks is dying, while a limit stops it. */
	u32 dying;
	/* By how much its vtime was moved up to a floor, in all. */
	u64 lifted;
	/* What its vtime counts more for its tasks that may run everywhere,
	 * while it is far behind for its narrow ones: see clock.bpf.h. */
	u64 wide_lead;
	/* Its vtime is not yet one of the CPUs where its tasks run. */
	u32 unplaced;
	/* When weight and limit were last read from the kernel. */
	u64 followed_ns;
	/* How many queues it has; queues die with each detach. The cache of
	 * the last task that came into one: see grow.bpf.h. */
	u32 nr_queues;
	u32 last_llc;
};

/* The best task of a CPU's own queue; without one, `pid` is 0. */
struct bound {
	/* Vtime of its node, and its own. */
	u64 key;
	u64 vtime;
	u32 slot;
	s32 pid;
	/* Whether its cell has first claim here, or its turn has come. */
	bool home;
	/* Whether it has waited for stall_ns. */
	bool overdue;
};

/* The task that was running, where it may go on: its node, and its vtime. */
struct last {
	u64 vtime;
	u32 slot;
	bool may_go_on;
	bool home;
};

struct cpu_ctx {
	/* The latest vtime of a node that began on this CPU. */
	u64 clock;
	/* When a guest last ran here. */
	u64 guest_served_ns;
	u32 nr_dispatches;
	/* The bracket whose nodes were last looked at for overdue turns. */
	u32 looked_at;
	/* The cell whose own CPU this is, or HOST_CELL: it has no owner. */
	u32 owner;
	/* Its owner may not run here: see cpuset.bpf.h. */
	bool out_of_reach;
	bool offline;
	/* It went offline while the scheduler runs, so its queue is served. */
	bool left;
	/* Whether the slice of what runs here has no end: see hotplug.bpf.h. */
	bool endless;
	/* Whether the last dispatch left other cells waiting. */
	bool contended;
	/* Whether what runs here had its turn by time, not by vtime. */
	bool by_time;
	/* The best vtime that dispatch saw waiting, or 0: how far what comes
	 * here moves the clocks. */
	u64 clock_ceiling;
	/* Whether a task of ours runs here; of which cell, and its vtime. */
	bool busy;
	/* When the last one stopped. */
	u64 stopped_ns;
	/* Whether that cell has first claim here. */
	bool running_home;
	/* Whether what runs here is about to be stopped for another task. */
	bool preempted;
	u32 running_cell;
	u64 running_vtime;
	u64 running_since_ns;
	/* Switches while a recording is made; written by the CPU itself. */
	u32 nr_switches;
	/* What a dispatch compares. Here, since its stack is used up. */
	struct bound best;
	struct last last;
};

#endif /* OCIHOOK_STATE_BPF_H */
