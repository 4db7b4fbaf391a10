/* SPDX-License-Identifier: 0BSD
 *
 * Operators that read images at places that need not be pixels.
 */
#include "base.h"
#include "element.h"
#include "sample_types.h"
#include "scalar_math.h"

CNNC_INLINE double CNNC_FN(cnnc_reflect)(double x, double low, double high)
{
    const double range = high - low;
    if (range <= 0)
        return low;
    if (x < low) {
        const double d = low - x, n = floor(d / range), r = d - n * range;
        return fmod(n, 2) == 0 ? low + r : high - r;
    }
    if (x > high) {
        const double d = x - high, n = floor(d / range), r = d - n * range;
        return fmod(n, 2) == 0 ? high - r : low + r;
    }
    return x;
}

/* Pixel i of n on an axis as the border has it; -1: zero. */
CNNC_INLINE long CNNC_FN(cnnc_border_pixel)(const struct cnnc_grid_sample *g, long i, long n)
{
    if (i >= 0 && i < n)
        return i;
    if (g->border == CNNC_BORDER_ZEROS)
        return -1;
    if (g->border == CNNC_BORDER_EDGE)
        return i < 0 ? 0 : n - 1;
    i = (long)CNNC_FN(cnnc_reflect)((double)i, g->align ? 0 : -0.5, (double)n - (g->align ? 1 : 0.5));
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

CNNC_INLINE void CNNC_FN(cnnc_grid_sample)(const struct cnnc_grid_sample *g, const void *const in[], void *const out[],
                                           struct cnnc_thread t)
{
    const int taps = g->mode == CNNC_SAMPLE_NEAREST ? 1 : g->mode == CNNC_SAMPLE_LINEAR ? 2 : 4;
    long pixels = 1, combinations = 1, first, last;
    for (int d = 0; d < g->rank; d++) {
        pixels *= g->in[d];
        combinations *= taps;
    }
    cnnc_split(g->n * g->places, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long b = i / g->places, p = i % g->places;
        long place[3][4];
        double weight[3][4];
        for (int d = 0; d < g->rank; d++) {
            const double n = (double)g->in[d], v = cnnc_get(g->grid, in[1], i * g->rank + g->rank - 1 - d);
            const double low = g->align ? 0 : -0.5, high = n - (g->align ? 1 : 0.5);
            double x = g->align ? (v + 1) / 2 * (n - 1) : ((v + 1) * n - 1) / 2;
            if (g->mode == CNNC_SAMPLE_NEAREST)
                x = cnnc_round_even(x);
            if (!(x >= -1e9 && x <= 1e9))
                x = -1e9;
            if (x < low || x > high)
                x = g->border == CNNC_BORDER_EDGE ? (x < 0 ? 0 : x > n - 1 ? n - 1 : x)
                    : g->border == CNNC_BORDER_REFLECT ? CNNC_FN(cnnc_reflect)(x, low, high) : x;
            const double f = floor(x), r = x - f;
            for (int k = 0; k < taps; k++) {
                const double a = -0.75, u = fabs(r - (k - 1));
                place[d][k] = CNNC_FN(cnnc_border_pixel)(g, (long)f + (taps == 4 ? k - 1 : k), g->in[d]);
                weight[d][k] = taps == 1 ? 1 : taps == 2 ? (k ? r : 1 - r)
                               : u <= 1 ? ((a + 2) * u - (a + 3)) * u * u + 1 : ((a * u - 5 * a) * u + 8 * a) * u - 4 * a;
            }
        }
        for (long c = 0; c < g->c; c++) {
            double sum = 0;
            for (long k = 0; k < combinations; k++) {
                double w = 1;
                long at = 0, rest = k, stride = 1;
                int inside = 1;
                for (int d = g->rank - 1; d >= 0; rest /= taps, stride *= g->in[d], d--) {
                    inside = inside && place[d][rest % taps] >= 0;
                    w *= weight[d][rest % taps];
                    at += place[d][rest % taps] * stride;
                }
                if (inside)
                    sum += w * cnnc_get(g->dtype, in[0], (b * g->c + c) * pixels + at);
            }
            cnnc_put(g->dtype, out[0], (b * g->c + c) * g->places + p, sum);
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_affine_grid)(const struct cnnc_affine_grid *g, const void *const in[], void *const out[],
                                           struct cnnc_thread t)
{
    long places = 1, first, last;
    for (int d = 0; d < g->rank; d++)
        places *= g->out[d];
    cnnc_split(g->n * places, t, &first, &last);
    for (long i = first; i < last; i++) {
        double at[4];
        long rest = i % places;
        for (int d = g->rank - 1; d >= 0; rest /= g->out[d], d--) { /* x is the last axis and comes first */
            const double n = (double)g->out[d], k = (double)(rest % g->out[d]);
            at[g->rank - 1 - d] = g->align ? (n > 1 ? 2 * k / (n - 1) - 1 : -1) : (2 * k + 1) / n - 1;
        }
        at[g->rank] = 1;
        for (int r = 0; r < g->rank; r++) {
            double sum = 0;
            for (int k = 0; k <= g->rank; k++)
                sum += at[k] * cnnc_get(g->dtype, in[0], (i / places * g->rank + r) * (g->rank + 1) + k);
            cnnc_put(g->dtype, out[0], i * g->rank + r, sum);
        }
    }
}

/* The four pixels around (y, x) and their weights; all weights zero outside. */
CNNC_INLINE void CNNC_FN(cnnc_corners)(double y, double x, long h, long w, long at[4], double weight[4])
{
    for (int k = 0; k < 4; k++) {
        at[k] = 0;
        weight[k] = 0;
    }
    if (!(y >= -1 && y <= (double)h && x >= -1 && x <= (double)w))
        return;
    y = y < 0 ? 0 : y;
    x = x < 0 ? 0 : x;
    long y0 = (long)y, x0 = (long)x, y1 = y0 + 1, x1 = x0 + 1;
    if (y0 >= h - 1) {
        y0 = y1 = h - 1;
        y = (double)y0;
    }
    if (x0 >= w - 1) {
        x0 = x1 = w - 1;
        x = (double)x0;
    }
    const double ly = y - (double)y0, lx = x - (double)x0;
    at[0] = y0 * w + x0, at[1] = y0 * w + x1, at[2] = y1 * w + x0, at[3] = y1 * w + x1;
    weight[0] = (1 - ly) * (1 - lx), weight[1] = (1 - ly) * lx, weight[2] = ly * (1 - lx), weight[3] = ly * lx;
}

CNNC_INLINE void CNNC_FN(cnnc_roi_align)(const struct cnnc_roi_align *g, const void *const in[], void *const out[],
                                         struct cnnc_thread t)
{
    long first, last;
    cnnc_split(g->n * g->c * g->oh * g->ow, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long ox = i % g->ow, oy = i / g->ow % g->oh, c = i / g->ow / g->oh % g->c, n = i / g->ow / g->oh / g->c;
        const int64_t image = ((const int64_t *)in[2])[n];
        double corner[4];
        for (int k = 0; k < 4; k++)
            corner[k] = cnnc_get(g->dtype, in[1], n * 4 + k) * g->scale - g->shift;
        double width = corner[2] - corner[0], height = corner[3] - corner[1];
        if (g->shift == 0) { /* the older form keeps regions at least one pixel large */
            width = width < 1 ? 1 : width;
            height = height < 1 ? 1 : height;
        }
        const double bh = height / (double)g->oh, bw = width / (double)g->ow;
        const long ny = g->samples > 0 ? g->samples : (long)ceil(height / (double)g->oh);
        const long nx = g->samples > 0 ? g->samples : (long)ceil(width / (double)g->ow);
        double sum = 0, most = 0;
        for (long sy = 0; sy < ny; sy++)
            for (long sx = 0; sx < nx; sx++) {
                long at[4];
                double weight[4];
                CNNC_FN(cnnc_corners)(corner[1] + (double)oy * bh + ((double)sy + 0.5) * bh / (double)ny,
                                      corner[0] + (double)ox * bw + ((double)sx + 0.5) * bw / (double)nx, g->h, g->w, at, weight);
                for (int k = 0; k < 4; k++) {
                    const double v = weight[k] * cnnc_get(g->dtype, in[0], ((long)image * g->c + c) * g->h * g->w + at[k]);
                    sum += v;
                    most = (sy == 0 && sx == 0 && k == 0) || v > most ? v : most;
                }
            }
        cnnc_put(g->dtype, out[0], i, g->max ? most : ny * nx > 0 ? sum / (double)(ny * nx) : 0);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_roi_pool)(const struct cnnc_roi_pool *g, const void *const in[], void *const out[],
                                        struct cnnc_thread t)
{
    long first, last;
    cnnc_split(g->n * g->c * g->oh * g->ow, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long ox = i % g->ow, oy = i / g->ow % g->oh, c = i / g->ow / g->oh % g->c, n = i / g->ow / g->oh / g->c;
        long roi[5], from[2], to[2];
        for (int k = 0; k < 5; k++)
            roi[k] = (long)floor(cnnc_get(g->dtype, in[1], n * 5 + k) * (k ? g->scale : 1) + 0.5);
        for (int d = 0; d < 2; d++) {
            const long size = d ? g->w : g->h, parts = d ? g->ow : g->oh, o = d ? ox : oy, start = roi[d ? 1 : 2];
            const long length = cnnc_max(roi[d ? 3 : 4] - start + 1, 1);
            from[d] = cnnc_min(cnnc_max((long)floor((double)(o * length) / (double)parts) + start, 0), size);
            to[d] = cnnc_min(cnnc_max((long)ceil((double)((o + 1) * length) / (double)parts) + start, 0), size);
        }
        double most = 0;
        for (long y = from[0]; y < to[0]; y++)
            for (long x = from[1]; x < to[1]; x++) {
                const double v = cnnc_get(g->dtype, in[0], (roi[0] * g->c + c) * g->h * g->w + y * g->w + x);
                most = (y == from[0] && x == from[1]) || v > most ? v : most;
            }
        cnnc_put(g->dtype, out[0], i, most);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_deform_conv)(const struct cnnc_deform_conv *g, const void *const in[], void *const out[],
                                           struct cnnc_thread t)
{
    const long taps = g->kernel[0] * g->kernel[1], places = g->out[0] * g->out[1];
    long first, last;
    cnnc_split(g->n * g->oc * places, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long p = i % places, oc = i / places % g->oc, n = i / places / g->oc, group = oc / (g->oc / g->groups);
        double sum = in[3] ? cnnc_get(g->dtype, in[3], oc) : 0;
        for (long c = 0; c < g->ic; c++) {
            const long channel = group * g->ic + c, og = channel / (g->ic * g->groups / g->offset_groups);
            for (long k = 0; k < taps; k++) {
                const long offset = ((n * g->offset_groups + og) * taps + k) * 2 * places + p;
                const double y = (double)(p / g->out[1] * g->stride[0] - g->before[0] + k / g->kernel[1] * g->dilation[0]) +
                                 cnnc_get(g->dtype, in[2], offset);
                const double x = (double)(p % g->out[1] * g->stride[1] - g->before[1] + k % g->kernel[1] * g->dilation[1]) +
                                 cnnc_get(g->dtype, in[2], offset + places);
                const double m = in[4] ? cnnc_get(g->dtype, in[4], ((n * g->offset_groups + og) * taps + k) * places + p) : 1;
                double v = 0;
                for (int q = 0; q < 4; q++) { /* pixels outside are zero */
                    const double fy = floor(y) + q / 2, fx = floor(x) + q % 2;
                    if (fy >= 0 && fy < (double)g->in[0] && fx >= 0 && fx < (double)g->in[1])
                        v += (1 - fabs(y - fy)) * (1 - fabs(x - fx)) *
                             cnnc_get(g->dtype, in[0], ((n * g->groups * g->ic + channel) * g->in[0] + (long)fy) * g->in[1] + (long)fx);
                }
                sum += v * m * cnnc_get(g->dtype, in[1], (oc * g->ic + c) * taps + k);
            }
        }
        cnnc_put(g->dtype, out[0], i, sum);
    }
}
