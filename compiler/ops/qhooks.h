/* The integer forms of float operators (struct op's `quantize`): qconv.c, qmatmul.c, qelement.c. */
#ifndef QHOOKS_H
#define QHOOKS_H

#include "../op.h"

typedef struct node *quantize_fn(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out);
quantize_fn conv_quantize, gemm_quantize, matmul_quantize, add_quantize, sub_quantize, mul_quantize, average_pool_quantize, softmax_quantize, resize_quantize;

/* What pool.c knows of a pooling's windows. */
struct cnnc_pool;
void pool_fill(const struct node *n, void *geometry, const struct target *target);

#endif
