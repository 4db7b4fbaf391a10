/* Pooling of every kind, blocked and plain, against a direct evaluation in double: ranks, strides, dilation, padding wider than the
 * image, ceil mode, tails, batches, threads, an epilogue, indices. */
#include "../../runtime/pool.h"
#include "../../runtime/pool_plain.h"
#include "kernel_test.h"

#define B CNNC_B
CNNC_POOL_PLAIN(pool_u8, u8, uint64_t)
#define ARGUMENTS const struct cnnc_pool *g, const void *const in[], void *const out[], struct cnnc_thread t
static __attribute__((noinline)) void pool(ARGUMENTS) { cnnc_pool(g, in, out, t); }
static __attribute__((noinline)) void pool_global(ARGUMENTS) { cnnc_pool_global(g, in, out, t); }

static struct cnnc_view dense_view(int c, int d, int h, int w, int block)
{
    struct cnnc_view v;
    v.h = (ptrdiff_t)w * block;
    v.d = v.h * h;
    v.c = v.d * d;
    v.n = v.c * ((c + block - 1) / block);
    return v;
}
static float *at(float *x, const struct cnnc_view *v, int block, int n, int c, int d, int h, int w)
{
    return x + n * v->n + c / block * v->c + d * v->d + h * v->h + (ptrdiff_t)w * block + c % block;
}

static double reference(const struct cnnc_pool *g, float *x, int n, int c, int od, int oh, int ow, int64_t *best)
{
    double s = g->op == CNNC_POOL_MAX ? -INFINITY : 0, count = 0, inside = 0;
    const int o[3] = {od, oh, ow}, i[3] = {g->id, g->ih, g->iw}, m[3] = {g->od, g->oh, g->ow};
    const int k[3] = {g->kd, g->kh, g->kw}, st[3] = {g->sd, g->sh, g->sw}, dl[3] = {g->dd, g->dh, g->dw};
    const int p[3] = {g->pd, g->ph, g->pw}, e[3] = {g->ed, g->eh, g->ew};
    int t[3], n_taps[3];
    for (int a = 0; a < 3; a++)
        n_taps[a] = g->adaptive ? i[a] : k[a];
    *best = -1;
    for (t[0] = 0; t[0] < n_taps[0]; t[0]++)
        for (t[1] = 0; t[1] < n_taps[1]; t[1]++)
            for (t[2] = 0; t[2] < n_taps[2]; t[2]++) {
                int q[3], in = 1, padded = 1;
                for (int a = 0; a < 3; a++) {
                    q[a] = g->adaptive ? t[a] : o[a] * st[a] - p[a] + t[a] * dl[a];
                    if (g->adaptive)
                        in = in && t[a] >= (int)floor((double)o[a] * i[a] / m[a]) && t[a] < (int)ceil((o[a] + 1.0) * i[a] / m[a]);
                    in = in && q[a] >= 0 && q[a] < i[a];
                    padded = padded && q[a] < i[a] + e[a];
                }
                count += g->op == CNNC_POOL_AVERAGE_PAD && !g->adaptive ? padded : in;
                inside += in;
                if (in) {
                    const double v = *at(x, &g->x, 1, n, c, q[0], q[1], q[2]);
                    if (g->op == CNNC_POOL_MAX && v > s)
                        *best = (((int64_t)(n * g->c + c) * g->id + q[0]) * g->ih + q[1]) * g->iw + q[2];
                    s = g->op == CNNC_POOL_MAX ? fmax(s, v) : s + (g->op == CNNC_POOL_LP ? pow(fabs(v), g->p) : v);
                }
            }
    if (inside == 0)
        return 0;
    return g->op == CNNC_POOL_AVERAGE || g->op == CNNC_POOL_AVERAGE_PAD ? s / count : g->op == CNNC_POOL_LP ? pow(s, 1 / (double)g->p) : s;
}

static int out_size(int i, int k, int s, int d, int before, int after, int ceil_mode)
{
    const int span = i + before + after - d * (k - 1) - 1;
    int o = span < 0 ? 0 : (span + (ceil_mode ? s - 1 : 0)) / s + 1;
    if (ceil_mode && (o - 1) * s >= i + before)
        o--;
    return o;
}

static void one(unsigned *seed, int number)
{
    const int rank = 1 + random_below(seed, 3), ceil_mode = random_below(seed, 2), threads = 1 + number % 3;
    struct cnnc_pool g = {0}, blocked;
    int k[3] = {1, 1, 1}, s[3] = {1, 1, 1}, d[3] = {1, 1, 1}, i[3] = {1, 1, 1}, b[3] = {0}, e[3] = {0}, o[3] = {1, 1, 1};
    double worst = 0;
    int indices = 1;
    g.n = 1 + random_below(seed, 2);
    g.c = 1 + random_below(seed, 35);
    g.op = number % 5;
    g.adaptive = number % 7 == 0;
    g.p = (float[]){1, 2, 3}[number % 3];
    for (int a = 3 - rank; a < 3; a++) {
        i[a] = 1 + random_below(seed, 12);
        k[a] = 1 + random_below(seed, 4);
        s[a] = 1 + random_below(seed, 3);
        d[a] = 1 + (number % 4 == 0 ? random_below(seed, 3) : 0);
        b[a] = random_below(seed, number % 11 == 0 ? 6 : k[a]);
        e[a] = random_below(seed, k[a]);
        o[a] = g.adaptive ? 1 + random_below(seed, 8) : out_size(i[a], k[a], s[a], d[a], b[a], e[a], ceil_mode);
        if (o[a] <= 0)
            return;
    }
    g.id = i[0], g.ih = i[1], g.iw = i[2], g.od = o[0], g.oh = o[1], g.ow = o[2];
    g.kd = k[0], g.kh = k[1], g.kw = k[2], g.sd = s[0], g.sh = s[1], g.sw = s[2], g.dd = d[0], g.dh = d[1], g.dw = d[2];
    g.pd = b[0], g.ph = b[1], g.pw = b[2], g.ed = e[0], g.eh = e[1], g.ew = e[2];
    blocked = g;
    g.x = dense_view(g.c, g.id, g.ih, g.iw, 1), g.y = dense_view(g.c, g.od, g.oh, g.ow, 1);
    blocked.x = dense_view(g.c, g.id, g.ih, g.iw, B), blocked.y = blocked.add = dense_view(g.c, g.od, g.oh, g.ow, B);
    if (number % 3 == 0)
        blocked.ep = (struct cnnc_epilogue){2, {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_SIGMOID, 0, 0}, {0, 0, 0}, {0, 0, 0}}};
    const size_t nx = (size_t)(g.n * g.x.n), ny = (size_t)(g.n * g.y.n), bx = (size_t)(g.n * blocked.x.n), by = (size_t)(g.n * blocked.y.n);
    float *x = floats(nx), *y = floats(ny), *xb = floats(bx), *yb = floats(by), *add = floats(by);
    int64_t *best = malloc(ny * sizeof *best);
    fill(x, nx, *seed);
    fill(add, by, *seed + 1);
    memset(xb, 0, bx * sizeof *xb);
    for (int n = 0; n < g.n; n++)
        for (int c = 0; c < g.c; c++)
            for (int p = 0; p < g.id; p++)
                for (int q = 0; q < g.ih; q++)
                    for (int r = 0; r < g.iw; r++)
                        *at(xb, &blocked.x, B, n, c, p, q, r) = *at(x, &g.x, 1, n, c, p, q, r);
    for (int t = 0; t < threads; t++) {
        const struct cnnc_thread share = {t, threads, NULL};
        cnnc_pool_plain(&g, (const void *[]){x}, (void *[]){y, best}, share);
        pool(&blocked, (const void *[9]){xb, add}, (void *[]){yb}, share);
    }
    for (int n = 0; n < g.n; n++)
        for (int c = 0; c < (g.c + B - 1) / B * B; c++)
            for (int p = 0; p < g.od; p++)
                for (int q = 0; q < g.oh; q++)
                    for (int r = 0; r < g.ow; r++) {
                        const double got = *at(yb, &blocked.y, B, n, c, p, q, r);
                        int64_t where;
                        if (c >= g.c) {
                            worst = fmax(worst, fabs(got));
                            continue;
                        }
                        double want = reference(&g, x, n, c, p, q, r, &where);
                        worst = fmax(worst, fabs(*at(y, &g.y, 1, n, c, p, q, r) - want) / (1 + fabs(want)));
                        indices = indices && (g.op != CNNC_POOL_MAX || best[at(y, &g.y, 1, n, c, p, q, r) - y] == where);
                        if (blocked.ep.n)
                            want = 1 / (1 + exp(-want - *at(add, &blocked.y, B, n, c, p, q, r)));
                        worst = fmax(worst, fabs(got - want) / (1 + fabs(want)));
                    }
    check(worst < 3e-6, "pool %d: op %d adaptive %d c %d in %d %d %d out %d %d %d k %d %d %d s %d %d %d d %d %d %d p %d %d %d: %g", number, g.op, g.adaptive, g.c,
          g.id, g.ih, g.iw, g.od, g.oh, g.ow, g.kd, g.kh, g.kw, g.sd, g.sh, g.sw, g.dd, g.dh, g.dw, g.pd, g.ph, g.pw, worst);
    check(indices, "indices of pool %d", number);
    if (!blocked.ep.n) { /* global */
        blocked.od = blocked.oh = blocked.ow = g.od = g.oh = g.ow = g.adaptive = 1;
        blocked.y = dense_view(g.c, 1, 1, 1, B);
        worst = 0;
        for (int t = 0; t < threads; t++)
            pool_global(&blocked, (const void *[9]){xb}, (void *[]){yb}, (struct cnnc_thread){t, threads, NULL});
        for (int n = 0; n < g.n; n++)
            for (int c = 0; c < g.c; c++) {
                int64_t where;
                worst = fmax(worst, fabs(*at(yb, &blocked.y, B, n, c, 0, 0, 0) - reference(&g, x, n, c, 0, 0, 0, &where)));
            }
        check(worst < 2e-4, "global pool %d: op %d: %g", number, g.op, worst);
    }
    free(x), free(y), free(xb), free(yb), free(add), free(best);
}

int main(void)
{
    unsigned seed = 21;
    unsigned char x[16] = {1, 2, 3, 4, 200, 6, 7, 8, 9, 10, 250, 12, 13, 14, 15, 16}, y[4];
    struct cnnc_pool g = {.n = 1, .c = 1, .id = 1, .ih = 4, .iw = 4, .od = 1, .oh = 2, .ow = 2, .kd = 1, .kh = 2, .kw = 2, .sd = 1, .sh = 2, .sw = 2,
                          .dd = 1, .dh = 1, .dw = 1, .x = {16, 16, 16, 4}, .y = {4, 4, 4, 2}};
    pool_u8(&g, (const void *[]){x}, (void *[]){y, NULL}, (struct cnnc_thread){0, 1, NULL});
    check(y[0] == 200 && y[1] == 8 && y[2] == 14 && y[3] == 250, "bytes");
    for (int n = 0; n < 600; n++)
        one(&seed, n);
    return summary();
}
