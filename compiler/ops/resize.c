/* Resize and Upsample. */
#include "generic.h"
#include "grads.h"
#include "past.h"

#include <math.h>

#include "../../runtime/resize.h"
#include "qhooks.h"
#include "quantized.h"
#include "shared.h"

static const struct attr_def resize_attrs[] = {
    {"mode", "mode", A_STRING, AT_POS, 0, "nearest:nearest|linear|cubic|bilinear", "how values between pixels are found"},
    {"coordinate_transformation_mode", "coordinates", A_STRING, 0, 0,
     "half_pixel:half_pixel|half_pixel_symmetric|pytorch_half_pixel|align_corners|asymmetric|tf_crop_and_resize|"
     "tf_half_pixel_for_nn", "where a pixel of the result lies in the input"},
    {"nearest_mode", "rounding", A_STRING, 0, 0, "round_prefer_floor:round_prefer_floor|round_prefer_ceil|floor|ceil",
     "which pixel is nearest"},
    {"cubic_coeff_a", NULL, A_FLOAT, 0, -0.75, NULL, "shape of the cubic"},
    {"exclude_outside", NULL, A_BOOL, 0, 0, NULL, "pixels past the border do not count"},
    {"extrapolation_value", NULL, A_FLOAT, 0, 0, NULL, "what lies outside the crop"},
    {"antialias", NULL, A_BOOL, 0, 0, NULL, "average over what one pixel of the result covers"},
    {"axes", NULL, A_INTS, 0, 0, NULL, "axes that scales, sizes and roi are about (all)"},
    {"keep_aspect_ratio_policy", NULL, A_STRING, 0, 0, "stretch:stretch|not_larger|not_smaller", "what sizes mean"},
    {"scale", "scale", A_FLOATS, AT_NET, 0, NULL, "factor, or one for each spatial axis"},
    {"size", "size", A_SPATIAL, AT_NET, 0, NULL, "size of each plane"},
    {"quantized", NULL, A_BOOL, 0, 0, NULL, "integers stand for real values: they are rounded, not cut"},
};

static bool resize_params(struct graph *g, struct node *n)
{
    const struct attr *scale = attr_get(n, "scale");
    int rank = n->in[0]->rank, spatial = rank - 2;
    float s[MAX_RANK] = {1, 1};
    int64_t size[MAX_RANK];
    if (!check_rank(g, n, 0, 3, 5))
        return false;
    if (scale->set == attr_set(n, "size"))
        return node_error(g, n, "expected scale or size, as in %s(x, scale=2)", n->op->net);
    node_input(g, n, NULL);
    if (scale->set) {
        if (scale->n != 1 && scale->n != spatial)
            return attr_error(g, n, "scale", "%d factors, expected 1 or %d", scale->n, spatial);
        for (int i = 0; i < spatial; i++)
            s[2 + i] = (float)scale->floats[scale->n == 1 ? 0 : i];
        node_input(g, n, tensor_const(g, unique_name(g, "scale"), DT_F32, 1, (int64_t[]){rank}, s));
        return true;
    }
    memcpy(size, n->in[0]->dim, sizeof size);
    for (int i = 0; i < spatial; i++)
        size[2 + i] = attr_at(n, "size", i, 1);
    node_input(g, n, NULL);
    node_input(g, n, tensor_i64(g, unique_name(g, "size"), rank, size));
    return true;
}

/* Size and factor of each axis of the result; false without a message if scales or sizes do not fit. */
static bool resize_plan(const struct node *n, int64_t size[MAX_RANK], double scale[MAX_RANK])
{
    const struct tensor *x = n->in[0], *s = input(n, 2), *z = input(n, 3);
    const struct attr *axes = attr_get(n, "axes");
    int count = axes->set ? axes->n : x->rank;
    const char *policy = attr_s(n, "keep_aspect_ratio_policy");
    bool scales = s && tensor_count(s) > 0;
    double common = policy[0] == 'n' && strcmp(policy, "not_larger") == 0 ? (double)INFINITY : 0;
    if (tensor_count(scales ? s : z) != count)
        return false;
    for (int i = 0; i < x->rank; i++) {
        size[i] = x->dim[i];
        scale[i] = 1;
    }
    for (int i = 0; i < count; i++) {
        int64_t a = axes->set ? axes->ints[i] : i;
        a += a < 0 ? x->rank : 0;
        if (a < 0 || a >= x->rank || x->dim[a] < 1)
            return false;
        double v = const_element(scales ? s : z, i);
        scale[a] = scales ? v : v / (double)x->dim[a];
        if (!(v > 0) || !(scale[a] * (double)x->dim[a] < 1e9))
            return false;
        size[a] = scales ? (int64_t)floor(scale[a] * (double)x->dim[a]) : (int64_t)v;
        common = strcmp(policy, "not_larger") == 0 ? fmin(common, scale[a]) : fmax(common, scale[a]);
    }
    if (!scales && policy[0] == 'n')
        for (int i = 0; i < count; i++) {
            int64_t a = axes->set ? axes->ints[i] : i;
            a += a < 0 ? x->rank : 0;
            scale[a] = common;
            size[a] = (int64_t)floor(common * (double)x->dim[a] + 0.5);
        }
    return true;
}

static bool resize_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *s = input(n, 2);
    int64_t size[MAX_RANK];
    double scale[MAX_RANK];
    char text[160];
    if (!check_type(g, n, 0, TYPES_NUMERIC | TYPE(DT_BOOL)))
        return false;
    bool scales = s && (!s->data || tensor_count(s) > 0);
    if (!scales && !input(n, 3))
        return node_error(g, n, "neither scales nor sizes are given");
    if (!need_known(g, n, scales ? 2 : 3, scales ? "scales" : "sizes"))
        return false;
    if (strcmp(attr_s(n, "coordinate_transformation_mode"), "tf_crop_and_resize") == 0 &&
        (!need_known(g, n, 1, "roi") ||
         tensor_count(n->in[1]) != 2 * (attr_set(n, "axes") ? attr_get(n, "axes")->n : x->rank)))
        return node_error(g, n, "roi does not fit a tensor of shape %s", shape_text(x, text));
    if (strcmp(attr_s(n, "mode"), "bilinear") == 0)
        set_attr_s(g, n, "mode", "linear");
    if (x->rank < 1 || !resize_plan(n, size, scale))
        return node_error(g, n, "scales or sizes do not fit a tensor of shape %s", shape_text(x, text));
    set_output(n, 0, x->dtype, x->rank, size);
    return true;
}

static int word_index(const char *word, const char *const *words, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return 0;
}

static void resize_fill(const struct node *n, void *geometry, const struct target *target)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const places[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                         "asymmetric", "tf_crop_and_resize"};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    (void)target;
    struct cnnc_resize *r = geometry;
    const struct tensor *x = n->in[0];
    const struct attr *axes = attr_get(n, "axes");
    int64_t size[MAX_RANK];
    double scale[MAX_RANK], from[MAX_RANK], to[MAX_RANK];
    resize_plan(n, size, scale);
    *r = (struct cnnc_resize){.dtype = (int)x->dtype, .bytes = (int)dtype_size(x->dtype),
                              .mode = word_index(attr_s(n, "mode"), modes, 3),
                              .place = word_index(attr_s(n, "coordinate_transformation_mode"), places, 6),
                              .nearest = word_index(attr_s(n, "nearest_mode"), nearest, 4),
                              .antialias = (int)attr_i(n, "antialias"), .rounded = (int)attr_i(n, "quantized"),
                              .exclude_outside = (int)attr_i(n, "exclude_outside"),
                              .cubic = attr_f(n, "cubic_coeff_a"), .outside = attr_f(n, "extrapolation_value")};
    for (int i = 0; i < x->rank; i++) {
        from[i] = 0;
        to[i] = 1;
    }
    if (r->place == CNNC_PLACE_CROP) {
        int count = (int)tensor_count(n->in[1]) / 2;
        for (int i = 0; i < count; i++) {
            int64_t a = axes->set ? axes->ints[i] : i;
            a += a < 0 ? x->rank : 0;
            from[a] = const_element(n->in[1], i);
            to[a] = const_element(n->in[1], count + i);
        }
    }
    for (int i = 0; i < x->rank; i++) {
        bool same = scale[i] == 1 && size[i] == x->dim[i] && from[i] == 0 && to[i] == 1;
        if (same && r->rank > 0 && r->same[r->rank - 1]) {
            r->x[r->rank - 1] *= (long)x->dim[i];
            r->y[r->rank - 1] *= (long)x->dim[i];
            continue;
        }
        r->same[r->rank] = same;
        r->x[r->rank] = (long)x->dim[i];
        r->y[r->rank] = (long)size[i];
        r->scale[r->rank] = scale[i];
        r->from[r->rank] = from[i];
        r->to[r->rank++] = to[i];
    }
}

static size_t resize_scratch(const void *geometry) { return cnnc_resize_scratch(geometry); }
RUN_SCRATCH(resize, resize_scratch)
GEOMETRY(resize, FIELD_LIT(struct cnnc_resize, rank, F_INT), FIELD_LIT(struct cnnc_resize, dtype, F_INT),
         FIELD_LIT(struct cnnc_resize, bytes, F_INT), FIELD_LIT(struct cnnc_resize, mode, F_INT),
         FIELD_LIT(struct cnnc_resize, place, F_INT), FIELD_LIT(struct cnnc_resize, nearest, F_INT),
         FIELD_LIT(struct cnnc_resize, antialias, F_INT), FIELD_LIT(struct cnnc_resize, rounded, F_INT),
         FIELD_LIT(struct cnnc_resize, exclude_outside, F_INT),
         FIELD_ARRAY(struct cnnc_resize, same, F_INT, 8), FIELD_ARRAY(struct cnnc_resize, x, F_LONG, 8),
         FIELD_ARRAY(struct cnnc_resize, y, F_LONG, 8), FIELD_ARRAY(struct cnnc_resize, scale, F_DOUBLE, 8),
         FIELD_ARRAY(struct cnnc_resize, from, F_DOUBLE, 8), FIELD_ARRAY(struct cnnc_resize, to, F_DOUBLE, 8),
         FIELD(struct cnnc_resize, cubic, F_DOUBLE), FIELD(struct cnnc_resize, outside, F_DOUBLE));
static const struct kernel resize_kernels[] = {{.name = "resize", .part = "resize.h", .geometry = &resize_geometry,
                                                .fill = resize_fill, .scratch = resize_scratch, .run = run_resize}};
/* Along each axis the result is a product with a matrix, which the tables fill. */
bool resize_grad(struct graph *g, struct node *n)
{
    struct cnnc_resize r;
    struct tensor *d = grad_of(g, n->out[0]);
    resize_fill(n, &r, NULL);
    int64_t dim[MAX_RANK], perm[MAX_RANK];
    for (int k = 0; k < r.rank; k++)
        dim[k] = r.y[k];
    d = grad_reshaped(g, n, d, r.rank, dim);
    for (int k = 0; k < r.rank; k++) {
        if (r.same[k])
            continue;
        const long taps = cnnc_resize_taps(&r, k);
        double *weight = xmalloc(sizeof *weight * (size_t)(r.y[k] * taps + 1));
        long *place = xmalloc(sizeof *place * (size_t)(r.y[k] * taps + 1));
        cnnc_resize_table(&r, k, weight, place);
        struct tensor *m = tensor_const(g, unique_name(g, "weights"), n->in[0]->dtype, 2, (int64_t[]){r.y[k], r.x[k]}, NULL);
        memset((void *)m->data, 0, (size_t)tensor_count(m) * dtype_size(m->dtype));
        for (long i = 0; i < r.y[k] * taps; i++)
            if (place[i] >= 0) {
                const int64_t at = i / taps * r.x[k] + place[i];
                type_store_float(m->dtype, (void *)m->data, at, type_load_float(m->dtype, m->data, at) + weight[i]);
            }
        free(weight);
        free(place);
        for (int i = 0; i < r.rank; i++)
            perm[i] = i == k ? r.rank - 1 : i == r.rank - 1 ? k : i;
        d = grad_transposed(g, n, grad_value(g, n, "MatMul", grad_transposed(g, n, d, perm), m, NULL), perm);
    }
    grad_add(g, n->in[0], grad_reshaped(g, n, d, n->in[0]->rank, n->in[0]->dim));
    return true;
}

static void resize_cost(const struct node *n, struct cost *c) { c->flops = 8 * tensor_count(n->out[0]); }

/* Weights add up to 1: the zero point goes through. */
struct node *resize_quantize(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out)
{
    double sx, sy, low, high;
    int zx, zy;
    if (!out->scale || !in[0].q || !one_scale(g, &in[0], &sx, &zx) || !one_scale(g, out, &sy, &zy) || sx != sy || zx != zy ||
        in[0].dtype != out->dtype || strcmp(attr_s(n, "coordinate_transformation_mode"), "tf_crop_and_resize") == 0 ||
        strcmp(attr_s(n, "mode"), "cubic") == 0)
        return NULL;
    int_range(out->dtype, &low, &high);
    if (out->low > low || out->high < high)
        return NULL;
    struct node *q = q_node(g, n, n->op, out->dtype, n->out[0]->rank, n->out[0]->dim);
    copy_attrs(g, q, n);
    node_input(g, q, in[0].q);
    for (int i = 1; i < n->nin; i++)
        node_input(g, q, n->in[i]);
    set_attr_i(g, q, "quantized", 1);
    return q;
}

const struct op op_resize = {
    .onnx = "Resize", .net = "resize", .net_aliases = "upsample", .doc = "planes of another size", .attrs = resize_attrs,
    .nattrs = COUNT(resize_attrs), .min_in = 1, .max_in = 4, .net_in = 1, .max_out = 1, .params = resize_params,
    .infer = resize_infer, .past = past_batch, .grad = resize_grad, .quantize = resize_quantize, .cost = resize_cost, .kernels = resize_kernels,
    .nkernels = 1,
};

/* ---- Upsample: Resize of opset 9 -------------------------------------------------------------------------------- */

static const struct attr_def upsample_attrs[] = {
    {"mode", NULL, A_STRING, 0, 0, "nearest:nearest|linear|bilinear", "how values between pixels are found"}};

static bool upsample_infer(struct graph *g, struct node *n)
{
    const char *mode = attr_s(n, "mode");
    struct tensor *scales = n->in[1];
    n->op = &op_resize;
    n->attr = arena_alloc(&g->arena, sizeof *n->attr * COUNT(resize_attrs));
    set_attr_s(g, n, "mode", strcmp(mode, "nearest") == 0 ? "nearest" : "linear");
    set_attr_s(g, n, "coordinate_transformation_mode", "asymmetric");
    set_attr_s(g, n, "nearest_mode", "floor");
    node_set_input(g, n, 1, NULL);
    node_set_input(g, n, 2, scales);
    return resize_infer(g, n);
}

const struct op op_upsample = {
    .onnx = "Upsample", .doc = "Resize of opset 9", .attrs = upsample_attrs, .nattrs = 1, .min_in = 2, .max_in = 2,
    .max_out = 1, .infer = upsample_infer,
};
