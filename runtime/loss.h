/* SPDX-License-Identifier: 0BSD
 *
 * Negative log likelihood and softmax cross entropy.
 */
#include "base.h"
#include "element.h"
#include "loss_types.h"

/* One thread: the sum of all is one number. */
CNNC_INLINE void CNNC_FN(cnnc_class_loss)(const struct cnnc_class_loss *g, const void *const in[], void *const out[],
                                          struct cnnc_thread t)
{
    double sum = 0, weights = 0;
    if (t.index)
        return;
    for (long i = 0; i < g->n * g->inner; i++) {
        const long x = i / g->inner * g->classes * g->inner + i % g->inner;
        const int64_t label = cnnc_get_int(g->label, in[1], i);
        const int counts = !(g->ignores && label == g->ignored) && label >= 0 && label < g->classes;
        double most = 0, log_sum = 0;
        if (g->logits) {
            most = cnnc_get(g->dtype, in[0], x);
            for (long c = 1; c < g->classes; c++) {
                const double v = cnnc_get(g->dtype, in[0], x + c * g->inner);
                most = v > most ? v : most;
            }
            for (long c = 0; c < g->classes; c++)
                log_sum += exp(cnnc_get(g->dtype, in[0], x + c * g->inner) - most);
            log_sum = log(log_sum);
            for (long c = 0; out[1] && c < g->classes; c++)
                cnnc_put(g->dtype, out[1], x + c * g->inner, cnnc_get(g->dtype, in[0], x + c * g->inner) - most - log_sum);
        }
        const double w = !counts ? 0 : in[2] ? cnnc_get(g->dtype, in[2], (long)label) : 1;
        const double loss = counts ? -w * (cnnc_get(g->dtype, in[0], x + (long)label * g->inner) - most - log_sum) : 0;
        if (g->reduction == CNNC_LOSS_NONE && out[0])
            cnnc_put(g->dtype, out[0], i, loss);
        sum += loss;
        weights += w;
    }
    if (g->reduction != CNNC_LOSS_NONE && out[0])
        cnnc_put(g->dtype, out[0], 0, g->reduction == CNNC_LOSS_MEAN ? sum / weights : sum);
}
