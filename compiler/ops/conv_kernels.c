/* The kernels of Conv: when each can be used, what it costs, what it wants of its operands. */
#include "conv_kernels.h"

#include <string.h>

#include "../../runtime/conv_plain.h"
#include "../../runtime/conv_plan.h"
#include "pack.h"
#include "shared.h"

/* ---- geometry --------------------------------------------------------------------------------------------------- */

#define CONV_FIELDS                                                                                                    \
    FIELD(struct cnnc_conv, n, F_INT), FIELD(struct cnnc_conv, groups, F_INT), FIELD(struct cnnc_conv, ic, F_INT),     \
    FIELD(struct cnnc_conv, id, F_INT), FIELD(struct cnnc_conv, ih, F_INT), FIELD(struct cnnc_conv, iw, F_INT),        \
    FIELD(struct cnnc_conv, oc, F_INT), FIELD(struct cnnc_conv, od, F_INT), FIELD(struct cnnc_conv, oh, F_INT),        \
    FIELD(struct cnnc_conv, ow, F_INT), FIELD_LIT(struct cnnc_conv, kd, F_INT), FIELD_LIT(struct cnnc_conv, kh, F_INT),\
    FIELD_LIT(struct cnnc_conv, kw, F_INT), FIELD(struct cnnc_conv, sd, F_INT), FIELD(struct cnnc_conv, sh, F_INT),    \
    FIELD_LIT(struct cnnc_conv, sw, F_INT), FIELD(struct cnnc_conv, dd, F_INT), FIELD(struct cnnc_conv, dh, F_INT),    \
    FIELD(struct cnnc_conv, dw, F_INT), FIELD(struct cnnc_conv, pd, F_INT), FIELD(struct cnnc_conv, ph, F_INT),        \
    FIELD(struct cnnc_conv, pw, F_INT), FIELD(struct cnnc_conv, x, F_VIEW), FIELD(struct cnnc_conv, y, F_VIEW),        \
    FIELD(struct cnnc_conv, add, F_VIEW), FIELD_LIT(struct cnnc_conv, ep, F_EPILOGUE),                                 \
    FIELD_LIT(struct cnnc_conv, tile_w, F_INT), FIELD_LIT(struct cnnc_conv, tile_ocb, F_INT),                          \
    FIELD_LIT(struct cnnc_conv, ic_tail, F_INT), FIELD_LIT(struct cnnc_conv, flat, F_INT),                             \
    FIELD_LIT(struct cnnc_conv, passes, F_INT), FIELD_LIT(struct cnnc_conv, clip, F_INT)

static const struct field conv_fields[] = {CONV_FIELDS};
static const struct geometry conv_geometry = {"cnnc_conv", sizeof(struct cnnc_conv), conv_fields, COUNT(conv_fields)};

static void window_at(const struct node *n, int64_t k[3], int64_t s[3], int64_t d[3], int64_t p[3])
{
    const int spatial = n->in[0]->rank - 2, skip = 3 - spatial;
    for (int i = 0; i < 3; i++)
        k[i] = s[i] = d[i] = 1, p[i] = 0;
    for (int i = 0; i < spatial; i++) {
        k[skip + i] = attr_at(n, "kernel_shape", i, 1);
        s[skip + i] = attr_at(n, "strides", i, 1);
        d[skip + i] = attr_at(n, "dilations", i, 1);
        p[skip + i] = attr_at(n, "pads", i, 0);
    }
}

void conv_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_conv *c = geometry;
    const struct tensor *out = n->pool ? n->pool_in : n->out[0];
    const struct extent5 x = extent5(n->in[0]), y = extent5(out);
    int64_t k[3], s[3], d[3], p[3];
    window_at(n, k, s, d, p);
    *c = (struct cnnc_conv){
        .n = x.n, .groups = (int)attr_i(n, "group"), .ic = x.c, .id = x.d, .ih = x.h, .iw = x.w, .oc = y.c, .od = y.d,
        .oh = y.h, .ow = y.w, .kd = (int)k[0], .kh = (int)k[1], .kw = (int)k[2], .sd = (int)s[0], .sh = (int)s[1],
        .sw = (int)s[2], .dd = (int)d[0], .dh = (int)d[1], .dw = (int)d[2], .pd = (int)p[0], .ph = (int)p[1],
        .pw = (int)p[2], .x = view_of(n->in[0]), .y = view_of(n->out[0])};
    fill_epilogue(n, &c->ep, &c->add);
    cnnc_conv_plan(c);
}

/* ---- what several share ----------------------------------------------------------------------------------------- */

static bool known(const struct tensor *t) { return tensor_is_const(t) || (t->def && t->def->folded); }

static bool is_float(const struct node *n)
{
    return n->in[0]->dtype == DT_F32 && known(n->in[1]) && (!input(n, 2) || known(n->in[2]));
}

static double macs(const struct node *n)
{
    struct cost c = {0};
    n->op->cost(n, &c);
    return (double)c.macs;
}

/* Elements past the edges that the window reads: padding, as far as the last window reaches. */
static void padding_halo(const struct node *n, int i, int before[3], int after[3])
{
    if (i != 0)
        return;
    const struct tensor *out = n->pool ? n->pool_in : n->out[0];
    const struct extent5 x = extent5(n->in[0]), y = extent5(out);
    int64_t k[3], s[3], d[3], p[3];
    const int in[3] = {x.d, x.h, x.w}, size[3] = {y.d, y.h, y.w};
    window_at(n, k, s, d, p);
    for (int a = 0; a < 3; a++) {
        before[a] = (int)p[a];
        after[a] = (int)MAX(0, (size[a] - 1) * s[a] + d[a] * (k[a] - 1) + 1 - in[a] - p[a]);
    }
}

static int64_t blocks_of(int64_t channels, const struct target *t) { return (channels + t->block - 1) / t->block * t->block; }

static void prepare_blocked(struct graph *g, struct node *n, const struct target *target, const char *form)
{
    struct cnnc_conv c;
    conv_fill(n, &c, target);
    const int64_t channels = blocks_of(c.oc, target);
    pack_weights(g, n, 1, form, &c);
    pack_vector(g, n, 2, channels);
    pack_stage_vectors(g, n, channels);
}

/* ---- direct ----------------------------------------------------------------------------------------------------- */

static bool direct_match(const struct node *n, const struct target *t) { return t->block == 16 && is_float(n); }

static double direct_cost(const struct node *n, const struct target *t)
{
    struct cnnc_conv c;
    conv_fill(n, &c, t);
    /* what padding to blocks and zero weights between groups cost */
    double in = (double)cnnc_conv_in_blocks(&c) * t->block / ((double)c.ic / c.groups);
    double out = (double)blocks_of(c.oc, t) / c.oc;
    return 3e-7 + macs(n) * (c.ic_tail && c.groups == 1 ? 1 : in) * out / 55e9;
}

static void direct_prepare(struct graph *g, struct node *n, const struct target *t) { prepare_blocked(g, n, t, "direct"); }

/* ---- first layer ------------------------------------------------------------------------------------------------ */

static bool first_match(const struct node *n, const struct target *t)
{
    return t->block == 16 && is_float(n) && n->in[0]->dim[1] <= 4 && attr_i(n, "group") == 1;
}

static double first_cost(const struct node *n, const struct target *t)
{
    return 3e-7 + macs(n) * (double)blocks_of(n->out[0]->dim[1], t) / (double)n->out[0]->dim[1] / 45e9;
}

static void first_fill(const struct node *n, void *geometry, const struct target *t)
{
    conv_fill(n, geometry, t);
    cnnc_conv_first_plan(geometry);
}

static size_t first_scratch(const void *geometry) { return cnnc_conv_first_scratch(geometry); }
static void first_prepare(struct graph *g, struct node *n, const struct target *t) { prepare_blocked(g, n, t, "first"); }

/* ---- depthwise -------------------------------------------------------------------------------------------------- */

static bool depthwise_match(const struct node *n, const struct target *t)
{
    const int64_t groups = attr_i(n, "group");
    return t->block == 16 && is_float(n) && groups > 1 && groups == n->in[0]->dim[1] && groups == n->out[0]->dim[1];
}

static double depthwise_cost(const struct node *n, const struct target *t)
{
    return 3e-7 + macs(n) * (double)blocks_of(n->out[0]->dim[1], t) / (double)n->out[0]->dim[1] / 15e9;
}

static void depthwise_fill(const struct node *n, void *geometry, const struct target *t)
{
    conv_fill(n, geometry, t);
    cnnc_depthwise_plan(geometry);
}

static void depthwise_prepare(struct graph *g, struct node *n, const struct target *t)
{
    prepare_blocked(g, n, t, "depthwise");
}

/* ---- plain ------------------------------------------------------------------------------------------------------ */

static const enum dtype plain_types[] = {DT_F32, DT_F64, DT_F16, DT_BF16};

static bool plain_match(const struct node *n, const struct target *t)
{
    (void)t;
    bool able = false;
    for (size_t i = 0; i < COUNT(plain_types); i++)
        able |= n->in[0]->dtype == plain_types[i];
    return able && (!n->stages || n->in[0]->dtype == DT_F32);
}

static double plain_cost(const struct node *n, const struct target *t)
{
    (void)t;
    return 1e-7 + macs(n) / 0.7e9;
}

static bool is_transposed(const struct node *n) { return strcmp(n->op->onnx, "ConvTranspose") == 0; }

static void plain_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const char *tag = type_tag(n->in[0]->dtype), *form = is_transposed(n) ? "conv_transpose_plain" : "conv_plain";
    const char *macro = is_transposed(n) ? "CNNC_CONV_TRANSPOSE_PLAIN" : "CNNC_CONV_PLAIN";
    sb_addf(name, "cnnc_%s_%s", form, tag);
    sb_addf(define, "%s(cnnc_%s_%s, %s, %s)\n", macro, form, tag, tag, n->in[0]->dtype == DT_F64 ? "double" : "float");
}

CNNC_CONV_PLAIN(run_f32, f32, float)
CNNC_CONV_PLAIN(run_f64, f64, double)
CNNC_CONV_PLAIN(run_f16, f16, float)
CNNC_CONV_PLAIN(run_bf16, bf16, float)
CNNC_CONV_TRANSPOSE_PLAIN(run_transposed_f32, f32, float)
CNNC_CONV_TRANSPOSE_PLAIN(run_transposed_f64, f64, double)
CNNC_CONV_TRANSPOSE_PLAIN(run_transposed_f16, f16, float)
CNNC_CONV_TRANSPOSE_PLAIN(run_transposed_bf16, bf16, float)

static void plain_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const struct cnnc_thread all = {0, 1, NULL};
    const void *operand[3] = {in[0], in[1], n->nin > 2 ? in[2] : NULL};
    const bool t = is_transposed(n);
    switch (n->in[0]->dtype) {
    case DT_F64: (t ? run_transposed_f64 : run_f64)(geometry, operand, out, all); break;
    case DT_F16: (t ? run_transposed_f16 : run_f16)(geometry, operand, out, all); break;
    case DT_BF16: (t ? run_transposed_bf16 : run_bf16)(geometry, operand, out, all); break;
    default: (t ? run_transposed_f32 : run_f32)(geometry, operand, out, all); break;
    }
}

/* The kernel looks at in[2] to see whether there is a bias. */
static void plain_prepare(struct graph *g, struct node *n, const struct target *target)
{
    (void)target;
    while (n->nin < 3)
        node_input(g, n, NULL);
}

const struct kernel conv_kernels[CONV_KERNELS] = {
    {.name = "conv_direct", .part = "conv_direct.h", .geometry = &conv_geometry, .in_layout = LAYOUT_BLOCKED,
     .out_layout = LAYOUT_BLOCKED, .epilogue = true, .views = true, .match = direct_match, .cost = direct_cost,
     .halo = padding_halo, .prepare = direct_prepare, .fill = conv_fill},
    {.name = "conv_first", .part = "conv_first.h", .geometry = &conv_geometry, .in_layout = LAYOUT_PLAIN,
     .out_layout = LAYOUT_BLOCKED, .epilogue = true, .views = true, .match = first_match, .cost = first_cost,
     .prepare = first_prepare, .fill = first_fill, .scratch = first_scratch},
    {.name = "depthwise", .part = "depthwise.h", .geometry = &conv_geometry, .in_layout = LAYOUT_BLOCKED,
     .out_layout = LAYOUT_BLOCKED, .epilogue = true, .views = true, .match = depthwise_match, .cost = depthwise_cost,
     .halo = padding_halo, .prepare = depthwise_prepare, .fill = depthwise_fill},
    {.part = "conv_plain.h", .geometry = &conv_geometry, .epilogue = true, .views = true, .match = plain_match,
     .cost = plain_cost, .prepare = plain_prepare, .fill = conv_fill, .name_of = plain_name, .run = plain_run},
};

const struct kernel conv_transpose_kernels[CONV_TRANSPOSE_KERNELS] = {
    {.part = "conv_plain.h", .geometry = &conv_geometry, .epilogue = true, .views = true, .match = plain_match,
     .cost = plain_cost, .prepare = plain_prepare, .fill = conv_fill, .name_of = plain_name, .run = plain_run},
};
