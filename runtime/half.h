/* SPDX-License-Identifier: 0BSD
 *
 * Packed weights in 16 bits (CNNC_WEIGHTS_... of conv.h), for the compiler and for programs that call kernels directly. */
#include "conv.h"
#include "convert.h"

#ifndef CNNC_HALF_H
#define CNNC_HALF_H

/* What float16 weights of which `most` is the largest magnitude are divided by, a power of two: they come to lie below 2^12, and what
 * Winograd makes of them below 2^15; 0 is then what was 2^-25 of the largest. */
CNNC_INLINE float cnnc_half_factor(float most) { return most > 0 && most < INFINITY ? (float)ldexp(1, ilogb(most) - 11) : 1; }

CNNC_INLINE void cnnc_halve(const float *from, size_t count, int half, uint16_t *to)
{
    for (size_t i = 0; i < count; i++)
        if (half == CNNC_WEIGHTS_BF16)
            cnnc_store_bf16(to, (ptrdiff_t)i, (double)from[i]);
        else
            cnnc_store_f16(to, (ptrdiff_t)i, fabsf(from[i]) < 0x1p-14f ? 0 : (double)from[i]);
}
#endif
