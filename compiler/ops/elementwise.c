/* Arithmetic, comparisons, logic, bits and functions of single elements. */
#include "elementwise_rows.h"
#include "fold_bn.h"
#include "grads.h"
#include "qhooks.h"

#include <stdlib.h>
#include <string.h>

bool elementwise_infer(struct graph *g, struct node *n)
{
    const bool where = strcmp(n->op->onnx, "Where") == 0, pow = strcmp(n->op->onnx, "Pow") == 0;
    const bool sum = strcmp(n->op->onnx, "Mean") == 0;
    const type_set allowed = elementwise_types(sum ? "Sum" : n->op->onnx);
    if (where) {
        if (!check_type(g, n, 0, TYPE(DT_BOOL)) || !check_same_types(g, n, 1, allowed))
            return false;
    } else if (pow) {
        if (!check_type(g, n, 0, allowed) || !check_type(g, n, 1, allowed))
            return false;
    } else if (!check_same_types(g, n, 0, allowed)) {
        return false;
    }
    if (!infer_broadcast(g, n))
        return false;
    n->out[0]->dtype = elementwise_to_bool(n) ? DT_BOOL : n->in[where ? 1 : 0]->dtype;
    return true;
}

void elementwise_flops(const struct node *n, struct cost *c)
{
    cost_per_element(n, c, n->op->max_in < 0 ? MAX(1, n->nin - 1) : 1);
}

/* Exporters expand an operand to the shape that broadcasting gives it anyway: the operand before that will do. */
bool elementwise_expand(struct graph *g, struct node *n)
{
    bool changed = false;
    for (int i = 0; i < n->nin; i++) {
        struct tensor *t = n->in[i], *small = t && t->def && strcmp(t->def->op->onnx, "Expand") == 0 ? t->def->in[0] : NULL;
        int rank = small ? small->rank : 0;
        int64_t dim[MAX_RANK];
        if (!small)
            continue;
        memcpy(dim, small->dim, sizeof dim);
        bool fits = true;
        for (int k = 0; k < n->nin && fits; k++)
            fits = k == i || !n->in[k] || broadcast_dims(rank, dim, n->in[k]->rank, n->in[k]->dim, &rank, dim);
        if (!fits || rank != n->out[0]->rank || memcmp(dim, n->out[0]->dim, sizeof *dim * (size_t)rank) != 0)
            continue;
        node_set_input(g, n, i, small);
        changed = true;
    }
    return changed;
}

/* ---- Sum, Mean, Max, Min of any number ---------------------------------------------------------------------------- */

static bool variadic_expand(struct graph *g, struct node *n)
{
    if (elementwise_expand(g, n))
        return true;
    const bool mean = strcmp(n->op->onnx, "Mean") == 0;
    const struct op *pair = op_by_onnx(mean || strcmp(n->op->onnx, "Sum") == 0 ? "Add" : n->op->onnx);
    const struct op *last = n->nin == 1 ? op_by_onnx("Identity") : mean ? op_by_onnx("Div") : pair;
    struct tensor *sum = n->in[0], *result = n->out[0];
    if (n->nin == 2 && !mean && pair == n->op)
        return false;
    for (int i = 1; i < n->nin; i++) {
        const bool ends = i == n->nin - 1 && !mean;
        struct node *add = node_insert_before(g, n, pair, n->name);
        node_input(g, add, sum);
        node_input(g, add, n->in[i]);
        sum = node_output(g, add, ends ? result->name : unique_name(g, n->name));
        if (!add->op->infer(g, add))
            return false;
    }
    if (n->nin == 1 || mean) {
        struct node *end = node_insert_before(g, n, last, n->name);
        node_input(g, end, sum);
        if (n->nin > 1) {
            struct tensor *count = tensor_f32(g, unique_name(g, n->name), (float)n->nin);
            count->dtype = sum->dtype;
            if (sum->dtype != DT_F32) {
                count = tensor_const(g, unique_name(g, n->name), sum->dtype, 0, NULL, NULL);
                type_store_float(sum->dtype, (void *)count->data, 0, n->nin);
            }
            node_input(g, end, count);
        }
        sum = node_output(g, end, result->name);
        if (!end->op->infer(g, end))
            return false;
    }
    replace_tensor(g, result, sum);
    node_remove(g, n);
    return true;
}

/* ---- stages ----------------------------------------------------------------------------------------------------- */

/* Add and Mul of a whole tensor, or of one value per channel; Sub and Div by constants. */
bool binary_stage(struct graph *g, const struct node *n, int value, struct stage *s, struct tensor *operand[2])
{
    struct tensor *v = n->in[value], *other = n->in[1 - value], *y = n->out[0];
    const char *op = n->op->onnx;
    const bool add = strcmp(op, "Add") == 0, sub = strcmp(op, "Sub") == 0, mul = strcmp(op, "Mul") == 0;
    if (y->dtype != DT_F32 || !same_shape(v, y) || v == other || y->rank < 2)
        return false;
    if ((add || mul) && same_shape(other, y) && !tensor_is_const(other)) {
        s->op = add ? CNNC_ST_ADD : CNNC_ST_MUL;
        s->inputs = 1;
        operand[0] = other;
        return true;
    }
    struct tensor *c = per_channel(g, other, y);
    if (!c || (value != 0 && !add && !mul))
        return false;
    if (sub || !(add || mul)) {
        if (!c->data)
            return false;
        float *negated = xmalloc(sizeof *negated * (size_t)y->dim[1]);
        for (int64_t i = 0; i < y->dim[1]; i++)
            negated[i] = sub ? -((const float *)c->data)[i] : 1 / ((const float *)c->data)[i];
        c = tensor_const(g, unique_name(g, n->name), DT_F32, 1, &y->dim[1], negated);
        free(negated);
    }
    s->op = CNNC_ST_SCALE;
    s->inputs = 2;
    operand[0] = add || sub ? filled(g, n->name, y->dim[1], 1) : c;
    operand[1] = add || sub ? c : filled(g, n->name, y->dim[1], 0);
    return true;
}

static struct tensor *of_constant(struct graph *g, struct node *before, const char *op, struct tensor *t)
{
    struct node *n = node_insert_before(g, before, op_by_onnx(op), t->name);
    node_input(g, n, t);
    struct tensor *y = node_output(g, n, unique_name(g, t->name));
    return infer_broadcast(g, n) && (y->dtype = t->dtype) ? y : NULL;
}

/* A factor or a summand per channel goes into the weights of a layer before it. */
static bool binary_simplify(struct graph *g, struct node *n)
{
    const char *op = n->op->onnx;
    const bool add = strcmp(op, "Add") == 0, sub = strcmp(op, "Sub") == 0, div = strcmp(op, "Div") == 0;
    for (int value = 0; value < 2; value++) {
        struct tensor *x = n->in[value], *c = n->in[1 - value], *operand[4] = {NULL};
        if (x->dtype != DT_F32 || !x->def || !x->def->op->channel_axis || (div && value == 1) || !(c = per_channel(g, c, x)) || !c->data)
            continue;
        const bool turned = div || (sub && value == 0);
        if (turned)
            c = of_constant(g, x->def, div ? "Reciprocal" : "Neg", c);
        if (!c)
            return false;
        if (sub && value == 1)
            operand[0] = filled(g, n->name, 1, -1);
        operand[add || sub] = c;
        if (fold_affine(g, n, value, operand, 0))
            return true;
        if (turned) /* what fails leaves nothing behind: a graph that grows would be looked at again for ever */
            node_remove(g, c->def);
    }
    return false;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

/* clang-format off */
#define ROW(symbol, onnx_, net_, aliases_, flags_, least, most, doc_, ...)                                              \
    const struct op symbol = {.onnx = onnx_, .net = net_, .net_aliases = aliases_, .doc = doc_, .min_in = least,         \
        .max_in = most, .net_in = most, .max_out = 1, .flags = OP_ELEMENTWISE | (flags_), .infer = elementwise_infer,     \
        .cost = elementwise_flops, .kernels = elementwise_kernels, .nkernels = ELEMENTWISE_KERNELS, __VA_ARGS__}
#define UNARY(symbol, onnx, net, aliases, doc) ROW(symbol, onnx, net, aliases, OP_UNARY, 1, 1, doc, .grad = activation_grad)
#define STEP(symbol, onnx, net, aliases, doc) ROW(symbol, onnx, net, aliases, OP_UNARY, 1, 1, doc, .grad = zero_grad)
#define BINARY(symbol, onnx, net, aliases, flags, doc) ROW(symbol, onnx, net, aliases, flags, 2, 2, doc, .expand = elementwise_expand)
#define WITH_ATTRS(table) .attrs = table, .nattrs = COUNT(table)

ROW(op_add, "Add", "add", NULL, OP_COMMUTATIVE, 2, 2, "a + b, broadcast", .grad = add_grad, .quantize = add_quantize, .as_stage = binary_stage,
    .simplify = binary_simplify, .expand = elementwise_expand);
ROW(op_sub, "Sub", "sub", "subtract", 0, 2, 2, "a - b, broadcast", .grad = sub_grad, .quantize = sub_quantize, .as_stage = binary_stage,
    .simplify = binary_simplify, .expand = elementwise_expand);
ROW(op_mul, "Mul", "mul", "multiply", OP_COMMUTATIVE, 2, 2, "a * b, broadcast", .grad = mul_grad, .quantize = mul_quantize,
    .as_stage = binary_stage, .simplify = binary_simplify, .expand = elementwise_expand);
ROW(op_div, "Div", "div", "divide", 0, 2, 2, "a / b, broadcast; integers are truncated", .grad = div_grad, .as_stage = binary_stage,
    .simplify = binary_simplify, .expand = elementwise_expand);
ROW(op_max, "Max", "max", "maximum", OP_COMMUTATIVE, 1, -1, "largest of its operands, broadcast", .grad = choice_grad, .expand = variadic_expand);
ROW(op_min, "Min", "min", "minimum", OP_COMMUTATIVE, 1, -1, "smallest of its operands, broadcast", .grad = choice_grad, .expand = variadic_expand);
ROW(op_sum, "Sum", "sum", NULL, OP_COMMUTATIVE, 1, -1, "sum of its operands, broadcast", .grad = add_grad, .expand = variadic_expand);
ROW(op_mean, "Mean", "mean", NULL, OP_COMMUTATIVE, 1, -1, "mean of its operands, broadcast", .expand = variadic_expand);
ROW(op_pow, "Pow", "pow", NULL, 0, 2, 2, "a to the power of b, broadcast", .grad = pow_grad, .expand = elementwise_expand);

static const struct attr_def mod_attrs[] = {
    {"fmod", "fmod", A_BOOL, 0, 0, NULL, "the result has the sign of a (as C), not of b (as Python)"},
};
ROW(op_mod, "Mod", "mod", NULL, 0, 2, 2, "remainder of a / b, broadcast", .grad = mod_grad, WITH_ATTRS(mod_attrs));

BINARY(op_equal, "Equal", "equal", NULL, OP_COMMUTATIVE, "a == b");
BINARY(op_less, "Less", "less", NULL, 0, "a < b");
BINARY(op_less_equal, "LessOrEqual", "less_equal", NULL, 0, "a <= b");
BINARY(op_greater, "Greater", "greater", NULL, 0, "a > b");
BINARY(op_greater_equal, "GreaterOrEqual", "greater_equal", NULL, 0, "a >= b");
BINARY(op_and, "And", "logical_and", NULL, OP_COMMUTATIVE, "a and b");
BINARY(op_or, "Or", "logical_or", NULL, OP_COMMUTATIVE, "a or b");
BINARY(op_xor, "Xor", "logical_xor", NULL, OP_COMMUTATIVE, "either a or b");
UNARY(op_not, "Not", "logical_not", NULL, "not a");
ROW(op_where, "Where", "where", NULL, 0, 3, 3, "b where a is true, c elsewhere, broadcast", .grad = where_grad, .expand = elementwise_expand);

BINARY(op_bitwise_and, "BitwiseAnd", "bitwise_and", NULL, OP_COMMUTATIVE, "bits that both have");
BINARY(op_bitwise_or, "BitwiseOr", "bitwise_or", NULL, OP_COMMUTATIVE, "bits that either has");
BINARY(op_bitwise_xor, "BitwiseXor", "bitwise_xor", NULL, OP_COMMUTATIVE, "bits that one has");
UNARY(op_bitwise_not, "BitwiseNot", "bitwise_not", NULL, "all bits turned over");

static const struct attr_def shift_attrs[] = {
    {"direction", "direction", A_STRING, AT_REQUIRED | AT_POS, 0, "LEFT:LEFT|RIGHT", "which way"},
};
ROW(op_bit_shift, "BitShift", "bit_shift", NULL, 0, 2, 2, "a shifted by b bits", WITH_ATTRS(shift_attrs));

UNARY(op_abs, "Abs", "abs", NULL, "magnitude");
UNARY(op_neg, "Neg", "neg", "negate", "-a");
STEP(op_sign, "Sign", "sign", NULL, "-1, 0 or 1");
UNARY(op_reciprocal, "Reciprocal", "reciprocal", NULL, "1 / a");
UNARY(op_sqrt, "Sqrt", "sqrt", NULL, "square root");
STEP(op_ceil, "Ceil", "ceil", NULL, "next integer upwards");
STEP(op_floor, "Floor", "floor", NULL, "next integer downwards");
STEP(op_round, "Round", "round", NULL, "nearest integer, halves to even");
UNARY(op_exp, "Exp", "exp", NULL, "e to the power of a");
UNARY(op_log, "Log", "log", NULL, "natural logarithm");
UNARY(op_sin, "Sin", "sin", NULL, "sine");
UNARY(op_cos, "Cos", "cos", NULL, "cosine");
UNARY(op_tan, "Tan", "tan", NULL, "tangent");
UNARY(op_asin, "Asin", "asin", NULL, "inverse sine");
UNARY(op_acos, "Acos", "acos", NULL, "inverse cosine");
UNARY(op_atan, "Atan", "atan", NULL, "inverse tangent");
UNARY(op_sinh, "Sinh", "sinh", NULL, "hyperbolic sine");
UNARY(op_cosh, "Cosh", "cosh", NULL, "hyperbolic cosine");
UNARY(op_asinh, "Asinh", "asinh", NULL, "inverse hyperbolic sine");
UNARY(op_acosh, "Acosh", "acosh", NULL, "inverse hyperbolic cosine");
UNARY(op_atanh, "Atanh", "atanh", NULL, "inverse hyperbolic tangent");
UNARY(op_erf, "Erf", "erf", NULL, "error function");
UNARY(op_is_nan, "IsNaN", "is_nan", NULL, "not a number");

static const struct attr_def is_inf_attrs[] = {
    {"detect_negative", "negative", A_BOOL, 0, 1, NULL, "true for -infinity"},
    {"detect_positive", "positive", A_BOOL, 0, 1, NULL, "true for +infinity"},
};
ROW(op_is_inf, "IsInf", "is_inf", NULL, OP_UNARY, 1, 1, "infinite", WITH_ATTRS(is_inf_attrs));
/* clang-format on */
