/* SPDX-License-Identifier: 0BSD
 *
 * Packing of a dense layer's weights in 16 bits, for the compiler and for programs that call kernels directly. */
#include "convert.h"
#include "dense_types.h"

#ifndef CNNC_DENSE_HALF_H
#define CNNC_DENSE_HALF_H

/* 32-bit words of `count` packed weights, the factor included. */
#define CNNC_DENSE_WORDS(count) ((count) / 2 + 16)

/* Rows of floats, CNNC_DENSE_ROW16 long, as struct cnnc_dense has them with `half`. */
CNNC_INLINE void cnnc_dense_halve(const float *from, long count, int half, uint32_t *to)
{
    float most = 0, factor = 1;
    for (long i = 0; i < count; i++)
        most = fmaxf(most, fabsf(from[i]));
    if (half == CNNC_DENSE_F16 && most > 0 && most < INFINITY)
        factor = (float)ldexp(1, ilogb(most) - 14); /* the largest comes to lie below 2^15 */
    for (long i = 0; i < count; i += 32)
        for (int k = 0; k < 16; k++, to++) {
            uint16_t bits[2];
            for (int h = 0; h < 2; h++) {
                const double v = (double)from[i + k + 16 * h] / (double)factor;
                if (half == CNNC_DENSE_F16)
                    cnnc_store_f16(bits, h, fabs(v) < 0x1p-14 ? 0 : v); /* 2^-28 of the largest: nothing */
                else
                    cnnc_store_bf16(bits, h, v);
            }
            *to = bits[0] | (uint32_t)bits[1] << 16;
        }
    memset(to, 0, 16 * sizeof *to);
    memcpy(to, &factor, sizeof factor);
}
#endif
