/* SPDX-License-Identifier: 0BSD
 *
 * The inverse of max pooling: every value goes back to where it stood. An index may occur twice, so one thread does all.
 */
#include "base.h"
#include "unpool_types.h"

CNNC_UNUSED static void CNNC_FN(cnnc_unpool)(const struct cnnc_unpool *g, const void *const in[], void *const out[],
                                             struct cnnc_thread t)
{
    const int64_t *at = in[1];
    long total = 1, source = 1;
    if (t.index)
        return;
    for (int d = 0; d < g->rank; d++) {
        total *= g->dim[d];
        source *= g->source[d];
    }
    memset(out[0], 0, (size_t)total * (size_t)g->size);
    for (long i = 0; i < g->count; i++) {
        int64_t rest = at[i], to = 0, stride = 1;
        if (rest < 0 || rest >= source)
            continue;
        for (int d = g->rank - 1; d >= 0; d--) {
            to += rest % g->source[d] * stride;
            rest /= g->source[d];
            stride *= g->dim[d];
        }
        memcpy((char *)out[0] + to * g->size, (const char *)in[0] + i * g->size, (size_t)g->size);
    }
}
