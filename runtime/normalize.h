/* SPDX-License-Identifier: 0BSD
 *
 * Normalisation on the plain layout for any floating type, as templates: CNNC_NORMALIZE(name, tag), where the tag is one of
 * convert.h. Sums are kept in double.
 */
#include "base.h"
#include "convert.h"
#include "normalize_types.h"

/* clang-format off */
#define CNNC_NORMALIZE(name, tag)                                                                                         \
    CNNC_UNUSED static void name(const struct cnnc_normalize *g, const void *const in[], void *const out[], struct cnnc_thread t)     \
    {                                                                                                                     \
        long r, last;                                                                                                     \
        cnnc_split(g->rows, t, &r, &last);                                                                                \
        for (; r < last; r++) {                                                                                           \
            const ptrdiff_t at = r * g->n;                                                                                \
            const long first = r % g->period * (g->n / g->plane);                                                         \
            double mean = 0, square = 0, factor;                                                                          \
            for (long k = 0; k < g->n && !g->rms; k++)                                                                    \
                mean += (double)cnnc_load_##tag(in[0], at + k);                                                           \
            mean /= (double)g->n;                                                                                         \
            for (long k = 0; k < g->n; k++) {                                                                             \
                const double d = (double)cnnc_load_##tag(in[0], at + k) - mean;                                           \
                square += d * d;                                                                                          \
            }                                                                                                             \
            factor = 1 / sqrt(square / (double)g->n + g->epsilon);                                                        \
            for (long k = 0; k < g->n; k++) {                                                                             \
                const long c = first + k / g->plane;                                                                      \
                double v = ((double)cnnc_load_##tag(in[0], at + k) - mean) * factor;                                      \
                if (in[1])                                                                                                \
                    v *= (double)cnnc_load_##tag(in[1], g->scale_in_one ? 0 : c);                                         \
                if (in[2])                                                                                                \
                    v += (double)cnnc_load_##tag(in[2], g->bias_in_one ? 0 : c);                                          \
                cnnc_store_##tag(out[0], at + k, v);                                                                      \
            }                                                                                                             \
            for (int i = 1; i < 3; i++)                                                                                   \
                if (out[i] && g->wide)                                                                                    \
                    ((double *)out[i])[r] = i == 1 ? mean : factor;                                                       \
                else if (out[i])                                                                                          \
                    ((float *)out[i])[r] = (float)(i == 1 ? mean : factor);                                               \
        }                                                                                                                 \
    }

/* The element types of x, of scale and bias, and of mean and variance may be three. */
#define CNNC_BATCH_NORM(name, tag, tag_scale, tag_stat)                                                                   \
    CNNC_UNUSED static void name(const struct cnnc_batch_norm *g, const void *const in[], void *const out[], struct cnnc_thread t)    \
    {                                                                                                                     \
        long r, last;                                                                                                     \
        cnnc_split(g->n * g->c, t, &r, &last);                                                                            \
        for (; r < last; r++) {                                                                                           \
            const long c = r % g->c;                                                                                      \
            const double scale = (double)cnnc_load_##tag_scale(in[1], c) / sqrt((double)cnnc_load_##tag_stat(in[4], c) + g->epsilon); \
            const double bias = (double)cnnc_load_##tag_scale(in[2], c) - (double)cnnc_load_##tag_stat(in[3], c) * scale; \
            for (ptrdiff_t at = r * g->plane, end = at + g->plane; at < end; at++)                                        \
                cnnc_store_##tag(out[0], at, (double)cnnc_load_##tag(in[0], at) * scale + bias);                          \
        }                                                                                                                 \
    }

#define CNNC_LRN(name, tag)                                                                                               \
    CNNC_UNUSED static void name(const struct cnnc_lrn *g, const void *const in[], void *const out[], struct cnnc_thread t)           \
    {                                                                                                                     \
        long r, last;                                                                                                     \
        cnnc_split(g->n * g->c, t, &r, &last);                                                                            \
        for (; r < last; r++) {                                                                                           \
            const long c = r % g->c;                                                                                      \
            const long low = cnnc_max(0, c - (g->size - 1) / 2), high = cnnc_min(g->c - 1, c + g->size / 2);              \
            for (long i = 0; i < g->plane; i++) {                                                                         \
                double square = 0;                                                                                        \
                for (long k = low; k <= high; k++) {                                                                      \
                    const double v = (double)cnnc_load_##tag(in[0], (r - c + k) * g->plane + i);                          \
                    square += v * v;                                                                                      \
                }                                                                                                         \
                cnnc_store_##tag(out[0], r * g->plane + i, (double)cnnc_load_##tag(in[0], r * g->plane + i) *             \
                    pow((double)g->bias + (double)g->alpha / g->size * square, -(double)g->beta));                        \
            }                                                                                                             \
        }                                                                                                                 \
    }

/* Softmax and its like, and division by a norm. */
#define CNNC_AXIS(name, tag)                                                                                              \
    CNNC_UNUSED static void name(const struct cnnc_axis *g, const void *const in[], void *const out[], struct cnnc_thread t)          \
    {                                                                                                                     \
        long r, last;                                                                                                     \
        cnnc_split(g->outer * g->inner, t, &r, &last);                                                                    \
        for (; r < last; r++) {                                                                                           \
            const ptrdiff_t at = r / g->inner * g->n * g->inner + r % g->inner, s = g->inner;                             \
            double top = -(double)INFINITY, sum = 0;                                                                      \
            long best = 0;                                                                                                \
            for (long k = 0; k < g->n && g->op <= CNNC_AXIS_HARDMAX; k++) {                                               \
                const double v = (double)cnnc_load_##tag(in[0], at + k * s);                                              \
                best = v > top ? k : best;                                                                                \
                top = v > top || v != v ? v : top;                                                                        \
            }                                                                                                             \
            for (long k = 0; k < g->n && g->op != CNNC_AXIS_HARDMAX; k++) {                                               \
                const double v = (double)cnnc_load_##tag(in[0], at + k * s);                                              \
                sum += g->op == CNNC_AXIS_L1 ? fabs(v) : g->op == CNNC_AXIS_L2 ? v * v : exp(v - top);                    \
            }                                                                                                             \
            if (g->op == CNNC_AXIS_L2)                                                                                    \
                sum = sqrt(sum);                                                                                          \
            for (long k = 0; k < g->n; k++) {                                                                             \
                const double v = (double)cnnc_load_##tag(in[0], at + k * s);                                              \
                cnnc_store_##tag(out[0], at + k * s,                                                                      \
                    g->op == CNNC_AXIS_HARDMAX ? (k == best)                                                              \
                    : g->op == CNNC_AXIS_SOFTMAX ? exp(v - top) / sum                                                     \
                    : g->op == CNNC_AXIS_LOG_SOFTMAX ? v - top - log(sum)                                                 \
                    : v / sum);                                                                                          \
            }                                                                                                             \
        }                                                                                                                 \
    }
/* clang-format on */
