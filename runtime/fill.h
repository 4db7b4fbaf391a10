/* SPDX-License-Identifier: 0BSD
 *
 * Tensors made out of little: values known when the code was made, ranges, diagonals, triangles.
 */
#include "base.h"
#include "fill_types.h"
#include "element.h"

CNNC_INLINE void CNNC_FN(cnnc_integers)(const struct cnnc_integers *g, const void *const in[], void *const out[],
                                        struct cnnc_thread t)
{
    (void)in;
    if (t.index)
        return;
    for (int i = 0; i < g->n; i++)
        ((int64_t *)out[0])[i] = g->value[i];
}

CNNC_INLINE void CNNC_FN(cnnc_fill)(const struct cnnc_fill *g, const void *const in[], void *const out[],
                                    struct cnnc_thread t)
{
    long first, last;
    (void)in;
    cnnc_split(g->n, t, &first, &last);
    for (long i = first; i < last; i++)
        switch (g->bytes) {
        case 1: ((uint8_t *)out[0])[i] = (uint8_t)g->bits; break;
        case 2: ((uint16_t *)out[0])[i] = (uint16_t)g->bits; break;
        case 4: ((uint32_t *)out[0])[i] = (uint32_t)g->bits; break;
        default: ((uint64_t *)out[0])[i] = (uint64_t)g->bits; break;
        }
}

CNNC_INLINE void CNNC_FN(cnnc_eye)(const struct cnnc_eye *g, const void *const in[], void *const out[],
                                   struct cnnc_thread t)
{
    long first, last;
    (void)in;
    cnnc_split(g->rows, t, &first, &last);
    for (long i = first; i < last; i++)
        for (long j = 0; j < g->columns; j++)
            cnnc_put(g->dtype, out[0], i * g->columns + j, j - i == g->k);
}

CNNC_INLINE void CNNC_FN(cnnc_trilu)(const struct cnnc_trilu *g, const void *const in[], void *const out[],
                                     struct cnnc_thread t)
{
    const int64_t k = in[1] ? *(const int64_t *)in[1] : 0;
    long first, last;
    cnnc_split(g->planes * g->rows, t, &first, &last);
    for (long i = first; i < last; i++)
        for (long j = 0; j < g->columns; j++) {
            const long row = i % g->rows;
            const char zero[8] = {0};
            const int kept = g->upper ? j - row >= k : j - row <= k;
            cnnc_copy_element(g->bytes, out[0], i * g->columns + j, kept ? in[0] : zero, kept ? i * g->columns + j : 0);
        }
}

CNNC_INLINE void CNNC_FN(cnnc_range)(const struct cnnc_range *g, const void *const in[], void *const out[],
                                     struct cnnc_thread t)
{
    long first, last;
    cnnc_split(g->n, t, &first, &last);
    for (long i = first; i < last; i++)
        if (cnnc_dtype_is_float(g->dtype))
            cnnc_put(g->dtype, out[0], i, cnnc_get(g->dtype, in[0], 0) + (double)i * cnnc_get(g->dtype, in[2], 0));
        else
            cnnc_put_int(g->dtype, out[0], i, cnnc_get_int(g->dtype, in[0], 0) + i * cnnc_get_int(g->dtype, in[2], 0));
}
