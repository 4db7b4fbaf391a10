/* Convolutions of quantised tensors: QConv, which the others become. */
#include "generic.h"
#include "quantized.h"
#include "shared.h"

#define CNNC_FN(name) name
#include "../../runtime/qplain.h"
#include "../../runtime/qconv.h"

#define CONV_ATTRS_                                                                                                    \
    {"kernel_shape", NULL, A_INTS, AT_POSITIVE, 1, NULL, "size of the window"},                                        \
    {"strides", NULL, A_SPATIAL, AT_POSITIVE, 1, NULL, "step of the window"},                                          \
    {"pads", NULL, A_PADS, AT_NONNEG, 0, NULL, "zeros around the input"},                                              \
    {"dilations", NULL, A_SPATIAL, AT_POSITIVE, 1, NULL, "distance between taps"},                                     \
    {"group", NULL, A_INT, AT_POSITIVE, 1, NULL, "channels are split into so many independent parts"},                 \
    {"auto_pad", NULL, A_STRING, 0, 0, "NOTSET:NOTSET|SAME_UPPER|SAME_LOWER|VALID", "padding by rule"}
static const struct attr_def conv_attrs[] = {CONV_ATTRS_};
static const struct attr_def q_conv_attrs[] = {CONV_ATTRS_, Q_BOUNDS};

/* ---- QConv ------------------------------------------------------------------------------------------------------ */

/* From the attributes: weights may be packed by now. */
static void fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[Q_X], *y = n->out[0], *zw = n->in[Q_W_ZERO], *s = n->in[Q_SCALES];
    struct cnnc_qconv *q = geometry;
    const int spatial = x->rank - 2;
    *q = (struct cnnc_qconv){
        .x = (int)x->dtype, .w = (int)n->in[Q_W]->dtype, .y = (int)y->dtype, .per_channel = zw && tensor_count(zw) > 1, .n = (long)x->dim[0],
        .groups = (long)attr_i(n, "group"), .ic = (long)(x->dim[1] / attr_i(n, "group")), .oc = (long)y->dim[1], .in = {1, 1, 1}, .out = {1, 1, 1},
        .kernel = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .scale_n = s && tensor_count(s) > (y->dtype == DT_F32 ? 1 : 2),
        .low = (int)attr_i(n, "low"), .high = (int)attr_i(n, "high")};
    bool flat = true;
    for (int i = 0; i < spatial; i++) {
        const int k = 3 - spatial + i;
        q->in[k] = (long)x->dim[2 + i];
        q->out[k] = (long)y->dim[2 + i];
        q->kernel[k] = (long)attr_at(n, "kernel_shape", i, 1);
        q->stride[k] = (long)attr_at(n, "strides", i, 1);
        q->dilation[k] = (long)attr_at(n, "dilations", i, 1);
        q->before[k] = (long)attr_at(n, "pads", i, 0);
        flat = flat && q->kernel[k] == 1 && q->stride[k] == 1 && q->before[k] == 0 && q->in[k] == q->out[k];
    }
    if (flat) { /* 1x1: a plane is one row */
        q->in[2] *= q->in[0] * q->in[1];
        q->out[2] = q->in[2];
        q->in[0] = q->in[1] = q->out[0] = q->out[1] = 1;
    }
    q->kw = (int)q->kernel[2];
    q->sw = (int)q->stride[2];
}

#define QC(member, kind) FIELD(struct cnnc_qconv, member, kind)
#define QC_LIT(member) FIELD_LIT(struct cnnc_qconv, member, F_INT)
#define QC_AXES(member) FIELD_ARRAY(struct cnnc_qconv, member, F_LONG, 3)
static const struct field conv_fields[] = {
    QC_LIT(x), QC_LIT(w), QC_LIT(y), QC_LIT(per_channel), QC_LIT(kw), QC_LIT(sw), QC(n, F_LONG), QC(groups, F_LONG), QC(ic, F_LONG),
    QC(oc, F_LONG), QC_AXES(in), QC_AXES(out), QC_AXES(kernel), QC_AXES(stride), QC_AXES(dilation), QC_AXES(before), QC(scale_n, F_LONG),
    QC(low, F_INT), QC(high, F_INT)};
static const struct geometry conv_geometry = {"cnnc_qconv", sizeof(struct cnnc_qconv), conv_fields, COUNT(conv_fields)};

static double macs(const struct node *n)
{
    struct cnnc_qconv q;
    fill(n, &q, NULL);
    return (double)tensor_count(n->out[0]) * (double)cnnc_qdense_inputs(&q);
}

static void conv_cost(const struct node *n, struct cost *c) { c->macs = (int64_t)macs(n); }

static double plain_cost(const struct node *n, const struct target *t)
{
    (void)t;
    return 1e-7 + 1.5e-9 * macs(n);
}

static void run_plain(const struct node *n, const void *g, const void *const in[], void *const out[])
{
    (void)n;
    cnnc_qconv_plain(g, in, out, (struct cnnc_thread){0, 1, NULL});
}

static bool rows_match(const struct node *n, const struct target *t)
{
    struct cnnc_qconv q;
    fill(n, &q, t);
    return t->block > 1 && can_pack(n, cnnc_qdense_inputs(&q));
}

static double rows_cost(const struct node *n, const struct target *t)
{
    struct cnnc_qconv q;
    fill(n, &q, t);
    const double pixels = (double)((q.out[2] + 15) / 16 * 16) / (double)q.out[2];
    const double channels = (double)q.groups * (double)((q.oc / q.groups + CNNC_Q_CHANNELS - 1) / CNNC_Q_CHANNELS * CNNC_Q_CHANNELS) / (double)q.oc;
    return 2e-7 + macs(n) * pixels * channels / 10e9 + 2e-9 * (double)tensor_count(n->out[0]);
}

static size_t rows_scratch(const void *geometry) { return cnnc_qconv_scratch(geometry); }

static void rows_prepare(struct graph *g, struct node *n, const struct target *t)
{
    struct cnnc_qconv q;
    fill(n, &q, t);
    const int64_t inputs = cnnc_qdense_inputs(&q);
    pack_quantized(g, n, &(struct packing){.groups = q.groups, .oc = q.oc, .inputs = inputs, .by_output = inputs, .by_input = 1});
}

/* The window is the whole input: one output a channel. */
static bool dense_match(const struct node *n, const struct target *t)
{
    struct cnnc_qconv q;
    fill(n, &q, t);
    bool whole = q.groups == 1;
    for (int i = 0; i < 3; i++)
        whole = whole && q.out[i] == 1 && q.before[i] == 0 && q.dilation[i] == 1 && q.kernel[i] == q.in[i];
    return whole && t->block > 1 && can_pack(n, cnnc_qdense_inputs(&q));
}

static double dense_cost(const struct node *n, const struct target *t)
{
    (void)t;
    return 1e-7 + macs(n) / 8e9 + 1e-8 * (double)tensor_count(n->out[0]);
}

static size_t dense_scratch(const void *geometry) { return (size_t)cnnc_qdense_stride(geometry); }

static void dense_prepare(struct graph *g, struct node *n, const struct target *t)
{
    struct cnnc_qconv q;
    fill(n, &q, t);
    const int64_t inputs = cnnc_qdense_inputs(&q);
    pack_quantized(g, n, &(struct packing){.dense = true, .groups = 1, .oc = q.oc, .inputs = inputs, .by_output = inputs, .by_input = 1});
}

static const struct kernel conv_kernels[] = {
    {.name = "qconv_plain", .part = "qplain.h", .geometry = &conv_geometry, .cost = plain_cost, .fill = fill, .run = run_plain},
    {.name = "qconv", .part = "qconv.h", .geometry = &conv_geometry, .match = rows_match, .cost = rows_cost, .prepare = rows_prepare, .fill = fill,
     .scratch = rows_scratch},
    {.name = "qdense", .part = "qconv.h", .geometry = &conv_geometry, .match = dense_match, .cost = dense_cost, .prepare = dense_prepare,
     .fill = fill, .scratch = dense_scratch},
};
const struct op op_q_conv = {
    .onnx = "QConv", .doc = "convolution of quantised tensors", .attrs = q_conv_attrs, .nattrs = COUNT(q_conv_attrs), .min_in = 2,
    .max_in = Q_INPUTS, .max_out = 1, .flags = OP_INTERNAL | OP_SAMPLEWISE, .cost = conv_cost, .kernels = conv_kernels,
    .nkernels = COUNT(conv_kernels),
};

/* A QConv in front of n with n's window; operands follow. */
static struct node *q_conv(struct graph *g, struct node *n, enum dtype y, const struct quantized *out)
{
    static const char *const same[] = {"kernel_shape", "strides", "pads", "dilations"};
    struct node *q = q_node(g, n, &op_q_conv, y, n->out[0]->rank, n->out[0]->dim);
    for (size_t i = 0; i < COUNT(same); i++)
        if (attr_set(n, same[i]))
            set_attr_ints(g, q, same[i], attr_get(n, same[i])->n, attr_get(n, same[i])->ints);
    set_attr_i(g, q, "group", attr_i(n, "group"));
    q_bounds(g, q, out);
    return q;
}

struct node *conv_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    double scale;
    int zero;
    const struct tensor *w = in[1].q;
    if (!in[0].q || !w || !one_scale(g, &in[0], &scale, &zero) || !is_known(w) || !is_known(in[1].scale) || (in[1].zero && !is_known(in[1].zero)))
        return NULL;
    const int64_t scales = tensor_count(in[1].scale), channels = n->out[0]->dim[1];
    if (scales > 1 && (in[1].axis != 0 || in[1].scale->rank != 1 || scales != channels))
        return NULL;
    struct tensor *bias = input(n, 2), *units = NULL;
    const int64_t inputs = dims_count(w->rank - 1, w->dim + 1);
    if (inputs > SUMS_AT_MOST || (bias && (!is_known(bias) || !(units = q_bias(g, n, bias, in[0].scale, in[1].scale, inputs)))))
        return NULL;
    struct tensor *scales_of = q_scale(g, n, in[0].scale, in[1].scale, out->scale);
    struct node *q = q_conv(g, n, out->dtype, out);
    struct tensor *operands[Q_INPUTS] = {in[0].q, in[1].q, in[0].zero, in[1].zero, units, scales_of, out->zero};
    for (int i = 0; i < Q_INPUTS; i++)
        node_input(g, q, operands[i]);
    return q;
}

/* ---- ConvInteger, QLinearConv ----------------------------------------------------------------------------------- */

static bool is_linear(const struct node *n) { return n->op == &op_qlinear_conv; }

static bool qconv_infer(struct graph *g, struct node *n)
{
    bool linear = is_linear(n);
    type_set bytes = TYPE(DT_U8) | TYPE(DT_I8);
    int at_w = linear ? 3 : 1;
    const struct tensor *x = n->in[0], *w = n->in[at_w], *zx = input(n, 2), *zw = input(n, linear ? 5 : 3);
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
        if (tensor_count(n->in[1]) != 1 || tensor_count(n->in[6]) != 1 || tensor_count(n->in[7]) != 1)
            return node_error(g, n, "the input and the output have one scale and one zero point each");
        if (tensor_count(n->in[4]) != tensor_count(zw))
            return node_error(g, n, "%lld scales and %lld zero points of the weights", (long long)tensor_count(n->in[4]),
                              (long long)tensor_count(zw));
    }
    int64_t dim[MAX_RANK] = {x->dim[0], w->dim[0]}, pads[6];
    const int spatial = x->rank - 2;
    for (int i = 0; i < spatial; i++) {
        struct window v;
        if (!window_infer(g, n, i, spatial, x->dim[2 + i], w->dim[2 + i], false, &v))
            return false;
        dim[2 + i] = v.out;
        pads[i] = v.before;
        pads[i + spatial] = v.after;
    }
    set_attr_ints(g, n, "pads", 2 * spatial, pads); /* explicit from here on */
    attr_get(n, "pads")->s = NULL;
    set_attr_s(g, n, "auto_pad", "NOTSET");
    set_attr_ints(g, n, "kernel_shape", spatial, w->dim + 2);
    absent_inputs(g, n, linear ? 9 : 4);
    set_output(n, 0, linear ? n->in[7]->dtype : DT_I32, x->rank, dim);
    return true;
}

static struct node *qconv_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    (void)in, (void)out;
    const bool linear = is_linear(n);
    struct tensor *scales = linear ? q_scale(g, n, n->in[1], n->in[4], n->in[6]) : NULL;
    struct node *q = q_conv(g, n, n->out[0]->dtype, NULL);
    struct tensor *operands[Q_INPUTS] = {n->in[0], n->in[linear ? 3 : 1], n->in[2], n->in[linear ? 5 : 3], linear ? n->in[8] : NULL, scales,
                                         linear ? n->in[7] : NULL};
    for (int i = 0; i < Q_INPUTS; i++)
        node_input(g, q, operands[i]);
    return q;
}

static void qconv_cost(const struct node *n, struct cost *c)
{
    const struct tensor *w = n->in[is_linear(n) ? 3 : 1];
    c->macs = tensor_count(n->out[0]) * dims_count(w->rank - 1, w->dim + 1);
}

const struct op op_conv_integer = {
    .onnx = "ConvInteger", .doc = "convolution of 8-bit integers in 32 bits", .attrs = conv_attrs, .nattrs = COUNT(conv_attrs),
    .min_in = 2, .max_in = 4, .max_out = 1, .flags = OP_INTEGER, .infer = qconv_infer, .cost = qconv_cost, .quantize = qconv_quantize,
};
const struct op op_qlinear_conv = {
    .onnx = "QLinearConv", .doc = "convolution of quantised tensors", .attrs = conv_attrs, .nattrs = COUNT(conv_attrs),
    .min_in = 8, .max_in = 9, .max_out = 1, .flags = OP_INTEGER, .infer = qconv_infer, .cost = qconv_cost, .quantize = qconv_quantize,
};
