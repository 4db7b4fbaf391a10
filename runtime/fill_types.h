/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of kernels that make tensors out of little. All operands are plain.
 */
#ifndef CNNC_FILL_TYPES_H
#define CNNC_FILL_TYPES_H
#include "base.h"

/* out y: int64 values. */
struct cnnc_integers {
    int n;
    int64_t value[8];
};

/* out y: n elements of some bytes with one value. */
struct cnnc_fill {
    long n;
    int64_t bits;
    int bytes;
};

/* out y [rows][columns]: 1 on diagonal k. */
struct cnnc_eye {
    long rows, columns, k;
    int dtype;
};

/* in x [planes][rows][columns], k (one int64) or NULL; out y: x with what is below (upper) or above diagonal k zero. */
struct cnnc_trilu {
    long planes, rows, columns;
    int upper, bytes;
};

/* in start, limit, delta; out y [n] = start + i * delta. */
struct cnnc_range {
    long n;
    int dtype;
};

#endif
