/* SPDX-License-Identifier: 0BSD
 *
 * What processes that train together exchange: blocks of gradients, sums of batch norms. The exchange itself is the caller's.
 */
#include "base.h"
#include "batch_norm.h"
#include "distribute_types.h"
#include "real.h"
#include "train_types.h"

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

CNNC_INLINE void CNNC_FN(cnnc_norm_sums)(const struct cnnc_batch_norm_train *g, const void *const in[], void *const out[], struct cnnc_thread t)
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

CNNC_INLINE void CNNC_FN(cnnc_norm_synced)(const struct cnnc_batch_norm_train *g, const void *const in[], void *const out[],
                                           struct cnnc_thread t)
{
    const double *sums = in[6], m = sums[2 * g->c] > 0 ? sums[2 * g->c] : 1;
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++) {
        const double mean = sums[c] / m, squares = sums[g->c + c] - mean * sums[c];
        CNNC_FN(cnnc_norm_channel)(g, in, out, c, *(const int32_t *)in[5], mean, squares > 0 ? squares : 0, m);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_norm_grad_sums)(const struct cnnc_batch_norm_train *g, const void *const in[], void *const out[],
                                              struct cnnc_thread t)
{
    double *sums = out[0];
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++) {
        CNNC_FN(cnnc_norm_channel_sums)(g, in[0], in[1], c, *(const int32_t *)in[4], (double)((const CNNC_REAL *)in[2])[c], &sums[c],
                                        &sums[g->c + c]);
        ((CNNC_REAL *)out[1])[c] = (CNNC_REAL)(sums[g->c + c] * (double)((const CNNC_REAL *)in[3])[c]);
        ((CNNC_REAL *)out[2])[c] = (CNNC_REAL)sums[c];
    }
}

CNNC_INLINE void CNNC_FN(cnnc_norm_grad_synced)(const struct cnnc_batch_norm_train *g, const void *const in[], void *const out[],
                                                struct cnnc_thread t)
{
    const double *all = in[6], *sums = in[7], m = all[2 * g->c] > 0 ? all[2 * g->c] : 1;
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++)
        CNNC_FN(cnnc_norm_channel_grad)(g, in, out[0], c, *(const int32_t *)in[5], sums[c], sums[g->c + c], m);
}
