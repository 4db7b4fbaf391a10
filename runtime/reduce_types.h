/* SPDX-License-Identifier: 0BSD
 *
 * The geometries of reductions.
 *
 * Operands: in[0] x, out[0] y, row-major over the axes that are kept (cnnc_scan: of x's shape).
 */
#ifndef CNNC_REDUCE_TYPES_H
#define CNNC_REDUCE_TYPES_H
#include "base.h"

#define CNNC_REDUCE_RANK 8

struct cnnc_reduce {
    int rank;
    long dim[CNNC_REDUCE_RANK];         /* of x, row-major */
    unsigned axes;                      /* bit i: axis i is reduced */
    double p[2];                        /* attributes, see reduce.def */
};

/* Running sums and products: x is outer x axis x inner. */
struct cnnc_scan {
    long outer, axis, inner;
    int exclusive, reverse;
};

#endif
