/* SPDX-License-Identifier: 0BSD
 *
 * Operators that pick elements. Where the number of results depends on the data, one thread does the work: where a result
 * goes depends on all before it.
 */
#include "base.h"
#include "element.h"
#include "pick_types.h"

CNNC_INLINE void CNNC_FN(cnnc_compress)(const struct cnnc_compress *g, const void *const in[], void *const out[],
                                        struct cnnc_thread t)
{
    const char *x = in[0];
    const uint8_t *keep = in[1];
    char *y = out[0];
    long count = 0;
    if (t.index)
        return;
    for (long o = 0; o < g->outer; o++) {
        count = 0;
        for (long i = 0; i < g->n && i < g->axis; i++)
            if (keep[i] && count < g->room)
                memcpy(y + (o * g->room + count++) * g->inner, x + (o * g->axis + i) * g->inner, (size_t)g->inner);
        memset(y + (o * g->room + count) * g->inner, 0, (size_t)((g->room - count) * g->inner));
    }
    if (out[1])
        *(int64_t *)out[1] = count;
}

CNNC_INLINE int CNNC_FN(cnnc_is_zero)(int dtype, const void *x, long i)
{
    return cnnc_dtype_is_float(dtype) ? cnnc_get(dtype, x, i) == 0 : cnnc_get_int(dtype, x, i) == 0;
}

CNNC_INLINE void CNNC_FN(cnnc_non_zero)(const struct cnnc_non_zero *g, const void *const in[], void *const out[],
                                        struct cnnc_thread t)
{
    int64_t *y = out[0];
    long n = 1, count = 0;
    if (t.index)
        return;
    for (int d = 0; d < g->rank; d++)
        n *= g->dim[d];
    memset(y, 0, sizeof *y * (size_t)(g->rank * g->room));
    for (long i = 0; i < n; i++) {
        long rest = i;
        if (CNNC_FN(cnnc_is_zero)(g->dtype, in[0], i))
            continue;
        for (int d = g->rank - 1; d >= 0 && count < g->room; rest /= g->dim[d], d--)
            y[d * g->room + count] = rest % g->dim[d];
        count++;
    }
    if (out[1])
        *(int64_t *)out[1] = count;
}

/* -1, 0, 1 as element i of x is less than, equal to or greater than element j. */
CNNC_INLINE int CNNC_FN(cnnc_compare)(int dtype, const void *x, long i, long j)
{
    if (cnnc_dtype_is_float(dtype)) {
        const double a = cnnc_get(dtype, x, i), b = cnnc_get(dtype, x, j);
        return (a > b) - (a < b);
    }
    if (dtype == CNNC_U64) {
        const uint64_t a = ((const uint64_t *)x)[i], b = ((const uint64_t *)x)[j];
        return (a > b) - (a < b);
    }
    const int64_t a = cnnc_get_int(dtype, x, i), b = cnnc_get_int(dtype, x, j);
    return (a > b) - (a < b);
}

/* Each next one is the best of those that come after the last in the order: no memory is needed. */
CNNC_INLINE void CNNC_FN(cnnc_top_k)(const struct cnnc_top_k *g, const void *const in[], void *const out[],
                                     struct cnnc_thread t)
{
    int64_t k = *(const int64_t *)in[1];
    long first, last;
    k = k < 0 ? 0 : k > g->most ? g->most : k;
    cnnc_split(g->outer * g->inner, t, &first, &last);
    for (long r = first; r < last; r++) {
        const long x = r / g->inner * g->axis * g->inner + r % g->inner, y = r / g->inner * g->most * g->inner + r % g->inner;
        long previous = -1;
        for (long i = (long)k; i < g->most; i++) {
            const int64_t none = 0;
            if (out[0])
                cnnc_copy_element((int)cnnc_dtype_bytes(g->dtype), out[0], y + i * g->inner, &none, 0);
            if (out[1])
                ((int64_t *)out[1])[y + i * g->inner] = 0;
        }
        for (long i = 0; i < k; i++) {
            long best = -1;
            for (long j = 0; j < g->axis; j++) {
                if (previous >= 0) {
                    const int c = CNNC_FN(cnnc_compare)(g->dtype, in[0], x + j * g->inner, x + previous * g->inner);
                    if (c ? (c > 0) == (g->largest != 0) : j <= previous)
                        continue;
                }
                if (best < 0 || CNNC_FN(cnnc_compare)(g->dtype, in[0], x + j * g->inner, x + best * g->inner) ==
                                    (g->largest ? 1 : -1))
                    best = j;
            }
            if (best < 0) /* NaN: nothing comes after it */
                best = previous < 0 ? 0 : previous;
            if (out[0])
                cnnc_copy_element((int)cnnc_dtype_bytes(g->dtype), out[0], y + i * g->inner, in[0], x + best * g->inner);
            if (out[1])
                ((int64_t *)out[1])[y + i * g->inner] = best;
            previous = best;
        }
    }
}

/* Slices i and j along the axis. */
CNNC_INLINE int CNNC_FN(cnnc_compare_slices)(const struct cnnc_unique *g, const void *x, long i, long j)
{
    for (long o = 0; o < g->outer; o++)
        for (long k = 0; k < g->inner; k++) {
            const int c = CNNC_FN(cnnc_compare)(g->dtype, x, (o * g->axis + i) * g->inner + k, (o * g->axis + j) * g->inner + k);
            if (c)
                return c;
        }
    return 0;
}

CNNC_INLINE void CNNC_FN(cnnc_unique)(const struct cnnc_unique *g, const void *const in[], void *const out[],
                                      struct cnnc_thread t)
{
    long *like = t.scratch, *place = like + g->axis, count = 0;
    if (t.index)
        return;
    for (long i = 0; i < g->axis; i++) { /* the first slice equal to slice i */
        like[i] = i;
        for (long j = 0; j < i && like[i] == i; j++)
            if (like[j] == j && CNNC_FN(cnnc_compare_slices)(g, in[0], i, j) == 0)
                like[i] = j;
        place[i] = like[i] == i ? count++ : 0;
    }
    if (g->sorted)
        for (long i = 0; i < g->axis; i++) {
            if (like[i] != i)
                continue;
            place[i] = 0;
            for (long j = 0; j < g->axis; j++)
                place[i] += like[j] == j && CNNC_FN(cnnc_compare_slices)(g, in[0], j, i) < 0;
        }
    for (long o = 0; o < g->outer; o++)
        memset((char *)out[0] + (o * g->room + count) * g->inner * g->bytes, 0, (size_t)((g->room - count) * g->inner * g->bytes));
    for (long i = count; i < g->room; i++) {
        if (out[1])
            ((int64_t *)out[1])[i] = 0;
        if (out[3])
            ((int64_t *)out[3])[i] = 0;
    }
    for (long i = 0; i < g->axis; i++) {
        const long p = place[like[i]];
        if (like[i] == i) {
            for (long o = 0; o < g->outer; o++)
                memcpy((char *)out[0] + (o * g->room + p) * g->inner * g->bytes,
                       (const char *)in[0] + (o * g->axis + i) * g->inner * g->bytes, (size_t)(g->inner * g->bytes));
            if (out[1])
                ((int64_t *)out[1])[p] = i;
            if (out[3])
                ((int64_t *)out[3])[p] = 0;
        }
        if (out[2])
            ((int64_t *)out[2])[i] = p;
        if (out[3])
            ((int64_t *)out[3])[p]++;
    }
    if (out[4])
        *(int64_t *)out[4] = count;
}

CNNC_INLINE float CNNC_FN(cnnc_overlap)(const float *a, const float *b, int center)
{
    float lo[2][2], hi[2][2], area[2];
    for (int i = 0; i < 2; i++) {
        const float *p = i ? b : a;
        for (int d = 0; d < 2; d++) {
            const float u = center ? p[d] - p[d + 2] / 2 : p[d], v = center ? p[d] + p[d + 2] / 2 : p[d + 2];
            lo[i][d] = u < v ? u : v;
            hi[i][d] = u < v ? v : u;
        }
        area[i] = (hi[i][0] - lo[i][0]) * (hi[i][1] - lo[i][1]);
    }
    float both = 1;
    for (int d = 0; d < 2; d++) {
        const float u = lo[0][d] > lo[1][d] ? lo[0][d] : lo[1][d], v = hi[0][d] < hi[1][d] ? hi[0][d] : hi[1][d];
        both *= v > u ? v - u : 0;
    }
    return both > 0 ? both / (area[0] + area[1] - both) : 0;
}

CNNC_INLINE void CNNC_FN(cnnc_nms)(const struct cnnc_nms *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int64_t most = in[2] ? *(const int64_t *)in[2] : 0;
    const float overlap = in[3] ? *(const float *)in[3] : 0, least = in[4] ? *(const float *)in[4] : -INFINITY;
    int64_t *y = out[0];
    long count = 0;
    if (t.index)
        return;
    for (long c = 0; c < g->batches * g->classes; c++) {
        const float *box = (const float *)in[0] + c / g->classes * g->boxes * 4, *score = (const float *)in[1] + c * g->boxes;
        const long start = count;
        for (long previous = -1; count - start < most && count < g->room;) {
            long best = -1;
            int good = 1;
            for (long j = 0; j < g->boxes; j++) {
                if (!(score[j] > least) || (previous >= 0 && (score[j] > score[previous] || (score[j] == score[previous] && j <= previous))))
                    continue;
                if (best < 0 || score[j] > score[best])
                    best = j;
            }
            if (best < 0)
                break;
            for (long k = start; k < count && good; k++)
                good = !(CNNC_FN(cnnc_overlap)(box + best * 4, box + y[k * 3 + 2] * 4, g->center) > overlap);
            if (good) {
                y[count * 3] = c / g->classes;
                y[count * 3 + 1] = c % g->classes;
                y[count * 3 + 2] = best;
                count++;
            }
            previous = best;
        }
    }
    memset(y + count * 3, 0, sizeof *y * (size_t)((g->room - count) * 3));
    if (out[1])
        *(int64_t *)out[1] = count;
}
