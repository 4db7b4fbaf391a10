/* Numbers from a seed and a counter, the same on every machine: element i of a stream depends on nothing but its key and i. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

uint64_t random_key(uint64_t seed, const char *name);
double random_uniform(uint64_t key, uint64_t i); /* 0 <= v < 1 */
double random_normal(uint64_t key, uint64_t i);  /* mean 0, variance 1 */

/* Elements first .. first + count - 1 of a tensor, -bound <= v < bound or of mean 0: what a network of hundreds of megabytes is made of. */
void random_fill_uniform(uint64_t key, double bound, int64_t first, int64_t count, float *v);
void random_fill_normal(uint64_t key, double deviation, int64_t first, int64_t count, float *v);

#endif
