/* What --selftest compares with: the result of each layer as written, for the user's input or one that a formula gives. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "../ir.h"

/* A tensor of at most so many elements is stored whole, while there are not too many in all; of others a few elements and a sum. */
enum { REFERENCE_WHOLE = 4096, REFERENCE_ALL = 1 << 16 };

/* 0 to 255 at each position of an input: bytes as they are, floats (b - 127.5) / 75, whole numbers b % 2. The generated code has the
 * same formula. */
uint32_t reference_hash(uint32_t i);

/* Of a tensor with this name and shape, or NULL. */
const struct reference *reference_of(const struct graph *g, const struct tensor *t);

#endif
