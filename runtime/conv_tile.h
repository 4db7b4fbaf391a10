/* SPDX-License-Identifier: 0BSD
 *
 * The register tile of the blocked convolutions: NW pixels of a row times NV vectors of output channels. Always inline, NW and NV
 * constant; loops over the tile vanish. Guarded as simd.h says. */
#ifndef CNNC_CONV_TILE_H
#define CNNC_CONV_TILE_H
#include "epilogue.h"

/* Vectors of a tile: part of a block, one, or (where a block is one vector) ocb of them. */
CNNC_INLINE int CNNC_FN(cnnc_tile_nv)(int ocb) { return CNNC_VPB >= CNNC_TILE_V ? CNNC_TILE_V : ocb > 0 ? ocb * CNNC_VPB : CNNC_VPB; }

/* Pixels of a tile: rows of `width` cut into as few equal parts as the registers allow. The last part overlaps the one before. */
CNNC_INLINE int CNNC_FN(cnnc_tile_nw)(int width, int nv)
{
    int most = CNNC_TILE_ACC / nv, parts = (width + most - 1) / most;
    return width == 0 ? most : (width + parts - 1) / parts;
}

/* A vector of packed weights, from element n on. */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_weights)(const void *w, ptrdiff_t n, const int half)
{
    const void *p = cnnc_weights_at(w, n, half);
    return half == CNNC_WEIGHTS_F16 ? CNNC_VLOAD_F16(p) : half == CNNC_WEIGHTS_BF16 ? CNNC_VLOAD_BF16(p) : CNNC_VLOAD((const float *)p);
}

/* acc += nc input channels of one tap. x: first pixel, others xs apart; w: [nc][B] of type half, next output block wo further.
 * low: the upper half of the last vector is padding. */
CNNC_INLINE void CNNC_FN(cnnc_tile_fma)(cnnc_vf *acc, const float *x, const void *w, const int NW, const int NV, const ptrdiff_t xs,
                                        const ptrdiff_t wo, const int nc, const int low, const int half)
{
    const int full = low ? NV - 1 : NV;
    cnnc_vh part[CNNC_TILE_ACC];
    CNNC_UNROLL
    for (int i = 0; i < NW; i++)
        part[i] = CNNC_VLOW(acc[i * NV + NV - 1]);
    CNNC_UNROLL_BY(4)
    for (int c = 0; c < nc; c++) {
        cnnc_vf wv[CNNC_TILE_ACC];
        CNNC_UNROLL
        for (int j = 0; j < NV; j++)
            wv[j] = CNNC_FN(cnnc_weights)(w, j / CNNC_VPB * wo + c * CNNC_B + j % CNNC_VPB * CNNC_VL, half);
        CNNC_UNROLL
        for (int i = 0; i < NW; i++) {
            cnnc_vf a = CNNC_VSET1(x[i * xs + c]);
            CNNC_UNROLL
            for (int j = 0; j < full; j++)
                acc[i * NV + j] = CNNC_VFMA(a, wv[j], acc[i * NV + j]);
            if (low)
                part[i] = CNNC_VLOW_FMA(CNNC_VLOW(a), CNNC_VLOW(wv[NV - 1]), part[i]);
        }
    }
    if (low) {
        CNNC_UNROLL
        for (int i = 0; i < NW; i++)
            acc[i * NV + NV - 1] = CNNC_VLOW_WIDE(part[i]);
    }
}
/* acc = bias */
CNNC_INLINE void CNNC_FN(cnnc_tile_bias)(cnnc_vf *acc, const float *bias, const int NW, const int NV)
{
    CNNC_UNROLL
    for (int j = 0; j < NV; j++) {
        cnnc_vf b = bias ? CNNC_VLOAD(bias + j * CNNC_VL) : CNNC_VZERO();
        CNNC_UNROLL
        for (int i = 0; i < NW; i++)
            acc[i * NV + j] = b;
    }
}

/* acc = what an earlier pass left in y */
CNNC_INLINE void CNNC_FN(cnnc_tile_load)(cnnc_vf *acc, const float *y, const int NW, const int NV, const ptrdiff_t ys, const ptrdiff_t yo)
{
    CNNC_UNROLL
    for (int i = 0; i < NW; i++) {
        CNNC_UNROLL
        for (int j = 0; j < NV; j++)
            acc[i * NV + j] = CNNC_VLOAD(y + i * ys + j / CNNC_VPB * yo + j % CNNC_VPB * CNNC_VL);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_tile_store)(cnnc_vf *acc, float *y, const int NW, const int NV, const ptrdiff_t ys, const ptrdiff_t yo,
                                          int skip)
{
    CNNC_UNROLL
    for (int i = 0; i < NW; i++) {
        if (i < skip)
            continue;
        CNNC_UNROLL
        for (int j = 0; j < NV; j++)
            CNNC_VSTORE(y + i * ys + j / CNNC_VPB * yo + j % CNNC_VPB * CNNC_VL, acc[i * NV + j]);
    }
}

/* y = epilogue(acc) for all but the first `skip` pixels, which the tile before has done (once only: an operand may be y). Pixels are
 * ys apart in y and `as` in tensor operands, output blocks yo and ao; `lanes` channels of the tile exist. */
CNNC_INLINE void CNNC_FN(cnnc_tile_finish)(cnnc_vf *acc, float *y, const struct cnnc_epilogue *e, const struct cnnc_stage_args *args,
                                           const int NW, const int NV, const ptrdiff_t ys, const ptrdiff_t yo, const ptrdiff_t as,
                                           const ptrdiff_t ao, int skip, int lanes)
{
    if (cnnc_epilogue_is_cheap(e)) {
        CNNC_UNROLL
        for (int i = 0; i < NW; i++) {
            if (i < skip)
                continue;
            CNNC_UNROLL
            for (int j = 0; j < NV; j++)
                CNNC_VSTORE(y + i * ys + j / CNNC_VPB * yo + j % CNNC_VPB * CNNC_VL,
                            CNNC_FN(cnnc_epilogue)(e, acc[i * NV + j], args, i * as + j / CNNC_VPB * ao + j % CNNC_VPB * CNNC_VL,
                                                   j * CNNC_VL));
        }
    } else { /* long stages: one copy of their code, over a copy of the tile in memory */
        float t[CNNC_TILE_ACC * CNNC_VL];
        CNNC_UNROLL
        for (int i = 0; i < NW * NV; i++)
            CNNC_VSTORE(t + i * CNNC_VL, acc[i]);
        for (int i = skip; i < NW; i++)
            for (int j = 0; j < NV; j++)
                CNNC_VSTORE(y + i * ys + j / CNNC_VPB * yo + j % CNNC_VPB * CNNC_VL,
                            CNNC_FN(cnnc_epilogue)(e, CNNC_VLOAD(t + (i * NV + j) * CNNC_VL), args,
                                                   i * as + j / CNNC_VPB * ao + j % CNNC_VPB * CNNC_VL, j * CNNC_VL));
    }
    if (!cnnc_epilogue_zero(e) && lanes < NV * CNNC_VL)
        for (int i = skip; i < NW; i++)
            for (int c = (int)cnnc_max(lanes, 0); c < NV * CNNC_VL; c++)
                y[i * ys + c / CNNC_B * yo + c % CNNC_B] = 0;
}
#endif
