/* If: one of two subgraphs runs. Both are graphs of their own (struct node, body), on which the passes run as on the one around them. */
#include "control.h"

#include "shared.h"

#include <string.h>

bool infer_subgraph(struct graph *g, struct node *n, int b, int own, int sliced)
{
    struct graph *body = n->body[b];
    const int parts = n->nin - n->captures - sliced;
    if (!body || body->inputs > n->nin || body->inputs < own + n->captures + sliced)
        return node_error(g, n, "it lacks a subgraph, or a value that this reads");
    for (int i = n->nin - 1, k = body->inputs - 1; k >= own; i--, k--) {
        const int part = i >= parts && i < parts + sliced; /* of what is scanned */
        body->input[k]->dtype = n->in[i]->dtype;
        tensor_set_shape(body->input[k], n->in[i]->rank - part, n->in[i]->dim + part);
    }
    for (int i = 0; i < body->nodes; i++)
        if (!infer_node(body, body->node[i]))
            return false;
    return true;
}

static bool if_infer(struct graph *g, struct node *n)
{
    char a[160], b[160];
    if (!check_type(g, n, 0, TYPE(DT_BOOL)))
        return false;
    if (tensor_count(n->in[0]) != 1)
        return node_error(g, n, "the condition has %lld elements, expected 1", (long long)tensor_count(n->in[0]));
    for (int k = 0; k < 2; k++)
        if (!infer_subgraph(g, n, k, 0, 0))
            return false;
    for (int i = 0; i < n->nout; i++) {
        const struct tensor *yes = i < n->body[0]->outputs ? n->body[0]->output[i] : NULL, *no = i < n->body[1]->outputs ? n->body[1]->output[i] : NULL;
        if (!yes || !no)
            return node_error(g, n, "its branches have %d and %d outputs, expected %d", n->body[0]->outputs, n->body[1]->outputs, n->nout);
        if (yes->dtype != no->dtype || !same_shape(yes, no))
            return node_error(g, n, "output %d is %s of shape %s in one branch, %s of shape %s in the other", i, dtype_name(yes->dtype),
                              shape_text(yes, a), dtype_name(no->dtype), shape_text(no, b));
        set_output(n, i, yes->dtype, yes->rank, yes->dim);
    }
    return true;
}

void subgraph_cost(const struct graph *g, struct cost *c)
{
    for (int i = 0; i < g->nodes; i++) {
        struct cost one = {0};
        if (g->node[i]->op->cost)
            g->node[i]->op->cost(g->node[i], &one);
        c->macs += one.macs;
        c->flops += one.flops;
    }
}

/* The dearer branch. */
static void if_cost(const struct node *n, struct cost *c)
{
    struct cost branch[2] = {{0}};
    for (int b = 0; b < 2; b++) {
        subgraph_cost(n->body[b], &branch[b]);
        c->macs = MAX(c->macs, branch[b].macs);
        c->flops = MAX(c->flops, branch[b].flops);
    }
}

double subgraph_time(const struct graph *g)
{
    double t = 0;
    for (int i = 0; i < g->nodes; i++)
        t += g->node[i]->estimate;
    return t;
}

static double if_time(const struct node *n, const struct target *target)
{
    const double a = subgraph_time(n->body[0]), b = subgraph_time(n->body[1]);
    (void)target;
    return MAX(a, b);
}

static const struct kernel if_kernels[] = {{.name = "if", .part = "base.h", .cost = if_time}};
const struct op op_if = {
    .onnx = "If", .doc = "one of two subgraphs, as a condition says in the run", .body = {"then_branch", "else_branch"}, .min_in = 1, .max_in = -1,
    .max_out = 1, .flags = OP_CONTROL | OP_VARIADIC_OUT,
    .infer = if_infer, .cost = if_cost, .kernels = if_kernels, .nkernels = 1,
};
