/* Operators along one axis: Softmax, LogSoftmax, Hardmax, LpNormalization. */
#include "grads.h"
#include "shared.h"
#include "qhooks.h"

#include <string.h>

#define CNNC_FN(name) name
#include "../../runtime/normalize.h"

static bool is_op(const struct node *n, const char *onnx) { return strcmp(n->op->onnx, onnx) == 0; }

static bool axis_infer(struct graph *g, struct node *n)
{
    if (!check_type(g, n, 0, TYPES_FLOAT) || !check_rank(g, n, 0, 1, MAX_RANK))
        return false;
    if (is_op(n, "LpNormalization") && attr_i(n, "p") != 1 && attr_i(n, "p") != 2)
        return attr_error(g, n, "p", "p is %lld, expected 1 or 2", (long long)attr_i(n, "p"));
    return normal_axis(g, n, "axis", n->in[0]->rank) >= 0 && infer_same_as_input(g, n);
}

static void axis_flops(const struct node *n, struct cost *c) { cost_per_element(n, c, 4); }

/* ---- the kernel of any type ------------------------------------------------------------------------------------- */

static void axis_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct tensor *x = n->in[0];
    const int64_t given = attr_i(n, "axis"), axis = given < 0 ? given + x->rank : given;
    struct cnnc_axis *g = geometry;
    (void)target;
    g->outer = (long)dims_count((int)axis, x->dim);
    g->n = (long)x->dim[axis];
    g->inner = (long)dims_count(x->rank - (int)axis - 1, x->dim + axis + 1);
    g->op = is_op(n, "Softmax")      ? CNNC_AXIS_SOFTMAX
            : is_op(n, "LogSoftmax") ? CNNC_AXIS_LOG_SOFTMAX
            : is_op(n, "Hardmax")    ? CNNC_AXIS_HARDMAX
            : attr_i(n, "p") == 1    ? CNNC_AXIS_L1
                                     : CNNC_AXIS_L2;
}

static void axis_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const char *tag = type_tag(n->in[0]->dtype);
    sb_addf(name, "cnnc_axis_%s", tag);
    sb_addf(define, "CNNC_AXIS(CNNC_FN(cnnc_axis_%s), %s)\n", tag, tag);
}

static double axis_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 2e-8 * (double)tensor_count(n->out[0]) + 1e-7;
}

CNNC_AXIS(run_f32, f32)
CNNC_AXIS(run_f64, f64)
CNNC_AXIS(run_f16, f16)
CNNC_AXIS(run_bf16, bf16)

static void axis_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const struct cnnc_thread all = {0, 1, NULL};
    switch (n->in[0]->dtype) {
    case DT_F64: run_f64(geometry, in, out, all); break;
    case DT_F16: run_f16(geometry, in, out, all); break;
    case DT_BF16: run_bf16(geometry, in, out, all); break;
    default: run_f32(geometry, in, out, all); break;
    }
}

static const struct field axis_fields[] = {
    FIELD(struct cnnc_axis, outer, F_LONG), FIELD(struct cnnc_axis, n, F_LONG), FIELD(struct cnnc_axis, inner, F_LONG),
    FIELD_LIT(struct cnnc_axis, op, F_INT),
};
static const struct geometry axis_geometry = {"cnnc_axis", sizeof(struct cnnc_axis), axis_fields, COUNT(axis_fields)};
static bool softmax_match(const struct node *n, const struct target *target)
{
    (void)target;
    return n->in[0]->dtype == DT_F32 && (is_op(n, "Softmax") || is_op(n, "LogSoftmax"));
}

static double softmax_cost(const struct node *n, const struct target *target) { return 0.1 * axis_cost(n, target); }

static const struct kernel axis_kernels[] = {
    {.name = "softmax", .part = "softmax.h", .geometry = &axis_geometry, .inplace = true, .match = softmax_match,
     .cost = softmax_cost, .fill = axis_fill},
    {.part = "normalize.h", .geometry = &axis_geometry, .inplace = true, .cost = axis_cost, .fill = axis_fill,
     .name_of = axis_name, .run = axis_run},
};

/* ---- the table -------------------------------------------------------------------------------------------------- */

static const struct attr_def softmax_attrs[] = {
    {"axis", "axis", A_INT, AT_POS, -1, NULL, "along which the values are taken together"},
};
static const struct attr_def lp_attrs[] = {
    {"axis", "axis", A_INT, AT_POS, -1, NULL, "along which the norm is taken"},
    {"p", "p", A_INT, 0, 2, NULL, "1 or 2"},
};

static enum past softmax_past(const struct node *n, int i, int axis, int *to)
{
    const int64_t along = attr_i(n, "axis");
    (void)i;
    *to = axis;
    return axis == along + (along < 0 ? n->in[0]->rank : 0) ? PAST_LOWEST : PAST_APART;
}

static enum past lp_past(const struct node *n, int i, int axis, int *to) { return softmax_past(n, i, axis, to) == PAST_APART ? PAST_APART : PAST_ZERO; }

/* clang-format off */
#define ALONG(symbol, onnx_, net_, aliases_, table, doc_, ...)                                                            \
    const struct op symbol = {.onnx = onnx_, .net = net_, .net_aliases = aliases_, .doc = doc_, .attrs = table,          \
        .nattrs = COUNT(table), .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1, .grad = softmax_grad, .infer = axis_infer,                 \
        .cost = axis_flops, .kernels = axis_kernels, .nkernels = COUNT(axis_kernels), __VA_ARGS__}
ALONG(op_softmax, "Softmax", "softmax", NULL, softmax_attrs, "e^x, divided by its sum", .flags = OP_PROBABILITIES, .past = softmax_past,
    .quantize = softmax_quantize);
ALONG(op_log_softmax, "LogSoftmax", "log_softmax", "logsoftmax", softmax_attrs, "logarithm of the softmax", .past = softmax_past, .quantize = NULL);
ALONG(op_hardmax, "Hardmax", "hardmax", NULL, softmax_attrs, "1 at the first of the largest values, 0 elsewhere", .past = softmax_past,
    .quantize = NULL);
ALONG(op_lp_normalization, "LpNormalization", "lpnorm", "lp_norm", lp_attrs, "vectors divided by their p-norm", .past = lp_past, .quantize = NULL);
/* clang-format on */
