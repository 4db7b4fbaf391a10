/* SPDX-License-Identifier: 0BSD
 *
 * Resize: each axis has a table, for each place of the result, of the places of x that it is made of and their weights;
 * a row of the result is the sum over the places of the other axes.
 */
#include "base.h"
#include "element.h"
#include "requantize.h"
#include "resize_types.h"
#include "scalar_math.h"

/* How many places make one of the result, along axis d. */
CNNC_INLINE long CNNC_FN(cnnc_resize_taps)(const struct cnnc_resize *g, int d)
{
    const double scale = g->antialias && g->scale[d] < 1 ? g->scale[d] : 1;
    if (g->same[d])
        return 1;
    if (g->mode == CNNC_RESIZE_NEAREST)
        return 2;
    return 2 - 2 * ((long)floor((g->mode == CNNC_RESIZE_LINEAR ? -1 : -2) / scale) + 1);
}

CNNC_INLINE size_t CNNC_FN(cnnc_resize_scratch)(const struct cnnc_resize *g)
{
    size_t entries = 0;
    for (int d = 0; d < g->rank; d++)
        entries += (size_t)(g->y[d] * CNNC_FN(cnnc_resize_taps)(g, d));
    return (entries + (size_t)g->y[g->rank - 1]) * sizeof(double) + entries * sizeof(long);
}

/* Where place o of the result lies in x. */
CNNC_INLINE double CNNC_FN(cnnc_resize_origin)(const struct cnnc_resize *g, int d, long o)
{
    const double n = (double)g->x[d], scale = g->scale[d], size = scale * n, x = (double)o;
    switch (g->place) {
    case CNNC_PLACE_ALIGN_CORNERS: return size == 1 ? 0 : x * (n - 1) / (size - 1);
    case CNNC_PLACE_ASYMMETRIC: return x / scale;
    case CNNC_PLACE_PYTORCH: return size == 1 ? -0.5 : (x + 0.5) / scale - 0.5;
    case CNNC_PLACE_HALF_PIXEL_SYMMETRIC: return n / 2 * (1 - (double)g->y[d] / size) + (x + 0.5) / scale - 0.5;
    case CNNC_PLACE_CROP:
        return g->from[d] * (n - 1) + (size == 1 ? (g->to[d] - g->from[d]) * (n - 1) / 2
                                                 : x * (g->to[d] - g->from[d]) * (n - 1) / (size - 1));
    default: return (x + 0.5) / scale - 0.5;
    }
}

CNNC_INLINE double CNNC_FN(cnnc_resize_weight)(const struct cnnc_resize *g, double x)
{
    const double a = g->cubic;
    x = x < 0 ? -x : x;
    if (g->mode == CNNC_RESIZE_LINEAR)
        return x < 1 ? 1 - x : 0;
    return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

CNNC_INLINE int CNNC_FN(cnnc_resize_right)(int nearest, double ratio)
{
    if (ratio == 1)
        return 1;
    switch (nearest) {
    case CNNC_NEAREST_PREFER_CEIL: return ratio >= 0.5;
    case CNNC_NEAREST_FLOOR: return 0;
    case CNNC_NEAREST_CEIL: return 1;
    default: return ratio > 0.5;
    }
}

/* Weights and places of axis d; a place of -1 stands for the value outside. */
CNNC_NOINLINE void CNNC_FN(cnnc_resize_table)(const struct cnnc_resize *g, int d, double *weight, long *place)
{
    const long taps = CNNC_FN(cnnc_resize_taps)(g, d), n = g->x[d];
    const double shrink = g->antialias && g->scale[d] < 1 ? g->scale[d] : 1;
    for (long o = 0; o < g->y[d]; o++, weight += taps, place += taps) {
        if (g->same[d]) {
            weight[0] = 1;
            place[0] = o;
            continue;
        }
        const double x = CNNC_FN(cnnc_resize_origin)(g, d, o), left = ceil(x) - 1, ratio = x - left;
        double sum = 0;
        for (long k = 0; k < taps; k++) {
            const long step = k - taps / 2 + 1, at = (long)left + step;
            weight[k] = g->mode == CNNC_RESIZE_NEAREST ? k == CNNC_FN(cnnc_resize_right)(g->nearest, ratio)
                                                       : CNNC_FN(cnnc_resize_weight)(g, ((double)step - ratio) * shrink);
            if (g->exclude_outside && (at < 0 || at >= n))
                weight[k] = 0;
            place[k] = at < 0 ? 0 : at >= n ? n - 1 : at;
            sum += weight[k];
        }
        for (long k = 0; k < taps; k++) {
            if (g->exclude_outside || g->antialias)
                weight[k] /= sum;
            if (g->place == CNNC_PLACE_CROP && (x < 0 || x > (double)(n - 1)))
                place[k] = -1;
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_resize)(const struct cnnc_resize *g, const void *const in[], void *const out[],
                                      struct cnnc_thread t)
{
    const int r = g->rank - 1;
    double *weight[8], *next = t.scratch, *sum;
    long *place[8], taps[8], stride[8], rows = 1, first, last;
    for (int d = 0; d < g->rank; next += g->y[d] * taps[d], d++) {
        taps[d] = CNNC_FN(cnnc_resize_taps)(g, d);
        weight[d] = next;
    }
    sum = next;
    place[0] = (long *)(void *)(next + g->y[r]);
    for (int d = 0; d < r; d++)
        place[d + 1] = place[d] + g->y[d] * taps[d];
    stride[r] = 1;
    for (int d = r; d > 0; d--)
        stride[d - 1] = stride[d] * g->x[d];
    for (int d = 0; d < g->rank; d++)
        CNNC_FN(cnnc_resize_table)(g, d, weight[d], place[d]);
    for (int d = 0; d < r; d++)
        rows *= g->y[d];
    cnnc_split(rows, t, &first, &last);
    for (long row = first; row < last; row++) {
        long at[8], combinations = 1, rest = row, n = g->y[r];
        for (int d = r - 1; d >= 0; rest /= g->y[d], d--) {
            at[d] = rest % g->y[d];
            combinations *= taps[d];
        }
        for (long i = 0; i < n; i++)
            sum[i] = 0;
        int outside = 0;
        for (long c = 0; c < combinations; c++) {
            double w = 1;
            long from = 0, k = c;
            for (int d = r - 1; d >= 0; k /= taps[d], d--) {
                const long e = at[d] * taps[d] + k % taps[d];
                w *= weight[d][e];
                from += place[d][e] * stride[d];
                outside |= place[d][e] < 0;
            }
            if (w == 0 || outside)
                continue;
            for (long i = 0; i < n; i++) {
                const double *v = weight[r] + i * taps[r];
                const long *p = place[r] + i * taps[r];
                for (long j = 0; j < taps[r]; j++)
                    if (v[j] != 0 && p[j] >= 0) {
                        if (g->mode == CNNC_RESIZE_NEAREST)
                            cnnc_copy_element(g->bytes, out[0], row * n + i, in[0], from + p[j]);
                        else
                            sum[i] += w * v[j] * cnnc_get(g->dtype, in[0], from + p[j]);
                    }
            }
        }
        for (long i = 0; i < n; i++)
            if (outside || place[r][i * taps[r]] < 0) {
                cnnc_put(g->dtype, out[0], row * n + i, g->outside);
            } else if (g->mode != CNNC_RESIZE_NEAREST) {
                if (g->rounded) /* what floating point adds in the last places decides no tie */
                    cnnc_put_int(g->dtype, out[0], row * n + i, cnnc_shift_even(cnnc_f64_to_i64(cnnc_round_even(sum[i] * 0x1p20)), 20));
                else
                    cnnc_put(g->dtype, out[0], row * n + i, sum[i]);
            }
    }
}
