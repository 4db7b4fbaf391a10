/* SPDX-License-Identifier: 0BSD
 *
 * Product of a Winograd convolution F(4x4, 3x3) with weights as cnnc_pack_conv() lays them out, transformed as they are used. Late layers have
 * more weights than pixels: four times as many would take longer to read than to make, and longer to store than to make again for every
 * few tiles. Two, three or six positions of a row of U are made for one vector of output channels and one input channel, multiplied with
 * as many tiles as the registers hold, and forgotten.
 *
 * U here is scaled: the rows and columns 1 and 2 by -3, 3 and 4 by 3 sqrt(2), which saves a third of the operations;
 * cnnc_winograd_raw_out() scales back. */
#include "conv_tile.h"

#ifndef CNNC_CONV_WINOGRAD_RAW_H
#define CNNC_CONV_WINOGRAD_RAW_H

/* Tiles multiplied together: a block of `tiles` cut into equal parts, two positions of which leave registers for the weights. */
CNNC_INLINE int CNNC_FN(cnnc_winograd_raw_nw)(int tiles)
{
    const int most = (CNNC_TILE_ACC - 2) / 2, parts = (tiles + most - 1) / most;
    return (tiles + parts - 1) / parts;
}

/* o = A^T d for scaled weights */
CNNC_INLINE void CNNC_FN(cnnc_winograd_raw_out)(cnnc_vf *o, const cnnc_vf *d)
{
    const cnnc_vf a = CNNC_VADD(d[1], d[2]), b = CNNC_VSUB(d[1], d[2]), c = CNNC_VADD(d[3], d[4]), e = CNNC_VSUB(d[3], d[4]);
    const cnnc_vf s = CNNC_VSET1(0.23570226f), third = CNNC_VSET1(1.f / 3), r = CNNC_VSET1(0.47140452f); /* sqrt(2) / 6, / 3 */
    o[0] = CNNC_VFNMA(CNNC_VSET1(2.f / 3), a, CNNC_VFMA(CNNC_VSET1(1.f / 6), c, d[0]));
    o[1] = CNNC_VFNMA(r, b, CNNC_VMUL(s, e));
    o[2] = CNNC_VMUL(third, CNNC_VSUB(c, a));
    o[3] = CNNC_VFMA(r, e, CNNC_VFNMA(s, b, d[5]));
}

/* Elements 2 i - 1 and 2 i of G g, c of i. */
CNNC_INLINE void CNNC_FN(cnnc_winograd_raw_two)(cnnc_vf *u, const cnnc_vf *g, struct cnnc_winograd_pair c)
{
    const cnnc_vf even = CNNC_VFMA(CNNC_VSET1(c.even), g[2], g[0]), odd = CNNC_VSET1(c.odd);
    u[0] = CNNC_VFMA(odd, g[1], even);
    u[1] = CNNC_VFNMA(odd, g[1], even);
}

/* What turn q makes of the weights d of a row. */
CNNC_INLINE void CNNC_FN(cnnc_winograd_raw_columns)(cnnc_vf *u, const cnnc_vf *d, const int P, const int first, struct cnnc_winograd_pair c)
{
    if (P == 2 && !first) {
        CNNC_FN(cnnc_winograd_raw_two)(u, d, c);
        return;
    }
    if (first)
        u[0] = d[0];
    if (P == 6 || (P == 3 && first))
        CNNC_FN(cnnc_winograd_raw_two)(u + 1, d, cnnc_winograd_raw_pair(1));
    if (P == 6 || (P == 3 && !first))
        CNNC_FN(cnnc_winograd_raw_two)(u + P - 3, d, cnnc_winograd_raw_pair(2));
    if (P != 3 || !first)
        u[P - 1] = d[2];
}

/* acc[P][NW] += nc input channels of row r, turn q; outer: r is 0 or 5; first: q is 0. x: the first tile at position (r, 0), positions vp
 * apart; w: [3][3][icb][B]. */
CNNC_INLINE void CNNC_FN(cnnc_winograd_raw_fma)(cnnc_vf *acc, const float *x, const float *w, int r, int q, const int outer, const int first,
                                                const int P, const int NW, ptrdiff_t vp, int nc, int icb)
{
    const ptrdiff_t tap = (ptrdiff_t)icb * CNNC_B;
    const struct cnnc_winograd_pair row = cnnc_winograd_raw_pair((r + 1) / 2), column = cnnc_winograd_raw_pair(q);
    const cnnc_vf even = CNNC_VSET1(row.even), odd = CNNC_VSET1(r % 2 ? row.odd : -row.odd);
    w += outer && r ? 6 * tap : 0;
    for (int c = 0; c < nc; c++, w += CNNC_B) {
        cnnc_vf d[3], u[6];
        CNNC_UNROLL
        for (int j = 0; j < 3; j++) {
            d[j] = CNNC_VLOAD(w + j * tap);
            if (!outer)
                d[j] = CNNC_VFMA(odd, CNNC_VLOAD(w + (3 + j) * tap), CNNC_VFMA(even, CNNC_VLOAD(w + (6 + j) * tap), d[j]));
        }
        CNNC_FN(cnnc_winograd_raw_columns)(u, d, P, first, column);
        CNNC_UNROLL
        for (int p = 0; p < P; p++) {
            CNNC_UNROLL
            for (int t = 0; t < NW; t++)
                acc[p * NW + t] = CNNC_VFMA(CNNC_VSET1(x[cnnc_winograd_raw_column(P, first ? 0 : q, p) * vp + t * CNNC_B + c]), u[p],
                                            acc[p * NW + t]);
        }
    }
}

/* M = V U, or += where b0 > 0, for row r, turn q, input blocks b0 to b1. w: those blocks' weights; ahead: as many that are needed next, or
 * NULL. */
CNNC_INLINE void CNNC_FN(cnnc_winograd_raw_positions)(const struct cnnc_conv *k, const float *V, const float *w, const void *ahead, float *M,
                                                      int r, int q, const int outer, const int first, const int P, const int NW, int b0,
                                                      int b1, long n, long TB)
{
    const int in = cnnc_blocks(k->ic);
    const ptrdiff_t vp = cnnc_winograd_position(in, TB), mp = cnnc_winograd_position(1, TB);
    for (long t = 0; t < n; t += NW) {
        const float *wp = w, *x = V + r * 6 * vp + (b0 * TB + t) * CNNC_B;
        float *y = M + r * 6 * mp + t * CNNC_B;
        cnnc_vf acc[CNNC_TILE_ACC];
        CNNC_UNROLL
        for (int p = 0; p < P; p++) {
            const float *from = y + cnnc_winograd_raw_column(P, first ? 0 : q, p) * mp;
            CNNC_OPAQUE(from); /* else the compiler works out the place of each vector ahead, in more registers than there are */
            CNNC_UNROLL
            for (int i = 0; i < NW; i++)
                acc[p * NW + i] = b0 ? CNNC_VLOAD(from + i * CNNC_B) : CNNC_VZERO();
        }
        for (int b = b0; b < b1; b++, x += TB * CNNC_B, wp += 9 * CNNC_B * CNNC_B) {
            const int nc = b == in - 1 && k->ic_tail ? k->ic_tail : CNNC_B;
            if (t == 0 && ahead)
                for (int e = 0; e < 4 * P; e++) /* 9 B rows of a block, a part in each of 36 / P turns */
                    CNNC_PREFETCH_L2(cnnc_weights_at(ahead, ((b - b0) * 9 * CNNC_B + (r * 6 / P + q) * 4 * P + e) * CNNC_B, k->half));
            CNNC_FN(cnnc_winograd_raw_fma)(acc, x, wp, r, q, outer, first, P, NW, vp, nc, nc);
        }
        CNNC_UNROLL
        for (int p = 0; p < P; p++) {
            float *to = y + cnnc_winograd_raw_column(P, first ? 0 : q, p) * mp;
            CNNC_OPAQUE(to);
            CNNC_UNROLL
            for (int i = 0; i < NW; i++)
                CNNC_VSTORE(to + i * CNNC_B, acc[p * NW + i]);
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_winograd_raw_row)(const struct cnnc_conv *k, const float *V, const float *w, const void *ahead, float *M, int r,
                                                const int outer, const int P, const int NW, int b0, int b1, long n, long TB)
{
    CNNC_FN(cnnc_winograd_raw_positions)(k, V, w, ahead, M, r, 0, outer, 1, P, NW, b0, b1, n, TB);
    for (int q = 1; q < 6 / P; q++)
        CNNC_FN(cnnc_winograd_raw_positions)(k, V, w, ahead, M, r, q, outer, 0, P, NW, b0, b1, n, TB);
}

/* M = V U for output block ob: M [36][TB][B]. The weights of a few input blocks at a time stay in the level 1 cache while all positions
 * are made of them; wide: room for them as floats, if they are in 16 bits. */
CNNC_INLINE void CNNC_FN(cnnc_winograd_raw_product)(const struct cnnc_conv *k, const float *V, const void *w, float *wide, float *M,
                                                    const int NW, long ob, long n, long TB)
{
    const int in = cnnc_blocks(k->ic), most = (CNNC_TILE_ACC - 2) / NW, P = most >= 6 ? 6 : most >= 3 ? 3 : 2;
    const ptrdiff_t block = 9 * CNNC_B * CNNC_B;
    w = cnnc_weights_at(w, ob * cnnc_conv_w_block(k, in), k->half);
    for (int b0 = 0, b1; b0 < in; b0 = b1) {
        b1 = (int)cnnc_min(b0 + CNNC_WINOGRAD_RAW_BLOCKS, in);
        const void *raw = cnnc_weights_at(w, b0 * block, k->half), *ahead = cnnc_weights_at(w, b1 * block, k->half);
        for (ptrdiff_t i = 0; k->half && i < (b1 - b0) * block && b0 * block + i < cnnc_conv_w_block(k, in); i += CNNC_VL)
            CNNC_VSTORE(wide + i, CNNC_FN(cnnc_weights)(raw, i, k->half));
        for (int l = 0; l < CNNC_B; l += CNNC_VL, ahead = NULL) {
            const float *from = (k->half ? wide : (const float *)raw) + l;
            for (int r = 0; r < 6; r += 5)
                CNNC_FN(cnnc_winograd_raw_row)(k, V, from, ahead, M + l, r, 1, P, NW, b0, b1, n, TB);
            for (int r = 1; r < 5; r++)
                CNNC_FN(cnnc_winograd_raw_row)(k, V, from, ahead, M + l, r, 0, P, NW, b0, b1, n, TB);
        }
    }
}
#endif
