/* SPDX-License-Identifier: 0BSD
 *
 * Scatter, one-hot and other operators that put elements where indices say.
 */
#include "base.h"
#include "element.h"
#include "place_types.h"

CNNC_INLINE long CNNC_FN(cnnc_place)(int dtype, const void *index, long i, long size)
{
    int64_t k = cnnc_get_int(dtype, index, i);
    k += k < 0 ? size : 0;
    return k < 0 ? 0 : k >= size ? size - 1 : (long)k;
}

/* An index past the size points nowhere: no update there. */
CNNC_INLINE int CNNC_FN(cnnc_nowhere)(int dtype, const void *index, long i, long size) { return cnnc_get_int(dtype, index, i) >= size; }

/* The element of the data that position i of the indices stands for. */
CNNC_INLINE long CNNC_FN(cnnc_scatter_at)(const struct cnnc_scatter *g, const void *index, long i)
{
    long at = CNNC_FN(cnnc_place)(g->index, index, i, g->size) * g->x[g->axis], r = i;
    for (int d = g->rank - 1; d >= 0; d--) {
        if (d != g->axis)
            at += r % g->dim[d] * g->x[d];
        r /= g->dim[d];
    }
    return at;
}

CNNC_INLINE void CNNC_FN(cnnc_combine_element)(int combine, int dtype, int bytes, void *y, long i, const void *u, long j)
{
    if (combine == CNNC_COMBINE_SET) {
        cnnc_copy_element(bytes, y, i, u, j);
    } else if (cnnc_dtype_is_float(dtype)) {
        const double a = cnnc_get(dtype, y, i), b = cnnc_get(dtype, u, j);
        cnnc_put(dtype, y, i, combine == CNNC_COMBINE_ADD ? a + b : combine == CNNC_COMBINE_MUL ? a * b
                              : combine == CNNC_COMBINE_MAX ? (b > a ? b : a) : (b < a ? b : a));
    } else {
        const int64_t a = cnnc_get_int(dtype, y, i), b = cnnc_get_int(dtype, u, j);
        const int less = dtype == CNNC_U64 ? (uint64_t)a < (uint64_t)b : a < b;
        const uint64_t sum = (uint64_t)a + (uint64_t)b, product = (uint64_t)a * (uint64_t)b;
        cnnc_put_int(dtype, y, i, combine == CNNC_COMBINE_ADD ? (int64_t)sum : combine == CNNC_COMBINE_MUL ? (int64_t)product
                                  : (combine == CNNC_COMBINE_MAX) == less ? b : a);
    }
}

/* Updates may meet in one place and count in order there, so one thread does all of them. */
CNNC_INLINE void CNNC_FN(cnnc_scatter_elements)(const struct cnnc_scatter *g, const void *const in[], void *const out[],
                                                struct cnnc_thread t)
{
    long n = 1;
    if (t.index)
        return;
    for (int d = 0; d < g->rank; d++)
        n *= g->dim[d];
    if (out[0] != in[0] && g->total)
        memcpy(out[0], in[0], (size_t)(g->total * g->bytes));
    for (long i = 0; i < n && g->size > 0; i++)
        if (!CNNC_FN(cnnc_nowhere)(g->index, in[1], i, g->size))
            CNNC_FN(cnnc_combine_element)(g->combine, g->dtype, g->bytes, out[0], CNNC_FN(cnnc_scatter_at)(g, in[1], i), in[2], i);
}

CNNC_INLINE long CNNC_FN(cnnc_tuple_at)(const struct cnnc_scatter_nd *g, const void *index, long i)
{
    long at = 0;
    for (int d = 0; d < g->depth; d++)
        at = at * g->dim[d] + CNNC_FN(cnnc_place)(g->index, index, i * g->depth + d, g->dim[d]);
    return at;
}

CNNC_INLINE void CNNC_FN(cnnc_scatter_nd)(const struct cnnc_scatter_nd *g, const void *const in[], void *const out[],
                                          struct cnnc_thread t)
{
    if (t.index)
        return;
    if (out[0] != in[0] && g->total)
        memcpy(out[0], in[0], (size_t)(g->total * g->bytes));
    for (long i = 0; i < g->n && g->total > 0; i++) {
        int nowhere = 0;
        for (int d = 0; d < g->depth; d++)
            nowhere |= CNNC_FN(cnnc_nowhere)(g->index, in[1], i * g->depth + d, g->dim[d]);
        const long at = CNNC_FN(cnnc_tuple_at)(g, in[1], i) * g->inner;
        for (long k = 0; k < g->inner && !nowhere; k++)
            CNNC_FN(cnnc_combine_element)(g->combine, g->dtype, g->bytes, out[0], at + k, in[2], i * g->inner + k);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_one_hot)(const struct cnnc_one_hot *g, const void *const in[], void *const out[],
                                       struct cnnc_thread t)
{
    long first, last;
    cnnc_split(g->outer * g->depth * g->inner, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long inner = i % g->inner, d = i / g->inner % g->depth, o = i / g->inner / g->depth;
        int64_t k = cnnc_f64_to_i64(cnnc_get(g->index, in[0], o * g->inner + inner));
        k += k < 0 ? g->depth : 0;
        cnnc_copy_element(g->bytes, out[0], i, in[2], k == d);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_reverse_sequence)(const struct cnnc_reverse_sequence *g, const void *const in[],
                                                void *const out[], struct cnnc_thread t)
{
    const char *x = in[0];
    const int64_t *length = in[1];
    char *y = out[0];
    long first, last;
    cnnc_split(g->outer * g->a * g->middle * g->b, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long b = i % g->b, m = i / g->b % g->middle, a = i / g->b / g->middle % g->a, o = i / g->b / g->middle / g->a;
        const int64_t n = length[g->time_first ? b : a];
        const long time = g->time_first ? a : b, from = time < n ? (long)n - 1 - time : time;
        const long j = g->time_first ? ((o * g->a + from) * g->middle + m) * g->b + b
                                     : ((o * g->a + a) * g->middle + m) * g->b + from;
        memcpy(y + i * g->inner, x + j * g->inner, (size_t)g->inner);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_tensor_scatter)(const struct cnnc_tensor_scatter *g, const void *const in[],
                                              void *const out[], struct cnnc_thread t)
{
    const char *x = in[0], *u = in[1];
    const int64_t *start = in[2];
    char *y = out[0];
    long first, last;
    cnnc_split(g->outer, t, &first, &last);
    for (long o = first; o < last; o++) {
        const long bytes = g->size * g->inner;
        if (y != x)
            memcpy(y + o * bytes, x + o * bytes, (size_t)bytes);
        for (long i = 0; i < g->n; i++) {
            long at = (start ? (long)start[o / g->per] : 0) + i;
            if (g->circular)
                at = (at % g->size + g->size) % g->size;
            if (at >= 0 && at < g->size)
                memcpy(y + o * bytes + at * g->inner, u + (o * g->n + i) * g->inner, (size_t)g->inner);
        }
    }
}
