/* SPDX-License-Identifier: 0BSD
 *
 * A depthwise convolution and the 1x1 convolution that alone reads it, with or without the convolution before it: depthwise_separable (Howard et
 * al. 2017: MobileNets) and inverted_residual (Sandler et al. 2018: MobileNetV2). A band of rows at a time, as many as the level 2
 * cache keeps: only they exist of what the last reads, and of what the depthwise one reads a ring of rows, as high as its window, of each strip of
 * channels. 2-D (and 1-D as one row).
 * Geometry struct cnnc_inverted_residual after cnnc_inverted_residual_plan(): c the convolution as for conv_direct.h, d the depthwise one,
 * e the last, each with its own epilogue; only e's has tensors among its operands. in[]: x, weights and bias of each in turn, then the
 * operands of their stages in this order. Scratch cnnc_inverted_residual_scratch(). The bits are those of the kernels one after the other.
 * Threads share out rows; the first rows of each are made twice. */
#include "conv_depthwise.h"

#ifndef CNNC_INVERTED_RESIDUAL_H
#define CNNC_INVERTED_RESIDUAL_H

CNNC_INLINE void CNNC_FN(cnnc_inverted)(const struct cnnc_inverted_residual *g, const void *const in[], void *const out[],
                                        struct cnnc_thread t, const int expands)
{
    struct cnnc_conv c = g->c, d = g->d, e = g->e;
    const int third = expands ? 5 : 3; /* where e's weights are in in[] */
    const int NV = CNNC_FN(cnnc_tile_nv)(c.tile_ocb), EV = CNNC_FN(cnnc_tile_nv)(e.tile_ocb), EW = CNNC_FN(cnnc_tile_nw)(e.tile_w, EV);
    const int in_blocks = cnnc_conv_in_blocks(&e), operands = expands ? cnnc_epilogue_operands(&c.ep) : 0;
    const struct cnnc_stage_args args = cnnc_stage_args(&c.ep, in, third + 2), after = cnnc_stage_args(&d.ep, in, third + 2 + operands),
                                 last_args = cnnc_stage_args(&e.ep, in, third + 2 + operands + cnnc_epilogue_operands(&d.ep));
    const ptrdiff_t row = cnnc_ring_row(&g->c, &g->d);
    const long rows = cnnc_inverted_residual_rows(g), across = (e.ow + EW - 1) / EW;
    float *ring = (float *)t.scratch, *hidden = ring + (expands ? cnnc_blocks(d.oc) * d.kh * row : 0);
    long first, last, image = -1, done = 0; /* the rings hold rows of `image`, up to `done` */
    c.y.c = d.kh * row, c.y.h = c.y.d = 0; /* it writes into the ring */
    d.y.n = d.y.d = e.x.n = e.x.d = 0;
    d.y.c = e.x.c = rows * d.ow * CNNC_B;
    d.y.h = e.x.h = d.ow * CNNC_B;
    if (expands)
        memset(ring, 0, (size_t)(hidden - ring) * sizeof(float)); /* what is left and right of the rows stays zero */
    cnnc_split((long)d.n * d.oh, t, &first, &last);
    for (long u = first, count; u < last; u += count) {
        const long n = u / d.oh, p = u % d.oh;
        count = cnnc_min(cnnc_min(rows, d.oh - p), last - u);
        float *const band = hidden - p * d.y.h; /* rows p to p + count of d's result lie in hidden */
        if (expands) {
            const long before = n == image ? done : 0;
            const float *x = (const float *)in[0] + n * c.x.n - c.ph * c.x.h - c.pw * CNNC_B;
            for (long v = 0; v < cnnc_blocks(c.oc) * CNNC_VPB; v += NV)
                done = CNNC_FN(cnnc_conv_depthwise_strip)(&c, &d, in, x, ring + v / CNNC_VPB * c.y.c, row, band, args, after, NV, v,
                                                          p, p + count, before);
            image = n;
        } else {
            void *const made[] = {band};
            for (long b = 0; b < cnnc_blocks(d.oc); b++)
                for (long q = p; q < p + count; q++)
                    CNNC_FN(cnnc_depthwise_line)(&d, in, made, &after, n, b, 0, q);
        }
        for (int v = 0; v < cnnc_blocks(e.oc) * CNNC_VPB; v += EV)
            CNNC_FN(cnnc_direct_strip)(&e, band, in[third], (const float *)in[third + 1], (float *)out[0] + n * e.y.n,
                                       cnnc_stage_args_at(&e.ep, last_args, n * e.add.n, 0), EW, EV, in_blocks, v, p * across, (p + count) * across);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_inverted_residual)(const struct cnnc_inverted_residual *g, const void *const in[], void *const out[],
                                                 struct cnnc_thread t)
{
    CNNC_FN(cnnc_inverted)(g, in, out, t, 1);
}

CNNC_INLINE void CNNC_FN(cnnc_depthwise_separable)(const struct cnnc_inverted_residual *g, const void *const in[], void *const out[],
                                                   struct cnnc_thread t)
{
    CNNC_FN(cnnc_inverted)(g, in, out, t, 0);
}
#endif
