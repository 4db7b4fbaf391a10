/* SPDX-License-Identifier: 0BSD
 *
 * Convolution to few channels (at most half a block), without or with max pooling: where channels would leave most of a vector empty, a
 * vector holds neighbouring pixels instead. x plain (few channels: the user's picture), or blocked and clipped at its border
 * (cnnc_conv_narrow_blocked, any number of channels); y blocked, stride 1 along the width, no groups. Geometry struct
 * cnnc_conv or cnnc_conv_pool (2-D) after cnnc_conv_narrow_plan(); weights of cnnc_pack_conv_first(); scratch cnnc_conv_narrow_scratch().
 *
 * Rows of the convolution go to a ring in scratch, channel by channel, two at once where registers allow. Pooling takes their maxima down the
 * columns there, so the epilogue, which comes last, must be of stages that keep the order of values. */
#include "conv_first.h"

#ifndef CNNC_CONV_NARROW_H
#define CNNC_CONV_NARROW_H

/* Vectors of pixels of a tile: rows cut into as few equal parts as the registers allow. */
CNNC_INLINE int CNNC_FN(cnnc_narrow_nx)(int width, int channels)
{
    const int most = CNNC_TILE_ACC >= channels ? CNNC_TILE_ACC / channels : 1, vectors = (width + CNNC_VL - 1) / CNNC_VL;
    const int parts = (vectors + most - 1) / most;
    return (vectors + parts - 1) / parts;
}

/* Rows of a tile: two share the weights that they read. */
CNNC_INLINE int CNNC_FN(cnnc_narrow_rows)(int channels, int nx) { return 2 * channels * nx <= CNNC_TILE_ACC ? 2 : 1; }

/* The band of cnnc_first_band() from blocked x. */
CNNC_INLINE void CNNC_FN(cnnc_narrow_band)(const struct cnnc_conv *k, const float *x, float *band, long z, long row, long rows)
{
    const long width = cnnc_first_width(k), high = (rows - 1) * k->sh + (k->kh - 1) * k->dh + 1, inside = cnnc_min(k->iw, width - k->pw);
    memset(band, 0, (size_t)(k->kd * high * k->ic * width) * sizeof *band);
    for (long a = 0; a < k->kd; a++)
        for (long r = 0; r < high; r++, band += k->ic * width) {
            const long iz = z * k->sd - k->pd + a * k->dd, iy = row * k->sh - k->ph + r;
            if (iz < 0 || iz >= k->id || iy < 0 || iy >= k->ih)
                continue;
            for (long c = 0; c < k->ic; c++) {
                const float *from = x + c / CNNC_B * k->x.c + iz * k->x.d + iy * k->x.h + c % CNNC_B;
                for (long i = 0; i < inside; i++)
                    band[c * width + k->pw + i] = from[i * CNNC_B];
            }
        }
}

/* NR rows of all channels, r the first of them: row[NR][channel][pitch]. band: their first input row; plane: floats between planes of the
 * band. Rows of taps that meet nothing but padding are left out. */
CNNC_INLINE void CNNC_FN(cnnc_narrow_row)(const struct cnnc_conv *k, const float *band, long plane, const float *w, const float *bias,
                                          float *row, long pitch, long r, const int OC, const int NX, const int NR)
{
    const long width = cnnc_first_width(k), below = k->sh * k->ic * width; /* of the next row */
    const long above = k->ph - (r + NR - 1) * k->sh, end = k->ih - 1 + k->ph - r * k->sh;
    const long b0 = above > 0 ? (above + k->dh - 1) / k->dh : 0, b1 = end < 0 ? 0 : cnnc_min(k->kh, end / k->dh + 1);
    for (long at = 0; at < k->ow; at += NX * CNNC_VL) {
        cnnc_vf acc[CNNC_TILE_ACC > 8 ? CNNC_TILE_ACC : 8];
        CNNC_UNROLL
        for (int o = 0; o < OC; o++) {
            CNNC_UNROLL
            for (int v = 0; v < NR * NX; v++)
                acc[o * NR * NX + v] = bias ? CNNC_VSET1(bias[o]) : CNNC_VZERO();
        }
        for (int a = 0; a < k->kd; a++)
            for (long b = b0; b < b1; b++)
                for (int c = 0; c < k->ic; c++) {
                    const float *x = band + a * plane + (b * k->dh * k->ic + c) * width + at;
                    const float *wp = w + (((a * k->kh + b) * k->kw) * k->ic + c) * CNNC_B;
                    for (int e = 0; e < k->kw; e++, x += k->dw, wp += k->ic * CNNC_B) {
                        cnnc_vf in[CNNC_TILE_ACC > 8 ? CNNC_TILE_ACC : 8];
                        CNNC_UNROLL
                        for (int v = 0; v < NR * NX; v++)
                            in[v] = CNNC_VLOAD(x + v / NX * below + v % NX * CNNC_VL);
                        CNNC_UNROLL
                        for (int o = 0; o < OC; o++) {
                            const cnnc_vf s = CNNC_VSET1(wp[o]);
                            CNNC_UNROLL
                            for (int v = 0; v < NR * NX; v++)
                                acc[o * NR * NX + v] = CNNC_VFMA(s, in[v], acc[o * NR * NX + v]);
                        }
                    }
                }
        CNNC_UNROLL
        for (int o = 0; o < OC; o++) {
            CNNC_UNROLL
            for (int v = 0; v < NR * NX; v++)
                CNNC_VSTORE(row + (v / NX * OC + o) * pitch + at + v % NX * CNNC_VL, acc[o * NR * NX + v]);
        }
    }
}

/* The channels of one pixel of y: of pixel `at` of the row, or the maxima of the window that begins there. */
CNNC_INLINE void CNNC_FN(cnnc_narrow_pixel)(const struct cnnc_conv_pool *p, const float *row, long pitch, float *pixel, long at, long width,
                                            const int OC)
{
    if (p && (at < 0 || at + p->pool_kw > width))
        for (int o = 0; o < OC; o++) {
            pixel[o] = row[o * pitch + cnnc_max(at, 0)];
            for (long q = cnnc_max(at, 0) + 1; q < cnnc_min(at + p->pool_kw, width); q++)
                pixel[o] = row[o * pitch + q] > pixel[o] ? row[o * pitch + q] : pixel[o];
        }
    else
        CNNC_UNROLL
        for (int o = 0; o < OC; o++) {
            const float *x = row + o * pitch + at;
            float m = x[0];
            for (int q = 1; p && q < p->pool_kw; q++)
                m = x[q] > m ? x[q] : m;
            pixel[o] = m;
        }
}

/* p: the pooling, or NULL; blocked: so x is. */
CNNC_INLINE void CNNC_FN(cnnc_narrow_any)(const struct cnnc_conv *k, const struct cnnc_conv_pool *p, const int blocked, const void *const in[],
                                          void *const out[], struct cnnc_thread t)
{
    const int OC = k->tile_ocb, NX = CNNC_FN(cnnc_narrow_nx)(k->tile_w, OC), NR = CNNC_FN(cnnc_narrow_rows)(OC, NX);
    const long oh = p ? p->pool_oh : (long)k->od * k->oh, ow = p ? p->pool_ow : k->ow, window = p ? p->pool_kh : 1;
    const long ring = (window + NR) / NR * NR; /* two rows lie one behind the other */
    const long pitch = (k->ow + NX * CNNC_VL - 1) / (NX * CNNC_VL) * (NX * CNNC_VL), most = cnnc_first_rows(k), line = k->ic * cnnc_first_width(k);
    const struct cnnc_stage_args args = cnnc_stage_args(&k->ep, in, 3);
    float *band = (float *)t.scratch, *rows = band + cnnc_conv_first_scratch(k) / sizeof(float) + CNNC_NARROW_SLACK;
    float *top = rows + ring * OC * pitch, *pixels = top + OC * pitch; /* a row of y before the epilogue */
    float *wide = pixels + ow * CNNC_B; /* weights of 16 bits, as floats */
    const float *w = k->half ? wide : (const float *)in[1];
    long first, last, done = 0, low = 0, high = 0; /* rows below `done` are in the ring, those from low to high in the band */
    memset(pixels, 0, (size_t)ow * CNNC_B * sizeof *pixels);
    for (size_t i = 0; i < cnnc_conv_narrow_weights(k); i += CNNC_VL)
        CNNC_VSTORE(wide + i, CNNC_FN(cnnc_weights)(in[1], (ptrdiff_t)i, k->half));
    cnnc_split(k->n * oh, t, &first, &last);
    for (long u = first; u < last; u++) {
        const long r = u % oh, n = u / oh, z = p ? 0 : r / k->oh;
        const float *from;
        long r0 = p ? 0 : r % k->oh, r1 = r0 + 1;
        if (p)
            cnnc_pool_needs(p, r, &r0, &r1);
        if (u == first || r0 == 0)
            done = r0, low = high = 0;
        for (done = cnnc_max(done, r0); done < r1;) {
            if (done < low || done >= high) {
                low = done, high = cnnc_min(low + most, k->oh);
                const float *x = (const float *)in[0] + n * k->x.n;
                if (blocked)
                    CNNC_FN(cnnc_narrow_band)(k, x, band, z, low, high - low);
                else
                    CNNC_FN(cnnc_first_band)(k, x, band, z, low, high - low);
            }
            const float *from_band = band + (done - low) * k->sh * line, *bias = (const float *)in[2];
            const long plane = ((high - low - 1) * k->sh + (k->kh - 1) * k->dh + 1) * line;
            float *to = rows + done % ring * OC * pitch;
            if (NR == 2 && done + 1 < high && done % ring + 1 < ring) {
                CNNC_FN(cnnc_narrow_row)(k, from_band, plane, w, bias, to, pitch, done, OC, NX, 2);
                done += 2;
            } else {
                CNNC_FN(cnnc_narrow_row)(k, from_band, plane, w, bias, to, pitch, done, OC, NX, 1);
                done++;
            }
        }
        if (p) {
            for (long i = 0; i < OC * pitch; i += CNNC_VL) {
                cnnc_vf m = CNNC_VLOAD(rows + r0 % ring * OC * pitch + i);
                for (long q = r0 + 1; q < r1; q++)
                    m = CNNC_VMAX(m, CNNC_VLOAD(rows + q % ring * OC * pitch + i));
                CNNC_VSTORE(top + i, m);
            }
            from = top;
        } else {
            from = rows + r0 % ring * OC * pitch;
        }
        float *y = (float *)out[0] + n * k->y.n + z * k->y.d + (p ? r : r % k->oh) * k->y.h;
        const struct cnnc_stage_args row = cnnc_stage_args_at(&k->ep, args, n * k->add.n + z * k->add.d + r % k->oh * k->add.h, 0);
        for (long c = 0; c < ow; c++)
            CNNC_FN(cnnc_narrow_pixel)(p, from, pitch, pixels + c * CNNC_B, p ? c * p->pool_sw - p->pool_pw : c, k->ow, OC);
        for (long c = 0; c < ow; c++)
            for (int l = 0; l < CNNC_B; l += CNNC_VL) {
                cnnc_vf v = CNNC_VLOAD(pixels + c * CNNC_B + l);
                const struct cnnc_stage_args here = cnnc_stage_args_at(&k->ep, row, c * CNNC_B + l, l);
                CNNC_FN(cnnc_tile_finish)(&v, y + c * CNNC_B + l, &k->ep, &here, 1, 1, CNNC_B, 0, CNNC_B, 0, 0, k->oc - l);
            }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_narrow)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    CNNC_FN(cnnc_narrow_any)(g, NULL, 0, in, out, t);
}
CNNC_INLINE void CNNC_FN(cnnc_conv_narrow_blocked)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    CNNC_FN(cnnc_narrow_any)(g, NULL, 1, in, out, t);
}
CNNC_INLINE void CNNC_FN(cnnc_conv_narrow_pool)(const struct cnnc_conv_pool *g, const void *const in[], void *const out[],
                                                struct cnnc_thread t)
{
    CNNC_FN(cnnc_narrow_any)(&g->c, g, 0, in, out, t);
}
#endif
