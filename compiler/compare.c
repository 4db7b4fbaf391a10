#include "compare.h"

#include <math.h>
#include <string.h>

#include "../runtime/convert.h"
#include "ir.h"

double tensor_number(const struct tensor_data *t, size_t i)
{
    const void *p = t->data;
    ptrdiff_t k = (ptrdiff_t)i;
    switch ((enum dtype)t->dtype) {
    case DT_F32:
    case DT_C64: return (double)((const float *)p)[i];
    case DT_F64:
    case DT_C128: return ((const double *)p)[i];
    case DT_I8:
    case DT_I4:
    case DT_I2: return ((const int8_t *)p)[i];
    case DT_I16: return ((const int16_t *)p)[i];
    case DT_I32: return ((const int32_t *)p)[i];
    case DT_I64: return (double)((const int64_t *)p)[i];
    case DT_BOOL:
    case DT_U8:
    case DT_U4:
    case DT_U2: return ((const uint8_t *)p)[i];
    case DT_U16: return ((const uint16_t *)p)[i];
    case DT_U32: return ((const uint32_t *)p)[i];
    case DT_U64: return (double)((const uint64_t *)p)[i];
    case DT_F16: return (double)cnnc_load_f16(p, k);
    case DT_BF16: return (double)cnnc_load_bf16(p, k);
    case DT_F8E4M3FN: return (double)cnnc_load_e4m3fn(p, k);
    case DT_F8E4M3FNUZ: return (double)cnnc_load_e4m3fnuz(p, k);
    case DT_F8E5M2: return (double)cnnc_load_e5m2(p, k);
    case DT_F8E5M2FNUZ: return (double)cnnc_load_e5m2fnuz(p, k);
    case DT_F8E8M0: return (double)cnnc_load_e8m0(p, k);
    case DT_F4E2M1: return (double)cnnc_decode(((const uint8_t *)p)[i] & 15u, CNNC_FORMAT_E2M1);
    default: return 0;
    }
}

struct comparison compare(const struct tensor_data *got, const struct tensor_data *expected, double relative, double absolute)
{
    struct comparison c = { .same_type = got->dtype == expected->dtype, .same_shape = got->rank == expected->rank };
    for (int i = 0; i < got->rank && c.same_shape; i++)
        c.same_shape = got->dim[i] == expected->dim[i];
    if (!c.same_type || !c.same_shape)
        return c;
    bool complex = got->dtype == DT_C64 || got->dtype == DT_C128;
    double low = INFINITY, high = -INFINITY, top = -INFINITY, expected_there = 0;
    for (size_t i = 0; i < got->count * (complex ? 2 : 1); i++) {
        double a = tensor_number(got, i), b = tensor_number(expected, i), d = fabs(a - b);
        if (isfinite(b)) {
            low = fmin(low, b);
            high = fmax(high, b);
        }
        if (a > top || i == 0) {
            top = a;
            expected_there = b;
        }
        if (a == b || (isnan(a) && isnan(b)))
            d = 0;
        else if (!isfinite(a) || !isfinite(b))
            d = INFINITY;
        if (d > absolute + relative * fabs(b))
            c.bad++;
        if (d > c.worst || i == 0) {
            c.worst = d;
            c.at = i;
            c.got = a;
            c.expected = b;
        }
    }
    c.range = high > low ? high - low : 0;
    c.close = c.bad == 0;
    c.same_top = expected_there == high;
    return c;
}
