/* The kernel rows of Conv, apart from what the operator means. */
#ifndef OPS_CONV_KERNELS_H
#define OPS_CONV_KERNELS_H
#include "../op.h"

enum { CONV_ATTRS = 9, CONV_KERNELS = 18, CONV_TRANSPOSE_KERNELS = 2, CONV_GRADIENT_KERNELS = 10 };
extern const struct kernel conv_kernels[CONV_KERNELS], conv_transpose_kernels[CONV_TRANSPOSE_KERNELS];
extern const struct kernel conv_gradient_kernels[CONV_GRADIENT_KERNELS]; /* of the input */
extern const struct op op_conv_grad_input;
extern const struct attr_def conv_attrs[CONV_ATTRS];
extern const struct geometry conv_geometry;
/* The window of a convolution, or of its gradients, from `from` to `to`. */
void conv_shape(const struct node *n, const struct tensor *from, const struct tensor *to, struct cnnc_conv *c);
void conv_fill(const struct node *n, void *geometry, const struct target *target);

double conv_macs(const struct node *n);

/* conv_plain.c: the kernel that computes every convolution, and transposed ones. */
bool conv_plain_match(const struct node *n, const struct target *t);
double conv_plain_cost(const struct node *n, const struct target *t);
void conv_plain_prepare(struct graph *g, struct node *n, const struct target *target);
void conv_plain_name(const struct node *n, struct strbuf *name, struct strbuf *define);
void conv_plain_run(const struct node *n, const void *geometry, const void *const in[], void *const out[]);
#define CONV_PLAIN                                                                                                      \
    {.part = "conv_plain.h", .geometry = &conv_geometry, .epilogue = true, .views = true, .match = conv_plain_match,    \
     .cost = conv_plain_cost, .prepare = conv_plain_prepare, .fill = conv_fill, .name_of = conv_plain_name, .run = conv_plain_run}

/* conv_eval.c: the plain kernel for float, faster, for the compiler's own use; no epilogue, no strides but its own. */
void conv_eval(const struct cnnc_conv *g, const float *x, const float *w, const float *bias, float *y);

#endif
