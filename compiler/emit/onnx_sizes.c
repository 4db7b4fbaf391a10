/* For --emit=onnx: tensors of which the data say how much is used are, in ONNX, just as large as that. So what fills the rest goes, sizes come
 * from the tensors themselves, and shapes that said how much room there is say it no more. */
#include "onnx_write.h"

#include <stdlib.h>
#include <string.h>

/* y, so far an output of n, is from now on what `by` makes. */
static void make_by(struct node *n, struct tensor *y, struct node *by)
{
    n->out[y->def_index] = NULL;
    by->out[0]->def = NULL;
    by->out[0] = y;
    y->def = by;
    y->def_index = 0;
}

static struct tensor *ints(struct graph *g, int n, const int64_t *v) { return tensor_i64(g, unique_name(g, "ints"), n, v); }

/* A node right behind n, of one or two operands and one result. */
static struct node *behind(struct graph *g, struct node *n, const char *op, struct tensor *a, struct tensor *b)
{
    struct node *v = node_insert_after(g, n, op_by_onnx(op), n->name);
    node_input(g, v, a);
    if (b)
        node_input(g, v, b);
    node_output(g, v, unique_name(g, n->name));
    return v;
}

static void give_shape(struct tensor *t, enum dtype dtype, int rank, const int64_t *dim)
{
    tensor_set_shape(t, rank, dim);
    t->dtype = dtype;
}

/* y becomes the first `size` places of x along an axis, by nodes behind n, which made it. */
static void cut(struct graph *g, struct node *n, struct tensor *y, struct tensor *x, struct tensor *size, int64_t axis)
{
    struct node *end = behind(g, n, "Reshape", size, ints(g, 1, (int64_t[]){ 1 }));
    give_shape(end->out[0], DT_I64, 1, (int64_t[]){ 1 });
    struct node *slice = behind(g, end, "Slice", x, ints(g, 1, (int64_t[]){ 0 }));
    node_input(g, slice, end->out[0]);
    node_input(g, slice, ints(g, 1, &axis));
    make_by(n, y, slice);
}

/* n's output `size` tells how large its output y is along an axis: the nodes behind n ask y. */
static void ask(struct graph *g, struct node *n, struct tensor *y, int axis, struct tensor *size)
{
    struct node *shape = behind(g, n, "Shape", y, NULL);
    set_attr_i(g, shape, "start", axis);
    set_attr_i(g, shape, "end", axis + 1);
    give_shape(shape->out[0], DT_I64, 1, (int64_t[]){ 1 });
    make_by(size->def, size, behind(g, shape, "Reshape", shape->out[0], ints(g, size->rank, (int64_t[]){ 1 })));
}

/* An operand that is a shape says -1 where the size depends on data. */
static void free_size(struct graph *g, struct node *n)
{
    const struct tensor *y = n->out[0];
    int64_t v[MAX_RANK];
    int sized = 0;
    for (int k = 0; k < y->rank; k++) {
        v[k] = y->extent[k] ? -1 : y->dim[k];
        sized += y->extent[k] != NULL;
    }
    if (sized == 1 && n->nin > 1 && n->in[1] && n->in[1]->data)
        node_set_input(g, n, 1, ints(g, y->rank, v));
}

/* And 1 where a shape that is broadcast says it. */
static void free_broadcast(struct graph *g, struct node *n)
{
    const struct tensor *y = n->out[0];
    int64_t v[MAX_RANK];
    for (int k = 0; k < y->rank; k++)
        v[k] = y->extent[k] ? 1 : y->dim[k];
    if (n->in[1] && n->in[1]->data)
        node_set_input(g, n, 1, ints(g, y->rank, v));
}

static void fill_past_becomes(struct graph *g, struct node *n)
{
    cut(g, n, n->out[0], n->in[0], n->in[1], attr_i(n, "axis"));
    node_remove(g, n);
}

static void append_becomes(struct graph *g, struct node *n)
{
    struct node *concat = behind(g, n, "Concat", n->in[0], n->in[2]);
    struct tensor *y = n->out[0];
    set_attr_i(g, concat, "axis", attr_i(n, "axis"));
    ask(g, concat, y, (int)attr_i(n, "axis"), n->out[1]);
    make_by(n, y, concat);
    node_remove(g, n);
}

/* An If gives out as much as the larger of its branches, and sizes. */
static void cut_outputs(struct graph *g, struct node *n)
{
    for (int o = 0; o < n->nout; o++)
        for (int k = 0; n->out[o] && k < n->out[o]->rank; k++) {
            struct tensor *y = n->out[o];
            if (!y->extent[k])
                continue;
            struct tensor *room = tensor_shaped(g, unique_name(g, y->name), T_VALUE, y->dtype, y->rank, y->dim);
            cut(g, n, y, room, y->extent[k], k);
            n->out[o] = room;
            room->def = n;
            room->def_index = o;
        }
}

/* Outputs of n that ONNX does not have tell how large the others are. */
static void ask_outputs(struct graph *g, struct node *n)
{
    for (int o = 0; o < n->nout; o++)
        for (int k = 0; n->out[o] && k < n->out[o]->rank; k++)
            if (n->out[o]->extent[k] && n->out[o]->extent[k]->def == n)
                ask(g, n, n->out[o], k, n->out[o]->extent[k]);
}

static const struct {
    const char *op;
    void (*becomes)(struct graph *g, struct node *n);
} changes[] = { { "FillPast", fill_past_becomes }, { "Append", append_becomes }, { "If", cut_outputs }, { "Reshape", free_size }, { "Expand", free_broadcast } };

static bool is_size_of_output(const struct graph *g, const struct tensor *t)
{
    for (int i = 0; i < g->outputs; i++)
        for (int k = 0; k < g->output[i]->rank; k++)
            if (g->output[i]->extent[k] == t)
                return true;
    return false;
}

/* Outputs that only tell the sizes of others go. */
static void drop_sizes(struct graph *g)
{
    struct tensor **kept = xmalloc(sizeof *kept * (size_t)(g->outputs + 1));
    int n = 0;
    for (int i = 0; i < g->outputs; i++)
        if (!is_size_of_output(g, g->output[i]))
            kept[n++] = g->output[i];
    memcpy(g->output, kept, sizeof *kept * (size_t)n);
    g->outputs = n;
    free(kept);
}

void write_sizes(struct graph *g)
{
    const int count = g->nodes;
    struct node **all = xmalloc(sizeof *all * (size_t)(count + 1));
    memcpy(all, g->node, sizeof *all * (size_t)count);
    if (!g->outer)
        drop_sizes(g);
    for (int i = 0; i < count; i++) {
        struct node *n = all[i];
        void (*becomes)(struct graph *g, struct node *n) = ask_outputs;
        for (int b = 0; b < 2 && n->body[b]; b++)
            write_sizes(n->body[b]);
        for (size_t c = 0; c < COUNT(changes); c++)
            if (strcmp(changes[c].op, n->op->onnx) == 0)
                becomes = changes[c].becomes;
        becomes(g, n);
    }
    free(all);
}
