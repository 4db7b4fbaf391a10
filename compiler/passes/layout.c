/* layout: where a node's operand does not lie as its kernel reads it, a Reorder node; where a kernel reads past the
 * edge, a halo around the tensor. */
#include "../pass.h"


static bool is_view(const struct node *n) { return n && (n->op->flags & OP_VIEW) && !n->folded; }

/* Memory that something else shares or the user owns, or that a subgraph reads, cannot have a halo or blocks. */
static bool is_pinned(const struct tensor *t)
{
    t = slice_root(t);
    if (t->kind == T_INPUT || t->is_output || is_view(t->def))
        return true;
    for (int i = 0; i < t->users; i++)
        if (is_view(t->user[i]) || t->user[i]->op->flags & OP_CONTROL)
            return true;
    return false;
}

/* A copy of t in another layout; the same one for all who ask. */
static struct tensor *reordered(struct graph *g, struct tensor *t, int block, struct node *before)
{
    const struct op *op = op_by_onnx("Reorder");
    for (int i = 0; i < t->users; i++)
        if (t->user[i]->op == op && t->user[i]->out[0]->layout.block == block && !t->user[i]->out[0]->is_output &&
            t->user[i]->id < before->id)
            return t->user[i]->out[0];
    struct node *n = t->def ? node_insert_after(g, t->def, op, NULL) : node_insert_before(g, g->node[0], op, NULL);
    n->name = arena_printf(&g->arena, "%s.%s", t->name, block ? "blocked" : "plain");
    node_input(g, n, t);
    struct tensor *r = node_output(g, n, unique_name(g, n->name));
    tensor_set_shape(r, t->rank, t->dim);
    r->dtype = t->dtype;
    r->layout.block = block;
    n->kernel = NULL; /* chosen at the end, when halos are known */
    return r;
}

static bool is_reorder(const struct node *n) { return n && n->op->flags & OP_REORDERS; }

static bool runs(const struct node *n) { return !n->folded && n->kernel; }

static bool is_activation(const struct tensor *t)
{
    return t && !tensor_is_const(t) && !(t->def && t->def->folded);
}

static void convert_inputs(struct graph *g, struct node *n, const struct target *target)
{
    for (int i = 0; i < n->nin; i++) {
        struct tensor *t = n->in[i];
        if (!is_activation(t) || is_reorder(n))
            continue;
        /* what a stage of the epilogue reads lies as the result does */
        int lies = !runs(n) ? LAYOUT_PLAIN : is_stage_operand(n, i) ? n->kernel->out_layout : n->kernel->in_layout;
        int want = lies == LAYOUT_BLOCKED ? target->block : 0;
        if (t->rank < 3 || (runs(n) && i < 32 && n->kernel->plain_inputs >> i & 1))
            want = 0; /* blocked layouts have a channel axis and space */
        if (t->layout.block != want)
            node_set_input(g, n, i, reordered(g, t, want, n));
    }
}

/* Network outputs are plain: a blocked one is made under another name and converted. */
static void convert_output(struct graph *g, int i)
{
    struct tensor *t = g->output[i];
    struct node *d = t->def;
    if (!t->layout.block && d && !is_view(d) && !d->folded)
        return;
    const struct op *op = op_by_onnx("Reorder");
    struct node *n = node_new(g, op, NULL);
    struct tensor *out = node_output(g, n, unique_name(g, arena_printf(&g->arena, "%s.out", t->name)));
    tensor_set_shape(out, t->rank, t->dim);
    out->dtype = t->dtype;
    out->span = t->span;
    n->name = arena_printf(&g->arena, "%s.plain", t->name);
    n->span = t->span;
    node_input(g, n, t);
    out->is_output = true;
    out->keep = t->keep;
    const char *name = t->name; /* the user's name goes with the output */
    tensor_rename(g, t, arena_printf(&g->arena, "%s.inner", name));
    out->name = name;
    t->is_output = t->keep = false;
    for (int k = 0; k < g->outputs; k++)
        if (g->output[k] == t)
            g->output[k] = out;
}

/* May t have a halo or the strides of a larger tensor? Its maker must write through a view. */
bool writes_views(const struct tensor *t)
{
    if (is_cut(t))
        return writes_views(t->base);
    return t->def && (is_reorder(t->def) || t->def->slices || (t->def->kernel && t->def->kernel->views));
}

static void add_halo(struct graph *g, struct node *n, int i)
{
    int before[3] = {0}, after[3] = {0};
    n->kernel->halo(n, i, before, after);
    bool none = true;
    for (int k = 0; k < 3; k++)
        none &= before[k] == 0 && after[k] == 0;
    if (none)
        return;
    struct tensor *t = n->in[i];
    if (is_pinned(t) || !writes_views(t)) {
        /* a copy of its own, in the same layout */
        const struct op *op = op_by_onnx("Reorder");
        struct node *r = node_insert_before(g, n, op, NULL);
        r->name = arena_printf(&g->arena, "%s.pad", t->name);
        node_input(g, r, t);
        struct tensor *copy = node_output(g, r, unique_name(g, r->name));
        tensor_set_shape(copy, t->rank, t->dim);
        copy->dtype = t->dtype;
        copy->layout.block = t->layout.block;
        node_set_input(g, n, i, copy);
        t = copy;
    }
    t = (struct tensor *)slice_root(t);
    for (int k = 0; k < 3; k++) {
        t->layout.before[k] = MAX(t->layout.before[k], before[k]);
        t->layout.after[k] = MAX(t->layout.after[k], after[k]);
    }
}

bool pass_layout(struct graph *g, struct options *o)
{
    for (int i = 0; i < g->nodes; i++)
        if (!g->node[i]->folded) {
            struct node *n = g->node[i];
            convert_inputs(g, n, &o->target);
            i = n->id;
        }
    for (int i = 0; i < g->outputs; i++)
        convert_output(g, i);
    place_slices(g);
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        for (int k = 0; runs(n) && n->kernel->halo && k < n->nin; k++)
            if (is_activation(n->in[k])) {
                add_halo(g, n, k);
                i = n->id;
            }
    }
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (!is_reorder(n))
            continue;
        n->estimate = (double)(tensor_elements_stored(n->in[0]) + tensor_elements_stored(n->out[0])) * (double)dtype_size(n->in[0]->dtype) / 8e9;
        if (!(n->kernel = first_match(n, &o->target)))
            return node_error(g, n, "'%s' of type %s cannot change its layout", n->in[0]->name,
                              dtype_name(n->in[0]->dtype));
    }
    return graph_sort(g);
}
