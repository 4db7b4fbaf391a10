/* Element types: a row for each. */
#include "dtype.h"

static const struct {
    const char *name, *c, *suffix;
    unsigned char size, is_float, is_signed;
} types[DT_COUNT] = {
    [DT_NONE] = {"undefined", "void", "none", 0, 0, 0},
    [DT_F32] = {"float32", "float", "f32", 4, 1, 1},
    [DT_U8] = {"uint8", "uint8_t", "u8", 1, 0, 0},
    [DT_I8] = {"int8", "int8_t", "i8", 1, 0, 1},
    [DT_U16] = {"uint16", "uint16_t", "u16", 2, 0, 0},
    [DT_I16] = {"int16", "int16_t", "i16", 2, 0, 1},
    [DT_I32] = {"int32", "int32_t", "i32", 4, 0, 1},
    [DT_I64] = {"int64", "int64_t", "i64", 8, 0, 1},
    [DT_STRING] = {"string", "void", "string", 0, 0, 0},
    [DT_BOOL] = {"bool", "uint8_t", "bool", 1, 0, 0},
    [DT_F16] = {"float16", "uint16_t", "f16", 2, 1, 1},
    [DT_F64] = {"float64", "double", "f64", 8, 1, 1},
    [DT_U32] = {"uint32", "uint32_t", "u32", 4, 0, 0},
    [DT_U64] = {"uint64", "uint64_t", "u64", 8, 0, 0},
    [DT_C64] = {"complex64", "void", "c64", 8, 0, 1},
    [DT_C128] = {"complex128", "void", "c128", 16, 0, 1},
    [DT_BF16] = {"bfloat16", "uint16_t", "bf16", 2, 1, 1},
    [DT_F8E4M3FN] = {"float8e4m3fn", "uint8_t", "f8e4m3fn", 1, 1, 1},
    [DT_F8E4M3FNUZ] = {"float8e4m3fnuz", "uint8_t", "f8e4m3fnuz", 1, 1, 1},
    [DT_F8E5M2] = {"float8e5m2", "uint8_t", "f8e5m2", 1, 1, 1},
    [DT_F8E5M2FNUZ] = {"float8e5m2fnuz", "uint8_t", "f8e5m2fnuz", 1, 1, 1},
    [DT_U4] = {"uint4", "uint8_t", "u4", 1, 0, 0},
    [DT_I4] = {"int4", "int8_t", "i4", 1, 0, 1},
    [DT_F4E2M1] = {"float4e2m1", "uint8_t", "f4e2m1", 1, 1, 1},
    [DT_F8E8M0] = {"float8e8m0", "uint8_t", "f8e8m0", 1, 1, 0},
    [DT_U2] = {"uint2", "uint8_t", "u2", 1, 0, 0},
    [DT_I2] = {"int2", "int8_t", "i2", 1, 0, 1},
};

static enum dtype known(enum dtype t) { return (unsigned)t < DT_COUNT ? t : DT_NONE; }
size_t dtype_size(enum dtype t) { return types[known(t)].size; }
const char *dtype_name(enum dtype t) { return types[known(t)].name; }
const char *dtype_c(enum dtype t) { return types[known(t)].c; }
const char *dtype_suffix(enum dtype t) { return types[known(t)].suffix; }
bool dtype_is_float(enum dtype t) { return types[known(t)].is_float; }
bool dtype_is_signed(enum dtype t) { return types[known(t)].is_signed; }
