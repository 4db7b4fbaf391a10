/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of elementwise operators with broadcasting.
 *
 * Operands: in[0..2] the operator's inputs, out[0] the result. An absent input (NULL) reads as zero; the expression can
 * ask has_b and has_c.
 */
#ifndef CNNC_ELEMENTWISE_TYPES_H
#define CNNC_ELEMENTWISE_TYPES_H
#include "base.h"

#define CNNC_MAX_RANK 8

struct cnnc_elementwise {
    int rank;
    long dim[CNNC_MAX_RANK];            /* of the result */
    ptrdiff_t y[CNNC_MAX_RANK];         /* the result's strides in elements; normally row-major */
    ptrdiff_t x[3][CNNC_MAX_RANK];      /* the inputs'; 0 where an input is broadcast */
    double p[4];                        /* the operator's attributes, in the order elementwise.def gives */
};

#endif
