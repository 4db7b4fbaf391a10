/* SPDX-License-Identifier: 0BSD
 *
 * What processes that train together exchange: blocks of gradients, sums of batch norms. The exchange itself is the caller's.
 */
#include "base.h"
#include "distribute_types.h"
#include "real.h"

CNNC_INLINE void CNNC_FN(cnnc_bucket)(const struct cnnc_bucket *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    CNNC_REAL *to = out[0];
    for (int k = 0; k < g->tensors; to += g->size[k++]) {
        long i, last;
        cnnc_split(g->size[k], t, &i, &last);
        memcpy(to + i, (const CNNC_REAL *)in[k] + i, (size_t)(last - i) * sizeof *to);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_unbucket)(const struct cnnc_bucket *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const CNNC_REAL *from = in[0];
    for (int k = 0; k < g->tensors; from += g->size[k++]) {
        long i, last;
        cnnc_split(g->size[k], t, &i, &last);
        memcpy((CNNC_REAL *)out[k] + i, from + i, (size_t)(last - i) * sizeof *from);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_norm_sums)(const struct cnnc_norm_synced *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long count = *(const int32_t *)in[1];
    double *sums = out[0];
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++) {
        double sum = 0, squares = 0;
        for (long n = 0; n < count; n++) {
            const CNNC_REAL *x = (const CNNC_REAL *)in[0] + (n * g->c + c) * g->plane;
            for (long i = 0; i < g->plane; i++) {
                sum += (double)x[i];
                squares += (double)x[i] * (double)x[i];
            }
        }
        sums[c] = sum;
        sums[g->c + c] = squares;
    }
    if (t.index == 0)
        sums[2 * g->c] = (double)(count * g->plane);
}

CNNC_INLINE void CNNC_FN(cnnc_norm_synced)(const struct cnnc_norm_synced *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long count = *(const int32_t *)in[5];
    const double *sums = in[6], m = sums[2 * g->c] > 0 ? sums[2 * g->c] : 1;
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++) {
        CNNC_REAL *running[2] = {(CNNC_REAL *)out[3] + c, (CNNC_REAL *)out[4] + c};
        const double scale = (double)((const CNNC_REAL *)in[1])[c], bias = (double)((const CNNC_REAL *)in[2])[c];
        const double mean = sums[c] / m, square = sums[g->c + c] - mean * sums[c], variance = square > 0 ? square : 0;
        const double r = 1 / sqrt(variance / m + g->epsilon), f = scale * r, s = bias - mean * f;
        for (long n = 0; n < g->n; n++) {
            const CNNC_REAL *x = (const CNNC_REAL *)in[0] + (n * g->c + c) * g->plane;
            CNNC_REAL *y = (CNNC_REAL *)out[0] + (n * g->c + c) * g->plane;
            for (long i = 0; i < g->plane; i++)
                y[i] = n < count ? (CNNC_REAL)((double)x[i] * f + s) : 0;
        }
        ((CNNC_REAL *)out[1])[c] = (CNNC_REAL)mean;
        ((CNNC_REAL *)out[2])[c] = (CNNC_REAL)r;
        *running[0] = (CNNC_REAL)(g->momentum * (double)*running[0] + (1 - g->momentum) * mean);
        *running[1] = (CNNC_REAL)(g->momentum * (double)*running[1] + (1 - g->momentum) * variance / (m > 1 ? m - 1 : 1));
    }
}

CNNC_INLINE void CNNC_FN(cnnc_norm_grad_sums)(const struct cnnc_norm_synced *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long count = *(const int32_t *)in[4];
    double *sums = out[0];
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++) {
        const double mean = (double)((const CNNC_REAL *)in[2])[c], r = (double)((const CNNC_REAL *)in[3])[c];
        double sum = 0, product = 0;
        for (long n = 0; n < count; n++) {
            const ptrdiff_t at = (n * g->c + c) * g->plane;
            const CNNC_REAL *dy = (const CNNC_REAL *)in[0] + at, *x = (const CNNC_REAL *)in[1] + at;
            for (long i = 0; i < g->plane; i++) {
                sum += (double)dy[i];
                product += (double)dy[i] * ((double)x[i] - mean);
            }
        }
        sums[c] = sum;
        sums[g->c + c] = product;
        ((CNNC_REAL *)out[1])[c] = (CNNC_REAL)(product * r);
        ((CNNC_REAL *)out[2])[c] = (CNNC_REAL)sum;
    }
}

CNNC_INLINE void CNNC_FN(cnnc_norm_grad_synced)(const struct cnnc_norm_synced *g, const void *const in[], void *const out[],
                                                struct cnnc_thread t)
{
    const long count = *(const int32_t *)in[5];
    const double *all = in[6], *sums = in[7], m = all[2 * g->c] > 0 ? all[2 * g->c] : 1;
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++) {
        const double scale = (double)((const CNNC_REAL *)in[2])[c], mean = (double)((const CNNC_REAL *)in[3])[c];
        const double r = (double)((const CNNC_REAL *)in[4])[c], sum = sums[c], product = sums[g->c + c] * r;
        for (long n = 0; n < g->n; n++) {
            const ptrdiff_t at = (n * g->c + c) * g->plane;
            const CNNC_REAL *dy = (const CNNC_REAL *)in[0] + at, *x = (const CNNC_REAL *)in[1] + at;
            CNNC_REAL *dx = (CNNC_REAL *)out[0] + at;
            for (long i = 0; i < g->plane; i++)
                dx[i] = n < count ? (CNNC_REAL)(scale * r * ((double)dy[i] - sum / m - ((double)x[i] - mean) * r * product / m)) : 0;
        }
    }
}
