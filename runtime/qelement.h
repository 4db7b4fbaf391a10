/* SPDX-License-Identifier: 0BSD
 *
 * Element by element on quantised tensors, and what is between that and a convolution: tables, sums and products, means, softmax.
 */
#include "base.h"
#include "element.h"
#include "quant_types.h"
#include "requantize.h"

CNNC_INLINE void CNNC_FN(cnnc_qtable)(const struct cnnc_qtable *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long i, last;
    cnnc_split(g->n, t, &i, &last);
    for (; i < last; i++)
        ((uint8_t *)out[0])[i] = ((const uint8_t *)in[1])[((const uint8_t *)in[0])[i]];
}

CNNC_INLINE void CNNC_FN(cnnc_qbinary)(const struct cnnc_qbinary *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long width = g->dim[g->rank - 1], step_a = g->at_a[g->rank - 1], step_b = g->at_b[g->rank - 1];
    long rows = 1, r, last;
    for (int d = 0; d < g->rank - 1; d++)
        rows *= g->dim[d];
    cnnc_split(rows, t, &r, &last);
    for (; r < last; r++) {
        long a = 0, b = 0, rest = r;
        for (int d = g->rank - 2; d >= 0; rest /= g->dim[d], d--) {
            a += rest % g->dim[d] * g->at_a[d];
            b += rest % g->dim[d] * g->at_b[d];
        }
        for (long i = 0; i < width; i++) {
            const int64_t p = cnnc_get_int(g->a, in[0], a + i * step_a) - g->za, q = cnnc_get_int(g->b, in[1], b + i * step_b) - g->zb;
            const int64_t v = g->add ? p * g->ma + q * g->mb : p * q * g->ma;
            ((uint8_t *)out[0])[r * width + i] = (uint8_t)cnnc_between(cnnc_shift_even(v, g->shift) + g->zy, g->low, g->high);
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_qpool)(const struct cnnc_qpool *q, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_pool *g = &q->pool;
    long r, last;
    cnnc_split((long)g->n * g->c * g->od * g->oh, t, &r, &last);
    for (; r < last; r++) {
        const int y = (int)(r % g->oh), z = (int)(r / g->oh % g->od);
        const long plane = r / g->oh / g->od;
        const struct cnnc_window d = cnnc_window(z, g->id, g->od, g->kd, g->sd, g->dd, g->pd, g->ed, g->adaptive, g->op);
        const struct cnnc_window h = cnnc_window(y, g->ih, g->oh, g->kh, g->sh, g->dh, g->ph, g->eh, g->adaptive, g->op);
        for (int x = 0; x < g->ow; x++) {
            const struct cnnc_window w = cnnc_window(x, g->iw, g->ow, g->kw, g->sw, g->dw, g->pw, g->ew, g->adaptive, g->op);
            const int64_t taps = (int64_t)d.taps * h.taps * w.taps, counted = (int64_t)d.counted * h.counted * w.counted;
            int64_t sum = -taps * q->zero;
            for (int i = 0; i < d.taps; i++)
                for (int j = 0; j < h.taps; j++) {
                    const long row = ((plane * g->id + d.first + i * d.step) * g->ih + h.first + j * h.step) * g->iw + w.first;
                    for (int k = 0; k < w.taps; k++)
                        sum += cnnc_get_int(q->x, in[0], row + k * w.step);
                }
            const int64_t mean = counted > 0 ? cnnc_divide_even(sum * q->mul, counted << q->shift) : 0;
            ((uint8_t *)out[0])[r * g->ow + x] = (uint8_t)cnnc_between(mean + q->zy, q->low, q->high);
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_qsoftmax)(const struct cnnc_qsoftmax *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int32_t *e = in[1];
    long r, last;
    cnnc_split(g->outer * g->inner, t, &r, &last);
    for (; r < last; r++) {
        const long at = r / g->inner * g->axis * g->inner + r % g->inner;
        int64_t top = cnnc_get_int(g->x, in[0], at), sum = 0;
        for (long i = 1; i < g->axis; i++) {
            const int64_t v = cnnc_get_int(g->x, in[0], at + i * g->inner);
            top = v > top ? v : top;
        }
        for (long i = 0; i < g->axis; i++)
            sum += e[top - cnnc_get_int(g->x, in[0], at + i * g->inner)];
        for (long i = 0; i < g->axis; i++) {
            const int64_t v = e[top - cnnc_get_int(g->x, in[0], at + i * g->inner)];
            ((uint8_t *)out[0])[at + i * g->inner] = (uint8_t)cnnc_between(cnnc_divide_even(v * g->mul, sum << g->shift) + g->zy, g->low, g->high);
        }
    }
}
