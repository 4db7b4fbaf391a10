/* SPDX-License-Identifier: 0BSD
 *
 * One step of an optimiser.
 */
#include "base.h"
#include "element.h"
#include "optimizer_types.h"

CNNC_INLINE void CNNC_FN(cnnc_optimizer)(const struct cnnc_optimizer *g, const void *const in[], void *const out[],
                                         struct cnnc_thread t)
{
    const double rate = cnnc_get(g->rate, in[0], 0), step = (double)*(const int64_t *)in[1];
    const int n = g->tensors;
    double r = rate;
    if (g->kind == CNNC_ADAGRAD)
        r = rate / (1 + step * g->decay);
    else if (g->kind == CNNC_ADAM && step > 0)
        r = rate * sqrt(1 - pow(g->b, step)) / (1 - pow(g->a, step));
    for (int k = 0; k < n; k++) {
        long first, last;
        cnnc_split(g->size[k], t, &first, &last);
        for (long i = first; i < last; i++) {
            double x = cnnc_get(g->dtype, in[2 + k], i), m = cnnc_get(g->dtype, in[2 + 2 * n + k], i), h;
            const double d = g->norm * x + cnnc_get(g->dtype, in[2 + n + k], i);
            switch (g->kind) {
            case CNNC_ADAGRAD:
                m += d * d;
                x -= r * d / (sqrt(m) + g->epsilon);
                break;
            case CNNC_ADAM:
                m = g->a * m + (1 - g->a) * d;
                h = g->b * cnnc_get(g->dtype, in[2 + 3 * n + k], i) + (1 - g->b) * d * d;
                x = (1 - g->norm_after) * (x - r * m / (sqrt(h) + g->epsilon));
                cnnc_put(g->dtype, out[2 * n + k], i, h);
                break;
            default:
                m = g->a * m + (step > 0 ? g->b : 1) * d;
                x -= r * (g->kind == CNNC_NESTEROV ? d + g->a * m : m);
            }
            cnnc_put(g->dtype, out[k], i, x);
            cnnc_put(g->dtype, out[n + k], i, m);
        }
    }
}
