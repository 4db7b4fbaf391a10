/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of losses over classes.
 */
#ifndef CNNC_LOSS_TYPES_H
#define CNNC_LOSS_TYPES_H
#include "base.h"

/* in x [n][classes][inner], class of each place [n][inner], weights [classes] or NULL; out loss (one number, or [n][inner]),
 * and, of logits, the logarithms of the probabilities or NULL. */
enum cnnc_loss_reduction { CNNC_LOSS_NONE, CNNC_LOSS_SUM, CNNC_LOSS_MEAN };
struct cnnc_class_loss {
    long n, classes, inner;
    int64_t ignored;
    int dtype, label, reduction, ignores, logits;
};

#endif
