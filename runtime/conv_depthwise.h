/* SPDX-License-Identifier: 0BSD
 *
 * A convolution and the depthwise convolution that alone reads it (the first half of an inverted residual), without the tensor between them:
 * a ring of rows in scratch, as many as the depthwise window is high, of one tile of channels at a time. 2-D (and 1-D as one row).
 * Geometry struct cnnc_conv_depthwise after cnnc_conv_depthwise_plan(): c the convolution as for conv_direct.h, d the depthwise one, both with
 * their own epilogues, whose stages have no operands but values per channel. in[0..2] as for c, in[3], in[4] weights and bias as for d, then
 * the operands of c's stages and those of d's. Scratch cnnc_conv_depthwise_scratch(). The bits are those of the two kernels one after the
 * other. */
#include "conv_direct.h"
#include "depthwise.h"

#ifndef CNNC_CONV_DEPTHWISE_H
#define CNNC_CONV_DEPTHWISE_H

/* One row of one vector of channels of the result: row p. ring: [kh][width][B], its first column pw to the left of the rows'. */
CNNC_INLINE void CNNC_FN(cnnc_depthwise_ring)(const struct cnnc_conv *d, const float *ring, ptrdiff_t row, const void *w, const float *bias,
                                              float *y, const struct cnnc_stage_args *args, const int NW, long p, int lanes)
{
    const long iy = p * d->sh - d->ph;
    int kh = d->kh;
    CNNC_OPAQUE(kh); /* as in depthwise.h */
    for (long tx = 0; tx < d->ow; tx += NW) {
        const long at = tx < d->ow - NW ? tx : d->ow - NW;
        cnnc_vf acc[CNNC_TILE_ACC];
        CNNC_FN(cnnc_tile_bias)(acc, bias, NW, 1);
        for (int b = 0; b < kh; b++)
            if (iy + b >= 0 && iy + b < d->ih)
                CNNC_FN(cnnc_depthwise_row)(d, acc, ring + (iy + b) % d->kh * row + at * d->sw * CNNC_B,
                                            cnnc_weights_at(w, b * d->kw * CNNC_B, d->half), NW, 0, 0, 0);
        CNNC_FN(cnnc_tile_finish)(acc, y + at * CNNC_B, &d->ep, args, NW, 1, CNNC_B, 0, CNNC_B, 0, (int)(tx - at), lanes);
    }
}

/* Rows from..to of the result for one strip of channels, vectors v.. of them. k: the convolution, which writes to the ring (k->y.c: floats of a
 * block of channels in it). x, y: the image, x with k's padding. ring: of this strip, in rows of `row` floats; in it are the convolution's rows
 * up to `done`, and then up to what is returned. args: operands of k's stages; after: of d's. */
CNNC_INLINE long CNNC_FN(cnnc_conv_depthwise_strip)(const struct cnnc_conv *k, const struct cnnc_conv *d, const void *const in[],
                                                    const float *x, float *ring, ptrdiff_t row, float *y, struct cnnc_stage_args args,
                                                    struct cnnc_stage_args after, const int NV, long v, long from, long to, long done)
{
    const int NW = CNNC_FN(cnnc_tile_nw)(k->tile_w, NV), DW = CNNC_FN(cnnc_depthwise_nw)(d->tile_w);
    const long across = (k->ow + NW - 1) / NW, ob = v / CNNC_VPB;
    const int in_blocks = cnnc_conv_in_blocks(k);
    const float *bias = (const float *)in[4];
    for (long p = from; p < to; p++) {
        const long r0 = cnnc_max(p * d->sh - d->ph, 0), r1 = cnnc_min(p * d->sh - d->ph + d->kh, k->oh);
        for (done = cnnc_max(done, r0); done < r1; done++)
            CNNC_FN(cnnc_direct_strip)(k, x, in[1], (const float *)in[2], ring + done % d->kh * row + d->pw * CNNC_B - ob * k->y.c, args, NW, NV,
                                       in_blocks, (int)v, done * across, (done + 1) * across);
        for (int j = 0; j < NV; j++) {
            const long b = (v + j) / CNNC_VPB, lane = (v + j) % CNNC_VPB * CNNC_VL;
            const struct cnnc_stage_args here = cnnc_stage_args_at(&d->ep, after, 0, b * CNNC_B + lane);
            CNNC_FN(cnnc_depthwise_ring)(d, ring + (b - ob) * k->y.c + lane, row, cnnc_weights_at(in[3], b * d->kh * d->kw * CNNC_B + lane, d->half),
                                         bias ? bias + b * CNNC_B + lane : NULL, y + b * d->y.c + p * d->y.h + lane, &here, DW, p,
                                         (int)(d->oc - b * CNNC_B - lane));
        }
    }
    return done;
}

CNNC_INLINE void CNNC_FN(cnnc_conv_depthwise)(const struct cnnc_conv_depthwise *g, const void *const in[], void *const out[],
                                              struct cnnc_thread t)
{
    struct cnnc_conv k = g->c;
    const struct cnnc_conv *d = &g->d;
    const int NV = CNNC_FN(cnnc_tile_nv)(k.tile_ocb);
    const long strips = cnnc_blocks(k.oc) * CNNC_VPB / NV;
    const struct cnnc_stage_args args = cnnc_stage_args(&k.ep, in, 5), after = cnnc_stage_args(&d->ep, in, 5 + cnnc_epilogue_operands(&k.ep));
    const float *x = (const float *)in[0] - k.ph * k.x.h - k.pw * CNNC_B;
    const ptrdiff_t row = cnnc_ring_row(&g->c, d);
    float *ring = (float *)t.scratch;
    const int by_rows = cnnc_conv_by_rows(&k, d->oh, t);
    long first, last, from, to;
    k.y.c = d->kh * row, k.y.h = 0, k.y.d = 0; /* it writes into the ring */
    cnnc_split(k.n * (by_rows ? 1 : strips) * d->oh, t, &first, &last);
    memset(ring, 0, cnnc_conv_depthwise_scratch(g)); /* what is left and right of the rows stays zero */
    for (long s = 0; s < k.n * strips; s++) {
        const long n = s / strips;
        cnnc_share_rows(by_rows, n, s % strips, strips, d->oh, first, last, &from, &to);
        CNNC_FN(cnnc_conv_depthwise_strip)(&k, d, in, x + n * k.x.n, ring, row, (float *)out[0] + n * d->y.n, args, after, NV,
                                           s % strips * NV, from, to, 0);
    }
}
#endif
