/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of what only training computes.
 */
#ifndef CNNC_TRAIN_TYPES_H
#define CNNC_TRAIN_TYPES_H
#include "base.h"
#include "conv.h"

/* Gradient of an activation from its operand x, its result y and dy: in dy, x or NULL, y or NULL; out dx. */
enum cnnc_act { CNNC_ACT_RELU, CNNC_ACT_LEAKY, CNNC_ACT_SIGMOID, CNNC_ACT_TANH, CNNC_ACT_CLIP, CNNC_ACT_SWISH, CNNC_ACT_ELU,
                CNNC_ACT_SELU, CNNC_ACT_SOFTPLUS, CNNC_ACT_HSWISH, CNNC_ACT_HSIGMOID, CNNC_ACT_GELU, CNNC_ACT_GELU_TANH, CNNC_ACT_MISH,
                CNNC_ACT_SOFTSIGN, CNNC_ACT_ABS, CNNC_ACT_EXP, CNNC_ACT_LOG, CNNC_ACT_SQRT, CNNC_ACT_NEG,
                CNNC_ACT_CELU, CNNC_ACT_THRESHOLDED, CNNC_ACT_RECIPROCAL, CNNC_ACT_SIN, CNNC_ACT_COS, CNNC_ACT_TAN, CNNC_ACT_ASIN,
                CNNC_ACT_ACOS, CNNC_ACT_ATAN, CNNC_ACT_SINH, CNNC_ACT_COSH, CNNC_ACT_ASINH, CNNC_ACT_ACOSH, CNNC_ACT_ATANH, CNNC_ACT_ERF };
struct cnnc_act_grad {
    long n;
    int op;             /* literal */
    double a, b;
};

/* Planes of channels. Sum per channel: in x; out sums. Pools: in dy, indices (max); out dx. */
struct cnnc_planes {
    long n, c, in, out; /* elements of a plane of the input and of the output of the forward operator */
};

/* Summands of a broadcast operand: in x of shape dim; out y, whose axes of stride 0 are summed over. */
struct cnnc_sum_to {
    int rank;
    long dim[8], stride[8], size;
};

/* Batch norm by the statistics of the batch. Forward: in x, scale, bias, running mean, running variance, count; out y, mean, 1 / deviation;
 * the running statistics move. Backward: in dy, x, scale, mean, 1 / deviation, count; out dx, dscale, dbias. */
struct cnnc_batch_norm_train {
    long n, c, plane;
    double epsilon, momentum; /* running = momentum * running + (1 - momentum) * batch */
};

/* The same on blocked tensors, in two steps each; `parts` has for every sample and channel block two vectors of B sums.
 * cnnc_plane_moments: in x; out parts: mean, sum of squared differences from it.
 * cnnc_batch_norm_blocked: in x, scale, bias, running mean, running variance, count, parts, operands of stages; out as above.
 * cnnc_batch_norm_sums: in dy, x, mean; out parts: sum of dy, sum of dy * (x - mean).
 * cnnc_batch_norm_grad_blocked: in dy, x, scale, mean, 1 / deviation, count, parts; out dx, dscale, dbias. */
struct cnnc_norm_blocked {
    int n, c, d, h, w;
    struct cnnc_view x, y, add; /* x: of x; y: of y, or of dx; add: of a stage's tensor, or of dy */
    double epsilon, momentum;
    struct cnnc_epilogue ep;    /* literal */
};

/* What is done to each element of a blocked tensor: in x, operands of stages; out y. Sums per channel: in x; out sums [c]. */
struct cnnc_stages {
    int n, c, d, h, w;
    struct cnnc_view x, y, add;
    struct cnnc_epilogue ep;    /* literal */
};

/* Losses and their gradients at once. in x, labels or targets, count, samples of all processes or NULL; out losses (1), gradient of x, right answers (1, classes only),
 * the answers or NULL. */
enum cnnc_train_loss_kind { CNNC_TRAIN_CROSS_ENTROPY, CNNC_TRAIN_MSE, CNNC_TRAIN_BCE };
struct cnnc_train_loss {
    long n, classes, inner; /* samples, classes, positions of a sample */
    int kind;               /* literal */
    double weight, smoothing;
};

/* Gradients of several calls as of one. in gradient, count, step, samples of the calls before; out gradient of all so far, sum. */
struct cnnc_accumulate {
    long n, calls;
};

/* One step of an optimiser on one parameter, in place: in gradient, rate, step (a call of `calls` of a step), sum of squares of all
 * gradients or NULL; out parameter, first moment, second moment. */
enum cnnc_update_kind { CNNC_UPDATE_SGD, CNNC_UPDATE_MOMENTUM, CNNC_UPDATE_NESTEROV, CNNC_UPDATE_ADAM, CNNC_UPDATE_ADAMW, CNNC_UPDATE_RMSPROP,
                        CNNC_UPDATE_RMSPROP_MOMENTUM };
struct cnnc_update {
    long n;
    int kind;               /* literal */
    double a, b, epsilon, decay, clip;
    long calls;
};

/* Samples from count on are zeros: in x, count; out y. */
struct cnnc_take {
    long n, bytes;          /* samples, bytes of one */
};

/* Dropout: in x, step, place of the first sample or NULL; out y. The same numbers for the same step, place and seed, so that the
 * gradient takes the same way. */
struct cnnc_drop {
    long n, each;           /* elements, of a sample */
    double ratio;
    int64_t seed;
};

#endif
