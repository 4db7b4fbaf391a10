/* schedule: the order of the run (that of the graph), without what the compiler computes itself and what costs nothing. */
#include "../pass.h"

/* A view's output lies in the memory of its input. */
static void alias_views(struct graph *g)
{
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (n->folded || !(n->op->flags & OP_VIEW))
            continue;
        n->out[0]->base = n->in[0];
    }
}

bool pass_schedule(struct graph *g, struct options *o)
{
    (void)o;
    int step = 0;
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        n->step = -1;
        if (!n->folded && !(n->op->flags & OP_VIEW) && n->kernel)
            n->step = step++;
    }
    g->steps = step;
    alias_views(g);
    return true;
}
