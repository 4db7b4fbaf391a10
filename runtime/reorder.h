/* SPDX-License-Identifier: 0BSD
 *
 * Changes of layout: plain to blocked and back, the user's picture to either, zeroes around a tensor.
 */
#include "base.h"
#include "reorder_types.h"
#include "simd.h"

/* Row r of all the rows of n x c x d planes of height h, as a place in a tensor. */
CNNC_INLINE ptrdiff_t CNNC_FN(cnnc_row_offset)(long r, int c, int d, int h, struct cnnc_view v)
{
    const long y = r % h, z = r / h % d, channel = r / h / d % c, batch = r / h / d / c;
    return batch * v.n + channel * v.c + z * v.d + y * v.h;
}

/* Plain to blocked; channels past c are zero. */
CNNC_INLINE void CNNC_FN(cnnc_to_blocked)(const struct cnnc_reorder *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int blocks = (g->c + CNNC_B - 1) / CNNC_B;
    struct cnnc_view x = g->x;
    long r, last;
    x.c *= CNNC_B;
    cnnc_split((long)g->n * blocks * g->d * g->h, t, &r, &last);
    for (; r < last; r++) {
        const int b = (int)(r / g->h / g->d % blocks);
        const int channels = (int)cnnc_min(CNNC_B, g->c - (long)b * CNNC_B);
        const float *from = (const float *)in[0] + CNNC_FN(cnnc_row_offset)(r, blocks, g->d, g->h, x);
        float *to = (float *)out[0] + CNNC_FN(cnnc_row_offset)(r, blocks, g->d, g->h, g->y);
        if (channels == CNNC_B) {
            for (int i = 0; i < g->w; i++)
                for (int k = 0; k < CNNC_B; k++)
                    to[(ptrdiff_t)i * CNNC_B + k] = from[k * g->x.c + i];
        } else {
            for (int i = 0; i < g->w; i++)
                for (int k = 0; k < CNNC_B; k++)
                    to[(ptrdiff_t)i * CNNC_B + k] = k < channels ? from[k * g->x.c + i] : 0;
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_to_plain)(const struct cnnc_reorder *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int blocks = (g->c + CNNC_B - 1) / CNNC_B;
    struct cnnc_view y = g->y;
    long r, last;
    y.c *= CNNC_B;
    cnnc_split((long)g->n * blocks * g->d * g->h, t, &r, &last);
    for (; r < last; r++) {
        const int b = (int)(r / g->h / g->d % blocks);
        const int channels = (int)cnnc_min(CNNC_B, g->c - (long)b * CNNC_B);
        const float *from = (const float *)in[0] + CNNC_FN(cnnc_row_offset)(r, blocks, g->d, g->h, g->x);
        float *to = (float *)out[0] + CNNC_FN(cnnc_row_offset)(r, blocks, g->d, g->h, y);
        for (int k = 0; k < channels; k++)
            for (int i = 0; i < g->w; i++)
                to[k * g->y.c + i] = from[(ptrdiff_t)i * CNNC_B + k];
    }
}

/* The same layout on both sides, other strides: into or out of a halo or a slice. */
CNNC_INLINE void CNNC_FN(cnnc_copy_view)(const struct cnnc_reorder *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int blocks = (g->c + g->block - 1) / g->block;
    long r, last;
    cnnc_split((long)g->n * blocks * g->d * g->h, t, &r, &last);
    for (; r < last; r++)
        memcpy((float *)out[0] + CNNC_FN(cnnc_row_offset)(r, blocks, g->d, g->h, g->y),
               (const float *)in[0] + CNNC_FN(cnnc_row_offset)(r, blocks, g->d, g->h, g->x),
               (size_t)g->w * (size_t)g->block * sizeof(float));
}

/* A row of bytes, every xw-th, as (x - mean) * scale. They are brought together first: vectors then turn them into floats. */
CNNC_INLINE void CNNC_FN(cnnc_input_bytes)(float *to, const uint8_t *x, ptrdiff_t xw, int w, float mean, float scale)
{
    const cnnc_vf m = CNNC_VSET1(mean), s = CNNC_VSET1(scale);
    enum { CNNC_TOGETHER = 128 };
    uint8_t part[CNNC_TOGETHER + CNNC_VL];
    for (int i = 0; i < w; i += CNNC_TOGETHER) {
        const int n = (int)cnnc_min(CNNC_TOGETHER, w - i);
        for (int k = 0; k < n; k++)
            part[k] = x[(i + k) * xw];
        for (int k = n; k < n + CNNC_VL; k++)
            part[k] = 0;
        for (int k = 0; k < n; k += CNNC_VL) {
            const cnnc_vf v = CNNC_VMUL(CNNC_VSUB(CNNC_VTO_FLOAT(CNNC_VLOAD_U8(part + k)), m), s);
            if (n - k >= CNNC_VL)
                CNNC_VSTORE(to + i + k, v);
            else
                CNNC_VSTORE_N(to + i + k, v, n - k);
        }
    }
}

/* y = (x - mean) / deviation, for floats or bytes, in any order of the axes. */
CNNC_INLINE void CNNC_FN(cnnc_input)(const struct cnnc_input *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int block = g->blocked ? CNNC_B : 1, blocks = (g->c + block - 1) / block;
    const float *mean = (const float *)in[1], *scale = (const float *)in[2];
    long r, last;
    cnnc_split((long)g->n * blocks * g->d * g->h, t, &r, &last);
    for (; r < last; r++) {
        const long y = r % g->h, z = r / g->h % g->d, b = r / g->h / g->d % blocks, n = r / g->h / g->d / blocks;
        const ptrdiff_t at = n * g->xn + z * g->xd + y * g->xh;
        float *to = (float *)out[0] + CNNC_FN(cnnc_row_offset)(r, blocks, g->d, g->h, g->y);
        for (int k = 0; k < block; k++) {
            const long c = b * block + k;
            const float m = mean && c < g->c ? mean[c] : 0, s = scale && c < g->c ? scale[c] : 1;
            if (g->u8 && !g->blocked) {
                CNNC_FN(cnnc_input_bytes)(to, (const uint8_t *)in[0] + at + c * g->xc, g->xw, g->w, m, s);
                continue;
            }
            if (c >= g->c)
                for (int i = 0; i < g->w; i++)
                    to[(ptrdiff_t)i * block + k] = 0;
            else if (g->u8)
                for (int i = 0; i < g->w; i++)
                    to[(ptrdiff_t)i * block + k] = ((float)((const uint8_t *)in[0])[at + c * g->xc + i * g->xw] - m) * s;
            else
                for (int i = 0; i < g->w; i++)
                    to[(ptrdiff_t)i * block + k] = (((const float *)in[0])[at + c * g->xc + i * g->xw] - m) * s;
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_halo)(const struct cnnc_halo *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const size_t row = (size_t)(g->before[2] + g->w + g->after[2]) * (size_t)g->block * sizeof(float);
    const ptrdiff_t left = (ptrdiff_t)g->before[2] * g->block, right = (ptrdiff_t)g->w * g->block;
    long p, last;
    (void)in;
    cnnc_split((long)g->n * g->c, t, &p, &last);
    for (; p < last; p++) {
        float *plane = (float *)out[0] + p / g->c * g->y.n + p % g->c * g->y.c;
        for (int z = -g->before[0]; z < g->d + g->after[0]; z++)
            for (int y = -g->before[1]; y < g->h + g->after[1]; y++) {
                float *start = plane + z * g->y.d + y * g->y.h;
                if (z < 0 || z >= g->d || y < 0 || y >= g->h) {
                    memset(start - left, 0, row);
                    continue;
                }
                memset(start - left, 0, (size_t)left * sizeof(float));
                memset(start + right, 0, (size_t)g->after[2] * (size_t)g->block * sizeof(float));
            }
    }
}
