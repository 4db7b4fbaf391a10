/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of operators that pick elements, whose number may depend on the data: such an output has room for as many as
 * there can be, what is there lies packed, and a further output (int64) says how many.
 */
#ifndef CNNC_PICK_TYPES_H
#define CNNC_PICK_TYPES_H
#include "base.h"

/* NonZero: in x; out y [rank][count], count. */
struct cnnc_non_zero {
    int rank, dtype;
    long dim[8];
};

/* TopK: in x [outer][axis][inner], k (one int64); out values, indices [outer][k][inner]. */
struct cnnc_top_k {
    long outer, axis, inner, most;
    int dtype, largest;
};

/* Unique: in x [outer][axis][inner]; out y, first places, inverse [axis], counts, number of them. Scratch: 2 * axis longs. */
struct cnnc_unique {
    long outer, axis, inner;
    int dtype, bytes, sorted;
};

/* NonMaxSuppression: in boxes [batches][boxes][4], scores [batches][classes][boxes], most per class (int64), overlap and
 * score thresholds (float), each or NULL; out [count][3] int64, count. */
struct cnnc_nms {
    long batches, classes, boxes, room;
    int center;
};

/* Compress: in x [outer][axis][inner bytes], condition [n]; out y, count. */
struct cnnc_compress {
    long outer, axis, inner, n;
};

#endif
