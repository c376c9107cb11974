/* SPDX-License-Identifier: GPL-2.0-only */
/* What the scheduler remembers: maps, and the globals that every CPU reads. */
#ifndef OCIHOOK_MAPS_BPF_H
#define OCIHOOK_MAPS_BPF_H

#include "state.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OCIHOOK_MAX_CELLS);
	__type(key, u32);
	__type(value, struct cell);
} cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OCIHOOK_MAX_CELLS);
	__type(key, u32);
	__type(value, struct cell_run_ns);
} cell_run_ns SEC(".maps");

/*
 * The loader makes it nr_llcs times as long. No process maps it; by that flag
 * the elements begin at a page, and none shares a cache line with the next.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, OCIHOOK_MAX_CELLS);
	__type(key, u32);
	__type(value, struct cell_stats);
} cell_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OCIHOOK_MAX_CELLS);
	__type(key, u32);
	__type(value, struct cell_waits);
} cell_waits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scheduler_record);
} scheduler SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OCIHOOK_MAX_CELLS);
	__type(key, u32);
	__type(value, struct cell_objects);
} cell_objects SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_CPUS);
	__type(key, u32);
	__type(value, struct cpu_ctx);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGRP_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct cgroup_cell);
} cgroup_cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_ctx);
} tasks SEC(".maps");

/* In a section of its own, so that the loader writes it as one structure. */
const volatile struct scheduler_config config SEC(".rodata.config") = {
	.root_cgid = 1,
	.stall_ns = OCIHOOK_STALL_NS,
	.throttle_max_ns = OCIHOOK_THROTTLE_MAX_NS,
	.timeout_ms = OCIHOOK_TIMEOUT_MS,
	.nr_llcs = 1,
	.nr_queues_max = OCIHOOK_MAX_CELLS * OCIHOOK_MAX_LLCS,
};

/* Raised after every change of the cell table; tasks then look anew. */
u64 config_seq = 1;
/* The latest vtime of a node that began anywhere, in cells without own CPUs;
 * and the latest where others waited. */
u64 cell_clock;
u64 contended_clock;
/* When a CPU last saw that a node waited. */
u64 contended_ns;
/* The same for cells with own CPUs: they compete with each other alone. */
u64 owner_clock;
/* Raised by every change of what is whose own; and how many CPUs are. */
u64 own_seq;
u32 nr_owned;
/* CPUs that are online, and those that went offline while the scheduler runs.
 */
u32 nr_online;
u32 nr_offline;
/* Raised whenever a limit lets go: see waiting.bpf.h. */
u64 release_seq;

/* Tell all CPUs that tasks which a limit stopped may run. */
static __always_inline void bump_release_seq(void)
{
	__sync_fetch_and_add(&release_seq, 1);
}

/* Tell every task to look up its cell and its affinity again. */
static __always_inline void bump_config_seq(void)
{
	__sync_fetch_and_add(&config_seq, 1);
}

static __always_inline struct cell *cell_at(u32 slot)
{
	return bpf_map_lookup_elem(&cells, &slot);
}

static __always_inline struct cell_objects *objects_of(u32 slot)
{
	return bpf_map_lookup_elem(&cell_objects, &slot);
}

static __always_inline struct cpu_ctx *cpu_at(s32 cpu)
{
	u32 key = cpu;

	return bpf_map_lookup_elem(&cpus, &key);
}

/* The cell whose own CPU this is now, or HOST_CELL. */
static __always_inline u32 owner_of(const struct cpu_ctx *cpu)
{
	return READ_ONCE(cpu->out_of_reach) ? HOST_CELL : READ_ONCE(cpu->owner);
}

/* `map` has the timer; one that a failed attach left behind is used again. */
static __always_inline int init_timer(struct bpf_timer *timer, void *map,
				      void *callback)
{
	int err = bpf_timer_init(timer, map, CLOCK_MONOTONIC);

	if (err && err != -EBUSY)
		return err;
	return bpf_timer_set_callback(timer, callback);
}

static __always_inline u32 nr_llcs(void)
{
	return config.nr_llcs < OCIHOOK_MAX_LLCS ? config.nr_llcs
						 : OCIHOOK_MAX_LLCS;
}

static __always_inline u32 llc_of(s32 cpu)
{
	if (config.nr_llcs <= 1)
		return 0;
	return config.llc_of_cpu[(u32)cpu % MAX_CPUS] % OCIHOOK_MAX_LLCS;
}

/* This CPU's alone, so it is added to as it is. */
static __always_inline struct cell_run_ns *run_of(u32 slot)
{
	return bpf_map_lookup_elem(&cell_run_ns, &slot);
}

/* Of this CPU's cache, whose other CPUs add to it as well: by atomic additions
 * alone. */
static __always_inline struct cell_stats *stats_of(u32 slot)
{
	u32 key = slot;

	if (config.nr_llcs > 1)
		key = slot * nr_llcs() + llc_of(bpf_get_smp_processor_id());
	return bpf_map_lookup_elem(&cell_stats, &key);
}

static __always_inline struct scheduler_record *record(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&scheduler, &zero);
}

/* One more than the last slot that was ever used: where loops over slots end.
 */
static __always_inline u32 nr_slots(void)
{
	struct scheduler_record *rec = record();
	u32 used = rec ? READ_ONCE(rec->nr_slots) : 0;

	return used < OCIHOOK_MAX_CELLS ? used : OCIHOOK_MAX_CELLS;
}

static __always_inline struct task_ctx *task_ctx(struct task_struct *p)
{
	return bpf_task_storage_get(&tasks, p, 0, 0);
}

#endif /* OCIHOOK_MAPS_BPF_H */
