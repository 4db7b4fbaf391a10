/* Quantisation and operators on quantised tensors. */
#include "generic.h"

#include <math.h>

#include "../../runtime/quant.h"
#include "shared.h"

static void int_range(enum dtype t, double *low, double *high)
{
    int bits = t == DT_U4 || t == DT_I4 ? 4 : t == DT_U2 || t == DT_I2 ? 2 : (int)dtype_size(t) * 8;
    bool s = dtype_is_signed(t);
    *low = s ? -ldexp(1, bits - 1) : 0;
    *high = ldexp(1, s ? bits - 1 : bits) - 1;
}

#define TYPES_QUANTISED (TYPE(DT_U8) | TYPE(DT_I8) | TYPE(DT_U16) | TYPE(DT_I16) | TYPES_SMALL | TYPES_FLOAT8)

/* ---- QuantizeLinear, DequantizeLinear --------------------------------------------------------------------------- */

static const struct attr_def quantize_attrs[] = {
    {"axis", "axis", A_INT, 0, 1, NULL, "axis of the scales"},
    {"block_size", NULL, A_INT, AT_NONNEG, 0, NULL, "elements along the axis that share a scale (0: all)"},
    {"output_dtype", NULL, A_INT, 0, 0, NULL, "element type of the result"},
    {"saturate", NULL, A_BOOL, 0, 1, NULL, "float8: what is too large becomes the largest"},
    {"precision", NULL, A_INT, 0, 0, NULL, "type of the quotient"},
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
static const struct kernel quantize_kernels[] = {KERNEL(quantize, "quant.h", quantize, quantize_fill)};
static const struct kernel dequantize_kernels[] = {KERNEL(dequantize, "quant.h", quantize, quantize_fill)};
const struct op op_quantize_linear = {
    .onnx = "QuantizeLinear", .doc = "x / scale + zero point, rounded to integers", .attrs = quantize_attrs, .nattrs = 5,
    .min_in = 2, .max_in = 3, .max_out = 1, .infer = quantize_infer, .kernels = quantize_kernels, .nkernels = 1,
};
const struct op op_dequantize_linear = {
    .onnx = "DequantizeLinear", .doc = "(x - zero point) * scale", .attrs = quantize_attrs, .nattrs = 3,
    .min_in = 2, .max_in = 3, .max_out = 1, .infer = quantize_infer, .kernels = dequantize_kernels, .nkernels = 1,
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

/* ---- MatMulInteger, QLinearMatMul ------------------------------------------------------------------------------- */

static bool is_linear(const struct node *n) { return strncmp(n->op->onnx, "QLinear", 7) == 0; }

static bool qmatmul_plan(const struct node *n, struct cnnc_qmatmul *q, int *rank, int64_t dim[MAX_RANK])
{
    const struct tensor *a = n->in[0], *b = n->in[is_linear(n) ? 3 : 1];
    int64_t batch[MAX_RANK], da[MAX_RANK], db[MAX_RANK];
    int ra = a->rank, rb = b->rank;
    if (ra < 1 || rb < 1)
        return false;
    memcpy(da, a->dim, sizeof da);
    memcpy(db, b->dim, sizeof db);
    if (ra == 1) {
        da[1] = da[0];
        da[0] = 1;
        ra = 2;
    }
    if (rb == 1)
        db[rb++] = 1;
    *q = (struct cnnc_qmatmul){.a = (int)a->dtype, .b = (int)b->dtype, .m = (long)da[ra - 2], .k = (long)da[ra - 1],
                               .n = (long)db[rb - 1]};
    int r;
    if (db[rb - 2] != da[ra - 1] || !broadcast_dims(ra - 2, da, rb - 2, db, &r, batch))
        return false;
    q->rank = r;
    long sa = q->m * q->k, sb = q->k * q->n;
    for (int i = r - 1; i >= 0; i--) {
        int64_t x = i >= r - (ra - 2) ? da[i - (r - (ra - 2))] : 1, y = i >= r - (rb - 2) ? db[i - (r - (rb - 2))] : 1;
        q->dim[i] = (long)batch[i];
        q->at_a[i] = x == 1 ? 0 : sa;
        q->at_b[i] = y == 1 ? 0 : sb;
        sa *= (long)x;
        sb *= (long)y;
        dim[i] = batch[i];
    }
    if (a->rank > 1)
        dim[r++] = q->m;
    if (b->rank > 1)
        dim[r++] = q->n;
    *rank = r;
    const struct tensor *za = input(n, 2), *zb = input(n, is_linear(n) ? 5 : 3);
    q->rows = za && tensor_count(za) > 1;
    q->columns = zb && tensor_count(zb) > 1;
    if (q->rows && tensor_count(za) != q->m)
        return false;
    return !q->columns || tensor_count(zb) == q->n;
}

static bool check_same_scales(struct graph *g, struct node *n)
{
    for (int i = 1; i < 7; i += i == 1 ? 3 : 2)
        if (!check_type(g, n, i, TYPES_FLOAT) || !same_dtype(g, n, 1, i))
            return false;
    if (tensor_count(n->in[6]) != 1 || tensor_count(n->in[7]) != 1 || tensor_count(n->in[1]) != tensor_count(n->in[2]) ||
        tensor_count(n->in[4]) != tensor_count(n->in[5]))
        return node_error(g, n, "the numbers of scales and zero points differ");
    return true;
}

static bool qmatmul_infer(struct graph *g, struct node *n)
{
    struct cnnc_qmatmul q;
    int rank;
    int64_t dim[MAX_RANK];
    char a[160], b[160];
    type_set bytes = TYPE(DT_U8) | TYPE(DT_I8);
    bool linear = is_linear(n);
    int at_b = linear ? 3 : 1;
    if (!check_type(g, n, 0, bytes) || !check_type(g, n, at_b, bytes))
        return false;
    if (n->in[0]->rank - 2 > 6 || !qmatmul_plan(n, &q, &rank, dim))
        return node_error(g, n, "matrices of shapes %s and %s cannot be multiplied", shape_text(n->in[0], a),
                          shape_text(n->in[at_b], b));
    const struct tensor *za = input(n, 2), *zb = input(n, linear ? 5 : 3);
    if ((za && za->dtype != n->in[0]->dtype) || (zb && zb->dtype != n->in[at_b]->dtype))
        return node_error(g, n, "a zero point has another type than its matrix");
    if (linear) {
        if (!check_type(g, n, 7, bytes) || !check_same_scales(g, n))
            return false;
    } else {
        absent_inputs(g, n, 4);
    }
    set_output(n, 0, linear ? n->in[7]->dtype : DT_I32, rank, dim);
    return true;
}

static void qmatmul_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_qmatmul *q = geometry;
    int rank;
    int64_t dim[MAX_RANK];
    qmatmul_plan(n, q, &rank, dim);
    q->y = (int)n->out[0]->dtype;
    if (is_linear(n)) {
        q->scale = (int)n->in[1]->dtype;
        int_range(n->out[0]->dtype, &q->low, &q->high);
    }
}

static void qmatmul_cost(const struct node *n, struct cost *c)
{
    const struct tensor *a = n->in[0];
    c->macs = tensor_count(n->out[0]) * a->dim[a->rank - 1];
}

RUN(matmul_integer)
RUN(qlinear_matmul)
GEOMETRY(qmatmul, FIELD_LIT(struct cnnc_qmatmul, rank, F_INT), FIELD_LIT(struct cnnc_qmatmul, a, F_INT),
         FIELD_LIT(struct cnnc_qmatmul, b, F_INT), FIELD_LIT(struct cnnc_qmatmul, y, F_INT),
         FIELD_LIT(struct cnnc_qmatmul, scale, F_INT), FIELD_ARRAY(struct cnnc_qmatmul, dim, F_LONG, 6),
         FIELD_ARRAY(struct cnnc_qmatmul, at_a, F_LONG, 6), FIELD_ARRAY(struct cnnc_qmatmul, at_b, F_LONG, 6),
         FIELD(struct cnnc_qmatmul, m, F_LONG), FIELD(struct cnnc_qmatmul, k, F_LONG), FIELD(struct cnnc_qmatmul, n, F_LONG),
         FIELD_LIT(struct cnnc_qmatmul, rows, F_INT), FIELD_LIT(struct cnnc_qmatmul, columns, F_INT),
         FIELD(struct cnnc_qmatmul, low, F_DOUBLE), FIELD(struct cnnc_qmatmul, high, F_DOUBLE));
static const struct kernel matmul_integer_kernels[] = {KERNEL(matmul_integer, "quant.h", qmatmul, qmatmul_fill)};
static const struct kernel qlinear_matmul_kernels[] = {KERNEL(qlinear_matmul, "quant.h", qmatmul, qmatmul_fill)};
const struct op op_matmul_integer = {
    .onnx = "MatMulInteger", .doc = "matrix product of 8-bit integers in 32 bits", .min_in = 2, .max_in = 4, .max_out = 1,
    .infer = qmatmul_infer, .cost = qmatmul_cost, .kernels = matmul_integer_kernels, .nkernels = 1,
};
const struct op op_qlinear_matmul = {
    .onnx = "QLinearMatMul", .doc = "matrix product of quantised tensors", .min_in = 8, .max_in = 8, .max_out = 1,
    .infer = qmatmul_infer, .cost = qmatmul_cost, .kernels = qlinear_matmul_kernels, .nkernels = 1,
};

/* ---- ConvInteger, QLinearConv ----------------------------------------------------------------------------------- */

static const struct attr_def qconv_attrs[] = {
    {"kernel_shape", NULL, A_INTS, AT_POSITIVE, 1, NULL, "size of the window"},
    {"strides", NULL, A_SPATIAL, AT_POSITIVE, 1, NULL, "step of the window"},
    {"pads", NULL, A_PADS, AT_NONNEG, 0, NULL, "zeros around the input"},
    {"dilations", NULL, A_SPATIAL, AT_POSITIVE, 1, NULL, "distance between taps"},
    {"group", NULL, A_INT, AT_POSITIVE, 1, NULL, "channels are split into so many independent parts"},
    {"auto_pad", NULL, A_STRING, 0, 0, "NOTSET:NOTSET|SAME_UPPER|SAME_LOWER|VALID", "padding by rule"},
};

static bool qconv_plan(struct graph *g, struct node *n, struct cnnc_qconv *q)
{
    const struct tensor *x = n->in[0], *w = n->in[is_linear(n) ? 3 : 1];
    int spatial = x->rank - 2;
    *q = (struct cnnc_qconv){.x = (int)x->dtype, .w = (int)w->dtype, .n = (long)x->dim[0], .groups = (long)attr_i(n, "group"),
                             .ic = (long)w->dim[1], .oc = (long)w->dim[0], .in = {1, 1, 1}, .out = {1, 1, 1},
                             .kernel = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
    for (int i = 0; i < spatial; i++) {
        struct window v;
        int k = 3 - spatial + i;
        if (!window_infer(g, n, i, spatial, x->dim[2 + i], w->dim[2 + i], false, &v))
            return false;
        q->in[k] = (long)x->dim[2 + i];
        q->out[k] = (long)v.out;
        q->kernel[k] = (long)v.kernel;
        q->stride[k] = (long)v.stride;
        q->dilation[k] = (long)v.dilation;
        q->before[k] = (long)v.before;
    }
    return true;
}

static bool qconv_infer(struct graph *g, struct node *n)
{
    bool linear = is_linear(n);
    type_set bytes = TYPE(DT_U8) | TYPE(DT_I8);
    int at_w = linear ? 3 : 1;
    const struct tensor *x = n->in[0], *w = n->in[at_w], *zx = input(n, 2), *zw = input(n, linear ? 5 : 3);
    struct cnnc_qconv q;
    char a[160], b[160];
    if (!check_rank(g, n, 0, 3, 5) || !check_rank(g, n, at_w, x->rank, x->rank) || !check_type(g, n, 0, bytes) ||
        !check_type(g, n, at_w, bytes))
        return false;
    if (attr_i(n, "group") < 1 || w->dim[1] * attr_i(n, "group") != x->dim[1] || w->dim[0] % attr_i(n, "group"))
        return node_error(g, n, "weights of shape %s do not fit an input of shape %s in %lld groups", shape_text(w, a),
                          shape_text(x, b), (long long)attr_i(n, "group"));
    if ((zx && (zx->dtype != x->dtype || tensor_count(zx) != 1)) || (zw && zw->dtype != w->dtype) ||
        (zw && tensor_count(zw) != 1 && tensor_count(zw) != w->dim[0]))
        return node_error(g, n, "a zero point does not fit its tensor");
    if (linear) {
        if (!check_type(g, n, 1, TYPE(DT_F32)) || !check_type(g, n, 4, TYPE(DT_F32)) || !check_type(g, n, 6, TYPE(DT_F32)) ||
            !check_type(g, n, 7, bytes) || !check_type(g, n, 8, TYPE(DT_I32)) || !check_vector(g, n, 8, w->dim[0], "the bias"))
            return false;
        if (tensor_count(n->in[4]) != tensor_count(zw))
            return node_error(g, n, "%lld scales and %lld zero points of the weights", (long long)tensor_count(n->in[4]),
                              (long long)tensor_count(zw));
    }
    if (!qconv_plan(g, n, &q))
        return false;
    absent_inputs(g, n, linear ? 9 : 4);
    int64_t dim[MAX_RANK] = {x->dim[0], w->dim[0]};
    for (int i = 0; i < x->rank - 2; i++)
        dim[2 + i] = q.out[5 - x->rank + i];
    set_output(n, 0, linear ? n->in[7]->dtype : DT_I32, x->rank, dim);
    return true;
}

static void qconv_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_qconv *q = geometry;
    const struct tensor *zw = input(n, is_linear(n) ? 5 : 3);
    qconv_plan(NULL, (struct node *)n, q);
    q->y = (int)n->out[0]->dtype;
    q->per_channel = zw && tensor_count(zw) > 1;
    int_range(n->out[0]->dtype, &q->low, &q->high);
}

static void qconv_cost(const struct node *n, struct cost *c)
{
    const struct tensor *w = n->in[is_linear(n) ? 3 : 1];
    c->macs = tensor_count(n->out[0]) * dims_count(w->rank - 1, w->dim + 1);
}

RUN(conv_integer)
RUN(qlinear_conv)
GEOMETRY(qconv, FIELD_LIT(struct cnnc_qconv, x, F_INT), FIELD_LIT(struct cnnc_qconv, w, F_INT), FIELD_LIT(struct cnnc_qconv, y, F_INT),
         FIELD_LIT(struct cnnc_qconv, per_channel, F_INT), FIELD(struct cnnc_qconv, n, F_LONG),
         FIELD(struct cnnc_qconv, groups, F_LONG), FIELD(struct cnnc_qconv, ic, F_LONG), FIELD(struct cnnc_qconv, oc, F_LONG),
         FIELD_ARRAY(struct cnnc_qconv, in, F_LONG, 3), FIELD_ARRAY(struct cnnc_qconv, out, F_LONG, 3),
         FIELD_ARRAY(struct cnnc_qconv, kernel, F_LONG, 3), FIELD_ARRAY(struct cnnc_qconv, stride, F_LONG, 3),
         FIELD_ARRAY(struct cnnc_qconv, dilation, F_LONG, 3), FIELD_ARRAY(struct cnnc_qconv, before, F_LONG, 3),
         FIELD(struct cnnc_qconv, low, F_DOUBLE), FIELD(struct cnnc_qconv, high, F_DOUBLE));
static const struct kernel conv_integer_kernels[] = {KERNEL(conv_integer, "quant.h", qconv, qconv_fill)};
static const struct kernel qlinear_conv_kernels[] = {KERNEL(qlinear_conv, "quant.h", qconv, qconv_fill)};
const struct op op_conv_integer = {
    .onnx = "ConvInteger", .doc = "convolution of 8-bit integers in 32 bits", .attrs = qconv_attrs, .nattrs = COUNT(qconv_attrs),
    .min_in = 2, .max_in = 4, .max_out = 1, .infer = qconv_infer, .cost = qconv_cost, .kernels = conv_integer_kernels,
    .nkernels = 1,
};
const struct op op_qlinear_conv = {
    .onnx = "QLinearConv", .doc = "convolution of quantised tensors", .attrs = qconv_attrs, .nattrs = COUNT(qconv_attrs),
    .min_in = 8, .max_in = 9, .max_out = 1, .infer = qconv_infer, .cost = qconv_cost, .kernels = qlinear_conv_kernels,
    .nkernels = 1,
};
