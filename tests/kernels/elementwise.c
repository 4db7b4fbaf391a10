/* Every row of elementwise.def for every type of its class compiles; arithmetic, broadcasting, threads, conversions. */
#include "../../runtime/base.h"
#include "../../runtime/elementwise.h"
#include "kernel_test.h"

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define INSTANCE_1(op, tag, res, type, ...) CNNC_ELEMENTWISE_1(op##_##tag##_1, tag, res, type, __VA_ARGS__)
#define INSTANCE_2(op, tag, res, type, ...) CNNC_ELEMENTWISE_2(op##_##tag##_2, tag, tag, res, type, __VA_ARGS__)
#define INSTANCE_3(op, tag, res, type, ...) CNNC_ELEMENTWISE_3(op##_##tag##_3, tag, tag, tag, res, type, __VA_ARGS__)
#define RESULT_SAME(tag) tag
#define RESULT_BOOL(tag) bool
#define ONE(n, op, tag, res, type, ...) INSTANCE_##n(op, tag, res, type, __VA_ARGS__)
#define ROW(n, op, tag, res, type, ...) ONE(n, op, tag, res, type, __VA_ARGS__)
#define CLASS_FLOAT(op, n, r, ...)                                    \
    ROW(n, op, f32, RESULT_##r(f32), float, __VA_ARGS__)              \
    ROW(n, op, f64, RESULT_##r(f64), double, __VA_ARGS__)             \
    ROW(n, op, f16, RESULT_##r(f16), float, __VA_ARGS__)
#define CLASS_WRAP(op, n, r, ...)                                     \
    ROW(n, op, i8, RESULT_##r(i8), uint64_t, __VA_ARGS__)             \
    ROW(n, op, u4, RESULT_##r(u4), uint64_t, __VA_ARGS__)             \
    ROW(n, op, i64, RESULT_##r(i64), uint64_t, __VA_ARGS__)
#define CLASS_SINT(op, n, r, ...) ROW(n, op, i32, RESULT_##r(i32), int64_t, __VA_ARGS__)
#define CLASS_UINT(op, n, r, ...) ROW(n, op, u64, RESULT_##r(u64), uint64_t, __VA_ARGS__)
#define CLASS_BOOL(op, n, r, ...) ROW(n, op, bool, bool, uint64_t, __VA_ARGS__)
#define CNNC_EW(op, n, class, result, ...) CLASS_##class(op, n, result, __VA_ARGS__)
#include "../../runtime/elementwise.def"

CNNC_ELEMENTWISE_3(where_f32, bool, f32, f32, f32, float, a != 0 ? b : c)
#define CASTS(X)                                                                                                        \
    X(f32, f16) X(f64, f16) X(f64, bf16) X(f32, e4m3fn) X(f32, e4m3fnuz) X(f32, e5m2) X(f32, e5m2fnuz) X(f32, e2m1)        \
    X(f32, i4) X(f32, u4) X(f32, i8) X(f64, u64) X(i64, f32) X(u64, f32) X(f32, bool) X(e5m2, f32) X(f32, e4m3fn_inf)      \
    X(f32, e5m2_inf) X(f32, e8m0) X(i4, f32) X(f32, e4m3fnuz_inf)
#define CASTED(A, Y) CNNC_CAST(cast_##A##_##Y, A, Y)
CASTS(CASTED)

static struct cnnc_elementwise shaped(int rank, const long *dim)
{
    struct cnnc_elementwise g = {0};
    ptrdiff_t s = 1;
    g.rank = rank;
    for (int i = rank - 1; i >= 0; i--) {
        g.dim[i] = dim[i];
        g.y[i] = s;
        for (int k = 0; k < 3; k++)
            g.x[k][i] = s;
        s *= dim[i];
    }
    return g;
}

typedef void kernel(const struct cnnc_elementwise *, const void *const[], void *const[], struct cnnc_thread);
static void all(kernel *k, const struct cnnc_elementwise *g, const void *a, const void *b, const void *c, void *y, int threads)
{
    const void *const in[3] = {a, b, c};
    void *const out[1] = {y};
    for (int i = 0; i < threads; i++)
        k(g, in, out, (struct cnnc_thread){i, threads, NULL});
}

/* in-order broadcasting against a direct evaluation */
static void broadcast(int rank, unsigned shape, unsigned masks[3], int threads)
{
    static float a[4000], b[4000], y[4000];
    static unsigned char cond[4000];
    long dim[8], total = 1;
    struct cnnc_elementwise g;
    int good = 1;
    for (int i = 0; i < rank; i++)
        total *= dim[i] = 1 + (long)(shape >> (2 * i) & 3);
    g = shaped(rank, dim);
    for (int k = 0; k < 3; k++)
        for (int i = rank - 1, s = 1; i >= 0; i--) {
            g.x[k][i] = masks[k] >> i & 1 ? 0 : s;
            s *= masks[k] >> i & 1 ? 1 : (int)dim[i];
        }
    for (int i = 0; i < 4000; i++)
        a[i] = (float)i, b[i] = (float)-i, cond[i] = (unsigned char)(i % 3);
    all(where_f32, &g, cond, a, b, y, threads);
    for (long i = 0; i < total; i++) {
        long r = i;
        ptrdiff_t at[3] = {0, 0, 0};
        for (int d = rank - 1; d >= 0; r /= dim[d], d--)
            for (int k = 0; k < 3; k++)
                at[k] += r % dim[d] * g.x[k][d];
        good = good && y[i] == (cond[at[0]] ? a[at[1]] : b[at[2]]);
    }
    check(good, "where rank %d shape %x masks %x %x %x threads %d", rank, shape, masks[0], masks[1], masks[2], threads);
}

static void cast_bytes(kernel *k, const char *name, const void *x, const unsigned char *want, long n, int bytes)
{
    unsigned char y[64] = {0};
    struct cnnc_elementwise g = shaped(1, (long[]){n});
    all(k, &g, x, NULL, NULL, y, 3);
    check(memcmp(y, want, (size_t)bytes) == 0, "cast %s: %d %d %d ..", name, y[0], y[1], y[2]);
}

/* The same for 4-bit types: ONNX packs two elements a byte, low half first; in memory each has a byte of its own. */
static void cast_nibbles(kernel *k, const char *name, const void *x, const unsigned char *packed, long n, int is_signed)
{
    unsigned char want[64];
    for (long i = 0; i < n; i++) {
        const int v = packed[i / 2] >> 4 * (i % 2) & 15;
        want[i] = (unsigned char)(is_signed && v > 7 ? v - 16 : v);
    }
    cast_bytes(k, name, x, want, n, (int)n);
}

static void casts(void)
{
    const float x[15] = {.47892547f, .48033667f, .49968487f, .81910545f, .47031248f, .7229038f, 1e6f, 1e-7f, NAN, INFINITY,
                         INFINITY, -INFINITY, -1e-7f, 1e-7f, -1e6f};
    const float four[15] = {.48f, .25f, 1.05f, -3.5f, -8, 9, 1e6f, 1e-7f, NAN, INFINITY, INFINITY, -INFINITY, -4, .01f, -0.0f};
    const float ints[25] = {-9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const float powers[8] = {0, .124f, .25f, .5f, 1.1f, 2, 4, 8};
    cast_bytes(cast_f32_e4m3fn, "e4m3fn", x, (unsigned char[]){47, 47, 48, 53, 47, 52, 126, 0, 127, 126, 126, 254, 128, 0, 254}, 15, 15);
    cast_bytes(cast_f32_e4m3fnuz, "e4m3fnuz", x, (unsigned char[]){55, 55, 56, 61, 55, 60, 127, 0, 128, 127, 127, 255, 0, 0, 255}, 15, 15);
    cast_bytes(cast_f32_e5m2, "e5m2", x, (unsigned char[]){56, 56, 56, 59, 56, 58, 123, 0, 126, 123, 123, 251, 128, 0, 251}, 15, 15);
    cast_bytes(cast_f32_e5m2fnuz, "e5m2fnuz", x, (unsigned char[]){60, 60, 60, 63, 60, 62, 127, 0, 128, 127, 127, 255, 0, 0, 255}, 15, 15);
    cast_bytes(cast_f32_e5m2_inf, "e5m2_inf", x, (unsigned char[]){56, 56, 56, 59, 56, 58, 124, 0, 126, 124, 124, 252, 128, 0, 252}, 15, 15);
    cast_bytes(cast_f32_e4m3fnuz_inf, "e4m3fnuz_inf", x, (unsigned char[]){55, 55, 56, 61, 55, 60, 128, 0, 128, 128, 128, 128, 0, 0, 128}, 15, 15);
    cast_nibbles(cast_f32_e2m1, "e2m1", four, (unsigned char[]){1, 226, 127, 7, 120, 247, 14, 8}, 15, 0);
    cast_nibbles(cast_f32_i4, "i4", ints, (unsigned char[]){135, 169, 203, 237, 15, 33, 67, 101, 135, 169, 203, 237, 15}, 25, 1);
    cast_nibbles(cast_f32_u4, "u4", ints, (unsigned char[]){135, 169, 203, 237, 15, 33, 67, 101, 135, 169, 203, 237, 15}, 25, 0);
    cast_bytes(cast_f32_e8m0, "e8m0", powers, (unsigned char[]){0, 124, 125, 126, 128, 128, 129, 130}, 8, 8);
}

static float decode(int k, unsigned code, struct cnnc_format f)
{
    const uint16_t h = (uint16_t)code;
    return k == 1 ? cnnc_load_bf16(&h, 0) : cnnc_decode(code, f);
}

/* Every code decodes to a value that encodes to it again; halfway values go to even. */
static void formats(void)
{
    static const struct { const char *name; struct cnnc_format f; unsigned codes; } all_formats[] = {
        {"f16", {10, 15, 0x8000, 0x7bff, 0x7c00, 0x7e00, 0}, 65536}, {"bf16", {7, 127, 0x8000, 0x7f7f, 0x7f80, 0x7fc0, 0}, 65536},
        {"e4m3fn", {3, 7, 0x80, 0x7e, 0x7f, 0x7f, 0}, 256}, {"e4m3fnuz", {3, 8, 0x80, 0x7f, 0x80, 0x80, 1}, 256},
        {"e5m2", {2, 15, 0x80, 0x7b, 0x7c, 0x7e, 0}, 256}, {"e5m2fnuz", {2, 16, 0x80, 0x7f, 0x80, 0x80, 1}, 256}};
    for (int k = 0; k < 6; k++) {
        int round_trip = 1, halves = 1, direct = 1;
        for (unsigned c = 0; c < all_formats[k].codes; c++) {
            const float v = decode(k, c, all_formats[k].f);
            round_trip = round_trip && (v != v || cnnc_encode(v, all_formats[k].f, 0) == c);
            if ((c & (all_formats[k].f.sign - 1)) < all_formats[k].f.max && v == v) {
                const float w = decode(k, c + 1, all_formats[k].f);
                const double mid = ((double)v + w) / 2;
                halves = halves && cnnc_encode(mid, all_formats[k].f, 0) == (c & 1 ? c + 1 : c);
                halves = halves && cnnc_encode(mid + (w - (double)v) * 1e-9, all_formats[k].f, 0) == c + 1;
                halves = halves && cnnc_encode(mid - (w - (double)v) * 1e-9, all_formats[k].f, 0) == c;
            }
            if (k == 0)
                direct = direct && (v != v || cnnc_decode_f16(c) == v);
        }
        check(round_trip, "%s: decode then encode", all_formats[k].name);
        check(halves, "%s: ties to even", all_formats[k].name);
        check(direct, "%s: fast decoding", all_formats[k].name);
    }
}

static void values(void)
{
    const struct cnnc_elementwise g = shaped(1, (long[]){4});
    struct cnnc_elementwise h = g;
    float x[4] = {-2.5f, 0.5f, 1.5f, NAN}, y[4];
    int32_t i[4] = {-7, 7, INT32_MIN, 5}, j[4] = {3, -3, -1, 0}, r[4];
    int8_t p[4] = {100, -100, 127, -128}, q[4] = {100, -100, 1, -1}, s[4];
    all(Round_f32_1, &g, x, NULL, NULL, y, 1);
    check(y[0] == -2 && y[1] == 0 && y[2] == 2 && y[3] != y[3], "round half to even %g %g %g", y[0], y[1], y[2]);
    all(Max_f32_2, &g, x, (float[4]){0, NAN, 0, 1}, NULL, y, 1);
    check(y[0] == 0 && y[1] != y[1] && y[2] == 1.5f && y[3] != y[3], "max keeps NaN");
    all(Clip_f32_3, &g, x, (float[4]){0, 0, 0, 0}, NULL, y, 1);
    check(y[0] == 0 && y[1] == 0.5f && y[2] == 1.5f, "clip without maximum");
    all(Mod_i32_2, &g, i, j, NULL, r, 1);
    check(r[0] == 2 && r[1] == -2 && r[2] == 0 && r[3] == 0, "mod takes the divisor's sign: %d %d", r[0], r[1]);
    h.p[0] = 1;
    all(Mod_i32_2, &h, i, j, NULL, r, 1);
    check(r[0] == -1 && r[1] == 1, "fmod takes the dividend's sign");
    all(Div_i32_2, &g, i, j, NULL, r, 1);
    check(r[0] == -2 && r[1] == -2 && r[2] == INT32_MIN, "integer division");
    all(Add_i8_2, &g, p, q, NULL, s, 2);
    check(s[0] == -56 && s[1] == 56 && s[2] == -128 && s[3] == 127, "int8 wraps");
    all(Sigmoid_f32_1, &g, (float[4]){-100, 100, 0, 1}, NULL, NULL, y, 1);
    check(fabsf(y[0]) < 1e-40f && y[1] == 1 && y[2] == 0.5f && fabsf(y[3] - 0.7310586f) < 1e-6f, "sigmoid at the ends");
    all(Softplus_f32_1, &g, (float[4]){-100, 100, 0, 1000}, NULL, NULL, y, 1);
    check(y[1] == 100 && fabsf(y[2] - 0.6931472f) < 1e-6f && y[3] == 1000, "softplus at the ends");
}

int main(void)
{
    unsigned seed = 1, masks[3];
    for (int n = 0; n < 600; n++) {
        const int rank = n % 7;
        for (int k = 0; k < 3; k++)
            masks[k] = (seed = seed * 1664525 + 1013904223) >> 24;
        broadcast(rank, (seed = seed * 1664525 + 1013904223) >> 16 & 0x3fff, masks, 1 + n % 4);
    }
    casts();
    formats();
    values();
    return summary();
}
