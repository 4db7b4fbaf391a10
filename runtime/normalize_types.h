/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of normalisation on the plain layout.
 *
 * cnnc_normalize: in[0] x, in[1] scale or NULL, in[2] bias or NULL; out[0] y, out[1] means or NULL, out[2] 1 / deviations or
 * NULL. cnnc_batch_norm: in[0] x, in[1] scale, in[2] bias, in[3] mean, in[4] variance; out[0] y. cnnc_lrn: in[0] x; out[0] y.
 * cnnc_axis: in[0] x; out[0] y.
 */
#ifndef CNNC_NORMALIZE_TYPES_H
#define CNNC_NORMALIZE_TYPES_H
#include "base.h"

/* Rows of n neighbouring elements, each normalised by itself. Scale and bias have one value for each `plane` elements, in
 * an order that begins anew every `period` rows; in_one: a single value for all. */
struct cnnc_normalize {
    long rows, n, period, plane;
    int scale_in_one, bias_in_one;
    int rms;                            /* divides by the root mean square, subtracts no mean */
    int wide;                           /* out[1] and out[2] are double, not float */
    double epsilon;
};

struct cnnc_batch_norm {
    long n, c, plane;
    double epsilon;
};

/* y = x / (bias + alpha / size * (sum of squares over the neighbouring channels))^beta */
struct cnnc_lrn {
    long n, c, plane;
    int size;
    float alpha, beta, bias;
};

enum cnnc_axis_op { CNNC_AXIS_SOFTMAX, CNNC_AXIS_LOG_SOFTMAX, CNNC_AXIS_HARDMAX, CNNC_AXIS_L1, CNNC_AXIS_L2 };

/* Vectors along one axis: element k of vector (o, i) is x[(o * n + k) * inner + i]. */
struct cnnc_axis {
    long outer, n, inner;
    int op;                             /* enum cnnc_axis_op */
};

#endif
