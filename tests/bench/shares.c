/* What one step of a generated network reaches of what the machine can do, with one thread, beside the machine itself.
 *
 *     shares WEIGHTS|- STEP SECONDS fma|copy
 *
 * Rounds of a probe, a run of the network and the probe again; for each a line "NANOSECONDS BEFORE AFTER": how long the step took, and what
 * the probes said, a millisecond or two before and after it. fma: GFLOP/s of multiply-adds in registers, in the vectors that the kernels of
 * this build have. copy: GB/s of copying memory, the bytes read plus those written; every piece, and the network's weights too, was last
 * touched so long ago that no cache has it. Built with CNNC_PROFILE_CLOCK() as shares.py says, -DCNNC_PROFILE -include NAME.h -DNET=NAME -DNETU=NAME'S UPPER CASE, -I runtime. */
#define _GNU_SOURCE
#include "simd.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define N(name) JOIN(NET, name)
#define U(name) JOIN(NETU, name)
#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { CHAINS = CNNC_TILE_ACC >= 24 ? 24 : 12, LEAST = 15, MOST = 4000, CONTEXTS = 64 };

/* ns of this thread's own time: a busy machine takes the processor away in the middle of a layer more often than of a probe */
static double now(void) { return (double)CNNC_PROFILE_CLOCK(); }

/* ---- multiply-adds ---- */

static volatile float half = 0.5f, little = 1e-9f, sink;

static double multiply(long n)
{
    const cnnc_vf a = CNNC_VSET1(half), b = CNNC_VSET1(little);
    cnnc_vf acc[CHAINS];
    CNNC_UNROLL
    for (int i = 0; i < CHAINS; i++)
        acc[i] = CNNC_VSET1((float)i);
    const double start = now();
    for (long k = 0; k < n; k++) {
        CNNC_UNROLL
        for (int i = 0; i < CHAINS; i++)
            acc[i] = CNNC_VFMA(acc[i], a, b);
    }
    CNNC_UNROLL
    for (int i = 1; i < CHAINS; i++)
        acc[0] = CNNC_VADD(acc[0], acc[i]);
    sink = CNNC_VREDUCE_ADD(acc[0]);
    return (double)n * CHAINS * CNNC_VL * 2 / (now() - start);
}

static double probe_fma(void)
{
    static long n = 1000;
    double start = now(), speed = multiply(n);
    for (; now() - start < 5e5; start = now(), speed = multiply(n)) /* about a millisecond */
        n *= 2;
    return speed;
}

/* ---- copying ---- */

enum { PIECE = 1 << 22, PIECES = 4 };
static char *from, *to;
static size_t room, place;

static void stream(char *d, const char *s)
{
#if defined(__AVX512F__)
    for (size_t i = 0; i < PIECE; i += 64)
        _mm512_stream_ps((float *)(void *)(d + i), _mm512_load_ps(s + i));
#elif defined(__AVX__)
    for (size_t i = 0; i < PIECE; i += 32)
        _mm256_stream_ps((float *)(void *)(d + i), _mm256_load_ps((const float *)(const void *)(s + i)));
#else
    memcpy(d, s, PIECE);
#endif
#ifdef __AVX__
    _mm_sfence();
#endif
}
static void plain(char *d, const char *s) { memcpy(d, s, PIECE); }
static void (*copy)(char *, const char *) = plain;

static double probe_copy(void)
{
    const double start = now();
    for (int i = 0; i < PIECES; i++, place = (place + PIECE) % room)
        copy(to + place, from + place);
    return 2.0 * PIECE * PIECES / (now() - start);
}

static char *memory(size_t bytes)
{
    char *p = aligned_alloc((size_t)2 << 20, bytes);
    if (!p)
        exit(1);
#ifdef MADV_HUGEPAGE
    (void)madvise(p, bytes, MADV_HUGEPAGE);
#endif
    memset(p, 1, bytes);
    return p;
}

/* More than the largest cache; the faster of two ways to copy. */
static void make_room(void)
{
    double speed[2] = {0, 0};
    long cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
    cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    room = (size_t)(cache > 1 << 28 ? cache : 1 << 28) / PIECE * PIECE;
    from = memory(room), to = memory(room);
    for (int i = 0; i < 60; i++) {
        copy = i % 2 ? stream : plain;
        const double s = probe_copy();
        speed[i % 2] = s > speed[i % 2] ? s : speed[i % 2];
    }
    copy = speed[1] > speed[0] ? stream : plain;
}

/* ---- the network ---- */

int main(int argc, char **argv)
{
    static uint64_t profile[U(_STEPS)];
    void *in[COUNT(N(_inputs))], *out[COUNT(N(_outputs))];
    N(_ctx) *net[CONTEXTS];
    uint32_t seed = 1;
    int step = -1, nets = 1, status;
    if (argc != 5)
        return 2;
    double (*const probe)(void) = strcmp(argv[4], "copy") == 0 ? probe_copy : probe_fma;
    for (int i = 0; i < U(_STEPS); i++)
        step = strcmp(N(_steps)[i], argv[2]) == 0 ? i : step;
    if (step < 0) {
        fprintf(stderr, "no step %s\n", argv[2]);
        return 1;
    }
    for (size_t k = 0; k < COUNT(in); k++) {
        in[k] = aligned_alloc(64, (N(_inputs)[k].bytes + 63) / 64 * 64);
        for (size_t i = 0; i < N(_inputs)[k].bytes / 4; i++)
            ((float *)in[k])[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) / (1 << 23) - 1;
    }
    for (size_t k = 0; k < COUNT(out); k++)
        out[k] = calloc(N(_outputs)[k].bytes + 64, 1);
    if (probe == probe_copy) {
        make_room();
        nets = (int)(2 * room / (U(_WEIGHTS_BYTES) + 1)) + 2;
        nets = nets < CONTEXTS ? nets : CONTEXTS;
    }
    for (int i = 0; i < nets; i++)
        if (!(net[i] = N(_open)(strcmp(argv[1], "-") == 0 ? NULL : argv[1], 1, U(_HUGE_PAGES), &status))) {
            fprintf(stderr, "%s\n", N(_strerror)(status));
            return 1;
        }
    const double end = now() + 1e9 * atof(argv[3]);
    probe();
    double before = probe();
    for (int i = 0; i < MOST && (i < LEAST || now() < end); i++) {
        N(_ctx) *const ctx = net[i % nets];
        ctx->profile = profile;
        memset(profile, 0, sizeof profile);
        if (N(_run_v)(ctx, (const void *const *)(const void *)in, out) != CNNC_OK)
            return 1;
        const double after = probe();
        if (i >= 2) /* the first ones find cold pages */
            printf("%llu %.5g %.5g\n", (unsigned long long)profile[step], before, after);
        before = after;
    }
    return 0;
}
