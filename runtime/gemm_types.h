/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of a general matrix product of tensors that are both activations:
 *
 *     y[b, i, j] = epilogue(alpha * sum over k of A[b, i, k] * B[b, k, j] + beta * C[i, j])
 *
 * Operands: in[0] A, in[1] B, in[2] C or NULL, then those of the epilogue's stages (values per channel: per column); out[0] y, row-major.
 * Any strides, so transposed operands and broadcast batches cost nothing to describe. Scratch: CNNC_GEMM_SCRATCH bytes a thread.
 */
#ifndef CNNC_GEMM_TYPES_H
#define CNNC_GEMM_TYPES_H
#include "conv.h"

#define CNNC_GEMM_BATCH 6
#define CNNC_GEMM_K 256                 /* of a packed panel of B */
#define CNNC_GEMM_SCRATCH (CNNC_GEMM_K * 32 * 4)

struct cnnc_gemm {
    long m, n, k;
    ptrdiff_t ai, ak, bk, bj, ci, cj;   /* strides; C's are 0 where it is broadcast */
    int batches;                        /* batch dimensions */
    long batch[CNNC_GEMM_BATCH];
    ptrdiff_t a[CNNC_GEMM_BATCH], b[CNNC_GEMM_BATCH]; /* strides along them; 0: broadcast */
    float alpha, beta;
    struct cnnc_epilogue ep;            /* literal */
};

#endif
