/* --weights-dtype: whose weights are stored in 16 bits. */
#ifndef HALVES_H
#define HALVES_H
#include "../op.h"

/* What n's weights may get, CNNC_WEIGHTS_...: known floats, that do not change, for one of its operator's kernels. */
int half_wanted(const struct node *n, const struct target *target);
/* The kernels are chosen, and node->half says what is wanted: it is taken back where the kernel cannot read them, or where --max-error forbids it,
 * and the node's note says so. */
void choose_halves(struct graph *g, const struct target *target);

const char *weights_type_name(int half); /* "float16" */
/* What n reads as weights: their type; false if it reads none. */
bool weights_type(const struct node *n, enum dtype *type);
/* Bytes of packed weights in 16 bits, subgraphs' included; sets *half to their type, if there are any. */
int64_t half_bytes(const struct graph *g, int *half);
/* How far a result of the network may be off for it, as a share of its range: 0 if no weights are rounded. Errors of layers add up as squares
 * do, and each may be enlarged on its way. */
double half_tolerance(const struct graph *g);
/* PREFIX and a sentence about them, or "". */
const char *half_text(struct graph *g, const char *prefix);

#endif
