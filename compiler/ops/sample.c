/* Operators that read images at places that need not be pixels. */
#include "generic.h"
#include "past.h"

#include "../../runtime/sample.h"
#include "shared.h"

/* ---- GridSample ------------------------------------------------------------------------------------------------- */

static const struct attr_def grid_attrs[] = {
    {"align_corners", NULL, A_BOOL, 0, 0, NULL, "-1 and 1 are the centres of the corner pixels"},
    {"mode", NULL, A_STRING, 0, 0, "linear:linear|nearest|cubic|bilinear|bicubic", "how values between pixels are found"},
    {"padding_mode", NULL, A_STRING, 0, 0, "zeros:zeros|border|reflection", "what lies outside"},
};

static bool grid_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *grid = n->in[1];
    char a[160], b[160];
    if (!check_rank(g, n, 0, 4, 5) || !check_rank(g, n, 1, x->rank, x->rank) || !check_type(g, n, 0, TYPES_FLOAT) ||
        !check_type(g, n, 1, TYPES_FLOAT))
        return false;
    if (grid->dim[0] != x->dim[0] || grid->dim[grid->rank - 1] != x->rank - 2)
        return node_error(g, n, "a grid of shape %s does not fit an input of shape %s", shape_text(grid, a), shape_text(x, b));
    int64_t dim[MAX_RANK] = {x->dim[0], x->dim[1]};
    memcpy(dim + 2, grid->dim + 1, sizeof *dim * (size_t)(x->rank - 2));
    set_output(n, 0, x->dtype, x->rank, dim);
    return true;
}

static void grid_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_grid_sample *s = geometry;
    const struct tensor *x = n->in[0], *y = n->out[0];
    const char *mode = attr_s(n, "mode"), *border = attr_s(n, "padding_mode");
    *s = (struct cnnc_grid_sample){
        .rank = x->rank - 2, .mode = strstr(mode, "cubic") ? CNNC_SAMPLE_CUBIC : mode[0] == 'n' ? CNNC_SAMPLE_NEAREST : CNNC_SAMPLE_LINEAR,
        .border = border[0] == 'z' ? CNNC_BORDER_ZEROS : border[0] == 'b' ? CNNC_BORDER_EDGE : CNNC_BORDER_REFLECT,
        .align = (int)attr_i(n, "align_corners"), .dtype = (int)x->dtype, .grid = (int)n->in[1]->dtype, .n = (long)x->dim[0],
        .c = (long)x->dim[1], .places = (long)dims_count(y->rank - 2, y->dim + 2)};
    for (int i = 0; i < s->rank; i++)
        s->in[i] = (long)x->dim[2 + i];
}
RUN(grid_sample)
GEOMETRY(grid_sample, FIELD_LIT(struct cnnc_grid_sample, rank, F_INT), FIELD_LIT(struct cnnc_grid_sample, mode, F_INT),
         FIELD_LIT(struct cnnc_grid_sample, border, F_INT), FIELD_LIT(struct cnnc_grid_sample, align, F_INT),
         FIELD_LIT(struct cnnc_grid_sample, dtype, F_INT), FIELD_LIT(struct cnnc_grid_sample, grid, F_INT),
         FIELD(struct cnnc_grid_sample, n, F_LONG), FIELD(struct cnnc_grid_sample, c, F_LONG),
         FIELD_ARRAY(struct cnnc_grid_sample, in, F_LONG, 3), FIELD(struct cnnc_grid_sample, places, F_LONG));
static const struct kernel grid_kernels[] = {KERNEL(grid_sample, "sample.h", grid_sample, grid_fill)};
const struct op op_grid_sample = {
    .onnx = "GridSample", .doc = "an image read where a grid says", .attrs = grid_attrs, .nattrs = 3, .min_in = 2, .max_in = 2,
    .max_out = 1, .infer = grid_infer, .kernels = grid_kernels, .nkernels = 1,
};

/* ---- AffineGrid ------------------------------------------------------------------------------------------------- */

static bool affine_infer(struct graph *g, struct node *n)
{
    const struct tensor *theta = n->in[0];
    int64_t size[5], dim[MAX_RANK];
    int count;
    char text[160];
    if (!check_rank(g, n, 0, 3, 3) || !check_type(g, n, 0, TYPES_FLOAT) || !known_ints(g, n, 1, "the size", size, 5, &count))
        return false;
    if (count < 4 || theta->dim[0] != size[0] || theta->dim[1] != count - 2 || theta->dim[2] != count - 1)
        return node_error(g, n, "matrices of shape %s do not fit a size of %d axes", shape_text(theta, text), count);
    dim[0] = size[0];
    for (int i = 2; i < count; i++)
        dim[i - 1] = size[i];
    dim[count - 1] = count - 2;
    set_output(n, 0, theta->dtype, count, dim);
    return true;
}

static void affine_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_affine_grid *a = geometry;
    const struct tensor *y = n->out[0];
    *a = (struct cnnc_affine_grid){.rank = y->rank - 2, .align = (int)attr_i(n, "align_corners"), .dtype = (int)y->dtype,
                                   .n = (long)y->dim[0]};
    for (int i = 0; i < a->rank; i++)
        a->out[i] = (long)y->dim[1 + i];
}
RUN(affine_grid)
GEOMETRY(affine_grid, FIELD_LIT(struct cnnc_affine_grid, rank, F_INT), FIELD_LIT(struct cnnc_affine_grid, align, F_INT),
         FIELD_LIT(struct cnnc_affine_grid, dtype, F_INT), FIELD(struct cnnc_affine_grid, n, F_LONG),
         FIELD_ARRAY(struct cnnc_affine_grid, out, F_LONG, 3));
static const struct kernel affine_kernels[] = {KERNEL(affine_grid, "sample.h", affine_grid, affine_fill)};
const struct op op_affine_grid = {
    .onnx = "AffineGrid", .doc = "the grid of an affine map, for GridSample", .attrs = grid_attrs, .nattrs = 1, .min_in = 2,
    .max_in = 2, .max_out = 1, .infer = affine_infer, .kernels = affine_kernels, .nkernels = 1,
};

/* ---- RoiAlign, MaxRoiPool --------------------------------------------------------------------------------------- */

static const struct attr_def roi_align_attrs[] = {
    {"mode", NULL, A_STRING, 0, 0, "avg:avg|max", "how samples are joined"},
    {"output_height", NULL, A_INT, AT_POSITIVE, 1, NULL, "height of a result"},
    {"output_width", NULL, A_INT, AT_POSITIVE, 1, NULL, "width of a result"},
    {"sampling_ratio", NULL, A_INT, AT_NONNEG, 0, NULL, "samples along each axis of a bin (0: by size)"},
    {"spatial_scale", NULL, A_FLOAT, 0, 1, NULL, "pixels per unit of the regions"},
    {"coordinate_transformation_mode", NULL, A_STRING, 0, 0, "half_pixel:half_pixel|output_half_pixel", "half_pixel: shifted by half a pixel"},
};

static bool roi_align_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *rois = n->in[1];
    if (!check_rank(g, n, 0, 4, 4) || !check_rank(g, n, 1, 2, 2) || !check_type(g, n, 0, TYPES_FLOAT) || !same_dtype(g, n, 0, 1) ||
        !check_type(g, n, 2, TYPE(DT_I64)) || !check_vector(g, n, 2, rois->dim[0], "batch indices"))
        return false;
    if (rois->dim[1] != 4)
        return node_error(g, n, "regions of %lld numbers, expected 4", (long long)rois->dim[1]);
    set_output(n, 0, x->dtype, 4, (int64_t[]){rois->dim[0], x->dim[1], attr_i(n, "output_height"), attr_i(n, "output_width")});
    return true;
}

static void roi_align_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0], *y = n->out[0];
    *(struct cnnc_roi_align *)geometry = (struct cnnc_roi_align){
        (long)y->dim[0], (long)y->dim[1], (long)x->dim[2], (long)x->dim[3], (long)y->dim[2], (long)y->dim[3],
        (long)attr_i(n, "sampling_ratio"), attr_f(n, "spatial_scale"),
        strcmp(attr_s(n, "coordinate_transformation_mode"), "half_pixel") == 0 ? 0.5 : 0, attr_s(n, "mode")[0] == 'm', (int)x->dtype};
}
RUN(roi_align)
GEOMETRY(roi_align, FIELD(struct cnnc_roi_align, n, F_LONG), FIELD(struct cnnc_roi_align, c, F_LONG),
         FIELD(struct cnnc_roi_align, h, F_LONG), FIELD(struct cnnc_roi_align, w, F_LONG),
         FIELD(struct cnnc_roi_align, oh, F_LONG), FIELD(struct cnnc_roi_align, ow, F_LONG),
         FIELD(struct cnnc_roi_align, samples, F_LONG), FIELD(struct cnnc_roi_align, scale, F_DOUBLE),
         FIELD(struct cnnc_roi_align, shift, F_DOUBLE), FIELD_LIT(struct cnnc_roi_align, max, F_INT),
         FIELD_LIT(struct cnnc_roi_align, dtype, F_INT));
static const struct kernel roi_align_kernels[] = {KERNEL(roi_align, "sample.h", roi_align, roi_align_fill)};
static enum past roi_past(const struct node *n, int i, int axis, int *to)
{
    (void)n;
    *to = axis;
    return i > 0 && axis == 0 ? PAST_APART : PAST_BARRED;
}
const struct op op_roi_align = {
    .onnx = "RoiAlign", .doc = "regions of an image, each at one size", .attrs = roi_align_attrs, .nattrs = 6, .min_in = 3,
    .max_in = 3, .max_out = 1, .infer = roi_align_infer, .past = roi_past, .kernels = roi_align_kernels, .nkernels = 1,
};

static const struct attr_def roi_pool_attrs[] = {
    {"pooled_shape", NULL, A_INTS, AT_POSITIVE | AT_REQUIRED, 0, NULL, "height and width of a result"},
    {"spatial_scale", NULL, A_FLOAT, 0, 1, NULL, "pixels per unit of the regions"},
};

static bool roi_pool_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *rois = n->in[1];
    if (!check_rank(g, n, 0, 4, 4) || !check_rank(g, n, 1, 2, 2) || !check_type(g, n, 0, TYPES_FLOAT) || !same_dtype(g, n, 0, 1))
        return false;
    if (rois->dim[1] != 5 || attr_get(n, "pooled_shape")->n != 2)
        return node_error(g, n, "regions of %lld numbers, expected 5", (long long)rois->dim[1]);
    set_output(n, 0, x->dtype, 4,
               (int64_t[]){rois->dim[0], x->dim[1], attr_at(n, "pooled_shape", 0, 1), attr_at(n, "pooled_shape", 1, 1)});
    return true;
}

static void roi_pool_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0], *y = n->out[0];
    *(struct cnnc_roi_pool *)geometry =
        (struct cnnc_roi_pool){(long)y->dim[0], (long)y->dim[1], (long)x->dim[2], (long)x->dim[3], (long)y->dim[2],
                               (long)y->dim[3], attr_f(n, "spatial_scale"), (int)x->dtype};
}
RUN(roi_pool)
GEOMETRY(roi_pool, FIELD(struct cnnc_roi_pool, n, F_LONG), FIELD(struct cnnc_roi_pool, c, F_LONG),
         FIELD(struct cnnc_roi_pool, h, F_LONG), FIELD(struct cnnc_roi_pool, w, F_LONG), FIELD(struct cnnc_roi_pool, oh, F_LONG),
         FIELD(struct cnnc_roi_pool, ow, F_LONG), FIELD(struct cnnc_roi_pool, scale, F_DOUBLE),
         FIELD_LIT(struct cnnc_roi_pool, dtype, F_INT));
static const struct kernel roi_pool_kernels[] = {KERNEL(roi_pool, "sample.h", roi_pool, roi_pool_fill)};
const struct op op_max_roi_pool = {
    .onnx = "MaxRoiPool", .doc = "the largest values of regions of an image", .attrs = roi_pool_attrs, .nattrs = 2, .min_in = 2,
    .max_in = 2, .max_out = 1, .infer = roi_pool_infer, .kernels = roi_pool_kernels, .nkernels = 1,
};

/* ---- DeformConv ------------------------------------------------------------------------------------------------- */

static const struct attr_def deform_attrs[] = {
    {"kernel_shape", NULL, A_INTS, AT_POSITIVE, 1, NULL, "size of the window"},
    {"strides", NULL, A_SPATIAL, AT_POSITIVE, 1, NULL, "step of the window"},
    {"pads", NULL, A_PADS, AT_NONNEG, 0, NULL, "zeros around the input"},
    {"dilations", NULL, A_SPATIAL, AT_POSITIVE, 1, NULL, "distance between taps"},
    {"group", NULL, A_INT, AT_POSITIVE, 1, NULL, "channels are split into so many independent parts"},
    {"offset_group", NULL, A_INT, AT_POSITIVE, 1, NULL, "parts of the channels that have offsets of their own"},
    {"auto_pad", NULL, A_STRING, 0, 0, "NOTSET:NOTSET", "padding by rule"},
};

static bool deform_plan(struct graph *g, struct node *n, struct cnnc_deform_conv *c)
{
    const struct tensor *x = n->in[0], *w = n->in[1];
    *c = (struct cnnc_deform_conv){.n = (long)x->dim[0], .groups = (long)attr_i(n, "group"),
                                   .offset_groups = (long)attr_i(n, "offset_group"), .ic = (long)w->dim[1], .oc = (long)w->dim[0],
                                   .dtype = (int)x->dtype};
    for (int i = 0; i < 2; i++) {
        struct window v;
        if (!window_infer(g, n, i, 2, x->dim[2 + i], w->dim[2 + i], false, &v))
            return false;
        c->in[i] = (long)x->dim[2 + i];
        c->out[i] = (long)v.out;
        c->kernel[i] = (long)v.kernel;
        c->stride[i] = (long)v.stride;
        c->dilation[i] = (long)v.dilation;
        c->before[i] = (long)v.before;
    }
    return true;
}

static bool deform_infer(struct graph *g, struct node *n)
{
    struct cnnc_deform_conv c;
    const struct tensor *x = n->in[0], *w = n->in[1], *offset = n->in[2], *mask = input(n, 4);
    char a[160], b[160];
    if (!check_type(g, n, 0, TYPES_FLOAT))
        return false;
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] && (!same_dtype(g, n, 0, i) || (i != 3 && !check_rank(g, n, i, 4, 4))))
            return false;
    if (attr_i(n, "group") < 1 || attr_i(n, "offset_group") < 1 || w->dim[1] * attr_i(n, "group") != x->dim[1] ||
        w->dim[0] % attr_i(n, "group") || x->dim[1] % attr_i(n, "offset_group"))
        return node_error(g, n, "weights of shape %s do not fit an input of shape %s", shape_text(w, a), shape_text(x, b));
    if (!check_vector(g, n, 3, w->dim[0], "the bias") || !deform_plan(g, n, &c))
        return false;
    int64_t taps = w->dim[2] * w->dim[3] * attr_i(n, "offset_group");
    if (offset->dim[1] != 2 * taps || offset->dim[2] != c.out[0] || offset->dim[3] != c.out[1] || offset->dim[0] != x->dim[0] ||
        (mask && (mask->dim[1] != taps || mask->dim[2] != c.out[0] || mask->dim[3] != c.out[1] || mask->dim[0] != x->dim[0])))
        return node_error(g, n, "offsets of shape %s do not fit", shape_text(offset, a));
    absent_inputs(g, n, 5);
    set_output(n, 0, x->dtype, 4, (int64_t[]){x->dim[0], w->dim[0], c.out[0], c.out[1]});
    return true;
}

static void deform_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    deform_plan(NULL, (struct node *)n, geometry);
}
RUN(deform_conv)
GEOMETRY(deform_conv, FIELD(struct cnnc_deform_conv, n, F_LONG), FIELD(struct cnnc_deform_conv, groups, F_LONG),
         FIELD(struct cnnc_deform_conv, offset_groups, F_LONG), FIELD(struct cnnc_deform_conv, ic, F_LONG),
         FIELD(struct cnnc_deform_conv, oc, F_LONG), FIELD_ARRAY(struct cnnc_deform_conv, in, F_LONG, 2),
         FIELD_ARRAY(struct cnnc_deform_conv, out, F_LONG, 2), FIELD_ARRAY(struct cnnc_deform_conv, kernel, F_LONG, 2),
         FIELD_ARRAY(struct cnnc_deform_conv, stride, F_LONG, 2), FIELD_ARRAY(struct cnnc_deform_conv, dilation, F_LONG, 2),
         FIELD_ARRAY(struct cnnc_deform_conv, before, F_LONG, 2), FIELD_LIT(struct cnnc_deform_conv, dtype, F_INT));
static const struct kernel deform_kernels[] = {KERNEL(deform_conv, "sample.h", deform_conv, deform_fill)};
const struct op op_deform_conv = {
    .onnx = "DeformConv", .doc = "convolution whose taps are moved by offsets", .attrs = deform_attrs, .nattrs = 7, .min_in = 3,
    .max_in = 5, .max_out = 1, .infer = deform_infer, .kernels = deform_kernels, .nkernels = 1,
};
