/* samples: of a batch, the first layers run one sample at a time, all of them on one before the next. What they hand on stays in the cache, and their
 * activations take the memory of one sample. The layers behind, with more weights than activations, read their weights once for all.
 *
 * The layers of the loop see tensors of one sample. Where these meet the rest of the graph stand nodes that run nothing: Sample, the one at hand of
 * what the caller gives, and Samples, all that the loop made; the memory of one sample is a part of that of all, which the run's counter tells. */
#include "../pass.h"

#include <stdlib.h>

enum {
    CACHE = 4 << 20,       /* bytes of a layer's operands and results up to which a batch stays in the cache */
    OVERHEAD = 60 * 1000   /* of one more run of a layer, as bytes that memory would have brought meanwhile */
};

static bool is_constant(const struct tensor *t) { return tensor_is_const(t) || (t->def && t->def->folded); }
static bool has_samples(const struct tensor *t, int64_t n) { return t->rank >= 2 && t->dim[0] == n; }

/* Does n make each of so many samples from the same sample of its operands? */
static bool samplewise(const struct node *n, int64_t samples)
{
    if (!(n->op->flags & (OP_SAMPLEWISE | OP_ELEMENTWISE)) || n->op->flags & OP_VIEW || !(n->kernel || n->slices) || n->body[0])
        return false;
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] && ((i > 0 && !n->slices) || !has_samples(n->out[i], samples)))
            return false;
    const int rank = n->out[0]->rank;
    for (int i = 0; i < n->nin; i++) {
        const struct tensor *t = n->in[i];
        const bool operand = n->op->flags & OP_ELEMENTWISE || is_stage_operand(n, i);
        if (t && (is_constant(t) ? operand && t->rank == rank && t->dim[0] != 1 : t->rank != rank || !has_samples(t, samples)))
            return false;
        for (int k = 0; t && k < t->rank; k++)
            if (t->extent[k])
                return false;
    }
    return true;
}

/* What taking n into the loop saves: bytes from beyond the cache. Activations come from there if a batch's are more than it holds; the weights do so for
 * every sample. */
static double gain(const struct node *n, int64_t samples)
{
    double activations = 0, weights = 0;
    if (n->slices)
        return 0;
    for (int i = 0; i < n->nin + n->nout; i++) {
        const struct tensor *t = i < n->nin ? n->in[i] : n->out[i - n->nin];
        if (t)
            *(is_constant(t) ? &weights : &activations) += (double)tensor_count(t) * (double)dtype_size(t->dtype);
    }
    return (activations > CACHE ? activations : activations / 8) - (double)(samples - 1) * weights - (double)samples * OVERHEAD;
}

/* Marks the nodes of the loop in in[]; false: there is no gain. Everything that a node of the loop reads is made in it. */
static bool choose(const struct graph *g, int64_t samples, bool *in)
{
    double sum = 0, best = 0;
    int end = 0;
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        if (n->folded || !samplewise(n, samples))
            continue;
        in[i] = true;
        for (int k = 0; k < n->nin && in[i]; k++)
            in[i] = !n->in[k] || !n->in[k]->def || is_constant(n->in[k]) || in[n->in[k]->def->id];
        if (!in[i] || (sum += gain(n, samples)) <= best)
            continue;
        best = sum;
        end = i + 1;
    }
    for (int i = end; i < g->nodes; i++)
        in[i] = false;
    return end > 0;
}

static struct tensor *one_sample(struct graph *g, struct node *n, const struct tensor *whole)
{
    struct tensor *t = node_output(g, n, unique_name(g, arena_printf(&g->arena, "%s.sample", whole->name)));
    tensor_set_shape(t, whole->rank, whole->dim);
    t->dtype = whole->dtype;
    t->layout = whole->layout;
    t->span = whole->span;
    t->dim[0] = 1;
    t->sample = true;
    return t;
}

/* What of the loop reads `whole` reads t. */
static void read_instead(struct graph *g, struct tensor *whole, struct tensor *t)
{
    for (int u = 0; u < whole->users;) {
        struct node *n = whole->user[u];
        for (int i = 0; n->samples && i < n->nin; i++)
            if (n->in[i] == whole)
                node_set_input(g, n, i, t);
        u = n->samples ? 0 : u + 1;
    }
}

/* The caller gives `whole`: the loop reads the sample at hand of it. */
static void take(struct graph *g, struct tensor *whole, struct node *first)
{
    struct node *n = node_insert_before(g, first, op_by_onnx("Sample"), whole->name);
    struct tensor *t = one_sample(g, n, whole);
    read_instead(g, whole, t);
    node_input(g, n, whole);
    if (t->users == 0)
        node_remove(g, n);
}

/* `whole` is made in the loop and read behind it: the loop makes a sample of it. */
static void hand_on(struct graph *g, struct tensor *whole, struct node *last)
{
    struct node *maker = whole->def, *n = node_insert_after(g, last, op_by_onnx("Samples"), whole->name);
    struct tensor *t = one_sample(g, n, whole);
    const int k = whole->def_index;
    t->def = maker;
    t->def_index = k;
    maker->out[k] = t;
    n->out[0] = whole;
    whole->def = n;
    whole->def_index = 0;
    read_instead(g, whole, t);
    node_input(g, n, t);
    for (int i = 0; i < g->tensors; i++) /* what the loop makes or reads inside it now lies inside its sample */
        if (g->tensor[i]->base == whole && g->tensor[i]->def && g->tensor[i]->def->samples)
            g->tensor[i]->base = t;
    t->base = whole;
    t->slice = true;
    n->slices = true;
}

static bool read_behind(const struct tensor *t)
{
    bool behind = t->is_output;
    for (int u = 0; u < t->users; u++)
        behind |= !t->user[u]->samples;
    return behind;
}

/* Parts of a tensor that are read behind the loop: that is handed on, and cut there once more. */
static void cut_behind(struct graph *g, struct node *n, struct node *last)
{
    bool behind = false;
    for (int k = 0; k < n->nout; k++)
        behind |= n->out[k] && read_behind(n->out[k]);
    if (!behind)
        return;
    struct node *again = node_insert_after(g, last, n->op, n->name);
    copy_attrs(g, again, n);
    again->slices = true;
    for (int k = 0; k < n->nout; k++) {
        struct tensor *whole = n->out[k];
        if (!whole || !read_behind(whole)) {
            VEC_PUSH(again->out, again->nout, NULL);
            continue;
        }
        struct tensor *t = one_sample(g, again, whole);
        t->sample = false;
        t->slice = true;
        t->base = whole->base;
        t->base_block = whole->base_block;
        t->def = n;
        n->out[k] = t;
        again->out[k] = whole;
        whole->def = again;
        read_instead(g, whole, t);
    }
    for (int i = 0; i < n->nin; i++)
        node_input(g, again, n->in[i]);
}

static void divide(struct graph *g, int64_t samples, const bool *in)
{
    int first = 0, end = 0;
    for (int i = 0; i < g->nodes; i++) /* constants first, then the loop */
        if (g->node[i]->folded)
            first++;
    end = first;
    for (int i = 0, constants = 0; i < g->nodes; i++) {
        g->node[i]->samples = in[i] ? (int)samples : 0;
        if (g->node[i]->folded)
            node_move(g, g->node[i], constants++);
        else if (in[i])
            end++;
    }
    for (int i = first, position = first; i < g->nodes; i++)
        if (g->node[i]->samples)
            node_move(g, g->node[i], position++);
    struct node *const head = g->node[first], *const last = g->node[end - 1];
    for (int i = first; i < end; i++)
        if (cuts(g->node[i]))
            cut_behind(g, g->node[i], last);
    for (int i = first; i < end; i++) {
        struct node *n = g->node[i];
        n->estimate /= (double)samples;
        for (const struct node *p = n; p->pool; p = p->pool)
            p->pool_in->dim[0] = 1;
        for (int k = 0; k < n->nout; k++)
            if (n->out[k] && !is_cut(n->out[k]) && read_behind(n->out[k]))
                hand_on(g, n->out[k], last);
            else if (n->out[k])
                n->out[k]->dim[0] = 1;
    }
    for (int i = 0; i < g->inputs; i++)
        take(g, g->input[i], head);
}

bool pass_samples(struct graph *g, struct options *o)
{
    const int64_t samples = g->inputs && g->input[0]->rank > 0 ? g->input[0]->dim[0] : 1;
    (void)o;
    if (samples < 2)
        return true;
    bool *in = xcalloc((size_t)g->nodes + 1, sizeof *in);
    if (choose(g, samples, in))
        divide(g, samples, in);
    free(in);
    return true;
}
