/* Operators on quantised tensors that are no products of matrices: tables, sums and products of two, means, softmax. Scales are known, so that
 * all that is left of them is in the geometry. */
#include "generic.h"
#include "qhooks.h"
#include "quantized.h"
#include "shared.h"

#include <math.h>

#define CNNC_FN(name) name
#include "../../runtime/qelement.h"

static double per_element(const struct node *n, const struct target *target)
{
    (void)target;
    return 1e-7 + 2e-9 * (double)tensor_count(n->out[0]);
}

/* ---- QTable ----------------------------------------------------------------------------------------------------- */

static void table_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    ((struct cnnc_qtable *)geometry)->n = (long)tensor_count(n->in[0]);
}
RUN(qtable)
GEOMETRY(qtable, FIELD(struct cnnc_qtable, n, F_LONG));
static const struct kernel table_kernels[] = {
    {.name = "qtable", .part = "qelement.h", .geometry = &qtable_geometry, .inplace = true, .cost = per_element, .fill = table_fill,
     .run = run_qtable}};
const struct op op_q_table = {
    .onnx = "QTable", .doc = "a function of one quantised tensor, as a table", .min_in = 2, .max_in = 2, .max_out = 1, .flags = OP_INTERNAL,
    .kernels = table_kernels, .nkernels = 1,
};

/* ---- QAdd, QMul ------------------------------------------------------------------------------------------------- */

static const struct attr_def binary_attrs[] = {
    {"zeros", NULL, A_INTS, 0, 0, NULL, "zero points of the operands and the result"},
    {"factors", NULL, A_INTS, 0, 0, NULL, "multipliers of the operands, shift"},
    Q_BOUNDS,
};

static void binary_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *y = n->out[0];
    const int64_t *zeros = attr_get(n, "zeros")->ints, *factors = attr_get(n, "factors")->ints;
    struct cnnc_qbinary *q = geometry;
    *q = (struct cnnc_qbinary){.rank = MAX(y->rank, 1), .a = (int)n->in[0]->dtype, .b = (int)n->in[1]->dtype, .add = n->op == &op_q_add, .dim = {1},
                               .za = (int)zeros[0], .zb = (int)zeros[1], .zy = (int)zeros[2], .ma = (int)factors[0], .mb = (int)factors[1],
                               .shift = (int)factors[2], .low = (int)attr_i(n, "low"), .high = (int)attr_i(n, "high")};
    for (int k = 0; k < 2; k++) {
        const struct tensor *x = n->in[k];
        long stride = 1, *at = k ? q->at_b : q->at_a;
        for (int i = y->rank - 1, j = x->rank - 1; i >= 0; i--, j--) {
            q->dim[i] = (long)y->dim[i];
            at[i] = j < 0 || x->dim[j] == 1 ? 0 : stride;
            stride *= j < 0 ? 1 : (long)x->dim[j];
        }
    }
    while (q->rank > 1) { /* axes that both run through, or neither, are one */
        const int last = q->rank - 1;
        if (q->at_a[last - 1] != q->at_a[last] * q->dim[last] || q->at_b[last - 1] != q->at_b[last] * q->dim[last])
            break;
        q->dim[last - 1] *= q->dim[last];
        q->at_a[last - 1] = q->at_a[last];
        q->at_b[last - 1] = q->at_b[last];
        q->dim[last] = q->at_a[last] = q->at_b[last] = 0;
        q->rank--;
    }
}
RUN(qbinary)
#define QB(member) FIELD(struct cnnc_qbinary, member, F_INT)
GEOMETRY(qbinary, FIELD_LIT(struct cnnc_qbinary, rank, F_INT), FIELD_LIT(struct cnnc_qbinary, a, F_INT), FIELD_LIT(struct cnnc_qbinary, b, F_INT),
         FIELD_LIT(struct cnnc_qbinary, add, F_INT), FIELD_ARRAY(struct cnnc_qbinary, dim, F_LONG, 8),
         FIELD_ARRAY(struct cnnc_qbinary, at_a, F_LONG, 8), FIELD_ARRAY(struct cnnc_qbinary, at_b, F_LONG, 8), QB(za), QB(zb), QB(zy), QB(low),
         QB(high), QB(shift), QB(ma), QB(mb));
static const struct kernel binary_kernels[] = {
    {.name = "qbinary", .part = "qelement.h", .geometry = &qbinary_geometry, .cost = per_element, .fill = binary_fill, .run = run_qbinary}};
#define BINARY(symbol, name_, doc_)                                                                                    \
    const struct op symbol = {.onnx = name_, .doc = doc_, .attrs = binary_attrs, .nattrs = COUNT(binary_attrs), .min_in = 2, .max_in = 2, \
                              .max_out = 1, .flags = OP_INTERNAL, .kernels = binary_kernels, .nkernels = 1}
BINARY(op_q_add, "QAdd", "sum of quantised tensors");
BINARY(op_q_mul, "QMul", "product of quantised tensors");

static struct node *binary(struct graph *g, struct node *n, const struct op *op, const struct quantized *in, const struct quantized *out, int sign)
{
    double scale[3];
    int zero[3];
    int32_t first[2], second[2] = {0, 0};
    if (!out->scale || n->nin != 2 || !in[0].q || !in[1].q || !one_scale(g, &in[0], &scale[0], &zero[0]) ||
        !one_scale(g, &in[1], &scale[1], &zero[1]) || !one_scale(g, out, &scale[2], &zero[2]))
        return NULL;
    if (op == &op_q_mul) {
        cnnc_multiplier(scale[0] * scale[1] / scale[2], first);
    } else {
        const double a = scale[0] / scale[2], b = scale[1] / scale[2];
        int32_t *larger = a >= b ? first : second, *smaller = a >= b ? second : first;
        cnnc_multiplier(MAX(a, b), larger);
        if (larger[1] < 1)
            return NULL; /* beyond all bounds */
        smaller[0] = (int32_t)floor(ldexp(MIN(a, b), larger[1]) + 0.5);
        first[1] = larger[1];
        second[0] *= sign;
    }
    struct node *q = q_node(g, n, op, out->dtype, n->out[0]->rank, n->out[0]->dim);
    node_input(g, q, in[0].q);
    node_input(g, q, in[1].q);
    set_attr_ints(g, q, "zeros", 3, (int64_t[]){zero[0], zero[1], zero[2]});
    set_attr_ints(g, q, "factors", 3, (int64_t[]){first[0], second[0], first[1]});
    q_bounds(g, q, out);
    return q;
}

struct node *add_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    return binary(g, n, &op_q_add, in, out, 1);
}

struct node *sub_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    return binary(g, n, &op_q_add, in, out, -1);
}

struct node *mul_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    return binary(g, n, &op_q_mul, in, out, 1);
}

/* ---- QAveragePool ----------------------------------------------------------------------------------------------- */

static const struct attr_def pool_attrs[] = {
    {"windows", NULL, A_INTS, 0, 0, NULL, "kernel, stride, dilation, padding before and after; op, adaptive"},
    {"zeros", NULL, A_INTS, 0, 0, NULL, "zero points of the operand and the result"},
    {"factors", NULL, A_INTS, 0, 0, NULL, "multiplier, shift"},
    Q_BOUNDS,
};

static void average_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct extent5 x = extent5(n->in[0]), y = extent5(n->out[0]);
    const int64_t *w = attr_get(n, "windows")->ints, *zeros = attr_get(n, "zeros")->ints, *factors = attr_get(n, "factors")->ints;
    struct cnnc_qpool *q = geometry;
    *q = (struct cnnc_qpool){.x = (int)n->in[0]->dtype, .zero = (int)zeros[0], .zy = (int)zeros[1], .mul = (int)factors[0],
                             .shift = (int)factors[1], .low = (int)attr_i(n, "low"), .high = (int)attr_i(n, "high")};
    q->pool = (struct cnnc_pool){
        .n = x.n, .c = x.c, .id = x.d, .ih = x.h, .iw = x.w, .od = y.d, .oh = y.h, .ow = y.w, .kd = (int)w[0], .kh = (int)w[1], .kw = (int)w[2],
        .sd = (int)w[3], .sh = (int)w[4], .sw = (int)w[5], .dd = (int)w[6], .dh = (int)w[7], .dw = (int)w[8], .pd = (int)w[9], .ph = (int)w[10],
        .pw = (int)w[11], .ed = (int)w[12], .eh = (int)w[13], .ew = (int)w[14], .op = (int)w[15], .adaptive = (int)w[16]};
}
RUN(qpool)
#define QP(member) {"pool." #member, offsetof(struct cnnc_qpool, pool.member), F_INT, false, 0}
GEOMETRY(qpool, QP(n), QP(c), QP(id), QP(ih), QP(iw), QP(od), QP(oh), QP(ow), QP(kd), QP(kh), QP(kw), QP(sd), QP(sh), QP(sw), QP(dd), QP(dh), QP(dw),
         QP(pd), QP(ph), QP(pw), QP(ed), QP(eh), QP(ew), QP(op), QP(adaptive), FIELD_LIT(struct cnnc_qpool, x, F_INT),
         FIELD(struct cnnc_qpool, zero, F_INT), FIELD(struct cnnc_qpool, zy, F_INT), FIELD(struct cnnc_qpool, low, F_INT),
         FIELD(struct cnnc_qpool, high, F_INT), FIELD(struct cnnc_qpool, mul, F_INT), FIELD(struct cnnc_qpool, shift, F_INT));
static double average_cost(const struct node *n, const struct target *t)
{
    const struct extent5 x = extent5(n->in[0]);
    (void)t;
    return 1e-7 + 1e-9 * (double)x.n * x.c * x.d * x.h * x.w;
}
static const struct kernel average_kernels[] = {
    {.name = "qpool", .part = "qelement.h", .geometry = &qpool_geometry, .cost = average_cost, .fill = average_fill, .run = run_qpool}};
const struct op op_q_average_pool = {
    .onnx = "QAveragePool", .doc = "mean of each window of a quantised tensor", .attrs = pool_attrs, .nattrs = COUNT(pool_attrs), .min_in = 1,
    .max_in = 1, .max_out = 1, .flags = OP_INTERNAL | OP_SAMPLEWISE, .kernels = average_kernels, .nkernels = 1,
};

struct node *average_pool_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    double sx, sy;
    int zx, zy;
    int32_t factor[2];
    struct cnnc_pool p;
    if (!out->scale || !in[0].q || !one_scale(g, &in[0], &sx, &zx) || !one_scale(g, out, &sy, &zy) || n->in[0]->rank < 3 || n->in[0]->rank > 5)
        return NULL;
    pool_fill(n, &p, NULL);
    cnnc_multiplier(sx / sy, factor);
    /* taps * 2^shift and 255 taps * multiplier stay below 2^62 */
    const int64_t taps = p.adaptive ? (int64_t)p.id * p.ih * p.iw : (int64_t)p.kd * p.kh * p.kw;
    if (factor[1] > 40 || taps > 1 << 20)
        return NULL;
    struct node *q = q_node(g, n, &op_q_average_pool, out->dtype, n->out[0]->rank, n->out[0]->dim);
    node_input(g, q, in[0].q);
    set_attr_ints(g, q, "windows", 17, (int64_t[]){p.kd, p.kh, p.kw, p.sd, p.sh, p.sw, p.dd, p.dh, p.dw, p.pd, p.ph, p.pw, p.ed, p.eh, p.ew, p.op, p.adaptive});
    set_attr_ints(g, q, "zeros", 2, (int64_t[]){zx, zy});
    set_attr_ints(g, q, "factors", 2, (int64_t[]){factor[0], factor[1]});
    q_bounds(g, q, out);
    return q;
}

/* ---- QSoftmax --------------------------------------------------------------------------------------------------- */

static const struct attr_def softmax_attrs[] = {
    {"axis", NULL, A_INT, 0, -1, NULL, "axis"},
    {"zero", NULL, A_INT, 0, 0, NULL, "zero point of the result"},
    {"factors", NULL, A_INTS, 0, 0, NULL, "multiplier, shift"},
    Q_BOUNDS,
};

static void softmax_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const int64_t *factors = attr_get(n, "factors")->ints, axis = attr_i(n, "axis");
    const struct tensor *x = n->in[0];
    *(struct cnnc_qsoftmax *)geometry = (struct cnnc_qsoftmax){
        .x = (int)x->dtype, .zy = (int)attr_i(n, "zero"), .mul = (int)factors[0], .shift = (int)factors[1], .outer = outer_of(x, axis),
        .axis = (long)x->dim[axis], .inner = inner_of(x, axis), .low = (int)attr_i(n, "low"), .high = (int)attr_i(n, "high")};
}
RUN(qsoftmax)
GEOMETRY(qsoftmax, FIELD_LIT(struct cnnc_qsoftmax, x, F_INT), FIELD(struct cnnc_qsoftmax, zy, F_INT), FIELD(struct cnnc_qsoftmax, low, F_INT),
         FIELD(struct cnnc_qsoftmax, high, F_INT), FIELD(struct cnnc_qsoftmax, mul, F_INT), FIELD(struct cnnc_qsoftmax, shift, F_INT),
         FIELD(struct cnnc_qsoftmax, outer, F_LONG), FIELD(struct cnnc_qsoftmax, axis, F_LONG), FIELD(struct cnnc_qsoftmax, inner, F_LONG));
static const struct kernel softmax_kernels[] = {
    {.name = "qsoftmax", .part = "qelement.h", .geometry = &qsoftmax_geometry, .cost = per_element, .fill = softmax_fill, .run = run_qsoftmax}};
const struct op op_q_softmax = {
    .onnx = "QSoftmax", .doc = "softmax of a quantised tensor", .attrs = softmax_attrs, .nattrs = COUNT(softmax_attrs), .min_in = 2, .max_in = 2,
    .max_out = 1, .flags = OP_INTERNAL, .kernels = softmax_kernels, .nkernels = 1,
};

struct node *softmax_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    const struct tensor *x = n->in[0];
    double sx, sy;
    int zx, zy, sum_bits = 1;
    int32_t factor[2], table[256];
    int64_t axis = attr_i(n, "axis"), size = 256;
    axis += axis < 0 ? x->rank : 0;
    if (!out->scale || !in[0].q || !one_scale(g, &in[0], &sx, &zx) || !one_scale(g, out, &sy, &zy) || axis < 0 ||
        axis >= x->rank || x->dim[axis] < 1)
        return NULL;
    cnnc_multiplier(1 / sy, factor);
    while (x->dim[axis] >> sum_bits)
        sum_bits++;
    /* as many bits as sums, shifted, and products leave */
    const int bits = MIN(30, 61 - factor[1] - sum_bits);
    if (factor[1] < 0 || bits < 16)
        return NULL;
    for (int i = 0; i < 256; i++)
        table[i] = (int32_t)floor(ldexp(exp(-i * sx), bits) + 0.5);
    struct node *q = q_node(g, n, &op_q_softmax, out->dtype, x->rank, x->dim);
    node_input(g, q, in[0].q);
    node_input(g, q, tensor_const(g, unique_name(g, arena_printf(&g->arena, "%s.exp", n->name)), DT_I32, 1, &size, table));
    set_attr_i(g, q, "axis", axis);
    set_attr_i(g, q, "zero", zy);
    set_attr_ints(g, q, "factors", 2, (int64_t[]){factor[0], factor[1]});
    q_bounds(g, q, out);
    return q;
}
