/* The first losses of a generated training step, from parameters and data that a seed decides: what tests/train/make_losses.py
 * computes with PyTorch. Every third step lacks two samples. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

#ifndef STEPS
#define STEPS 10
#endif

static uint64_t mix(uint64_t x) /* splitmix64 (Steele, Lea, Flood 2014) of a counter */
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t key_of(const char *name, uint64_t seed)
{
    uint64_t key = mix(seed);
    while (*name)
        key = mix(key ^ (unsigned char)*name++);
    return key;
}

static double uniform(uint64_t key, uint64_t i) { return (double)(mix(key ^ mix(i)) >> 40) * (2.0 / (1 << 24)) - 1; }

static int ends(const char *s, const char *end)
{
    const size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* Weights uniform within 2.45 / sqrt(fan in), norms near 1 and 0, running statistics as they begin. */
static void fill_parameters(REAL *block)
{
    for (int k = 0; k < NET_PARAMETERS; k++) {
        const struct cnnc_parameter *p = &net_parameters[k];
        REAL *v = block + p->offset / sizeof(REAL);
        const size_t n = p->bytes / sizeof(REAL);
        const uint64_t key = key_of(p->name, 1);
        double fan = 1, bound = 2.45;
        for (int d = 1; d < p->rank; d++)
            fan *= (double)p->dim[d];
        for (double low = 0, high = fan; high - low > 1e-12 * fan;) { /* a square root without libm: a Cortex-M runs this too */
            const double mid = (low + high) / 2;
            if (mid * mid > fan)
                high = mid;
            else
                low = mid;
            bound = 2.45 / mid;
        }
        for (size_t i = 0; i < n; i++) {
            const double u = uniform(key, i);
            v[i] = (REAL)(float)(ends(p->name, "running_mean")  ? 0
                                 : ends(p->name, "running_var") ? 1
                                 : p->rank > 1                  ? bound * u
                                 : ends(p->name, "weight")      ? 1 + 0.1 * u
                                                                : 0.1 * u);
        }
    }
}

/* Two batches take turns: what is learned of one shows two steps later. */
static void fill_batch(void *const input[], int step)
{
    for (int k = 0; k < NET_TRAIN_INPUTS; k++) {
        const struct cnnc_io *io = &net_train_inputs[k];
        const uint64_t key = key_of(io->name, 100 + (uint64_t)(step % 2));
        for (size_t i = 0; io->dtype == 2 && i < io->bytes; i++)
            ((uint8_t *)input[k])[i] = (uint8_t)(mix(key ^ mix(i)) >> 56);
        for (size_t i = 0; io->dtype == 6 && i < io->bytes / 4; i++)
            ((int32_t *)input[k])[i] = (int32_t)((mix(key ^ mix(i)) >> 33) % CLASSES);
        for (size_t i = 0; (io->dtype == 1 || io->dtype == 11) && i < io->bytes / sizeof(REAL); i++)
            ((REAL *)input[k])[i] = (REAL)(float)uniform(key, i);
    }
}

#ifndef BARE
int main(void)
{
    static net_train_ctx net;
    const int threads = 2;
    void *input[NET_TRAIN_INPUTS];
    REAL *parameters = aligned_alloc(64, (NET_PARAMETERS_BYTES + 63) / 64 * 64);
    void *state = aligned_alloc(64, NET_STATE_BYTES), *arena = aligned_alloc(64, (NET_TRAIN_ARENA_BYTES(threads) + 63) / 64 * 64);
    if (!parameters || !state || !arena)
        return 1;
    fill_parameters(parameters);
    const int status = net_train_init(&net, parameters, state, arena, NET_TRAIN_ARENA_BYTES(threads), threads);
    if (status != CNNC_OK) {
        fprintf(stderr, "init: %d\n", status);
        return 1;
    }
    for (int i = 0; i < NET_TRAIN_INPUTS; i++) {
        input[i] = malloc(net_train_inputs[i].bytes);
        net.input[i] = input[i];
    }
    net.rate = (REAL)NET_TRAIN_RATE;
    for (int step = 0; step < STEPS; step++) {
        fill_batch(input, step);
        printf("%.9g\n", (double)net_train_step(&net, NET_TRAIN_BATCH - (step % 3 == 2 ? 2 : 0)));
    }
    for (int i = 0; i < NET_TRAIN_INPUTS; i++)
        free(input[i]);
    free(parameters);
    free(state);
    free(arena);
    return 0;
}
#endif
