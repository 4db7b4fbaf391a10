/* SPDX-License-Identifier: 0BSD
 *
 * The geometries of layout changes.
 *
 * Operands of all: in[0] x, out[0] y (cnnc_halo: out[0] only). cnnc_input also: in[1] mean, in[2] 1 / standard
 * deviation, one float per channel each, or NULL.
 */
#ifndef CNNC_REORDER_TYPES_H
#define CNNC_REORDER_TYPES_H
#include "base.h"

/* Ranks 3 to 5; fewer spatial axes have extent 1. */
struct cnnc_reorder {
    int n, c, d, h, w;
    struct cnnc_view x, y;
    int block;                          /* cnnc_copy_view: elements between neighbours in a row, CNNC_B or 1 */
};

/* A picture or volume as the user has it. */
struct cnnc_input {
    int n, c, d, h, w;
    ptrdiff_t xn, xc, xd, xh, xw;       /* strides of x in elements: any order of the axes */
    struct cnnc_view y;
    int u8;                             /* literal: x is uint8_t, not float */
    int blocked;                        /* literal: the layout of y */
};

/* The border around a tensor of n x c planes (c counts blocks in the blocked layout). */
struct cnnc_halo {
    int n, c, d, h, w;
    int before[3], after[3];            /* depth, height, width */
    struct cnnc_view y;
    int block;                          /* CNNC_B, or 1 for the plain layout */
};

#endif
