/* SPDX-License-Identifier: 0BSD
 *
 * The element type of training. float, through the vectors of simd.h; or double, one lane at a time, which is how gradients
 * are checked against differences: the same code, more digits.
 */
#ifndef CNNC_REAL_H
#define CNNC_REAL_H
#include "simd.h"

#ifdef CNNC_REAL_IS_DOUBLE
#define CNNC_REAL double
typedef double cnnc_vr;
#define CNNC_RL 1
#define CNNC_RLOAD(p) (*(p))
#define CNNC_RLOAD_N(p, n) ((void)(n), *(p))
#define CNNC_RSTORE(p, v) (*(p) = (v))
#define CNNC_RSTORE_N(p, v, n) ((void)(n), *(p) = (v))
#define CNNC_RSET1(x) ((double)(x))
#define CNNC_RFMA(a, b, c) ((a) * (b) + (c))
#define CNNC_RADD(a, b) ((a) + (b))
#define CNNC_RSUB(a, b) ((a) - (b))
#define CNNC_RMUL(a, b) ((a) * (b))
#define CNNC_RDIV(a, b) ((a) / (b))
#define CNNC_RSQRT(a) sqrt(a)
#define CNNC_RSUM(v) (v)
#else
#define CNNC_REAL float
typedef cnnc_vf cnnc_vr;
#define CNNC_RL CNNC_VL
#define CNNC_RLOAD(p) CNNC_VLOAD(p)
#define CNNC_RLOAD_N(p, n) CNNC_VLOAD_N(p, n)
#define CNNC_RSTORE(p, v) CNNC_VSTORE(p, v)
#define CNNC_RSTORE_N(p, v, n) CNNC_VSTORE_N(p, v, n)
#define CNNC_RSET1(x) CNNC_VSET1(x)
#define CNNC_RFMA(a, b, c) CNNC_VFMA(a, b, c)
#define CNNC_RADD(a, b) CNNC_VADD(a, b)
#define CNNC_RSUB(a, b) CNNC_VSUB(a, b)
#define CNNC_RMUL(a, b) CNNC_VMUL(a, b)
#define CNNC_RDIV(a, b) CNNC_VDIV(a, b)
#define CNNC_RSQRT(a) CNNC_VSQRT(a)
#define CNNC_RSUM(v) CNNC_VREDUCE_ADD(v)
#endif
#endif
