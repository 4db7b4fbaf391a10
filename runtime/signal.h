/* SPDX-License-Identifier: 0BSD
 *
 * Fourier transforms by their definition, windows, mel filters.
 */
#include "base.h"
#include "element.h"
#include "signal_types.h"

/* cos and sin of 2 pi k / n for all k below n. */
CNNC_NOINLINE void CNNC_FN(cnnc_dft_table)(double *table, long n)
{
    for (long k = 0; k < n; k++) {
        const double angle = 6.283185307179586476925286766559 * (double)k / (double)n;
        table[2 * k] = cos(angle);
        table[2 * k + 1] = sin(angle);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_dft)(const struct cnnc_dft *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    double *table = t.scratch;
    long first, last;
    CNNC_FN(cnnc_dft_table)(table, g->length);
    cnnc_split(g->outer * g->bins * g->inner, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long inner = i % g->inner, k = i / g->inner % g->bins, o = i / g->inner / g->bins;
        double re = 0, im = 0;
        for (long j = 0; j < g->length; j++) {
            const int mirrored = g->half && j > g->length / 2;
            const long from = mirrored ? g->length - j : j, at = ((o * g->given + from) * g->inner + inner) * g->parts;
            if (from >= g->given)
                continue;
            const double a = cnnc_get(g->dtype, in[0], at), b0 = g->parts == 2 ? cnnc_get(g->dtype, in[0], at + 1) : 0;
            const double b = mirrored ? -b0 : b0, c = table[2 * (j * k % g->length)];
            const double s = g->inverse ? table[2 * (j * k % g->length) + 1] : -table[2 * (j * k % g->length) + 1];
            re += a * c - b * s;
            im += a * s + b * c;
        }
        if (g->inverse) {
            re /= (double)g->length;
            im /= (double)g->length;
        }
        cnnc_put(g->dtype, out[0], i * g->out_parts, re);
        if (g->out_parts == 2)
            cnnc_put(g->dtype, out[0], i * 2 + 1, im);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_stft)(const struct cnnc_stft *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    double *table = t.scratch;
    long first, last;
    CNNC_FN(cnnc_dft_table)(table, g->length);
    cnnc_split(g->batch * g->frames * g->bins, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long k = i % g->bins, f = i / g->bins % g->frames, b = i / g->bins / g->frames;
        double re = 0, im = 0;
        for (long j = 0; j < g->length; j++) {
            const long at = (b * g->samples + f * g->step + j) * g->parts;
            const double w = in[2] ? cnnc_get(g->dtype, in[2], j) : 1, a = w * cnnc_get(g->dtype, in[0], at);
            const double v = g->parts == 2 ? w * cnnc_get(g->dtype, in[0], at + 1) : 0;
            const double c = table[2 * (j * k % g->length)], s = -table[2 * (j * k % g->length) + 1];
            re += a * c - v * s;
            im += a * s + v * c;
        }
        cnnc_put(g->dtype, out[0], 2 * i, re);
        cnnc_put(g->dtype, out[0], 2 * i + 1, im);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_window)(const struct cnnc_window *g, const void *const in[], void *const out[],
                                      struct cnnc_thread t)
{
    long first, last;
    (void)in;
    cnnc_split(g->n, t, &first, &last);
    for (long i = first; i < last; i++) {
        const double angle = 6.283185307179586476925286766559 * (double)i / (double)g->period;
        cnnc_put(g->dtype, out[0], i, g->a - g->b * cos(angle) + g->c * cos(2 * angle));
    }
}

CNNC_INLINE void CNNC_FN(cnnc_mel)(const struct cnnc_mel *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long *bin = t.scratch;
    if (t.index)
        return;
    const double length = cnnc_get(g->in[1], in[1], 0), rate = cnnc_get(g->in[2], in[2], 0);
    const double low = 2595 * log10(1 + cnnc_get(g->in[3], in[3], 0) / 700), high = 2595 * log10(1 + cnnc_get(g->in[4], in[4], 0) / 700);
    for (long i = 0; i < g->bands + 2; i++) {
        const double mel = (double)i * ((high - low) / (double)(g->bands + 2)) + low;
        bin[i] = (long)floor((length + 1) * (700 * (pow(10, mel / 2595) - 1)) / rate);
        bin[i] = bin[i] < 0 ? 0 : bin[i] >= g->bins ? g->bins - 1 : bin[i];
    }
    for (long j = 0; j < g->bins; j++)
        for (long i = 0; i < g->bands; i++) {
            const long lower = bin[i], center = bin[i + 1], upper = bin[i + 2];
            double v = 0;
            if (j >= lower && j <= center)
                v = center == lower ? 1 : (double)(j - lower) / (double)(center - lower);
            if (j >= center && j < upper)
                v = (double)(upper - j) / (double)(upper - center);
            cnnc_put(g->dtype, out[0], j * g->bands + i, v);
        }
}
