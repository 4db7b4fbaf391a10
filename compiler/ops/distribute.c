/* Operators of a step whose gradients several processes add up: blocks of gradients, and batch norm by everybody's statistics. What
 * reduces (OP_REDUCES) has an output that the generated code hands to the hook reduce_begin; before what uses it (OP_AWAITS) it calls
 * reduce_wait. */
#include "../../runtime/distribute_types.h"
#include "../grad.h"
#include "generic.h"
#include "grads.h"
#include "train_kernels.h"

static const struct attr_def attrs[] = {
    {"bucket", NULL, A_INT, 0, 0, NULL, "number of the reduction"},
    {"epsilon", NULL, A_FLOAT, 0, 0, NULL, "added to the variance"},
    {"a", NULL, A_FLOAT, 0, 0, NULL, "memory of the running statistics"},
};

static void fill(struct cnnc_bucket *b, struct tensor *const *t, int n)
{
    *b = (struct cnnc_bucket){.tensors = n};
    for (int i = 0; i < n; i++)
        b->size[i] = (long)tensor_count(t[i]);
}
static void bucket_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    fill(geometry, n->in, n->nin);
}
static void unbucket_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    fill(geometry, n->out, n->nout);
}
/* A pass over the largest tensor. */
static double pass_cost(const struct node *n, const struct target *t)
{
    int64_t most = 0;
    (void)t;
    for (int i = 0; i < n->nin; i++)
        most = n->in[i] ? MAX(most, tensor_count(n->in[i])) : most;
    return 1e-7 + 1e-9 * (double)most;
}

GEOMETRY(bucket, FIELD(struct cnnc_bucket, tensors, F_INT), FIELD_ARRAY(struct cnnc_bucket, size, F_LONG, CNNC_BUCKET_TENSORS));

/* clang-format off */
#define ROW(symbol, onnx_, kernel_, tag, filler, least, in, outs, flags_, doc_, ...)                                    \
    static const struct kernel symbol##_kernels[] = {{.name = #kernel_, .part = "distribute.h", .geometry = &tag##_geometry, \
        .cost = pass_cost, .fill = filler}};                                                                            \
    const struct op symbol = {.onnx = onnx_, .doc = doc_, .attrs = attrs, .nattrs = COUNT(attrs), .min_in = least, .max_in = in, \
        .max_out = outs, .flags = OP_INTERNAL | (flags_), .kernels = symbol##_kernels, .nkernels = 1, __VA_ARGS__}

ROW(op_bucket, "Bucket", bucket, bucket, bucket_fill, 1, CNNC_BUCKET_TENSORS, 1, OP_REDUCES, "gradients in one block", .grad = NULL);
ROW(op_unbucket, "Unbucket", unbucket, bucket, unbucket_fill, 1, 1, CNNC_BUCKET_TENSORS, OP_AWAITS | OP_VARIADIC_OUT, "and apart again",
    .grad = NULL);
ROW(op_norm_sums, "NormSums", norm_sums, batch_norm_train, batch_norm_fill, 2, 2, 1, OP_REDUCES, "sums for a batch norm", .grad = NULL);
ROW(op_norm_synced, "NormSynced", norm_synced, batch_norm_train, batch_norm_fill, 7, 7, 5, OP_UPDATES | OP_AWAITS,
    "batch norm by everybody's statistics", .grad = norm_synced_grad);
ROW(op_norm_grad_sums, "NormGradSums", norm_grad_sums, batch_norm_train, batch_norm_fill, 5, 5, 3, OP_REDUCES, "sums for its gradient", .grad = NULL);
ROW(op_norm_grad_synced, "NormGradSynced", norm_grad_synced, batch_norm_train, batch_norm_fill, 8, 8, 1, OP_AWAITS, "its gradient", .grad = NULL);
/* clang-format on */

/* The sums are doubles whatever the network computes in. */
static struct tensor *sums_output(struct graph *g, struct node *n, int64_t count)
{
    struct tensor *t = node_output(g, n, arena_printf(&g->arena, "%s.sums", n->name));
    tensor_set_shape(t, 1, &count);
    t->dtype = DT_F64;
    return t;
}

void sync_batch_norm(struct graph *g, struct node *n)
{
    struct node *sums = node_insert_before(g, n, op_by_onnx("NormSums"), arena_printf(&g->arena, "%s.sums", n->name));
    const int64_t bucket = grad_bucket(g);
    sums->span = n->span;
    node_input(g, sums, n->in[0]);
    node_input(g, sums, grad_count(g));
    node_input(g, n, sums_output(g, sums, 2 * n->in[0]->dim[1] + 1));
    set_attr_i(g, sums, "bucket", bucket);
    set_attr_i(g, n, "bucket", bucket);
}

bool norm_synced_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = grad_of(g, n->out[0]);
    const int64_t bucket = grad_bucket(g);
    struct node *sums = grad_node(g, n, "NormGradSums", "grad_sums", dy, n->in[0], n->out[1], n->out[2]);
    node_input(g, sums, grad_count(g));
    struct tensor *all = sums_output(g, sums, 2 * n->in[0]->dim[1]);
    set_attr_i(g, sums, "bucket", bucket);
    for (int i = 1; i < 3; i++) {
        struct tensor *part = grad_output(g, sums, n->in[i]);
        if (grad_needed(g, n->in[i]))
            grad_add(g, n->in[i], part);
    }
    struct node *d = grad_node(g, n, "NormGradSynced", "grad", dy, n->in[0], n->in[1], n->out[1]);
    node_input(g, d, n->out[2]);
    node_input(g, d, grad_count(g));
    node_input(g, d, n->in[6]);
    node_input(g, d, all);
    set_attr_i(g, d, "bucket", bucket);
    struct tensor *dx = grad_output(g, d, n->in[0]);
    if (grad_needed(g, n->in[0]))
        grad_add(g, n->in[0], dx);
    return true;
}
