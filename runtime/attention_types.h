/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of attention.
 */
#ifndef CNNC_ATTENTION_TYPES_H
#define CNNC_ATTENTION_TYPES_H
#include "base.h"

/* in q, k, v, mask, past key, past value, valid keys of each batch (int64), each of the last four or NULL; out y, present key,
 * present value, scores, each of the last three or NULL. q, k, v, y: strides of batch, head and position in elements; present
 * ones are [batch][kv heads][past + fresh][size]. mask: strides of batch, head and row, 0 where broadcast; columns: its length.
 * scores: what is written there: 0 products, 1 masked, 2 capped, 3 probabilities. Scratch: past + fresh doubles. */
struct cnnc_attention {
    long batch, heads, kv_heads, rows, past, fresh, size, value_size;
    long q[3], k[3], v[3], y[3], mask[3], columns;
    int dtype, value_dtype, mask_dtype, causal, scores;
    double scale, cap;
};

/* RotaryEmbedding: in x, cosines, sines, positions [batch][rows] int64 or NULL; out y. x: strides of batch, head, position. Without
 * positions the tables are [batch][rows][half]. */
struct cnnc_rotary {
    long batch, heads, rows, size, half, x[3];
    int dtype, interleaved, positions;
};

#endif
