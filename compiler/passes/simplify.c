/* simplify: for inference only. Dropout is the identity, what an exporter wrote out becomes its operator, what follows a layer goes into
 * its weights, what precedes it into its padding, what is computed twice or for nobody goes. */
#include "simplify.h"

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

static void drop_training(struct graph *g)
{
    for (int i = g->nodes - 1; i >= 0; i--) {
        struct node *n = g->node[i];
        bool more = false; /* a dropout's mask */
        for (int k = 1; k < n->nout; k++)
            more |= n->out[k] && (n->out[k]->users || n->out[k]->is_output);
        if (!(n->op->flags & OP_TRAINING) || more || n->out[0]->is_output)
            continue;
        replace_tensor(g, n->out[0], n->in[0]);
        node_remove(g, n);
    }
}

/* Small constants are computed now, and their nodes go. */
static void fold_constants(struct graph *g)
{
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        bool all = true;
        fold_small(g, n);
        for (int k = 0; k < n->nout; k++)
            all &= !n->out[k] || (n->out[k]->kind == T_CONST && n->out[k]->data && !n->out[k]->is_output);
        if (!all || !n->nout)
            continue;
        for (int k = 0; k < n->nout; k++)
            if (n->out[k])
                n->out[k]->def = NULL;
        node_remove(g, n);
        i--;
    }
}

/* Each operator's own rules, until none of them finds anything. */
static bool simplify_nodes(struct graph *g)
{
    bool any = false;
    for (int i = 0; i < g->nodes && !g->diag->errors; i++) {
        struct node *n = g->node[i];
        if (n->op->simplify && n->op->simplify(g, n)) {
            any = true;
            i = MAX(-1, i - 3);
        }
    }
    return any;
}

bool pass_simplify(struct graph *g, struct options *o)
{
    drop_training(g);
    fold_constants(g);
    remove_dead(g);
    for (bool changed = o->target.fuse; changed && !g->diag->errors; remove_dead(g)) {
        changed = share_nodes(g);
        changed |= recognise(g);
        remove_dead(g); /* so that nobody but the next node reads a layer */
        changed |= simplify_nodes(g);
        changed |= arrange(g);
        fold_constants(g);
    }
    if (o->target.fuse)
        delay_layers(g);
    return g->diag->errors == 0;
}
