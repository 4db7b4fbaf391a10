/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of kernels that put elements where indices say. All operands are plain.
 * Indices count from the end where negative; what lies outside is moved to the nearest place inside.
 */
#ifndef CNNC_PLACE_TYPES_H
#define CNNC_PLACE_TYPES_H
#include "base.h"

/* ScatterElements: in x, indices, updates; out y of x's
 * shape. dim: of the indices; x: strides of the data in elements; size: the data's extent along axis. */
struct cnnc_scatter {
    int rank, axis, index, bytes, dtype;
    long dim[8], x[8], size, total;
    int combine; /* enum cnnc_combine */
};
enum cnnc_combine { CNNC_COMBINE_SET, CNNC_COMBINE_ADD, CNNC_COMBINE_MUL, CNNC_COMBINE_MAX, CNNC_COMBINE_MIN };

/* ScatterND: in x, indices, updates; out y. inner in elements of `bytes`. */
struct cnnc_scatter_nd {
    long n, inner, dim[8], total;
    int depth, index, bytes, dtype, combine;
};

/* OneHot: in indices [outer][inner], (depth), values [2]; out y [outer][depth][inner]. */
struct cnnc_one_hot {
    long outer, depth, inner;
    int index, bytes;
};

/* ReverseSequence: in x, lengths [batch]. Strides in bytes; what is neither batch nor time is outer x inner:
 * x [outer][a][middle][b][inner], where (a, b) is (time, batch) or (batch, time). */
struct cnnc_reverse_sequence {
    long outer, a, middle, b, inner;
    int time_first;
};

/* TensorScatter: in past [outer][size][inner], update [outer][n][inner], start [batch] or NULL; out present. inner in
 * bytes. per: outer slices per batch entry. */
struct cnnc_tensor_scatter {
    long outer, size, n, inner, per;
    int circular;
};

#endif
