/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of determinants and sums of products.
 */
#ifndef CNNC_LINALG_TYPES_H
#define CNNC_LINALG_TYPES_H
#include "base.h"

/* Det: in x [batch][n][n]; out y [batch]. Scratch: n * n doubles. */
struct cnnc_det {
    long batch, n;
    int dtype;
};

/* Einsum: in up to four tensors; out y. The first `kept` of `rank` indices are those of the result, the others are summed
 * over; s0 .. s3: the strides of each tensor along each index. */
struct cnnc_einsum {
    int operands, kept, rank, dtype;
    long dim[16], s0[16], s1[16], s2[16], s3[16];
};

#endif
