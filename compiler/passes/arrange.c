/* Part of simplify: the order of elementwise nodes and of those that only move elements. An activation goes up to the layer that can take
 * it along; transposes go down until they meet their inverse, or the end; a layer is computed right before the one who reads it. */
#include "simplify.h"

#include <string.h>

static bool takes_epilogue(const struct node *n)
{
    for (int i = 0; n && i < n->op->nkernels; i++)
        if (n->op->kernels[i].epilogue)
            return true;
    return false;
}

static bool only_reader(const struct tensor *t) { return t->users == 1 && !t->is_output; }

static bool is_dynamic(const struct tensor *t)
{
    for (int i = 0; i < t->rank; i++)
        if (t->extent[i])
            return true;
    return false;
}

/* Between a layer and an activation elements only move: the activation comes first. */
static bool rise(struct graph *g, struct node *n)
{
    const unsigned moves = OP_VIEW | OP_PERMUTES;
    struct tensor *x = n->in[0], *y = n->out[0];
    struct node *move = x->def;
    if (!(n->op->flags & OP_UNARY) || !move || !(move->op->flags & moves) || x->dtype != y->dtype || n->nout != 1 || move->nout != 1 || !only_reader(x))
        return false;
    for (int i = 1; i < n->nin; i++)
        if (n->in[i] && (!tensor_is_const(n->in[i]) || tensor_count(n->in[i]) != 1))
            return false;
    struct tensor *from = move->in[0];
    const struct node *layer = from->def;
    while (layer && layer->op->flags & moves && only_reader(from))
        from = layer->in[0], layer = from->def;
    if (!takes_epilogue(layer) || !only_reader(from) || !only_reader(move->in[0]) || is_dynamic(x) || !n->op->as_stage)
        return false;
    struct node *first = node_insert_before(g, move, n->op, n->name);
    copy_attrs(g, first, n);
    node_input(g, first, move->in[0]);
    for (int i = 1; i < n->nin; i++)
        node_input(g, first, n->in[i]);
    struct tensor *t = node_output(g, first, unique_name(g, y->name));
    if (!infer_node(g, first))
        return false;
    first->layer = n->layer, first->layers = n->layers;
    node_set_input(g, move, 0, t);
    drop_output(g, n, move, y);
    return true;
}

static bool same_perm(const struct node *a, const struct node *b)
{
    const struct attr *x = attr_get(a, "perm"), *y = attr_get(b, "perm");
    return x->set == y->set && (!x->set || (x->n == y->n && memcmp(x->ints, y->ints, sizeof *x->ints * (size_t)x->n) == 0));
}

/* A constant as it lies before the transpose `move`: a node on it. NULL if it has fewer axes, but for a single element. */
static struct tensor *before(struct graph *g, struct node *n, const struct node *move, struct tensor *c)
{
    const struct attr *perm = attr_get(move, "perm");
    int64_t back[MAX_RANK];
    const int rank = move->in[0]->rank;
    if (tensor_count(c) == 1 && c->rank <= rank)
        return c;
    struct tensor *t = c;
    if (t->rank < rank) { /* broadcasting puts axes of length 1 in front */
        int64_t dim[MAX_RANK];
        for (int i = 0; i < rank; i++)
            dim[i] = i < rank - c->rank ? 1 : c->dim[i - (rank - c->rank)];
        struct node *view = node_insert_before(g, n, op_by_onnx("Reshape"), c->name);
        node_input(g, view, t);
        node_input(g, view, tensor_i64(g, unique_name(g, "shape"), rank, dim));
        t = node_output(g, view, unique_name(g, c->name));
        if (!infer_node(g, view))
            return NULL;
        fold_parameters(g, view);
    }
    for (int i = 0; i < rank; i++)
        back[perm->set ? perm->ints[i] : rank - 1 - i] = i;
    struct node *turn = node_insert_before(g, n, move->op, c->name);
    set_attr_ints(g, turn, "perm", rank, back);
    node_input(g, turn, t);
    t = node_output(g, turn, unique_name(g, c->name));
    if (!infer_node(g, turn))
        return NULL;
    fold_parameters(g, turn);
    return t;
}

/* At most one axis is longer than 1: transposing it moves nothing. */
static bool is_vector(const struct tensor *t)
{
    int64_t longest = 1;
    for (int i = 0; i < t->rank; i++)
        longest = MAX(longest, t->dim[i]);
    return t->rank >= 0 && tensor_count(t) == longest;
}

/* It reads nothing but what is transposed, constant, or broadcast: sooner or later it takes its operands as they were before. */
static bool may_follow(const struct node *n)
{
    for (int i = 0; i < n->nin && n->op->flags & OP_ELEMENTWISE; i++)
        if (n->in[i] && !tensor_is_const(n->in[i]) && !is_vector(n->in[i]) && !(n->in[i]->def && n->in[i]->def->op->flags & OP_PERMUTES))
            return false;
    return n->op->flags & (OP_ELEMENTWISE | OP_PERMUTES) || n->op->untranspose;
}

/* Operand i is one that n may take as it was before a transpose; all who read that can. */
static bool is_turned(const struct node *n, int i)
{
    const struct tensor *t = n->in[i];
    if (!t->def || !(t->def->op->flags & OP_PERMUTES) || t->is_output || is_dynamic(t) || (n->op->flags & OP_ELEMENTWISE && !same_shape(t, n->out[0])))
        return false;
    for (int k = 0; k < t->users; k++)
        if (t->user[k] != n && !may_follow(t->user[k]))
            return false;
    return true;
}

/* Every operand is transposed alike, or constant, or a vector that is broadcast: what comes out is transposed instead. */
static bool sink(struct graph *g, struct node *n)
{
    struct node *move = NULL;
    const bool elementwise = n->op->flags & OP_ELEMENTWISE;
    const int operands = elementwise || n->op->max_in < 0 ? n->nin : 1;
    int64_t perm[MAX_RANK], to[MAX_RANK];
    if (!(elementwise ? n->nout == 1 : n->op->untranspose != NULL) || n->op->flags & OP_CONTROL)
        return false;
    for (int i = 0; i < operands; i++) {
        if (!n->in[i] || (tensor_is_const(n->in[i]) && n->in[i]->data) || (elementwise && is_vector(n->in[i]) && !same_shape(n->in[i], n->out[0]) && !is_dynamic(n->in[i])))
            continue;
        if (!is_turned(n, i) || (move && !same_perm(move, n->in[i]->def)))
            return false;
        move = n->in[i]->def;
    }
    if (!move)
        return false;
    int rank = move->in[0]->rank;
    for (int i = 0; i < rank; i++)
        to[i] = perm[i] = attr_at(move, "perm", i, rank - 1 - i);
    if (!elementwise && (rank = n->op->untranspose(g, n, perm, to)) == 0)
        return false;
    for (int i = 0; i < operands; i++)
        if (n->in[i] && !tensor_is_const(n->in[i]) && is_turned(n, i))
            node_set_input(g, n, i, n->in[i]->def->in[0]);
        else if (n->in[i]) {
            struct tensor *t = before(g, n, move, n->in[i]);
            if (!t)
                return false;
            node_set_input(g, n, i, t);
        }
    bool turned = false;
    for (int i = 0; i < rank; i++)
        turned |= to[i] != i;
    for (int o = 0; o < n->nout && turned; o++) {
        struct tensor *y = n->out[o];
        if (!y)
            continue;
        struct tensor *t = n->out[o] = tensor_new(g, unique_name(g, y->name), T_VALUE, y->dtype);
        t->def = n;
        t->def_index = o;
        struct node *after = node_insert_after(g, n, move->op, move->name);
        set_attr_ints(g, after, "perm", rank, to);
        y->def = after; /* the transpose makes y now */
        y->def_index = 0;
        VEC_PUSH(after->out, after->nout, y);
        node_input(g, after, t);
    }
    if (!infer_node(g, n))
        return false;
    for (int o = 0; o < n->nout && turned; o++)
        if (n->out[o] && !infer_node(g, n->out[o]->user[0]))
            return false;
    return true;
}

/* A layer whose only reader adds something made later moves down to that reader, which it can then take along. */
static void delay(struct graph *g, struct node *n)
{
    struct node *reader = n->nout == 1 && only_reader(n->out[0]) ? n->out[0]->user[0] : NULL;
    if (!reader || !takes_epilogue(n) || takes_epilogue(reader) || !reader->op->as_stage || reader->id <= n->id + 1)
        return;
    bool later = false;
    for (int i = 0; i < reader->nin; i++) /* what was made last takes the addition along anyway, if it can */
        if (reader->in[i] && reader->in[i]->def && reader->in[i]->def->id > n->id)
            later |= !takes_epilogue(reader->in[i]->def) || !only_reader(reader->in[i]);
    if (!later)
        return;
    for (int i = n->id; i < reader->id - 1; i++) {
        g->node[i] = g->node[i + 1];
        g->node[i]->id = i;
    }
    g->node[reader->id - 1] = n;
    n->id = reader->id - 1;
}

bool arrange(struct graph *g)
{
    bool any = false;
    for (int i = 0; i < g->nodes; i++)
        if (rise(g, g->node[i]) || sink(g, g->node[i])) {
            any = true;
            i = MAX(-1, i - 3);
        }
    return any;
}

void delay_layers(struct graph *g)
{
    for (int i = g->nodes - 1; i >= 0; i--)
        delay(g, g->node[i]);
}
