/* A depthwise convolution with the 1x1 behind it, and the same with the convolution before it, against all of them in double; weights of floats and
 * of 16 bits. The cache is said to be so small that most planes are several bands of rows.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/inverted_residual.c -lm */
#define CNNC_L2_BYTES (1 << 15)
#include "inverted_residual.h"
#include "half.h"
#include "conv_test.h"

#define NONE {.n = 0}
#define RELU6 {.n = 1, .s = {{CNNC_ST_CLAMP, 0, 6}}}
#define SIGMOID {.n = 1, .s = {{CNNC_ST_SIGMOID, 0, 0}}}
#define ADD {.n = 1, .s = {{CNNC_ST_ADD, 0, 0}}}
#define ADD_RELU {.n = 2, .s = {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_CLAMP, 0, INFINITY}}}
#define SCALED {.n = 2, .s = {{CNNC_ST_SCALE, 0, 0}, {CNNC_ST_CLAMP, 0, 6}}}
#define SCALED_ADD {.n = 2, .s = {{CNNC_ST_SCALE, 0, 0}, {CNNC_ST_ADD, 0, 0}}}

/* K: the first convolution's filter, 0: there is none; DK, DS: the depthwise one's filter and stride; TW, OCB: tiles of both others; H: type
 * of the weights */
#define INSTANCES(M)                                                                                                 \
    M(a, 1, 3, 1, 1, 1, RELU6, RELU6, ADD, 0) M(b, 1, 3, 2, 3, 2, SIGMOID, SIGMOID, NONE, 0) M(c, 3, 5, 2, 1, 1, NONE, RELU6, RELU6, 0) \
    M(d, 0, 3, 1, 3, 2, NONE, SIGMOID, ADD_RELU, 0) M(e, 0, 5, 2, 1, 1, NONE, RELU6, NONE, 0) M(f, 1, 3, 1, 3, 2, SCALED, SCALED, SCALED_ADD, 1) \
    M(g, 0, 3, 2, 1, 1, NONE, SCALED, SCALED, 1) M(h, 1, 3, 1, 1, 1, NONE, NONE, ADD, 2)
#define DEFINE(name, K, DK, DS, TW, OCB, FIRST, SECOND, THIRD, H)                                                    \
    static void run_##name(const struct cnnc_inverted_residual *g, const void *const in[], void *const out[], struct cnnc_thread t) \
    {                                                                                                                \
        struct cnnc_inverted_residual k = *g;                                                                        \
        k.c.kd = k.d.kd = k.e.kd = k.e.kh = k.e.kw = 1, k.c.kh = k.c.kw = K, k.d.kh = k.d.kw = DK, k.d.sw = DS;     \
        k.c.sw = k.c.dw = k.d.dw = k.e.sw = k.e.dw = 1, k.c.tile_w = k.d.tile_w = k.e.tile_w = TW;                   \
        k.c.tile_ocb = k.e.tile_ocb = OCB, k.c.passes = k.e.passes = 1, k.c.flat = k.e.flat = 0;                     \
        k.c.half = k.d.half = k.e.half = H;                                                                          \
        k.c.ep = (struct cnnc_epilogue)FIRST, k.d.ep = (struct cnnc_epilogue)SECOND, k.e.ep = (struct cnnc_epilogue)THIRD; \
        if (K)                                                                                                       \
            CNNC_FN(cnnc_inverted_residual)(&k, in, out, t);                                                         \
        else                                                                                                         \
            CNNC_FN(cnnc_depthwise_separable)(&k, in, out, t);                                                       \
    }
INSTANCES(DEFINE)
#define LIST(name, K, DK, DS, TW, OCB, FIRST, SECOND, THIRD, H) {run_##name, K, DK, DS, TW, OCB, H, {FIRST, SECOND, THIRD}},
static const struct instance {
    void (*f)(const struct cnnc_inverted_residual *, const void *const[], void *const[], struct cnnc_thread);
    int k, dk, ds, least, ocb, half;
    struct cnnc_epilogue ep[3];
} instances[] = {INSTANCES(LIST)};
enum { COUNT = sizeof instances / sizeof *instances };

/* A layer: what it reads and makes, its weights and bias, the operands of its stages. */
struct layer {
    struct cnnc_conv *g;
    const struct tensor *x, *add;
    struct tensor y;
    float *w, *packed, *bias, *scale[2];
    uint16_t *packed16;
};

/* All of y in double. */
static void reference(const struct layer *l, const struct cnnc_epilogue *e, const struct tensor *y, double *worst)
{
    const struct cnnc_conv *g = l->g;
    for (int n = 0; n < g->n; n++)
        for (int o = 0; o < cnnc_blocks(g->oc) * CNNC_B; o++)
            for (int r = 0; r < g->oh; r++)
                for (int q = 0; q < g->ow; q++) {
                    double size = 0, v = o < g->oc ? conv_at(g, l->x, l->w, l->bias, n, o, 0, r, q, &size) : 0;
                    for (int i = 0; i < e->n && o < g->oc; i++)
                        v = e->s[i].op == CNNC_ST_SCALE ? stage(&e->s[i], v, l->scale[0][o], l->scale[1][o])
                                                        : stage(&e->s[i], v, l->add ? *at(l->add, n, o, 0, r, q) : 0, 0);
                    if (worst)
                        *worst = fmax(*worst, fabs(*at(y, n, o, 0, r, q) - v) / (o < g->oc ? size + 1 : 1));
                    else
                        *at(y, n, o, 0, r, q) = (float)v;
                }
}

static void prepare(struct layer *l, int half, int depthwise)
{
    struct cnnc_conv *g = l->g;
    const size_t nw = (size_t)g->oc * (size_t)(g->ic / g->groups * g->kh * g->kw), padded = (size_t)cnnc_blocks(g->oc) * CNNC_B;
    const size_t np = depthwise ? cnnc_pack_depthwise_size(g) : cnnc_pack_conv_size(g);
    l->w = vec(nw, nw), l->bias = vec(padded, (size_t)g->oc), l->packed = vec(np, 0);
    l->scale[0] = vec(padded, (size_t)g->oc), l->scale[1] = vec(padded, (size_t)g->oc);
    free(halves(l->w, half ? nw : 0, half)); /* rounded */
    (depthwise ? cnnc_pack_depthwise : cnnc_pack_conv)(g, l->w, l->packed);
    l->packed16 = halves(l->packed, half ? np : 0, half);
}

static void one_case(const struct instance *how, int n, int ic, int hidden, int oc, int h, int w, int pad, int threads)
{
    struct cnnc_inverted_residual g;
    struct cnnc_conv *part[] = {&g.c, &g.d, &g.e};
    const int first = how->k ? 0 : 1;
    memset(&g, 0, sizeof g);
    if (how->k)
        g.c = conv2d(n, ic, h, w, hidden, how->k, 1, how->k / 2, 1, 1);
    g.d = conv2d(n, hidden, how->k ? g.c.oh : h, how->k ? g.c.ow : w, hidden, how->dk, how->ds, pad, 1, hidden);
    g.e = conv2d(n, hidden, g.d.oh, g.d.ow, oc, 1, 1, 0, 1, 1);
    if (g.d.oh < 1 || g.d.ow < how->least || (how->k && g.c.ow < how->least))
        return;
    const int halo = how->k ? how->k / 2 : pad + how->dk; /* the depthwise one reads a halo of its own */
    struct tensor x = make(n, how->k ? ic : hidden, 1, h, w, CNNC_B, 0, halo, halo, 1), y = make(n, oc, 1, g.e.oh, g.e.ow, CNNC_B, 0, 1, 1, 0);
    struct tensor add = make(n, oc, 1, g.e.oh, g.e.ow, CNNC_B, 0, 0, 0, 1);
    struct layer layer[3];
    const void *in[16];
    void *out[] = {y.p};
    int operands = 0;
    for (int i = first; i < 3; i++)
        part[i]->ep = how->ep[i];
    g.c.half = g.d.half = g.e.half = how->half;
    *(how->k ? &g.c.x : &g.d.x) = x.v, g.e.y = y.v, g.e.add = add.v;
    cnnc_inverted_residual_plan(&g);
    for (int i = first; i < 3; i++) {
        if (i != 1)
            part[i]->tile_ocb = how->ocb, part[i]->oc_low = cnnc_plan_low(part[i]);
        layer[i] = (struct layer){.g = part[i], .x = i == first ? &x : &layer[i - 1].y, .add = i == 2 ? &add : NULL};
        layer[i].y = make(n, part[i]->oc, 1, part[i]->oh, part[i]->ow, CNNC_B, 0, 0, 0, 0);
        prepare(&layer[i], how->half, i == 1);
        in[operands++] = how->half ? (const void *)layer[i].packed16 : layer[i].packed;
        in[operands++] = layer[i].bias;
    }
    memmove(in + 1, in, (size_t)operands++ * sizeof *in);
    in[0] = x.p;
    for (int i = first; i < 3; i++)
        for (int s = 0; s < how->ep[i].n; s++) {
            if (how->ep[i].s[s].op == CNNC_ST_SCALE)
                in[operands] = layer[i].scale[0], in[operands + 1] = layer[i].scale[1], operands += 2;
            if (how->ep[i].s[s].op == CNNC_ST_ADD)
                in[operands++] = add.p;
        }
    const size_t bytes = cnnc_inverted_residual_scratch(&g);
    char *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    for (int t = 0; t < threads; t++) {
        memset(scratch, 0xff, bytes);
        how->f(&g, in, out, (struct cnnc_thread){t, threads, scratch});
    }
    double worst = 0;
    for (int i = first; i < 3; i++)
        reference(&layer[i], &how->ep[i], i < 2 ? &layer[i].y : &y, i < 2 ? NULL : &worst);
    int outside = 0; /* the border of the result is nobody's to write */
    for (int q = -1; q <= g.e.ow; q++)
        outside |= *at(&y, 0, 0, 0, -1, q) != 0 || *at(&y, 0, 0, 0, g.e.oh, q) != 0;
    report(!(worst <= 4e-6) || outside, &g.d, "inverted residual", outside ? "writes outside" : "wrong");
    for (int i = first; i < 3; i++) {
        free(layer[i].w), free(layer[i].packed), free(layer[i].packed16), free(layer[i].bias);
        free(layer[i].scale[0]), free(layer[i].scale[1]), free(layer[i].y.base);
    }
    free(x.base), free(y.base), free(add.base), free(scratch);
}

int main(void)
{
    static const int channels[][3] = {{1, 3, 2}, {5, 16, 16}, {16, 32, 24}, {24, 40, 5}, {40, 64, 33}};
    static const int pairs[][3] = {{16, 32, 32}, {5, 64, 24}, {40, 32, 17}};
    int turn = 0;
    for (int h = 1; h <= 19; h += h < 6 ? 1 : 4)
        for (int w = 1; w <= 31; w += w < 8 ? 1 : 7)
            for (int i = 0; i < COUNT; i++, turn++) {
                const int *c = instances[i].ocb == 2 ? pairs[turn % 3] : channels[turn % 5];
                one_case(&instances[i], 1 + turn % 2, c[0], c[1], c[2], h, w, turn % 7 == 0 ? 0 : instances[i].dk / 2, 1 + turn % 3);
            }
    printf("inverted_residual level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
