/* SPDX-License-Identifier: 0BSD
 *
 * Gradients of average pooling and of local response normalisation. A thread has whole planes (samples): what it adds up is its own.
 */
#include "base.h"
#include "normalize_types.h"
#include "pool_types.h"
#include "real.h"

/* in dy; out dx; the geometry is that of the forward operator. */
CNNC_INLINE void CNNC_FN(cnnc_average_pool_grad)(const struct cnnc_pool *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const ptrdiff_t inside = (ptrdiff_t)g->id * g->ih * g->iw, outside = (ptrdiff_t)g->od * g->oh * g->ow;
    long r, last;
    cnnc_split((long)g->n * g->c, t, &r, &last);
    for (; r < last; r++) {
        const CNNC_REAL *dy = (const CNNC_REAL *)in[0] + r * outside;
        CNNC_REAL *dx = (CNNC_REAL *)out[0] + r * inside;
        memset(dx, 0, (size_t)inside * sizeof *dx);
        for (int z = 0; z < g->od; z++)
            for (int y = 0; y < g->oh; y++)
                for (int x = 0; x < g->ow; x++, dy++) {
                    const struct cnnc_window d = cnnc_window(z, g->id, g->od, g->kd, g->sd, g->dd, g->pd, g->ed, g->adaptive, g->op);
                    const struct cnnc_window h = cnnc_window(y, g->ih, g->oh, g->kh, g->sh, g->dh, g->ph, g->eh, g->adaptive, g->op);
                    const struct cnnc_window w = cnnc_window(x, g->iw, g->ow, g->kw, g->sw, g->dw, g->pw, g->ew, g->adaptive, g->op);
                    const double counted = g->op == CNNC_POOL_SUM ? 1 : (double)d.counted * h.counted * w.counted;
                    const CNNC_REAL v = counted > 0 ? (CNNC_REAL)((double)*dy / counted) : 0;
                    for (int a = 0; a < d.taps; a++)
                        for (int b = 0; b < h.taps; b++)
                            for (int c = 0; c < w.taps; c++)
                                dx[((ptrdiff_t)(d.first + a * d.step) * g->ih + h.first + b * h.step) * g->iw + w.first + c * w.step] += v;
                }
    }
}

/* in dy, x, y of a maximum over windows; out dx. The first of equal maxima in a window takes its gradient. */
CNNC_INLINE void CNNC_FN(cnnc_max_window_grad)(const struct cnnc_pool_grad *k, const void *const in[], void *const out[],
                                               struct cnnc_thread t)
{
    const struct cnnc_pool *g = &k->p;
    const ptrdiff_t inside = (ptrdiff_t)g->id * g->ih * g->iw, outside = (ptrdiff_t)g->od * g->oh * g->ow;
    long r, last;
    cnnc_split((long)g->n * g->c, t, &r, &last);
    for (; r < last; r++) {
        const CNNC_REAL *dy = (const CNNC_REAL *)in[0] + r * outside, *x = (const CNNC_REAL *)in[1] + r * inside;
        const CNNC_REAL *most = (const CNNC_REAL *)in[2] + r * outside;
        CNNC_REAL *dx = (CNNC_REAL *)out[0] + r * inside;
        memset(dx, 0, (size_t)inside * sizeof *dx);
        for (ptrdiff_t i = 0; i < outside; i++) {
            const int oz = (int)(i / g->ow / g->oh), oy = (int)(i / g->ow % g->oh), ox = (int)(i % g->ow);
            const struct cnnc_window d = cnnc_window(oz, g->id, g->od, g->kd, g->sd, g->dd, g->pd, g->ed, g->adaptive, g->op);
            const struct cnnc_window h = cnnc_window(oy, g->ih, g->oh, g->kh, g->sh, g->dh, g->ph, g->eh, g->adaptive, g->op);
            const struct cnnc_window w = cnnc_window(ox, g->iw, g->ow, g->kw, g->sw, g->dw, g->pw, g->ew, g->adaptive, g->op);
            for (int tap = 0; tap < d.taps * h.taps * w.taps; tap++) {
                const ptrdiff_t z = d.first + (ptrdiff_t)(tap / w.taps / h.taps) * d.step;
                const ptrdiff_t y = h.first + (ptrdiff_t)(tap / w.taps % h.taps) * h.step;
                const ptrdiff_t at = (z * g->ih + y) * g->iw + w.first + (ptrdiff_t)(tap % w.taps) * w.step;
                if (x[at] == most[i]) {
                    dx[at] += dy[i];
                    break;
                }
            }
        }
    }
}

/* in dy, x; out dx. With s = bias + alpha / size * (sum of squares over the window), y = x s^-beta:
 * dx = dy s^-beta - 2 alpha beta / size * x * (sum of dy x s^(-beta-1) over the channels whose window this one is in). */
CNNC_INLINE void CNNC_FN(cnnc_lrn_grad)(const struct cnnc_lrn *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long before = (g->size - 1) / 2, after = g->size - 1 - before;
    const double share = (double)g->alpha / g->size;
    long n, last;
    cnnc_split(g->n * g->plane, t, &n, &last);
    for (; n < last; n++) {
        const ptrdiff_t at = n / g->plane * g->c * g->plane + n % g->plane;
        const CNNC_REAL *dy = (const CNNC_REAL *)in[0] + at, *x = (const CNNC_REAL *)in[1] + at;
        CNNC_REAL *dx = (CNNC_REAL *)out[0] + at;
        for (long c = 0; c < g->c; c++)
            dx[c * g->plane] = 0;
        for (long j = 0; j < g->c; j++) {
            const long from = cnnc_max(0, j - before), to = cnnc_min(g->c - 1, j + after);
            double s = (double)g->bias;
            for (long c = from; c <= to; c++)
                s += share * (double)x[c * g->plane] * (double)x[c * g->plane];
            const double p = pow(s, -(double)g->beta), q = -2 * share * (double)g->beta * (double)dy[j * g->plane] * (double)x[j * g->plane] * p / s;
            dx[j * g->plane] += (CNNC_REAL)((double)dy[j * g->plane] * p);
            for (long c = from; c <= to; c++)
                dx[c * g->plane] += (CNNC_REAL)(q * (double)x[c * g->plane]);
        }
    }
}
