/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of operators that pick elements, whose number may depend on the data: such an output has `room` for as
 * many as there can be; what is not used of it is zero, and a further output (int64) says how much is.
 */
#ifndef CNNC_PICK_TYPES_H
#define CNNC_PICK_TYPES_H
#include "base.h"

/* NonZero: in x; out y [rank][room], count. */
struct cnnc_non_zero {
    int rank, dtype;
    long dim[8], room;
};

/* TopK: in x [outer][axis][inner], k (one int64); out values, indices [outer][most][inner]. */
struct cnnc_top_k {
    long outer, axis, inner, most;
    int dtype, largest;
};

/* Unique: in x [outer][axis][inner]; out y [outer][room][inner], first places, inverse
 * [axis], counts, number of them. Scratch: 2 * axis longs. */
struct cnnc_unique {
    long outer, axis, inner, room;
    int dtype, bytes, sorted;
};

/* NonMaxSuppression: in boxes [batches][boxes][4], scores [batches][classes][boxes], most per class (int64), overlap and
 * score thresholds (float), each or NULL; out [room][3] int64, count. */
struct cnnc_nms {
    long batches, classes, boxes, room;
    int center;
};

/* Compress: in x [outer][axis][inner bytes], condition [n]; out y [outer][room][inner], count. */
struct cnnc_compress {
    long outer, axis, inner, n, room;
};

#endif
