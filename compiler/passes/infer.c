/* infer: every node's output shapes and types, and the values of small constant expressions (shape arithmetic). */
#include "../pass.h"

void expose_extents(struct graph *g)
{
    int outputs = g->outputs;
    for (int i = 0; i < outputs; i++)
        for (int k = 0; k < g->output[i]->rank; k++) {
            struct tensor *t = g->output[i], *e = t->extent[k];
            if (!e || e->is_output)
                continue;
            if (!e->def) { /* given by the user: an output of its own tells it again */
                struct node *n = node_new(g, op_by_onnx("Identity"), t->name);
                node_input(g, n, e);
                e = node_output(g, n, unique_name(g, arena_printf(&g->arena, "%s_size%d", t->name, k)));
                infer_node(g, n);
            }
            for (int o = 0; o < outputs; o++)
                for (int a = 0; a < g->output[o]->rank; a++)
                    if (g->output[o]->extent[a] == t->extent[k] && (o != i || a != k))
                        g->output[o]->extent[a] = e;
            t->extent[k] = e;
            e->is_output = true;
            VEC_PUSH(g->output, g->outputs, e);
        }
}

bool pass_infer(struct graph *g, struct options *o)
{
    (void)o;
    bool ok = true;
    for (int i = 0; i < g->nodes && ok; i++)
        ok = infer_node(g, g->node[i]);
    if (ok && !g->outer)
        expose_extents(g);
    return ok;
}
