/* Gemm (a dense layer) and MatMul. */
#include "shared.h"

#include <string.h>

#define CNNC_FN(name) name
#include "../../runtime/matmul.h"

#define GEMM_TYPES (TYPES_FLOAT | TYPE(DT_I32) | TYPE(DT_I64) | TYPE(DT_U32) | TYPE(DT_U64))

/* ---- Gemm ------------------------------------------------------------------------------------------------------- */

/* y = x weight^T + bias, of everything that a batch's item holds. */
static bool dense_params(struct graph *g, struct node *n)
{
    if (n->nin > 1)
        return true;
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

static void gemm_cost(const struct node *n, struct cost *c)
{
    c->macs = tensor_count(n->out[0]) * n->in[0]->dim[attr_i(n, "transA") ? 0 : 1];
    c->flops = 0;
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
    for (int i = 0; i + 1 < a->rank && a->rank == rank; i++)
        n->out[0]->extent[i] = a->extent[i];
    return true;
}

static void matmul_cost(const struct node *n, struct cost *c)
{
    c->macs = tensor_count(n->out[0]) * n->in[0]->dim[n->in[0]->rank - 1];
    c->flops = 0;
}

/* ---- the kernel of any type ------------------------------------------------------------------------------------- */

static void gemm_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct tensor *a = n->in[0], *b = n->in[1], *c = input(n, 2), *y = n->out[0];
    const bool ta = attr_i(n, "transA") != 0, tb = attr_i(n, "transB") != 0;
    struct cnnc_matmul *g = geometry;
    (void)target;
    *g = (struct cnnc_matmul){.m = (long)y->dim[0], .n = (long)y->dim[1], .k = (long)a->dim[!ta],
                              .am = ta ? 1 : a->dim[1], .ak = ta ? a->dim[1] : 1, .bk = tb ? 1 : b->dim[1],
                              .bn = tb ? b->dim[1] : 1, .alpha = attr_f(n, "alpha"), .beta = attr_f(n, "beta")};
    if (c && c->rank > 0 && c->dim[c->rank - 1] > 1)
        g->cn = 1;
    if (c && c->rank == 2 && c->dim[0] > 1)
        g->cm = c->dim[1];
}

static void matmul_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct tensor *a = n->in[0], *b = n->in[1], *y = n->out[0];
    const int stack = y->rank - (a->rank > 1) - (b->rank > 1);
    struct cnnc_matmul *g = geometry;
    ptrdiff_t sa, sb;
    (void)target;
    *g = (struct cnnc_matmul){.rank = stack, .m = a->rank > 1 ? (long)a->dim[a->rank - 2] : 1,
                              .n = b->rank > 1 ? (long)b->dim[b->rank - 1] : 1, .k = (long)a->dim[a->rank - 1],
                              .am = a->dim[a->rank - 1], .ak = 1, .bk = b->rank > 1 ? b->dim[b->rank - 1] : 1, .bn = 1,
                              .alpha = 1, .beta = 1};
    sa = (ptrdiff_t)(g->m * g->k);
    sb = (ptrdiff_t)(g->k * g->n);
    for (int d = stack - 1, i = a->rank - 3, j = b->rank - 3; d >= 0; d--, i--, j--) {
        const int64_t da = i >= 0 ? a->dim[i] : 1, db = j >= 0 ? b->dim[j] : 1;
        g->dim[d] = (long)y->dim[d];
        g->sa[d] = da > 1 ? sa : 0;
        g->sb[d] = db > 1 ? sb : 0;
        sa *= da;
        sb *= db;
    }
}

static const char *accumulator(enum dtype t)
{
    return t == DT_F64 ? "double" : dtype_is_float(t) ? "float" : dtype_is_signed(t) ? "int64_t" : "uint64_t";
}

static void matmul_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const enum dtype t = n->in[0]->dtype;
    sb_addf(name, "cnnc_matmul_%s", type_tag(t));
    sb_addf(define, "CNNC_MATMUL(CNNC_FN(cnnc_matmul_%s), %s, %s)\n", type_tag(t), type_tag(t), accumulator(t));
}

static bool matmul_match(const struct node *n, const struct target *target)
{
    (void)target;
    return n->op->max_in == 3 || n->out[0]->rank <= CNNC_STACK_RANK;
}

/* The kernel looks at in[2] to see whether there is a bias. */
static void matmul_prepare(struct graph *g, struct node *n, const struct target *target)
{
    (void)target;
    while (n->nin < 3)
        node_input(g, n, NULL);
}

static double matmul_cost_plain(const struct node *n, const struct target *target)
{
    struct cost c;
    (void)target;
    n->op->cost(n, &c);
    return 1e-9 * (double)c.macs + 1e-7;
}

CNNC_MATMUL(run_f32, f32, float)
CNNC_MATMUL(run_f64, f64, double)
CNNC_MATMUL(run_f16, f16, float)
CNNC_MATMUL(run_bf16, bf16, float)
CNNC_MATMUL(run_i32, i32, int64_t)
CNNC_MATMUL(run_i64, i64, int64_t)
CNNC_MATMUL(run_u32, u32, uint64_t)
CNNC_MATMUL(run_u64, u64, uint64_t)

static void matmul_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const struct cnnc_thread all = {0, 1, NULL};
    const void *const x[3] = {in[0], in[1], input(n, 2) ? in[2] : NULL};
    switch (n->in[0]->dtype) {
    case DT_F64: run_f64(geometry, x, out, all); break;
    case DT_F16: run_f16(geometry, x, out, all); break;
    case DT_BF16: run_bf16(geometry, x, out, all); break;
    case DT_I32: run_i32(geometry, x, out, all); break;
    case DT_I64: run_i64(geometry, x, out, all); break;
    case DT_U32: run_u32(geometry, x, out, all); break;
    case DT_U64: run_u64(geometry, x, out, all); break;
    default: run_f32(geometry, x, out, all); break;
    }
}

#define STACK(member) FIELD_ARRAY(struct cnnc_matmul, member, F_LONG, CNNC_STACK_RANK)
#define LONG(member) FIELD(struct cnnc_matmul, member, F_LONG)
static const struct field matmul_fields[] = {
    FIELD(struct cnnc_matmul, rank, F_INT), STACK(dim), STACK(sa), STACK(sb), LONG(m), LONG(n), LONG(k), LONG(am), LONG(ak),
    LONG(bk), LONG(bn), LONG(cm), LONG(cn), FIELD(struct cnnc_matmul, alpha, F_DOUBLE), FIELD(struct cnnc_matmul, beta, F_DOUBLE),
};
static const struct geometry matmul_geometry = {"cnnc_matmul", sizeof(struct cnnc_matmul), matmul_fields,
                                                COUNT(matmul_fields)};

static const struct kernel gemm_kernels[] = {
    {.part = "matmul.h", .geometry = &matmul_geometry, .cost = matmul_cost_plain, .prepare = matmul_prepare,
     .fill = gemm_fill, .name_of = matmul_name, .run = matmul_run},
};
static const struct kernel matmul_kernels[] = {
    {.part = "matmul.h", .geometry = &matmul_geometry, .match = matmul_match, .cost = matmul_cost_plain,
     .prepare = matmul_prepare, .fill = matmul_fill, .name_of = matmul_name, .run = matmul_run},
};

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
    .attrs = gemm_attrs, .nattrs = COUNT(gemm_attrs), .min_in = 2, .max_in = 3, .net_in = 1, .max_out = 1,
    .params = dense_params, .infer = gemm_infer, .cost = gemm_cost, .kernels = gemm_kernels,
    .nkernels = COUNT(gemm_kernels),
};
const struct op op_matmul = {
    .onnx = "MatMul", .net = "matmul", .doc = "product of two matrices, or stacks of them",
    .min_in = 2, .max_in = 2, .net_in = 2, .max_out = 1, .infer = matmul_infer, .cost = matmul_cost,
    .kernels = matmul_kernels, .nkernels = COUNT(matmul_kernels),
};
