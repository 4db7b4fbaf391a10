/* SPDX-License-Identifier: 0BSD
 *
 * The geometries of operators that only move data. Elements are `size` bytes (literal: 1, 2, 4, 8), whatever they mean.
 */
#ifndef CNNC_MOVE_TYPES_H
#define CNNC_MOVE_TYPES_H
#include "base.h"

#define CNNC_MOVE_RANK 8
#define CNNC_MOVE_PARTS 64

/* y[y0 + i * y_stride] = x[x0 + i * x_stride] for all i below dim: transpose, slice (negative strides too), expand (stride 0),
 * depth to space, writing into a part. Operands: in[0] x, out[0] y. */
struct cnnc_move {
    int size, rank;
    long dim[CNNC_MOVE_RANK];
    ptrdiff_t x[CNNC_MOVE_RANK], y[CNNC_MOVE_RANK], x0, y0;
};

enum cnnc_pad_mode { CNNC_PAD_CONSTANT, CNNC_PAD_REFLECT, CNNC_PAD_EDGE, CNNC_PAD_WRAP };

/* Row-major x of shape dim; y is before + dim + after along each axis. Negative padding cuts. Tile is CNNC_PAD_WRAP with
 * after = (repeats - 1) * dim. Operands: in[0] x, in[1] not read, in[2] one element to pad with or NULL for 0, out[0] y. */
struct cnnc_pad {
    int size, rank, mode;
    long dim[CNNC_MOVE_RANK], before[CNNC_MOVE_RANK], after[CNNC_MOVE_RANK];
};

/* Row-major tensors side by side along an axis: part k is outer x inner[k] elements. cnnc_concat: in[k] the parts, out[0];
 * cnnc_split_parts: in[0], out[k] the parts (NULL: not wanted). */
struct cnnc_concat {
    int size, parts;
    long outer, inner[CNNC_MOVE_PARTS];
};

/* y[o, i, :] = x[o, index[i], :] with x of outer x axis x inner elements. Indices count from the end where negative, and are
 * clamped, so that a wrong one reads no foreign memory. Operands: in[0] x, in[1] index, out[0] y. */
struct cnnc_gather {
    int size, index64;                  /* index64: int64_t indices, else int32_t */
    long outer, axis, inner, count;
};

/* GatherElements and ScatterElements: rank and shapes of the data and of the indices, along one axis.
 * gather: in[0] data, in[1] index, out[0] y of the indices' shape. scatter: in[0] data, in[1] index, in[2] updates, out[0] y of
 * the data's shape. */
struct cnnc_elements {
    int size, index64, rank, axis;
    long data[CNNC_MOVE_RANK], index[CNNC_MOVE_RANK];
};

/* GatherND and ScatterND: batch tensors, each with `count` index tuples of `depth` entries into dim[0..depth), a slice of `inner` elements
 * per tuple. gather: in[0] data, in[1] int64_t indices, out[0] y. scatter (batch 1): in[0] data, in[1] indices, in[2] updates, out[0] y. */
struct cnnc_nd {
    int size, depth;
    long batch, count, inner, dim[CNNC_MOVE_RANK];
};

#endif
