/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of local response normalisation over channels, on float vectors:
 *
 *     y[c] = x[c] / (bias + alpha / size * sum of x^2 over the channels c - (size - 1) / 2 ... c + size / 2)^beta
 *
 * Operands: in[0] x, out[0] y (blocked: not x itself). Scratch for the blocked layout: CNNC_LRN_SCRATCH(c) bytes a thread.
 */
#ifndef CNNC_LRN_TYPES_H
#define CNNC_LRN_TYPES_H
#include "conv.h"

#define CNNC_LRN_PIXELS 8               /* pixels at once */
#define CNNC_LRN_STEP(c) ((cnnc_blocks(c) + 2) * CNNC_B)
#define CNNC_LRN_SCRATCH(c) (CNNC_LRN_PIXELS * CNNC_LRN_STEP(c) * 4)

struct cnnc_lrn_vector {
    int n, c, d, h, w;
    int size;                           /* at most 2 * CNNC_B */
    float alpha, beta, bias;
    struct cnnc_view x, y;
};

#endif
