/* simplify: for inference only. Dropout is the identity, batch norm after a convolution or a dense layer goes into its
 * weights, what nobody reads goes. */
#include "../pass.h"

#include <string.h>

static bool is(const struct node *n, const char *op) { return n && strcmp(n->op->onnx, op) == 0; }

static void remove_dead(struct graph *g)
{
    for (int i = g->nodes - 1; i >= 0; i--) {
        struct node *n = g->node[i];
        bool used = (n->op->flags & OP_UPDATES) != 0;
        for (int k = 0; k < n->nout; k++)
            used |= n->out[k] && (n->out[k]->users > 0 || n->out[k]->is_output);
        if (!used)
            node_remove(g, n);
    }
}

static void drop_dropout(struct graph *g)
{
    for (int i = g->nodes - 1; i >= 0; i--) {
        struct node *n = g->node[i];
        if (!is(n, "Dropout") || (n->nout > 1 && n->out[1] && (n->out[1]->users || n->out[1]->is_output)) ||
            n->out[0]->is_output)
            continue;
        replace_tensor(g, n->out[0], n->in[0]);
        node_remove(g, n);
    }
}

/* y = gamma * (conv(x, w) + b - mean) / sqrt(var + eps) + beta = conv(x, w') + b': a node on the parameters, which is
 * computed when the weights are written. */
static bool fold_batch_norm(struct graph *g, struct node *bn)
{
    struct node *conv = bn->in[0]->def;
    const struct op *fold = op_by_onnx("FoldBatchNorm");
    if (!conv || !fold || conv->stages || bn->in[0]->users != 1 || bn->in[0]->is_output)
        return false;
    bool transposed = is(conv, "ConvTranspose");
    if (!is(conv, "Conv") && !transposed && !(is(conv, "Gemm") && attr_i(conv, "transA") == 0))
        return false;
    for (int i = 1; i < bn->nin; i++)
        if (!tensor_is_const(bn->in[i]))
            return false;
    if (!tensor_is_const(conv->in[1]) || (input(conv, 2) && !tensor_is_const(conv->in[2])))
        return false;
    if (conv->in[1]->dtype != DT_F32)
        return false;
    struct node *f = node_insert_before(g, conv, fold, arena_printf(&g->arena, "%s.fold", bn->name));
    node_input(g, f, conv->in[1]);
    node_input(g, f, input(conv, 2));
    for (int i = 1; i < 5; i++)
        node_input(g, f, bn->in[i]);
    set_attr_f(g, f, "epsilon", attr_f(bn, "epsilon"));
    set_attr_i(g, f, "axis", transposed ? 1 : is(conv, "Gemm") && !attr_i(conv, "transB") ? 1 : 0);
    set_attr_i(g, f, "groups", transposed ? attr_i(conv, "group") : 1);
    struct tensor *w = node_output(g, f, arena_printf(&g->arena, "%s.folded", conv->in[1]->name));
    struct tensor *b = node_output(g, f, arena_printf(&g->arena, "%s.bias.folded", conv->name));
    if (!infer_node(g, f))
        return false;
    node_set_input(g, conv, 1, w);
    node_set_input(g, conv, 2, b);
    node_takes_over(g, conv, bn);
    drop_output(g, bn, conv, bn->out[0]); /* the value keeps the name of the last node */
    return true;
}

bool pass_simplify(struct graph *g, struct options *o)
{
    drop_dropout(g);
    for (int i = 0; i < g->nodes; i++)
        fold_small(g, g->node[i]);
    remove_dead(g);
    if (o->target.fuse)
        for (int i = 0; i < g->nodes; i++)
            if (is(g->node[i], "BatchNormalization") && fold_batch_norm(g, g->node[i]))
                i = MAX(-1, i - 2);
    return g->diag->errors == 0;
}
