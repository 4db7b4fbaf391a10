/* Kernels of dense layers and matrix products: tuned ones for float, a template for the other types. PackDense brings a
 * dense layer's weights into the order in which its kernel streams them. */
#include "gemm_kernels.h"

#include <stdlib.h>
#include <string.h>

#define CNNC_FN(name) name
#include "../../runtime/dense_half.h"
#include "../../runtime/gemm_types.h"
#include "../../runtime/matmul.h"

/* ---- PackDense -------------------------------------------------------------------------------------------------- */

static const struct attr_def pack_attrs[] = {
    {"channels", NULL, A_INT, 0, 1, NULL, "of what is flattened"},
    {"pixels", NULL, A_INT, 0, 1, NULL, "of what is flattened"},
    {"block", NULL, A_INT, 0, 0, NULL, "channels per block of what is flattened; 0: plain"},
    {"rows", NULL, A_INT, 0, 1, NULL, "outputs"},
    {"row", NULL, A_INT, 0, 1, NULL, "length of a row, padding included"},
    {"transposed", NULL, A_BOOL, 0, 0, NULL, "the weights are [in][out]"},
    {"half", NULL, A_INT, 0, 0, NULL, "of 16 bits: CNNC_WEIGHTS_F16 or CNNC_WEIGHTS_BF16"},
};

static bool pack_infer(struct graph *g, struct node *n)
{
    (void)g;
    const int64_t count = attr_i(n, "rows") * attr_i(n, "row"), words = CNNC_DENSE_WORDS(count);
    const bool half = attr_i(n, "half") != CNNC_WEIGHTS_FLOAT;
    n->out[0]->dtype = half ? DT_I32 : DT_F32; /* words of two weights are no floats */
    tensor_set_shape(n->out[0], 1, half ? &words : &count);
    return true;
}

/* `count` outputs' weights; w: those of the first, unless they are [in][out] */
static void pack_rows(const struct node *n, int64_t first, int64_t count, const float *w, float *y)
{
    const int64_t channels = attr_i(n, "channels"), pixels = attr_i(n, "pixels"), block = attr_i(n, "block");
    const int64_t rows = attr_i(n, "rows"), row = attr_i(n, "row"), used = (block ? (channels + block - 1) / block * block : channels) * pixels;
    const bool transposed = attr_i(n, "transposed");
    const int64_t step = transposed ? rows : 1, between = block ? block : 1; /* of the elements of a channel: there, here */
    for (int64_t o = 0; o < count; o++, y += row) {
        if (used < row || used > channels * pixels)
            memset(y, 0, sizeof *y * (size_t)row);
        if (step == 1 && between == 1) {
            memcpy(y, w + o * channels * pixels, sizeof *y * (size_t)(channels * pixels));
            continue;
        }
        for (int64_t c = 0; c < channels; c++) {
            const float *from = w + (transposed ? c * pixels * rows + first + o : (o * channels + c) * pixels);
            float *to = y + (block ? c / block * pixels * block + c % block : c * pixels);
            for (int64_t p = 0; p < pixels; p++)
                to[p * between] = from[p * step];
        }
    }
}

static void pack_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const int64_t rows = attr_i(n, "rows"), row = attr_i(n, "row");
    const int half = (int)attr_i(n, "half");
    (void)geometry;
    if (!half) {
        pack_rows(n, 0, rows, in[0], out[0]);
        return;
    }
    const int64_t each = attr_i(n, "transposed") ? 0 : attr_i(n, "channels") * attr_i(n, "pixels");
    const float *w = in[0], factor = cnnc_dense_half_factor(w, tensor_count(n->in[0]), half);
    float *wide = xmalloc_for((size_t)row, sizeof *wide, n->name);
    uint32_t *to = out[0];
    for (int64_t o = 0; o < rows; o++, to += row / 2) {
        pack_rows(n, o, 1, w + o * each, wide);
        cnnc_dense_halve_rows(wide, row, half, factor, to);
    }
    cnnc_dense_half_end(factor, to);
    free(wide);
}

static bool pack_parts(const struct node *n, struct parts *p)
{
    *p = (struct parts){attr_i(n, "rows"), attr_i(n, "channels") * attr_i(n, "pixels"), attr_i(n, "row")};
    return !attr_i(n, "transposed") && !attr_i(n, "half"); /* halves have a common factor */
}

static void pack_run_parts(const struct node *n, int64_t first, int64_t count, const void *in, void *out) { pack_rows(n, first, count, in, out); }

static const struct kernel pack_kernels[] = {{.name = "pack_dense", .run = pack_run, .parts = pack_parts, .run_parts = pack_run_parts}};
const struct op op_pack_dense = {
    .onnx = "PackDense", .doc = "weights of a dense layer as its kernel streams them", .attrs = pack_attrs,
    .nattrs = COUNT(pack_attrs), .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL, .infer = pack_infer,
    .kernels = pack_kernels, .nkernels = COUNT(pack_kernels),
};

/* ---- the kernel of any type ------------------------------------------------------------------------------------- */

static void gemm_plain_fill(const struct node *n, void *geometry, const struct target *target)
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

static void matmul_plain_fill(const struct node *n, void *geometry, const struct target *target)
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

/* ---- products of activations, float ------------------------------------------------------------------------------- */

static bool gemm_match(const struct node *n, const struct target *target)
{
    (void)target;
    return n->in[0]->dtype == DT_F32 && n->out[0]->rank <= CNNC_GEMM_BATCH;
}

static double gemm_cost(const struct node *n, const struct target *target)
{
    struct cost c;
    (void)target;
    n->op->cost(n, &c);
    return (double)c.macs / 30e9 + 8e-10 * (double)tensor_count(n->in[1]) + 5e-7;
}

/* A bias stands at 2, and the operands of stages behind it. */
static void gemm_prepare(struct graph *g, struct node *n, const struct target *target)
{
    (void)target;
    while (n->nin < 3)
        node_input(g, n, NULL);
}

static void gemm_fill(const struct node *n, void *geometry, const struct target *target)
{
    struct cnnc_matmul m;
    struct cnnc_gemm *g = geometry;
    (strcmp(n->op->onnx, "Gemm") == 0 ? gemm_plain_fill : matmul_plain_fill)(n, &m, target);
    *g = (struct cnnc_gemm){.m = m.m, .n = m.n, .k = m.k, .ai = m.am, .ak = m.ak, .bk = m.bk, .bj = m.bn, .ci = m.cm,
                            .cj = m.cn, .batches = m.rank, .alpha = (float)m.alpha, .beta = (float)m.beta};
    for (int d = 0; d < m.rank; d++) {
        g->batch[d] = m.dim[d];
        g->a[d] = m.sa[d];
        g->b[d] = m.sb[d];
    }
    fill_epilogue(n, &g->ep, NULL);
}

static size_t gemm_scratch(const void *geometry)
{
    (void)geometry;
    return CNNC_GEMM_SCRATCH;
}

#define GEMM(member, kind) FIELD(struct cnnc_gemm, member, kind)
static const struct field gemm_fields[] = {
    GEMM(m, F_LONG), GEMM(n, F_LONG), GEMM(k, F_LONG), GEMM(ai, F_LONG), GEMM(ak, F_LONG), GEMM(bk, F_LONG),
    GEMM(bj, F_LONG), GEMM(ci, F_LONG), GEMM(cj, F_LONG), GEMM(batches, F_INT),
    FIELD_ARRAY(struct cnnc_gemm, batch, F_LONG, CNNC_GEMM_BATCH), FIELD_ARRAY(struct cnnc_gemm, a, F_LONG, CNNC_GEMM_BATCH),
    FIELD_ARRAY(struct cnnc_gemm, b, F_LONG, CNNC_GEMM_BATCH), GEMM(alpha, F_FLOAT), GEMM(beta, F_FLOAT),
    FIELD_LIT(struct cnnc_gemm, ep, F_EPILOGUE),
};
static const struct geometry gemm_geometry = {"cnnc_gemm", sizeof(struct cnnc_gemm), gemm_fields, COUNT(gemm_fields)};

/* ---- dense layers, float ------------------------------------------------------------------------------------------- */

/* Constant weights, and no bias or one value per output. */
static bool dense_match(const struct node *n, const struct target *target)
{
    const struct tensor *c = input(n, 2), *y = n->out[0];
    (void)target;
    return n->in[0]->dtype == DT_F32 && is_constant(n->in[1]) && !attr_i(n, "transA") && attr_f(n, "alpha") == 1 &&
           (!c || (attr_f(n, "beta") == 1 && tensor_count(c) == y->dim[1] && c->dim[c->rank - 1] == y->dim[1]));
}

static double dense_cost(const struct node *n, const struct target *target)
{
    struct cost c;
    (void)target;
    n->op->cost(n, &c);
    return MAX((double)c.macs / 25e9, (n->half ? 2 : 4) * (double)tensor_count(n->in[1]) / 12e9) + 3e-7;
}

/* The blocked tensor that the operand is a flattening of, if nothing else reads it and its elements follow each other. */
static struct tensor *flattened(const struct node *n, const struct target *target)
{
    struct tensor *t = n->in[0];
    while (t->def && (t->def->op->flags & OP_VIEW) && t->users == 1 && !t->is_output && t->def->nin > 0)
        t = t->def->in[0];
    if (t->def && t->def->kernel && t->def->kernel->cuts)
        return NULL;
    return t != n->in[0] && t->rank >= 3 && t->rank <= 5 && t->layout.block == target->block && t->layout.block > 1 &&
                   t->users == 1 && !t->is_output && t->dim[0] == n->in[0]->dim[0]
               ? t
               : NULL;
}

static bool blocked_match(const struct node *n, const struct target *target)
{
    return dense_match(n, target) && flattened(n, target);
}

static void pack(struct graph *g, struct node *n, int64_t channels, int64_t pixels, int block)
{
    const int64_t padded = block ? (channels + block - 1) / block * block * pixels : channels * pixels;
    struct tensor *w = n->in[1];
    struct node *p = node_insert_before(g, n, &op_pack_dense, arena_printf(&g->arena, "%s.packed", w->name));
    node_input(g, p, w);
    set_attr_i(g, p, "channels", channels);
    set_attr_i(g, p, "pixels", pixels);
    set_attr_i(g, p, "block", block);
    set_attr_i(g, p, "rows", n->out[0]->dim[1]);
    set_attr_i(g, p, "row", n->half ? CNNC_DENSE_ROW16(padded) : CNNC_DENSE_ROW(padded));
    set_attr_i(g, p, "half", n->half);
    set_attr_i(g, p, "transposed", !attr_i(n, "transB"));
    struct tensor *packed = node_output(g, p, unique_name(g, p->name));
    p->op->infer(g, p);
    node_set_input(g, n, 1, packed);
    while (n->nin < 3)
        node_input(g, n, NULL);
}

static void dense_prepare(struct graph *g, struct node *n, const struct target *target)
{
    (void)target;
    pack(g, n, n->in[0]->dim[1], 1, 0);
}

/* The weights take the order of the blocks, and the flattening goes. */
static void blocked_prepare(struct graph *g, struct node *n, const struct target *target)
{
    struct tensor *t = flattened(n, target), *gone = n->in[0];
    node_set_input(g, n, 0, t);
    while (gone != t) {
        struct node *view = gone->def;
        gone = view->in[0];
        node_remove(g, view);
    }
    pack(g, n, t->dim[1], dims_count(t->rank - 2, t->dim + 2), target->block);
}

static void dense_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct tensor *x = n->in[0], *y = n->out[0];
    struct cnnc_dense *g = geometry;
    const int half = n->half;
    (void)target;
    const int64_t ic = tensor_elements_stored(x) / MAX(1, x->dim[0]);
    *g = (struct cnnc_dense){.n = (int)y->dim[0], .ic = (int)ic, .oc = (int)y->dim[1],
                             .row = (int)(half ? CNNC_DENSE_ROW16(ic) : CNNC_DENSE_ROW(ic)), .half = half,
                             .xn = (ptrdiff_t)ic, .yn = (ptrdiff_t)y->dim[1]};
    const int words = half ? g->row / 2 : g->row;
    g->ahead = CNNC_DENSE_AHEAD(4L * g->oc * words, words);
    fill_epilogue(n, &g->ep, NULL);
}

static const struct field dense_fields[] = {
    FIELD_LIT(struct cnnc_dense, n, F_INT), FIELD(struct cnnc_dense, ic, F_INT), FIELD(struct cnnc_dense, oc, F_INT),
    FIELD(struct cnnc_dense, row, F_INT), FIELD(struct cnnc_dense, xn, F_LONG), FIELD(struct cnnc_dense, yn, F_LONG),
    FIELD_LIT(struct cnnc_dense, ep, F_EPILOGUE), FIELD_LIT(struct cnnc_dense, half, F_INT), FIELD_LIT(struct cnnc_dense, ahead, F_INT),
};
static const struct geometry dense_geometry = {"cnnc_dense", sizeof(struct cnnc_dense), dense_fields, COUNT(dense_fields)};

const struct kernel gemm_kernels[GEMM_KERNELS] = {
    {.name = "dense", .part = "dense.h", .geometry = &dense_geometry, .in_layout = LAYOUT_BLOCKED, .epilogue = true, .half = true,
     .match = blocked_match, .cost = dense_cost, .prepare = blocked_prepare, .fill = dense_fill},
    {.name = "dense", .part = "dense.h", .geometry = &dense_geometry, .epilogue = true, .half = true, .match = dense_match,
     .cost = dense_cost, .prepare = dense_prepare, .fill = dense_fill},
    {.name = "gemm", .part = "gemm.h", .geometry = &gemm_geometry, .epilogue = true, .match = gemm_match,
     .cost = gemm_cost, .prepare = gemm_prepare, .fill = gemm_fill, .scratch = gemm_scratch},
    {.part = "matmul.h", .geometry = &matmul_geometry, .cost = matmul_cost_plain, .prepare = matmul_prepare,
     .fill = gemm_plain_fill, .name_of = matmul_name, .run = matmul_run},
};
const struct kernel matmul_kernels[MATMUL_KERNELS] = {
    {.name = "gemm", .part = "gemm.h", .geometry = &gemm_geometry, .match = gemm_match, .cost = gemm_cost,
     .prepare = gemm_prepare, .fill = gemm_fill, .scratch = gemm_scratch},
    {.part = "matmul.h", .geometry = &matmul_geometry, .match = matmul_match, .cost = matmul_cost_plain,
     .prepare = matmul_prepare, .fill = matmul_plain_fill, .name_of = matmul_name, .run = matmul_run},
};
