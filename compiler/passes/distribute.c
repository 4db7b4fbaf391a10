/* Part of grad, with --distributed: between backward and updates the gradients are added up over all processes. They are gathered in
 * blocks as backward completes them, the last layers' first; each block is on its way while the layers before are computed. */
#include "../grad.h"

#include <stdlib.h>

#include "../../runtime/distribute_types.h"

enum { BLOCK_BYTES = 256 << 10 };

struct part {
    struct tensor *w, *d;
    int made; /* place of the node that makes d */
};

static int by_place(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    return x->made != y->made ? x->made - y->made : x->w->id - y->w->id;
}

static int place_of(const struct graph *g, const struct node *n)
{
    int i = 0;
    while (i < g->nodes && g->node[i] != n)
        i++;
    return i;
}

/* A node after the one that makes the last of the gradients. */
static struct node *bucket_node(struct graph *g, const struct part *p, int n, int number)
{
    const int after = place_of(g, p[n - 1].d->def) + 1;
    const char *name = arena_printf(&g->arena, "bucket%d", number);
    struct node *b = after < g->nodes ? node_insert_before(g, g->node[after], op_by_onnx("Bucket"), name)
                                      : node_new(g, op_by_onnx("Bucket"), name);
    int64_t count = 0;
    for (int i = 0; i < n; i++) {
        node_input(g, b, p[i].d);
        count += tensor_count(p[i].d);
    }
    struct tensor *t = node_output(g, b, name);
    tensor_set_shape(t, 1, &count);
    t->dtype = p[0].d->dtype;
    set_attr_i(g, b, "bucket", number);
    return b;
}

void distribute_gradients(struct graph *g)
{
    struct part *part = xmalloc(sizeof *part * (size_t)(g->tensors + 1));
    struct node **bucket = xmalloc(sizeof(struct node *) * (size_t)(g->tensors + 1));
    int parts = 0, buckets = 0, *size = xmalloc(sizeof *size * (size_t)(g->tensors + 1));
    for (int i = 0; i < g->tensors; i++) {
        struct tensor *w = g->tensor[i], *d = w->kind == T_STATE && w->trainable && !w->moment ? grad_of(g, w) : NULL;
        if (d)
            part[parts++] = (struct part){w, d, place_of(g, d->def)};
    }
    qsort(part, (size_t)parts, sizeof *part, by_place);
    for (int first = 0, n; first < parts; first += n) {
        int64_t bytes = 0;
        for (n = 0; first + n < parts && n < CNNC_BUCKET_TENSORS && bytes < BLOCK_BYTES; n++)
            bytes += tensor_count(part[first + n].d) * (int64_t)dtype_size(part[first + n].d->dtype);
        bucket[buckets] = bucket_node(g, part + first, n, grad_bucket(g));
        size[buckets++] = n;
    }
    for (int k = 0, first = 0; k < buckets; first += size[k++]) {
        struct node *n = node_new(g, op_by_onnx("Unbucket"), arena_printf(&g->arena, "%s.sum", bucket[k]->name));
        node_input(g, n, bucket[k]->out[0]);
        set_attr_i(g, n, "bucket", attr_i(bucket[k], "bucket"));
        for (int i = 0; i < size[k]; i++)
            grad_set(g, part[first + i].w, grad_output(g, n, part[first + i].d));
    }
    free(part);
    free(bucket);
    free(size);
}
