/* Runs a generated training step for tests/bench/train.py. Writes the initial parameters and one batch to a file, then does what the
 * lines of its input say: "STEPS" runs so many and prints their seconds, the last loss and the peak of resident memory in bytes.
 *
 *     train_step FILE THREADS */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net.h"

static void *block(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p)
        exit(1);
    return p;
}

static double peak(void)
{
    char line[256];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmHWM: %lf", &kb);
    if (f)
        fclose(f);
    return kb * 1024;
}

int main(int argc, char **argv)
{
    static net_train_ctx net;
    const int threads = argc > 2 ? atoi(argv[2]) : 1;
    float *parameters = block(NET_PARAMETERS_BYTES);
    unsigned seed = 1;
    int steps;
    if (argc < 3 || net_train_init(&net, parameters, block(NET_STATE_BYTES), block(NET_TRAIN_ARENA_BYTES(threads)),
                                   NET_TRAIN_ARENA_BYTES(threads), threads) != CNNC_OK)
        return 1;
    net_train_reset(&net, 1);
    net.rate = (float)NET_TRAIN_RATE;
    FILE *f = fopen(argv[1], "wb");
    if (!f)
        return 1;
    for (int i = 0; i < NET_PARAMETERS; i++)
        fwrite((char *)parameters + net_parameters[i].offset, 1, net_parameters[i].bytes, f);
    for (int i = 0; i < NET_TRAIN_INPUTS; i++) { /* the picture, bytes; the labels, 0 to 9 */
        unsigned char *p = block(net_train_inputs[i].bytes);
        for (size_t k = 0; k < net_train_inputs[i].bytes; k++) {
            seed = seed * 1664525u + 1013904223u;
            p[k] = (unsigned char)(seed >> 24);
        }
        for (size_t k = 0; net_train_inputs[i].dtype == 6 && k < net_train_inputs[i].bytes / 4; k++)
            ((int *)(void *)p)[k] = (int)((k * 7 + k / 10) % 10);
        fwrite(p, 1, net_train_inputs[i].bytes, f);
        net.input[i] = p;
    }
    if (fclose(f))
        return 1;
    puts("ready");
    fflush(stdout);
    while (scanf("%d", &steps) == 1) {
        struct timespec a, b;
        double loss = 0;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int i = 0; i < steps; i++)
            loss = (double)net_train_step(&net, NET_TRAIN_BATCH);
        clock_gettime(CLOCK_MONOTONIC, &b);
        printf("%.9f %.9g %.0f\n", (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec), loss, peak());
        fflush(stdout);
    }
    return 0;
}
