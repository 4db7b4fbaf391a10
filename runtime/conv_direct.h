/* SPDX-License-Identifier: 0BSD
 *
 * Direct convolution on blocked tensors: any rank up to 3, kernel, stride, dilation, groups. x has a halo that covers the padding.
 * Geometry struct cnnc_conv after cnnc_conv_plan(); weights of cnnc_pack_conv(). No scratch.
 *
 * Loop nest: image, chunk of the plane (so that its input stays in the level 2 cache), tile of output channels (its weights
 * are read once per chunk), tile of pixels; inside, input blocks and taps. */
#include "conv_tile.h"

#ifndef CNNC_CONV_DIRECT_H
#define CNNC_CONV_DIRECT_H

/* One register tile: pixels from `x` on, input blocks ib to ie. The weights of the pass after this one come meanwhile, to the level 2 cache, from
 * `next` elements further on: of each tap's block this tile asks for row `turn` and every `turns` rows from there. */
CNNC_INLINE void CNNC_FN(cnnc_direct_tile)(const struct cnnc_conv *k, cnnc_vf *acc, const float *x, const void *w, const int NW,
                                           const int NV, ptrdiff_t wo, ptrdiff_t next, int ib, int ie, int tail, int turn, int turns)
{
    for (; ib < ie; ib++)
        for (int a = 0; a < k->kd; a++)
            for (int b = 0; b < k->kh; b++)
                for (int c = 0; c < k->kw; c++, w = cnnc_weights_at(w, CNNC_B * CNNC_B, k->half)) {
                    for (int r = turn; r < CNNC_B; r += turns)
                        CNNC_UNROLL
                        for (int j = 0; j < NV; j += CNNC_VPB)
                            CNNC_PREFETCH_L2(cnnc_weights_at(w, next + j / CNNC_VPB * wo + r * CNNC_B, k->half));
                    CNNC_FN(cnnc_tile_fma)(acc, x + ib * k->x.c + a * k->dd * k->x.d + b * k->dh * k->x.h + c * k->dw * CNNC_B, w, NW,
                                           NV, k->sw * CNNC_B, wo, CNNC_B, k->oc_low, k->half);
                }
    if (k->ic_tail && tail)
        for (int a = 0; a < k->kd; a++)
            for (int b = 0; b < k->kh; b++)
                for (int c = 0; c < k->kw; c++, w = cnnc_weights_at(w, k->ic_tail * CNNC_B, k->half))
                    CNNC_FN(cnnc_tile_fma)(acc, x + ib * k->x.c + a * k->dd * k->x.d + b * k->dh * k->x.h + c * k->dw * CNNC_B, w, NW,
                                           NV, k->sw * CNNC_B, wo, k->ic_tail, k->oc_low, k->half);
}

/* Tiles first to last of one plane (in reading order) for vectors v.. of the output channels. x, y and args point at the image. */
CNNC_INLINE void CNNC_FN(cnnc_direct_strip)(const struct cnnc_conv *k, const float *x, const void *w, const float *bias, float *y,
                                            struct cnnc_stage_args args, const int NW, const int NV, int in_blocks, int v,
                                            long first, long last)
{
    const int oh = k->flat ? 1 : k->oh, ow = k->flat ? k->od * k->oh * k->ow : k->ow, across = (ow + NW - 1) / NW;
    const int ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL, full = in_blocks - (k->ic_tail != 0);
    const ptrdiff_t wo = cnnc_conv_w_block(k, in_blocks), block = (ptrdiff_t)k->kd * k->kh * k->kw * CNNC_B * CNNC_B;
    const int passes = k->passes > 1 ? k->passes : 1;
    x += cnnc_conv_in_first(k, ob, in_blocks) * k->x.c;
    w = cnnc_weights_at(w, ob * wo + lane, k->half);
    bias = bias ? bias + ob * CNNC_B + lane : NULL;
    y += ob * k->y.c + lane;
    args = cnnc_stage_args_at(&k->ep, args, ob * k->add.c + lane, ob * CNNC_B + lane);
    for (int p = 0; p < passes; p++) {
        const int ib = full * p / passes, ie = full * (p + 1) / passes;
        const ptrdiff_t next = p < passes - 1 ? (ie - ib) * block : (NV > CNNC_VPB ? NV / CNNC_VPB : 1) * wo - ib * block;
        const void *wp = cnnc_weights_at(w, ib * block, k->half);
        long tx = first % across, r = first / across % oh, z = first / across / oh;
        for (long u = first; u < last; u++) {
            const long at = tx * NW < ow - NW ? tx * NW : ow - NW;
            const int skip = (int)(tx * NW - at);
            float *yp = y + z * k->y.d + r * k->y.h + at * CNNC_B;
            cnnc_vf acc[CNNC_TILE_ACC];
            if (p == 0)
                CNNC_FN(cnnc_tile_bias)(acc, bias, NW, NV);
            else
                CNNC_FN(cnnc_tile_load)(acc, yp, NW, NV, CNNC_B, k->y.c);
            CNNC_FN(cnnc_direct_tile)(k, acc, x + z * k->sd * k->x.d + r * k->sh * k->x.h + at * k->sw * CNNC_B, wp, NW, NV, wo, next, ib, ie,
                                      p == passes - 1, (int)(u - first), (int)(last - first));
            if (p < passes - 1)
                CNNC_FN(cnnc_tile_store)(acc, yp, NW, NV, CNNC_B, k->y.c, skip);
            else {
                struct cnnc_stage_args here =
                    cnnc_stage_args_at(&k->ep, args, z * k->add.d + r * k->add.h + at * CNNC_B, 0);
                CNNC_FN(cnnc_tile_finish)(acc, yp, &k->ep, &here, NW, NV, CNNC_B, k->y.c, CNNC_B, k->add.c, skip,
                                          k->oc - ob * CNNC_B - lane);
            }
            if (++tx == across) {
                tx = 0;
                if (++r == oh)
                    r = 0, z++;
            }
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_direct)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_conv *k = g;
    const int NV = CNNC_FN(cnnc_tile_nv)(k->tile_ocb), NW = CNNC_FN(cnnc_tile_nw)(k->tile_w, NV);
    const long rows = k->flat ? 1 : (long)k->od * k->oh, ow = k->flat ? (long)k->od * k->oh * k->ow : k->ow;
    const long tiles = rows * ((ow + NW - 1) / NW), vectors = cnnc_blocks(k->oc) * CNNC_VPB;
    const int in_blocks = cnnc_conv_in_blocks(k);
    const struct cnnc_stage_args args = cnnc_stage_args(&k->ep, in, 3);
    const float *x = (const float *)in[0] - k->pd * k->x.d - k->ph * k->x.h - k->pw * CNNC_B;
    const long read = cnnc_min(k->sw, k->kw) * cnnc_min(k->sh, k->kh) * cnnc_min(k->sd, k->kd); /* pixels for one more output */
    const long chunk = cnnc_conv_chunk(tiles, (long)in_blocks * CNNC_B * NW * read,
                                       cnnc_conv_w_block(k, in_blocks) * cnnc_blocks(k->oc), vectors / NV);
    const int by_rows = cnnc_conv_by_rows(k, tiles, t);
    long first, last, unit = 0;
    cnnc_split(k->n * (by_rows ? 1 : vectors / NV) * tiles, t, &first, &last);
    for (int n = 0; n < k->n; n++) {
        long from = 0, to = tiles;
        if (by_rows)
            cnnc_share_rows(1, n, 0, 1, tiles, first, last, &from, &to);
        for (long c = from; c < to; c += chunk) {
            const long len = cnnc_min(chunk, to - c);
            for (int v = 0; v < vectors; v += NV, unit += len) {
                const long a = by_rows ? 0 : cnnc_max(first - unit, 0), b = by_rows ? len : cnnc_min(last - unit, len);
                if (a < b)
                    CNNC_FN(cnnc_direct_strip)(k, x + n * k->x.n, in[1], (const float *)in[2],
                                               (float *)out[0] + n * k->y.n, cnnc_stage_args_at(&k->ep, args, n * k->add.n, 0), NW, NV,
                                               in_blocks, v, c + a, c + b);
            }
        }
    }
}
#endif
