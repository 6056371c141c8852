/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/*
 * dynamic_memory.h: malloc and free for eBPF programs.
 *
 * The memory is a set of fixed pools in BPF maps, so an allocation is a pointer into a map value:
 * the kernel's verifier checks every access through it, and nothing is taken from the kernel's
 * own allocator at run time. What can fail returns NULL (or an errno value), and the verifier
 * insists that the program checks for it.
 *
 * Needs: clang -target bpf -mcpu=v3 -O2 -g, Linux 5.17 (tested from 6.1), a loader with CAP_BPF
 * and CAP_PERFMON or root. With DYNAMIC_MEMORY_SPIN_LOCK: any -mcpu, Linux 5.10, but not for
 * kprobe, tracepoint, raw_tracepoint, perf_event and socket_filter programs.
 * The header includes nothing but the compiler's <stddef.h>. It may stand before or after
 * vmlinux.h, linux/bpf.h and bpf/bpf_helpers.h.
 *
 * Define before the include to change:
 *   POOL_SIZE                   bytes of each heap's pool, a multiple of the granule,
 *                               @bytes LEAST_POOL_SIZE@ to @bytes MOST_POOL_SIZE@; before Linux 6.0 up to about @bytes MOST_VALUE_BEFORE_6_0@
 *                                                                       (default @DEFAULT_POOL_SIZE@)
 *   DYNAMIC_MEMORY_HEAPS        heaps, a power of two from 1 to @MOST_HEAPS@; the heap of a CPU is its
 *                               number modulo this                      (default @DEFAULT_HEAPS@)
 *   DYNAMIC_MEMORY_GRANULE      bytes that sizes and alignment are rounded up to, a power of two
 *                               from @LEAST_GRANULE@ to @MOST_GRANULE@. The tables take 6.1 bytes per granule, 10.1 beyond
 *                               65535 granules      (default @DEFAULT_GRANULE@; @LARGE_POOL_GRANULE@ for pools of @bytes LARGE_POOL_SIZE@ and more)
 *   DYNAMIC_MEMORY_GUARD        bytes behind a pool, a multiple of @PAGE@ and at least a @GUARD_PART@th of
 *                               the pool. Where malloc's size is not a constant, the verifier
 *                               accepts an index, or a length handed to a helper, up to this
 *                               bound                (default @PAGE@, or a @GUARD_PART@th of the pool)
 *   DYNAMIC_MEMORY_ARENA        pools in a BPF arena: for pointers that are stored and followed
 *                               later (lists, trees). See "Linked data" below
 *   DYNAMIC_MEMORY_ARENA_PAGES  size of the arena in pages: pools and all __arena variables of the
 *                               object, up to @MOST_ARENA_PAGES@, 4 GiB   (default: the pools and 4 MiB)
 *   DYNAMIC_MEMORY_LINKED       linked data on kernels without arenas, see there
 *   DYNAMIC_MEMORY_LOOP_LIMIT   rounds of a loop with can_loop on these       (default @DEFAULT_LOOP_LIMIT@)
 *   DYNAMIC_MEMORY_ARENA_MAP    name of the program's own arena map, declared before the include:
 *                               a program can have only one
 *   DYNAMIC_MEMORY_SPIN_LOCK    lock heaps with bpf_spin_lock
 *   DYNAMIC_MEMORY_SHARED       weak maps, so that objects that `bpftool gen object` links share one
 *                               set of heaps; loaders other than libbpf refuse such maps
 *   DYNAMIC_MEMORY_INLINE       what is frequent of malloc and free without a call: twice as fast
 *                               where returns are slow, and some 80 verified instructions a call and
 *                               iteration: not for programs that allocate in long loops
 *   DYNAMIC_MEMORY_STRONG       no weak functions, for loaders that know none (cilium/ebpf 0.9)
 *   DYNAMIC_MEMORY_POOL_MAP     pools in a map of their own and not in .bss: for more than @bytes MOST_VALUE_BEFORE_6_0@ of
 *                               them before Linux 6.0; beyond @bytes MOST_IN_VARIABLE@ they are in any case
 *   DYNAMIC_MEMORY_DEBUG        find what a program does wrong with blocks: writes behind a block
 *                               (looked for when it is freed or resized and, while it is in use, by
 *                               `bpf-malloc stats --check`), writes to a freed one (when
 *                               @DYNMEM_QUARANTINE@ others were freed, or it is handed out again: blocks
 *                               of up to a @DYNMEM_QUARANTINE_PART@th of the pool wait for so long), a
 *                               second free, a free of what is no block. Each is kept with the lines of
 *                               the calls for `bpf-malloc stats`, which also shows the live blocks by
 *                               line. New memory is filled with @DYNMEM_NEW@, freed memory with
 *                               @DYNMEM_FREED@; a block takes @DYNMEM_FENCE@ bytes more, realloc always
 *                               moves it
 *   DYNAMIC_MEMORY_C_LIBRARY    more of the C library: strstr strspn strtok_r strtol qsort bsearch
 *                               isalpha abs div rand printf snprintf and others. It may be defined
 *                               later, before the header is included a second time
 *   native_executable           build for user space, from the same source, safe with threads;
 *                               meant without it where the target is not BPF
 *
 * A loader may set, before it loads, what is a constant for the verifier and a maximum here:
 *   skeleton->rodata->dynamic_memory_heaps      heaps that serve, rounded down to a power of two; as
 *                                               many as the machine has CPUs is best
 *   skeleton->rodata->dynamic_memory_pool_size  bytes of each pool
 *
 * The verifier allows eight nested functions and 512 bytes of stack for a chain of them. Where malloc
 * is called, the program may have nested 4 functions below its own that take 464 bytes with its own
 * (3 and 464 with DYNAMIC_MEMORY_SPIN_LOCK, 3 and 352 with DYNAMIC_MEMORY_DEBUG; before Linux 6.9
 * each function counts as 32 bytes at least). What clang inlines does not count.
 *
 * From any CPU and context a call takes constant time, whatever the pool's size and the number
 * of blocks, but for these: an allocation that finds no memory first merges up to 4096 parked
 * blocks per heap; calloc, realloc and strdup copy.
 *
 * Linked data. A pointer that is stored in a map and loaded again is a number to the verifier, and
 * cannot be followed. With DYNAMIC_MEMORY_ARENA the pools are a variable in a BPF arena, whose
 * pointers may be stored and followed freely. Then
 *   - all functions take and return `void __arena *` (strings: `char __arena *`). clang refuses to
 *     mix these with other pointers, so what has to be declared with __arena, it finds:
 *     `struct node { struct node __arena *next; };`
 *   - a loop whose end the verifier cannot see has `can_loop` in its condition:
 *     `while (node && can_loop)`. It is 1, until after 8 million rounds (seen on Linux 6.12) or a
 *     quarter of a second (6.18) it is 0;
 *   - a program that follows such pointers but calls nothing of this header has the statement
 *     `static_use_arena();`
 *   - accesses are not proven but caught: one outside of the arena, through NULL too, reads zero,
 *     and a write changes nothing. So a missing test for NULL goes unnoticed. The kernel is safe
 *     from all of them, the other data in the arena is not;
 *   - the address of a variable in the arena is no initial value, it would be 0: assign it;
 *   - helpers do not take such pointers: copy with static_memcpy to the stack or a map value and
 *     from there, see below;
 *   - never assign whole structures through such pointers, nor use __builtin_memcpy on them: clang
 *     19 makes accesses of it that the verifier refuses. Use static_memcpy.
 * Needs clang 19, Linux 6.9 and libbpf 1.5; any program type may allocate. The object file has the
 * pools in it, as zeroes. DYNAMIC_MEMORY_GUARD has no meaning there.
 *
 * Before Linux 6.9 (5.10 with DYNAMIC_MEMORY_SPIN_LOCK), with DYNAMIC_MEMORY_LINKED instead,
 *   - what is followed is derived anew from the number: `static_pointer(node)->next`. It has the
 *     type of `node`, and whatever number that is, one may access DYNAMIC_MEMORY_GUARD bytes from
 *     there: of NULL and other numbers that lead to no pool, those behind the last one;
 *   - a loop whose end the verifier cannot see has static_bounded before it and can_loop in its
 *     condition: `static_bounded while (node && can_loop)`. The verifier goes through all rounds
 *     that it may have, DYNAMIC_MEMORY_LOOP_LIMIT; it ends after these.
 *   - static_pointer leads to blocks only: of variables one cannot store the address there.
 * With an arena, and in user space, both do nothing, so that one source serves all. The pools take
 * up to @bytes VARIABLE_OFFSET_END@ together.
 */
#ifndef DYNAMIC_MEMORY_H
#define DYNAMIC_MEMORY_H

/* Of bpf-malloc: 1,000,000 times the major, 1,000 times the minor number, and the patch level. */
#define DYNAMIC_MEMORY_VERSION 1000

/* Only these two: vmlinux.h has a wchar_t of its own, which a whole <stddef.h> contradicts. */
#ifndef __VMLINUX_H__
#define __need_size_t
#endif
#define __need_NULL
#include <stddef.h>

#ifndef ENOMEM
#define ENOMEM 12
#endif
#ifndef EINVAL
#define EINVAL 22
#endif
#define DYNMEM_EBUSY 16
