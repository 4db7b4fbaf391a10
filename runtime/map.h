/* SPDX-License-Identifier: 0BSD
 *
 * Chains of elementwise operators on the blocked layout: one load, the stages, one store.
 */
#include "base.h"
#include "epilogue.h"
#include "map_types.h"
#include "simd.h"

CNNC_INLINE ptrdiff_t CNNC_FN(cnnc_map_at)(const struct cnnc_view *v, long n, long b, long z, long y)
{
    return n * v->n + b * v->c + z * v->d + y * v->h;
}

CNNC_INLINE void CNNC_FN(cnnc_map)(const struct cnnc_map *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_stage_args self = cnnc_stage_args(&g->self, in, 1);
    const struct cnnc_stage_args rest = cnnc_stage_args(&g->ep, in, 1 + (g->self.n ? cnnc_stage_operands(g->self.s[0].op) : 0));
    const int keeps_zero = cnnc_epilogue_zero(&g->self) && cnnc_epilogue_zero(&g->ep);
    const long blocks = (g->c + CNNC_B - 1) / CNNC_B;
    const long rows = (long)g->d * g->h, planes = g->n * blocks;
    const int by_rows = cnnc_by_rows(g->n * rows, t);
    long first, last, r, end;
    cnnc_split(by_rows ? g->n * rows : planes * rows, t, &first, &last);
    for (long plane = 0; plane < planes; plane++) {
        const long b = plane % blocks, n = plane / blocks;
        for (cnnc_share_rows(by_rows, n, b, blocks, rows, first, last, &r, &end); r < end; r++) {
            const long h = r % g->h, z = r / g->h;
            const float *x = (const float *)in[0] + CNNC_FN(cnnc_map_at)(&g->x, n, b, z, h);
            float *y = (float *)out[0] + CNNC_FN(cnnc_map_at)(&g->y, n, b, z, h);
            const ptrdiff_t other = CNNC_FN(cnnc_map_at)(&g->other, n, b, z, h), add = CNNC_FN(cnnc_map_at)(&g->add, n, b, z, h);
            for (int w = 0; w < g->w; w++)
                CNNC_UNROLL for (int k = 0; k < CNNC_VPB; k++) {
                    const ptrdiff_t at = (ptrdiff_t)w * CNNC_B + k * CNNC_VL, c = b * CNNC_B + k * CNNC_VL;
                    cnnc_vf v = CNNC_VLOAD(x + at);
                    v = CNNC_FN(cnnc_epilogue)(&g->self, v, &self, other + at, c);
                    CNNC_VSTORE(y + at, CNNC_FN(cnnc_epilogue)(&g->ep, v, &rest, add + at, c));
                }
            if (!keeps_zero && (b + 1) * CNNC_B > g->c) /* channels past the last stay zero */
                for (int w = 0; w < g->w; w++)
                    for (long k = g->c - b * CNNC_B; k < CNNC_B; k++)
                        y[(ptrdiff_t)w * CNNC_B + k] = 0;
        }
    }
}
