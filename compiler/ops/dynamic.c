/* Operators that pick elements, some of them as many as the data say: their outputs have room for as many as there can be,
 * and a further output tells how many there are. */
#include "generic.h"
#include "past.h"

#include "../../runtime/pick.h"
#include "shared.h"

/* Output i tells the extent of an axis of the outputs; made once. */
static struct tensor *count_output(struct graph *g, struct node *n, int i)
{
    while (n->nout < i)
        node_output(g, n, NULL);
    if (n->nout == i)
        node_output(g, n, unique_name(g, arena_printf(&g->arena, "%s_count", n->out[0]->name)));
    set_output(n, i, DT_I64, 0, NULL);
    return n->out[i];
}

/* With known inputs the sizes are known too: runs the kernel and takes the count, which output `at` tells. -1: not known. */
static int64_t known_count(const struct node *n, int at, void *geometry,
                           void (*run)(const struct node *, const void *, const void *const[], void *const[]))
{
    const void *in[8] = {NULL};
    void *out[8] = {NULL};
    for (int i = 0; i < n->nin; i++) {
        if (n->in[i] && !n->in[i]->data)
            return -1;
        in[i] = n->in[i] ? n->in[i]->data : NULL;
    }
    for (int i = 0; i < at; i++)
        if (i < n->nout && n->out[i])
            out[i] = xcalloc((size_t)tensor_count(n->out[i]) + 1, dtype_size(n->out[i]->dtype));
    int64_t count = -1;
    out[at] = &count;
    run(n, geometry, in, out);
    for (int i = 0; i < at; i++)
        free(out[i]);
    return count;
}

/* ---- NonZero ---------------------------------------------------------------------------------------------------- */

static void non_zero_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_non_zero *z = geometry;
    const struct tensor *x = n->in[0];
    *z = (struct cnnc_non_zero){.rank = x->rank, .dtype = (int)x->dtype, .room = (long)n->out[0]->dim[1]};
    for (int i = 0; i < x->rank; i++)
        z->dim[i] = (long)x->dim[i];
}
RUN(non_zero)

static bool non_zero_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    struct cnnc_non_zero z;
    set_output(n, 0, DT_I64, 2, (int64_t[]){x->rank, tensor_count(x)});
    non_zero_fill(n, &z, NULL);
    int64_t count = known_count(n, 1, &z, run_non_zero);
    if (count >= 0) {
        n->out[0]->dim[1] = count;
        absent_outputs(g, n, 2);
    } else {
        n->out[0]->extent[1] = count_output(g, n, 1);
    }
    return true;
}
GEOMETRY(non_zero, FIELD_LIT(struct cnnc_non_zero, rank, F_INT), FIELD_LIT(struct cnnc_non_zero, dtype, F_INT),
         FIELD_ARRAY(struct cnnc_non_zero, dim, F_LONG, 8), FIELD(struct cnnc_non_zero, room, F_LONG));
static enum past non_zero_past(const struct node *n, int i, int axis, int *to)
{
    (void)n, (void)i, (void)axis, (void)to;
    return PAST_ZERO;
}
static const struct kernel non_zero_kernels[] = {KERNEL(non_zero, "pick.h", non_zero, non_zero_fill)};
const struct op op_non_zero = {
    .onnx = "NonZero", .doc = "where elements are not zero", .min_in = 1, .max_in = 1, .max_out = 2, .infer = non_zero_infer, .past = non_zero_past,
    .kernels = non_zero_kernels, .nkernels = 1,
};

/* ---- Compress --------------------------------------------------------------------------------------------------- */

static const struct attr_def compress_attrs[] = {{"axis", NULL, A_INT, 0, 0, NULL, "axis to thin out (all, flattened)"}};

static void compress_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    long bytes = (long)dtype_size(x->dtype), k = (long)tensor_count(n->in[1]);
    int64_t axis = attr_i(n, "axis");
    axis += axis < 0 ? x->rank : 0;
    *(struct cnnc_compress *)geometry =
        attr_set(n, "axis") ? (struct cnnc_compress){outer_of(x, axis), (long)x->dim[axis], inner_of(x, axis) * bytes, k,
                                                        (long)n->out[0]->dim[axis]}
                            : (struct cnnc_compress){1, (long)tensor_count(x), bytes, k, (long)n->out[0]->dim[0]};
}
RUN(compress)

static bool compress_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    bool flat = !attr_set(n, "axis");
    int64_t axis = flat ? 0 : normal_axis(g, n, "axis", x->rank);
    if (axis < 0 || !check_type(g, n, 1, TYPE(DT_BOOL)) || !check_rank(g, n, 1, 1, 1))
        return false;
    set_output(n, 0, x->dtype, flat ? 1 : x->rank, flat ? (int64_t[]){tensor_count(x)} : x->dim);
    const int64_t most = MIN(n->out[0]->dim[axis], n->in[1]->dim[0]);
    n->out[0]->dim[axis] = most;
    if (n->in[1]->data) {
        int64_t count = 0;
        for (int64_t i = 0; i < most; i++)
            count += ((const uint8_t *)n->in[1]->data)[i] != 0;
        n->out[0]->dim[axis] = count;
        absent_outputs(g, n, 2);
    } else {
        n->out[0]->extent[axis] = count_output(g, n, 1);
    }
    return true;
}
GEOMETRY(compress, FIELD(struct cnnc_compress, outer, F_LONG), FIELD(struct cnnc_compress, axis, F_LONG),
         FIELD(struct cnnc_compress, inner, F_LONG), FIELD(struct cnnc_compress, n, F_LONG),
         FIELD(struct cnnc_compress, room, F_LONG));
static enum past compress_past(const struct node *n, int i, int axis, int *to)
{
    const int64_t a = attr_i(n, "axis");
    if (i == 1)
        return PAST_ZERO;
    if (!attr_set(n, "axis"))
        return n->in[0]->rank == 1 ? PAST_APART : PAST_BARRED;
    *to = axis == a + (a < 0 ? n->in[0]->rank : 0) ? -1 : axis;
    return PAST_APART;
}
static const struct kernel compress_kernels[] = {KERNEL(compress, "pick.h", compress, compress_fill)};
const struct op op_compress = {
    .onnx = "Compress", .doc = "slices whose condition is true", .attrs = compress_attrs, .nattrs = 1, .min_in = 2, .max_in = 2,
    .max_out = 2, .infer = compress_infer, .past = compress_past, .kernels = compress_kernels, .nkernels = 1,
};

/* ---- TopK ------------------------------------------------------------------------------------------------------- */

static const struct attr_def top_k_attrs[] = {
    {"axis", NULL, A_INT, 0, -1, NULL, "axis to search"},
    {"largest", NULL, A_BOOL, 0, 1, NULL, "the largest, else the smallest"},
    {"sorted", NULL, A_BOOL, 0, 1, NULL, "in order"},
};

static bool top_k_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *k = n->in[1];
    int64_t axis = normal_axis(g, n, "axis", x->rank), dim[MAX_RANK];
    if (axis < 0 || !check_type(g, n, 0, TYPES_NUMERIC) || !check_type(g, n, 1, TYPE(DT_I64)))
        return false;
    if (tensor_count(k) != 1)
        return node_error(g, n, "k has %lld elements, expected 1", (long long)tensor_count(k));
    memcpy(dim, x->dim, sizeof dim);
    if (k->data) {
        int64_t v = *(const int64_t *)k->data;
        if (v < 0 || v > x->dim[axis])
            return node_error(g, n, "the %lld largest of %lld", (long long)v, (long long)x->dim[axis]);
        dim[axis] = v;
    }
    absent_outputs(g, n, 2);
    set_output(n, 0, x->dtype, x->rank, dim);
    set_output(n, 1, DT_I64, x->rank, dim);
    for (int i = 0; i < 2; i++)
        if (n->out[i] && !k->data)
            n->out[i]->extent[axis] = n->in[1];
    return true;
}

static void top_k_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0], *y = n->out[0] ? n->out[0] : n->out[1];
    int64_t axis = attr_i(n, "axis");
    axis += axis < 0 ? x->rank : 0;
    *(struct cnnc_top_k *)geometry =
        (struct cnnc_top_k){outer_of(x, axis), (long)x->dim[axis], inner_of(x, axis), (long)y->dim[axis], (int)x->dtype,
                            (int)attr_i(n, "largest")};
}
RUN(top_k)
GEOMETRY(top_k, FIELD(struct cnnc_top_k, outer, F_LONG), FIELD(struct cnnc_top_k, axis, F_LONG),
         FIELD(struct cnnc_top_k, inner, F_LONG), FIELD(struct cnnc_top_k, most, F_LONG),
         FIELD_LIT(struct cnnc_top_k, dtype, F_INT), FIELD_LIT(struct cnnc_top_k, largest, F_INT));
static enum past top_k_past(const struct node *n, int i, int axis, int *to)
{
    const int64_t a = attr_i(n, "axis");
    if (i == 0 && axis == a + (a < 0 ? n->in[0]->rank : 0))
        return attr_i(n, "largest") ? PAST_LOWEST : PAST_HIGHEST;
    return past_same(n, i, axis, to);
}
static const struct kernel top_k_kernels[] = {KERNEL(top_k, "pick.h", top_k, top_k_fill)};
const struct op op_top_k = {
    .onnx = "TopK", .doc = "the largest elements along an axis and where they are", .attrs = top_k_attrs, .nattrs = 3,
    .min_in = 2, .max_in = 2, .max_out = 2, .infer = top_k_infer, .past = top_k_past, .kernels = top_k_kernels, .nkernels = 1,
};

/* ---- Unique ----------------------------------------------------------------------------------------------------- */

static const struct attr_def unique_attrs[] = {
    {"axis", NULL, A_INT, 0, 0, NULL, "axis of the slices to compare (elements, flattened)"},
    {"sorted", NULL, A_BOOL, 0, 1, NULL, "in ascending order, else as they first come"},
};

static void unique_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    struct cnnc_unique u = {1, (long)tensor_count(x), 1, (long)n->out[0]->dim[0], (int)x->dtype, (int)dtype_size(x->dtype), (int)attr_i(n, "sorted")};
    if (attr_set(n, "axis")) {
        int64_t axis = attr_i(n, "axis");
        axis += axis < 0 ? x->rank : 0;
        u.outer = outer_of(x, axis);
        u.axis = (long)x->dim[axis];
        u.inner = inner_of(x, axis);
        u.room = (long)n->out[0]->dim[axis];
    }
    *(struct cnnc_unique *)geometry = u;
}
static size_t unique_scratch(const void *geometry)
{
    return (size_t)((const struct cnnc_unique *)geometry)->axis * 2 * sizeof(long);
}
RUN_SCRATCH(unique, unique_scratch)

static bool unique_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    bool flat = !attr_set(n, "axis");
    int64_t axis = flat ? 0 : normal_axis(g, n, "axis", x->rank);
    struct cnnc_unique u;
    if (axis < 0 || !dtype_size(x->dtype))
        return axis < 0 ? false : node_error(g, n, "input 0 is %s, which this operator does not take", dtype_name(x->dtype));
    set_output(n, 0, x->dtype, flat ? 1 : x->rank, flat ? (int64_t[]){tensor_count(x)} : x->dim);
    int64_t size = n->out[0]->dim[axis], count;
    for (int i = 1; i < 4; i++)
        set_output(n, i, DT_I64, 1, &size);
    unique_fill(n, &u, NULL);
    count = known_count(n, 4, &u, run_unique);
    struct tensor *extent = count < 0 ? count_output(g, n, 4) : NULL;
    absent_outputs(g, n, 5);
    for (int i = 0; i < 4; i++)
        if (n->out[i] && i != 2) {
            int a = i == 0 ? (int)axis : 0;
            n->out[i]->dim[a] = count >= 0 ? count : size;
            n->out[i]->extent[a] = extent;
        }
    return true;
}
GEOMETRY(unique, FIELD(struct cnnc_unique, outer, F_LONG), FIELD(struct cnnc_unique, axis, F_LONG),
         FIELD(struct cnnc_unique, inner, F_LONG), FIELD(struct cnnc_unique, room, F_LONG), FIELD_LIT(struct cnnc_unique, dtype, F_INT),
         FIELD_LIT(struct cnnc_unique, bytes, F_INT), FIELD_LIT(struct cnnc_unique, sorted, F_INT));
static const struct kernel unique_kernels[] = {{.name = "unique", .part = "pick.h", .geometry = &unique_geometry,
                                                .fill = unique_fill, .scratch = unique_scratch, .run = run_unique}};
const struct op op_unique = {
    .onnx = "Unique", .doc = "different elements or slices, their places and counts", .attrs = unique_attrs, .nattrs = 2,
    .min_in = 1, .max_in = 1, .max_out = 5, .infer = unique_infer, .kernels = unique_kernels, .nkernels = 1,
};

/* ---- NonMaxSuppression ------------------------------------------------------------------------------------------ */

static const struct attr_def nms_attrs[] = {
    {"center_point_box", NULL, A_BOOL, 0, 0, NULL, "boxes are centre and size, not two corners"}};

static int64_t nms_room(const struct node *n)
{
    const struct tensor *boxes = n->in[0], *scores = n->in[1], *most = input(n, 2);
    int64_t each = boxes->dim[1];
    if (!most)
        each = 0;
    else if (most->data)
        each = MAX(0, MIN(each, *(const int64_t *)most->data));
    return scores->dim[0] * scores->dim[1] * each;
}

static void nms_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *boxes = n->in[0], *scores = n->in[1];
    *(struct cnnc_nms *)geometry = (struct cnnc_nms){(long)scores->dim[0], (long)scores->dim[1], (long)boxes->dim[1],
                                                     (long)nms_room(n), (int)attr_i(n, "center_point_box")};
}
RUN(nms)

static bool nms_infer(struct graph *g, struct node *n)
{
    const struct tensor *boxes = n->in[0], *scores = n->in[1];
    struct cnnc_nms m;
    char a[160], b[160];
    if (!check_rank(g, n, 0, 3, 3) || !check_rank(g, n, 1, 3, 3) || !check_type(g, n, 0, TYPE(DT_F32)) ||
        !check_type(g, n, 1, TYPE(DT_F32)) || !check_type(g, n, 2, TYPE(DT_I64)) || !check_type(g, n, 3, TYPE(DT_F32)) ||
        !check_type(g, n, 4, TYPE(DT_F32)))
        return false;
    if (boxes->dim[2] != 4 || boxes->dim[0] != scores->dim[0] || boxes->dim[1] != scores->dim[2])
        return node_error(g, n, "boxes of shape %s and scores of shape %s do not fit together", shape_text(boxes, a),
                          shape_text(scores, b));
    absent_inputs(g, n, 5);
    set_output(n, 0, DT_I64, 2, (int64_t[]){nms_room(n), 3});
    nms_fill(n, &m, NULL);
    int64_t count = known_count(n, 1, &m, run_nms);
    if (count >= 0) {
        n->out[0]->dim[0] = count;
        absent_outputs(g, n, 2);
    } else {
        n->out[0]->extent[0] = count_output(g, n, 1);
    }
    return true;
}
GEOMETRY(nms, FIELD(struct cnnc_nms, batches, F_LONG), FIELD(struct cnnc_nms, classes, F_LONG),
         FIELD(struct cnnc_nms, boxes, F_LONG), FIELD(struct cnnc_nms, room, F_LONG), FIELD_LIT(struct cnnc_nms, center, F_INT));
/* A box with the lowest score is not better than any threshold. */
static enum past nms_past(const struct node *n, int i, int axis, int *to)
{
    (void)n, (void)to;
    return i == 0 && axis == 1 ? PAST_APART : i == 1 && axis == 2 ? PAST_LOWEST : PAST_BARRED;
}
static const struct kernel nms_kernels[] = {KERNEL(nms, "pick.h", nms, nms_fill)};
const struct op op_non_max_suppression = {
    .onnx = "NonMaxSuppression", .doc = "the best boxes, without those that overlap a better one", .attrs = nms_attrs,
    .nattrs = 1, .min_in = 2, .max_in = 5, .max_out = 2, .infer = nms_infer, .past = nms_past, .kernels = nms_kernels, .nkernels = 1,
};
