/* Direct convolution against the reference in double.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/conv.c -lm */
#include "conv_direct.h"
#include "conv_test.h"

/* as the emitter prints instances: what shapes the code is literal */
#define INSTANCE(name, K, S, W, OCB, TAIL, FLAT, PASSES, EP)                                                          \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)     \
    {                                                                                                                 \
        struct cnnc_conv k = *g;                                                                                      \
        k.kd = 1, k.kh = K, k.kw = K, k.sw = S, k.tile_w = W, k.tile_ocb = OCB, k.ic_tail = TAIL, k.flat = FLAT;      \
        k.passes = PASSES, k.oc_low = g->oc_low && g->tile_ocb == OCB;                                              \
        k.ep = (struct cnnc_epilogue)EP;                                                                              \
        CNNC_FN(cnnc_conv_direct)(&k, in, out, t);                                                                    \
    }
#define NONE {.n = 0}
#define RELU {.n = 1, .s = {{CNNC_ST_CLAMP, 0, INFINITY}}}
#define ADD_RELU {.n = 2, .s = {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_CLAMP, 0, INFINITY}}}
#define SIGMOID {.n = 1, .s = {{CNNC_ST_SIGMOID, 0, 0}}}
INSTANCE(k3, 3, 1, 0, 2, 0, 0, 1, RELU)
INSTANCE(k3w13, 3, 1, 13, 2, 0, 0, 1, NONE)
INSTANCE(k3tail3, 3, 2, 13, 1, 3 % CNNC_B, 0, 1, SIGMOID)
INSTANCE(k3passes, 3, 1, 13, 2, 0, 0, 3, RELU)
INSTANCE(k1flat, 1, 1, 0, 3, 0, 1, 1, ADD_RELU)
INSTANCE(k1s2, 1, 2, 7, 2, 0, 0, 1, NONE)

/* For the sweep only tile and epilogue are literal. */
#define ANY(name, W, OCB, EP)                                                                                         \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)     \
    {                                                                                                                 \
        struct cnnc_conv k = *g;                                                                                      \
        k.tile_w = W, k.tile_ocb = OCB, k.oc_low = g->oc_low && g->tile_ocb == OCB;                                 \
        EP;                                                                                                           \
        CNNC_FN(cnnc_conv_direct)(&k, in, out, t);                                                                    \
    }
#define AS_NONE k.ep.n = 0
#define AS_RELU k.ep = (struct cnnc_epilogue)RELU
#define AS_ADD k.ep = (struct cnnc_epilogue)ADD_RELU
#define AS_IS (void)0
ANY(any_1_1_n, 1, 1, AS_NONE) ANY(any_1_1_r, 1, 1, AS_RELU) ANY(any_1_1_a, 1, 1, AS_ADD)
ANY(any_1_2_n, 1, 2, AS_NONE) ANY(any_1_2_r, 1, 2, AS_RELU) ANY(any_1_2_a, 1, 2, AS_ADD)
ANY(any_3_1_n, 3, 1, AS_NONE) ANY(any_3_1_r, 3, 1, AS_RELU) ANY(any_3_1_a, 3, 1, AS_ADD)
ANY(any_3_2_n, 3, 2, AS_NONE) ANY(any_3_2_r, 3, 2, AS_RELU) ANY(any_3_2_a, 3, 2, AS_ADD)
ANY(any_5_1_n, 5, 1, AS_NONE) ANY(any_5_1_r, 5, 1, AS_RELU) ANY(any_5_1_a, 5, 1, AS_ADD)
ANY(any_1_1, 1, 1, AS_IS)
static const kernel kernels[3][2][3] = {
    {{any_1_1_n, any_1_1_r, any_1_1_a}, {any_1_2_n, any_1_2_r, any_1_2_a}},
    {{any_3_1_n, any_3_1_r, any_3_1_a}, {any_3_2_n, any_3_2_r, any_3_2_a}},
    {{any_5_1_n, any_5_1_r, any_5_1_a}, {any_3_2_n, any_3_2_r, any_3_2_a}}};

static void any(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    int width = g->flat ? g->od * g->oh * g->ow : g->ow, ep = g->ep.n;
    kernel f = any_1_1;
    int relu = ep > 0 && g->ep.s[ep - 1].op == CNNC_ST_CLAMP && g->ep.s[ep - 1].a == 0 && g->ep.s[ep - 1].b == INFINITY;
    if (ep == 0 || (ep == 1 && relu) || (ep == 2 && relu && g->ep.s[0].op == CNNC_ST_ADD))
        f = kernels[width >= 5 ? 2 : width >= 3][g->tile_ocb % 2 == 0][ep];
    f(g, in, out, t);
}

static void plan_as_is(struct cnnc_conv *g) { (void)g; }
static struct how how = {"direct", any, CNNC_B, 0, 0, 0, 0, 1, cnnc_conv_plan, cnnc_pack_conv_size, cnnc_pack_conv, NULL, 1e-6};

static void literal(kernel f, struct cnnc_conv g, int w, int ocb, int tail, int flat, int passes, int in_place)
{
    struct how h = how;
    g.tile_w = w, g.tile_ocb = ocb, g.ic_tail = tail, g.flat = flat, g.passes = passes, g.oc_low = cnnc_plan_low(&g);
    h.name = "direct, literal", h.f = f, h.plan = plan_as_is, h.in_place = in_place;
    for (h.threads = 1; h.threads <= 3; h.threads++)
        run_case(g, &h);
}

int main(void)
{
    int turn = 0;
    for (int k = 1; k <= 5; k += 1)
        for (int s = 1; s <= 3; s++)
            for (int d = 1; d <= 2; d++)
                for (int p = 0; p <= 3; p++)
                    for (int size = 1; size <= 31; size += size < 8 ? 2 : 11) {
                        static const int ch[][3] = {{1, 1, 1}, {3, 5, 1}, {16, 16, 1}, {17, 33, 1}, {32, 48, 1}, {8, 8, 2}, {12, 24, 3}, {32, 64, 2}};
                        const int *c = ch[turn++ % 8];
                        struct cnnc_conv g = conv2d(1 + turn % 2, c[0], size, size + turn % 3, c[1], k, s, p, d, c[2]);
                        if ((g.ih + 2 * p - d * (k - 1)) < 1 || (g.iw + 2 * p - d * (k - 1)) < 1)
                            continue;
                        how.threads = 1 + turn % 3, how.y_halo = turn % 2, how.in_place = turn % 5 == 0;
                        if (turn % 4 == 1)
                            g = with(g, CNNC_ST_CLAMP, 0, INFINITY);
                        if (turn % 4 == 2 || how.in_place)
                            g = with(with(g, CNNC_ST_ADD, 0, 0), CNNC_ST_CLAMP, 0, INFINITY);
                        run_case(g, &how);
                    }
    how.in_place = how.y_halo = 0, how.threads = 2;
    for (int op = 0; op <= CNNC_ST_SOFTPLUS; op++) {
        run_case(with(conv2d(1, 7, 5, 9, 19, 3, 1, 1, 1, 1), op, op == CNNC_ST_CLAMP ? 0.1f : 0.25f, op == CNNC_ST_CLAMP ? 0.5f : 0.5f), &how);
        run_case(with(with(conv2d(1, 7, 5, 9, 19, 1, 1, 0, 1, 1), op, 0.25f, 0.5f), CNNC_ST_SCALE, 0, 0), &how);
        run_case(with(with(with(conv2d(2, 7, 3, 3, 5, 1, 1, 0, 1, 1), CNNC_ST_SCALE, 0, 0), CNNC_ST_MUL, 0, 0), op, 0.25f, 0.5f), &how);
    }
    /* groups of every awkward size, 3-D, 1-D, unequal sides */
    for (int groups = 2; groups <= 8; groups++)
        for (int m = 1; m <= 5; m++)
            run_case(conv2d(1, groups * m, 5, 6, groups * (1 + m % 3 * 2), 3, 1, 1, 1, groups), &how);
    run_case(conv2d(1, 40, 5, 6, 40, 3, 1, 1, 1, 40), &how);
    run_case(conv2d(1, 96, 4, 7, 64, 3, 1, 1, 1, 2), &how);
    for (int i = 0; i < 12; i++) {
        struct cnnc_conv g = conv2d(2, 5 + i, 4, 7, 18, 3, 1, 1, 1, 1);
        g.id = 3 + i % 3, g.kd = 1 + i % 3, g.sd = 1 + i % 2, g.dd = 1, g.pd = i % 3 == 2, g.kw = 1 + i % 4, g.pw = 1;
        g.dh = 1, g.od = (g.id + 2 * g.pd - g.kd) / g.sd + 1, g.ow = g.iw + 2 - g.kw + 1;
        run_case(g, &how);
        g = conv2d(1, 20, 1, 50 + i, 40, 3, 1, 0, 1, 1);
        g.kh = 1, g.oh = 1, g.dw = 1 + i, g.ow = g.iw - 2 * g.dw;
        run_case(g, &how);
    }
    for (int b = 1; b <= 2; b++) {
        literal(k3, with(conv2d(b, 32, 6, 28 * b + 1, 64, 3, 1, 1, 1, 1), CNNC_ST_CLAMP, 0, INFINITY), 0, 2, 0, 0, 1, 0);
        literal(k3w13, conv2d(b, 32, 5, 13, 32, 3, 1, 1, 1, 1), 13, 2, 0, 0, 1, 0);
        literal(k3tail3, with(conv2d(b, 3, 25, 25, 16, 3, 2, 1, 1, 1), CNNC_ST_SIGMOID, 0, 0), 13, 1, 3 % CNNC_B, 0, 1, 0);
        literal(k3passes, with(conv2d(b, 48, 5, 13, 32, 3, 1, 1, 1, 1), CNNC_ST_CLAMP, 0, INFINITY), 13, 2, 0, 0, 3, 0);
        literal(k1flat, with(with(conv2d(b, 32, 7, 9, 96, 1, 1, 0, 1, 1), CNNC_ST_ADD, 0, 0), CNNC_ST_CLAMP, 0, INFINITY), 0, 3, 0, 1, 1, b - 1);
        literal(k1s2, conv2d(b, 32, 13, 14, 64, 1, 2, 0, 1, 1), 7, 2, 0, 0, 1, 0);
        /* half a block of channels or less in the last */
        literal(k3w13, conv2d(b, 32, 5, 13, CNNC_B + CNNC_B / 2, 3, 1, 1, 1, 1), 13, 2, 0, 0, 1, 0);
        literal(k3passes, with(conv2d(b, 48, 5, 13, CNNC_B + 1, 3, 1, 1, 1, 1), CNNC_ST_CLAMP, 0, INFINITY), 13, 2, 0, 0, 3, 0);
        literal(k1flat, with(with(conv2d(b, 32, 7, 9, 2 * CNNC_B + CNNC_B / 2, 1, 1, 0, 1, 1), CNNC_ST_ADD, 0, 0), CNNC_ST_CLAMP, 0, INFINITY), 0, 3, 0, 1, 1, b - 1);
    }
    printf("conv_direct level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
