/* SPDX-License-Identifier: 0BSD
 *
 * Determinants by elimination; sums of products over any indices.
 */
#include "base.h"
#include "element.h"
#include "linalg_types.h"

CNNC_INLINE void CNNC_FN(cnnc_det)(const struct cnnc_det *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long n = g->n;
    double *a = t.scratch;
    long first, last;
    cnnc_split(g->batch, t, &first, &last);
    for (long b = first; b < last; b++) {
        double det = 1;
        for (long i = 0; i < n * n; i++)
            a[i] = cnnc_get(g->dtype, in[0], b * n * n + i);
        for (long k = 0; k < n && det != 0; k++) {
            long best = k;
            for (long i = k + 1; i < n; i++)
                best = fabs(a[i * n + k]) > fabs(a[best * n + k]) ? i : best;
            det *= best == k ? a[best * n + k] : -a[best * n + k];
            for (long j = k; j < n && best != k; j++) {
                const double v = a[k * n + j];
                a[k * n + j] = a[best * n + j];
                a[best * n + j] = v;
            }
            for (long i = k + 1; i < n && a[k * n + k] != 0; i++) {
                const double f = a[i * n + k] / a[k * n + k];
                for (long j = k; j < n; j++)
                    a[i * n + j] -= f * a[k * n + j];
            }
        }
        cnnc_put(g->dtype, out[0], b, det);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_einsum)(const struct cnnc_einsum *g, const void *const in[], void *const out[],
                                      struct cnnc_thread t)
{
    const long *const stride[4] = {g->s0, g->s1, g->s2, g->s3};
    long results = 1, terms = 1, first, last;
    for (int d = 0; d < g->rank; d++)
        *(d < g->kept ? &results : &terms) *= g->dim[d];
    cnnc_split(results, t, &first, &last);
    for (long i = first; i < last; i++) {
        double sum = 0;
        uint64_t whole = 0;
        long start[4] = {0, 0, 0, 0}, rest = i;
        for (int d = g->kept - 1; d >= 0; rest /= g->dim[d], d--)
            for (int k = 0; k < g->operands; k++)
                start[k] += rest % g->dim[d] * stride[k][d];
        for (long j = 0; j < terms; j++) {
            long at[4] = {start[0], start[1], start[2], start[3]};
            rest = j;
            for (int d = g->rank - 1; d >= g->kept; rest /= g->dim[d], d--)
                for (int k = 0; k < g->operands; k++)
                    at[k] += rest % g->dim[d] * stride[k][d];
            if (cnnc_dtype_is_float(g->dtype)) {
                double product = 1;
                for (int k = 0; k < g->operands; k++)
                    product *= cnnc_get(g->dtype, in[k], at[k]);
                sum += product;
            } else {
                uint64_t product = 1;
                for (int k = 0; k < g->operands; k++)
                    product *= (uint64_t)cnnc_get_int(g->dtype, in[k], at[k]);
                whole += product;
            }
        }
        if (cnnc_dtype_is_float(g->dtype))
            cnnc_put(g->dtype, out[0], i, sum);
        else
            cnnc_put_int(g->dtype, out[0], i, (int64_t)whole);
    }
}
