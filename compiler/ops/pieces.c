/* The values of a constant, piece by piece: parameters are drawn, packed, and taken by the caller (who writes them) while they are in the
 * cache. What is not made of parts is computed as a whole. */
#include "../op.h"

#include <stdlib.h>

#include "../init.h"

enum { PIECE = 1 << 18 }; /* bytes */

static bool take_bytes(const void *data, int64_t bytes, take_piece *take, void *arg)
{
    bool ok = true;
    for (int64_t k = 0, part; k < bytes && ok; k += part) {
        part = MIN(bytes - k, PIECE);
        ok = take(arg, (const char *)data + k, (size_t)part);
    }
    return ok;
}

static bool whole(struct graph *g, struct tensor *t, take_piece *take, void *arg)
{
    const void *data = tensor_value(g, t);
    const bool ok = data && take_bytes(data, tensor_count(t) * (int64_t)dtype_size(t->dtype), take, arg);
    tensor_release(t);
    return ok;
}

/* Initial values that nobody packs. */
static bool initial(struct graph *g, struct tensor *t, take_piece *take, void *arg)
{
    const size_t size = dtype_size(t->dtype);
    const int64_t count = tensor_count(t), most = PIECE / (int64_t)size;
    void *v = xmalloc(PIECE);
    bool ok = true;
    for (int64_t first = 0, part; first < count && ok; first += part) {
        part = MIN(count - first, most);
        init_part(g, t, first, part, v);
        ok = take(arg, v, (size_t)part * size);
    }
    free(v);
    return ok;
}

static bool by_parts(struct graph *g, const struct node *n, const struct kernel *k, const struct parts *p, take_piece *take, void *arg)
{
    struct tensor *w = n->in[0];
    const size_t in_size = dtype_size(w->dtype), out_size = dtype_size(n->out[0]->dtype);
    const int64_t most = MAX(1, PIECE / (int64_t)MAX((size_t)p->in * in_size, (size_t)p->out * out_size)), elements = tensor_count(w);
    const bool initial = !w->data && !w->def && w->init != INIT_NONE;
    const char *all = initial ? NULL : tensor_value(g, w);
    if (!initial && !all)
        return false;
    void *drawn = initial ? xmalloc_for((size_t)(most * p->in), in_size, w->name) : NULL;
    void *out = xmalloc_for((size_t)(most * p->out), out_size, n->out[0]->name);
    bool ok = true;
    for (int64_t first = 0, count; first < p->count && ok; first += count) {
        count = MIN(most, p->count - first);
        if (drawn)
            init_part(g, w, first * p->in, MIN(count * p->in, elements - first * p->in), drawn);
        k->run_parts(n, first, count, drawn ? drawn : (const void *)(all + (size_t)(first * p->in) * in_size), out);
        ok = take(arg, out, (size_t)(count * p->out) * out_size);
    }
    free(drawn);
    free(out);
    tensor_release(w);
    return ok;
}

bool tensor_pieces(struct graph *g, struct tensor *t, take_piece *take, void *arg)
{
    const struct node *n = t->def;
    const struct kernel *k = n ? &n->op->kernels[0] : NULL;
    struct parts p;
    if (!t->data && !n && t->init != INIT_NONE)
        return initial(g, t, take, arg);
    if (!t->data && n && n->op->nkernels && n->nout == 1 && k->parts && k->parts(n, &p))
        return by_parts(g, n, k, &p, take, arg);
    return whole(g, t, take, arg);
}
