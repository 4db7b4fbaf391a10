/* Nodes that bring parameters into the form that a kernel reads. */
#ifndef OPS_PACK_H
#define OPS_PACK_H
#include "../op.h"

/* Input i of node n, weights as ONNX has them, becomes PackConv of it in the given form (pack.c's table). c is the convolution that
 * reads them; turned: it is the gradient of that whose weights they are. */
void pack_weights(struct graph *g, struct node *n, int i, const char *form, bool turned, const struct cnnc_conv *c);
/* Float16 weights w in that form, before pack_weights, are divided by a factor for each channel; the first stage of `staged`, whose operands
 * become inputs `at` on of n, multiplies by it and adds the bias, which is input `bias` no longer. */
void pack_factors(struct graph *g, struct node *n, struct node *staged, int i, int bias, int at, const char *form, const struct cnnc_conv *c);
/* Input i of node n, one value per channel, padded with zeros to `size`; nothing if it is absent or has that length. */
void pack_vector(struct graph *g, struct node *n, int i, int64_t size);
/* The same for all operands of the epilogue's stages that are one value per channel. */
void pack_stage_vectors(struct graph *g, struct node *n, int64_t size);

#endif
