/* SPDX-License-Identifier: 0BSD
 *
 * Depthwise convolution on blocked tensors (as many groups as channels, one output each): any kernel, stride, dilation. x has a halo that
 * covers the padding, or k.clip says that it has none and taps outside read a row of zeros. Geometry struct cnnc_conv after
 * cnnc_depthwise_plan(); weights of cnnc_pack_depthwise(): [C / B][KD * KH * KW][B]. No scratch. */
#include "conv_tile.h"

#ifndef CNNC_DEPTHWISE_H
#define CNNC_DEPTHWISE_H

/* Taps of a row whose weights stay in registers. */
#undef CNNC_DEPTHWISE_KW
#define CNNC_DEPTHWISE_KW 7

/* Pixels of a tile: enough chains to hide the latency, and a multiple of few, so that rows are cut without much overlap. */
CNNC_INLINE int CNNC_FN(cnnc_depthwise_nw)(int width)
{
    int most = CNNC_TILE_ACC < 14 ? 8 : 14, parts = (width + most - 1) / most;
    return width == 0 ? most : (width + parts - 1) / parts;
}

/* acc += one row of taps. x: the input pixel of the first tap of the first output; pixels from `low` to `high` (relative to it) exist. */
CNNC_INLINE void CNNC_FN(cnnc_depthwise_row)(const struct cnnc_conv *k, cnnc_vf *acc, const float *x, const void *w, const int NW,
                                             const int edge, long low, long high)
{
    static const float nothing[CNNC_B] = {0};
    cnnc_vf wv[CNNC_DEPTHWISE_KW];
    CNNC_UNROLL
    for (int e = 0; e < CNNC_DEPTHWISE_KW; e++)
        wv[e] = e < k->kw ? CNNC_FN(cnnc_weights)(w, e * CNNC_B, k->half) : CNNC_VZERO();
    CNNC_UNROLL
    for (int j = 0; j <= (NW - 1) * k->sw + (k->kw - 1) * k->dw; j++) {
        const float *p = x + j * CNNC_B;
        if (edge)
            p = j >= low && j < high ? p : nothing;
        const cnnc_vf v = CNNC_VLOAD(p); /* each pixel once, for all outputs that it is a tap of */
        CNNC_UNROLL
        for (int e = 0; e < k->kw; e++) {
            const int i = j - e * k->dw;
            if (i >= 0 && i % k->sw == 0 && i / k->sw < NW)
                acc[i / k->sw] = CNNC_VFMA(v, e < CNNC_DEPTHWISE_KW ? wv[e] : CNNC_FN(cnnc_weights)(w, e * CNNC_B, k->half), acc[i / k->sw]);
        }
    }
}

/* NW pixels of one vector of channels. x: the input pixel of the first tap of the first pixel (may lie outside when clipped). */
CNNC_INLINE void CNNC_FN(cnnc_depthwise_tile)(const struct cnnc_conv *k, const float *x, const void *w, const float *bias, float *y,
                                              const struct cnnc_stage_args *args, const int NW, int skip, long iz, long iy, long ix,
                                              int lanes)
{
    cnnc_vf acc[CNNC_TILE_ACC];
    CNNC_FN(cnnc_tile_bias)(acc, bias, NW, 1);
    const int edge = k->clip && (ix < 0 || ix + (NW - 1) * k->sw + (k->kw - 1) * k->dw >= k->iw);
    int kh = k->kh;
    CNNC_OPAQUE(kh); /* rows of taps stay a loop: compilers run out of registers over the pixels of all of them */
    for (int a = 0; a < k->kd; a++)
        for (int b = 0; b < kh; b++) {
            const float *xp = x + a * k->dd * k->x.d + b * k->dh * k->x.h;
            const void *wp = cnnc_weights_at(w, (a * k->kh + b) * k->kw * CNNC_B, k->half);
            if (k->clip && (iz + a * k->dd < 0 || iz + a * k->dd >= k->id || iy + b * k->dh < 0 || iy + b * k->dh >= k->ih))
                continue;
            if (k->clip && edge)
                CNNC_FN(cnnc_depthwise_row)(k, acc, xp, wp, NW, 1, -ix, k->iw - ix);
            else
                CNNC_FN(cnnc_depthwise_row)(k, acc, xp, wp, NW, 0, 0, 0);
        }
    CNNC_FN(cnnc_tile_finish)(acc, y, &k->ep, args, NW, 1, CNNC_B, 0, CNNC_B, 0, skip, lanes);
}

/* Row r of plane z, channel block c, image n. */
CNNC_INLINE void CNNC_FN(cnnc_depthwise_line)(const struct cnnc_conv *k, const void *const in[], void *const out[], const struct cnnc_stage_args *args,
                                              long n, long c, long z, long r)
{
    const int NW = CNNC_FN(cnnc_depthwise_nw)(k->tile_w);
    const float *bias = (const float *)in[2];
    const long iz = z * k->sd - k->pd, iy = r * k->sh - k->ph;
    const float *x = (const float *)in[0] + n * k->x.n + c * k->x.c + iz * k->x.d + iy * k->x.h;
    const void *w = cnnc_weights_at(in[1], c * k->kd * k->kh * k->kw * CNNC_B, k->half);
    float *y = (float *)out[0] + n * k->y.n + c * k->y.c + z * k->y.d + r * k->y.h;
    const struct cnnc_stage_args row = cnnc_stage_args_at(&k->ep, *args, n * k->add.n + c * k->add.c + z * k->add.d + r * k->add.h, c * CNNC_B);
    for (long tx = 0; tx < k->ow; tx += NW) {
        const long at = tx < k->ow - NW ? tx : k->ow - NW, ix = at * k->sw - k->pw;
        for (int l = 0; l < CNNC_B; l += CNNC_VL) {
            struct cnnc_stage_args here = cnnc_stage_args_at(&k->ep, row, at * CNNC_B + l, l);
            CNNC_FN(cnnc_depthwise_tile)(k, x + ix * CNNC_B + l, cnnc_weights_at(w, l, k->half), bias ? bias + c * CNNC_B + l : NULL, y + at * CNNC_B + l,
                                         &here, NW, (int)(tx - at), iz, iy, ix, (int)(k->oc - c * CNNC_B - l));
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_depthwise)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_conv *k = g;
    const long blocks = cnnc_blocks(k->oc);
    const struct cnnc_stage_args args = cnnc_stage_args(&k->ep, in, 3);
    const long rows = (long)k->od * k->oh;
    const int by_rows = cnnc_conv_by_rows(k, rows, t);
    long first, last, from, to;
    cnnc_split(k->n * (by_rows ? 1 : blocks) * rows, t, &first, &last);
    for (long s = 0; s < k->n * blocks; s++) {
        const long c = s % blocks, n = s / blocks;
        cnnc_share_rows(by_rows, n, c, blocks, rows, first, last, &from, &to);
        for (long u = from; u < to; u++)
            CNNC_FN(cnnc_depthwise_line)(k, in, out, &args, n, c, u / k->oh, u % k->oh);
    }
}
#endif
