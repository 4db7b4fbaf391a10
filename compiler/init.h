/* Initial weights, from the graph's seed and the parameter's name alone: the same on every machine. */
#ifndef INIT_H
#define INIT_H
#include "ir.h"

/* Elements of a parameter that no file gave, in heap memory. He: normal, deviation sqrt(2 / fan_in) (He et al. 2015);
 * Xavier: uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010). */
void *init_values(const struct graph *g, const struct tensor *t);

/* Some of them: elements first .. first + count - 1. */
void init_part(const struct graph *g, const struct tensor *t, int64_t first, int64_t count, void *values);

#endif
