/* Dense layers and matrix products against sums in double: tails, batches, packing from blocked tensors, strides, epilogues, threads. */
#include "../../runtime/dense.h"
#include "../../runtime/dense_half.h"
#include "../../runtime/gemm.h"
#include "kernel_test.h"

static const struct cnnc_epilogue stages = {2, {{CNNC_ST_ADD, 0, 0}, {CNNC_ST_CLAMP, 0, INFINITY}, {0, 0, 0}, {0, 0, 0}}};

/* Instances, as the compiler prints them: the epilogue is literal. */
#define INSTANCE(name, kernel, type, epilogue)                                                                          \
    static __attribute__((noinline)) void name(const struct type *g, const void *const in[], void *const out[], struct cnnc_thread t)  \
    {                                                                                                                   \
        struct type k = *g;                                                                                             \
        k.ep = epilogue;                                                                                                \
        kernel(&k, in, out, t);                                                                                         \
    }
#define NONE (struct cnnc_epilogue){0, {{0, 0, 0}}}
INSTANCE(dense_alone, cnnc_dense, cnnc_dense, NONE)
INSTANCE(dense_add_relu, cnnc_dense, cnnc_dense, stages)
INSTANCE(gemm_alone, cnnc_gemm, cnnc_gemm, NONE)
INSTANCE(gemm_add_relu, cnnc_gemm, cnnc_gemm, stages)

/* To so many bits of precision, ties to even; exponents are no matter here. */
static double rounded(double v, int half)
{
    int e;
    const double m = frexp(v, &e), one = half == CNNC_WEIGHTS_F16 ? 0x1p11 : 0x1p8;
    return ldexp(nearbyint(m * one) / one, e);
}

static void one_dense(unsigned *seed, int number)
{
    const int blocked = number % 3 == 0, transposed = number % 4 == 0, threads = 1 + number % 3;
    const int c = 1 + random_below(seed, number % 10 ? 70 : 700), pixels = blocked ? 1 + random_below(seed, 5) : 1;
    const int oc = 1 + random_below(seed, 70), n = number % 2 ? 1 : 1 + random_below(seed, 9), ic = c * pixels;
    const int wide = blocked ? (c + CNNC_B - 1) / CNNC_B * CNNC_B * pixels : ic;
    const int half = number / 2 % 3;
    const struct cnnc_pack_dense pack = {c, pixels, oc, blocked, transposed, half ? CNNC_DENSE_ROW16(wide) : CNNC_DENSE_ROW(wide)};
    struct cnnc_dense g = {n, wide, oc, pack.row, wide, oc + 3, {0, {{0, 0, 0}}}, half, 0};
    g.ahead = number % 7 % 2 * (half ? g.row / 2 : g.row);
    uint32_t *words = aligned_alloc(64, (CNNC_DENSE_WORDS((size_t)(oc * pack.row)) * 4 + 63) / 64 * 64);
    float *x = floats((size_t)(n * ic)), *xb = floats((size_t)(n * wide)), *w = floats((size_t)(oc * ic)), *wp = floats((size_t)(oc * pack.row));
    float *bias = floats((size_t)oc), *y = floats((size_t)(n * (oc + 3) - 3)), *add = floats((size_t)(n * (oc + 3) - 3));
    double worst = 0;
    if (number % 5 == 0)
        g.ep = stages;
    fill(x, (size_t)(n * ic), *seed), fill(w, (size_t)(oc * ic), *seed + 1), fill(bias, (size_t)oc, *seed + 2), fill(add, (size_t)(n * (oc + 3) - 3), 3);
    memset(xb, 0, sizeof *xb * (size_t)(n * wide));
    for (int i = 0; i < n; i++)
        for (int k = 0; k < ic; k++)
            xb[i * wide + (blocked ? (k / pixels / CNNC_B * pixels + k % pixels) * CNNC_B + k / pixels % CNNC_B : k)] = x[i * ic + k];
    cnnc_pack_dense(&pack, (const void *[]){w}, (void *[]){wp}, (struct cnnc_thread){0, 1, NULL});
    if (half)
        cnnc_dense_halve(wp, oc * pack.row, half, words);
    for (int t = 0; t < threads; t++)
        (g.ep.n ? dense_add_relu : dense_alone)(&g, (const void *[9]){xb, half ? (void *)words : wp, number % 7 ? bias : NULL, add}, (void *[]){y}, (struct cnnc_thread){t, threads, NULL});
    for (int i = 0; i < n; i++)
        for (int o = 0; o < oc; o++) {
            double s = number % 7 ? bias[o] : 0;
            for (int k = 0; k < ic; k++) {
                const double exact = w[transposed ? k * oc + o : o * ic + k];
                s += (double)x[i * ic + k] * (half ? rounded(exact, half) : exact);
            }
            if (g.ep.n)
                s = fmax(0, s + add[i * (oc + 3) + o]);
            worst = fmax(worst, fabs(s - y[i * (oc + 3) + o]));
        }
    check(worst < 2e-5 + 1e-8 * ic, "dense %d x %d -> %d blocked %d transposed %d half %d: %g", n, ic, oc, blocked, transposed, half, worst);
    free(x), free(xb), free(w), free(wp), free(words), free(bias), free(y), free(add);
}

static void one_gemm(unsigned *seed, int number)
{
    const int ta = number & 1, tb = number >> 1 & 1, bias = number % 3, threads = 1 + number % 4;
    const long m = 1 + random_below(seed, 50), n = 1 + random_below(seed, 70), k = number % 40 == 0 ? 0 : 1 + random_below(seed, number % 5 ? 30 : 600);
    const long batch = 1 + random_below(seed, 3);
    struct cnnc_gemm g = {.m = m, .n = n, .k = k, .ai = ta ? 1 : k, .ak = ta ? m : 1, .bk = tb ? 1 : n, .bj = tb ? k : 1,
                          .ci = bias == 1 ? n : 0, .cj = bias ? 1 : 0, .batches = 2, .batch = {batch, 2}, .a = {0, m * k}, .b = {k * n, 0},
                          .alpha = number % 2 ? 1 : 0.5f, .beta = number % 7 ? 1 : -2};
    float *a = floats((size_t)(2 * m * k)), *b = floats((size_t)(batch * k * n)), *c = floats((size_t)(m * n)), *y = floats((size_t)(batch * 2 * m * n));
    float *add = floats((size_t)(batch * 2 * m * n)), *scratch = floats(CNNC_GEMM_SCRATCH / 4);
    double worst = 0;
    if (number % 5 == 0)
        g.ep = stages;
    fill(a, (size_t)(2 * m * k), *seed), fill(b, (size_t)(batch * k * n), *seed + 1), fill(c, (size_t)(m * n), 5), fill(add, (size_t)(batch * 2 * m * n), 6);
    for (int t = 0; t < threads; t++)
        (g.ep.n ? gemm_add_relu : gemm_alone)(&g, (const void *[9]){a, b, number % 4 ? c : NULL, add}, (void *[]){y}, (struct cnnc_thread){t, threads, scratch});
    for (long q = 0; q < batch * 2; q++)
        for (long i = 0; i < m; i++)
            for (long j = 0; j < n; j++) {
                double s = 0;
                for (long l = 0; l < k; l++)
                    s += (double)a[q % 2 * m * k + i * g.ai + l * g.ak] * b[q / 2 * k * n + l * g.bk + j * g.bj];
                s = g.alpha * s + (number % 4 ? g.beta * (double)c[i * g.ci + j * g.cj] : 0);
                if (g.ep.n)
                    s = fmax(0, s + add[(q * m + i) * n + j]);
                worst = fmax(worst, fabs(s - y[(q * m + i) * n + j]));
            }
    check(worst < 3e-5, "gemm %ld %ld %ld transposed %d %d bias %d threads %d: %g", m, n, k, ta, tb, bias, threads, worst);
    free(a), free(b), free(c), free(y), free(add), free(scratch);
}

int main(void)
{
    unsigned seed = 31;
    for (int n = 0; n < 600; n++) {
        one_dense(&seed, n);
        one_gemm(&seed, n);
    }
    return summary();
}
