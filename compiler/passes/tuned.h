/* Measured times of kernels (--tune): which layer, which kernel, how long, on which machine. A small text file that may be edited, merged and
 * committed:
 *
 *     [AMD EPYC; gcc -O2 -march=native]
 *     Conv float32 1x64x56x56 *64x64x3x3 *64 -> 1x64x56x56; kernel_shape 3 3; pads 1 1 1 1 | conv_direct | 812.3
 *
 * Microseconds of one thread. Sections of other machines stay as they are. */
#ifndef TUNED_H
#define TUNED_H

#include "../op.h"

/* What select does instead of choosing: the kernel in place `variant` of each node's list, pooling apart where the list goes on. */
struct explore {
    int variant;
    int variants; /* of the node with the longest list: select counts */
};

struct tuned *tuned_new(const char *machine);
void tuned_free(struct tuned *t);
/* A file that is not there is an empty one. False: an error was reported. */
bool tuned_read(struct tuned *t, const char *path, struct diag *d);
bool tuned_write(const struct tuned *t, const char *path, struct diag *d);

/* What decides how long n takes: operator, types, shapes, attributes, what is fused into it. Before a kernel's prepare. */
const char *tuned_layer(struct arena *a, const struct node *n);
/* Its name; where the operator has it for several layouts, with these. */
const char *tuned_kernel(struct arena *a, const struct node *n, const struct kernel *k);
double tuned_seconds(const struct tuned *t, const char *layer, const char *kernel); /* of this machine; -1: not known */
void tuned_set(struct tuned *t, const char *layer, const char *kernel, double seconds);

#endif
