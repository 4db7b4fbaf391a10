/* What pooling and its gradients share. */
#ifndef OPS_POOL_H
#define OPS_POOL_H
#include "../op.h"

#include "../../runtime/pool_types.h"

enum { MAX_POOL_ATTRS = 7, AVERAGE_POOL_ATTRS = 7 };
extern const struct attr_def max_pool_attrs[MAX_POOL_ATTRS], average_pool_attrs[AVERAGE_POOL_ATTRS];
extern const struct op op_max_pool;

/* The geometry (struct cnnc_pool) of a forward node. */
void pool_fill(const struct node *n, void *geometry, const struct target *target);

#define WINDOW_ATTRS                                                                                                   \
    {"kernel_shape", "kernel", A_SPATIAL, AT_POS | AT_POSITIVE | AT_REQUIRED, 0, NULL, "size of the window"},          \
    {"strides", "stride", A_SPATIAL, AT_POSITIVE, 0, NULL, "step of the window; .net: its size if not given"},         \
    {"pads", "pad", A_PADS, AT_NONNEG, 0, NULL, "border around the input, or same"},                                   \
    {"dilations", "dilation", A_SPATIAL, AT_POSITIVE, 1, NULL, "distance between taps"},                               \
    {"ceil_mode", "ceil", A_BOOL, 0, 0, NULL, "a last window that sticks out counts"},                                 \
    {"auto_pad", NULL, A_STRING, 0, 0, "NOTSET:NOTSET|SAME_UPPER|SAME_LOWER|VALID", "padding by rule"}

/* The members of struct cnnc_pool: M(name, kind, does it shape the code?). */
#define POOL_MEMBERS(M)                                                                                                \
    M(n, F_INT, 0), M(c, F_INT, 0), M(id, F_INT, 0), M(ih, F_INT, 0), M(iw, F_INT, 0), M(od, F_INT, 0), M(oh, F_INT, 0), \
    M(ow, F_INT, 0), M(kd, F_INT, 1), M(kh, F_INT, 1), M(kw, F_INT, 1), M(sd, F_INT, 0), M(sh, F_INT, 0), M(sw, F_INT, 1), \
    M(dd, F_INT, 1), M(dh, F_INT, 1), M(dw, F_INT, 1), M(pd, F_INT, 0), M(ph, F_INT, 0), M(pw, F_INT, 0), M(ed, F_INT, 0), \
    M(eh, F_INT, 0), M(ew, F_INT, 0), M(op, F_INT, 1), M(adaptive, F_INT, 1), M(column_major, F_INT, 0), M(p, F_FLOAT, 0), \
    M(x, F_VIEW, 0), M(y, F_VIEW, 0), M(add, F_VIEW, 0), M(ep, F_EPILOGUE, 1)

#endif
