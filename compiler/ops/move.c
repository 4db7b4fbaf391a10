/* Operators that copy elements between regular patterns of places. */
#include "generic.h"
#include "grads.h"
#include "past.h"
#include "rearrange.h"

#include "../../runtime/move.h"

RUN(move)
GEOMETRY(move, FIELD_LIT(struct cnnc_move, size, F_INT), FIELD_LIT(struct cnnc_move, rank, F_INT),
         FIELD_ARRAY(struct cnnc_move, dim, F_LONG, CNNC_MOVE_RANK), FIELD_ARRAY(struct cnnc_move, x, F_LONG, CNNC_MOVE_RANK),
         FIELD_ARRAY(struct cnnc_move, y, F_LONG, CNNC_MOVE_RANK), FIELD(struct cnnc_move, x0, F_LONG),
         FIELD(struct cnnc_move, y0, F_LONG));
#define STRIDED(op) static const struct kernel op##_kernels[] = {KERNEL(move, "move.h", move, op##_fill)}
#define ONE_KERNEL(op) .kernels = op##_kernels, .nkernels = 1

/* ---- patterns: axes of the result, neighbours joined where both sides walk as one ------------------------------- */

struct pattern {
    int rank;
    int64_t dim[MAX_RANK], from[MAX_RANK], origin;
};

static void pattern_axis(struct pattern *p, int64_t dim, int64_t from)
{
    if (dim == 1)
        return;
    if (p->rank > 0 && p->from[p->rank - 1] == from * dim) {
        p->dim[p->rank - 1] *= dim;
        p->from[p->rank - 1] = from;
        return;
    }
    p->dim[p->rank] = dim;
    p->from[p->rank++] = from;
}

static void pattern_fill(const struct node *n, const struct pattern *p, void *geometry)
{
    struct cnnc_move *m = geometry;
    *m = (struct cnnc_move){.size = (int)dtype_size(n->in[0]->dtype), .rank = MAX(p->rank, 1), .x0 = (ptrdiff_t)p->origin,
                            .dim = {1}};
    ptrdiff_t stride = 1;
    for (int i = p->rank - 1; i >= 0; i--) {
        m->dim[i] = (long)p->dim[i];
        m->x[i] = (ptrdiff_t)p->from[i];
        m->y[i] = stride;
        stride *= m->dim[i];
    }
}

/* ---- Transpose -------------------------------------------------------------------------------------------------- */

static const struct attr_def transpose_attrs[] = {
    {"perm", "perm", A_INTS, AT_POS, 0, NULL, "which input axis becomes each output axis (reversed)"}};

#define perm_at transpose_axis_of

static bool transpose_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    const struct attr *a = attr_get(n, "perm");
    int64_t dim[MAX_RANK];
    unsigned seen = 0;
    if (a->set && a->n != x->rank)
        return attr_error(g, n, "perm", "perm has %d axes, expected %d", a->n, x->rank);
    for (int i = 0; i < x->rank; i++) {
        int64_t k = perm_at(n, i);
        if (k < 0 || k >= x->rank || seen >> k & 1)
            return attr_error(g, n, "perm", "perm is not a permutation of 0 to %d", x->rank - 1);
        seen |= 1u << k;
        dim[i] = x->dim[k];
    }
    tensor_set_shape(n->out[0], x->rank, dim);
    n->out[0]->dtype = x->dtype;
    return true;
}

static void transpose_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct pattern p = {0};
    long stride[MAX_RANK];
    strides_of(n->in[0], stride);
    for (int i = 0; i < n->in[0]->rank; i++)
        pattern_axis(&p, n->out[0]->dim[i], stride[perm_at(n, i)]);
    pattern_fill(n, &p, geometry);
}
STRIDED(transpose);
static enum past transpose_past(const struct node *n, int i, int axis, int *to)
{
    (void)i;
    for (int k = 0; k < n->in[0]->rank; k++)
        *to = perm_at(n, k) == axis ? k : *to;
    return PAST_APART;
}
const struct op op_transpose = {
    .onnx = "Transpose", .net = "transpose", .doc = "axes in another order", .attrs = transpose_attrs, .nattrs = 1,
    .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1, .flags = OP_MOVES | OP_PERMUTES, .grad = transpose_grad, .infer = transpose_infer,
    .past = transpose_past, .simplify = transpose_simplify,
    ONE_KERNEL(transpose),
};

/* ---- Slice ------------------------------------------------------------------------------------------------------ */

static const struct attr_def slice_attrs[] = {
    {"starts", "start", A_INTS, AT_NET | AT_POS | AT_REQUIRED, 0, NULL, "first position on each axis"},
    {"ends", "end", A_INTS, AT_NET | AT_POS | AT_REQUIRED, 0, NULL, "position after the last"},
    {"axes", "axes", A_INTS, AT_NET, 0, NULL, "the axes, counting the batch as 0 (from 1 on)"},
    {"steps", "step", A_INTS, AT_NET, 0, NULL, "step on each axis (1)"},
};

static bool slice_params(struct graph *g, struct node *n)
{
    const struct attr *start = attr_get(n, "starts"), *end = attr_get(n, "ends");
    int64_t axes[MAX_RANK], steps[MAX_RANK];
    if (start->n != end->n || start->n > MAX_RANK)
        return attr_error(g, n, "ends", "%d ends, expected %d", end->n, start->n);
    for (int i = 0; i < start->n; i++) {
        axes[i] = attr_at(n, "axes", i, i + 1);
        steps[i] = attr_at(n, "steps", i, 1);
    }
    node_input(g, n, tensor_i64(g, unique_name(g, "start"), start->n, start->ints));
    node_input(g, n, tensor_i64(g, unique_name(g, "end"), end->n, end->ints));
    node_input(g, n, tensor_i64(g, unique_name(g, "axes"), start->n, axes));
    node_input(g, n, tensor_i64(g, unique_name(g, "step"), start->n, steps));
    return true;
}

/* First position and step of each axis; the sizes in dim. False without a message if an axis is impossible. */
bool slice_places(const struct node *n, int64_t first[MAX_RANK], int64_t step[MAX_RANK], int64_t dim[MAX_RANK])
{
    const struct tensor *x = n->in[0];
    int64_t start[MAX_RANK], end[MAX_RANK], axes[MAX_RANK], steps[MAX_RANK];
    int count = 0, k;
    for (int i = 0; i < x->rank; i++) {
        first[i] = 0;
        step[i] = 1;
        dim[i] = x->dim[i];
    }
    if (!tensor_ints(n->in[1], start, MAX_RANK, &count) || !tensor_ints(n->in[2], end, MAX_RANK, &k) || k != count)
        return false;
    for (int i = 0; i < count; i++) {
        axes[i] = i;
        steps[i] = 1;
    }
    if ((input(n, 3) && (!tensor_ints(n->in[3], axes, MAX_RANK, &k) || k != count)) ||
        (input(n, 4) && (!tensor_ints(n->in[4], steps, MAX_RANK, &k) || k != count)))
        return false;
    for (int i = 0; i < count; i++) {
        int64_t a = axes[i] + (axes[i] < 0 ? x->rank : 0), s = steps[i];
        if (a < 0 || a >= x->rank || s == 0 || s == INT64_MIN)
            return false;
        int64_t size = x->dim[a], low = s > 0 ? 0 : -1, high = s > 0 ? size : size - 1;
        int64_t b = start[i] + (start[i] < 0 ? size : 0), e = end[i] + (end[i] < 0 ? size : 0);
        b = MIN(MAX(b, 0), high);
        if (s < 0 && size == 0)
            b = -1;
        e = MIN(MAX(e, low), high);
        first[a] = b;
        dim[a] = s > 0 ? (e > b ? (e - b - 1) / s + 1 : 0) : b > e ? (b - e - 1) / -s + 1 : 0;
        step[a] = dim[a] > 1 ? s : 1; /* a step past the end is none, however long */
    }
    return true;
}

static bool slice_infer(struct graph *g, struct node *n)
{
    static const char *const what[] = {"", "starts", "ends", "axes", "steps"};
    int64_t first[MAX_RANK], step[MAX_RANK], dim[MAX_RANK], v[64];
    int count;
    for (int i = 1; i < n->nin; i++)
        if (n->in[i] && !known_ints(g, n, i, what[i], v, COUNT(v), &count))
            return false;
    char text[160];
    if (!slice_places(n, first, step, dim))
        return node_error(g, n, "starts, ends, axes and steps do not fit a tensor of shape %s", shape_text(n->in[0], text));
    tensor_set_shape(n->out[0], n->in[0]->rank, dim);
    n->out[0]->dtype = n->in[0]->dtype;
    return true;
}

/* The part of x that first, step and dim say, in the place of n. */
static bool becomes_slice(struct graph *g, struct node *n, struct tensor *x, const int64_t *first, const int64_t *step, const int64_t *dim)
{
    int64_t v[4][MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        v[0][i] = first[i];
        v[1][i] = first[i] + (dim[i] - 1) * step[i] + (step[i] > 0 ? 1 : -1);
        v[1][i] = v[1][i] < 0 ? -x->dim[i] - 1 : v[1][i]; /* before the first */
        v[2][i] = i;
        v[3][i] = step[i];
    }
    node_set_input(g, n, 0, x);
    for (int i = 0; i < 4; i++)
        node_set_input(g, n, i + 1, tensor_i64(g, unique_name(g, n->name), x->rank, v[i]));
    return true;
}

/* A part of a part is a part; every second row and column is a pooling with a window of one. */
static bool slice_simplify(struct graph *g, struct node *n)
{
    int64_t first[MAX_RANK], step[MAX_RANK], dim[MAX_RANK], one[3] = {1, 1, 1};
    struct tensor *x = n->in[0];
    struct node *before = x->def;
    if (!slice_places(n, first, step, dim) || tensor_count(n->out[0]) == 0)
        return false;
    if (before && before->op == n->op && x->users == 1 && !x->is_output) {
        int64_t f[MAX_RANK], s[MAX_RANK], d[MAX_RANK];
        if (!slice_places(before, f, s, d))
            return false;
        for (int i = 0; i < x->rank; i++) {
            f[i] += first[i] * s[i];
            s[i] *= step[i];
        }
        node_takes_over(g, n, before);
        return becomes_slice(g, n, before->in[0], f, s, dim);
    }
    if (n->out[0]->users == 1 && n->out[0]->user[0]->op == n->op && !n->out[0]->is_output)
        return false; /* the next one takes this along */
    bool strided = false, fits = x->dtype == DT_F32 && x->rank >= 3 && x->rank <= 5 && dim[0] == x->dim[0] && dim[1] == x->dim[1] &&
                                 step[0] == 1 && step[1] == 1;
    for (int i = 2; i < x->rank && fits; i++) { /* the pooling ends where no further window fits */
        fits = first[i] == 0 && step[i] >= 1 && dim[i] == (x->dim[i] - 1) / step[i] + 1;
        strided |= step[i] > 1;
    }
    if (!fits || !strided)
        return false;
    struct node *pool = node_insert_before(g, n, op_by_onnx("AveragePool"), n->name);
    set_attr_ints(g, pool, "kernel_shape", x->rank - 2, one);
    set_attr_ints(g, pool, "strides", x->rank - 2, step + 2);
    node_input(g, pool, x);
    node_output(g, pool, unique_name(g, n->name));
    if (!pool->op->infer(g, pool))
        return false;
    drop_output(g, n, pool, n->out[0]);
    return true;
}

static void slice_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct pattern p = {0};
    int64_t first[MAX_RANK], step[MAX_RANK], dim[MAX_RANK];
    long stride[MAX_RANK];
    strides_of(n->in[0], stride);
    slice_places(n, first, step, dim);
    for (int i = 0; i < n->in[0]->rank; i++) {
        p.origin += first[i] * stride[i];
        pattern_axis(&p, dim[i], stride[i] * step[i]);
    }
    pattern_fill(n, &p, geometry);
}
STRIDED(slice);
static int slice_untranspose(struct graph *g, struct node *n, const int64_t *perm, int64_t to[MAX_RANK])
{
    const int rank = n->in[0]->rank;
    int64_t axes[MAX_RANK];
    int count = (int)tensor_count(n->in[1]);
    for (int i = 0; i < count; i++)
        axes[i] = i;
    if ((input(n, 3) && !tensor_ints(n->in[3], axes, MAX_RANK, &count)) || count > rank)
        return 0;
    for (int i = 0; i < count; i++)
        axes[i] = perm[axes[i] + (axes[i] < 0 ? rank : 0)];
    while (n->nin < 4)
        node_input(g, n, NULL);
    node_set_input(g, n, 3, tensor_i64(g, unique_name(g, n->name), count, axes));
    memcpy(to, perm, sizeof *to * (size_t)rank);
    return rank;
}
/* A whole axis, or a part of it of which the front end has said how much is used. */
static enum past slice_past(const struct node *n, int i, int axis, int *to)
{
    int64_t first[MAX_RANK], step[MAX_RANK], dim[MAX_RANK];
    if (i != 0 || !slice_places(n, first, step, dim))
        return PAST_BARRED;
    if (first[axis] == 0 && step[axis] == 1 && dim[axis] == n->in[0]->dim[axis])
        *to = axis;
    return *to == axis || n->out[0]->extent[axis] ? PAST_APART : PAST_BARRED;
}
const struct op op_slice = {
    .onnx = "Slice", .net = "slice", .doc = "a part of a tensor", .attrs = slice_attrs, .nattrs = COUNT(slice_attrs),
    .min_in = 3, .max_in = 5, .net_in = 1, .max_out = 1, .flags = OP_MOVES, .grad = slice_grad, .params = slice_params, .infer = slice_infer,
    .untranspose = slice_untranspose, .past = slice_past, .simplify = slice_simplify,
    ONE_KERNEL(slice),
};

/* ---- Expand, Tile ----------------------------------------------------------------------------------------------- */

static bool expand_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    int64_t v[64], dim[MAX_RANK];
    int count, rank;
    char a[160], b[160];
    if (!known_ints(g, n, 1, "the shape", v, COUNT(v), &count))
        return false;
    for (int i = 0; i < count; i++)
        if (v[i] < 0)
            return node_error(g, n, "size %lld at position %d of the shape", (long long)v[i], i);
    struct tensor want = {.rank = MIN(count, MAX_RANK)};
    memcpy(want.dim, v, sizeof want.dim);
    if (count > MAX_RANK || !broadcast_dims(x->rank, x->dim, count, v, &rank, dim))
        return node_error(g, n, "shape %s cannot be expanded to %s", shape_text(x, a), shape_text(&want, b));
    tensor_set_shape(n->out[0], rank, dim);
    n->out[0]->dtype = x->dtype;
    return true;
}

static void expand_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct pattern p = {0};
    const struct tensor *x = n->in[0], *y = n->out[0];
    long stride[MAX_RANK];
    strides_of(x, stride);
    for (int i = 0; i < y->rank; i++) {
        int k = i - (y->rank - x->rank);
        pattern_axis(&p, y->dim[i], k < 0 || x->dim[k] == 1 ? 0 : stride[k]);
    }
    pattern_fill(n, &p, geometry);
}
STRIDED(expand);
const struct op op_expand = {
    .onnx = "Expand", .doc = "a tensor broadcast to a shape", .min_in = 2, .max_in = 2, .max_out = 1,
    .flags = OP_MOVES, .grad = expand_grad, .infer = expand_infer, .past = past_broadcast, ONE_KERNEL(expand),
};

static bool tile_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    int64_t v[64], dim[MAX_RANK];
    int count;
    if (!known_ints(g, n, 1, "repeats", v, COUNT(v), &count))
        return false;
    if (count != x->rank)
        return node_error(g, n, "%d repeats, expected %d", count, x->rank);
    for (int i = 0; i < count; i++) {
        if (v[i] < 0)
            return node_error(g, n, "repeat %lld on axis %d", (long long)v[i], i);
        if (__builtin_mul_overflow(x->dim[i], v[i], &dim[i]))
            return node_error(g, n, "repeat %lld on axis %d", (long long)v[i], i);
    }
    absent_inputs(g, n, 3);
    tensor_set_shape(n->out[0], x->rank, dim);
    n->out[0]->dtype = x->dtype;
    return true;
}

/* Padding after the end, which wraps around. */
static void tile_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_pad *p = geometry;
    const struct tensor *x = n->in[0], *y = n->out[0];
    *p = (struct cnnc_pad){.size = (int)dtype_size(x->dtype), .rank = x->rank, .mode = CNNC_PAD_WRAP};
    for (int i = 0; i < x->rank; i++) {
        p->dim[i] = (long)x->dim[i];
        p->after[i] = (long)(y->dim[i] - x->dim[i]);
    }
}
static void run_tile(const struct node *n, const void *g, const void *const in[], void *const out[])
{
    (void)n;
    cnnc_pad(g, (const void *const[]){in[0], NULL, NULL}, out, (struct cnnc_thread){0, 1, NULL});
}
GEOMETRY(pad, FIELD_LIT(struct cnnc_pad, size, F_INT), FIELD(struct cnnc_pad, rank, F_INT),
         FIELD_LIT(struct cnnc_pad, mode, F_INT), FIELD_ARRAY(struct cnnc_pad, dim, F_LONG, CNNC_MOVE_RANK),
         FIELD_ARRAY(struct cnnc_pad, before, F_LONG, CNNC_MOVE_RANK), FIELD_ARRAY(struct cnnc_pad, after, F_LONG, CNNC_MOVE_RANK));
static const struct kernel tile_kernels[] = {
    {.name = "pad", .part = "move.h", .geometry = &pad_geometry, .fill = tile_fill, .run = run_tile}};
static enum past tile_past(const struct node *n, int i, int axis, int *to)
{
    return i == 0 && n->out[0]->dim[axis] == n->in[0]->dim[axis] ? past_same(n, i, axis, to) : PAST_BARRED;
}
const struct op op_tile = {
    .onnx = "Tile", .doc = "a tensor repeated along its axes", .min_in = 2, .max_in = 2, .max_out = 1, .flags = OP_MOVES, .infer = tile_infer,
    .past = tile_past,
    ONE_KERNEL(tile),
};

/* ---- DepthToSpace, SpaceToDepth --------------------------------------------------------------------------------- */

static const struct attr_def depth_attrs[] = {
    {"blocksize", "size", A_INT, AT_POS | AT_POSITIVE | AT_REQUIRED, 0, NULL, "side of a block"},
    {"mode", "mode", A_STRING, 0, 0, "DCR:DCR|CRD", "order of the channels: depth first or column, row, depth"},
};

static bool depth_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    int64_t b = attr_i(n, "blocksize");
    char text[160];
    if (!check_rank(g, n, 0, 4, 4))
        return false;
    bool up = strcmp(n->op->onnx, "DepthToSpace") == 0;
    if (b < 1 || b > 1 << 15 || (up ? x->dim[1] % (b * b) : x->dim[2] % b || x->dim[3] % b))
        return attr_error(g, n, "blocksize", "blocks of %lld do not fit a tensor of shape %s", (long long)b, shape_text(x, text));
    tensor_set_shape(n->out[0], 4, up ? (int64_t[]){x->dim[0], x->dim[1] / (b * b), x->dim[2] * b, x->dim[3] * b}
                                      : (int64_t[]){x->dim[0], x->dim[1] * b * b, x->dim[2] / b, x->dim[3] / b});
    n->out[0]->dtype = x->dtype;
    return true;
}

static void depth_to_space_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct pattern p = {0};
    const struct tensor *x = n->in[0];
    bool dcr = strcmp(attr_s(n, "mode"), "CRD") != 0;
    int64_t b = attr_i(n, "blocksize"), c = x->dim[1] / (b * b), plane = x->dim[2] * x->dim[3];
    pattern_axis(&p, x->dim[0], x->dim[1] * plane);
    pattern_axis(&p, c, dcr ? plane : b * b * plane);
    pattern_axis(&p, x->dim[2], x->dim[3]);
    pattern_axis(&p, b, dcr ? b * c * plane : b * plane);
    pattern_axis(&p, x->dim[3], 1);
    pattern_axis(&p, b, dcr ? c * plane : plane);
    pattern_fill(n, &p, geometry);
}
STRIDED(depth_to_space);
const struct op op_depth_to_space = {
    .onnx = "DepthToSpace", .net = "depth_to_space", .net_aliases = "pixel_shuffle", .doc = "channels become blocks of pixels",
    .attrs = depth_attrs, .nattrs = 2, .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1, .flags = OP_MOVES, .grad = depth_to_space_grad,
    .infer = depth_infer,
    ONE_KERNEL(depth_to_space),
};

static void space_to_depth_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct pattern p = {0};
    const struct tensor *x = n->in[0];
    int64_t b = attr_i(n, "blocksize"), plane = x->dim[2] * x->dim[3];
    pattern_axis(&p, x->dim[0], x->dim[1] * plane);
    pattern_axis(&p, b, x->dim[3]);
    pattern_axis(&p, b, 1);
    pattern_axis(&p, x->dim[1], plane);
    pattern_axis(&p, x->dim[2] / b, b * x->dim[3]);
    pattern_axis(&p, x->dim[3] / b, b);
    pattern_fill(n, &p, geometry);
}
STRIDED(space_to_depth);
const struct op op_space_to_depth = {
    .onnx = "SpaceToDepth", .net = "space_to_depth", .doc = "blocks of pixels become channels", .attrs = depth_attrs,
    .nattrs = 1, .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1, .flags = OP_MOVES, .grad = space_to_depth_grad,
    .infer = depth_infer, ONE_KERNEL(space_to_depth),
};
