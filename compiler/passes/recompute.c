/* Memory of a training step: when parameters are updated, and what is computed twice instead of being kept.
 *
 *     forward: [a b c] [d e f] [g h]   backward: h' g'   d e f   f' e' d'   a b c   c' b' a'
 *
 * A segment ends where a single tensor goes on (the sum of a residual block). Only the ends are kept; the nodes of a segment
 * stand once more before the first backward node that needs what they make. Dropout draws the same numbers again; a batch norm's
 * running statistics move once. What several processes have added up is kept: it is small, and would cost another exchange. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../grad.h"
#include "../pass.h"

static int64_t bytes_of(const struct tensor *t) { return tensor_count(t) * (int64_t)dtype_size(t->dtype); }

/* An activation of the forward pass that a node behind it reads. */
static bool is_kept(const struct tensor *t, int forward)
{
    for (int i = 0; i < t->users; i++)
        if (t->user[i]->id >= forward)
            return true;
    return false;
}

/* Bytes that go from the nodes up to `at` to forward nodes behind. */
static int64_t crossing(const struct graph *g, int at, int forward)
{
    int64_t sum = 0;
    for (int i = 0; i <= at; i++)
        for (int k = 0; k < g->node[i]->nout; k++) {
            const struct tensor *t = g->node[i]->out[k];
            bool goes = false;
            for (int u = 0; t && !t->base && u < t->users; u++)
                goes |= t->user[u]->id > at && t->user[u]->id < forward;
            sum += goes ? bytes_of(t) : 0;
        }
    return sum;
}

/* Nothing but what node i makes goes on from here. */
static bool is_narrow(const struct graph *g, int i, int forward)
{
    const int64_t across = crossing(g, i, forward);
    int64_t own = 0;
    for (int k = 0; k < g->node[i]->nout; k++)
        own += g->node[i]->out[k] ? bytes_of(g->node[i]->out[k]) : 0;
    return i + 1 < forward && across > 0 && across <= own;
}

/* Segment of each forward node: about the square root of the number of narrow places, alike in the bytes that they keep. */
static int segments_of(const struct graph *g, int forward, int *segment)
{
    int64_t *kept = xcalloc((size_t)forward + 1, sizeof *kept), all = 0, so_far = 0;
    int count = 0, places = 0;
    for (int i = 0; i < forward; i++) {
        for (int k = 0; k < g->node[i]->nout; k++)
            if (g->node[i]->out[k] && is_kept(g->node[i]->out[k], forward))
                kept[i] += bytes_of(g->node[i]->out[k]);
        all += kept[i];
        places += kept[i] > 0 && is_narrow(g, i, forward);
    }
    const double share = (double)all / fmax(2, sqrt(places));
    for (int i = 0; i < forward; i++) {
        so_far += kept[i];
        segment[i] = count;
        if ((double)so_far >= 0.75 * share && is_narrow(g, i, forward)) {
            count++;
            so_far = 0;
        }
    }
    free(kept);
    return count + 1;
}

static bool is_kept_anyway(const struct node *n) { return n->op->flags & OP_REDUCES; }

/* n once more, before `where`; what nodes from `from` on make, their copies have made. */
static struct node *again(struct graph *g, struct node *n, struct node *where, struct tensor **copy, int tensors, int from)
{
    struct node *m = node_insert_before(g, where, n->op, arena_printf(&g->arena, "%s.again", n->name));
    m->span = n->span;
    m->onnx_index = n->onnx_index;
    m->again = true;
    for (int i = 0; i < n->nin; i++) {
        struct tensor *t = n->in[i];
        const bool inner = t && t->id < tensors && t->def && t->def->id >= from && copy[t->id];
        node_input(g, m, inner ? copy[t->id] : t);
    }
    copy_attrs(g, m, n);
    for (int i = 0; i < n->nout; i++) {
        if (!n->out[i]) {
            node_output(g, m, NULL);
            continue;
        }
        struct tensor *t = grad_output(g, m, n->out[i]);
        t->base = n->out[i]->base; /* a batch norm's statistics ... */
        if (t->base)
            set_attr_f(g, m, "a", 1); /* ... stay where they are */
        copy[n->out[i]->id] = t;
    }
    return m;
}

void recompute(struct graph *g, int forward)
{
    const int nodes = g->nodes, tensors = g->tensors;
    int *segment = xcalloc((size_t)forward + 1, sizeof *segment);
    struct node **order = xmalloc(sizeof *order * (size_t)(nodes + 1));
    struct tensor **copy = xcalloc((size_t)tensors + 1, sizeof *copy);
    const int segments = segments_of(g, forward, segment);
    memcpy(order, g->node, sizeof *order * (size_t)nodes);
    for (int s = 0; s + 1 < segments; s++) { /* what the last segment keeps is used at once */
        int from = 0, to = forward;
        while (segment[from] < s)
            from++;
        for (to = from; to < forward && segment[to] == s; to++)
            ;
        struct node *where = NULL; /* the first backward node that reads what only this segment makes */
        for (int i = forward; i < nodes && !where; i++)
            for (int k = 0; k < order[i]->nin; k++) {
                const struct tensor *t = order[i]->in[k];
                bool inner = t && t->id < tensors && t->def && t->def->id < forward && t->def->id >= from && t->def->id < to && !t->base && !is_kept_anyway(t->def);
                for (int u = 0; inner && u < t->users; u++) /* what goes on to another segment is kept anyway */
                    inner = !(t->user[u]->id >= to && t->user[u]->id < forward);
                if (inner)
                    where = order[i];
            }
        if (!where)
            continue;
        struct node **made = xmalloc(sizeof *made * (size_t)(to - from + 1));
        for (int i = from; i < to; i++)
            made[i - from] = is_kept_anyway(order[i]) ? NULL : again(g, order[i], where, copy, tensors, from);
        for (int i = from; i < to; i++)
            for (int k = 0; k < order[i]->nout; k++) {
                struct tensor *t = order[i]->out[k];
                bool goes_on = !t || t->base || !copy[t->id];
                for (int u = 0; t && u < t->users; u++)
                    goes_on |= t->user[u]->id >= to && t->user[u]->id < forward;
                if (goes_on)
                    continue;
                for (int j = forward; j < nodes; j++)
                    for (int q = 0; q < order[j]->nin; q++)
                        if (order[j]->in[q] == t)
                            node_set_input(g, order[j], q, copy[t->id]);
            }
        for (int i = to - from - 1; i >= 0; i--) {
            bool used = !made[i];
            for (int k = 0; made[i] && k < made[i]->nout; k++)
                used |= made[i]->out[k] && made[i]->out[k]->users > 0;
            if (!used)
                node_remove(g, made[i]);
        }
        free(made);
    }
    free(segment);
    free(order);
    free(copy);
}

/* The last node that reads t's memory, whichever shape it is seen under. */
static int last_reader(const struct tensor *t)
{
    int last = -1;
    for (int k = 0; k < t->users; k++) {
        const struct node *n = t->user[k];
        last = MAX(last, n->id);
        for (int i = 0; i < n->nout && n->op->flags & OP_VIEW; i++)
            if (n->out[i])
                last = MAX(last, last_reader(n->out[i]));
    }
    return last;
}

/* A parameter is updated as soon as its gradient is there and nobody reads it any more: gradients need not wait for each other. */
void update_early(struct graph *g)
{
    const int nodes = g->nodes;
    struct node **order = xmalloc(sizeof *order * (size_t)(nodes + 1));
    int *after = xmalloc(sizeof *after * (size_t)(nodes + 1)), n = 0;
    for (int i = 0; i < nodes; i++) {
        const struct node *u = g->node[i];
        after[i] = -1;
        if (!(u->op->flags & OP_UPDATES) || !u->out[0]->base || !u->out[0]->base->trainable)
            continue;
        const struct tensor *w = u->out[0]->base;
        for (int k = 0; k < u->nin; k++)
            if (u->in[k] && u->in[k]->def)
                after[i] = MAX(after[i], u->in[k]->def->id);
        after[i] = MAX(after[i], last_reader(w));
    }
    for (int i = 0; i < nodes; i++) {
        if (after[i] >= 0)
            continue;
        order[n++] = g->node[i];
        for (int k = i + 1; k < nodes; k++)
            if (after[k] == i)
                order[n++] = g->node[k];
    }
    memcpy(g->node, order, sizeof *order * (size_t)nodes);
    for (int i = 0; i < nodes; i++)
        g->node[i]->id = i;
    free(order);
    free(after);
}
