/* SPDX-License-Identifier: 0BSD
 *
 * RNN, GRU and LSTM, one sequence after the other; a thread takes whole sequences.
 */
#include "base.h"
#include "element.h"
#include "rnn_types.h"

CNNC_INLINE double CNNC_FN(cnnc_rnn_unclipped)(const struct cnnc_rnn *g, int f, double v)
{
    const double a = g->alpha[f], b = g->beta[f];
    switch (g->function[f]) {
    case CNNC_RNN_RELU: return v > 0 ? v : 0;
    case CNNC_RNN_SIGMOID: return 1 / (1 + exp(-v));
    case CNNC_RNN_AFFINE: return a * v + b;
    case CNNC_RNN_LEAKY: return v < 0 ? a * v : v;
    case CNNC_RNN_THRESHOLDED: return v > a ? v : 0;
    case CNNC_RNN_SCALED_TANH: return a * tanh(b * v);
    case CNNC_RNN_HARD_SIGMOID: v = a * v + b; return v < 0 ? 0 : v > 1 ? 1 : v;
    case CNNC_RNN_ELU: return v < 0 ? a * (exp(v) - 1) : v;
    case CNNC_RNN_SOFTSIGN: return v / (1 + fabs(v));
    case CNNC_RNN_SOFTPLUS: return log(1 + exp(v));
    default: return tanh(v);
    }
}

CNNC_INLINE double CNNC_FN(cnnc_rnn_function)(const struct cnnc_rnn *g, int f, double v)
{
    if (g->clip > 0)
        v = v > g->clip ? g->clip : v < -g->clip ? -g->clip : v;
    return CNNC_FN(cnnc_rnn_unclipped)(g, f, v);
}

/* n elements of m, from `at` on, times those of x. */
CNNC_INLINE double CNNC_FN(cnnc_rnn_dot)(int dtype, const void *m, long at, long n, const void *x, long from)
{
    double sum = 0;
    for (long i = 0; i < n; i++)
        sum += cnnc_get(dtype, m, at + i) * cnnc_get(dtype, x, from + i);
    return sum;
}

CNNC_INLINE double CNNC_FN(cnnc_rnn_dot_state)(int dtype, const void *m, long at, long n, const double *h)
{
    double sum = 0;
    for (long i = 0; i < n; i++)
        sum += cnnc_get(dtype, m, at + i) * h[i];
    return sum;
}

CNNC_INLINE void CNNC_FN(cnnc_rnn)(const struct cnnc_rnn *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long H = g->hidden, gates = g->kind == CNNC_LSTM ? 4 : g->kind == CNNC_GRU ? 3 : 1, D = g->directions;
    double *h = t.scratch, *c = h + H, *v = c + H, *next = v + 4 * H; /* v: the gates */
    long first, last;
    cnnc_split(D * g->batch, t, &first, &last);
    for (long u = first; u < last; u++) {
        const long d = u / g->batch, b = u % g->batch, w = d * gates * H * g->input, r = d * gates * H * H;
        const long state = (g->batch_first ? b * D + d : u) * H;
        const int back = g->backward >> d & 1, f = (int)d * 3;
        long steps = in[4] ? (long)((const int32_t *)in[4])[b] : g->steps;
        steps = steps < 0 ? 0 : steps > g->steps ? g->steps : steps;
        for (long i = 0; i < H; i++) {
            h[i] = in[5] ? cnnc_get(g->dtype, in[5], state + i) : 0;
            c[i] = g->kind == CNNC_LSTM && in[6] ? cnnc_get(g->dtype, in[6], state + i) : 0;
        }
        for (long k = 0; k < g->steps; k++) {
            const long s = back && k < steps ? steps - 1 - k : k;
            const long x = (g->batch_first ? b * g->steps + s : s * g->batch + b) * g->input;
            const long y = g->batch_first ? ((b * g->steps + s) * D + d) * H : ((s * D + d) * g->batch + b) * H;
            if (k >= steps) {
                for (long i = 0; out[0] && i < H; i++)
                    cnnc_put(g->dtype, out[0], y + i, 0);
                continue;
            }
            for (long q = 0; q < gates * H; q++) {
                v[q] = CNNC_FN(cnnc_rnn_dot)(g->dtype, in[1], w + q * g->input, g->input, in[0], x);
                if (in[3])
                    v[q] += cnnc_get(g->dtype, in[3], d * 2 * gates * H + q);
                if (g->kind == CNNC_GRU && q >= 2 * H) /* the candidate waits for the reset gate */
                    continue;
                v[q] += CNNC_FN(cnnc_rnn_dot_state)(g->dtype, in[2], r + q * H, H, h);
                if (in[3])
                    v[q] += cnnc_get(g->dtype, in[3], (d * 2 + 1) * gates * H + q);
            }
            if (g->kind == CNNC_RNN) {
                for (long i = 0; i < H; i++)
                    next[i] = CNNC_FN(cnnc_rnn_function)(g, f, v[i]);
            } else if (g->kind == CNNC_GRU) {
                for (long i = 0; i < H; i++) {
                    v[i] = CNNC_FN(cnnc_rnn_function)(g, f, v[i]);
                    v[H + i] = CNNC_FN(cnnc_rnn_function)(g, f, v[H + i]);
                    v[3 * H + i] = v[H + i] * h[i];
                }
                for (long i = 0; i < H; i++) {
                    const double bias = in[3] ? cnnc_get(g->dtype, in[3], (d * 2 + 1) * gates * H + 2 * H + i) : 0;
                    const long row = r + (2 * H + i) * H;
                    const double past = g->reset_after
                                            ? v[H + i] * (CNNC_FN(cnnc_rnn_dot_state)(g->dtype, in[2], row, H, h) + bias)
                                            : CNNC_FN(cnnc_rnn_dot_state)(g->dtype, in[2], row, H, v + 3 * H) + bias;
                    const double candidate = CNNC_FN(cnnc_rnn_function)(g, f + 1, v[2 * H + i] + past);
                    next[i] = (1 - v[i]) * candidate + v[i] * h[i];
                }
            } else {
                for (long i = 0; i < H; i++) { /* gates: input, output, forget, cell */
                    const long p = d * 3 * H + i;
                    const double pi = in[7] ? cnnc_get(g->dtype, in[7], p) : 0, po = in[7] ? cnnc_get(g->dtype, in[7], p + H) : 0;
                    const double pf = in[7] ? cnnc_get(g->dtype, in[7], p + 2 * H) : 0;
                    const double enter = CNNC_FN(cnnc_rnn_function)(g, f, v[i] + pi * c[i]);
                    const double keep = g->input_forget ? 1 - enter : CNNC_FN(cnnc_rnn_function)(g, f, v[2 * H + i] + pf * c[i]);
                    c[i] = keep * c[i] + enter * CNNC_FN(cnnc_rnn_function)(g, f + 1, v[3 * H + i]);
                    next[i] = CNNC_FN(cnnc_rnn_function)(g, f, v[H + i] + po * c[i]);
                    next[i] *= CNNC_FN(cnnc_rnn_unclipped)(g, f + 2, c[i]);
                }
            }
            for (long i = 0; i < H; i++) {
                h[i] = next[i];
                if (out[0])
                    cnnc_put(g->dtype, out[0], y + i, h[i]);
            }
        }
        for (long i = 0; i < H; i++) {
            if (out[1])
                cnnc_put(g->dtype, out[1], state + i, h[i]);
            if (g->kind == CNNC_LSTM && out[2])
                cnnc_put(g->dtype, out[2], state + i, c[i]);
        }
    }
}
