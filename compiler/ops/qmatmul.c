/* Matrix products of quantised tensors: QMatMul, which the others become. */
#include "generic.h"
#include "quantized.h"
#include "shared.h"

#define CNNC_FN(name) name
#include "../../runtime/qplain.h"
#include "../../runtime/qconv.h"

/* ---- QMatMul ---------------------------------------------------------------------------------------------------- */

/* m, k, n and the batches of a product of stacks of matrices, with the shape of the result; false if they do not fit. */
static bool plan(const struct tensor *a, const struct tensor *b, bool transposed, struct cnnc_qmatmul *q, int *rank, int64_t dim[MAX_RANK + 2])
{
    int64_t batch[MAX_RANK], da[MAX_RANK] = {1}, db[MAX_RANK] = {1};
    const int ra = MAX(a->rank, 2);
    int rb = b->rank;
    if (a->rank < 1 || b->rank < 1)
        return false;
    memcpy(da + (a->rank == 1), a->dim, sizeof *da * (size_t)a->rank);
    memcpy(db, b->dim, sizeof *db * (size_t)b->rank);
    if (rb == 1)
        db[rb++] = 1;
    *q = (struct cnnc_qmatmul){.a = (int)a->dtype, .b = (int)b->dtype, .m = (long)da[ra - 2], .k = (long)da[ra - 1],
                               .n = (long)db[transposed ? rb - 2 : rb - 1]};
    q->b_k = transposed ? 1 : q->n;
    q->b_n = transposed ? q->k : 1;
    int r;
    if (db[transposed ? rb - 1 : rb - 2] != q->k || ra - 2 > 6 || rb - 2 > 6 || !broadcast_dims(ra - 2, da, rb - 2, db, &r, batch))
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
    return r <= MAX_RANK;
}

static const struct attr_def q_matmul_attrs[] = {
    {"transposed", NULL, A_INT, 0, 0, NULL, "the second matrix is"},
    {"row_scales", NULL, A_INT, 0, 0, NULL, "there is one for each row"},
    {"column_scales", NULL, A_INT, 0, 0, NULL, "and for each column"},
    Q_BOUNDS,
};

static void fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_qmatmul *q = geometry;
    int rank;
    int64_t dim[MAX_RANK + 2];
    plan(n->in[Q_X], n->in[Q_W], attr_i(n, "transposed") != 0, q, &rank, dim);
    q->y = (int)n->out[0]->dtype;
    q->rows = n->in[Q_X_ZERO] && tensor_count(n->in[Q_X_ZERO]) > 1;
    q->columns = n->in[Q_W_ZERO] && tensor_count(n->in[Q_W_ZERO]) > 1;
    q->scale_n = attr_i(n, "column_scales") != 0;
    q->scale_m = attr_i(n, "row_scales") ? (q->scale_n ? q->n : 1) : 0;
    q->low = (int)attr_i(n, "low");
    q->high = (int)attr_i(n, "high");
}

static void run_plain(const struct node *n, const void *g, const void *const in[], void *const out[])
{
    (void)n;
    cnnc_qmatmul(g, in, out, (struct cnnc_thread){0, 1, NULL});
}

static void matmul_cost(const struct node *n, struct cost *c)
{
    const struct tensor *a = n->in[Q_X];
    c->macs = tensor_count(n->out[0]) * a->dim[a->rank - 1];
}

static double plain_cost(const struct node *n, const struct target *t)
{
    struct cost c = {0};
    (void)t;
    matmul_cost(n, &c);
    return 1e-7 + 1.5e-9 * (double)c.macs;
}

GEOMETRY(qmatmul, FIELD_LIT(struct cnnc_qmatmul, rank, F_INT), FIELD_LIT(struct cnnc_qmatmul, a, F_INT),
         FIELD_LIT(struct cnnc_qmatmul, b, F_INT), FIELD_LIT(struct cnnc_qmatmul, y, F_INT),
         FIELD_ARRAY(struct cnnc_qmatmul, dim, F_LONG, 6), FIELD_ARRAY(struct cnnc_qmatmul, at_a, F_LONG, 6),
         FIELD_ARRAY(struct cnnc_qmatmul, at_b, F_LONG, 6), FIELD(struct cnnc_qmatmul, m, F_LONG), FIELD(struct cnnc_qmatmul, k, F_LONG),
         FIELD(struct cnnc_qmatmul, n, F_LONG), FIELD(struct cnnc_qmatmul, b_k, F_LONG), FIELD(struct cnnc_qmatmul, b_n, F_LONG),
         FIELD_LIT(struct cnnc_qmatmul, rows, F_INT), FIELD_LIT(struct cnnc_qmatmul, columns, F_INT),
         FIELD(struct cnnc_qmatmul, scale_m, F_LONG), FIELD(struct cnnc_qmatmul, scale_n, F_LONG), FIELD(struct cnnc_qmatmul, low, F_INT),
         FIELD(struct cnnc_qmatmul, high, F_INT));

/* A dense layer: rows of known weights, as a convolution of one pixel. The weights may be packed by now. */
static void dense_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *a = n->in[Q_X], *y = n->out[0];
    *(struct cnnc_qconv *)geometry = (struct cnnc_qconv){
        .x = (int)a->dtype, .w = (int)n->in[Q_W]->dtype, .y = (int)y->dtype, .kw = 1, .sw = 1, .groups = 1,
        .n = (long)(a->dim[a->rank - 1] ? tensor_count(a) / a->dim[a->rank - 1] : 0), .ic = (long)a->dim[a->rank - 1],
        .oc = (long)y->dim[y->rank - 1], .in = {1, 1, 1}, .out = {1, 1, 1}, .kernel = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1},
        .scale_n = attr_i(n, "column_scales") != 0, .low = (int)attr_i(n, "low"), .high = (int)attr_i(n, "high")};
}

static bool dense_match(const struct node *n, const struct target *t)
{
    const struct tensor *a = n->in[Q_X], *za = n->in[Q_X_ZERO];
    return t->block > 1 && a->rank >= 2 && n->in[Q_W]->rank == 2 && !attr_i(n, "row_scales") && (!za || tensor_count(za) == 1) &&
           can_pack(n, a->dim[a->rank - 1]);
}

static double dense_cost(const struct node *n, const struct target *t)
{
    struct cost c = {0};
    (void)t;
    matmul_cost(n, &c);
    return 1e-7 + (double)c.macs / 8e9 + 1e-8 * (double)tensor_count(n->out[0]);
}

static size_t dense_scratch(const void *geometry) { return (size_t)cnnc_qdense_stride(geometry); }

static void dense_prepare(struct graph *g, struct node *n, const struct target *t)
{
    struct cnnc_qconv q;
    dense_fill(n, &q, t);
    const bool transposed = attr_i(n, "transposed") != 0;
    pack_quantized(g, n, &(struct packing){.dense = true, .groups = 1, .oc = q.oc, .inputs = q.ic, .by_output = transposed ? q.ic : 1,
                                           .by_input = transposed ? 1 : q.oc});
}

static const struct field dense_fields[] = {
    FIELD_LIT(struct cnnc_qconv, x, F_INT), FIELD_LIT(struct cnnc_qconv, y, F_INT), FIELD(struct cnnc_qconv, n, F_LONG),
    FIELD(struct cnnc_qconv, ic, F_LONG), FIELD(struct cnnc_qconv, oc, F_LONG), FIELD_ARRAY(struct cnnc_qconv, kernel, F_LONG, 3),
    FIELD(struct cnnc_qconv, scale_n, F_LONG), FIELD(struct cnnc_qconv, low, F_INT), FIELD(struct cnnc_qconv, high, F_INT)};
static const struct geometry dense_geometry = {"cnnc_qconv", sizeof(struct cnnc_qconv), dense_fields, COUNT(dense_fields)};
static const struct kernel matmul_kernels[] = {
    {.name = "qmatmul", .part = "qplain.h", .geometry = &qmatmul_geometry, .cost = plain_cost, .fill = fill, .run = run_plain},
    {.name = "qdense", .part = "qconv.h", .geometry = &dense_geometry, .match = dense_match, .cost = dense_cost, .prepare = dense_prepare,
     .fill = dense_fill, .scratch = dense_scratch},
};
const struct op op_q_matmul = {
    .onnx = "QMatMul", .doc = "matrix product of quantised tensors", .attrs = q_matmul_attrs, .nattrs = COUNT(q_matmul_attrs), .min_in = 2,
    .max_in = Q_INPUTS, .max_out = 1, .flags = OP_INTERNAL, .cost = matmul_cost, .kernels = matmul_kernels, .nkernels = COUNT(matmul_kernels),
};

/* ---- Gemm, MatMul between DequantizeLinear and QuantizeLinear ----------------------------------------------------- */

static struct node *product(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out, struct tensor *bias, bool transposed)
{
    const struct tensor *b = in[1].q;
    double scale;
    int zero;
    if (!in[0].q || !b || !one_scale(g, &in[0], &scale, &zero) || !is_known(in[1].scale) || (in[1].zero && !is_known(in[1].zero)))
        return NULL;
    const int64_t scales = tensor_count(in[1].scale), columns = n->out[0]->rank ? n->out[0]->dim[n->out[0]->rank - 1] : 1;
    if (scales > 1 && (b->rank != 2 || in[1].scale->rank != 1 || in[1].axis != (transposed ? 0 : 1) || scales != columns))
        return NULL;
    struct tensor *units = NULL;
    const int64_t inputs = n->in[0]->dim[n->in[0]->rank - 1];
    if (inputs > SUMS_AT_MOST || (bias && (!is_known(bias) || tensor_count(bias) != columns || bias->dim[bias->rank - 1] != columns ||
                                           !(units = q_bias(g, n, bias, in[0].scale, in[1].scale, inputs)))))
        return NULL;
    struct tensor *factors = q_scale(g, n, in[0].scale, in[1].scale, out->scale);
    struct node *q = q_node(g, n, &op_q_matmul, out->dtype, n->out[0]->rank, n->out[0]->dim);
    struct tensor *operands[Q_INPUTS] = {in[0].q, in[1].q, in[0].zero, in[1].zero, units, factors, out->zero};
    for (int i = 0; i < Q_INPUTS; i++)
        node_input(g, q, operands[i]);
    set_attr_i(g, q, "transposed", transposed);
    set_attr_i(g, q, "column_scales", scales > 1);
    q_bounds(g, q, out);
    return q;
}

struct node *gemm_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    struct tensor *bias = input(n, 2);
    if (attr_i(n, "transA") || attr_f(n, "alpha") != 1 || (bias && (attr_f(n, "beta") != 1 || bias->rank < 1)))
        return NULL;
    return product(g, n, in, out, bias, attr_i(n, "transB") != 0);
}

struct node *matmul_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    return product(g, n, in, out, NULL, false);
}

/* ---- MatMulInteger, QLinearMatMul ------------------------------------------------------------------------------- */

static bool is_linear(const struct node *n) { return n->op == &op_qlinear_matmul; }

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
    int64_t dim[MAX_RANK + 2];
    char a[160], b[160];
    type_set bytes = TYPE(DT_U8) | TYPE(DT_I8);
    bool linear = is_linear(n);
    int at_b = linear ? 3 : 1;
    if (!check_type(g, n, 0, bytes) || !check_type(g, n, at_b, bytes))
        return false;
    const struct tensor *za = input(n, 2), *zb = input(n, linear ? 5 : 3);
    if (!plan(n->in[0], n->in[at_b], false, &q, &rank, dim) || (za && tensor_count(za) != 1 && tensor_count(za) != q.m) ||
        (zb && tensor_count(zb) != 1 && tensor_count(zb) != q.n))
        return node_error(g, n, "matrices of shapes %s and %s cannot be multiplied, or the zero points do not fit", shape_text(n->in[0], a),
                          shape_text(n->in[at_b], b));
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

static struct node *qmatmul_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    (void)in, (void)out;
    const bool linear = is_linear(n);
    struct tensor *scales = linear ? q_scale(g, n, n->in[1], n->in[4], n->in[6]) : NULL;
    struct node *q = q_node(g, n, &op_q_matmul, n->out[0]->dtype, n->out[0]->rank, n->out[0]->dim);
    struct tensor *operands[Q_INPUTS] = {n->in[0], n->in[linear ? 3 : 1], n->in[2], n->in[linear ? 5 : 3], NULL, scales,
                                         linear ? n->in[7] : NULL};
    for (int i = 0; i < Q_INPUTS; i++)
        node_input(g, q, operands[i]);
    set_attr_i(g, q, "row_scales", linear && tensor_count(n->in[1]) > 1);
    set_attr_i(g, q, "column_scales", linear && tensor_count(n->in[4]) > 1);
    q_bounds(g, q, NULL);
    return q;
}

const struct op op_matmul_integer = {
    .onnx = "MatMulInteger", .doc = "matrix product of 8-bit integers in 32 bits", .min_in = 2, .max_in = 4, .max_out = 1,
    .flags = OP_INTEGER, .infer = qmatmul_infer, .cost = matmul_cost, .quantize = qmatmul_quantize,
};
const struct op op_qlinear_matmul = {
    .onnx = "QLinearMatMul", .doc = "matrix product of quantised tensors", .min_in = 8, .max_in = 8, .max_out = 1,
    .flags = OP_INTEGER, .infer = qmatmul_infer, .cost = matmul_cost, .quantize = qmatmul_quantize,
};
