/* SPDX-License-Identifier: 0BSD
 *
 * The gradient of a gather: in dy, index; out dx. A thread has some of the elements of every slice, so that what it adds up is its own.
 */
#include "gather.h"
#include "real.h"

CNNC_INLINE void CNNC_FN(cnnc_gather_grad)(const struct cnnc_gather *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const CNNC_REAL *dy = in[0];
    CNNC_REAL *dx = out[0];
    long r, last;
    cnnc_split(g->outer * g->inner, t, &r, &last);
    for (; r < last; r++) {
        const long o = r / g->inner, i = r % g->inner;
        for (long k = 0; k < g->axis; k++)
            dx[(o * g->axis + k) * g->inner + i] = 0;
        for (long k = 0; k < g->count; k++)
            dx[(o * g->axis + CNNC_FN(cnnc_gather_index)(in[1], k, g->index64, g->axis)) * g->inner + i] += dy[(o * g->count + k) * g->inner + i];
    }
}
