/* SPDX-License-Identifier: 0BSD
 *
 * Element types as a number: kernels that must work on every type read and write through these with a literal dtype, so
 * that the switches vanish. Types narrower than a byte take a byte each here.
 *
 * Floats are computed with as double, integers as 64-bit integers: fine for what moves, counts and compares; what is hot
 * has kernels of its own.
 */
#ifndef CNNC_ELEMENT_H
#define CNNC_ELEMENT_H
#include "base.h"
#include "convert.h"

/* ONNX's TensorProto.DataType numbers. */
enum cnnc_dtype {
    CNNC_F32 = 1, CNNC_U8 = 2, CNNC_I8 = 3, CNNC_U16 = 4, CNNC_I16 = 5, CNNC_I32 = 6, CNNC_I64 = 7, CNNC_BOOL = 9,
    CNNC_F16 = 10, CNNC_F64 = 11, CNNC_U32 = 12, CNNC_U64 = 13, CNNC_BF16 = 16, CNNC_F8E4M3FN = 17,
    CNNC_F8E4M3FNUZ = 18, CNNC_F8E5M2 = 19, CNNC_F8E5M2FNUZ = 20, CNNC_U4 = 21, CNNC_I4 = 22, CNNC_F4E2M1 = 23,
    CNNC_F8E8M0 = 24, CNNC_U2 = 25, CNNC_I2 = 26
};

CNNC_INLINE int cnnc_dtype_is_float(int dtype)
{
    return dtype == CNNC_F32 || dtype == CNNC_F16 || dtype == CNNC_F64 || dtype == CNNC_BF16 ||
           (dtype >= CNNC_F8E4M3FN && dtype <= CNNC_F8E5M2FNUZ) || dtype == CNNC_F4E2M1 || dtype == CNNC_F8E8M0;
}

CNNC_INLINE int64_t cnnc_get_int(int dtype, const void *p, ptrdiff_t i)
{
    switch (dtype) {
    case CNNC_U8: case CNNC_U4: case CNNC_U2: return ((const uint8_t *)p)[i];
    case CNNC_BOOL: return ((const uint8_t *)p)[i] != 0;
    case CNNC_I8: case CNNC_I4: case CNNC_I2: return ((const int8_t *)p)[i];
    case CNNC_U16: return ((const uint16_t *)p)[i];
    case CNNC_I16: return ((const int16_t *)p)[i];
    case CNNC_I32: return ((const int32_t *)p)[i];
    case CNNC_U32: return ((const uint32_t *)p)[i];
    default: return ((const int64_t *)p)[i];
    }
}

/* The low bits of v. */
CNNC_INLINE void cnnc_put_int(int dtype, void *p, ptrdiff_t i, int64_t v)
{
    switch (dtype) {
    case CNNC_U8: case CNNC_I8: ((uint8_t *)p)[i] = (uint8_t)v; break;
    case CNNC_BOOL: ((uint8_t *)p)[i] = v != 0; break;
    case CNNC_U4: ((uint8_t *)p)[i] = v & 15; break;
    case CNNC_I4: ((int8_t *)p)[i] = (int8_t)(((v & 15) ^ 8) - 8); break;
    case CNNC_U2: ((uint8_t *)p)[i] = v & 3; break;
    case CNNC_I2: ((int8_t *)p)[i] = (int8_t)(((v & 3) ^ 2) - 2); break;
    case CNNC_U16: case CNNC_I16: ((uint16_t *)p)[i] = (uint16_t)v; break;
    case CNNC_U32: case CNNC_I32: ((uint32_t *)p)[i] = (uint32_t)v; break;
    default: ((uint64_t *)p)[i] = (uint64_t)v; break;
    }
}

CNNC_INLINE double cnnc_get(int dtype, const void *p, ptrdiff_t i)
{
    switch (dtype) {
    case CNNC_F32: return (double)((const float *)p)[i];
    case CNNC_F64: return ((const double *)p)[i];
    case CNNC_F16: return (double)cnnc_decode_f16(((const uint16_t *)p)[i]);
    case CNNC_BF16: return (double)cnnc_float_of_bits((uint32_t)((const uint16_t *)p)[i] << 16);
    case CNNC_F8E4M3FN: return (double)cnnc_decode(((const uint8_t *)p)[i], CNNC_FORMAT_E4M3FN);
    case CNNC_F8E4M3FNUZ: return (double)cnnc_decode(((const uint8_t *)p)[i], CNNC_FORMAT_E4M3FNUZ);
    case CNNC_F8E5M2: return (double)cnnc_decode(((const uint8_t *)p)[i], CNNC_FORMAT_E5M2);
    case CNNC_F8E5M2FNUZ: return (double)cnnc_decode(((const uint8_t *)p)[i], CNNC_FORMAT_E5M2FNUZ);
    case CNNC_F4E2M1: return (double)cnnc_decode(((const uint8_t *)p)[i], CNNC_FORMAT_E2M1);
    case CNNC_F8E8M0: return (double)cnnc_decode_e8m0(((const uint8_t *)p)[i]);
    case CNNC_U64: return (double)((const uint64_t *)p)[i];
    default: return (double)cnnc_get_int(dtype, p, i);
    }
}

/* Floats are rounded to nearest even once, float8 saturates; integers are cut toward zero and keep their low bits. */
CNNC_INLINE void cnnc_put(int dtype, void *p, ptrdiff_t i, double v)
{
    switch (dtype) {
    case CNNC_F32: ((float *)p)[i] = (float)v; break;
    case CNNC_F64: ((double *)p)[i] = v; break;
    case CNNC_F16: ((uint16_t *)p)[i] = (uint16_t)cnnc_encode(v, CNNC_FORMAT_F16, 0); break;
    case CNNC_BF16: ((uint16_t *)p)[i] = (uint16_t)cnnc_encode(v, CNNC_FORMAT_BF16, 0); break;
    case CNNC_F8E4M3FN: ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E4M3FN, 1); break;
    case CNNC_F8E4M3FNUZ: ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E4M3FNUZ, 1); break;
    case CNNC_F8E5M2: ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E5M2, 1); break;
    case CNNC_F8E5M2FNUZ: ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E5M2FNUZ, 1); break;
    case CNNC_F4E2M1: ((uint8_t *)p)[i] = (uint8_t)cnnc_encode(v, CNNC_FORMAT_E2M1, 1); break;
    case CNNC_F8E8M0: ((uint8_t *)p)[i] = (uint8_t)cnnc_encode_e8m0(v, 0); break;
    case CNNC_U64: ((uint64_t *)p)[i] = cnnc_f64_to_u64(v); break;
    default: cnnc_put_int(dtype, p, i, cnnc_f64_to_i64(v)); break;
    }
}

/* Bytes of an element. */
CNNC_INLINE size_t cnnc_dtype_bytes(int dtype)
{
    switch (dtype) {
    case CNNC_U8: case CNNC_I8: case CNNC_BOOL: return 1;
    case CNNC_U16: case CNNC_I16: case CNNC_F16: case CNNC_BF16: return 2;
    case CNNC_I64: case CNNC_U64: case CNNC_F64: return 8;
    case CNNC_F32: case CNNC_I32: case CNNC_U32: return 4;
    default: return 1;
    }
}

/* One element from one place to another; bytes is 1, 2, 4 or 8. */
CNNC_INLINE void cnnc_copy_element(int bytes, void *to, ptrdiff_t i, const void *from, ptrdiff_t j)
{
    switch (bytes) {
    case 1: ((uint8_t *)to)[i] = ((const uint8_t *)from)[j]; break;
    case 2: ((uint16_t *)to)[i] = ((const uint16_t *)from)[j]; break;
    case 4: ((uint32_t *)to)[i] = ((const uint32_t *)from)[j]; break;
    default: ((uint64_t *)to)[i] = ((const uint64_t *)from)[j]; break;
    }
}

#endif
