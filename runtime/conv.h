/* SPDX-License-Identifier: 0BSD
 *
 * The geometry that all convolution kernels share, and the epilogue: what is done to a value between its last
 * accumulation and its store.
 *
 * Operands: in[0] x, in[1] packed weights, in[2] bias padded to whole blocks (or NULL), then one tensor for each
 * stage of the epilogue that has an operand, in order. out[0] y.
 */
#ifndef CNNC_CONV_H
#define CNNC_CONV_H
#include "base.h"

enum cnnc_stage_op {
    CNNC_ST_ADD,       /* v + operand (a tensor of y's shape, laid out as g->add says) */
    CNNC_ST_MUL,       /* v * operand, likewise */
    CNNC_ST_SCALE,     /* v * operand[c] + next operand[c], one value per channel */
    CNNC_ST_PRELU,     /* v < 0 ? v * operand[c] : v */
    CNNC_ST_CLAMP,     /* min(max(v, a), b): relu is 0, INFINITY; relu6 is 0, 6 */
    CNNC_ST_LEAKY,     /* v < 0 ? v * a : v */
    CNNC_ST_ELU,       /* v < 0 ? a * (exp(v) - 1) : v */
    CNNC_ST_SELU,      /* b * (v < 0 ? a * (exp(v) - 1) : v) */
    CNNC_ST_SIGMOID,   /* 1 / (1 + exp(-v)) */
    CNNC_ST_HSIGMOID,  /* min(max(a * v + b, 0), 1) */
    CNNC_ST_TANH,
    CNNC_ST_SWISH,     /* v * sigmoid(a * v) */
    CNNC_ST_HSWISH,    /* v * min(max(v / 6 + 1/2, 0), 1) */
    CNNC_ST_GELU,      /* v / 2 * (1 + erf(v / sqrt 2)) */
    CNNC_ST_GELU_TANH, /* the tanh approximation of it */
    CNNC_ST_SOFTPLUS   /* log(1 + exp(v)) */
};

struct cnnc_stage {
    int op; /* enum cnnc_stage_op */
    float a, b;
};

#define CNNC_MAX_STAGES 4
struct cnnc_epilogue {
    int n;
    struct cnnc_stage s[CNNC_MAX_STAGES];
};

/* y[n,o,..] = epilogue(bias[o] + sum over i, k of x[n, i, stride*p - pad + dilation*k] * w[o, i, k])
 * 1-D and 2-D are volumes whose depth (and height) is 1. Channel counts are the true ones, not rounded up. */
struct cnnc_conv {
    int n, groups;
    int ic, id, ih, iw;                 /* input: channels (of all groups), depth, height, width */
    int oc, od, oh, ow;                 /* output */
    int kd, kh, kw;                     /* kernel */
    int sd, sh, sw;                     /* stride */
    int dd, dh, dw;                     /* dilation */
    int pd, ph, pw;                     /* padding before; the halo of x covers it on both sides where the kernel needs it */
    struct cnnc_view x, y, add;
    struct cnnc_epilogue ep;
    /* kernel-specific choices, literal */
    int tile_w, tile_v;                 /* register tile: pixels x vectors; 0: the instruction set's own */
    int block_ic;                       /* input channel blocks per pass over the output; 0: all */
};

#endif
