/* The first layer's convolution against the reference in double.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/first.c -lm */
#include "conv_first.h"
#include "conv_narrow.h"
#include "conv_test.h"

#define ANY(name, K, S, W, OCB, EP)                                                                                  \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)    \
    {                                                                                                                \
        struct cnnc_conv k = *g;                                                                                     \
        if (K)                                                                                                       \
            k.kw = K;                                                                                                \
        if (S)                                                                                                       \
            k.sw = S;                                                                                                \
        k.tile_w = W, k.tile_ocb = OCB;                                                                              \
        k.ep = (struct cnnc_epilogue)EP;                                                                             \
        CNNC_FN(cnnc_conv_first)(&k, in, out, t);                                                                    \
    }
#define NONE {.n = 0}
#define RELU {.n = 1, .s = {{CNNC_ST_CLAMP, 0, INFINITY}}}
#define ADD_TANH {.n = 2, .s = {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_TANH, 0, 0}}}
ANY(any1n, 0, 0, 1, 1, NONE)
ANY(any1r, 0, 0, 1, 1, RELU)
ANY(any1a, 0, 0, 1, 1, ADD_TANH)
ANY(any3n, 0, 0, 3, 1, NONE)
ANY(any3r, 0, 0, 3, 1, RELU)
ANY(any3a, 0, 0, 3, 1, ADD_TANH)
ANY(k7s2, 7, 2, 0, 2, RELU)
ANY(k11s4, 11, 4, 13, 2, RELU)
ANY(k3s1, 3, 1, 0, 1, RELU)
static const kernel kernels[2][3] = {{any1n, any1r, any1a}, {any3n, any3r, any3a}};

static void any(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    kernels[g->ow >= 3][g->ep.n](g, in, out, t);
}

#define NARROW_(name, KERNEL, OC, W, ...)                                                                            \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)    \
    {                                                                                                                \
        struct cnnc_conv k = *g;                                                                                     \
        k.sw = 1, k.tile_ocb = OC, k.tile_w = W;                                                                     \
        k.ep = (struct cnnc_epilogue)__VA_ARGS__;                                                                    \
        CNNC_FN(KERNEL)(&k, in, out, t);                                                                             \
    }
#define NARROW(name, ...) NARROW_(name, cnnc_conv_narrow, __VA_ARGS__) NARROW_(name##b, cnnc_conv_narrow_blocked, __VA_ARGS__)
#define SIGMOID {.n = 1, .s = {{CNNC_ST_SIGMOID, 0, 0}}}
NARROW(narrow5n, 5, 17, NONE)
NARROW(narrow5s, 5, 17, SIGMOID)
NARROW(narrow5a, 5, 17, ADD_TANH)
NARROW(narrow8n, 8, 40, NONE)
static const kernel narrow5[2][3] = {{narrow5n, narrow5s, narrow5a}, {narrow5nb, narrow5sb, narrow5ab}};
static size_t narrow_scratch(const struct cnnc_conv *g) { return cnnc_conv_narrow_scratch(g, 1); }

int main(void)
{
    struct how how = {"first", any, 1, 1, 0, 0, 0, 1, cnnc_conv_first_plan, cnnc_pack_conv_first_size, cnnc_pack_conv_first,
                      cnnc_conv_first_scratch, 1e-6};
    int turn = 0;
    for (int k = 1; k <= 7; k += k < 3 ? 1 : 2)
        for (int s = 1; s <= 4; s++)
            for (int d = 1; d <= 2; d++)
                for (int p = 0; p <= 4; p += 1)
                    for (int size = 1; size <= 26; size += size < 8 ? 3 : 19) {
                        struct cnnc_conv g = conv2d(1 + turn % 2, 1 + turn % 4, size, size + turn % 3, 5 + 15 * (turn % 3), k, s, p, d, 1);
                        if (g.ih + 2 * p - d * (k - 1) < 1 || g.iw + 2 * p - d * (k - 1) < 1)
                            continue;
                        how.threads = 1 + turn % 3, how.y_halo = turn % 2, how.in_place = turn % 5 == 0;
                        if (turn % 3 == 1)
                            g = with(g, CNNC_ST_CLAMP, 0, INFINITY);
                        if (turn % 3 == 2)
                            g = with(with(g, CNNC_ST_ADD, 0, 0), CNNC_ST_TANH, 0, 0);
                        run_case(g, &how);
                        turn++;
                    }
    for (int i = 0; i < 8; i++) {
        struct cnnc_conv g = conv2d(1, 2, 6, 9, 20, 3, 1, 1, 1, 1);
        g.id = 4 + i, g.kd = 1 + i % 3, g.sd = 1 + i % 2, g.dd = 1 + (i == 4), g.pd = i % 3 == 2, g.kw = 1 + i % 4;
        g.od = (g.id + 2 * g.pd - g.dd * (g.kd - 1) - 1) / g.sd + 1, g.ow = g.iw + 2 - g.kw + 1;
        run_case(g, &how);
        g = conv2d(1, 1, 1, 300 + i, 40, 3, 1, 0, 1, 1);
        g.kh = 1, g.oh = 1, g.ph = 0, g.kw = 9, g.sw = 1 + i % 3, g.pw = 4, g.ow = (g.iw + 8 - 9) / g.sw + 1;
        run_case(g, &how);
    }
    how.in_place = 0, how.y_halo = 1;
    for (how.threads = 1; how.threads <= 3; how.threads++) {
        how.f = k7s2;
        run_case(with(conv2d(2, 3, 60, 60, 32, 7, 2, 3, 1, 1), CNNC_ST_CLAMP, 0, INFINITY), &how);
        how.f = k11s4;
        run_case(with(conv2d(1, 3, 59, 59, 32, 11, 4, 0, 1, 1), CNNC_ST_CLAMP, 0, INFINITY), &how);
        how.f = k3s1;
        run_case(with(conv2d(1, 3, 40, 40, 16, 3, 1, 1, 1, 1), CNNC_ST_CLAMP, 0, INFINITY), &how);
    }
    for (int blocked = 0; blocked < 2; blocked++) {
        how.name = blocked ? "narrow, blocked" : "narrow", how.plan = cnnc_conv_narrow_plan, how.scratch = narrow_scratch;
        how.x_block = blocked ? CNNC_B : 1;
        for (int size = 1; size <= 50; size += size < 6 ? 1 : 11)
            for (int k = 1; k <= 5; k += 2)
                for (int d = 1; d <= 2; d++)
                    for (int p = 0; p <= 4; p += 2, turn++) {
                        struct cnnc_conv g = conv2d(1 + turn % 2, 1 + turn % 4 * (blocked ? 11 : 1), size, size + turn % 3, 5, k, 1, p, d, 1);
                        if (g.ih + 2 * p - d * (k - 1) < 1 || g.iw + 2 * p - d * (k - 1) < 1)
                            continue;
                        if (turn % 4 == 3)
                            g.sh = 2, g.oh = (g.ih + 2 * p - d * (k - 1) - 1) / 2 + 1;
                        how.threads = 1 + turn % 3, how.y_halo = turn % 2, how.in_place = turn % 5 == 0;
                        how.f = narrow5[blocked][turn % 3];
                        if (turn % 3 == 1)
                            g = with(g, CNNC_ST_SIGMOID, 0, 0);
                        if (turn % 3 == 2)
                            g = with(with(g, CNNC_ST_ADD, 0, 0), CNNC_ST_TANH, 0, 0);
                        run_case(g, &how);
                    }
        how.in_place = 0, how.f = blocked ? narrow8nb : narrow8n;
        run_case(conv2d(2, 3, 40, 70, 8, 3, 1, 1, 1, 1), &how);
        struct cnnc_conv volume = conv2d(1, 2, 6, 40, 8, 3, 1, 1, 1, 1);
        volume.id = 5, volume.kd = 2, volume.od = 4;
        run_case(volume, &how);
    }
    printf("conv_first level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
