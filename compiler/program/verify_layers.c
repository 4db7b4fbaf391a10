/* SPDX-License-Identifier: 0BSD
 *
 * What cnnc --verify runs to find the layer that is wrong: the generated network (prefix trial_) with a self-test, whose verdict goes into a file:
 * the layer's name, or nothing. Arguments as verify.c's; the inputs are the self-test's own. Includes the network's source. */
#define _GNU_SOURCE
#define CNNC_SELFTEST
#include "trial.c"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int status = 0;
    const char *layer = "";
    FILE *f = argc == 4 ? fopen(argv[2], "wb") : NULL;
    void *memory = aligned_alloc(64, TRIAL_SELFTEST_BYTES);
    if (!f || !memory)
        return 2;
    trial_ctx *net = trial_open(*argv[3] ? argv[3] : NULL, 1, 0, &status);
    if (!net)
        return fprintf(stderr, "trial_open: %s\n", trial_strerror(status)), 3;
    status = trial_selftest(net, memory, TRIAL_SELFTEST_BYTES, &layer);
    fputs(status == CNNC_DIFFERS ? layer : "", f);
    trial_close(net);
    free(memory);
    return fclose(f) || (status != CNNC_OK && status != CNNC_DIFFERS) ? 4 : 0;
}
