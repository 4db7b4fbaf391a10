/* SPDX-License-Identifier: 0BSD
 *
 * Packing of a dense layer's weights in 16 bits, for the compiler and for programs that call kernels directly. */
#include "convert.h"
#include "dense_types.h"

#ifndef CNNC_DENSE_HALF_H
#define CNNC_DENSE_HALF_H

/* 32-bit words of `count` packed weights, the factor included. */
#define CNNC_DENSE_WORDS(count) ((count) / 2 + 16)

/* What all weights of a layer are divided by: with float16 the largest comes to lie below 2^15. */
CNNC_INLINE float cnnc_dense_half_factor(const float *from, ptrdiff_t count, int half)
{
    float most = 0;
    for (ptrdiff_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(from[i]));
    return half == CNNC_WEIGHTS_F16 && most > 0 && most < INFINITY ? (float)ldexp(1, ilogb(most) - 14) : 1;
}

/* Some rows of floats, CNNC_DENSE_ROW16 long, as struct cnnc_dense has them with `half`. Behind the last row follow 16 words that begin
 * with the factor. */
CNNC_INLINE void cnnc_dense_halve_rows(const float *from, ptrdiff_t count, int half, float factor, uint32_t *to)
{
    for (ptrdiff_t i = 0; i < count; i += 32)
        for (int k = 0; k < 16; k++, to++) {
            uint16_t bits[2];
            for (int h = 0; h < 2; h++) {
                const double v = (double)from[i + k + 16 * h] / (double)factor;
                if (half == CNNC_WEIGHTS_F16)
                    cnnc_store_f16(bits, h, fabs(v) < 0x1p-14 ? 0 : v); /* 2^-28 of the largest: nothing */
                else
                    cnnc_store_bf16(bits, h, v);
            }
            *to = bits[0] | (uint32_t)bits[1] << 16;
        }
}

CNNC_INLINE void cnnc_dense_half_end(float factor, uint32_t *to)
{
    memset(to, 0, 16 * sizeof *to);
    memcpy(to, &factor, sizeof factor);
}

CNNC_INLINE void cnnc_dense_halve(const float *from, ptrdiff_t count, int half, uint32_t *to)
{
    const float factor = cnnc_dense_half_factor(from, count, half);
    cnnc_dense_halve_rows(from, count, half, factor, to);
    cnnc_dense_half_end(factor, to + count / 2);
}
#endif
