/* SPDX-License-Identifier: 0BSD
 *
 * Reductions over any axes of any type, as a template: an operator is an accumulator's start, a statement that takes the next
 * value in, and the result.
 *
 *     CNNC_REDUCE(sum_f16, f16, f16, double, 0, 0, s += a, s)
 *
 * defines the kernel sum_f16: type tags of x and y (convert.h), the type of the accumulators s and m, their starts, the
 * statement in a (the value), i (its number) and p0, p1, the result in s, m, n (how many). reduce.def has ONNX's operators.
 */
#include "base.h"
#include "convert.h"
#include "reduce_types.h"
#include "scalar_math.h"

/* The axes in two groups, kept and reduced, each with neighbours joined and at least one. */
struct CNNC_FN(cnnc_reduce_axes) {
    int rank[2];
    long dim[2][CNNC_REDUCE_RANK], total[2];
    ptrdiff_t stride[2][CNNC_REDUCE_RANK];
};

CNNC_NOINLINE struct CNNC_FN(cnnc_reduce_axes) CNNC_FN(cnnc_reduce_group)(const struct cnnc_reduce *g)
{
    struct CNNC_FN(cnnc_reduce_axes) r = {{0, 0}, {{0}}, {1, 1}, {{0}}};
    ptrdiff_t stride[CNNC_REDUCE_RANK], s = 1;
    int previous = -1;
    for (int i = g->rank - 1; i >= 0; s *= g->dim[i], i--)
        stride[i] = s;
    for (int i = 0; i < g->rank; i++) {
        const int k = g->axes >> i & 1;
        if (previous != k)
            r.dim[k][r.rank[k]++] = 1;
        r.dim[k][r.rank[k] - 1] *= g->dim[i];
        r.stride[k][r.rank[k] - 1] = stride[i];
        r.total[k] *= g->dim[i];
        previous = k;
    }
    for (int k = 0; k < 2; k++)
        if (r.rank[k] == 0)
            r.dim[k][r.rank[k]++] = 1;
    return r;
}

/* Where element i of a group lies. */
CNNC_INLINE ptrdiff_t CNNC_FN(cnnc_reduce_at)(const struct CNNC_FN(cnnc_reduce_axes) *r, int k, long i)
{
    ptrdiff_t at = 0;
    for (int d = r->rank[k] - 1; d >= 0; i /= r->dim[k][d], d--)
        at += i % r->dim[k][d] * r->stride[k][d];
    return at;
}

/* clang-format off */
#define CNNC_REDUCE(name, X, Y, type, s0, m0, step, ...)                                                                \
    CNNC_UNUSED static void name(const struct cnnc_reduce *g, const void *const in[], void *const out[], struct cnnc_thread t)  \
    {                                                                                                                   \
        const struct CNNC_FN(cnnc_reduce_axes) r = CNNC_FN(cnnc_reduce_group)(g);                                       \
        const double p0 CNNC_UNUSED = g->p[0], p1 CNNC_UNUSED = g->p[1];                                                \
        const int inmost = r.rank[1] - 1;                                                                               \
        const long n CNNC_UNUSED = r.total[1], row = r.dim[1][inmost];                                                  \
        const ptrdiff_t advance = r.stride[1][inmost];                                                                  \
        long o, last;                                                                                                   \
        if (CNNC_BITS_##Y < 8)                                                                                          \
            t = (struct cnnc_thread){0, t.index ? 0 : 1, t.scratch};                                                    \
        if (t.count == 0)                                                                                               \
            return;                                                                                                     \
        cnnc_split(r.total[0], t, &o, &last);                                                                           \
        for (; o < last; o++) {                                                                                         \
            const ptrdiff_t base = CNNC_FN(cnnc_reduce_at)(&r, 0, o);                                                   \
            type s = s0, m CNNC_UNUSED = m0;                                                                            \
            for (long i = 0; i < r.total[1];) {                                                                         \
                const ptrdiff_t from = base + CNNC_FN(cnnc_reduce_at)(&r, 1, i);                                        \
                for (long j = 0; j < row; j++, i++) {                                                                   \
                    const type a = (type)cnnc_load_##X(in[0], from + j * advance);                                      \
                    step;                                                                                               \
                }                                                                                                       \
            }                                                                                                           \
            cnnc_store_##Y(out[0], o, __VA_ARGS__);                                                                     \
        }                                                                                                               \
    }

/* Running results: CNNC_SCAN(name, tag, accumulator's type, start, statement in s and a). */
#define CNNC_SCAN(name, tag, type, s0, step)                                                                            \
    CNNC_UNUSED static void name(const struct cnnc_scan *g, const void *const in[], void *const out[], struct cnnc_thread t)    \
    {                                                                                                                   \
        long r, last;                                                                                                   \
        cnnc_split(g->outer * g->inner, t, &r, &last);                                                                  \
        for (; r < last; r++) {                                                                                         \
            const ptrdiff_t base = r / g->inner * g->axis * g->inner + r % g->inner;                                    \
            type s = s0;                                                                                                \
            for (long i = 0; i < g->axis; i++) {                                                                        \
                const ptrdiff_t at = base + (g->reverse ? g->axis - 1 - i : i) * g->inner;                              \
                const type a = (type)cnnc_load_##tag(in[0], at);                                                        \
                if (g->exclusive)                                                                                       \
                    cnnc_store_##tag(out[0], at, s);                                                                    \
                step;                                                                                                   \
                if (!g->exclusive)                                                                                      \
                    cnnc_store_##tag(out[0], at, s);                                                                    \
            }                                                                                                           \
        }                                                                                                               \
    }
/* clang-format on */
