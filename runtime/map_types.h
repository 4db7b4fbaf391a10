/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of a chain of elementwise operators: y = ep(self(x)).
 *
 * Operands: in[0] x, then those of the stage of self, then those of the stages of ep. out[0] y, which may be x.
 * cnnc_batch_norm_scale: in[0..3] scale, bias, mean, variance of a batch norm; out[0], out[1] the factor and the summand that
 * it comes to, padded with zeros.
 */
#ifndef CNNC_MAP_TYPES_H
#define CNNC_MAP_TYPES_H
#include "conv.h"

struct cnnc_map {
    int n, c, d, h, w;
    struct cnnc_view x, y;
    struct cnnc_view other, add;        /* tensor operands of self and of ep */
    struct cnnc_epilogue self, ep;      /* literal */
};

struct cnnc_batch_norm_scale {
    int c, padded;
    double epsilon;
};

#endif
