/* Batch norm in training, gradients of activations and of biases: a kernel for plain tensors of either precision, another for blocks. */
#include "../train.h"
#include "generic.h"
#include "grads.h"
#include "shared.h"
#include "train_kernels.h"

/* ---- shared --------------------------------------------------------------------------------------------------------- */

bool train_blocked_match(const struct node *n, const struct target *target)
{
    const struct tensor *x = n->in[0];
    return target->block > 1 && target->train && !target->train_double && x->dtype == DT_F32 && x->rank >= 3 && x->rank <= 5;
}

double train_blocked_cost(const struct node *n, const struct target *target)
{
    double bytes = 0;
    (void)target;
    for (int i = 0; i < n->nin; i++)
        bytes += n->in[i] && n->in[i]->rank > 2 ? 4 * (double)tensor_count(n->in[i]) : 0;
    return 3e-7 + (bytes + 4 * (double)tensor_count(n->out[0])) / 10e9;
}

/* A pass over its largest tensor, element by element. */
static double plain_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 1e-7 + 2e-9 * (double)MAX(tensor_count(n->in[0]), tensor_count(n->out[0]));
}

void stages_fill(const struct node *n, const struct tensor *of, struct cnnc_stages *g)
{
    const struct extent5 e = extent5(of);
    *g = (struct cnnc_stages){.n = e.n, .c = e.c, .d = e.d, .h = e.h, .w = e.w, .x = view_of(n->in[0]), .y = view_of(n->out[0])};
    g->add = g->y;
    fill_epilogue(n, &g->ep, &g->add);
}

static const struct field stages_fields[] = {
    FIELD(struct cnnc_stages, n, F_INT), FIELD(struct cnnc_stages, c, F_INT), FIELD(struct cnnc_stages, d, F_INT),
    FIELD(struct cnnc_stages, h, F_INT), FIELD(struct cnnc_stages, w, F_INT), FIELD(struct cnnc_stages, x, F_VIEW),
    FIELD(struct cnnc_stages, y, F_VIEW), FIELD(struct cnnc_stages, add, F_VIEW), FIELD_LIT(struct cnnc_stages, ep, F_EPILOGUE)};
const struct geometry stages_geometry = {"cnnc_stages", sizeof(struct cnnc_stages), stages_fields, COUNT(stages_fields)};

static long plane_of(const struct tensor *t) { return t->rank < 2 ? 1 : inner_of(t, 1); }
static long channels_of(const struct tensor *t) { return t->rank < 2 ? 1 : (long)t->dim[1]; }

/* ---- activations ------------------------------------------------------------------------------------------------------ */

static const struct attr_def act_attrs[] = {
    {"kind", NULL, A_INT, 0, 0, NULL, "which of them"},
    {"a", NULL, A_FLOAT, 0, 0, NULL, "first number of the formula"},
    {"b", NULL, A_FLOAT, 0, 0, NULL, "second number"},
};

static void act_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    *(struct cnnc_act_grad *)geometry =
        (struct cnnc_act_grad){(long)tensor_count(n->out[0]), (int)attr_i(n, "kind"), attr_f(n, "a"), attr_f(n, "b")};
}

static bool is_relu(const struct node *n) { return attr_i(n, "kind") == CNNC_ACT_RELU && n->in[2]; }
static bool mask_match(const struct node *n, const struct target *target) { return is_relu(n) && train_blocked_match(n, target); }

/* The stage stands where a stage's operands do. */
static void mask_prepare(struct graph *g, struct node *n, const struct target *target)
{
    (void)target;
    node_set_input(g, n, 1, n->in[2]);
    node_set_input(g, n, 2, NULL);
}

static void mask_fill(const struct node *n, void *geometry, const struct target *target)
{
    struct cnnc_stages *g = geometry;
    (void)target;
    stages_fill(n, n->out[0], g);
    g->ep.n = 1;
    g->ep.s[0].op = CNNC_ST_MASK;
    g->add = view_of(n->in[1]);
}

/* The gradient of relu lets through what the operand let through. */
static bool act_stage(struct graph *g, const struct node *n, int value, struct stage *s, struct tensor *operand[2])
{
    (void)g;
    if (value != 0 || !is_relu(n) || n->in[0]->dtype != DT_F32)
        return false;
    s->op = CNNC_ST_MASK;
    s->inputs = 1;
    operand[0] = n->in[2];
    return true;
}

GEOMETRY(act_grad, FIELD(struct cnnc_act_grad, n, F_LONG), FIELD_LIT(struct cnnc_act_grad, op, F_INT),
         FIELD(struct cnnc_act_grad, a, F_DOUBLE), FIELD(struct cnnc_act_grad, b, F_DOUBLE));
static const struct kernel act_kernels[] = {
    {.name = "act_grad", .part = "train.h", .geometry = &act_grad_geometry, .cost = plain_cost, .fill = act_fill},
    {.name = "stages", .part = "train_blocked.h", .geometry = &stages_geometry, .in_layout = LAYOUT_BLOCKED, .out_layout = LAYOUT_BLOCKED,
     .views = true, .match = mask_match, .cost = train_blocked_cost, .prepare = mask_prepare, .fill = mask_fill},
};
const struct op op_act_grad = {
    .onnx = "ActGrad", .doc = "gradient of an activation", .attrs = act_attrs, .nattrs = COUNT(act_attrs), .min_in = 3, .max_in = 3,
    .max_out = 1, .flags = OP_INTERNAL, .as_stage = act_stage, .kernels = act_kernels, .nkernels = COUNT(act_kernels)};

/* ---- biases ------------------------------------------------------------------------------------------------------------- */

static void sum_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    *(struct cnnc_planes *)geometry = (struct cnnc_planes){(long)n->in[0]->dim[0], channels_of(n->in[0]), plane_of(n->in[0]), 1};
}

static void sum_blocked_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct extent5 e = extent5(n->in[0]);
    (void)target;
    *(struct cnnc_stages *)geometry = (struct cnnc_stages){.n = e.n, .c = e.c, .d = e.d, .h = e.h, .w = e.w, .x = view_of(n->in[0])};
}

GEOMETRY(planes, FIELD(struct cnnc_planes, n, F_LONG), FIELD(struct cnnc_planes, c, F_LONG), FIELD(struct cnnc_planes, in, F_LONG),
         FIELD(struct cnnc_planes, out, F_LONG));
static const struct kernel sum_kernels[] = {
    {.name = "channel_sum", .part = "train.h", .geometry = &planes_geometry, .cost = plain_cost, .fill = sum_fill},
    {.name = "channel_sum_blocked", .part = "train_blocked.h", .geometry = &stages_geometry, .in_layout = LAYOUT_BLOCKED,
     .match = train_blocked_match, .cost = train_blocked_cost, .fill = sum_blocked_fill},
};
const struct op op_channel_sum = {
    .onnx = "ChannelSum", .doc = "sum of each channel", .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL,
    .kernels = sum_kernels, .nkernels = COUNT(sum_kernels)};

/* ---- batch norm --------------------------------------------------------------------------------------------------------- */

enum { PARTS = 6 }; /* the input that has sums of planes */

static const struct attr_def norm_attrs[] = {
    {"a", NULL, A_FLOAT, 0, 0, NULL, "momentum"},
    {"epsilon", NULL, A_FLOAT, 0, 0, NULL, "added to the variance"},
};

void batch_norm_fill(const struct node *n, void *geometry, const struct target *target)
{
    const struct tensor *x = n->in[0];
    (void)target;
    *(struct cnnc_batch_norm_train *)geometry =
        (struct cnnc_batch_norm_train){(long)x->dim[0], channels_of(x), plane_of(x), attr_f(n, "epsilon"), attr_f(n, "a")};
}

/* x: the normalised tensor; y: what is written; add: of a stage, or the gradient that is read. */
static void blocked_fill(const struct node *n, struct cnnc_norm_blocked *g, const struct tensor *x, const struct tensor *y,
                         const struct tensor *add)
{
    const struct extent5 e = extent5(x);
    *g = (struct cnnc_norm_blocked){.n = e.n, .c = e.c, .d = e.d, .h = e.h, .w = e.w, .x = view_of(x), .y = view_of(y), .add = view_of(add)};
    fill_epilogue(n, &g->ep, &g->add);
}
static void train_fill(const struct node *n, void *geometry, const struct target *target)
{
    struct cnnc_norm_blocked *g = geometry;
    (void)target;
    blocked_fill(n, g, n->in[0], n->out[0], n->out[0]);
    g->epsilon = attr_f(n, "epsilon");
    g->momentum = attr_f(n, "a");
}
static void grad_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    blocked_fill(n, geometry, n->in[1], n->out[0], n->in[0]);
}
static void moments_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    blocked_fill(n, geometry, n->in[0], n->in[0], n->in[0]);
}
static void sums_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    blocked_fill(n, geometry, n->in[1], n->in[1], n->in[0]);
}

/* Sums of planes are nodes of their own, so that threads can share samples and still add in one order. */
static void insert_sums(struct graph *g, struct node *n, const char *op, const char *suffix, int inputs, const int *which,
                        const struct target *target)
{
    const struct tensor *x = n->in[0];
    struct node *s = node_insert_before(g, n, op_by_onnx(op), arena_printf(&g->arena, "%s.%s", n->name, suffix));
    s->span = n->span;
    for (int i = 0; i < inputs; i++)
        node_input(g, s, n->in[which[i]]);
    struct tensor *parts = node_output(g, s, unique_name(g, s->name));
    tensor_set_shape(parts, 2, (int64_t[]){x->dim[0], 2 * ((x->dim[1] + target->block - 1) / target->block) * target->block});
    parts->dtype = DT_F32;
    while (n->nin <= PARTS)
        node_input(g, n, NULL);
    node_set_input(g, n, PARTS, parts);
}
static void train_prepare(struct graph *g, struct node *n, const struct target *target)
{
    insert_sums(g, n, "PlaneMoments", "moments", 1, (const int[]){0}, target);
}
static void grad_prepare(struct graph *g, struct node *n, const struct target *target)
{
    insert_sums(g, n, "BatchNormSums", "sums", 3, (const int[]){0, 1, 3}, target);
}

static const struct field batch_norm_fields[] = {
    FIELD(struct cnnc_batch_norm_train, n, F_LONG), FIELD(struct cnnc_batch_norm_train, c, F_LONG),
    FIELD(struct cnnc_batch_norm_train, plane, F_LONG),
    FIELD(struct cnnc_batch_norm_train, epsilon, F_DOUBLE), FIELD(struct cnnc_batch_norm_train, momentum, F_DOUBLE)};
const struct geometry batch_norm_train_geometry = {"cnnc_batch_norm_train", sizeof(struct cnnc_batch_norm_train), batch_norm_fields,
                                                   COUNT(batch_norm_fields)};
GEOMETRY(norm_blocked, FIELD(struct cnnc_norm_blocked, n, F_INT), FIELD(struct cnnc_norm_blocked, c, F_INT),
         FIELD(struct cnnc_norm_blocked, d, F_INT), FIELD(struct cnnc_norm_blocked, h, F_INT), FIELD(struct cnnc_norm_blocked, w, F_INT),
         FIELD(struct cnnc_norm_blocked, x, F_VIEW), FIELD(struct cnnc_norm_blocked, y, F_VIEW), FIELD(struct cnnc_norm_blocked, add, F_VIEW),
         FIELD(struct cnnc_norm_blocked, epsilon, F_DOUBLE), FIELD(struct cnnc_norm_blocked, momentum, F_DOUBLE),
         FIELD_LIT(struct cnnc_norm_blocked, ep, F_EPILOGUE));

#define BLOCKED_NORM(kernel_, ...) {.name = #kernel_, .part = "train_blocked.h", .geometry = &norm_blocked_geometry, TRAIN_BLOCKED, __VA_ARGS__}
static const struct kernel train_kernels[] = {
    {.name = "batch_norm_train", .part = "train.h", .geometry = &batch_norm_train_geometry, .cost = plain_cost, .fill = batch_norm_fill},
    BLOCKED_NORM(batch_norm_blocked, .epilogue = true, .prepare = train_prepare, .fill = train_fill),
};
static const struct kernel grad_kernels[] = {
    {.name = "batch_norm_grad", .part = "train.h", .geometry = &batch_norm_train_geometry, .cost = plain_cost, .fill = batch_norm_fill},
    BLOCKED_NORM(batch_norm_grad_blocked, .prepare = grad_prepare, .fill = grad_fill),
};
#define SUMS(kernel_, filler)                                                                                          \
    {.name = #kernel_, .part = "train_blocked.h", .geometry = &norm_blocked_geometry, .in_layout = LAYOUT_BLOCKED,      \
     .cost = train_blocked_cost, .fill = filler}
static const struct kernel moments_kernels[] = {SUMS(plane_moments, moments_fill)}, sums_kernels[] = {SUMS(batch_norm_sums, sums_fill)};

const struct op op_batch_norm_train = {
    .onnx = "BatchNormTrain", .doc = "batch norm by the statistics of the batch", .attrs = norm_attrs, .nattrs = COUNT(norm_attrs),
    .min_in = 6, .max_in = 7, .max_out = 5, .flags = OP_INTERNAL | OP_UPDATES | OP_STAGES, .grad = batch_norm_train_grad,
    .kernels = train_kernels, .nkernels = COUNT(train_kernels)};
const struct op op_batch_norm_grad = {
    .onnx = "BatchNormGrad", .doc = "gradients of a batch norm", .attrs = norm_attrs, .nattrs = COUNT(norm_attrs), .min_in = 6,
    .max_in = 7, .max_out = 3, .flags = OP_INTERNAL, .kernels = grad_kernels, .nkernels = COUNT(grad_kernels)};
const struct op op_plane_moments = {
    .onnx = "PlaneMoments", .doc = "mean and spread of each plane", .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL,
    .kernels = moments_kernels, .nkernels = COUNT(moments_kernels)};
const struct op op_batch_norm_sums = {
    .onnx = "BatchNormSums", .doc = "sums of each plane for the gradient of a batch norm", .min_in = 3, .max_in = 3, .max_out = 1,
    .flags = OP_INTERNAL, .kernels = sums_kernels, .nkernels = COUNT(sums_kernels)};

bool batch_norm_in_training(struct graph *g, struct node *n, const struct train *t)
{
    if (n->in[3]->kind != T_STATE || n->in[3]->frozen)
        return true;
    if (t->distributed && !t->sync_bn)
        return node_error(g, n, "the batch norms of several processes would each see its own part of the batch: --sync-bn lets "
                                "them exchange their statistics");
    struct node *m = grad_instead(g, n, t->sync_bn ? "NormSynced" : "BatchNormTrain");
    for (int k = 0; k < 5; k++)
        node_input(g, m, n->in[k]);
    node_input(g, m, grad_count(g));
    set_attr_f(g, m, "epsilon", attr_f(n, "epsilon"));
    set_attr_f(g, m, "a", attr_f(n, "momentum"));
    if (t->sync_bn)
        sync_batch_norm(g, m);
    struct tensor *y = grad_output(g, m, n->out[0]);
    grad_output(g, m, n->in[3]);
    grad_output(g, m, n->in[3]);
    grad_writes(g, m, n->in[3]);
    grad_writes(g, m, n->in[4]);
    const char *name = n->out[0]->name;
    replace_tensor(g, n->out[0], y);
    n->out[0]->name = y->name;
    y->name = name;
    node_remove(g, n);
    return true;
}
