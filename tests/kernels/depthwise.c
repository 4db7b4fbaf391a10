/* Depthwise convolution against the reference in double, with a halo and clipped.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/depthwise.c -lm */
#include "depthwise.h"
#include "conv_test.h"

#define ANY(name, K, S, W, CLIP, EP)                                                                                 \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)    \
    {                                                                                                                \
        struct cnnc_conv k = *g;                                                                                     \
        if (K)                                                                                                       \
            k.kw = K, k.sw = S;                                                                                      \
        k.tile_w = W, k.clip = CLIP;                                                                                 \
        k.ep = (struct cnnc_epilogue)EP;                                                                             \
        CNNC_FN(cnnc_depthwise)(&k, in, out, t);                                                                     \
    }
#define NONE {.n = 0}
#define RELU6 {.n = 1, .s = {{CNNC_ST_CLAMP, 0, 6}}}
#define ADD_SIGMOID {.n = 2, .s = {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_SIGMOID, 0, 0}}}
#define SET(w, clip) \
    ANY(any##w##clip##n, 0, 0, w, clip, NONE) ANY(any##w##clip##r, 0, 0, w, clip, RELU6) ANY(any##w##clip##a, 0, 0, w, clip, ADD_SIGMOID)
SET(1, 0) SET(1, 1) SET(4, 0) SET(4, 1)
ANY(k3s1, 3, 1, 14, 0, RELU6)
ANY(k3s1c, 3, 1, 14, 1, RELU6)
ANY(k3s2, 3, 2, 0, 0, RELU6)
ANY(k3s2c, 3, 2, 0, 1, RELU6)
ANY(k5s1, 5, 1, 7, 0, RELU6)
static const kernel kernels[2][2][3] = {{{any10n, any10r, any10a}, {any11n, any11r, any11a}}, {{any40n, any40r, any40a}, {any41n, any41r, any41a}}};
static int clip;

static void any(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    kernels[g->ow >= 4][clip][g->ep.n](g, in, out, t);
}

int main(void)
{
    struct how how = {"depthwise", any, CNNC_B, 0, 0, 0, 0, 1, cnnc_depthwise_plan, cnnc_pack_depthwise_size, cnnc_pack_depthwise, NULL, 1e-6};
    int turn = 0;
    for (int k = 1; k <= 7; k += k < 3 ? 1 : 2)
        for (int s = 1; s <= 3; s++)
            for (int d = 1; d <= 2; d++)
                for (int p = 0; p <= 4; p += 1)
                    for (int size = 1; size <= 20; size += size < 8 ? 3 : 11) {
                        int c = 1 + turn * 7 % 40;
                        struct cnnc_conv g = conv2d(1 + turn % 2, c, size, size + turn % 3, c, k, s, p, d, c);
                        if (g.ih + 2 * p - d * (k - 1) < 1 || g.iw + 2 * p - d * (k - 1) < 1)
                            continue;
                        how.threads = 1 + turn % 3, how.y_halo = turn % 2, how.in_place = turn % 5 == 0;
                        how.clip = clip = turn / 3 % 2;
                        if (turn % 3 == 1)
                            g = with(g, CNNC_ST_CLAMP, 0, 6);
                        if (turn % 3 == 2)
                            g = with(with(g, CNNC_ST_ADD, 0, 0), CNNC_ST_SIGMOID, 0, 0);
                        run_case(g, &how);
                        turn++;
                    }
    for (int i = 0; i < 12; i++) {
        struct cnnc_conv g = conv2d(1, 20, 6, 9, 20, 3, 1, 1, 1, 20);
        how.clip = clip = i % 2;
        g.id = 4 + i, g.kd = 1 + i % 3, g.sd = 1 + i % 2, g.dd = 1 + (i == 4), g.pd = i % 3 == 2, g.kw = 1 + i % 4;
        g.od = (g.id + 2 * g.pd - g.dd * (g.kd - 1) - 1) / g.sd + 1, g.ow = g.iw + 2 - g.kw + 1;
        run_case(g, &how);
    }
    how.in_place = 0, how.y_halo = 1;
    for (how.threads = 1; how.threads <= 3; how.threads++) {
        how.clip = 0;
        how.f = k3s1;
        run_case(with(conv2d(2, 40, 14, 14, 40, 3, 1, 1, 1, 40), CNNC_ST_CLAMP, 0, 6), &how);
        how.f = k3s2;
        run_case(with(conv2d(1, 40, 33, 33, 40, 3, 2, 1, 1, 40), CNNC_ST_CLAMP, 0, 6), &how);
        how.f = k5s1;
        run_case(with(conv2d(1, 40, 7, 7, 40, 5, 1, 2, 1, 40), CNNC_ST_CLAMP, 0, 6), &how);
        how.clip = 1;
        how.f = k3s1c;
        run_case(with(conv2d(2, 40, 14, 14, 40, 3, 1, 1, 1, 40), CNNC_ST_CLAMP, 0, 6), &how);
        how.f = k3s2c;
        run_case(with(conv2d(1, 40, 33, 33, 40, 3, 2, 1, 1, 40), CNNC_ST_CLAMP, 0, 6), &how);
    }
    printf("depthwise level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
