/* Kernels of Gemm and MatMul. */
#ifndef GEMM_KERNELS_H
#define GEMM_KERNELS_H

#include "shared.h"

enum { GEMM_KERNELS = 4, MATMUL_KERNELS = 2 };
extern const struct kernel gemm_kernels[GEMM_KERNELS];
extern const struct kernel matmul_kernels[MATMUL_KERNELS];

#endif
