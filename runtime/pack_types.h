/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of what brings parameters into the form that kernels read, where that happens in the run: in training.
 */
#ifndef CNNC_PACK_TYPES_H
#define CNNC_PACK_TYPES_H
#include "conv.h"

/* The orders of conv_plan.h. */
enum cnnc_pack_form { CNNC_PACK_DIRECT, CNNC_PACK_FIRST, CNNC_PACK_DEPTHWISE, CNNC_PACK_WINOGRAD2, CNNC_PACK_WINOGRAD4 };

/* Weights of a convolution: in w; out packed. w is [OC][IC / groups][taps]; swapped: [IC][OC / groups][taps]; turned: the last tap first.
 * Swapped and turned weights are those with which a convolution brings back the gradient of its input. */
struct cnnc_pack {
    int form, swapped, turned; /* literal */
    int groups, ic, oc, kd, kh, kw, ic_tail;
};

/* Values of channels, with zeros behind them: in v; out padded. */
struct cnnc_pack_vector {
    long n, size;
};

#endif
