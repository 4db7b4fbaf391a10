/* SPDX-License-Identifier: 0BSD
 *
 * Which vectors: chooses CNNC_LEVEL (512, 256, 128, 64 for NEON, 0 for plain C), includes what that level needs, and
 * switches the compiler to it where its options do not. No include guard, see simd.h. Decided by
 *
 *     CNNC_SIMD=0       plain C11, no SIMDe, no intrinsics
 *     CNNC_NO_SIMDE     the compiler's own intrinsics instead of SIMDe (x86, Arm)
 *     CNNC_ISA          512, 256, 128, 64 or 0 asks for a level, and CNNC_FN appends it to the names of functions; a level
 *                       that the compiler's options do not cover is switched on for the text up to simd_end.h
 *                       (CNNC_EMULATE: left to SIMDe's emulation, for tests)
 *     CNNC_B            channels in a block of the NCHWc layout; a vector is never longer than a block */
#ifndef CNNC_B
#define CNNC_B 16
#endif
#ifndef CNNC_SIMD
#define CNNC_SIMD 1
#endif

#undef CNNC_LEVEL
#undef CNNC_HAS_512
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define CNNC_HAS_512
#endif
#if CNNC_SIMD == 0 || CNNC_B < 4
#define CNNC_LEVEL 0
#elif defined(CNNC_ISA)
#if CNNC_ISA == 512 && CNNC_B >= 16
#define CNNC_LEVEL 512
#elif CNNC_ISA >= 256 && CNNC_B >= 8
#define CNNC_LEVEL 256
#elif CNNC_ISA >= 128
#define CNNC_LEVEL 128
#elif CNNC_ISA == 64
#define CNNC_LEVEL 64
#else
#define CNNC_LEVEL 0
#endif
#elif defined(CNNC_HAS_512) && CNNC_B >= 16
#define CNNC_LEVEL 512
#elif defined(__AVX2__) && defined(__FMA__) && CNNC_B >= 8
#define CNNC_LEVEL 256
#elif defined(__SSE2__) || defined(_M_X64)
#define CNNC_LEVEL 128
#elif defined(__ARM_NEON) || defined(__ARM_NEON__)
#define CNNC_LEVEL 64
#else
#define CNNC_LEVEL 0
#endif

#undef CNNC_FN
#undef CNNC_CAT_
#undef CNNC_CAT
#define CNNC_CAT_(a, b) a##_##b
#define CNNC_CAT(a, b) CNNC_CAT_(a, b)
#ifdef CNNC_ISA
#define CNNC_FN(name) CNNC_CAT(name, CNNC_ISA)
#else
#define CNNC_FN(name) name
#endif

#if CNNC_LEVEL >= 128
#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64)
#include <immintrin.h>
#endif
#ifndef CNNC_NO_SIMDE
#include <fenv.h>
#include <float.h>
#include <stdlib.h>
#include <simde/x86/sse2.h>
#endif

/* A level above the compiler's options. SIMDe decides between native and emulated by macros when it is included, so the
 * target alone would give emulated code: the macros of the level are set by hand, after the baseline has been included. */
#if CNNC_LEVEL == 256 && !(defined(__AVX2__) && defined(__FMA__)) && !defined(CNNC_EMULATE)
#define CNNC_PUSHED
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
#elif CNNC_LEVEL == 512 && !defined(CNNC_HAS_512) && !defined(CNNC_EMULATE)
#define CNNC_PUSHED
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#endif
#endif
#if defined(CNNC_PUSHED) && !defined(CNNC_NO_SIMDE)
#undef SIMDE_X86_SSE3_NATIVE
#undef SIMDE_X86_SSSE3_NATIVE
#undef SIMDE_X86_SSE4_1_NATIVE
#undef SIMDE_X86_SSE4_2_NATIVE
#undef SIMDE_X86_AVX_NATIVE
#undef SIMDE_X86_AVX2_NATIVE
#undef SIMDE_X86_FMA_NATIVE
#define SIMDE_X86_SSE3_NATIVE
#define SIMDE_X86_SSSE3_NATIVE
#define SIMDE_X86_SSE4_1_NATIVE
#define SIMDE_X86_SSE4_2_NATIVE
#define SIMDE_X86_AVX_NATIVE
#define SIMDE_X86_AVX2_NATIVE
#define SIMDE_X86_FMA_NATIVE
#undef SIMDE_NATURAL_VECTOR_SIZE
#undef SIMDE_NATURAL_FLOAT_VECTOR_SIZE
#undef SIMDE_NATURAL_INT_VECTOR_SIZE
#define SIMDE_NATURAL_VECTOR_SIZE CNNC_LEVEL
#define SIMDE_NATURAL_FLOAT_VECTOR_SIZE CNNC_LEVEL
#define SIMDE_NATURAL_INT_VECTOR_SIZE CNNC_LEVEL
#if CNNC_LEVEL == 512
#undef SIMDE_X86_AVX512F_NATIVE
#undef SIMDE_X86_AVX512BW_NATIVE
#undef SIMDE_X86_AVX512DQ_NATIVE
#undef SIMDE_X86_AVX512VL_NATIVE
#define SIMDE_X86_AVX512F_NATIVE
#define SIMDE_X86_AVX512BW_NATIVE
#define SIMDE_X86_AVX512DQ_NATIVE
#define SIMDE_X86_AVX512VL_NATIVE
#endif
#endif

#ifndef CNNC_NO_SIMDE
#if CNNC_LEVEL >= 256
#include <simde/x86/avx2.h>
#include <simde/x86/fma.h>
#endif
#if CNNC_LEVEL == 512
#include <simde/x86/avx512/abs.h>
#include <simde/x86/avx512/add.h>
#include <simde/x86/avx512/and.h>
#include <simde/x86/avx512/andnot.h>
#include <simde/x86/avx512/blend.h>
#include <simde/x86/avx512/cast.h>
#include <simde/x86/avx512/cmp.h>
#include <simde/x86/avx512/div.h>
#include <simde/x86/avx512/extract.h>
#include <simde/x86/avx512/fmadd.h>
#include <simde/x86/avx512/fnmadd.h>
#include <simde/x86/avx512/insert.h>
#include <simde/x86/avx512/loadu.h>
#include <simde/x86/avx512/max.h>
#include <simde/x86/avx512/min.h>
#include <simde/x86/avx512/mul.h>
#include <simde/x86/avx512/mullo.h>
#include <simde/x86/avx512/or.h>
#include <simde/x86/avx512/set1.h>
#include <simde/x86/avx512/setzero.h>
#include <simde/x86/avx512/slli.h>
#include <simde/x86/avx512/sqrt.h>
#include <simde/x86/avx512/srli.h>
#include <simde/x86/avx512/storeu.h>
#include <simde/x86/avx512/sub.h>
#include <simde/x86/avx512/xor.h>
#endif
#endif

#elif CNNC_LEVEL == 64
#ifdef CNNC_NO_SIMDE
#include <arm_neon.h>
#else
#include <simde/arm/neon/abs.h>
#include <simde/arm/neon/add.h>
#include <simde/arm/neon/and.h>
#include <simde/arm/neon/bic.h>
#include <simde/arm/neon/bsl.h>
#include <simde/arm/neon/ceq.h>
#include <simde/arm/neon/cge.h>
#include <simde/arm/neon/cgt.h>
#include <simde/arm/neon/cle.h>
#include <simde/arm/neon/clt.h>
#include <simde/arm/neon/combine.h>
#include <simde/arm/neon/cvt.h>
#include <simde/arm/neon/dup_n.h>
#include <simde/arm/neon/eor.h>
#include <simde/arm/neon/fma.h>
#include <simde/arm/neon/get_low.h>
#include <simde/arm/neon/ld1.h>
#include <simde/arm/neon/max.h>
#include <simde/arm/neon/min.h>
#include <simde/arm/neon/mla.h>
#include <simde/arm/neon/mls.h>
#include <simde/arm/neon/movl.h>
#include <simde/arm/neon/mul.h>
#include <simde/arm/neon/neg.h>
#include <simde/arm/neon/orr.h>
#include <simde/arm/neon/qmovn.h>
#include <simde/arm/neon/qmovun.h>
#include <simde/arm/neon/reinterpret.h>
#include <simde/arm/neon/shl_n.h>
#include <simde/arm/neon/shr_n.h>
#include <simde/arm/neon/st1.h>
#include <simde/arm/neon/sub.h>
#endif
#endif

/* The words of the level before, forgotten; the parts that follow define them anew. */
#undef cnnc_vf
#undef cnnc_vh
#undef CNNC_VLOW
#undef CNNC_VLOW_FMA
#undef CNNC_VLOW_WIDE
#undef cnnc_vi
#undef cnnc_vm
#undef CNNC_VL
#undef CNNC_VLOAD
#undef CNNC_VSTORE
#undef CNNC_VLOAD_N
#undef CNNC_VSTORE_N
#undef CNNC_VMASK_N
#undef CNNC_VSET1
#undef CNNC_VZERO
#undef CNNC_VADD
#undef CNNC_VSUB
#undef CNNC_VMUL
#undef CNNC_VDIV
#undef CNNC_VFMA
#undef CNNC_VFNMA
#undef CNNC_VMIN
#undef CNNC_VMAX
#undef CNNC_VSQRT
#undef CNNC_VROUND
#undef CNNC_VAND
#undef CNNC_VOR
#undef CNNC_VXOR
#undef CNNC_VANDNOT
#undef CNNC_VBITS_
#undef CNNC_VLT
#undef CNNC_VLE
#undef CNNC_VGT
#undef CNNC_VGE
#undef CNNC_VEQ
#undef CNNC_VSELECT
#undef CNNC_VREDUCE_ADD
#undef CNNC_VREDUCE_MAX
#undef CNNC_VTO_INT
#undef CNNC_VTO_FLOAT
#undef CNNC_VAS_INT
#undef CNNC_VAS_FLOAT
#undef CNNC_VISET1
#undef CNNC_VILOAD
#undef CNNC_VISTORE
#undef CNNC_VIADD
#undef CNNC_VISUB
#undef CNNC_VIMUL
#undef CNNC_VIMIN
#undef CNNC_VIMAX
#undef CNNC_VIAND
#undef CNNC_VIOR
#undef CNNC_VISHL
#undef CNNC_VISHR
#undef CNNC_VISAR
#undef CNNC_VLOAD_F16
#undef CNNC_VLOAD_BF16
#undef CNNC_VLOAD_S8
#undef CNNC_VLOAD_U8
#undef CNNC_VSTORE_S8
#undef CNNC_VSTORE_U8
#undef CNNC_VPACK16
#undef CNNC_M128I
#undef CNNC_TILE_W
#undef CNNC_TILE_V
#undef CNNC_TILE_ACC
