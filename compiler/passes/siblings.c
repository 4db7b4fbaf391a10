/* siblings: convolutions that read the same tensor through the same window, and do the same to what comes out, become one, whose filters are theirs one
 * after the other: their operand is read once for all. Who read one of them reads its channels where they lie (slices.c), so all but the last must be
 * whole blocks; what a concat takes where it is made stays apart, and so do results around which readers want different borders. The model of costs
 * says whether it pays.
 *
 * After fuse, which tells what a layer does beside its convolution; before select, which takes the result for any other layer. Filters that are trained
 * never come here: in training a graph has passes of its own. */
#include "../pass.h"

#include <math.h>
#include <string.h>

enum { MOST = 16 };

static bool is_constant(const struct tensor *t) { return tensor_is_const(t) || (t->def && t->def->folded); }

/* Does a concat take t where it is made? As a part of something else it would have to be copied there. */
static bool joins_in_place(const struct tensor *t, const struct target *target)
{
    for (int u = 0; u < t->users; u++)
        for (int k = 0; k < t->user[u]->op->nkernels; k++) {
            const struct kernel *kernel = &t->user[u]->op->kernels[k];
            if (kernel->slices && kernel->match(t->user[u], target))
                return true;
        }
    return false;
}

/* Channels of the result, of which each is the product of all of the operand's with filters of its own, that are known now. */
static bool is_candidate(const struct node *n, const struct target *target)
{
    int axis;
    int64_t groups;
    if (!n->op->channel_axis || n->folded || n->pool || n->nin < 2 || n->nout != 1 || n->again)
        return false;
    const struct tensor *x = n->in[0], *w = n->in[1], *bias = input(n, 2), *y = n->out[0];
    if (x->rank < 3 || is_constant(x) || x->dtype != DT_F32 || w->dtype != DT_F32 || w->rank != x->rank || !is_constant(w) || (bias && !is_constant(bias)) ||
        !n->op->channel_axis(n, &axis, &groups) || groups != 1 || axis > 1 || w->dim[1 - axis] != x->dim[1] || w->dim[axis] != y->dim[1])
        return false;
    for (int i = 3; i < n->nin; i++)
        if (n->in[i]) /* a stage's */
            return false;
    for (int i = 0; i < y->rank; i++)
        if (y->extent[i] || x->extent[i])
            return false;
    return !joins_in_place(y, target);
}

static bool same_window(const struct node *a, const struct node *b)
{
    for (int i = 0; i < a->op->nattrs; i++) {
        const struct attr_def *d = &a->op->attrs[i];
        for (int k = 0; d->onnx && (d->type == A_SPATIAL || d->type == A_PADS) && k < 2 * MAX_RANK; k++)
            if (attr_at(a, d->onnx, k, (int64_t)d->value) != attr_at(b, d->onnx, k, (int64_t)d->value))
                return false;
    }
    return true;
}

static bool same_epilogue(const struct node *a, const struct node *b)
{
    bool same = a->stages == b->stages;
    for (int i = 0; i < a->stages && same; i++)
        same = a->stage[i].op == b->stage[i].op && a->stage[i].a == b->stage[i].a && a->stage[i].b == b->stage[i].b;
    return same;
}

/* The border around n's result that its readers' kernels want: before and after depth, height and width. */
static void border(const struct node *n, const struct target *target, int size[6])
{
    struct tensor *y = n->out[0];
    memset(size, 0, 6 * sizeof *size);
    y->layout.block = target->block;
    for (int u = 0; u < y->users; u++) {
        double time;
        const struct node *reader = y->user[u];
        const struct kernel *k = best_kernel(reader, target, &time);
        for (int i = 0; k && k->halo && i < reader->nin; i++) {
            int at[6] = {0};
            if (reader->in[i] == y)
                k->halo(reader, i, at, at + 3);
            for (int d = 0; d < 6; d++)
                size[d] = MAX(size[d], at[d]);
        }
    }
    y->layout.block = 0;
}

/* A border that one does without parts its rows, which are otherwise computed as a single long one, and asks for zeros. */
static bool same_border(const struct node *a, const struct node *b, const struct target *target)
{
    int of_a[6], of_b[6];
    border(a, target, of_a);
    border(b, target, of_b);
    return memcmp(of_a, of_b, sizeof of_a) == 0;
}

/* The siblings of first that stand behind it, itself among them, in order; but one of no whole blocks stands last, and there is one of that kind at most. */
static int find(const struct node *first, const struct options *o, struct node *list[MOST])
{
    const struct tensor *x = first->in[0];
    struct node *odd = NULL;
    int count = 0;
    for (int u = 0; u < x->users && count < MOST - 1; u++) {
        struct node *n = x->user[u];
        if (n->in[0] != x || n->id < first->id || n->op != first->op || !is_candidate(n, &o->target) || !same_window(first, n) || !same_epilogue(first, n) ||
            !same_border(first, n, &o->target))
            continue;
        if (n->out[0]->dim[1] % o->target.block != 0) {
            odd = !odd || n->id < odd->id ? n : odd;
            continue;
        }
        int k = count++;
        for (; k > 0 && list[k - 1]->id > n->id; k--)
            list[k] = list[k - 1];
        list[k] = n;
    }
    if (odd)
        list[count++] = odd;
    return count;
}

static int64_t channels_of(struct node *const *list, int count)
{
    int64_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += list[i]->out[0]->dim[1];
    return sum;
}

/* What n would take if it had so many channels, and read and made blocks; INFINITY: not in blocks. By the model alone: some kernels' measured times
 * beside others' estimates would say nothing. */
static double time_of(const struct node *n, int64_t channels, const struct target *target)
{
    struct node as = *n;
    struct target model = *target;
    struct tensor x = *n->in[0], w = *n->in[1], bias = w, y = *n->out[0];
    struct tensor *in[MOST] = {&x, &w, &bias}, *out = &y;
    int axis;
    int64_t groups;
    double time;
    n->op->channel_axis(n, &axis, &groups);
    model.tuned = NULL;
    model.explore = NULL;
    x.layout.block = target->block;
    y.is_output = false;
    w.kind = T_CONST;
    w.def = NULL;
    w.dim[axis] = y.dim[1] = channels;
    bias = w;
    bias.rank = 1;
    bias.dim[0] = channels;
    as.in = in;
    as.nin = 3;
    as.out = &out;
    const struct kernel *k = best_kernel(&as, &model, &time);
    return k && k->out_layout == LAYOUT_BLOCKED ? time : INFINITY;
}

/* The operands number i of all, one after the other; where one has no bias, zeros. NULL: none has any. */
static struct tensor *joined(struct graph *g, struct node *const *list, int count, int i, int axis)
{
    bool any = false;
    for (int k = 0; k < count; k++)
        any |= input(list[k], i) != NULL;
    if (!any)
        return NULL;
    struct node *n = node_insert_before(g, list[0], op_by_onnx("Concat"), NULL);
    for (int k = 0; k < count; k++) {
        struct tensor *t = input(list[k], i);
        node_input(g, n, t ? t : tensor_const(g, unique_name(g, arena_printf(&g->arena, "%s.zero", list[k]->name)), DT_F32, 1, list[k]->out[0]->dim + 1, NULL));
    }
    n->name = arena_printf(&g->arena, "%s.siblings", input(list[0], i) ? list[0]->in[i]->name : list[0]->name);
    n->layers = 0;
    set_attr_i(g, n, "axis", axis);
    node_output(g, n, unique_name(g, n->name));
    n->op->infer(g, n);
    return n->out[0];
}

/* The first of the list computes all of them; a Split, which runs nothing, says whose channels are whose. */
static void join(struct graph *g, struct node *const *list, int count, const char *note)
{
    struct node *n = list[0];
    const int64_t channels = channels_of(list, count);
    int64_t size[MOST], dim[MAX_RANK];
    int axis;
    int64_t groups;
    n->op->channel_axis(n, &axis, &groups);
    for (int i = 0; i < count; i++)
        size[i] = list[i]->out[0]->dim[1];
    struct tensor *w = joined(g, list, count, 1, axis), *bias = joined(g, list, count, 2, 0);
    struct node *parts = node_insert_after(g, n, op_by_onnx("Split"), arena_printf(&g->arena, "%s.parts", n->name));
    parts->layers = 0;
    set_attr_i(g, parts, "axis", 1);
    for (int i = 0; i < count; i++) {
        struct tensor *y = list[i]->out[0];
        VEC_PUSH(parts->out, parts->nout, y);
        y->def = parts;
        y->def_index = i;
        list[i]->nout = 0;
        if (i > 0) {
            node_takes_over(g, n, list[i]);
            if (list[i]->fused)
                n->fused = arena_printf(&g->arena, "%s, %s", n->fused, list[i]->fused);
            node_remove(g, list[i]);
        }
    }
    struct tensor *whole = node_output(g, n, unique_name(g, arena_printf(&g->arena, "%s.siblings", n->name)));
    memcpy(dim, parts->out[0]->dim, sizeof dim);
    dim[1] = channels;
    tensor_set_shape(whole, parts->out[0]->rank, dim);
    whole->dtype = parts->out[0]->dtype;
    node_set_input(g, n, 1, w);
    if (bias && n->nin > 2)
        node_set_input(g, n, 2, bias);
    else if (bias)
        node_input(g, n, bias);
    set_attr_i(g, n, "filters", channels);
    n->kernel_note = note;
    node_input(g, parts, whole);
    node_input(g, parts, tensor_i64(g, unique_name(g, "sizes"), count, size));
    parts->op->infer(g, parts);
}

/* Joins first and its siblings, or as many of them as are faster so. False: nothing changed. */
static bool try_join(struct graph *g, struct node *first, const struct options *o)
{
    struct node *list[MOST];
    for (int count = find(first, o, list); count > 1; count--) {
        double apart = 0;
        for (int i = 0; i < count; i++)
            apart += time_of(list[i], list[i]->out[0]->dim[1], &o->target);
        const double together = time_of(list[0], channels_of(list, count), &o->target);
        if (together > apart || together == INFINITY)
            continue;
        const char *names = list[1]->name;
        for (int i = 2; i < count; i++)
            names = arena_printf(&g->arena, "%s, %s", names, list[i]->name);
        join(g, list, count, arena_printf(&g->arena, "one with %s, apart: %.3g us", names, apart * 1e6));
        return true;
    }
    return false;
}

bool pass_siblings(struct graph *g, struct options *o)
{
    if (!o->target.fuse || o->target.block < 2)
        return true;
    for (int i = 0; i < g->nodes; i++)
        g->node[i]->folded = node_is_foldable(g->node[i]);
    for (int i = 0; i < g->nodes; i++)
        if (is_candidate(g->node[i], &o->target) && try_join(g, g->node[i], o))
            i--;
    return g->diag->errors == 0 && graph_sort(g); /* filters of the later ones are made before the first */
}
