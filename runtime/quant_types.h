/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of quantised operators. All operands are plain; types are literals (enum cnnc_dtype).
 */
#ifndef CNNC_QUANT_TYPES_H
#define CNNC_QUANT_TYPES_H
#include "base.h"
#include "pool_types.h"

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

/* Sums of products of 8-bit integers, each factor less its zero point, in 32 bits (modulo 2^32), and what becomes of a sum: itself (y is
 * int32), a float (times its scale), or 8 bits: sum * multiplier / 2^shift, rounded to nearest even, plus y's zero point, between low
 * and high. Scales are floats, or pairs of int32 (multiplier, shift) as QScale makes them.
 *
 * Operands of all: x (or a), w (or b), zero points of x and of w, bias (int32), scales, zero point of y; the zero points, the bias and the
 * scales may be absent.
 *
 * Matrices [batch] m x k by k x n. at_a, at_b: elements to the next matrix along each axis of the batch (0: the same one); b_k, b_n:
 * elements to the next row and column of b. rows: a has a zero point for each row; columns: b for each column. scale_m, scale_n: the place
 * of a row's and a column's scale. */
struct cnnc_qmatmul {
    int rank, a, b, y;
    long dim[6], at_a[6], at_b[6], m, k, n, b_k, b_n;
    int rows, columns;
    long scale_m, scale_n;
    int low, high;
};

/* Convolutions. x, w, y: types. ic: channels of a group; oc: all. Three spatial axes, the first ones 1 where there are fewer; kw, sw: the
 * last ones of kernel and stride. per_channel: w has a zero point for each output channel; scale_n: 1 if there is a scale for each, else 0.
 *
 * qconv_plain: w as ONNX has it. qconv: w packed [groups][blocks of CNNC_Q_CHANNELS output channels][ic][kd][kh][kw][CNNC_Q_CHANNELS] as
 * int8 (uint8 less 128), zero points int32 for each channel or absent, bias less what x's zero point comes to; channels padded to blocks.
 * qdense: w packed [oc][K padded to CNNC_Q_PAD], the rest the same. */
struct cnnc_qconv {
    int x, w, y, per_channel, kw, sw;
    long n, groups, ic, oc, in[3], out[3], kernel[3], stride[3], dilation[3], before[3], scale_n;
    int low, high;
};
enum { CNNC_Q_CHANNELS = 4, CNNC_Q_PIXELS = 64, CNNC_Q_PAD = 16 };

/* QScale: in x's scale [m], w's [n], y's [1] or NULL (all of type `scale`); out [m][n], pairs of int32, or floats where y's is absent. */
struct cnnc_qscale {
    int scale;
    long m, n;
};

/* QTable: in x (bytes), table [256] by the byte; out bytes. */
struct cnnc_qtable {
    long n;
};

/* QAdd, QMul: in a, b (8 bits), broadcast: at_a, at_b in elements for each axis; out y [dim]. add: ((a - za) ma + (b - zb) mb) / 2^shift,
 * mul: (a - za) (b - zb) ma / 2^shift, to nearest even, plus zy, between low and high. */
struct cnnc_qbinary {
    int rank, a, b, add;
    long dim[8], at_a[8], at_b[8];
    int za, zb, zy, low, high, shift;
    int ma, mb;
};

/* QAveragePool: sums over windows as struct cnnc_pool has them, less `zero` for each tap, times mul / (2^shift taps), plus zy. */
struct cnnc_qpool {
    struct cnnc_pool pool;
    int x, zero, zy, low, high, mul, shift;
};

/* QSoftmax: x [outer][axis][inner], e^-(d scale) as table[d] (int32); y = table mul / (2^shift sum), plus zy. */
struct cnnc_qsoftmax {
    int x, zy, low, high, mul, shift;
    long outer, axis, inner;
};

#endif
