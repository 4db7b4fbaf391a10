/* Convolutions with weights of 16 bits: the same as the float kernels (tested by themselves) on the same weights widened ahead. And the
 * loads alone, over every value.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/half.c -lm */
#include "conv_depthwise.h"
#include "conv_first.h"
#include "conv_narrow.h"
#include "conv_pool.h"
#include "conv_transpose.h"
#include "conv_winograd.h"
#include "half.h"
#include "conv_test.h"

/* The three types of a kernel; all that shapes the code is literal. */
#define ONE(name, KERNEL, M, W, OCB, CLIP, H)                                                                        \
    static void name##_##H(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t) \
    {                                                                                                                \
        struct cnnc_conv k = *g;                                                                                     \
        if (M)                                                                                                       \
            k.kh = 3;                                                                                                \
        k.winograd = M, k.tile_w = W, k.tile_ocb = OCB, k.clip = CLIP, k.half = H, k.ep.n = 0;                       \
        CNNC_FN(KERNEL)(&k, in, out, t);                                                                             \
    }
#define TYPES(name, KERNEL, M, W, OCB, CLIP)                                                                         \
    ONE(name, KERNEL, M, W, OCB, CLIP, 0) ONE(name, KERNEL, M, W, OCB, CLIP, 1) ONE(name, KERNEL, M, W, OCB, CLIP, 2) \
    static const kernel name[] = {name##_0, name##_1, name##_2};
TYPES(direct1, cnnc_conv_direct, 0, 1, 1, 0)
TYPES(direct2, cnnc_conv_direct, 0, 0, 2, 0)
TYPES(first, cnnc_conv_first, 0, 3, 1, 0)
TYPES(transposed, cnnc_conv_transpose, 0, 3, 1, 0)
TYPES(depthwise, cnnc_depthwise, 0, 4, 1, 0)
TYPES(clipped, cnnc_depthwise, 0, 4, 1, 1)
TYPES(narrow, cnnc_conv_narrow, 0, 17, 5, 0)
TYPES(narrow_blocked, cnnc_conv_narrow_blocked, 0, 17, 5, 0)
TYPES(winograd2, cnnc_conv_winograd, 2, 3, 1, 0)
TYPES(winograd4, cnnc_conv_winograd, 4, 3, 2, 0)
TYPES(winograd_raw, cnnc_conv_winograd_raw, 4, 3, 2, 0)

static size_t narrow_scratch(const struct cnnc_conv *g) { return cnnc_conv_narrow_scratch(g, 1); }
static void plan2(struct cnnc_conv *g) { g->winograd = 2, cnnc_winograd_plan(g); }
static void plan4(struct cnnc_conv *g) { g->winograd = 4, cnnc_winograd_plan(g); }

static void both(struct cnnc_conv g, const kernel f[3], const struct how *how)
{
    for (int half = 1; half <= 2; half++) {
        int hd = 0, hh = 0, hw = 0, bad = 0;
        if (how->transposed)
            hd = g.kd * g.dd, hh = g.kh * g.dh, hw = g.kw * g.dw;
        else if (!how->clip)
            hd = halo_of(g.id, g.od, g.kd, g.sd, g.dd, g.pd), hh = halo_of(g.ih, g.oh, g.kh, g.sh, g.dh, g.ph), hw = halo_of(g.iw, g.ow, g.kw, g.sw, g.dw, g.pw);
        struct tensor x = make(g.n, g.ic, g.id, g.ih, g.iw, how->x_block, hd, hh, hw, 1), y[2];
        const size_t nw = (size_t)g.oc * (size_t)g.ic * (size_t)(g.kd * g.kh * g.kw);
        float *w = vec(nw, nw), *bias = vec((size_t)cnnc_blocks(g.oc) * CNNC_B, (size_t)g.oc);
        for (size_t i = 0; i < nw; i += 7)
            w[i] *= half == CNNC_WEIGHTS_F16 ? 0x1p-13f : 0x1p-60f; /* some become 0 */
        uint16_t *packed16 = NULL;
        for (int type = 0; type < 2; type++) {
            struct cnnc_conv k = g;
            y[type] = make(g.n, g.oc, g.od, g.oh, g.ow, CNNC_B, 0, 0, 0, 0);
            k.x = x.v, k.y = y[type].v, k.half = type ? half : 0;
            how->plan(&k);
            float *packed = vec(how->size(&k), 0);
            how->pack(&k, w, packed);
            packed16 = halves(packed, how->size(&k), half);
            const size_t bytes = how->scratch ? how->scratch(&k) : 0;
            char *scratch = aligned_alloc(64, (bytes + 127) / 64 * 64);
            const void *in[] = {x.p, type ? (const void *)packed16 : packed, bias};
            void *out[] = {y[type].p};
            for (int t = 0; t < how->threads; t++) {
                memset(scratch, 0xff, bytes);
                f[k.half](&k, in, out, (struct cnnc_thread){t, how->threads, scratch});
            }
            free(packed), free(packed16), free(scratch);
        }
        for (size_t i = 0; i < y[0].floats; i++)
            bad |= !(fabsf(y[0].base[i] - y[1].base[i]) <= 1e-6f * fabsf(y[0].base[i]));
        report(bad, &g, how->name, half == 1 ? "float16" : "bfloat16");
        free(x.base), free(y[0].base), free(y[1].base), free(w), free(bias);
    }
}

/* Joined kernels, whose weights are two: 1x1, then 3x3. Factors in stages of both. */
#define JOINED(name, H)                                                                                              \
    static void name(const struct cnnc_conv_depthwise *g, const void *const in[], void *const out[], struct cnnc_thread t) \
    {                                                                                                                \
        struct cnnc_conv_depthwise k = *g;                                                                           \
        k.c.kd = k.d.kd = k.c.kh = k.c.kw = 1, k.d.kh = k.d.kw = 3, k.c.tile_w = k.d.tile_w = 3, k.c.tile_ocb = 2;   \
        k.c.passes = 1, k.c.flat = 0, k.c.sw = k.c.dw = k.d.sw = k.d.dw = 1, k.c.half = k.d.half = H;                \
        k.c.ep = (struct cnnc_epilogue){2, {{CNNC_ST_SCALE, 0, 0}, {CNNC_ST_CLAMP, 0, 6}}};                          \
        k.d.ep = (struct cnnc_epilogue){1, {{CNNC_ST_SCALE, 0, 0}}};                                                 \
        CNNC_FN(cnnc_conv_depthwise)(&k, in, out, t);                                                                \
    }
JOINED(joined_0, 0)
JOINED(joined_1, 1)
JOINED(joined_2, 2)

static void joined(int size, int ic, int oc, int threads)
{
    for (int half = 1; half <= 2; half++) {
        const size_t padded = (size_t)cnnc_blocks(oc) * CNNC_B, nw = (size_t)(oc * ic);
        struct tensor x = make(1, ic, 1, size, size, CNNC_B, 0, 0, 0, 1), between = make(1, oc, 1, size, size, CNNC_B, 0, 0, 0, 0), y[2];
        float *w1 = vec(nw, nw), *w2 = vec((size_t)oc * 9, (size_t)oc * 9), *stage[4];
        double worst = 0, size_of;
        struct cnnc_conv_depthwise g;
        memset(&g, 0, sizeof g);
        for (int i = 0; i < 4; i++)
            stage[i] = vec(padded, (size_t)oc);
        for (int type = 0; type < 2; type++) {
            y[type] = make(1, oc, 1, size, size, CNNC_B, 0, 0, 0, 0);
            g.c = conv2d(1, ic, size, size, oc, 1, 1, 0, 1, 1), g.d = conv2d(1, oc, size, size, oc, 3, 1, 1, 1, oc);
            g.c.ep.n = 2, g.d.ep.n = 1, g.c.x = x.v, g.d.y = y[type].v;
            cnnc_conv_depthwise_plan(&g);
            g.c.tile_ocb = 2;
            float *p1 = vec(cnnc_pack_conv_size(&g.c), 0), *p2 = vec(cnnc_pack_depthwise_size(&g.d), 0);
            cnnc_pack_conv(&g.c, w1, p1), cnnc_pack_depthwise(&g.d, w2, p2);
            uint16_t *h1 = halves(p1, cnnc_pack_conv_size(&g.c), half), *h2 = halves(p2, cnnc_pack_depthwise_size(&g.d), half);
            const size_t bytes = cnnc_conv_depthwise_scratch(&g);
            char *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
            const void *in[] = {x.p, type ? (const void *)h1 : p1, NULL, type ? (const void *)h2 : p2, NULL, stage[0], stage[1], stage[2], stage[3]};
            void *out[] = {y[type].p};
            for (int t = 0; t < threads; t++)
                (!type ? joined_0 : half == 1 ? joined_1 : joined_2)(&g, in, out, (struct cnnc_thread){t, threads, scratch});
            free(p1), free(p2), free(h1), free(h2), free(scratch);
        }
        free(halves(w1, nw, half)), free(halves(w2, (size_t)oc * 9, half));
        for (int o = 0; o < oc; o++)
            for (int r = 0; r < size; r++)
                for (int c = 0; c < size; c++)
                    *at(&between, 0, o, 0, r, c) = (float)fmin(fmax(conv_at(&g.c, &x, w1, NULL, 0, o, 0, r, c, &size_of) * stage[0][o] + stage[1][o], 0), 6);
        for (int o = 0; o < oc; o++)
            for (int r = 0; r < size; r++)
                for (int c = 0; c < size; c++) {
                    const double v = conv_at(&g.d, &between, w2, NULL, 0, o, 0, r, c, &size_of) * stage[2][o] + stage[3][o];
                    for (int type = 0; type < 2; type++)
                        worst = fmax(worst, fabs(*at(&y[type], 0, o, 0, r, c) - v) / (size_of + 1));
                }
        report(!(worst <= 4e-6), &g.c, "convolution + depthwise", half == 1 ? "float16" : "bfloat16");
        free(x.base), free(between.base), free(y[0].base), free(y[1].base), free(w1), free(w2);
        for (int i = 0; i < 4; i++)
            free(stage[i]);
    }
}

/* Every finite bit pattern; float16 below 2^-14 may become 0. */
static void loads(void)
{
    int wrong = 0;
    for (long i = 0; i < 65536; i += CNNC_VL) {
        uint16_t bits[CNNC_VL];
        float f[CNNC_VL], b[CNNC_VL];
        for (int k = 0; k < CNNC_VL; k++)
            bits[k] = (uint16_t)(i + k);
        CNNC_VSTORE(f, CNNC_VLOAD_F16(bits));
        CNNC_VSTORE(b, CNNC_VLOAD_BF16(bits));
        for (int k = 0; k < CNNC_VL; k++) {
            const int exponent = bits[k] >> 10 & 31;
            const float v = cnnc_load_f16(bits, k), w = cnnc_load_bf16(bits, k);
            wrong += exponent != 31 && f[k] != v && !(exponent == 0 && f[k] == 0);
            wrong += memcmp(&b[k], &w, sizeof w) != 0 && w == w;
        }
    }
    wrong ? failed++ : passed++;
    if (wrong)
        printf("FAIL loads: %d values\n", wrong);
}

int main(void)
{
    struct how how = {"direct", NULL, CNNC_B, 0, 0, 0, 0, 1, cnnc_conv_plan, cnnc_pack_conv_size, cnnc_pack_conv, NULL, 0};
    loads();
    for (int i = 0; i < 12; i++) {
        const int size = 3 + i, k = 1 + i % 3 * 2, p = k / 2;
        how.threads = 1 + i % 3;
        how = (struct how){"direct", NULL, CNNC_B, 0, 0, 0, 0, how.threads, cnnc_conv_plan, cnnc_pack_conv_size, cnnc_pack_conv, NULL, 0};
        both(conv2d(1 + i % 2, 5 + 13 * i, size, size + 2, 18, k, 1 + i % 2, p, 1, 1), direct1, &how);
        both(conv2d(1, 64, size, size, 64, k, 1, p, 1, 1 + i % 2), direct1, &how);
        both(conv2d(1, 12, size, size, 24, k, 1, p, 1, 3), direct1, &how);
        both(conv2d(1, 40 + i, 9, 30, 32, k, 1, p, 1, 1), direct2, &how);
        how.name = "first", how.x_block = 1, how.clip = 1, how.plan = cnnc_conv_first_plan, how.size = cnnc_pack_conv_first_size;
        how.pack = cnnc_pack_conv_first, how.scratch = cnnc_conv_first_scratch;
        both(conv2d(1, 1 + i % 4, size + 4, size + 4, 20, k, 1 + i % 2, p, 1, 1), first, &how);
        how.name = "narrow", how.plan = cnnc_conv_narrow_plan, how.scratch = narrow_scratch;
        both(conv2d(1, 1 + i % 4, 8 + i, 17, 5, k, 1, p, 1, 1), narrow, &how);
        how.x_block = CNNC_B;
        both(conv2d(1, 20 + i, 8 + i, 17, 5, k, 1, p, 1, 1), narrow_blocked, &how);
        how.name = "depthwise", how.clip = i % 2, how.plan = cnnc_depthwise_plan, how.size = cnnc_pack_depthwise_size;
        how.pack = cnnc_pack_depthwise, how.scratch = NULL;
        both(conv2d(1, 20, 9, 9 + i, 20, i == 11 ? 9 : k, 1 + i % 2, i == 11 ? 4 : p, 1, 20), i % 2 ? clipped : depthwise, &how);
        how.name = "transposed", how.clip = 0, how.transposed = 1, how.plan = cnnc_conv_transpose_plan;
        how.size = cnnc_pack_conv_size, how.pack = cnnc_pack_conv_transpose;
        struct cnnc_conv g = conv2d(1, 7 + 9 * i, size, size, 20, k, 1 + i % 3, 0, 1, 1);
        g.oh = (g.ih - 1) * g.sh + g.kh, g.ow = (g.iw - 1) * g.sw + g.kw;
        both(g, transposed, &how);
        how.name = "winograd", how.clip = 1, how.transposed = 0, how.size = cnnc_winograd_weights_size, how.pack = cnnc_winograd_weights;
        how.plan = plan2, how.scratch = cnnc_winograd_scratch;
        both(conv2d(1, 7 + 9 * i, size + 3, size, 20, 3, 1, 1 + i % 2, 1, 1), winograd2, &how);
        how.plan = plan4;
        both(conv2d(1, 16 + i, size + 6, size + 6, 32, 3, 1, 1, 1, 1), winograd4, &how);
        how.name = "winograd, raw", how.plan = cnnc_winograd_raw_plan, how.scratch = cnnc_winograd_raw_scratch;
        how.size = cnnc_pack_conv_size, how.pack = cnnc_pack_conv;
        both(conv2d(1, 16 + i, size + 6, size + 6, 32, 3, 1, 1, 1, 1), winograd_raw, &how);
        joined(4 + i, 6 + i, 20 + i, how.threads);
    }
    printf("half level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
