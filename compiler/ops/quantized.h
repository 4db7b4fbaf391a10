/* What the operators on quantised tensors share. */
#ifndef QUANTIZED_H
#define QUANTIZED_H

#include "../op.h"

extern const struct op op_q_scale, op_q_bias, op_pack_quantized, op_q_conv, op_q_matmul, op_q_table, op_q_add, op_q_mul, op_q_average_pool,
    op_q_softmax, op_qlinear_conv, op_qlinear_matmul;

/* The integers that an element type holds. */
void int_range(enum dtype t, double *low, double *high);

/* Known when the generated code is written: in pass quantize before anything is marked as folded, and after. */
bool is_known(const struct tensor *t);
/* Element i of a known tensor of any type. */
double known_element(struct graph *g, struct tensor *t, int64_t i);

/* The single scale and zero point of a quantised operand; false if it has several, or they are not known. */
bool one_scale(struct graph *g, const struct quantized *q, double *scale, int *zero);

/* The factors that turn sums of products into y: (x's scale * w's) / y's, one for each pair. y NULL: floats. In front of node n. */
struct tensor *q_scale(struct graph *g, struct node *n, struct tensor *x, struct tensor *w, struct tensor *y);
/* A float bias [channels] in units of x's scale times w's; NULL if its sum with so many products does not fit into 32 bits. */
struct tensor *q_bias(struct graph *g, struct node *n, struct tensor *bias, struct tensor *x, struct tensor *w, int64_t inputs);
/* A node in front of n that computes (part of) it, with an output of that type and shape. */
struct node *q_node(struct graph *g, struct node *n, const struct op *op, enum dtype dtype, int rank, const int64_t *dim);

/* The rows low, high of the table of attributes of every operator with 8-bit results. */
#define Q_BOUNDS                                                                                                       \
    {"low", NULL, A_INT, 0, 0, NULL, "smallest result"}, {"high", NULL, A_INT, 0, 0, NULL, "largest result"}
void q_bounds(struct graph *g, struct node *n, const struct quantized *out);

/* As many products of two 8-bit numbers fit into 32 bits; layers with more stay in floats. */
enum { SUMS_AT_MOST = 33025 };

/* Operands of QConv and QMatMul; the last four may be absent. */
enum { Q_X, Q_W, Q_X_ZERO, Q_W_ZERO, Q_BIAS, Q_SCALES, Q_Y_ZERO, Q_INPUTS };
/* Puts a PackQuantized node on weights, zero point and bias of n: the forms of struct cnnc_qconv. */
struct packing {
    bool dense;
    int64_t groups, oc, inputs; /* inputs: of an output channel */
    int64_t by_output, by_input; /* elements between weights */
};
void pack_quantized(struct graph *g, struct node *n, const struct packing *p);
/* Can n's operands be packed: are they known, and can no sum overflow? */
bool can_pack(const struct node *n, int64_t inputs);

#endif
