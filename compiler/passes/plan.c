/* plan: every activation gets its place in one arena, by lifetime; every constant that the run reads its place among the
 * weights. The lower bound is the largest sum of tensors alive at one step: no placement needs less. */
#include "../pass.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };
static int64_t align_up(int64_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

static struct tensor *root_of(struct tensor *t)
{
    while (t->base)
        t = t->base;
    return t;
}

static bool in_arena(const struct tensor *t)
{
    return t->kind == T_VALUE && !t->base && !t->is_output && !(t->def && t->def->folded);
}

static void extend(struct tensor *root, int step)
{
    root->first = MIN(root->first, step);
    root->last = MAX(root->last, step);
}

/* Lifetimes of the tensors that own memory; an alias lends its own to its base. */
static void lifetimes(struct graph *g)
{
    for (int i = 0; i < g->tensors; i++) {
        g->tensor[i]->first = INT32_MAX;
        g->tensor[i]->last = -1;
    }
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (n->step < 0)
            continue;
        for (int k = 0; k < n->nin; k++)
            if (n->in[k])
                extend(root_of(n->in[k]), n->step);
        for (int k = 0; k < n->nout; k++)
            if (n->out[k])
                extend(root_of(n->out[k]), n->step);
    }
}

/* A node that may work in place takes over its operand's memory if nobody reads that afterwards. */
static void share_in_place(struct graph *g)
{
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (n->step < 0 || !n->kernel->inplace || n->nout != 1 || !n->in[0] || n->out[0]->base || n->out[0]->is_output)
            continue;
        struct tensor *x = n->in[0], *y = n->out[0], *root = root_of(x);
        if (!in_arena(root) || root != x || root->last != n->step || x->dtype != y->dtype || !same_shape(x, y) ||
            memcmp(&x->layout, &y->layout, sizeof x->layout) != 0)
            continue;
        bool twice = false; /* read as another operand too: fine elementwise, but not as a broadcast one */
        for (int k = 1; k < n->nin; k++)
            twice |= n->in[k] && root_of(n->in[k]) == root;
        if (twice)
            continue;
        y->base = x;
        lifetimes(g);
    }
}

struct slot {
    struct tensor *t;
    int64_t key;
};

static int by_key(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? 1 : -1;
    return x->t->id - y->t->id;
}

/* First fit in the given order: the lowest gap between those already placed that are alive at the same time. */
static int64_t place(struct slot *slot, int n, int64_t *offset)
{
    int64_t total = 0;
    int *order = xmalloc(sizeof *order * (size_t)(n + 1)); /* placed ones, by offset */
    int placed = 0;
    for (int i = 0; i < n; i++) {
        const struct tensor *t = slot[i].t;
        int64_t at = 0, best = -1, best_gap = INT64_MAX;
        for (int k = 0; k < placed; k++) {
            const struct tensor *p = slot[order[k]].t;
            if (p->last < t->first || p->first > t->last)
                continue;
            int64_t from = offset[order[k]], gap = from - at;
            if (gap >= t->bytes && gap < best_gap) {
                best = at;
                best_gap = gap;
            }
            at = MAX(at, from + p->bytes);
        }
        offset[i] = best >= 0 ? best : at;
        total = MAX(total, offset[i] + t->bytes);
        int k = placed++;
        for (; k > 0 && offset[order[k - 1]] > offset[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    free(order);
    return total;
}

static void plan_arena(struct graph *g)
{
    struct slot *slot = xmalloc(sizeof *slot * (size_t)(g->tensors + 1));
    int n = 0;
    int64_t *alive = xcalloc((size_t)g->steps + 1, sizeof *alive);
    for (int i = 0; i < g->tensors; i++) {
        struct tensor *t = g->tensor[i];
        if (!in_arena(t) || t->last < 0)
            continue;
        t->bytes = align_up(tensor_elements_stored(t) * (int64_t)dtype_size(t->dtype));
        slot[n++].t = t;
        for (int s = t->first; s <= t->last; s++)
            alive[s] += t->bytes;
    }
    for (int s = 0; s < g->steps; s++)
        g->arena_lower_bound = MAX(g->arena_lower_bound, alive[s]);
    free(alive);

    /* several orders, the best result: large first, long and large first, in order of birth */
    int64_t best = INT64_MAX, *offset = xmalloc(sizeof *offset * (size_t)(n + 1));
    for (int rule = 0; rule < 4; rule++) {
        for (int i = 0; i < n; i++) {
            const struct tensor *t = slot[i].t;
            int64_t life = t->last - t->first + 1;
            slot[i].key = rule == 0 ? t->bytes : rule == 1 ? t->bytes * life : rule == 2 ? -t->first : life;
        }
        qsort(slot, (size_t)n, sizeof *slot, by_key);
        int64_t total = place(slot, n, offset);
        if (total >= best)
            continue;
        best = total;
        for (int i = 0; i < n; i++)
            slot[i].t->offset = offset[i];
    }
    g->arena_bytes = n ? best : 0;
    free(offset);
    free(slot);
}

/* In order of first use, so that a run reads the weights from front to back. */
static void plan_weights(struct graph *g)
{
    g->weights_bytes = 0;
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        for (int k = 0; n->step >= 0 && k < n->nin; k++) {
            struct tensor *t = n->in[k];
            if (!t || t->offset >= 0 || t->base || !(tensor_is_const(t) || (t->def && t->def->folded)))
                continue;
            t->bytes = tensor_count(t) * (int64_t)dtype_size(t->dtype);
            t->offset = g->weights_bytes;
            g->weights_bytes += align_up(MAX(t->bytes, 1));
        }
    }
}

static void plan_scratch(struct graph *g, const struct target *target)
{
    g->scratch_bytes = 0;
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (n->step < 0 || !n->kernel->scratch)
            continue;
        void *geometry = xcalloc(1, n->kernel->geometry->size);
        n->kernel->fill(n, geometry, target);
        g->scratch_bytes = MAX(g->scratch_bytes, align_up((int64_t)n->kernel->scratch(geometry)));
        free(geometry);
    }
}

bool pass_plan(struct graph *g, struct options *o)
{
    lifetimes(g);
    share_in_place(g);
    lifetimes(g);
    plan_arena(g);
    plan_weights(g);
    plan_scratch(g, &o->target);
    return true;
}
