/* Part of simplify: what is computed twice is computed once, and constants of the same elements are one. */
#include "simplify.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 16 }; /* elements of constants that are compared */

static bool same_text(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

static bool same_attr(const struct node *a, const struct node *b, int i)
{
    const struct attr *x = &a->attr[i], *y = &b->attr[i];
    if (!x->set && !y->set)
        return true;
    switch (a->op->attrs[i].type) {
    case A_INT: case A_BOOL: return (x->set ? (double)x->i : a->op->attrs[i].value) == (y->set ? (double)y->i : b->op->attrs[i].value);
    case A_FLOAT: return (x->set ? x->f : a->op->attrs[i].value) == (y->set ? y->f : b->op->attrs[i].value);
    case A_STRING: return x->set && y->set && same_text(x->s, y->s);
    case A_INTS: case A_SPATIAL: case A_PADS:
        return x->set && y->set && x->n == y->n && same_text(x->s, y->s) && (!x->n || memcmp(x->ints, y->ints, sizeof *x->ints * (size_t)x->n) == 0);
    case A_FLOATS:
        return x->set && y->set && x->n == y->n && (!x->n || memcmp(x->floats, y->floats, sizeof *x->floats * (size_t)x->n) == 0);
    default: return false;
    }
}

static bool same_node(const struct node *a, const struct node *b)
{
    if (a->op != b->op || a->again != b->again || a->nin != b->nin || a->nout != b->nout || a->stages || b->stages || a->pool || b->pool ||
        a->op->flags & (OP_RANDOM | OP_CONTROL | OP_UPDATES))
        return false;
    bool same = true, swapped = a->nin == 2 && a->op->flags & OP_COMMUTATIVE && a->in[0] == b->in[1] && a->in[1] == b->in[0];
    for (int i = 0; i < a->nin; i++)
        same &= a->in[i] == b->in[i];
    if (!same && !swapped)
        return false;
    for (int i = 0; i < a->nout; i++)
        if (b->out[i] && (!a->out[i] || b->out[i]->is_output || a->out[i]->dtype != b->out[i]->dtype || !same_shape(a->out[i], b->out[i])))
            return false;
    for (int i = 0; i < a->op->nattrs; i++)
        if (!same_attr(a, b, i))
            return false;
    return true;
}

static uint64_t mix(uint64_t h, uint64_t v) { return (h ^ v) * 0x9e3779b97f4a7c15u; }

static uint64_t hash_node(const struct node *n)
{
    uint64_t h = mix(1, (uintptr_t)n->op), sum = 0; /* operands may be swapped */
    for (int i = 0; i < n->nin; i++)
        sum += n->in[i] ? mix(7, (uint64_t)n->in[i]->id + 1) : 0;
    h = mix(h, sum);
    return h ^ h >> 29;
}

static uint64_t hash_constant(const struct tensor *t)
{
    const size_t bytes = (size_t)tensor_count(t) * dtype_size(t->dtype);
    uint64_t h = mix((uint64_t)t->dtype, (uint64_t)bytes);
    for (size_t i = 0; i < bytes; i++)
        h = mix(h, ((const unsigned char *)t->data)[i]);
    return h ^ h >> 29;
}

static bool same_constant(const struct tensor *a, const struct tensor *b)
{
    return a->dtype == b->dtype && same_shape(a, b) && memcmp(a->data, b->data, (size_t)tensor_count(a) * dtype_size(a->dtype)) == 0;
}

/* Chains of what has the same hash, by number: nodes or tensors. */
struct table {
    int *head, *next;
    size_t mask;
};

static struct table table_new(int entries)
{
    struct table t = {.mask = 63};
    while (t.mask < (size_t)entries * 2)
        t.mask = t.mask * 2 + 1;
    t.head = xcalloc(t.mask + 1, sizeof *t.head); /* number + 1; 0: none */
    t.next = xcalloc((size_t)entries + 1, sizeof *t.next);
    return t;
}

static void table_free(struct table *t)
{
    free(t->head);
    free(t->next);
}

static bool share_constants(struct graph *g)
{
    struct table table = table_new(g->tensors);
    bool any = false;
    for (int i = 0; i < g->tensors; i++) {
        struct tensor *t = g->tensor[i], *same = NULL;
        if (t->kind != T_CONST || !t->data || t->rank < 0 || t->is_output || !t->users || tensor_count(t) > LARGEST || !dtype_size(t->dtype))
            continue;
        int *head = &table.head[hash_constant(t) & table.mask];
        for (int k = *head; k && !same; k = table.next[k - 1])
            if (same_constant(g->tensor[k - 1], t))
                same = g->tensor[k - 1];
        if (same) {
            replace_tensor(g, t, same);
            any = true;
            continue;
        }
        table.next[i] = *head;
        *head = i + 1;
    }
    table_free(&table);
    return any;
}

bool share_nodes(struct graph *g)
{
    bool any = share_constants(g);
    struct table table = table_new(g->nodes);
    struct node **kept = xcalloc((size_t)g->nodes + 1, sizeof *kept);
    for (int i = 0, at = 0; i < g->nodes; i++, at++) {
        struct node *n = g->node[i], *same = NULL;
        int *head = &table.head[hash_node(n) & table.mask];
        for (int k = *head; k && !same; k = table.next[k - 1])
            if (same_node(kept[k - 1], n))
                same = kept[k - 1];
        if (same) {
            for (int k = 0; k < n->nout; k++)
                if (n->out[k])
                    replace_tensor(g, n->out[k], same->out[k]);
            const char *fused = same->fused;
            node_takes_over(g, same, n);
            same->fused = fused; /* nothing was merged into it */
            node_remove(g, n);
            i--;
            any = true;
            continue;
        }
        kept[at] = n;
        table.next[at] = *head;
        *head = at + 1;
    }
    free(kept);
    table_free(&table);
    return any;
}
