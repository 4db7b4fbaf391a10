/* SPDX-License-Identifier: 0BSD
 *
 * The vector vocabulary of the kernels: float vectors of CNNC_VL lanes and the few integer operations that they need,
 * over SIMDe. simd_level.h chooses the level, one part per machine defines the words, and this part adds those
 * that a level left out. --dispatch prints all of this and the kernels once per
 * instruction set, each time with another CNNC_ISA, and simd_end.h after it: parts that are included by others have a guard that simd_end.h
 * takes away again, the rest has none.
 *
 *     cnnc_vf cnnc_vi cnnc_vm          float vector, int32 vector, mask of lanes (only for SELECT)
 *     VLOAD(p) VSTORE(p, v)            unaligned
 *     VLOAD_N(p, n) VSTORE_N(p, v, n)  the first n lanes, 0 <= n <= CNNC_VL; nothing else is touched, the rest reads as 0
 *     VSET1(x) VZERO() VADD VSUB VMUL VDIV VMIN VMAX VSQRT VABS VNEG VROUND VFLOOR
 *     VFMA(a, b, c) VFNMA(a, b, c)     a * b + c, c - a * b: one rounding where the machine can, else two
 *     cnnc_vh VLOW(v) VLOW_FMA(a, b, c) VLOW_WIDE(h)   the lower half of a vector, FMA on that, back with zeros above: for vectors whose
 *                                      upper half is zero, where a half costs less than a whole; else the same as whole vectors
 *     VAND VOR VXOR VANDNOT(a, b)      bits; the last is ~a & b
 *     VLT VLE VGT VGE VEQ, VSELECT(m, a, b)   m ? a : b
 *     VREDUCE_ADD VREDUCE_MAX          over the lanes, to float
 *     VTO_INT VTO_FLOAT                value: to nearest, ties to even    VAS_INT VAS_FLOAT   bits
 *     VISET1 VILOAD VISTORE VIADD VISUB VIMUL VIMIN VIMAX VIAND VIOR VISHL VISHR VISAR    int32; the shifts by a literal
 *     VLOAD_S8(p) VLOAD_U8(p)          CNNC_VL bytes to int32    VSTORE_S8(p, v) VSTORE_U8(p, v)   saturating
 *     VLOAD_F16(p) VLOAD_BF16(p)       CNNC_VL floats of 16 bits, finite; float16 below 2^-14 may read as 0
 *     PREFETCH(p) PREFETCH_L2(p)       what will be read soon; what will be read after some tens of KB more
 *
 * all with CNNC_ in front. VMIN and VMAX return their *second* operand if one is not a number, as x86 does: VMAX(limit, value)
 * keeps it. VROUND, VFLOOR and VTO_INT want |v| < 2^31.
 *
 * CNNC_B channels make a block, CNNC_VPB vectors a block; CNNC_TILE_W pixels times CNNC_TILE_V vectors is the level's register tile, and
 * CNNC_TILE_ACC is how many registers may hold accumulators. */
#ifndef CNNC_SIMD_H
#define CNNC_SIMD_H
#include "base.h"
#include "simd_level.h"
#include "simd_x86.h"
#include "simd_neon.h"
#include "simd_plain.h"

#undef CNNC_VPB
#define CNNC_VPB (CNNC_B / CNNC_VL)

#undef CNNC_F16_BITS_
#undef CNNC_VABS
#undef CNNC_VNEG
#undef CNNC_VFLOOR
#undef CNNC_PREFETCH_L2
/* float16 in lanes shifted to where a float has exponent and fraction, the sign above in several copies: the exponent is then 112 too low */
#define CNNC_F16_BITS_(v) CNNC_VMUL(CNNC_VAS_FLOAT(CNNC_VIAND(v, CNNC_VISET1((int32_t)0x8fffe000u))), CNNC_VSET1(0x1p112f))
#define CNNC_VABS(a) CNNC_VANDNOT(CNNC_VSET1(-0.f), a)
#define CNNC_VNEG(a) CNNC_VXOR(CNNC_VSET1(-0.f), a)
#define CNNC_VFLOOR(a) CNNC_FN(cnnc_vfloor)(a)
#if defined(__GNUC__) || defined(__clang__)
#define CNNC_PREFETCH_L2(p) __builtin_prefetch(p, 0, 2)
#else
#define CNNC_PREFETCH_L2(p) ((void)(p))
#endif

#ifndef CNNC_VLOW
#define cnnc_vh cnnc_vf
#define CNNC_VLOW(v) (v)
#define CNNC_VLOW_FMA(a, b, c) CNNC_VFMA(a, b, c)
#define CNNC_VLOW_WIDE(h) (h)
#endif

#ifndef CNNC_VLOAD_N
#define CNNC_VLOAD_N(p, n) CNNC_FN(cnnc_vload_n)(p, n)
#define CNNC_VSTORE_N(p, v, n) CNNC_FN(cnnc_vstore_n)(p, v, n)
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vload_n)(const float *p, int n)
{
    float t[CNNC_VL] = {0};
    for (int i = 0; i < n; i++)
        t[i] = p[i];
    return CNNC_VLOAD(t);
}
CNNC_INLINE void CNNC_FN(cnnc_vstore_n)(float *p, cnnc_vf v, int n)
{
    float t[CNNC_VL];
    CNNC_VSTORE(t, v);
    for (int i = 0; i < n; i++)
        p[i] = t[i];
}
#endif

#ifndef CNNC_VTO_INT /* SIMDe 0.7 neither converts nor shifts arithmetically at 512 bits */
#define CNNC_VISAR(a, n) CNNC_FN(cnnc_visar)(a, n)
#define CNNC_VTO_INT(a) CNNC_FN(cnnc_vto_int)(a)
#define CNNC_VTO_FLOAT(a) CNNC_FN(cnnc_vto_float)(a)
#define CNNC_VROUND(a) CNNC_VTO_FLOAT(CNNC_VTO_INT(a))
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_vto_int)(cnnc_vf a)
{
    float t[CNNC_VL];
    int32_t r[CNNC_VL];
    CNNC_VSTORE(t, a);
    for (int i = 0; i < CNNC_VL; i++)
        r[i] = (int32_t)lrintf(t[i]);
    return CNNC_VILOAD(r);
}
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_visar)(cnnc_vi a, int n)
{
    int32_t r[CNNC_VL];
    CNNC_VISTORE(r, a);
    for (int i = 0; i < CNNC_VL; i++)
        r[i] >>= n;
    return CNNC_VILOAD(r);
}
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vto_float)(cnnc_vi a)
{
    float t[CNNC_VL];
    int32_t r[CNNC_VL];
    CNNC_VISTORE(r, a);
    for (int i = 0; i < CNNC_VL; i++)
        t[i] = (float)r[i];
    return CNNC_VLOAD(t);
}
#endif

#ifndef CNNC_VLOAD_F16
#define CNNC_VLOAD_F16(p) CNNC_F16_BITS_(CNNC_VISAR(CNNC_FN(cnnc_upper)(p), 3))
#define CNNC_VLOAD_BF16(p) CNNC_VAS_FLOAT(CNNC_FN(cnnc_upper)(p))
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_upper)(const void *p)
{
    int32_t t[CNNC_VL];
    for (int i = 0; i < CNNC_VL; i++)
        t[i] = (int32_t)((uint32_t)((const uint16_t *)p)[i] << 16);
    return CNNC_VILOAD(t);
}
#endif

#ifndef CNNC_VLOAD_S8
#define CNNC_VLOAD_S8(p) CNNC_FN(cnnc_vload_s8)(p)
#define CNNC_VLOAD_U8(p) CNNC_FN(cnnc_vload_u8)(p)
#define CNNC_VSTORE_S8(p, v) CNNC_FN(cnnc_vstore_s8)(p, v)
#define CNNC_VSTORE_U8(p, v) CNNC_FN(cnnc_vstore_u8)(p, v)
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_vload_s8)(const int8_t *p)
{
    int32_t t[CNNC_VL];
    for (int i = 0; i < CNNC_VL; i++)
        t[i] = p[i];
    return CNNC_VILOAD(t);
}
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_vload_u8)(const uint8_t *p)
{
    int32_t t[CNNC_VL];
    for (int i = 0; i < CNNC_VL; i++)
        t[i] = p[i];
    return CNNC_VILOAD(t);
}
CNNC_INLINE void CNNC_FN(cnnc_vstore_s8)(int8_t *p, cnnc_vi v)
{
    int32_t t[CNNC_VL];
    CNNC_VISTORE(t, v);
    for (int i = 0; i < CNNC_VL; i++)
        p[i] = (int8_t)(t[i] < -128 ? -128 : t[i] > 127 ? 127 : t[i]);
}
CNNC_INLINE void CNNC_FN(cnnc_vstore_u8)(uint8_t *p, cnnc_vi v)
{
    int32_t t[CNNC_VL];
    CNNC_VISTORE(t, v);
    for (int i = 0; i < CNNC_VL; i++)
        p[i] = (uint8_t)(t[i] < 0 ? 0 : t[i] > 255 ? 255 : t[i]);
}
#endif

#ifndef CNNC_VREDUCE_ADD
#define CNNC_VREDUCE_ADD(v) CNNC_FN(cnnc_vreduce_add)(v)
#define CNNC_VREDUCE_MAX(v) CNNC_FN(cnnc_vreduce_max)(v)
/* in halves, the order in which a machine does it */
CNNC_INLINE float CNNC_FN(cnnc_vreduce_add)(cnnc_vf v)
{
    float t[CNNC_VL];
    CNNC_VSTORE(t, v);
    for (int h = CNNC_VL / 2; h; h /= 2)
        for (int i = 0; i < h; i++)
            t[i] += t[i + h];
    return t[0];
}
CNNC_INLINE float CNNC_FN(cnnc_vreduce_max)(cnnc_vf v)
{
    float t[CNNC_VL];
    CNNC_VSTORE(t, v);
    for (int h = CNNC_VL / 2; h; h /= 2)
        for (int i = 0; i < h; i++)
            t[i] = t[i] > t[i + h] ? t[i] : t[i + h];
    return t[0];
}
#endif

CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vfloor)(cnnc_vf a)
{
    cnnc_vf r = CNNC_VROUND(a);
    return CNNC_VSELECT(CNNC_VGT(r, a), CNNC_VSUB(r, CNNC_VSET1(1)), r);
}
#endif
