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

/* What a step needs to know of an element: all the same, so that it is decided once. */
struct CNNC_FN(cnnc_update_by) {
    cnnc_vr share, rate, shrink, decay, a, b, rest_a, rest_b, epsilon, root; /* shrink: AdamW's decay; rest: 1 - a, 1 - b; root: Adam's correction */
};

/* `lanes` elements of a parameter, its gradient and its moments, at most a vector. */
CNNC_INLINE void CNNC_FN(cnnc_update_some)(const struct cnnc_update *g, const struct CNNC_FN(cnnc_update_by) *by, const CNNC_REAL *gradient,
                                           CNNC_REAL *w, CNNC_REAL *m, CNNC_REAL *v, const int lanes)
{
    const int moments = g->kind == CNNC_UPDATE_SGD ? 0
                        : g->kind == CNNC_UPDATE_MOMENTUM || g->kind == CNNC_UPDATE_NESTEROV || g->kind == CNNC_UPDATE_RMSPROP ? 1 : 2;
    const int whole = lanes == CNNC_RL;
    cnnc_vr x = whole ? CNNC_RLOAD(w) : CNNC_RLOAD_N(w, lanes), d = whole ? CNNC_RLOAD(gradient) : CNNC_RLOAD_N(gradient, lanes), p = x, q = x;
    if (moments > 0)
        p = whole ? CNNC_RLOAD(m) : CNNC_RLOAD_N(m, lanes);
    if (moments > 1)
        q = whole ? CNNC_RLOAD(v) : CNNC_RLOAD_N(v, lanes);
    d = CNNC_RMUL(d, by->share);
    if (g->kind == CNNC_UPDATE_ADAMW)
        x = CNNC_RSUB(x, CNNC_RMUL(by->shrink, x));
    else
        d = CNNC_RFMA(by->decay, x, d);
    switch (g->kind) {
    case CNNC_UPDATE_SGD: x = CNNC_RSUB(x, CNNC_RMUL(by->rate, d)); break;
    case CNNC_UPDATE_MOMENTUM:
        p = CNNC_RFMA(by->a, p, d);
        x = CNNC_RSUB(x, CNNC_RMUL(by->rate, p));
        break;
    case CNNC_UPDATE_NESTEROV:
        p = CNNC_RFMA(by->a, p, d);
        x = CNNC_RSUB(x, CNNC_RMUL(by->rate, CNNC_RFMA(by->a, p, d)));
        break;
    case CNNC_UPDATE_RMSPROP:
        p = CNNC_RFMA(by->a, p, CNNC_RMUL(CNNC_RMUL(by->rest_a, d), d));
        x = CNNC_RSUB(x, CNNC_RDIV(CNNC_RMUL(by->rate, d), CNNC_RADD(CNNC_RSQRT(p), by->epsilon)));
        break;
    case CNNC_UPDATE_RMSPROP_MOMENTUM:
        p = CNNC_RFMA(by->a, p, CNNC_RMUL(CNNC_RMUL(by->rest_a, d), d));
        q = CNNC_RFMA(by->b, q, CNNC_RDIV(d, CNNC_RADD(CNNC_RSQRT(p), by->epsilon)));
        x = CNNC_RSUB(x, CNNC_RMUL(by->rate, q));
        break;
    default:
        p = CNNC_RFMA(by->a, p, CNNC_RMUL(by->rest_a, d));
        q = CNNC_RFMA(by->b, q, CNNC_RMUL(CNNC_RMUL(by->rest_b, d), d));
        x = CNNC_RSUB(x, CNNC_RDIV(CNNC_RMUL(by->rate, p), CNNC_RFMA(CNNC_RSQRT(q), by->root, by->epsilon)));
    }
    if (whole)
        CNNC_RSTORE(w, x);
    else
        CNNC_RSTORE_N(w, x, lanes);
    if (moments > 0 && whole)
        CNNC_RSTORE(m, p);
    else if (moments > 0)
        CNNC_RSTORE_N(m, p, lanes);
    if (moments > 1 && whole)
        CNNC_RSTORE(v, q);
    else if (moments > 1)
        CNNC_RSTORE_N(v, q, lanes);
}

CNNC_INLINE void CNNC_FN(cnnc_update)(const struct cnnc_update *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const CNNC_REAL *gradient = in[0];
    const int64_t call = *(const int64_t *)in[2];
    const double step = (double)(call / g->calls), norm = in[3] ? sqrt(*(const double *)in[3]) : 0;
    double rate = (double)*(const CNNC_REAL *)in[1], root = 1;
    CNNC_REAL *w = out[0], *m = out[1], *v = out[2];
    long i, last;
    if (call % g->calls)
        return;
    cnnc_split((g->n + CNNC_RL - 1) / CNNC_RL, t, &i, &last); /* vectors */
    i *= CNNC_RL;
    last = cnnc_min(g->n, last * CNNC_RL);
    const CNNC_REAL shrink = (CNNC_REAL)rate * (CNNC_REAL)g->decay;
    if (g->kind == CNNC_UPDATE_ADAM || g->kind == CNNC_UPDATE_ADAMW) {
        rate /= 1 - pow(g->a, step);
        root = 1 / sqrt(1 - pow(g->b, step));
    }
    const struct CNNC_FN(cnnc_update_by) by = {
        CNNC_RSET1((CNNC_REAL)(in[3] && norm + 1e-6 > g->clip ? g->clip / (norm + 1e-6) : 1)), CNNC_RSET1((CNNC_REAL)rate), CNNC_RSET1(shrink),
        CNNC_RSET1((CNNC_REAL)g->decay), CNNC_RSET1((CNNC_REAL)g->a), CNNC_RSET1((CNNC_REAL)g->b), CNNC_RSET1(1 - (CNNC_REAL)g->a),
        CNNC_RSET1(1 - (CNNC_REAL)g->b), CNNC_RSET1((CNNC_REAL)g->epsilon), CNNC_RSET1((CNNC_REAL)root)};
    for (; i + CNNC_RL <= last; i += CNNC_RL)
        CNNC_FN(cnnc_update_some)(g, &by, gradient + i, w + i, m ? m + i : NULL, v ? v + i : NULL, CNNC_RL);
    if (i < last)
        CNNC_FN(cnnc_update_some)(g, &by, gradient + i, w + i, m ? m + i : NULL, v ? v + i : NULL, (int)(last - i));
}
