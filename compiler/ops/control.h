/* Nodes that own subgraphs: what their operators, the plan and the emitter agree on. */
#ifndef OPS_CONTROL_H
#define OPS_CONTROL_H

#include "../../runtime/control.h"
#include "../op.h"

/* Shapes and types of the inputs of body b, from `own` on, become those of n's last inputs; of `sliced` ones ahead of the captures those of a part along axis 0. Then
 * its nodes are inferred. */
bool infer_subgraph(struct graph *g, struct node *n, int b, int own, int sliced);
void subgraph_cost(const struct graph *g, struct cost *c);
double subgraph_time(const struct graph *g); /* once its kernels are chosen */

/* How the subgraph of a Loop or a Scan is repeated: everything but the addresses. bytes: room for the inputs and outputs of n. */
void repeat_of(const struct node *n, struct cnnc_repeat *r, ptrdiff_t *bytes);
/* Where the second place of carried value i begins in the node's scratch memory; i: how many there are: where they end, and the subgraph's own values begin. */
int64_t spare_offset(const struct node *n, int i);

#endif
