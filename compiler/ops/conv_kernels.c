/* The kernels of Conv: when each can be used, what it costs, what it wants of its operands. */
#include "conv_kernels.h"

#include <math.h>
#include <string.h>

#include "../../runtime/conv_plan.h"
#include "../../runtime/conv_train_plan.h"
#include "conv_winograd.h"
#include "pack.h"
#include "shared.h"

/* ---- geometry --------------------------------------------------------------------------------------------------- */

#define CONV_FIELD(name, kind, literal) {#name, offsetof(struct cnnc_conv, name), kind, literal, 0}
static const struct field conv_fields[] = {CONV_MEMBERS(CONV_FIELD)};
const struct geometry conv_geometry = {"cnnc_conv", sizeof(struct cnnc_conv), conv_fields, COUNT(conv_fields)};

#define POOL_FIELD(name, kind, literal) {"c." #name, offsetof(struct cnnc_conv_pool, c.name), kind, literal, 0}
static const struct field pool_fields[] = {
    CONV_MEMBERS(POOL_FIELD),
    FIELD(struct cnnc_conv_pool, pool_oh, F_INT), FIELD(struct cnnc_conv_pool, pool_ow, F_INT),
    FIELD_LIT(struct cnnc_conv_pool, pool_kh, F_INT), FIELD_LIT(struct cnnc_conv_pool, pool_kw, F_INT),
    FIELD_LIT(struct cnnc_conv_pool, pool_sh, F_INT), FIELD_LIT(struct cnnc_conv_pool, pool_sw, F_INT),
    FIELD(struct cnnc_conv_pool, pool_ph, F_INT), FIELD(struct cnnc_conv_pool, pool_pw, F_INT)};
static const struct geometry pool_geometry = {"cnnc_conv_pool", sizeof(struct cnnc_conv_pool), pool_fields,
                                              COUNT(pool_fields)};

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

int conv_weights_type(const struct tensor *w)
{
    return w->dtype == DT_F16 ? CNNC_WEIGHTS_F16 : w->dtype == DT_BF16 ? CNNC_WEIGHTS_BF16 : CNNC_WEIGHTS_FLOAT;
}

void conv_shape(const struct node *n, const struct tensor *from, const struct tensor *to, struct cnnc_conv *c)
{
    const struct extent5 x = extent5(from), y = extent5(to);
    int64_t k[3], s[3], d[3], p[3];
    window_at(n, k, s, d, p);
    *c = (struct cnnc_conv){
        .n = x.n, .groups = (int)attr_i(n, "group"), .ic = x.c, .id = x.d, .ih = x.h, .iw = x.w, .oc = y.c, .od = y.d,
        .oh = y.h, .ow = y.w, .kd = (int)k[0], .kh = (int)k[1], .kw = (int)k[2], .sd = (int)s[0], .sh = (int)s[1],
        .sw = (int)s[2], .dd = (int)d[0], .dh = (int)d[1], .dw = (int)d[2], .pd = (int)p[0], .ph = (int)p[1],
        .pw = (int)p[2], .x = view_of(from), .y = view_of(to), .half = from->dtype == DT_F32 ? conv_weights_type(n->in[1]) : CNNC_WEIGHTS_FLOAT};
}

static bool is_gradient(const struct node *n) { return n->op == &op_conv_grad_input; }

static void fill_as_is(const struct node *n, struct cnnc_conv *c)
{
    conv_shape(n, n->in[0], node_result(n), c);
    c->y = view_of(n->out[0]);
    fill_epilogue(n, &c->ep, &c->add);
}

/* The gradient of the input of a convolution of stride 1 is one, too, of the gradient with the weights turned round. */
void conv_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_conv *c = geometry;
    fill_as_is(n, c);
    if (is_gradient(n)) {
        c->pd = c->dd * (c->kd - 1) - c->pd;
        c->ph = c->dh * (c->kh - 1) - c->ph;
        c->pw = c->dw * (c->kw - 1) - c->pw;
    }
    cnnc_conv_plan(c);
}

/* ---- what several share ----------------------------------------------------------------------------------------- */

static bool known(const struct tensor *t) { return tensor_is_const(t) || (t->def && t->def->folded); }

static bool is_float(const struct node *n, const struct target *t)
{
    return n->in[0]->dtype == DT_F32 && (t->train || (known(n->in[1]) && (!input(n, 2) || known(n->in[2]))));
}

/* Blocked kernels count the pixels of a batch, and the elements of a row of blocks, as int. */
static bool fits_int(const struct cnnc_conv *c)
{
    const double in = (double)c->id * c->ih * c->iw, out = (double)c->od * c->oh * c->ow;
    return c->n * fmax(in, out) < INT_MAX && fmax(c->iw + 2.0 * c->pw, c->ow) * CNNC_B < INT_MAX;
}

bool conv_is_convolution(const struct node *n, const struct target *t)
{
    struct cnnc_conv c;
    if (t->block != 16 || !is_float(n, t))
        return false;
    conv_fill(n, &c, t);
    if (!fits_int(&c))
        return false;
    return !is_gradient(n) || (c.sd == 1 && c.sh == 1 && c.sw == 1 && c.pd >= 0 && c.ph >= 0 && c.pw >= 0);
}

double conv_macs(const struct node *n)
{
    struct cost c = {0};
    n->op->cost(n, &c);
    return (double)c.macs;
}

/* Elements past the edges that the window reads: padding, as far as the last window reaches. */
void conv_padding_halo(const struct node *n, int i, int before[3], int after[3])
{
    if (i != 0)
        return;
    struct cnnc_conv c;
    conv_fill(n, &c, NULL);
    before[0] = c.pd;
    before[1] = c.ph;
    before[2] = c.pw;
    after[0] = MAX(0, (c.od - 1) * c.sd + c.dd * (c.kd - 1) + 1 - c.id - c.pd);
    after[1] = MAX(0, (c.oh - 1) * c.sh + c.dh * (c.kh - 1) + 1 - c.ih - c.ph);
    after[2] = MAX(0, (c.ow - 1) * c.sw + c.dw * (c.kw - 1) + 1 - c.iw - c.pw);
}

int64_t conv_block_channels(int64_t channels, const struct target *t) { return (channels + t->block - 1) / t->block * t->block; }

int conv_operands(const struct node *n)
{
    int count = n->op->max_in;
    for (const struct node *p = n->pool; p; p = p->pool)
        count += p->nin > 1 ? 2 : 0;
    return count;
}

void conv_prepare_blocked(struct graph *g, struct node *n, const struct target *target, const char *form)
{
    struct cnnc_conv c;
    conv_fill(n, &c, target);
    const int64_t channels = conv_block_channels(c.oc, target);
    pack_vector(g, n, 2, channels);
    pack_stage_vectors(g, n, channels);
    if (n->half == CNNC_WEIGHTS_F16)
        pack_factors(g, n, n, 1, 2, conv_operands(n), form, &c);
    pack_weights(g, n, 1, form, is_gradient(n) && strcmp(form, "transposed") != 0, &c);
}

/* ---- direct ----------------------------------------------------------------------------------------------------- */

bool conv_direct_match(const struct node *n, const struct target *t) { return conv_is_convolution(n, t); }

/* Multiply-adds of a kernel that computes every output from all taps: the gradient of an input that is larger than the output takes
 * more than the convolution did. */
static double all_taps(const struct cnnc_conv *c)
{
    return (double)c->n * c->od * c->oh * c->ow * c->oc * ((double)c->ic / c->groups) * c->kd * c->kh * c->kw;
}

double conv_direct_cost(const struct node *n, const struct target *t)
{
    struct cnnc_conv c;
    conv_fill(n, &c, t);
    /* what padding to blocks and zero weights between groups cost */
    double in = (double)cnnc_conv_in_blocks(&c) * t->block / ((double)c.ic / c.groups);
    double out = (double)conv_block_channels(c.oc, t) / c.oc;
    return 3e-7 + all_taps(&c) * (c.ic_tail && c.groups == 1 ? 1 : in) * out / 55e9;
}

void conv_direct_prepare(struct graph *g, struct node *n, const struct target *t) { conv_prepare_blocked(g, n, t, "direct"); }

/* ---- first layer ------------------------------------------------------------------------------------------------ */

static bool first_match(const struct node *n, const struct target *t)
{
    return conv_is_convolution(n, t) && n->in[0]->dim[1] <= 4 && attr_i(n, "group") == 1;
}
static double first_cost(const struct node *n, const struct target *t)
{
    return 3e-7 + conv_macs(n) * (double)conv_block_channels(n->out[0]->dim[1], t) / (double)n->out[0]->dim[1] / 45e9;
}

static void first_fill(const struct node *n, void *geometry, const struct target *t)
{
    conv_fill(n, geometry, t);
    cnnc_conv_first_plan(geometry);
}

static size_t first_scratch(const void *geometry) { return cnnc_conv_first_scratch(geometry); }
static void first_prepare(struct graph *g, struct node *n, const struct target *t) { conv_prepare_blocked(g, n, t, "first"); }

/* ---- to few channels, from the user's picture or from blocks: pixels in a vector ---- */

static bool narrow_match(const struct node *n, const struct target *t)
{
    const int spatial = n->in[0]->rank - 2;
    return first_match(n, t) && n->out[0]->dim[1] * 2 <= t->block && attr_at(n, "strides", spatial - 1, 1) == 1;
}

static bool narrow_blocked_match(const struct node *n, const struct target *t)
{
    const int spatial = n->in[0]->rank - 2;
    return conv_is_convolution(n, t) && attr_i(n, "group") == 1 && n->out[0]->dim[1] * 2 <= t->block && attr_at(n, "strides", spatial - 1, 1) == 1;
}

/* The maxima are taken before the epilogue. */
static bool narrow_pool_match(const struct node *n, const struct target *t)
{
    bool monotone = true;
    for (int i = 0; i < n->stages; i++)
        monotone &= n->stage[i].op == CNNC_ST_CLAMP || (n->stage[i].op == CNNC_ST_LEAKY && n->stage[i].a >= 0);
    return monotone && n->in[0]->rank <= 4 && narrow_match(n, t);
}

static double narrow_cost(const struct node *n, const struct target *t)
{
    const struct tensor *y = node_result(n);
    const double width = (double)y->dim[y->rank - 1], lanes = ceil(width / t->block) * t->block;
    return 3e-7 + conv_macs(n) * lanes / width / 45e9 + (double)tensor_count(n->out[0]) * 0.5e-9;
}

/* Both sides change their order, pixel by pixel. Rows of taps that meet only padding are left out. */
static double narrow_blocked_cost(const struct node *n, const struct target *t)
{
    struct cnnc_conv c;
    conv_fill(n, &c, t);
    const double lanes = ceil((double)c.ow / t->block) * t->block, rows = MIN((double)c.oh, (double)(c.ih + c.kh - 1)) * c.kh;
    const double met = MIN(1, (double)c.ih * c.kh / rows);
    return 1e-6 + all_taps(&c) * lanes / c.ow * met / 40e9 + (double)tensor_count(n->out[0]) * 0.5e-9 + (double)tensor_count(n->in[0]) * 0.5e-9;
}

static void first_pool_fill(const struct node *n, void *geometry, const struct target *t);
static void narrow_fill(const struct node *n, void *geometry, const struct target *t)
{
    conv_fill(n, geometry, t);
    cnnc_conv_narrow_plan(geometry);
}
static void narrow_pool_fill(const struct node *n, void *geometry, const struct target *t)
{
    first_pool_fill(n, geometry, t);
    cnnc_conv_narrow_plan(&((struct cnnc_conv_pool *)geometry)->c);
}
static size_t narrow_scratch(const void *geometry) { return cnnc_conv_narrow_scratch(geometry, 1); }
static size_t narrow_pool_scratch(const void *geometry)
{
    const struct cnnc_conv_pool *p = geometry;
    return cnnc_conv_narrow_scratch(&p->c, p->pool_kh);
}

/* ---- depthwise -------------------------------------------------------------------------------------------------- */

bool depthwise_match(const struct node *n, const struct target *t)
{
    const int64_t groups = attr_i(n, "group");
    return conv_is_convolution(n, t) && groups > 1 && groups == n->in[0]->dim[1] && groups == n->out[0]->dim[1];
}

double depthwise_cost(const struct node *n, const struct target *t)
{
    return 3e-7 + conv_macs(n) * (double)conv_block_channels(n->out[0]->dim[1], t) / (double)n->out[0]->dim[1] / 15e9;
}

void depthwise_fill(const struct node *n, void *geometry, const struct target *t)
{
    conv_fill(n, geometry, t);
    cnnc_depthwise_plan(geometry);
}

static void depthwise_prepare(struct graph *g, struct node *n, const struct target *t)
{
    conv_prepare_blocked(g, n, t, "depthwise");
}

/* ---- with max pooling ------------------------------------------------------------------------------------------- */

static void pool_window(const struct node *n, struct cnnc_conv_pool *p)
{
    const int spatial = n->in[0]->rank - 2, skip = 2 - spatial;
    int64_t k[2] = {1, 1}, s[2] = {1, 1}, before[2] = {0, 0};
    for (int i = 0; i < spatial; i++) {
        k[skip + i] = attr_at(n->pool, "kernel_shape", i, 1);
        s[skip + i] = attr_at(n->pool, "strides", i, 1);
        before[skip + i] = attr_at(n->pool, "pads", i, 0);
    }
    const struct extent5 y = extent5(n->out[0]);
    p->pool_oh = y.h, p->pool_ow = y.w;
    p->pool_kh = (int)k[0], p->pool_kw = (int)k[1];
    p->pool_sh = (int)s[0], p->pool_sw = (int)s[1];
    p->pool_ph = (int)before[0], p->pool_pw = (int)before[1];
}

static void direct_pool_fill(const struct node *n, void *geometry, const struct target *t)
{
    struct cnnc_conv_pool *p = geometry;
    memset(p, 0, sizeof *p);
    conv_fill(n, &p->c, t);
    pool_window(n, p);
    cnnc_conv_rows_plan(&p->c);
}

static void first_pool_fill(const struct node *n, void *geometry, const struct target *t)
{
    struct cnnc_conv_pool *p = geometry;
    memset(p, 0, sizeof *p);
    conv_fill(n, &p->c, t);
    pool_window(n, p);
    cnnc_conv_first_plan(&p->c);
}

/* A 2x2 pooling is done in the output transform: every tile holds whole windows. */
static bool winograd_pool_match(const struct node *n, const struct target *t)
{
    struct cnnc_conv_pool p = {0};
    if (!winograd_match(n, t))
        return false;
    pool_window(n, &p);
    const struct extent5 y = extent5(n->pool_in);
    return p.pool_kh == 2 && p.pool_kw == 2 && p.pool_sh == 2 && p.pool_sw == 2 && p.pool_ph == 0 && p.pool_pw == 0 &&
           p.pool_oh == y.h / 2 && p.pool_ow == y.w / 2;
}

static size_t direct_pool_scratch(const void *geometry) { return cnnc_conv_direct_pool_scratch(geometry); }
static size_t first_pool_scratch(const void *geometry) { return cnnc_conv_first_pool_scratch(geometry); }

/* ---- training: weights that change ------------------------------------------------------------------------------ */

static bool train_match(const struct node *n, const struct target *t)
{
    return n->in[0]->dtype == (t->train_double ? DT_F64 : DT_F32) && n->in[1]->kind == T_STATE && !n->stages;
}
static bool train32_match(const struct node *n, const struct target *t) { return !t->train_double && train_match(n, t); }
static bool train64_match(const struct node *n, const struct target *t) { return t->train_double && train_match(n, t); }
static double train_cost(const struct node *n, const struct target *t)
{
    (void)t;
    return 3e-7 + conv_macs(n) / 10e9;
}
static size_t train32_scratch(const void *g) { return cnnc_conv_train_scratch(g, sizeof(float)); }
static size_t train64_scratch(const void *g) { return cnnc_conv_train_scratch(g, sizeof(double)); }
#define TRAIN(bits)                                                                                                    \
    {.name = "conv_train", .part = "conv_train.h", .geometry = &conv_geometry, .match = train##bits##_match,            \
     .cost = train_cost, .prepare = conv_plain_prepare, .fill = conv_fill, .scratch = train##bits##_scratch}

/* clang-format off */
#define BLOCKED .in_layout = LAYOUT_BLOCKED, .out_layout = LAYOUT_BLOCKED, .epilogue = true, .views = true, .half = true, .scales = true
#define PICTURE                                                                                                         \
    .in_layout = LAYOUT_PLAIN, .out_layout = LAYOUT_BLOCKED, .epilogue = true, .views = true, .half = true, .scales = true, \
    .prepare = first_prepare
#define POOLS .geometry = &pool_geometry, .pools = true
#define F4 .algorithm = "F(4x4, 3x3)", .error = winograd4_error, .arithmetic = 36.0 / 144, .part = "conv_winograd.h"
#define F2 .algorithm = "F(2x2, 3x3)", .arithmetic = 16.0 / 36, .part = "conv_winograd.h"
#define F25 .algorithm = "F(2x2, 5x5)", .error = winograd25_error, .arithmetic = 36.0 / 100, .part = "conv_winograd.h"
#define DIRECT                                                                                                          \
    {.name = "conv_direct", .part = "conv_direct.h", .geometry = &conv_geometry, BLOCKED, .match = conv_direct_match,        \
     .cost = conv_direct_cost, .halo = conv_padding_halo, .prepare = conv_direct_prepare, .fill = conv_fill}
#define FIRST                                                                                                           \
    {.name = "conv_first", .part = "conv_first.h", .geometry = &conv_geometry, PICTURE, .match = first_match,           \
     .cost = first_cost, .fill = first_fill, .scratch = first_scratch}
#define WINOGRAD4(...)                                                                                                  \
    {.name = "conv_winograd", F4, .geometry = &conv_geometry, BLOCKED, .cost = winograd4_cost, .weights = winograd4_weights, \
     .prepare = winograd4_prepare, .fill = winograd4_fill, .scratch = winograd_scratch, __VA_ARGS__}
#define WINOGRAD2(...)                                                                                                  \
    {.name = "conv_winograd", F2, .geometry = &conv_geometry, BLOCKED, .cost = winograd2_cost, .weights = winograd2_weights, \
     .prepare = winograd2_prepare, .fill = winograd2_fill, .scratch = winograd_scratch, __VA_ARGS__}
#define WINOGRAD25                                                                                                      \
    {.name = "conv_winograd", F25, .geometry = &conv_geometry, BLOCKED, .match = winograd25_match, .cost = winograd2_cost, \
     .weights = winograd25_weights, .prepare = winograd2_prepare, .fill = winograd2_fill, .scratch = winograd_scratch}
#define WINOGRAD_RAW(...)                                                                                               \
    {.name = "conv_winograd_raw", F4, .geometry = &conv_geometry, BLOCKED, .cost = winograd_raw_cost, .prepare = conv_direct_prepare, \
     .fill = winograd_raw_fill, .scratch = winograd_raw_scratch, __VA_ARGS__}
#define NARROW_BLOCKED                                                                                                  \
    {.name = "conv_narrow_blocked", .part = "conv_narrow.h", .geometry = &conv_geometry, BLOCKED, .match = narrow_blocked_match, \
     .cost = narrow_blocked_cost, .prepare = first_prepare, .fill = narrow_fill, .scratch = narrow_scratch}
#define DEPTHWISE                                                                                                       \
    {.name = "depthwise", .part = "depthwise.h", .geometry = &conv_geometry, BLOCKED, .match = depthwise_match,         \
     .cost = depthwise_cost, .halo = conv_padding_halo, .prepare = depthwise_prepare, .fill = depthwise_fill}


const struct kernel conv_kernels[CONV_KERNELS] = {
    TRAIN(32), TRAIN(64),
    DIRECT, FIRST, WINOGRAD4(.match = winograd4_match), WINOGRAD2(.match = winograd_match), WINOGRAD25,
    WINOGRAD4(.pools = true, .match = winograd_pool_match), WINOGRAD2(.pools = true, .match = winograd_pool_match),
    WINOGRAD_RAW(.match = winograd_match), WINOGRAD_RAW(.pools = true, .match = winograd_pool_match),
    {.name = "conv_direct_pool", .part = "conv_pool.h", POOLS, BLOCKED, .match = conv_direct_match, .cost = conv_direct_cost,
     .halo = conv_padding_halo, .prepare = conv_direct_prepare, .fill = direct_pool_fill, .scratch = direct_pool_scratch},
    {.name = "conv_narrow", .part = "conv_narrow.h", .geometry = &conv_geometry, PICTURE, .match = narrow_match, .cost = narrow_cost,
     .fill = narrow_fill, .scratch = narrow_scratch},
    NARROW_BLOCKED,
    {.name = "conv_narrow_pool", .part = "conv_narrow.h", POOLS, PICTURE, .match = narrow_pool_match, .cost = narrow_cost,
     .fill = narrow_pool_fill, .scratch = narrow_pool_scratch},
    {.name = "conv_first_pool", .part = "conv_pool.h", POOLS, PICTURE, .match = first_match, .cost = first_cost,
     .fill = first_pool_fill, .scratch = first_pool_scratch},
    DEPTHWISE,
    CONV_DEPTHWISE, INVERTED_RESIDUAL, DEPTHWISE_SEPARABLE,
    CONV_PLAIN,
};
/* clang-format on */

static bool transpose_match(const struct node *n, const struct target *t) { return t->block == 16 && is_float(n, t); }

static void transpose_fill(const struct node *n, void *geometry, const struct target *t)
{
    (void)t;
    fill_as_is(n, geometry);
    cnnc_conv_transpose_plan(geometry);
}

static double transpose_cost(const struct node *n, const struct target *t)
{
    struct cnnc_conv c;
    transpose_fill(n, &c, t);
    const double in = (double)cnnc_conv_in_blocks(&c) * t->block / ((double)c.ic / c.groups);
    return 3e-7 + conv_macs(n) * (c.ic_tail && c.groups == 1 ? 1 : in) * (double)conv_block_channels(c.oc, t) / c.oc / 40e9;
}

static void transpose_halo(const struct node *n, int i, int before[3], int after[3])
{
    struct cnnc_conv c;
    if (i != 0)
        return;
    fill_as_is(n, &c);
    cnnc_conv_transpose_halo(&c, &before[2], &after[2]);
}

static void transpose_prepare(struct graph *g, struct node *n, const struct target *t)
{
    conv_prepare_blocked(g, n, t, "transposed");
}

#define TRANSPOSE                                                                                                      \
    {.name = "conv_transpose", .part = "conv_transpose.h", .geometry = &conv_geometry, BLOCKED, .match = transpose_match, \
     .cost = transpose_cost, .halo = transpose_halo, .prepare = transpose_prepare, .fill = transpose_fill}

const struct kernel conv_transpose_kernels[CONV_TRANSPOSE_KERNELS] = {
    TRANSPOSE,
    CONV_PLAIN,
};

/* ---- gradient of the input ------------------------------------------------------------------------------------------ */

static bool single_match(const struct node *n, const struct target *t) { (void)n; return !t->train_double; }
static bool double_match(const struct node *n, const struct target *t) { (void)n; return t->train_double; }
static void gradient_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    conv_shape(n, n->out[0], n->in[0], geometry);
}
static size_t gradient32_scratch(const void *g) { return cnnc_conv_grad_input_scratch(g, sizeof(float)); }
static size_t gradient64_scratch(const void *g) { return cnnc_conv_grad_input_scratch(g, sizeof(double)); }
#define GRADIENT(bits, matches)                                                                                        \
    {.name = "conv_grad_input", .part = "conv_train.h", .geometry = &conv_geometry, .match = matches, .cost = train_cost, \
     .fill = gradient_fill, .scratch = gradient##bits##_scratch}

const struct kernel conv_gradient_kernels[CONV_GRADIENT_KERNELS] = {
    GRADIENT(32, single_match), GRADIENT(64, double_match), DIRECT, FIRST, WINOGRAD4(.match = winograd4_match),
    WINOGRAD2(.match = winograd_match), WINOGRAD_RAW(.match = winograd_match), DEPTHWISE, TRANSPOSE, NARROW_BLOCKED,
};
