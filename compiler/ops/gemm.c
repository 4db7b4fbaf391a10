/* Gemm (a dense layer) and MatMul. */
#include "gemm_kernels.h"
#include "grads.h"
#include "past.h"
#include "qhooks.h"
#include "rearrange.h"

#define GEMM_TYPES (TYPES_FLOAT | TYPE(DT_I32) | TYPE(DT_I64) | TYPE(DT_U32) | TYPE(DT_U64))

/* ---- Gemm ------------------------------------------------------------------------------------------------------- */

/* y = x weight^T + bias, of everything that a batch's item holds. */
static bool dense_params(struct graph *g, struct node *n)
{
    if (n->nin > 1) { /* given: as learned ones lie */
        set_attr_i(g, n, "transB", 1);
        return !attr_set(n, "units") || n->in[1]->rank < 1 || attr_i(n, "units") == n->in[1]->dim[0] ||
               attr_error(g, n, "units", "%lld units, but the weight that is given has %lld", (long long)attr_i(n, "units"), (long long)n->in[1]->dim[0]);
    }
    if (!check_rank(g, n, 0, 2, MAX_RANK))
        return false;
    if (n->in[0]->rank > 2) {
        const struct op *flatten = op_by_onnx("Flatten");
        struct node *flat = node_insert_before(g, n, flatten, arena_printf(&g->arena, "%s.flatten", n->name));
        node_input(g, flat, n->in[0]);
        struct tensor *row = node_output(g, flat, unique_name(g, flat->name));
        if (!flatten->infer(g, flat))
            return false;
        node_set_input(g, n, 0, row);
    }
    const int64_t units = attr_i(n, "units"), inputs = n->in[0]->dim[1];
    if (inputs < 1)
        return node_error(g, n, "its operand has no elements");
    set_attr_i(g, n, "transB", 1);
    param_new(g, n, "weight", 2, (int64_t[]){units, inputs}, INIT_XAVIER, (int)inputs, (int)units);
    if (attr_i(n, "bias"))
        param_new(g, n, "bias", 1, &units, INIT_ZERO, 0, 0);
    return true;
}

static bool gemm_infer(struct graph *g, struct node *n)
{
    if (!check_rank(g, n, 0, 2, 2) || !check_rank(g, n, 1, 2, 2) || !check_same_types(g, n, 0, GEMM_TYPES))
        return false;
    const struct tensor *a = n->in[0], *b = n->in[1], *c = input(n, 2);
    const bool ta = attr_i(n, "transA") != 0, tb = attr_i(n, "transB") != 0;
    const int64_t dim[2] = {a->dim[ta], b->dim[!tb]};
    char sa[160], sb[160];
    if (a->dim[!ta] != b->dim[tb])
        return node_error(g, n, "matrices %s%s and %s%s cannot be multiplied: %lld columns, %lld rows", shape_text(a, sa),
                          ta ? " (transposed)" : "", shape_text(b, sb), tb ? " (transposed)" : "",
                          (long long)a->dim[!ta], (long long)b->dim[tb]);
    if (c) {
        int rank;
        int64_t whole[MAX_RANK];
        if (c->rank > 2 || !broadcast_dims(2, dim, c->rank, c->dim, &rank, whole) || whole[0] != dim[0] || whole[1] != dim[1])
            return node_error(g, n, "bias of shape %s does not fit a result of shape %lldx%lld", shape_text(c, sa),
                              (long long)dim[0], (long long)dim[1]);
    }
    set_output(n, 0, a->dtype, 2, dim);
    return true;
}

static enum past gemm_past(const struct node *n, int i, int axis, int *to)
{
    if (i == 2)
        return past_broadcast(n, i, axis, to);
    const bool turned = attr_i(n, i ? "transB" : "transA") != 0;
    if (axis == (i == 0 ? !turned : turned))
        return PAST_ZERO; /* summed over */
    *to = i;
    return PAST_APART;
}

static void gemm_cost(const struct node *n, struct cost *c)
{
    /* after selection the operand may be what was flattened: count its elements */
    c->macs = n->out[0]->dim[0] ? tensor_count(n->in[0]) / n->out[0]->dim[0] * tensor_count(n->out[0]) : 0;
    c->flops = 0;
}

static bool gemm_channels(const struct node *n, int *axis, int64_t *groups)
{
    *axis = attr_i(n, "transB") ? 0 : 1;
    *groups = 1;
    return attr_f(n, "beta") == 1; /* alpha is a factor of the product: the fold's goes on top */
}

/* ---- MatMul ----------------------------------------------------------------------------------------------------- */

static bool matmul_infer(struct graph *g, struct node *n)
{
    const struct tensor *a = n->in[0], *b = n->in[1];
    int rank;
    int64_t dim[MAX_RANK + 2];
    char sa[160], sb[160];
    if (!check_rank(g, n, 0, 1, MAX_RANK) || !check_rank(g, n, 1, 1, MAX_RANK) || !check_same_types(g, n, 0, GEMM_TYPES))
        return false;
    const int64_t columns = a->dim[a->rank - 1], rows = b->dim[b->rank > 1 ? b->rank - 2 : 0];
    if (columns != rows)
        return node_error(g, n, "matrices %s and %s cannot be multiplied: %lld columns, %lld rows", shape_text(a, sa),
                          shape_text(b, sb), (long long)columns, (long long)rows);
    if (!broadcast_dims(MAX(a->rank - 2, 0), a->dim, MAX(b->rank - 2, 0), b->dim, &rank, dim))
        return node_error(g, n, "stacks of matrices %s and %s do not fit each other", shape_text(a, sa), shape_text(b, sb));
    if (a->rank > 1)
        dim[rank++] = a->dim[a->rank - 2];
    if (b->rank > 1)
        dim[rank++] = b->dim[b->rank - 1];
    set_output(n, 0, a->dtype, rank, dim);
    return true;
}

static enum past matmul_past(const struct node *n, int i, int axis, int *to)
{
    const struct tensor *t = n->in[i], *y = n->out[0];
    if (axis == (i == 0 ? t->rank - 1 : MAX(t->rank - 2, 0)))
        return PAST_ZERO; /* summed over */
    *to = axis == t->rank - 1 ? y->rank - 1 : axis == t->rank - 2 ? y->rank - (n->in[1]->rank > 1 ? 2 : 1) : y->rank - 2 - (t->rank - 2 - axis);
    return *to >= 0 && y->dim[*to] == t->dim[axis] ? PAST_APART : PAST_BARRED;
}

/* Of two matrices it is a Gemm, which takes biases and activations along. */
static bool matmul_expand(struct graph *g, struct node *n)
{
    if (n->in[0]->rank != 2 || n->in[1]->rank != 2)
        return false;
    struct node *gemm = node_insert_before(g, n, op_by_onnx("Gemm"), n->name);
    node_input(g, gemm, n->in[0]);
    node_input(g, gemm, n->in[1]);
    node_output(g, gemm, unique_name(g, n->name));
    if (!gemm->op->infer(g, gemm))
        return false;
    drop_output(g, n, gemm, n->out[0]);
    return true;
}

static void matmul_cost(const struct node *n, struct cost *c)
{
    c->macs = tensor_count(n->out[0]) * n->in[0]->dim[n->in[0]->rank - 1];
    c->flops = 0;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static const struct attr_def gemm_attrs[] = {
    {NULL, "units", A_INT, AT_NET | AT_POS | AT_REQUIRED | AT_POSITIVE, 0, NULL, "number of outputs"},
    {NULL, "bias", A_BOOL, AT_NET, 1, NULL, "adds a learned value to each output"},
    {"alpha", NULL, A_FLOAT, 0, 1, NULL, "factor of the product"},
    {"beta", NULL, A_FLOAT, 0, 1, NULL, "factor of the bias"},
    {"transA", NULL, A_BOOL, 0, 0, NULL, "the first matrix is transposed"},
    {"transB", NULL, A_BOOL, 0, 0, NULL, "the second matrix is transposed"},
};
const struct op op_gemm = {
    .onnx = "Gemm", .net = "dense", .net_aliases = "linear|fc|fully_connected", .doc = "x times a learned matrix, plus a bias",
    .attrs = gemm_attrs, .nattrs = COUNT(gemm_attrs), .min_in = 2, .max_in = 3, .net_in = 1, .learned = {"weight", "bias"}, .max_out = 1,
    .params = dense_params, .infer = gemm_infer, .past = gemm_past, .grad = gemm_grad, .quantize = gemm_quantize, .cost = gemm_cost,
    .kernels = gemm_kernels,
    .simplify = gemm_simplify, .channel_axis = gemm_channels, .nkernels = GEMM_KERNELS,
};
const struct op op_matmul = {
    .onnx = "MatMul", .net = "matmul", .doc = "product of two matrices, or stacks of them",
    .min_in = 2, .max_in = 2, .net_in = 2, .max_out = 1, .grad = matmul_grad, .infer = matmul_infer, .past = matmul_past, .cost = matmul_cost,
    .expand = matmul_expand, .quantize = matmul_quantize, .kernels = matmul_kernels, .nkernels = MATMUL_KERNELS,
};
