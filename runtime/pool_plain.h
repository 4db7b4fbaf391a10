/* SPDX-License-Identifier: 0BSD
 *
 * Pooling on the plain layout, for any type: CNNC_POOL_PLAIN(name, tag, type) defines a kernel for elements of that tag
 * (convert.h) that computes in that type. Only the maximum makes sense for integers.
 */
#include "base.h"
#include "convert.h"
#include "pool_types.h"

/* clang-format off */
#define CNNC_POOL_PLAIN(name, tag, type)                                                                                  \
    CNNC_UNUSED static void name(const struct cnnc_pool *g, const void *const in[], void *const out[], struct cnnc_thread t)          \
    {                                                                                                                     \
        long r, last;                                                                                                     \
        cnnc_split((long)g->n * g->c * g->od * g->oh, t, &r, &last);                                                      \
        for (; r < last; r++) {                                                                                           \
            const int y = (int)(r % g->oh), z = (int)(r / g->oh % g->od);                                                 \
            const int c = (int)(r / g->oh / g->od % g->c), n = (int)(r / g->oh / g->od / g->c);                           \
            const struct cnnc_window d = cnnc_window(z, g->id, g->od, g->kd, g->sd, g->dd, g->pd, g->ed, g->adaptive, g->op);         \
            const struct cnnc_window h = cnnc_window(y, g->ih, g->oh, g->kh, g->sh, g->dh, g->ph, g->eh, g->adaptive, g->op);         \
            for (int x = 0; x < g->ow; x++) {                                                                             \
                const struct cnnc_window w = cnnc_window(x, g->iw, g->ow, g->kw, g->sw, g->dw, g->pw, g->ew, g->adaptive, g->op);     \
                const ptrdiff_t to = n * g->y.n + c * g->y.c + z * g->y.d + y * g->y.h + x;                               \
                const double counted = (double)d.counted * h.counted * w.counted;                                         \
                type acc = 0;                                                                                             \
                int64_t best = -1;                                                                                        \
                for (int i = 0; i < d.taps; i++)                                                                          \
                    for (int j = 0; j < h.taps; j++)                                                                      \
                        for (int k = 0; k < w.taps; k++) {                                                                \
                            const int pd = d.first + i * d.step, ph = h.first + j * h.step, pw = w.first + k * w.step;    \
                            const type v = (type)cnnc_load_##tag(in[0], n * g->x.n + c * g->x.c + pd * g->x.d + ph * g->x.h + pw);    \
                            if (g->op == CNNC_POOL_MAX) {                                                                 \
                                if (best < 0 || v > acc) {                                                                \
                                    const int64_t plane = ((int64_t)n * g->c + c) * g->id + pd;                           \
                                    acc = v;                                                                              \
                                    best = g->column_major                                                                \
                                               ? ((((int64_t)n * g->c + c) * g->iw + pw) * g->ih + ph) * g->id + pd       \
                                               : (plane * g->ih + ph) * g->iw + pw;                                       \
                                }                                                                                         \
                            } else {                                                                                      \
                                acc += g->op == CNNC_POOL_LP ? (type)pow(fabs((double)v), g->p) : v;                      \
                            }                                                                                             \
                        }                                                                                                 \
                if (g->op == CNNC_POOL_AVERAGE || g->op == CNNC_POOL_AVERAGE_PAD)                                         \
                    acc = counted > 0 ? (type)((double)acc / counted) : 0;                                                \
                if (g->op == CNNC_POOL_LP)                                                                                \
                    acc = (type)pow((double)acc, 1 / (double)g->p);                                                       \
                cnnc_store_##tag(out[0], to, acc);                                                                        \
                if (out[1])                                                                                               \
                    ((int64_t *)out[1])[(((ptrdiff_t)n * g->c + c) * g->od + z) * g->oh * g->ow + (ptrdiff_t)y * g->ow + x] = best;  \
            }                                                                                                             \
        }                                                                                                                 \
    }
/* clang-format on */

CNNC_POOL_PLAIN(CNNC_FN(cnnc_pool_plain), f32, float)
