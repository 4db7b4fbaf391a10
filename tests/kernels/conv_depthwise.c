/* A convolution with the depthwise one behind it against both in double.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/conv_depthwise.c -lm */
#include "conv_depthwise.h"
#include "conv_test.h"

#define INSTANCE(name, K, DK, DS, TW, OCB, FIRST, SECOND)                                                            \
    static void name(const struct cnnc_conv_depthwise *g, const void *const in[], void *const out[], struct cnnc_thread t) \
    {                                                                                                                \
        struct cnnc_conv_depthwise k = *g;                                                                           \
        k.c.kd = k.d.kd = 1, k.c.kh = k.c.kw = K, k.c.tile_w = TW, k.c.tile_ocb = OCB, k.c.passes = 1, k.c.flat = 0; \
        k.d.kh = k.d.kw = DK, k.d.sw = DS, k.c.sw = k.c.dw = k.d.dw = 1, k.d.tile_w = 1;                             \
        k.c.ep = (struct cnnc_epilogue)FIRST, k.d.ep = (struct cnnc_epilogue)SECOND;                                 \
        CNNC_FN(cnnc_conv_depthwise)(&k, in, out, t);                                                                \
    }
#define NONE {.n = 0}
#define RELU6 {.n = 1, .s = {{CNNC_ST_CLAMP, 0, 6}}}
#define SIGMOID {.n = 1, .s = {{CNNC_ST_SIGMOID, 0, 0}}}
INSTANCE(one, 1, 3, 1, 1, 1, RELU6, RELU6)
INSTANCE(one2, 1, 3, 2, 1, 1, SIGMOID, NONE)
INSTANCE(two, 1, 5, 2, 3, 2, RELU6, SIGMOID)
INSTANCE(three, 3, 3, 1, 3, 1, NONE, RELU6)
static const struct {
    void (*f)(const struct cnnc_conv_depthwise *, const void *const[], void *const[], struct cnnc_thread);
    int k, dk, ds, least, ocb;
    struct cnnc_epilogue first, second;
} instances[] = {
    {one, 1, 3, 1, 1, 1, RELU6, RELU6}, {one2, 1, 3, 2, 1, 1, SIGMOID, NONE}, {two, 1, 5, 2, 3, 2, RELU6, SIGMOID}, {three, 3, 3, 1, 3, 1, NONE, RELU6},
};

static double through(const struct cnnc_epilogue *e, double v)
{
    for (int i = 0; i < e->n; i++)
        v = stage(&e->s[i], v, 0, 0);
    return v;
}

static void one_case(int which, int n, int ic, int h, int w, int oc, int pad, int threads)
{
    const int k = instances[which].k, dk = instances[which].dk, ds = instances[which].ds;
    struct cnnc_conv_depthwise g;
    memset(&g, 0, sizeof g);
    g.c = conv2d(n, ic, h, w, oc, k, 1, k / 2, 1, 1);
    g.d = conv2d(n, oc, g.c.oh, g.c.ow, oc, dk, ds, pad, 1, oc);
    if (g.d.oh < 1 || g.d.ow < 1 || g.c.ow < instances[which].least)
        return;
    g.c.ep = instances[which].first, g.d.ep = instances[which].second;
    const int halo = k / 2;
    struct tensor x = make(n, ic, 1, h, w, CNNC_B, 0, halo, halo, 1), y = make(n, oc, 1, g.d.oh, g.d.ow, CNNC_B, 0, 1, 1, 0);
    struct tensor between = make(n, oc, 1, g.c.oh, g.c.ow, CNNC_B, 0, 0, 0, 0);
    float *w1 = vec((size_t)(oc * ic * k * k), (size_t)(oc * ic * k * k)), *w2 = vec((size_t)(oc * dk * dk), (size_t)(oc * dk * dk));
    float *b1 = vec((size_t)cnnc_blocks(oc) * CNNC_B, (size_t)oc), *b2 = vec((size_t)cnnc_blocks(oc) * CNNC_B, (size_t)oc);
    g.c.x = x.v, g.d.y = y.v;
    cnnc_conv_depthwise_plan(&g);
    g.c.tile_ocb = instances[which].ocb, g.c.oc_low = cnnc_plan_low(&g.c);
    float *p1 = vec(cnnc_pack_conv_size(&g.c), 0), *p2 = vec(cnnc_pack_depthwise_size(&g.d), 0);
    cnnc_pack_conv(&g.c, w1, p1), cnnc_pack_depthwise(&g.d, w2, p2);
    const size_t bytes = cnnc_conv_depthwise_scratch(&g);
    char *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    const void *in[] = {x.p, p1, b1, p2, which == 1 ? NULL : b2, NULL};
    void *out[] = {y.p};
    for (int t = 0; t < threads; t++) {
        memset(scratch, 0xff, bytes);
        instances[which].f(&g, in, out, (struct cnnc_thread){t, threads, scratch});
    }
    double size, worst = 0;
    for (int i = 0; i < n; i++)
        for (int o = 0; o < oc; o++)
            for (int r = 0; r < g.c.oh; r++)
                for (int q = 0; q < g.c.ow; q++)
                    *at(&between, i, o, 0, r, q) = (float)through(&g.c.ep, conv_at(&g.c, &x, w1, b1, i, o, 0, r, q, &size));
    for (int i = 0; i < n; i++)
        for (int o = 0; o < cnnc_blocks(oc) * CNNC_B; o++)
            for (int r = 0; r < g.d.oh; r++)
                for (int q = 0; q < g.d.ow; q++) {
                    const double v = o < oc ? through(&g.d.ep, conv_at(&g.d, &between, w2, which == 1 ? NULL : b2, i, o, 0, r, q, &size)) : 0;
                    worst = fmax(worst, fabs(*at(&y, i, o, 0, r, q) - v) / (o < oc ? size + 1 : 1));
                }
    int outside = 0; /* the border of the result is nobody's to write */
    for (int q = -1; q <= g.d.ow; q++)
        outside |= *at(&y, 0, 0, 0, -1, q) != 0 || *at(&y, 0, 0, 0, g.d.oh, q) != 0;
    report(!(worst <= 4e-6) || outside, &g.c, "convolution + depthwise", outside ? "writes outside" : "wrong");
    free(x.base), free(y.base), free(between.base), free(w1), free(w2), free(b1), free(b2), free(p1), free(p2), free(scratch);
}

int main(void)
{
    static const int ch[][2] = {{1, 2}, {5, 16}, {16, 32}, {24, 40}, {40, 64}};
    int turn = 0;
    for (int h = 1; h <= 19; h += h < 6 ? 1 : 4)
        for (int w = 1; w <= 31; w += w < 8 ? 1 : 7)
            for (int which = 0; which < 4; which++, turn++) {
                const int *c = which == 2 ? ch[turn % 2 ? 2 : 4] : ch[turn % 5];
                one_case(which, 1 + turn % 2, c[0], h, w, c[1], turn % 7 == 0 ? 0 : instances[which].dk / 2, 1 + turn % 3);
            }
    printf("conv_depthwise level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
