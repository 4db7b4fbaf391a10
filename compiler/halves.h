/* --weights-dtype: the weights that are stored in 16 bits, once select has chosen them (passes/halves.c). */
#ifndef HALVES_H
#define HALVES_H
#include "op.h"

const char *weights_type_name(int half); /* "float16" */
/* What n reads as weights: their type; false if it reads none. */
bool weights_type(const struct node *n, enum dtype *type);
/* Bytes of packed weights in 16 bits, subgraphs' included; sets *half to their type, if there are any. */
int64_t half_bytes(const struct graph *g, int *half);
/* What rounding n's weights to n->half costs: the largest error as a share of its result's range, as --report=errors measures. */
double half_error(const struct node *n);
/* How far a result of the network may be off for it, as a share of its range: 0 if no weights are rounded. Errors of layers add up as squares
 * do, and each may be enlarged on its way. */
double half_tolerance(const struct graph *g);
/* PREFIX and a sentence about them, or "". */
const char *half_text(struct graph *g, const char *prefix);

#endif
