/* SPDX-License-Identifier: 0BSD
 *
 * Convolutions and matrix products of quantised tensors in plain C, whatever is known of zero points and scales; what they become is in
 * quant_types.h.
 */
#include "base.h"
#include "element.h"
#include "quant_types.h"
#include "requantize.h"

/* m sums of two factors, modulo 2^32 */
CNNC_INLINE uint32_t CNNC_FN(cnnc_q_product)(int64_t a, int64_t b) { return (uint32_t)((int32_t)a * (int32_t)b); }

CNNC_INLINE void CNNC_FN(cnnc_qmatmul)(const struct cnnc_qmatmul *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int zero = in[6] ? (int)cnnc_get_int(g->y, in[6], 0) : 0;
    long batches = 1, first, last;
    for (int d = 0; d < g->rank; d++)
        batches *= g->dim[d];
    cnnc_split(batches * g->m, t, &first, &last);
    for (long r = first; r < last; r++) {
        const long i = r % g->m;
        const int64_t za = in[2] ? cnnc_get_int(g->a, in[2], g->rows ? i : 0) : 0;
        long a = i * g->k, b = 0, rest = r / g->m;
        for (int d = g->rank - 1; d >= 0; rest /= g->dim[d], d--) {
            a += rest % g->dim[d] * g->at_a[d];
            b += rest % g->dim[d] * g->at_b[d];
        }
        for (long j = 0; j < g->n; j++) {
            const int64_t zb = in[3] ? cnnc_get_int(g->b, in[3], g->columns ? j : 0) : 0;
            uint32_t sum = in[4] ? (uint32_t)((const int32_t *)in[4])[j] : 0;
            for (long k = 0; k < g->k; k++)
                sum += CNNC_FN(cnnc_q_product)(cnnc_get_int(g->a, in[0], a + k) - za, cnnc_get_int(g->b, in[1], b + k * g->b_k + j * g->b_n) - zb);
            cnnc_q_put(g->y, out[0], r * g->n + j, (int32_t)sum, in[5], i * g->scale_m + j * g->scale_n, zero, g->low, g->high);
        }
    }
}

/* The taps of a window that begins at `at` which lie inside 0 .. size. */
CNNC_INLINE void CNNC_FN(cnnc_q_clip)(long at, long size, long taps, long dilation, long *first, long *end)
{
    *first = at >= 0 ? 0 : (-at + dilation - 1) / dilation;
    *end = cnnc_min(taps, size > at ? (size - at + dilation - 1) / dilation : 0);
}

/* Padding has the value of the zero point: it adds nothing. */
CNNC_INLINE void CNNC_FN(cnnc_qconv_plain)(const struct cnnc_qconv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long ocg = g->oc / g->groups, taps = g->kernel[0] * g->kernel[1] * g->kernel[2];
    const int64_t zx = in[2] ? cnnc_get_int(g->x, in[2], 0) : 0;
    const int zero = in[6] ? (int)cnnc_get_int(g->y, in[6], 0) : 0;
    long row, last;
    cnnc_split(g->n * g->oc * g->out[0] * g->out[1], t, &row, &last);
    for (; row < last; row++) {
        const long plane = row / g->out[1] / g->out[0], o = plane % g->oc, n = plane / g->oc;
        const long z = row / g->out[1] % g->out[0] * g->stride[0] - g->before[0], y = row % g->out[1] * g->stride[1] - g->before[1];
        const int64_t zw = in[3] ? cnnc_get_int(g->w, in[3], g->per_channel ? o : 0) : 0;
        long z0, z1, y0, y1, x0, x1;
        CNNC_FN(cnnc_q_clip)(z, g->in[0], g->kernel[0], g->dilation[0], &z0, &z1);
        CNNC_FN(cnnc_q_clip)(y, g->in[1], g->kernel[1], g->dilation[1], &y0, &y1);
        for (long ox = 0; ox < g->out[2]; ox++) {
            const long x = ox * g->sw - g->before[2];
            uint32_t sum = in[4] ? (uint32_t)((const int32_t *)in[4])[o] : 0;
            CNNC_FN(cnnc_q_clip)(x, g->in[2], g->kw, g->dilation[2], &x0, &x1);
            for (long i = 0; i < g->ic; i++)
                for (long a = z0; a < z1; a++)
                    for (long b = y0; b < y1; b++) {
                        const long channel = (n * g->groups + o / ocg) * g->ic + i;
                        const long from = ((channel * g->in[0] + z + a * g->dilation[0]) * g->in[1] + y + b * g->dilation[1]) * g->in[2] + x;
                        const long w = (o * g->ic + i) * taps + (a * g->kernel[1] + b) * g->kw;
                        for (long c = x0; c < x1; c++)
                            sum += CNNC_FN(cnnc_q_product)(cnnc_get_int(g->x, in[0], from + c * g->dilation[2]) - zx, cnnc_get_int(g->w, in[1], w + c) - zw);
                    }
            cnnc_q_put(g->y, out[0], row * g->out[2] + ox, (int32_t)sum, in[5], o * g->scale_n, zero, g->low, g->high);
        }
    }
}

/* One thread: there is little of it, and mostly the compiler has done it. */
CNNC_INLINE void CNNC_FN(cnnc_qscale)(const struct cnnc_qscale *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    if (t.index)
        return;
    for (long i = 0; i < g->m; i++)
        for (long j = 0; j < g->n; j++) {
            const double s = cnnc_get(g->scale, in[0], i) * cnnc_get(g->scale, in[1], j);
            if (in[2])
                cnnc_multiplier(s / cnnc_get(g->scale, in[2], 0), (int32_t *)out[0] + 2 * (i * g->n + j));
            else
                ((float *)out[0])[i * g->n + j] = (float)s;
        }
}
