/* SPDX-License-Identifier: 0BSD
 *
 * Layer, group, instance and root-mean-square normalisation of float rows on vectors: struct cnnc_normalize, operands as in
 * normalize_types.h, means and deviations are not written. The mean first, then the squares of what is left: no cancellation.
 */
#include "normalize_types.h"
#include "vecmath.h"

/* The sum of (x - mean)^2, or of x: in four vectors, so that additions overlap. */
CNNC_INLINE float CNNC_FN(cnnc_norm_sum)(const float *x, long n, float mean, int squares)
{
    cnnc_vf acc[4];
    const cnnc_vf m = CNNC_VSET1(mean);
    float rest = 0;
    long i = 0;
    CNNC_UNROLL for (int k = 0; k < 4; k++)
        acc[k] = CNNC_VZERO();
    for (; i + 4 * CNNC_VL <= n; i += 4 * CNNC_VL)
        CNNC_UNROLL for (int k = 0; k < 4; k++) {
            const cnnc_vf v = CNNC_VSUB(CNNC_VLOAD(x + i + k * CNNC_VL), m);
            acc[k] = squares ? CNNC_VFMA(v, v, acc[k]) : CNNC_VADD(acc[k], v);
        }
    for (; i < n; i++)
        rest += squares ? (x[i] - mean) * (x[i] - mean) : x[i] - mean;
    return rest + CNNC_VREDUCE_ADD(CNNC_VADD(CNNC_VADD(acc[0], acc[1]), CNNC_VADD(acc[2], acc[3])));
}

CNNC_INLINE void CNNC_FN(cnnc_norm)(const struct cnnc_normalize *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const float *scale = (const float *)in[1], *bias = (const float *)in[2];
    long r, last;
    cnnc_split(g->rows, t, &r, &last);
    for (; r < last; r++) {
        const float *x = (const float *)in[0] + r * g->n;
        float *y = (float *)out[0] + r * g->n;
        const long base = r % g->period * g->n;
        const float mean = g->rms ? 0 : CNNC_FN(cnnc_norm_sum)(x, g->n, 0, 0) / (float)g->n;
        const float variance = CNNC_FN(cnnc_norm_sum)(x, g->n, mean, 1) / (float)g->n;
        const float inverse = 1 / sqrtf(variance + (float)g->epsilon);
        for (long i = 0; i < g->n;) {
            const int each = g->plane == 1; /* a value for each element, else one for a stretch of them */
            const long index = (base + i) / g->plane, end = each ? g->n : cnnc_min(g->n, (index + 1) * g->plane - base);
            const float s1 = scale && (!each || g->scale_in_one) ? scale[g->scale_in_one ? 0 : index] : 1;
            const float b1 = bias && (!each || g->bias_in_one) ? bias[g->bias_in_one ? 0 : index] : 0;
            for (; i < end; i += CNNC_VL) {
                const int m = (int)cnnc_min(CNNC_VL, end - i);
                cnnc_vf s = CNNC_VSET1(s1), b = CNNC_VSET1(b1), v = CNNC_VSUB(CNNC_VLOAD_N(x + i, m), CNNC_VSET1(mean));
                if (each && scale && !g->scale_in_one)
                    s = CNNC_VLOAD_N(scale + base + i, m);
                if (each && bias && !g->bias_in_one)
                    b = CNNC_VLOAD_N(bias + base + i, m);
                CNNC_VSTORE_N(y + i, CNNC_VFMA(CNNC_VMUL(v, CNNC_VSET1(inverse)), s, b), m);
            }
            i = end;
        }
    }
}
