/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel as far as this scheduler sees it: our own types, and the kfuncs
 * that we call.
 *
 * No vmlinux.h: a header dumped from one kernel ties the build to that kernel,
 * and needs one with sched_ext to build at all. The structures here hold only
 * the members that we use; preserve_access_index makes libbpf find each member
 * by name in the running kernel (CO-RE), so order and omissions do not matter.
 * struct_ops members are matched by name as well (libbpf 1.4 and later).
 *
 * Read on Linux 6.16 to 7.3.
 */
#ifndef OCIHOOK_SCX_BPF_H
#define OCIHOOK_SCX_BPF_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
typedef __u8 u8;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;

#define true 1
#define false 0
#define NULL ((void *)0)

/*
 * Numbers of the BPF uapi that bookworm's linux/bpf.h (6.1) does not have;
 * they are ABI and never change.
 */
enum {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
	BPF_MAP_TYPE_CGRP_STORAGE = 32,
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
	CLOCK_MONOTONIC = 1,
};

enum {
	ENOENT = 2,
	ESRCH = 3,
	EAGAIN = 11,
	ENOMEM = 12,
	EBUSY = 16,
	EEXIST = 17,
	ENODEV = 19,
	EINVAL = 22,
	ENOSPC = 28,
	ENAMETOOLONG = 36,
};

/* Complete before bpf_helpers.h declares functions with them. */
struct bpf_timer {
	__u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_spin_lock {
	__u32 val;
};
struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* The task's scheduling flags and policies that never changed their value. */
enum {
	PF_EXITING = 0x00000004,
	PF_KTHREAD = 0x00200000,
	/* p->signal->flags: killed, or it exits; include/linux/sched/signal.h,
	 * same on 6.16 and 7.3. */
	SIGNAL_GROUP_EXIT = 0x00000004,
	/* p->scx.flags: on a runqueue; kernel/sched, same on 6.16 and 7.3. */
	SCX_TASK_QUEUED = 1,
	/* enq_flags: ENQUEUE_WAKEUP of kernel/sched/sched.h, the same there. */
	SCX_ENQ_WAKEUP = 1,
};

/* ops.flags; the same from 6.12 to 7.3. */
enum {
	SCX_OPS_ENQ_LAST = 2,
};

#define SCX_DSQ_LOCAL 0x8000000000000002ULL
/* With a CPU in the lower half: that CPU's local queue. */
#define SCX_DSQ_LOCAL_ON 0xc000000000000000ULL
/* enq_flags: what runs on the CPU stops at once; the same from 6.12 to 7.3. */
#define SCX_ENQ_PREEMPT (1ULL << 32)

/* A slice without an end. */
#define SCX_SLICE_INF (~0ULL)

enum {
	SCX_KICK_IDLE = 1,
	SCX_KICK_PREEMPT = 2,
	SCX_PICK_IDLE_CORE = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)

/* Complete, though opaque to us: libbpf compares kfuncs' types by kind. */
struct cpumask {
	unsigned long bits[1];
};
typedef struct cpumask cpumask_t;

struct bpf_cpumask {
	cpumask_t cpumask;
};

struct kernfs_node {
	u64 id;
};

/* On 7.3; 6.18 has the number in the cgroup. Which it is, is asked for. */
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
	int nr_populated_csets;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
	int level;
	int nr_populated_csets;
	int nr_populated_domain_children;
	int nr_populated_threaded_children;
};

struct css_set {
	/* By enum cgroup_subsys_id; there are more. */
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

enum cgroup_subsys_id {
	cpuset_cgrp_id,
};

/* struct cpuset: which one depends on CONFIG_CPUMASK_OFFSTACK. */
struct cpuset___pointer {
	struct cpumask *effective_cpus;
};
struct cpuset___array {
	struct cpumask effective_cpus[1];
};

struct sched_ext_entity {
	u32 flags;
	u32 weight;
	u64 slice;
	u64 dsq_vtime;
};

/* cpu.max as the kernel keeps it, in ns; quota is all ones without a limit. */
struct cfs_bandwidth {
	s64 period;
	u64 quota;
	u64 burst;
};

/* The cpu controller's side of a cgroup. */
struct task_group {
	struct cgroup_subsys_state css;
	/* 2^20 for cpu.weight 100 (kernel/sched/sched.h, scale_load). */
	unsigned long shares;
	int idle;
	struct task_group *parent;
	struct cfs_bandwidth cfs_bandwidth;
};

struct signal_struct {
	unsigned int flags;
};

struct task_struct {
	unsigned int flags;
	struct signal_struct *signal;
	int nr_cpus_allowed;
	int pid;
	int prio;
	char comm[16];
	const cpumask_t *cpus_ptr;
	unsigned short migration_disabled;
	struct css_set *cgroups;
	struct task_group *sched_task_group;
	struct sched_ext_entity scx;
};

/* An enum in the kernel: CO-RE refuses to relocate an integer to it. */
enum scx_exit_kind {
	SCX_EXIT_NONE,
};

struct scx_exit_info {
	enum scx_exit_kind kind;
	s64 exit_code;
	const char *reason;
	char *msg;
};

struct scx_init_task_args {
	bool fork;
};
struct scx_exit_task_args {
	bool cancelled;
};
/* Opaque to us. */
struct scx_cpu_release_args {
	int reason;
};
struct scx_cgroup_init_args {
	u32 weight;
};

/* Opaque to us: what is dumped, and why, the kernel prints itself. */
struct scx_dump_ctx {
	u64 at_ns;
};

struct sched_ext_ops {
	s32 (*select_cpu)(struct task_struct *p, s32 prev_cpu, u64 wake_flags);
	void (*enqueue)(struct task_struct *p, u64 enq_flags);
	void (*dispatch)(s32 cpu, struct task_struct *prev);
	void (*runnable)(struct task_struct *p, u64 enq_flags);
	void (*running)(struct task_struct *p);
	void (*stopping)(struct task_struct *p, bool runnable);
	void (*quiescent)(struct task_struct *p, u64 deq_flags);
	void (*enable)(struct task_struct *p);
	void (*set_cpumask)(struct task_struct *p, const struct cpumask *mask);
	s32 (*cgroup_init)(struct cgroup *cgrp,
			   struct scx_cgroup_init_args *args);
	void (*cgroup_exit)(struct cgroup *cgrp);
	void (*cgroup_set_weight)(struct cgroup *cgrp, u32 weight);
	/* 6.17; libbpf leaves out what the kernel does not know. */
	void (*cgroup_set_bandwidth)(struct cgroup *cgrp, u64 period_us,
				     u64 quota_us, u64 burst_us);
	/* 6.19 */
	void (*cgroup_set_idle)(struct cgroup *cgrp, bool idle);
	/* 7.1 moves it to the end and warns; its form is the same to 7.3. */
	void (*cpu_release)(s32 cpu, struct scx_cpu_release_args *args);
	void (*cpu_online)(s32 cpu);
	void (*cpu_offline)(s32 cpu);
	s32 (*init_task)(struct task_struct *p,
			 struct scx_init_task_args *args);
	void (*exit_task)(struct task_struct *p,
			  struct scx_exit_task_args *args);
	void (*dump)(struct scx_dump_ctx *dctx);
	void (*dump_cpu)(struct scx_dump_ctx *dctx, s32 cpu, bool idle);
	void (*dump_task)(struct scx_dump_ctx *dctx, struct task_struct *p);
	s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);
	u64 flags;
	u32 timeout_ms;
	char name[128];
};

#pragma clang attribute pop

/* An iterator over the tasks of a queue (6.12). */
struct bpf_iter_scx_dsq {
	u64 __opaque[6];
} __attribute__((aligned(8)));

/* sched_ext; present under these names from 6.16 to 7.3. */
s32 scx_bpf_create_dsq(u64 dsq_id, s32 node) __ksym;
void scx_bpf_dsq_insert(struct task_struct *p, u64 dsq_id, u64 slice,
			u64 enq_flags) __ksym;
void scx_bpf_dsq_insert_vtime(struct task_struct *p, u64 dsq_id, u64 slice,
			      u64 vtime, u64 enq_flags) __ksym;
bool scx_bpf_dsq_move_to_local(u64 dsq_id) __ksym;
u32 scx_bpf_reenqueue_local(void) __ksym;
bool scx_bpf_dsq_move(struct bpf_iter_scx_dsq *it, struct task_struct *p,
		      u64 dsq_id, u64 enq_flags) __ksym;
void scx_bpf_dsq_move_set_vtime(struct bpf_iter_scx_dsq *it, u64 vtime) __ksym;
bool scx_bpf_dsq_move_vtime(struct bpf_iter_scx_dsq *it, struct task_struct *p,
			    u64 dsq_id, u64 enq_flags) __ksym;
s32 scx_bpf_dsq_nr_queued(u64 dsq_id) __ksym;
void scx_bpf_kick_cpu(s32 cpu, u64 flags) __ksym;
bool scx_bpf_test_and_clear_cpu_idle(s32 cpu) __ksym;
s32 scx_bpf_pick_idle_cpu(const cpumask_t *cpus_allowed, u64 flags) __ksym;
const cpumask_t *scx_bpf_get_idle_cpumask(void) __ksym;
const cpumask_t *scx_bpf_get_idle_smtmask(void) __ksym;
void scx_bpf_put_idle_cpumask(const cpumask_t *idle_mask) __ksym;
s32 scx_bpf_task_cpu(const struct task_struct *p) __ksym;
u32 scx_bpf_nr_cpu_ids(void) __ksym;
u64 scx_bpf_now(void) __ksym;
const cpumask_t *scx_bpf_get_online_cpumask(void) __ksym;
void scx_bpf_put_cpumask(const cpumask_t *cpumask) __ksym;
void scx_bpf_dump_bstr(char *fmt, unsigned long long *data,
		       u32 data__sz) __ksym;
int bpf_iter_scx_dsq_new(struct bpf_iter_scx_dsq *it, u64 dsq_id,
			 u64 flags) __ksym;
struct task_struct *bpf_iter_scx_dsq_next(struct bpf_iter_scx_dsq *it) __ksym;
void bpf_iter_scx_dsq_destroy(struct bpf_iter_scx_dsq *it) __ksym;

/* Writing p->scx.slice by hand warns since 7.2; the setter came with 6.19. */
bool scx_bpf_task_set_slice(struct task_struct *p, u64 slice) __ksym __weak;

/* Generic kfuncs, all older than sched_ext. */
void bpf_rcu_read_lock(void) __ksym;
void bpf_rcu_read_unlock(void) __ksym;
struct cgroup *bpf_cgroup_from_id(u64 cgid) __ksym;
struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgrp, int level) __ksym;
void bpf_cgroup_release(struct cgroup *cgrp) __ksym;
struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
void bpf_task_release(struct task_struct *p) __ksym;
struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
void bpf_cpumask_release(struct bpf_cpumask *cpumask) __ksym;
void bpf_cpumask_set_cpu(u32 cpu, struct bpf_cpumask *cpumask) __ksym;
bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *cpumask) __ksym;
bool bpf_cpumask_intersects(const struct cpumask *a,
			    const struct cpumask *b) __ksym;
bool bpf_cpumask_subset(const struct cpumask *a,
			const struct cpumask *b) __ksym;
u32 bpf_cpumask_weight(const struct cpumask *cpumask) __ksym;
bool bpf_cpumask_empty(const struct cpumask *cpumask) __ksym;
u32 bpf_cpumask_any_distribute(const struct cpumask *cpumask) __ksym;
u32 bpf_cpumask_any_and_distribute(const struct cpumask *a,
				   const struct cpumask *b) __ksym;

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))
#define UNROLLED _Pragma("clang loop unroll(full)")

/* Virtual times wrap; only their distance means anything. */
static __always_inline bool time_before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

#endif /* OCIHOOK_SCX_BPF_H */
