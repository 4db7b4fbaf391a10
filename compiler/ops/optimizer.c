/* Optimisers of ai.onnx.preview.training. */
#include "generic.h"

#include "../../runtime/optimizer.h"
#include "shared.h"

static const struct attr_def adagrad_attrs[] = {
    {"decay_factor", NULL, A_FLOAT, 0, 0, NULL, "how fast the rate falls"},
    {"epsilon", NULL, A_FLOAT, 0, 1e-6, NULL, "added to the root"},
    {"norm_coefficient", NULL, A_FLOAT, 0, 0, NULL, "weight decay"},
};
static const struct attr_def adam_attrs[] = {
    {"alpha", NULL, A_FLOAT, 0, 0.9, NULL, "memory of the gradient"},
    {"beta", NULL, A_FLOAT, 0, 0.999, NULL, "memory of its square"},
    {"epsilon", NULL, A_FLOAT, 0, 1e-6, NULL, "added to the root"},
    {"norm_coefficient", NULL, A_FLOAT, 0, 0, NULL, "weight decay"},
    {"norm_coefficient_post", NULL, A_FLOAT, 0, 0, NULL, "weight decay after the step"},
};
static const struct attr_def momentum_attrs[] = {
    {"alpha", NULL, A_FLOAT, AT_REQUIRED, 0, NULL, "memory of the momentum"},
    {"beta", NULL, A_FLOAT, AT_REQUIRED, 1, NULL, "weight of the gradient"},
    {"mode", NULL, A_STRING, 0, 0, "standard:standard|nesterov", "the formula"},
    {"norm_coefficient", NULL, A_FLOAT, 0, 0, NULL, "weight decay"},
};

static bool is_op(const struct node *n, const char *name) { return strcmp(n->op->onnx, name) == 0; }
static int moments(const struct node *n) { return is_op(n, "Adam") ? 2 : 1; }

static bool optimizer_infer(struct graph *g, struct node *n)
{
    int each = 2 + moments(n), count = (n->nin - 2) / each;
    char a[160], b[160];
    if (!check_type(g, n, 0, TYPES_FLOAT) || !check_type(g, n, 1, TYPE(DT_I64)))
        return false;
    if ((n->nin - 2) % each || count < 1 || count > 16 || n->nout != count * (each - 1))
        return node_error(g, n, "%d inputs and %d outputs, expected 2 and %d for each tensor (at most 16), %d for each", n->nin,
                          n->nout, each, each - 1);
    for (int i = 2; i < n->nin; i++) {
        const struct tensor *x = n->in[2 + (i - 2) % count];
        if (!check_type(g, n, i, TYPES_FLOAT) || !same_dtype(g, n, 2, i))
            return false;
        if (!same_shape(x, n->in[i]))
            return node_error(g, n, "input %d has shape %s, expected %s", i, shape_text(n->in[i], a), shape_text(x, b));
    }
    for (int i = 0; i < n->nout; i++) {
        if (!n->out[i])
            return node_error(g, n, "output %d is missing", i);
        set_output(n, i, n->in[2]->dtype, n->in[2 + i % count]->rank, n->in[2 + i % count]->dim);
    }
    return true;
}

static void optimizer_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_optimizer *o = geometry;
    *o = (struct cnnc_optimizer){.tensors = (n->nin - 2) / (2 + moments(n)), .dtype = (int)n->in[2]->dtype,
                                 .rate = (int)n->in[0]->dtype, .norm = attr_f(n, "norm_coefficient")};
    if (is_op(n, "Adagrad")) {
        o->kind = CNNC_ADAGRAD;
        o->decay = attr_f(n, "decay_factor");
    } else {
        o->a = attr_f(n, "alpha");
        o->b = attr_f(n, "beta");
    }
    if (is_op(n, "Adam")) {
        o->kind = CNNC_ADAM;
        o->norm_after = attr_f(n, "norm_coefficient_post");
    }
    if (is_op(n, "Momentum"))
        o->kind = strcmp(attr_s(n, "mode"), "nesterov") == 0 ? CNNC_NESTEROV : CNNC_MOMENTUM;
    else
        o->epsilon = attr_f(n, "epsilon");
    for (int i = 0; i < o->tensors; i++)
        o->size[i] = (long)tensor_count(n->in[2 + i]);
}
RUN(optimizer)
GEOMETRY(optimizer, FIELD_LIT(struct cnnc_optimizer, kind, F_INT), FIELD_LIT(struct cnnc_optimizer, tensors, F_INT),
         FIELD_LIT(struct cnnc_optimizer, dtype, F_INT), FIELD_LIT(struct cnnc_optimizer, rate, F_INT),
         FIELD_ARRAY(struct cnnc_optimizer, size, F_LONG, 16), FIELD(struct cnnc_optimizer, a, F_DOUBLE),
         FIELD(struct cnnc_optimizer, b, F_DOUBLE), FIELD(struct cnnc_optimizer, epsilon, F_DOUBLE),
         FIELD(struct cnnc_optimizer, decay, F_DOUBLE), FIELD(struct cnnc_optimizer, norm, F_DOUBLE),
         FIELD(struct cnnc_optimizer, norm_after, F_DOUBLE));
static const struct kernel optimizer_kernels[] = {KERNEL(optimizer, "optimizer.h", optimizer, optimizer_fill)};
#define OPTIMIZER(symbol, onnx_, table, doc_)                                                                          \
    const struct op symbol = {.onnx = onnx_, .doc = doc_, .attrs = table, .nattrs = COUNT(table), .min_in = 5, .max_in = -1, \
        .max_out = 48, .flags = OP_VARIADIC_OUT, .infer = optimizer_infer, .kernels = optimizer_kernels, .nkernels = 1}
OPTIMIZER(op_adagrad, "Adagrad", adagrad_attrs, "one step of Adagrad");
OPTIMIZER(op_adam, "Adam", adam_attrs, "one step of Adam");
OPTIMIZER(op_momentum, "Momentum", momentum_attrs, "one step of gradient descent with momentum");
