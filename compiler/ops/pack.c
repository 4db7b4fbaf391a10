/* PackConv: a convolution's weights in the order in which a kernel reads them. PackVector: one value per channel, padded to
 * whole blocks. Nodes on parameters, made by a kernel's prepare; in inference they fold when the weights are written, in training
 * they run once a step. */
#include "pack.h"

#include <string.h>

#include "../../runtime/conv_plan.h"
#include "../../runtime/half.h"
#include "../../runtime/pack_types.h"
#include "generic.h"

static const struct attr_def conv_attrs[] = {
    {"form", NULL, A_STRING, 0, 0, NULL, "the packing: one of the table below"},
    {"geometry", NULL, A_INTS, 0, 0, NULL, "groups, ic, oc, kd, kh, kw, ic_tail"},
    {"turned", NULL, A_BOOL, 0, 0, NULL, "for the gradient: [IC][OC / groups], the last tap first"},
    {"half", NULL, A_INT, 0, 0, NULL, "type of the elements: CNNC_WEIGHTS_..."},
};

typedef void pack_fn(const struct cnnc_conv *g, const float *w, float *packed);
typedef size_t size_fn(const struct cnnc_conv *g);

static void pack_winograd(struct cnnc_conv g, int m, const float *w, float *packed)
{
    g.winograd = m;
    cnnc_winograd_weights(&g, w, packed);
}
static size_t size_winograd(struct cnnc_conv g, int m)
{
    g.winograd = m;
    return cnnc_winograd_weights_size(&g);
}
static void pack_winograd2(const struct cnnc_conv *g, const float *w, float *packed) { pack_winograd(*g, 2, w, packed); }
static void pack_winograd4(const struct cnnc_conv *g, const float *w, float *packed) { pack_winograd(*g, 4, w, packed); }
static size_t size_winograd2(const struct cnnc_conv *g) { return size_winograd(*g, 2); }
static size_t size_winograd4(const struct cnnc_conv *g) { return size_winograd(*g, 4); }

static size_t size_plain(const struct cnnc_conv *g) { return (size_t)g->oc * (size_t)(g->ic / g->groups) * (size_t)(g->kd * g->kh * g->kw); }
static void pack_plain(const struct cnnc_conv *g, const float *w, float *packed) { memcpy(packed, w, size_plain(g) * sizeof *packed); }

static const struct form {
    const char *name;
    pack_fn *pack;
    size_fn *size;
    enum cnnc_pack_form form; /* in the run */
    bool swapped;
} forms[] = {
    {"direct", cnnc_pack_conv, cnnc_pack_conv_size, CNNC_PACK_DIRECT, false},
    {"first", cnnc_pack_conv_first, cnnc_pack_conv_first_size, CNNC_PACK_FIRST, false},
    {"transposed", cnnc_pack_conv_transpose, cnnc_pack_conv_size, CNNC_PACK_DIRECT, true},
    {"winograd2", pack_winograd2, size_winograd2, CNNC_PACK_WINOGRAD2, false},
    {"winograd4", pack_winograd4, size_winograd4, CNNC_PACK_WINOGRAD4, false},
    {"depthwise", cnnc_pack_depthwise, cnnc_pack_depthwise_size, CNNC_PACK_DEPTHWISE, false},
    {"plain", pack_plain, size_plain, CNNC_PACK_DIRECT, false}, /* as they are; in 16 bits, never in the run */
    {"plain_transposed", pack_plain, size_plain, CNNC_PACK_DIRECT, true},
};

static const struct form *find_form(const char *name)
{
    for (size_t i = 0; i < COUNT(forms); i++)
        if (strcmp(forms[i].name, name) == 0)
            return &forms[i];
    return NULL;
}

static struct cnnc_conv geometry_of(const struct node *n)
{
    const int64_t *v = attr_get(n, "geometry")->ints;
    return (struct cnnc_conv){.groups = (int)v[0], .ic = (int)v[1], .oc = (int)v[2], .kd = (int)v[3], .kh = (int)v[4],
                              .kw = (int)v[5], .ic_tail = (int)v[6]};
}

static bool conv_infer(struct graph *g, struct node *n)
{
    (void)g;
    const struct cnnc_conv c = geometry_of(n);
    n->out[0]->dtype = (const enum dtype[]){DT_F32, DT_F16, DT_BF16}[attr_i(n, "half")];
    tensor_set_shape(n->out[0], 1, (int64_t[]){(int64_t)find_form(attr_s(n, "form"))->size(&c)});
    return true;
}

/* [IC][OC / groups][taps], the last tap first, as [OC][IC / groups][taps]. */
static float *turn(const struct cnnc_conv *c, const float *w)
{
    const int icg = c->ic / c->groups, ocg = c->oc / c->groups, taps = c->kd * c->kh * c->kw;
    float *to = xmalloc(sizeof *to * ((size_t)c->oc * (size_t)icg * (size_t)taps + 1)), *p = to;
    for (int o = 0; o < c->oc; o++)
        for (int i = 0; i < icg; i++)
            for (int t = taps - 1; t >= 0; t--)
                *p++ = w[((ptrdiff_t)(o / ocg * icg + i) * ocg + o % ocg) * taps + t];
    return to;
}

/* The factor of output channel o. */
static float factor_of(const struct cnnc_conv *c, const float *w, bool swapped, int o)
{
    const ptrdiff_t icg = c->ic / c->groups, ocg = c->oc / c->groups, taps = (ptrdiff_t)c->kd * c->kh * c->kw;
    const ptrdiff_t pieces = swapped ? icg : 1, each = swapped ? taps : icg * taps;
    float most = 0;
    for (ptrdiff_t i = 0; i < pieces; i++) {
        const float *p = w + (swapped ? ((o / ocg * icg + i) * ocg + o % ocg) * taps : o * each);
        for (ptrdiff_t k = 0; k < each; k++)
            most = fmaxf(most, fabsf(p[k]));
    }
    return cnnc_half_factor(most);
}

/* w with each output channel's weights divided by their factor. */
static float *scaled_down(const struct cnnc_conv *c, const float *w, bool swapped)
{
    const ptrdiff_t ocg = c->oc / c->groups, taps = (ptrdiff_t)c->kd * c->kh * c->kw, each = swapped ? taps : c->ic / c->groups * taps;
    const ptrdiff_t count = (ptrdiff_t)size_plain(c);
    float *to = xmalloc(sizeof *to * (size_t)(count + 1)), *factor = xmalloc(sizeof *factor * (size_t)c->oc);
    for (int o = 0; o < c->oc; o++)
        factor[o] = factor_of(c, w, swapped, o);
    for (ptrdiff_t at = 0, row = 0; at < count; row++) {
        const ptrdiff_t o = swapped ? row / ocg / (c->ic / c->groups) * ocg + row % ocg : row;
        for (ptrdiff_t k = 0; k < each; k++, at++)
            to[at] = w[at] / factor[o];
    }
    free(factor);
    return to;
}

static void pack_halves(const struct cnnc_conv *c, const struct form *f, int half, const float *w, uint16_t *to)
{
    const size_t size = f->size(c);
    float *down = half == CNNC_WEIGHTS_F16 ? scaled_down(c, w, f->swapped) : NULL, *packed = xmalloc(sizeof *packed * (size + 1));
    f->pack(c, down ? down : w, packed);
    cnnc_halve(packed, size, half, to);
    free(packed);
    free(down);
}

static void pack_as(const struct node *n, const struct cnnc_conv *c, const float *w, void *out)
{
    const struct form *f = find_form(attr_s(n, "form"));
    if (attr_i(n, "half"))
        pack_halves(c, f, (int)attr_i(n, "half"), w, out);
    else
        f->pack(c, w, out);
}

static void conv_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    (void)geometry;
    const struct cnnc_conv c = geometry_of(n);
    float *turned = attr_i(n, "turned") ? turn(&c, in[0]) : NULL;
    pack_as(n, &c, turned ? turned : in[0], out[0]);
    free(turned);
}

/* Blocks of output channels, where the packing goes by them and each has the same inputs. */
static bool conv_parts(const struct node *n, struct parts *p)
{
    const struct cnnc_conv c = geometry_of(n);
    const struct form *f = find_form(attr_s(n, "form"));
    const int64_t blocks = cnnc_blocks(c.oc);
    if (c.groups > 1 || attr_i(n, "turned") || (f->form != CNNC_PACK_DIRECT && f->form != CNNC_PACK_FIRST) || f->swapped)
        return false;
    *p = (struct parts){blocks, (int64_t)CNNC_B * c.ic * c.kd * c.kh * c.kw, (int64_t)f->size(&c) / blocks};
    return true;
}

static void conv_run_parts(const struct node *n, int64_t first, int64_t count, const void *in, void *out)
{
    struct cnnc_conv c = geometry_of(n);
    c.oc = (int)MIN(count * CNNC_B, c.oc - first * CNNC_B);
    pack_as(n, &c, in, out);
}

static void conv_fill_pack(const struct node *n, void *geometry, const struct target *target)
{
    const struct cnnc_conv c = geometry_of(n);
    const struct form *f = find_form(attr_s(n, "form"));
    const bool turned = attr_i(n, "turned");
    (void)target;
    *(struct cnnc_pack *)geometry = (struct cnnc_pack){f->form, turned || f->swapped, turned, c.groups, c.ic, c.oc, c.kd, c.kh, c.kw, c.ic_tail};
}

/* What packing costs where it runs: reads and writes in small pieces. */
static double pack_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 2e-7 + 1e-9 * (double)tensor_count(n->in[0]) + 3e-10 * (double)tensor_count(n->out[0]);
}

GEOMETRY(pack, FIELD_LIT(struct cnnc_pack, form, F_INT), FIELD_LIT(struct cnnc_pack, swapped, F_INT),
         FIELD_LIT(struct cnnc_pack, turned, F_INT), FIELD(struct cnnc_pack, groups, F_INT), FIELD(struct cnnc_pack, ic, F_INT),
         FIELD(struct cnnc_pack, oc, F_INT), FIELD(struct cnnc_pack, kd, F_INT), FIELD(struct cnnc_pack, kh, F_INT),
         FIELD(struct cnnc_pack, kw, F_INT), FIELD(struct cnnc_pack, ic_tail, F_INT));
static const struct kernel conv_kernels[] = {
    {.name = "pack", .part = "pack.h", .geometry = &pack_geometry, .cost = pack_cost, .fill = conv_fill_pack, .run = conv_run,
     .parts = conv_parts, .run_parts = conv_run_parts}};
const struct op op_pack_conv = {
    .onnx = "PackConv", .doc = "weights as a kernel reads them", .attrs = conv_attrs, .nattrs = COUNT(conv_attrs),
    .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL, .infer = conv_infer, .kernels = conv_kernels,
    .nkernels = COUNT(conv_kernels),
};

static bool factors_infer(struct graph *g, struct node *n)
{
    (void)g;
    n->out[0]->dtype = DT_F32;
    tensor_set_shape(n->out[0], 1, (int64_t[]){(int64_t)cnnc_blocks(geometry_of(n).oc) * CNNC_B});
    return true;
}

static void factors(const struct cnnc_conv *c, bool swapped, const float *w, float *to)
{
    for (int o = 0; o < cnnc_blocks(c->oc) * CNNC_B; o++)
        to[o] = o < c->oc ? factor_of(c, w, swapped, o) : 0;
}

static void factors_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    (void)geometry;
    const struct cnnc_conv c = geometry_of(n);
    factors(&c, find_form(attr_s(n, "form"))->swapped, in[0], out[0]);
}

static bool factors_parts(const struct node *n, struct parts *p)
{
    const bool able = conv_parts(n, p);
    p->out = CNNC_B;
    return able;
}

static void factors_run_parts(const struct node *n, int64_t first, int64_t count, const void *in, void *out)
{
    struct cnnc_conv c = geometry_of(n);
    c.oc = (int)MIN(count * CNNC_B, c.oc - first * CNNC_B);
    factors(&c, false, in, out);
}

static const struct kernel factors_kernels[] = {
    {.name = "pack_factors", .run = factors_run, .parts = factors_parts, .run_parts = factors_run_parts}};
const struct op op_pack_factors = {
    .onnx = "PackFactors", .doc = "what PackConv divides each channel's weights by", .attrs = conv_attrs, .nattrs = COUNT(conv_attrs),
    .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL, .infer = factors_infer, .kernels = factors_kernels,
    .nkernels = COUNT(factors_kernels),
};

static const struct attr_def vector_attrs[] = {{"size", NULL, A_INT, 0, 0, NULL, "length with padding"}};

static bool vector_infer(struct graph *g, struct node *n)
{
    (void)g;
    n->out[0]->dtype = DT_F32;
    tensor_set_shape(n->out[0], 1, (int64_t[]){attr_i(n, "size")});
    return true;
}

static void vector_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    (void)geometry;
    memcpy(out[0], in[0], sizeof(float) * (size_t)tensor_count(n->in[0])); /* the rest is zero */
}

static void vector_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    *(struct cnnc_pack_vector *)geometry = (struct cnnc_pack_vector){(long)tensor_count(n->in[0]), (long)attr_i(n, "size")};
}

GEOMETRY(pack_vector, FIELD(struct cnnc_pack_vector, n, F_LONG), FIELD(struct cnnc_pack_vector, size, F_LONG));
static const struct kernel vector_kernels[] = {{.name = "pack_vector", .part = "pack.h", .geometry = &pack_vector_geometry,
                                                .cost = pack_cost, .fill = vector_fill, .run = vector_run}};
const struct op op_pack_vector = {
    .onnx = "PackVector", .doc = "a vector padded to whole blocks", .attrs = vector_attrs,
    .nattrs = COUNT(vector_attrs), .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL, .infer = vector_infer,
    .kernels = vector_kernels, .nkernels = COUNT(vector_kernels),
};

static struct tensor *packing(struct graph *g, struct node *n, int i, const struct op *op, const char *suffix, const char *form, bool turned,
                              const struct cnnc_conv *c)
{
    struct tensor *w = n->in[i];
    struct node *p = node_insert_before(g, n, op, arena_printf(&g->arena, "%s.%s", w->name, suffix));
    node_input(g, p, w);
    set_attr_s(g, p, "form", form);
    set_attr_i(g, p, "turned", turned);
    set_attr_i(g, p, "half", n->half);
    set_attr_ints(g, p, "geometry", 7, (int64_t[]){c->groups, c->ic, c->oc, c->kd, c->kh, c->kw, c->ic_tail});
    struct tensor *t = node_output(g, p, unique_name(g, p->name));
    op->infer(g, p);
    return t;
}

void pack_weights(struct graph *g, struct node *n, int i, const char *form, bool turned, const struct cnnc_conv *c)
{
    node_set_input(g, n, i, packing(g, n, i, &op_pack_conv, "packed", form, turned, c));
}

/* t becomes input `at` of n, those from there on move up. */
static void insert_input(struct graph *g, struct node *n, int at, struct tensor *t)
{
    node_input(g, n, t);
    for (int i = n->nin - 1; i > at; i--)
        n->in[i] = n->in[i - 1];
    n->in[at] = t;
    for (int s = 0; s < n->stages; s++)
        n->stage[s].first_input += n->stage[s].first_input >= at;
}

void pack_factors(struct graph *g, struct node *n, struct node *staged, int i, int bias, int at, const char *form, const struct cnnc_conv *c)
{
    const int64_t size = (int64_t)cnnc_blocks(c->oc) * CNNC_B;
    struct tensor *factors = packing(g, n, i, &op_pack_factors, "factors", form, false, c), *b = n->in[bias];
    if (!b) {
        float *zero = xcalloc((size_t)size, sizeof *zero);
        b = tensor_const(g, unique_name(g, arena_printf(&g->arena, "%s.no_bias", n->in[i]->name)), DT_F32, 1, &size, zero);
        free(zero);
    }
    node_set_input(g, n, bias, NULL);
    insert_input(g, n, at, factors);
    insert_input(g, n, at + 1, b);
    memmove(staged->stage + 1, staged->stage, sizeof *staged->stage * (size_t)staged->stages++);
    staged->stage[0] = (struct stage){CNNC_ST_SCALE, 0, 0, at, 2};
}

void pack_vector(struct graph *g, struct node *n, int i, int64_t size)
{
    struct tensor *v = input(n, i);
    while (n->nin <= i) /* the kernel looks there to see whether it is absent */
        node_input(g, n, NULL);
    if (!v || tensor_count(v) == size)
        return;
    struct node *p = node_insert_before(g, n, &op_pack_vector, arena_printf(&g->arena, "%s.padded", v->name));
    node_input(g, p, v);
    set_attr_i(g, p, "size", size);
    struct tensor *t = node_output(g, p, unique_name(g, p->name));
    vector_infer(g, p);
    node_set_input(g, n, i, t);
}

void pack_stage_vectors(struct graph *g, struct node *n, int64_t channels)
{
    for (int s = 0; s < n->stages; s++)
        if (n->stage[s].op == CNNC_ST_SCALE || n->stage[s].op == CNNC_ST_PRELU)
            for (int k = 0; k < n->stage[s].inputs; k++)
                pack_vector(g, n, n->stage[s].first_input + k, channels);
}
