/* What the convolution tests share: tensors with a halo, random data, the reference in double, and the comparison. */
#ifndef CONV_TEST_H
#define CONV_TEST_H
#include "conv_plan.h"
#include <stdio.h>
#include <stdlib.h>

typedef void (*kernel)(const struct cnnc_conv *, const void *const[], void *const[], struct cnnc_thread);

static int passed, failed;
static unsigned seed = 1;
static float rnd(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / 8388608.f - 1;
}

/* A blocked (or plain) tensor in its own allocation, padded by NaN outside of halo and elements. */
struct tensor {
    float *base, *p; /* p: logical element 0 */
    size_t floats;
    int n, c, d, h, w, block, hd, hh, hw;
    struct cnnc_view v;
};

static struct tensor make(int n, int c, int d, int h, int w, int block, int hd, int hh, int hw, int random)
{
    struct tensor t = {0};
    int cb = (c + block - 1) / block;
    t.n = n, t.c = c, t.d = d, t.h = h, t.w = w, t.block = block, t.hd = hd, t.hh = hh, t.hw = hw;
    t.v.h = (ptrdiff_t)(w + 2 * hw) * block;
    t.v.d = t.v.h * (h + 2 * hh);
    t.v.c = t.v.d * (d + 2 * hd);
    t.v.n = t.v.c * cb;
    t.floats = (size_t)(t.v.n * n);
    t.base = aligned_alloc(64, (t.floats * sizeof(float) + 63) / 64 * 64 + 64);
    for (size_t i = 0; i < t.floats; i++)
        t.base[i] = 0;
    t.p = t.base + hd * t.v.d + hh * t.v.h + hw * block;
    for (int b = 0; random && b < n; b++)
        for (int k = 0; k < c; k++)
            for (int z = 0; z < d; z++)
                for (int y = 0; y < h; y++)
                    for (int x = 0; x < w; x++)
                        t.p[b * t.v.n + k / block * t.v.c + z * t.v.d + y * t.v.h + x * block + k % block] = rnd();
    return t;
}

static float *at(const struct tensor *t, int n, int c, int d, int h, int w)
{
    return t->p + n * t->v.n + c / t->block * t->v.c + d * t->v.d + h * t->v.h + w * t->block + c % t->block;
}

static float *vec(size_t n, size_t valid)
{
    float *p = aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64 + 64);
    for (size_t i = 0; i < n; i++)
        p[i] = i < valid ? rnd() : 0;
    return p;
}

#ifdef CNNC_HALF_H
/* n floats as weights of 16 bits, and those as floats again. */
static CNNC_UNUSED uint16_t *halves(float *p, size_t n, int half)
{
    uint16_t *h = malloc((n + 1) * sizeof *h);
    cnnc_halve(p, n, half, h);
    for (size_t i = 0; i < n; i++)
        p[i] = half == CNNC_WEIGHTS_F16 ? cnnc_load_f16(h, (ptrdiff_t)i) : cnnc_load_bf16(h, (ptrdiff_t)i);
    return h;
}
#endif

static double stage(const struct cnnc_stage *s, double v, double p, double q)
{
    switch (s->op) {
    case CNNC_ST_ADD: return v + p;
    case CNNC_ST_MUL: return v * p;
    case CNNC_ST_SCALE: return v * p + q;
    case CNNC_ST_PRELU: return v < 0 ? v * p : v;
    case CNNC_ST_CLAMP: return fmin(fmax(v, s->a), s->b);
    case CNNC_ST_LEAKY: return v < 0 ? v * s->a : v;
    case CNNC_ST_ELU: return v < 0 ? s->a * expm1(v) : v;
    case CNNC_ST_SELU: return s->b * (v < 0 ? s->a * expm1(v) : v);
    case CNNC_ST_SIGMOID: return 1 / (1 + exp(-v));
    case CNNC_ST_HSIGMOID: return fmin(fmax(s->a * v + s->b, 0), 1);
    case CNNC_ST_TANH: return tanh(v);
    case CNNC_ST_SWISH: return v / (1 + exp(-s->a * v));
    case CNNC_ST_HSWISH: return v * fmin(fmax(v / 6 + 0.5, 0), 1);
    case CNNC_ST_GELU: return v / 2 * (1 + erf(v * sqrt(0.5)));
    case CNNC_ST_GELU_TANH: return v / 2 * (1 + tanh(0.797884560802865 * (v + 0.044715 * v * v * v)));
    case CNNC_ST_SOFTPLUS: return log1p(exp(v));
    default: return v;
    }
}

/* one output of the convolution before the epilogue; *size: the sum of magnitudes, for the tolerance */
static double conv_at(const struct cnnc_conv *g, const struct tensor *x, const float *w, const float *bias, int n, int o, int z, int y,
                      int c, double *size)
{
    int icg = g->ic / g->groups, ocg = g->oc / g->groups, taps = g->kd * g->kh * g->kw;
    double s = bias ? bias[o] : 0, m = fabs(s);
    for (int i = 0; i < icg; i++)
        for (int a = 0; a < g->kd; a++)
            for (int b = 0; b < g->kh; b++)
                for (int e = 0; e < g->kw; e++) {
                    int q = z * g->sd - g->pd + a * g->dd, r = y * g->sh - g->ph + b * g->dh, u = c * g->sw - g->pw + e * g->dw;
                    if (q < 0 || q >= g->id || r < 0 || r >= g->ih || u < 0 || u >= g->iw)
                        continue;
                    double v = (double)*at(x, n, o / ocg * icg + i, q, r, u) * w[((size_t)o * icg + i) * taps + (a * g->kh + b) * g->kw + e];
                    s += v, m += fabs(v);
                }
    *size = m;
    return s;
}

static CNNC_UNUSED double transposed_at(const struct cnnc_conv *g, const struct tensor *x, const float *w, const float *bias, int n, int o, int z, int y,
                            int c, double *size)
{
    int icg = g->ic / g->groups, ocg = g->oc / g->groups, taps = g->kd * g->kh * g->kw;
    double s = bias ? bias[o] : 0, m = fabs(s);
    for (int i = 0; i < icg; i++)
        for (int a = 0; a < g->kd; a++)
            for (int b = 0; b < g->kh; b++)
                for (int e = 0; e < g->kw; e++) {
                    int q = z + g->pd - a * g->dd, r = y + g->ph - b * g->dh, u = c + g->pw - e * g->dw;
                    if (q % g->sd || r % g->sh || u % g->sw)
                        continue;
                    q /= g->sd, r /= g->sh, u /= g->sw;
                    if (q < 0 || q >= g->id || r < 0 || r >= g->ih || u < 0 || u >= g->iw)
                        continue;
                    int ic = o / ocg * icg + i;
                    double v = (double)*at(x, n, ic, q, r, u) * w[((size_t)ic * ocg + o % ocg) * taps + (a * g->kh + b) * g->kw + e];
                    s += v, m += fabs(v);
                }
    *size = m;
    return s;
}

static void report(int bad, const struct cnnc_conv *g, const char *what, const char *why)
{
    if (!bad) {
        passed++;
        return;
    }
    if (failed++ < 20)
        printf("FAIL %s: %s: n%d g%d %dx%dx%dx%d -> %dx%dx%dx%d k%dx%dx%d s%d,%d,%d d%d,%d,%d p%d,%d,%d ep%d(%d) tile %d,%d\n", what, why,
               g->n, g->groups, g->ic, g->id, g->ih, g->iw, g->oc, g->od, g->oh, g->ow, g->kd, g->kh, g->kw, g->sd, g->sh, g->sw, g->dd,
               g->dh, g->dw, g->pd, g->ph, g->pw, g->ep.n, g->ep.n ? g->ep.s[0].op : -1, g->tile_w, g->tile_ocb);
}

/* How a kernel wants its operands, and how it is run. */
struct how {
    const char *name;
    kernel f;
    int x_block;                /* CNNC_B, or 1: plain */
    int clip;                   /* x without halo */
    int transposed;
    int in_place;               /* the first tensor operand is y */
    int y_halo, threads;
    void (*plan)(struct cnnc_conv *);
    size_t (*size)(const struct cnnc_conv *);
    void (*pack)(const struct cnnc_conv *, const float *, float *);
    size_t (*scratch)(const struct cnnc_conv *);
    double tolerance;           /* relative to the sum of magnitudes */
};

static int halo_of(int i, int o, int k, int s, int d, int p)
{
    int after = (o - 1) * s + (k - 1) * d - p - (i - 1);
    int h = p > after ? p : after;
    return h > 0 ? h : 0;
}

static CNNC_UNUSED void run_case(struct cnnc_conv g, const struct how *h)
{
    struct tensor x, y, add[CNNC_MAX_STAGES];
    float *chan[CNNC_MAX_STAGES][2], *bias, *w, *packed;
    const void *in[3 + 2 * CNNC_MAX_STAGES] = {0};
    void *out[1];
    int hd = 0, hh = 0, hw = 0, ni = 3, yh = h->y_halo, ocp = cnnc_blocks(g.oc) * CNNC_B, bad = 0;
    if (!h->clip && h->transposed)
        hd = g.kd * g.dd, hh = g.kh * g.dh, hw = g.kw * g.dw;
    else if (!h->clip) {
        hd = halo_of(g.id, g.od, g.kd, g.sd, g.dd, g.pd);
        hh = halo_of(g.ih, g.oh, g.kh, g.sh, g.dh, g.ph);
        hw = halo_of(g.iw, g.ow, g.kw, g.sw, g.dw, g.pw);
    }
    x = make(g.n, g.ic, g.id, g.ih, g.iw, h->x_block, hd, hh, hw, 1);
    y = make(g.n, g.oc, g.od, g.oh, g.ow, CNNC_B, g.od > 1 ? yh : 0, yh, yh, 1);
    struct tensor before = make(g.n, g.oc, g.od, g.oh, g.ow, CNNC_B, g.od > 1 ? yh : 0, yh, yh, 0);
    memcpy(before.base, y.base, y.floats * sizeof(float));
    size_t nw = (size_t)g.oc * (g.ic / g.groups) * g.kd * g.kh * g.kw;
    if (h->transposed)
        nw = (size_t)g.ic * (g.oc / g.groups) * g.kd * g.kh * g.kw;
    w = vec(nw, nw);
    bias = g.oc % 3 == 1 && g.ic % 2 ? NULL : vec((size_t)ocp, (size_t)g.oc);
    g.x = x.v, g.y = y.v, g.add = y.v;
    for (int s = 0, first = 1; s < CNNC_MAX_STAGES; s++) {
        chan[s][0] = chan[s][1] = NULL;
        memset(&add[s], 0, sizeof add[s]);
        if (s >= g.ep.n)
            continue;
        if (cnnc_stage_is_tensor(g.ep.s[s].op)) {
            if (first && h->in_place) {
                in[ni++] = y.p;
            } else {
                add[s] = make(g.n, g.oc, g.od, g.oh, g.ow, CNNC_B, g.od > 1 ? yh : 0, yh, yh, 1);
                in[ni++] = add[s].p;
            }
            first = 0;
        } else
            for (int q = 0; q < cnnc_stage_operands(g.ep.s[s].op); q++)
                in[ni++] = chan[s][q] = vec((size_t)ocp, (size_t)g.oc);
    }
    if (h->plan)
        h->plan(&g);
    packed = vec(h->size(&g), 0);
    h->pack(&g, w, packed);
    in[0] = x.p, in[1] = packed, in[2] = bias;
    out[0] = y.p;
    size_t sb = h->scratch ? h->scratch(&g) : 0;
    char *scratch = aligned_alloc(64, (sb + 127) / 64 * 64);
    for (int t = 0; t < h->threads; t++) {
        memset(scratch, 0xff, sb);
        h->f(&g, in, out, (struct cnnc_thread){t, h->threads, scratch});
    }
    for (int n = 0; n < g.n && !bad; n++)
        for (int o = 0; o < ocp && !bad; o++)
            for (int z = 0; z < g.od && !bad; z++)
                for (int r = 0; r < g.oh && !bad; r++)
                    for (int c = 0; c < g.ow && !bad; c++) {
                        double size, v;
                        float got = *at(&y, n, o, z, r, c);
                        if (o >= g.oc) {
                            bad = got != 0 ? 2 : 0;
                            continue;
                        }
                        v = (h->transposed ? transposed_at : conv_at)(&g, &x, w, bias, n, o, z, r, c, &size);
                        for (int s = 0; s < g.ep.n; s++) {
                            double p = 0, q = 0;
                            if (chan[s][0])
                                p = chan[s][0][o];
                            if (chan[s][1])
                                q = chan[s][1][o];
                            if (cnnc_stage_is_tensor(g.ep.s[s].op))
                                p = add[s].p ? *at(&add[s], n, o, z, r, c) : *at(&before, n, o, z, r, c);
                            v = stage(&g.ep.s[s], v, p, q);
                            size += fabs(v);
                        }
                        if (!(fabs(got - v) <= h->tolerance * (size + 0.1)))
                            bad = 1;
                    }
    /* the halo of y is the producer's business, not the kernel's */
    double inside = 0, all = 0;
    for (size_t i = 0; i < y.floats; i++)
        all += y.base[i] != 0;
    for (int n = 0; n < g.n; n++)
        for (int o = 0; o < ocp; o++)
            for (int z = 0; z < g.od; z++)
                for (int r = 0; r < g.oh; r++)
                    for (int c = 0; c < g.ow; c++)
                        inside += *at(&y, n, o, z, r, c) != 0;
    if (!bad && all != inside)
        bad = 3;
    report(bad, &g, h->name, bad == 1 ? "wrong" : bad == 2 ? "padding channels" : "halo overwritten");
    free(scratch), free(packed), free(w), free(bias), free(x.base), free(y.base), free(before.base);
    for (int s = 0; s < CNNC_MAX_STAGES; s++)
        free(add[s].base), free(chan[s][0]), free(chan[s][1]);
}

/* A 2-D geometry; the output size follows. */
static CNNC_UNUSED struct cnnc_conv conv2d(int n, int ic, int h, int w, int oc, int k, int s, int p, int d, int groups)
{
    struct cnnc_conv g;
    memset(&g, 0, sizeof g);
    g.n = n, g.groups = groups, g.ic = ic, g.id = 1, g.ih = h, g.iw = w, g.oc = oc;
    g.kd = 1, g.kh = g.kw = k, g.sd = 1, g.sh = g.sw = s, g.dd = 1, g.dh = g.dw = d, g.pd = 0, g.ph = g.pw = p;
    g.od = 1, g.oh = (h + 2 * p - d * (k - 1) - 1) / s + 1, g.ow = (w + 2 * p - d * (k - 1) - 1) / s + 1;
    return g;
}

static CNNC_UNUSED struct cnnc_conv with(struct cnnc_conv g, int op, float a, float b)
{
    g.ep.s[g.ep.n].op = op, g.ep.s[g.ep.n].a = a, g.ep.s[g.ep.n].b = b;
    g.ep.n++;
    return g;
}
#endif
