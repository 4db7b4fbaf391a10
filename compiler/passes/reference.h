/* What --selftest compares with: the result of each layer as written, for an input that a formula gives. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "../pass.h"

enum { REFERENCE_SAMPLES = 4 };

struct reference {
    const char *name; /* of the tensor */
    int rank;
    int64_t dim[MAX_RANK];
    enum dtype dtype;
    double sum;             /* of all elements, each with the sign that reference_sign gives its position */
    double range;           /* largest minus smallest */
    int64_t at[REFERENCE_SAMPLES];
    double value[REFERENCE_SAMPLES];
};

/* 0 to 255 at each position of an input: bytes as they are, floats (b - 127.5) / 75, whole numbers b % 2. The generated code has the
 * same formula. */
uint32_t reference_hash(uint32_t i);

/* Of a tensor with this name and shape, or NULL. */
const struct reference *reference_of(const struct graph *g, const struct tensor *t);

#endif
