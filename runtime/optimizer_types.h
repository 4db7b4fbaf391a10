/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of optimisers: one step for several tensors. in rate, step number (int64), then the tensors, their gradients
 * and each of their moments, all in turn; out the tensors and their moments in the same order.
 */
#ifndef CNNC_OPTIMIZER_TYPES_H
#define CNNC_OPTIMIZER_TYPES_H
#include "base.h"

enum cnnc_optimizer_kind { CNNC_ADAGRAD, CNNC_ADAM, CNNC_MOMENTUM, CNNC_NESTEROV };
struct cnnc_optimizer {
    int kind, tensors, dtype, rate;
    long size[16];
    double a, b, epsilon, decay, norm, norm_after;
};

#endif
