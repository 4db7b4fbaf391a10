/* All levels of x86 in one file, as --dispatch prints them: each is right, and AVX code is native, not emulated (by its speed).
 * Build, without -march: gcc -O2 -Iruntime [-DCNNC_NO_SIMDE] tests/kernels/dispatch.c -lm */
#if !defined(__x86_64__)
int main(void) { return 0; }
#else
#define CNNC_ISA 128
#include "dispatch_level.h"
#undef CNNC_ISA
#define CNNC_ISA 256
#include "dispatch_level.h"
#undef CNNC_ISA
#define CNNC_ISA 512
#include "dispatch_level.h"
#include "conv_test.h"
#include <time.h>

static void plan_winograd(struct cnnc_conv *g)
{
    g->winograd = 4;
    cnnc_winograd_plan(g);
}
static double seconds(struct cnnc_conv g, kernel f)
{
    float *x = vec(1 << 18, 1 << 18), *w = vec(1 << 18, 1 << 18), *y = vec(1 << 18, 0);
    g.x.h = (g.iw + 2) * CNNC_B, g.x.c = g.x.d = g.x.h * (g.ih + 2), g.x.n = 4 * g.x.c;
    g.y.h = g.ow * CNNC_B, g.y.c = g.y.d = g.y.h * g.oh, g.y.n = 4 * g.y.c;
    const void *in[] = {x + g.x.h + CNNC_B, w, NULL};
    void *out[] = {y};
    double best = 1e9;
    for (int i = 0; i < 20; i++) {
        clock_t t = clock();
        for (int j = 0; j < 4; j++)
            f(&g, in, out, (struct cnnc_thread){0, 1, NULL});
        double s = (double)(clock() - t) / CLOCKS_PER_SEC;
        best = s < best ? s : best;
    }
    free(x), free(w), free(y);
    return best;
}

int main(void)
{
    const kernel direct[] = {direct_128, direct_256, direct_512}, winograd[] = {winograd_128, winograd_256, winograd_512};
    const int able[] = {1, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
                        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl")};
    double base = 0;
    for (int i = 0; i < 3; i++) {
        struct how d = {"direct", direct[i], CNNC_B, 0, 0, 0, 0, 2, cnnc_conv_plan, cnnc_pack_conv_size, cnnc_pack_conv, NULL, 1e-6};
        struct how w = {"winograd", winograd[i], CNNC_B, 1, 0, 0, 0, 2, plan_winograd, cnnc_winograd_weights_size, cnnc_winograd_weights,
                        cnnc_winograd_scratch, 2e-5};
        if (!able[i])
            continue;
        run_case(conv2d(1, 32, 28, 28, 32, 3, 1, 1, 1, 1), &d);
        run_case(conv2d(1, 32, 28, 28, 32, 3, 1, 1, 1, 1), &w);
        double s = seconds(conv2d(1, 64, 28, 28, 64, 3, 1, 1, 1, 1), direct[i]);
        printf("level %d: %.1f GFLOP/s\n", 128 << i, 4 * 2e-9 * 64 * 64 * 9 * 28 * 28 / s);
        if (i == 0)
            base = s;
        else if (s > base / 1.5) /* emulation is slower than the baseline, native code some three times as fast */
            failed++, printf("FAIL level %d is no faster than level 128\n", 128 << i);
        else
            passed++;
    }
    printf("dispatch: %d passed, %d failed\n", passed, failed);
    return failed != 0;
}
#endif
