/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of the inverse of max pooling.
 *
 * Operands: in[0] values, in[1] where they stood, as int64_t indices into a tensor of the source shape; out[0] a tensor
 * at least as large in each dimension, zero elsewhere.
 */
#ifndef CNNC_UNPOOL_TYPES_H
#define CNNC_UNPOOL_TYPES_H
#include "base.h"

struct cnnc_unpool {
    long count;       /* values */
    int rank, size;   /* size: bytes of an element */
    long source[5];   /* the shape that the indices count in */
    long dim[5];      /* of the result */
};

#endif
