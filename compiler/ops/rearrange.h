/* What transposes and views come to: simplify. */
#ifndef OPS_REARRANGE_H
#define OPS_REARRANGE_H

#include "../op.h"

/* The axis of a Transpose's input that is axis i of its result. */
int64_t transpose_axis_of(const struct node *n, int i);
bool transpose_simplify(struct graph *g, struct node *n);
bool view_simplify(struct graph *g, struct node *n);
bool gemm_simplify(struct graph *g, struct node *n);
bool concat_simplify(struct graph *g, struct node *n);

/* struct op, untranspose, where the only axis is an attribute `axis`. */
int untranspose_axis(struct graph *g, struct node *n, const int64_t *perm, int64_t to[MAX_RANK]);

#endif
