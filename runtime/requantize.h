/* SPDX-License-Identifier: 0BSD
 *
 * Scaling of integers by integers: the same bits on every machine, whatever its floating point does.
 */
#ifndef CNNC_REQUANTIZE_H
#define CNNC_REQUANTIZE_H
#include "base.h"
#include "element.h"

/* v / 2^shift, to nearest, ties to even; 0 <= shift <= 62 and |v| <= 2^62. */
CNNC_INLINE int64_t cnnc_shift_even(int64_t v, int shift)
{
    const int64_t half = (int64_t)1 << shift >> 1; /* 0 for no shift */
    return half ? (v + half - 1 + (v >> shift & 1)) >> shift : v;
}

/* v / d, to nearest, ties to even; d > 0. */
CNNC_INLINE int64_t cnnc_divide_even(int64_t v, int64_t d)
{
    int64_t q = v / d, r = v % d;
    if (r < 0) {
        q--;
        r += d;
    }
    return q + (r > d - r || (r == d - r && (q & 1)));
}

CNNC_INLINE int64_t cnnc_between(int64_t v, int low, int high) { return v < low ? low : v > high ? high : v; }

/* m as to[0] / 2^to[1] with 31 bits; what is too large for that is cut to the largest, what is not positive to 0. */
CNNC_INLINE void cnnc_multiplier(double m, int32_t to[2])
{
    int exponent = 0;
    double f = m > 0 ? frexp(m, &exponent) : 0;
    if (exponent > 31 || f > 1) { /* infinite, too */
        to[0] = INT32_MAX;
        to[1] = 0;
        return;
    }
    if (exponent < -31) {
        f = ldexp(f, exponent + 31);
        exponent = -31;
    }
    f = f * 2147483648.0 + 0.5;
    if (f >= 2147483648.0 && exponent == 31)
        f = 2147483647.0;
    if (f >= 2147483648.0) {
        f = 1073741824.0;
        exponent++;
    }
    to[0] = (int32_t)f;
    to[1] = f >= 1 ? 31 - exponent : 0;
}

/* Element i of y from a sum of products; `scale` is the place of its scale. */
CNNC_INLINE void cnnc_q_put(int dtype, void *y, ptrdiff_t i, int32_t sum, const void *scales, ptrdiff_t scale, int zero, int low, int high)
{
    if (dtype == CNNC_I32) {
        ((int32_t *)y)[i] = sum;
    } else if (dtype == CNNC_F32) {
        ((float *)y)[i] = (float)sum * ((const float *)scales)[scale];
    } else {
        const int32_t *s = (const int32_t *)scales + 2 * scale;
        ((uint8_t *)y)[i] = (uint8_t)cnnc_between(cnnc_shift_even((int64_t)sum * s[0], s[1]) + zero, low, high);
    }
}
#endif
