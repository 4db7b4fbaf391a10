/* SPDX-License-Identifier: 0BSD
 *
 * Element types: how a value of each is loaded and stored. float16, bfloat16, float8 and the 4-bit types are storage
 * only; they are computed with as float or 64-bit integers.
 *
 *     tag                          load gives   store takes
 *     f32, f16, bf16,              float        double (rounded to nearest even, once)
 *       e4m3fn, e4m3fnuz, e5m2, e5m2fnuz, e2m1, e8m0
 *     f64                          double       double
 *     i4 i8 i16 i32 i64            int64_t      int64_t (low bits)
 *     u4 u8 u16 u32 u64            uint64_t     uint64_t (low bits)
 *     bool                         uint64_t     uint64_t (0 or 1)
 *
 * Float8 stores saturate; the tags e4m3fn_inf .. e5m2fnuz_inf store what is too large as infinity or NaN instead
 * (ONNX Cast with saturate = 0). e8m0 rounds up, e8m0_down and e8m0_nearest say what they do. 4-bit elements take
 * a byte each.
 */
#ifndef CNNC_CONVERT_H
#define CNNC_CONVERT_H
#include "base.h"

/* A small float format: bits of exponent and mantissa, exponent bias, the code of the largest finite value, the codes
 * that infinity (and overflow, where it does not saturate) and NaN become. */
struct cnnc_format {
    int mantissa, bias;
    unsigned sign, max, inf, nan;
    int unsigned_zero; /* the code of -0 means NaN */
};
#define CNNC_FORMAT_F16 ((struct cnnc_format){10, 15, 0x8000, 0x7bff, 0x7c00, 0x7e00, 0})
#define CNNC_FORMAT_BF16 ((struct cnnc_format){7, 127, 0x8000, 0x7f7f, 0x7f80, 0x7fc0, 0})
#define CNNC_FORMAT_E4M3FN ((struct cnnc_format){3, 7, 0x80, 0x7e, 0x7f, 0x7f, 0})
#define CNNC_FORMAT_E4M3FNUZ ((struct cnnc_format){3, 8, 0x80, 0x7f, 0x80, 0x80, 1})
#define CNNC_FORMAT_E5M2 ((struct cnnc_format){2, 15, 0x80, 0x7b, 0x7c, 0x7e, 0})
#define CNNC_FORMAT_E5M2FNUZ ((struct cnnc_format){2, 16, 0x80, 0x7f, 0x80, 0x80, 1})
#define CNNC_FORMAT_E2M1 ((struct cnnc_format){1, 1, 0x8, 0x7, 0x7, 0x8, 0})

CNNC_INLINE uint64_t cnnc_bits_f64(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}
CNNC_INLINE float cnnc_float_of_bits(uint32_t u)
{
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

/* v rounded to nearest, ties to even, straight from double: going through float would round twice. */
CNNC_INLINE unsigned cnnc_encode(double v, struct cnnc_format f, int saturate)
{
    const uint64_t bits = cnnc_bits_f64(v), magnitude = bits & ~((uint64_t)1 << 63);
    const unsigned sign = bits >> 63 ? f.sign : 0;
    unsigned code;
    if (magnitude > (uint64_t)0x7ff << 52)
        return f.nan;
    if (magnitude >> 52 == 0x7ff) {
        code = f.max + 1;
    } else {
        const int e = (int)(magnitude >> 52) - 1023, least = 1 - f.bias, at = e < least ? least : e;
        const uint64_t m = (magnitude & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
        const int drop = 52 - f.mantissa + (at - e);
        code = 0; /* a double that is itself subnormal is zero in every format here */
        if (e > -1023 && drop <= 53)
            code = (unsigned)((m + (((uint64_t)1 << (drop - 1)) - 1) + (m >> drop & 1)) >> drop);
        code += (unsigned)(at - least) << f.mantissa;
    }
    if (code > f.max)
        code = saturate ? f.max : f.inf;
    if (f.unsigned_zero && (code == 0 || code == f.nan))
        return code;
    return code | sign;
}

/* Not for bfloat16, whose smallest exponents are float's own. */
CNNC_INLINE float cnnc_decode(unsigned code, struct cnnc_format f)
{
    const unsigned magnitude = code & (f.sign - 1), e = magnitude >> f.mantissa;
    unsigned m = magnitude & ((1u << f.mantissa) - 1);
    float v;
    if (f.unsigned_zero && code == f.nan)
        return (float)NAN;
    if (magnitude > f.max)
        return f.inf != f.nan && magnitude == f.inf ? (code & f.sign ? -INFINITY : INFINITY) : (float)NAN;
    if (e)
        m |= 1u << f.mantissa;
    v = (float)m * cnnc_float_of_bits((uint32_t)((int)(e ? e : 1) - f.bias - f.mantissa + 127) << 23);
    return code & f.sign ? -v : v;
}

CNNC_INLINE float cnnc_decode_f16(unsigned h)
{
    if ((h & 0x7c00) == 0x7c00)
        return cnnc_float_of_bits((uint32_t)(h & 0x8000) << 16 | 0x7f800000 | (uint32_t)(h & 0x3ff) << 13);
    return cnnc_float_of_bits((uint32_t)(h & 0x8000) << 16 | (uint32_t)(h & 0x7fff) << 13) * 0x1p112f;
}

/* Powers of two; 0: up, 1: down, 2: to nearest. */
CNNC_INLINE unsigned cnnc_encode_e8m0(double v, int rounding)
{
    const uint64_t bits = cnnc_bits_f64(v) & ~((uint64_t)1 << 63), m = bits & (((uint64_t)1 << 52) - 1);
    const uint64_t half = (uint64_t)1 << 51;
    int e = (int)(bits >> 52) - 1023 + 127;
    if (bits > (uint64_t)0x7ff << 52)
        return 255;
    if (rounding == 0 ? m != 0 : rounding == 2 ? m > half || (m == half && (e & 1)) : 0)
        e++;
    return e < 0 ? 0 : e > 254 ? 254 : (unsigned)e;
}
CNNC_INLINE float cnnc_decode_e8m0(unsigned code)
{
    return code == 255 ? (float)NAN : code ? cnnc_float_of_bits(code << 23) : 0x1p-127f;
}

/* clang-format off */
#define CNNC_TYPE(tag, storage, computed, stored)                                                                       \
    CNNC_INLINE computed cnnc_load_##tag(const void *p, ptrdiff_t i) { return (computed)((const storage *)p)[i]; }        \
    CNNC_INLINE void cnnc_store_##tag(void *p, ptrdiff_t i, stored v) { ((storage *)p)[i] = (storage)v; }
CNNC_TYPE(f32, float, float, double)
CNNC_TYPE(f64, double, double, double)
CNNC_TYPE(i8, int8_t, int64_t, int64_t)
CNNC_TYPE(i16, int16_t, int64_t, int64_t)
CNNC_TYPE(i32, int32_t, int64_t, int64_t)
CNNC_TYPE(i64, int64_t, int64_t, int64_t)
CNNC_TYPE(u8, uint8_t, uint64_t, uint64_t)
CNNC_TYPE(u16, uint16_t, uint64_t, uint64_t)
CNNC_TYPE(u32, uint32_t, uint64_t, uint64_t)
CNNC_TYPE(u64, uint64_t, uint64_t, uint64_t)
#undef CNNC_TYPE
#define CNNC_SMALL(tag, storage, decode, encode)                                                                        \
    CNNC_INLINE float cnnc_load_##tag(const void *p, ptrdiff_t i) { const unsigned code = ((const storage *)p)[i]; return decode; } \
    CNNC_INLINE void cnnc_store_##tag(void *p, ptrdiff_t i, double v) { ((storage *)p)[i] = (storage)(encode); }
CNNC_SMALL(f16, uint16_t, cnnc_decode_f16(code), cnnc_encode(v, CNNC_FORMAT_F16, 0))
CNNC_SMALL(bf16, uint16_t, cnnc_float_of_bits((uint32_t)code << 16), cnnc_encode(v, CNNC_FORMAT_BF16, 0))
CNNC_SMALL(e4m3fn, uint8_t, cnnc_decode(code, CNNC_FORMAT_E4M3FN), cnnc_encode(v, CNNC_FORMAT_E4M3FN, 1))
CNNC_SMALL(e4m3fnuz, uint8_t, cnnc_decode(code, CNNC_FORMAT_E4M3FNUZ), cnnc_encode(v, CNNC_FORMAT_E4M3FNUZ, 1))
CNNC_SMALL(e5m2, uint8_t, cnnc_decode(code, CNNC_FORMAT_E5M2), cnnc_encode(v, CNNC_FORMAT_E5M2, 1))
CNNC_SMALL(e5m2fnuz, uint8_t, cnnc_decode(code, CNNC_FORMAT_E5M2FNUZ), cnnc_encode(v, CNNC_FORMAT_E5M2FNUZ, 1))
CNNC_SMALL(e4m3fn_inf, uint8_t, cnnc_decode(code, CNNC_FORMAT_E4M3FN), cnnc_encode(v, CNNC_FORMAT_E4M3FN, 0))
CNNC_SMALL(e4m3fnuz_inf, uint8_t, cnnc_decode(code, CNNC_FORMAT_E4M3FNUZ), cnnc_encode(v, CNNC_FORMAT_E4M3FNUZ, 0))
CNNC_SMALL(e5m2_inf, uint8_t, cnnc_decode(code, CNNC_FORMAT_E5M2), cnnc_encode(v, CNNC_FORMAT_E5M2, 0))
CNNC_SMALL(e5m2fnuz_inf, uint8_t, cnnc_decode(code, CNNC_FORMAT_E5M2FNUZ), cnnc_encode(v, CNNC_FORMAT_E5M2FNUZ, 0))
CNNC_SMALL(e8m0, uint8_t, cnnc_decode_e8m0(code), cnnc_encode_e8m0(v, 0))
CNNC_SMALL(e8m0_down, uint8_t, cnnc_decode_e8m0(code), cnnc_encode_e8m0(v, 1))
CNNC_SMALL(e8m0_nearest, uint8_t, cnnc_decode_e8m0(code), cnnc_encode_e8m0(v, 2))
#undef CNNC_SMALL
CNNC_INLINE uint64_t cnnc_load_bool(const void *p, ptrdiff_t i) { return ((const uint8_t *)p)[i] != 0; }
CNNC_INLINE void cnnc_store_bool(void *p, ptrdiff_t i, uint64_t v) { ((uint8_t *)p)[i] = v != 0; }
CNNC_INLINE int64_t cnnc_load_i4(const void *p, ptrdiff_t i) { return (int64_t)((((const uint8_t *)p)[i] & 15) ^ 8) - 8; }
CNNC_INLINE void cnnc_store_i4(void *p, ptrdiff_t i, int64_t v) { ((int8_t *)p)[i] = (int8_t)(((v & 15) ^ 8) - 8); }
CNNC_INLINE uint64_t cnnc_load_u4(const void *p, ptrdiff_t i) { return ((const uint8_t *)p)[i] & 15; }
CNNC_INLINE void cnnc_store_u4(void *p, ptrdiff_t i, uint64_t v) { ((uint8_t *)p)[i] = v & 15; }
CNNC_INLINE float cnnc_load_e2m1(const void *p, ptrdiff_t i) { return cnnc_decode(((const uint8_t *)p)[i] & 15, CNNC_FORMAT_E2M1); }
CNNC_INLINE void cnnc_store_e2m1(void *p, ptrdiff_t i, double v) { ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E2M1, 1); }

/* The type that a load gives, and the size in bits. */
#define CNNC_C_f32 float
#define CNNC_C_f64 double
#define CNNC_C_f16 float
#define CNNC_C_bf16 float
#define CNNC_C_e4m3fn float
#define CNNC_C_e4m3fnuz float
#define CNNC_C_e5m2 float
#define CNNC_C_e5m2fnuz float
#define CNNC_C_e2m1 float
#define CNNC_C_e8m0 float
#define CNNC_C_i4 int64_t
#define CNNC_C_i8 int64_t
#define CNNC_C_i16 int64_t
#define CNNC_C_i32 int64_t
#define CNNC_C_i64 int64_t
#define CNNC_C_u4 uint64_t
#define CNNC_C_u8 uint64_t
#define CNNC_C_u16 uint64_t
#define CNNC_C_u32 uint64_t
#define CNNC_C_u64 uint64_t
#define CNNC_C_bool uint64_t
#define CNNC_BITS_f32 32
#define CNNC_BITS_f64 64
#define CNNC_BITS_f16 16
#define CNNC_BITS_bf16 16
#define CNNC_BITS_e4m3fn 8
#define CNNC_BITS_e4m3fnuz 8
#define CNNC_BITS_e5m2 8
#define CNNC_BITS_e5m2fnuz 8
#define CNNC_BITS_e4m3fn_inf 8
#define CNNC_BITS_e4m3fnuz_inf 8
#define CNNC_BITS_e5m2_inf 8
#define CNNC_BITS_e5m2fnuz_inf 8
#define CNNC_BITS_e2m1 8
#define CNNC_BITS_e8m0 8
#define CNNC_BITS_e8m0_down 8
#define CNNC_BITS_e8m0_nearest 8
#define CNNC_BITS_i4 8
#define CNNC_BITS_i8 8
#define CNNC_BITS_i16 16
#define CNNC_BITS_i32 32
#define CNNC_BITS_i64 64
#define CNNC_BITS_u4 8
#define CNNC_BITS_u8 8
#define CNNC_BITS_u16 16
#define CNNC_BITS_u32 32
#define CNNC_BITS_u64 64
#define CNNC_BITS_bool 8
/* clang-format on */

/* Float to integer: toward zero. C leaves what does not fit undefined; here it is the nearest 64-bit integer, whose
 * low bits the store keeps, and NaN is 0. */
CNNC_INLINE int64_t cnnc_f64_to_i64(double v)
{
    return v >= 0x1p63 ? INT64_MAX : v >= -0x1p63 ? (int64_t)v : v < 0 ? INT64_MIN : 0;
}
CNNC_INLINE uint64_t cnnc_f64_to_u64(double v)
{
    return v >= 0x1p64 ? UINT64_MAX : v >= 0x1p63 ? (uint64_t)v : (uint64_t)cnnc_f64_to_i64(v);
}
CNNC_INLINE int64_t cnnc_same_i64(int64_t v) { return v; }
CNNC_INLINE int64_t cnnc_u64_to_i64(uint64_t v) { return (int64_t)v; }
CNNC_INLINE uint64_t cnnc_i64_to_u64(int64_t v) { return (uint64_t)v; }
CNNC_INLINE uint64_t cnnc_same_u64(uint64_t v) { return v; }
#define CNNC_TO_INT(v) _Generic((v), float: cnnc_f64_to_i64, double: cnnc_f64_to_i64, int64_t: cnnc_same_i64, default: cnnc_u64_to_i64)(v)
#define CNNC_TO_UINT(v) _Generic((v), float: cnnc_f64_to_u64, double: cnnc_f64_to_u64, int64_t: cnnc_i64_to_u64, default: cnnc_same_u64)(v)

#endif
