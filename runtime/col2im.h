/* SPDX-License-Identifier: 0BSD
 *
 * Col2Im: every pixel adds up what the blocks that cover it hold for it.
 */
#include "base.h"
#include "element.h"
#include "col2im_types.h"

CNNC_INLINE void CNNC_FN(cnnc_col2im)(const struct cnnc_col2im *g, const void *const in[], void *const out[],
                                      struct cnnc_thread t)
{
    long image = 1, kernel = 1, blocks = 1, first, last;
    for (int d = 0; d < g->rank; d++) {
        image *= g->image[d];
        kernel *= g->kernel[d];
        blocks *= g->count[d];
    }
    cnnc_split(g->n * g->c * image, t, &first, &last);
    for (long i = first; i < last; i++) {
        double sum = 0;
        for (long k = 0; k < kernel; k++) {
            long block = 0, scale = 1, at = i % image, tap = k;
            int hit = 1;
            for (int d = g->rank - 1; d >= 0; d--) {
                const long p = at % g->image[d] + g->before[d] - tap % g->kernel[d] * g->dilation[d];
                hit = hit && p >= 0 && p % g->stride[d] == 0 && p / g->stride[d] < g->count[d];
                block += p / g->stride[d] * scale;
                scale *= g->count[d];
                at /= g->image[d];
                tap /= g->kernel[d];
            }
            if (hit)
                sum += cnnc_get(g->dtype, in[0], (i / image * kernel + k) * blocks + block);
        }
        cnnc_put(g->dtype, out[0], i, sum);
    }
}
