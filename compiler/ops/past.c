/* Axes of which the data say how much is used (tensor.extent): what operators make of them (op.h, past), and the operators that only
 * such tensors need. */
#include "generic.h"

#include "../../runtime/past.h"
#include "past.h"
#include "shared.h"

#include <math.h>

enum past past_same(const struct node *n, int i, int axis, int *to)
{
    (void)n;
    *to = i == 0 ? axis : -1;
    return i == 0 ? PAST_APART : PAST_BARRED;
}

enum past past_batch(const struct node *n, int i, int axis, int *to)
{
    *to = axis;
    return i == 0 && axis == 0 && n->out[0]->dim[0] == n->in[0]->dim[0] ? PAST_APART : PAST_BARRED;
}

enum past past_broadcast(const struct node *n, int i, int axis, int *to)
{
    *to = axis + n->out[0]->rank - n->in[i]->rank;
    return *to >= 0 && n->out[0]->dim[*to] == n->in[i]->dim[axis] ? PAST_APART : PAST_BARRED;
}

enum past past_view(const struct node *n, int i, int axis, int *to)
{
    const struct tensor *x = n->in[0], *y = n->out[0];
    const int64_t before = dims_count(axis, x->dim);
    if (i != 0 || x->dim[axis] <= 1)
        return PAST_BARRED;
    for (int k = 0; k < y->rank; k++)
        if (y->dim[k] == x->dim[axis] && dims_count(k, y->dim) == before) {
            *to = k;
            return PAST_APART;
        }
    return PAST_BARRED;
}

enum past past_of(const struct node *n, int i, int axis, int *to)
{
    *to = -1;
    if (n->op->past)
        return n->op->past(n, i, axis, to);
    return n->op->flags & OP_ELEMENTWISE ? past_broadcast(n, i, axis, to) : PAST_BARRED;
}

/* ---- FillPast --------------------------------------------------------------------------------------------------- */

static const struct attr_def fill_past_attrs[] = {
    {"axis", NULL, A_INT, 0, 0, NULL, "axis whose size depends on data"},
    {"with", NULL, A_INT, 0, PAST_ZERO, NULL, "what lies past it (enum past)"},
};

static int64_t bits_past(enum dtype type, enum past with)
{
    int64_t bits = 0;
    const int size = (int)dtype_size(type) * 8, sign = dtype_is_signed(type);
    if (dtype_is_float(type))
        type_store_float(type, &bits, 0, with == PAST_ONE ? 1 : with == PAST_LOWEST ? -(double)INFINITY : with == PAST_HIGHEST ? (double)INFINITY : 0);
    else if (with == PAST_ONE || (type == DT_BOOL && with == PAST_HIGHEST))
        type_store_int(type, &bits, 0, 1);
    else if (with == PAST_LOWEST && sign)
        type_store_int(type, &bits, 0, INT64_MIN >> (64 - size));
    else if (with == PAST_HIGHEST)
        type_store_int(type, &bits, 0, sign ? INT64_MAX >> (64 - size) : -1);
    return bits;
}

static bool fill_past_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    const int64_t axis = normal_axis(g, n, "axis", x->rank);
    if (axis < 0 || !check_type(g, n, 0, TYPES_NUMERIC | TYPE(DT_BOOL)) || !check_type(g, n, 1, TYPE(DT_I64)))
        return false;
    set_output(n, 0, x->dtype, x->rank, x->dim);
    n->out[0]->extent[axis] = n->in[1];
    return true;
}

static enum past fill_past_past(const struct node *n, int i, int axis, int *to)
{
    *to = i == 0 && axis != attr_i(n, "axis") ? axis : -1;
    return i == 0 ? PAST_APART : PAST_BARRED;
}

static void fill_past_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    const int64_t axis = attr_i(n, "axis");
    *(struct cnnc_fill_past *)geometry = (struct cnnc_fill_past){outer_of(x, axis), (long)x->dim[axis], inner_of(x, axis), (int)dtype_size(x->dtype),
                                                                 bits_past(x->dtype, (enum past)attr_i(n, "with"))};
}
RUN(fill_past)
GEOMETRY(fill_past, FIELD(struct cnnc_fill_past, outer, F_LONG), FIELD(struct cnnc_fill_past, axis, F_LONG),
         FIELD(struct cnnc_fill_past, inner, F_LONG),
         FIELD_LIT(struct cnnc_fill_past, size, F_INT), FIELD(struct cnnc_fill_past, value, F_I64));
static const struct kernel fill_past_kernels[] = {
    {.name = "fill_past", .part = "past.h", .geometry = &fill_past_geometry, .inplace = true, .fill = fill_past_fill, .run = run_fill_past}};
const struct op op_fill_past = {
    .onnx = "FillPast", .doc = "a value past the size that depends on data", .attrs = fill_past_attrs, .nattrs = COUNT(fill_past_attrs), .min_in = 2,
    .max_in = 2, .max_out = 1, .flags = OP_INTERNAL, .infer = fill_past_infer, .past = fill_past_past, .kernels = fill_past_kernels, .nkernels = 1,
};

bool is_filled(const struct tensor *t, int axis, enum past with)
{
    for (; t->def && t->def->op == &op_fill_past; t = t->def->in[0])
        if (attr_i(t->def, "axis") == axis)
            return attr_i(t->def, "with") == with;
    return false;
}

struct tensor *fill_past(struct graph *g, struct node *n, struct tensor *t, struct tensor *size, int axis, enum past with)
{
    struct node *f = n ? node_insert_before(g, n, &op_fill_past, t->name) : node_new(g, &op_fill_past, t->name);
    node_input(g, f, t);
    node_input(g, f, size);
    set_attr_i(g, f, "axis", axis);
    set_attr_i(g, f, "with", with);
    struct tensor *y = node_output(g, f, unique_name(g, arena_printf(&g->arena, "%s_filled", t->name)));
    return fill_past_infer(g, f) && take_extents(g, f) ? y : NULL;
}

bool take_extents(struct graph *g, struct node *n)
{
    for (int i = 0; i < n->nin && !(n->op->flags & OP_CONTROL); i++)
        for (int k = 0; n->in[i] && k < n->in[i]->rank; k++) {
            struct tensor *e = n->in[i]->extent[k];
            int to;
            const enum past with = e ? past_of(n, i, k, &to) : PAST_BARRED;
            if (!e)
                continue;
            if (with == PAST_BARRED)
                return node_error(g, n, "the size of axis %d of input %d ('%s') depends on the data, which is not supported here", k, i, n->in[i]->name);
            if (with != PAST_APART && !is_filled(n->in[i], k, with)) {
                struct tensor *filled = fill_past(g, n, n->in[i], e, k, with);
                if (!filled)
                    return false;
                node_set_input(g, n, i, filled);
            }
            for (int o = 0; o < n->nout && to >= 0; o++)
                if (n->out[o] && to < n->out[o]->rank)
                    n->out[o]->extent[to] = e;
        }
    return true;
}

/* ---- Append ----------------------------------------------------------------------------------------------------- */

static const struct attr_def append_attrs[] = {{"axis", NULL, A_INT, 0, 0, NULL, "axis to join along"}};

static bool append_infer(struct graph *g, struct node *n)
{
    const struct tensor *a = n->in[0], *b = n->in[2];
    const int64_t axis = normal_axis(g, n, "axis", a->rank);
    int64_t dim[MAX_RANK];
    bool fits = axis >= 0 && a->rank == b->rank && a->dtype == b->dtype;
    for (int k = 0; k < a->rank && fits; k++)
        fits = k == axis || a->dim[k] == b->dim[k];
    char s[160], t[160];
    if (!fits)
        return axis >= 0 && node_error(g, n, "tensors of shapes %s and %s cannot be joined", shape_text(a, s), shape_text(b, t));
    memcpy(dim, a->dim, sizeof dim);
    dim[axis] += b->dim[axis];
    set_output(n, 0, a->dtype, a->rank, dim);
    set_output(n, 1, DT_I64, 0, NULL);
    n->out[0]->extent[axis] = n->out[1];
    return true;
}

static enum past append_past(const struct node *n, int i, int axis, int *to)
{
    *to = axis == attr_i(n, "axis") ? -1 : axis;
    return i % 2 == 0 ? PAST_APART : PAST_BARRED;
}

static void append_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const int64_t axis = attr_i(n, "axis");
    *(struct cnnc_append *)geometry = (struct cnnc_append){outer_of(n->in[0], axis), {(long)n->in[0]->dim[axis], (long)n->in[2]->dim[axis]},
                                                           inner_of(n->in[0], axis) * (long)dtype_size(n->in[0]->dtype)};
}
RUN(append)
GEOMETRY(append, FIELD(struct cnnc_append, outer, F_LONG), FIELD_ARRAY(struct cnnc_append, axis, F_LONG, 2),
         FIELD(struct cnnc_append, inner, F_LONG));
static const struct kernel append_kernels[] = {KERNEL(append, "past.h", append, append_fill)};
const struct op op_append = {
    .onnx = "Append", .doc = "two tensors joined whose sizes depend on data", .attrs = append_attrs, .nattrs = 1, .min_in = 3, .max_in = 4,
    .max_out = 2,
    .flags = OP_INTERNAL, .infer = append_infer, .past = append_past, .kernels = append_kernels, .nkernels = 1,
};

struct tensor *append_used(struct graph *g, struct tensor *a, struct tensor *b, int axis, int onnx_index)
{
    struct node *n = node_new(g, &op_append, a->name);
    struct tensor *const in[4] = {a, a->extent[axis], b, b->extent[axis]};
    n->onnx_index = onnx_index;
    for (int i = 0; i < 4; i++)
        node_input(g, n, in[i]);
    set_attr_i(g, n, "axis", axis);
    struct tensor *y = node_output(g, n, unique_name(g, arena_printf(&g->arena, "%s_joined", a->name)));
    node_output(g, n, unique_name(g, arena_printf(&g->arena, "%s_count", y->name)));
    return append_infer(g, n) && take_extents(g, n) ? y : NULL;
}
