/* Compares the gradients of a generated training step with central differences, in double. Built with the network's code made by
 * `cnnc NET --train=3 --real=double`, whose section says sgd(lr=1): a step moves each parameter by its gradient.
 *
 * Differences at two distances that disagree tell of a kink (relu, maxpool) between them: left out, and counted. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

enum { EACH = 12 }; /* values checked of each parameter */

static _Alignas(64) char parameters[NET_PARAMETERS_BYTES], state[NET_STATE_BYTES], arena[NET_TRAIN_ARENA_BYTES(2)];
static double start[NET_PARAMETERS_BYTES / sizeof(double)], gradient[NET_PARAMETERS_BYTES / sizeof(double)];
static net_train_ctx net;
static uint64_t seed = 7;

static double uniform(void)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (double)(seed >> 11) / 4503599627370496.0 - 1;
}

static double loss_at(int samples, size_t i, double v)
{
    double *p = (double *)(void *)parameters;
    memcpy(parameters, start, sizeof parameters);
    p[i] = v;
    net.step = 0;
    net.rate = 0;
    return net_train_step(&net, samples);
}

static int check(int samples)
{
    const double *p = (const double *)(const void *)parameters;
    double worst = 0;
    int checked = 0, kinks = 0, bad = 0;
    memcpy(parameters, start, sizeof parameters);
    net.step = 0;
    net.rate = 1;
    net_train_step(&net, samples);
    for (size_t i = 0; i < NET_PARAMETERS_BYTES / sizeof(double); i++)
        gradient[i] = start[i] - p[i];
    for (int k = 0; k < NET_PARAMETERS; k++) {
        const struct cnnc_parameter *t = &net_parameters[k];
        const size_t first = t->offset / sizeof(double), n = t->bytes / sizeof(double);
        double largest = 1e-6;
        for (size_t i = 0; i < n; i++)
            largest = fmax(largest, fabs(gradient[first + i]));
        if (t->trainable && t->rank > 1 && largest == 1e-6) {
            printf("  %s: no gradient to speak of\n", t->name);
            bad++;
        }
        for (size_t c = 0; t->trainable && c < EACH && c < n; c++) {
            const size_t i = first + (n <= EACH ? c : (size_t)((uniform() + 1) / 2 * (double)n) % n);
            const double h = 1e-5 * fmax(1, fabs(start[i]));
            const double wide = (loss_at(samples, i, start[i] + h) - loss_at(samples, i, start[i] - h)) / (2 * h);
            const double near = (loss_at(samples, i, start[i] + h / 4) - loss_at(samples, i, start[i] - h / 4)) / (h / 2);
            const double apart = fabs(gradient[i] - near), error = apart < 1e-10 ? 0 : apart / fmax(fabs(near), 1e-3 * largest);
            if (fabs(wide - near) > 1e-4 * fmax(fabs(near), largest)) {
                kinks++;
                continue;
            }
            checked++;
            worst = fmax(worst, error);
            if (error > 1e-5) {
                printf("  %s[%zu]: gradient %.12g, difference %.12g\n", t->name, i - first, gradient[i], near);
                bad++;
            }
        }
    }
    printf("  %d samples: %d values, %d kinks, worst relative error %.1e\n", samples, checked, kinks, worst);
    return bad || checked == 0;
}

/* The numbers that a step can be asked for: none changes nothing, more than a batch are a batch, and what lies behind those that are
 * there is not looked at. */
static int check_counts(double *const *value)
{
    static char before[sizeof state], after[sizeof parameters];
    const int n = NET_TRAIN_BATCH;
    int bad = 0;
    memcpy(parameters, start, sizeof parameters);
    memcpy(before, state, sizeof before);
    net.step = 0;
    net.rate = 1;
    if (net_train_step(&net, 0) != 0 || net_train_step(&net, -2) != 0 || net.step != 0 || memcmp(parameters, start, sizeof parameters) != 0 ||
        memcmp(state, before, sizeof before) != 0)
        bad += printf("  a step with no samples changes something\n");
    if (loss_at(n, 0, start[0]) != loss_at(n + 5, 0, start[0]))
        bad += printf("  more samples than a batch\n");
    net.rate = 1;
    double loss[2];
    for (int k = 0; k < 2; k++) {
        for (int i = 0; k == 1 && i < NET_TRAIN_INPUTS; i++) {
            const struct cnnc_io *io = &net_train_inputs[i];
            const size_t each = io->rank > 0 && io->dim[0] == n ? io->bytes / sizeof(double) / (size_t)n : 0;
            for (size_t j = 0; io->dtype == 11 && j < each; j++)
                value[i][(size_t)(n - 1) * each + j] = NAN;
        }
        memcpy(parameters, start, sizeof parameters);
        memcpy(state, before, sizeof before);
        net.step = 0;
        loss[k] = net_train_step(&net, n - 1);
        if (k == 0)
            memcpy(after, parameters, sizeof after);
    }
    if (loss[0] != loss[1] || memcmp(after, parameters, sizeof after) != 0)
        bad += printf("  a sample that is not there counts: losses %.17g, %.17g\n", loss[0], loss[1]);
    return bad;
}

int main(void)
{
    int bad = 0;
    double *value[8];
    int32_t label[4096];
    if (net_train_init(&net, (double *)(void *)parameters, state, arena, sizeof arena, 2) != CNNC_OK)
        return 1;
    net_train_reset(&net, 3);
    for (int i = 0; i < NET_TRAIN_INPUTS; i++) {
        const struct cnnc_io *io = &net_train_inputs[i];
        value[i] = malloc(io->bytes);
        for (size_t k = 0; io->dtype == 11 && k < io->bytes / sizeof(double); k++)
            value[i][k] = strcmp(io->name, "target") == 0 ? (uniform() > 0) : uniform();
        for (size_t k = 0; io->dtype == 6 && k < io->bytes / sizeof *label; k++)
            label[k] = (int32_t)(k % 3);
        net.input[i] = io->dtype == 6 ? (const void *)label : value[i];
    }
    memcpy(start, parameters, sizeof parameters);
    for (size_t i = 0; i < sizeof start / sizeof *start; i++) /* biases and scales too away from their special values */
        start[i] += 0.1 * uniform();
    for (int k = 0; k < NET_PARAMETERS; k++)
        if (!net_parameters[k].trainable)
            for (size_t i = 0; i < net_parameters[k].bytes / sizeof *start; i++)
                start[net_parameters[k].offset / sizeof *start + i] = 1;
    bad |= check(NET_TRAIN_BATCH);
    bad |= check(NET_TRAIN_BATCH - 1);
    bad |= check_counts(value);
    for (int i = 0; i < NET_TRAIN_INPUTS; i++)
        free(value[i]);
    return bad;
}
