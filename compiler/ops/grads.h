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
bool drop_grad(struct graph *g, struct node *n);

#endif
