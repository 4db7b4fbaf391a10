/* Factors and summands per channel folded into the weights of the layer before (simplify). */
#ifndef OPS_FOLD_BN_H
#define OPS_FOLD_BN_H

#include "../op.h"

/* Known when the weights are written, and free to be rewritten: not what a quantised network dequantises. */
bool is_weight(const struct tensor *t);

/* n computes (v - mean) / sqrt(variance + epsilon) * scale + shift of its input number `value`, each one value per channel or one for all,
 * or NULL for those that it does not have (operand: scale, shift, mean, variance). True if the layer that makes v took it over; n is gone
 * then. The operands must be made before that layer. */
bool fold_affine(struct graph *g, struct node *n, int value, struct tensor *const operand[4], double epsilon);

#endif
