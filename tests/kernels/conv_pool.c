/* Convolution with max pooling against the kernel without it and a pool in scalar C.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/conv_pool.c -lm */
#include "conv_narrow.h"
#include "conv_pool.h"
#include "conv_winograd.h"
#include "conv_test.h"

#define BOTH(name, W, OCB, EP)                                                                                       \
    static void name(const struct cnnc_conv_pool *g, const void *const in[], void *const out[], struct cnnc_thread t, int first) \
    {                                                                                                                \
        struct cnnc_conv_pool k = *g;                                                                                \
        k.c.tile_w = W, k.c.tile_ocb = OCB, k.c.passes = 1, k.c.flat = 0, k.c.oc_low = cnnc_plan_low(&k.c);        \
        k.c.ep = (struct cnnc_epilogue)EP;                                                                           \
        if (first)                                                                                                   \
            CNNC_FN(cnnc_conv_first_pool)(&k, in, out, t);                                                           \
        else                                                                                                         \
            CNNC_FN(cnnc_conv_direct_pool)(&k, in, out, t);                                                          \
    }
#define RELU {.n = 1, .s = {{CNNC_ST_CLAMP, 0, INFINITY}}}
#define ADD_TANH {.n = 2, .s = {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_TANH, 0, 0}}}
BOTH(one_relu, 1, 1, RELU)
BOTH(one_add, 1, 1, ADD_TANH)
BOTH(three_relu, 3, 2, RELU)
BOTH(three_add, 3, 1, ADD_TANH)

#define WINOGRAD(name, M, EP)                                                                                        \
    static void name(const struct cnnc_conv_pool *g, const void *const in[], void *const out[], struct cnnc_thread t) \
    {                                                                                                                \
        struct cnnc_conv k = g->c;                                                                                   \
        k.winograd = M, k.kh = 3, k.tile_w = 3, k.tile_ocb = 1, k.pool = 1;                                          \
        k.ep = (struct cnnc_epilogue)EP;                                                                             \
        CNNC_FN(cnnc_conv_winograd)(&k, in, out, t);                                                                 \
    }
WINOGRAD(f4_relu, 4, RELU)
WINOGRAD(f4_add, 4, ADD_TANH)
WINOGRAD(f2_relu, 2, RELU)
WINOGRAD(f2_add, 2, ADD_TANH)

#define NARROW(name, OC, W)                                                                                          \
    static void name(const struct cnnc_conv_pool *g, const void *const in[], void *const out[], struct cnnc_thread t) \
    {                                                                                                                \
        struct cnnc_conv_pool k = *g;                                                                                \
        k.c.tile_ocb = OC, k.c.tile_w = W;                                                                           \
        k.c.ep = (struct cnnc_epilogue)RELU;                                                                         \
        CNNC_FN(cnnc_conv_narrow_pool)(&k, in, out, t);                                                              \
    }
NARROW(narrow1, 1, 5)
NARROW(narrow6, 6, 40)

/* kind: 0 direct, 1 first, 2 and 4 Winograd, 3 narrow */
static void pool_case(struct cnnc_conv c, int kind, int pk, int ps, int pp, int threads)
{
    const int first = kind == 1 || kind == 3, winograd = kind == 2 || kind == 4;
    struct cnnc_conv_pool g;
    memset(&g, 0, sizeof g);
    g.c = c;
    if (c.oh + 2 * pp < pk || c.ow + 2 * pp < pk || pp >= pk)
        return;
    g.pool_kh = g.pool_kw = pk, g.pool_sh = g.pool_sw = ps, g.pool_ph = g.pool_pw = pp;
    g.pool_oh = (c.oh + 2 * pp - pk) / ps + 1, g.pool_ow = (c.ow + 2 * pp - pk) / ps + 1;
    int halo_h = first ? 0 : halo_of(c.ih, c.oh, c.kh, c.sh, c.dh, c.ph), halo_w = first ? 0 : halo_of(c.iw, c.ow, c.kw, c.sw, c.dw, c.pw);
    struct tensor x = make(c.n, c.ic, 1, c.ih, c.iw, first ? 1 : CNNC_B, 0, halo_h, halo_w, 1);
    struct tensor y = make(c.n, c.oc, 1, g.pool_oh, g.pool_ow, CNNC_B, 0, 1, 1, 0), add = make(c.n, c.oc, 1, c.oh, c.ow, CNNC_B, 0, 0, 0, 1);
    size_t nw = (size_t)c.oc * (c.ic / c.groups) * c.kh * c.kw;
    float *w = vec(nw, nw), *bias = vec((size_t)cnnc_blocks(c.oc) * CNNC_B, (size_t)c.oc);
    g.c.x = x.v, g.c.y = y.v, g.c.add = add.v;
    if (winograd)
        g.c.winograd = kind, cnnc_winograd_plan(&g.c);
    else if (first)
        cnnc_conv_first_plan(&g.c);
    else
        cnnc_conv_rows_plan(&g.c);
    float *packed = vec(winograd ? cnnc_winograd_weights_size(&g.c) : first ? cnnc_pack_conv_first_size(&g.c) : cnnc_pack_conv_size(&g.c), 0);
    (winograd ? cnnc_winograd_weights : first ? cnnc_pack_conv_first : cnnc_pack_conv)(&g.c, w, packed);
    size_t bytes = kind == 3 ? cnnc_conv_narrow_scratch(&g.c, pk) : winograd ? cnnc_winograd_scratch(&g.c) : first ? cnnc_conv_first_pool_scratch(&g) : cnnc_conv_direct_pool_scratch(&g);
    char *scratch = aligned_alloc(64, (bytes + 127) / 64 * 64);
    const void *in[] = {x.p, packed, bias, add.p};
    void *out[] = {y.p};
    for (int t = 0; t < threads; t++) {
        struct cnnc_thread th = {t, threads, scratch};
        memset(scratch, 0xff, bytes);
        if (winograd)
            (kind == 4 ? c.ep.n == 1 ? f4_relu : f4_add : c.ep.n == 1 ? f2_relu : f2_add)(&g, in, out, th);
        else if (kind == 3)
            (c.oc == 1 ? narrow1 : narrow6)(&g, in, out, th);
        else if (c.ow >= 3 && c.ep.n == 1 && cnnc_blocks(c.oc / c.groups) % 2 == 0 && cnnc_conv_aligned(&c))
            three_relu(&g, in, out, th, first);
        else
            (c.ep.n == 1 ? one_relu : c.ow >= 3 ? three_add : one_add)(&g, in, out, th, first);
    }
    int bad = 0;
    for (int n = 0; n < c.n; n++)
        for (int o = 0; o < c.oc; o++)
            for (int r = 0; r < g.pool_oh; r++)
                for (int q = 0; q < g.pool_ow; q++) {
                    double best = -1e30, size, most = 0;
                    for (int a = 0; a < pk; a++)
                        for (int b = 0; b < pk; b++) {
                            int rr = r * ps - pp + a, qq = q * ps - pp + b;
                            if (rr < 0 || rr >= c.oh || qq < 0 || qq >= c.ow)
                                continue;
                            double v = conv_at(&g.c, &x, w, bias, n, o, 0, rr, qq, &size);
                            for (int s = 0; s < c.ep.n; s++)
                                v = stage(&c.ep.s[s], v, *at(&add, n, o, 0, rr, qq), 0);
                            best = v > best ? v : best, most = size > most ? size : most;
                        }
                    for (int l = c.oc; kind == 3 && l < CNNC_B; l++)
                        bad |= *at(&y, n, l, 0, r, q) != 0;
                    bad |= !(fabs(*at(&y, n, o, 0, r, q) - best) <= (winograd ? 2e-5 : 2e-6) * (most + 1));
                }
    report(bad, &g.c, kind == 3 ? "narrow + pool" : winograd ? "winograd + pool" : first ? "first + pool" : "direct + pool", "wrong");
    free(x.base), free(y.base), free(add.base), free(w), free(bias), free(packed), free(scratch);
}

int main(void)
{
    static const int pools[][3] = {{2, 2, 0}, {3, 2, 0}, {3, 2, 1}, {3, 1, 1}, {2, 3, 0}, {5, 2, 2}};
    int turn = 0;
    for (int size = 1; size <= 19; size += 3)
        for (int k = 1; k <= 5; k += 2)
            for (int s = 1; s <= 2; s++)
                for (int q = 0; q < 6; q++) {
                    static const int ch[][3] = {{3, 5, 1}, {16, 32, 1}, {17, 33, 1}, {8, 8, 2}, {32, 64, 1}};
                    const int *c = ch[turn++ % 5];
                    for (int first = 0; first < 2; first++) {
                        struct cnnc_conv g = conv2d(1 + turn % 2, first ? 1 + turn % 3 : c[0], size, size + turn % 3, c[1], k, s, k / 2, 1, first ? 1 : c[2]);
                        if (turn % 3)
                            g = with(g, CNNC_ST_CLAMP, 0, INFINITY);
                        else
                            g = with(with(g, CNNC_ST_ADD, 0, 0), CNNC_ST_TANH, 0, 0);
                        pool_case(g, first, pools[q][0], pools[q][1], pools[q][2], 1 + turn % 3);
                        if (!first && k == 3 && s == 1 && q == 0 && c[2] == 1)
                            pool_case(g, 2, 2, 2, 0, 1 + turn % 3), pool_case(g, 4, 2, 2, 0, 1 + turn % 3);
                    }
                }
    for (int size = 1; size <= 46; size += size < 8 ? 2 : 9)
        for (int k = 1; k <= 5; k += 2)
            for (int q = 0; q < 6; q++, turn++) {
                struct cnnc_conv g = conv2d(1 + turn % 2, 1 + turn % 3, size, size + turn % 3, turn % 4 ? 6 : 1, k, 1, k / 2, 1 + turn % 2, 1);
                if (g.oh > 0 && g.ow > 0)
                    pool_case(with(g, CNNC_ST_CLAMP, 0, INFINITY), 3, pools[q][0], pools[q][1], pools[q][2], 1 + turn % 3);
            }
    printf("conv_pool level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
