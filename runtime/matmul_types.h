/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of a stack of matrix products with any strides.
 *
 * Operands: in[0] a, in[1] b, in[2] c or NULL; out[0] y, row-major. y = alpha a b + beta c
 */
#ifndef CNNC_MATMUL_TYPES_H
#define CNNC_MATMUL_TYPES_H
#include "base.h"

#define CNNC_STACK_RANK 6
struct cnnc_matmul {
    int rank;                            /* of the stack */
    long dim[CNNC_STACK_RANK];
    ptrdiff_t sa[CNNC_STACK_RANK], sb[CNNC_STACK_RANK];  /* strides of a and b between products; 0 where broadcast */
    long m, n, k;
    ptrdiff_t am, ak, bk, bn, cm, cn;    /* strides of a, b, c within a matrix */
    double alpha, beta;
};

#endif
