/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of dense layers, y = epilogue(W x + bias), and of packing their weights.
 *
 * cnnc_dense: in[0] x, in[1] packed weights, in[2] bias (oc floats or NULL), then the operands of the epilogue's stages; out[0] y.
 * cnnc_pack_dense: in[0] W as the network has it, out[0] the packed weights, oc * row floats.
 */
#ifndef CNNC_DENSE_TYPES_H
#define CNNC_DENSE_TYPES_H
#include "conv.h"

/* Packed weights are row-major, [oc][row]: row is ic rounded up to 16, the rest zero. One output is one row, so that eight of them
 * stream from memory at once. */
#define CNNC_DENSE_ROW(ic) (((ic) + 15) / 16 * 16)

/* Weights of 16 bits: rows are rounded up to 32, and 32-bit words hold two of them, so that vectors of any length unpack with a shift and a
 * mask: word i of a group of 16 has weight i in its lower half and weight i + 16 in its upper one. Behind the last row stand the
 * factor (a float) that the weights were divided by, so that none of them is a denormal float16, and 15 zeros. */
#define CNNC_DENSE_ROW16(ic) (((ic) + 31) / 32 * 32)

/* Weights that no cache keeps until the next run are asked for so early: a processor's own prefetching starts anew with every row and page. */
#define CNNC_DENSE_AHEAD(bytes, words) ((bytes) > 2L << 20 ? (words) < 768 ? (words) : 768 : 0)

struct cnnc_dense {
    int n;                              /* batch; literal 1 where it is */
    int ic, oc, row;
    ptrdiff_t xn, yn;                   /* strides between the batch's rows; tensor operands of the epilogue lie as y does */
    struct cnnc_epilogue ep;            /* literal */
    int half;                           /* literal: type of the weights, CNNC_WEIGHTS_... */
    int ahead;                          /* literal: each row is fetched so many 32-bit words before it is used, at most a row; 0: not at all */
};

/* Where x is a blocked tensor of c channels and `pixels` pixels (contiguous, no halo), its flattening costs nothing: the weights take
 * the blocked order, and ic of the dense layer is ceil(c / B) * B * pixels. Else c = ic, pixels = 1, blocked = 0. */
struct cnnc_pack_dense {
    int c, pixels, oc, blocked;
    int transposed;                     /* W is [ic][oc] instead of [oc][ic] */
    int row;
};

#endif
