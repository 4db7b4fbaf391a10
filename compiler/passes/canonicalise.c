/* canonicalise: what exporters leave behind and no one needs, for inference or for training. */
#include "../pass.h"

#include <string.h>

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
    for (int i = g->nodes - 1; i >= 0; i--) {
        struct node *n = g->node[i];
        if (becomes_constant(g, n))
            continue;
        if (strcmp(n->op->onnx, "Identity") != 0 || n->out[0]->is_output)
            continue;
        replace_tensor(g, n->out[0], n->in[0]);
        node_remove(g, n);
    }
    return true;
}
