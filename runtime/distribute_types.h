/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of what processes that train together exchange.
 */
#ifndef CNNC_DISTRIBUTE_TYPES_H
#define CNNC_DISTRIBUTE_TYPES_H
#include "base.h"

/* Tensors one after the other in one block, which is reduced as a whole. cnnc_bucket: in tensors; out block. cnnc_unbucket: in block;
 * out tensors. */
enum { CNNC_BUCKET_TENSORS = 16 };
struct cnnc_bucket {
    int tensors;
    long size[CNNC_BUCKET_TENSORS];
};

/* Batch norm by the statistics of all processes' batches (struct cnnc_batch_norm_train): sums are made, reduced (they are doubles,
 * [2 * c] and one more), used.
 * cnnc_norm_sums: in x, count; out sums of x, of squares, number of values.
 * cnnc_norm_synced: in x, scale, bias, running mean, running variance, count, sums; out y, mean, 1 / deviation; running statistics move.
 * cnnc_norm_grad_sums: in dy, x, mean, 1 / deviation, count; out sums of dy, of dy * (x - mean); dscale, dbias of this process.
 * cnnc_norm_grad_synced: in dy, x, scale, mean, 1 / deviation, count, sums, sums of the gradient; out dx. */

#endif
