/* plan: every activation, and the scratch memory of every step, gets its place in one arena, by lifetime; every constant that
 * the run reads its place among the weights. The lower bound is the largest sum of tensors and scratch memory alive at one step: no placement needs less. */
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
    const int loop_steps = graph_loop_steps(g, NULL);
    for (int i = 0; i < g->tensors; i++) /* what holds all samples does so throughout the loop */
        if (g->tensor[i]->sample) {
            extend(root_of(g->tensor[i]), 0);
            extend(root_of(g->tensor[i]), loop_steps - 1);
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

/* What needs a place: a tensor's storage, or the scratch memory of one step. */
struct slot {
    int64_t bytes, key, offset;
    int64_t *result;
    int first, last, id;
};

static int by_key(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? 1 : -1;
    return x->id - y->id;
}

/* Best fit in the given order: the smallest gap that is large enough between those already placed that are alive at the same time. */
static int64_t place(struct slot *slot, int n, int *order)
{
    int64_t total = 0;
    for (int i = 0; i < n; i++) {
        struct slot *s = &slot[i];
        int64_t at = 0, best = -1, best_gap = INT64_MAX;
        for (int k = 0; k < i; k++) { /* order: those placed, by offset */
            const struct slot *p = &slot[order[k]];
            if (p->last < s->first || p->first > s->last)
                continue;
            int64_t gap = p->offset - at;
            if (gap >= s->bytes && gap < best_gap) {
                best = at;
                best_gap = gap;
            }
            at = MAX(at, p->offset + p->bytes);
        }
        s->offset = best >= 0 ? best : at;
        total = MAX(total, s->offset + s->bytes);
        int k = i;
        for (; k > 0 && slot[order[k - 1]].offset > s->offset; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    return total;
}

static int64_t spare_bytes(const struct node *n) { return n->op->spare ? align_up(n->op->spare(n)) : 0; }

/* What a node that owns subgraphs keeps in the arena while it runs: their values. One of an If's branches runs at a time. */
static int64_t body_bytes(const struct node *n, int64_t *scratch)
{
    int64_t most = 0;
    for (int b = 0; b < 2 && n->body[b]; b++) {
        most = MAX(most, n->body[b]->arena_bytes);
        *scratch = MAX(*scratch, n->body[b]->scratch_bytes);
    }
    return spare_bytes(n) + align_up(most);
}

/* A subgraph was planned as if it had an arena of its own; this is where that begins. */
static void move_body(struct graph *g, int64_t by)
{
    for (int i = 0; i < g->tensors; i++)
        if (in_arena(g->tensor[i]) && g->tensor[i]->offset >= 0)
            g->tensor[i]->offset += by;
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        n->scratch_offset += by;
        for (int b = 0; b < 2 && n->body[b]; b++)
            move_body(n->body[b], by);
    }
}

/* The scratch memory that each step's kernel asks for. */
static void plan_scratch(struct graph *g, const struct target *target)
{
    g->scratch_bytes = 0;
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        n->scratch_bytes = 0;
        if (n->step >= 0 && n->body[0])
            n->scratch_bytes = body_bytes(n, &g->scratch_bytes);
        if (n->step < 0 || !n->kernel->scratch)
            continue;
        void *geometry = xcalloc(1, n->kernel->geometry->size);
        n->kernel->fill(n, geometry, target);
        n->scratch_bytes = align_up((int64_t)n->kernel->scratch(geometry));
        g->scratch_bytes = MAX(g->scratch_bytes, n->scratch_bytes);
        free(geometry);
    }
}

static struct slot *slots(struct graph *g, int *n)
{
    struct slot *slot = xcalloc((size_t)(g->tensors + g->nodes + 1), sizeof *slot);
    *n = 0;
    for (int i = 0; i < g->tensors; i++) {
        struct tensor *t = g->tensor[i];
        if (!in_arena(t) || t->last < 0)
            continue;
        t->bytes = align_up(tensor_elements_stored(t) * (int64_t)dtype_size(t->dtype));
        slot[*n] = (struct slot){.bytes = t->bytes, .first = t->first, .last = t->last, .id = *n, .result = &t->offset};
        ++*n;
    }
    for (int i = 0; i < g->nodes; i++) {
        struct node *l = g->node[i];
        if (l->step < 0 || !l->scratch_bytes)
            continue;
        slot[*n] = (struct slot){.bytes = l->scratch_bytes, .first = l->step, .last = l->step, .id = *n, .result = &l->scratch_offset};
        ++*n;
    }
    return slot;
}

static void plan_arena(struct graph *g)
{
    int n;
    struct slot *slot = slots(g, &n);
    int64_t *alive = xcalloc((size_t)g->steps + 1, sizeof *alive);
    for (int i = 0; i < n; i++)
        for (int s = slot[i].first; s <= slot[i].last; s++)
            alive[s] += slot[i].bytes;
    for (int s = 0; s < g->steps; s++)
        g->arena_lower_bound = MAX(g->arena_lower_bound, alive[s]);

    /* Several orders, the best result: large first, long and large first, in order of birth, long first, those of crowded steps first. Where none
     * reaches the bound, what ended on top goes first, again and again. */
    enum { RULES = 5 };
    const int64_t tries = MAX(1, MIN(100, 4000000 / ((int64_t)n * n + 1)));
    int64_t best = INT64_MAX;
    int *order = xmalloc(sizeof *order * (size_t)(n + 1));
    for (int rule = 0; rule < RULES; rule++) {
        for (int i = 0; i < n; i++) {
            struct slot *s = &slot[i];
            const int64_t life = s->last - s->first + 1;
            int64_t crowd = 0;
            for (int k = s->first; k <= s->last; k++)
                crowd = MAX(crowd, alive[k]);
            s->key = (int64_t[RULES]){s->bytes, s->bytes * life, -s->first, life, crowd}[rule];
        }
        qsort(slot, (size_t)n, sizeof *slot, by_key);
        for (int again = 0; again < tries && best > g->arena_lower_bound; again++) {
            const int64_t total = place(slot, n, order);
            if (total < best) {
                best = total;
                for (int i = 0; i < n; i++)
                    *slot[i].result = slot[i].offset;
            }
            int top = 0;
            while (top < n && slot[top].offset + slot[top].bytes < total)
                top++;
            if (top < n) {
                const struct slot s = slot[top];
                memmove(slot + 1, slot, sizeof *slot * (size_t)top);
                slot[0] = s;
            }
        }
    }
    g->arena_bytes = n ? best : 0;
    free(alive);
    free(order);
    free(slot);
}

/* Where a graph around t has the same constant already. */
static int64_t captured(const struct graph *g, const struct tensor *t)
{
    for (g = g->outer; g && t->data; g = g->outer)
        for (int i = 0; i < g->tensors; i++)
            if (g->tensor[i]->data == t->data && g->tensor[i]->bytes == t->bytes && g->tensor[i]->offset >= 0 && tensor_is_const(g->tensor[i]))
                return g->tensor[i]->offset;
    return -1;
}

/* In order of first use, so that a run reads the weights from front to back. Subgraphs' constants are among them. */
static void plan_weights(struct graph *g, int64_t *end)
{
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        for (int k = 0; n->step >= 0 && k < n->nin; k++) {
            struct tensor *t = n->in[k];
            if (!t || t->offset >= 0 || t->base || !(tensor_is_const(t) || (t->def && t->def->folded)))
                continue;
            t->bytes = tensor_count(t) * (int64_t)dtype_size(t->dtype);
            t->offset = captured(g, t);
            if (t->offset < 0) {
                t->offset = *end;
                *end += align_up(MAX(t->bytes, 1));
            }
        }
        for (int b = 0; b < 2 && n->body[b]; b++)
            plan_weights(n->body[b], end);
    }
}

bool pass_plan(struct graph *g, struct options *o)
{
    lifetimes(g);
    share_in_place(g);
    lifetimes(g);
    plan_scratch(g, &o->target);
    plan_arena(g);
    for (int i = 0; i < g->nodes; i++)
        for (int b = 0; b < 2 && g->node[i]->body[b]; b++)
            move_body(g->node[i]->body[b], g->node[i]->scratch_offset + spare_bytes(g->node[i]));
    g->weights_bytes = 0;
    if (!g->outer)
        plan_weights(g, &g->weights_bytes);
    return true;
}
