/* canonicalise: what exporters leave behind and no one needs, for inference or for training. */
#include "../pass.h"

/* A node whose results are known (shape arithmetic) becomes those results, whatever it read. */
static bool becomes_constant(struct graph *g, struct node *n)
{
    for (int k = 0; k < n->nout; k++)
        if (n->out[k] && (!n->out[k]->data || n->out[k]->is_output))
            return false;
    for (int k = 0; k < n->nout; k++)
        if (n->out[k]) {
            n->out[k]->kind = T_CONST;
            n->out[k]->def = NULL;
        }
    node_remove(g, n);
    return true;
}

/* Its operand is the result; where that is an output of the graph, the one who makes the operand makes it. */
static void drop_identity(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *y = n->out[0];
    struct node *maker = x->def;
    if (!y->is_output) {
        replace_tensor(g, y, x);
        node_remove(g, n);
    } else if (maker && maker->id < g->nodes && g->node[maker->id] == maker && x->def_index == 0 && !x->is_output && x->kind == T_VALUE && !x->data) {
        drop_output(g, n, maker, y);
        replace_tensor(g, x, y);
    }
}

bool pass_canonicalise(struct graph *g, struct options *o)
{
    (void)o;
    for (int i = 0; i < g->nodes; i++) { /* what an expansion leaves may expand again */
        struct node *n = g->node[i];
        if (n->op->expand && n->op->expand(g, n))
            i = -1;
    }
    if (g->diag->errors)
        return false;
    for (int i = g->nodes - 1; i >= 0; i--)
        if (!becomes_constant(g, g->node[i]) && g->node[i]->op->flags & OP_IDENTITY)
            drop_identity(g, g->node[i]);
    return true;
}
