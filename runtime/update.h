/* SPDX-License-Identifier: 0BSD
 *
 * From gradients to new parameters: gradients of several calls summed, the norm of all, one step of an optimiser. The formulas
 * are PyTorch's.
 */
#include "base.h"
#include "real.h"
#include "train_types.h"

/* The gradient of the samples so far, of each call by the number of its samples. */
CNNC_INLINE void CNNC_FN(cnnc_accumulate)(const struct cnnc_accumulate *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const double count = (double)*(const int32_t *)in[1];
    const int first = (*(const int64_t *)in[2] - 1) % g->calls == 0;
    const CNNC_REAL *d = in[0];
    CNNC_REAL *mean = out[0], *sum = out[1];
    const double before = first ? 0 : (double)*(const CNNC_REAL *)in[3];
    const CNNC_REAL share = (CNNC_REAL)(before + count > 0 ? 1 / (before + count) : 0);
    long i, last;
    cnnc_split(g->n, t, &i, &last);
    for (; i < last; i++) {
        sum[i] = (first ? 0 : sum[i]) + (CNNC_REAL)count * d[i];
        mean[i] = sum[i] * share;
    }
}

/* in count, step; out samples so far. Runs behind every cnnc_accumulate. */
CNNC_INLINE void CNNC_FN(cnnc_count_samples)(const struct cnnc_accumulate *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    CNNC_REAL *samples = out[0];
    if (t.index == 0)
        *samples = ((*(const int64_t *)in[1] - 1) % g->calls ? *samples : 0) + (CNNC_REAL)*(const int32_t *)in[0];
}

/* One thread: a sum is one number. */
CNNC_INLINE void CNNC_FN(cnnc_sum_squares)(const struct cnnc_update *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const CNNC_REAL *d = in[0];
    double sum = in[1] ? *(const double *)in[1] : 0;
    if (t.index)
        return;
    for (long i = 0; i < g->n; i++)
        sum += (double)d[i] * (double)d[i];
    *(double *)out[0] = sum;
}

CNNC_INLINE void CNNC_FN(cnnc_update)(const struct cnnc_update *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const CNNC_REAL *gradient = in[0], rate = *(const CNNC_REAL *)in[1], decay = (CNNC_REAL)g->decay;
    const CNNC_REAL a = (CNNC_REAL)g->a, b = (CNNC_REAL)g->b, epsilon = (CNNC_REAL)g->epsilon;
    const int64_t call = *(const int64_t *)in[2];
    const double step = (double)(call / g->calls), norm = in[3] ? sqrt(*(const double *)in[3]) : 0;
    const CNNC_REAL share = in[3] && norm + 1e-6 > g->clip ? (CNNC_REAL)(g->clip / (norm + 1e-6)) : 1;
    CNNC_REAL *w = out[0], *m = out[1], *v = out[2];
    CNNC_REAL r = rate, root = 1;
    long i, last;
    if (call % g->calls)
        return;
    cnnc_split(g->n, t, &i, &last);
    if (g->kind == CNNC_UPDATE_ADAM || g->kind == CNNC_UPDATE_ADAMW) {
        r = (CNNC_REAL)((double)rate / (1 - pow(g->a, step)));
        root = (CNNC_REAL)(1 / sqrt(1 - pow(g->b, step)));
    }
    for (; i < last; i++) {
        CNNC_REAL d = gradient[i] * share;
        if (g->kind == CNNC_UPDATE_ADAMW)
            w[i] -= rate * decay * w[i];
        else
            d += decay * w[i];
        switch (g->kind) {
        case CNNC_UPDATE_SGD: w[i] -= rate * d; break;
        case CNNC_UPDATE_MOMENTUM:
            m[i] = a * m[i] + d;
            w[i] -= rate * m[i];
            break;
        case CNNC_UPDATE_NESTEROV:
            m[i] = a * m[i] + d;
            w[i] -= rate * (d + a * m[i]);
            break;
        case CNNC_UPDATE_RMSPROP:
            m[i] = a * m[i] + (1 - a) * d * d;
            w[i] -= rate * d / ((CNNC_REAL)sqrt((double)m[i]) + epsilon);
            break;
        case CNNC_UPDATE_RMSPROP_MOMENTUM:
            m[i] = a * m[i] + (1 - a) * d * d;
            v[i] = b * v[i] + d / ((CNNC_REAL)sqrt((double)m[i]) + epsilon);
            w[i] -= rate * v[i];
            break;
        default:
            m[i] = a * m[i] + (1 - a) * d;
            v[i] = b * v[i] + (1 - b) * d * d;
            w[i] -= r * m[i] / ((CNNC_REAL)sqrt((double)v[i]) * root + epsilon);
        }
    }
}
