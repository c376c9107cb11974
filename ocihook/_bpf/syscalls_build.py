# SPDX-License-Identifier: Apache-2.0
"""Build ``_syscalls``: the system calls that Python's ``os`` lacks. Not imported at run time."""

from cffi import FFI

ffibuilder = FFI()

ffibuilder.cdef("""
int bpf_obj_get(const char *path);
int bpf_prog_run(int fd, void *context, uint32_t size, int32_t *result);
int bpf_map_lookup(int fd, const void *key, void *value);
int bpf_map_lookup_batch(int fd, uint32_t first, uint32_t *count, void *keys, void *values);
int bpf_map_sizes(int fd, uint32_t *key_bytes, uint32_t *value_bytes);
int bpf_map_max_entries(int fd, uint32_t *max_entries);
int join_namespace(int fd, int nstype);
int cgroup_namespace_root(void);
int open_cgid(int mount_fd, uint64_t cgid);
""")

ffibuilder.set_source(
    "ocihook._bpf._syscalls",
    r"""
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All of these return a negative errno on failure. */

static int result_of(long rc)
{
	return rc < 0 ? -errno : (int)rc;
}

static int bpf(int command, union bpf_attr *attr)
{
	return result_of(syscall(SYS_bpf, command, attr, sizeof(*attr)));
}

static int bpf_obj_get(const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	return bpf(BPF_OBJ_GET, &attr);
}

static int bpf_prog_run(int fd, void *context, uint32_t size, int32_t *result)
{
	union bpf_attr attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = fd;
	attr.test.ctx_in = (uintptr_t)context;
	attr.test.ctx_size_in = size;
	err = bpf(BPF_PROG_TEST_RUN, &attr);
	*result = (int32_t)attr.test.retval;
	return err;
}

static int bpf_map_lookup(int fd, const void *key, void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = fd;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value;
	return bpf(BPF_MAP_LOOKUP_ELEM, &attr);
}

/*
 * Elements of an array from `first` on, in one call. The kernel begins behind the one that it is
 * given, and answers ENOENT with the last element of the map, with *count set:
 * generic_map_lookup_batch() of kernel/bpf/syscall.c.
 */
static int bpf_map_lookup_batch(int fd, uint32_t first, uint32_t *count, void *keys, void *values)
{
	uint32_t before = first - 1, next;
	union bpf_attr attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	if (first)
		attr.batch.in_batch = (uintptr_t)&before;
	attr.batch.out_batch = (uintptr_t)&next;
	attr.batch.keys = (uintptr_t)keys;
	attr.batch.values = (uintptr_t)values;
	attr.batch.count = *count;
	attr.batch.map_fd = fd;
	err = bpf(BPF_MAP_LOOKUP_BATCH, &attr);
	*count = attr.batch.count;
	return err == -ENOENT ? 0 : err;
}

static int map_info(int fd, struct bpf_map_info *info)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	memset(info, 0, sizeof(*info));
	attr.info.bpf_fd = fd;
	attr.info.info_len = sizeof(*info);
	attr.info.info = (uintptr_t)info;
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

static int bpf_map_sizes(int fd, uint32_t *key_bytes, uint32_t *value_bytes)
{
	struct bpf_map_info info;
	int err = map_info(fd, &info);

	*key_bytes = info.key_size;
	*value_bytes = info.value_size;
	return err;
}

static int bpf_map_max_entries(int fd, uint32_t *max_entries)
{
	struct bpf_map_info info;
	int err = map_info(fd, &info);

	*max_entries = info.max_entries;
	return err;
}

/* os.setns came with Python 3.12. */
static int join_namespace(int fd, int nstype)
{
	return result_of(setns(fd, nstype));
}

/* The numbers are the same on every architecture (Linux 5.2). */
enum {
	NR_FSOPEN = 430,
	NR_FSCONFIG = 431,
	NR_FSMOUNT = 432,
	FSOPEN_FLAG_CLOEXEC = 1,
	FSCONFIG_COMMAND_CREATE = 6,
	FSMOUNT_FLAG_CLOEXEC = 1,
};

/*
 * A detached mount of cgroup2 shows the caller's cgroup namespace: its root
 * directory is the namespace's root. Nothing is added to the mount table.
 */
static int cgroup_namespace_root(void)
{
	int context = result_of(syscall(NR_FSOPEN, "cgroup2", FSOPEN_FLAG_CLOEXEC));
	int root;

	if (context < 0)
		return context;
	root = result_of(syscall(NR_FSCONFIG, context, FSCONFIG_COMMAND_CREATE, NULL, NULL, 0));
	if (root == 0)
		root = result_of(syscall(NR_FSMOUNT, context, FSMOUNT_FLAG_CLOEXEC, 0));
	close(context);
	return root;
}

/* kernfs file handles carry the 64-bit id: include/linux/exportfs.h FILEID_KERNFS. */
static int open_cgid(int mount_fd, uint64_t cgid)
{
	struct {
		struct file_handle head;
		uint64_t id;
	} handle;

	memset(&handle, 0, sizeof(handle));
	handle.head.handle_bytes = sizeof(cgid);
	handle.head.handle_type = 0xfe;
	memcpy(handle.head.f_handle, &cgid, sizeof(cgid));
	return result_of(open_by_handle_at(mount_fd, &handle.head, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}
""",
    py_limited_api=True,
)
