/* SPDX-License-Identifier: 0BSD
 *
 * Convolution of the user's picture to few channels (at most half a block), without or with max pooling: where channels would leave most of
 * a vector empty, a vector holds neighbouring pixels instead. x plain, y blocked, stride 1 along the width, no groups. Geometry struct
 * cnnc_conv or cnnc_conv_pool (2-D) after cnnc_conv_narrow_plan(); weights of cnnc_pack_conv_first(); scratch cnnc_conv_narrow_scratch().
 *
 * Rows of the convolution go to a ring in scratch, channel by channel. Pooling takes their maxima down the columns there, so the epilogue,
 * which comes last, must be of stages that keep the order of values. */
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

/* One row of all channels: row[channel][pitch]. band: its first input row; plane: floats between planes of the band. */
CNNC_INLINE void CNNC_FN(cnnc_narrow_row)(const struct cnnc_conv *k, const float *band, long plane, const float *w, const float *bias,
                                          float *row, long pitch, const int OC, const int NX)
{
    const long width = cnnc_first_width(k);
    for (long at = 0; at < k->ow; at += NX * CNNC_VL) {
        cnnc_vf acc[CNNC_TILE_ACC > 8 ? CNNC_TILE_ACC : 8];
        CNNC_UNROLL
        for (int o = 0; o < OC; o++) {
            CNNC_UNROLL
            for (int v = 0; v < NX; v++)
                acc[o * NX + v] = bias ? CNNC_VSET1(bias[o]) : CNNC_VZERO();
        }
        for (int a = 0; a < k->kd; a++)
            for (int b = 0; b < k->kh; b++)
                for (int c = 0; c < k->ic; c++) {
                    const float *x = band + a * plane + (b * k->dh * k->ic + c) * width + at;
                    const float *wp = w + (((a * k->kh + b) * k->kw) * k->ic + c) * CNNC_B;
                    for (int e = 0; e < k->kw; e++, x += k->dw, wp += k->ic * CNNC_B) {
                        CNNC_UNROLL
                        for (int o = 0; o < OC; o++) {
                            const cnnc_vf s = CNNC_VSET1(wp[o]);
                            CNNC_UNROLL
                            for (int v = 0; v < NX; v++)
                                acc[o * NX + v] = CNNC_VFMA(s, CNNC_VLOAD(x + v * CNNC_VL), acc[o * NX + v]);
                        }
                    }
                }
        CNNC_UNROLL
        for (int o = 0; o < OC; o++) {
            CNNC_UNROLL
            for (int v = 0; v < NX; v++)
                CNNC_VSTORE(row + o * pitch + at + v * CNNC_VL, acc[o * NX + v]);
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

/* p: the pooling, or NULL. */
CNNC_INLINE void CNNC_FN(cnnc_narrow_any)(const struct cnnc_conv *k, const struct cnnc_conv_pool *p, const void *const in[], void *const out[],
                                          struct cnnc_thread t)
{
    const int OC = k->tile_ocb, NX = CNNC_FN(cnnc_narrow_nx)(k->tile_w, OC);
    const long oh = p ? p->pool_oh : (long)k->od * k->oh, ow = p ? p->pool_ow : k->ow, ring = p ? p->pool_kh : 1;
    const long pitch = (k->ow + NX * CNNC_VL - 1) / (NX * CNNC_VL) * (NX * CNNC_VL), most = cnnc_first_rows(k), line = k->ic * cnnc_first_width(k);
    const struct cnnc_stage_args args = cnnc_stage_args(&k->ep, in, 3);
    float *band = (float *)t.scratch, *rows = band + cnnc_conv_first_scratch(k) / sizeof(float) + CNNC_NARROW_SLACK;
    float *top = rows + ring * OC * pitch, *pixels = top + OC * pitch; /* a row of y before the epilogue */
    long first, last, done = 0, low = 0, high = 0; /* rows below `done` are in the ring, those from low to high in the band */
    memset(pixels, 0, (size_t)ow * CNNC_B * sizeof *pixels);
    cnnc_split(k->n * oh, t, &first, &last);
    for (long u = first; u < last; u++) {
        const long r = u % oh, n = u / oh, z = p ? 0 : r / k->oh;
        const float *from = rows;
        long r0 = p ? 0 : r % k->oh, r1 = r0 + 1;
        if (p)
            cnnc_pool_needs(p, r, &r0, &r1);
        if (u == first || r0 == 0)
            done = r0, low = high = 0;
        for (done = cnnc_max(done, r0); done < r1; done++) {
            if (done < low || done >= high) {
                low = done, high = cnnc_min(low + most, k->oh);
                CNNC_FN(cnnc_first_band)(k, (const float *)in[0] + n * k->x.n, band, z, low, high - low);
            }
            CNNC_FN(cnnc_narrow_row)(k, band + (done - low) * k->sh * line, ((high - low - 1) * k->sh + (k->kh - 1) * k->dh + 1) * line,
                                     (const float *)in[1], (const float *)in[2], rows + done % ring * OC * pitch, pitch, OC, NX);
        }
        if (p) {
            for (long i = 0; i < OC * pitch; i += CNNC_VL) {
                cnnc_vf m = CNNC_VLOAD(rows + r0 % ring * OC * pitch + i);
                for (long q = r0 + 1; q < r1; q++)
                    m = CNNC_VMAX(m, CNNC_VLOAD(rows + q % ring * OC * pitch + i));
                CNNC_VSTORE(top + i, m);
            }
            from = top;
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
    CNNC_FN(cnnc_narrow_any)(g, NULL, in, out, t);
}
CNNC_INLINE void CNNC_FN(cnnc_conv_narrow_pool)(const struct cnnc_conv_pool *g, const void *const in[], void *const out[],
                                                struct cnnc_thread t)
{
    CNNC_FN(cnnc_narrow_any)(&g->c, g, in, out, t);
}
#endif
