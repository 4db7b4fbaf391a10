/* FoldBatchNorm: the weights and bias of a convolution or dense layer with what follows folded in: a batch norm, or a factor and a
 * summand per channel. A node on parameters only, so it is computed when the weights are written; made by simplify. */
#include "fold_bn.h"

#include <math.h>

static const struct attr_def attrs[] = {
    {"epsilon", NULL, A_FLOAT, 0, 0, NULL, "added to the variance"},
    {"axis", NULL, A_INT, 0, 0, NULL, "axis of the weights that counts output channels (of one group)"},
    {"groups", NULL, A_INT, 0, 1, NULL, "groups of a transposed convolution, whose weights are [in][out / groups][...]"},
    {"channels", NULL, A_INT, 0, 1, NULL, "of the layer's result"},
};

/* Inputs: weights, bias, scale, shift, mean, variance, all but the first may be absent. Outputs: weights, bias. */
static bool infer(struct graph *g, struct node *n)
{
    (void)g;
    tensor_set_shape(n->out[0], n->in[0]->rank, n->in[0]->dim);
    tensor_set_shape(n->out[1], 1, (int64_t[]){attr_i(n, "channels")});
    n->out[0]->dtype = n->out[1]->dtype = DT_F32;
    return true;
}

/* One value per channel, or one for all. */
static double of_channel(const struct node *n, int i, const void *data, int64_t c, double absent)
{
    return data ? (double)((const float *)data)[tensor_count(n->in[i]) == 1 ? 0 : c] : absent;
}

static double factor(const struct node *n, const void *const in[], int64_t c)
{
    const double gamma = of_channel(n, 2, in[2], c, 1);
    return in[5] ? gamma / sqrt(of_channel(n, 5, in[5], c, 1) + attr_f(n, "epsilon")) : gamma;
}

static void run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    (void)geometry;
    const struct tensor *w = n->in[0];
    const float *from = in[0];
    float *to = out[0], *bias = out[1];
    const int axis = (int)attr_i(n, "axis");
    const int64_t channels = n->out[1]->dim[0], groups = attr_i(n, "groups");
    const int64_t outer = dims_count(axis, w->dim), per_group = w->dim[axis];
    const int64_t inner = dims_count(w->rank - axis - 1, w->dim + axis + 1);
    for (int64_t c = 0; c < channels; c++)
        bias[c] = (float)((of_channel(n, 1, in[1], c, 0) - of_channel(n, 4, in[4], c, 0)) * factor(n, in, c) + of_channel(n, 3, in[3], c, 0));
    for (int64_t o = 0; o < outer; o++) {
        int64_t group = o / MAX(1, outer / groups);
        for (int64_t k = 0; k < per_group; k++) {
            double s = factor(n, in, group * per_group + k);
            for (int64_t i = 0; i < inner; i++) {
                int64_t at = (o * per_group + k) * inner + i;
                to[at] = (float)(from[at] * s);
            }
        }
    }
}

static const struct kernel kernels[] = {{.name = "fold_batch_norm", .run = run}};

const struct op op_fold_batch_norm = {
    .onnx = "FoldBatchNorm", .doc = "batch norm folded into weights", .attrs = attrs, .nattrs = COUNT(attrs),
    .min_in = 1, .max_in = 6, .max_out = 2, .flags = OP_INTERNAL, .infer = infer, .kernels = kernels,
    .nkernels = COUNT(kernels),
};

/* ---- the fold --------------------------------------------------------------------------------------------------- */

/* Known when the weights are written: a constant, or made of constants by folds and rearrangements. */
bool is_weight(const struct tensor *t)
{
    if (!t || tensor_is_const(t) || !t->def)
        return t != NULL && tensor_is_const(t);
    if (t->def->op != &op_fold_batch_norm && !(t->def->op->flags & (OP_VIEW | OP_PERMUTES | OP_UNARY)))
        return false;
    for (int i = 0; i < t->def->nin; i++)
        if (t->def->in[i] && !is_weight(t->def->in[i]))
            return false;
    return true;
}

bool fold_affine(struct graph *g, struct node *n, int value, struct tensor *const operand[4], double epsilon)
{
    struct tensor *x = n->in[value];
    struct node *layer = x->def;
    int axis;
    int64_t groups;
    if (!layer || layer->stages || layer->pool || x->users != 1 || x->is_output || !layer->op->channel_axis || x->rank < 2 ||
        !same_shape(x, n->out[0]) || !layer->op->channel_axis(layer, &axis, &groups) || layer->in[1]->dtype != DT_F32)
        return false;
    const struct tensor *b = input(layer, 2);
    const int64_t channels = x->dim[1];
    if (!is_weight(layer->in[1]) || (b && (!is_weight(b) || tensor_count(b) != channels)))
        return false;
    for (int i = 0; i < 4; i++)
        if (operand[i] && (!is_weight(operand[i]) || operand[i]->dtype != DT_F32 ||
                           (tensor_count(operand[i]) != channels && tensor_count(operand[i]) != 1)))
            return false;
    struct node *f = node_insert_before(g, layer, &op_fold_batch_norm, arena_printf(&g->arena, "%s.fold", n->name));
    node_input(g, f, layer->in[1]);
    node_input(g, f, input(layer, 2));
    for (int i = 0; i < 4; i++)
        node_input(g, f, operand[i]);
    set_attr_f(g, f, "epsilon", epsilon);
    set_attr_i(g, f, "axis", axis);
    set_attr_i(g, f, "groups", groups);
    set_attr_i(g, f, "channels", channels);
    struct tensor *w = node_output(g, f, arena_printf(&g->arena, "%s.folded", layer->in[1]->name));
    struct tensor *bias = node_output(g, f, arena_printf(&g->arena, "%s.bias.folded", layer->name));
    infer(g, f);
    node_set_input(g, layer, 1, w);
    node_set_input(g, layer, 2, bias);
    node_takes_over(g, layer, n);
    drop_output(g, n, layer, n->out[0]); /* the value keeps the name of the last node */
    return true;
}
