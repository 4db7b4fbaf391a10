/* Pad, CenterCropPad: what frames tensors. */
#include "generic.h"
#include "grads.h"
#include "past.h"
#include "rearrange.h"
#include "shared.h"

#include "../../runtime/move.h"

extern const struct op op_pad;

GEOMETRY(pad, FIELD_LIT(struct cnnc_pad, size, F_INT), FIELD(struct cnnc_pad, rank, F_INT),
         FIELD_LIT(struct cnnc_pad, mode, F_INT), FIELD_ARRAY(struct cnnc_pad, dim, F_LONG, CNNC_MOVE_RANK),
         FIELD_ARRAY(struct cnnc_pad, before, F_LONG, CNNC_MOVE_RANK), FIELD_ARRAY(struct cnnc_pad, after, F_LONG, CNNC_MOVE_RANK));
RUN(pad)

static const struct attr_def pad_attrs[] = {
    {"mode", "mode", A_STRING, 0, 0, "constant:constant|reflect|edge|wrap", "what stands in the border"},
    {"pads", "pad", A_PADS, AT_NET | AT_POS, 0, NULL, "width of the border"},
    {"value", "value", A_FLOAT, AT_NET, 0, NULL, "the constant"},
    {NULL, "channels", A_INTS, AT_NET | AT_NONNEG, 0, NULL, "channels of it in front and behind"},
};

static bool pad_params(struct graph *g, struct node *n)
{
    int64_t v[2 * MAX_RANK] = {0};
    int rank = n->in[0]->rank, spatial = rank - 2;
    if (!check_rank(g, n, 0, 3, MAX_RANK))
        return false;
    for (int i = 0; i < spatial; i++) {
        v[2 + i] = attr_at(n, "pads", i, 0);
        v[rank + 2 + i] = attr_at(n, "pads", spatial + i, 0);
    }
    v[1] = attr_at(n, "channels", 0, 0);
    v[rank + 1] = attr_at(n, "channels", 1, v[1]);
    node_input(g, n, tensor_i64(g, unique_name(g, "pads"), 2 * rank, v));
    node_input(g, n, tensor_f32(g, unique_name(g, "value"), (float)attr_f(n, "value")));
    return true;
}

/* The border before and after each axis of x. */
bool pad_widths(const struct node *n, int64_t before[MAX_RANK], int64_t after[MAX_RANK])
{
    const struct tensor *x = n->in[0];
    int64_t v[2 * MAX_RANK], axes[MAX_RANK];
    int count, k = x->rank;
    memset(before, 0, sizeof *before * MAX_RANK);
    memset(after, 0, sizeof *after * MAX_RANK);
    for (int i = 0; i < x->rank; i++)
        axes[i] = i;
    if (!tensor_ints(n->in[1], v, 2 * MAX_RANK, &count) || (input(n, 3) && !tensor_ints(n->in[3], axes, MAX_RANK, &k)) ||
        count != 2 * k)
        return false;
    for (int i = 0; i < k; i++) {
        int64_t a = axes[i] + (axes[i] < 0 ? x->rank : 0);
        if (a < 0 || a >= x->rank)
            return false;
        before[a] = v[i];
        after[a] = v[k + i];
    }
    return true;
}

static bool pad_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *value = input(n, 2);
    int64_t before[MAX_RANK], after[MAX_RANK], dim[MAX_RANK], v[64];
    int count;
    char text[160];
    if (!known_ints(g, n, 1, "pads", v, COUNT(v), &count) ||
        (input(n, 3) && !known_ints(g, n, 3, "axes", v, COUNT(v), &count)))
        return false;
    if (!pad_widths(n, before, after))
        return node_error(g, n, "the pads do not fit a tensor of shape %s", shape_text(x, text));
    if (value && tensor_count(value) != 1)
        return node_error(g, n, "the value has %lld elements, expected 1", (long long)tensor_count(value));
    if (value && !same_dtype(g, n, 0, 2))
        return false;
    bool constant = strcmp(attr_s(n, "mode"), "constant") == 0;
    for (int i = 0; i < x->rank; i++) {
        if (llabs(before[i]) > INT32_MAX || llabs(after[i]) > INT32_MAX || x->dim[i] + before[i] + after[i] < 0)
            return node_error(g, n, "pads of %lld and %lld on axis %d of %s", (long long)before[i], (long long)after[i], i,
                              shape_text(x, text));
        dim[i] = x->dim[i] + before[i] + after[i];
        if (!constant && x->dim[i] == 0 && dim[i] > 0)
            return node_error(g, n, "axis %d of %s has nothing to pad with", i, shape_text(x, text));
    }
    absent_inputs(g, n, 3);
    tensor_set_shape(n->out[0], x->rank, dim);
    n->out[0]->dtype = x->dtype;
    return true;
}

/* The constant that the border holds; false if it is none that is known. */
static bool border_value(const struct node *n, double *value)
{
    const struct tensor *v = input(n, 2);
    *value = 0;
    if (strcmp(attr_s(n, "mode"), "constant") != 0 || (v && (!v->data || tensor_count(v) != 1)))
        return false;
    if (v)
        *value = const_element(v, 0);
    return true;
}

struct tensor *plane_border(const struct tensor *t, int64_t pads[6], double *value)
{
    const struct node *n = t->def;
    int64_t before[MAX_RANK], after[MAX_RANK];
    if (!n || n->op != &op_pad || t->rank < 3 || t->rank > 5 || !border_value(n, value) || !pad_widths(n, before, after) || before[0] ||
        after[0] || before[1] || after[1])
        return NULL;
    for (int i = 2; i < t->rank; i++) {
        if (before[i] < 0 || after[i] < 0)
            return NULL;
        pads[i - 2] = before[i];
        pads[t->rank - 2 + i - 2] = after[i];
    }
    return n->in[0];
}

/* No border at all. */
static bool pad_simplify(struct graph *g, struct node *n)
{
    int64_t before[MAX_RANK], after[MAX_RANK];
    if (!pad_widths(n, before, after) || n->out[0]->is_output)
        return false;
    for (int i = 0; i < n->in[0]->rank; i++)
        if (before[i] || after[i])
            return false;
    replace_tensor(g, n->out[0], n->in[0]);
    node_remove(g, n);
    return true;
}

static void pad_fill_with(const struct node *n, const int64_t *before, int mode, struct cnnc_pad *p)
{
    const struct tensor *x = n->in[0], *y = n->out[0];
    *p = (struct cnnc_pad){.rank = x->rank, .mode = mode, .size = (int)dtype_size(x->dtype)};
    for (int i = 0; i < x->rank; i++) {
        p->dim[i] = (long)x->dim[i];
        p->before[i] = (long)before[i];
        p->after[i] = (long)(y->dim[i] - x->dim[i] - before[i]);
    }
}

static void pad_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    int64_t before[MAX_RANK], after[MAX_RANK];
    const char *mode = attr_s(n, "mode");
    pad_widths(n, before, after);
    pad_fill_with(n, before, mode[0] == 'e' ? CNNC_PAD_EDGE : mode[0] == 'r' ? CNNC_PAD_REFLECT
                             : mode[0] == 'w' ? CNNC_PAD_WRAP : CNNC_PAD_CONSTANT, geometry);
}
static enum past pad_past(const struct node *n, int i, int axis, int *to)
{
    int64_t before[MAX_RANK], after[MAX_RANK];
    return pad_widths(n, before, after) && !before[axis] && !after[axis] ? past_same(n, i, axis, to) : PAST_BARRED;
}

/* The widths of all axes, each at its axis before the transpose. */
static int pad_untranspose(struct graph *g, struct node *n, const int64_t *perm, int64_t to[MAX_RANK])
{
    const int rank = n->in[0]->rank;
    int64_t before[MAX_RANK], after[MAX_RANK], pads[2 * MAX_RANK];
    if (!pad_widths(n, before, after))
        return 0;
    for (int i = 0; i < rank; i++) {
        pads[perm[i]] = before[i];
        pads[rank + perm[i]] = after[i];
    }
    node_set_input(g, n, 1, tensor_i64(g, unique_name(g, n->name), 2 * rank, pads));
    if (input(n, 3))
        node_set_input(g, n, 3, NULL);
    memcpy(to, perm, sizeof *to * (size_t)rank);
    return rank;
}

static const struct kernel pad_kernels[] = {KERNEL(pad, "move.h", pad, pad_fill)};
const struct op op_pad = {
    .onnx = "Pad", .net = "pad", .doc = "a border around each plane", .attrs = pad_attrs, .nattrs = COUNT(pad_attrs),
    .min_in = 2, .max_in = 4, .net_in = 1, .max_out = 1, .params = pad_params, .infer = pad_infer, .untranspose = pad_untranspose, .past = pad_past,
    .grad = pad_grad, .simplify = pad_simplify, .kernels = pad_kernels, .nkernels = 1,
};

static const struct attr_def crop_attrs[] = {{"axes", NULL, A_INTS, 0, 0, NULL, "the axes (all)"}};

static bool crop_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    const struct attr *a = attr_get(n, "axes");
    int64_t v[64], dim[MAX_RANK];
    int count;
    if (!known_ints(g, n, 1, "the shape", v, COUNT(v), &count))
        return false;
    if (count != (a->set ? a->n : x->rank))
        return node_error(g, n, "%d sizes for %d axes", count, a->set ? a->n : x->rank);
    memcpy(dim, x->dim, sizeof dim);
    for (int i = 0; i < count; i++) {
        int64_t axis = axis_in(g, n, a->set ? a->ints[i] : i, x->rank);
        if (axis < 0)
            return false;
        if (v[i] < 0)
            return node_error(g, n, "size %lld at position %d of the shape", (long long)v[i], i);
        dim[axis] = v[i];
    }
    absent_inputs(g, n, 3);
    tensor_set_shape(n->out[0], x->rank, dim);
    n->out[0]->dtype = x->dtype;
    return true;
}

static void crop_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    int64_t before[MAX_RANK] = {0};
    for (int i = 0; i < n->in[0]->rank; i++) {
        int64_t more = n->out[0]->dim[i] - n->in[0]->dim[i];
        before[i] = more >= 0 ? more / 2 : -(-more / 2);
    }
    pad_fill_with(n, before, CNNC_PAD_CONSTANT, geometry);
}
static void run_crop(const struct node *n, const void *g, const void *const in[], void *const out[])
{
    (void)n;
    cnnc_pad(g, (const void *const[]){in[0], NULL, NULL}, out, (struct cnnc_thread){0, 1, NULL});
}
static bool crop_expand(struct graph *g, struct node *n);
static const struct kernel crop_kernels[] = {
    {.name = "pad", .part = "move.h", .geometry = &pad_geometry, .fill = crop_fill, .run = run_crop}};
const struct op op_center_crop_pad = {
    .onnx = "CenterCropPad", .doc = "cropped or padded with zeros around the centre", .attrs = crop_attrs, .nattrs = 1,
    .min_in = 2, .max_in = 2, .max_out = 1, .infer = crop_infer, .expand = crop_expand, .kernels = crop_kernels, .nkernels = 1,
};

/* Becomes a Pad, whose border may be negative. */
static bool crop_expand(struct graph *g, struct node *n)
{
    int rank = n->in[0]->rank;
    int64_t v[2 * MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int64_t more = n->out[0]->dim[i] - n->in[0]->dim[i];
        v[i] = more >= 0 ? more / 2 : -(-more / 2);
        v[rank + i] = more - v[i];
    }
    n->op = &op_pad;
    n->attr = arena_alloc(&g->arena, sizeof *n->attr * COUNT(pad_attrs));
    node_set_input(g, n, 1, tensor_i64(g, unique_name(g, "pads"), 2 * rank, v));
    return true;
}
