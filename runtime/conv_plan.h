/* SPDX-License-Identifier: 0BSD
 *
 * What is decided and prepared before a convolution runs: the literal choices of its geometry, the packing of its weights. Plain
 * scalar C, for the compiler and for programs that call kernels directly; generated files do without it. */
#ifndef CNNC_CONV_PLAN_H
#define CNNC_CONV_PLAN_H
#include "conv.h"

/* The tile width that a level cuts a row into. */
CNNC_INLINE int cnnc_plan_cut(int width, int most)
{
    int parts = (width + most - 1) / most;
    return (width + parts - 1) / parts;
}

/* The smallest row width that every level cuts into the same tiles, so that layers share instances; 0 if all tiles are full ones. */
CNNC_INLINE int cnnc_plan_tile_w(int width, int ocb)
{
    const int most[] = {28 / ocb, 6, 3, 4}; /* AVX-512, AVX2, SSE2, the rest: cnnc_tile_nw() of simd_*.h, for blocks of 16 */
    int full = 1;
    for (size_t i = 0; i < sizeof most / sizeof *most; i++)
        full &= cnnc_plan_cut(width, most[i]) == most[i];
    if (full)
        return 0;
    for (int w = 1; w < width; w++) {
        size_t i = 0;
        while (i < sizeof most / sizeof *most && cnnc_plan_cut(width, most[i]) == cnnc_plan_cut(w, most[i]))
            i++;
        if (i == sizeof most / sizeof *most)
            return w;
    }
    return width;
}

/* Pixels that the tiles of a row compute twice, of ocb output blocks each, where a block is one vector. */
CNNC_INLINE int cnnc_plan_overlap(int width, int ocb)
{
    const int cut = cnnc_plan_cut(width, 28 / ocb);
    return (width + cut - 1) / cut * cut - width;
}

/* Output blocks per tile: a divisor, so that no tile is cut short. Not seven: with their weights in registers no room is left for more than
 * three pixels, for which the weights come from the level 2 cache, time and again; one block's stay in the first, for 28. */
CNNC_INLINE int cnnc_plan_ocb(int blocks, int width)
{
    return width <= 4 && blocks % 4 == 0 ? 4 : blocks % 2 == 0 ? 2 : blocks % 3 == 0 ? 3 : blocks % 5 == 0 ? 5 : 1;
}

/* Whether the tiles of tile_ocb blocks, if there is one per pixel only, end with half a block or less of channels. */
CNNC_INLINE int cnnc_plan_low(const struct cnnc_conv *g)
{
    return g->groups == 1 && g->tile_ocb == cnnc_blocks(g->oc) && g->oc % CNNC_B > 0 && g->oc % CNNC_B <= CNNC_B / 2;
}

/* Fills in the literal choices for the direct, transposed and first-layer kernels. The views must be set. */
CNNC_INLINE void cnnc_conv_plan(struct cnnc_conv *g)
{
    int tensor = 0;
    for (int i = 0; i < g->ep.n; i++)
        tensor |= cnnc_stage_is_tensor(g->ep.s[i].op);
    const ptrdiff_t pixels = (ptrdiff_t)g->od * g->oh * g->ow, xh = (ptrdiff_t)g->iw * CNNC_B, yh = (ptrdiff_t)g->ow * CNNC_B;
    const int most = INT_MAX / (2 * CNNC_B); /* wider rows are as good as endless */
    g->flat = (ptrdiff_t)g->kd * g->kh * g->kw == 1 && (ptrdiff_t)g->sd * g->sh * g->sw == 1 && g->pd == 0 && g->ph == 0 && g->pw == 0 &&
              pixels <= most && (pixels == g->ow || (g->x.h == xh && g->y.h == yh && (!tensor || g->add.h == yh))) &&
              (g->od == 1 || (g->x.d == g->x.h * g->ih && g->y.d == g->y.h * g->oh && (!tensor || g->add.d == g->add.h * g->oh)));
    const int width = g->flat ? (int)pixels : g->ow < most ? g->ow : most;
    g->tile_ocb = cnnc_conv_aligned(g) ? cnnc_plan_ocb(cnnc_blocks(g->oc / g->groups), width) : 1;
    g->ic_tail = g->groups == 1 ? g->ic % CNNC_B : 0;
    const long block = cnnc_conv_w_block(g, cnnc_conv_in_blocks(g)) * (long)sizeof(float);
    if (g->tile_ocb == 2 && cnnc_blocks(g->oc / g->groups) % 4 == 0 && cnnc_plan_overlap(width, 2) * 20 > width &&
        cnnc_plan_overlap(width, 4) == 0 && (!tensor || 4 * block <= CNNC_L2_BYTES / 4))
        g->tile_ocb = 4; /* planes of 7x7: seven pixels by four blocks leave nothing over */
    g->tile_w = cnnc_plan_tile_w(width, g->tile_ocb);
    g->oc_low = cnnc_plan_low(g);
    /* The weights of a pass are read by one tile of pixels after another, while those of the next arrive: both have room in the level 2 cache
     * beside what else is there, even where a neighbour takes half of it. A tensor operand that is y itself would not survive partial sums in y. */
    g->passes = 1;
    while (!tensor && g->passes * (CNNC_L2_BYTES / 8) < g->tile_ocb * block)
        g->passes *= 2;
    if (g->passes > cnnc_conv_in_blocks(g))
        g->passes = cnnc_conv_in_blocks(g);
}

/* Floats of the packed weights. */
CNNC_INLINE size_t cnnc_pack_conv_size(const struct cnnc_conv *g)
{
    return (size_t)cnnc_conv_w_block(g, cnnc_conv_in_blocks(g)) * (size_t)cnnc_blocks(g->oc);
}

/* w: [OC][IC / groups][KD][KH][KW], or transposed [IC][OC / groups][KD][KH][KW] -> [OC / B][input blocks][KD][KH][KW][B][B] */
CNNC_INLINE void cnnc_pack_conv_any(const struct cnnc_conv *g, const float *w, float *packed, int transposed)
{
    const int icg = g->ic / g->groups, ocg = g->oc / g->groups, taps = g->kd * g->kh * g->kw, blocks = cnnc_conv_in_blocks(g);
    for (int ob = 0; ob < cnnc_blocks(g->oc); ob++)
        for (int b = 0, first = cnnc_conv_in_first(g, ob, blocks); b < blocks; b++)
            for (int t = 0; t < taps; t++)
                for (int i = 0; i < (b == blocks - 1 && g->ic_tail ? g->ic_tail : CNNC_B); i++)
                    for (int o = 0; o < CNNC_B; o++) {
                        int oc = ob * CNNC_B + o, ic = (first + b) * CNNC_B + i, grp = oc / ocg;
                        int there = oc < g->oc && ic < g->ic && ic / icg == grp;
                        size_t at = transposed ? ((size_t)ic * ocg + oc % ocg) * taps + t : ((size_t)oc * icg + ic % icg) * taps + t;
                        *packed++ = there ? w[at] : 0;
                    }
}
CNNC_INLINE void cnnc_pack_conv(const struct cnnc_conv *g, const float *w, float *packed) { cnnc_pack_conv_any(g, w, packed, 0); }

/* ---- first layer ---- */

CNNC_INLINE void cnnc_conv_first_plan(struct cnnc_conv *g)
{
    g->flat = 0, g->oc_low = 0, g->passes = 1, g->ic_tail = 0;
    g->tile_ocb = cnnc_plan_ocb(cnnc_blocks(g->oc), g->ow);
    g->tile_w = cnnc_plan_tile_w(g->ow, g->tile_ocb);
}
CNNC_INLINE size_t cnnc_pack_conv_first_size(const struct cnnc_conv *g)
{
    return (size_t)cnnc_blocks(g->oc) * CNNC_B * (size_t)g->ic * (size_t)(g->kd * g->kh * g->kw);
}
/* [OC][IC][KD][KH][KW] -> [OC / B][KD][KH][KW][IC][B] */
CNNC_INLINE void cnnc_pack_conv_first(const struct cnnc_conv *g, const float *w, float *packed)
{
    const int taps = g->kd * g->kh * g->kw;
    for (int ob = 0; ob < cnnc_blocks(g->oc); ob++)
        for (int t = 0; t < taps; t++)
            for (int i = 0; i < g->ic; i++)
                for (int o = ob * CNNC_B; o < ob * CNNC_B + CNNC_B; o++)
                    *packed++ = o < g->oc ? w[((size_t)o * g->ic + i) * taps + t] : 0;
}

/* For as many channels as half a block at most. */
CNNC_INLINE void cnnc_conv_narrow_plan(struct cnnc_conv *g)
{
    g->flat = 0, g->oc_low = 0, g->passes = 1, g->ic_tail = 0;
    g->tile_ocb = g->oc; /* channels of a tile: all */
    g->tile_w = g->ow;
}

/* ---- depthwise ---- */

/* g->clip is the caller's choice. */
CNNC_INLINE void cnnc_depthwise_plan(struct cnnc_conv *g)
{
    g->flat = 0, g->oc_low = 0, g->passes = 1, g->ic_tail = 0, g->tile_ocb = 1;
    g->tile_w = cnnc_plan_cut(g->ow, 14) == 14 && cnnc_plan_cut(g->ow, 8) == 8 && cnnc_plan_cut(g->ow, 6) == 6 ? 0 : g->ow;
}
CNNC_INLINE size_t cnnc_pack_depthwise_size(const struct cnnc_conv *g)
{
    return (size_t)cnnc_blocks(g->oc) * CNNC_B * (size_t)(g->kd * g->kh * g->kw);
}
/* [C][1][KD][KH][KW] -> [C / B][KD * KH * KW][B] */
CNNC_INLINE void cnnc_pack_depthwise(const struct cnnc_conv *g, const float *w, float *packed)
{
    const int taps = g->kd * g->kh * g->kw;
    for (int cb = 0; cb < cnnc_blocks(g->oc); cb++)
        for (int t = 0; t < taps; t++)
            for (int c = cb * CNNC_B; c < cb * CNNC_B + CNNC_B; c++)
                *packed++ = c < g->oc ? w[(size_t)c * taps + t] : 0;
}

/* ---- Winograd ---- */

/* g->winograd is the caller's choice. Blocks are as equal as can be, of some 28 tiles: enough that weights which come from memory are
 * worth their way, few enough that the transforms stay in the cache. */
CNNC_INLINE void cnnc_winograd_plan(struct cnnc_conv *g)
{
    const int m = g->winograd, tiles = g->n * ((g->oh + m - 1) / m) * ((g->ow + m - 1) / m);
    const int most = tiles <= 56 || g->ic + g->oc <= 128 ? 56 : 28, blocks = (tiles + most - 1) / most;
    g->flat = 0, g->oc_low = 0, g->passes = 1, g->ic_tail = g->ic % CNNC_B;
    g->tile_block = (tiles + blocks - 1) / blocks;
    g->tile_ocb = cnnc_plan_ocb(cnnc_blocks(g->oc), g->tile_block);
    g->tile_w = cnnc_plan_tile_w(g->tile_block, g->tile_ocb);
}
/* Weights transformed in the run are made once for each block: blocks are as large as the cache allows. */
CNNC_INLINE void cnnc_winograd_raw_plan(struct cnnc_conv *g)
{
    const int tiles = g->n * ((g->oh + 3) / 4) * ((g->ow + 3) / 4), room = CNNC_L2_BYTES * 5 / 8 / (36 * CNNC_B * (int)sizeof(float));
    const int most = (int)cnnc_max(16, room / cnnc_blocks(g->ic)), blocks = (tiles + most - 1) / most;
    g->winograd = 4, g->flat = 0, g->oc_low = 0, g->passes = 1, g->ic_tail = g->ic % CNNC_B;
    g->tile_block = (tiles + blocks - 1) / blocks;
    g->tile_ocb = 1;
    g->tile_w = g->tile_block;
}
CNNC_INLINE size_t cnnc_winograd_weights_size(const struct cnnc_conv *g)
{
    return (size_t)cnnc_winograd_points(g) * (size_t)cnnc_blocks(g->oc) * (size_t)g->ic * CNNC_B;
}
/* U = G w G^T, in double: [OC][IC][r][r] -> [s^2][OC / B][IC][B], s = m + r - 1 */
CNNC_INLINE void cnnc_winograd_weights(const struct cnnc_conv *g, const float *w, float *U)
{
    static const double G4[4][5] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
    /* row: powers of a point of cnnc_winograd_in; the scale of each row makes the multiplications of cnnc_winograd_out few */
    const double q = 1.4142135623730951, t = 1. / 3;
    const double G6[6][5] = {{1, 0, 0, 0, 0}, {-t, -t / q, -t / 2, -t / q / 2, -t / 4}, {-t, t / q, -t / 2, t / q / 2, -t / 4},
                             {q / 6, t, q / 3, 2 * t, 2 * q / 3}, {q / 6, -t, q / 3, -2 * t, 2 * q / 3}, {0, 0, 0, 0, 0}};
    const int r = g->kh, s = g->winograd + r - 1;
    const size_t position = (size_t)cnnc_blocks(g->oc) * (size_t)g->ic * CNNC_B;
    double G[6][5];
    for (int i = 0; i < s; i++)
        for (int k = 0; k < r; k++)
            G[i][k] = s == 4 ? G4[i][k] : i == 5 ? k == r - 1 : G6[i][k];
    for (int o = 0; o < cnnc_blocks(g->oc) * CNNC_B; o++)
        for (int i = 0; i < g->ic; i++) {
            const size_t at = ((size_t)(o / CNNC_B) * g->ic + i) * CNNC_B + o % CNNC_B;
            const float *p = w + ((size_t)o * g->ic + i) * r * r;
            for (int y = 0; y < s; y++) {
                double row[5] = {0};
                for (int c = 0; c < r && o < g->oc; c++)
                    for (int k = 0; k < r; k++)
                        row[c] += G[y][k] * p[k * r + c];
                for (int x = 0; x < s; x++) {
                    double v = 0;
                    for (int k = 0; k < r; k++)
                        v += row[k] * G[x][k];
                    U[(y * s + x) * position + at] = (float)v;
                }
            }
        }
}

/* ---- convolution and max pooling ---- */

/* For the direct kernel where rows are computed one at a time and in one pass. */
CNNC_INLINE void cnnc_conv_rows_plan(struct cnnc_conv *c)
{
    c->flat = 0, c->passes = 1;
    c->tile_ocb = cnnc_conv_aligned(c) ? cnnc_plan_ocb(cnnc_blocks(c->oc / c->groups), c->ow) : 1;
    c->tile_w = cnnc_plan_tile_w(c->ow, c->tile_ocb);
    c->ic_tail = c->groups == 1 ? c->ic % CNNC_B : 0;
    c->oc_low = cnnc_plan_low(c);
}

CNNC_INLINE void cnnc_conv_depthwise_plan(struct cnnc_conv_depthwise *g)
{
    cnnc_conv_rows_plan(&g->c);
    cnnc_depthwise_plan(&g->d);
}

/* Without a first convolution, g->c is all zero. */
CNNC_INLINE void cnnc_inverted_residual_plan(struct cnnc_inverted_residual *g)
{
    if (g->c.oc)
        cnnc_conv_rows_plan(&g->c);
    cnnc_depthwise_plan(&g->d);
    cnnc_conv_rows_plan(&g->e);
}

/* ---- transposed ---- */

/* The halo along the width: how far the taps of the first and the last outputs reach. */
CNNC_INLINE void cnnc_conv_transpose_halo(const struct cnnc_conv *g, int *before, int *after)
{
    *before = (int)cnnc_max(0, ((g->kw - 1) * g->dw - g->pw + g->sw - 1) / g->sw);
    *after = (int)cnnc_max(0, (g->ow - 1 + g->pw) / g->sw - (g->iw - 1));
}
CNNC_INLINE void cnnc_conv_transpose_plan(struct cnnc_conv *g)
{
    const int width = g->ow >= g->sw ? g->ow / g->sw : 1; /* of the shortest phase */
    g->flat = 0, g->oc_low = 0, g->passes = 1;
    g->tile_ocb = cnnc_conv_aligned(g) ? cnnc_plan_ocb(cnnc_blocks(g->oc / g->groups), width) : 1;
    g->tile_w = cnnc_plan_tile_w(width, g->tile_ocb);
    g->ic_tail = g->groups == 1 ? g->ic % CNNC_B : 0;
}
/* [IC][OC / groups][KD][KH][KW] */
CNNC_INLINE void cnnc_pack_conv_transpose(const struct cnnc_conv *g, const float *w, float *packed) { cnnc_pack_conv_any(g, w, packed, 1); }

#endif
