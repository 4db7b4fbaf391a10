/* Gradients of pooling: of maxima with the geometry of the forward operator, or from their places; of means over planes. */
#include "grads.h"
#include "generic.h"
#include "pool.h"
#include "train_kernels.h"

static void window_fill(const struct node *n, void *geometry, const struct target *target)
{
    struct cnnc_pool_grad *g = geometry;
    struct node forward = *n; /* as the forward operator says it */
    forward.op = &op_max_pool;
    forward.in = n->out;
    forward.out = n->in;
    forward.stages = 0;
    pool_fill(&forward, &g->p, target);
    fill_epilogue(n, &g->p.ep, &g->p.add);
    g->from = view_of(n->in[1]);
    g->most = view_of(n->in[2]);
}

static double plain_cost(const struct node *n, const struct target *target)
{
    (void)target;
    return 1e-7 + 6e-9 * (double)tensor_count(n->out[0]);
}

static void planes_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    *(struct cnnc_planes *)geometry = (struct cnnc_planes){(long)n->out[0]->dim[0], (long)n->out[0]->dim[1], inner_of(n->out[0], 1), inner_of(n->in[0], 1)};
}

static void global_blocked_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    stages_fill(n, n->out[0], geometry);
    ((struct cnnc_stages *)geometry)->x = view_of(n->in[0]);
}

GEOMETRY(planes, FIELD(struct cnnc_planes, n, F_LONG), FIELD(struct cnnc_planes, c, F_LONG), FIELD(struct cnnc_planes, in, F_LONG),
         FIELD(struct cnnc_planes, out, F_LONG));

#define PLAIN_FIELD(name, kind, shape) {"p." #name, offsetof(struct cnnc_pool_grad, p.name), kind, false, 0}
#define BLOCKED_FIELD(name, kind, shape) {"p." #name, offsetof(struct cnnc_pool_grad, p.name), kind, shape, 0}
static const struct field plain_fields[] = {POOL_MEMBERS(PLAIN_FIELD)};
static const struct field blocked_fields[] = {POOL_MEMBERS(BLOCKED_FIELD), FIELD(struct cnnc_pool_grad, from, F_VIEW),
                                              FIELD(struct cnnc_pool_grad, most, F_VIEW)};
static const struct geometry plain_geometry = {"cnnc_pool_grad", sizeof(struct cnnc_pool_grad), plain_fields, COUNT(plain_fields)};
static const struct geometry blocked_geometry = {"cnnc_pool_grad", sizeof(struct cnnc_pool_grad), blocked_fields, COUNT(blocked_fields)};

static const struct kernel window_kernels[] = {
    {.name = "max_window_grad", .part = "pool_train.h", .geometry = &plain_geometry, .cost = plain_cost, .fill = window_fill},
    {.name = "max_window_grad_blocked", .part = "pool_grad.h", .geometry = &blocked_geometry, TRAIN_BLOCKED, .epilogue = true,
     .fill = window_fill},
};
static const struct kernel max_kernels[] = {
    {.name = "max_pool_grad", .part = "train.h", .geometry = &planes_geometry, .cost = plain_cost, .fill = planes_fill}};
static const struct kernel global_kernels[] = {
    {.name = "global_pool_grad", .part = "train.h", .geometry = &planes_geometry, .cost = plain_cost, .fill = planes_fill},
    {.name = "global_pool_grad_blocked", .part = "pool_grad.h", .geometry = &stages_geometry, TRAIN_BLOCKED, .epilogue = true,
     .fill = global_blocked_fill},
};

const struct op op_max_window_grad = {
    .onnx = "MaxWindowGrad", .doc = "gradient of a maximum over windows", .attrs = max_pool_attrs, .nattrs = MAX_POOL_ATTRS, .min_in = 3,
    .max_in = 3, .max_out = 1, .flags = OP_INTERNAL, .kernels = window_kernels, .nkernels = COUNT(window_kernels)};
const struct op op_max_pool_grad = {
    .onnx = "MaxPoolGrad", .doc = "gradient of a maximum, from its places", .min_in = 2, .max_in = 2, .max_out = 1, .flags = OP_INTERNAL,
    .kernels = max_kernels, .nkernels = COUNT(max_kernels)};
const struct op op_global_pool_grad = {
    .onnx = "GlobalPoolGrad", .doc = "gradient of a mean over planes", .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL,
    .kernels = global_kernels, .nkernels = COUNT(global_kernels)};
