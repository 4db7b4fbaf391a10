/* Winograd convolution against the reference in double.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/winograd.c -lm */
#include "conv_winograd.h"
#include "conv_test.h"

#define ANY(name, M, R, W, OCB, EP)                                                                                  \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)    \
    {                                                                                                                \
        struct cnnc_conv k = *g;                                                                                     \
        k.winograd = M, k.kh = R, k.tile_w = W, k.tile_ocb = OCB;                                                    \
        k.ep = (struct cnnc_epilogue)EP;                                                                             \
        CNNC_FN(cnnc_conv_winograd)(&k, in, out, t);                                                                 \
    }
#define RAW(name, W, EP)                                                                                             \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)    \
    {                                                                                                                \
        struct cnnc_conv k = *g;                                                                                     \
        k.winograd = 4, k.kh = 3, k.tile_w = W;                                                                      \
        k.ep = (struct cnnc_epilogue)EP;                                                                             \
        CNNC_FN(cnnc_conv_winograd_raw)(&k, in, out, t);                                                             \
    }
#define NONE {.n = 0}
#define ADD_RELU {.n = 2, .s = {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_CLAMP, 0, INFINITY}}}
#define SIGMOID {.n = 1, .s = {{CNNC_ST_SIGMOID, 0, 0}}}
ANY(f2n, 2, 3, 3, 1, NONE) ANY(f2s, 2, 3, 3, 1, SIGMOID) ANY(f2a, 2, 3, 3, 1, ADD_RELU)
ANY(f4n, 4, 3, 3, 1, NONE) ANY(f4s, 4, 3, 3, 1, SIGMOID) ANY(f4a, 4, 3, 3, 1, ADD_RELU)
ANY(f25n, 2, 5, 3, 1, NONE) ANY(f25s, 2, 5, 3, 1, SIGMOID) ANY(f25a, 2, 5, 3, 1, ADD_RELU)
ANY(f4v2, 4, 3, 0, 2, ADD_RELU)
ANY(f2v2, 2, 3, 49, 2, NONE)
ANY(f25v2, 2, 5, 49, 2, NONE)
RAW(rawn, 3, NONE) RAW(raws, 3, SIGMOID) RAW(rawa, 3, ADD_RELU)
RAW(raw4, 4, ADD_RELU) RAW(raw8, 8, ADD_RELU) RAW(raw13, 13, ADD_RELU)
static const kernel kernels[4][3] = {{f2n, f2s, f2a}, {f4n, f4s, f4a}, {rawn, raws, rawa}, {f25n, f25s, f25a}};
static int size_m; /* 6: F(4x4) with weights transformed in the run; 8: F(2x2, 5x5) */

static void any(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    kernels[size_m / 2 - 1][g->ep.n](g, in, out, t);
}
static void plan(struct cnnc_conv *g)
{
    g->winograd = size_m == 8 ? 2 : size_m;
    if (size_m == 6)
        cnnc_winograd_raw_plan(g);
    else
        cnnc_winograd_plan(g);
}

int main(void)
{
    struct how how = {"winograd", any, CNNC_B, 1, 0, 0, 0, 1, plan, cnnc_winograd_weights_size, cnnc_winograd_weights,
                      cnnc_winograd_scratch, 6e-6}; /* an output at the border has few terms, and the error of its whole tile */
    int turn = 0;
    for (size_m = 2; size_m <= 8; size_m += 2) {
        const int side = size_m == 8 ? 5 : 3;
        if (size_m == 6)
            how.size = cnnc_pack_conv_size, how.pack = cnnc_pack_conv, how.scratch = cnnc_winograd_raw_scratch;
        else
            how.size = cnnc_winograd_weights_size, how.pack = cnnc_winograd_weights, how.scratch = cnnc_winograd_scratch;
        for (int p = 0; p <= 2; p++)
            for (int h = 1; h <= 13; h++)
                for (int w = h; w <= h + 8; w += 4) {
                    static const int ch[][2] = {{1, 1}, {3, 5}, {16, 16}, {17, 33}, {40, 20}};
                    const int *c = ch[turn++ % 5];
                    struct cnnc_conv g = conv2d(1 + turn % 2, c[0], h, w, c[1], side, 1, p, 1, 1);
                    if (h + 2 * p < side || w + 2 * p < side)
                        continue;
                    how.threads = 1 + turn % 3, how.y_halo = turn % 2, how.in_place = turn % 5 == 0;
                    if (turn % 3 == 1)
                        g = with(g, CNNC_ST_SIGMOID, 0, 0);
                    if (turn % 3 == 2)
                        g = with(with(g, CNNC_ST_ADD, 0, 0), CNNC_ST_CLAMP, 0, INFINITY);
                    run_case(g, &how);
                }
    }
    size_m = 6;
    struct how raw = how; /* several chunks of input blocks; tiles in groups that make six, three and two positions at once */
    raw.size = cnnc_pack_conv_size, raw.pack = cnnc_pack_conv, raw.scratch = cnnc_winograd_raw_scratch;
    static const kernel groups[] = {raw4, raw8, raw13};
    for (int i = 0; i < 9; i++) {
        raw.threads = 1 + i / 3, raw.f = groups[i % 3];
        run_case(with(with(conv2d(3, 72, 7, 7, 128, 3, 1, 1, 1, 1), CNNC_ST_ADD, 0, 0), CNNC_ST_CLAMP, 0, INFINITY), &raw);
        run_case(with(with(conv2d(1, 40, 19, 15, 32, 3, 1, 1, 1, 1), CNNC_ST_ADD, 0, 0), CNNC_ST_CLAMP, 0, INFINITY), &raw);
    }
    for (how.threads = 1; how.threads <= 3; how.threads++) {
        size_m = 4, how.f = f4v2;
        run_case(with(with(conv2d(2, 48, 46, 46, 64, 3, 1, 1, 1, 1), CNNC_ST_ADD, 0, 0), CNNC_ST_CLAMP, 0, INFINITY), &how);
        size_m = 2, how.f = f2v2;
        run_case(conv2d(1, 48, 14, 14, 32, 3, 1, 1, 1, 1), &how);
        size_m = 8, how.f = f25v2;
        run_case(conv2d(1, 48, 14, 14, 32, 5, 1, 2, 1, 1), &how);
    }
    printf("winograd level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
