/* All levels of x86 in one file, as --dispatch prints them: each is right. That AVX code is native, not emulated, tests/kernels/run sees in the
 * machine code. Build, without -march: gcc -O2 -Iruntime [-DCNNC_NO_SIMDE] tests/kernels/dispatch.c -lm */
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

static void plan_winograd(struct cnnc_conv *g)
{
    g->winograd = 4;
    cnnc_winograd_plan(g);
}

int main(void)
{
    const kernel direct[] = {direct_128, direct_256, direct_512}, winograd[] = {winograd_128, winograd_256, winograd_512};
    const int able[] = {1, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
                        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl")};
    for (int i = 0; i < 3; i++) {
        struct how d = {"direct", direct[i], CNNC_B, 0, 0, 0, 0, 2, cnnc_conv_plan, cnnc_pack_conv_size, cnnc_pack_conv, NULL, 1e-6};
        struct how w = {"winograd", winograd[i], CNNC_B, 1, 0, 0, 0, 2, plan_winograd, cnnc_winograd_weights_size, cnnc_winograd_weights,
                        cnnc_winograd_scratch, 2e-5};
        if (!able[i])
            continue;
        run_case(conv2d(1, 32, 28, 28, 32, 3, 1, 1, 1, 1), &d);
        run_case(conv2d(1, 32, 28, 28, 32, 3, 1, 1, 1, 1), &w);
    }
    printf("dispatch: %d passed, %d failed\n", passed, failed);
    return failed != 0;
}
#endif
