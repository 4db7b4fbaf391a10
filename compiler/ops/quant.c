/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: between floats and quantised integers. */
#include "generic.h"
#include "past.h"

#include <math.h>

#include "../../runtime/quant.h"
#include "quantized.h"
#include "shared.h"

#define TYPES_QUANTISED (TYPE(DT_U8) | TYPE(DT_I8) | TYPE(DT_U16) | TYPE(DT_I16) | TYPES_SMALL | TYPES_FLOAT8)

/* ---- QuantizeLinear, DequantizeLinear --------------------------------------------------------------------------- */

static const struct attr_def quantize_attrs[] = {
    {"axis", "axis", A_INT, 0, 1, NULL, "axis of the scales"},
    {"block_size", "block", A_INT, AT_NONNEG, 0, NULL, "elements along the axis that share a scale (0: all)"},
    {"output_dtype", "to", A_INT, 0, 0, NULL, "element type of the result, by ONNX's number; quantize: the zero point's, or uint8"},
    {"saturate", "saturate", A_BOOL, 0, 1, NULL, "float8: what is too large becomes the largest"},
    {"precision", "precision", A_INT, 0, 0, NULL, "type of the quotient"},
};

static bool is_quantize(const struct node *n) { return n->op->onnx[0] == 'Q'; }

/* How x's elements find their scales; false if the shapes do not fit. */
static bool scale_plan(const struct node *n, struct cnnc_quantize *q)
{
    const struct tensor *x = n->in[0], *s = n->in[1];
    int64_t axis = attr_i(n, "axis"), block = attr_i(n, "block_size");
    *q = (struct cnnc_quantize){.outer = 1, .axis = (long)tensor_count(x), .inner = 1, .block = 1};
    if (tensor_count(s) == 1 && s->rank <= 1)
        return true;
    axis += axis < 0 ? x->rank : 0;
    if (axis < 0 || axis >= x->rank)
        return false;
    q->outer = outer_of(x, axis);
    q->axis = (long)x->dim[axis];
    q->inner = inner_of(x, axis);
    q->sa = 1;
    if (s->rank == 1 && block == 0)
        return s->dim[0] == x->dim[axis];
    if (s->rank != x->rank)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (i != axis && s->dim[i] != x->dim[i])
            return false;
    if (s->dim[axis] < 1)
        return false;
    if (block == 0)
        block = (x->dim[axis] + s->dim[axis] - 1) / s->dim[axis];
    q->block = (long)MAX(block, 1);
    q->so = (long)s->dim[axis] * q->inner;
    q->sa = q->inner;
    q->si = 1;
    return s->dim[axis] == (x->dim[axis] + q->block - 1) / q->block;
}

static bool quantize_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *scale = n->in[1], *zero = input(n, 2);
    struct cnnc_quantize q;
    char a[160], b[160];
    bool quantize = is_quantize(n);
    enum dtype y = attr_set(n, "output_dtype") && attr_i(n, "output_dtype") ? (enum dtype)attr_i(n, "output_dtype")
                   : quantize ? (zero ? zero->dtype : DT_U8) : scale->dtype;
    if (!check_type(g, n, 0, quantize ? TYPES_FLOAT | TYPE(DT_I32) : TYPES_QUANTISED | TYPE(DT_I32)) ||
        !check_type(g, n, 1, TYPES_FLOAT | TYPE(DT_I32) | TYPE(DT_F8E8M0)))
        return false;
    if (zero && zero->dtype != (quantize ? y : x->dtype))
        return node_error(g, n, "the zero point is %s, expected %s", dtype_name(zero->dtype), dtype_name(quantize ? y : x->dtype));
    if (y >= DT_COUNT || !(TYPE(y) & (quantize ? TYPES_QUANTISED : TYPES_FLOAT)))
        return node_error(g, n, "a result of type %s is not possible", dtype_name(y));
    if (!scale_plan(n, &q))
        return node_error(g, n, "scales of shape %s do not fit a tensor of shape %s", shape_text(scale, a), shape_text(x, b));
    if (zero && tensor_count(zero) != tensor_count(scale))
        return node_error(g, n, "zero points of shape %s do not fit scales of shape %s", shape_text(zero, a), shape_text(scale, b));
    absent_inputs(g, n, 3);
    set_output(n, 0, y, x->rank, x->dim);
    return true;
}

static void quantize_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_quantize *q = geometry;
    scale_plan(n, q);
    q->x = (int)n->in[0]->dtype;
    q->y = (int)n->out[0]->dtype;
    q->scale = (int)n->in[1]->dtype;
    if (is_quantize(n)) {
        q->saturate = (int)attr_i(n, "saturate");
        q->precision = attr_i(n, "precision") ? (int)attr_i(n, "precision")
                       : n->in[0]->dtype == DT_F64 ? CNNC_F64 : n->in[0]->dtype == DT_F16 && q->scale == CNNC_F16 ? CNNC_F16
                       : n->in[0]->dtype == DT_BF16 && q->scale == CNNC_BF16 ? CNNC_BF16 : CNNC_F32;
        int_range(n->out[0]->dtype, &q->low, &q->high);
    }
}

RUN(quantize)
RUN(dequantize)
GEOMETRY(quantize, FIELD(struct cnnc_quantize, outer, F_LONG), FIELD(struct cnnc_quantize, axis, F_LONG),
         FIELD(struct cnnc_quantize, inner, F_LONG), FIELD(struct cnnc_quantize, block, F_LONG),
         FIELD(struct cnnc_quantize, so, F_LONG), FIELD(struct cnnc_quantize, sa, F_LONG), FIELD(struct cnnc_quantize, si, F_LONG),
         FIELD_LIT(struct cnnc_quantize, x, F_INT), FIELD_LIT(struct cnnc_quantize, y, F_INT),
         FIELD_LIT(struct cnnc_quantize, scale, F_INT), FIELD_LIT(struct cnnc_quantize, saturate, F_INT),
         FIELD_LIT(struct cnnc_quantize, precision, F_INT), FIELD(struct cnnc_quantize, low, F_DOUBLE),
         FIELD(struct cnnc_quantize, high, F_DOUBLE));
static enum past quantize_past(const struct node *n, int i, int axis, int *to)
{
    const int64_t a = attr_i(n, "axis");
    return tensor_count(n->in[1]) == 1 || (axis != a + (a < 0 ? n->in[0]->rank : 0) && !attr_i(n, "block_size")) ? past_same(n, i, axis, to) : PAST_BARRED;
}
static const struct kernel quantize_kernels[] = {KERNEL(quantize, "quant.h", quantize, quantize_fill)};
static const struct kernel dequantize_kernels[] = {KERNEL(dequantize, "quant.h", quantize, quantize_fill)};
const struct op op_quantize_linear = {
    .onnx = "QuantizeLinear", .net = "quantize", .flags = OP_QUANTIZES, .doc = "x / scale + zero point, rounded to integers",
    .attrs = quantize_attrs, .nattrs = 5,
    .min_in = 2, .max_in = 3, .net_in = 3, .max_out = 1, .infer = quantize_infer, .past = quantize_past, .kernels = quantize_kernels, .nkernels = 1,
};
const struct op op_dequantize_linear = {
    .onnx = "DequantizeLinear", .net = "dequantize", .flags = OP_DEQUANTIZES, .doc = "(x - zero point) * scale", .attrs = quantize_attrs, .nattrs = 3,
    .min_in = 2, .max_in = 3, .net_in = 3, .max_out = 1, .infer = quantize_infer, .past = quantize_past, .kernels = dequantize_kernels, .nkernels = 1,
};

/* ---- DynamicQuantizeLinear -------------------------------------------------------------------------------------- */

static bool dynamic_quantize_infer(struct graph *g, struct node *n)
{
    if (!check_type(g, n, 0, TYPE(DT_F32)))
        return false;
    absent_outputs(g, n, 3);
    set_output(n, 0, DT_U8, n->in[0]->rank, n->in[0]->dim);
    set_output(n, 1, DT_F32, 0, NULL);
    set_output(n, 2, DT_U8, 0, NULL);
    return true;
}

static void dynamic_quantize_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    ((struct cnnc_dynamic_quantize *)geometry)->n = (long)tensor_count(n->in[0]);
}
RUN(dynamic_quantize)
GEOMETRY(dynamic_quantize, FIELD(struct cnnc_dynamic_quantize, n, F_LONG));
static const struct kernel dynamic_quantize_kernels[] = {
    KERNEL(dynamic_quantize, "quant.h", dynamic_quantize, dynamic_quantize_fill)};
const struct op op_dynamic_quantize_linear = {
    .onnx = "DynamicQuantizeLinear", .doc = "quantised to the range that the data have", .min_in = 1, .max_in = 1, .max_out = 3,
    .infer = dynamic_quantize_infer, .kernels = dynamic_quantize_kernels, .nkernels = 1,
};
