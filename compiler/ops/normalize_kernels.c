#include "normalize_kernels.h"

#include "map.h"

#include <string.h>

#define CNNC_FN(name) name
#include "../../runtime/lrn_types.h"
#include "../../runtime/normalize.h"

static const struct cnnc_thread all = {0, 1, NULL};

static bool is_op(const struct node *n, const char *onnx) { return strcmp(n->op->onnx, onnx) == 0; }

static double plain_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 5e-9 * (double)tensor_count(n->out[0]) + 1e-7;
}

/* Runs RUN_f32 .. RUN_bf16, whichever the type of the first operand asks for. */
#define RUN_BY_TYPE(RUN)                                                                                               \
    switch (n->in[0]->dtype) {                                                                                         \
    case DT_F64: RUN##_f64(geometry, x, y, all); break;                                                                \
    case DT_F16: RUN##_f16(geometry, x, y, all); break;                                                                \
    case DT_BF16: RUN##_bf16(geometry, x, y, all); break;                                                              \
    default: RUN##_f32(geometry, x, y, all); break;                                                                    \
    }

/* ---- rows: layers, root mean squares, groups, instances ------------------------------------------------------------ */

/* Scale and bias have the normalised shape, perhaps behind ones, or are a single value. */
static bool fits_row(const struct tensor *t, const struct tensor *x, int axis)
{
    const int skip = t ? t->rank - (x->rank - axis) : 0;
    if (!t || tensor_count(t) == 1)
        return true;
    for (int i = 0; i < skip; i++)
        if (t->dim[i] != 1)
            return false;
    for (int i = axis; i < x->rank; i++)
        if ((skip + i - axis < 0 ? 1 : t->dim[skip + i - axis]) != x->dim[i])
            return false;
    return true;
}

static int first_axis(const struct node *n)
{
    const int64_t axis = attr_i(n, "axis");
    return (int)(axis < 0 ? axis + n->in[0]->rank : axis);
}

static bool is_layer(const struct node *n) { return is_op(n, "LayerNormalization") || is_op(n, "RMSNormalization"); }

static bool rownorm_match(const struct node *n, const struct target *target)
{
    (void)target;
    for (int i = 1; i < n->nin; i++)
        if (n->in[i] && (n->in[i]->dtype != n->in[0]->dtype ||
                         (is_layer(n) && !fits_row(n->in[i], n->in[0], first_axis(n)))))
            return false;
    return tensor_count(n->in[0]) > 0;
}

static void rownorm_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct tensor *x = n->in[0];
    struct cnnc_normalize *g = geometry;
    (void)target;
    *g = (struct cnnc_normalize){.epsilon = attr_f(n, "epsilon"), .period = 1, .plane = 1};
    if (is_layer(n)) {
        g->rows = (long)dims_count(first_axis(n), x->dim);
        g->rms = is_op(n, "RMSNormalization");
        g->wide = attr_i(n, "stash_type") == DT_F64;
    } else {
        g->period = is_op(n, "GroupNormalization") ? (long)attr_i(n, "num_groups") : (long)x->dim[1];
        g->rows = (long)x->dim[0] * g->period;
        g->plane = (long)dims_count(x->rank - 2, x->dim + 2);
    }
    g->n = g->rows ? (long)tensor_count(x) / g->rows : 0;
    g->scale_in_one = input(n, 1) && tensor_count(n->in[1]) == 1;
    g->bias_in_one = input(n, 2) && tensor_count(n->in[2]) == 1;
}

/* The kernel looks at three operands and three results. */
static void rownorm_prepare(struct graph *g, struct node *n, const struct target *target)
{
    (void)target;
    while (n->nin < 3)
        node_input(g, n, NULL);
    while (n->nout < 3)
        node_output(g, n, NULL);
}

static void rownorm_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const char *tag = type_tag(n->in[0]->dtype);
    sb_addf(name, "cnnc_normalize_%s", tag);
    sb_addf(define, "CNNC_NORMALIZE(CNNC_FN(cnnc_normalize_%s), %s)\n", tag, tag);
}

CNNC_NORMALIZE(rows_f32, f32)
CNNC_NORMALIZE(rows_f64, f64)
CNNC_NORMALIZE(rows_f16, f16)
CNNC_NORMALIZE(rows_bf16, bf16)

static void rownorm_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const void *const x[3] = {in[0], in[1], input(n, 2) ? in[2] : NULL};
    void *const y[3] = {out[0], wants_output(n, 1) ? out[1] : NULL, wants_output(n, 2) ? out[2] : NULL};
    RUN_BY_TYPE(rows)
}

#define ROW(member, kind) FIELD(struct cnnc_normalize, member, kind)
static const struct field rownorm_fields[] = {
    ROW(rows, F_LONG), ROW(n, F_LONG), ROW(period, F_LONG), ROW(plane, F_LONG), ROW(scale_in_one, F_INT),
    ROW(bias_in_one, F_INT), FIELD_LIT(struct cnnc_normalize, rms, F_INT), ROW(wide, F_INT), ROW(epsilon, F_DOUBLE),
};
static const struct geometry rownorm_geometry = {"cnnc_normalize", sizeof(struct cnnc_normalize), rownorm_fields,
                                                 COUNT(rownorm_fields)};
/* Float on vectors, without means and deviations. */
static bool vector_match(const struct node *n, const struct target *target)
{
    return n->in[0]->dtype == DT_F32 && !wants_output(n, 1) && !wants_output(n, 2) && rownorm_match(n, target);
}

static double vector_cost(const struct node *n, const struct target *target) { return 0.2 * plain_cost(n, target); }

const struct kernel rownorm_kernels[ROWNORM_KERNELS] = {
    {.name = "norm", .part = "norm.h", .geometry = &rownorm_geometry, .match = vector_match, .cost = vector_cost,
     .prepare = rownorm_prepare, .fill = rownorm_fill},
    {.part = "normalize.h", .geometry = &rownorm_geometry, .match = rownorm_match, .cost = plain_cost,
     .prepare = rownorm_prepare, .fill = rownorm_fill, .name_of = rownorm_name, .run = rownorm_run},
};

/* ---- BatchNormalization ------------------------------------------------------------------------------------------- */

static bool batchnorm_match(const struct node *n, const struct target *target)
{
    (void)target;
    return !attr_i(n, "training_mode") && n->in[1]->dtype == n->in[2]->dtype && n->in[3]->dtype == n->in[4]->dtype;
}

static void batchnorm_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct tensor *x = n->in[0];
    struct cnnc_batch_norm *g = geometry;
    (void)target;
    g->n = (long)(x->rank ? x->dim[0] : 1);
    g->c = (long)(x->rank > 1 ? x->dim[1] : 1);
    g->plane = (long)(x->rank > 2 ? dims_count(x->rank - 2, x->dim + 2) : 1);
    g->epsilon = attr_f(n, "epsilon");
}

static void batchnorm_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const char *x = type_tag(n->in[0]->dtype), *scale = type_tag(n->in[1]->dtype), *stat = type_tag(n->in[3]->dtype);
    sb_addf(name, "cnnc_batch_norm_%s_%s_%s", x, scale, stat);
    sb_addf(define, "CNNC_BATCH_NORM(CNNC_FN(cnnc_batch_norm_%s_%s_%s), %s, %s, %s)\n", x, scale, stat, x, scale, stat);
}

CNNC_BATCH_NORM(batch_f32, f32, f32, f32)

static void batchnorm_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const struct cnnc_batch_norm *g = geometry;
    const struct tensor *x = n->in[0];
    if (x->dtype == DT_F32 && n->in[1]->dtype == DT_F32 && n->in[3]->dtype == DT_F32) {
        batch_f32(g, in, out, all);
        return;
    }
    for (int64_t i = 0; i < tensor_count(x); i++) {
        const int64_t c = i / g->plane % g->c;
        const double scale = type_load_float(n->in[1]->dtype, in[1], c) /
                             sqrt(type_load_float(n->in[4]->dtype, in[4], c) + g->epsilon);
        type_store_float(x->dtype, out[0], i, (type_load_float(x->dtype, in[0], i) -
                                               type_load_float(n->in[3]->dtype, in[3], c)) * scale +
                                                  type_load_float(n->in[2]->dtype, in[2], c));
    }
}

static const struct field batchnorm_fields[] = {
    FIELD(struct cnnc_batch_norm, n, F_LONG), FIELD(struct cnnc_batch_norm, c, F_LONG),
    FIELD(struct cnnc_batch_norm, plane, F_LONG), FIELD(struct cnnc_batch_norm, epsilon, F_DOUBLE),
};
static const struct geometry batchnorm_geometry = {"cnnc_batch_norm", sizeof(struct cnnc_batch_norm), batchnorm_fields,
                                                   COUNT(batchnorm_fields)};
const struct kernel batchnorm_kernels[BATCHNORM_KERNELS] = {
    BATCHNORM_MAP_KERNELS,
    {.part = "normalize.h", .geometry = &batchnorm_geometry, .inplace = true, .match = batchnorm_match,
     .cost = plain_cost, .fill = batchnorm_fill, .name_of = batchnorm_name, .run = batchnorm_run},
};

/* ---- LRN ---------------------------------------------------------------------------------------------------------- */

static void lrn_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct tensor *x = n->in[0];
    struct cnnc_lrn *g = geometry;
    (void)target;
    *g = (struct cnnc_lrn){.n = (long)x->dim[0], .c = (long)x->dim[1], .plane = (long)dims_count(x->rank - 2, x->dim + 2),
                           .size = (int)attr_i(n, "size"), .alpha = (float)attr_f(n, "alpha"),
                           .beta = (float)attr_f(n, "beta"), .bias = (float)attr_f(n, "bias")};
}

static void lrn_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const char *tag = type_tag(n->in[0]->dtype);
    sb_addf(name, "cnnc_lrn_%s", tag);
    sb_addf(define, "CNNC_LRN(CNNC_FN(cnnc_lrn_%s), %s)\n", tag, tag);
}

static double lrn_cost(const struct node *n, const struct target *target)
{
    return (6 + (double)attr_i(n, "size")) * plain_cost(n, target);
}

CNNC_LRN(lrn_f32, f32)
CNNC_LRN(lrn_f64, f64)
CNNC_LRN(lrn_f16, f16)
CNNC_LRN(lrn_bf16, bf16)

static void lrn_run(const struct node *n, const void *geometry, const void *const x[], void *const y[])
{
    RUN_BY_TYPE(lrn)
}

static const struct field lrn_fields[] = {
    FIELD(struct cnnc_lrn, n, F_LONG), FIELD(struct cnnc_lrn, c, F_LONG), FIELD(struct cnnc_lrn, plane, F_LONG),
    FIELD(struct cnnc_lrn, size, F_INT), FIELD(struct cnnc_lrn, alpha, F_FLOAT), FIELD(struct cnnc_lrn, beta, F_FLOAT),
    FIELD(struct cnnc_lrn, bias, F_FLOAT),
};
static const struct geometry lrn_geometry = {"cnnc_lrn", sizeof(struct cnnc_lrn), lrn_fields, COUNT(lrn_fields)};
/* Float on vectors. */
static void lrn_vector_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct extent5 e = extent5(n->in[0]);
    struct cnnc_lrn_vector *g = geometry;
    (void)target;
    *g = (struct cnnc_lrn_vector){.n = e.n, .c = e.c, .d = e.d, .h = e.h, .w = e.w, .size = (int)attr_i(n, "size"),
                                  .alpha = (float)attr_f(n, "alpha"), .beta = (float)attr_f(n, "beta"),
                                  .bias = (float)attr_f(n, "bias"), .x = view_of(n->in[0]), .y = view_of(n->out[0])};
}

static bool lrn_vector_match(const struct node *n, const struct target *target)
{
    (void)target;
    return n->in[0]->dtype == DT_F32 && n->in[0]->rank >= 3 && n->in[0]->rank <= 5;
}

static bool lrn_blocked_match(const struct node *n, const struct target *target)
{
    return target->block > 1 && attr_i(n, "size") <= 2 * target->block && lrn_vector_match(n, target);
}

static double lrn_vector_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return (0.5 + 0.1 * (double)attr_i(n, "size")) * 1e-9 * (double)tensor_count(n->out[0]) + 2e-7;
}

static size_t lrn_scratch(const void *geometry) { return CNNC_LRN_SCRATCH(((const struct cnnc_lrn_vector *)geometry)->c); }

#define LRN(member, kind) FIELD(struct cnnc_lrn_vector, member, kind)
static const struct field lrn_vector_fields[] = {
    LRN(n, F_INT), LRN(c, F_INT), LRN(d, F_INT), LRN(h, F_INT), LRN(w, F_INT),
    FIELD_LIT(struct cnnc_lrn_vector, size, F_INT), LRN(alpha, F_FLOAT), FIELD_LIT(struct cnnc_lrn_vector, beta, F_FLOAT),
    LRN(bias, F_FLOAT), LRN(x, F_VIEW), LRN(y, F_VIEW),
};
static const struct geometry lrn_vector_geometry = {"cnnc_lrn_vector", sizeof(struct cnnc_lrn_vector), lrn_vector_fields,
                                                    COUNT(lrn_vector_fields)};
const struct kernel lrn_kernels[LRN_KERNELS] = {
    {.name = "lrn_blocked", .part = "lrn.h", .geometry = &lrn_vector_geometry, .in_layout = LAYOUT_BLOCKED,
     .out_layout = LAYOUT_BLOCKED, .views = true, .match = lrn_blocked_match, .cost = lrn_vector_cost,
     .fill = lrn_vector_fill, .scratch = lrn_scratch},
    {.name = "lrn_plain", .part = "lrn.h", .geometry = &lrn_vector_geometry, .views = true, .match = lrn_vector_match,
     .cost = lrn_vector_cost, .fill = lrn_vector_fill},
    {.part = "normalize.h", .geometry = &lrn_geometry, .cost = lrn_cost, .fill = lrn_fill, .name_of = lrn_name,
     .run = lrn_run},
};

static double lrn_grad_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 1e-7 + 5e-8 * (double)tensor_count(n->out[0]);
}
static const struct kernel lrn_grad_kernels[] = {
    {.name = "lrn_grad", .part = "pool_train.h", .geometry = &lrn_geometry, .cost = lrn_grad_cost, .fill = lrn_fill}};
const struct op op_lrn_grad = {
    .onnx = "LRNGrad", .doc = "gradient of LRN", .attrs = lrn_attrs, .nattrs = LRN_ATTRS, .min_in = 2, .max_in = 2, .max_out = 1,
    .flags = OP_INTERNAL, .kernels = lrn_grad_kernels, .nkernels = 1};
