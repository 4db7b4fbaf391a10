/* ImageInput: a picture as the camera gives it (bytes or floats, channels first or last) becomes the float tensor that the network
 * computes with, (x - mean) * scale per channel, in one pass and in the layout that the first layer reads. Made by fuse from the
 * Cast, Transpose, Sub and Mul that an input declaration of .net stands for. */
#include "../op.h"

#include "../../runtime/reorder_types.h"

static const struct attr_def attrs[] = {{"hwc", NULL, A_BOOL, 0, 0, NULL, "channels are the last axis"}};

/* Inputs: picture, mean and scale, one value per channel each, or absent. */
static bool infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    int64_t dim[MAX_RANK] = {x->dim[0], x->dim[1]};
    (void)g;
    for (int i = 1; i < x->rank; i++)
        dim[i] = x->dim[i];
    if (attr_i(n, "hwc")) {
        dim[1] = x->dim[x->rank - 1];
        for (int i = 2; i < x->rank; i++)
            dim[i] = x->dim[i - 1];
    }
    tensor_set_shape(n->out[0], x->rank, dim);
    n->out[0]->dtype = DT_F32;
    return true;
}

static void fill(const struct node *n, void *geometry, bool blocked)
{
    struct cnnc_input *p = geometry;
    const struct extent5 y = extent5(n->out[0]);
    const ptrdiff_t pixel = attr_i(n, "hwc") ? y.c : 1, plane = (ptrdiff_t)y.d * y.h * y.w;
    *p = (struct cnnc_input){.n = y.n, .c = y.c, .d = y.d, .h = y.h, .w = y.w, .xn = plane * y.c,
                             .xc = attr_i(n, "hwc") ? 1 : plane, .xd = pixel * y.w * y.h, .xh = pixel * y.w, .xw = pixel,
                             .y = view_of(n->out[0]), .u8 = n->in[0]->dtype == DT_U8, .blocked = blocked};
}

static void fill_plain(const struct node *n, void *geometry, const struct target *t)
{
    (void)t;
    fill(n, geometry, false);
}
static void fill_blocked(const struct node *n, void *geometry, const struct target *t)
{
    (void)t;
    fill(n, geometry, true);
}

static double cost(const struct node *n, const struct target *t)
{
    (void)t;
    return 2e-7 + 1e-9 * (double)tensor_count(n->out[0]);
}
static double cost_blocked(const struct node *n, const struct target *t)
{
    return cost(n, t) + 4e-10 * (double)tensor_count(n->out[0]);
}

static const struct geometry geometry = {
    "cnnc_input", sizeof(struct cnnc_input),
    (const struct field[]){FIELD(struct cnnc_input, n, F_INT), FIELD(struct cnnc_input, c, F_INT),
                           FIELD(struct cnnc_input, d, F_INT), FIELD(struct cnnc_input, h, F_INT),
                           FIELD(struct cnnc_input, w, F_INT), FIELD(struct cnnc_input, xn, F_LONG),
                           FIELD(struct cnnc_input, xc, F_LONG), FIELD(struct cnnc_input, xd, F_LONG),
                           FIELD(struct cnnc_input, xh, F_LONG), FIELD(struct cnnc_input, xw, F_LONG),
                           FIELD(struct cnnc_input, y, F_VIEW), FIELD_LIT(struct cnnc_input, u8, F_INT),
                           FIELD_LIT(struct cnnc_input, blocked, F_INT)},
    13};

/* The plain one first: which layout the next layer wants is not known yet, and most first layers want this. */
static const struct kernel kernels[] = {
    {.name = "input", .part = "reorder.h", .geometry = &geometry, .out_layout = LAYOUT_PLAIN, .views = true, .cost = cost,
     .fill = fill_plain},
    {.name = "input", .part = "reorder.h", .geometry = &geometry, .out_layout = LAYOUT_BLOCKED, .views = true,
     .cost = cost_blocked, .fill = fill_blocked},
};

const struct op op_image_input = {
    .onnx = "ImageInput", .doc = "a picture as floats, normalised", .attrs = attrs, .nattrs = COUNT(attrs),
    .min_in = 1, .max_in = 3, .max_out = 1, .flags = OP_INTERNAL | OP_SAMPLEWISE, .infer = infer, .kernels = kernels,
    .nkernels = COUNT(kernels),
};
