/* SPDX-License-Identifier: 0BSD
 *
 * Matrix products. A panel of B, one register tile wide, is copied to scratch memory in the order in which the tile reads it, with zeroes
 * past the last column; A is read in place, one element for a whole vector of B.
 */
#include "epilogue_plain.h"
#include "gemm_types.h"

/* What a thread works on: one panel of one product. */
struct CNNC_FN(cnnc_gemm_panel) {
    const float *a, *b, *c;             /* C at the panel's first column */
    float *y;                           /* likewise */
    const struct cnnc_stage_args *args;
    ptrdiff_t at;                       /* of y, in the result: where the epilogue's tensors are read */
    long j, columns;
};

/* Vector v of row i, from the panel's column q on, into y. */
CNNC_INLINE void CNNC_FN(cnnc_gemm_store)(const struct cnnc_gemm *g, const struct CNNC_FN(cnnc_gemm_panel) *p, cnnc_vf v, long i, int q,
                                          long k, long kc)
{
    const int n = (int)cnnc_max(0, cnnc_min(CNNC_VL, p->columns - q));
    float *y = p->y + i * g->n + q;
    if (n == 0)
        return;
    if (k > 0)
        v = CNNC_VADD(v, CNNC_VLOAD_N(y, n));
    if (k + kc == g->k) {
        if (g->alpha != 1)
            v = CNNC_VMUL(v, CNNC_VSET1(g->alpha));
        if (p->c && g->cj)
            v = CNNC_VFMA(CNNC_VSET1(g->beta), CNNC_VLOAD_N(p->c + i * g->ci + q, n), v);
        else if (p->c)
            v = CNNC_VADD(v, CNNC_VSET1(g->beta * p->c[i * g->ci]));
        v = CNNC_FN(cnnc_epilogue_n)(&g->ep, v, p->args, p->at + i * g->n + q, p->j + q, n);
    }
    CNNC_VSTORE_N(y, v, n);
}

/* Rows i to i + MR of the panel, products k to k + kc; the panel's rows are `step` apart. */
CNNC_INLINE void CNNC_FN(cnnc_gemm_tile)(const struct cnnc_gemm *g, const struct CNNC_FN(cnnc_gemm_panel) *p, const float *b, ptrdiff_t step,
                                         long i, long k, long kc, const int MR)
{
    cnnc_vf acc[CNNC_TILE_ACC];
    const float *a = p->a + i * g->ai + k * g->ak;
    CNNC_UNROLL for (int r = 0; r < MR * CNNC_TILE_V; r++)
        acc[r] = CNNC_VZERO();
    for (long l = 0; l < kc; l++, b += step) {
        cnnc_vf v[CNNC_TILE_V];
        CNNC_UNROLL for (int q = 0; q < CNNC_TILE_V; q++)
            v[q] = CNNC_VLOAD(b + q * CNNC_VL);
        CNNC_UNROLL for (int r = 0; r < MR; r++) {
            const cnnc_vf s = CNNC_VSET1(a[r * g->ai + l * g->ak]);
            CNNC_UNROLL for (int q = 0; q < CNNC_TILE_V; q++)
                acc[r * CNNC_TILE_V + q] = CNNC_VFMA(s, v[q], acc[r * CNNC_TILE_V + q]);
        }
    }
    /* through memory, so that what follows is there once and not for each register */
    float tile[CNNC_TILE_ACC * CNNC_VL];
    CNNC_UNROLL for (int r = 0; r < MR * CNNC_TILE_V; r++)
        CNNC_VSTORE(tile + r * CNNC_VL, acc[r]);
    for (int r = 0; r < MR * CNNC_TILE_V; r++)
        CNNC_FN(cnnc_gemm_store)(g, p, CNNC_VLOAD(tile + r * CNNC_VL), i + r / CNNC_TILE_V, r % CNNC_TILE_V * CNNC_VL, k, kc);
}

CNNC_INLINE void CNNC_FN(cnnc_gemm_pack)(const struct cnnc_gemm *g, const float *b, long columns, long kc, float *to)
{
    const int width = CNNC_TILE_V * CNNC_VL;
    if (g->bj == 1 && columns == width) {
        for (long l = 0; l < kc; l++)
            for (int q = 0; q < CNNC_TILE_V; q++)
                CNNC_VSTORE(to + l * width + q * CNNC_VL, CNNC_VLOAD(b + l * g->bk + q * CNNC_VL));
        return;
    }
    for (int j = 0; j < width; j++)
        for (long l = 0; l < kc; l++)
            to[l * width + j] = j < columns ? b[l * g->bk + j * g->bj] : 0;
}

CNNC_INLINE void CNNC_FN(cnnc_gemm)(const struct cnnc_gemm *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 3);
    const int width = CNNC_TILE_V * CNNC_VL;
    const long panels = (g->n + width - 1) / width;
    long products = 1, parts, u, last;
    for (int d = 0; d < g->batches; d++)
        products *= g->batch[d];
    /* panels, cut along the rows where there are fewer than threads */
    parts = products * panels < t.count ? cnnc_min(t.count, (g->m + CNNC_TILE_W - 1) / CNNC_TILE_W) : 1;
    cnnc_split(products * panels * parts, t, &u, &last);
    for (; u < last; u++) {
        const long part = u % parts, panel = u / parts % panels, product = u / parts / panels;
        const long first = g->m * part / parts, end = g->m * (part + 1) / parts;
        struct CNNC_FN(cnnc_gemm_panel) p;
        long rest = product;
        p.a = (const float *)in[0], p.b = (const float *)in[1], p.args = &args;
        for (int d = g->batches - 1; d >= 0; rest /= g->batch[d], d--) {
            p.a += rest % g->batch[d] * g->a[d];
            p.b += rest % g->batch[d] * g->b[d];
        }
        p.j = panel * width;
        p.columns = cnnc_min(width, g->n - p.j);
        p.b += p.j * g->bj;
        p.c = in[2] ? (const float *)in[2] + p.j * g->cj : NULL;
        p.at = product * g->m * g->n + p.j;
        p.y = (float *)out[0] + p.at;
        for (long k = 0; k == 0 || k < g->k; k += CNNC_GEMM_K) {
            const long kc = cnnc_min(CNNC_GEMM_K, g->k - k);
            const float *b = p.b + k * g->bk;
            ptrdiff_t step = g->bk;
            long i = first;
            if (g->bj != 1 || p.columns < width || end - first > 2 * CNNC_TILE_W) {
                CNNC_FN(cnnc_gemm_pack)(g, b, p.columns, kc, (float *)t.scratch);
                b = (const float *)t.scratch;
                step = width;
            }
            for (; i + CNNC_TILE_W <= end; i += CNNC_TILE_W)
                CNNC_FN(cnnc_gemm_tile)(g, &p, b, step, i, k, kc, CNNC_TILE_W);
#if CNNC_TILE_W > 4
            for (; i + 4 <= end; i += 4)
                CNNC_FN(cnnc_gemm_tile)(g, &p, b, step, i, k, kc, 4);
#endif
            for (; i < end; i++)
                CNNC_FN(cnnc_gemm_tile)(g, &p, b, step, i, k, kc, 1);
        }
    }
}
