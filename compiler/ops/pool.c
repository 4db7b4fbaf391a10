/* Pooling: windows, whole planes, and windows that divide a plane into a given number of parts. */
#include "grads.h"
#include "past.h"
#include "pool.h"
#include "qhooks.h"
#include "shared.h"
#include "train_kernels.h"

#include <math.h>
#include <string.h>

#define CNNC_FN(name) name
#include "../../runtime/pool_plain.h"
#include "../../runtime/unpool.h"

enum { WINDOW, GLOBAL, ADAPTIVE };

static bool is_op(const struct node *n, const char *onnx) { return strcmp(n->op->onnx, onnx) == 0; }

static int kind_of(const struct node *n)
{
    return strncmp(n->op->onnx, "Global", 6) == 0 ? GLOBAL : strncmp(n->op->onnx, "Adaptive", 8) == 0 ? ADAPTIVE : WINDOW;
}

static enum cnnc_pool_op pool_op(const struct node *n)
{
    const char *op = n->op->onnx;
    if (strstr(op, "Max"))
        return CNNC_POOL_MAX;
    if (strstr(op, "Lp"))
        return CNNC_POOL_LP;
    if (strstr(op, "Sum"))
        return CNNC_POOL_SUM;
    return is_op(n, "AveragePool") && attr_i(n, "count_include_pad") ? CNNC_POOL_AVERAGE_PAD : CNNC_POOL_AVERAGE;
}

/* ---- inference -------------------------------------------------------------------------------------------------- */

static bool pool_types(struct graph *g, struct node *n)
{
    return check_type(g, n, 0, TYPES_FLOAT | (pool_op(n) == CNNC_POOL_MAX ? TYPE(DT_I8) | TYPE(DT_U8) : 0));
}

/* .net: a window steps by its own size unless it is told otherwise. */
static bool pool_params(struct graph *g, struct node *n)
{
    int64_t stride[3];
    if (!check_rank(g, n, 0, 3, 5))
        return false;
    for (int i = 0; i < n->in[0]->rank - 2; i++)
        stride[i] = attr_at(n, "kernel_shape", i, 1);
    if (attr_set(n, "kernel_shape") && !attr_set(n, "strides"))
        set_attr_ints(g, n, "strides", n->in[0]->rank - 2, stride);
    return true;
}

static bool pool_infer(struct graph *g, struct node *n)
{
    if (!check_rank(g, n, 0, 3, 5) || !pool_types(g, n))
        return false;
    const struct tensor *x = n->in[0];
    const int spatial = x->rank - 2;
    const struct attr *size = attr_get(n, "kernel_shape");
    int64_t dim[MAX_RANK] = {x->dim[0], x->dim[1]}, kernel[3], stride[3], pads[6];
    if (!size->set)
        return node_error(g, n, "the size of the window is missing");
    if (size->n != spatial)
        return attr_error(g, n, "kernel_shape", "a window of %d dimensions, expected %d", size->n, spatial);
    if (is_op(n, "LpPool") && attr_i(n, "p") < 1)
        return attr_error(g, n, "p", "p is %lld, expected at least 1", (long long)attr_i(n, "p"));
    for (int i = 0; i < spatial; i++) {
        struct window w;
        kernel[i] = size->ints[i];
        if (!window_infer(g, n, i, spatial, x->dim[2 + i], kernel[i], attr_i(n, "ceil_mode") != 0, &w))
            return false;
        dim[2 + i] = w.out;
        stride[i] = w.stride;
        pads[i] = w.before;
        pads[i + spatial] = w.after;
    }
    const struct span span = attr_get(n, "pads")->span; /* from here on all is explicit */
    set_attr_ints(g, n, "pads", 2 * spatial, pads);
    attr_get(n, "pads")->s = NULL;
    attr_get(n, "pads")->span = span;
    set_attr_s(g, n, "auto_pad", "NOTSET");
    set_attr_ints(g, n, "strides", spatial, stride);
    set_output(n, 0, x->dtype, x->rank, dim);
    set_output(n, 1, DT_I64, x->rank, dim);
    return true;
}

static bool global_infer(struct graph *g, struct node *n)
{
    if (!check_rank(g, n, 0, 3, MAX_RANK) || !pool_types(g, n))
        return false;
    int64_t dim[MAX_RANK] = {n->in[0]->dim[0], n->in[0]->dim[1], 1, 1, 1, 1, 1, 1};
    for (int i = 2; i < n->in[0]->rank; i++)
        if (n->in[0]->dim[i] < 1)
            return node_error(g, n, "there is nothing to pool: axis %d has no elements", i);
    set_output(n, 0, n->in[0]->dtype, n->in[0]->rank, dim);
    return true;
}

static bool adaptive_infer(struct graph *g, struct node *n)
{
    if (!check_rank(g, n, 0, 3, 5) || !pool_types(g, n))
        return false;
    const struct tensor *x = n->in[0];
    int64_t dim[MAX_RANK] = {x->dim[0], x->dim[1]};
    for (int i = 2; i < x->rank; i++) {
        dim[i] = attr_at(n, "output_size", i - 2, 0);
        if (dim[i] < 1)
            return attr_error(g, n, "output_size", "output size %lld, expected at least 1", (long long)dim[i]);
        if (x->dim[i] < 1)
            return node_error(g, n, "there is nothing to pool: axis %d has no elements", i);
    }
    set_output(n, 0, x->dtype, x->rank, dim);
    return true;
}

/* Windows that divide the input evenly are ordinary ones, which ONNX has too; windows of one element are none. */
static bool adaptive_expand(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *y = n->out[0];
    int64_t size[3];
    bool same = true;
    for (int i = 2; i < x->rank; i++) {
        if (x->dim[i] % y->dim[i] != 0)
            return false;
        size[i - 2] = x->dim[i] / y->dim[i];
        same = same && size[i - 2] == 1;
    }
    const bool max = pool_op(n) == CNNC_POOL_MAX;
    struct node *p = node_insert_before(g, n, op_by_onnx(same ? "Identity" : max ? "MaxPool" : "AveragePool"), n->name);
    node_input(g, p, n->in[0]);
    if (!same) {
        set_attr_ints(g, p, "kernel_shape", x->rank - 2, size);
        set_attr_ints(g, p, "strides", x->rank - 2, size);
    }
    struct tensor *now = node_output(g, p, y->name);
    if (!p->op->infer(g, p))
        return false;
    now->span = y->span;
    replace_tensor(g, n->out[0], now);
    node_remove(g, n);
    return true;
}

/* No element is less than 0: a ReLU, or a Clip from 0 on. */
static bool is_nonnegative(struct graph *g, const struct tensor *t)
{
    struct stage s = {0};
    struct tensor *operand[2];
    return t->def && t->def->op->as_stage && t->def->op->flags & OP_UNARY && t->def->op->as_stage(g, t->def, 0, &s, operand) &&
           s.op == CNNC_ST_CLAMP && s.a >= 0;
}

/* A border that a pooling would make itself: zeros that an average counts; what is never the largest. */
static bool pool_simplify(struct graph *g, struct node *n)
{
    int64_t pads[6];
    double value;
    if (n->nout > 1 && (!n->out[1] || (!n->out[1]->users && !n->out[1]->is_output))) { /* indices that nobody reads */
        if (n->out[1])
            n->out[1]->def = NULL;
        n->nout = 1;
        return true;
    }
    struct tensor *x = plane_border(n->in[0], pads, &value);
    const int spatial = n->in[0]->rank - 2;
    const bool average = pool_op(n) != CNNC_POOL_MAX;
    bool padded = false;
    for (int i = 0; i < 2 * spatial && i < 6; i++)
        padded |= attr_at(n, "pads", i, 0) != 0;
    if (!x || attr_i(n, "ceil_mode") || n->nout > 1 || (average ? value != 0 || (padded && !attr_i(n, "count_include_pad")) : padded))
        return false;
    if (!average && !(value == -(double)INFINITY || (value <= 0 && is_nonnegative(g, x))))
        return false;
    for (int i = 0; i < 2 * spatial; i++) { /* a window that lies in the border altogether has no largest value */
        pads[i] += attr_at(n, "pads", i, 0);
        if (pads[i] >= attr_at(n, "kernel_shape", i % spatial, 1) || attr_at(n, "dilations", i % spatial, 1) != 1)
            return false;
    }
    set_attr_ints(g, n, "pads", 2 * spatial, pads);
    if (average)
        set_attr_i(g, n, "count_include_pad", 1);
    node_takes_over(g, n, n->in[0]->def);
    node_set_input(g, n, 0, x);
    return true;
}

/* ---- geometry --------------------------------------------------------------------------------------------------- */

void pool_fill(const struct node *n, void *geometry, const struct target *target)
{
    struct cnnc_pool *p = geometry;
    const struct extent5 x = extent5(n->in[0]), y = extent5(n->out[0]);
    const int spatial = n->in[0]->rank - 2, skip = 3 - spatial, kind = kind_of(n);
    int k[3] = {1, 1, 1}, s[3] = {1, 1, 1}, d[3] = {1, 1, 1}, before[3] = {0}, after[3] = {0};
    (void)target;
    for (int i = 0; kind == WINDOW && i < spatial; i++) {
        k[skip + i] = (int)attr_at(n, "kernel_shape", i, 1);
        s[skip + i] = (int)attr_at(n, "strides", i, 1);
        d[skip + i] = (int)attr_at(n, "dilations", i, 1);
        before[skip + i] = (int)attr_at(n, "pads", i, 0);
        after[skip + i] = (int)attr_at(n, "pads", i + spatial, 0);
    }
    if (kind == GLOBAL) {
        k[0] = x.d;
        k[1] = x.h;
        k[2] = x.w;
    }
    *p = (struct cnnc_pool){
        .n = x.n, .c = x.c, .id = x.d, .ih = x.h, .iw = x.w, .od = y.d, .oh = y.h, .ow = y.w, .kd = k[0], .kh = k[1],
        .kw = k[2], .sd = s[0], .sh = s[1], .sw = s[2], .dd = d[0], .dh = d[1], .dw = d[2], .pd = before[0],
        .ph = before[1], .pw = before[2], .ed = after[0], .eh = after[1], .ew = after[2], .op = pool_op(n),
        .adaptive = kind == ADAPTIVE, .x = view_of(n->in[0]), .y = view_of(n->out[0])};
    if (is_op(n, "MaxPool"))
        p->column_major = (int)attr_i(n, "storage_order");
    if (p->op == CNNC_POOL_LP)
        p->p = (float)attr_i(n, "p");
    fill_epilogue(n, &p->ep, &p->add);
}

#define PLAIN_FIELD(name, kind, shape) {#name, offsetof(struct cnnc_pool, name), kind, false, 0}
#define BLOCKED_FIELD(name, kind, shape) {#name, offsetof(struct cnnc_pool, name), kind, shape, 0}
static const struct field plain_fields[] = {POOL_MEMBERS(PLAIN_FIELD)};
static const struct field blocked_fields[] = {POOL_MEMBERS(BLOCKED_FIELD)};
static const struct geometry plain_geometry = {"cnnc_pool", sizeof(struct cnnc_pool), plain_fields, COUNT(plain_fields)};
static const struct geometry blocked_geometry = {"cnnc_pool", sizeof(struct cnnc_pool), blocked_fields,
                                                 COUNT(blocked_fields)};

/* ---- kernels ---------------------------------------------------------------------------------------------------- */

static double taps(const struct node *n)
{
    struct cnnc_pool p;
    pool_fill(n, &p, NULL);
    return p.adaptive ? (double)p.id * p.ih * p.iw / ((double)p.od * p.oh * p.ow) + 1 : (double)p.kd * p.kh * p.kw;
}

static void pool_cost(const struct node *n, struct cost *c)
{
    cost_per_element(n, c, (int64_t)taps(n));
}

static double plain_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 2e-9 * taps(n) * (double)tensor_count(n->out[0]) + 1e-7;
}

static double blocked_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 2e-7 + 1e-10 * taps(n) * (double)tensor_count(n->out[0]) +
           4e-10 * (double)(tensor_count(n->in[0]) + tensor_count(n->out[0]));
}

static bool blocked_match(const struct node *n, const struct target *target)
{
    return target->block > 1 && n->in[0]->dtype == DT_F32 && n->in[0]->rank >= 3 && n->in[0]->rank <= 5 &&
           !wants_output(n, 1);
}

/* The plain kernel looks at out[1] to see whether indices are wanted. */
static void plain_prepare(struct graph *g, struct node *n, const struct target *target)
{
    (void)target;
    if (n->nout == 1)
        node_output(g, n, NULL);
}

static void plain_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const char *tag = type_tag(n->in[0]->dtype);
    if (n->in[0]->dtype == DT_F32) {
        sb_add(name, "cnnc_pool_plain");
        return;
    }
    sb_addf(name, "cnnc_pool_plain_%s", tag);
    sb_addf(define, "CNNC_POOL_PLAIN(CNNC_FN(cnnc_pool_plain_%s), %s, CNNC_C_%s)\n", tag, tag, tag);
}

CNNC_POOL_PLAIN(run_f64, f64, double)
CNNC_POOL_PLAIN(run_f16, f16, float)
CNNC_POOL_PLAIN(run_bf16, bf16, float)
CNNC_POOL_PLAIN(run_i8, i8, int64_t)
CNNC_POOL_PLAIN(run_u8, u8, uint64_t)

static void plain_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const struct cnnc_thread all = {0, 1, NULL};
    void *const both[2] = {out[0], wants_output(n, 1) ? out[1] : NULL};
    switch (n->in[0]->dtype) {
    case DT_F64: run_f64(geometry, in, both, all); break;
    case DT_F16: run_f16(geometry, in, both, all); break;
    case DT_BF16: run_bf16(geometry, in, both, all); break;
    case DT_I8: run_i8(geometry, in, both, all); break;
    case DT_U8: run_u8(geometry, in, both, all); break;
    default: cnnc_pool_plain(geometry, in, both, all); break;
    }
}

static const struct kernel pool_kernels[] = {
    {.part = "pool_plain.h", .geometry = &plain_geometry, .in_layout = LAYOUT_PLAIN, .out_layout = LAYOUT_PLAIN,
     .views = true, .cost = plain_cost, .prepare = plain_prepare, .fill = pool_fill, .name_of = plain_name, .run = plain_run},
    {.name = "pool", .part = "pool.h", .geometry = &blocked_geometry, .in_layout = LAYOUT_BLOCKED,
     .out_layout = LAYOUT_BLOCKED, .epilogue = true, .views = true, .match = blocked_match, .cost = blocked_cost,
     .fill = pool_fill},
};

/* ---- MaxUnpool -------------------------------------------------------------------------------------------------- */

/* The shape that the indices count in: what was pooled, as far as the window tells. */
static void unpool_source(const struct node *n, int64_t dim[MAX_RANK])
{
    const struct tensor *x = n->in[0];
    const int spatial = x->rank - 2;
    memcpy(dim, x->dim, sizeof x->dim);
    for (int i = 0; i < spatial; i++)
        dim[2 + i] = (x->dim[2 + i] - 1) * attr_at(n, "strides", i, 1) + attr_at(n, "kernel_shape", i, 1) -
                     attr_at(n, "pads", i, 0) - attr_at(n, "pads", i + spatial, 0);
}

static bool unpool_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *indices = n->in[1];
    int64_t dim[MAX_RANK] = {0}, given[MAX_RANK];
    char a[160], b[160];
    int count;
    if (!check_rank(g, n, 0, 3, 5) || !check_type(g, n, 0, TYPES_FLOAT) || !check_type(g, n, 1, TYPE(DT_I64)))
        return false;
    if (!same_shape(x, indices))
        return node_error(g, n, "values have shape %s, indices %s; they must be the same", shape_text(x, a),
                          shape_text(indices, b));
    unpool_source(n, dim);
    if (input(n, 2)) {
        if (!tensor_ints(n->in[2], given, MAX_RANK, &count))
            return node_error(g, n, "the output's shape must be a constant");
        if (count != x->rank)
            return node_error(g, n, "the output's shape has %d dimensions, expected %d", count, x->rank);
        for (int i = 0; i < count; i++)
            if (given[i] < dim[i])
                return node_error(g, n, "the output's axis %d has size %lld, expected at least %lld", i,
                                  (long long)given[i], (long long)dim[i]);
        memcpy(dim, given, sizeof dim);
    }
    set_output(n, 0, x->dtype, x->rank, dim);
    return true;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

const struct attr_def max_pool_attrs[MAX_POOL_ATTRS] = {
    WINDOW_ATTRS,
    {"storage_order", NULL, A_INT, 0, 0, NULL, "indices: 0 row major, 1 column major"},
};
const struct attr_def average_pool_attrs[AVERAGE_POOL_ATTRS] = {
    WINDOW_ATTRS,
    {"count_include_pad", "include_pad", A_BOOL, 0, 0, NULL, "the average counts the padding as zeros"},
};
static const struct attr_def lp_pool_attrs[] = {
    WINDOW_ATTRS,
    {"p", "p", A_INT, AT_POSITIVE, 2, NULL, "exponent"},
};
static const struct attr_def sum_pool_attrs[] = {WINDOW_ATTRS};
static const struct attr_def global_lp_attrs[] = {{"p", "p", A_INT, AT_POSITIVE, 2, NULL, "exponent"}};
static const struct attr_def adaptive_attrs[] = {
    {"output_size", "size", A_SPATIAL, AT_POS | AT_POSITIVE | AT_REQUIRED, 0, NULL, "size of the output"},
};

/* clang-format off */
#define POOL(symbol, onnx_, net_, aliases_, doc_, ...)                                                                  \
    const struct op symbol = {.onnx = onnx_, .net = net_, .net_aliases = aliases_, .doc = doc_, .min_in = 1,             \
        .max_in = 1, .net_in = 1, .past = past_batch, .cost = pool_cost, .kernels = pool_kernels, .nkernels = COUNT(pool_kernels), \
        .flags = OP_SAMPLEWISE, __VA_ARGS__}
#define WINDOWS(table) .attrs = table, .nattrs = COUNT(table), .params = pool_params, .infer = pool_infer
#define ATTRS(table) .attrs = table, .nattrs = COUNT(table)

const struct op op_max_pool = {
    .onnx = "MaxPool", .net = "maxpool", .net_aliases = "max_pool", .doc = "largest value of each window", .min_in = 1,
    .max_in = 1, .net_in = 1, .max_out = 2, .flags = OP_MOVES | OP_MAX_OF_WINDOWS | OP_SAMPLEWISE, .past = past_batch, .cost = pool_cost,
    .grad = max_pool_grad, .simplify = pool_simplify, .kernels = pool_kernels,
    .nkernels = COUNT(pool_kernels), WINDOWS(max_pool_attrs),
};
POOL(op_average_pool, "AveragePool", "avgpool", "avg_pool", "mean of each window", .grad = average_pool_grad, .simplify = pool_simplify,
    .max_out = 1, .quantize = average_pool_quantize, WINDOWS(average_pool_attrs));
POOL(op_sum_pool, "SumPool", "sumpool", "sum_pool", "sum of each window", .max_out = 1, .grad = sum_pool_grad, WINDOWS(sum_pool_attrs));
POOL(op_lp_pool, "LpPool", "lppool", "lp_pool", "p-norm of each window", .max_out = 1, .grad = lp_pool_grad, WINDOWS(lp_pool_attrs));
POOL(op_global_average_pool, "GlobalAveragePool", "globalavgpool", "global_avgpool|gap", "mean of each channel", .infer = global_infer,
    .grad = global_pool_grad, .max_out = 1, .quantize = average_pool_quantize);
POOL(op_global_max_pool, "GlobalMaxPool", "globalmaxpool", "global_maxpool", "largest value of each channel", .max_out = 2, .grad = max_pool_grad,
    .infer = global_infer);
POOL(op_global_lp_pool, "GlobalLpPool", "globallppool", "global_lppool", "p-norm of each channel", .max_out = 1, .grad = lp_pool_grad,
    .infer = global_infer, ATTRS(global_lp_attrs));
POOL(op_adaptive_average_pool, "AdaptiveAveragePool", "adaptive_avgpool", "adaptive_avg_pool",
    "means over windows that divide the input into the given number", .max_out = 1, .grad = adaptive_pool_grad, .quantize = average_pool_quantize,
    .infer = adaptive_infer, .expand = adaptive_expand, ATTRS(adaptive_attrs));
POOL(op_adaptive_max_pool, "AdaptiveMaxPool", "adaptive_maxpool", "adaptive_max_pool",
    "maxima over windows that divide the input into the given number", .max_out = 2, .grad = max_pool_grad, .infer = adaptive_infer,
    .expand = adaptive_expand, ATTRS(adaptive_attrs));
/* clang-format on */

static const struct attr_def unpool_attrs[] = {
    {"kernel_shape", "kernel", A_SPATIAL, AT_POS | AT_POSITIVE | AT_REQUIRED, 0, NULL, "size of the window"},
    {"strides", "stride", A_SPATIAL, AT_POSITIVE, 1, NULL, "step of the window"},
    {"pads", "pad", A_PADS, AT_NONNEG, 0, NULL, "border around the input of the pooling"},
};

static void unpool_fill(const struct node *n, void *geometry, const struct target *target)
{
    struct cnnc_unpool *u = geometry;
    int64_t source[MAX_RANK];
    (void)target;
    unpool_source(n, source);
    *u = (struct cnnc_unpool){.count = (long)tensor_count(n->in[0]), .rank = n->in[0]->rank,
                              .size = (int)dtype_size(n->in[0]->dtype)};
    for (int i = 0; i < u->rank; i++) {
        u->source[i] = (long)source[i];
        u->dim[i] = (long)n->out[0]->dim[i];
    }
}

static void unpool_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    (void)n;
    cnnc_unpool(geometry, in, out, (struct cnnc_thread){0, 1, NULL});
}

static const struct field unpool_fields[] = {
    FIELD(struct cnnc_unpool, count, F_LONG), FIELD(struct cnnc_unpool, rank, F_INT),
    FIELD(struct cnnc_unpool, size, F_INT), FIELD_ARRAY(struct cnnc_unpool, source, F_LONG, 5),
    FIELD_ARRAY(struct cnnc_unpool, dim, F_LONG, 5),
};
static const struct geometry unpool_geometry = {"cnnc_unpool", sizeof(struct cnnc_unpool), unpool_fields,
                                                COUNT(unpool_fields)};
static const struct kernel unpool_kernels[] = {
    {.name = "unpool", .part = "unpool.h", .geometry = &unpool_geometry, .fill = unpool_fill, .run = unpool_run},
};
const struct op op_max_unpool = {
    .onnx = "MaxUnpool", .net = "maxunpool", .net_aliases = "max_unpool", .doc = "puts the values of a max pooling back",
    .attrs = unpool_attrs, .nattrs = COUNT(unpool_attrs), .min_in = 2, .max_in = 3, .net_in = 2, .max_out = 1,
    .infer = unpool_infer, .grad = unpool_grad, .kernels = unpool_kernels, .nkernels = COUNT(unpool_kernels),
};

/* ---- gradients of means and sums ----------------------------------------------------------------------------------- */

#define POOL_GRAD(symbol, onnx_, forward_, table)                                                                      \
    static void symbol##_fill(const struct node *n, void *geometry, const struct target *target)                       \
    {                                                                                                                  \
        struct node forward = *n; /* as the forward operator says it */                                                \
        forward.op = &forward_;                                                                                        \
        forward.in = n->out;                                                                                           \
        forward.out = n->in;                                                                                           \
        pool_fill(&forward, geometry, target);                                                                         \
    }                                                                                                                  \
    static const struct kernel symbol##_kernels[] = {                                                                   \
        {.name = "average_pool_grad", .part = "pool_train.h", .geometry = &plain_geometry, .cost = average_grad_cost, .fill = symbol##_fill}, \
        {.name = "average_pool_grad_blocked", .part = "pool_grad.h", .geometry = &blocked_geometry, TRAIN_BLOCKED, .fill = symbol##_fill}}; \
    const struct op symbol = {.onnx = onnx_, .doc = "gradient of a pooling", .attrs = table, .nattrs = COUNT(table), .min_in = 1, \
        .max_in = 1, .max_out = 1, .flags = OP_INTERNAL, .kernels = symbol##_kernels, .nkernels = 2}

static double average_grad_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 1e-7 + 4e-9 * (double)tensor_count(n->out[0]);
}

POOL_GRAD(op_average_pool_grad, "AveragePoolGrad", op_average_pool, average_pool_attrs);
POOL_GRAD(op_sum_pool_grad, "SumPoolGrad", op_sum_pool, sum_pool_attrs);
POOL_GRAD(op_adaptive_average_pool_grad, "AdaptiveAveragePoolGrad", op_adaptive_average_pool, adaptive_attrs);
