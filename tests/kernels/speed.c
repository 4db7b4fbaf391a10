/* Not a test: GFLOP/s of each kernel on typical layers, next to the FMA peak measured in the same run.
 * Build: gcc -O2 -Iruntime -march=native tests/kernels/speed.c -o speed -lm; ./speed [part of a name] */
#include "conv_direct.h"
#include "conv_first.h"
#include "conv_plan.h"
#include "conv_winograd.h"
#include "depthwise.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* of this process's own time, so that a busy machine disturbs less */
static double now(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* independent chains of multiply-adds in registers */
static double peak(void)
{
    double best = 0;
    for (int r = 0; r < 5; r++) {
        enum { N = 12 };
        cnnc_vf acc[N], a = CNNC_VSET1(0.5f), b = CNNC_VSET1(1e-9f);
        CNNC_UNROLL
        for (int i = 0; i < N; i++)
            acc[i] = CNNC_VSET1((float)i);
        double t = now();
        for (long k = 0; k < 2000000; k++) {
            CNNC_UNROLL
            for (int i = 0; i < N; i++)
                acc[i] = CNNC_VFMA(acc[i], a, b);
#if defined(__GNUC__) && CNNC_LEVEL >= 128
            CNNC_UNROLL
            for (int i = 0; i < N; i++)
                __asm__ volatile("" : "+v"(acc[i]));
#endif
        }
        t = now() - t;
        CNNC_UNROLL
        for (int i = 1; i < N; i++)
            acc[0] = CNNC_VADD(acc[0], acc[i]);
        double f = 2e6 * N * CNNC_VL * 2 / t / 1e9 + (CNNC_VREDUCE_ADD(acc[0]) == 12345 ? 1 : 0);
        best = f > best ? f : best;
    }
    return best;
}

typedef void (*kernel)(const struct cnnc_conv *, const void *const[], void *const[], struct cnnc_thread);
static double top;
static const char *only;

static float *numbers(size_t n)
{
    float *p = aligned_alloc(64, (n * sizeof(float) + 4095) / 64 * 64);
    unsigned r = 1;
    for (size_t i = 0; i < n; i++) {
        r = r * 1664525u + 1013904223u;
        p[i] = (float)(r >> 8) / 16777216.f - 0.5f;
    }
    return p;
}

struct layer {
    const char *name;
    kernel f;
    int ic, h, oc, k, s, pad, add, groups, plain, clip, winograd;
    size_t (*scratch)(const struct cnnc_conv *);
    double weights; /* elements of the packed weights per element of the layer's; 0: 1 */
};

static void measure(const struct layer *l)
{
    if (only && !strstr(l->name, only))
        return;
    struct cnnc_conv g;
    memset(&g, 0, sizeof g);
    int b = l->plain ? 1 : CNNC_B, halo = l->plain || l->clip ? 0 : l->pad;
    g.n = 1, g.groups = l->groups ? l->groups : 1, g.ic = l->ic, g.oc = l->oc, g.id = g.od = g.kd = g.sd = g.sh = g.sw = g.dd = g.dh = g.dw = 1;
    g.ih = g.iw = l->h, g.kh = g.kw = l->k, g.sh = g.sw = l->s, g.ph = g.pw = l->pad;
    g.oh = g.ow = (l->h + 2 * l->pad - l->k) / l->s + 1;
    g.x.h = (ptrdiff_t)(g.iw + 2 * halo) * b, g.x.c = g.x.d = g.x.h * (g.ih + 2 * halo), g.x.n = g.x.c * ((g.ic + b - 1) / b);
    g.y.h = (ptrdiff_t)g.ow * CNNC_B, g.y.c = g.y.d = g.y.h * g.oh, g.y.n = g.y.c * cnnc_blocks(g.oc);
    g.add = g.y, g.clip = l->clip;
    if (l->add)
        g.ep.s[g.ep.n++].op = CNNC_ST_ADD;
    g.ep.s[g.ep.n].op = CNNC_ST_CLAMP, g.ep.s[g.ep.n].a = 0, g.ep.s[g.ep.n++].b = INFINITY;
    if (l->winograd == 6)
        cnnc_winograd_raw_plan(&g);
    else if (l->winograd)
        g.winograd = l->winograd, cnnc_winograd_plan(&g);
    else if (l->plain)
        cnnc_conv_first_plan(&g);
    else if (l->groups == l->ic)
        cnnc_depthwise_plan(&g);
    else
        cnnc_conv_plan(&g);
    size_t w = (size_t)((double)cnnc_blocks(g.ic) * CNNC_B * cnnc_blocks(g.oc) * CNNC_B * l->k * l->k * (l->weights > 0 ? l->weights : 1));
    float *x = numbers((size_t)g.x.n), *p = numbers(w), *bias = numbers((size_t)g.oc + CNNC_B), *y = numbers((size_t)g.y.n);
    float *add = numbers((size_t)g.y.n);
    void *scratch = aligned_alloc(64, (l->scratch ? l->scratch(&g) : 0) / 64 * 64 + 128);
    const void *in[] = {x + halo * g.x.h + halo * b, p, bias, add};
    void *out[] = {y};
    double flop = 2.0 * g.oc * (g.ic / g.groups) * l->k * l->k * g.oh * g.ow, best = 1e9, sum = 0;
    int runs = (int)(3e10 / (flop + 1e8)) + 3;
    runs = runs > 60 ? flop < 1e8 ? 300 : 60 : runs;
    for (int r = -2; r < runs; r++) {
        double t = now();
        l->f(&g, in, out, (struct cnnc_thread){0, 1, scratch});
        t = now() - t;
        if (r >= 0)
            best = t < best ? t : best, sum += t;
    }
    printf("%-34s %8.3f ms  best %7.1f GFLOP/s (%3.0f%%)  mean %7.1f\n", l->name, best * 1e3, flop / best / 1e9, flop / best / 1e7 / top,
           flop * runs / sum / 1e9);
    fflush(stdout);
    free(x), free(p), free(bias), free(y), free(add), free(scratch);
}

#define RELU {.n = 1, .s = {{CNNC_ST_CLAMP, 0, INFINITY}}}
#define ADD_RELU {.n = 2, .s = {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_CLAMP, 0, INFINITY}}}
#define DIRECT(name, K, S, W, OCB, FLAT, EP)                                                                          \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)      \
    {                                                                                                                 \
        struct cnnc_conv k = *g;                                                                                      \
        k.kd = 1, k.kh = K, k.kw = K, k.sw = S, k.tile_w = W, k.tile_ocb = OCB, k.ic_tail = 0, k.flat = FLAT;         \
        k.passes = 1;                                                                                                 \
        k.ep = (struct cnnc_epilogue)EP;                                                                              \
        CNNC_FN(cnnc_conv_direct)(&k, in, out, t);                                                                    \
    }
DIRECT(k3, 3, 1, 0, 2, 0, RELU)
DIRECT(k3w14, 3, 1, 14, 2, 0, RELU)
DIRECT(k3w13, 3, 1, 13, 2, 0, RELU)
DIRECT(k3w7, 3, 1, 7, 2, 0, RELU)
DIRECT(k3w7v4, 3, 1, 7, 4, 0, RELU)
DIRECT(k3s2, 3, 2, 0, 2, 0, RELU)
DIRECT(k1, 1, 1, 0, 2, 1, RELU)
DIRECT(k1v3, 1, 1, 0, 3, 1, RELU)
DIRECT(k1v1, 1, 1, 0, 1, 1, RELU)
DIRECT(k1add, 1, 1, 0, 2, 1, ADD_RELU)
DIRECT(k1w49, 1, 1, 49, 2, 1, RELU)
DIRECT(k1s2, 1, 2, 0, 2, 0, RELU)
DIRECT(k5w27, 5, 1, 27, 2, 0, RELU)

#define FIRST(name, K, S, W)                                                                                          \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)      \
    {                                                                                                                 \
        struct cnnc_conv k = *g;                                                                                      \
        k.kd = 1, k.kh = K, k.kw = K, k.sw = S, k.dw = 1, k.tile_w = W, k.tile_ocb = 2, k.ic = 3;                      \
        k.ep = (struct cnnc_epilogue)RELU;                                                                            \
        CNNC_FN(cnnc_conv_first)(&k, in, out, t);                                                                     \
    }
FIRST(first3, 3, 1, 0)
FIRST(first3s2, 3, 2, 0)
FIRST(first7s2, 7, 2, 0)
FIRST(first11s4, 11, 4, 0)

#define DEPTHWISE(name, K, S, W, CLIP)                                                                                \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)      \
    {                                                                                                                 \
        struct cnnc_conv k = *g;                                                                                      \
        k.kd = 1, k.kh = K, k.kw = K, k.sw = S, k.dw = 1, k.tile_w = W, k.clip = CLIP;                                \
        k.ep = (struct cnnc_epilogue)RELU;                                                                            \
        CNNC_FN(cnnc_depthwise)(&k, in, out, t);                                                                      \
    }
DEPTHWISE(dw3, 3, 1, 0, 0)
DEPTHWISE(dw3s2, 3, 2, 0, 0)
DEPTHWISE(dw3w14, 3, 1, 14, 0)
DEPTHWISE(dw3w14c, 3, 1, 14, 1)
DEPTHWISE(dw3w7, 3, 1, 7, 0)
DEPTHWISE(dw5w14, 5, 1, 14, 0)

#define WINOGRAD(name, M, W, OCB)                                                                                     \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)      \
    {                                                                                                                 \
        struct cnnc_conv k = *g;                                                                                      \
        k.winograd = M, k.kh = 3, k.tile_w = W, k.tile_ocb = OCB, k.ic_tail = 0;                                    \
        k.ep = (struct cnnc_epilogue)RELU;                                                                            \
        CNNC_FN(cnnc_conv_winograd)(&k, in, out, t);                                                                  \
    }
WINOGRAD(f4, 4, 0, 2)
WINOGRAD(f4w25, 4, 25, 2)
WINOGRAD(f4w16, 4, 16, 2)
WINOGRAD(f4w4, 4, 4, 4)
WINOGRAD(f2, 2, 0, 2)
WINOGRAD(f2w49, 2, 49, 2)
WINOGRAD(f2w16, 2, 16, 2)

#define RAW(name, W)                                                                                                  \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)      \
    {                                                                                                                 \
        struct cnnc_conv k = *g;                                                                                      \
        k.winograd = 4, k.kh = 3, k.tile_w = W, k.ic_tail = 0;                                                      \
        k.ep = (struct cnnc_epilogue)RELU;                                                                            \
        CNNC_FN(cnnc_conv_winograd_raw)(&k, in, out, t);                                                              \
    }
RAW(raw16, 16)
RAW(raw25, 25)
RAW(raw4, 4)

static const struct layer layers[] = {
    {.name = "direct 3x3 64->64 @56", .f = k3, .ic = 64, .h = 56, .oc = 64, .k = 3, .s = 1, .pad = 1},
    {.name = "direct 3x3 128->128 @112", .f = k3, .ic = 128, .h = 112, .oc = 128, .k = 3, .s = 1, .pad = 1},
    {.name = "direct 3x3 256->256 @56", .f = k3, .ic = 256, .h = 56, .oc = 256, .k = 3, .s = 1, .pad = 1},
    {.name = "direct 3x3 512->512 @28", .f = k3, .ic = 512, .h = 28, .oc = 512, .k = 3, .s = 1, .pad = 1},
    {.name = "direct 3x3 512->512 @14", .f = k3w14, .ic = 512, .h = 14, .oc = 512, .k = 3, .s = 1, .pad = 1},
    {.name = "direct 3x3 384->256 @13", .f = k3w13, .ic = 384, .h = 13, .oc = 256, .k = 3, .s = 1, .pad = 1},
    {.name = "direct 3x3 512->512 @7", .f = k3w7, .ic = 512, .h = 7, .oc = 512, .k = 3, .s = 1, .pad = 1},
    {.name = "direct 3x3 512->512 @7 v4", .f = k3w7v4, .ic = 512, .h = 7, .oc = 512, .k = 3, .s = 1, .pad = 1},
    {.name = "direct 3x3/2 128->128 @56", .f = k3s2, .ic = 128, .h = 56, .oc = 128, .k = 3, .s = 2, .pad = 1},
    {.name = "direct 5x5 96->256 @27", .f = k5w27, .ic = 96, .h = 27, .oc = 256, .k = 5, .s = 1, .pad = 2},
    {.name = "direct 1x1 64->256 @56", .f = k1, .ic = 64, .h = 56, .oc = 256, .k = 1, .s = 1},
    {.name = "direct 1x1 64->256 @56 add", .f = k1add, .ic = 64, .h = 56, .oc = 256, .k = 1, .s = 1, .add = 1},
    {.name = "direct 1x1 256->64 @56", .f = k1, .ic = 256, .h = 56, .oc = 64, .k = 1, .s = 1},
    {.name = "direct 1x1 512->128 @28", .f = k1, .ic = 512, .h = 28, .oc = 128, .k = 1, .s = 1},
    {.name = "direct 1x1 1024->256 @14", .f = k1, .ic = 1024, .h = 14, .oc = 256, .k = 1, .s = 1},
    {.name = "direct 1x1 2048->512 @7", .f = k1w49, .ic = 2048, .h = 7, .oc = 512, .k = 1, .s = 1},
    {.name = "direct 1x1 512->2048 @7", .f = k1w49, .ic = 512, .h = 7, .oc = 2048, .k = 1, .s = 1},
    {.name = "direct 1x1 16->96 @112", .f = k1, .ic = 16, .h = 112, .oc = 96, .k = 1, .s = 1},
    {.name = "direct 1x1 96->48 @56 v3", .f = k1v3, .ic = 96, .h = 56, .oc = 48, .k = 1, .s = 1},
    {.name = "direct 1x1 96->16 @56 v1", .f = k1v1, .ic = 96, .h = 56, .oc = 16, .k = 1, .s = 1},
    {.name = "direct 1x1/2 256->512 @56", .f = k1s2, .ic = 256, .h = 56, .oc = 512, .k = 1, .s = 2},
#define W(m) .k = 3, .s = 1, .pad = 1, .winograd = m, .weights = (m + 2) * (m + 2) / 9.0 + 0.01, .scratch = cnnc_winograd_scratch
    {.name = "winograd F4 64->64 @224", .f = f4, .ic = 64, .h = 224, .oc = 64, W(4)},
    {.name = "winograd F4 64->64 @56", .f = f4, .ic = 64, .h = 56, .oc = 64, W(4)},
    {.name = "winograd F4 128->128 @112", .f = f4, .ic = 128, .h = 112, .oc = 128, W(4)},
    {.name = "winograd F4 128->128 @28", .f = f4w25, .ic = 128, .h = 28, .oc = 128, W(4)},
    {.name = "winograd F4 256->256 @56", .f = f4, .ic = 256, .h = 56, .oc = 256, W(4)},
    {.name = "winograd F4 512->512 @28", .f = f4w25, .ic = 512, .h = 28, .oc = 512, W(4)},
    {.name = "winograd F4 256->256 @14", .f = f4w16, .ic = 256, .h = 14, .oc = 256, W(4)},
    {.name = "winograd F4 512->512 @14", .f = f4w16, .ic = 512, .h = 14, .oc = 512, W(4)},
    {.name = "winograd F4 512->512 @7", .f = f4w4, .ic = 512, .h = 7, .oc = 512, W(4)},
    {.name = "winograd F2 64->64 @56", .f = f2, .ic = 64, .h = 56, .oc = 64, W(2)},
    {.name = "winograd F2 256->256 @14", .f = f2w49, .ic = 256, .h = 14, .oc = 256, W(2)},
    {.name = "winograd F2 512->512 @14", .f = f2w49, .ic = 512, .h = 14, .oc = 512, W(2)},
    {.name = "winograd F2 512->512 @7", .f = f2w16, .ic = 512, .h = 7, .oc = 512, W(2)},
#define R .k = 3, .s = 1, .pad = 1, .winograd = 6, .scratch = cnnc_winograd_raw_scratch
    {.name = "winograd raw 128->128 @28", .f = raw25, .ic = 128, .h = 28, .oc = 128, R},
    {.name = "winograd raw 64->256 @13", .f = raw16, .ic = 64, .h = 13, .oc = 256, R},
    {.name = "winograd raw 128->32 @14", .f = raw16, .ic = 128, .h = 14, .oc = 32, R},
    {.name = "winograd raw 256->256 @14", .f = raw16, .ic = 256, .h = 14, .oc = 256, R},
    {.name = "winograd raw 512->512 @14", .f = raw16, .ic = 512, .h = 14, .oc = 512, R},
    {.name = "winograd raw 512->512 @7", .f = raw4, .ic = 512, .h = 7, .oc = 512, R},
    {.name = "depthwise 3x3 144 @56", .f = dw3, .ic = 144, .h = 56, .oc = 144, .k = 3, .s = 1, .pad = 1, .groups = 144},
    {.name = "depthwise 3x3/2 96 @112", .f = dw3s2, .ic = 96, .h = 112, .oc = 96, .k = 3, .s = 2, .pad = 1, .groups = 96},
    {.name = "depthwise 3x3 384 @14", .f = dw3w14, .ic = 384, .h = 14, .oc = 384, .k = 3, .s = 1, .pad = 1, .groups = 384},
    {.name = "depthwise 3x3 384 @14 clipped", .f = dw3w14c, .ic = 384, .h = 14, .oc = 384, .k = 3, .s = 1, .pad = 1, .groups = 384, .clip = 1},
    {.name = "depthwise 3x3 960 @7", .f = dw3w7, .ic = 960, .h = 7, .oc = 960, .k = 3, .s = 1, .pad = 1, .groups = 960},
    {.name = "depthwise 5x5 240 @14", .f = dw5w14, .ic = 240, .h = 14, .oc = 240, .k = 5, .s = 1, .pad = 2, .groups = 240},
    {.name = "first 3x3 3->64 @224", .f = first3, .ic = 3, .h = 224, .oc = 64, .k = 3, .s = 1, .pad = 1, .plain = 1, .scratch = cnnc_conv_first_scratch},
    {.name = "first 3x3/2 3->32 @224", .f = first3s2, .ic = 3, .h = 224, .oc = 32, .k = 3, .s = 2, .pad = 1, .plain = 1, .scratch = cnnc_conv_first_scratch},
    {.name = "first 7x7/2 3->64 @224", .f = first7s2, .ic = 3, .h = 224, .oc = 64, .k = 7, .s = 2, .pad = 3, .plain = 1, .scratch = cnnc_conv_first_scratch},
    {.name = "first 11x11/4 3->96 @227", .f = first11s4, .ic = 3, .h = 227, .oc = 96, .k = 11, .s = 4, .pad = 0, .plain = 1, .scratch = cnnc_conv_first_scratch},
};

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
    top = peak();
    printf("level %d, FMA peak %.1f GFLOP/s\n", CNNC_LEVEL, top);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        measure(&layers[i]);
    double again = peak();
    printf("peak again %.1f\n", again);
    return 0;
}
#include "simd_end.h"
