# SPDX-License-Identifier: Apache-2.0
"""Build ``_libbpf``: what the loader needs of libbpf. Not imported at run time.

``OCIHOOK_LIBBPF_PREFIX`` names a directory with ``include/`` and ``lib/libbpf.a``, version 1.4 or
later, which is then linked statically, so that the wheel does not care what libbpf the host has.
The archive must be position independent, which Debian's own is not (1.4.6, 1.5.0): build it from
the source package with ``make BUILD_STATIC_ONLY=y CFLAGS='-O2 -fPIC'``.
libelf and libz stay shared: Debian's libelf.a is not position independent (0.188), and their ABI
is as old as the distributions. Without the variable the machine's libbpf is used.
"""

import os
import subprocess
from typing import Any

from cffi import FFI

LIBBPF_FLOOR = "1.4"
"""``___suffix`` types, and struct_ops members unknown to the kernel skipped when zero."""


def link_options() -> dict[str, Any]:
    """Return the keyword arguments of ``set_source`` that say where libbpf is."""
    prefix = os.environ.get("OCIHOOK_LIBBPF_PREFIX")
    if prefix:
        return {
            "include_dirs": [f"{prefix}/include"],
            "extra_link_args": [f"{prefix}/lib/libbpf.a", "-lelf", "-lz"],
        }
    subprocess.run(
        ["pkg-config", "--print-errors", "--exists", f"libbpf >= {LIBBPF_FLOOR}"], check=True
    )
    return {"libraries": ["bpf", "elf", "z"]}


ffibuilder = FFI()

ffibuilder.cdef("""
struct bpf_object;
struct bpf_map;
struct bpf_program;
struct bpf_link;

struct bpf_object *object_open(const void *image, size_t image_bytes);
int bpf_object__load(struct bpf_object *object);
void bpf_object__close(struct bpf_object *object);
struct bpf_map *bpf_object__find_map_by_name(struct bpf_object *object, const char *name);
struct bpf_program *bpf_object__find_program_by_name(struct bpf_object *object, const char *name);
struct bpf_map *bpf_object__next_map(const struct bpf_object *object, const struct bpf_map *map);
const char *bpf_map__name(const struct bpf_map *map);
uint32_t bpf_map__type(const struct bpf_map *map);
uint32_t bpf_map__value_size(const struct bpf_map *map);
uint32_t bpf_map__max_entries(const struct bpf_map *map);
int bpf_map__set_max_entries(struct bpf_map *map, uint32_t max_entries);
void *bpf_map__initial_value(struct bpf_map *map, size_t *size_bytes);
int bpf_map__pin(struct bpf_map *map, const char *path);
int bpf_program__pin(struct bpf_program *program, const char *path);
struct bpf_link *bpf_map__attach_struct_ops(struct bpf_map *map);
struct bpf_link *bpf_program__attach(struct bpf_program *program);
int bpf_link__pin(struct bpf_link *link, const char *path);
int bpf_link__destroy(struct bpf_link *link);

const char *libbpf_version_string(void);

struct ring_buffer;
struct ring_buffer *switch_ring(int map_fd);
int switch_ring_read(struct ring_buffer *ring, void *data, size_t bytes);
void ring_buffer__free(struct ring_buffer *ring);
int bpf_raw_tracepoint_open(const char *name, int program_fd);

void log_start(void);
const char *log_text(void);
int kfunc_has_aux(const char **names, int count);
int kernel_has_member(const char *type, const char *member);
int drop_unknown_ops(struct bpf_object *object, const char *map, const char *type);
int set_ops_u32(struct bpf_object *object, const char *map, const char *type, const char *member,
		uint32_t value);
""")

ffibuilder.set_source(
    "ocihook._bpf._libbpf",
    r"""
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * libbpf explains a failure through a callback with a va_list, which Python
 * cannot take; it is formatted here. Enough for libbpf's own excerpt of a
 * verifier log. One loader at a time: the log is not for threads.
 */
static char log_buffer[256 * 1024];
static size_t log_bytes;

static int collect(enum libbpf_print_level level, const char *format, va_list arguments)
{
	size_t left = sizeof(log_buffer) - log_bytes;
	int written;

	if (level == LIBBPF_DEBUG)
		return 0;
	written = vsnprintf(log_buffer + log_bytes, left, format, arguments);
	if (written > 0)
		log_bytes += (size_t)written < left ? (size_t)written : left - 1;
	return 0;
}

static void log_start(void)
{
	log_bytes = 0;
	log_buffer[0] = 0;
	libbpf_set_print(collect);
}

static const char *log_text(void)
{
	return log_buffer;
}

static struct bpf_object *object_open(const void *image, size_t image_bytes)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "ocihook");

	return bpf_object__open_mem(image, image_bytes, &options);
}

/*
 * The running kernel's BTF, or NULL. Kept while the process lives: a start asks it twice, and
 * parsing it takes 0.2 s on an emulated CPU.
 */
static struct btf *kernel_btf(void)
{
	static struct btf *btf;

	if (!btf)
		btf = btf__load_vmlinux_btf();
	return btf;
}

/*
 * The index of the first function whose last parameter is called `aux`, which
 * no public kfunc has; -1 where there is none; -2 without kernel BTF.
 */
static int kfunc_has_aux(const char **names, int count)
{
	const struct btf *btf = kernel_btf();
	int i, found = -1;

	if (!btf)
		return -2;
	for (i = 0; i < count && found < 0; i++) {
		int id = btf__find_by_name_kind(btf, names[i], BTF_KIND_FUNC);
		const struct btf_type *type;
		const struct btf_param *last;

		if (id < 0)
			continue;
		type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
		if (!btf_vlen(type))
			continue;
		last = btf_params(type) + btf_vlen(type) - 1;
		if (!strcmp(btf__name_by_offset(btf, last->name_off), "aux"))
			found = i;
	}
	return found;
}

static const struct btf_member *
find_member(const struct btf *btf, const struct btf_type *type, const char *name)
{
	const struct btf_member *member = btf_members(type);
	int i;

	for (i = 0; i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, member[i].name_off), name))
			return &member[i];
	return NULL;
}

/* Whether a struct of the running kernel has a member; negative where there is no such struct. */
static int kernel_has_member(const char *type, const char *member)
{
	const struct btf *btf = kernel_btf();
	int id = btf ? btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT) : -1;

	return id < 0 ? -1 : !!find_member(btf, btf__type_by_id(btf, id), member);
}

/*
 * Set the members of a struct_ops map to zero that the kernel's type does not
 * have: libbpf then leaves them out, and does not load their programs. Returns
 * how many; a negative number where a type or the map cannot be found.
 */
static int drop_unknown_ops(struct bpf_object *object, const char *map, const char *type)
{
	const struct btf *ours = bpf_object__btf(object);
	const struct btf *kernels = kernel_btf();
	const struct btf_type *our_type, *kernel_type;
	int our_id, kernel_id, i, dropped = 0;
	size_t size;
	char *data = bpf_map__initial_value(bpf_object__find_map_by_name(object, map), &size);

	our_id = btf__find_by_name_kind(ours, type, BTF_KIND_STRUCT);
	kernel_id = kernels ? btf__find_by_name_kind(kernels, type, BTF_KIND_STRUCT) : -1;
	if (!data || our_id < 0 || kernel_id < 0)
		return -1;
	our_type = btf__type_by_id(ours, our_id);
	kernel_type = btf__type_by_id(kernels, kernel_id);
	for (i = 0; i < btf_vlen(our_type); i++) {
		const struct btf_member *member = btf_members(our_type) + i;
		const char *name = btf__name_by_offset(ours, member->name_off);
		int is_op = btf_is_ptr(btf__type_by_id(ours, member->type));
		size_t at = member->offset / 8;

		if (is_op && at + sizeof(void *) <= size && !find_member(kernels, kernel_type, name)) {
			memset(data + at, 0, sizeof(void *));
			dropped++;
		}
	}
	return dropped;
}

/*
 * Set a member of 32 bits of a struct_ops map, in the object's own layout; before the load.
 * Returns a negative number where the map, the type or such a member cannot be found.
 */
static int set_ops_u32(struct bpf_object *object, const char *map, const char *type,
	const char *member, uint32_t value)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_member *found;
	size_t size, at;
	char *data = bpf_map__initial_value(bpf_object__find_map_by_name(object, map), &size);

	if (!data || id < 0)
		return -1;
	found = find_member(btf, btf__type_by_id(btf, id), member);
	if (!found || btf__resolve_size(btf, found->type) != sizeof(value))
		return -1;
	at = found->offset / 8;
	if (at + sizeof(value) > size)
		return -1;
	memcpy(data + at, &value, sizeof(value));
	return 0;
}

/* Where records of a ring buffer are copied to; one ring at a time in a process. */
static struct {
	char *data;
	size_t bytes, used;
} sink;

/* The last record that fits ends the reading: what is not taken stays in the ring. */
static int keep(void *context, void *data, size_t bytes)
{
	memcpy(sink.data + sink.used, data, bytes);
	sink.used += bytes;
	return sink.bytes - sink.used < bytes ? -ENOSPC : 0;
}

static struct ring_buffer *switch_ring(int map_fd)
{
	return ring_buffer__new(map_fd, keep, NULL, NULL);
}

/* Take as many records as fit, of one size each; returns their bytes, or a negative errno. */
static int switch_ring_read(struct ring_buffer *ring, void *data, size_t bytes)
{
	int err;

	sink.data = data;
	sink.bytes = bytes;
	sink.used = 0;
	err = ring_buffer__consume(ring);
	return err < 0 && err != -ENOSPC ? err : (int)sink.used;
}
""",
    py_limited_api=True,
    **link_options(),
)
