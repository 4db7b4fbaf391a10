/* Concat, Split, Col2Im: what joins and cuts tensors. */
#include "generic.h"
#include "grads.h"
#include "past.h"
#include "rearrange.h"
#include "shared.h"

#include "../../runtime/col2im.h"
#include "../../runtime/move.h"

GEOMETRY(concat, FIELD_LIT(struct cnnc_concat, size, F_INT), FIELD_LIT(struct cnnc_concat, parts, F_INT),
         FIELD(struct cnnc_concat, outer, F_LONG), FIELD_ARRAY(struct cnnc_concat, inner, F_LONG, CNNC_MOVE_PARTS));
RUN(concat)
RUN(split_parts)

/* ---- Concat ----------------------------------------------------------------------------------------------------- */

static const struct attr_def concat_attrs[] = {{"axis", "axis", A_INT, 0, 1, NULL, "axis to join along"}};

/* .net: channels unless it is told otherwise; ONNX has no default. */
static bool concat_params(struct graph *g, struct node *n)
{
    if (!attr_set(n, "axis"))
        set_attr_i(g, n, "axis", 1);
    return true;
}

static bool concat_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    if (n->nin > CNNC_MOVE_PARTS)
        return node_error(g, n, "%d inputs, at most %d are possible", n->nin, CNNC_MOVE_PARTS);
    int64_t axis = normal_axis(g, n, "axis", x->rank), size = 0;
    if (axis < 0)
        return false;
    for (int i = 0; i < n->nin; i++) {
        const struct tensor *t = n->in[i];
        char a[160], b[160];
        bool fits = t && t->rank == x->rank;
        for (int d = 0; fits && d < x->rank; d++)
            fits = d == axis || t->dim[d] == x->dim[d];
        if (!t)
            return node_error(g, n, "input %d is missing", i);
        if (!fits) {
            node_error(g, n, "shapes %s and %s cannot be joined along axis %lld", shape_text(x, a), shape_text(t, b),
                       (long long)axis);
            tensor_note(g, x);
            tensor_note(g, t);
            return false;
        }
        if (!same_dtype(g, n, 0, i))
            return false;
        size += t->dim[axis];
    }
    int64_t dim[MAX_RANK];
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] = size;
    tensor_set_shape(n->out[0], x->rank, dim);
    n->out[0]->dtype = x->dtype;
    return true;
}

static void concat_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_concat *p = geometry;
    const struct tensor *x = n->in[0];
    int64_t axis = attr_i(n, "axis");
    axis += axis < 0 ? x->rank : 0;
    *p = (struct cnnc_concat){.size = (int)dtype_size(x->dtype), .parts = n->nin, .outer = outer_of(x, axis)};
    for (int i = 0; i < n->nin; i++)
        p->inner[i] = (long)n->in[i]->dim[axis] * inner_of(x, axis);
}

/* Whole channel blocks: the layout pass lets the operands be made where the result wants them. */
static bool concat_blocks(const struct node *n, const struct target *target)
{
    const struct tensor *x = n->in[0];
    const int64_t axis = attr_i(n, "axis");
    if (x->dtype != DT_F32 || x->rank < 3 || x->rank > 5 || axis + (axis < 0 ? x->rank : 0) != 1)
        return false;
    for (int i = 0; i < n->nin; i++)
        if (tensor_is_const(n->in[i]) || (i + 1 < n->nin && n->in[i]->dim[1] % target->block != 0))
            return false;
    return true;
}
static double concat_blocks_cost(const struct node *n, const struct target *target)
{
    (void)n, (void)target;
    return 0;
}
static double moving_cost(const struct tensor *t) { return 2e-7 + (double)tensor_count(t) * (double)dtype_size(t->dtype) * 3e-10; }
static double concat_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return moving_cost(n->out[0]);
}
static double split_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return moving_cost(n->in[0]);
}

static enum past concat_past(const struct node *n, int i, int axis, int *to)
{
    const int64_t along = attr_i(n, "axis");
    (void)i;
    *to = axis;
    return axis == along + (along < 0 ? n->in[0]->rank : 0) ? PAST_BARRED : PAST_APART;
}

static const struct kernel concat_kernels[] = {
    {.name = "concat_in_place", .in_layout = LAYOUT_BLOCKED, .out_layout = LAYOUT_BLOCKED, .slices = true,
     .match = concat_blocks, .cost = concat_blocks_cost},
    {.name = "concat", .part = "move.h", .geometry = &concat_geometry, .fill = concat_fill, .run = run_concat,
     .cost = concat_cost},
};
const struct op op_concat = {
    .onnx = "Concat", .net = "concat", .doc = "tensors joined along an axis", .attrs = concat_attrs, .nattrs = 1,
    .min_in = 1, .max_in = -1, .net_in = -1, .max_out = 1, .flags = OP_MOVES | OP_SAMPLEWISE, .params = concat_params, .infer = concat_infer,
    .untranspose = untranspose_axis, .past = concat_past, .grad = concat_grad, .simplify = concat_simplify,
    .kernels = concat_kernels, .nkernels = COUNT(concat_kernels),
};

/* ---- Split ------------------------------------------------------------------------------------------------------ */

static const struct attr_def split_attrs[] = {
    {"axis", "axis", A_INT, 0, 0, NULL, "axis to cut (.net: 1)"},
    {"num_outputs", NULL, A_INT, 0, 0, NULL, "number of equal parts"},
    {"split", "sizes", A_INTS, AT_NET | AT_POS, 0, NULL, "size of each part (equal)"},
};

static bool split_params(struct graph *g, struct node *n)
{
    const struct attr *a = attr_get(n, "split");
    if (!attr_set(n, "axis"))
        set_attr_i(g, n, "axis", 1);
    if (a->set)
        node_input(g, n, tensor_i64(g, unique_name(g, "sizes"), a->n, a->ints));
    return true;
}

static bool split_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    int64_t axis = normal_axis(g, n, "axis", x->rank), v[CNNC_MOVE_PARTS], sum = 0, dim[MAX_RANK];
    int count = n->nout;
    char text[160];
    if (axis < 0)
        return false;
    if (count > CNNC_MOVE_PARTS)
        return node_error(g, n, "%d outputs, at most %d are possible", count, CNNC_MOVE_PARTS);
    int64_t size = x->dim[axis];
    if (input(n, 1)) {
        if (!known_ints(g, n, 1, "the sizes", v, CNNC_MOVE_PARTS, &count))
            return false;
    } else {
        if (attr_set(n, "num_outputs") && attr_i(n, "num_outputs") != n->nout)
            return attr_error(g, n, "num_outputs", "%lld parts for %d outputs", (long long)attr_i(n, "num_outputs"), n->nout);
        int64_t part = (size + count - 1) / count;
        for (int i = 0; i < count; i++)
            v[i] = MAX(MIN(part, size - i * part), 0);
    }
    for (int i = 0; i < count; i++) {
        if (v[i] < 0 || v[i] > size)
            return node_error(g, n, "part %d has size %lld, axis %lld of %s has only %lld", i, (long long)v[i], (long long)axis,
                              shape_text(x, text), (long long)size);
        sum += v[i];
    }
    if (count != n->nout)
        return node_error(g, n, "%d sizes for %d outputs", count, n->nout);
    if (sum != size)
        return node_error(g, n, "the sizes add up to %lld, axis %lld of %s has %lld", (long long)sum, (long long)axis,
                          shape_text(x, text), (long long)size);
    memcpy(dim, x->dim, sizeof dim);
    for (int i = 0; i < n->nout; i++)
        if (n->out[i]) {
            dim[axis] = v[i];
            tensor_set_shape(n->out[i], x->rank, dim);
            n->out[i]->dtype = x->dtype;
        }
    int64_t *sizes = v; /* kept for the kernel: an absent output has a size too */
    set_attr_ints(g, n, "split", n->nout, sizes);
    return true;
}

static void split_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_concat *p = geometry;
    const struct tensor *x = n->in[0];
    int64_t axis = attr_i(n, "axis");
    axis += axis < 0 ? x->rank : 0;
    *p = (struct cnnc_concat){.size = (int)dtype_size(x->dtype), .parts = n->nout, .outer = outer_of(x, axis)};
    for (int i = 0; i < n->nout; i++)
        p->inner[i] = (long)attr_at(n, "split", i, 0) * inner_of(x, axis);
}

/* Into whole channel blocks: who reads a part reads it where it lies. Not in training: what backward keeps has its own memory. */
static bool split_blocks(const struct node *n, const struct target *target)
{
    const struct tensor *x = n->in[0];
    const int64_t axis = attr_i(n, "axis");
    if (target->train || x->dtype != DT_F32 || x->rank < 3 || x->rank > 5 || axis + (axis < 0 ? x->rank : 0) != 1)
        return false;
    for (int i = 0; i < n->nout; i++)
        if (!n->out[i] || n->out[i]->dim[1] == 0 || (i + 1 < n->nout && n->out[i]->dim[1] % target->block != 0))
            return false;
    return true;
}

static const struct kernel split_kernels[] = {
    {.name = "split_in_place", .in_layout = LAYOUT_BLOCKED, .out_layout = LAYOUT_BLOCKED, .cuts = true,
     .match = split_blocks, .cost = concat_blocks_cost},
    {.name = "split_parts", .part = "move.h", .geometry = &concat_geometry, .fill = split_fill, .run = run_split_parts, .cost = split_cost},
};
const struct op op_split = {
    .onnx = "Split", .net = "split", .doc = "a tensor cut into parts along an axis", .attrs = split_attrs,
    .nattrs = COUNT(split_attrs), .min_in = 1, .max_in = 2, .net_in = 1, .max_out = CNNC_MOVE_PARTS, .flags = OP_VARIADIC_OUT | OP_MOVES | OP_SAMPLEWISE,
    .grad = split_grad, .params = split_params, .infer = split_infer, .untranspose = untranspose_axis, .past = concat_past,
    .kernels = split_kernels, .nkernels = COUNT(split_kernels),
};

/* ---- Col2Im ----------------------------------------------------------------------------------------------------- */

static const struct attr_def col2im_attrs[] = {
    {"dilations", NULL, A_INTS, AT_POSITIVE, 1, NULL, "step within a block"},
    {"pads", NULL, A_INTS, AT_NONNEG, 0, NULL, "border of the image"},
    {"strides", NULL, A_INTS, AT_POSITIVE, 1, NULL, "step between blocks"},
};

static bool col2im_plan(const struct node *n, struct cnnc_col2im *p)
{
    const struct tensor *x = n->in[0];
    int64_t image[4], kernel[4], blocks = 1;
    int k, count;
    if (!tensor_ints(n->in[1], image, 4, &count) || !tensor_ints(n->in[2], kernel, 4, &k) || k != count)
        return false;
    *p = (struct cnnc_col2im){.rank = count, .dtype = (int)x->dtype, .n = (long)x->dim[0]};
    int64_t taps = 1;
    for (int i = 0; i < count; i++) {
        p->image[i] = (long)image[i];
        p->kernel[i] = (long)kernel[i];
        p->stride[i] = (long)attr_at(n, "strides", i, 1);
        p->dilation[i] = (long)attr_at(n, "dilations", i, 1);
        p->before[i] = (long)attr_at(n, "pads", i, 0);
        if (image[i] < 1 || kernel[i] < 1 || p->stride[i] < 1 || p->dilation[i] < 1)
            return false;
        int64_t room = image[i] + p->before[i] + attr_at(n, "pads", count + i, 0) - p->dilation[i] * (kernel[i] - 1) - 1;
        if (room < 0)
            return false;
        p->count[i] = (long)(room / p->stride[i] + 1);
        blocks *= p->count[i];
        taps *= kernel[i];
    }
    p->c = (long)(x->dim[1] / taps);
    return x->dim[1] % taps == 0 && x->dim[2] == blocks;
}

static bool col2im_infer(struct graph *g, struct node *n)
{
    int64_t v[64], dim[MAX_RANK];
    int count;
    struct cnnc_col2im p;
    char text[160];
    if (!check_rank(g, n, 0, 3, 3) || !known_ints(g, n, 1, "the image's shape", v, COUNT(v), &count) ||
        !known_ints(g, n, 2, "the block's shape", v, COUNT(v), &count))
        return false;
    if (!col2im_plan(n, &p))
        return node_error(g, n, "columns of shape %s do not fit the image and the blocks", shape_text(n->in[0], text));
    dim[0] = p.n;
    dim[1] = p.c;
    for (int i = 0; i < p.rank; i++)
        dim[2 + i] = p.image[i];
    tensor_set_shape(n->out[0], 2 + p.rank, dim);
    n->out[0]->dtype = n->in[0]->dtype;
    return true;
}

static void col2im_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    col2im_plan(n, geometry);
}
RUN(col2im)
GEOMETRY(col2im, FIELD_LIT(struct cnnc_col2im, rank, F_INT), FIELD_LIT(struct cnnc_col2im, dtype, F_INT),
         FIELD(struct cnnc_col2im, n, F_LONG), FIELD(struct cnnc_col2im, c, F_LONG),
         FIELD_ARRAY(struct cnnc_col2im, image, F_LONG, 4), FIELD_ARRAY(struct cnnc_col2im, kernel, F_LONG, 4),
         FIELD_ARRAY(struct cnnc_col2im, stride, F_LONG, 4), FIELD_ARRAY(struct cnnc_col2im, dilation, F_LONG, 4),
         FIELD_ARRAY(struct cnnc_col2im, before, F_LONG, 4), FIELD_ARRAY(struct cnnc_col2im, count, F_LONG, 4));
static const struct kernel col2im_kernels[] = {KERNEL(col2im, "col2im.h", col2im, col2im_fill)};
const struct op op_col2im = {
    .onnx = "Col2Im", .doc = "columns of blocks added up to an image", .attrs = col2im_attrs, .nattrs = COUNT(col2im_attrs),
    .min_in = 3, .max_in = 3, .max_out = 1, .infer = col2im_infer, .kernels = col2im_kernels, .nkernels = 1,
};
