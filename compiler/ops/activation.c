/* Activation functions, Clip, Dropout and Identity. */
#include "elementwise_rows.h"
#include "grads.h"

#include <math.h>
#include <string.h>

/* The stages that are functions of one value; a and b are attributes by name. */
static const struct {
    const char *op;
    enum cnnc_stage_op stage;
    const char *a, *b;
} stages[] = {
    {"LeakyRelu", CNNC_ST_LEAKY, "alpha", NULL},
    {"Elu", CNNC_ST_ELU, "alpha", NULL},
    {"Selu", CNNC_ST_SELU, "alpha", "gamma"},
    {"Sigmoid", CNNC_ST_SIGMOID, NULL, NULL},
    {"HardSigmoid", CNNC_ST_HSIGMOID, "alpha", "beta"},
    {"Tanh", CNNC_ST_TANH, NULL, NULL},
    {"Swish", CNNC_ST_SWISH, "alpha", NULL},
    {"HardSwish", CNNC_ST_HSWISH, NULL, NULL},
    {"Softplus", CNNC_ST_SOFTPLUS, NULL, NULL},
};

bool unary_stage(struct graph *g, const struct node *n, int value, struct stage *s, struct tensor *operand[2])
{
    (void)g, (void)operand;
    if (value != 0 || n->out[0]->dtype != DT_F32)
        return false;
    s->inputs = 0;
    if (strcmp(n->op->onnx, "Relu") == 0) {
        s->op = CNNC_ST_CLAMP;
        s->a = 0;
        s->b = INFINITY;
        return true;
    }
    if (strcmp(n->op->onnx, "Gelu") == 0) {
        s->op = strcmp(attr_s(n, "approximate"), "tanh") == 0 ? CNNC_ST_GELU_TANH : CNNC_ST_GELU;
        return true;
    }
    if (strcmp(n->op->onnx, "Celu") == 0 && attr_f(n, "alpha") == 1) {
        s->op = CNNC_ST_ELU;
        s->a = 1;
        return true;
    }
    for (size_t i = 0; i < COUNT(stages); i++)
        if (strcmp(stages[i].op, n->op->onnx) == 0) {
            s->op = stages[i].stage;
            s->a = stages[i].a ? attr_f(n, stages[i].a) : 0;
            s->b = stages[i].b ? attr_f(n, stages[i].b) : 0;
            return true;
        }
    return false;
}

/* clang-format off */
#define ACTIVATION(symbol, onnx_, net_, aliases_, doc_, ...) FLAGGED(symbol, onnx_, net_, aliases_, doc_, 0, __VA_ARGS__)
#define FLAGGED(symbol, onnx_, net_, aliases_, doc_, flags_, ...)                                                       \
    const struct op symbol = {.onnx = onnx_, .net = net_, .net_aliases = aliases_, .doc = doc_, .min_in = 1,             \
        .max_in = 1, .net_in = 1, .max_out = 1, .flags = OP_ELEMENTWISE | OP_UNARY | (flags_), .infer = elementwise_infer, \
        .cost = elementwise_flops, .as_stage = unary_stage, .kernels = elementwise_kernels,                               \
        .nkernels = ELEMENTWISE_KERNELS, __VA_ARGS__}
#define ATTRS(table) .attrs = table, .nattrs = COUNT(table), .grad = activation_grad
#define ALPHA(table, value, doc) static const struct attr_def table[] = {{"alpha", "alpha", A_FLOAT, AT_POS, value, NULL, doc}}

ACTIVATION(op_relu, "Relu", "relu", NULL, "max(x, 0)", .grad = activation_grad);
ALPHA(leaky_attrs, 0.01, "slope of the negative side");
ACTIVATION(op_leaky_relu, "LeakyRelu", "leaky_relu", "leakyrelu|lrelu", "x, or alpha x where x < 0", ATTRS(leaky_attrs));
ALPHA(elu_attrs, 1, "where the negative side ends");
ACTIVATION(op_elu, "Elu", "elu", NULL, "x, or alpha (e^x - 1) where x < 0", ATTRS(elu_attrs));
ALPHA(celu_attrs, 1, "where the negative side ends");
ACTIVATION(op_celu, "Celu", "celu", NULL, "x, or alpha (e^(x / alpha) - 1) where x < 0", ATTRS(celu_attrs));
static const struct attr_def selu_attrs[] = {
    {"alpha", "alpha", A_FLOAT, 0, 1.67326319217681884765625, NULL, "where the negative side ends"},
    {"gamma", "gamma", A_FLOAT, 0, 1.05070102214813232421875, NULL, "factor of the whole"},
};
ACTIVATION(op_selu, "Selu", "selu", NULL, "gamma x, or gamma alpha (e^x - 1) where x < 0", ATTRS(selu_attrs));
FLAGGED(op_sigmoid, "Sigmoid", "sigmoid", "logistic", "1 / (1 + e^-x)", OP_PROBABILITY, .grad = activation_grad);
static const struct attr_def hard_sigmoid_attrs[] = {
    {"alpha", "alpha", A_FLOAT, 0, 0.2, NULL, "slope (PyTorch: 1/6)"},
    {"beta", "beta", A_FLOAT, 0, 0.5, NULL, "value at 0"},
};
ACTIVATION(op_hard_sigmoid, "HardSigmoid", "hardsigmoid", "hard_sigmoid", "alpha x + beta between 0 and 1", ATTRS(hard_sigmoid_attrs));
ACTIVATION(op_tanh, "Tanh", "tanh", NULL, "hyperbolic tangent", .grad = activation_grad);
ALPHA(swish_attrs, 1, "factor inside the sigmoid");
ACTIVATION(op_swish, "Swish", "swish", "silu", "x sigmoid(alpha x)", ATTRS(swish_attrs));
ACTIVATION(op_hard_swish, "HardSwish", "hardswish", "hard_swish", "x (x / 6 + 1/2 between 0 and 1)", .grad = activation_grad);
static const struct attr_def gelu_attrs[] = {
    {"approximate", "approximate", A_STRING, 0, 0, "none:none|tanh", "exact, or the form with tanh"},
};
ACTIVATION(op_gelu, "Gelu", "gelu", NULL, "x / 2 (1 + erf(x / sqrt 2))", ATTRS(gelu_attrs));
ACTIVATION(op_mish, "Mish", "mish", NULL, "x tanh(log(1 + e^x))", .grad = activation_grad);
ACTIVATION(op_softplus, "Softplus", "softplus", NULL, "log(1 + e^x)", .grad = activation_grad);
ACTIVATION(op_softsign, "Softsign", "softsign", NULL, "x / (1 + |x|)", .grad = activation_grad);
ALPHA(thresholded_attrs, 1, "threshold");
ACTIVATION(op_thresholded_relu, "ThresholdedRelu", "thresholded_relu", NULL, "x where x > alpha, else 0", ATTRS(thresholded_attrs));
static const struct attr_def shrink_attrs[] = {
    {"lambd", "lambda", A_FLOAT, 0, 0.5, NULL, "values nearer to 0 become 0"},
    {"bias", "bias", A_FLOAT, 0, 0, NULL, "how far the others move towards 0"},
};
ACTIVATION(op_shrink, "Shrink", "shrink", NULL, "soft threshold", ATTRS(shrink_attrs));
/* clang-format on */

/* ---- PRelu ------------------------------------------------------------------------------------------------------ */

static bool prelu_params(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    if (n->nin > 1)
        return true;
    if (!check_rank(g, n, 0, 2, MAX_RANK))
        return false;
    int64_t dim[MAX_RANK];
    for (int i = 1; i < x->rank; i++)
        dim[i - 1] = 1;
    dim[0] = attr_i(n, "shared") ? 1 : x->dim[1];
    struct tensor *slope = param_new(g, n, "weight", x->rank - 1, dim, INIT_VALUE, 0, 0);
    slope->init_value = 0.25;
    return true;
}

static bool prelu_infer(struct graph *g, struct node *n)
{
    char slope[160], shape[160];
    if (!elementwise_infer(g, n))
        return false;
    if (same_shape(n->out[0], n->in[0]))
        return true;
    return node_error(g, n, "slope of shape %s does not fit a tensor of shape %s", shape_text(n->in[1], slope),
                      shape_text(n->in[0], shape));
}

static bool prelu_stage(struct graph *g, const struct node *n, int value, struct stage *s, struct tensor *operand[2])
{
    struct tensor *slope = value == 0 && n->out[0]->dtype == DT_F32 ? per_channel(g, n->in[1], n->out[0]) : NULL;
    double one;
    if (value == 0 && n->out[0]->dtype == DT_F32 && const_scalar(n->in[1], &one)) {
        s->op = CNNC_ST_LEAKY;
        s->a = one;
        s->inputs = 0;
        return true;
    }
    s->op = CNNC_ST_PRELU;
    s->inputs = 1;
    operand[0] = slope;
    return slope != NULL;
}

static const struct attr_def prelu_attrs[] = {
    {NULL, "shared", A_BOOL, AT_NET, 0, NULL, "one slope for all channels, not one each"},
};
const struct op op_prelu = {
    .onnx = "PRelu", .net = "prelu", .doc = "x, or x times a learned slope where x < 0",
    .attrs = prelu_attrs, .nattrs = COUNT(prelu_attrs), .min_in = 2, .max_in = 2, .net_in = 1, .learned = {"weight"}, .max_out = 1,
    .flags = OP_ELEMENTWISE, .params = prelu_params, .infer = prelu_infer, .cost = elementwise_flops,
    .expand = elementwise_expand, .as_stage = prelu_stage, .grad = prelu_grad, .kernels = elementwise_kernels, .nkernels = ELEMENTWISE_KERNELS,
};

/* ---- Clip, relu6 ------------------------------------------------------------------------------------------------ */

static struct tensor *bound(struct graph *g, struct node *n, const char *which, double v)
{
    return tensor_f32(g, unique_name(g, arena_printf(&g->arena, "%s.%s", n->name, which)), (float)v);
}

static bool clip_params(struct graph *g, struct node *n)
{
    const bool low = attr_set(n, "min"), high = attr_set(n, "max");
    if (low && high && attr_f(n, "min") > attr_f(n, "max"))
        return attr_error(g, n, "min", "minimum %g is larger than the maximum %g", attr_f(n, "min"), attr_f(n, "max"));
    if (low || high)
        node_input(g, n, low ? bound(g, n, "min", attr_f(n, "min")) : NULL);
    if (high)
        node_input(g, n, bound(g, n, "max", attr_f(n, "max")));
    return true;
}

static bool clip_infer(struct graph *g, struct node *n)
{
    char shape[160];
    for (int i = 1; i < n->nin; i++)
        if (n->in[i] && tensor_count(n->in[i]) != 1)
            return node_error(g, n, "the %s has shape %s, expected a single value", i == 1 ? "minimum" : "maximum",
                              shape_text(n->in[i], shape));
    return check_same_types(g, n, 0, elementwise_types("Clip")) && infer_same_as_input(g, n);
}

static bool clip_stage(struct graph *g, const struct node *n, int value, struct stage *s, struct tensor *operand[2])
{
    (void)g, (void)operand;
    if (value != 0 || n->out[0]->dtype != DT_F32)
        return false;
    s->op = CNNC_ST_CLAMP;
    s->a = -INFINITY;
    s->b = INFINITY;
    s->inputs = 0;
    return (!input(n, 1) || const_scalar(n->in[1], &s->a)) && (!input(n, 2) || const_scalar(n->in[2], &s->b));
}

static const struct attr_def clip_attrs[] = {
    {NULL, "min", A_FLOAT, AT_NET | AT_POS, 0, NULL, "smallest result; none if not given"},
    {NULL, "max", A_FLOAT, AT_NET | AT_POS, 0, NULL, "largest result; none if not given"},
};
const struct op op_clip = {
    .onnx = "Clip", .net = "clip", .net_aliases = "clamp|hardtanh", .doc = "x between two bounds",
    .attrs = clip_attrs, .nattrs = COUNT(clip_attrs), .min_in = 1, .max_in = 3, .net_in = 1, .max_out = 1,
    .flags = OP_ELEMENTWISE | OP_UNARY, .params = clip_params, .infer = clip_infer, .cost = elementwise_flops,
    .as_stage = clip_stage, .grad = activation_grad, .kernels = elementwise_kernels, .nkernels = ELEMENTWISE_KERNELS,
};

/* In .net only: it is a Clip from then on, so it has as many attributes, none of which can be given. */
static const struct attr_def relu6_attrs[COUNT(clip_attrs)] = {{"min", NULL, A_FLOAT, 0, 0, NULL, NULL},
                                                               {"max", NULL, A_FLOAT, 0, 0, NULL, NULL}};

static bool relu6_params(struct graph *g, struct node *n)
{
    n->op = &op_clip;
    node_input(g, n, bound(g, n, "min", 0));
    node_input(g, n, bound(g, n, "max", 6));
    return true;
}
const struct op op_relu6 = {
    .onnx = "Relu6", .net = "relu6", .doc = "min(max(x, 0), 6)",
    .attrs = relu6_attrs, .nattrs = COUNT(relu6_attrs),
    .min_in = 1, .max_in = 3, .net_in = 1, .max_out = 1, .flags = OP_ELEMENTWISE | OP_UNARY,
    .params = relu6_params, .infer = clip_infer, .cost = elementwise_flops,
};

/* ---- Dropout, Identity ------------------------------------------------------------------------------------------ */

static void no_cost(const struct node *n, struct cost *c)
{
    (void)n;
    *c = (struct cost){0};
}

const struct op op_identity = {
    .onnx = "Identity", .net = "identity", .doc = "its operand",
    .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1, .flags = OP_ELEMENTWISE | OP_UNARY | OP_VIEW | OP_IDENTITY,
    .infer = infer_same_as_input, .cost = no_cost, .grad = view_grad, .kernels = elementwise_kernels, .nkernels = ELEMENTWISE_KERNELS,
};

static bool dropout_infer(struct graph *g, struct node *n)
{
    double training = 0, ratio = attr_f(n, "ratio");
    if (!check_type(g, n, 0, TYPES_FLOAT | TYPES_FLOAT8))
        return false;
    const bool known = !input(n, 1) || const_scalar(n->in[1], &ratio);
    if (known && !(ratio >= 0 && ratio < 1))
        return attr_error(g, n, "ratio", "ratio %g, expected at least 0 and less than 1", ratio);
    if (input(n, 2) && !const_scalar(n->in[2], &training))
        return node_error(g, n, "whether it trains ('%s') must be known; --fix-input gives it a value", n->in[2]->name);
    if (training != 0 && !known)
        return node_error(g, n, "the ratio ('%s') must be known; --fix-input gives it a value", n->in[1]->name);
    if (training != 0 && ratio != 0)
        return node_error(g, n, "training mode with ratio %g draws random numbers: not supported", ratio);
    set_output(n, 1, DT_BOOL, n->in[0]->rank, n->in[0]->dim);
    return infer_same_as_input(g, n);
}

/* Where the mask is asked for: everything passes. */
static bool dropout_expand(struct graph *g, struct node *n)
{
    if (!wants_output(n, 1))
        return false;
    struct tensor *y = n->out[0], *mask = n->out[1];
    struct node *id = node_insert_before(g, n, &op_identity, n->name);
    node_input(g, id, n->in[0]);
    struct tensor *now = node_output(g, id, y->name);
    if (!infer_same_as_input(g, id))
        return false;
    struct tensor *ones = tensor_const(g, mask->name, DT_BOOL, mask->rank, mask->dim, NULL);
    memset((void *)ones->data, 1, (size_t)tensor_count(ones));
    replace_tensor(g, y, now);
    replace_tensor(g, mask, ones);
    node_remove(g, n);
    return true;
}

static const struct attr_def dropout_attrs[] = {
    {NULL, "ratio", A_FLOAT, AT_NET | AT_POS, 0.5, NULL, "share of the values that training sets to 0"},
    {"seed", NULL, A_INT, 0, 0, NULL, "of the random numbers"},
};
const struct op op_dropout = {
    .onnx = "Dropout", .net = "dropout", .doc = "nothing in inference; in training some values become 0",
    .attrs = dropout_attrs, .nattrs = COUNT(dropout_attrs), .min_in = 1, .max_in = 3, .net_in = 1, .max_out = 2,
    .flags = OP_ELEMENTWISE | OP_UNARY | OP_TRAINING, .infer = dropout_infer, .cost = no_cost, .expand = dropout_expand,
    .in_training = dropout_in_training,
    .kernels = elementwise_kernels, .nkernels = ELEMENTWISE_KERNELS,
};
