/* SPDX-License-Identifier: 0BSD
 *
 * What only training computes, besides convolutions: gradients of activations, sums per channel, batch norm, losses.
 * Sums are in double, and each by one thread.
 */
#include "base.h"
#include "batch_norm.h"
#include "real.h"
#include "train_types.h"

CNNC_INLINE double CNNC_FN(cnnc_act_slope)(int op, double a, double b, double x, double y)
{
    double s, u;
    switch (op) {
    case CNNC_ACT_RELU: return y > 0;
    case CNNC_ACT_LEAKY: return x < 0 ? a : 1;
    case CNNC_ACT_SIGMOID: return y * (1 - y);
    case CNNC_ACT_TANH: return 1 - y * y;
    case CNNC_ACT_CLIP: return x > a && x < b;
    case CNNC_ACT_SWISH: s = 1 / (1 + exp(-a * x)); return s * (1 + a * x * (1 - s));
    case CNNC_ACT_ELU: return x < 0 ? a * exp(x) : 1;
    case CNNC_ACT_SELU: return b * (x < 0 ? a * exp(x) : 1);
    case CNNC_ACT_SOFTPLUS: return 1 / (1 + exp(-x));
    case CNNC_ACT_HSWISH: return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case CNNC_ACT_HSIGMOID: return y > 0 && y < 1 ? a : 0;
    case CNNC_ACT_GELU: return 0.5 * (1 + erf(x * 0.70710678118654752440)) + x * exp(-0.5 * x * x) * 0.39894228040143267794;
    case CNNC_ACT_GELU_TANH:
        u = 0.79788456080286535588 * (x + 0.044715 * x * x * x);
        s = tanh(u);
        return 0.5 * (1 + s) + 0.5 * x * (1 - s * s) * 0.79788456080286535588 * (1 + 3 * 0.044715 * x * x);
    case CNNC_ACT_MISH:
        u = tanh((x > 0 ? x : 0) + log1p(exp(-fabs(x))));
        return u + x * (1 - u * u) / (1 + exp(-x));
    case CNNC_ACT_SOFTSIGN: return 1 / ((1 + fabs(x)) * (1 + fabs(x)));
    case CNNC_ACT_ABS: return (x > 0) - (x < 0);
    case CNNC_ACT_EXP: return y;
    case CNNC_ACT_LOG: return 1 / x;
    case CNNC_ACT_SQRT: return 0.5 / y;
    case CNNC_ACT_CELU: return x < 0 ? exp(x / a) : 1;
    case CNNC_ACT_THRESHOLDED: return x < a || x > b;
    case CNNC_ACT_RECIPROCAL: return -y * y;
    case CNNC_ACT_SIN: return cos(x);
    case CNNC_ACT_COS: return -sin(x);
    case CNNC_ACT_TAN: return 1 + y * y;
    case CNNC_ACT_ASIN: return 1 / sqrt(1 - x * x);
    case CNNC_ACT_ACOS: return -1 / sqrt(1 - x * x);
    case CNNC_ACT_ATAN: return 1 / (1 + x * x);
    case CNNC_ACT_SINH: return cosh(x);
    case CNNC_ACT_COSH: return sinh(x);
    case CNNC_ACT_ASINH: return 1 / sqrt(x * x + 1);
    case CNNC_ACT_ACOSH: return 1 / sqrt(x * x - 1);
    case CNNC_ACT_ATANH: return 1 / (1 - x * x);
    case CNNC_ACT_ERF: return 1.12837916709551257390 * exp(-x * x);
    default: return -1;
    }
}

CNNC_INLINE void CNNC_FN(cnnc_act_grad)(const struct cnnc_act_grad *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const CNNC_REAL *dy = in[0], *x = in[1], *y = in[2];
    CNNC_REAL *dx = out[0];
    long i, last;
    cnnc_split(g->n, t, &i, &last);
    if (g->op == CNNC_ACT_RELU) {
        for (; i < last; i++)
            dx[i] = y[i] > 0 ? dy[i] : 0;
        return;
    }
    for (; i < last; i++)
        dx[i] = (CNNC_REAL)((double)dy[i] * CNNC_FN(cnnc_act_slope)(g->op, g->a, g->b, x ? (double)x[i] : 0, y ? (double)y[i] : 0));
}

CNNC_INLINE void CNNC_FN(cnnc_channel_sum)(const struct cnnc_planes *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++) {
        double sum = 0;
        for (long n = 0; n < g->n; n++) {
            const CNNC_REAL *p = (const CNNC_REAL *)in[0] + (n * g->c + c) * g->in;
            for (long i = 0; i < g->in; i++)
                sum += (double)p[i];
        }
        ((CNNC_REAL *)out[0])[c] = (CNNC_REAL)sum;
    }
}

/* The places of the maxima count through the whole tensor. */
CNNC_INLINE void CNNC_FN(cnnc_max_pool_grad)(const struct cnnc_planes *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long r, last;
    cnnc_split(g->n * g->c, t, &r, &last);
    for (; r < last; r++) {
        const CNNC_REAL *dy = (const CNNC_REAL *)in[0] + r * g->out;
        const int64_t *at = (const int64_t *)in[1] + r * g->out;
        CNNC_REAL *dx = (CNNC_REAL *)out[0];
        memset(dx + r * g->in, 0, (size_t)g->in * sizeof *dx);
        for (long i = 0; i < g->out; i++)
            if (at[i] >= 0)
                dx[at[i]] += dy[i];
    }
}

CNNC_INLINE void CNNC_FN(cnnc_global_pool_grad)(const struct cnnc_planes *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long r, last;
    cnnc_split(g->n * g->c, t, &r, &last);
    for (; r < last; r++) {
        const CNNC_REAL v = ((const CNNC_REAL *)in[0])[r] / (CNNC_REAL)g->in;
        for (long i = 0; i < g->in; i++)
            ((CNNC_REAL *)out[0])[r * g->in + i] = v;
    }
}

/* One thread: small tensors. */
CNNC_INLINE void CNNC_FN(cnnc_sum_to)(const struct cnnc_sum_to *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    CNNC_REAL *y = out[0];
    long total = 1;
    if (t.index)
        return;
    for (int k = 0; k < g->rank; k++)
        total *= g->dim[k];
    memset(y, 0, (size_t)g->size * sizeof *y);
    for (long i = 0; i < total; i++) {
        long left = i, at = 0;
        for (int k = g->rank - 1; k >= 0; k--) {
            at += left % g->dim[k] * g->stride[k];
            left /= g->dim[k];
        }
        y[at] += ((const CNNC_REAL *)in[0])[i];
    }
}

CNNC_INLINE void CNNC_FN(cnnc_batch_norm_train)(const struct cnnc_batch_norm_train *g, const void *const in[], void *const out[],
                                                struct cnnc_thread t)
{
    const long count = cnnc_max(1, *(const int32_t *)in[5]);
    const double m = (double)(count * g->plane);
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++) {
        double mean = 0, squares = 0;
        for (long n = 0; n < count; n++) {
            const CNNC_REAL *x = (const CNNC_REAL *)in[0] + (n * g->c + c) * g->plane;
            for (long i = 0; i < g->plane; i++)
                mean += (double)x[i];
        }
        mean /= m;
        for (long n = 0; n < count; n++) {
            const CNNC_REAL *x = (const CNNC_REAL *)in[0] + (n * g->c + c) * g->plane;
            for (long i = 0; i < g->plane; i++)
                squares += ((double)x[i] - mean) * ((double)x[i] - mean);
        }
        CNNC_FN(cnnc_norm_channel)(g, in, out, c, count, mean, squares, m);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_batch_norm_grad)(const struct cnnc_batch_norm_train *g, const void *const in[], void *const out[],
                                               struct cnnc_thread t)
{
    const long count = cnnc_max(1, *(const int32_t *)in[5]);
    long c, last;
    cnnc_split(g->c, t, &c, &last);
    for (; c < last; c++) {
        double sum, product;
        CNNC_FN(cnnc_norm_channel_sums)(g, in[0], in[1], c, count, (double)((const CNNC_REAL *)in[3])[c], &sum, &product);
        CNNC_FN(cnnc_norm_channel_grad)(g, in, out[0], c, count, sum, product, (double)(count * g->plane));
        ((CNNC_REAL *)out[1])[c] = (CNNC_REAL)(product * (double)((const CNNC_REAL *)in[4])[c]);
        ((CNNC_REAL *)out[2])[c] = (CNNC_REAL)sum;
    }
}

/* One thread: the loss is one number. The mean over the samples that are there. */
CNNC_INLINE void CNNC_FN(cnnc_train_loss)(const struct cnnc_train_loss *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long count = *(const int32_t *)in[2], each = g->classes * g->inner, all = in[3] ? *(const int32_t *)in[3] : count;
    const CNNC_REAL *x = in[0];
    CNNC_REAL *dx = out[1];
    double loss = 0;
    long right = 0;
    if (t.index)
        return;
    for (long n = 0; n < g->n; n++, x += each, dx += dx ? each : 0) {
        if (n >= count) {
            for (long i = 0; dx && i < each; i++)
                dx[i] = 0;
            continue;
        }
        if (g->kind != CNNC_TRAIN_CROSS_ENTROPY) {
            const CNNC_REAL *target = (const CNNC_REAL *)in[1] + n * each;
            const double share = g->weight / ((double)all * (double)each);
            for (long i = 0; i < each; i++) {
                const double v = (double)x[i], y = (double)target[i];
                if (g->kind == CNNC_TRAIN_MSE) {
                    loss += (v - y) * (v - y) * share;
                    if (dx)
                        dx[i] = (CNNC_REAL)(2 * (v - y) * share);
                } else { /* of logits */
                    loss += ((v > 0 ? v : 0) - v * y + log1p(exp(-fabs(v)))) * share;
                    if (dx)
                        dx[i] = (CNNC_REAL)((1 / (1 + exp(-v)) - y) * share);
                }
            }
            continue;
        }
        for (long p = 0; p < g->inner; p++) {
            const int32_t label = ((const int32_t *)in[1])[n * g->inner + p];
            const double share = g->weight / ((double)all * (double)g->inner), even = g->smoothing / (double)g->classes;
            double most = (double)x[p], sum = 0;
            long best = 0;
            for (long c = 1; c < g->classes; c++)
                if ((double)x[c * g->inner + p] > most) {
                    most = (double)x[c * g->inner + p];
                    best = c;
                }
            right += best == label;
            if (out[3])
                ((int32_t *)out[3])[n * g->inner + p] = (int32_t)best;
            for (long c = 0; c < g->classes; c++)
                sum += exp((double)x[c * g->inner + p] - most);
            for (long c = 0; c < g->classes; c++) {
                const double v = (double)x[c * g->inner + p] - most, target = (c == label ? 1 - g->smoothing : 0) + even;
                loss += target != 0 ? target * (log(sum) - v) * share : 0;
                if (dx)
                    dx[c * g->inner + p] = (CNNC_REAL)((exp(v) / sum - target) * share);
            }
        }
    }
    *(CNNC_REAL *)out[0] = (CNNC_REAL)loss;
    if (out[2])
        *(int32_t *)out[2] = (int32_t)right;
}

CNNC_INLINE void CNNC_FN(cnnc_take)(const struct cnnc_take *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long count = cnnc_min(g->n, cnnc_max(0, *(const int32_t *)in[1]));
    if (t.index)
        return;
    memcpy(out[0], in[0], (size_t)(count * g->bytes));
    memset((char *)out[0] + count * g->bytes, 0, (size_t)((g->n - count) * g->bytes));
}

/* splitmix64 (Steele, Lea, Flood 2014) of a counter */
CNNC_INLINE uint64_t CNNC_FN(cnnc_mix)(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

CNNC_INLINE void CNNC_FN(cnnc_drop)(const struct cnnc_drop *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const uint64_t key = CNNC_FN(cnnc_mix)((uint64_t)g->seed ^ CNNC_FN(cnnc_mix)((uint64_t)*(const int64_t *)in[1]));
    const double keep = 1 - g->ratio;
    const int64_t first = in[2] ? *(const int32_t *)in[2] * (int64_t)g->each : 0;
    long i, last;
    cnnc_split(g->n, t, &i, &last);
    for (; i < last; i++) {
        const double u = (double)(CNNC_FN(cnnc_mix)(key ^ (uint64_t)(first + i)) >> 11) * (1.0 / 9007199254740992.0);
        ((CNNC_REAL *)out[0])[i] = u < keep ? (CNNC_REAL)((double)((const CNNC_REAL *)in[0])[i] / keep) : 0;
    }
}
