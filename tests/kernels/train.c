/* Kernels of training on blocked tensors against references in double: gradients of weights, batch norm and its gradients, gradients of
 * pooling, sums per channel, the gradient of relu as a stage. With one thread and with several the same bits. */
#include "conv_grad_weight.h"
#include "conv_grad_winograd.h"
#include "pool_grad.h"
#include "train_blocked.h"
#include "conv_test.h"

static void good(int ok, const char *what, double error)
{
    if (ok)
        passed++;
    else if (failed++ < 20)
        printf("FAIL %s: %g\n", what, error);
}

/* ---- gradient of weights -------------------------------------------------------------------------------------------- */

/* parts: 0 as planned */
static void weights(struct cnnc_conv g, int form, int parts)
{
    const int icg = g.ic / g.groups, ocg = g.oc / g.groups, taps = g.kd * g.kh * g.kw, first = form == CNNC_WEIGHT_FIRST, h = first ? 0 : 1;
    struct tensor x = make(g.n, g.ic, g.id, g.ih, g.iw, first ? 1 : CNNC_B, 0, h, h, 1), y = make(g.n, g.oc, g.od, g.oh, g.ow, CNNC_B, 0, 1, 0, 1);
    struct cnnc_grad_weight k = {g, 1, 0};
    float *dw[2];
    double worst = 0;
    k.c.x = x.v, k.c.y = y.v;
    if (form == CNNC_WEIGHT_WINOGRAD)
        cnnc_conv_grad_weight_winograd_plan(&k);
    else
        cnnc_conv_grad_weight_plan(&k, form);
    if (parts && parts != k.parts) {
        k.parts = parts;
        k.group = form == CNNC_WEIGHT_WINOGRAD && parts > 1 ? cnnc_blocks(g.oc) : 1;
        k.c.tile_block = 5;
    }
    g = k.c;
    const struct cnnc_weight_sum sum = {g.oc, icg, taps, k.parts, form};
    const size_t bytes = form == CNNC_WEIGHT_WINOGRAD ? cnnc_conv_grad_weight_winograd_scratch(&k)
                         : first                      ? cnnc_conv_grad_weight_first_scratch(&k)
                                                      : cnnc_conv_grad_weight_blocked_scratch(&k);
    for (int threads = 1; threads <= 3; threads += 2) {
        float *scratch = malloc(bytes + 1), *to = dw[threads / 2] = malloc(((size_t)g.oc * icg * taps + 1) * sizeof *to);
        float *sums = malloc((size_t)(k.parts * cnnc_weight_sum_part(&sum)) * sizeof *sums), *made = k.parts > 1 ? sums : to;
        for (int t = 0; t < threads; t++)
            (form == CNNC_WEIGHT_WINOGRAD ? cnnc_conv_grad_weight_winograd
             : first                      ? cnnc_conv_grad_weight_first
                                          : cnnc_conv_grad_weight_blocked)(&k, (const void *const[]){x.p, y.p}, (void *const[]){made},
                                                                           (struct cnnc_thread){t, threads, scratch});
        for (int t = 0; k.parts > 1 && t < threads; t++)
            cnnc_weight_sum(&sum, (const void *const[]){sums}, (void *const[]){to}, (struct cnnc_thread){t, threads, NULL});
        free(scratch), free(sums);
    }
    for (int o = 0; o < g.oc; o++)
        for (int i = 0; i < icg; i++)
            for (int t = 0; t < taps; t++) {
                double sum = 0, size = 0;
                for (int n = 0; n < g.n; n++)
                    for (int z = 0; z < g.od; z++)
                        for (int r = 0; r < g.oh; r++)
                            for (int c = 0; c < g.ow; c++) {
                                const int a = z * g.sd - g.pd + t / g.kw / g.kh * g.dd, b = r * g.sh - g.ph + t / g.kw % g.kh * g.dh;
                                const int e = c * g.sw - g.pw + t % g.kw * g.dw;
                                if (a < 0 || a >= g.id || b < 0 || b >= g.ih || e < 0 || e >= g.iw)
                                    continue;
                                const double v = (double)*at(&x, n, o / ocg * icg + i, a, b, e) * (double)*at(&y, n, o, z, r, c);
                                sum += v, size += fabs(v);
                            }
                worst = fmax(worst, fabs((double)dw[0][((size_t)o * icg + i) * taps + t] - sum) / (size + 0.1));
            }
    /* Of the sum's size in double. The worst of these sweeps: 2.4e-7 for direct sums, 1.04e-6 for Winograd's, whose transforms multiply rounding
     * errors (factors up to 4, and differences of what they make), at any instruction set; bounds are some twice and four times that. */
    report(!(worst <= (form == CNNC_WEIGHT_WINOGRAD ? 2e-6 : 1e-6)), &g, first ? "first weights" : form == CNNC_WEIGHT_WINOGRAD ? "Winograd weights" : "weights", "wrong");
    report(memcmp(dw[0], dw[1], (size_t)g.oc * icg * taps * sizeof(float)) != 0, &g, "weights", "threads differ");
    free(dw[0]), free(dw[1]), free(x.base), free(y.base);
}

static void sweep_weights(void)
{
    static const int ch[][3] = {{1, 1, 1}, {3, 17, 1}, {6, 16, 1}, {16, 32, 1}, {20, 33, 1}, {32, 32, 2}, {40, 16, 1}, {10, 5, 1}};
    int turn = 0;
    for (int k = 1; k <= 5; k++)
        for (int s = 1; s <= 3; s++)
            for (int p = 0; p <= 2; p++)
                for (int size = 3; size <= 18; size += 5) {
                    const int *c = ch[turn++ % 8], d = 1 + turn % 2;
                    if (size + 2 * p < d * (k - 1) + 1)
                        continue;
                    struct cnnc_conv g = conv2d(1 + turn % 4, c[0], size, size + turn % 3, c[1], k, s, p, d, c[2]);
                    weights(g, CNNC_WEIGHT_BLOCKED, turn % 3);
                    if (k == 3 && c[2] == 1)
                        weights(conv2d(1 + turn % 4, c[0], size, size + turn % 3, c[1], 3, 1, p, 1, 1), CNNC_WEIGHT_WINOGRAD, turn % 3);
                    g = conv2d(1 + turn % 4, 1 + turn % 4, size, size + turn % 3, c[1], k, s, p, d, 1);
                    weights(g, CNNC_WEIGHT_FIRST, turn % 3);
                }
    struct cnnc_conv g = conv2d(2, 20, 5, 6, 20, 3, 1, 1, 1, 1);
    g.id = 4, g.kd = 2, g.sd = 1, g.dd = 1, g.pd = 1, g.od = 5;
    weights(g, CNNC_WEIGHT_BLOCKED, 0);
    g = conv2d(2, 4, 20, 20, 8, 11, 2, 3, 1, 1);
    weights(g, CNNC_WEIGHT_FIRST, 0);
    weights(conv2d(3, 208, 5, 5, 200, 3, 1, 1, 1, 1), CNNC_WEIGHT_WINOGRAD, 0);
    weights(conv2d(40, 16, 32, 32, 16, 3, 1, 1, 1, 1), CNNC_WEIGHT_WINOGRAD, 0);
}

/* ---- batch norm ---------------------------------------------------------------------------------------------------------- */

static void norm(int n, int c, int h, int w, int count, float offset)
{
    struct tensor x = make(n, c, 1, h, w, CNNC_B, 0, 1, 1, 1), y = make(n, c, 1, h, w, CNNC_B, 0, 0, 0, 0), add = make(n, c, 1, h, w, CNNC_B, 0, 2, 0, 1);
    struct tensor dx = make(n, c, 1, h, w, CNNC_B, 0, 0, 1, 0);
    const int blocks = cnnc_blocks(c), threads = 1 + c % 3;
    float *parts = malloc((size_t)n * blocks * 2 * CNNC_B * sizeof *parts), v[8][64];
    const int32_t there = count;
    double worst = 0, back = 0;
    for (int i = 0; i < c; i++) {
        for (int k = 0; k < 8; k++)
            v[k][i] = rnd() + 2;
        for (int b = 0; b < n; b++)
            for (int q = 0; q < h * w; q++)
                *at(&x, b, i, 0, q / w, q % w) += offset;
    }
    float running[2] = {v[2][0], v[3][0]};
    struct cnnc_norm_blocked g = {n, c, 1, h, w, x.v, y.v, add.v, 1e-5, 0.9, {2, {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_CLAMP, 0, INFINITY}}}};
    const void *const in[] = {x.p, v[0], v[1], v[2], v[3], &there, parts, add.p};
    void *const out[] = {y.p, v[4], v[5], v[2], v[3]};
    for (int t = 0; t < threads; t++)
        cnnc_plane_moments(&g, (const void *const[]){x.p}, (void *const[]){parts}, (struct cnnc_thread){t, threads, NULL});
    for (int t = 0; t < threads; t++)
        cnnc_batch_norm_blocked(&g, in, out, (struct cnnc_thread){t, threads, NULL});
    /* add is dy from here on */
    struct cnnc_norm_blocked q = {n, c, 1, h, w, x.v, dx.v, add.v, 0, 0, {0, {{0, 0, 0}}}};
    for (int t = 0; t < threads; t++)
        cnnc_batch_norm_sums(&q, (const void *const[]){add.p, x.p, v[4]}, (void *const[]){parts}, (struct cnnc_thread){t, threads, NULL});
    for (int t = 0; t < threads; t++)
        cnnc_batch_norm_grad_blocked(&q, (const void *const[]){add.p, x.p, v[0], v[4], v[5], &there, parts}, (void *const[]){dx.p, v[6], v[7]},
                                     (struct cnnc_thread){t, threads, NULL});
    for (int i = 0; i < c; i++) {
        const double m = (double)count * h * w;
        double mean = 0, variance = 0, sum = 0, product = 0;
        for (int b = 0; b < count; b++)
            for (int k = 0; k < h * w; k++)
                mean += (double)*at(&x, b, i, 0, k / w, k % w) / m;
        for (int b = 0; b < count; b++)
            for (int k = 0; k < h * w; k++) {
                const double d = (double)*at(&x, b, i, 0, k / w, k % w) - mean, dy = (double)*at(&add, b, i, 0, k / w, k % w);
                variance += d * d / m, sum += dy, product += dy * d;
            }
        const double r = 1 / sqrt(variance + 1e-5);
        worst = fmax(worst, fabs((double)v[4][i] - mean) + fabs((double)v[5][i] * variance / r / r - variance / r) / (1 + fabs((double)offset)));
        back = fmax(back, (fabs((double)v[6][i] - product * r) + fabs((double)v[7][i] - sum)) / sqrt(m));
        if (i == 0)
            worst = fmax(worst, fabs((double)v[2][0] - 0.9 * (double)running[0] - 0.1 * mean) +
                                    fabs((double)v[3][0] - 0.9 * (double)running[1] - 0.1 * variance * m / (m > 1 ? m - 1 : 1)));
        for (int b = 0; b < n; b++)
            for (int k = 0; k < h * w; k++) {
                const double d = (double)*at(&x, b, i, 0, k / w, k % w) - mean, dy = (double)*at(&add, b, i, 0, k / w, k % w);
                const double f = b < count ? d * r * (double)v[0][i] + (double)v[1][i] : 0;
                const double e = b < count ? (double)v[0][i] * r * (dy - sum / m - d * r * r * product / m) : 0;
                worst = fmax(worst, fabs((double)*at(&y, b, i, 0, k / w, k % w) - fmax(0, f + dy)));
                back = fmax(back, fabs((double)*at(&dx, b, i, 0, k / w, k % w) - e) / (1 + (double)v[0][i] * r));
            }
    }
    for (int b = 0; b < n; b++)
        for (int i = c; i < blocks * CNNC_B; i++)
            for (int k = 0; k < h * w; k++)
                good(*at(&y, b, i, 0, k / w, k % w) == 0 && *at(&dx, b, i, 0, k / w, k % w) == 0, "padding channels", i);
    const double bound = 2e-5 * (1 + fabs((double)offset));
    good(worst <= bound, "batch norm", worst);
    good(back <= bound, "gradients of batch norm", back);
    free(parts), free(x.base), free(y.base), free(add.base), free(dx.base);
}

/* ---- pooling ------------------------------------------------------------------------------------------------------------ */

static void pool(int c, int h, int w, int k, int s, int p, int max, int stage)
{
    const int oh = (h + 2 * p - k) / s + 1, ow = (w + 2 * p - k) / s + 1, n = 2, threads = 1 + c % 3;
    struct tensor x = make(n, c, 1, h, w, CNNC_B, 0, 0, 1, 1), y = make(n, c, 1, oh, ow, CNNC_B, 0, 1, 0, 0), dy = make(n, c, 1, oh, ow, CNNC_B, 0, 0, 0, 1);
    struct tensor dx = make(n, c, 1, h, w, CNNC_B, 0, 1, 0, 1), add = make(n, c, 1, h, w, CNNC_B, 0, 0, 2, 1);
    double *expected = calloc((size_t)n * c * h * w, sizeof *expected), worst = 0;
    struct cnnc_pool_grad g = {.p = {n, c, 1, h, w, 1, oh, ow, 1, k, k, 1, s, s, 1, 1, 1, 0, p, p, 0, p, p,
                                     max ? CNNC_POOL_MAX : CNNC_POOL_AVERAGE, 0, 0, 0, dx.v, dy.v, add.v, {stage, {{CNNC_ST_MASK, 0, 0}}}},
                               .from = x.v, .most = y.v};
    for (size_t i = 0; i < x.floats; i++)
        x.base[i] = (float)(int)(x.base[i] * 4); /* many are equal */
    for (int b = 0; b < n; b++)
        for (int i = 0; i < c; i++)
            for (int r = 0; r < oh; r++)
                for (int q = 0; q < ow; q++) {
                    int best = -1, taps = 0;
                    for (int t = 0; t < k * k; t++) {
                        const int u = r * s - p + t / k, v = q * s - p + t % k;
                        if (u < 0 || u >= h || v < 0 || v >= w)
                            continue;
                        taps++;
                        if (best < 0 || *at(&x, b, i, 0, u, v) > *at(&x, b, i, 0, best / w, best % w))
                            best = u * w + v;
                    }
                    *at(&y, b, i, 0, r, q) = *at(&x, b, i, 0, best / w, best % w);
                    for (int t = 0; t < k * k; t++) {
                        const int u = r * s - p + t / k, v = q * s - p + t % k;
                        if (u >= 0 && u < h && v >= 0 && v < w && (!max || best == u * w + v))
                            expected[((size_t)(b * c + i) * h + u) * w + v] += (double)*at(&dy, b, i, 0, r, q) / (max ? 1 : taps);
                    }
                }
    for (int t = 0; t < threads; t++)
        if (max)
            cnnc_max_window_grad_blocked(&g, (const void *const[]){dy.p, x.p, y.p, add.p}, (void *const[]){dx.p},
                                         (struct cnnc_thread){t, threads, NULL});
        else
            cnnc_average_pool_grad_blocked(&g.p, (const void *const[]){dy.p}, (void *const[]){dx.p}, (struct cnnc_thread){t, threads, NULL});
    for (int b = 0; b < n; b++)
        for (int i = 0; i < c; i++)
            for (int q = 0; q < h * w; q++) {
                const double e = !stage || *at(&add, b, i, 0, q / w, q % w) > 0 ? expected[(size_t)(b * c + i) * h * w + q] : 0;
                worst = fmax(worst, fabs((double)*at(&dx, b, i, 0, q / w, q % w) - e));
            }
    good(worst < 2e-6, max ? "gradient of max pooling" : "gradient of average pooling", worst);
    /* the same tensors through the kernels that have no windows */
    struct cnnc_stages m = {n, c, 1, h, w, x.v, dx.v, add.v, {1, {{CNNC_ST_MASK, 0, 0}}}};
    float sums[64];
    for (int t = 0; t < threads; t++)
        cnnc_stages(&m, (const void *const[]){x.p, add.p}, (void *const[]){dx.p}, (struct cnnc_thread){t, threads, NULL});
    for (int t = 0; t < threads; t++)
        cnnc_channel_sum_blocked(&m, (const void *const[]){x.p}, (void *const[]){sums}, (struct cnnc_thread){t, threads, NULL});
    worst = 0;
    for (int i = 0; i < c; i++) {
        double sum = 0;
        for (int b = 0; b < n; b++)
            for (int q = 0; q < h * w; q++) {
                const double v = (double)*at(&x, b, i, 0, q / w, q % w);
                sum += v;
                worst = fmax(worst, fabs((double)*at(&dx, b, i, 0, q / w, q % w) - (*at(&add, b, i, 0, q / w, q % w) > 0 ? v : 0)));
            }
        worst = fmax(worst, fabs(sum - (double)sums[i]) / 10);
    }
    good(worst < 1e-5, "mask, sums", worst);
    struct tensor one = make(n, c, 1, 1, 1, CNNC_B, 0, 0, 0, 1);
    m.x = one.v, m.ep.n = 0;
    for (int t = 0; t < threads; t++)
        cnnc_global_pool_grad_blocked(&m, (const void *const[]){one.p}, (void *const[]){dx.p}, (struct cnnc_thread){t, threads, NULL});
    worst = 0;
    for (int b = 0; b < n; b++)
        for (int i = 0; i < c; i++)
            for (int q = 0; q < h * w; q++)
                worst = fmax(worst, fabs((double)*at(&dx, b, i, 0, q / w, q % w) - (double)*at(&one, b, i, 0, 0, 0) / (h * w)));
    good(worst < 1e-6, "gradient of a global mean", worst);
    free(expected), free(x.base), free(y.base), free(dy.base), free(dx.base), free(add.base), free(one.base);
}

int main(void)
{
    sweep_weights();
    for (int c = 1; c <= 40; c += 6)
        for (int size = 1; size <= 9; size += 4) {
            norm(1 + c % 5, c, size, size + 2, 1 + c % 5, 0);
            norm(5, c, size, size + 1, 3, 8);
        }
    for (int k = 1; k <= 3; k++)
        for (int s = 1; s <= 3; s++)
            for (int p = 0; p < k; p++)
                for (int size = 4; size <= 12; size += 2)
                    for (int max = 0; max < 2; max++)
                        pool(5 + size * 2, size, size + k % 2, k, s, p > k / 2 ? 0 : p, max, max && (size + s) % 3 == 0);
    printf("training level %d, block %d: %d passed, %d failed\n", CNNC_LEVEL, CNNC_B, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
