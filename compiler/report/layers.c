/* The network as written: one layer for each node after infer, before anything is rewritten. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

static bool has(const struct node *n, const char *attr)
{
    for (int i = 0; i < n->op->nattrs; i++)
        if (n->op->attrs[i].onnx && strcmp(n->op->attrs[i].onnx, attr) == 0)
            return true;
    return false;
}

/* "3x3" or "3x1" of an attribute with one value per spatial axis. */
static const char *spatial_text(struct graph *g, const struct node *n, const char *attr, int spatial, int64_t otherwise)
{
    struct strbuf b = {0};
    bool same = true;
    for (int i = 0; i < spatial; i++) {
        same &= attr_at(n, attr, i, otherwise) == attr_at(n, attr, 0, otherwise);
        sb_addf(&b, "%s%lld", i ? "x" : "", (long long)attr_at(n, attr, i, otherwise));
    }
    const char *s = same && otherwise != 0 ? arena_printf(&g->arena, "%lld", (long long)attr_at(n, attr, 0, otherwise))
                                           : arena_strdup(&g->arena, b.s ? b.s : "");
    sb_free(&b);
    return s;
}

/* "1", or "0,1" where before and after differ, or one of these for each axis. */
static const char *pad_text(struct graph *g, const struct node *n, int spatial)
{
    struct strbuf b = {0};
    bool same = true, even = true;
    for (int i = 0; i < spatial; i++) {
        same &= attr_at(n, "pads", i, 0) == attr_at(n, "pads", 0, 0) && attr_at(n, "pads", spatial + i, 0) == attr_at(n, "pads", spatial, 0);
        even &= attr_at(n, "pads", i, 0) == attr_at(n, "pads", spatial + i, 0);
    }
    for (int i = 0; i < (same ? 1 : spatial); i++) {
        sb_addf(&b, "%s%lld", i ? "x" : "", (long long)attr_at(n, "pads", i, 0));
        if (!even)
            sb_addf(&b, ",%lld", (long long)attr_at(n, "pads", spatial + i, 0));
    }
    const char *s = arena_strdup(&g->arena, b.s ? b.s : "");
    sb_free(&b);
    return s;
}

static void describe_window(struct graph *g, struct layer *l, const struct node *n)
{
    l->kernel_size = l->stride = l->pad = "";
    if (!has(n, "kernel_shape") || !n->in[0])
        return;
    const int spatial = n->in[0]->rank - 2;
    if (spatial < 1 || spatial > 3)
        return;
    struct strbuf b = {0};
    for (int i = 0; i < spatial; i++)
        sb_addf(&b, "%s%lld", i ? "x" : "", (long long)attr_at(n, "kernel_shape", i, 1));
    if (has(n, "dilations") && strcmp(spatial_text(g, n, "dilations", spatial, 1), "1") != 0)
        sb_addf(&b, " d%s", spatial_text(g, n, "dilations", spatial, 1));
    if (has(n, "group") && attr_i(n, "group") > 1) {
        if (attr_i(n, "group") == n->in[0]->dim[1])
            sb_add(&b, " dw");
        else
            sb_addf(&b, " g%lld", (long long)attr_i(n, "group"));
    }
    l->kernel_size = arena_strdup(&g->arena, b.s);
    sb_free(&b);
    l->stride = has(n, "strides") ? spatial_text(g, n, "strides", spatial, 1) : "";
    l->pad = has(n, "pads") ? pad_text(g, n, spatial) : "";
}

static void describe_output(struct layer *l, const struct tensor *t)
{
    l->rank = t->rank;
    memcpy(l->dim, t->dim, sizeof l->dim);
    l->dtype = t->dtype;
}

/* What a node reads that is not known in advance; constants that nodes make of parameters belong to their reader. */
struct snapshot {
    struct graph *g;
    bool *constant;      /* of nodes: nothing but constants goes in */
    bool *counted;       /* of tensors: parameters of an earlier layer */
    struct receptive *field; /* of tensors */
    int *depth, *weighted;
    int *maker; /* of tensors: the layer, or -1 */
};

static bool makes_constant(const struct snapshot *s, const struct node *n)
{
    if (n->op->flags & (OP_RANDOM | OP_CONTROL))
        return false;
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] && !tensor_is_const(n->in[i]) && !(n->in[i]->def && s->constant[n->in[i]->def->id]))
            return false;
    return true;
}

static void add_parameters(struct snapshot *s, struct layer *l, struct node *n)
{
    for (int i = 0; i < n->nin; i++) {
        struct tensor *t = n->in[i];
        if (!t)
            continue;
        if (t->kind == T_PARAM && t->trainable) {
            if (s->counted[t->id])
                l->shares = true;
            else
                l->parameters += tensor_count(t);
            s->counted[t->id] = true;
        } else if (t->def && t->def->id < s->g->nodes && s->g->node[t->def->id] == t->def && s->constant[t->def->id]) {
            add_parameters(s, l, t->def);
        }
    }
}

static void add_node(struct snapshot *s, struct layer *l, struct node *n)
{
    struct graph *g = s->g;
    struct strbuf b = {0};
    char text[160];
    struct cost cost = {0};
    l->name = n->name;
    l->op = n->op;
    l->type = !g->from_onnx && n->op->net ? n->op->net : n->op->onnx;
    l->source = arena_alloc(&g->arena, sizeof *l->source * (size_t)(n->nin + 1));
    describe_window(g, l, n);
    add_parameters(s, l, n);
    if (n->op->cost)
        n->op->cost(n, &cost);
    l->macs = cost.macs;
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] && !tensor_is_const(n->in[i])) {
            sb_addf(&b, "%s%s", b.n ? ", " : "", shape_text(n->in[i], text));
            if (s->maker[n->in[i]->id] >= 0)
                l->source[l->sources++] = s->maker[n->in[i]->id];
            l->depth = MAX(l->depth, s->depth[n->in[i]->id]);
            l->weighted_depth = MAX(l->weighted_depth, s->weighted[n->in[i]->id]);
        }
    l->input = arena_strdup(&g->arena, b.s ? b.s : "");
    sb_free(&b);
    l->depth++;
    l->weighted_depth += l->macs > 0 && (l->parameters > 0 || l->shares);
    l->field = field_through(n, s->field);
    for (int i = 0; i < n->nout; i++) {
        struct tensor *t = n->out[i];
        if (!t)
            continue;
        if (l->bytes == 0)
            describe_output(l, t);
        l->bytes += tensor_count(t) * (int64_t)dtype_size(t->dtype);
        s->field[t->id] = l->field;
        s->depth[t->id] = l->depth;
        s->weighted[t->id] = l->weighted_depth;
        s->maker[t->id] = (int)(l - g->layers);
    }
}

/* The nodes that the declaration of an input asked for (bytes to float, mean, deviation) stand in its text. */
static int input_of(const struct graph *g, const struct node *n)
{
    for (int i = 0; i < g->inputs; i++) {
        const struct span *s = &g->input[i]->span;
        if (s->source && s->source == n->span.source && n->span.first <= s->first && s->last <= n->span.last && !g->from_onnx)
            return i;
    }
    return -1;
}

bool pass_layers(struct graph *g, struct options *o)
{
    (void)o;
    struct snapshot s = {.g = g};
    const size_t tensors = (size_t)g->tensors + 1;
    s.constant = xcalloc((size_t)g->nodes + 1, sizeof *s.constant);
    s.counted = xcalloc(tensors, sizeof *s.counted);
    s.field = xcalloc(tensors, sizeof *s.field);
    s.depth = xcalloc(tensors, sizeof *s.depth);
    s.weighted = xcalloc(tensors, sizeof *s.weighted);
    s.maker = xmalloc(tensors * sizeof *s.maker);
    memset(s.maker, -1, tensors * sizeof *s.maker);
    g->layers = arena_alloc(&g->arena, sizeof *g->layers * (size_t)(g->inputs + g->nodes + 1));
    g->nlayers = 0;
    for (int i = 0; i < g->inputs; i++) {
        struct layer *l = &g->layers[g->nlayers++];
        l->name = g->input[i]->name;
        l->type = "input";
        l->kernel_size = l->stride = l->pad = l->input = "";
        describe_output(l, g->input[i]);
        l->bytes = tensor_count(g->input[i]) * (int64_t)dtype_size(g->input[i]->dtype);
        s.maker[g->input[i]->id] = i;
        l->field = s.field[g->input[i]->id] = field_of_input(g->input[i]);
    }
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        s.constant[i] = makes_constant(&s, n);
        if (s.constant[i])
            continue;
        n->layer = arena_alloc(&g->arena, sizeof *n->layer);
        n->layers = 1;
        n->layer[0] = input_of(g, n);
        if (n->layer[0] >= 0) {
            s.field[n->out[0]->id] = field_of_input(n->out[0]);
            s.maker[n->out[0]->id] = n->layer[0];
            continue;
        }
        n->layer[0] = g->nlayers;
        add_node(&s, &g->layers[g->nlayers++], n);
    }
    free(s.constant);
    free(s.counted);
    free(s.field);
    free(s.depth);
    free(s.weighted);
    free(s.maker);
    return true;
}
