/* SPDX-License-Identifier: 0BSD
 *
 * One channel of a batch norm in training, on plain tensors: what is done with its statistics, be they of this batch or of several
 * processes' batches. Samples from count on are missing: their results are zeros.
 */
#include "real.h"
#include "train_types.h"

/* mean; squares: sum of the squared differences from it; both over m values. The operands are those of cnnc_batch_norm_train. */
CNNC_INLINE void CNNC_FN(cnnc_norm_channel)(const struct cnnc_batch_norm_train *g, const void *const in[], void *const out[], long c,
                                            long count, double mean, double squares, double m)
{
    CNNC_REAL *running[2] = {(CNNC_REAL *)out[3] + c, (CNNC_REAL *)out[4] + c};
    const double r = 1 / sqrt(squares / m + g->epsilon), f = (double)((const CNNC_REAL *)in[1])[c] * r;
    const double shift = (double)((const CNNC_REAL *)in[2])[c] - mean * f;
    for (long n = 0; n < g->n; n++) {
        const CNNC_REAL *x = (const CNNC_REAL *)in[0] + (n * g->c + c) * g->plane;
        CNNC_REAL *y = (CNNC_REAL *)out[0] + (n * g->c + c) * g->plane;
        for (long i = 0; i < g->plane; i++)
            y[i] = n < count ? (CNNC_REAL)((double)x[i] * f + shift) : 0;
    }
    ((CNNC_REAL *)out[1])[c] = (CNNC_REAL)mean;
    ((CNNC_REAL *)out[2])[c] = (CNNC_REAL)r;
    *running[0] = (CNNC_REAL)(g->momentum * (double)*running[0] + (1 - g->momentum) * mean);
    *running[1] = (CNNC_REAL)(g->momentum * (double)*running[1] + (1 - g->momentum) * squares / (m > 1 ? m - 1 : 1));
}

/* Sums over the samples that are there: of dy, of dy * (x - mean). */
CNNC_INLINE void CNNC_FN(cnnc_norm_channel_sums)(const struct cnnc_batch_norm_train *g, const CNNC_REAL *dy, const CNNC_REAL *x, long c,
                                                 long count, double mean, double *sum, double *product)
{
    double s = 0, p = 0;
    for (long n = 0; n < count; n++) {
        const ptrdiff_t at = (n * g->c + c) * g->plane;
        for (long i = 0; i < g->plane; i++) {
            s += (double)dy[at + i];
            p += (double)dy[at + i] * ((double)x[at + i] - mean);
        }
    }
    *sum = s;
    *product = p;
}

/* The operands are those of cnnc_batch_norm_grad; sum and product as above, over m values. */
CNNC_INLINE void CNNC_FN(cnnc_norm_channel_grad)(const struct cnnc_batch_norm_train *g, const void *const in[], CNNC_REAL *dx, long c,
                                                 long count, double sum, double product, double m)
{
    const double scale = (double)((const CNNC_REAL *)in[2])[c], mean = (double)((const CNNC_REAL *)in[3])[c];
    const double r = (double)((const CNNC_REAL *)in[4])[c];
    for (long n = 0; n < g->n; n++) {
        const ptrdiff_t at = (n * g->c + c) * g->plane;
        const CNNC_REAL *dy = (const CNNC_REAL *)in[0] + at, *x = (const CNNC_REAL *)in[1] + at;
        for (long i = 0; i < g->plane; i++)
            dx[at + i] = n < count ? (CNNC_REAL)(scale * r * ((double)dy[i] - sum / m - ((double)x[i] - mean) * r * r * product / m)) : 0;
    }
}
