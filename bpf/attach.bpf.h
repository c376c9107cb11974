/* SPDX-License-Identifier: GPL-2.0-only */
/* How the scheduler begins, and what it writes down when it ends. */
#ifndef OCIHOOK_ATTACH_BPF_H
#define OCIHOOK_ATTACH_BPF_H

#include "cpuset.bpf.h"
#include "hotplug.bpf.h"
#include "table.bpf.h"
#include "throttle.bpf.h"
#include "tickless.bpf.h"

SEC("struct_ops.s/ocihook_init")
s32 ocihook_init(u64 *ctx)
{
	u32 nr_cpus = scx_bpf_nr_cpu_ids();
	struct scheduler_record *rec = record();
	int cpu, err;

	if (!rec || nr_cpus > MAX_CPUS)
		return -EINVAL;
	init_offline();
	count_online();
	err = init_table();
	if (!err)
		err = init_quota_timer();
	if (!err)
		err = init_reach_timer();
	if (err)
		return err;
	bpf_for(cpu, 0, MAX_CPUS) {
		if (cpu >= nr_cpus)
			break;
		err = scx_bpf_create_dsq(CPU_DSQ(cpu), -1);
		if (!err)
			err = init_slice_timer(cpu);
		if (err)
			return err;
	}
	rec->nr_cpus = nr_cpus;
	rec->root_cgid = config.root_cgid;
	rec->exit_kind = 0;
	rec->exited_ns = 0;
	WRITE_ONCE(rec->attached_ns, bpf_ktime_get_ns());
	return 0;
}

SEC("struct_ops/ocihook_exit")
void ocihook_exit(u64 *ctx)
{
	struct scx_exit_info *info = (struct scx_exit_info *)ctx[0];
	struct scheduler_record *rec = record();

	if (!rec)
		return;
	rec->exit_kind = info->kind;
	rec->exit_code = info->exit_code;
	bpf_probe_read_kernel_str(rec->exit_reason, sizeof(rec->exit_reason),
				  info->reason);
	bpf_probe_read_kernel_str(rec->exit_message, sizeof(rec->exit_message),
				  info->msg);
	WRITE_ONCE(rec->exited_ns, bpf_ktime_get_ns());
}

#endif /* OCIHOOK_ATTACH_BPF_H */
