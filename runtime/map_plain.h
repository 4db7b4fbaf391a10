/* SPDX-License-Identifier: 0BSD
 *
 * Chains of elementwise operators on contiguous plain tensors, in plain C; and what a batch norm comes to.
 */
#include "base.h"
#include "conv_plain.h"
#include "map_types.h"

CNNC_INLINE void CNNC_FN(cnnc_map_plain)(const struct cnnc_map *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_stage_args self = cnnc_stage_args(&g->self, in, 1);
    const struct cnnc_stage_args rest = cnnc_stage_args(&g->ep, in, 1 + (g->self.n ? cnnc_stage_operands(g->self.s[0].op) : 0));
    const ptrdiff_t plane = (ptrdiff_t)g->d * g->h * g->w;
    long r, last;
    cnnc_split((long)g->n * g->c, t, &r, &last);
    for (; r < last; r++)
        for (ptrdiff_t at = r * plane, end = at + plane; at < end; at++) {
            const float v = cnnc_epilogue_scalar(&g->self, ((const float *)in[0])[at], &self, at, r % g->c);
            ((float *)out[0])[at] = cnnc_epilogue_scalar(&g->ep, v, &rest, at, r % g->c);
        }
}

CNNC_UNUSED static void CNNC_FN(cnnc_batch_norm_scale)(const struct cnnc_batch_norm_scale *g, const void *const in[], void *const out[],
                                                       struct cnnc_thread t)
{
    const float *scale = (const float *)in[0], *bias = (const float *)in[1], *mean = (const float *)in[2], *var = (const float *)in[3];
    float *factor = (float *)out[0], *summand = (float *)out[1];
    if (t.index)
        return;
    for (int c = 0; c < g->padded; c++) {
        const double f = c < g->c ? (double)scale[c] / sqrt((double)var[c] + g->epsilon) : 0;
        factor[c] = (float)f;
        summand[c] = c < g->c ? (float)((double)bias[c] - (double)mean[c] * f) : 0;
    }
}
