/* SPDX-License-Identifier: 0BSD
 *
 * Dense layers at the speed of memory: W is read once, as several row streams; a batch reads each row from the cache again.
 * Sums run over the input in vectors, whatever the tile, so a result does not depend on the grouping of rows or threads.
 */
#include "dense_types.h"
#include "epilogue_plain.h"

#undef CNNC_DENSE_R1
#undef CNNC_DENSE_RN
#undef CNNC_DENSE_N
#define CNNC_DENSE_R1 8                        /* rows at once for one x */
#define CNNC_DENSE_N (CNNC_TILE_ACC >= 12 ? 3 : 2) /* x's at once for a batch, and the rows that go with them */
#define CNNC_DENSE_RN (CNNC_TILE_ACC >= 24 ? 8 : 4)

/* Asks for what the R rows from `row` on hold `ahead` words behind word `at`: of the R rows after them if that is past their end. */
CNNC_INLINE void CNNC_FN(cnnc_dense_fetch)(const void *row, ptrdiff_t at, ptrdiff_t words, const int ahead, const int R)
{
    const char *to = (const char *)row + 4 * (at + ahead < words ? at + ahead : at + ahead + (R - 1) * words);
    if (ahead)
        CNNC_UNROLL for (int r = 0; r < R; r++)
            CNNC_PREFETCH_L2(to + 4 * r * words);
}

/* Dot products of R rows of W, from row k on (rows past the last repeat it), with N x's: sums[i * 16 + r]. */
CNNC_INLINE void CNNC_FN(cnnc_dense_tile)(const struct cnnc_dense *g, const float *w, const float *x, int k, const int R, const int N, float *sums)
{
    cnnc_vf acc[24], v[3];
    const float *row[8];
    int c = 0;
    CNNC_UNROLL for (int r = 0; r < R; r++)
        row[r] = w + (ptrdiff_t)cnnc_min(k + r, g->oc - 1) * g->row;
    CNNC_UNROLL for (int i = 0; i < R * N; i++)
        acc[i] = CNNC_VZERO();
    for (; c + CNNC_VL <= g->ic; c += CNNC_VL) {
        CNNC_FN(cnnc_dense_fetch)(row[0], c, g->row, g->ahead, R);
        CNNC_UNROLL for (int i = 0; i < N; i++)
            v[i] = CNNC_VLOAD(x + i * g->xn + c);
        CNNC_UNROLL for (int r = 0; r < R; r++) {
            const cnnc_vf a = CNNC_VLOAD(row[r] + c);
            CNNC_UNROLL for (int i = 0; i < N; i++)
                acc[r * N + i] = CNNC_VFMA(a, v[i], acc[r * N + i]);
        }
    }
    if (c < g->ic) { /* W's rows are padded, x is not */
        CNNC_UNROLL for (int i = 0; i < N; i++)
            v[i] = CNNC_VLOAD_N(x + i * g->xn + c, g->ic - c);
        CNNC_UNROLL for (int r = 0; r < R; r++) {
            const cnnc_vf a = CNNC_VLOAD(row[r] + c);
            CNNC_UNROLL for (int i = 0; i < N; i++)
                acc[r * N + i] = CNNC_VFMA(a, v[i], acc[r * N + i]);
        }
    }
    CNNC_UNROLL for (int r = 0; r < R; r++)
        CNNC_UNROLL for (int i = 0; i < N; i++)
            sums[i * 16 + r] = CNNC_VREDUCE_ADD(acc[r * N + i]);
}

/* The same with weights of 16 bits. */
CNNC_INLINE void CNNC_FN(cnnc_dense_tile16)(const struct cnnc_dense *g, const int32_t *w, const float *x, int k, const int R, const int N, float *sums)
{
    cnnc_vf acc[24], v[2][3];
    const int32_t *row[8];
    const cnnc_vi upper = CNNC_VISET1((int32_t)0xffff0000u), bits = CNNC_VISET1((int32_t)0x8fffe000u);
    const ptrdiff_t words = g->row / 2;
    float factor;
    memcpy(&factor, w + g->oc * words, sizeof factor);
    const cnnc_vf scale = CNNC_VSET1(factor * 0x1p112f);
    CNNC_UNROLL for (int r = 0; r < R; r++)
        row[r] = w + cnnc_min(k + r, g->oc - 1) * words;
    CNNC_UNROLL for (int i = 0; i < R * N; i++)
        acc[i] = CNNC_VZERO();
    for (int c = 0, at = 0; at < words; at += CNNC_VL, c = at / 16 * 32 + at % 16) {
        CNNC_FN(cnnc_dense_fetch)(row[0], at, words, g->ahead, R);
        CNNC_UNROLL for (int i = 0; i < N; i++) { /* x is not padded */
            const float *p = x + i * g->xn;
            if (c + 16 + CNNC_VL <= g->ic) {
                v[0][i] = CNNC_VLOAD(p + c), v[1][i] = CNNC_VLOAD(p + c + 16);
            } else {
                v[0][i] = CNNC_VLOAD_N(p + cnnc_min(c, g->ic), (int)cnnc_min(CNNC_VL, cnnc_max(0, g->ic - c)));
                v[1][i] = CNNC_VLOAD_N(p + cnnc_min(c + 16, g->ic), (int)cnnc_min(CNNC_VL, cnnc_max(0, g->ic - c - 16)));
            }
        }
        CNNC_UNROLL for (int r = 0; r < R; r++) {
            const cnnc_vi both = CNNC_VILOAD(row[r] + at), a = CNNC_VISHL(both, 16), b = g->half == CNNC_WEIGHTS_BF16 ? CNNC_VIAND(both, upper) : both;
            cnnc_vf low, high;
            if (g->half == CNNC_WEIGHTS_BF16) {
                low = CNNC_VAS_FLOAT(a), high = CNNC_VAS_FLOAT(b);
            } else { /* exponent and fraction to where a float has them; the factor sets the exponent right */
                low = CNNC_VMUL(CNNC_VAS_FLOAT(CNNC_VIAND(CNNC_VISAR(a, 3), bits)), scale);
                high = CNNC_VMUL(CNNC_VAS_FLOAT(CNNC_VIAND(CNNC_VISAR(b, 3), bits)), scale);
            }
            CNNC_UNROLL for (int i = 0; i < N; i++)
                acc[r * N + i] = CNNC_VFMA(high, v[1][i], CNNC_VFMA(low, v[0][i], acc[r * N + i]));
        }
    }
    CNNC_UNROLL for (int r = 0; r < R; r++)
        CNNC_UNROLL for (int i = 0; i < N; i++)
            sums[i * 16 + r] = CNNC_VREDUCE_ADD(acc[r * N + i]);
}

CNNC_INLINE void CNNC_FN(cnnc_dense_sums)(const struct cnnc_dense *g, const void *w, const float *x, int k, const int R, const int N, float *sums)
{
    if (g->half)
        CNNC_FN(cnnc_dense_tile16)(g, (const int32_t *)w, x, k, R, N, sums);
    else
        CNNC_FN(cnnc_dense_tile)(g, (const float *)w, x, k, R, N, sums);
}

CNNC_INLINE void CNNC_FN(cnnc_dense)(const struct cnnc_dense *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const float *x = (const float *)in[0], *bias = (const float *)in[2];
    const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 3);
    float *y = (float *)out[0];
    long b, last;
    cnnc_split((g->oc + 15) / 16, t, &b, &last);
    for (; b < last; b++) {
        const int k = (int)b * 16, rows = (int)cnnc_min(16, g->oc - k);
        float sums[3 * 16];
        for (int i = 0; i < g->n;) {
            const int batch = g->n - i >= CNNC_DENSE_N ? CNNC_DENSE_N : 1;
            if (g->n >= CNNC_DENSE_N && batch > 1)
                for (int r = 0; r < rows; r += CNNC_DENSE_RN)
                    CNNC_FN(cnnc_dense_sums)(g, in[1], x + i * g->xn, k + r, CNNC_DENSE_RN, CNNC_DENSE_N, sums + r);
            else
                for (int r = 0; r < rows; r += CNNC_DENSE_R1)
                    CNNC_FN(cnnc_dense_sums)(g, in[1], x + i * g->xn, k + r, CNNC_DENSE_R1, 1, sums + r);
            for (int end = i + batch, q = 0; i < end; i++, q += 16)
                for (int r = 0; r < rows; r += CNNC_VL) {
                    const int n = (int)cnnc_min(CNNC_VL, rows - r);
                    const ptrdiff_t at = i * g->yn + k + r;
                    cnnc_vf v = CNNC_VLOAD(sums + q + r);
                    if (bias)
                        v = CNNC_VADD(v, CNNC_VLOAD_N(bias + k + r, n));
                    CNNC_VSTORE_N(y + at, CNNC_FN(cnnc_epilogue_n)(&g->ep, v, &args, at, k + r, n), n);
                }
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_pack_dense)(const struct cnnc_pack_dense *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const float *w = (const float *)in[0];
    const int ic = g->c * g->pixels, padded = g->blocked ? (g->c + CNNC_B - 1) / CNNC_B * CNNC_B * g->pixels : ic;
    long o, last;
    cnnc_split(g->oc, t, &o, &last);
    for (; o < last; o++)
        for (int i = 0; i < g->row; i++) {
            int from = i;
            if (g->blocked) {
                const int c = i / CNNC_B / g->pixels * CNNC_B + i % CNNC_B;
                from = c < g->c && i < padded ? c * g->pixels + i / CNNC_B % g->pixels : ic;
            }
            ((float *)out[0])[o * g->row + i] = from < ic ? w[g->transposed ? (ptrdiff_t)from * g->oc + o : (ptrdiff_t)o * ic + from] : 0;
        }
}
