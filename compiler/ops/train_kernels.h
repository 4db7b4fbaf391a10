/* What the kernels of training on blocked tensors share. */
#ifndef OPS_TRAIN_KERNELS_H
#define OPS_TRAIN_KERNELS_H
#include "../op.h"

#include "../../runtime/train_types.h"

extern const struct geometry stages_geometry;
/* Of a node with an epilogue: x is input 0, y output 0, extents are those of `of`. */
void stages_fill(const struct node *n, const struct tensor *of, struct cnnc_stages *g);
/* A batch norm on plain tensors; the normalised tensor has the shape of input 0. */
extern const struct geometry batch_norm_train_geometry;
void batch_norm_fill(const struct node *n, void *geometry, const struct target *target);
/* Floats in blocks: rank 3 to 5, the same batch and channels. */
bool train_blocked_match(const struct node *n, const struct target *target);
double train_blocked_cost(const struct node *n, const struct target *target);

#define TRAIN_BLOCKED                                                                                                  \
    .in_layout = LAYOUT_BLOCKED, .out_layout = LAYOUT_BLOCKED, .views = true, .match = train_blocked_match, .cost = train_blocked_cost

#endif
