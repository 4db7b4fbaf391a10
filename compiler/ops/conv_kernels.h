/* The kernel rows of Conv, apart from what the operator means. */
#ifndef OPS_CONV_KERNELS_H
#define OPS_CONV_KERNELS_H
#include "../op.h"

enum { CONV_ATTRS = 9, CONV_KERNELS = 16, CONV_TRANSPOSE_KERNELS = 2, CONV_GRADIENT_KERNELS = 8 };
extern const struct kernel conv_kernels[CONV_KERNELS], conv_transpose_kernels[CONV_TRANSPOSE_KERNELS];
extern const struct kernel conv_gradient_kernels[CONV_GRADIENT_KERNELS]; /* of the input */
extern const struct op op_conv_grad_input;
extern const struct attr_def conv_attrs[CONV_ATTRS];
extern const struct geometry conv_geometry;
/* The window of a convolution, or of its gradients, from `from` to `to`. */
void conv_shape(const struct node *n, const struct tensor *from, const struct tensor *to, struct cnnc_conv *c);
void conv_fill(const struct node *n, void *geometry, const struct target *target);

/* conv_eval.c: the plain kernel for float, faster, for the compiler's own use; no epilogue, no strides but its own. */
void conv_eval(const struct cnnc_conv *g, const float *x, const float *w, const float *bias, float *y);

#endif
