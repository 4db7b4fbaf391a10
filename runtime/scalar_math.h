/* SPDX-License-Identifier: 0BSD
 *
 * Scalar functions that the elementwise expressions use: libm's by the type of the argument, and what libm lacks.
 */
#ifndef CNNC_SCALAR_MATH_H
#define CNNC_SCALAR_MATH_H
#include "base.h"

#define CNNC_MATH(name, v) _Generic((v), float: name##f, default: name)(v)
#define CNNC_MATH2(name, v, w) _Generic((v), float: name##f, default: name)(v, w)

/* Ties go to even whatever the rounding mode is. */
CNNC_INLINE double cnnc_round_even(double v)
{
    const double f = floor(v), d = v - f;
    if (!(d >= 0)) /* NaN or infinity */
        return v;
    return d < 0.5 || (d == 0.5 && fmod(f, 2) == 0) ? copysign(f, v) : copysign(f + 1, v);
}
CNNC_INLINE float cnnc_sigmoid_f32(float v)
{
    const float e = expf(-fabsf(v));
    return (v < 0 ? e : 1.0f) / (1.0f + e);
}
CNNC_INLINE double cnnc_sigmoid_f64(double v)
{
    const double e = exp(-fabs(v));
    return (v < 0 ? e : 1.0) / (1.0 + e);
}
#define CNNC_SIGMOID(v) _Generic((v), float: cnnc_sigmoid_f32, default: cnnc_sigmoid_f64)(v)
/* log(1 + exp v), without overflow */
#define CNNC_SOFTPLUS(v) (((v) > 0 ? (v) : 0) + CNNC_MATH(log1p, CNNC_MATH(exp, (v) > 0 ? -(v) : (v))))

/* NaN in, NaN out, as numpy does. */
#define CNNC_FMAX(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define CNNC_FMIN(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))

CNNC_INLINE int64_t cnnc_idiv(int64_t a, int64_t b)
{
    return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}
/* The remainder with the sign of the divisor (Python's %); fmod = 1: with that of the dividend (C's). */
CNNC_INLINE int64_t cnnc_imod(int64_t a, int64_t b, int fmod)
{
    const int64_t r = b == 0 || b == -1 ? 0 : a % b;
    return !fmod && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
CNNC_INLINE double cnnc_fmod_sign(double a, double b, int c_sign)
{
    const double r = fmod(a, b);
    return !c_sign && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
CNNC_INLINE uint64_t cnnc_ipow(uint64_t base, int64_t exponent)
{
    uint64_t r = 1;
    if (exponent < 0)
        return base == 1 ? 1 : base == UINT64_MAX ? (exponent & 1 ? UINT64_MAX : 1) : 0;
    for (; exponent; exponent >>= 1, base *= base)
        if (exponent & 1)
            r *= base;
    return r;
}

#endif
