/* Elementary functions against the C library in double, over every 61st float (argument 1: every float), in ulp of the result.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0] tests/kernels/vecmath.c -lm */
#include "vecmath.h"
#include <stdio.h>

static int passed, failed;

static double ulp(float got, double want)
{
    if (want != want || got != got)
        return (want != want) == (got != got) ? 0 : 1e9;
    if ((float)want == got)
        return 0;
    if (isinf((float)want) || isinf(got))
        return fabs(want) > 3.40282e38 && fabs((double)got) > 3.40282e38 ? 0 : 1e9;
    int e;
    frexp(want, &e);
    return fabs(got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

static cnnc_vf vexp(cnnc_vf x) { return CNNC_FN(cnnc_vexp)(x); }
static cnnc_vf vexpm1(cnnc_vf x) { return CNNC_FN(cnnc_vexpm1)(x); }
static cnnc_vf vlog(cnnc_vf x) { return CNNC_FN(cnnc_vlog)(x); }
static cnnc_vf vlog1p(cnnc_vf x) { return CNNC_FN(cnnc_vlog1p01)(x); }
static cnnc_vf vtanh(cnnc_vf x) { return CNNC_FN(cnnc_vtanh)(x); }
static cnnc_vf vsigmoid(cnnc_vf x) { return CNNC_FN(cnnc_vsigmoid)(x); }
static cnnc_vf verf(cnnc_vf x) { return CNNC_FN(cnnc_verf)(x); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void sweep(const char *name, cnnc_vf (*f)(cnnc_vf), double (*want)(double), double limit, double lo, double hi, uint32_t step)
{
    double worst = 0;
    float at = 0, x[CNNC_VL], y[CNNC_VL];
    uint64_t u = 0;
    while (u < 0x100000000ull) {
        for (int i = 0; i < CNNC_VL; i++) {
            uint32_t b = (uint32_t)(u < 0x100000000ull ? u : 0);
            memcpy(&x[i], &b, 4);
            u += step;
        }
        CNNC_VSTORE(y, f(CNNC_VLOAD(x)));
        for (int i = 0; i < CNNC_VL; i++) {
            if (x[i] < (float)lo || x[i] > (float)hi)
                continue;
            double e = ulp(y[i], want(x[i]));
            if (e <= limit)
                passed++;
            else
                failed++;
            if (e > worst)
                worst = e, at = x[i];
        }
    }
    printf("%-8s worst %.3f ulp at %a\n", name, worst, (double)at);
}

int main(int argc, char **argv)
{
    uint32_t s = argc > 1 ? 1 : 1021;
    (void)argv;
    sweep("exp", vexp, exp, 2, -INFINITY, INFINITY, s);
    sweep("expm1", vexpm1, expm1, 2, -INFINITY, INFINITY, s);
    sweep("log", vlog, log, 2, -INFINITY, INFINITY, s);
    sweep("log1p", vlog1p, log1p, 2, 0, 1, s);
    sweep("tanh", vtanh, tanh, 2, -INFINITY, INFINITY, s);
    sweep("sigmoid", vsigmoid, sigmoid, 2, -INFINITY, INFINITY, s);
    sweep("erf", verf, erf, 2, -INFINITY, INFINITY, s);
    printf("vecmath level %d: %d passed, %d failed\n", CNNC_LEVEL, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
