/* Transposed convolution against the reference in double.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/transpose.c -lm */
#include "conv_transpose.h"
#include "conv_test.h"

#define ANY(name, W, OCB, EP)                                                                                        \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)    \
    {                                                                                                                \
        struct cnnc_conv k = *g;                                                                                     \
        k.tile_w = W, k.tile_ocb = OCB;                                                                              \
        k.ep = (struct cnnc_epilogue)EP;                                                                             \
        CNNC_FN(cnnc_conv_transpose)(&k, in, out, t);                                                                \
    }
#define NONE {.n = 0}
#define RELU {.n = 1, .s = {{CNNC_ST_CLAMP, 0, INFINITY}}}
#define ADD_SIGMOID {.n = 2, .s = {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_SIGMOID, 0, 0}}}
ANY(one_n, 1, 1, NONE) ANY(one_r, 1, 1, RELU) ANY(one_a, 1, 1, ADD_SIGMOID)
ANY(four_n, 4, 1, NONE) ANY(four_r, 4, 1, RELU) ANY(four_a, 4, 1, ADD_SIGMOID)
ANY(two_n, 3, 2, NONE)
static const kernel kernels[2][3] = {{one_n, one_r, one_a}, {four_n, four_r, four_a}};

static void any(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    int width = g->ow / g->sw;
    if (width >= 3 && g->tile_ocb % 2 == 0 && g->ep.n == 0)
        two_n(g, in, out, t);
    else
        kernels[width >= 4][g->ep.n](g, in, out, t);
}

int main(void)
{
    struct how how = {"transposed", any, CNNC_B, 0, 1, 0, 0, 1, cnnc_conv_transpose_plan, cnnc_pack_conv_size,
                      cnnc_pack_conv_transpose, NULL, 1e-6};
    int turn = 0;
    for (int k = 1; k <= 5; k++)
        for (int s = 1; s <= 4; s++)
            for (int d = 1; d <= 2; d++)
                for (int p = 0; p <= 2; p++)
                    for (int size = 1; size <= 13; size += 4) {
                        static const int ch[][3] = {{1, 1, 1}, {3, 5, 1}, {16, 32, 1}, {17, 33, 1}, {32, 64, 2}, {12, 6, 3}, {8, 8, 8}};
                        const int *c = ch[turn++ % 7];
                        struct cnnc_conv g = conv2d(1 + turn % 2, c[0], size, size + turn % 3, c[1], k, s, p, d, c[2]);
                        int more = turn % 4 == 0 && s > 1; /* output padding */
                        g.oh = (size - 1) * s + d * (k - 1) + 1 - 2 * p + more, g.ow = (g.iw - 1) * s + d * (k - 1) + 1 - 2 * p + more;
                        if (g.oh < 1 || g.ow < 1)
                            continue;
                        int before, after;
                        cnnc_conv_transpose_halo(&g, &before, &after);
                        report(before > k * d || after > k * d, &g, "transposed", "halo");
                        how.threads = 1 + turn % 3, how.y_halo = turn % 2, how.in_place = turn % 5 == 0;
                        if (turn % 3 == 1)
                            g = with(g, CNNC_ST_CLAMP, 0, INFINITY);
                        if (turn % 3 == 2)
                            g = with(with(g, CNNC_ST_ADD, 0, 0), CNNC_ST_SIGMOID, 0, 0);
                        run_case(g, &how);
                    }
    for (int i = 0; i < 8; i++) {
        struct cnnc_conv g = conv2d(1, 20, 4, 5, 20, 3, 2, 1, 1, 1);
        g.id = 2 + i % 3, g.kd = 1 + i % 3, g.sd = 1 + i % 2, g.dd = 1;
        g.od = (g.id - 1) * g.sd + g.kd, g.oh = 7, g.ow = 9;
        run_case(g, &how);
    }
    printf("conv_transpose level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
