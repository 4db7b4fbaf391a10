/* Gradients of a generated training step in float, for tests/train/make_gradients.py, which computes the same with PyTorch: of each parameter the
 * largest magnitude, the sum and four values. Parameters and data come from a seed, by position. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

enum { SAMPLES = 4 };
static const float rate = 4096; /* a power of two: the step's rounding is the gradient's, not the parameter's */

static _Alignas(64) char parameters[NET_PARAMETERS_BYTES], state[NET_STATE_BYTES], arena[NET_TRAIN_ARENA_BYTES(1)];
static float start[NET_PARAMETERS_BYTES / sizeof(float)];
static net_train_ctx net;

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}
static double uniform(uint64_t key, uint64_t i) { return (double)(mix(mix(key) ^ mix(i)) >> 40) * (2.0 / (1 << 24)) - 1; }

static int ends(const char *s, const char *end)
{
    const size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

int main(void)
{
    int32_t label[4096];
    float *value[8];
    if (net_train_init(&net, (float *)(void *)parameters, state, arena, sizeof arena, 1) != CNNC_OK)
        return 1;
    for (int k = 0; k < NET_PARAMETERS; k++) {
        const struct cnnc_parameter *p = &net_parameters[k];
        const size_t first = p->offset / sizeof(float), n = p->bytes / sizeof(float);
        double fan = 1;
        for (int d = 1; d < p->rank; d++)
            fan *= (double)p->dim[d];
        for (size_t i = 0; i < n; i++) {
            const double u = uniform(100 + (uint64_t)k, i);
            start[first + i] = (float)(ends(p->name, "running_mean")  ? 0
                                       : ends(p->name, "running_var") ? 1
                                       : fan > 1                      ? 2.45 / sqrt(fan) * u
                                       : ends(p->name, "weight")      ? 1 + 0.1 * u
                                                                      : 0.1 * u);
        }
    }
    for (int k = 0; k < NET_TRAIN_INPUTS; k++) {
        const struct cnnc_io *io = &net_train_inputs[k];
        value[k] = calloc(1, io->bytes + 4);
        for (size_t i = 0; io->dtype == 1 && i < io->bytes / 4; i++)
            value[k][i] = (float)uniform((uint64_t)k, i);
        for (size_t i = 0; io->dtype == 6 && i < io->bytes / 4; i++)
            label[i] = (int32_t)(i % 3);
        net.input[k] = io->dtype == 6 ? (const void *)label : value[k];
    }
    memcpy(parameters, start, sizeof parameters);
    net.rate = rate;
    const double loss = net_train_step(&net, NET_TRAIN_BATCH);
    printf("loss %.8g\n", loss);
    for (int k = 0; k < NET_PARAMETERS; k++) {
        const struct cnnc_parameter *p = &net_parameters[k];
        const float *now = (const float *)(const void *)(parameters + p->offset), *was = start + p->offset / sizeof(float);
        const size_t n = p->bytes / sizeof(float);
        double most = 0, sum = 0;
        if (!p->trainable)
            continue;
        for (size_t i = 0; i < n; i++) {
            const double g = ((double)was[i] - now[i]) / rate;
            most = fmax(most, fabs(g));
            sum += g * (1 + (double)(i % 7));
        }
        printf("%s %zu %.8g %.8g", p->name, n, most, sum);
        for (size_t i = 0; i < SAMPLES; i++)
            printf(" %.8g", ((double)was[i * n / SAMPLES] - now[i * n / SAMPLES]) / rate);
        putchar('\n');
    }
    for (int k = 0; k < NET_TRAIN_INPUTS; k++)
        free(value[k]);
    return 0;
}
