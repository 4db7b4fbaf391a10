/* keep: intermediate values that the user asked for (--keep=LAYER), and parameters, become outputs of the network. Before anything is rewritten,
 * so that what is kept is what the source calls by that name. */
#include "../pass.h"

#include <stdlib.h>
#include <string.h>

/* A value's name, or that of the layer that makes it: `conv1 = conv(...) |> relu` names the result, conv1.conv what goes into relu. */
static struct tensor *find(struct graph *g, const char *name)
{
    for (int i = 0; i < g->nodes; i++)
        for (int k = 0; k < g->node[i]->nout; k++)
            if (g->node[i]->out[k] && strcmp(g->node[i]->out[k]->name, name) == 0)
                return g->node[i]->out[k];
    for (int i = 0; i < g->nodes; i++)
        if (strcmp(g->node[i]->name, name) == 0)
            return g->node[i]->out[0];
    return NULL;
}

/* A parameter, as the network's own output: to look at what a layer has learned. */
static struct tensor *find_parameter(struct graph *g, const char *name)
{
    for (int i = 0; i < g->tensors; i++)
        if (g->tensor[i]->kind == T_PARAM && strcmp(g->tensor[i]->name, name) == 0) {
            struct node *n = node_new(g, op_by_onnx("Identity"), name);
            node_input(g, n, g->tensor[i]);
            struct tensor *t = node_output(g, n, name);
            return infer_node(g, n) ? t : NULL;
        }
    return NULL;
}

static bool unknown(struct graph *g, const char *name)
{
    const char **names = NULL;
    int n = 0;
    for (int i = 0; i < g->nodes; i++) {
        VEC_PUSH(names, n, g->node[i]->name);
        for (int k = 0; k < g->node[i]->nout; k++)
            if (g->node[i]->out[k])
                VEC_PUSH(names, n, g->node[i]->out[k]->name);
    }
    for (int i = 0; i < g->tensors; i++)
        if (g->tensor[i]->kind == T_PARAM)
            VEC_PUSH(names, n, g->tensor[i]->name);
    const char *near = nearest_name(name, names, (size_t)n);
    if (near)
        diag_error_at(g->diag, g->source, "--keep=%s: there is no layer of that name; did you mean '%s'?", name, near);
    else
        diag_error_at(g->diag, g->source, "--keep=%s: there is no layer of that name", name);
    free(names);
    return false;
}

bool pass_keep(struct graph *g, struct options *o)
{
    bool ok = true;
    for (int i = 0; i < o->keeps; i++) {
        struct tensor *t = find(g, o->keep[i]);
        if (!t)
            t = find_parameter(g, o->keep[i]);
        if (!t) {
            ok = unknown(g, o->keep[i]);
            continue;
        }
        if (t->is_output)
            continue;
        t->is_output = t->keep = true;
        VEC_PUSH(g->output, g->outputs, t);
    }
    return ok;
}
