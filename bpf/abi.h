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
 * versions never meet.
 */
#ifndef OCIHOOK_ABI_H
#define OCIHOOK_ABI_H

enum ocihook_abi {
	OCIHOOK_ABI_VERSION = 1,
	/* Slots in the cell table; slot 0 is the host. */
	OCIHOOK_MAX_CELLS = 512,
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
};

enum cell_state {
	CELL_FREE,
	/* Taken by a registration that has not finished. */
	CELL_CLAIMING,
	CELL_LIVE,
	/* Unregistered, but tasks still wait in its queue. */
	CELL_DRAINING,
};

/* Which members of a request carry a wish; the others keep what they have. */
enum cell_field {
	CELL_FIELD_WEIGHT = 1,
	CELL_FIELD_ALLOWED = 2,
	CELL_FIELD_EXEC = 4,
};

/* Words of 64 bits, lowest CPU first. All zero stands for "no restriction". */
struct cpu_words {
	__u64 bits[OCIHOOK_CPU_WORDS];
};

/*
 * One cell: a slot of the `cells` map. `generation` counts the slot's uses;
 * whoever remembers (slot, generation) can tell that the slot has moved on.
 */
struct cell {
	/* Virtual time of the cell among the cells; advances by run/weight. */
	__u64 vtime;
	/* Virtual time inside the cell: the latest that any task of it began.
	 */
	__u64 task_vtime;
	/* When any CPU last took a task of the cell, CLOCK_MONOTONIC. */
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
	/* CPUs the cell may use; all of them where not restricted. */
	struct cpu_words allowed;
	/* process.execCPUAffinity.final, carried for tasks that join later. */
	struct cpu_words exec_allowed;
	__u8 name[OCIHOOK_NAME_BYTES];
	__u8 container[OCIHOOK_CONTAINER_BYTES];
};

/* What one CPU counted for a cell: an element of the per-CPU `cell_stats`. */
struct cell_stats {
	__u64 run_ns;
	/* Times a task went on a CPU. */
	__u64 nr_runs;
	/* Enqueues that took the per-CPU queue, for an affinity narrower than
	 * the cell. */
	__u64 nr_narrow;
	/* Times a task's cell was gone and it fell back to an ancestor or the
	 * host. */
	__u64 nr_fallbacks;
};

/* In and out of cell_register and cell_update. */
struct cell_request {
	__u64 cgid;
	__u64 bundle_hash;
	__u32 weight;
	__u32 fields; /* enum cell_field */
	struct cpu_words allowed;
	struct cpu_words exec_allowed;
	__u8 name[OCIHOOK_NAME_BYTES];
	__u8 container[OCIHOOK_CONTAINER_BYTES];
	/* Out: the slot and its generation. */
	__u32 cell;
	__u32 generation;
};

/*
 * In and out of cell_unregister. With a cgid, the cell of that cgroup; without,
 * the cell of that container and bundle, for a poststop that finds no cgroup.
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

/* What the loader decides before the object is loaded. */
struct scheduler_config {
	/* cgroup id of the root that the loader sees; cells lie below it. */
	__u64 root_cgid;
	/* What the host is owed while every cell is busy, in percent. */
	__u32 host_share;
	__u32 _pad;
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
	__u32 host_share;
	__u32 nr_live;
	__u64 nr_registered;
	__u64 nr_released;
	__u8 exit_reason[OCIHOOK_REASON_BYTES];
	__u8 exit_message[OCIHOOK_MESSAGE_BYTES];
};

_Static_assert(sizeof(struct cpu_words) == 128, "ABI: cpu_words");
_Static_assert(sizeof(struct cell) == 648, "ABI: cell");
_Static_assert(sizeof(struct cell_stats) == 32, "ABI: cell_stats");
_Static_assert(sizeof(struct cell_request) == 608, "ABI: cell_request");
_Static_assert(sizeof(struct cell_release) == 280, "ABI: cell_release");
_Static_assert(sizeof(struct cell_query) == 24, "ABI: cell_query");
_Static_assert(sizeof(struct cell_sweep) == 16, "ABI: cell_sweep");
_Static_assert(sizeof(struct scheduler_config) == 16, "ABI: scheduler_config");
_Static_assert(sizeof(struct scheduler_record) == 448, "ABI: scheduler_record");

#endif /* OCIHOOK_ABI_H */
