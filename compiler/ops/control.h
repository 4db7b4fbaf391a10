/* Nodes that own subgraphs: what their families and the emitter agree on. */
#ifndef OPS_CONTROL_H
#define OPS_CONTROL_H

#include "../op.h"

/* Shapes and types of the inputs of body b, from first_input on, become those of n's inputs from first on; then its nodes are inferred. */
bool infer_subgraph(struct graph *g, struct node *n, int b, int first_input, int first);

#endif
