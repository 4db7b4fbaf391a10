/* SPDX-License-Identifier: 0BSD
 *
 * Transposed convolution on blocked tensors, any rank up to 3, kernel, stride, dilation, groups, in gather form: the outputs of a row that are
 * sw apart need the same taps, of neighbouring inputs, so each of the sw phases of a row is a convolution of stride 1. x has a halo
 * along the width only (cnnc_conv_transpose_halo()), rows and planes are clipped. Geometry struct cnnc_conv after
 * cnnc_conv_transpose_plan(); weights of cnnc_pack_conv_transpose(), laid out as for conv_direct.h. No scratch. */
#include "conv_tile.h"

#ifndef CNNC_CONV_TRANSPOSE_H
#define CNNC_CONV_TRANSPOSE_H

/* acc += one input block (nc channels of it) over all taps. x: block, at column j of phase fx. */
CNNC_INLINE void CNNC_FN(cnnc_transpose_block)(const struct cnnc_conv *k, cnnc_vf *acc, const float *x, const void *w, const int NW,
                                               const int NV, ptrdiff_t wo, long z, long y, long fx, const int nc)
{
    for (int a = 0; a < k->kd; a++) {
        const long iz = cnnc_transpose_reads(z, a, k->pd, k->dd, k->sd, k->id);
        for (int b = 0; b < k->kh && iz >= 0; b++) {
            const long iy = cnnc_transpose_reads(y, b, k->ph, k->dh, k->sh, k->ih);
            for (int c = 0; c < k->kw && iy >= 0; c++) {
                const long at = fx + k->pw - (long)c * k->dw; /* may be negative: the halo */
                if (at % k->sw == 0)
                    CNNC_FN(cnnc_tile_fma)(acc, x + iz * k->x.d + iy * k->x.h + at / k->sw * CNNC_B,
                                           cnnc_weights_at(w, ((a * k->kh + b) * k->kw + c) * nc * CNNC_B, k->half), NW, NV, CNNC_B, wo, nc, 0,
                                           k->half);
            }
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_transpose)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_conv *k = g;
    const int NV = CNNC_FN(cnnc_tile_nv)(k->tile_ocb), NW = CNNC_FN(cnnc_tile_nw)(k->tile_w, NV);
    const long vectors = cnnc_blocks(k->oc) * CNNC_VPB, rows = (long)k->od * k->oh;
    const int in_blocks = cnnc_conv_in_blocks(k), full = in_blocks - (k->ic_tail != 0);
    const ptrdiff_t wo = cnnc_conv_w_block(k, in_blocks), block = (ptrdiff_t)k->kd * k->kh * k->kw * CNNC_B * CNNC_B;
    const struct cnnc_stage_args args = cnnc_stage_args(&k->ep, in, 3);
    long first, last;
    cnnc_split(k->n * (vectors / NV) * rows, t, &first, &last);
    for (long u = first; u < last; u++) {
        const long y = u % rows % k->oh, z = u % rows / k->oh, v = u / rows % (vectors / NV) * NV, n = u / rows / (vectors / NV);
        const long ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
        const float *x = (const float *)in[0] + n * k->x.n + cnnc_conv_in_first(k, (int)ob, in_blocks) * k->x.c;
        const void *w = cnnc_weights_at(in[1], ob * wo + lane, k->half);
        const float *bias = in[2] ? (const float *)in[2] + ob * CNNC_B + lane : NULL;
        float *yp = (float *)out[0] + n * k->y.n + ob * k->y.c + z * k->y.d + y * k->y.h + lane;
        const struct cnnc_stage_args row = cnnc_stage_args_at(
            &k->ep, args, n * k->add.n + ob * k->add.c + z * k->add.d + y * k->add.h + lane, ob * CNNC_B + lane);
        for (long fx = 0; fx < k->sw && fx < k->ow; fx++) {
            const long width = (k->ow - fx + k->sw - 1) / k->sw;
            for (long j = 0; j < width; j += NW) {
                const long at = j < width - NW ? j : width - NW;
                cnnc_vf acc[CNNC_TILE_ACC];
                CNNC_FN(cnnc_tile_bias)(acc, bias, NW, NV);
                for (int ib = 0; ib < full; ib++)
                    CNNC_FN(cnnc_transpose_block)(k, acc, x + ib * k->x.c + at * CNNC_B, cnnc_weights_at(w, ib * block, k->half), NW, NV, wo,
                                                  z, y, fx, CNNC_B);
                if (k->ic_tail)
                    CNNC_FN(cnnc_transpose_block)(k, acc, x + full * k->x.c + at * CNNC_B, cnnc_weights_at(w, full * block, k->half), NW, NV, wo,
                                                  z, y, fx, k->ic_tail);
                const ptrdiff_t to = (fx + at * k->sw) * CNNC_B;
                struct cnnc_stage_args here = cnnc_stage_args_at(&k->ep, row, to, 0);
                CNNC_FN(cnnc_tile_finish)(acc, yp + to, &k->ep, &here, NW, NV, k->sw * CNNC_B, k->y.c, k->sw * CNNC_B, k->add.c,
                                          (int)(j - at), (int)(k->oc - ob * CNNC_B - lane));
            }
        }
    }
}
#endif
