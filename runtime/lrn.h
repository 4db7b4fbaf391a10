/* SPDX-License-Identifier: 0BSD
 *
 * Local response normalisation on vectors. In the blocked layout the neighbours of a channel may be in another block: the squares of a few
 * pixels are laid out with all their channels in a row, and summed from there.
 */
#include "lrn_types.h"
#include "vecmath.h"

/* v^-beta */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_lrn_power)(cnnc_vf v, float beta)
{
    const cnnc_vf one = CNNC_VSET1(1);
    if (beta == 0.75f) {
        const cnnc_vf root = CNNC_VSQRT(v);
        return CNNC_VDIV(one, CNNC_VMUL(root, CNNC_VSQRT(root)));
    }
    if (beta == 0.5f)
        return CNNC_VDIV(one, CNNC_VSQRT(v));
    if (beta == 1)
        return CNNC_VDIV(one, v);
    return CNNC_FN(cnnc_vexp)(CNNC_VMUL(CNNC_VSET1(-beta), CNNC_FN(cnnc_vlog)(v)));
}

CNNC_INLINE void CNNC_FN(cnnc_lrn_blocked)(const struct cnnc_lrn_vector *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int blocks = cnnc_blocks(g->c), below = (g->size - 1) / 2;
    const ptrdiff_t step = CNNC_LRN_STEP(g->c);
    const cnnc_vf scale = CNNC_VSET1(g->alpha / (float)g->size), bias = CNNC_VSET1(g->bias);
    float *square = (float *)t.scratch;
    long r, last;
    memset(square, 0, CNNC_LRN_SCRATCH(g->c));
    cnnc_split((long)g->n * g->d * g->h, t, &r, &last);
    for (; r < last; r++) {
        const long y = r % g->h, z = r / g->h % g->d, n = r / g->h / g->d;
        const float *x = (const float *)in[0] + n * g->x.n + z * g->x.d + y * g->x.h;
        float *to = (float *)out[0] + n * g->y.n + z * g->y.d + y * g->y.h;
        for (int i = 0; i < g->w; i += CNNC_LRN_PIXELS) {
            const int pixels = (int)cnnc_min(CNNC_LRN_PIXELS, g->w - i);
            for (int b = 0; b < blocks; b++)
                for (int p = 0; p < pixels; p++)
                    for (int v = 0; v < CNNC_B; v += CNNC_VL) {
                        const cnnc_vf a = CNNC_VLOAD(x + b * g->x.c + (ptrdiff_t)(i + p) * CNNC_B + v);
                        CNNC_VSTORE(square + p * step + (b + 1) * CNNC_B + v, CNNC_VMUL(a, a));
                    }
            for (int b = 0; b < blocks; b++)
                for (int p = 0; p < pixels; p++)
                    for (int v = 0; v < CNNC_B; v += CNNC_VL) {
                        const ptrdiff_t at = (ptrdiff_t)(i + p) * CNNC_B + v;
                        const float *s = square + p * step + (b + 1) * CNNC_B + v - below;
                        cnnc_vf sum = CNNC_VLOAD(s);
                        for (int k = 1; k < g->size; k++)
                            sum = CNNC_VADD(sum, CNNC_VLOAD(s + k));
                        sum = CNNC_FN(cnnc_lrn_power)(CNNC_VFMA(scale, sum, bias), g->beta);
                        CNNC_VSTORE(to + b * g->y.c + at, CNNC_VMUL(sum, CNNC_VLOAD(x + b * g->x.c + at)));
                    }
        }
    }
}

/* Plain layout: vectors of pixels, one channel after the other. */
CNNC_INLINE void CNNC_FN(cnnc_lrn_plain)(const struct cnnc_lrn_vector *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int below = (g->size - 1) / 2;
    const cnnc_vf scale = CNNC_VSET1(g->alpha / (float)g->size), bias = CNNC_VSET1(g->bias);
    long r, last;
    cnnc_split((long)g->n * g->d * g->h, t, &r, &last);
    for (; r < last; r++) {
        const long y = r % g->h, z = r / g->h % g->d, n = r / g->h / g->d;
        const float *x = (const float *)in[0] + n * g->x.n + z * g->x.d + y * g->x.h;
        float *to = (float *)out[0] + n * g->y.n + z * g->y.d + y * g->y.h;
        for (int i = 0; i < g->w; i += CNNC_VL) {
            const int m = (int)cnnc_min(CNNC_VL, g->w - i);
            for (int c = 0; c < g->c; c++) {
                const int from = (int)cnnc_max(0, c - below), end = (int)cnnc_min(g->c, c - below + g->size);
                cnnc_vf sum = CNNC_VZERO();
                for (int k = from; k < end; k++) {
                    const cnnc_vf a = CNNC_VLOAD_N(x + k * g->x.c + i, m);
                    sum = CNNC_VFMA(a, a, sum);
                }
                sum = CNNC_FN(cnnc_lrn_power)(CNNC_VFMA(scale, sum, bias), g->beta);
                CNNC_VSTORE_N(to + c * g->y.c + i, CNNC_VMUL(sum, CNNC_VLOAD_N(x + c * g->x.c + i, m)), m);
            }
        }
    }
}
