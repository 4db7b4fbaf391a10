/* SPDX-License-Identifier: 0BSD
 *
 * Gradient of a convolution's weights on blocked tensors: dw[o][i][tap] = sum over samples and outputs of x[i][where the tap reads] * dy[o].
 * Lanes are output channels. 1-D, 2-D and 3-D, any stride and dilation, groups of whole blocks.
 *
 * cnnc_conv_grad_weight_blocked: in x, dy (both blocked); out dw [OC][IC / groups][KD][KH][KW]. Registers hold one tap of some input
 * channels; windows are clipped, so x needs no halo. cnnc_conv_grad_weight_first: in x (plain, few channels), dy (blocked); registers hold
 * several taps; a frame of zeros around a sample spares the edges.
 *
 * Geometry struct cnnc_conv, x and y the views of x and dy, ic_tail = IC where that is less than a block (literal). Threads split the
 * weights; every one is summed by one thread, sample by sample.
 */
#include "conv.h"
#include "conv_grad_weight_plan.h"
#include "simd.h"

#ifndef CNNC_CONV_GRAD_WEIGHT_H
#define CNNC_CONV_GRAD_WEIGHT_H

/* Input channels and vectors of output channels in registers. */
#define CNNC_GRAD_I (CNNC_VPB == 1 ? 16 : 4)
#define CNNC_GRAD_V (CNNC_VPB == 1 ? 1 : 2)
#define CNNC_GRAD_TAPS 32 /* the widest kernel of the first layer; more than CNNC_TILE_ACC only where one row is */
#endif

/* The outputs [*first, *last) of an axis whose windows' tap at `offset` (padding subtracted) lies inside. */
CNNC_INLINE void CNNC_FN(cnnc_grad_range)(long offset, long stride, long in, long out, long *first, long *last)
{
    *first = offset < 0 ? (-offset + stride - 1) / stride : 0;
    *last = cnnc_min(out, in > offset ? (in - 1 - offset) / stride + 1 : 0);
}

/* Sums of one tap over a sample, NI input channels by NV vectors of output channels, added to sum[i][B]. x, dy: the blocks; P pixels go at
 * once where NI alone is too few to hide the latency. */
CNNC_INLINE void CNNC_FN(cnnc_grad_tap)(const struct cnnc_conv *k, const float *x, const float *dy, float *sum, int a, int b, int c,
                                        const int NI, const int NV, const int P)
{
    long z, z1, y0, y1, x0, x1;
    const long oz = (long)a * k->dd - k->pd, oy = (long)b * k->dh - k->ph, ox = (long)c * k->dw - k->pw;
    cnnc_vf acc[128]; /* P * NI * NV of them, at most 16, are used */
    CNNC_FN(cnnc_grad_range)(oz, k->sd, k->id, k->od, &z, &z1);
    CNNC_FN(cnnc_grad_range)(oy, k->sh, k->ih, k->oh, &y0, &y1);
    CNNC_FN(cnnc_grad_range)(ox, k->sw, k->iw, k->ow, &x0, &x1);
    CNNC_UNROLL for (int i = 0; i < 16; i++) acc[i] = CNNC_VZERO(); /* short sums lose less than one long one */
    for (; z < z1; z++)
        for (long y = y0; y < y1; y++) {
            const float *xp = x + (z * k->sd + oz) * k->x.d + (y * k->sh + oy) * k->x.h + (x0 * k->sw + ox) * CNNC_B;
            const float *dp = dy + z * k->y.d + y * k->y.h + x0 * CNNC_B;
            long n = x1 - x0;
            for (; n >= P; n -= P, xp += P * k->sw * CNNC_B, dp += P * CNNC_B)
                CNNC_UNROLL for (int p = 0; p < P; p++) {
                    cnnc_vf d[4];
                    CNNC_UNROLL for (int v = 0; v < NV; v++) d[v] = CNNC_VLOAD(dp + p * CNNC_B + v * CNNC_VL);
                    CNNC_UNROLL for (int i = 0; i < NI; i++) {
                        const cnnc_vf s = CNNC_VSET1(xp[p * k->sw * CNNC_B + i]);
                        CNNC_UNROLL for (int v = 0; v < NV; v++)
                            acc[(p * NI + i) * NV + v] = CNNC_VFMA(s, d[v], acc[(p * NI + i) * NV + v]);
                    }
                }
            for (; P > 1 && n > 0; n--, xp += k->sw * CNNC_B, dp += CNNC_B)
                CNNC_UNROLL for (int i = 0; i < NI; i++)
                    CNNC_UNROLL for (int v = 0; v < NV; v++)
                        acc[i * NV + v] = CNNC_VFMA(CNNC_VSET1(xp[i]), CNNC_VLOAD(dp + v * CNNC_VL), acc[i * NV + v]);
        }
    CNNC_UNROLL for (int i = 0; i < NI; i++)
        CNNC_UNROLL for (int v = 0; v < NV; v++) {
            CNNC_UNROLL for (int p = 1; p < P; p++) acc[i * NV + v] = CNNC_VADD(acc[i * NV + v], acc[(p * NI + i) * NV + v]);
            CNNC_VSTORE(sum + i * CNNC_B + v * CNNC_VL, CNNC_VADD(CNNC_VLOAD(sum + i * CNNC_B + v * CNNC_VL), acc[i * NV + v]));
        }
}

/* sum[tap][i][B] of a pair of blocks goes to dw, as far as its channels exist. */
CNNC_INLINE void CNNC_FN(cnnc_grad_store)(const struct cnnc_conv *k, const float *sum, float *dw, long ob, long i0, long channels, long rows,
                                          long row)
{
    const long icg = k->ic / k->groups, taps = (long)k->kd * k->kh * k->kw, outs = cnnc_min(CNNC_B, k->oc - ob * CNNC_B);
    for (long o = 0; o < outs; o++)
        for (long i = 0; i < channels; i++) {
            float *to = dw + ((ob * CNNC_B + o) * icg + i0 + i) * taps + row * k->kw;
            for (long t = 0; t < rows * k->kw; t++)
                to[t] = sum[(t * CNNC_B + i) * CNNC_B + o];
        }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_grad_weight_blocked)(const struct cnnc_conv *g, const void *const in[], void *const out[],
                                                        struct cnnc_thread t)
{
    const struct cnnc_conv *k = g;
    const int icg = k->ic / k->groups, ocg = k->oc / k->groups, channels = k->ic_tail ? k->ic_tail : CNNC_B;
    const int NI = channels < CNNC_GRAD_I ? channels : CNNC_GRAD_I, P = CNNC_VPB > 1 || NI > 8 ? 1 : NI > 4 ? 2 : NI > 2 ? 4 : 8;
    const long rows = (long)k->kd * k->kh, pairs = (long)cnnc_blocks(k->oc) * cnnc_blocks(icg);
    /* samples whose planes stay in the level 1 cache for all taps */
    const long bytes = ((long)k->id * k->ih * k->iw + (long)k->od * k->oh * k->ow) * CNNC_B * (long)sizeof(float);
    const long group = cnnc_max(1, 24576 / bytes);
    float *sum = (float *)t.scratch;
    long u, last;
    cnnc_split(pairs * rows, t, &u, &last);
    while (u < last) {
        const long pair = u / rows, row = u % rows, end = cnnc_min(rows, row + last - u);
        const long ob = pair / cnnc_blocks(icg), ib = pair % cnnc_blocks(icg);
        const float *x = (const float *)in[0] + (ob * CNNC_B / ocg * cnnc_blocks(icg) * (k->groups > 1) + ib) * k->x.c;
        const float *dy = (const float *)in[1] + ob * k->y.c;
        memset(sum, 0, (size_t)((end - row) * k->kw * CNNC_B * CNNC_B) * sizeof *sum);
        for (long n0 = 0; n0 < k->n; n0 += group)
            for (long r = row; r < end; r++)
                for (int c = 0; c < k->kw; c++)
                    for (int i = 0; i < channels; i += NI)
                        for (int v = 0; v < CNNC_VPB; v += CNNC_GRAD_V) {
                            float *s = sum + (((r - row) * k->kw + c) * CNNC_B + i) * CNNC_B + v * CNNC_VL;
                            for (long n = n0; n < cnnc_min(k->n, n0 + group); n++)
                                CNNC_FN(cnnc_grad_tap)(k, x + n * k->x.n + i, dy + n * k->y.n + v * CNNC_VL, s, (int)(r / k->kh),
                                                       (int)(r % k->kh), c, NI, CNNC_GRAD_V, P);
                        }
        CNNC_FN(cnnc_grad_store)(k, sum, (float *)out[0], ob, ib * CNNC_B, cnnc_min(CNNC_B, icg - ib * CNNC_B), end - row, row);
        u += end - row;
    }
}

/* ---- few input channels, plain ------------------------------------------------------------------------------------ */

/* A sample with its padding. */
CNNC_INLINE void CNNC_FN(cnnc_grad_frame)(const struct cnnc_conv *k, const float *x, float *frame)
{
    const long w = cnnc_grad_frame_w(k), h = cnnc_grad_frame_h(k);
    memset(frame, 0, (size_t)(k->ic * h * w) * sizeof *frame);
    for (long i = 0; i < k->ic; i++)
        for (long y = 0; y < cnnc_min(k->ih, h - k->ph); y++)
            memcpy(frame + (i * h + y + k->ph) * w + k->pw, x + i * k->x.c + y * k->x.h, (size_t)cnnc_min(k->iw, w - k->pw) * sizeof *frame);
}

/* NI channels by NR rows of taps. sum[(i * kh + b) * kw + c][B] */
CNNC_INLINE void CNNC_FN(cnnc_grad_taps)(const struct cnnc_conv *k, const float *frame, const float *dy, float *sum, const int NI, const int NR)
{
    const long w = cnnc_grad_frame_w(k), plane = w * cnnc_grad_frame_h(k);
    const int T = NI * NR * k->kw;
    cnnc_vf acc[CNNC_GRAD_TAPS];
    CNNC_UNROLL for (int q = 0; q < T; q++) acc[q] = CNNC_VZERO();
    for (long y = 0; y < k->oh; y++) {
        const float *p = frame + y * k->sh * w, *d = dy + y * k->y.h;
        for (long x = 0; x < k->ow; x++, p += k->sw, d += CNNC_B) {
            const cnnc_vf v = CNNC_VLOAD(d);
            CNNC_UNROLL for (int q = 0; q < T; q++)
                acc[q] = CNNC_VFMA(CNNC_VSET1(p[q / (NR * k->kw) * plane + q / k->kw % NR * k->dh * w + q % k->kw * k->dw]), v, acc[q]);
        }
    }
    CNNC_UNROLL for (int i = 0; i < NI; i++)
        CNNC_UNROLL for (int q = 0; q < NR * k->kw; q++) {
            float *to = sum + (i * k->kh * k->kw + q) * CNNC_B;
            CNNC_VSTORE(to, CNNC_VADD(CNNC_VLOAD(to), acc[i * NR * k->kw + q]));
        }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_grad_weight_first)(const struct cnnc_conv *g, const void *const in[], void *const out[],
                                                      struct cnnc_thread t)
{
    const struct cnnc_conv *k = g;
    const int ic = k->ic_tail, taps = k->kh * k->kw, NI = ic * k->kw <= CNNC_TILE_ACC ? ic : 1;
    int NR = 1; /* rows of taps: of those that divide the kernel, as many as the registers hold */
    NR = k->kh % 2 == 0 && NI * 2 * k->kw <= CNNC_TILE_ACC ? 2 : NR;
    NR = k->kh % 3 == 0 && NI * 3 * k->kw <= CNNC_TILE_ACC ? 3 : NR;
    NR = k->kh % 5 == 0 && NI * 5 * k->kw <= CNNC_TILE_ACC ? 5 : NR;
    const long frame = ic * cnnc_grad_frame_w(k) * cnnc_grad_frame_h(k), vectors = (long)cnnc_blocks(k->oc) * CNNC_VPB;
    float *at = (float *)t.scratch, *sum = at + (frame + 15) / 16 * 16;
    const int parts = ic / NI * (k->kh / NR);
    long first, last;
    cnnc_split(vectors * parts, t, &first, &last);
    if (first >= last)
        return;
    memset(sum, 0, (size_t)(cnnc_blocks(k->oc) * ic * taps * CNNC_B) * sizeof *sum);
    for (long n = 0; n < k->n; n++) {
        CNNC_FN(cnnc_grad_frame)(k, (const float *)in[0] + n * k->x.n, at);
        for (long u = first; u < last; u++) {
            const long v = u / parts, ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
            const long i = u % parts / (k->kh / NR) * NI, b = u % parts % (k->kh / NR) * NR;
            CNNC_FN(cnnc_grad_taps)(k, at + i * (frame / ic) + b * k->dh * cnnc_grad_frame_w(k),
                                    (const float *)in[1] + n * k->y.n + ob * k->y.c + lane,
                                    sum + ((ob * ic + i) * taps + b * k->kw) * CNNC_B + lane, NI, NR);
        }
    }
    for (long u = first; u < last; u++) {
        const long v = u / parts, i = u % parts / (k->kh / NR) * NI, b = u % parts % (k->kh / NR) * NR;
        for (long lane = 0; lane < CNNC_VL; lane++) {
            const long o = v * CNNC_VL + lane, ob = o / CNNC_B;
            for (long c = i; o < k->oc && c < i + NI; c++)
                for (long q = b * k->kw; q < (b + NR) * k->kw; q++)
                    ((float *)out[0])[(o * ic + c) * taps + q] = sum[((ob * ic + c) * taps + q) * CNNC_B + o % CNNC_B];
        }
    }
}
