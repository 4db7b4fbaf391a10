/* Concat in place: the operands of a concat of whole channel blocks are made inside its result, and the concat runs nothing.
 * An operand that cannot be made there (an input of the network, one that two concats want) is copied. Split in place: the parts of a
 * split into whole blocks are read where they lie in its operand. */
#include "../pass.h"

/* Why t cannot be made inside the result; NULL: it can. */
static const char *obstacle(const struct tensor *t)
{
    if (t->kind == T_INPUT)
        return "an input of the network";
    if (!t->def || t->def->folded)
        return "a constant";
    if (t->base)
        return is_cut(t) ? "a part of another tensor" : "joined twice";
    if (t->is_output)
        return "an output of the network";
    for (int i = 0; i < t->users; i++) /* a view shares its memory as it lies */
        if ((t->user[i]->op->flags & OP_VIEW) && !t->user[i]->folded)
            return "also read under another shape";
        else if (t->user[i]->op->flags & OP_CONTROL)
            return "also read by a subgraph";
    return writes_views(t) ? NULL : "its kernel writes whole tensors only";
}

static void put(struct tensor *t, struct tensor *whole, int64_t channel)
{
    const int64_t block = whole->layout.block ? whole->layout.block : 1;
    t->base = whole;
    t->slice = true;
    t->base_block = channel / block;
}

/* Joins along axis 1: operands follow each other channel block by channel block. */
static void place(struct graph *g, struct node *n)
{
    struct tensor *whole = n->out[0];
    int64_t channel = 0;
    for (int i = 0; i < n->nin; i++) {
        struct tensor *t = n->in[i];
        const char *why = obstacle(t);
        if (why) {
            const struct op *op = op_by_onnx("Reorder");
            struct node *copy = node_insert_before(g, n, op, NULL);
            copy->name = arena_printf(&g->arena, "%s.copy", t->name);
            copy->kernel_note = why;
            node_input(g, copy, t);
            struct tensor *part = node_output(g, copy, unique_name(g, copy->name));
            tensor_set_shape(part, t->rank, t->dim);
            part->dtype = t->dtype;
            part->layout.block = whole->layout.block;
            node_set_input(g, n, i, part);
            t = part;
        }
        put(t, whole, channel);
        channel += t->dim[1];
    }
    n->slices = true;
    n->kernel = NULL;
}

/* Cuts along axis 1: parts follow each other channel block by channel block. In blocks nothing but kernels reads them, through views. */
static void cut(struct node *n)
{
    int64_t channel = 0;
    for (int i = 0; i < n->nout; i++) {
        put(n->out[i], n->in[0], channel);
        channel += n->out[i]->dim[1];
    }
    n->slices = true;
    n->kernel = NULL;
}

void place_slices(struct graph *g)
{
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (n->folded || !n->kernel)
            continue;
        if (n->kernel->slices)
            place(g, n);
        else if (n->kernel->cuts)
            cut(n);
        i = n->id;
    }
}
