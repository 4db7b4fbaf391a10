/* Derivatives: each appends ordinary nodes that compute the gradients of its operands. */
#include "grads.h"

#include <math.h>
#include <string.h>

#include "../../runtime/train_types.h"
#include "conv_kernels.h"
#include "shared.h"

static bool is_op(const struct node *n, const char *op) { return strcmp(n->op->onnx, op) == 0; }
static struct tensor *dy_of(struct graph *g, const struct node *n) { return grad_of(g, n->out[0]); }
/* The bias of a layer: the sum of each channel. */
static void bias_grad(struct graph *g, struct node *n, int i)
{
    struct tensor *bias = grad_wanted(g, n, i);
    if (bias)
        grad_add(g, bias, grad_output(g, grad_node(g, n, "ChannelSum", "grad_bias", dy_of(g, n), NULL, NULL, NULL), bias));
}

bool conv_grad(struct graph *g, struct node *n)
{
    struct tensor *x = grad_wanted(g, n, 0), *w = grad_wanted(g, n, 1), *dy = dy_of(g, n);
    bias_grad(g, n, 2);
    for (int i = 0; i < 2; i++) {
        struct tensor *of = i ? w : x;
        if (!of)
            continue;
        struct node *d = i ? grad_node(g, n, "ConvGradWeight", "grad_weight", n->in[0], dy, NULL, NULL)
                           : grad_node(g, n, "ConvGradInput", "grad", dy, n->in[1], NULL, NULL);
        copy_attrs(g, d, n);
        grad_add(g, of, grad_output(g, d, of));
    }
    return true;
}

/* y = op(a) op(b): da = dy op(b)', db = op(a)' dy, or these transposed. */
bool gemm_grad(struct graph *g, struct node *n)
{
    struct tensor *a = grad_wanted(g, n, 0), *b = grad_wanted(g, n, 1), *c = grad_wanted(g, n, 2), *dy = dy_of(g, n);
    const bool ta = attr_i(n, "transA"), tb = attr_i(n, "transB");
    if (c && (attr_f(n, "beta") != 1 || c->rank != 1 || c->dim[0] != dy->dim[1]))
        return node_error(g, n, "has no derivative for a bias like this");
    bias_grad(g, n, 2);
    for (int i = 0; i < 2; i++) {
        struct tensor *of = i ? b : a, *other = i ? n->in[0] : n->in[1];
        if (!of)
            continue;
        const bool turned = i ? tb : ta, t = i ? ta : tb; /* of the result; of the other factor */
        const bool dy_first = turned == (i == 1);
        struct node *d = grad_node(g, n, "Gemm", i ? "grad_weight" : "grad", dy_first ? dy : other, dy_first ? other : dy, NULL, NULL);
        set_attr_f(g, d, "alpha", attr_f(n, "alpha"));
        if (i == 0) { /* da = dy b^T (b as given: transB = !tb); da^T = b dy^T */
            set_attr_i(g, d, "transA", turned ? t : 0);
            set_attr_i(g, d, "transB", turned ? 1 : !t);
        } else { /* db = a^T dy; db^T = dy^T a */
            set_attr_i(g, d, "transA", turned ? 1 : !t);
            set_attr_i(g, d, "transB", turned ? t : 0);
        }
        struct tensor *y = node_output(g, d, d->name);
        if (!d->op->infer(g, d))
            return false;
        grad_add(g, of, y);
    }
    return true;
}

/* ---- functions of one value ------------------------------------------------------------------------------------- */

bool activation_grad(struct graph *g, struct node *n)
{
    static const struct {
        const char *op;
        enum cnnc_act act;
        bool x, y; /* what the derivative is a function of */
        const char *a, *b;
    } table[] = {
        {"Relu", CNNC_ACT_RELU, false, true, NULL, NULL},       {"LeakyRelu", CNNC_ACT_LEAKY, true, false, "alpha", NULL},
        {"Sigmoid", CNNC_ACT_SIGMOID, false, true, NULL, NULL}, {"Tanh", CNNC_ACT_TANH, false, true, NULL, NULL},
        {"Clip", CNNC_ACT_CLIP, true, false, NULL, NULL},       {"Swish", CNNC_ACT_SWISH, true, false, "alpha", NULL},
        {"Elu", CNNC_ACT_ELU, true, false, "alpha", NULL},      {"Selu", CNNC_ACT_SELU, true, false, "alpha", "gamma"},
        {"Softplus", CNNC_ACT_SOFTPLUS, true, false, NULL, NULL}, {"HardSwish", CNNC_ACT_HSWISH, true, false, NULL, NULL},
        {"HardSigmoid", CNNC_ACT_HSIGMOID, false, true, "alpha", NULL}, {"Gelu", CNNC_ACT_GELU, true, false, NULL, NULL},
        {"Mish", CNNC_ACT_MISH, true, false, NULL, NULL},       {"Softsign", CNNC_ACT_SOFTSIGN, true, false, NULL, NULL},
        {"Abs", CNNC_ACT_ABS, true, false, NULL, NULL},         {"Exp", CNNC_ACT_EXP, false, true, NULL, NULL},
        {"Log", CNNC_ACT_LOG, true, false, NULL, NULL},         {"Sqrt", CNNC_ACT_SQRT, false, true, NULL, NULL},
        {"Neg", CNNC_ACT_NEG, false, false, NULL, NULL},
        {"Celu", CNNC_ACT_CELU, true, false, "alpha", NULL},    {"ThresholdedRelu", CNNC_ACT_THRESHOLDED, true, false, "alpha", NULL},
        {"Shrink", CNNC_ACT_THRESHOLDED, true, false, NULL, NULL}, {"Reciprocal", CNNC_ACT_RECIPROCAL, false, true, NULL, NULL},
        {"Sin", CNNC_ACT_SIN, true, false, NULL, NULL},         {"Cos", CNNC_ACT_COS, true, false, NULL, NULL},
        {"Tan", CNNC_ACT_TAN, false, true, NULL, NULL},         {"Asin", CNNC_ACT_ASIN, true, false, NULL, NULL},
        {"Acos", CNNC_ACT_ACOS, true, false, NULL, NULL},       {"Atan", CNNC_ACT_ATAN, true, false, NULL, NULL},
        {"Sinh", CNNC_ACT_SINH, true, false, NULL, NULL},       {"Cosh", CNNC_ACT_COSH, true, false, NULL, NULL},
        {"Asinh", CNNC_ACT_ASINH, true, false, NULL, NULL},     {"Acosh", CNNC_ACT_ACOSH, true, false, NULL, NULL},
        {"Atanh", CNNC_ACT_ATANH, true, false, NULL, NULL},     {"Erf", CNNC_ACT_ERF, true, false, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        if (!is_op(n, table[i].op))
            continue;
        double a = table[i].a ? attr_f(n, table[i].a) : -INFINITY, b = table[i].b ? attr_f(n, table[i].b) : INFINITY;
        if (is_op(n, "Clip") && ((input(n, 1) && !const_scalar(n->in[1], &a)) || (input(n, 2) && !const_scalar(n->in[2], &b))))
            return node_error(g, n, "has no derivative where the bounds are not constants");
        int kind = table[i].act;
        if (is_op(n, "Gelu") && strcmp(attr_s(n, "approximate"), "tanh") == 0)
            kind = CNNC_ACT_GELU_TANH;
        if (is_op(n, "ThresholdedRelu")) {
            b = a;
            a = -INFINITY;
        } else if (is_op(n, "Shrink")) {
            a = -attr_f(n, "lambd");
            b = attr_f(n, "lambd");
        }
        struct node *d = grad_node(g, n, "ActGrad", "grad", dy_of(g, n), NULL, NULL, NULL);
        node_input(g, d, table[i].x ? n->in[0] : NULL);
        node_input(g, d, table[i].y ? n->out[0] : NULL);
        set_attr_i(g, d, "kind", kind);
        set_attr_f(g, d, "a", a);
        set_attr_f(g, d, "b", b);
        grad_add(g, n->in[0], grad_output(g, d, n->in[0]));
        return true;
    }
    return node_error(g, n, "%s has no derivative: a layer before it cannot be trained", n->op->net ? n->op->net : n->op->onnx);
}

/* ---- pooling ---------------------------------------------------------------------------------------------------- */

/* Windows compare their operand with the result again: that needs no memory for places. */
bool max_pool_grad(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *y = n->out[0];
    if (is_op(n, "MaxPool")) {
        struct node *d = grad_node(g, n, "MaxWindowGrad", "grad", dy_of(g, n), x, y, NULL);
        copy_attrs(g, d, n);
        grad_add(g, x, grad_output(g, d, x));
        return true;
    }
    if (!wants_output(n, 1)) { /* the forward pass keeps the places of the maxima */
        struct tensor *at = node_output(g, n, arena_printf(&g->arena, "%s.argmax", y->name));
        tensor_set_shape(at, y->rank, y->dim);
        at->dtype = DT_I64;
    }
    grad_add(g, x, grad_output(g, grad_node(g, n, "MaxPoolGrad", "grad", dy_of(g, n), n->out[1], NULL, NULL), x));
    return true;
}

bool global_pool_grad(struct graph *g, struct node *n)
{
    grad_add(g, n->in[0], grad_output(g, grad_node(g, n, "GlobalPoolGrad", "grad", dy_of(g, n), NULL, NULL, NULL), n->in[0]));
    return true;
}

/* ---- shapes ----------------------------------------------------------------------------------------------------- */

bool view_grad(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *shape = tensor_i64(g, unique_name(g, arena_printf(&g->arena, "%s.shape", n->name)), x->rank, x->dim);
    grad_add(g, x, grad_output(g, grad_node(g, n, "Reshape", "grad", dy_of(g, n), shape, NULL, NULL), x));
    return true;
}

bool add_grad(struct graph *g, struct node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (grad_wanted(g, n, i))
            grad_add_summed(g, n, n->in[i], dy_of(g, n));
    return true;
}

bool sub_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = dy_of(g, n);
    if (grad_wanted(g, n, 0))
        grad_add_summed(g, n, n->in[0], dy);
    if (grad_wanted(g, n, 1))
        grad_add_summed(g, n, n->in[1], grad_output(g, grad_node(g, n, "Neg", "grad_neg", dy, NULL, NULL, NULL), dy));
    return true;
}

bool mul_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = dy_of(g, n);
    for (int i = 0; i < 2; i++)
        if (grad_wanted(g, n, i))
            grad_add_summed(g, n, n->in[i], grad_output(g, grad_node(g, n, "Mul", "grad_mul", dy, n->in[1 - i], NULL, NULL), dy));
    return true;
}

bool concat_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = dy_of(g, n);
    int64_t axis = attr_i(n, "axis"), size[64];
    axis += axis < 0 ? dy->rank : 0;
    if (n->nin > (int)COUNT(size))
        return node_error(g, n, "has no derivative for more than %d parts", (int)COUNT(size));
    for (int i = 0; i < n->nin; i++)
        size[i] = n->in[i]->dim[axis];
    struct tensor *sizes = tensor_i64(g, unique_name(g, arena_printf(&g->arena, "%s.sizes", n->name)), n->nin, size);
    struct node *d = grad_node(g, n, "Split", "grad", dy, sizes, NULL, NULL);
    set_attr_i(g, d, "axis", axis);
    for (int i = 0; i < n->nin; i++) {
        struct tensor *part = grad_output(g, d, n->in[i]);
        if (grad_needed(g, n->in[i]))
            grad_add(g, n->in[i], part);
    }
    return d->op->infer(g, d);
}

/* A transposed convolution is the gradient of a convolution; its own is that convolution. */
bool conv_transpose_grad(struct graph *g, struct node *n)
{
    struct tensor *x = grad_wanted(g, n, 0), *w = grad_wanted(g, n, 1), *dy = dy_of(g, n);
    const int spatial = n->in[0]->rank - 2;
    bias_grad(g, n, 2);
    for (int i = 0; i < 2; i++) {
        struct tensor *of = i ? w : x;
        if (!of)
            continue;
        struct node *d = i ? grad_node(g, n, "ConvGradWeight", "grad_weight", dy, n->in[0], NULL, NULL)
                           : grad_node(g, n, "Conv", "grad", dy, n->in[1], NULL, NULL);
        static const char *const names[] = {"kernel_shape", "strides", "dilations", "pads"};
        for (int k = 0; k < 4; k++) {
            int64_t v[6];
            for (int a = 0; a < spatial * (k == 3 ? 2 : 1); a++)
                v[a] = attr_at(n, names[k], a, k != 3);
            set_attr_ints(g, d, names[k], spatial * (k == 3 ? 2 : 1), v);
        }
        set_attr_i(g, d, "group", attr_i(n, "group"));
        grad_add(g, of, grad_output(g, d, of));
    }
    return true;
}

bool average_pool_grad(struct graph *g, struct node *n)
{
    struct node *d = grad_node(g, n, "AveragePoolGrad", "grad", dy_of(g, n), NULL, NULL, NULL);
    copy_attrs(g, d, n);
    grad_add(g, n->in[0], grad_output(g, d, n->in[0]));
    return true;
}

bool lrn_grad(struct graph *g, struct node *n)
{
    struct node *d = grad_node(g, n, "LRNGrad", "grad", dy_of(g, n), n->in[0], NULL, NULL);
    copy_attrs(g, d, n);
    grad_add(g, n->in[0], grad_output(g, d, n->in[0]));
    return true;
}

/* ---- layers that behave otherwise in training ------------------------------------------------------------------- */

bool batch_norm_train_grad(struct graph *g, struct node *n)
{
    struct node *d = grad_node(g, n, "BatchNormGrad", "grad", dy_of(g, n), n->in[0], n->in[1], n->out[1]);
    node_input(g, d, n->out[2]);
    node_input(g, d, grad_count(g));
    set_attr_f(g, d, "epsilon", attr_f(n, "epsilon"));
    for (int i = 0; i < 3; i++) {
        struct tensor *part = grad_output(g, d, n->in[i]);
        if (grad_needed(g, n->in[i]))
            grad_add(g, n->in[i], part);
    }
    return true;
}

bool drop_grad(struct graph *g, struct node *n)
{
    struct node *d = grad_node(g, n, "Drop", "grad", dy_of(g, n), n->in[1], NULL, NULL);
    node_input(g, d, n->in[2]);
    set_attr_f(g, d, "a", attr_f(n, "a"));
    set_attr_i(g, d, "seed", attr_i(n, "seed"));
    grad_add(g, n->in[0], grad_output(g, d, n->in[0]));
    return true;
}
