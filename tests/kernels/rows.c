/* Elementwise chains, local response normalisation, softmax and layer normalisation on vectors, against double. */
#include "../../runtime/lrn.h"
#include "../../runtime/map.h"
#include "../../runtime/map_plain.h"
#include "../../runtime/norm.h"
#include "../../runtime/softmax.h"
#include "kernel_test.h"

#define B CNNC_B
#define ARGUMENTS(type) const struct type *g, const void *const in[], void *const out[], struct cnnc_thread t
static __attribute__((noinline)) void map(ARGUMENTS(cnnc_map), int blocked)
{
    struct cnnc_map k = *g;
    k.self = (struct cnnc_epilogue){1, {{CNNC_ST_SCALE, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}}};
    k.ep = (struct cnnc_epilogue){2, {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_SIGMOID, 0, 0}, {0, 0, 0}, {0, 0, 0}}};
    if (blocked)
        cnnc_map(&k, in, out, t);
    else
        cnnc_map_plain(&k, in, out, t);
}
static __attribute__((noinline)) void norm(ARGUMENTS(cnnc_normalize)) { cnnc_norm(g, in, out, t); }
static __attribute__((noinline)) void softmax(ARGUMENTS(cnnc_axis)) { cnnc_softmax(g, in, out, t); }
static __attribute__((noinline)) void lrn_blocked(ARGUMENTS(cnnc_lrn_vector)) { cnnc_lrn_blocked(g, in, out, t); }
static __attribute__((noinline)) void lrn_plain(ARGUMENTS(cnnc_lrn_vector)) { cnnc_lrn_plain(g, in, out, t); }
static struct cnnc_thread thread(int i, int n, void *scratch) { return (struct cnnc_thread){i, n, scratch}; }

static struct cnnc_view view(int c, int h, int w, int gap, int block, size_t *size)
{
    struct cnnc_view v;
    v.h = (ptrdiff_t)(w + gap) * block;
    v.d = v.c = v.h * h;
    v.n = v.c * ((c + block - 1) / block);
    *size = (size_t)v.n;
    return v;
}
static ptrdiff_t at(const struct cnnc_view *v, int block, int n, int c, int h, int w)
{
    return n * v->n + c / block * v->c + h * v->h + (ptrdiff_t)w * block + c % block;
}

static void one_map(unsigned *seed, int number)
{
    const int blocked = number & 1, block = blocked ? B : 1, threads = 1 + number % 3, gap = blocked && number % 3 == 0 ? 2 : 0;
    struct cnnc_map g = {.n = 1 + random_below(seed, 2), .c = 1 + random_below(seed, 40), .d = 1, .h = 1 + random_below(seed, 9), .w = 1 + random_below(seed, 40)};
    size_t sx, sy;
    float scale[64] = {0}, bias[64] = {0};
    double worst = 0;
    g.x = g.add = view(g.c, g.h, g.w, gap, block, &sx), g.y = view(g.c, g.h, g.w, 0, block, &sy);
    sx *= (size_t)g.n, sy *= (size_t)g.n;
    float *x = floats(sx), *add = floats(sx), *y = floats(sy);
    fill(x, sx, *seed), fill(add, sx, 4), fill(scale, (size_t)g.c, 5), fill(bias, (size_t)g.c, 6);
    for (int i = 0; i < threads; i++)
        map(&g, (const void *[]){x, scale, bias, add}, (void *[]){y}, thread(i, threads, NULL), blocked);
    for (int n = 0; n < g.n; n++)
        for (int c = 0; c < (g.c + block - 1) / block * block; c++)
            for (int h = 0; h < g.h; h++)
                for (int w = 0; w < g.w; w++) {
                    const ptrdiff_t p = at(&g.x, block, n, c, h, w);
                    const double want = c < g.c ? 1 / (1 + exp(-((double)x[p] * scale[c] + bias[c] + add[p]))) : 0;
                    worst = fmax(worst, fabs(want - y[at(&g.y, block, n, c, h, w)]));
                }
    check(worst < 1e-6, "map blocked %d n %d c %d %dx%d gap %d: %g", blocked, g.n, g.c, g.h, g.w, gap, worst);
    free(x), free(add), free(y);
}

static void one_lrn(unsigned *seed, int number)
{
    const int blocked = number & 1, block = blocked ? B : 1, threads = 1 + number % 3;
    struct cnnc_lrn_vector g = {.n = 1 + random_below(seed, 2), .c = 1 + random_below(seed, 60), .d = 1, .h = 1 + random_below(seed, 4), .w = 1 + random_below(seed, 30),
                                .size = 1 + random_below(seed, 7), .alpha = 0.5f, .beta = (float[]){.75f, .5f, 1, .6f}[number % 4], .bias = 1.5f};
    size_t s;
    double worst = 0;
    g.x = g.y = view(g.c, g.h, g.w, 1, block, &s);
    s *= (size_t)g.n;
    float *x = floats(s), *y = floats(s), *scratch = floats(CNNC_LRN_SCRATCH(g.c) / 4);
    fill(x, s, *seed);
    for (int n = 0; n < g.n; n++)
        for (int c = g.c; c < (g.c + block - 1) / block * block; c++)
            for (int i = 0; i < g.h * g.w; i++)
                x[at(&g.x, block, n, c, i / g.w, i % g.w)] = 0;
    for (int i = 0; i < threads; i++)
        (blocked ? lrn_blocked : lrn_plain)(&g, (const void *[]){x}, (void *[]){y}, thread(i, threads, scratch));
    for (int n = 0; n < g.n; n++)
        for (int c = 0; c < (g.c + block - 1) / block * block; c++)
            for (int i = 0; i < g.h * g.w; i++) {
                double sum = 0;
                for (int k = c - (g.size - 1) / 2; k <= c + g.size / 2; k++)
                    if (k >= 0 && k < g.c)
                        sum += pow(x[at(&g.x, block, n, k, i / g.w, i % g.w)], 2);
                const double v = c < g.c ? x[at(&g.x, block, n, c, i / g.w, i % g.w)] / pow(g.bias + (double)g.alpha / g.size * sum, g.beta) : 0;
                worst = fmax(worst, fabs(v - y[at(&g.y, block, n, c, i / g.w, i % g.w)]));
            }
    check(worst < 1e-6, "lrn blocked %d c %d size %d beta %g: %g", blocked, g.c, g.size, g.beta, worst);
    free(x), free(y), free(scratch);
}

static void one_softmax(unsigned *seed, int number)
{
    const struct cnnc_axis g = {1 + random_below(seed, 4), 1 + random_below(seed, 90), number & 1 ? 1 : 1 + random_below(seed, 40), number & 2 ? CNNC_AXIS_LOG_SOFTMAX : CNNC_AXIS_SOFTMAX};
    const size_t s = (size_t)(g.outer * g.n * g.inner);
    const int threads = 1 + number % 3;
    float *x = floats(s), *y = floats(s);
    double worst = 0;
    fill(x, s, *seed);
    for (size_t i = 0; i < s; i++)
        x[i] = x[i] * 30 + (number % 5 ? 0 : 1000);
    for (int i = 0; i < threads; i++)
        softmax(&g, (const void *[]){x}, (void *[]){y}, thread(i, threads, NULL));
    for (long o = 0; o < g.outer; o++)
        for (long i = 0; i < g.inner; i++) {
            double most = -INFINITY, sum = 0;
            for (long k = 0; k < g.n; k++)
                most = fmax(most, x[(o * g.n + k) * g.inner + i]);
            for (long k = 0; k < g.n; k++)
                sum += exp(x[(o * g.n + k) * g.inner + i] - most);
            for (long k = 0; k < g.n; k++) {
                const double v = x[(o * g.n + k) * g.inner + i] - most;
                worst = fmax(worst, fabs((g.op == CNNC_AXIS_SOFTMAX ? exp(v) / sum : v - log(sum)) - y[(o * g.n + k) * g.inner + i]) / (1 + fabs(v)));
            }
        }
    check(worst < 1e-6, "softmax %ld %ld %ld op %d: %g", g.outer, g.n, g.inner, g.op, worst);
    free(x), free(y);
}

static void one_norm(unsigned *seed, int number)
{
    struct cnnc_normalize g = {.rows = 1 + random_below(seed, 6), .plane = number % 3 ? 1 + random_below(seed, 20) : 1, .rms = number % 4 == 0, .epsilon = 1e-5, .scale_in_one = number % 7 == 0};
    const int threads = 1 + number % 3;
    double worst = 0;
    g.n = g.plane * (1 + random_below(seed, 30));
    g.period = number % 2 ? 1 : g.rows;
    const size_t s = (size_t)(g.rows * g.n), values = (size_t)(g.period * g.n / g.plane);
    float *x = floats(s), *y = floats(s), *scale = floats(values), *bias = floats(values);
    fill(x, s, *seed), fill(scale, values, 8), fill(bias, values, 9);
    for (size_t i = 0; i < s; i++)
        x[i] += 10;
    for (int i = 0; i < threads; i++)
        norm(&g, (const void *[]){x, scale, number % 5 ? bias : NULL}, (void *[]){y}, thread(i, threads, NULL));
    for (long r = 0; r < g.rows; r++) {
        double mean = 0, square = 0;
        for (long i = 0; i < g.n && !g.rms; i++)
            mean += x[r * g.n + i] / (double)g.n;
        for (long i = 0; i < g.n; i++)
            square += pow(x[r * g.n + i] - mean, 2) / (double)g.n;
        for (long i = 0; i < g.n; i++) {
            const long k = (r % g.period * g.n + i) / g.plane;
            const double want = (x[r * g.n + i] - mean) / sqrt(square + g.epsilon) * scale[g.scale_in_one ? 0 : k] + (number % 5 ? bias[k] : 0);
            worst = fmax(worst, fabs(want - y[r * g.n + i]));
        }
    }
    check(worst < 1e-4, "normalisation rows %ld n %ld plane %ld period %ld rms %d: %g", g.rows, g.n, g.plane, g.period, g.rms, worst);
    free(x), free(y), free(scale), free(bias);
}

int main(void)
{
    unsigned seed = 41;
    for (int n = 0; n < 250; n++) {
        one_map(&seed, n);
        one_lrn(&seed, n);
        one_softmax(&seed, n);
        one_norm(&seed, n);
    }
    return summary();
}
