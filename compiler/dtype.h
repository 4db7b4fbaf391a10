#ifndef DTYPE_H
#define DTYPE_H

#include <stdbool.h>
#include <stddef.h>

/* Element types: ONNX's TensorProto.DataType numbers. Types narrower than a byte are held one element per byte. */
enum dtype {
    DT_NONE = 0, DT_F32 = 1, DT_U8 = 2, DT_I8 = 3, DT_U16 = 4, DT_I16 = 5, DT_I32 = 6, DT_I64 = 7, DT_STRING = 8,
    DT_BOOL = 9, DT_F16 = 10, DT_F64 = 11, DT_U32 = 12, DT_U64 = 13, DT_C64 = 14, DT_C128 = 15, DT_BF16 = 16,
    DT_F8E4M3FN = 17, DT_F8E4M3FNUZ = 18, DT_F8E5M2 = 19, DT_F8E5M2FNUZ = 20, DT_U4 = 21, DT_I4 = 22, DT_F4E2M1 = 23,
    DT_F8E8M0 = 24, DT_U2 = 25, DT_I2 = 26, DT_COUNT
};
size_t dtype_size(enum dtype t);         /* bytes per element as held in memory; 0 for strings and DT_NONE */
const char *dtype_name(enum dtype t);    /* "float32" */
const char *dtype_c(enum dtype t);       /* the C type that stores an element: "float", "uint16_t" for float16 */
const char *dtype_suffix(enum dtype t);  /* "f32": in names of generated functions */
bool dtype_is_float(enum dtype t);
bool dtype_is_signed(enum dtype t);

#endif
