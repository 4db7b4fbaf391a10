/* SPDX-License-Identifier: 0BSD
 *
 * What cnnc --bench runs with the generated network (prefix bench_): what the machine can do, then the network's time and that of its
 * steps, with one thread and with all. Prints lines "WORD NUMBER ..." for the compiler to read:
 *
 *     peak THREADS GFLOP/S           multiply-adds in registers; this and the next both before and after the runs: the best counts
 *     read THREADS BYTES GB/S        sums over a buffer of so many bytes, again and again
 *     open MS, first MS              with one thread
 *     run THREADS MEDIAN_MS MIN_MS RUNS
 *     step THREADS INDEX MEDIAN_NS
 *
 * Arguments: weights file (or ""), seconds to run with each number of threads; a third one: only one thread, and nothing of the machine
 * (--tune). Compiled with -include of the network's header. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>
#ifdef _OPENMP
#include <omp.h>
#endif

enum { MOST = 2000, STREAMS = 8 };

static double now(void) /* seconds */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- the machine ---- */

/* GNU vectors: the widest of this processor, whatever the options are; kernels compiled for less cannot reach it. */
#define LEVEL(name, target, width)                                                                                     \
    typedef float name##_v __attribute__((vector_size(width), aligned(width)));                                        \
    target static double name##_peak(long n) /* returns the operations */                                              \
    {                                                                                                                  \
        const name##_v b = (name##_v){0} + 0.999f, c = (name##_v){0} + 0.5f;                                           \
        name##_v a0 = b, a1 = b + 1, a2 = b + 2, a3 = b + 3, a4 = b + 4, a5 = b + 5, a6 = b + 6, a7 = b + 7;           \
        name##_v a8 = b + 8, a9 = b + 9, a10 = b + 10, a11 = b + 11;                                                   \
        for (long i = 0; i < n; i++) {                                                                                 \
            a0 = a0 * b + c, a1 = a1 * b + c, a2 = a2 * b + c, a3 = a3 * b + c;                                        \
            a4 = a4 * b + c, a5 = a5 * b + c, a6 = a6 * b + c, a7 = a7 * b + c;                                        \
            a8 = a8 * b + c, a9 = a9 * b + c, a10 = a10 * b + c, a11 = a11 * b + c;                                    \
        }                                                                                                              \
        volatile name##_v sum = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;                           \
        (void)sum;                                                                                                     \
        return (double)n * 12 * 2 * (double)(sizeof b / sizeof(float));                                                \
    }                                                                                                                  \
    target static void name##_read(const char *p, size_t bytes)                                                        \
    {                                                                                                                  \
        const size_t n = bytes / STREAMS / sizeof(name##_v);                                                           \
        const name##_v *x = (const name##_v *)(const void *)p;                                                         \
        name##_v a = {0}, b = a, c = a, d = a;                                                                         \
        for (size_t i = 0; i < n; i++) {                                                                               \
            a += x[i], b += x[n + i], c += x[2 * n + i], d += x[3 * n + i];                                            \
            a += x[4 * n + i], b += x[5 * n + i], c += x[6 * n + i], d += x[7 * n + i];                                \
        }                                                                                                              \
        volatile name##_v sum = a + b + c + d;                                                                         \
        (void)sum;                                                                                                     \
    }

LEVEL(v128, , 16)
#if defined(__x86_64__)
LEVEL(v256, __attribute__((target("avx2,fma"))), 32)
LEVEL(v512, __attribute__((target("avx512f"))), 64)
#endif

static double (*best_peak)(long) = v128_peak;
static void (*best_read)(const char *, size_t) = v128_read;

/* Calls work(arg, thread) on so many threads, again and again for about so long; returns the seconds of the fastest call. */
static double fastest(int threads, double seconds, void (*work)(void *arg, int thread, int threads), void *arg)
{
    const double end = now() + seconds;
    double best = 1e9;
    (void)threads;
    do {
        const double start = now();
#ifdef _OPENMP
#pragma omp parallel num_threads(threads)
        work(arg, omp_get_thread_num(), omp_get_num_threads());
#else
        work(arg, 0, 1);
#endif
        const double t = now() - start;
        best = t < best ? t : best;
    } while (now() < end);
    return best;
}

static double operations[1024];
static void multiply(void *arg, int thread, int threads)
{
    (void)threads;
    operations[thread % 1024] = best_peak(*(const long *)arg);
}

struct buffer {
    char *p;
    size_t bytes;
    int repeat;
};
static void sum(void *arg, int thread, int threads)
{
    const struct buffer *b = arg;
    const size_t part = b->bytes / (size_t)threads / 4096 * 4096;
    for (int i = 0; i < b->repeat; i++)
        best_read(b->p + part * (size_t)thread, part);
}

static void measure_machine(int threads)
{
    static const size_t sizes[] = {1 << 16, 1 << 19, 1 << 22, 1 << 25, 1 << 28};
    long n = 200000;
    const double t = fastest(threads, 0.3, multiply, &n);
    double all = 0;
    for (int i = 0; i < threads && i < 1024; i++)
        all += operations[i];
    printf("peak %d %.6g\n", threads, all / t * 1e-9);
    struct buffer b = {aligned_alloc((size_t)2 << 20, sizes[4]), 0, 1};
    if (!b.p)
        return;
#ifdef MADV_HUGEPAGE
    (void)madvise(b.p, sizes[4], MADV_HUGEPAGE);
#endif
    memset(b.p, 0, sizes[4]);
    for (int i = 0; i < 5; i++) {
        b.bytes = sizes[i];
        b.repeat = 1 + (int)(((size_t)1 << 22) / sizes[i]);
        const double s = fastest(threads, i == 4 ? 0.25 : 0.05, sum, &b);
        printf("read %d %zu %.6g\n", threads, b.bytes, (double)b.bytes * b.repeat / s * 1e-9);
    }
    free(b.p);
}

/* ---- the network ---- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static uint32_t seed = 1;
static uint32_t number(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* Any bytes for bytes, floats from -1 to 1, ones and zeros for other types (they may be indices). */
static void *input(const struct cnnc_io *io)
{
    unsigned char *p = aligned_alloc(64, (io->bytes + 64) / 64 * 64);
    if (!p)
        exit(3);
    memset(p, 0, io->bytes);
    for (size_t i = 0; i < io->bytes && (io->dtype == 2 || io->dtype == 3); i++)
        p[i] = (unsigned char)(number() >> 8);
    for (size_t i = 0; i < io->bytes / 4 && io->dtype == 1; i++)
        ((float *)(void *)p)[i] = (float)number() / (1 << 23) - 1;
    for (size_t i = 0; i < io->bytes / 8 && io->dtype == 11; i++)
        ((double *)(void *)p)[i] = (double)number() / (1 << 23) - 1;
    for (size_t i = 0; i < io->bytes && io->dtype == 9; i++)
        p[i] = number() & 1;
    return p;
}

/* Runs that are timed as a whole and runs that are timed step by step take turns. */
static void measure(bench_ctx *net, const void *const *in, void *const *out, int threads, double seconds)
{
    static double ms[MOST];
    static uint64_t ticks[BENCH_STEPS + 1];
    double *steps = malloc(sizeof *steps * MOST * (BENCH_STEPS + 1)); /* [step][run] */
    const double end = now() + seconds;
    int n = 0;
    if (!steps)
        exit(3);
    for (; n < MOST && (n < 5 || now() < end); n++) {
        net->profile = NULL;
        const double start = now();
        bench_run_v(net, in, out);
        ms[n] = (now() - start) * 1e3;
        memset(ticks, 0, sizeof ticks);
        net->profile = ticks;
        bench_run_v(net, in, out);
        for (int s = 0; s < BENCH_STEPS; s++)
            steps[s * MOST + n] = (double)ticks[s];
    }
    qsort(ms, (size_t)n, sizeof *ms, ascending);
    printf("run %d %.6f %.6f %d\n", threads, ms[n / 2], ms[0], n);
    for (int s = 0; s < BENCH_STEPS; s++) {
        qsort(steps + s * MOST, (size_t)n, sizeof *steps, ascending);
        printf("step %d %d %.0f\n", threads, s, steps[s * MOST + n / 2]);
    }
    free(steps);
}

int main(int argc, char **argv)
{
    const void *in[BENCH_INPUTS + 1] = {0};
    void *out[BENCH_OUTPUTS + 1] = {0};
    int all = 1, status = 0;
    if (argc < 3)
        return 2;
#ifdef _OPENMP
    all = argc > 3 ? 1 : omp_get_max_threads();
#endif
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        best_peak = v256_peak, best_read = v256_read;
    if (__builtin_cpu_supports("avx512f"))
        best_peak = v512_peak, best_read = v512_read;
#endif
    for (int i = 0; i < BENCH_INPUTS; i++)
        in[i] = input(&bench_inputs[i]);
    for (int i = 0; i < BENCH_OUTPUTS; i++)
        if (!(out[i] = calloc(bench_outputs[i].bytes + 64, 1)))
            return 3;
    for (int k = 0; k < (all > 1 ? 2 : 1); k++) {
        const int threads = k ? all : 1;
        if (argc == 3)
            measure_machine(threads);
        const double start = now();
        bench_ctx *net = bench_open(*argv[1] ? argv[1] : NULL, threads, 0, &status);
        if (!net) {
            fprintf(stderr, "bench_open: %s\n", bench_strerror(status));
            return 3;
        }
        const double opened = now();
        status = bench_run_v(net, in, out);
        if (status != 0) {
            fprintf(stderr, "bench_run: %s\n", bench_strerror(status));
            return 3;
        }
        if (!k)
            printf("open %.6f\nfirst %.6f\n", (opened - start) * 1e3, (now() - opened) * 1e3);
        measure(net, in, out, threads, strtod(argv[2], NULL));
        if (argc == 3) /* other programs may have had a part of the machine the first time */
            measure_machine(threads);
        bench_close(net);
        fflush(stdout);
    }
    return 0;
}
