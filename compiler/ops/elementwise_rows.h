/* The kernel of all elementwise operators: one row each in runtime/elementwise.def. */
#ifndef ELEMENTWISE_ROWS_H
#define ELEMENTWISE_ROWS_H

#include "shared.h"

/* Element types that the operator's rows serve; 0: it has no row. Where: of the second and third operand. */
type_set elementwise_types(const char *row);
bool elementwise_to_bool(const struct node *n); /* the result is bool whatever the operands are */

/* Types, broadcasting and run-time extents, checked, for any operator that has rows. */
bool elementwise_infer(struct graph *g, struct node *n);
bool elementwise_expand(struct graph *g, struct node *n); /* needless Expands of its operands go */
void elementwise_flops(const struct node *n, struct cost *c);
/* Stages of epilogues: functions of one value, and Add, Sub, Mul, Div. */
bool unary_stage(struct graph *g, const struct node *n, int value, struct stage *s, struct tensor *operand[2]);
bool binary_stage(struct graph *g, const struct node *n, int value, struct stage *s, struct tensor *operand[2]);

enum { ELEMENTWISE_KERNELS = 3 };
extern const struct kernel elementwise_kernels[ELEMENTWISE_KERNELS];
/* For kernels of the same geometry (Cast). */
extern const struct geometry elementwise_geometry;
void elementwise_fill(const struct node *n, void *geometry, const struct target *target);
double elementwise_cost(const struct node *n, const struct target *target);

#endif
