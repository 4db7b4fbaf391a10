/* The derivatives of operators, for their rows in the tables. */
#ifndef OPS_GRADS_H
#define OPS_GRADS_H

#include "../grad.h"

bool conv_grad(struct graph *g, struct node *n);
bool gemm_grad(struct graph *g, struct node *n);
bool activation_grad(struct graph *g, struct node *n);
bool max_pool_grad(struct graph *g, struct node *n);
bool global_pool_grad(struct graph *g, struct node *n);
bool view_grad(struct graph *g, struct node *n);
bool add_grad(struct graph *g, struct node *n);
bool sub_grad(struct graph *g, struct node *n);
bool mul_grad(struct graph *g, struct node *n);
bool average_pool_grad(struct graph *g, struct node *n);
bool lrn_grad(struct graph *g, struct node *n);
bool pad_grad(struct graph *g, struct node *n);
bool conv_transpose_grad(struct graph *g, struct node *n);
bool concat_grad(struct graph *g, struct node *n);
bool batch_norm_train_grad(struct graph *g, struct node *n);
bool norm_synced_grad(struct graph *g, struct node *n);
bool drop_grad(struct graph *g, struct node *n);
bool div_grad(struct graph *g, struct node *n);
bool choice_grad(struct graph *g, struct node *n);
bool pow_grad(struct graph *g, struct node *n);
bool mod_grad(struct graph *g, struct node *n);
bool where_grad(struct graph *g, struct node *n);
bool prelu_grad(struct graph *g, struct node *n);
bool zero_grad(struct graph *g, struct node *n);
bool cast_grad(struct graph *g, struct node *n);
bool transpose_grad(struct graph *g, struct node *n);
bool slice_grad(struct graph *g, struct node *n);
bool split_grad(struct graph *g, struct node *n);
bool expand_grad(struct graph *g, struct node *n);
bool depth_to_space_grad(struct graph *g, struct node *n);
bool space_to_depth_grad(struct graph *g, struct node *n);
bool gather_grad(struct graph *g, struct node *n);
bool unpool_grad(struct graph *g, struct node *n);
bool reduce_grad(struct graph *g, struct node *n);
bool softmax_grad(struct graph *g, struct node *n);
bool layernorm_grad(struct graph *g, struct node *n);
bool groupnorm_grad(struct graph *g, struct node *n);
bool batchnorm_grad(struct graph *g, struct node *n);
bool matmul_grad(struct graph *g, struct node *n);
bool einsum_grad(struct graph *g, struct node *n);
bool lp_pool_grad(struct graph *g, struct node *n);
bool sum_pool_grad(struct graph *g, struct node *n);
bool adaptive_pool_grad(struct graph *g, struct node *n);
bool resize_grad(struct graph *g, struct node *n);

/* The words in which derivatives are written: each appends a node for layer n, and infers it. */
struct tensor *grad_wanted(struct graph *g, const struct node *n, int i); /* input i, if its gradient is needed; or NULL */
struct tensor *grad_value(struct graph *g, const struct node *n, const char *op, struct tensor *a, struct tensor *b, struct tensor *c);
struct tensor *grad_number(struct graph *g, const struct tensor *like, double v); /* a constant of the type of `like` */
struct tensor *grad_reshaped(struct graph *g, const struct node *n, struct tensor *t, int rank, const int64_t *dim);
struct tensor *grad_transposed(struct graph *g, const struct node *n, struct tensor *t, const int64_t *perm);
/* t gets what of d falls to it: the sum over the axes along which it was repeated. */
void grad_add_summed(struct graph *g, struct node *n, struct tensor *t, struct tensor *d);

/* What families tell about their nodes. */
unsigned reduced_axes(const struct node *n);                                                            /* reduce.c: bit i: axis i */
bool pad_widths(const struct node *n, int64_t before[MAX_RANK], int64_t after[MAX_RANK]);                /* join.c */
bool slice_places(const struct node *n, int64_t first[MAX_RANK], int64_t step[MAX_RANK], int64_t dim[MAX_RANK]); /* move.c */

/* What takes their place in training. */
bool dropout_in_training(struct graph *g, struct node *n, const struct train *t);
bool batch_norm_in_training(struct graph *g, struct node *n, const struct train *t);

#endif
