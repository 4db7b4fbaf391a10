/* SPDX-License-Identifier: 0BSD
 *
 * The vector vocabulary in plain C11: a structure of CNNC_VL floats, for compilers without intrinsics and machines without vectors, and
 * for the compiler's own evaluation of constants. No include guard, see simd.h. */

#if CNNC_LEVEL == 0
#define cnnc_vf struct cnnc_plain_vf
#define cnnc_vi struct cnnc_plain_vi
#define cnnc_vm struct cnnc_plain_vi
#if CNNC_B < 4
#define CNNC_VL 1
#else
#define CNNC_VL 4
#endif
#ifndef CNNC_PLAIN_DEFINED
#define CNNC_PLAIN_DEFINED
struct cnnc_plain_vf { float v[CNNC_VL]; };
struct cnnc_plain_vi { int32_t v[CNNC_VL]; };
#define CNNC_LANES CNNC_UNROLL for (int i = 0; i < CNNC_VL; i++)
#define CNNC_PLAIN1(name, R, A, expr) \
    CNNC_INLINE R cnnc_plain_##name(A a) { R r; CNNC_LANES r.v[i] = expr; return r; }
#define CNNC_PLAIN2(name, R, A, expr) \
    CNNC_INLINE R cnnc_plain_##name(A a, A b) { R r; CNNC_LANES r.v[i] = expr; return r; }
CNNC_INLINE float cnnc_plain_bits(int32_t b) { float f; memcpy(&f, &b, 4); return f; }
CNNC_INLINE int32_t cnnc_plain_int(float f) { int32_t b; memcpy(&b, &f, 4); return b; }
/* to the nearest integer, ties to even; past 2^23 every float is an integer */
CNNC_INLINE float cnnc_plain_round1(float x)
{
    float a = x < 0 ? -x : x, t = (float)(int32_t)(a < 8388608.f ? a : 0), d = a - t;
    if (!(a < 8388608.f))
        return x;
    t += d > 0.5f || (d == 0.5f && ((int32_t)t & 1)) ? 1.f : 0.f;
    return x < 0 ? -t : t;
}
CNNC_INLINE int32_t cnnc_plain_toint1(float x) { return x >= -2147483648.f && x < 2147483648.f ? (int32_t)cnnc_plain_round1(x) : INT32_MIN; }
CNNC_INLINE cnnc_vf cnnc_plain_load(const float *p) { cnnc_vf r; CNNC_LANES r.v[i] = p[i]; return r; }
CNNC_INLINE void cnnc_plain_store(float *p, cnnc_vf a) { CNNC_LANES p[i] = a.v[i]; }
CNNC_INLINE cnnc_vi cnnc_plain_iload(const int32_t *p) { cnnc_vi r; CNNC_LANES r.v[i] = p[i]; return r; }
CNNC_INLINE void cnnc_plain_istore(int32_t *p, cnnc_vi a) { CNNC_LANES p[i] = a.v[i]; }
CNNC_INLINE cnnc_vf cnnc_plain_bf16(const uint16_t *p) { cnnc_vf r; CNNC_LANES r.v[i] = cnnc_plain_bits((int32_t)((uint32_t)p[i] << 16)); return r; }
CNNC_INLINE cnnc_vf cnnc_plain_f16(const uint16_t *p)
{
    cnnc_vf r;
    CNNC_LANES r.v[i] = cnnc_plain_bits((int32_t)((uint32_t)(p[i] & 0x8000) << 16 | (uint32_t)(p[i] & 0x7fff) << 13)) * 0x1p112f;
    return r;
}
CNNC_INLINE cnnc_vf cnnc_plain_set1(float x) { cnnc_vf r; CNNC_LANES r.v[i] = x; return r; }
CNNC_INLINE cnnc_vi cnnc_plain_iset1(int32_t x) { cnnc_vi r; CNNC_LANES r.v[i] = x; return r; }
CNNC_PLAIN2(add, cnnc_vf, cnnc_vf, a.v[i] + b.v[i])
CNNC_PLAIN2(sub, cnnc_vf, cnnc_vf, a.v[i] - b.v[i])
CNNC_PLAIN2(mul, cnnc_vf, cnnc_vf, a.v[i] * b.v[i])
CNNC_PLAIN2(div, cnnc_vf, cnnc_vf, a.v[i] / b.v[i])
CNNC_PLAIN2(min, cnnc_vf, cnnc_vf, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
CNNC_PLAIN2(max, cnnc_vf, cnnc_vf, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
CNNC_PLAIN1(sqrt, cnnc_vf, cnnc_vf, sqrtf(a.v[i]))
CNNC_PLAIN1(round, cnnc_vf, cnnc_vf, cnnc_plain_round1(a.v[i]))
CNNC_PLAIN2(and, cnnc_vf, cnnc_vf, cnnc_plain_bits(cnnc_plain_int(a.v[i]) & cnnc_plain_int(b.v[i])))
CNNC_PLAIN2(or, cnnc_vf, cnnc_vf, cnnc_plain_bits(cnnc_plain_int(a.v[i]) | cnnc_plain_int(b.v[i])))
CNNC_PLAIN2(xor, cnnc_vf, cnnc_vf, cnnc_plain_bits(cnnc_plain_int(a.v[i]) ^ cnnc_plain_int(b.v[i])))
CNNC_PLAIN2(andnot, cnnc_vf, cnnc_vf, cnnc_plain_bits(~cnnc_plain_int(a.v[i]) & cnnc_plain_int(b.v[i])))
CNNC_PLAIN2(lt, cnnc_vi, cnnc_vf, a.v[i] < b.v[i])
CNNC_PLAIN2(le, cnnc_vi, cnnc_vf, a.v[i] <= b.v[i])
CNNC_PLAIN2(gt, cnnc_vi, cnnc_vf, a.v[i] > b.v[i])
CNNC_PLAIN2(ge, cnnc_vi, cnnc_vf, a.v[i] >= b.v[i])
CNNC_PLAIN2(eq, cnnc_vi, cnnc_vf, a.v[i] == b.v[i])
CNNC_PLAIN1(toint, cnnc_vi, cnnc_vf, cnnc_plain_toint1(a.v[i]))
CNNC_PLAIN1(tofloat, cnnc_vf, cnnc_vi, (float)a.v[i])
CNNC_PLAIN1(asint, cnnc_vi, cnnc_vf, cnnc_plain_int(a.v[i]))
CNNC_PLAIN1(asfloat, cnnc_vf, cnnc_vi, cnnc_plain_bits(a.v[i]))
CNNC_PLAIN2(iadd, cnnc_vi, cnnc_vi, (int32_t)((uint32_t)a.v[i] + (uint32_t)b.v[i]))
CNNC_PLAIN2(isub, cnnc_vi, cnnc_vi, (int32_t)((uint32_t)a.v[i] - (uint32_t)b.v[i]))
CNNC_PLAIN2(imul, cnnc_vi, cnnc_vi, (int32_t)((uint32_t)a.v[i] * (uint32_t)b.v[i]))
CNNC_PLAIN2(imin, cnnc_vi, cnnc_vi, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
CNNC_PLAIN2(imax, cnnc_vi, cnnc_vi, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
CNNC_PLAIN2(iand, cnnc_vi, cnnc_vi, a.v[i] & b.v[i])
CNNC_PLAIN2(ior, cnnc_vi, cnnc_vi, a.v[i] | b.v[i])
CNNC_INLINE cnnc_vf cnnc_plain_fma(cnnc_vf a, cnnc_vf b, cnnc_vf c) { CNNC_LANES c.v[i] += a.v[i] * b.v[i]; return c; }
CNNC_INLINE cnnc_vf cnnc_plain_fnma(cnnc_vf a, cnnc_vf b, cnnc_vf c) { CNNC_LANES c.v[i] -= a.v[i] * b.v[i]; return c; }
CNNC_INLINE cnnc_vf cnnc_plain_select(cnnc_vm m, cnnc_vf a, cnnc_vf b) { CNNC_LANES a.v[i] = m.v[i] ? a.v[i] : b.v[i]; return a; }
CNNC_INLINE cnnc_vi cnnc_plain_shl(cnnc_vi a, int n) { CNNC_LANES a.v[i] = (int32_t)((uint32_t)a.v[i] << n); return a; }
CNNC_INLINE cnnc_vi cnnc_plain_shr(cnnc_vi a, int n) { CNNC_LANES a.v[i] = (int32_t)((uint32_t)a.v[i] >> n); return a; }
CNNC_INLINE cnnc_vi cnnc_plain_sar(cnnc_vi a, int n) { CNNC_LANES a.v[i] = a.v[i] >> n; return a; }
#endif
#define CNNC_VLOAD(p) cnnc_plain_load(p)
#define CNNC_VSTORE(p, v) cnnc_plain_store(p, v)
#define CNNC_VLOAD_F16(p) cnnc_plain_f16((const uint16_t *)(p))
#define CNNC_VLOAD_BF16(p) cnnc_plain_bf16((const uint16_t *)(p))
#define CNNC_VSET1(x) cnnc_plain_set1(x)
#define CNNC_VZERO() cnnc_plain_set1(0)
#define CNNC_VADD(a, b) cnnc_plain_add(a, b)
#define CNNC_VSUB(a, b) cnnc_plain_sub(a, b)
#define CNNC_VMUL(a, b) cnnc_plain_mul(a, b)
#define CNNC_VDIV(a, b) cnnc_plain_div(a, b)
#define CNNC_VFMA(a, b, c) cnnc_plain_fma(a, b, c)
#define CNNC_VFNMA(a, b, c) cnnc_plain_fnma(a, b, c)
#define CNNC_VMIN(a, b) cnnc_plain_min(a, b)
#define CNNC_VMAX(a, b) cnnc_plain_max(a, b)
#define CNNC_VSQRT(a) cnnc_plain_sqrt(a)
#define CNNC_VROUND(a) cnnc_plain_round(a)
#define CNNC_VAND(a, b) cnnc_plain_and(a, b)
#define CNNC_VOR(a, b) cnnc_plain_or(a, b)
#define CNNC_VXOR(a, b) cnnc_plain_xor(a, b)
#define CNNC_VANDNOT(a, b) cnnc_plain_andnot(a, b)
#define CNNC_VLT(a, b) cnnc_plain_lt(a, b)
#define CNNC_VLE(a, b) cnnc_plain_le(a, b)
#define CNNC_VGT(a, b) cnnc_plain_gt(a, b)
#define CNNC_VGE(a, b) cnnc_plain_ge(a, b)
#define CNNC_VEQ(a, b) cnnc_plain_eq(a, b)
#define CNNC_VSELECT(m, a, b) cnnc_plain_select(m, a, b)
#define CNNC_VTO_INT(a) cnnc_plain_toint(a)
#define CNNC_VTO_FLOAT(a) cnnc_plain_tofloat(a)
#define CNNC_VAS_INT(a) cnnc_plain_asint(a)
#define CNNC_VAS_FLOAT(a) cnnc_plain_asfloat(a)
#define CNNC_VISET1(x) cnnc_plain_iset1(x)
#define CNNC_VILOAD(p) cnnc_plain_iload(p)
#define CNNC_VISTORE(p, v) cnnc_plain_istore(p, v)
#define CNNC_VIADD(a, b) cnnc_plain_iadd(a, b)
#define CNNC_VISUB(a, b) cnnc_plain_isub(a, b)
#define CNNC_VIMUL(a, b) cnnc_plain_imul(a, b)
#define CNNC_VIMIN(a, b) cnnc_plain_imin(a, b)
#define CNNC_VIMAX(a, b) cnnc_plain_imax(a, b)
#define CNNC_VIAND(a, b) cnnc_plain_iand(a, b)
#define CNNC_VIOR(a, b) cnnc_plain_ior(a, b)
#define CNNC_VISHL(a, n) cnnc_plain_shl(a, n)
#define CNNC_VISHR(a, n) cnnc_plain_shr(a, n)
#define CNNC_VISAR(a, n) cnnc_plain_sar(a, n)
#define CNNC_TILE_W 4
#define CNNC_TILE_V (CNNC_B < 4 ? 1 : 2)
#define CNNC_TILE_ACC 8
#endif
