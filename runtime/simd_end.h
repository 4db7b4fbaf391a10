/* SPDX-License-Identifier: 0BSD
 *
 * Ends the text that simd.h began for one CNNC_ISA: back to the compiler's own target, and the shared parts may be read again. */
#undef CNNC_SIMD_H
#undef CNNC_VECMATH_H
#undef CNNC_EPILOGUE_H
#undef CNNC_EPILOGUE_PLAIN_H
#undef CNNC_CONV_TILE_H
#undef CNNC_CONV_DIRECT_H
#undef CNNC_CONV_FIRST_H
#undef CNNC_CONV_NARROW_H
#undef CNNC_CONV_GRAD_SUM_H
#undef CNNC_CONV_POOL_H
#undef CNNC_CONV_DEPTHWISE_H
#undef CNNC_INVERTED_RESIDUAL_H
#undef CNNC_DEPTHWISE_H
#undef CNNC_CONV_WINOGRAD_RAW_H
#undef CNNC_CONV_WINOGRAD_H
#undef CNNC_CONV_TRANSPOSE_H
#ifdef CNNC_PUSHED
#undef CNNC_PUSHED
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
