/* SPDX-License-Identifier: 0BSD
 *
 * What every kernel shares: the attributes that make a kernel an instance, the thread's share of the work, the
 * view of a tensor in memory.
 *
 * All kernels have one signature,
 *
 *     void kernel(const struct GEOMETRY *g, const void *const in[], void *const out[], struct cnnc_thread t);
 *
 * in[] and out[] hold the operands in the order that the geometry's header gives; an absent operand is NULL.
 */
#ifndef CNNC_BASE_H
#define CNNC_BASE_H

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) || defined(__clang__)
#define CNNC_INLINE static inline __attribute__((always_inline, unused))
#define CNNC_NOINLINE static __attribute__((noinline, unused))
#define CNNC_UNUSED __attribute__((unused))
#define CNNC_ALIGN(n) __attribute__((aligned(n)))
#else
#define CNNC_INLINE static inline
#define CNNC_NOINLINE static
#define CNNC_UNUSED
#define CNNC_ALIGN(n) _Alignas(n)
#endif

/* The name of a kernel; one file can hold a kernel for several instruction sets, told apart by a suffix (simd_level.h). */
#ifndef CNNC_FN
#define CNNC_FN(name) name
#endif

/* Loops over the registers of a tile must vanish: an accumulator array that is indexed at run time lives in memory. */
#define CNNC_PRAGMA(x) _Pragma(#x)
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* where a bound is known at run time only, as in plain C, there is nothing to unroll */
#define CNNC_UNROLL CNNC_PRAGMA(clang loop unroll(full))
#define CNNC_UNROLL_BY(n) CNNC_PRAGMA(clang loop unroll_count(n))
#elif defined(__GNUC__)
#define CNNC_UNROLL CNNC_PRAGMA(GCC unroll 64)
#define CNNC_UNROLL_BY(n) CNNC_PRAGMA(GCC unroll n)
#else
#define CNNC_UNROLL
#define CNNC_UNROLL_BY(n)
#endif

/* A kernel's name: the generated file gives it a suffix when it holds the kernels once per instruction set. */
#ifndef CNNC_FN
#define CNNC_FN(name) name
#endif

/* Channels per block of the blocked layout. */
#ifndef CNNC_B
#define CNNC_B 16
#endif

/* Hides the value of an integer or a pointer from the optimiser. */
#if defined(__GNUC__) || defined(__clang__)
#define CNNC_OPAQUE(x) __asm__("" : "+r"(x))
#else
#define CNNC_OPAQUE(x) ((void)0)
#endif

/* The share of one thread: its index, how many there are, and scratch memory of its own (64-byte aligned). */
struct cnnc_thread {
    int index, count;
    void *scratch;
};

/* Where an activation lies: strides in elements between batches, channel blocks (plain layout: channels), planes of a
 * volume, and rows. Neighbours within a row are one block (plain layout: one element) apart. */
struct cnnc_view {
    ptrdiff_t n, c, d, h;
};

/* The part [*first, *last) of n units of work that is this thread's. */
CNNC_INLINE void cnnc_split(long n, struct cnnc_thread t, long *first, long *last)
{
    *first = n * t.index / t.count;
    *last = n * (t.index + 1) / t.count;
}

/* Whether threads had better share out the rows of planes than the planes: layer after layer a thread then reads mostly what it wrote
 * itself, and the rest comes from another core's cache. Not where rows are too few for even shares. */
CNNC_INLINE int cnnc_by_rows(long rows, struct cnnc_thread t)
{
    return t.count > 1 && ((rows + t.count - 1) / t.count * t.count - rows) * 8 <= rows;
}

/* The rows of plane `plane` of image n that are this thread's, if it has the units first to last of n x rows, or n x planes x rows. */
CNNC_INLINE void cnnc_share_rows(int by_rows, long n, long plane, long planes, long rows, long first, long last, long *from, long *to)
{
    const long before = (by_rows ? n : n * planes + plane) * rows;
    *from = first > before ? first - before : 0;
    *to = last - before < rows ? last - before : rows;
}

CNNC_INLINE long cnnc_min(long a, long b) { return a < b ? a : b; }
CNNC_INLINE long cnnc_max(long a, long b) { return a > b ? a : b; }

#endif
