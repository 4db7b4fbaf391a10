/* Reductions, the places of extremes, running sums and products. */
#include "generic.h"
#include "grads.h"

#include <math.h>

/* For constants, every row of reduce.def once, with element types looked up as it runs. */
static int fold_type, fold_result;
static double cnnc_load_anyf(const void *p, ptrdiff_t i) { return cnnc_get(fold_type, p, i); }
static int64_t cnnc_load_anyi(const void *p, ptrdiff_t i) { return cnnc_get_int(fold_type, p, i); }
static uint64_t cnnc_load_anyu(const void *p, ptrdiff_t i) { return (uint64_t)cnnc_get_int(fold_type, p, i); }
static void cnnc_store_anyf(void *p, ptrdiff_t i, double v) { cnnc_put(fold_result, p, i, v); }
static void cnnc_store_anyi(void *p, ptrdiff_t i, int64_t v) { cnnc_put_int(fold_result, p, i, v); }
static void cnnc_store_anyu(void *p, ptrdiff_t i, uint64_t v) { cnnc_put_int(fold_result, p, i, (int64_t)v); }
#define CNNC_BITS_anyf 8
#define CNNC_BITS_anyi 8
#define CNNC_BITS_anyu 8
#include "../../runtime/reduce.h"

/* ---- rows ------------------------------------------------------------------------------------------------------- */

enum row_class { FLOAT, WRAP, SINT, UINT };
#define TAG_FLOAT anyf
#define TAG_WRAP anyu
#define TAG_SINT anyi
#define TAG_UINT anyu
#define TYPE_FLOAT double
#define TYPE_WRAP uint64_t
#define TYPE_SINT int64_t
#define TYPE_UINT uint64_t
#define TO_SAME(class) TAG_##class
#define TO_INT64(class) anyi
#define MAKE(...) CNNC_REDUCE(__VA_ARGS__)
#define CNNC_RD(op, class, result, s0, m0, step, ...)                                                                  \
    MAKE(fold_##op##_##class, TAG_##class, TO_##result(class), TYPE_##class, s0, m0, step, __VA_ARGS__)
#include "../../runtime/reduce.def"
#undef CNNC_RD

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
static const struct row {
    const char *op;
    enum row_class class;
    const char *type, *start, *start2, *step, *result;
    void (*run)(const struct cnnc_reduce *, const void *const *, void *const *, struct cnnc_thread);
} rows[] = {
#define CNNC_RD(op, class, result, s0, m0, step, ...)                                                                  \
    {#op, class, TEXT(TYPE_##class), #s0, #m0, #step, #__VA_ARGS__, fold_##op##_##class},
#include "../../runtime/reduce.def"
#undef CNNC_RD
};

static const struct row *find_row(const struct node *n)
{
    enum dtype t = n->in[0]->dtype;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(rows[i].op, n->op->onnx) != 0)
            continue;
        switch (rows[i].class) {
        case FLOAT: if (dtype_is_float(t)) return &rows[i]; break;
        case WRAP: if (!dtype_is_float(t)) return &rows[i]; break;
        case SINT: if (!dtype_is_float(t) && dtype_is_signed(t)) return &rows[i]; break;
        case UINT: if (!dtype_is_float(t) && !dtype_is_signed(t)) return &rows[i]; break;
        }
    }
    return NULL;
}

extern const struct op op_reduce_mean, op_reduce_max;

static const char *tag_of(enum dtype t)
{
    switch (t) {
    case DT_F8E4M3FN: return "e4m3fn";
    case DT_F8E4M3FNUZ: return "e4m3fnuz";
    case DT_F8E5M2: return "e5m2";
    case DT_F8E5M2FNUZ: return "e5m2fnuz";
    default: return dtype_suffix(t);
    }
}

/* ---- geometry --------------------------------------------------------------------------------------------------- */

unsigned reduced_axes(const struct node *n)
{
    const struct tensor *x = n->in[0];
    unsigned all = (1u << x->rank) - 1, axes = 0;
    if (n->op->max_in == 1) {
        int64_t axis = attr_i(n, "axis");
        return 1u << (axis + (axis < 0 ? x->rank : 0));
    }
    int64_t v[MAX_RANK];
    int count = 0;
    if (input(n, 1) && tensor_count(n->in[1]) > 0 && !tensor_ints(n->in[1], v, MAX_RANK, &count))
        return 0;
    for (int i = 0; i < count; i++)
        axes |= 1u << (v[i] + (v[i] < 0 ? x->rank : 0));
    return count ? axes : attr_i(n, "noop_with_empty_axes") ? 0 : all;
}

static void reduce_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_reduce *r = geometry;
    const struct tensor *x = n->in[0];
    *r = (struct cnnc_reduce){.rank = x->rank, .axes = reduced_axes(n)};
    for (int i = 0; i < x->rank; i++)
        r->dim[i] = (long)x->dim[i];
    if (strcmp(n->op->onnx, "ReduceMax") == 0)
        r->p[0] = dtype_is_float(x->dtype) || x->dtype == DT_I64 ? -(double)INFINITY
                  : dtype_is_signed(x->dtype) ? -ldexp(1, (int)dtype_size(x->dtype) * 8 - 1) : 0;
    else if (strcmp(n->op->onnx, "ReduceMin") == 0)
        r->p[0] = x->dtype == DT_BOOL ? 1 : (double)INFINITY;
    if (strcmp(n->op->onnx, "ReduceMin") == 0 && !dtype_is_float(x->dtype) && dtype_size(x->dtype) < 8 && x->dtype != DT_BOOL)
        r->p[0] = ldexp(1, (int)dtype_size(x->dtype) * 8 - (dtype_is_signed(x->dtype) ? 1 : 0)) - 1;
    if (n->op->max_in == 1)
        r->p[0] = (double)attr_i(n, "select_last_index");
}

static void reduce_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const struct row *r = find_row(n);
    const char *x = tag_of(n->in[0]->dtype), *y = tag_of(n->out[0]->dtype);
    size_t at = name->n;
    sb_addf(name, "cnnc_%s_%s", r->op, x);
    sb_addf(define, "CNNC_REDUCE(CNNC_FN(%s), %s, %s, %s, %s, %s, %s, %s)\n", name->s + at, x, y, r->type, r->start, r->start2,
            r->step, r->result);
}

static void reduce_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    fold_type = (int)n->in[0]->dtype;
    fold_result = (int)n->out[0]->dtype;
    find_row(n)->run(geometry, in, out, (struct cnnc_thread){0, 1, NULL});
}

static bool reduce_match(const struct node *n, const struct target *target)
{
    (void)target;
    return find_row(n) != NULL;
}

GEOMETRY(reduce, FIELD(struct cnnc_reduce, rank, F_INT), FIELD_ARRAY(struct cnnc_reduce, dim, F_LONG, CNNC_REDUCE_RANK),
         FIELD(struct cnnc_reduce, axes, F_INT), FIELD_ARRAY(struct cnnc_reduce, p, F_DOUBLE, 2));
static const struct kernel reduce_kernels[] = {{.part = "reduce.h", .geometry = &reduce_geometry, .match = reduce_match,
                                                .fill = reduce_fill, .name_of = reduce_name, .run = reduce_run}};

/* ---- Reduce* ---------------------------------------------------------------------------------------------------- */

static const struct attr_def reduce_attrs[] = {
    {"keepdims", "keepdims", A_BOOL, 0, 1, NULL, "reduced axes stay, with size 1"},
    {"noop_with_empty_axes", NULL, A_BOOL, 0, 0, NULL, "no axes means none, not all"},
    {"axes", "axes", A_INTS, AT_NET | AT_POS, 0, NULL, "axes, counting the batch as 0 (all but the batch)"},
};

static bool reduce_params(struct graph *g, struct node *n)
{
    const struct attr *a = attr_get(n, "axes");
    int64_t v[MAX_RANK];
    for (int i = 1; i < n->in[0]->rank; i++)
        v[i - 1] = i;
    node_input(g, n, a->set ? tensor_i64(g, unique_name(g, "axes"), a->n, a->ints)
                            : tensor_i64(g, unique_name(g, "axes"), MAX(n->in[0]->rank - 1, 0), v));
    return true;
}

static void reduced_shape(struct node *n, unsigned axes, bool keep)
{
    const struct tensor *x = n->in[0];
    int64_t dim[MAX_RANK];
    int r = 0;
    for (int i = 0; i < x->rank; i++)
        if (!(axes >> i & 1))
            dim[r++] = x->dim[i];
        else if (keep)
            dim[r++] = 1;
    tensor_set_shape(n->out[0], r, dim);
}

static bool reduce_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    int64_t v[64];
    int count = 0;
    if (input(n, 1)) {
        if (tensor_count(n->in[1]) > 0 && !known_ints(g, n, 1, "the axes", v, MAX_RANK, &count))
            return false;
        for (int i = 0; i < count; i++)
            if (axis_in(g, n, v[i], x->rank) < 0)
                return false;
    }
    n->out[0]->dtype = x->dtype;
    if (!find_row(n))
        return node_error(g, n, "input 0 is %s, which this operator does not take", dtype_name(x->dtype));
    reduced_shape(n, reduced_axes(n), attr_i(n, "keepdims") != 0);
    return true;
}

static void reduce_cost(const struct node *n, struct cost *c) { c->flops = tensor_count(n->in[0]); }

/* Over the planes, the mean or the largest value is a pooling. */
static bool reduce_simplify(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    const bool mean = n->op == &op_reduce_mean;
    if ((!mean && n->op != &op_reduce_max) || x->dtype != DT_F32 || x->rank < 3 || x->rank > 5 ||
        reduced_axes(n) != (((1u << x->rank) - 1) & ~3u) || tensor_count(x) == 0)
        return false;
    struct node *pool = node_insert_before(g, n, op_by_onnx(mean ? "GlobalAveragePool" : "GlobalMaxPool"), n->name), *last = pool;
    node_input(g, pool, n->in[0]);
    struct tensor *y = node_output(g, pool, unique_name(g, n->name));
    if (!pool->op->infer(g, pool))
        return false;
    if (!attr_i(n, "keepdims")) {
        last = node_insert_before(g, n, op_by_onnx("Reshape"), n->name);
        node_input(g, last, y);
        node_input(g, last, tensor_i64(g, unique_name(g, "shape"), 2, x->dim));
        node_output(g, last, unique_name(g, n->name));
        if (!last->op->infer(g, last))
            return false;
    }
    drop_output(g, n, last, n->out[0]);
    return true;
}

/* Along an axis that is reduced, `with` changes nothing (a mean divides by the size, too). */
static enum past reduced_past(const struct node *n, int i, int axis, int *to, enum past with)
{
    const unsigned axes = reduced_axes(n);
    if (i != 0)
        return PAST_BARRED;
    if (axes >> axis & 1)
        return n->op->max_in == 1 && attr_i(n, "select_last_index") ? PAST_BARRED : with;
    *to = axis - (attr_i(n, "keepdims") ? 0 : __builtin_popcount(axes & ((1u << axis) - 1)));
    return PAST_APART;
}
#define REDUCED_PAST(name, with)                                                                                       \
    static enum past name(const struct node *n, int i, int axis, int *to) { return reduced_past(n, i, axis, to, with); }
REDUCED_PAST(barred, PAST_BARRED)
REDUCED_PAST(zero, PAST_ZERO)
REDUCED_PAST(one, PAST_ONE)
REDUCED_PAST(lowest, PAST_LOWEST)
REDUCED_PAST(highest, PAST_HIGHEST)

static int reduce_untranspose(struct graph *g, struct node *n, const int64_t *perm, int64_t to[MAX_RANK])
{
    const int rank = n->in[0]->rank;
    const unsigned axes = reduced_axes(n);
    const bool keep = attr_i(n, "keepdims") != 0;
    int64_t v[MAX_RANK];
    int count = 0, kept = 0;
    unsigned left = 0;
    if (!input(n, 1) || !n->in[1]->data || tensor_count(n->in[1]) == 0)
        return 0;
    for (int i = 0; i < rank; i++)
        if (axes >> i & 1)
            v[count++] = perm[i];
        else
            left |= 1u << perm[i];
    for (int i = 0; i < rank; i++)
        if (keep)
            to[kept++] = perm[i];
        else if (!(axes >> i & 1))
            to[kept++] = __builtin_popcount(left & ((1u << perm[i]) - 1));
    if (kept == 0)
        return 0;
    node_set_input(g, n, 1, tensor_i64(g, unique_name(g, n->name), count, v));
    return kept;
}

#define REDUCE(symbol, onnx_, net_, doc_, past_)                                                                              \
    const struct op symbol = {.onnx = onnx_, .net = net_, .doc = doc_, .attrs = reduce_attrs, .nattrs = COUNT(reduce_attrs), \
        .min_in = 1, .max_in = 2, .net_in = 1, .max_out = 1, .params = reduce_params, .grad = reduce_grad, .infer = reduce_infer, .past = past_, \
        .untranspose = reduce_untranspose,                                                                              \
        .cost = reduce_cost, .simplify = reduce_simplify, .kernels = reduce_kernels, .nkernels = 1}
REDUCE(op_reduce_sum, "ReduceSum", "reduce_sum", "sum over axes", zero);
REDUCE(op_reduce_mean, "ReduceMean", "reduce_mean", "mean over axes", barred);
REDUCE(op_reduce_max, "ReduceMax", "reduce_max", "largest over axes", lowest);
REDUCE(op_reduce_min, "ReduceMin", "reduce_min", "smallest over axes", highest);
REDUCE(op_reduce_prod, "ReduceProd", "reduce_prod", "product over axes", one);
REDUCE(op_reduce_l1, "ReduceL1", "reduce_l1", "sum of magnitudes over axes", zero);
REDUCE(op_reduce_l2, "ReduceL2", "reduce_l2", "Euclidean length over axes", zero);
REDUCE(op_reduce_sum_square, "ReduceSumSquare", "reduce_sum_square", "sum of squares over axes", zero);
REDUCE(op_reduce_log_sum, "ReduceLogSum", "reduce_log_sum", "logarithm of the sum over axes", zero);
REDUCE(op_reduce_log_sum_exp, "ReduceLogSumExp", "reduce_log_sum_exp", "logarithm of the sum of exponentials over axes", lowest);

/* ---- ArgMax, ArgMin --------------------------------------------------------------------------------------------- */

static const struct attr_def arg_attrs[] = {
    {"axis", "axis", A_INT, AT_POS, 0, NULL, "axis (.net: 1)"},
    {"keepdims", "keepdims", A_BOOL, 0, 1, NULL, "the axis stays, with size 1"},
    {"select_last_index", NULL, A_BOOL, 0, 0, NULL, "of equal values the last"},
};

static bool arg_params(struct graph *g, struct node *n)
{
    if (!attr_set(n, "axis"))
        set_attr_i(g, n, "axis", 1);
    return true;
}

static bool arg_infer(struct graph *g, struct node *n)
{
    int64_t axis = normal_axis(g, n, "axis", n->in[0]->rank);
    if (axis < 0)
        return false;
    if (n->in[0]->dim[axis] == 0)
        return node_error(g, n, "axis %lld is empty", (long long)axis);
    if (!find_row(n))
        return node_error(g, n, "input 0 is %s, which this operator does not take", dtype_name(n->in[0]->dtype));
    n->out[0]->dtype = DT_I64;
    reduced_shape(n, 1u << axis, attr_i(n, "keepdims") != 0);
    return true;
}

#define ARG(symbol, onnx_, net_, doc_, past_)                                                                                 \
    const struct op symbol = {.onnx = onnx_, .net = net_, .doc = doc_, .attrs = arg_attrs, .nattrs = COUNT(arg_attrs),  \
        .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1, .params = arg_params, .infer = arg_infer, .past = past_, .cost = reduce_cost, \
        .kernels = reduce_kernels, .nkernels = 1}
ARG(op_arg_max, "ArgMax", "argmax", "position of the largest value along an axis", lowest);
ARG(op_arg_min, "ArgMin", "argmin", "position of the smallest value along an axis", highest);

/* ---- CumSum, CumProd -------------------------------------------------------------------------------------------- */

CNNC_SCAN(fold_sum_float, anyf, double, 0, s += a)
CNNC_SCAN(fold_sum_int, anyu, uint64_t, 0, s += a)
CNNC_SCAN(fold_prod_float, anyf, double, 1, s *= a)
CNNC_SCAN(fold_prod_int, anyu, uint64_t, 1, s *= a)

static const struct attr_def scan_attrs[] = {
    {"exclusive", NULL, A_BOOL, 0, 0, NULL, "without the element itself"},
    {"reverse", NULL, A_BOOL, 0, 0, NULL, "from the end"},
};

static bool scan_is_sum(const struct node *n) { return strcmp(n->op->onnx, "CumSum") == 0; }

static int64_t scan_axis(const struct node *n)
{
    int64_t axis = cnnc_get_int((int)n->in[1]->dtype, n->in[1]->data, 0);
    return axis + (axis < 0 ? n->in[0]->rank : 0);
}

static bool scan_infer(struct graph *g, struct node *n)
{
    double axis;
    if (!known_number(g, n, 1, "the axis", &axis) || !check_index_type(g, n, 1) ||
        axis_in(g, n, (int64_t)axis, n->in[0]->rank) < 0)
        return false;
    if (n->in[0]->dtype == DT_BOOL)
        return node_error(g, n, "input 0 is bool, which this operator does not take");
    return infer_same_as_input(g, n);
}

static void scan_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    int64_t axis = scan_axis(n);
    *(struct cnnc_scan *)geometry = (struct cnnc_scan){outer_of(x, axis), (long)x->dim[axis], inner_of(x, axis),
                                                       (int)attr_i(n, "exclusive"), (int)attr_i(n, "reverse")};
}

static void scan_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const char *x = tag_of(n->in[0]->dtype);
    size_t at = name->n;
    sb_addf(name, "cnnc_%s_%s", n->op->onnx, x);
    sb_addf(define, "CNNC_SCAN(CNNC_FN(%s), %s, %s, %d, s %s= a)\n", name->s + at, x,
            dtype_is_float(n->in[0]->dtype) ? "double" : "uint64_t", scan_is_sum(n) ? 0 : 1, scan_is_sum(n) ? "+" : "*");
}

static void scan_run(const struct node *n, const void *g, const void *const in[], void *const out[])
{
    struct cnnc_thread t = {0, 1, NULL};
    fold_type = fold_result = (int)n->in[0]->dtype;
    if (dtype_is_float(n->in[0]->dtype))
        (scan_is_sum(n) ? fold_sum_float : fold_prod_float)(g, in, out, t);
    else
        (scan_is_sum(n) ? fold_sum_int : fold_prod_int)(g, in, out, t);
}

GEOMETRY(scan, FIELD(struct cnnc_scan, outer, F_LONG), FIELD(struct cnnc_scan, axis, F_LONG), FIELD(struct cnnc_scan, inner, F_LONG),
         FIELD_LIT(struct cnnc_scan, exclusive, F_INT), FIELD_LIT(struct cnnc_scan, reverse, F_INT));
static const struct kernel scan_kernels[] = {
    {.part = "reduce.h", .geometry = &scan_geometry, .fill = scan_fill, .name_of = scan_name, .run = scan_run}};
static enum past scan_past(const struct node *n, int i, int axis, int *to)
{
    *to = axis;
    return i != 0 ? PAST_BARRED : axis != scan_axis(n) || !attr_i(n, "reverse") ? PAST_APART : scan_is_sum(n) ? PAST_ZERO : PAST_ONE;
}

#define SCAN(symbol, onnx_, doc_)                                                                                      \
    const struct op symbol = {.onnx = onnx_, .doc = doc_, .attrs = scan_attrs, .nattrs = 2, .min_in = 2, .max_in = 2,   \
        .max_out = 1, .infer = scan_infer, .past = scan_past, .kernels = scan_kernels, .nkernels = 1}
SCAN(op_cum_sum, "CumSum", "running sums along an axis");
SCAN(op_cum_prod, "CumProd", "running products along an axis");
