/* SPDX-License-Identifier: 0BSD
 *
 * Elementwise operators over any types, as a template: an operator is an expression in a, b, c (the inputs), p0..p3
 * (the attributes) and has_b, has_c (whether those inputs are there).
 *
 *     CNNC_ELEMENTWISE_2(add_f16, f16, f16, f16, float, a + b)
 *
 * defines the kernel add_f16: type tags (convert.h) of the inputs and the result, the type to compute in, the expression.
 * elementwise.def has the expressions of ONNX's operators.
 */
#include "base.h"
#include "convert.h"
#include "elementwise_types.h"
#include "scalar_math.h"

/* One row of n elements: operand i starts at element at[i] and advances by step[i]; 0 is the result. */
typedef void (*CNNC_FN(cnnc_elementwise_row))(const struct cnnc_elementwise *g, const void *const in[], void *out, long n,
                                              const ptrdiff_t at[4], const ptrdiff_t step[4]);

/* What an absent operand points at. */
static const double CNNC_FN(cnnc_elementwise_absent)[1] CNNC_UNUSED = {0};

/* Neighbouring dimensions that every operand walks as one become one, so that rows are long. */
CNNC_NOINLINE int CNNC_FN(cnnc_elementwise_collapse)(const struct cnnc_elementwise *g, const void *const in[], long dim[],
                                                     ptrdiff_t stride[][4])
{
    int rank = 0;
    for (int i = 0; i < g->rank; i++) {
        ptrdiff_t s[4] = {g->y[i]};
        int joins = rank > 0;
        if (g->dim[i] == 1)
            continue;
        for (int k = 0; k < 3; k++)
            s[k + 1] = in[k] == (const void *)CNNC_FN(cnnc_elementwise_absent) ? 0 : g->x[k][i];
        for (int k = 0; k < 4; k++)
            joins = joins && stride[rank - 1][k] == s[k] * g->dim[i];
        if (!joins)
            dim[rank++] = 1;
        dim[rank - 1] *= g->dim[i];
        memcpy(stride[rank - 1], s, sizeof s);
    }
    if (rank == 0) {
        dim[0] = 1;
        memset(stride[0], 0, sizeof stride[0]);
        rank = 1;
    }
    return rank;
}

CNNC_NOINLINE void CNNC_FN(cnnc_elementwise_walk)(const struct cnnc_elementwise *g, const void *const in[], void *out, int bits,
                                                  CNNC_FN(cnnc_elementwise_row) row, struct cnnc_thread t)
{
    long dim[CNNC_MAX_RANK], at[CNNC_MAX_RANK], total = 1, i, last;
    ptrdiff_t stride[CNNC_MAX_RANK][4];
    const int rank = CNNC_FN(cnnc_elementwise_collapse)(g, in, dim, stride);
    for (int d = 0; d < rank; d++)
        total *= dim[d];
    if (bits < 8) { /* two elements share a byte */
        if (t.index)
            return;
        t.count = 1;
    }
    cnnc_split(total, t, &i, &last);
    if (i >= last)
        return;
    for (long d = rank - 1, r = i; d >= 0; r /= dim[d], d--)
        at[d] = r % dim[d];
    while (i < last) {
        const long n = cnnc_min(dim[rank - 1] - at[rank - 1], last - i);
        ptrdiff_t start[4] = {0, 0, 0, 0};
        for (int d = 0; d < rank; d++)
            for (int k = 0; k < 4; k++)
                start[k] += at[d] * stride[d][k];
        row(g, in, out, n, start, stride[rank - 1]);
        i += n;
        at[rank - 1] = 0;
        for (int d = rank - 2; d >= 0; d--) {
            if (++at[d] < dim[d])
                break;
            at[d] = 0;
        }
    }
}

/* clang-format off */
#define CNNC_ELEMENTWISE_LOOP(A, B, C, Y, type, sa, sb, sc, sy, ...)                                                      \
    for (long i = 0; i < n; i++) {                                                                                        \
        const type a CNNC_UNUSED = (type)cnnc_load_##A(in[0], at[1] + i * (sa));                                          \
        const type b CNNC_UNUSED = (type)cnnc_load_##B(in[1], at[2] + i * (sb));                                          \
        const type c CNNC_UNUSED = (type)cnnc_load_##C(in[2], at[3] + i * (sc));                                          \
        cnnc_store_##Y(out, at[0] + i * (sy), __VA_ARGS__);                                                               \
    }

/* The row, with the common strides as cases of their own, so that the compiler can use vectors. */
#define CNNC_ELEMENTWISE_ROW(name, A, B, C, Y, type, ...)                                                                 \
    static void name##_row(const struct cnnc_elementwise *g, const void *const in[], void *out, long n,                   \
                           const ptrdiff_t at[4], const ptrdiff_t step[4])                                                \
    {                                                                                                                     \
        const type p0 CNNC_UNUSED = (type)g->p[0], p1 CNNC_UNUSED = (type)g->p[1];                                        \
        const type p2 CNNC_UNUSED = (type)g->p[2], p3 CNNC_UNUSED = (type)g->p[3];                                        \
        const int has_b CNNC_UNUSED = in[1] != (const void *)CNNC_FN(cnnc_elementwise_absent);                                      \
        const int has_c CNNC_UNUSED = in[2] != (const void *)CNNC_FN(cnnc_elementwise_absent);                                      \
        if (step[0] == 1 && step[1] == 1 && step[2] == 1 && step[3] == 0)                                                 \
            CNNC_ELEMENTWISE_LOOP(A, B, C, Y, type, 1, 1, 0, 1, __VA_ARGS__)                                              \
        else if (step[0] == 1 && step[1] == 1 && step[2] == 0 && step[3] == 0)                                            \
            CNNC_ELEMENTWISE_LOOP(A, B, C, Y, type, 1, 0, 0, 1, __VA_ARGS__)                                              \
        else                                                                                                              \
            CNNC_ELEMENTWISE_LOOP(A, B, C, Y, type, step[1], step[2], step[3], step[0], __VA_ARGS__)                      \
    }                                                                                                                     \
    CNNC_UNUSED static void name(const struct cnnc_elementwise *g, const void *const in[], void *const out[],             \
                                 struct cnnc_thread t)                                                                    \
    {
#define CNNC_ELEMENTWISE_END(name, Y, n)                                                                                  \
        const void *const operand[3] = {in[0], (n) > 1 && in[(n) > 1] ? in[(n) > 1] : CNNC_FN(cnnc_elementwise_absent),   \
                                        (n) > 2 && in[(n) > 2 ? 2 : 0] ? in[(n) > 2 ? 2 : 0] : CNNC_FN(cnnc_elementwise_absent)}; \
        CNNC_FN(cnnc_elementwise_walk)(g, operand, out[0], CNNC_BITS_##Y, name##_row, t);                                 \
    }

#define CNNC_ELEMENTWISE_1(name, A, Y, type, ...)                                                                         \
    CNNC_ELEMENTWISE_ROW(name, A, u8, u8, Y, type, __VA_ARGS__) CNNC_ELEMENTWISE_END(name, Y, 1)
#define CNNC_ELEMENTWISE_2(name, A, B, Y, type, ...)                                                                      \
    CNNC_ELEMENTWISE_ROW(name, A, B, u8, Y, type, __VA_ARGS__) CNNC_ELEMENTWISE_END(name, Y, 2)
#define CNNC_ELEMENTWISE_3(name, A, B, C, Y, type, ...)                                                                   \
    CNNC_ELEMENTWISE_ROW(name, A, B, C, Y, type, __VA_ARGS__) CNNC_ELEMENTWISE_END(name, Y, 3)

/* ONNX's Cast from type A to type Y. */
#define CNNC_CAST(name, A, Y) CNNC_ELEMENTWISE_1(name, A, Y, CNNC_C_##A, CNNC_CONVERT_##Y(a))
#define CNNC_CONVERT_f32(a) (float)(a)
#define CNNC_CONVERT_f64(a) (double)(a)
#define CNNC_CONVERT_f16(a) (double)(a)
#define CNNC_CONVERT_bf16(a) (double)(a)
#define CNNC_CONVERT_e4m3fn(a) (double)(a)
#define CNNC_CONVERT_e4m3fnuz(a) (double)(a)
#define CNNC_CONVERT_e5m2(a) (double)(a)
#define CNNC_CONVERT_e5m2fnuz(a) (double)(a)
#define CNNC_CONVERT_e4m3fn_inf(a) (double)(a)
#define CNNC_CONVERT_e4m3fnuz_inf(a) (double)(a)
#define CNNC_CONVERT_e5m2_inf(a) (double)(a)
#define CNNC_CONVERT_e5m2fnuz_inf(a) (double)(a)
#define CNNC_CONVERT_e2m1(a) (double)(a)
#define CNNC_CONVERT_e8m0(a) (double)(a)
#define CNNC_CONVERT_e8m0_down(a) (double)(a)
#define CNNC_CONVERT_e8m0_nearest(a) (double)(a)
#define CNNC_CONVERT_i4(a) CNNC_TO_INT(a)
#define CNNC_CONVERT_i8(a) CNNC_TO_INT(a)
#define CNNC_CONVERT_i16(a) CNNC_TO_INT(a)
#define CNNC_CONVERT_i32(a) CNNC_TO_INT(a)
#define CNNC_CONVERT_i64(a) CNNC_TO_INT(a)
#define CNNC_CONVERT_u4(a) CNNC_TO_UINT(a)
#define CNNC_CONVERT_u8(a) CNNC_TO_UINT(a)
#define CNNC_CONVERT_u16(a) CNNC_TO_UINT(a)
#define CNNC_CONVERT_u32(a) CNNC_TO_UINT(a)
#define CNNC_CONVERT_u64(a) CNNC_TO_UINT(a)
#define CNNC_CONVERT_bool(a) ((a) != 0)
/* clang-format on */
