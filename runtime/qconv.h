/* SPDX-License-Identifier: 0BSD
 *
 * Convolutions and dense layers of quantised tensors over the vector vocabulary; operands in quant_types.h.
 *
 * qconv: the rows that a row of the output needs are copied, one for each (channel, depth, height of the window), with the padding as x's zero
 * point and apart by the remainder of their place divided by the stride, so that a tap is a load; then CNNC_Q_CHANNELS channels by two vectors
 * of pixels at a time. qdense: vectors along the inputs, CNNC_Q_CHANNELS outputs at a time. */
#include "base.h"
#include "quant_types.h"
#include "requantize.h"
#include "simd.h"

#ifndef CNNC_QCONV_PLAN
#define CNNC_QCONV_PLAN
/* Bytes between the phases of a copied row: the loads of the last pixels end there. */
CNNC_INLINE long cnnc_qconv_phase(const struct cnnc_qconv *g) { return CNNC_Q_PIXELS + (g->kernel[2] - 1) * g->dilation[2] / g->stride[2]; }
CNNC_INLINE size_t cnnc_qconv_scratch(const struct cnnc_qconv *g)
{
    return (size_t)(g->ic * g->kernel[0] * g->kernel[1] * g->stride[2] * cnnc_qconv_phase(g));
}
CNNC_INLINE long cnnc_qdense_inputs(const struct cnnc_qconv *g) { return g->ic * g->kernel[0] * g->kernel[1] * g->kernel[2]; }
CNNC_INLINE long cnnc_qdense_stride(const struct cnnc_qconv *g) { return (cnnc_qdense_inputs(g) + CNNC_Q_PAD - 1) / CNNC_Q_PAD * CNNC_Q_PAD; }
#endif

CNNC_INLINE cnnc_vi CNNC_FN(cnnc_q_load)(int dtype, const uint8_t *p)
{
    return dtype == CNNC_U8 ? CNNC_VLOAD_U8(p) : CNNC_VLOAD_S8((const int8_t *)p);
}

/* The rows that output row (n, group, z, y) reads from pixel `from` on. */
CNNC_INLINE void CNNC_FN(cnnc_qconv_rows)(const struct cnnc_qconv *g, const uint8_t *x, uint8_t zero, long channel, long z, long y, long from,
                                          uint8_t *to)
{
    const long phase = cnnc_qconv_phase(g), start = from * g->sw - g->before[2];
    for (long i = 0; i < g->ic; i++)
        for (long a = 0; a < g->kernel[0]; a++)
            for (long b = 0; b < g->kernel[1]; b++, to += g->sw * phase) {
                const long id = z * g->stride[0] + a * g->dilation[0] - g->before[0], ih = y * g->stride[1] + b * g->dilation[1] - g->before[1];
                if (id < 0 || id >= g->in[0] || ih < 0 || ih >= g->in[1]) {
                    memset(to, zero, (size_t)(g->sw * phase));
                    continue;
                }
                const uint8_t *row = x + (((channel + i) * g->in[0] + id) * g->in[1] + ih) * g->in[2];
                for (long p = 0; p < g->sw; p++) {
                    uint8_t *out = to + p * phase;
                    const long at = start + p; /* out[j] is row[at + j * sw] where that is inside */
                    const long first = at >= 0 ? 0 : cnnc_min(phase, (-at + g->sw - 1) / g->sw);
                    const long end = cnnc_max(first, cnnc_min(phase, g->in[2] > at ? (g->in[2] - at + g->sw - 1) / g->sw : 0));
                    memset(out, zero, (size_t)first);
                    for (long j = first; j < end; j++)
                        out[j] = row[at + j * g->sw];
                    memset(out + end, zero, (size_t)(phase - end));
                }
            }
}

/* CNNC_Q_CHANNELS x nv vectors of sums, nv <= 2, to sum [channel][2 * CNNC_VL]. */
CNNC_INLINE void CNNC_FN(cnnc_qconv_tile)(const struct cnnc_qconv *g, int nv, const uint8_t *rows, const int8_t *w, const int32_t *zw,
                                          const int32_t *bias, int32_t *sum)
{
    const long phase = cnnc_qconv_phase(g), count = g->ic * g->kernel[0] * g->kernel[1];
    cnnc_vi acc[CNNC_Q_CHANNELS][2], all[2];
    CNNC_UNROLL for (int v = 0; v < nv; v++)
    {
        all[v] = CNNC_VISET1(0);
        CNNC_UNROLL for (int c = 0; c < CNNC_Q_CHANNELS; c++)
            acc[c][v] = CNNC_VISET1(bias[c]);
    }
    for (long r = 0; r < count; r++, rows += g->sw * phase)
        for (long k = 0; k < g->kw; k++, w += CNNC_Q_CHANNELS) {
            const uint8_t *at = rows + k * g->dilation[2] % g->sw * phase + k * g->dilation[2] / g->sw;
            cnnc_vi x[2];
            CNNC_UNROLL for (int v = 0; v < nv; v++)
            {
                x[v] = CNNC_FN(cnnc_q_load)(g->x, at + v * CNNC_VL);
                if (zw)
                    all[v] = CNNC_VIADD(all[v], x[v]);
            }
            CNNC_UNROLL for (int c = 0; c < CNNC_Q_CHANNELS; c++)
            {
                const cnnc_vi f = CNNC_VISET1(w[c]);
                CNNC_UNROLL for (int v = 0; v < nv; v++)
                    acc[c][v] = CNNC_VIADD(acc[c][v], CNNC_VIMUL(x[v], f));
            }
        }
    CNNC_UNROLL for (int c = 0; c < CNNC_Q_CHANNELS; c++)
        CNNC_UNROLL for (int v = 0; v < nv; v++)
            CNNC_VISTORE(sum + (2 * c + v) * CNNC_VL, zw ? CNNC_VISUB(acc[c][v], CNNC_VIMUL(all[v], CNNC_VISET1(zw[c]))) : acc[c][v]);
}

CNNC_INLINE void CNNC_FN(cnnc_qconv)(const struct cnnc_qconv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long ocg = g->oc / g->groups, blocks = (ocg + CNNC_Q_CHANNELS - 1) / CNNC_Q_CHANNELS;
    const long chunks = (g->out[2] + CNNC_Q_PIXELS - 1) / CNNC_Q_PIXELS, taps = cnnc_qdense_inputs(g) * CNNC_Q_CHANNELS;
    const int zero = in[6] ? (int)cnnc_get_int(g->y, in[6], 0) : 0;
    uint8_t *rows = t.scratch;
    int32_t sum[CNNC_Q_CHANNELS * 2 * CNNC_VL];
    long i, last;
    cnnc_split(g->n * g->groups * g->out[0] * g->out[1] * chunks * blocks, t, &i, &last);
    while (i < last) {
        const long u = i / blocks, from = u % chunks * CNNC_Q_PIXELS, y = u / chunks % g->out[1], z = u / chunks / g->out[1] % g->out[0];
        const long item = u / chunks / g->out[1] / g->out[0], group = item % g->groups, n = item / g->groups;
        const long pixels = cnnc_min(CNNC_Q_PIXELS, g->out[2] - from), end = cnnc_min(last, (u + 1) * blocks);
        CNNC_FN(cnnc_qconv_rows)(g, in[0], in[2] ? *(const uint8_t *)in[2] : 0, item * g->ic, z, y, from, rows);
        for (; i < end; i++) {
            const long block = group * blocks + i % blocks, o = i % blocks * CNNC_Q_CHANNELS;
            const int32_t *zw = in[3] ? (const int32_t *)in[3] + block * CNNC_Q_CHANNELS : NULL;
            const int32_t *bias = (const int32_t *)in[4] + block * CNNC_Q_CHANNELS;
            const int8_t *w = (const int8_t *)in[1] + block * taps;
            for (long p = 0; p < pixels; p += 2 * CNNC_VL) {
                const long count = cnnc_min(2 * CNNC_VL, pixels - p);
                if (count > CNNC_VL)
                    CNNC_FN(cnnc_qconv_tile)(g, 2, rows + p, w, zw, bias, sum);
                else
                    CNNC_FN(cnnc_qconv_tile)(g, 1, rows + p, w, zw, bias, sum);
                for (int c = 0; c < CNNC_Q_CHANNELS && o + c < ocg; c++) {
                    const long channel = group * ocg + o + c;
                    const long at = (((n * g->oc + channel) * g->out[0] + z) * g->out[1] + y) * g->out[2] + from + p;
                    for (long k = 0; k < count; k++)
                        cnnc_q_put(g->y, out[0], at + k, sum[2 * c * CNNC_VL + k], in[5], channel * g->scale_n, zero, g->low, g->high);
                }
            }
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_qdense)(const struct cnnc_qconv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long inputs = cnnc_qdense_inputs(g), stride = cnnc_qdense_stride(g), blocks = (g->oc + CNNC_Q_CHANNELS - 1) / CNNC_Q_CHANNELS;
    const int zero = in[6] ? (int)cnnc_get_int(g->y, in[6], 0) : 0;
    uint8_t *x = t.scratch;
    long i, last, ready = -1;
    cnnc_split(g->n * blocks, t, &i, &last);
    for (; i < last; i++) {
        const long n = i / blocks, o = i % blocks * CNNC_Q_CHANNELS;
        const int8_t *w = (const int8_t *)in[1] + o * stride;
        cnnc_vi acc[CNNC_Q_CHANNELS], all = CNNC_VISET1(0);
        int32_t lane[CNNC_VL];
        if (n != ready) { /* padded, with zeros */
            memcpy(x, (const uint8_t *)in[0] + n * inputs, (size_t)inputs);
            memset(x + inputs, 0, (size_t)(stride - inputs));
            ready = n;
        }
        CNNC_UNROLL for (int c = 0; c < CNNC_Q_CHANNELS; c++)
            acc[c] = CNNC_VISET1(0);
        for (long k = 0; k < stride; k += CNNC_VL) {
            const cnnc_vi v = CNNC_FN(cnnc_q_load)(g->x, x + k);
            if (in[3])
                all = CNNC_VIADD(all, v);
            CNNC_UNROLL for (int c = 0; c < CNNC_Q_CHANNELS; c++)
                acc[c] = CNNC_VIADD(acc[c], CNNC_VIMUL(v, CNNC_VLOAD_S8(w + c * stride + k)));
        }
        for (int c = 0; c < CNNC_Q_CHANNELS && o + c < g->oc; c++) {
            uint32_t sum = (uint32_t)((const int32_t *)in[4])[o + c];
            CNNC_VISTORE(lane, in[3] ? CNNC_VISUB(acc[c], CNNC_VIMUL(all, CNNC_VISET1(((const int32_t *)in[3])[o + c]))) : acc[c]);
            for (int k = 0; k < CNNC_VL; k++)
                sum += (uint32_t)lane[k];
            cnnc_q_put(g->y, out[0], n * g->oc + o + c, (int32_t)sum, in[5], (o + c) * g->scale_n, zero, g->low, g->high);
        }
    }
}
