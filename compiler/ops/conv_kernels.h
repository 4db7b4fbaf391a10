/* The kernel rows of Conv, apart from what the operator means. */
#ifndef OPS_CONV_KERNELS_H
#define OPS_CONV_KERNELS_H
#include "../op.h"

enum { CONV_ATTRS = 9, CONV_KERNELS = 21, CONV_TRANSPOSE_KERNELS = 2, CONV_GRADIENT_KERNELS = 10 };
extern const struct kernel conv_kernels[CONV_KERNELS], conv_transpose_kernels[CONV_TRANSPOSE_KERNELS];
extern const struct kernel conv_gradient_kernels[CONV_GRADIENT_KERNELS]; /* of the input */
extern const struct op op_conv_grad_input;
extern const struct attr_def conv_attrs[CONV_ATTRS];
extern const struct geometry conv_geometry;
int conv_weights_type(const struct tensor *w); /* CNNC_WEIGHTS_... of packed weights */
/* The window of a convolution, or of its gradients, from `from` to `to`. */
void conv_shape(const struct node *n, const struct tensor *from, const struct tensor *to, struct cnnc_conv *c);
void conv_fill(const struct node *n, void *geometry, const struct target *target);

double conv_macs(const struct node *n);
/* Float and in blocks, with weights that can be packed: ahead, or (in training) in the run; a gradient only where it is a convolution. */
bool conv_is_convolution(const struct node *n, const struct target *t);
int conv_operands(const struct node *n); /* where the operands of its stages begin among its inputs, joined layers' weights before them */
int64_t conv_block_channels(int64_t channels, const struct target *t); /* in whole blocks */
void conv_prepare_blocked(struct graph *g, struct node *n, const struct target *target, const char *form); /* its weights packed as `form` */

/* The members of struct cnnc_conv: M(name, kind, literal?). */
#define CONV_MEMBERS(M)                                                                                                \
    M(n, F_INT, 0), M(groups, F_INT, 0), M(ic, F_INT, 0), M(id, F_INT, 0), M(ih, F_INT, 0), M(iw, F_INT, 0),           \
    M(oc, F_INT, 0), M(od, F_INT, 0), M(oh, F_INT, 0), M(ow, F_INT, 0), M(kd, F_INT, 1), M(kh, F_INT, 1),              \
    M(kw, F_INT, 1), M(sd, F_INT, 0), M(sh, F_INT, 0), M(sw, F_INT, 1), M(dd, F_INT, 0), M(dh, F_INT, 0),              \
    M(dw, F_INT, 1), M(pd, F_INT, 0), M(ph, F_INT, 0), M(pw, F_INT, 0), M(x, F_VIEW, 0), M(y, F_VIEW, 0),              \
    M(add, F_VIEW, 0), M(ep, F_EPILOGUE, 1), M(tile_w, F_INT, 1), M(tile_ocb, F_INT, 1), M(ic_tail, F_INT, 1),         \
    M(oc_low, F_INT, 1), M(flat, F_INT, 1), M(passes, F_INT, 1), M(clip, F_INT, 1), M(winograd, F_INT, 1),             \
    M(tile_block, F_INT, 0), M(pool, F_INT, 0), M(half, F_INT, 1)

/* The halo that the window of input 0 reads. */
void conv_padding_halo(const struct node *n, int i, int before[3], int after[3]);
bool conv_direct_match(const struct node *n, const struct target *t);
double conv_direct_cost(const struct node *n, const struct target *t);
void conv_direct_prepare(struct graph *g, struct node *n, const struct target *t);
bool depthwise_match(const struct node *n, const struct target *t);
double depthwise_cost(const struct node *n, const struct target *t);
void depthwise_fill(const struct node *n, void *geometry, const struct target *t);

/* conv_depthwise.c: a convolution together with the depthwise one behind it. */
extern const struct geometry conv_depthwise_geometry;
bool conv_without_operands(const struct node *n); /* whether the stages of its epilogue have none */
bool conv_depthwise_joins(const struct node *n, const struct node *next);
bool conv_depthwise_match(const struct node *n, const struct target *t);
double conv_depthwise_cost(const struct node *n, const struct target *t);
void conv_depthwise_fill(const struct node *n, void *geometry, const struct target *t);
void conv_depthwise_prepare(struct graph *g, struct node *n, const struct target *t);
size_t conv_depthwise_scratch(const void *geometry);
#define CONV_DEPTHWISE                                                                                                  \
    {.name = "conv_depthwise", .part = "conv_depthwise.h", .geometry = &conv_depthwise_geometry, .in_layout = LAYOUT_BLOCKED, \
     .out_layout = LAYOUT_BLOCKED, .epilogue = true, .views = true, .half = true, .scales = true, .joins = conv_depthwise_joins, \
     .match = conv_depthwise_match, .cost = conv_depthwise_cost, .halo = conv_padding_halo, .prepare = conv_depthwise_prepare, \
     .fill = conv_depthwise_fill, .scratch = conv_depthwise_scratch}

/* inverted_residual.c: a depthwise convolution with the 1x1 behind it, and perhaps the convolution before it. */
extern const struct geometry inverted_residual_geometry, depthwise_separable_geometry;
bool inverted_residual_joins(const struct node *n, const struct node *next);
bool depthwise_separable_joins(const struct node *n, const struct node *next);
bool inverted_residual_match(const struct node *n, const struct target *t);
double inverted_residual_cost(const struct node *n, const struct target *t);
void inverted_residual_fill(const struct node *n, void *geometry, const struct target *t);
void inverted_residual_prepare(struct graph *g, struct node *n, const struct target *t);
size_t inverted_residual_scratch(const void *geometry);
#define OF_INVERTED_RESIDUAL                                                                                            \
    .part = "inverted_residual.h", .in_layout = LAYOUT_BLOCKED, .out_layout = LAYOUT_BLOCKED, .epilogue = true, .views = true, .half = true, \
    .scales = true, .match = inverted_residual_match, .cost = inverted_residual_cost, .halo = conv_padding_halo,        \
    .prepare = inverted_residual_prepare, .fill = inverted_residual_fill, .scratch = inverted_residual_scratch
#define INVERTED_RESIDUAL                                                                                               \
    {.name = "inverted_residual", .geometry = &inverted_residual_geometry, .joins = inverted_residual_joins, OF_INVERTED_RESIDUAL}
#define DEPTHWISE_SEPARABLE                                                                                             \
    {.name = "depthwise_separable", .geometry = &depthwise_separable_geometry, .joins = depthwise_separable_joins, OF_INVERTED_RESIDUAL}

/* conv_plain.c: the kernel that computes every convolution, and transposed ones. */
bool conv_plain_match(const struct node *n, const struct target *t);
double conv_plain_cost(const struct node *n, const struct target *t);
void conv_plain_prepare(struct graph *g, struct node *n, const struct target *target);
void conv_plain_name(const struct node *n, struct strbuf *name, struct strbuf *define);
void conv_plain_run(const struct node *n, const void *geometry, const void *const in[], void *const out[]);
#define CONV_PLAIN                                                                                                      \
    {.part = "conv_plain.h", .geometry = &conv_geometry, .epilogue = true, .views = true, .half = true, .scales = true, .match = conv_plain_match,    \
     .cost = conv_plain_cost, .prepare = conv_plain_prepare, .fill = conv_fill, .name_of = conv_plain_name, .run = conv_plain_run}

/* conv_eval.c: the plain kernel for float, faster, for the compiler's own use; no epilogue, no strides but its own. */
void conv_eval(const struct cnnc_conv *g, const float *x, const float *w, const float *bias, float *y);

#endif
