/* What stays as it is while the rest of a network is trained. Frozen parameters have no gradients, so no backward nodes are made for
 * them and nothing is kept; their batch norms use the running statistics. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "../grad.h"
#include "../pass.h"

/* "conv1" is conv1.weight, conv1.bias and all of block conv1; patterns as a shell's. */
static bool matches(struct graph *g, const char *pattern, const char *name)
{
    return fnmatch(pattern, name, 0) == 0 || fnmatch(arena_printf(&g->arena, "%s.*", pattern), name, 0) == 0;
}

static bool freeze_one(struct graph *g, const char *what)
{
    const char *until = strncmp(what, "UNTIL=", 6) == 0 ? what + 6 : NULL, *pattern = until ? until : what;
    const char **names = xcalloc((size_t)(g->nodes + 2 * g->tensors + 1), sizeof *names);
    int last = -1, n = 0;
    bool any = false;
    for (int i = 0; until && i < g->nodes; i++) {
        const struct node *m = g->node[i];
        names[n++] = m->name;
        for (int k = 0; k < m->nout; k++)
            if (m->out[k] && matches(g, pattern, m->out[k]->name))
                last = i;
        if (matches(g, pattern, m->name))
            last = i;
    }
    for (int i = 0; i <= last; i++)
        for (int k = 0; k < g->node[i]->nin; k++)
            if (g->node[i]->in[k] && g->node[i]->in[k]->kind == T_STATE)
                g->node[i]->in[k]->frozen = any = true;
    for (int i = 0; i < g->tensors; i++) {
        struct tensor *t = g->tensor[i];
        if (t->kind != T_STATE)
            continue;
        if (!until) {
            const char *dot = strrchr(t->name, '.');
            names[n++] = t->name;
            names[n++] = dot ? arena_strndup(&g->arena, t->name, (size_t)(dot - t->name)) : t->name; /* the layer */
        }
        if (!until && matches(g, pattern, t->name))
            t->frozen = any = true;
    }
    if (!any) {
        const char *near = nearest_name(pattern, names, (size_t)n);
        diag_error_at(g->diag, g->source, "freeze: there is nothing to freeze under the name '%s'%s%s%s", pattern,
                      near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    free(names);
    return any;
}

bool freeze_parameters(struct graph *g, const struct train *t)
{
    for (int i = 0; i < t->freezes; i++)
        if (!freeze_one(g, t->freeze[i]))
            return false;
    bool any = false;
    for (int i = 0; i < g->tensors; i++) {
        if (g->tensor[i]->frozen)
            g->tensor[i]->trainable = false;
        any |= g->tensor[i]->kind == T_STATE && g->tensor[i]->trainable;
    }
    if (!any)
        diag_error_at(g->diag, g->source, t->freezes ? "freeze: nothing is left to train" : "there is nothing to train: no layer has parameters");
    return any;
}
