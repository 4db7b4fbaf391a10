/* Runs a generated network on seeded inputs and prints its outputs: the same program for every network, compiler and machine.
 *
 *     cc -include lenet5.h -DNET=lenet5 -DNETU=LENET5 runner.c lenet5.c
 *     runner [-w WEIGHTS] [-o] [-n SAMPLES] [-t THREADS] [-a]
 *
 *     -w FILE   the weights file      -o  through NAME_open rather than NAME_init
 *     -n N      runs on N successive samples; built with -DBATCH=B each is a batch, told as B samples
 *     -d FILE   raw inputs of one sample after the other, rather than seeded ones
 *     -a        also tries what the API must refuse, and that thread counts change no bit
 *
 * Output: for each sample and each output a line "sample K output NAME COUNT", then a line for each value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define N(name) JOIN(NET, name)
#define U(name) JOIN(NETU, name)
#ifndef BATCH
#define BATCH 1
#endif

static uint32_t seed = 1;

static uint32_t number(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void fill(const struct cnnc_io *io, char *p)
{
    for (size_t i = 0; i < io->bytes; i++)
        p[i] = (char)(io->dtype == 9 ? number() >> 8 & 1 : number() >> 8 & 255);
    if (io->dtype == 1)
        for (size_t i = 0; i < io->bytes / 4; i++)
            ((float *)(void *)p)[i] = (float)number() / (1 << 23) - 1;
    if (io->dtype == 7)
        for (size_t i = 0; i < io->bytes / 8; i++)
            ((int64_t *)(void *)p)[i] = (int64_t)(number() % 4);
}

static double value(const struct cnnc_io *io, const char *p, size_t i)
{
    switch (io->dtype) {
    case 1: return (double)((const float *)(const void *)p)[i];
    case 2: case 9: return ((const uint8_t *)p)[i];
    case 3: return ((const int8_t *)p)[i];
    case 6: return ((const int32_t *)(const void *)p)[i];
    case 7: return (double)((const int64_t *)(const void *)p)[i];
    }
    return 0;
}

static void print(long sample, void *const out[])
{
    for (int b = 0; b < BATCH; b++)
        for (int k = 0; k < U(_OUTPUTS); k++) {
            const struct cnnc_io *io = &N(_outputs)[k];
            size_t count = 1;
            for (int d = 0; d < io->rank; d++)
                count *= (size_t)io->dim[d];
            count /= BATCH;
            printf("sample %ld output %s %lu\n", sample * BATCH + b, io->name, (unsigned long)count);
            /* a sample of pictures and the like: with an odd distance it meets every column */
            for (size_t i = 0; i < count; i += count > 10000 ? (count / 5000) | 1 : 1)
                printf("%.9g\n", value(io, out[k], i + (size_t)b * count));
        }
}

static void *aligned(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 128) / 64 * 64);
    if (!p)
        exit(3);
    memset(p, 0, bytes);
    return p;
}

static void check(int got, int want, const char *what)
{
    if (got != want) {
        fprintf(stderr, "%s: status %d (%s), not %d\n", what, got, N(_strerror)(got), want);
        exit(4);
    }
}

static void serial(void *pool, int threads, void (*fn)(void *, int, int), void *arg)
{
    ++*(int *)pool;
    for (int i = threads; i-- > 0;)
        fn(arg, i, threads);
}

/* What the API refuses; results with more threads, one after the other and in the other order. */
static void try_api(const void *weights, size_t bytes, const void *const in[], void *const out[])
{
    static N(_ctx) ctx;
    size_t size = U(_ARENA_BYTES)(3);
    char *arena = aligned(size + 64), *saved[U(_OUTPUTS)];
    check(N(_init)(NULL, weights, bytes, arena, size, 1), CNNC_NULL_POINTER, "init without a context");
    check(N(_init)(&ctx, weights, bytes, NULL, size, 1), CNNC_NULL_POINTER, "init without an arena");
    check(N(_init)(&ctx, weights, bytes, arena, U(_ARENA_BYTES)(1) - 1, 1), CNNC_ARENA_TOO_SMALL, "init with a small arena");
    check(N(_init)(&ctx, weights, bytes, arena, size, 4), size < U(_ARENA_BYTES)(4) ? CNNC_ARENA_TOO_SMALL : CNNC_OK, "init with the arena of 3 threads for 4");
    check(N(_init)(&ctx, weights, bytes, arena + 8, size, 1), CNNC_NOT_ALIGNED, "init with an arena out of line");
    check(N(_init)(&ctx, weights, bytes, arena, size, 0), CNNC_BAD_THREADS, "init with no threads");
    if (weights) {
        check(N(_init)(&ctx, NULL, 0, arena, size, 1), CNNC_NULL_POINTER, "init without weights");
        check(N(_init)(&ctx, weights, bytes - 1, arena, size, 1), CNNC_TRUNCATED, "init with weights cut off");
    }
    for (int k = 0; k < U(_OUTPUTS); k++)
        memcpy(saved[k] = aligned(N(_outputs)[k].bytes), out[k], N(_outputs)[k].bytes);
    for (int threads = 2; threads <= 3; threads++) {
        int calls = 0;
        check(N(_init)(&ctx, weights, bytes, arena, size, threads), CNNC_OK, "init with more threads");
        if (threads == 3) {
            ctx.parallel_for = serial;
            ctx.pool = &calls;
        }
        memset(arena + size, 77, 64);
        memset(arena, 0x7f, size); /* nothing may depend on what the arena held */
        for (int k = 0; k < U(_OUTPUTS); k++)
            memset(out[k], 0x55, N(_outputs)[k].bytes);
        check(N(_run_v)(&ctx, in, out), CNNC_OK, "run with more threads");
        for (int k = 0; k < U(_OUTPUTS); k++)
            check(memcmp(saved[k], out[k], N(_outputs)[k].bytes) != 0, 0, "other bits with more threads or in a used arena");
        for (int i = 0; i < 64; i++)
            check(arena[size + (size_t)i], 77, "a write past the arena");
    }
    check(N(_run_v)(&ctx, NULL, out), CNNC_NULL_POINTER, "run without inputs");
    check(N(_run_v)(NULL, in, out), CNNC_NULL_POINTER, "run without a context");
}

int main(int argc, char **argv)
{
    const char *weights_file = NULL, *data_file = NULL;
    int use_open = 0, api = 0, threads = 1;
    long samples = 1;
    for (int i = 1; i < argc; i++)
        switch (argv[i][1]) {
        case 'w': weights_file = argv[++i]; break;
        case 'd': data_file = argv[++i]; break;
        case 'n': samples = atol(argv[++i]); break;
        case 't': threads = atoi(argv[++i]); break;
        case 'o': use_open = 1; break;
        case 'a': api = 1; break;
        }
    char *in[U(_INPUTS) + 1], *out[U(_OUTPUTS) + 1];
    for (int k = 0; k < U(_INPUTS); k++)
        in[k] = aligned(N(_inputs)[k].bytes);
    for (int k = 0; k < U(_OUTPUTS); k++)
        out[k] = aligned(N(_outputs)[k].bytes);

    static N(_ctx) own;
    N(_ctx) *ctx = &own;
    char *weights = NULL;
    size_t bytes = 0;
    int status = CNNC_OK;
    if (use_open) {
#ifndef CNNC_FREESTANDING
        ctx = N(_open)(weights_file, threads, 0, &status);
#endif
    } else {
        if (weights_file) {
            FILE *f = fopen(weights_file, "rb");
            if (!f || fseek(f, 0, SEEK_END) != 0) {
                perror(weights_file);
                return 3;
            }
            bytes = (size_t)ftell(f);
            rewind(f);
            weights = aligned(bytes);
            if (fread(weights, 1, bytes, f) != bytes)
                return 3;
            fclose(f);
        }
        status = N(_weights_check)(weights, bytes);
        if (status == CNNC_OK)
            status = N(_init)(ctx, weights, bytes, aligned(U(_ARENA_BYTES)(threads)), U(_ARENA_BYTES)(threads), threads);
    }
    if (status != CNNC_OK) {
        printf("status %d: %s\n", status, N(_strerror)(status));
        return 2;
    }
    FILE *data = data_file ? fopen(data_file, "rb") : NULL;
    for (long s = 0; s < samples; s++) {
        for (int b = 0; b < BATCH; b++)
            for (int k = 0; k < U(_INPUTS); k++) {
                struct cnnc_io one = N(_inputs)[k];
                one.bytes /= BATCH;
                fill(&one, in[k] + one.bytes * (size_t)b);
                if (data_file && (!data || fread(in[k] + one.bytes * (size_t)b, 1, one.bytes, data) != one.bytes)) {
                    fprintf(stderr, "%s: too short\n", data_file);
                    return 3;
                }
            }
        check(N(_run_v)(ctx, (const void *const *)(const void *)in, (void *const *)(void *)out), CNNC_OK, "run");
        print(s, (void *const *)(void *)out);
    }
    if (api)
        try_api(weights, bytes, (const void *const *)(const void *)in, (void *const *)(void *)out);
#ifndef CNNC_FREESTANDING
    if (use_open)
        N(_close)(ctx);
#endif
    return 0;
}
