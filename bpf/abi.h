/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract between the scheduler and everybody who talks to it.
 *
 * Fixed-width integers, explicit padding, no pointers, no unions, no bitfields:
 * what stands here is copied byte for byte through bpf(2). Python's side,
 * ocihook/abi.py, is generated from this header's BTF by tools/gen_abi.py, so
 * there is one place to change and one number to raise.
 *
 * Any change of layout or meaning raises OCIHOOK_ABI_VERSION. The version is
 * part of the pin directory (/sys/fs/bpf/ocihook/v<ABI>), so programs of two
 * versions never meet. That there is one place is why this file is long.
 */
#ifndef OCIHOOK_ABI_H
#define OCIHOOK_ABI_H

enum ocihook_abi {
	OCIHOOK_ABI_VERSION = 4,
	/* Slots in the cell table: cells, and cgroups that are none; slot 0 is
	 * the root of the tree, and the host's cell. */
	OCIHOOK_MAX_CELLS = 4096,
	/* Words of 64 CPUs in a cpumask that crosses the ABI: 1024 CPUs. */
	OCIHOOK_CPU_WORDS = 16,
	/* NAME_MAX and a NUL: runtimes use container ids as directory names. */
	OCIHOOK_CONTAINER_BYTES = 256,
	/* A cell name (annotation org.ocihook/cell) and a NUL. */
	OCIHOOK_NAME_BYTES = 64,
	OCIHOOK_REASON_BYTES = 128,
	OCIHOOK_MESSAGE_BYTES = 256,
	/* The range of cgroup2's cpu.weight, and its default. */
	OCIHOOK_WEIGHT_MIN = 1,
	OCIHOOK_WEIGHT_DEFAULT = 100,
	OCIHOOK_WEIGHT_MAX = 10000,
	/* Buckets of a wait histogram: see struct cell_waits. */
	OCIHOOK_WAIT_BUCKETS = 24,
	/* Caches of the last level that are told apart. */
	OCIHOOK_MAX_LLCS = 16,
	/* What cgroup2's cpu.max accepts: 1 ms to 1 s, in microseconds. */
	OCIHOOK_QUOTA_MIN_US = 1000,
	OCIHOOK_PERIOD_MIN_US = 1000,
	OCIHOOK_PERIOD_MAX_US = 1000000,
};

/* The times of scheduler_config where the loader names no others. */
enum scheduler_time {
	/* The longest that the kernel accepts. */
	OCIHOOK_TIMEOUT_MS = 30000,
	OCIHOOK_STALL_NS = 8000000000,
	/* Well below OCIHOOK_TIMEOUT_MS. */
	OCIHOOK_THROTTLE_MAX_NS = 10000000000,
};

enum cell_state {
	CELL_FREE,
	/* Taken by a registration that has not finished. */
	CELL_CLAIMING,
	CELL_LIVE,
	/* Unregistered, but tasks still wait in its queue. */
	CELL_DRAINING,
	/* No cell, but a cgroup with the cpu controller: a node of the tree. */
	CELL_NODE,
	/* A node whose cgroup is gone; tasks still wait in its queue. */
	CELL_NODE_DRAINING,
};

/* Which members of a request carry a wish; the others keep what they have. */
enum cell_field {
	CELL_FIELD_WEIGHT = 1,
	CELL_FIELD_ALLOWED = 2,
	CELL_FIELD_EXEC = 4,
	CELL_FIELD_OWN = 8,
	CELL_FIELD_QUOTA = 16,
	CELL_FIELD_FLAGS = 32,
};

/* Zero is what a cell has that wishes nothing. */
enum cell_flag {
	/* Its own CPUs stay idle while it does not use them. */
	CELL_FLAG_NO_LEND = 1,
	/* It leaves idle CPUs alone that are somebody's own. */
	CELL_FLAG_NO_BORROW = 2,
	/* Its weight was named; a write to cpu.weight does not change it. */
	CELL_FLAG_FIXED_WEIGHT = 4,
	/* Its quota was named; a write to cpu.max does not change it. */
	CELL_FLAG_FIXED_QUOTA = 8,
	/* The scheduler's own: some of the cell's own CPUs are online. */
	CELL_FLAG_OWNS = 16,
	/* Also: the cgroup has the cpu controller; weight and limit are its. */
	CELL_FLAG_CONTROLLED = 32,
};

/* Whether a request is for a cell that is shared by name and scope. */
enum cell_shared {
	CELL_NOT_SHARED,
	/* What the request wishes is for all members. */
	CELL_SHARED_CHANGE,
	/* Members that are there already keep what they have. */
	CELL_SHARED_JOIN,
	/* Out: it has joined others, and nothing was changed. */
	CELL_SHARED_JOINED,
};

/* Words of 64 bits, lowest CPU first. All zero stands for "no restriction". */
struct cpu_words {
	__u64 bits[OCIHOOK_CPU_WORDS];
};

/*
 * One cell, or another node of the tree of cgroups: a slot of the `cells` map.
 * `generation` counts the slot's uses; a reader that remembers (slot,
 * generation) can tell that the slot has moved on.
 */
struct cell {
	/* Virtual time among all nodes; advances by run time / share. */
	__u64 vtime;
	/* Virtual time inside the cell: the latest that any task of it began.
	 */
	__u64 task_vtime;
	/* When any CPU last took a task of the cell, by scx_bpf_now(). */
	__u64 served_ns;
	/* Runnable tasks whose cell this is, waiting or on a CPU. */
	__s64 nr_runnable;
	/* cgroup id: the inode number of the cgroup's directory. */
	__u64 cgid;
	__u32 state; /* enum cell_state */
	__u32 generation;
	__u32 weight;
	/* Non-zero where `allowed` is less than all CPUs. */
	__u32 restricted;
	/* When the claim or the registration was made, CLOCK_MONOTONIC. */
	__u64 since_ns;
	/* FNV-1a 64 of the bundle's path: the same id may live in two engines.
	 */
	__u64 bundle_hash;
	__u32 flags; /* enum cell_flag */
	/*
	 * The slot and generation of the cell that this cgroup shares with
	 * others by a name, or 0: it has a cell of its own.
	 */
	__u32 shared;
	__u32 shared_generation;
	/* Of a shared cell: how many cgroups are in it. Else 0. */
	__u32 nr_members;
	/* The slot of the nearest node above; of the root, its own. */
	__u32 parent;
	/* The slot of the cell that it is, or lies in; 0: the host's. */
	__u32 box;
	/* The slot of the nearest node with a limit, itself included, or 0. */
	__u32 limited;
	__u32 _pad;
	/* Runnable tasks of the nodes that lie in this cell. */
	__s64 nr_nested;
	/* cpu.max: this much in each period, or quota_ns 0 for no limit. */
	__u64 quota_ns;
	__u64 period_ns;
	__u64 burst_ns;
	/* What is left of it; below 0 is a debt to the next period. */
	__s64 budget_ns;
	__u64 period_began_ns;
	/* By scx_bpf_now(): since when its budget is spent; 0: it is not. */
	__u64 throttled_since_ns;
	__u64 throttled_ns;
	/* As cpu.stat counts them: periods in which tasks below it wanted to
	 * run, and those of them in which it had used up its budget. */
	__u64 nr_periods;
	__u64 nr_throttled;
	/* Of a shared cell: whose name it is; cells of two scopes are two. */
	__u64 scope;
	/* CPUs the cell may use; all of them where not restricted. */
	struct cpu_words allowed;
	/* process.execCPUAffinity.final, carried for tasks that join later. */
	struct cpu_words exec_allowed;
	/* CPUs that are this cell's own. */
	struct cpu_words own;
	/* CPUs that it may run on now, by all of the above and the others. */
	struct cpu_words usable;
	__u8 name[OCIHOOK_NAME_BYTES];
	__u8 container[OCIHOOK_CONTAINER_BYTES];
};

/*
 * How long tasks of a cell ran on one CPU: an element of the per-CPU map of
 * this name. A node that is no cell has it, too, and nothing else that is
 * counted here; its cell has the rest.
 */
struct cell_run_ns {
	__u64 run_ns;
};

/*
 * What the CPUs of one cache counted for a cell. The map has an element for
 * each slot and cache of the last level, those of a slot one behind the other:
 * key slot * nr_llcs + cache. A reader learns the number of caches from the
 * map's max_entries. An element is as long as a line of those caches, and the
 * map begins with one, so that no two of them write to the same.
 */
struct cell_stats {
	/* Times a task went on a CPU. */
	__u64 nr_runs;
	/* From becoming runnable, or being put off a CPU, to running. */
	__u64 wait_ns;
	/* Of its run_ns: on CPUs that are another cell's own. */
	__u64 borrowed_ns;
	/* What others ran on this cell's own CPUs. */
	__u64 lent_ns;
	/* Times a task of it was stopped for a task of more claim. */
	__u64 nr_preempted;
	/* Enqueues of tasks that wait for one CPU, in that one's queue. */
	__u64 nr_narrow;
	/* Times a task's cell was gone and it fell back to an ancestor or the
	 * host. */
	__u64 nr_fallbacks;
	__u64 _pad;
};

/*
 * How long a cell's tasks waited from waking up to running: an element of
 * `cell_waits`. Bucket 0 counts waits below 1 us, bucket n those from 2^(n-1)
 * to 2^n us, the last one all that are longer.
 */
struct cell_waits {
	__u64 buckets[OCIHOOK_WAIT_BUCKETS];
};

/* In and out of cell_register and cell_update. */
struct cell_request {
	__u64 cgid;
	__u64 bundle_hash;
	__u64 quota_ns;
	__u64 period_ns;
	__u64 burst_ns;
	__u32 weight;
	__u32 fields; /* enum cell_field */
	__u32 flags; /* enum cell_flag */
	__u32 shared; /* enum cell_shared, in and out */
	/* Of a shared cell: all cgroups that give name and scope are in it. */
	__u64 scope;
	struct cpu_words allowed;
	struct cpu_words exec_allowed;
	struct cpu_words own;
	__u8 name[OCIHOOK_NAME_BYTES];
	__u8 container[OCIHOOK_CONTAINER_BYTES];
	/* Out: the slot and its generation. */
	__u32 cell;
	__u32 generation;
};

/*
 * In and out of cell_unregister. With a cgid, the cell of that cgroup; without,
 * the cell of that container and bundle, for a poststop that finds no cgroup,
 * unless there are tasks in it.
 */
struct cell_release {
	__u64 cgid;
	__u64 bundle_hash;
	__u8 container[OCIHOOK_CONTAINER_BYTES];
	/* Out: how many cells were released: 0 or more. */
	__u32 released;
	__u32 _pad;
};

/* In and out of cell_of: which cell the scheduler runs a task in. */
struct cell_query {
	/* In: a thread id of the initial pid namespace, or 0 for the caller. */
	__u32 pid;
	/* Out. */
	__u32 cell;
	__u32 generation;
	__u32 _pad;
	__u64 cgid;
};

/* Out of cell_gc. */
struct cell_sweep {
	__u32 claims;
	__u32 dead;
	__u32 drained;
	__u32 _pad;
};

/* What comes on a CPU. */
enum run_kind {
	/* The CPU's idle task. */
	RUN_IDLE,
	/* A task of sched_ext, in its cell. */
	RUN_CELL,
	/* A task of another class: real-time, deadline, the stopper. */
	RUN_OTHER,
};

/*
 * A record of the ring buffer `switches`: a task comes on a CPU. Also in (cpu)
 * and out of running_on.
 */
struct switch_event {
	/* CLOCK_MONOTONIC */
	__u64 at_ns;
	__u32 cpu;
	/* One more than that of the CPU's last switch; a gap was dropped. */
	__u32 seq;
	__u32 cell;
	__u32 generation;
	__u32 kind; /* enum run_kind */
	__s32 pid;
};

/*
 * What the loader decides before the object is loaded. Loader and object are of
 * one build, and no pin shows it: a change of it alone leaves the version as it
 * is, so that a reload takes the scheduler that runs to the new build.
 */
struct scheduler_config {
	/* cgroup id of the root that the loader sees; cells lie below it. */
	__u64 root_cgid;
	/*
	 * A queue that no CPU served for so long goes first, whatever its
	 * vtime: an unforeseen imbalance must cost share, not the machine.
	 */
	__u64 stall_ns;
	/* The longest that a cell is throttled without a break. */
	__u64 throttle_max_ns;
	/* The kernel's watchdog ejects a scheduler in which a task waits so
	 * long: timeout_ms of sched_ext_ops. */
	__u32 timeout_ms;
	/* Caches of the last level, 1 to OCIHOOK_MAX_LLCS; and each CPU's. */
	__u32 nr_llcs;
	/* Nodes' queues in all, beyond which none gets a second one. */
	__u32 nr_queues_max;
	__u32 _pad;
	__u16 llc_of_cpu[OCIHOOK_CPU_WORDS * 64];
	/* CPUs of nohz_full=: no tick may end a slice there. */
	struct cpu_words tickless;
};

/* The one element of the `scheduler` map: how the scheduler itself does. */
struct scheduler_record {
	/* CLOCK_MONOTONIC of ops.init; 0 while nothing was attached. */
	__u64 attached_ns;
	/* CLOCK_MONOTONIC of ops.exit; 0 while attached. */
	__u64 exited_ns;
	__s64 exit_code;
	__u32 exit_kind; /* the kernel's enum scx_exit_kind */
	__u32 nr_cpus;
	/* Copied from scheduler_config. */
	__u64 root_cgid;
	__u32 nr_live;
	/* No slot from this one on was ever used. */
	__u32 nr_slots;
	/* Cgroups that found no slot, and count with their parents. */
	__u64 nr_unplaced;
	__u64 nr_registered;
	__u64 nr_released;
	/* CPUs that are some cell's own. */
	struct cpu_words owned;
	__u8 exit_reason[OCIHOOK_REASON_BYTES];
	__u8 exit_message[OCIHOOK_MESSAGE_BYTES];
};

_Static_assert(sizeof(struct cpu_words) == 128, "ABI: cpu_words");
_Static_assert(sizeof(struct cell) == 1024, "ABI: cell");
_Static_assert(sizeof(struct cell_run_ns) == 8, "ABI: cell_run_ns");
_Static_assert(sizeof(struct cell_stats) == 64, "ABI: cell_stats");
_Static_assert(sizeof(struct cell_waits) == 192, "ABI: cell_waits");
_Static_assert(sizeof(struct cell_request) == 776, "ABI: cell_request");
_Static_assert(sizeof(struct cell_release) == 280, "ABI: cell_release");
_Static_assert(sizeof(struct cell_query) == 24, "ABI: cell_query");
_Static_assert(sizeof(struct cell_sweep) == 16, "ABI: cell_sweep");
_Static_assert(sizeof(struct switch_event) == 32, "ABI: switch_event");
_Static_assert(sizeof(struct scheduler_config) == 2216,
	       "ABI: scheduler_config");
_Static_assert(sizeof(struct scheduler_record) == 584, "ABI: scheduler_record");

#endif /* OCIHOOK_ABI_H */
