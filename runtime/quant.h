/* SPDX-License-Identifier: 0BSD
 *
 * Between floats and quantised integers.
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
