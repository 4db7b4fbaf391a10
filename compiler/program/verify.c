/* SPDX-License-Identifier: 0BSD
 *
 * What cnnc --verify runs with the generated network (prefix trial_): reads all inputs from one file, one behind the other, runs the network
 * once, writes all outputs to another. Arguments: the file of inputs, the file of outputs, the weights file (or ""). Includes
 * the network's source. */
#define _GNU_SOURCE
#include "trial.c"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const void *in[TRIAL_INPUTS + 1] = {0};
    void *out[TRIAL_OUTPUTS + 1] = {0};
    int status = 0;
    FILE *f = argc == 4 ? fopen(argv[1], "rb") : NULL;
    if (!f)
        return 2;
    for (int i = 0; i < TRIAL_INPUTS; i++) {
        const size_t n = trial_inputs[i].bytes;
        void *p = aligned_alloc(64, (n + 64) / 64 * 64);
        if (!p || fread(p, 1, n, f) != n)
            return 2;
        in[i] = p;
    }
    fclose(f);
    for (int i = 0; i < TRIAL_OUTPUTS; i++)
        if (!(out[i] = calloc(trial_outputs[i].bytes + 64, 1)))
            return 2;
    trial_ctx *net = trial_open(*argv[3] ? argv[3] : NULL, 1, 0, &status);
    if (!net)
        return fprintf(stderr, "trial_open: %s\n", trial_strerror(status)), 3;
    if ((status = trial_run_v(net, in, out)) != 0)
        return fprintf(stderr, "trial_run: %s\n", trial_strerror(status)), 3;
    f = fopen(argv[2], "wb");
    for (int i = 0; f && i < TRIAL_OUTPUTS; i++)
        fwrite(out[i], 1, trial_outputs[i].bytes, f);
    trial_close(net);
    for (int i = 0; i < TRIAL_INPUTS; i++)
        free((void *)(uintptr_t)in[i]);
    for (int i = 0; i < TRIAL_OUTPUTS; i++)
        free(out[i]);
    return !f || fclose(f) ? 4 : 0;
}
