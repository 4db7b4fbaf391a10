/* Operators that move elements to or from places which a tensor of indices names. */
#include "generic.h"
#include "grads.h"
#include "past.h"

#include "../../runtime/gather.h"
#include "../../runtime/place.h"

static long bytes_of(const struct tensor *t) { return (long)dtype_size(t->dtype); }

/* ---- Gather ----------------------------------------------------------------------------------------------------- */

static const struct attr_def axis0_attr[] = {{"axis", "axis", A_INT, 0, 0, NULL, "axis to index"}};

static bool gather_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *index = n->in[1];
    int64_t axis = normal_axis(g, n, "axis", x->rank), dim[2 * MAX_RANK];
    if (axis < 0 || !check_index_type(g, n, 1))
        return false;
    if (x->rank - 1 + index->rank > MAX_RANK)
        return node_error(g, n, "result of rank %d, at most %d is possible", x->rank - 1 + index->rank, MAX_RANK);
    int r = 0;
    for (int i = 0; i < axis; i++)
        dim[r++] = x->dim[i];
    for (int i = 0; i < index->rank; i++)
        dim[r++] = index->dim[i];
    for (int i = (int)axis + 1; i < x->rank; i++)
        dim[r++] = x->dim[i];
    if (index->data)
        for (int64_t i = 0; i < tensor_count(index); i++) {
            int64_t k = cnnc_get_int((int)index->dtype, index->data, (ptrdiff_t)i);
            if (k < -x->dim[axis] || k >= x->dim[axis])
                return node_error(g, n, "index %lld is outside axis %lld of size %lld", (long long)k, (long long)axis,
                                  (long long)x->dim[axis]);
        }
    tensor_set_shape(n->out[0], r, dim);
    n->out[0]->dtype = x->dtype;
    return true;
}

static void gather_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    int64_t axis = attr_i(n, "axis");
    axis += axis < 0 ? x->rank : 0;
    *(struct cnnc_gather *)geometry =
        (struct cnnc_gather){.size = (int)bytes_of(x), .index64 = n->in[1]->dtype == DT_I64, .outer = outer_of(x, axis),
                             .axis = (long)x->dim[axis], .inner = inner_of(x, axis), .count = (long)tensor_count(n->in[1])};
}
RUN(gather)
GEOMETRY(gather, FIELD_LIT(struct cnnc_gather, size, F_INT), FIELD_LIT(struct cnnc_gather, index64, F_INT),
         FIELD(struct cnnc_gather, outer, F_LONG), FIELD(struct cnnc_gather, axis, F_LONG),
         FIELD(struct cnnc_gather, inner, F_LONG), FIELD(struct cnnc_gather, count, F_LONG));
/* A place that is counted from the end depends on where that is. */
static bool counts_from_end(const struct tensor *index)
{
    for (int64_t i = 0; index->data && i < tensor_count(index); i++)
        if (cnnc_get_int((int)index->dtype, index->data, (ptrdiff_t)i) < 0)
            return true;
    return false;
}

static enum past gather_past(const struct node *n, int i, int axis, int *to)
{
    const int64_t a = attr_i(n, "axis"), along = a + (a < 0 ? n->in[0]->rank : 0);
    if (i == 0 && axis == along)
        return counts_from_end(n->in[1]) ? PAST_BARRED : PAST_APART;
    *to = i == 1 ? (int)along + axis : axis < along ? axis : axis - 1 + n->in[1]->rank;
    return PAST_APART;
}
static const struct kernel gather_kernels[] = {KERNEL(gather, "gather.h", gather, gather_fill)};
const struct op op_gather = {
    .onnx = "Gather", .net = "gather", .doc = "slices of a tensor by index", .attrs = axis0_attr, .nattrs = 1,
    .min_in = 2, .max_in = 2, .net_in = 2, .max_out = 1, .flags = OP_MOVES, .grad = gather_grad, .infer = gather_infer, .past = gather_past,
    .kernels = gather_kernels, .nkernels = 1,
};

static void gather_grad_fill(const struct node *n, void *geometry, const struct target *target)
{
    struct node forward = *n; /* as the forward operator says it */
    struct tensor *const in[2] = {n->out[0], n->in[1]};
    forward.in = (struct tensor **)in;
    gather_fill(&forward, geometry, target);
}
static const struct kernel gather_grad_kernels[] = {
    {.name = "gather_grad", .part = "gather_train.h", .geometry = &gather_geometry, .fill = gather_grad_fill}};
const struct op op_gather_grad = {
    .onnx = "GatherGrad", .doc = "gradient of a gather", .attrs = axis0_attr, .nattrs = 1, .min_in = 2, .max_in = 2, .max_out = 1,
    .flags = OP_INTERNAL, .kernels = gather_grad_kernels, .nkernels = 1,
};

/* ---- GatherElements, ScatterElements ---------------------------------------------------------------------------- */

static bool elements_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *index = n->in[1];
    bool scatter = n->nin > 2;
    char a[160], b[160];
    int64_t axis = normal_axis(g, n, "axis", x->rank);
    if (axis < 0 || !check_index_type(g, n, 1))
        return false;
    if (index->rank != x->rank)
        return node_error(g, n, "indices have shape %s, expected rank %d", shape_text(index, a), x->rank);
    for (int i = 0; i < x->rank; i++)
        if (i != axis && index->dim[i] > x->dim[i])
            return node_error(g, n, "indices of shape %s reach past data of shape %s", shape_text(index, a), shape_text(x, b));
    if (scatter) {
        if (!same_shape(index, n->in[2]))
            return node_error(g, n, "updates have shape %s, expected that of the indices, %s", shape_text(n->in[2], a),
                              shape_text(index, b));
        if (!same_dtype(g, n, 0, 2))
            return false;
    }
    const struct tensor *like = scatter ? x : index;
    tensor_set_shape(n->out[0], like->rank, like->dim);
    n->out[0]->dtype = x->dtype;
    return true;
}

static int combine_of(const char *reduction)
{
    static const char *const name[] = {"none", "add", "mul", "max", "min"};
    for (int i = 0; i < 5; i++)
        if (strcmp(name[i], reduction) == 0)
            return i;
    return 0;
}

static void elements_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_elements *e = geometry;
    const struct tensor *x = n->in[0], *index = n->in[1];
    int64_t axis = attr_i(n, "axis");
    axis += axis < 0 ? x->rank : 0;
    *e = (struct cnnc_elements){.size = (int)bytes_of(x), .index64 = index->dtype == DT_I64, .rank = x->rank, .axis = (int)axis};
    for (int i = 0; i < x->rank; i++) {
        e->data[i] = (long)x->dim[i];
        e->index[i] = (long)index->dim[i];
    }
}

static void scatter_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_scatter *e = geometry;
    const struct tensor *x = n->in[0], *index = n->in[1];
    int64_t axis = attr_i(n, "axis");
    axis += axis < 0 ? x->rank : 0;
    *e = (struct cnnc_scatter){.rank = x->rank, .axis = (int)axis, .index = (int)index->dtype, .bytes = (int)bytes_of(x),
                               .dtype = (int)x->dtype, .size = (long)x->dim[axis], .total = (long)tensor_count(x),
                               .combine = combine_of(attr_s(n, "reduction"))};
    for (int i = 0; i < x->rank; i++)
        e->dim[i] = (long)index->dim[i];
    strides_of(x, e->x);
}
RUN(gather_elements)
RUN(scatter_elements)
GEOMETRY(elements, FIELD_LIT(struct cnnc_elements, size, F_INT), FIELD_LIT(struct cnnc_elements, index64, F_INT),
         FIELD_LIT(struct cnnc_elements, rank, F_INT), FIELD(struct cnnc_elements, axis, F_INT),
         FIELD_ARRAY(struct cnnc_elements, data, F_LONG, 8), FIELD_ARRAY(struct cnnc_elements, index, F_LONG, 8));
GEOMETRY(scatter, FIELD_LIT(struct cnnc_scatter, rank, F_INT), FIELD_LIT(struct cnnc_scatter, axis, F_INT),
         FIELD_LIT(struct cnnc_scatter, index, F_INT), FIELD_LIT(struct cnnc_scatter, bytes, F_INT),
         FIELD_LIT(struct cnnc_scatter, dtype, F_INT), FIELD_ARRAY(struct cnnc_scatter, dim, F_LONG, 8),
         FIELD_ARRAY(struct cnnc_scatter, x, F_LONG, 8), FIELD(struct cnnc_scatter, size, F_LONG),
         FIELD(struct cnnc_scatter, total, F_LONG), FIELD_LIT(struct cnnc_scatter, combine, F_INT));
static const struct kernel gather_elements_kernels[] = {KERNEL(gather_elements, "gather.h", elements, elements_fill)};
static const struct kernel scatter_elements_kernels[] = {KERNEL(scatter_elements, "place.h", scatter, scatter_fill)};
static enum past gather_elements_past(const struct node *n, int i, int axis, int *to)
{
    *to = i == 1 ? axis : -1;
    return i == 0 && counts_from_end(n->in[1]) ? PAST_BARRED : PAST_APART;
}

/* Of a scatter: indices past their number point nowhere, and no update is read for them. */
static enum past scatter_past(const struct node *n, int i, int axis, int *to)
{
    *to = i == 0 ? axis : -1;
    return i == 1 ? PAST_HIGHEST : i == 0 && counts_from_end(n->in[1]) ? PAST_BARRED : PAST_APART;
}
const struct op op_gather_elements = {
    .onnx = "GatherElements", .doc = "elements along an axis by index", .attrs = axis0_attr, .nattrs = 1,
    .min_in = 2, .max_in = 2, .max_out = 1, .flags = OP_MOVES, .infer = elements_infer, .past = gather_elements_past,
    .kernels = gather_elements_kernels, .nkernels = 1,
};
static const struct attr_def scatter_attrs[] = {
    {"axis", NULL, A_INT, 0, 0, NULL, "axis to index"},
    {"reduction", NULL, A_STRING, 0, 0, "none:none|add|mul|max|min", "what becomes of the old value"},
};
const struct op op_scatter_elements = {
    .onnx = "ScatterElements", .doc = "a copy with elements along an axis replaced by index", .attrs = scatter_attrs, .nattrs = 2,
    .min_in = 3, .max_in = 3, .max_out = 1, .infer = elements_infer, .past = scatter_past, .kernels = scatter_elements_kernels, .nkernels = 1,
};
const struct op op_scatter = {
    .onnx = "Scatter", .doc = "ScatterElements of opset 9", .attrs = scatter_attrs, .nattrs = 2,
    .min_in = 3, .max_in = 3, .max_out = 1, .infer = elements_infer, .past = scatter_past, .kernels = scatter_elements_kernels, .nkernels = 1,
};

/* ---- GatherND, ScatterND ---------------------------------------------------------------------------------------- */

static bool gather_nd_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *index = n->in[1];
    int64_t batch = attr_i(n, "batch_dims"), dim[2 * MAX_RANK];
    char a[160], b[160];
    if (!check_dtype(g, n, 1, (const enum dtype[]){DT_I64, DT_NONE}) || !check_rank(g, n, 0, 1, MAX_RANK) || !check_rank(g, n, 1, 1, MAX_RANK))
        return false;
    int64_t depth = index->dim[index->rank - 1];
    if (batch < 0 || batch >= index->rank || batch >= x->rank || depth < 1 || batch + depth > x->rank)
        return node_error(g, n, "indices of shape %s do not fit data of shape %s with batch_dims %lld", shape_text(index, a),
                          shape_text(x, b), (long long)batch);
    int r = 0;
    for (int i = 0; i < index->rank - 1; i++) {
        if (i < batch && index->dim[i] != x->dim[i])
            return node_error(g, n, "batch dimensions of indices (%s) and data (%s) differ", shape_text(index, a),
                              shape_text(x, b));
        dim[r++] = index->dim[i];
    }
    for (int i = (int)(batch + depth); i < x->rank; i++)
        dim[r++] = x->dim[i];
    if (r > MAX_RANK)
        return node_error(g, n, "result of rank %d, at most %d is possible", r, MAX_RANK);
    tensor_set_shape(n->out[0], r, dim);
    n->out[0]->dtype = x->dtype;
    return true;
}

static bool scatter_nd_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *index = n->in[1], *u = n->in[2];
    char a[160], b[160], c[160];
    if (!check_index_type(g, n, 1) || !check_rank(g, n, 0, 1, MAX_RANK) || !check_rank(g, n, 1, 1, MAX_RANK) ||
        !same_dtype(g, n, 0, 2))
        return false;
    int64_t depth = index->dim[index->rank - 1];
    bool fits = depth <= x->rank && u->rank == index->rank - 1 + x->rank - (int)depth;
    for (int i = 0; fits && i < u->rank; i++)
        fits = u->dim[i] == (i < index->rank - 1 ? index->dim[i] : x->dim[depth + i - (index->rank - 1)]);
    if (!fits)
        return node_error(g, n, "data %s, indices %s and updates %s do not fit together", shape_text(x, a),
                          shape_text(index, b), shape_text(u, c));
    return infer_same_as_input(g, n);
}

static void gather_nd_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_nd *e = geometry;
    const struct tensor *x = n->in[0], *index = n->in[1];
    int batch = (int)attr_i(n, "batch_dims"), depth = (int)index->dim[index->rank - 1];
    *e = (struct cnnc_nd){.size = (int)bytes_of(x), .depth = depth, .batch = (long)dims_count(batch, x->dim),
                          .count = (long)dims_count(index->rank - 1 - batch, index->dim + batch),
                          .inner = (long)dims_count(x->rank - batch - depth, x->dim + batch + depth)};
    for (int i = 0; i < depth; i++)
        e->dim[i] = (long)x->dim[batch + i];
}

static void scatter_nd_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_scatter_nd *e = geometry;
    const struct tensor *x = n->in[0], *index = n->in[1];
    int depth = (int)index->dim[index->rank - 1];
    *e = (struct cnnc_scatter_nd){.n = (long)dims_count(index->rank - 1, index->dim),
                                  .inner = (long)dims_count(x->rank - depth, x->dim + depth), .total = (long)tensor_count(x),
                                  .depth = depth, .index = (int)index->dtype, .bytes = (int)bytes_of(x), .dtype = (int)x->dtype,
                                  .combine = combine_of(attr_s(n, "reduction"))};
    for (int i = 0; i < depth; i++)
        e->dim[i] = (long)x->dim[i];
}
RUN(gather_nd)
RUN(scatter_nd)
GEOMETRY(nd, FIELD_LIT(struct cnnc_nd, size, F_INT), FIELD_LIT(struct cnnc_nd, depth, F_INT),
         FIELD(struct cnnc_nd, batch, F_LONG), FIELD(struct cnnc_nd, count, F_LONG), FIELD(struct cnnc_nd, inner, F_LONG),
         FIELD_ARRAY(struct cnnc_nd, dim, F_LONG, 8));
GEOMETRY(scatter_nd, FIELD(struct cnnc_scatter_nd, n, F_LONG), FIELD(struct cnnc_scatter_nd, inner, F_LONG),
         FIELD_ARRAY(struct cnnc_scatter_nd, dim, F_LONG, 8), FIELD(struct cnnc_scatter_nd, total, F_LONG),
         FIELD_LIT(struct cnnc_scatter_nd, depth, F_INT), FIELD_LIT(struct cnnc_scatter_nd, index, F_INT),
         FIELD_LIT(struct cnnc_scatter_nd, bytes, F_INT), FIELD_LIT(struct cnnc_scatter_nd, dtype, F_INT),
         FIELD_LIT(struct cnnc_scatter_nd, combine, F_INT));
static const struct kernel gather_nd_kernels[] = {KERNEL(gather_nd, "gather.h", nd, gather_nd_fill)};
static const struct kernel scatter_nd_kernels[] = {KERNEL(scatter_nd, "place.h", scatter_nd, scatter_nd_fill)};
static const struct attr_def gather_nd_attrs[] = {
    {"batch_dims", NULL, A_INT, AT_NONNEG, 0, NULL, "leading axes that data and indices share"}};
static enum past gather_nd_past(const struct node *n, int i, int axis, int *to)
{
    const struct tensor *index = n->in[1];
    const int batch = (int)attr_i(n, "batch_dims"), depth = (int)index->dim[index->rank - 1];
    if (i == 1) {
        *to = axis;
        return axis == index->rank - 1 ? PAST_BARRED : PAST_APART;
    }
    if (axis >= batch && axis < batch + depth)
        return counts_from_end(index) ? PAST_BARRED : PAST_APART;
    *to = axis < batch ? axis : index->rank - 1 + axis - batch - depth;
    return PAST_APART;
}

static enum past scatter_nd_past(const struct node *n, int i, int axis, int *to)
{
    return i == 1 && axis == n->in[1]->rank - 1 ? PAST_BARRED : scatter_past(n, i, axis, to);
}
const struct op op_gather_nd = {
    .onnx = "GatherND", .doc = "slices by tuples of indices", .attrs = gather_nd_attrs, .nattrs = 1,
    .min_in = 2, .max_in = 2, .max_out = 1, .flags = OP_MOVES, .infer = gather_nd_infer, .past = gather_nd_past, .kernels = gather_nd_kernels,
    .nkernels = 1,
};
const struct op op_scatter_nd = {
    .onnx = "ScatterND", .doc = "a copy with slices replaced by tuples of indices", .attrs = scatter_attrs + 1, .nattrs = 1,
    .min_in = 3, .max_in = 3, .max_out = 1, .infer = scatter_nd_infer, .past = scatter_nd_past, .kernels = scatter_nd_kernels, .nkernels = 1,
};

/* ---- OneHot ----------------------------------------------------------------------------------------------------- */

static const struct attr_def one_hot_attrs[] = {{"axis", NULL, A_INT, 0, -1, NULL, "where the new axis stands"}};

static bool one_hot_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *values = n->in[2];
    double depth;
    int64_t axis = normal_axis(g, n, "axis", x->rank + 1), dim[MAX_RANK + 1];
    if (axis < 0 || !known_number(g, n, 1, "the depth", &depth))
        return false;
    if (x->rank == MAX_RANK || tensor_count(values) != 2)
        return node_error(g, n, "values have %lld elements, expected 2", (long long)tensor_count(values));
    if (!(depth >= 0 && depth < 1e9))
        return node_error(g, n, "depth %g is not a size", depth);
    for (int i = 0; i <= x->rank; i++)
        dim[i] = i < axis ? x->dim[i] : i == axis ? (int64_t)depth : x->dim[i - 1];
    tensor_set_shape(n->out[0], x->rank + 1, dim);
    n->out[0]->dtype = values->dtype;
    return true;
}

static void one_hot_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *y = n->out[0];
    int64_t axis = attr_i(n, "axis");
    axis += axis < 0 ? y->rank : 0;
    *(struct cnnc_one_hot *)geometry = (struct cnnc_one_hot){outer_of(y, axis), (long)y->dim[axis], inner_of(y, axis),
                                                             (int)n->in[0]->dtype, (int)bytes_of(y)};
}
RUN(one_hot)
GEOMETRY(one_hot, FIELD(struct cnnc_one_hot, outer, F_LONG), FIELD(struct cnnc_one_hot, depth, F_LONG),
         FIELD(struct cnnc_one_hot, inner, F_LONG), FIELD_LIT(struct cnnc_one_hot, index, F_INT),
         FIELD_LIT(struct cnnc_one_hot, bytes, F_INT));
static const struct kernel one_hot_kernels[] = {KERNEL(one_hot, "place.h", one_hot, one_hot_fill)};
static enum past one_hot_past(const struct node *n, int i, int axis, int *to)
{
    const int64_t a = attr_i(n, "axis"), at = a + (a < 0 ? n->out[0]->rank : 0);
    *to = axis < at ? axis : axis + 1;
    return i == 0 ? PAST_APART : PAST_BARRED;
}
const struct op op_one_hot = {
    .onnx = "OneHot", .doc = "one value where the index points, another elsewhere", .attrs = one_hot_attrs, .nattrs = 1,
    .min_in = 3, .max_in = 3, .max_out = 1, .infer = one_hot_infer, .past = one_hot_past, .kernels = one_hot_kernels, .nkernels = 1,
};

/* ---- ReverseSequence -------------------------------------------------------------------------------------------- */

static const struct attr_def reverse_attrs[] = {
    {"batch_axis", NULL, A_INT, 0, 1, NULL, "axis of the sequences"},
    {"time_axis", NULL, A_INT, 0, 0, NULL, "axis that is reversed"},
};

static bool reverse_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *length = n->in[1];
    if (!check_rank(g, n, 0, 2, MAX_RANK) || !check_rank(g, n, 1, 1, 1))
        return false;
    int64_t batch = normal_axis(g, n, "batch_axis", x->rank), time = normal_axis(g, n, "time_axis", x->rank);
    if (batch < 0 || time < 0)
        return false;
    if (batch == time || batch > 1 || time > 1)
        return node_error(g, n, "batch_axis and time_axis must be 0 and 1 or 1 and 0");
    if (length->dim[0] != x->dim[batch] || length->dtype != DT_I64)
        return node_error(g, n, "%lld sequence lengths (%s), expected %lld (int64)", (long long)length->dim[0],
                          dtype_name(length->dtype), (long long)x->dim[batch]);
    return infer_same_as_input(g, n);
}

static void reverse_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    int64_t time = attr_i(n, "time_axis");
    time += time < 0 ? x->rank : 0;
    *(struct cnnc_reverse_sequence *)geometry = (struct cnnc_reverse_sequence){
        1, (long)x->dim[0], 1, (long)x->dim[1], inner_of(x, 1) * bytes_of(x), time == 0};
}
RUN(reverse_sequence)
GEOMETRY(reverse_sequence, FIELD(struct cnnc_reverse_sequence, outer, F_LONG),
         FIELD(struct cnnc_reverse_sequence, a, F_LONG), FIELD(struct cnnc_reverse_sequence, middle, F_LONG),
         FIELD(struct cnnc_reverse_sequence, b, F_LONG), FIELD_LIT(struct cnnc_reverse_sequence, inner, F_LONG),
         FIELD_LIT(struct cnnc_reverse_sequence, time_first, F_INT));
static const struct kernel reverse_kernels[] = {KERNEL(reverse_sequence, "place.h", reverse_sequence, reverse_fill)};
const struct op op_reverse_sequence = {
    .onnx = "ReverseSequence", .doc = "sequences of different lengths, each reversed", .attrs = reverse_attrs, .nattrs = 2,
    .min_in = 2, .max_in = 2, .max_out = 1, .flags = OP_MOVES, .infer = reverse_infer, .kernels = reverse_kernels, .nkernels = 1,
};

/* ---- TensorScatter ---------------------------------------------------------------------------------------------- */

static const struct attr_def tensor_scatter_attrs[] = {
    {"axis", NULL, A_INT, 0, -2, NULL, "axis of the sequence"},
    {"mode", NULL, A_STRING, 0, 0, "linear:linear|circular", "what happens past the end"},
};

static bool tensor_scatter_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *u = n->in[1], *start = input(n, 2);
    char a[160], b[160];
    int64_t axis = normal_axis(g, n, "axis", x->rank);
    if (axis < 0 || !same_dtype(g, n, 0, 1))
        return false;
    bool fits = axis > 0 && u->rank == x->rank && (!start || (start->rank == 1 && start->dim[0] == x->dim[0]));
    for (int i = 0; fits && i < x->rank; i++)
        fits = i == axis ? u->dim[i] <= x->dim[i] : u->dim[i] == x->dim[i];
    if (!fits)
        return node_error(g, n, "update %s does not fit a cache of %s", shape_text(u, a), shape_text(x, b));
    if (start && start->dtype != DT_I64)
        return node_error(g, n, "write_indices are %s, expected int64", dtype_name(start->dtype));
    absent_inputs(g, n, 3);
    return infer_same_as_input(g, n);
}

static void tensor_scatter_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    int64_t axis = attr_i(n, "axis");
    axis += axis < 0 ? x->rank : 0;
    *(struct cnnc_tensor_scatter *)geometry = (struct cnnc_tensor_scatter){
        outer_of(x, axis), (long)x->dim[axis], (long)n->in[1]->dim[axis], inner_of(x, axis) * bytes_of(x),
        (long)dims_count((int)axis - 1, x->dim + 1), strcmp(attr_s(n, "mode"), "circular") == 0};
}
RUN(tensor_scatter)
GEOMETRY(tensor_scatter, FIELD(struct cnnc_tensor_scatter, outer, F_LONG), FIELD(struct cnnc_tensor_scatter, size, F_LONG),
         FIELD(struct cnnc_tensor_scatter, n, F_LONG), FIELD(struct cnnc_tensor_scatter, inner, F_LONG),
         FIELD(struct cnnc_tensor_scatter, per, F_LONG), FIELD_LIT(struct cnnc_tensor_scatter, circular, F_INT));
static const struct kernel tensor_scatter_kernels[] = {
    KERNEL(tensor_scatter, "place.h", tensor_scatter, tensor_scatter_fill)};
const struct op op_tensor_scatter = {
    .onnx = "TensorScatter", .doc = "a cache with new entries written in", .attrs = tensor_scatter_attrs, .nattrs = 2,
    .min_in = 2, .max_in = 3, .max_out = 1, .infer = tensor_scatter_infer, .kernels = tensor_scatter_kernels, .nkernels = 1,
};
