/* SPDX-License-Identifier: 0BSD
 *
 * The vector vocabulary on AVX-512, AVX2 with FMA, and SSE2. No include guard, see simd.h. */

#if CNNC_LEVEL == 512
#undef CNNC_I
#undef CNNC_I2
#ifdef CNNC_NO_SIMDE
#define CNNC_I(op) _mm512_##op
#define cnnc_vf __m512
#define cnnc_vi __m512i
#define cnnc_vm __mmask16
#else
#define CNNC_I(op) simde_mm512_##op
#define cnnc_vf simde__m512
#define cnnc_vi simde__m512i
#define cnnc_vm simde__mmask16
#endif
#define CNNC_VL 16
#define CNNC_VLOAD(p) CNNC_I(loadu_ps)(p)
#define CNNC_VSTORE(p, v) CNNC_I(storeu_ps)(p, v)
#define CNNC_VSET1(x) CNNC_I(set1_ps)(x)
#define CNNC_VZERO() CNNC_I(setzero_ps)()
#define CNNC_VADD(a, b) CNNC_I(add_ps)(a, b)
#define CNNC_VSUB(a, b) CNNC_I(sub_ps)(a, b)
#define CNNC_VMUL(a, b) CNNC_I(mul_ps)(a, b)
#define CNNC_VDIV(a, b) CNNC_I(div_ps)(a, b)
#define CNNC_VFMA(a, b, c) CNNC_I(fmadd_ps)(a, b, c)
#define CNNC_VFNMA(a, b, c) CNNC_I(fnmadd_ps)(a, b, c)
#define CNNC_VMIN(a, b) CNNC_I(min_ps)(a, b)
#define CNNC_VMAX(a, b) CNNC_I(max_ps)(a, b)
#define CNNC_VSQRT(a) CNNC_I(sqrt_ps)(a)
#define CNNC_VAND(a, b) CNNC_I(and_ps)(a, b)
#define CNNC_VOR(a, b) CNNC_I(or_ps)(a, b)
#define CNNC_VXOR(a, b) CNNC_I(xor_ps)(a, b)
#define CNNC_VANDNOT(a, b) CNNC_I(andnot_ps)(a, b)
#define CNNC_VLT(a, b) CNNC_I(cmp_ps_mask)(a, b, 17)
#define CNNC_VLE(a, b) CNNC_I(cmp_ps_mask)(a, b, 18)
#define CNNC_VGT(a, b) CNNC_I(cmp_ps_mask)(a, b, 30)
#define CNNC_VGE(a, b) CNNC_I(cmp_ps_mask)(a, b, 29)
#define CNNC_VEQ(a, b) CNNC_I(cmp_ps_mask)(a, b, 0)
#define CNNC_VSELECT(m, a, b) CNNC_I(mask_blend_ps)(m, b, a)
#define CNNC_VAS_INT(a) CNNC_I(castps_si512)(a)
#define CNNC_VAS_FLOAT(a) CNNC_I(castsi512_ps)(a)
#define CNNC_VISET1(x) CNNC_I(set1_epi32)(x)
#define CNNC_VILOAD(p) CNNC_I(loadu_si512)(p)
#define CNNC_VISTORE(p, v) CNNC_I(storeu_si512)(p, v)
#define CNNC_VIADD(a, b) CNNC_I(add_epi32)(a, b)
#define CNNC_VISUB(a, b) CNNC_I(sub_epi32)(a, b)
#define CNNC_VIMUL(a, b) CNNC_I(mullo_epi32)(a, b)
#define CNNC_VIMIN(a, b) CNNC_I(min_epi32)(a, b)
#define CNNC_VIMAX(a, b) CNNC_I(max_epi32)(a, b)
#define CNNC_VIAND(a, b) CNNC_I(and_si512)(a, b)
#define CNNC_VIOR(a, b) CNNC_I(or_si512)(a, b)
#define CNNC_VISHL(a, n) CNNC_I(slli_epi32)(a, n)
#define CNNC_VISHR(a, n) CNNC_I(srli_epi32)(a, n)
#ifndef CNNC_EMULATE /* what SIMDe 0.7 lacks at this width is native, or comes from buffers in simd.h */
#define CNNC_VLOAD_N(p, n) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#define CNNC_VSTORE_N(p, v, n) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), v)
#define CNNC_VROUND(a) _mm512_roundscale_ps(a, 8)
#define CNNC_VTO_INT(a) _mm512_cvtps_epi32(a)
#define CNNC_VTO_FLOAT(a) _mm512_cvtepi32_ps(a)
#define CNNC_VISAR(a, n) _mm512_srai_epi32(a, n)
#define CNNC_VLOAD_F16(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(p)))
#define CNNC_VLOAD_BF16(p) _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(p))), 16))
#define CNNC_VLOAD_S8(p) _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define CNNC_VLOAD_U8(p) _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define CNNC_VSTORE_S8(p, v) _mm_storeu_si128((__m128i *)(void *)(p), _mm512_cvtsepi32_epi8(v))
#define CNNC_VSTORE_U8(p, v) \
    _mm_storeu_si128((__m128i *)(void *)(p), _mm512_cvtusepi32_epi8(_mm512_max_epi32(v, _mm512_setzero_si512())))
#define CNNC_VREDUCE_ADD(v) _mm512_reduce_add_ps(v)
#define CNNC_VREDUCE_MAX(v) _mm512_reduce_max_ps(v)
#define cnnc_vh __m256
#define CNNC_VLOW(v) _mm512_castps512_ps256(v)
#define CNNC_VLOW_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define CNNC_VLOW_WIDE(h) _mm512_zextps256_ps512(h)
#endif
#define CNNC_TILE_W 14
#define CNNC_TILE_V 2
#define CNNC_TILE_ACC 28

#elif CNNC_LEVEL == 256
#undef CNNC_I
#undef CNNC_I2
#ifdef CNNC_NO_SIMDE
#define CNNC_I(op) _mm256_##op
#define CNNC_I2(op) _mm_##op
#define CNNC_M128I __m128i
#define cnnc_vf __m256
#define cnnc_vi __m256i
#define cnnc_vm __m256
#else
#define CNNC_I(op) simde_mm256_##op
#define CNNC_I2(op) simde_mm_##op
#define CNNC_M128I simde__m128i
#define cnnc_vf simde__m256
#define cnnc_vi simde__m256i
#define cnnc_vm simde__m256
#endif
#define CNNC_VL 8
#define CNNC_VLOAD(p) CNNC_I(loadu_ps)(p)
#define CNNC_VSTORE(p, v) CNNC_I(storeu_ps)(p, v)
#define CNNC_VSET1(x) CNNC_I(set1_ps)(x)
#define CNNC_VZERO() CNNC_I(setzero_ps)()
#define CNNC_VADD(a, b) CNNC_I(add_ps)(a, b)
#define CNNC_VSUB(a, b) CNNC_I(sub_ps)(a, b)
#define CNNC_VMUL(a, b) CNNC_I(mul_ps)(a, b)
#define CNNC_VDIV(a, b) CNNC_I(div_ps)(a, b)
#define CNNC_VFMA(a, b, c) CNNC_I(fmadd_ps)(a, b, c)
#define CNNC_VFNMA(a, b, c) CNNC_I(fnmadd_ps)(a, b, c)
#define CNNC_VMIN(a, b) CNNC_I(min_ps)(a, b)
#define CNNC_VMAX(a, b) CNNC_I(max_ps)(a, b)
#define CNNC_VSQRT(a) CNNC_I(sqrt_ps)(a)
#define CNNC_VROUND(a) CNNC_I(round_ps)(a, 8)
#define CNNC_VAND(a, b) CNNC_I(and_ps)(a, b)
#define CNNC_VOR(a, b) CNNC_I(or_ps)(a, b)
#define CNNC_VXOR(a, b) CNNC_I(xor_ps)(a, b)
#define CNNC_VANDNOT(a, b) CNNC_I(andnot_ps)(a, b)
#define CNNC_VLT(a, b) CNNC_I(cmp_ps)(a, b, 17)
#define CNNC_VLE(a, b) CNNC_I(cmp_ps)(a, b, 18)
#define CNNC_VGT(a, b) CNNC_I(cmp_ps)(a, b, 30)
#define CNNC_VGE(a, b) CNNC_I(cmp_ps)(a, b, 29)
#define CNNC_VEQ(a, b) CNNC_I(cmp_ps)(a, b, 0)
#define CNNC_VSELECT(m, a, b) CNNC_I(blendv_ps)(b, a, m)
#define CNNC_VTO_INT(a) CNNC_I(cvtps_epi32)(a)
#define CNNC_VTO_FLOAT(a) CNNC_I(cvtepi32_ps)(a)
#define CNNC_VAS_INT(a) CNNC_I(castps_si256)(a)
#define CNNC_VAS_FLOAT(a) CNNC_I(castsi256_ps)(a)
#define CNNC_VISET1(x) CNNC_I(set1_epi32)(x)
#define CNNC_VILOAD(p) CNNC_I(loadu_si256)((const cnnc_vi *)(const void *)(p))
#define CNNC_VISTORE(p, v) CNNC_I(storeu_si256)((cnnc_vi *)(void *)(p), v)
#define CNNC_VIADD(a, b) CNNC_I(add_epi32)(a, b)
#define CNNC_VISUB(a, b) CNNC_I(sub_epi32)(a, b)
#define CNNC_VIMUL(a, b) CNNC_I(mullo_epi32)(a, b)
#define CNNC_VIMIN(a, b) CNNC_I(min_epi32)(a, b)
#define CNNC_VIMAX(a, b) CNNC_I(max_epi32)(a, b)
#define CNNC_VIAND(a, b) CNNC_I(and_si256)(a, b)
#define CNNC_VIOR(a, b) CNNC_I(or_si256)(a, b)
#define CNNC_VISHL(a, n) CNNC_I(slli_epi32)(a, n)
#define CNNC_VISHR(a, n) CNNC_I(srli_epi32)(a, n)
#define CNNC_VISAR(a, n) CNNC_I(srai_epi32)(a, n)
#define CNNC_VMASK_N(n) CNNC_I(cmpgt_epi32)(CNNC_I(set1_epi32)(n), CNNC_I(setr_epi32)(0, 1, 2, 3, 4, 5, 6, 7))
#define CNNC_VLOAD_N(p, n) CNNC_I(maskload_ps)(p, CNNC_VMASK_N(n))
#define CNNC_VSTORE_N(p, v, n) CNNC_I(maskstore_ps)(p, CNNC_VMASK_N(n), v)
#define CNNC_VLOAD_S8(p) CNNC_I(cvtepi8_epi32)(CNNC_I2(loadl_epi64)((const CNNC_M128I *)(const void *)(p)))
#define CNNC_VLOAD_U8(p) CNNC_I(cvtepu8_epi32)(CNNC_I2(loadl_epi64)((const CNNC_M128I *)(const void *)(p)))
#define CNNC_VPACK16(v) CNNC_I2(packs_epi32)(CNNC_I(castsi256_si128)(v), CNNC_I(extracti128_si256)(v, 1))
#define CNNC_VSTORE_S8(p, v) \
    CNNC_I2(storel_epi64)((CNNC_M128I *)(void *)(p), CNNC_I2(packs_epi16)(CNNC_VPACK16(v), CNNC_VPACK16(v)))
#define CNNC_VSTORE_U8(p, v) \
    CNNC_I2(storel_epi64)((CNNC_M128I *)(void *)(p), CNNC_I2(packus_epi16)(CNNC_VPACK16(v), CNNC_VPACK16(v)))
#define CNNC_VLOAD_BF16(p) \
    CNNC_VAS_FLOAT(CNNC_VISHL(CNNC_I(cvtepu16_epi32)(CNNC_I2(loadu_si128)((const CNNC_M128I *)(p))), 16))
#if (defined(__F16C__) || defined(CNNC_PUSHED)) && !defined(CNNC_EMULATE)
#define CNNC_VLOAD_F16(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p)))
#else
#define CNNC_VLOAD_F16(p) CNNC_F16_BITS_(CNNC_VISHL(CNNC_I(cvtepi16_epi32)(CNNC_I2(loadu_si128)((const CNNC_M128I *)(p))), 13))
#endif
#define CNNC_TILE_W 6
#define CNNC_TILE_V 2
#define CNNC_TILE_ACC 12

#elif CNNC_LEVEL == 128
#undef CNNC_I
#undef CNNC_I2
#ifdef CNNC_NO_SIMDE
#define CNNC_I(op) _mm_##op
#define cnnc_vf __m128
#define cnnc_vi __m128i
#define cnnc_vm __m128
#else
#define CNNC_I(op) simde_mm_##op
#define cnnc_vf simde__m128
#define cnnc_vi simde__m128i
#define cnnc_vm simde__m128
#endif
#define CNNC_VL 4
#define CNNC_VLOAD(p) CNNC_I(loadu_ps)(p)
#define CNNC_VSTORE(p, v) CNNC_I(storeu_ps)(p, v)
#define CNNC_VSET1(x) CNNC_I(set1_ps)(x)
#define CNNC_VZERO() CNNC_I(setzero_ps)()
#define CNNC_VADD(a, b) CNNC_I(add_ps)(a, b)
#define CNNC_VSUB(a, b) CNNC_I(sub_ps)(a, b)
#define CNNC_VMUL(a, b) CNNC_I(mul_ps)(a, b)
#define CNNC_VDIV(a, b) CNNC_I(div_ps)(a, b)
#define CNNC_VFMA(a, b, c) CNNC_I(add_ps)(CNNC_I(mul_ps)(a, b), c)
#define CNNC_VFNMA(a, b, c) CNNC_I(sub_ps)(c, CNNC_I(mul_ps)(a, b))
#define CNNC_VMIN(a, b) CNNC_I(min_ps)(a, b)
#define CNNC_VMAX(a, b) CNNC_I(max_ps)(a, b)
#define CNNC_VSQRT(a) CNNC_I(sqrt_ps)(a)
#define CNNC_VROUND(a) CNNC_I(cvtepi32_ps)(CNNC_I(cvtps_epi32)(a))
#define CNNC_VAND(a, b) CNNC_I(and_ps)(a, b)
#define CNNC_VOR(a, b) CNNC_I(or_ps)(a, b)
#define CNNC_VXOR(a, b) CNNC_I(xor_ps)(a, b)
#define CNNC_VANDNOT(a, b) CNNC_I(andnot_ps)(a, b)
#define CNNC_VLT(a, b) CNNC_I(cmplt_ps)(a, b)
#define CNNC_VLE(a, b) CNNC_I(cmple_ps)(a, b)
#define CNNC_VGT(a, b) CNNC_I(cmpgt_ps)(a, b)
#define CNNC_VGE(a, b) CNNC_I(cmpge_ps)(a, b)
#define CNNC_VEQ(a, b) CNNC_I(cmpeq_ps)(a, b)
#define CNNC_VSELECT(m, a, b) CNNC_FN(cnnc_vselect)(m, a, b)
#define CNNC_VTO_INT(a) CNNC_I(cvtps_epi32)(a)
#define CNNC_VTO_FLOAT(a) CNNC_I(cvtepi32_ps)(a)
#define CNNC_VAS_INT(a) CNNC_I(castps_si128)(a)
#define CNNC_VAS_FLOAT(a) CNNC_I(castsi128_ps)(a)
#define CNNC_VISET1(x) CNNC_I(set1_epi32)(x)
#define CNNC_VILOAD(p) CNNC_I(loadu_si128)((const cnnc_vi *)(const void *)(p))
#define CNNC_VISTORE(p, v) CNNC_I(storeu_si128)((cnnc_vi *)(void *)(p), v)
#define CNNC_VIADD(a, b) CNNC_I(add_epi32)(a, b)
#define CNNC_VISUB(a, b) CNNC_I(sub_epi32)(a, b)
#define CNNC_VIMUL(a, b) CNNC_FN(cnnc_vimul)(a, b)
#define CNNC_VIMIN(a, b) CNNC_FN(cnnc_viselect)(CNNC_I(cmplt_epi32)(a, b), a, b)
#define CNNC_VIMAX(a, b) CNNC_FN(cnnc_viselect)(CNNC_I(cmpgt_epi32)(a, b), a, b)
#define CNNC_VIAND(a, b) CNNC_I(and_si128)(a, b)
#define CNNC_VIOR(a, b) CNNC_I(or_si128)(a, b)
#define CNNC_VISHL(a, n) CNNC_I(slli_epi32)(a, n)
#define CNNC_VISHR(a, n) CNNC_I(srli_epi32)(a, n)
#define CNNC_VISAR(a, n) CNNC_I(srai_epi32)(a, n)
#define CNNC_VLOAD_S8(p) CNNC_FN(cnnc_vload_s8)(p)
#define CNNC_VLOAD_U8(p) CNNC_FN(cnnc_vload_u8)(p)
#define CNNC_VSTORE_S8(p, v) CNNC_FN(cnnc_vstore_s8)(p, v)
#define CNNC_VSTORE_U8(p, v) CNNC_FN(cnnc_vstore_u8)(p, v)
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vselect)(cnnc_vm m, cnnc_vf a, cnnc_vf b)
{
    return CNNC_I(or_ps)(CNNC_I(and_ps)(m, a), CNNC_I(andnot_ps)(m, b));
}
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_viselect)(cnnc_vi m, cnnc_vi a, cnnc_vi b)
{
    return CNNC_I(or_si128)(CNNC_I(and_si128)(m, a), CNNC_I(andnot_si128)(m, b));
}
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_vimul)(cnnc_vi a, cnnc_vi b)
{
    cnnc_vi even = CNNC_I(mul_epu32)(a, b), odd = CNNC_I(mul_epu32)(CNNC_I(srli_epi64)(a, 32), CNNC_I(srli_epi64)(b, 32));
    return CNNC_I(unpacklo_epi32)(CNNC_I(shuffle_epi32)(even, 8), CNNC_I(shuffle_epi32)(odd, 8));
}
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_vload_s8)(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    cnnc_vi v = CNNC_I(cvtsi32_si128)(four);
    v = CNNC_I(unpacklo_epi8)(v, v);
    return CNNC_I(srai_epi32)(CNNC_I(unpacklo_epi16)(v, v), 24);
}
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_vload_u8)(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    cnnc_vi z = CNNC_I(setzero_si128)();
    return CNNC_I(unpacklo_epi16)(CNNC_I(unpacklo_epi8)(CNNC_I(cvtsi32_si128)(four), z), z);
}
CNNC_INLINE void CNNC_FN(cnnc_vstore_s8)(int8_t *p, cnnc_vi v)
{
    cnnc_vi s = CNNC_I(packs_epi32)(v, v);
    int32_t four = CNNC_I(cvtsi128_si32)(CNNC_I(packs_epi16)(s, s));
    memcpy(p, &four, 4);
}
CNNC_INLINE void CNNC_FN(cnnc_vstore_u8)(uint8_t *p, cnnc_vi v)
{
    cnnc_vi s = CNNC_I(packs_epi32)(v, v);
    int32_t four = CNNC_I(cvtsi128_si32)(CNNC_I(packus_epi16)(s, s));
    memcpy(p, &four, 4);
}
#define CNNC_VLOAD_BF16(p) CNNC_I(castsi128_ps)(CNNC_FN(cnnc_upper)(p))
#define CNNC_VLOAD_F16(p) CNNC_F16_BITS_(CNNC_I(srai_epi32)(CNNC_FN(cnnc_upper)(p), 3))
/* four of 16 bits, each in the upper half of a lane */
CNNC_INLINE cnnc_vi CNNC_FN(cnnc_upper)(const void *p)
{
    return CNNC_I(unpacklo_epi16)(CNNC_I(setzero_si128)(), CNNC_I(loadl_epi64)((const cnnc_vi *)p));
}
#define CNNC_TILE_W 3
#define CNNC_TILE_V 4
#define CNNC_TILE_ACC 12
#endif
