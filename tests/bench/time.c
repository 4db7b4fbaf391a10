/* Times a generated network on demand: time WEIGHTS|- THREADS HUGE OUTPUT
 *
 * Opens the network, runs it once on the inputs of generated/runner.c, writes its outputs to OUTPUT (raw) and tells, as JSON, what opening
 * took and what memory came with it. Then, for every line "SECONDS" of standard input, runs for so long (three runs at least) and tells
 * the median and the fastest run. Built with -include NAME.h -DNET=NAME. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define N(name) JOIN(NET, name)
#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { MOST = 100000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%*d %ld", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static uint32_t seed = 1;
static uint32_t number(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    void *in[COUNT(N(_inputs))], *out[COUNT(N(_outputs))];
    static double ms[MOST];
    double seconds;
    int status;
    if (argc != 5)
        return 2;
    for (size_t k = 0; k < COUNT(in); k++) {
        const size_t bytes = N(_inputs)[k].bytes;
        unsigned char *p = in[k] = aligned_alloc(64, (bytes + 63) / 64 * 64);
        for (size_t i = 0; i < bytes; i++)
            p[i] = (unsigned char)(number() >> 8);
        if (N(_inputs)[k].dtype == 1)
            for (size_t i = 0; i < bytes / 4; i++)
                ((float *)in[k])[i] = (float)number() / (1 << 23) - 1;
    }
    for (size_t k = 0; k < COUNT(out); k++)
        out[k] = calloc(N(_outputs)[k].bytes + 64, 1);
    const double memory = resident(), start = now();
    N(_ctx) *net = N(_open)(argv[1], atoi(argv[2]), atoi(argv[3]), &status);
    const double opened = now();
    if (!net || N(_run_v)(net, (const void *const *)(const void *)in, out) != CNNC_OK) {
        fprintf(stderr, "%s\n", N(_strerror)(status));
        return 1;
    }
    const double first = now();
    FILE *f = fopen(argv[4], "wb");
    for (size_t k = 0; f && k < COUNT(out); k++)
        fwrite(out[k], 1, N(_outputs)[k].bytes, f);
    if (!f || fclose(f) != 0)
        return 1;
    printf("{\"load_ms\": %.3f, \"first_ms\": %.3f, \"resident_mb\": %.1f}\n", opened - start, first - opened, resident() - memory);
    fflush(stdout);
    while (scanf("%lf", &seconds) == 1) {
        const double end = now() + seconds * 1e3;
        int n = 0;
        for (double t = now(), u; n < MOST && (n < 3 || t < end); t = u) {
            N(_run_v)(net, (const void *const *)(const void *)in, out);
            u = now();
            ms[n++] = u - t;
        }
        qsort(ms, (size_t)n, sizeof *ms, ascending);
        printf("{\"median\": %.6f, \"min\": %.6f, \"runs\": %d}\n", ms[n / 2], ms[0], n);
        fflush(stdout);
    }
    N(_close)(net);
    return 0;
}
