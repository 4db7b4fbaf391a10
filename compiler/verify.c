/* What must hold of a graph between any two passes. A violation is a bug of the pass before, and said so. */
#include "op.h"

#include <string.h>

static bool broken(struct graph *g, const char *after, const char *what, const char *name)
{
    diag_error_at(g->diag, "internal error", "after pass %s: %s (%s)", after, what, name);
    return false;
}

bool graph_verify(struct graph *g, const char *after)
{
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        if (n->id != i)
            return broken(g, after, "a node's number is not its position", n->name);
        for (int k = 0; k < n->nin; k++) {
            const struct tensor *t = n->in[k];
            if (!t)
                continue;
            int uses = 0, users = 0;
            for (int u = 0; u < t->users; u++)
                users += t->user[u] == n;
            for (int u = 0; u < n->nin; u++)
                uses += n->in[u] == t;
            if (uses != users)
                return broken(g, after, "a tensor does not know its reader", t->name);
            if (t->def && t->def->id >= i && t->def->id < g->nodes && g->node[t->def->id] == t->def)
                return broken(g, after, "a tensor is read before it is made", t->name);
            if (!t->def && t->kind == T_VALUE && !g->outer)
                return broken(g, after, "nobody makes this tensor", t->name);
        }
        for (int k = 0; k < n->nout; k++)
            if (n->out[k] && (n->out[k]->def != n || n->out[k]->def_index != k))
                return broken(g, after, "an output does not know its node", n->out[k]->name);
        for (int k = 0; k < n->nout; k++)
            if (n->out[k] && n->out[k]->rank < 0)
                return broken(g, after, "an output has no shape", n->out[k]->name);
    }
    for (int i = 0; i < g->outputs; i++)
        if (!g->output[i]->is_output)
            return broken(g, after, "an output of the graph is not marked as one", g->output[i]->name);
    return true;
}
