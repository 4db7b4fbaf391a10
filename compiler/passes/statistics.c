/* statistics: a network without trained weights gets batch norms that fit its initial ones: one pass over seeded data, in which each
 * batch norm takes the mean and variance of what arrives. Without that, values grow or vanish from layer to layer. */
#include "../pass.h"

#include <stdlib.h>

#include "../random.h"

static bool is_open(const struct node *n)
{
    return n->op->flags & OP_STATISTICS && n->nin >= 5 && n->in[3]->kind == T_PARAM && !n->in[3]->data && !n->in[3]->added &&
           n->in[4]->kind == T_PARAM && !n->in[4]->data && n->in[0]->dtype == DT_F32 && n->in[0]->rank >= 2;
}

/* Inputs of the first sample, whatever the batch: the same weights come out. Bytes are uniform, floats normal. */
static void seed_input(struct graph *g, struct tensor *t)
{
    const int64_t count = tensor_count(t);
    unsigned char *bytes = xcalloc((size_t)count + 1, dtype_size(t->dtype));
    const uint64_t key = random_key(g->seed, t->name);
    for (int64_t i = 0; i < count; i++)
        switch (t->dtype) {
        case DT_F32: ((float *)(void *)bytes)[i] = (float)random_normal(key, (uint64_t)i); break;
        case DT_U8: bytes[i] = (unsigned char)(256 * random_uniform(key, (uint64_t)i)); break;
        default: break;
        }
    t->data = bytes;
    t->owned = true;
}

static void measure(struct node *bn)
{
    const struct tensor *x = bn->in[0];
    const int64_t channels = x->dim[1], inner = dims_count(x->rank - 2, x->dim + 2);
    float *mean = xmalloc(sizeof *mean * (size_t)channels), *var = xmalloc(sizeof *var * (size_t)channels);
    for (int64_t c = 0; c < channels; c++) {
        const float *v = (const float *)x->data + c * inner;
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < inner; i++)
            sum += v[i];
        mean[c] = (float)(sum / (double)inner);
        for (int64_t i = 0; i < inner; i++)
            squares += (v[i] - (double)mean[c]) * (v[i] - (double)mean[c]);
        var[c] = (float)(squares / (double)inner);
        if (inner < 8) /* too few to tell: half of it is a guess */
            var[c] = 0.5f * var[c] + 0.5f;
    }
    bn->in[3]->data = mean;
    bn->in[4]->data = var;
    bn->in[3]->owned = bn->in[4]->owned = true;
    bn->in[3]->kind = bn->in[4]->kind = T_PARAM;
    bn->in[3]->init = bn->in[4]->init = INIT_NONE; /* not to be made anew when the memory is wanted back */
}

bool pass_statistics(struct graph *g, struct options *o)
{
    int last = -1;
    (void)o;
    for (int i = 0; i < g->nodes; i++)
        if (is_open(g->node[i]))
            last = i;
    if (last < 0)
        return true;
    for (int i = 0; i < g->inputs; i++)
        seed_input(g, g->input[i]);
    bool ok = true;
    for (int i = 0; i <= last && ok; i++) {
        struct node *n = g->node[i];
        if (is_open(n))
            measure(n);
        if (i < last && !n->out[0]->data)
            ok = fold_evaluate(g, n);
        for (int k = 0; k < n->nin; k++) { /* what nobody reads any more goes */
            struct tensor *t = n->in[k];
            bool read = false;
            for (int u = 0; t && u < t->users; u++)
                read |= t->user[u]->id > i && t->user[u]->id <= last;
            if (t && t->kind == T_VALUE && !read)
                tensor_forget(t);
        }
    }
    for (int i = 0; i < g->tensors; i++)
        if (g->tensor[i]->kind == T_VALUE || g->tensor[i]->kind == T_INPUT)
            tensor_forget(g->tensor[i]);
    return ok;
}
