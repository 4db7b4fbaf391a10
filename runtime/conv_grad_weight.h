/* SPDX-License-Identifier: 0BSD
 *
 * Gradient of a convolution's weights on blocked tensors: dw[o][i][tap] = sum over samples and outputs of x[i][where the tap reads] * dy[o].
 * Lanes are output channels. 1-D, 2-D and 3-D, any stride and dilation, groups of whole blocks.
 *
 * cnnc_conv_grad_weight_blocked: in x, dy (both blocked); out dw [OC][IC / groups][KD][KH][KW]. Registers hold one tap of some input
 * channels; windows are clipped, so x needs no halo. cnnc_conv_grad_weight_first: in x (plain, few channels), dy (blocked); registers hold
 * several taps; a frame of zeros around a sample spares the edges.
 *
 * Geometry struct cnnc_grad_weight after cnnc_conv_grad_weight_plan(), x and y the views of x and dy, ic_tail = IC where that is less than
 * a block (literal). Where there are several parts, out are their sums. Threads split parts and weights; every sum is made by one
 * thread, sample by sample.
 */
#include "conv.h"
#include "conv_grad_sum.h"
#include "conv_grad_weight_plan.h"
#include "simd.h"

#undef CNNC_GRAD_TAPS
#define CNNC_GRAD_TAPS 32 /* the widest kernel of the first layer; more than CNNC_TILE_ACC only where one row is */

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

CNNC_INLINE void CNNC_FN(cnnc_conv_grad_weight_blocked)(const struct cnnc_grad_weight *g, const void *const in[], void *const out[],
                                                        struct cnnc_thread t)
{
    const struct cnnc_conv *k = &g->c;
    const int icg = k->ic / k->groups, ocg = k->oc / k->groups, channels = k->ic_tail ? k->ic_tail : CNNC_B;
    const int NI = channels < CNNC_GRAD_I ? channels : CNNC_GRAD_I, P = CNNC_VPB > 1 || NI > 8 ? 1 : NI > 4 ? 2 : NI > 2 ? 4 : 8;
    const long rows = (long)k->kd * k->kh, taps = rows * k->kw, blocks = cnnc_blocks(icg), pairs = cnnc_blocks(k->oc) * blocks;
    /* samples whose planes stay in the level 1 cache for all taps */
    const long bytes = ((long)k->id * k->ih * k->iw + (long)k->od * k->oh * k->ow) * CNNC_B * (long)sizeof(float);
    const long group = cnnc_max(1, 24576 / bytes);
    long u, last;
    cnnc_split(g->parts * pairs * rows, t, &u, &last);
    while (u < last) {
        const long part = u / rows / pairs, pair = u / rows % pairs, row = u % rows, end = cnnc_min(rows, row + last - u);
        const long ob = pair / blocks, ib = pair % blocks, n1 = k->n * (part + 1) / g->parts;
        const float *x = (const float *)in[0] + (ob * CNNC_B / ocg * blocks * (k->groups > 1) + ib) * k->x.c;
        const float *dy = (const float *)in[1] + ob * k->y.c;
        float *sum = g->parts > 1 ? (float *)out[0] + (u / rows * taps + row * k->kw) * CNNC_B * CNNC_B : (float *)t.scratch;
        memset(sum, 0, (size_t)((end - row) * k->kw * CNNC_B * CNNC_B) * sizeof *sum);
        for (long n0 = k->n * part / g->parts; n0 < n1; n0 += group)
            for (long r = row; r < end; r++)
                for (int c = 0; c < k->kw; c++)
                    for (int i = 0; i < channels; i += NI)
                        for (int v = 0; v < CNNC_VPB; v += CNNC_GRAD_V) {
                            float *s = sum + (((r - row) * k->kw + c) * CNNC_B + i) * CNNC_B + v * CNNC_VL;
                            for (long n = n0; n < cnnc_min(n1, n0 + group); n++)
                                CNNC_FN(cnnc_grad_tap)(k, x + n * k->x.n + i, dy + n * k->y.n + v * CNNC_VL, s, (int)(r / k->kh),
                                                       (int)(r % k->kh), c, NI, CNNC_GRAD_V, P);
                        }
        if (g->parts == 1)
            CNNC_FN(cnnc_grad_store)(sum, (float *)out[0], k->oc, icg, taps, ob, ib, row * k->kw, end * k->kw);
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

CNNC_INLINE void CNNC_FN(cnnc_conv_grad_weight_first)(const struct cnnc_grad_weight *g, const void *const in[], void *const out[],
                                                      struct cnnc_thread t)
{
    const struct cnnc_conv *k = &g->c;
    const int ic = k->ic_tail, taps = k->kh * k->kw, NI = ic * k->kw <= CNNC_TILE_ACC ? ic : 1;
    int NR = 1; /* rows of taps: of those that divide the kernel, as many as the registers hold */
    NR = k->kh % 2 == 0 && NI * 2 * k->kw <= CNNC_TILE_ACC ? 2 : NR;
    NR = k->kh % 3 == 0 && NI * 3 * k->kw <= CNNC_TILE_ACC ? 3 : NR;
    NR = k->kh % 5 == 0 && NI * 5 * k->kw <= CNNC_TILE_ACC ? 5 : NR;
    const long frame = ic * cnnc_grad_frame_w(k) * cnnc_grad_frame_h(k), sums = (long)cnnc_blocks(k->oc) * ic * taps * CNNC_B;
    const long pieces = ic / NI * (k->kh / NR), units = cnnc_blocks(k->oc) * CNNC_VPB * pieces;
    float *at = (float *)t.scratch;
    long first, end;
    cnnc_split(g->parts * units, t, &first, &end);
    while (first < end) {
        const long part = first / units, u0 = first % units, u1 = cnnc_min(units, u0 + end - first);
        float *sum = g->parts > 1 ? (float *)out[0] + part * sums : at + (frame + 15) / 16 * 16;
        for (long u = u0; u < u1; u++) { /* a piece's sums, NI * NR * kw vectors */
            const long v = u / pieces, i = u % pieces / (k->kh / NR) * NI, b = u % pieces % (k->kh / NR) * NR;
            float *s = sum + ((v / CNNC_VPB * ic + i) * taps + b * k->kw) * CNNC_B + v % CNNC_VPB * CNNC_VL;
            for (long c = 0; c < NI; c++)
                for (long q = 0; q < NR * k->kw; q++)
                    CNNC_VSTORE(s + (c * taps + q) * CNNC_B, CNNC_VZERO());
        }
        for (long n = k->n * part / g->parts; n < k->n * (part + 1) / g->parts; n++) {
            CNNC_FN(cnnc_grad_frame)(k, (const float *)in[0] + n * k->x.n, at);
            for (long u = u0; u < u1; u++) {
                const long v = u / pieces, ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
                const long i = u % pieces / (k->kh / NR) * NI, b = u % pieces % (k->kh / NR) * NR;
                CNNC_FN(cnnc_grad_taps)(k, at + i * (frame / ic) + b * k->dh * cnnc_grad_frame_w(k),
                                        (const float *)in[1] + n * k->y.n + ob * k->y.c + lane,
                                        sum + ((ob * ic + i) * taps + b * k->kw) * CNNC_B + lane, NI, NR);
            }
        }
        for (long u = u0; g->parts == 1 && u < u1; u++) {
            const long v = u / pieces, i = u % pieces / (k->kh / NR) * NI, b = u % pieces % (k->kh / NR) * NR;
            for (long o = v * CNNC_VL; o < cnnc_min(k->oc, (v + 1) * CNNC_VL); o++)
                for (long c = i; c < i + NI; c++)
                    for (long q = b * k->kw; q < (b + NR) * k->kw; q++)
                        ((float *)out[0])[(o * ic + c) * taps + q] = sum[((o / CNNC_B * ic + c) * taps + q) * CNNC_B + o % CNNC_B];
        }
        first += u1 - u0;
    }
}
