/* SPDX-License-Identifier: 0BSD
 *
 * Matrix products of any element type, as a template: CNNC_MATMUL(name, tag, type) computes in `type`.
 */
#include "base.h"
#include "convert.h"
#include "matmul_types.h"

/* clang-format off */
#define CNNC_MATMUL(name, tag, type)                                                                                      \
    CNNC_UNUSED static void name(const struct cnnc_matmul *g, const void *const in[], void *const out[], struct cnnc_thread t)        \
    {                                                                                                                     \
        long r, last, stack = 1;                                                                                          \
        for (int d = 0; d < g->rank; d++)                                                                                 \
            stack *= g->dim[d];                                                                                           \
        cnnc_split(stack * g->m, t, &r, &last);                                                                           \
        for (; r < last; r++) {                                                                                           \
            const long i = r % g->m;                                                                                      \
            ptrdiff_t a = i * g->am, b = 0;                                                                               \
            for (long d = g->rank - 1, rest = r / g->m; d >= 0; rest /= g->dim[d], d--) {                                 \
                a += rest % g->dim[d] * g->sa[d];                                                                         \
                b += rest % g->dim[d] * g->sb[d];                                                                         \
            }                                                                                                             \
            for (long j = 0; j < g->n; j++) {                                                                             \
                type sum = 0;                                                                                             \
                for (long k = 0; k < g->k; k++)                                                                           \
                    sum += (type)cnnc_load_##tag(in[0], a + k * g->ak) * (type)cnnc_load_##tag(in[1], b + k * g->bk + j * g->bn);     \
                sum = (type)g->alpha * sum;                                                                               \
                if (in[2])                                                                                                \
                    sum += (type)g->beta * (type)cnnc_load_##tag(in[2], i * g->cm + j * g->cn);                           \
                cnnc_store_##tag(out[0], r * g->n + j, sum);                                                              \
            }                                                                                                             \
        }                                                                                                                 \
    }
/* clang-format on */
