/* Nodes that own subgraphs: passes run over these too, and the compiler can compute them as it does any other node. */
#include "../ops/control.h"
#include "../pass.h"

#include <stdlib.h>
#include <string.h>

bool run_pass(const struct pass *p, struct graph *g, struct options *o)
{
    for (int i = 0; i < g->nodes && !p->whole; i++)
        for (int b = 0; b < 2; b++)
            if (g->node[i]->body[b] && !run_pass(p, g->node[i]->body[b], o))
                return false;
    return p->run(g, o) && graph_verify(g, p->name);
}

/* A run of a node's subgraph inside the compiler. */
struct run {
    struct graph *g;
    bool counted; /* the first result is whether there is another round */
    int rounds;   /* so far */
    bool ok;
};

enum { MOST_ROUNDS = 10000 }; /* a made-up input may never end a Loop */

static bool compute(struct graph *g, struct node *n)
{
    for (int k = 0; k < n->nout; k++)
        if (n->out[k] && n->out[k]->kind == T_CONST)
            return true;
    return n->body[0] ? subgraph_evaluate(g, n) : !(n->op->flags & OP_RANDOM) && fold_evaluate(g, n);
}

static void run_subgraph(const void *context, const void *const in[], void *const out[])
{
    struct run *run = (struct run *)(uintptr_t)context;
    struct graph *g = run->g;
    for (int i = 0; i < g->inputs; i++)
        g->input[i]->data = in[i];
    for (int i = 0; i < g->nodes && run->ok; i++)
        run->ok = compute(g, g->node[i]);
    for (int i = 0; i < g->outputs && run->ok; i++)
        memcpy(out[i], g->output[i]->data, (size_t)tensor_count(g->output[i]) * dtype_size(g->output[i]->dtype));
    if (run->counted && (!run->ok || ++run->rounds == MOST_ROUNDS)) {
        run->ok = false;
        *(unsigned char *)out[0] = 0;
    }
    for (int i = 0; i < g->tensors; i++)
        if (g->tensor[i]->kind == T_VALUE)
            tensor_forget(g->tensor[i]);
    for (int i = 0; i < g->inputs; i++)
        g->input[i]->data = NULL;
}

bool subgraph_evaluate(struct graph *g, struct node *n)
{
    const void **in = xcalloc((size_t)n->nin + 1, sizeof *in), **from = xcalloc((size_t)n->nin + 3, sizeof *from);
    void **out = xcalloc((size_t)n->nout + 1, sizeof *out), **to = xcalloc((size_t)n->nout + 2, sizeof *to), **spare = xcalloc((size_t)n->nout + 1, sizeof *spare);
    ptrdiff_t *bytes = xcalloc((size_t)(n->nin + n->nout + 1), sizeof *bytes);
    struct run run = {.g = n->body[0], .ok = true};
    for (int i = 0; i < n->nin && run.ok; i++)
        run.ok = (in[i] = tensor_value(g, n->in[i])) != NULL;
    for (int i = 0; i < n->nout; i++) {
        out[i] = xcalloc((size_t)tensor_count(n->out[i]) + 1, dtype_size(n->out[i]->dtype));
        spare[i] = xcalloc((size_t)tensor_count(n->out[i]) + 1, dtype_size(n->out[i]->dtype));
    }
    if (run.ok && n->body[1]) {
        run.g = n->body[*(const unsigned char *)in[0] ? 0 : 1];
        run_subgraph(&run, in + 1, out);
    } else if (run.ok) {
        struct cnnc_repeat r;
        repeat_of(n, &r, bytes);
        r.bytes = bytes, r.spare = spare, r.from = from, r.to = to;
        run.counted = r.counted;
        cnnc_repeat(&r, run_subgraph, &run, in, out);
    }
    for (int i = 0; i < n->nout; i++) {
        free(spare[i]);
        if (!run.ok) {
            free(out[i]);
            continue;
        }
        tensor_forget(n->out[i]);
        n->out[i]->data = out[i];
        n->out[i]->owned = true;
    }
    free(in);
    free(from);
    free(out);
    free(to);
    free(spare);
    free(bytes);
    return run.ok;
}
