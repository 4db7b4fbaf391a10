/* SPDX-License-Identifier: 0BSD
 *
 * Convolution, epilogue and max pooling in one kernel, which keeps only the rows of the convolution that a pool window needs: a ring of
 * pool_kh rows in scratch. 2-D (and 1-D as one row). Geometry struct cnnc_conv_pool: c is the convolution as for the kernel without pooling
 * (c.oh, c.ow its own output, of which c.add is the view) after cnnc_conv_rows_plan(&g->c) or cnnc_conv_first_plan(&g->c), but c.y is the view of the
 * pooled output. Weights and operands as without pooling; scratch cnnc_conv_direct_pool_scratch() or cnnc_conv_first_pool_scratch(). */
#include "conv_direct.h"
#include "conv_first.h"

#ifndef CNNC_CONV_POOL_H
#define CNNC_CONV_POOL_H

/* One pooled row of `count` vectors of channels, the first of them at lane 0 of `rows` and y: maxima over rows r0 to r1 of the ring. */
CNNC_INLINE void CNNC_FN(cnnc_pool_ring)(const struct cnnc_conv_pool *k, const float *rows, ptrdiff_t block, float *y, int count, long r0,
                                         long r1)
{
    const ptrdiff_t row = (ptrdiff_t)k->c.ow * CNNC_B;
    for (int j = 0; j < count; j++) {
        const float *x = rows + j / CNNC_VPB * block + j % CNNC_VPB * CNNC_VL;
        float *to = y + j / CNNC_VPB * k->c.y.c + j % CNNC_VPB * CNNC_VL;
        for (long p = 0; p < k->pool_ow; p++, to += CNNC_B) {
            const long at = p * k->pool_sw - k->pool_pw, c0 = cnnc_max(at, 0), c1 = cnnc_min(at + k->pool_kw, k->c.ow);
            cnnc_vf m = CNNC_VLOAD(x + r0 % k->pool_kh * row + c0 * CNNC_B);
            for (long r = r0; r < r1; r++) {
                const float *xr = x + r % k->pool_kh * row;
                for (long c = c0; c < c1; c++)
                    m = CNNC_VMAX(m, CNNC_VLOAD(xr + c * CNNC_B));
            }
            CNNC_VSTORE(to, m);
        }
    }
}

/* Tile of output channels by tile of output channels, as their weights are many. */
CNNC_INLINE void CNNC_FN(cnnc_conv_direct_pool)(const struct cnnc_conv_pool *g, const void *const in[], void *const out[],
                                                struct cnnc_thread t)
{
    struct cnnc_conv k = g->c;
    const int NV = CNNC_FN(cnnc_tile_nv)(k.tile_ocb), NW = CNNC_FN(cnnc_tile_nw)(k.tile_w, NV);
    const long vectors = cnnc_blocks(k.oc) * CNNC_VPB, across = (k.ow + NW - 1) / NW;
    const int in_blocks = cnnc_conv_in_blocks(&k);
    const struct cnnc_stage_args args = cnnc_stage_args(&k.ep, in, 3);
    const float *x = (const float *)in[0] - k.ph * k.x.h - k.pw * CNNC_B;
    const ptrdiff_t row = (ptrdiff_t)k.ow * CNNC_B, block = g->pool_kh * row;
    float *ring = (float *)t.scratch;
    long first, last, done = 0;
    k.y.c = block, k.y.h = 0, k.y.d = 0; /* the strip writes into the ring */
    cnnc_split(k.n * (vectors / NV) * g->pool_oh, t, &first, &last);
    for (long u = first; u < last; u++) {
        const long p = u % g->pool_oh, v = u / g->pool_oh % (vectors / NV) * NV, n = u / g->pool_oh / (vectors / NV);
        const long ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
        long r0, r1;
        cnnc_pool_needs(g, p, &r0, &r1);
        if (u == first || p == 0)
            done = r0; /* nothing in the ring is of use */
        for (done = cnnc_max(done, r0); done < r1; done++)
            CNNC_FN(cnnc_direct_strip)(&k, x + n * k.x.n, in[1], (const float *)in[2],
                                       ring + done % g->pool_kh * row - ob * block, cnnc_stage_args_at(&k.ep, args, n * k.add.n, 0), NW, NV,
                                       in_blocks, (int)v, done * across, (done + 1) * across);
        CNNC_FN(cnnc_pool_ring)(g, ring + lane, block, (float *)out[0] + n * g->c.y.n + ob * g->c.y.c + p * g->c.y.h + lane, NV, r0, r1);
    }
}

/* Row by row for all output channels, as the weights are few and the band of input rows is worth keeping. */
CNNC_INLINE void CNNC_FN(cnnc_conv_first_pool)(const struct cnnc_conv_pool *g, const void *const in[], void *const out[],
                                               struct cnnc_thread t)
{
    const struct cnnc_conv *k = &g->c;
    const int NV = CNNC_FN(cnnc_tile_nv)(k->tile_ocb), NW = CNNC_FN(cnnc_tile_nw)(k->tile_w, NV);
    const long vectors = cnnc_blocks(k->oc) * CNNC_VPB, most = cnnc_first_rows(k), pitch = k->ic * cnnc_first_width(k);
    const struct cnnc_stage_args args = cnnc_stage_args(&k->ep, in, 3);
    const ptrdiff_t row = (ptrdiff_t)k->ow * CNNC_B, block = g->pool_kh * row;
    float *band = (float *)t.scratch, *ring = band + cnnc_conv_first_scratch(k) / sizeof(float);
    long first, last, done = 0, low = 0, high = 0; /* rows below `done` are in the ring, those from low to high in the band */
    cnnc_split((long)k->n * g->pool_oh, t, &first, &last);
    for (long u = first; u < last; u++) {
        const long p = u % g->pool_oh, n = u / g->pool_oh;
        long r0, r1;
        cnnc_pool_needs(g, p, &r0, &r1);
        if (u == first || p == 0)
            done = r0, low = high = 0;
        for (done = cnnc_max(done, r0); done < r1; done++) {
            if (done < low || done >= high) {
                low = done, high = cnnc_min(low + most, k->oh);
                CNNC_FN(cnnc_first_band)(k, (const float *)in[0] + n * k->x.n, band, 0, low, high - low);
            }
            for (long v = 0; v < vectors; v += NV) {
                const ptrdiff_t ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
                CNNC_FN(cnnc_first_row)(k, band + (done - low) * k->sh * pitch, 0, in[1], (const float *)in[2],
                                        ring + ob * block + done % g->pool_kh * row + lane, block,
                                        cnnc_stage_args_at(&k->ep, args, n * k->add.n + ob * k->add.c + done * k->add.h + lane,
                                                           ob * CNNC_B + lane), NW, NV, (int)v);
            }
        }
        CNNC_FN(cnnc_pool_ring)(g, ring, block, (float *)out[0] + n * k->y.n + p * k->y.h, (int)vectors, r0, r1);
    }
}
#endif
