/* SPDX-License-Identifier: 0BSD
 *
 * The gradient of a convolution's weights from sums over parts of the samples. cnnc_weight_sum: in sums; out dw [OC][IC / groups][taps];
 * geometry struct cnnc_weight_sum. Threads split pairs of blocks. Guarded as simd.h says.
 */
#include "conv_grad_weight_plan.h"
#include "simd.h"

#ifndef CNNC_CONV_GRAD_SUM_H
#define CNNC_CONV_GRAD_SUM_H

/* Input channels and vectors of output channels that the gradient kernels hold in registers. */
#undef CNNC_GRAD_I
#undef CNNC_GRAD_V
#define CNNC_GRAD_I (CNNC_VPB == 1 ? 16 : 4)
#define CNNC_GRAD_V (CNNC_VPB == 1 ? 1 : 2)

/* sum[tap][i][B] of a pair of blocks goes to dw [OC][ic][taps] from tap `first` on, as far as its channels exist. */
CNNC_INLINE void CNNC_FN(cnnc_grad_store)(const float *sum, float *dw, int oc, int ic, long taps, long ob, long ib, long first, long last)
{
    const long outs = cnnc_min(CNNC_B, oc - ob * CNNC_B), channels = cnnc_min(CNNC_B, ic - ib * CNNC_B);
    for (long o = 0; o < outs; o++)
        for (long i = 0; i < channels; i++) {
            float *to = dw + ((ob * CNNC_B + o) * ic + ib * CNNC_B + i) * taps;
            for (long t = first; t < last; t++)
                to[t] = sum[((t - first) * CNNC_B + i) * CNNC_B + o];
        }
}

/* o = G^T s, G as in cnnc_winograd_weights() */
CNNC_INLINE void CNNC_FN(cnnc_grad_winograd_weight)(cnnc_vf *o, const cnnc_vf *s)
{
    const cnnc_vf third = CNNC_VSET1(1.f / 3), sixth = CNNC_VSET1(1.f / 6), root = CNNC_VSET1(0.23570226f), two = CNNC_VSET1(0.47140452f);
    const cnnc_vf a = CNNC_VADD(s[1], s[2]), b = CNNC_VSUB(s[2], s[1]), c = CNNC_VADD(s[3], s[4]), e = CNNC_VSUB(s[3], s[4]);
    o[0] = CNNC_VFMA(root, c, CNNC_VFNMA(third, a, s[0]));
    o[1] = CNNC_VFMA(root, b, CNNC_VMUL(third, e));
    o[2] = CNNC_VFMA(two, c, CNNC_VFNMA(sixth, a, s[5]));
}

/* Winograd sums of one pair of blocks, of `parts` parts, go to dw [OC][ic][9]. */
CNNC_INLINE void CNNC_FN(cnnc_grad_winograd_store)(const float *sums, ptrdiff_t position, int parts, ptrdiff_t part, float *dw, int oc, int ic,
                                                   long ob, long ib)
{
    float to[9 * CNNC_B * CNNC_B];
    for (long at = 0; at < CNNC_B * CNNC_B; at += CNNC_VL) {
        cnnc_vf d[3][6], e[6], f[3];
        CNNC_UNROLL
        for (int c = 0; c < 6; c++) {
            CNNC_UNROLL
            for (int r = 0; r < 6; r++) {
                const float *p = sums + (r * 6 + c) * position + at;
                e[r] = CNNC_VLOAD(p);
                for (int k = 1; k < parts; k++)
                    e[r] = CNNC_VADD(e[r], CNNC_VLOAD(p + k * part));
            }
            CNNC_FN(cnnc_grad_winograd_weight)(f, e);
            CNNC_UNROLL
            for (int r = 0; r < 3; r++)
                d[r][c] = f[r];
        }
        CNNC_UNROLL
        for (int r = 0; r < 3; r++) {
            CNNC_FN(cnnc_grad_winograd_weight)(f, d[r]);
            CNNC_UNROLL
            for (int c = 0; c < 3; c++)
                CNNC_VSTORE(to + (r * 3 + c) * CNNC_B * CNNC_B + at, f[c]);
        }
    }
    CNNC_FN(cnnc_grad_store)(to, dw, oc, ic, 9, ob, ib, 0, 9);
}

CNNC_INLINE void CNNC_FN(cnnc_weight_sum)(const struct cnnc_weight_sum *k, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long blocks = cnnc_blocks(k->ic), pairs = cnnc_blocks(k->oc) * blocks, rows = (long)k->ic * k->taps; /* rows: taps of input channels */
    const ptrdiff_t part = cnnc_weight_sum_part(k), position = cnnc_grad_winograd_position(pairs);
    const int winograd = k->form == CNNC_WEIGHT_WINOGRAD;
    long u, last;
    cnnc_split(winograd ? pairs : cnnc_blocks(k->oc) * rows, t, &u, &last);
    for (; winograd && u < last; u++)
        CNNC_FN(cnnc_grad_winograd_store)((const float *)in[0] + u * CNNC_B * CNNC_B, position, k->parts, part, (float *)out[0], k->oc, k->ic,
                                          u / blocks, u % blocks);
    for (; u < last; u++) {
        const long ob = u / rows, i = u % rows / k->taps, tap = u % k->taps;
        const float *p = (const float *)in[0] + (k->form == CNNC_WEIGHT_FIRST
                                                     ? u * CNNC_B
                                                     : (((ob * blocks + i / CNNC_B) * k->taps + tap) * CNNC_B + i % CNNC_B) * CNNC_B);
        float sum[CNNC_B];
        for (int v = 0; v < CNNC_B; v += CNNC_VL) {
            cnnc_vf s = CNNC_VLOAD(p + v);
            for (int n = 1; n < k->parts; n++)
                s = CNNC_VADD(s, CNNC_VLOAD(p + n * part + v));
            CNNC_VSTORE(sum + v, s);
        }
        for (long o = 0; o < cnnc_min(CNNC_B, k->oc - ob * CNNC_B); o++)
            ((float *)out[0])[((ob * CNNC_B + o) * k->ic + i) * k->taps + tap] = sum[o];
    }
}
#endif
