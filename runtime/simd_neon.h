/* SPDX-License-Identifier: 0BSD
 *
 * The vector vocabulary on NEON (also, through SIMDe, NEON's words on any other machine). No include guard, see simd.h. */

#if CNNC_LEVEL == 64
#undef CNNC_I
#ifdef CNNC_NO_SIMDE
#define CNNC_I(op) op
#define cnnc_vf float32x4_t
#define cnnc_vi int32x4_t
#define cnnc_vm uint32x4_t
#else
#define CNNC_I(op) simde_##op
#define cnnc_vf simde_float32x4_t
#define cnnc_vi simde_int32x4_t
#define cnnc_vm simde_uint32x4_t
#endif
#define CNNC_VL 4
#define CNNC_VLOAD(p) CNNC_I(vld1q_f32)(p)
#define CNNC_VSTORE(p, v) CNNC_I(vst1q_f32)(p, v)
#define CNNC_VSET1(x) CNNC_I(vdupq_n_f32)(x)
#define CNNC_VZERO() CNNC_I(vdupq_n_f32)(0)
#define CNNC_VADD(a, b) CNNC_I(vaddq_f32)(a, b)
#define CNNC_VSUB(a, b) CNNC_I(vsubq_f32)(a, b)
#define CNNC_VMUL(a, b) CNNC_I(vmulq_f32)(a, b)
#if defined(__aarch64__) || defined(__ARM_FEATURE_FMA) || !defined(CNNC_NO_SIMDE)
#define CNNC_VFMA(a, b, c) CNNC_I(vfmaq_f32)(c, a, b)
#else
#define CNNC_VFMA(a, b, c) CNNC_I(vmlaq_f32)(c, a, b)
#endif
#if defined(__aarch64__) && defined(CNNC_NO_SIMDE)
#define CNNC_VFNMA(a, b, c) vfmsq_f32(c, a, b)
#define CNNC_VDIV(a, b) vdivq_f32(a, b)
#define CNNC_VSQRT(a) vsqrtq_f32(a)
#define CNNC_VROUND(a) vrndnq_f32(a)
#define CNNC_VTO_INT(a) vcvtnq_s32_f32(a)
#else
#define CNNC_VFNMA(a, b, c) CNNC_VFMA(CNNC_I(vnegq_f32)(a), b, c)
#define CNNC_VDIV(a, b) CNNC_FN(cnnc_vdiv)(a, b)
#define CNNC_VSQRT(a) CNNC_FN(cnnc_vsqrt)(a)
#define CNNC_VTO_INT(a) CNNC_FN(cnnc_vto_int)(a)
#define CNNC_VROUND(a) CNNC_I(vcvtq_f32_s32)(CNNC_FN(cnnc_vto_int)(a))
#endif
#define CNNC_VMIN(a, b) CNNC_I(vbslq_f32)(CNNC_I(vcltq_f32)(a, b), a, b)
#define CNNC_VMAX(a, b) CNNC_I(vbslq_f32)(CNNC_I(vcgtq_f32)(a, b), a, b)
#define CNNC_VAS_INT(a) CNNC_I(vreinterpretq_s32_f32)(a)
#define CNNC_VAS_FLOAT(a) CNNC_I(vreinterpretq_f32_s32)(a)
#define CNNC_VBITS_(op, a, b) CNNC_VAS_FLOAT(CNNC_I(op)(CNNC_VAS_INT(a), CNNC_VAS_INT(b)))
#define CNNC_VAND(a, b) CNNC_VBITS_(vandq_s32, a, b)
#define CNNC_VOR(a, b) CNNC_VBITS_(vorrq_s32, a, b)
#define CNNC_VXOR(a, b) CNNC_VBITS_(veorq_s32, a, b)
#define CNNC_VANDNOT(a, b) CNNC_VBITS_(vbicq_s32, b, a)
#define CNNC_VLT(a, b) CNNC_I(vcltq_f32)(a, b)
#define CNNC_VLE(a, b) CNNC_I(vcleq_f32)(a, b)
#define CNNC_VGT(a, b) CNNC_I(vcgtq_f32)(a, b)
#define CNNC_VGE(a, b) CNNC_I(vcgeq_f32)(a, b)
#define CNNC_VEQ(a, b) CNNC_I(vceqq_f32)(a, b)
#define CNNC_VSELECT(m, a, b) CNNC_I(vbslq_f32)(m, a, b)
#define CNNC_VTO_FLOAT(a) CNNC_I(vcvtq_f32_s32)(a)
#define CNNC_VISET1(x) CNNC_I(vdupq_n_s32)(x)
#define CNNC_VILOAD(p) CNNC_I(vld1q_s32)(p)
#define CNNC_VISTORE(p, v) CNNC_I(vst1q_s32)(p, v)
#define CNNC_VIADD(a, b) CNNC_I(vaddq_s32)(a, b)
#define CNNC_VISUB(a, b) CNNC_I(vsubq_s32)(a, b)
#define CNNC_VIMUL(a, b) CNNC_I(vmulq_s32)(a, b)
#define CNNC_VIMIN(a, b) CNNC_I(vminq_s32)(a, b)
#define CNNC_VIMAX(a, b) CNNC_I(vmaxq_s32)(a, b)
#define CNNC_VIAND(a, b) CNNC_I(vandq_s32)(a, b)
#define CNNC_VIOR(a, b) CNNC_I(vorrq_s32)(a, b)
#define CNNC_VISHL(a, n) CNNC_I(vshlq_n_s32)(a, n)
#define CNNC_VISHR(a, n) CNNC_I(vreinterpretq_s32_u32)(CNNC_I(vshrq_n_u32)(CNNC_I(vreinterpretq_u32_s32)(a), n))
#define CNNC_VISAR(a, n) CNNC_I(vshrq_n_s32)(a, n)
#define CNNC_VLOAD_BF16(p) CNNC_VAS_FLOAT(CNNC_VISHL(CNNC_FN(cnnc_words)(p), 16))
#if defined(__aarch64__)
#define CNNC_VLOAD_F16(p) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)(p))))
#else
#define CNNC_VLOAD_F16(p) CNNC_F16_BITS_(CNNC_VISAR(CNNC_VISHL(CNNC_FN(cnnc_words)(p), 16), 3))
#endif
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_words)(const void *p)
{
    return CNNC_I(vreinterpretq_s32_u32)(CNNC_I(vmovl_u16)(CNNC_I(vld1_u16)((const uint16_t *)p)));
}
#if !(defined(__aarch64__) && defined(CNNC_NO_SIMDE))
/* 32-bit NEON neither divides, nor takes roots, nor rounds: lane by lane, and by adding and removing 1.5 * 2^23 */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vdiv)(cnnc_vf a, cnnc_vf b)
{
    float x[4], y[4];
    CNNC_VSTORE(x, a);
    CNNC_VSTORE(y, b);
    for (int i = 0; i < 4; i++)
        x[i] /= y[i];
    return CNNC_VLOAD(x);
}
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vsqrt)(cnnc_vf a)
{
    float x[4];
    CNNC_VSTORE(x, a);
    for (int i = 0; i < 4; i++)
        x[i] = sqrtf(x[i]);
    return CNNC_VLOAD(x);
}
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_vto_int)(cnnc_vf a)
{
    cnnc_vf big = CNNC_VOR(CNNC_VSET1(8388608.f), CNNC_VAND(a, CNNC_VSET1(-0.f)));
    cnnc_vm small = CNNC_VLT(CNNC_I(vabsq_f32)(a), CNNC_VSET1(8388608.f));
    return CNNC_I(vcvtq_s32_f32)(CNNC_VSELECT(small, CNNC_VSUB(CNNC_VADD(a, big), big), a));
}
#endif
#define CNNC_TILE_W 4
#define CNNC_TILE_V 4
#define CNNC_TILE_ACC 16
#endif
