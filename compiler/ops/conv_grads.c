/* The gradients of a convolution, of its input (the kernels are among the convolution's own) and of its weights. */
#include "generic.h"

#include <math.h>

#include "../../runtime/conv_grad_weight_plan.h"
#include "../../runtime/conv_train_plan.h"
#include "conv_kernels.h"
#include "shared.h"

/* Multiply-adds are those of the convolution itself. */
static void conv_cost(const struct node *n, struct cost *c)
{
    const bool input = n->op == &op_conv_grad_input;
    struct cnnc_conv k;
    conv_shape(n, n->in[0], input ? n->out[0] : n->in[1], &k);
    c->macs = tensor_count(input ? n->in[0] : n->in[1]) * ((input ? k.oc : k.ic) / k.groups) * k.kd * k.kh * k.kw;
}

const struct op op_conv_grad_input = {
    .onnx = "ConvGradInput", .doc = "gradient of a convolution's input", .attrs = conv_attrs, .nattrs = CONV_ATTRS, .min_in = 2,
    .max_in = 3, .max_out = 1, .flags = OP_INTERNAL, .cost = conv_cost, .kernels = conv_gradient_kernels,
    .nkernels = CONV_GRADIENT_KERNELS};

/* ---- of the weights ------------------------------------------------------------------------------------------------- */

static bool is_double(const struct node *n, const struct target *t) { (void)n; return t->train_double; }
static bool is_single(const struct node *n, const struct target *t) { return !is_double(n, t); }

static void plain_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    conv_shape(n, n->in[0], n->in[1], geometry);
}
static void weight_fill(const struct node *n, void *geometry, int form)
{
    struct cnnc_grad_weight *g = geometry;
    *g = (struct cnnc_grad_weight){.parts = 1};
    plain_fill(n, &g->c, NULL);
    if (form == CNNC_WEIGHT_WINOGRAD)
        cnnc_conv_grad_weight_winograd_plan(g);
    else
        cnnc_conv_grad_weight_plan(g, form);
}

/* In blocks; of few channels, which lie plain; by Winograd's F(4x4, 3x3). */
static bool blocked_match(const struct node *n, const struct target *t)
{
    struct cnnc_conv c;
    if (!t->train || t->train_double || n->in[0]->dtype != DT_F32 || t->block != CNNC_B)
        return false;
    plain_fill(n, &c, t);
    return c.groups == 1 || (c.ic / c.groups % CNNC_B == 0 && c.oc / c.groups % CNNC_B == 0);
}
static bool first_match(const struct node *n, const struct target *t)
{
    struct cnnc_conv c;
    if (!blocked_match(n, t))
        return false;
    plain_fill(n, &c, t);
    return c.ic <= 4 && c.groups == 1 && c.kd == 1 && c.id == 1 && c.kw <= 32;
}
static bool winograd_match(const struct node *n, const struct target *t)
{
    struct cnnc_conv c;
    if (!t->winograd || !blocked_match(n, t) || n->in[0]->rank != 4)
        return false;
    plain_fill(n, &c, t);
    return c.groups == 1 && c.kh == 3 && c.kw == 3 && c.sh == 1 && c.sw == 1 && c.dh == 1 && c.dw == 1 && c.oh > 1 && c.ow > 1;
}

static double plain_seconds(const struct node *n, const struct target *t)
{
    struct cost c = {0};
    (void)t;
    conv_cost(n, &c);
    return 1e-6 + (double)c.macs / 10e9;
}
static double blocked_seconds(const struct node *n, const struct target *t)
{
    const int64_t ic = n->in[0]->dim[1], oc = n->in[1]->dim[1], b = t->block;
    struct cost c = {0};
    conv_cost(n, &c);
    const double out = (double)conv_block_channels(oc, t) / (double)oc, in = ic < b ? 1 : (double)conv_block_channels(ic, t) / (double)ic;
    return 1e-6 + (double)c.macs * in * out / 50e9;
}
static double first_seconds(const struct node *n, const struct target *t) { return 0.8 * blocked_seconds(n, t); }
/* The products, moving the tiles through their transforms, and sums back to weights. */
static double winograd_seconds(const struct node *n, const struct target *t)
{
    const double ic = (double)conv_block_channels(n->in[0]->dim[1], t), oc = (double)conv_block_channels(n->in[1]->dim[1], t);
    struct cnnc_conv c;
    plain_fill(n, &c, t);
    return 1e-6 + 36 * (double)cnnc_grad_winograd_tiles(&c) * (ic * oc / 55e9 + (ic + oc) * 4 / 25e9) + 36 * ic * oc * 4 / 20e9;
}
/* As of the convolution: these are its transforms turned round. */
static double winograd_error(const struct node *n) { return 8e-8 * sqrt((double)n->in[0]->dim[1]); }

static size_t weight32(const void *g) { return cnnc_conv_grad_weight_scratch(g, sizeof(float)); }
static size_t weight64(const void *g) { return cnnc_conv_grad_weight_scratch(g, sizeof(double)); }
static size_t blocked_scratch(const void *g) { return cnnc_conv_grad_weight_blocked_scratch(g); }
static size_t first_scratch(const void *g) { return cnnc_conv_grad_weight_first_scratch(g); }
static size_t winograd_scratch(const void *g) { return cnnc_conv_grad_weight_winograd_scratch(g); }

/* A kernel that sums parts is followed by a step that makes one of them. */
static const struct attr_def sum_attrs[] = {{"geometry", NULL, A_INTS, 0, 0, NULL, "output and input channels, taps, parts, their form"}};

static void sum_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    *(struct cnnc_weight_sum *)geometry =
        (struct cnnc_weight_sum){(int)attr_at(n, "geometry", 0, 0), (int)attr_at(n, "geometry", 1, 0), (int)attr_at(n, "geometry", 2, 0),
                                 (int)attr_at(n, "geometry", 3, 0), (int)attr_at(n, "geometry", 4, 0)};
}
static double sum_seconds(const struct node *n, const struct target *t)
{
    (void)t;
    return 3e-7 + 4 * (double)tensor_count(n->in[0]) / 20e9 + 1e-9 * (double)tensor_count(n->out[0]);
}
GEOMETRY(weight_sum, FIELD(struct cnnc_weight_sum, oc, F_INT), FIELD(struct cnnc_weight_sum, ic, F_INT), FIELD(struct cnnc_weight_sum, taps, F_INT),
         FIELD(struct cnnc_weight_sum, parts, F_INT), FIELD_LIT(struct cnnc_weight_sum, form, F_INT));
static const struct kernel sum_kernels[] = {
    {.name = "weight_sum", .part = "conv_grad_sum.h", .geometry = &weight_sum_geometry, .cost = sum_seconds, .fill = sum_fill}};
const struct op op_weight_sum = {
    .onnx = "WeightSum", .doc = "gradient of a convolution's weights from that of parts", .attrs = sum_attrs, .nattrs = COUNT(sum_attrs), .min_in = 1,
    .max_in = 1, .max_out = 1, .flags = OP_INTERNAL, .kernels = sum_kernels, .nkernels = COUNT(sum_kernels)};

static void sum_parts(struct graph *g, struct node *n, int form)
{
    struct cnnc_grad_weight w;
    weight_fill(n, &w, form);
    if (w.parts == 1)
        return;
    const int64_t shape[] = {w.c.oc, w.c.ic / w.c.groups, (int64_t)w.c.kd * w.c.kh * w.c.kw, w.parts, form};
    struct node *s = node_insert_after(g, n, &op_weight_sum, arena_printf(&g->arena, "%s.sum", n->name));
    set_attr_ints(g, s, "geometry", COUNT(shape), shape);
    struct cnnc_weight_sum sum;
    sum_fill(s, &sum, NULL);
    struct tensor *dw = n->out[0];
    n->nout = 0;
    struct tensor *parts = node_output(g, n, unique_name(g, arena_printf(&g->arena, "%s.parts", dw->name)));
    parts->dtype = DT_F32;
    tensor_set_shape(parts, 1, (int64_t[]){w.parts * (int64_t)cnnc_weight_sum_part(&sum)});
    node_input(g, s, parts);
    VEC_PUSH(s->out, s->nout, dw);
    dw->def = s;
    dw->def_index = 0;
}

/* clang-format off */
#define FORM(name, form)                                                                                                \
    static void name##_fill(const struct node *n, void *g, const struct target *t) { (void)t; weight_fill(n, g, form); }     \
    static void name##_prepare(struct graph *g, struct node *n, const struct target *t) { (void)t; sum_parts(g, n, form); }
FORM(blocked, CNNC_WEIGHT_BLOCKED)
FORM(first, CNNC_WEIGHT_FIRST)
FORM(winograd, CNNC_WEIGHT_WINOGRAD)

#define MEMBER(name, kind, literal) {"c." #name, offsetof(struct cnnc_grad_weight, c.name), kind, literal, 0}
GEOMETRY(grad_weight, CONV_MEMBERS(MEMBER), FIELD_LIT(struct cnnc_grad_weight, parts, F_INT), FIELD(struct cnnc_grad_weight, group, F_INT));
#define PLAIN(bits, matches)                                                                                            \
    {.name = "conv_grad_weight", .part = "conv_train.h", .geometry = &conv_geometry, .match = matches,                  \
     .cost = plain_seconds, .fill = plain_fill, .scratch = weight##bits}
#define BLOCKED(form, header, ...)                                                                                      \
    {.name = "conv_grad_weight_" #form, .part = header, .geometry = &grad_weight_geometry, .in_layout = LAYOUT_BLOCKED, .match = form##_match, \
     .cost = form##_seconds, .prepare = form##_prepare, .fill = form##_fill, .scratch = form##_scratch, __VA_ARGS__}
static const struct kernel weight_kernels[] = {
    PLAIN(32, is_single), PLAIN(64, is_double),
    BLOCKED(blocked, "conv_grad_weight.h", .plain_inputs = 0),
    BLOCKED(first, "conv_grad_weight.h", .plain_inputs = 1),
    BLOCKED(winograd, "conv_grad_winograd.h", .algorithm = "F(4x4, 3x3)", .error = winograd_error, .arithmetic = 36.0 / 144),
};
/* clang-format on */
const struct op op_conv_grad_weight = {
    .onnx = "ConvGradWeight", .doc = "gradient of a convolution's weights", .attrs = conv_attrs, .nattrs = CONV_ATTRS, .min_in = 2,
    .max_in = 2, .max_out = 1, .flags = OP_INTERNAL, .cost = conv_cost, .kernels = weight_kernels, .nkernels = COUNT(weight_kernels)};
