/* Operators that change a shape and leave the elements as they lie, and those that tell a shape. */
#include "generic.h"
#include "grads.h"
#include "past.h"
#include "rearrange.h"

#include "../../runtime/copy.h"
#include "../../runtime/fill.h"

static void bytes_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    ((struct cnnc_copy *)geometry)->bytes = (long)tensor_count(n->out[0]) * (long)dtype_size(n->out[0]->dtype);
}
RUN(copy)
GEOMETRY(copy, FIELD(struct cnnc_copy, bytes, F_LONG));
static const struct kernel copy_kernels[] = {
    {.name = "copy", .part = "copy.h", .geometry = &copy_geometry, .inplace = true, .fill = bytes_fill, .run = run_copy}};
#define VIEW .simplify = view_simplify, .flags = OP_VIEW | OP_MOVES, .grad = view_grad, .max_out = 1, .kernels = copy_kernels, .nkernels = COUNT(copy_kernels)

static bool view_as(struct graph *g, struct node *n, int rank, const int64_t *dim)
{
    struct tensor *y = n->out[0];
    const struct tensor *x = n->in[0];
    if (rank > MAX_RANK)
        return node_error(g, n, "result of rank %d, at most %d is possible", rank, MAX_RANK);
    tensor_set_shape(y, rank, dim);
    y->dtype = x->dtype;
    return true;
}

/* ---- Reshape ---------------------------------------------------------------------------------------------------- */

static const struct attr_def reshape_attrs[] = {
    {"allowzero", NULL, A_BOOL, 0, 0, NULL, "0 in the shape is a size, not a copy of the input's"},
    {"shape", "shape", A_INTS, AT_NET | AT_POS | AT_REQUIRED, 0, NULL, "new shape without the batch; -1: what remains, 0: as before"},
    {NULL, "batch", A_BOOL, AT_NET, 1, NULL, "the batch stays as it is; false: the shape has a place for it too"},
};

static bool reshape_params(struct graph *g, struct node *n)
{
    const struct attr *a = attr_get(n, "shape");
    const int batch = attr_i(n, "batch") != 0;
    int64_t v[MAX_RANK + 1] = {n->in[0]->rank > 0 ? n->in[0]->dim[0] : 1};
    if (a->n + batch > MAX_RANK)
        return attr_error(g, n, "shape", "%d sizes, at most %d are possible", a->n, MAX_RANK - batch);
    for (int i = 0; i < a->n; i++) {
        v[i + batch] = a->ints[i];
        if (v[i + batch] == 0 && i + batch < n->in[0]->rank)
            v[i + batch] = n->in[0]->dim[i + batch];
    }
    node_input(g, n, tensor_i64(g, unique_name(g, "shape"), a->n + batch, v));
    return true;
}

static bool reshape_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    int64_t v[64];
    int count, free_axis = -1;
    char a[160], b[160];
    if (!known_ints(g, n, 1, "the shape", v, COUNT(v), &count))
        return false;
    if (count > MAX_RANK)
        return node_error(g, n, "shape of rank %d, at most %d is possible", count, MAX_RANK);
    bool keep_zero = attr_i(n, "allowzero") != 0;
    int64_t known = 1, total = tensor_count(x);
    for (int i = 0; i < count; i++) {
        if (v[i] == 0 && !keep_zero) {
            if (i >= x->rank)
                return node_error(g, n, "size 0 at position %d copies a size that input %s does not have", i, shape_text(x, a));
            v[i] = x->dim[i];
        }
        if (v[i] == -1) {
            if (free_axis >= 0)
                return node_error(g, n, "shape has more than one -1");
            free_axis = i;
        } else if (v[i] < 0 || (v[i] && known > INT64_MAX / v[i])) {
            return node_error(g, n, "size %lld at position %d of the shape", (long long)v[i], i);
        } else {
            known *= v[i];
        }
    }
    if (free_axis >= 0) {
        if (known == 0 || total % known)
            return node_error(g, n, "%lld elements (%s) cannot be divided into parts of %lld", (long long)total,
                              shape_text(x, a), (long long)known);
        v[free_axis] = total / known;
    } else if (known != total) {
        struct tensor t = {.rank = count};
        memcpy(t.dim, v, sizeof *v * (size_t)count);
        node_error(g, n, "%lld elements (%s) do not fit shape %s with %lld", (long long)total, shape_text(x, a),
                   shape_text(&t, b), (long long)known);
        tensor_note(g, x);
        return false;
    }
    return view_as(g, n, count, v);
}

const struct op op_reshape = {
    .onnx = "Reshape", .net = "reshape", .doc = "the same elements under another shape", .attrs = reshape_attrs,
    .nattrs = COUNT(reshape_attrs), .min_in = 2, .max_in = 2, .net_in = 1, .params = reshape_params, .infer = reshape_infer, .past = past_view, VIEW,
};

/* ---- Flatten ---------------------------------------------------------------------------------------------------- */

static const struct attr_def flatten_attrs[] = {{"axis", "axis", A_INT, 0, 1, NULL, "first axis of the second dimension"}};

static bool flatten_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    int64_t axis = attr_i(n, "axis");
    if (axis < -x->rank || axis > x->rank)
        return attr_error(g, n, "axis", "axis %lld is outside the tensor's rank, expected %d to %d", (long long)axis, -x->rank,
                          x->rank);
    axis += axis < 0 ? x->rank : 0;
    return view_as(g, n, 2, (int64_t[]){dims_count((int)axis, x->dim), dims_count(x->rank - (int)axis, x->dim + axis)});
}

const struct op op_flatten = {
    .onnx = "Flatten", .net = "flatten", .doc = "a tensor as a matrix: one row for each element of the batch",
    .attrs = flatten_attrs, .nattrs = 1, .min_in = 1, .max_in = 1, .net_in = 1, .infer = flatten_infer, .past = past_view, VIEW,
};

/* ---- Squeeze, Unsqueeze ----------------------------------------------------------------------------------------- */

static const struct attr_def axes_attrs[] = {{"axes", "axes", A_INTS, AT_NET | AT_POS, 0, NULL, "axes, counting the batch as 0"}};

static bool axes_params(struct graph *g, struct node *n)
{
    const struct attr *a = attr_get(n, "axes");
    if (a->set)
        node_input(g, n, tensor_i64(g, unique_name(g, "axes"), a->n, a->ints));
    return true;
}

static bool read_axes(struct graph *g, struct node *n, int rank, bool chosen[MAX_RANK])
{
    int64_t v[64];
    int count;
    if (!known_ints(g, n, 1, "the axes", v, COUNT(v), &count))
        return false;
    memset(chosen, 0, sizeof *chosen * MAX_RANK);
    for (int i = 0; i < count; i++) {
        int64_t axis = axis_in(g, n, v[i], rank);
        if (axis < 0)
            return false;
        if (chosen[axis])
            return node_error(g, n, "axis %lld is given twice", (long long)axis);
        chosen[axis] = true;
    }
    return true;
}

static bool squeeze_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    bool chosen[MAX_RANK], all = !input(n, 1);
    int64_t dim[MAX_RANK];
    int r = 0;
    char text[160];
    if (!all && !read_axes(g, n, x->rank, chosen))
        return false;
    for (int i = 0; i < x->rank; i++) {
        if (!all && chosen[i] && x->dim[i] != 1)
            return node_error(g, n, "axis %d of %s is not 1", i, shape_text(x, text));
        if (all ? x->dim[i] != 1 : !chosen[i])
            dim[r++] = x->dim[i];
    }
    return view_as(g, n, r, dim);
}

static bool unsqueeze_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *axes = n->in[1];
    bool chosen[MAX_RANK];
    int64_t dim[MAX_RANK];
    int rank = x->rank + (int)MIN(tensor_count(axes), MAX_RANK + 1);
    if (rank > MAX_RANK)
        return node_error(g, n, "result of rank %d, at most %d is possible", rank, MAX_RANK);
    if (!read_axes(g, n, rank, chosen))
        return false;
    for (int i = 0, k = 0; i < rank; i++) {
        dim[i] = chosen[i] ? 1 : x->dim[k++];
    }
    return view_as(g, n, rank, dim);
}

/* The axes that are neither taken away nor new keep their order. */
static enum past squeeze_past(const struct node *n, int i, int axis, int *to)
{
    const bool less = n->op->min_in == 1;
    const int rank = less ? n->in[0]->rank : n->out[0]->rank;
    int64_t v[MAX_RANK] = {0};
    int count = 0, rest = 0;
    unsigned chosen = 0;
    if (i != 0 || !input(n, 1) || !tensor_ints(n->in[1], v, MAX_RANK, &count))
        return i != 0 ? PAST_BARRED : past_view(n, i, axis, to);
    for (int k = 0; k < count; k++)
        chosen |= 1u << (v[k] + (v[k] < 0 ? rank : 0));
    for (int k = 0; k < rank; k++)
        if (!(chosen >> k & 1)) {
            if (less ? k == axis : rest == axis)
                *to = less ? rest : k;
            rest++;
        }
    return *to < 0 ? PAST_BARRED : PAST_APART;
}

const struct op op_squeeze = {
    .onnx = "Squeeze", .net = "squeeze", .doc = "without axes of size 1", .attrs = axes_attrs, .nattrs = 1,
    .min_in = 1, .max_in = 2, .net_in = 1, .params = axes_params, .infer = squeeze_infer, .past = squeeze_past, VIEW,
};
const struct op op_unsqueeze = {
    .onnx = "Unsqueeze", .net = "unsqueeze", .doc = "with further axes of size 1", .attrs = axes_attrs, .nattrs = 1,
    .min_in = 2, .max_in = 2, .net_in = 1, .params = axes_params, .infer = unsqueeze_infer, .past = squeeze_past, VIEW,
};

/* ---- Shape, Size ------------------------------------------------------------------------------------------------ */

static const struct attr_def shape_attrs[] = {
    {"start", NULL, A_INT, 0, 0, NULL, "first axis"},
    {"end", NULL, A_INT, 0, INT32_MAX, NULL, "axis after the last"},
};

static int shape_values(const struct node *n, int64_t v[MAX_RANK])
{
    const struct tensor *x = n->in[0];
    if (n->op->nattrs == 0) {
        v[0] = tensor_count(x);
        return 1;
    }
    int64_t start = attr_i(n, "start"), end = attr_i(n, "end");
    start += start < 0 ? x->rank : 0;
    end += end < 0 ? x->rank : 0;
    start = MIN(MAX(start, 0), x->rank);
    end = MIN(MAX(end, start), x->rank);
    for (int64_t i = start; i < end; i++)
        v[i - start] = x->dim[i];
    return (int)(end - start);
}

static bool shape_infer(struct graph *g, struct node *n)
{
    int64_t v[MAX_RANK];
    int64_t count = shape_values(n, v);
    tensor_set_shape(n->out[0], n->op->nattrs ? 1 : 0, &count);
    n->out[0]->dtype = DT_I64;
    set_known(g, n->out[0], v);
    return true;
}

static void shape_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_integers *s = geometry;
    s->n = shape_values(n, s->value);
}
RUN(integers)
GEOMETRY(integers, FIELD(struct cnnc_integers, n, F_INT), FIELD_ARRAY(struct cnnc_integers, value, F_I64, 8));
static const struct kernel shape_kernels[] = {KERNEL(integers, "fill.h", integers, shape_fill)};
const struct op op_shape = {
    .onnx = "Shape", .doc = "the shape of a tensor", .attrs = shape_attrs, .nattrs = 2, .min_in = 1, .max_in = 1,
    .max_out = 1, .infer = shape_infer, .kernels = shape_kernels, .nkernels = 1,
};
const struct op op_size = {
    .onnx = "Size", .doc = "the number of elements of a tensor", .min_in = 1, .max_in = 1, .max_out = 1,
    .infer = shape_infer, .kernels = shape_kernels, .nkernels = 1,
};
