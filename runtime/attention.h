/* SPDX-License-Identifier: 0BSD
 *
 * Scaled dot-product attention, row by row, and rotary position embedding.
 */
#include "base.h"
#include "element.h"
#include "attention_types.h"

/* Where element i of position j of a kv head lies: in the past (*source = 1) or the fresh keys (0). */
CNNC_INLINE long CNNC_FN(cnnc_attention_at)(const struct cnnc_attention *g, const long stride[3], long size, long b, long h,
                                            long j, int *source)
{
    *source = j < g->past;
    return *source ? ((b * g->kv_heads + h) * g->past + j) * size : b * stride[0] + h * stride[1] + (j - g->past) * stride[2];
}

/* Past and fresh ones behind each other. */
CNNC_INLINE void CNNC_FN(cnnc_attention_present)(const struct cnnc_attention *g, const long stride[3], long size, int dtype,
                                                 const void *fresh, const void *past, void *present, struct cnnc_thread t)
{
    const long total = g->past + g->fresh;
    long first, last;
    cnnc_split(g->batch * g->kv_heads * total, t, &first, &last);
    for (long i = first; i < last; i++) {
        int source;
        const long at = CNNC_FN(cnnc_attention_at)(g, stride, size, i / total / g->kv_heads, i / total % g->kv_heads, i % total, &source);
        for (long k = 0; k < size; k++)
            cnnc_copy_element((int)cnnc_dtype_bytes(dtype), present, i * size + k, source ? past : fresh, at + k);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_attention)(const struct cnnc_attention *g, const void *const in[], void *const out[],
                                         struct cnnc_thread t)
{
    double *score = t.scratch;
    const long total = g->past + g->fresh;
    long first, last;
    if (out[1])
        CNNC_FN(cnnc_attention_present)(g, g->k, g->size, g->dtype, in[1], in[4], out[1], t);
    if (out[2])
        CNNC_FN(cnnc_attention_present)(g, g->v, g->value_size, g->value_dtype, in[2], in[5], out[2], t);
    cnnc_split(g->batch * g->heads * g->rows, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long r = i % g->rows, h = i / g->rows % g->heads, b = i / g->rows / g->heads, kv = h / (g->heads / g->kv_heads);
        const long q = b * g->q[0] + h * g->q[1] + r * g->q[2], y = b * g->y[0] + h * g->y[1] + r * g->y[2];
        const long valid = in[6] ? (long)((const int64_t *)in[6])[b] : total;
        const long reach = !g->causal ? total : r + (in[6] && !in[4] ? valid - g->rows : g->past);
        double most = -INFINITY, sum = 0;
        for (long j = 0; j < total; j++) {
            int source;
            const long k = CNNC_FN(cnnc_attention_at)(g, g->k, g->size, b, kv, j, &source);
            double s = 0;
            for (long d = 0; d < g->size; d++)
                s += cnnc_get(g->dtype, in[0], q + d) * cnnc_get(g->dtype, in[source ? 4 : 1], k + d);
            s *= g->scale;
            if (out[3] && g->scores == 0)
                cnnc_put(g->dtype, out[3], i * total + j, s);
            if (j > reach || j >= valid || (in[3] && j >= g->columns))
                s = -INFINITY;
            if (in[3] && j < g->columns) {
                const long m = b * g->mask[0] + h * g->mask[1] + r * g->mask[2] + j;
                if (g->mask_dtype == CNNC_BOOL)
                    s = ((const uint8_t *)in[3])[m] ? s : -INFINITY;
                else
                    s += cnnc_get(g->mask_dtype, in[3], m);
            }
            if (out[3] && g->scores == 1)
                cnnc_put(g->dtype, out[3], i * total + j, s);
            if (g->cap > 0)
                s = g->cap * tanh(s / g->cap);
            if (out[3] && g->scores == 2)
                cnnc_put(g->dtype, out[3], i * total + j, s);
            score[j] = s;
            most = s > most ? s : most;
        }
        for (long j = 0; j < total; j++) {
            score[j] = most == -INFINITY ? 0 : exp(score[j] - most);
            sum += score[j];
        }
        for (long j = 0; j < total; j++) {
            score[j] = sum > 0 ? score[j] / sum : 0;
            if (out[3] && g->scores == 3)
                cnnc_put(g->dtype, out[3], i * total + j, score[j]);
        }
        for (long d = 0; d < g->value_size; d++) {
            double v = 0;
            for (long j = 0; j < total; j++) {
                int source;
                const long at = CNNC_FN(cnnc_attention_at)(g, g->v, g->value_size, b, kv, j, &source);
                if (score[j] != 0)
                    v += score[j] * cnnc_get(g->value_dtype, in[source ? 5 : 2], at + d);
            }
            cnnc_put(g->dtype, out[0], y + d, v);
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_rotary)(const struct cnnc_rotary *g, const void *const in[], void *const out[],
                                      struct cnnc_thread t)
{
    long first, last;
    cnnc_split(g->batch * g->heads * g->rows, t, &first, &last);
    for (long i = first; i < last; i++) {
        const long r = i % g->rows, h = i / g->rows % g->heads, b = i / g->rows / g->heads;
        const long x = b * g->x[0] + h * g->x[1] + r * g->x[2];
        const long row = (g->positions ? (long)((const int64_t *)in[3])[b * g->rows + r] : b * g->rows + r) * g->half;
        for (long k = 0; k < g->half; k++) {
            const long p = x + (g->interleaved ? 2 * k : k), q = x + (g->interleaved ? 2 * k + 1 : k + g->half);
            const double c = cnnc_get(g->dtype, in[1], row + k), s = cnnc_get(g->dtype, in[2], row + k);
            const double u = cnnc_get(g->dtype, in[0], p), v = cnnc_get(g->dtype, in[0], q);
            cnnc_put(g->dtype, out[0], p, c * u - s * v);
            cnnc_put(g->dtype, out[0], q, s * u + c * v);
        }
        for (long k = 2 * g->half; k < g->size; k++)
            cnnc_copy_element((int)cnnc_dtype_bytes(g->dtype), out[0], x + k, in[0], x + k);
    }
}
