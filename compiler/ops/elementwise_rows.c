/* The kernel of all elementwise operators: the text of its row for the generated file, and the same expression compiled
 * here for constants. */
#include "elementwise_rows.h"

#include "map.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#define CNNC_FN(name) name
#include "../../runtime/convert.h"
#include "../../runtime/elementwise_types.h"
#include "../../runtime/scalar_math.h"

/* ---- rows ------------------------------------------------------------------------------------------------------- */

enum row_class { FLOAT, WRAP, SINT, UINT, BOOL };

/* A value of any class; rows of class FLOAT compute in float or double. */
union value {
    double f;
    int64_t i;
    uint64_t u;
};
typedef union value row_eval(union value a_, union value b_, union value c_, const double *p, int has_b, int has_c);

#define ROW_FN(name, type, member)                                                                                     \
    static union value name(union value a_, union value b_, union value c_, const double *p_, int has_b, int has_c)    \
    {                                                                                                                  \
        const type a CNNC_UNUSED = (type)a_.member, b CNNC_UNUSED = (type)b_.member, c CNNC_UNUSED = (type)c_.member;   \
        const type p0 CNNC_UNUSED = (type)p_[0], p1 CNNC_UNUSED = (type)p_[1], p2 CNNC_UNUSED = (type)p_[2];            \
        union value r;                                                                                                 \
        (void)has_b, (void)has_c;
#define ROW_END                                                                                                        \
        return r;                                                                                                      \
    }
#define EVAL_FLOAT(op, result, ...)                                                                                    \
    ROW_FN(op##_f32, float, f) RESULT_##result(f, __VA_ARGS__) ROW_END                                                  \
    ROW_FN(op##_f64, double, f) RESULT_##result(f, __VA_ARGS__) ROW_END
#define EVAL_WRAP(op, result, ...) ROW_FN(op##_wrap, uint64_t, u) RESULT_##result(u, __VA_ARGS__) ROW_END
#define EVAL_SINT(op, result, ...) ROW_FN(op##_sint, int64_t, i) RESULT_##result(i, __VA_ARGS__) ROW_END
#define EVAL_UINT(op, result, ...) ROW_FN(op##_uint, uint64_t, u) RESULT_##result(u, __VA_ARGS__) ROW_END
#define EVAL_BOOL(op, result, ...) ROW_FN(op##_bool, uint64_t, u) RESULT_##result(u, __VA_ARGS__) ROW_END
#define RESULT_SAME(member, ...) r.member = (__VA_ARGS__);
#define RESULT_BOOL(member, ...) r.u = (__VA_ARGS__);
#define CNNC_EW(op, n, class, result, ...) EVAL_##class(op, result, __VA_ARGS__)
#include "../../runtime/elementwise.def"
#undef CNNC_EW

static const struct row {
    const char *op;
    int inputs;
    enum row_class class;
    bool to_bool;
    const char *expression;
    row_eval *eval, *eval_double;
} rows[] = {
#define FN_FLOAT(op) op##_f32, op##_f64
#define FN_WRAP(op) op##_wrap, NULL
#define FN_SINT(op) op##_sint, NULL
#define FN_UINT(op) op##_uint, NULL
#define FN_BOOL(op) op##_bool, NULL
#define TO_SAME false
#define TO_BOOL true
#define CNNC_EW(op, n, class, result, ...) {#op, n, class, TO_##result, #__VA_ARGS__, FN_##class(op)},
#include "../../runtime/elementwise.def"
#undef CNNC_EW
};

static const type_set class_types[] = {
    [FLOAT] = TYPES_FLOAT | TYPES_FLOAT8 | TYPE(DT_F4E2M1),
    [WRAP] = TYPES_INT | TYPE(DT_U4) | TYPE(DT_I4),
    [SINT] = TYPES_SIGNED | TYPE(DT_I4),
    [UINT] = TYPES_UNSIGNED | TYPE(DT_U4),
    [BOOL] = TYPE(DT_BOOL),
};

type_set elementwise_types(const char *row)
{
    const bool moves = strcmp(row, "Where") == 0 || strcmp(row, "Identity") == 0;
    type_set set = 0;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(rows[i].op, row) == 0)
            set |= class_types[rows[i].class];
    return moves ? set : set & (TYPES_NUMERIC | TYPE(DT_BOOL)); /* nobody computes with storage types */
}

static bool is_op(const struct node *n, const char *onnx) { return strcmp(n->op->onnx, onnx) == 0; }

/* Which row of elementwise.def the node is. */
static const char *row_name(const struct node *n)
{
    if (is_op(n, "Gelu") && strcmp(attr_s(n, "approximate"), "tanh") == 0)
        return "GeluTanh";
    if (is_op(n, "Dropout"))
        return "Identity";
    if (is_op(n, "Sum") || is_op(n, "Mean"))
        return "Add"; /* Mean divides afterwards: see its expand */
    return n->op->onnx;
}

/* The input whose type chooses the row. */
static int typed_input(const struct node *n) { return is_op(n, "Where") ? 1 : 0; }

static const struct row *find_row(const struct node *n)
{
    const char *name = row_name(n);
    const struct tensor *t = input(n, typed_input(n));
    for (size_t i = 0; t && i < COUNT(rows); i++)
        if (strcmp(rows[i].op, name) == 0 && (class_types[rows[i].class] & TYPE(t->dtype)))
            return &rows[i];
    return NULL;
}

bool elementwise_to_bool(const struct node *n)
{
    const struct row *row = find_row(n);
    return row && row->to_bool;
}

/* Pow may have operands of two types: a double holds what either can. */
static bool mixed_types(const struct node *n)
{
    return is_op(n, "Pow") && n->in[0]->dtype != n->in[1]->dtype;
}

/* ---- geometry --------------------------------------------------------------------------------------------------- */

static const char *const attributes[][4] = {
    {"LeakyRelu", "alpha"}, {"Elu", "alpha"}, {"Celu", "alpha"}, {"ThresholdedRelu", "alpha"}, {"Swish", "alpha"},
    {"Selu", "alpha", "gamma"}, {"HardSigmoid", "alpha", "beta"}, {"Shrink", "bias", "lambd"},
};

static void fill_attributes(const struct node *n, double p[4])
{
    for (size_t i = 0; i < COUNT(attributes); i++)
        if (is_op(n, attributes[i][0]))
            for (int k = 1; k < 4 && attributes[i][k]; k++)
                p[k - 1] = attr_f(n, attributes[i][k]);
    if (is_op(n, "Mod")) {
        p[0] = (double)attr_i(n, "fmod");
    } else if (is_op(n, "BitShift")) {
        p[0] = strcmp(attr_s(n, "direction"), "LEFT") == 0;
    } else if (is_op(n, "HardSwish")) {
        p[0] = 0.5;
    } else if (is_op(n, "IsInf")) {
        p[0] = (double)attr_i(n, "detect_negative");
        p[1] = (double)attr_i(n, "detect_positive");
        p[2] = n->in[0]->dtype == DT_F64 ? DBL_MAX : (double)FLT_MAX;
    } else if (is_op(n, "Gelu")) {
        const bool tanh_form = strcmp(attr_s(n, "approximate"), "tanh") == 0;
        p[0] = tanh_form ? 0.7978845608028654 : 0.7071067811865476; /* sqrt(2 / pi), 1 / sqrt(2) */
        p[1] = 0.044715;
    }
}

/* Element strides of a tensor of the given dimensions, right-aligned to `rank` axes; 0 where it is broadcast. */
static void broadcast_strides(const struct tensor *t, int rank, ptrdiff_t stride[CNNC_MAX_RANK])
{
    ptrdiff_t s = 1;
    for (int i = rank - 1, k = t->rank - 1; i >= 0; i--, k--) {
        const int64_t d = k >= 0 ? t->dim[k] : 1;
        stride[i] = d == 1 ? 0 : s;
        s *= (ptrdiff_t)d;
    }
}

/* Blocked tensors: batch, channel block, depth, height, width, lane. */
static void blocked_strides(const struct tensor *t, ptrdiff_t stride[CNNC_MAX_RANK])
{
    const struct extent5 e = extent5(t);
    const struct cnnc_view v = view_of(t);
    const ptrdiff_t s[6] = {e.n == 1 ? 0 : v.n, e.c == 1 ? 0 : v.c, e.d == 1 ? 0 : v.d, e.h == 1 ? 0 : v.h,
                            e.w == 1 ? 0 : t->layout.block, e.c == 1 ? 0 : 1};
    memcpy(stride, s, sizeof s);
}

void elementwise_fill(const struct node *n, void *geometry, const struct target *target)
{
    struct cnnc_elementwise *g = geometry;
    const struct tensor *y = n->out[0];
    memset(g, 0, sizeof *g);
    (void)target;
    if (y->layout.block) {
        const struct extent5 e = extent5(y);
        const int b = y->layout.block;
        const long dim[6] = {e.n, (e.c + b - 1) / b, e.d, e.h, e.w, b};
        g->rank = 6;
        memcpy(g->dim, dim, sizeof dim);
        blocked_strides(y, g->y);
        for (int i = 0; i < 3 && i < n->nin; i++)
            if (n->in[i] && n->in[i]->layout.block)
                blocked_strides(n->in[i], g->x[i]);
            else if (n->in[i] && tensor_count(n->in[i]) > 1) { /* a constant per channel, plain */
                g->x[i][1] = b;
                g->x[i][5] = 1;
            }
    } else {
        g->rank = y->rank;
        for (int i = 0; i < y->rank; i++)
            g->dim[i] = (long)y->dim[i];
        broadcast_strides(y, y->rank, g->y);
        for (int i = 0; i < 3 && i < n->nin; i++)
            if (n->in[i])
                broadcast_strides(n->in[i], y->rank, g->x[i]);
    }
    fill_attributes(n, g->p);
}

static const struct field elementwise_fields[] = {
    FIELD(struct cnnc_elementwise, rank, F_INT),
    FIELD_ARRAY(struct cnnc_elementwise, dim, F_LONG, CNNC_MAX_RANK),
    FIELD_ARRAY(struct cnnc_elementwise, y, F_LONG, CNNC_MAX_RANK),
    FIELD_ARRAY(struct cnnc_elementwise, x[0], F_LONG, CNNC_MAX_RANK),
    FIELD_ARRAY(struct cnnc_elementwise, x[1], F_LONG, CNNC_MAX_RANK),
    FIELD_ARRAY(struct cnnc_elementwise, x[2], F_LONG, CNNC_MAX_RANK),
    FIELD_ARRAY(struct cnnc_elementwise, p, F_DOUBLE, 4),
};
const struct geometry elementwise_geometry = {"cnnc_elementwise", sizeof(struct cnnc_elementwise),
                                                     elementwise_fields, COUNT(elementwise_fields)};

/* ---- generated code --------------------------------------------------------------------------------------------- */

static const char *compute_type(enum row_class class, bool wide)
{
    return class == FLOAT ? wide ? "double" : "float" : class == SINT ? "int64_t" : "uint64_t";
}

static void elementwise_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const struct row *row = find_row(n);
    const bool mixed = mixed_types(n), wide = mixed || n->in[typed_input(n)]->dtype == DT_F64;
    const size_t at = name->n;
    sb_addf(name, "cnnc_ew_%s_%s", row->op, type_tag(n->in[typed_input(n)]->dtype));
    if (mixed)
        sb_addf(name, "_%s", type_tag(n->in[1]->dtype));
    sb_addf(define, "CNNC_ELEMENTWISE_%d(CNNC_FN(%s)", row->inputs, name->s + at);
    for (int i = 0; i < row->inputs; i++) {
        const struct tensor *t = input(n, i);
        sb_addf(define, ", %s", type_tag(t ? t->dtype : n->in[0]->dtype));
    }
    if (mixed && row->class != FLOAT) /* an integer to a power of another type: through double, as ONNX's reference */
        sb_addf(define, ", %s, double, CNNC_CONVERT_%s(pow(a, b)))\n", type_tag(n->out[0]->dtype), type_tag(n->out[0]->dtype));
    else
        sb_addf(define, ", %s, %s, %s)\n", type_tag(n->out[0]->dtype), compute_type(row->class, wide), row->expression);
}

/* The kernel reads as many operands as its row has. */
static void elementwise_prepare(struct graph *g, struct node *n, const struct target *target)
{
    (void)target;
    while (n->nin < find_row(n)->inputs)
        node_input(g, n, NULL);
}

static bool elementwise_match(const struct node *n, const struct target *target)
{
    (void)target;
    return find_row(n) != NULL;
}

double elementwise_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 1e-9 * (double)tensor_count(n->out[0]) + 1e-7;
}

/* f(0), f(0, 0) is 0: the zeroes that stand in the channels past the last stay zero. */
static bool keeps_zero(const struct node *n, const struct row *row)
{
    struct cnnc_elementwise e = {0};
    const union value zero = {0};
    double lo = 0, hi = 0;
    fill_attributes(n, e.p);
    if (is_op(n, "Clip"))
        return (!input(n, 1) || (const_scalar(n->in[1], &lo) && lo <= 0)) &&
               (!input(n, 2) || (const_scalar(n->in[2], &hi) && hi >= 0));
    return row->class == FLOAT && row->inputs < 3 && row->eval(zero, zero, zero, e.p, 1, 1).f == 0;
}

/* In blocks: operands of the same batch and channels (extents of 1 are broadcast), or constants per channel. */
static bool blocked_match(const struct node *n, const struct target *target)
{
    const struct row *row = find_row(n);
    const struct tensor *y = n->out[0];
    if (!row || row->to_bool || y->dtype != DT_F32 || y->rank < 3 || y->rank > 5 || target->block < 2)
        return false;
    const bool whole = y->dim[1] % target->block == 0;
    if (!whole && !keeps_zero(n, row))
        return false;
    for (int i = 0; i < n->nin; i++) {
        const struct tensor *t = n->in[i];
        if (!t || (is_constant(t) && tensor_count(t) == 1))
            continue;
        if (is_constant(t)) {
            const int axis = t->rank - (y->rank - 1);
            if (!whole || axis < 0 || tensor_count(t) != y->dim[1] || t->dim[axis] != y->dim[1])
                return false;
        } else if (t->rank != y->rank || t->dim[1] != y->dim[1]) {
            return false;
        }
    }
    return true;
}

/* ---- constants -------------------------------------------------------------------------------------------------- */

static union value load(enum dtype t, const void *p, int64_t i, enum row_class class)
{
    union value v = {0};
    const bool is_float = dtype_is_float(t);
    const double f = is_float ? type_load_float(t, p, i) : 0;
    const int64_t n = is_float ? 0 : type_load_int(t, p, i);
    if (class == FLOAT)
        v.f = is_float ? f : t == DT_U64 ? (double)(uint64_t)n : (double)n;
    else if (class == SINT)
        v.i = is_float ? cnnc_f64_to_i64(f) : n;
    else
        v.u = is_float ? cnnc_f64_to_u64(f) : (uint64_t)n;
    return v;
}

static void store(enum dtype t, void *p, int64_t i, union value v, enum row_class class)
{
    if (dtype_is_float(t))
        type_store_float(t, p, i, class == FLOAT ? v.f : class == SINT ? (double)v.i : (double)v.u);
    else if (class == FLOAT)
        type_store_int(t, p, i, dtype_is_signed(t) ? cnnc_f64_to_i64(v.f) : (int64_t)cnnc_f64_to_u64(v.f));
    else
        type_store_int(t, p, i, class == SINT ? v.i : (int64_t)v.u);
}

struct operand {
    enum dtype dtype;
    const void *data;
    ptrdiff_t stride[CNNC_MAX_RANK];
};

static union value pow_double(union value a, union value b, union value c, const double *p, int has_b, int has_c)
{
    (void)c, (void)p, (void)has_b, (void)has_c;
    return (union value){.f = pow(a.f, b.f)};
}

static void evaluate_row(const struct tensor *y, void *out, const struct operand x[3], row_eval *eval,
                         enum row_class class, enum row_class stored, const double *p)
{
    int64_t at[MAX_RANK] = {0}, count = tensor_count(y);
    ptrdiff_t from[3] = {0};
    for (int64_t i = 0; i < count; i++) {
        union value v[3] = {{0}, {0}, {0}};
        for (int k = 0; k < 3; k++)
            if (x[k].data)
                v[k] = load(x[k].dtype, x[k].data, from[k], class);
        store(y->dtype, out, i, eval(v[0], v[1], v[2], p, x[1].data != NULL, x[2].data != NULL), stored);
        for (int d = y->rank - 1; d >= 0; d--) {
            for (int k = 0; k < 3; k++)
                from[k] += x[k].stride[d];
            if (++at[d] < y->dim[d])
                break;
            for (int k = 0; k < 3; k++)
                from[k] -= x[k].stride[d] * (ptrdiff_t)y->dim[d];
            at[d] = 0;
        }
    }
}

static struct operand operand(const struct tensor *t, const void *data, int rank)
{
    struct operand o = {0};
    if (t && data) {
        o.dtype = t->dtype;
        o.data = data;
        broadcast_strides(t, rank, o.stride);
    }
    return o;
}

static union value mean_of(union value a, union value b, union value c, const double *p, int has_b, int has_c)
{
    (void)b, (void)c, (void)has_b, (void)has_c;
    return (union value){.f = a.f / p[0]};
}

static union value same(union value a, union value b, union value c, const double *p, int has_b, int has_c)
{
    (void)b, (void)c, (void)p, (void)has_b, (void)has_c;
    return a;
}

/* Any number of operands, folded from the left as Sum, Max, Min and Mean do. */
static void evaluate_variadic(const struct node *n, const struct row *row, row_eval *eval, const void *const in[], void *out)
{
    const struct tensor *y = n->out[0];
    const double p[4] = {n->nin};
    struct operand x[3] = {operand(n->in[0], in[0], y->rank)};
    evaluate_row(y, out, x, same, row->class, row->class, p);
    x[0] = operand(y, out, y->rank);
    for (int i = 1; i < n->nin; i++) {
        x[1] = operand(n->in[i], in[i], y->rank);
        evaluate_row(y, out, x, eval, row->class, row->class, p);
    }
    x[1] = (struct operand){0};
    if (is_op(n, "Mean"))
        evaluate_row(y, out, x, mean_of, row->class, row->class, p);
}

static void elementwise_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const struct cnnc_elementwise *g = geometry;
    const struct row *row = find_row(n);
    const struct tensor *y = n->out[0];
    const bool wide = n->in[typed_input(n)]->dtype == DT_F64;
    row_eval *eval = wide && row->eval_double ? row->eval_double : row->eval;
    if (n->op->max_in < 0) {
        evaluate_variadic(n, row, eval, in, out[0]);
        return;
    }
    struct operand x[3] = {{0}};
    for (int i = 0; i < row->inputs && i < n->nin; i++)
        x[i] = operand(n->in[i], in[i], y->rank);
    if (mixed_types(n))
        evaluate_row(y, out[0], x, pow_double, FLOAT, FLOAT, g->p);
    else
        evaluate_row(y, out[0], x, eval, row->class, row->to_bool ? BOOL : row->class, g->p);
}

const struct kernel elementwise_kernels[ELEMENTWISE_KERNELS] = {
    {.part = "elementwise.h", .geometry = &elementwise_geometry, .in_layout = LAYOUT_PLAIN, .out_layout = LAYOUT_PLAIN,
     .inplace = true, .match = elementwise_match, .cost = elementwise_cost, .prepare = elementwise_prepare,
     .fill = elementwise_fill, .name_of = elementwise_name, .run = elementwise_run},
    {.part = "elementwise.h", .geometry = &elementwise_geometry, .in_layout = LAYOUT_BLOCKED,
     .out_layout = LAYOUT_BLOCKED, .inplace = true, .views = true, .match = blocked_match, .cost = elementwise_cost,
     .prepare = elementwise_prepare, .fill = elementwise_fill, .name_of = elementwise_name},
    MAP_KERNEL,
};
