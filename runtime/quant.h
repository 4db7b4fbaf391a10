/* SPDX-License-Identifier: 0BSD
 *
 * Quantised operators in exact integer arithmetic; each result is scaled once and rounded to the nearest, ties to even.
 */
#include "base.h"
#include "element.h"
#include "quant_types.h"
#include "scalar_math.h"

CNNC_INLINE double CNNC_FN(cnnc_saturate)(double v, double low, double high)
{
    return v != v ? 0 : v < low ? low : v > high ? high : v;
}

/* A float8 (or float4) of v; without saturation what is too large becomes infinity or NaN. */
CNNC_INLINE void CNNC_FN(cnnc_put_small)(int dtype, void *p, long i, double v, int saturate)
{
    if (saturate)
        cnnc_put(dtype, p, i, v);
    else if (dtype == CNNC_F8E4M3FN)
        ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E4M3FN, 0);
    else if (dtype == CNNC_F8E4M3FNUZ)
        ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E4M3FNUZ, 0);
    else if (dtype == CNNC_F8E5M2)
        ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E5M2, 0);
    else if (dtype == CNNC_F8E5M2FNUZ)
        ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E5M2FNUZ, 0);
    else
        cnnc_put(dtype, p, i, v);
}

/* A quotient as its type holds it. */
CNNC_INLINE double CNNC_FN(cnnc_as)(int dtype, double v)
{
    switch (dtype) {
    case CNNC_F16: return (double)cnnc_decode_f16(cnnc_encode(v, CNNC_FORMAT_F16, 0));
    case CNNC_BF16: return (double)cnnc_float_of_bits((uint32_t)cnnc_encode(v, CNNC_FORMAT_BF16, 0) << 16);
    case CNNC_F64: return v;
    default: return (double)(float)v;
    }
}

CNNC_INLINE void CNNC_FN(cnnc_quantize)(const struct cnnc_quantize *g, const void *const in[], void *const out[],
                                        struct cnnc_thread t)
{
    long first, last;
    cnnc_split(g->outer * g->axis, t, &first, &last);
    for (long r = first; r < last; r++)
        for (long i = 0; i < g->inner; i++) {
            const long at = r * g->inner + i;
            const long s = g->so * (r / g->axis) + g->sa * (r % g->axis / g->block) + g->si * i;
            const double v = CNNC_FN(cnnc_as)(g->precision, cnnc_get(g->x, in[0], at) / cnnc_get(g->scale, in[1], s));
            const double zero = in[2] ? cnnc_get(g->y, in[2], s) : 0;
            if (cnnc_dtype_is_float(g->y))
                CNNC_FN(cnnc_put_small)(g->y, out[0], at, v + zero, g->saturate);
            else
                cnnc_put_int(g->y, out[0], at, (int64_t)CNNC_FN(cnnc_saturate)(cnnc_round_even(v) + zero, g->low, g->high));
        }
}

CNNC_INLINE void CNNC_FN(cnnc_dequantize)(const struct cnnc_quantize *g, const void *const in[], void *const out[],
                                          struct cnnc_thread t)
{
    long first, last;
    cnnc_split(g->outer * g->axis, t, &first, &last);
    for (long r = first; r < last; r++)
        for (long i = 0; i < g->inner; i++) {
            const long at = r * g->inner + i;
            const long s = g->so * (r / g->axis) + g->sa * (r % g->axis / g->block) + g->si * i;
            const double zero = in[2] ? cnnc_get(g->x, in[2], s) : 0;
            cnnc_put(g->y, out[0], at, (cnnc_get(g->x, in[0], at) - zero) * cnnc_get(g->scale, in[1], s));
        }
}

/* One thread: the range of all comes before the first result. */
CNNC_INLINE void CNNC_FN(cnnc_dynamic_quantize)(const struct cnnc_dynamic_quantize *g, const void *const in[],
                                                void *const out[], struct cnnc_thread t)
{
    const float *x = in[0];
    float low = 0, high = 0, scale, zero;
    if (t.index)
        return;
    for (long i = 0; i < g->n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    scale = (high - low) / 255;
    zero = scale != 0 ? (float)CNNC_FN(cnnc_saturate)(cnnc_round_even((double)(-low / scale)), 0, 255) : 0;
    for (long i = 0; i < g->n; i++)
        ((uint8_t *)out[0])[i] = (uint8_t)CNNC_FN(cnnc_saturate)(
            scale != 0 ? cnnc_round_even((double)(x[i] / scale)) + (double)zero : (double)zero, 0, 255);
    if (out[1])
        *(float *)out[1] = scale;
    if (out[2])
        *(uint8_t *)out[2] = (uint8_t)zero;
}

/* The sum over k of row i of a times column j of b, zero points taken off. */
CNNC_INLINE int64_t CNNC_FN(cnnc_qdot)(const struct cnnc_qmatmul *g, const void *a, long row, const void *b, long column,
                                       int64_t za, int64_t zb)
{
    int64_t sum = 0;
    for (long k = 0; k < g->k; k++)
        sum += (cnnc_get_int(g->a, a, row + k) - za) * (cnnc_get_int(g->b, b, column + k * g->n) - zb);
    return sum;
}

CNNC_INLINE void CNNC_FN(cnnc_qmatmul_place)(const struct cnnc_qmatmul *g, long batch, long *a, long *b)
{
    *a = *b = 0;
    for (int d = g->rank - 1; d >= 0; batch /= g->dim[d], d--) {
        *a += batch % g->dim[d] * g->at_a[d];
        *b += batch % g->dim[d] * g->at_b[d];
    }
}

CNNC_INLINE void CNNC_FN(cnnc_matmul_integer)(const struct cnnc_qmatmul *g, const void *const in[], void *const out[],
                                              struct cnnc_thread t)
{
    long batches = 1, first, last, a, b;
    for (int d = 0; d < g->rank; d++)
        batches *= g->dim[d];
    cnnc_split(batches * g->m, t, &first, &last);
    for (long r = first; r < last; r++) {
        const long i = r % g->m;
        const int64_t za = in[2] ? cnnc_get_int(g->a, in[2], g->rows ? i : 0) : 0;
        CNNC_FN(cnnc_qmatmul_place)(g, r / g->m, &a, &b);
        for (long j = 0; j < g->n; j++)
            ((uint32_t *)out[0])[r * g->n + j] = (uint32_t)CNNC_FN(cnnc_qdot)(
                g, in[0], a + i * g->k, in[1], b + j, za, in[3] ? cnnc_get_int(g->b, in[3], g->columns ? j : 0) : 0);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_qlinear_matmul)(const struct cnnc_qmatmul *g, const void *const in[], void *const out[],
                                              struct cnnc_thread t)
{
    long batches = 1, first, last, a, b;
    for (int d = 0; d < g->rank; d++)
        batches *= g->dim[d];
    cnnc_split(batches * g->m, t, &first, &last);
    for (long r = first; r < last; r++) {
        const long i = r % g->m;
        const int64_t za = cnnc_get_int(g->a, in[2], g->rows ? i : 0);
        const double sa = cnnc_get(g->scale, in[1], g->rows ? i : 0), sy = cnnc_get(g->scale, in[6], 0);
        const double zy = cnnc_get(g->y, in[7], 0);
        CNNC_FN(cnnc_qmatmul_place)(g, r / g->m, &a, &b);
        for (long j = 0; j < g->n; j++) {
            const long c = g->columns ? j : 0;
            const int64_t sum = CNNC_FN(cnnc_qdot)(g, in[0], a + i * g->k, in[3], b + j, za, cnnc_get_int(g->b, in[5], c));
            const double v = (double)sum * (sa * cnnc_get(g->scale, in[4], c) / sy);
            cnnc_put_int(g->y, out[0], r * g->n + j,
                         (int64_t)CNNC_FN(cnnc_saturate)(cnnc_round_even(v) + zy, g->low, g->high));
        }
    }
}

/* Output element i: the sum over the window, and its channel. Padding has the value of the zero point, so it adds nothing. */
CNNC_INLINE int64_t CNNC_FN(cnnc_qconv_sum)(const struct cnnc_qconv *g, const void *x, const void *w, int64_t zx,
                                            const void *zero_w, long i, long *channel)
{
    const long ow = i % g->out[2], oh = i / g->out[2] % g->out[1], od = i / g->out[2] / g->out[1] % g->out[0];
    const long c = i / (g->out[0] * g->out[1] * g->out[2]), oc = c % g->oc, n = c / g->oc, group = oc / (g->oc / g->groups);
    const int64_t zw = zero_w ? cnnc_get_int(g->w, zero_w, g->per_channel ? oc : 0) : 0;
    const long taps = g->kernel[0] * g->kernel[1] * g->kernel[2];
    int64_t sum = 0;
    for (long k = 0; k < g->ic; k++)
        for (long d = 0; d < g->kernel[0]; d++)
            for (long h = 0; h < g->kernel[1]; h++)
                for (long v = 0; v < g->kernel[2]; v++) {
                    const long id = od * g->stride[0] + d * g->dilation[0] - g->before[0];
                    const long ih = oh * g->stride[1] + h * g->dilation[1] - g->before[1];
                    const long iw = ow * g->stride[2] + v * g->dilation[2] - g->before[2];
                    if (id < 0 || id >= g->in[0] || ih < 0 || ih >= g->in[1] || iw < 0 || iw >= g->in[2])
                        continue;
                    sum += (cnnc_get_int(g->x, x, (((n * g->groups + group) * g->ic + k) * g->in[0] + id) * g->in[1] * g->in[2] +
                                                      ih * g->in[2] + iw) - zx) *
                           (cnnc_get_int(g->w, w, (oc * g->ic + k) * taps + (d * g->kernel[1] + h) * g->kernel[2] + v) - zw);
                }
    *channel = oc;
    return sum;
}

CNNC_INLINE void CNNC_FN(cnnc_conv_integer)(const struct cnnc_qconv *g, const void *const in[], void *const out[],
                                            struct cnnc_thread t)
{
    long first, last, c;
    cnnc_split(g->n * g->oc * g->out[0] * g->out[1] * g->out[2], t, &first, &last);
    for (long i = first; i < last; i++)
        ((uint32_t *)out[0])[i] = (uint32_t)CNNC_FN(cnnc_qconv_sum)(g, in[0], in[1], in[2] ? cnnc_get_int(g->x, in[2], 0) : 0,
                                                                    in[3], i, &c);
}

CNNC_INLINE void CNNC_FN(cnnc_qlinear_conv)(const struct cnnc_qconv *g, const void *const in[], void *const out[],
                                            struct cnnc_thread t)
{
    const double sx = (double)*(const float *)in[1], sy = (double)*(const float *)in[6], zy = cnnc_get(g->y, in[7], 0);
    long first, last, c;
    cnnc_split(g->n * g->oc * g->out[0] * g->out[1] * g->out[2], t, &first, &last);
    for (long i = first; i < last; i++) {
        int64_t sum = CNNC_FN(cnnc_qconv_sum)(g, in[0], in[3], cnnc_get_int(g->x, in[2], 0), in[5], i, &c);
        if (in[8])
            sum += ((const int32_t *)in[8])[c];
        const double v = (double)sum * (sx * (double)((const float *)in[4])[g->per_channel ? c : 0] / sy);
        cnnc_put_int(g->y, out[0], i, (int64_t)CNNC_FN(cnnc_saturate)(cnnc_round_even(v) + zy, g->low, g->high));
    }
}
