/* SPDX-License-Identifier: 0BSD
 *
 * Winograd convolution F(m x m, r x r), m = k.winograd, r = k.kh: F(2, 3), F(4, 3) and F(2, 5); stride 1, dilation 1, 2-D, one group, any
 * padding. With k.pool, max pooling 2x2 of stride 2 as well, without padding and rounded down (every tile holds whole windows): y is then
 * the pooled output. x is blocked and clipped at its border: no halo needed. Geometry struct cnnc_conv after cnnc_winograd_plan(); weights of
 * cnnc_winograd_weights(), s = m + r - 1: [s^2][OC / B][IC][B]; scratch cnnc_winograd_scratch(). cnnc_conv_winograd_raw, for F(4, 3), takes
 * the weights of cnnc_pack_conv() instead (conv_winograd_raw.h). Plan cnnc_winograd_raw_plan(), scratch cnnc_winograd_raw_scratch().
 *
 * Blocks of k.tile_block tiles: their input transforms V (all input channels), a product with the weights for each of the s^2 positions,
 * M, and the output transforms with the epilogue. Threads share out blocks times strips of output channels; one whose share begins or ends
 * within a block transforms that block's input again. Where these are too few for even shares, they share out the tiles instead. */
#include "conv_winograd_raw.h"

#ifndef CNNC_CONV_WINOGRAD_H
#define CNNC_CONV_WINOGRAD_H

/* o = B^T d, which the s points determine */
CNNC_INLINE void CNNC_FN(cnnc_winograd_in)(cnnc_vf *o, const cnnc_vf *d, const int s)
{
    if (s == 4) {
        o[0] = CNNC_VSUB(d[0], d[2]);
        o[1] = CNNC_VADD(d[1], d[2]);
        o[2] = CNNC_VSUB(d[2], d[1]);
        o[3] = CNNC_VSUB(d[1], d[3]);
        return;
    }
    /* points 0, +-sqrt(1/2), +-sqrt(2), infinity: a third of the error of 0, +-1, +-2, infinity at the same number of operations */
    const cnnc_vf half = CNNC_VSET1(0.5f), two = CNNC_VSET1(2), c = CNNC_VSET1(2.5f);
    const cnnc_vf r = CNNC_VSET1(1.41421356f), h = CNNC_VSET1(0.70710678f);
    const cnnc_vf e2 = CNNC_VFNMA(two, d[2], d[4]), e1 = CNNC_VFNMA(two, d[1], d[3]);
    const cnnc_vf f2 = CNNC_VFNMA(half, d[2], d[4]), f1 = CNNC_VFNMA(half, d[1], d[3]);
    o[0] = CNNC_VFNMA(c, d[2], CNNC_VADD(d[0], d[4]));
    o[1] = CNNC_VFMA(h, e1, e2);
    o[2] = CNNC_VFNMA(h, e1, e2);
    o[3] = CNNC_VFMA(r, f1, f2);
    o[4] = CNNC_VFNMA(r, f1, f2);
    o[5] = CNNC_VFNMA(c, d[3], CNNC_VADD(d[1], d[5]));
}

/* o = A^T d */
CNNC_INLINE void CNNC_FN(cnnc_winograd_out)(cnnc_vf *o, const cnnc_vf *d, const int m, const int s, const int raw)
{
    if (raw) {
        CNNC_FN(cnnc_winograd_raw_out)(o, d);
        return;
    }
    if (s == 4) {
        o[0] = CNNC_VADD(CNNC_VADD(d[0], d[1]), d[2]);
        o[1] = CNNC_VSUB(CNNC_VSUB(d[1], d[2]), d[3]);
        return;
    }
    const cnnc_vf two = CNNC_VSET1(2), r = CNNC_VSET1(1.41421356f), h = CNNC_VSET1(0.70710678f);
    const cnnc_vf a = CNNC_VADD(d[1], d[2]), b = CNNC_VSUB(d[1], d[2]), c = CNNC_VADD(d[3], d[4]), e = CNNC_VSUB(d[3], d[4]);
    o[0] = CNNC_VFMA(two, a, CNNC_VFMA(h, c, d[0]));
    o[1] = CNNC_VFMA(r, b, e);
    if (m == 2) { /* the last point goes into the highest power */
        o[1] = CNNC_VADD(o[1], d[5]);
        return;
    }
    o[2] = CNNC_VFMA(r, c, a);
    o[3] = CNNC_VFMA(two, e, CNNC_VFMA(h, b, d[5]));
}

/* V of `n` tiles from tile t0 on, the tiles of all images counted through: [s^2][input blocks][TB][B] (positions as
 * cnnc_winograd_position() says); the tiles from n to `padded` become zero. */
CNNC_INLINE void CNNC_FN(cnnc_winograd_input_any)(const struct cnnc_conv *k, const float *x, float *V, const int m, const int s, long t0, long n,
                                                  long padded, long TB)
{
    const int blocks = cnnc_blocks(k->ic), across = (k->ow + m - 1) / m, tiles = (k->oh + m - 1) / m * across;
    const ptrdiff_t position = cnnc_winograd_position(blocks, TB);
    float border[6 * 6 * CNNC_B];
    for (int ib = 0; ib < blocks; ib++) {
        float *v = V + ib * TB * CNNC_B;
        for (long t = 0; t < n; t++, v += CNNC_B) {
            const int image = (int)(t0 + t) / tiles, at = (int)(t0 + t) % tiles;
            const long iy = at / across * m - k->ph, ix = at % across * m - k->pw;
            const float *p = x + image * k->x.n + ib * k->x.c + iy * k->x.h + ix * CNNC_B;
            ptrdiff_t row = k->x.h;
            if (iy < 0 || ix < 0 || iy + s > k->ih || ix + s > k->iw) {
                for (int r = 0; r < s; r++)
                    for (int c = 0; c < s; c++) {
                        float *b = border + (r * s + c) * CNNC_B;
                        if (iy + r < 0 || iy + r >= k->ih || ix + c < 0 || ix + c >= k->iw)
                            memset(b, 0, CNNC_B * sizeof *b);
                        else
                            memcpy(b, p + r * row + c * CNNC_B, CNNC_B * sizeof *b);
                    }
                p = border, row = s * CNNC_B;
            }
            for (int l = 0; l < CNNC_B; l += CNNC_VL) {
                cnnc_vf d[6][6], e[6], f[6];
                CNNC_UNROLL
                for (int c = 0; c < s; c++) {
                    CNNC_UNROLL
                    for (int r = 0; r < s; r++)
                        e[r] = CNNC_VLOAD(p + r * row + c * CNNC_B + l);
                    CNNC_FN(cnnc_winograd_in)(f, e, s);
                    CNNC_UNROLL
                    for (int r = 0; r < s; r++)
                        d[r][c] = f[r];
                }
                CNNC_UNROLL
                for (int r = 0; r < s; r++) {
                    float *to = v + r * s * position + l;
                    CNNC_OPAQUE(to); /* else the compiler works out all s^2 places ahead, in more registers than there are */
                    CNNC_FN(cnnc_winograd_in)(f, d[r], s);
                    CNNC_UNROLL
                    for (int c = 0; c < s; c++)
                        CNNC_VSTORE(to + c * position, f[c]);
                }
            }
        }
        for (int i = 0; n < padded && i < s * s; i++)
            memset(v + i * position, 0, (size_t)(padded - n) * CNNC_B * sizeof *v);
    }
}

/* Functions of their own, which all instances of kernels share: they make a sixth of a file's code otherwise. */
CNNC_NOINLINE void CNNC_FN(cnnc_winograd_input_23)(const struct cnnc_conv *k, const float *x, float *V, long t0, long n, long padded,
                                                    long TB)
{
    CNNC_FN(cnnc_winograd_input_any)(k, x, V, 2, 4, t0, n, padded, TB);
}
CNNC_NOINLINE void CNNC_FN(cnnc_winograd_input_43)(const struct cnnc_conv *k, const float *x, float *V, long t0, long n, long padded,
                                                    long TB)
{
    CNNC_FN(cnnc_winograd_input_any)(k, x, V, 4, 6, t0, n, padded, TB);
}
CNNC_NOINLINE void CNNC_FN(cnnc_winograd_input_25)(const struct cnnc_conv *k, const float *x, float *V, long t0, long n, long padded,
                                                    long TB)
{
    CNNC_FN(cnnc_winograd_input_any)(k, x, V, 2, 6, t0, n, padded, TB);
}
CNNC_INLINE void CNNC_FN(cnnc_winograd_input)(const struct cnnc_conv *k, const float *x, float *V, const int m, long t0, long n, long padded,
                                              long TB)
{
    if (m == 4)
        CNNC_FN(cnnc_winograd_input_43)(k, x, V, t0, n, padded, TB);
    else if (k->kh == 3)
        CNNC_FN(cnnc_winograd_input_23)(k, x, V, t0, n, padded, TB);
    else
        CNNC_FN(cnnc_winograd_input_25)(k, x, V, t0, n, padded, TB);
}

/* M = V U for output vectors v0 to v1. While a strip of them is multiplied, the weights of the next come to the level 2 cache: of each input
 * block every register tile asks for its share of rows. */
CNNC_INLINE void CNNC_FN(cnnc_winograd_product)(const struct cnnc_conv *k, const float *V, const void *U, float *M, const int m,
                                                const int NW, const int NV, long v0, long v1, long n, long TB)
{
    const int s = m + k->kh - 1, in = cnnc_blocks(k->ic), full = k->ic_tail ? in - 1 : in, on = cnnc_blocks(k->oc);
    const ptrdiff_t wo = (ptrdiff_t)k->ic * CNNC_B, vp = cnnc_winograd_position(in, TB), mp = cnnc_winograd_position(on, TB);
    const int turns = (int)(n + NW - 1) / NW;
    for (int i = 0; i < s * s; i++)
        for (long v = v0; v < v1; v += NV) {
            const long ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
            const ptrdiff_t next = v + NV < v1 ? (NV + lane / CNNC_VL) / CNNC_VPB * wo : (on - ob + v0 / CNNC_VPB) * wo;
            for (long t = 0; t < n; t += NW) {
                const float *x = V + i * vp + t * CNNC_B;
                const void *w = cnnc_weights_at(U, (i * on + ob) * wo + lane, k->half);
                float *y = M + i * mp + (ob * TB + t) * CNNC_B + lane;
                cnnc_vf acc[CNNC_TILE_ACC];
                CNNC_FN(cnnc_tile_bias)(acc, NULL, NW, NV);
                for (int ib = 0; ib < full; ib++, x += TB * CNNC_B, w = cnnc_weights_at(w, CNNC_B * CNNC_B, k->half)) {
                    for (int r = (int)(t / NW); r < CNNC_B; r += turns)
                        CNNC_UNROLL
                        for (int j = 0; j < NV; j += CNNC_VPB)
                            CNNC_PREFETCH_L2(cnnc_weights_at(w, next + j / CNNC_VPB * wo + r * CNNC_B, k->half));
                    CNNC_FN(cnnc_tile_fma)(acc, x, w, NW, NV, CNNC_B, wo, CNNC_B, 0, k->half);
                }
                if (k->ic_tail)
                    CNNC_FN(cnnc_tile_fma)(acc, x, w, NW, NV, CNNC_B, wo, k->ic_tail, 0, k->half);
                CNNC_FN(cnnc_tile_store)(acc, y, NW, NV, CNNC_B, TB * CNNC_B, 0);
            }
        }
}

/* y = epilogue(bias + A^T M A), or the maxima of its 2x2 squares: k->pool is no literal, so that layers with and without a pooling share the
 * code of all the rest. M: [s^2][on][TB][B], from output block o0 on. */
CNNC_INLINE void CNNC_FN(cnnc_winograd_output)(const struct cnnc_conv *k, const float *M, const float *bias, float *y,
                                               struct cnnc_stage_args args, const int m, const int raw, long v0, long v1, long t0, long n,
                                               long TB, long o0, long on)
{
    const int s = m + k->kh - 1, across = (k->ow + m - 1) / m, tiles = (k->oh + m - 1) / m * across, pool = k->pool;
    const ptrdiff_t position = cnnc_winograd_position(on, TB);
    for (long v = v0; v < v1; v++) {
        const long ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
        const cnnc_vf b = bias ? CNNC_VLOAD(bias + ob * CNNC_B + lane) : CNNC_VZERO();
        const struct cnnc_stage_args block = cnnc_stage_args_at(&k->ep, args, ob * k->add.c + lane, ob * CNNC_B + lane);
        const int lanes = (int)(k->oc - ob * CNNC_B - lane);
        for (long t = 0; t < n; t++) {
            const int image = (int)(t0 + t) / tiles, at = (int)(t0 + t) % tiles;
            const long oy = at / across * m, ox = at % across * m;
            const float *mp = M + ((ob - o0) * TB + t) * CNNC_B + lane;
            float *yp = y + image * k->y.n + ob * k->y.c + (oy * k->y.h + ox * CNNC_B) / (pool ? 2 : 1) + lane;
            const struct cnnc_stage_args here = cnnc_stage_args_at(&k->ep, block, image * k->add.n + oy * k->add.h + ox * CNNC_B, 0);
            cnnc_vf d[4][6], e[6], f[4];
            CNNC_UNROLL
            for (int c = 0; c < s; c++) {
                const float *from = mp + c * position;
                CNNC_OPAQUE(from); /* as above */
                CNNC_UNROLL
                for (int r = 0; r < s; r++)
                    e[r] = CNNC_VLOAD(from + r * s * position);
                CNNC_FN(cnnc_winograd_out)(f, e, m, s, raw);
                CNNC_UNROLL
                for (int r = 0; r < m; r++)
                    d[r][c] = f[r];
            }
            /* what is pooled, tiles at the border and values before long stages wait in memory */
            float tile[4 * 4 * CNNC_B], *to = pool ? tile : yp;
            const ptrdiff_t row = pool ? 4 * CNNC_B : k->y.h;
            const int whole = cnnc_epilogue_is_cheap(&k->ep) && oy + m <= k->oh && ox + m <= k->ow &&
                              (cnnc_epilogue_zero(&k->ep) || lanes >= CNNC_VL);
            CNNC_UNROLL
            for (int r = 0; r < m; r++) {
                CNNC_FN(cnnc_winograd_out)(f, d[r], m, s, raw);
                CNNC_UNROLL
                for (int c = 0; c < m; c++)
                    f[c] = CNNC_VADD(f[c], b);
                if (whole) {
                    CNNC_UNROLL
                    for (int c = 0; c < m; c++)
                        CNNC_VSTORE(to + r * row + c * CNNC_B,
                                    CNNC_FN(cnnc_epilogue)(&k->ep, f[c], &here, r * k->add.h + c * CNNC_B, 0));
                } else {
                    CNNC_UNROLL
                    for (int c = 0; c < m; c++)
                        CNNC_VSTORE(tile + (r * 4 + c) * CNNC_B, f[c]);
                }
            }
            for (int r = 0; !whole && r < m && oy + r < k->oh; r++)
                for (int c = 0; c < m && ox + c < k->ow; c++) {
                    float *p = to + r * row + c * CNNC_B;
                    CNNC_VSTORE(p, CNNC_FN(cnnc_epilogue)(&k->ep, CNNC_VLOAD(tile + (r * 4 + c) * CNNC_B), &here,
                                                          r * k->add.h + c * CNNC_B, 0));
                    for (int l = lanes; !cnnc_epilogue_zero(&k->ep) && l < CNNC_VL; l++)
                        p[l < 0 ? 0 : l] = 0;
                }
            for (int r = 0; pool && r < m && oy + r + 1 < k->oh; r += 2)
                for (int c = 0; c < m && ox + c + 1 < k->ow; c += 2) {
                    const float *p = tile + (r * 4 + c) * CNNC_B, *q = p + 4 * CNNC_B;
                    CNNC_VSTORE(yp + r / 2 * k->y.h + c / 2 * CNNC_B,
                                CNNC_VMAX(CNNC_VMAX(CNNC_VLOAD(q + CNNC_B), CNNC_VLOAD(q)),
                                          CNNC_VMAX(CNNC_VLOAD(p + CNNC_B), CNNC_VLOAD(p))));
                }
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_winograd_any)(const struct cnnc_conv *k, const void *const in[], void *const out[], struct cnnc_thread t,
                                            const int raw)
{
    const int m = k->winograd, NV = raw ? CNNC_VPB : CNNC_FN(cnnc_tile_nv)(k->tile_ocb);
    const int NW = raw ? CNNC_FN(cnnc_winograd_raw_nw)(k->tile_w) : CNNC_FN(cnnc_tile_nw)(k->tile_w, NV);
    const long TB = (k->tile_block + NW - 1) / NW * NW; /* whole register tiles */
    const long tiles = (long)k->n * ((k->oh + m - 1) / m) * ((k->ow + m - 1) / m), blocks = (tiles + TB - 1) / TB;
    const long vectors = cnnc_blocks(k->oc) * CNNC_VPB / NV;
    const float *x = (const float *)in[0], *bias = (const float *)in[2];
    const void *w = in[1];
    const struct cnnc_stage_args args = cnnc_stage_args(&k->ep, in, 3);
    float *V = (float *)t.scratch, *M = V + cnnc_winograd_points(k) * cnnc_winograd_position(cnnc_blocks(k->ic), TB), *y = (float *)out[0];
    const long units = blocks * vectors, rows = (tiles + NW - 1) / NW; /* rows: of register tiles */
    const int whole = (rows + t.count - 1) / t.count * units < (units + t.count - 1) / t.count * rows;
    long first, last, size = whole ? TB / NW : vectors;
    cnnc_split(whole ? rows : units, t, &first, &last);
    for (long u = first, end; u < last; u = end) {
        end = cnnc_min(last, whole ? u + size : u - u % size + size);
        const long v0 = whole ? 0 : u % size, v1 = whole ? vectors : v0 + end - u;
        const long t0 = whole ? u * NW : u / size * TB, count = cnnc_min(whole ? (end - u) * NW : TB, tiles - t0);
        CNNC_FN(cnnc_winograd_input)(k, x, V, m, t0, count, (count + NW - 1) / NW * NW, TB);
        if (raw)
            for (long ob = v0; ob < v1; ob++) {
                CNNC_FN(cnnc_winograd_raw_product)(k, V, w, M + 36 * cnnc_winograd_position(1, TB), M, NW, ob, count, TB);
                CNNC_FN(cnnc_winograd_output)(k, M, bias, y, args, m, 1, ob * NV, ob * NV + NV, t0, count, TB, ob, 1);
            }
        else {
            CNNC_FN(cnnc_winograd_product)(k, V, w, M, m, NW, NV, v0 * NV, v1 * NV, count, TB);
            CNNC_FN(cnnc_winograd_output)(k, M, bias, y, args, m, 0, v0 * NV, v1 * NV, t0, count, TB, 0, cnnc_blocks(k->oc));
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_winograd)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    CNNC_FN(cnnc_winograd_any)(g, in, out, t, 0);
}
CNNC_INLINE void CNNC_FN(cnnc_conv_winograd_raw)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    CNNC_FN(cnnc_winograd_any)(g, in, out, t, 1);
}
#endif
