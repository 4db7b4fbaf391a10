#include "map.h"

#include <string.h>

#include "elementwise_rows.h"
#include "pack.h"

#define CNNC_FN(name) name
#include "../../runtime/map_plain.h"

static bool is_op(const struct node *n, const char *onnx) { return strcmp(n->op->onnx, onnx) == 0; }

/* The stage that the node itself is; its operands are its inputs from 1 on. */
static bool self_stage(const struct node *n, struct stage *s)
{
    const struct tensor *x = n->in[0], *y = n->out[0], *b = input(n, 1);
    struct tensor *operand[2];
    memset(s, 0, sizeof *s);
    if (is_op(n, "BatchNormalization")) {
        s->op = CNNC_ST_SCALE;
        return true;
    }
    if (is_op(n, "Add") || is_op(n, "Mul")) {
        s->op = is_op(n, "Add") ? CNNC_ST_ADD : CNNC_ST_MUL;
        return same_shape(x, y) && same_shape(b, y) && !is_constant(x) && !is_constant(b);
    }
    if (is_op(n, "PRelu")) {
        const int axis = b->rank - (y->rank - 1);
        s->op = CNNC_ST_PRELU;
        return is_constant(b) && axis >= 0 && tensor_count(b) == y->dim[1] && b->dim[axis] == y->dim[1];
    }
    return (n->op->as_stage == unary_stage || is_op(n, "Clip")) && n->op->as_stage(NULL, n, 0, s, operand);
}

static bool in_blocks(const struct node *n, const struct target *target)
{
    const struct tensor *y = n->out[0];
    return y->dtype == DT_F32 && y->rank >= 3 && y->rank <= 5 && target->block > 1;
}

bool map_match(const struct node *n, const struct target *target)
{
    struct stage s;
    return in_blocks(n, target) && self_stage(n, &s);
}

double map_cost(const struct node *n, const struct target *target)
{
    struct stage s;
    (void)target;
    const bool cheap = self_stage(n, &s) && cnnc_stage_is_cheap(s.op);
    return (cheap ? 5e-10 : 1e-9) * (double)tensor_count(n->out[0]) + 1e-7;
}

static int64_t whole_blocks(int64_t channels, const struct target *t)
{
    return (channels + t->block - 1) / t->block * t->block;
}

void map_prepare(struct graph *g, struct node *n, const struct target *target)
{
    if (is_op(n, "PRelu"))
        pack_vector(g, n, 1, whole_blocks(n->out[0]->dim[1], target));
}

void map_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct extent5 e = extent5(n->out[0]);
    struct cnnc_map *m = geometry;
    struct stage s;
    (void)target;
    *m = (struct cnnc_map){.n = e.n, .c = e.c, .d = e.d, .h = e.h, .w = e.w, .x = view_of(n->in[0]), .y = view_of(n->out[0])};
    self_stage(n, &s);
    m->self.n = 1;
    m->self.s[0] = (struct cnnc_stage){s.op, (float)s.a, (float)s.b};
    if (s.op == CNNC_ST_ADD || s.op == CNNC_ST_MUL)
        m->other = view_of(n->in[1]);
    fill_epilogue(n, &m->ep, &m->add);
}

#define MAP(member, kind) FIELD(struct cnnc_map, member, kind)
static const struct field map_fields[] = {
    MAP(n, F_INT), MAP(c, F_INT), MAP(d, F_INT), MAP(h, F_INT), MAP(w, F_INT), MAP(x, F_VIEW), MAP(y, F_VIEW),
    MAP(other, F_VIEW), MAP(add, F_VIEW), FIELD_LIT(struct cnnc_map, self, F_EPILOGUE),
    FIELD_LIT(struct cnnc_map, ep, F_EPILOGUE),
};
const struct geometry map_geometry = {"cnnc_map", sizeof(struct cnnc_map), map_fields, COUNT(map_fields)};

/* ---- batch norm: its four vectors become two ------------------------------------------------------------------------ */

static const struct attr_def scale_attrs[] = {
    {"epsilon", NULL, A_FLOAT, 0, 1e-5, NULL, "added to the variance"},
    {"size", NULL, A_INT, 0, 0, NULL, "channels with padding"},
};

static bool scale_infer(struct graph *g, struct node *n)
{
    const int64_t size = attr_i(n, "size");
    (void)g;
    set_output(n, 0, DT_F32, 1, &size);
    set_output(n, 1, DT_F32, 1, &size);
    return true;
}

static void scale_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    *(struct cnnc_batch_norm_scale *)geometry = (struct cnnc_batch_norm_scale){
        .c = (int)n->in[0]->dim[0], .padded = (int)attr_i(n, "size"), .epsilon = attr_f(n, "epsilon")};
}

static void scale_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    (void)n;
    cnnc_batch_norm_scale(geometry, in, out, (struct cnnc_thread){0, 1, NULL});
}

static const struct field scale_fields[] = {
    FIELD(struct cnnc_batch_norm_scale, c, F_INT), FIELD(struct cnnc_batch_norm_scale, padded, F_INT),
    FIELD(struct cnnc_batch_norm_scale, epsilon, F_DOUBLE),
};
static const struct geometry scale_geometry = {"cnnc_batch_norm_scale", sizeof(struct cnnc_batch_norm_scale), scale_fields,
                                               COUNT(scale_fields)};
static const struct kernel scale_kernels[] = {
    {.name = "batch_norm_scale", .part = "map_plain.h", .geometry = &scale_geometry, .fill = scale_fill, .run = scale_run},
};
const struct op op_batch_norm_scale = {
    .onnx = "BatchNormScale", .doc = "the factor and summand that a batch norm comes to", .attrs = scale_attrs,
    .nattrs = COUNT(scale_attrs), .min_in = 4, .max_in = 4, .max_out = 2, .flags = OP_INTERNAL, .infer = scale_infer,
    .kernels = scale_kernels, .nkernels = COUNT(scale_kernels),
};

static bool all_float(const struct node *n)
{
    for (int i = 0; i < 5; i++)
        if (n->in[i]->dtype != DT_F32)
            return false;
    return !attr_i(n, "training_mode");
}

bool batchnorm_map_match(const struct node *n, const struct target *target) { return in_blocks(n, target) && all_float(n); }
bool batchnorm_plain_match(const struct node *n, const struct target *target)
{
    (void)target;
    return all_float(n) && n->in[0]->rank >= 2;
}

double batchnorm_plain_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return (1 + n->stages) * 1e-9 * (double)tensor_count(n->out[0]) + 1e-7;
}

static void two_vectors(struct graph *g, struct node *n, int64_t size)
{
    struct node *s = node_insert_before(g, n, &op_batch_norm_scale, arena_printf(&g->arena, "%s.scale", n->name));
    for (int i = 1; i < 5; i++)
        node_input(g, s, n->in[i]);
    set_attr_f(g, s, "epsilon", attr_f(n, "epsilon"));
    set_attr_i(g, s, "size", size);
    for (int i = 0; i < 2; i++)
        node_set_input(g, n, 1 + i, node_output(g, s, unique_name(g, s->name)));
    scale_infer(g, s);
    s->kernel = scale_kernels;
    for (int i = 3; i < 5; i++) /* two operands fewer: those of stages move up */
        node_set_input(g, n, i, NULL);
    memmove(n->in + 3, n->in + 5, sizeof *n->in * (size_t)(n->nin - 5));
    for (int i = n->nin - 2; i < n->nin; i++)
        n->in[i] = NULL;
    for (int i = 0; i < n->stages; i++)
        n->stage[i].first_input -= 2;
}

void batchnorm_prepare(struct graph *g, struct node *n, const struct target *target)
{
    two_vectors(g, n, whole_blocks(n->in[0]->dim[1], target));
    pack_stage_vectors(g, n, whole_blocks(n->in[0]->dim[1], target));
}

void batchnorm_plain_prepare(struct graph *g, struct node *n, const struct target *target)
{
    (void)target;
    two_vectors(g, n, n->in[0]->dim[1]);
}
