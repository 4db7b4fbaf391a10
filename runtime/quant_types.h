/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of quantised operators. All operands are plain; types are literals (enum cnnc_dtype).
 */
#ifndef CNNC_QUANT_TYPES_H
#define CNNC_QUANT_TYPES_H
#include "base.h"

/* QuantizeLinear, DequantizeLinear: in x [outer][axis][inner], scale, zero point or NULL; out y. Element (o, a, i) has the
 * scale so * o + sa * (a / block) + si * i. precision: the type of the quotient. */
struct cnnc_quantize {
    long outer, axis, inner, block, so, sa, si;
    int x, y, scale, saturate, precision;
    double low, high; /* of the integers that y holds */
};

/* DynamicQuantizeLinear: in x [n] float; out y uint8, scale, zero point. */
struct cnnc_dynamic_quantize {
    long n;
};

/* Matrix products [batch] m x k by k x n. sa, sb, sy: elements between the matrices of consecutive batches (broadcast: see
 * at_a, at_b, which give the matrix of each batch axis). Zero points and scales: one, or one for each row of a, column of b
 * or y. matmul_integer: in a, b, a's zero points, b's; out y int32.
 * qlinear_matmul: in a, scale, zero, b, scale, zero, y's scale, zero; out y. */
struct cnnc_qmatmul {
    int rank, a, b, y, scale;
    long dim[6], at_a[6], at_b[6], m, k, n;
    int rows, columns; /* a has a zero point for each row, b for each column */
    double low, high;
};

/* conv_integer: in x, w, x's zero point, w's; out y int32. qlinear_conv: in x, scale, zero, w, scale, zero, y's scale, zero,
 * bias (int32); out y. ic: channels of a group; oc: all. Three spatial axes, the first ones 1 where there are fewer. */
struct cnnc_qconv {
    int x, w, y, per_channel, spatial;
    long n, groups, ic, oc, in[3], out[3], kernel[3], stride[3], dilation[3], before[3];
    double low, high;
};

#endif
