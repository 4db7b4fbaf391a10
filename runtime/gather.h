/* SPDX-License-Identifier: 0BSD
 *
 * Data movement by indices: Gather, GatherElements, GatherND and the scatters, for elements of any size; the scatters that combine are
 * a template over the type.
 */
#include "base.h"
#include "convert.h"
#include "move_types.h"
#include "scalar_math.h"

CNNC_INLINE long CNNC_FN(cnnc_gather_index)(const void *p, ptrdiff_t i, int index64, long n)
{
    const int64_t v = index64 ? ((const int64_t *)p)[i] : ((const int32_t *)p)[i], at = v < 0 ? v + n : v;
    return at < 0 ? 0 : at >= n ? n - 1 : (long)at;
}

CNNC_INLINE void CNNC_FN(cnnc_gather)(const struct cnnc_gather *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const size_t bytes = (size_t)g->inner * (size_t)g->size;
    long r, last;
    cnnc_split(g->axis ? g->outer * g->count : 0, t, &r, &last);
    for (; r < last; r++) {
        const long i = CNNC_FN(cnnc_gather_index)(in[1], r % g->count, g->index64, g->axis);
        memcpy((char *)out[0] + (size_t)r * bytes, (const char *)in[0] + (size_t)(r / g->count * g->axis + i) * bytes, bytes);
    }
}

/* Where entry i of the indices points in the data. */
CNNC_INLINE ptrdiff_t CNNC_FN(cnnc_elements_at)(const struct cnnc_elements *g, const void *index, long i)
{
    ptrdiff_t at = 0, stride = 1;
    long rest = i;
    for (int d = g->rank - 1; d >= 0; rest /= g->index[d], stride *= g->data[d], d--)
        at += stride * (d == g->axis ? CNNC_FN(cnnc_gather_index)(index, i, g->index64, g->data[d]) : rest % g->index[d]);
    return at;
}

CNNC_INLINE void CNNC_FN(cnnc_gather_elements)(const struct cnnc_elements *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long total = 1, i, last;
    for (int d = 0; d < g->rank; d++)
        total *= g->index[d];
    cnnc_split(total, t, &i, &last);
    for (; i < last; i++)
        memcpy((char *)out[0] + i * g->size, (const char *)in[0] + CNNC_FN(cnnc_elements_at)(g, in[1], i) * g->size, (size_t)g->size);
}

/* Element offset of tuple i's slice. */
CNNC_INLINE ptrdiff_t CNNC_FN(cnnc_nd_at)(const struct cnnc_nd *g, const int64_t *index, long i)
{
    ptrdiff_t at = i / g->count;
    for (int d = 0; d < g->depth; d++)
        at = at * g->dim[d] + CNNC_FN(cnnc_gather_index)(index, i * g->depth + d, 1, g->dim[d]);
    return at * g->inner;
}

CNNC_INLINE void CNNC_FN(cnnc_gather_nd)(const struct cnnc_nd *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long i, last;
    cnnc_split(g->batch * g->count, t, &i, &last);
    for (; i < last; i++)
        memcpy((char *)out[0] + i * g->inner * g->size,
               (const char *)in[0] + CNNC_FN(cnnc_nd_at)(g, (const int64_t *)in[1], i) * g->size, (size_t)g->inner * (size_t)g->size);
}

/* clang-format off */
/* Scatters: y = data, then the expression in a (what is there) and b (the update): b, a + b, a * b ... Later updates of the same place
 * win, so the work is one thread's. */
#define CNNC_SCATTER_ELEMENTS(name, tag, type, ...)                                                                     \
    CNNC_UNUSED static void name(const struct cnnc_elements *g, const void *const in[], void *const out[], struct cnnc_thread t)    \
    {                                                                                                                   \
        long total = 1, size = 1;                                                                                       \
        if (t.index)                                                                                                    \
            return;                                                                                                     \
        for (int d = 0; d < g->rank; d++) {                                                                             \
            total *= g->index[d];                                                                                       \
            size *= g->data[d];                                                                                         \
        }                                                                                                               \
        if (out[0] != in[0])                                                                                            \
            memcpy(out[0], in[0], ((size_t)size * CNNC_BITS_##tag + 7) / 8);                                            \
        for (long i = 0; i < total; i++) {                                                                              \
            const ptrdiff_t at = CNNC_FN(cnnc_elements_at)(g, in[1], i);                                                \
            const type a CNNC_UNUSED = (type)cnnc_load_##tag(out[0], at), b = (type)cnnc_load_##tag(in[2], i);          \
            cnnc_store_##tag(out[0], at, __VA_ARGS__);                                                                  \
        }                                                                                                               \
    }
#define CNNC_SCATTER_ND(name, tag, type, ...)                                                                           \
    CNNC_UNUSED static void name(const struct cnnc_nd *g, const void *const in[], void *const out[], struct cnnc_thread t)      \
    {                                                                                                                   \
        size_t size = (size_t)g->inner;                                                                                 \
        if (t.index)                                                                                                    \
            return;                                                                                                     \
        for (int d = 0; d < g->depth; d++)                                                                              \
            size *= (size_t)g->dim[d];                                                                                  \
        if (out[0] != in[0])                                                                                            \
            memcpy(out[0], in[0], (size * CNNC_BITS_##tag + 7) / 8);                                                    \
        for (long i = 0; i < g->count; i++) {                                                                           \
            const ptrdiff_t at = CNNC_FN(cnnc_nd_at)(g, (const int64_t *)in[1], i);                                     \
            for (long k = 0; k < g->inner; k++) {                                                                       \
                const type a CNNC_UNUSED = (type)cnnc_load_##tag(out[0], at + k), b = (type)cnnc_load_##tag(in[2], i * g->inner + k);   \
                cnnc_store_##tag(out[0], at + k, __VA_ARGS__);                                                          \
            }                                                                                                           \
        }                                                                                                               \
    }
/* clang-format on */
