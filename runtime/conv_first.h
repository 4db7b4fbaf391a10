/* SPDX-License-Identifier: 0BSD
 *
 * Convolution of the user's picture: few input channels in plain layout, without halo; y is blocked. No groups. Geometry struct
 * cnnc_conv after cnnc_conv_first_plan(), x a plain view; weights of cnnc_pack_conv_first(): [OC / B][KD][KH][KW][IC][B];
 * scratch cnnc_conv_first_scratch(): a band of input rows with the padding made real, good for a few output rows. */
#include "conv_tile.h"

#ifndef CNNC_CONV_FIRST_H
#define CNNC_CONV_FIRST_H

/* The band of output rows `row` on (plane z): [KD][rows][IC][width]. x points at the image. */
CNNC_INLINE void CNNC_FN(cnnc_first_band)(const struct cnnc_conv *k, const float *x, float *band, long z, long row, long rows)
{
    const long width = cnnc_first_width(k), high = (rows - 1) * k->sh + (k->kh - 1) * k->dh + 1;
    const long left = cnnc_min(k->pw, width), inside = cnnc_max(cnnc_min(k->iw, width - left), 0);
    for (long a = 0; a < k->kd; a++)
        for (long r = 0; r < high; r++)
            for (long c = 0; c < k->ic; c++, band += width) {
                const long iz = z * k->sd - k->pd + a * k->dd, iy = row * k->sh - k->ph + r;
                if (iz < 0 || iz >= k->id || iy < 0 || iy >= k->ih) {
                    memset(band, 0, (size_t)width * sizeof *band);
                    continue;
                }
                memset(band, 0, (size_t)left * sizeof *band);
                memcpy(band + left, x + c * k->x.c + iz * k->x.d + iy * k->x.h, (size_t)inside * sizeof *band);
                memset(band + left + inside, 0, (size_t)(width - left - inside) * sizeof *band);
            }
}

/* One row of output vectors v.. from the band. band: the first input row of this output row; plane: floats between planes of the band. y: the
 * row's first pixel, blocks y_block apart; args: the operands there. */
CNNC_INLINE void CNNC_FN(cnnc_first_row)(const struct cnnc_conv *k, const float *band, long plane, const void *w, const float *bias,
                                         float *y, ptrdiff_t y_block, struct cnnc_stage_args args, const int NW, const int NV, int v)
{
    const int ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
    const ptrdiff_t wo = (ptrdiff_t)k->kd * k->kh * k->kw * k->ic * CNNC_B;
    const long width = cnnc_first_width(k);
    w = cnnc_weights_at(w, ob * wo + lane, k->half);
    for (long tx = 0; tx < k->ow; tx += NW) {
        const long at = tx < k->ow - NW ? tx : k->ow - NW;
        cnnc_vf acc[CNNC_TILE_ACC];
        CNNC_FN(cnnc_tile_bias)(acc, bias ? bias + ob * CNNC_B + lane : NULL, NW, NV);
        for (int a = 0; a < k->kd; a++)
            for (int b = 0; b < k->kh; b++)
                for (int c = 0; c < k->ic; c++) {
                    const float *xp = band + a * plane + (b * k->dh * k->ic + c) * width + at * k->sw;
                    ptrdiff_t at_w = (((a * k->kh + b) * k->kw) * k->ic + c) * CNNC_B;
                    for (int e = 0; e < k->kw; e++, xp += k->dw, at_w += k->ic * CNNC_B) {
                        CNNC_OPAQUE(xp); /* neighbouring taps share pixels: the compiler would keep them, and run out of registers */
                        CNNC_FN(cnnc_tile_fma)(acc, xp, cnnc_weights_at(w, at_w, k->half), NW, NV, k->sw, wo, 1, 0, k->half);
                    }
                }
        struct cnnc_stage_args here = cnnc_stage_args_at(&k->ep, args, at * CNNC_B, 0);
        CNNC_FN(cnnc_tile_finish)(acc, y + at * CNNC_B, &k->ep, &here, NW, NV, CNNC_B, y_block, CNNC_B, k->add.c, (int)(tx - at),
                                  k->oc - ob * CNNC_B - lane);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_first)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_conv *k = g;
    const int NV = CNNC_FN(cnnc_tile_nv)(k->tile_ocb), NW = CNNC_FN(cnnc_tile_nw)(k->tile_w, NV);
    const long vectors = cnnc_blocks(k->oc) * CNNC_VPB, lines = (long)k->n * k->od * k->oh, most = cnnc_first_rows(k);
    const struct cnnc_stage_args args = cnnc_stage_args(&k->ep, in, 3);
    float *band = (float *)t.scratch;
    long first = 0, last = lines, v0 = 0, v1 = vectors;
    if (lines >= 2 * t.count)
        cnnc_split(lines, t, &first, &last);
    else { /* few rows (1-D): split the channels, each thread has its own band */
        cnnc_split(vectors / NV, t, &v0, &v1);
        v0 *= NV, v1 *= NV;
    }
    while (first < last) {
        const long row = first % k->oh, z = first / k->oh % k->od, n = first / k->oh / k->od;
        const long rows = cnnc_min(cnnc_min(most, last - first), k->oh - row);
        const long pitch = k->ic * cnnc_first_width(k), plane = ((rows - 1) * k->sh + (k->kh - 1) * k->dh + 1) * pitch;
        CNNC_FN(cnnc_first_band)(k, (const float *)in[0] + n * k->x.n, band, z, row, rows);
        for (long v = v0; v < v1; v += NV)
            for (long r = 0; r < rows; r++) {
                const ptrdiff_t c = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
                const ptrdiff_t y = n * k->y.n + c * k->y.c + z * k->y.d + (row + r) * k->y.h + lane;
                const ptrdiff_t a = n * k->add.n + c * k->add.c + z * k->add.d + (row + r) * k->add.h + lane;
                CNNC_FN(cnnc_first_row)(k, band + r * k->sh * pitch, plane, in[1], (const float *)in[2],
                                        (float *)out[0] + y, k->y.c, cnnc_stage_args_at(&k->ep, args, a, c * CNNC_B + lane), NW, NV,
                                        (int)v);
            }
        first += rows;
    }
}
#endif
