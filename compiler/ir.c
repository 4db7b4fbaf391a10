#include "ir.h"

#include <stdlib.h>
#include <string.h>

#include "op.h"

/* ---- graphs and tensors ----------------------------------------------------------------------------------------- */

struct graph *graph_new(struct diag *diag, const char *name)
{
    struct graph *g = xcalloc(1, sizeof *g);
    g->diag = diag;
    g->name = arena_strdup(&g->arena, name);
    g->seed = 1;
    return g;
}

void graph_free(struct graph *g)
{
    if (!g)
        return;
    for (int i = 0; i < g->tensors; i++) {
        free(g->tensor[i]->user);
        if (g->tensor[i]->owned)
            free((void *)g->tensor[i]->data);
    }
    for (int i = 0; i < g->nodes; i++) {
        free(g->node[i]->in);
        free(g->node[i]->out);
        for (int b = 0; b < 2; b++)
            graph_free(g->node[i]->body[b]);
    }
    free(g->node);
    free(g->tensor);
    names_free(&g->named);
    free(g->input);
    free(g->output);
    for (int i = 0; i < g->references; i++)
        free(g->reference[i].all);
    free(g->reference);
    for (int i = 0; i < g->inputs && g->reference_input; i++)
        free(g->reference_input[i]);
    free(g->reference_input);
    arena_free(&g->arena);
    if (g->release)
        g->release(g->release_arg);
    free(g);
}

int graph_loop_steps(const struct graph *g, int *samples)
{
    int steps = 0, count = 0;
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->samples && g->node[i]->step >= 0) {
            steps = MAX(steps, g->node[i]->step + 1);
            count = g->node[i]->samples;
        }
    if (samples)
        *samples = count;
    return steps;
}

/* Few tensors give their name away: the table mostly knows. */
static bool is_taken(const struct graph *g, const char *name)
{
    const struct tensor *t = names_find(&g->named, name);
    bool taken = t && strcmp(t->name, name) == 0;
    for (int i = 0; i < g->tensors && t && !taken; i++)
        taken = strcmp(g->tensor[i]->name, name) == 0;
    return taken;
}

void tensor_rename(struct graph *g, struct tensor *t, const char *name)
{
    t->name = name;
    names_set(&g->named, name, t);
}

const char *unique_name(struct graph *g, const char *wish)
{
    const char *name = wish;
    for (int k = 2;; k++) {
        if (!is_taken(g, name))
            return name == wish ? arena_strdup(&g->arena, wish) : name;
        name = arena_printf(&g->arena, "%s_%d", wish, k);
    }
}

struct tensor *tensor_new(struct graph *g, const char *name, enum tensor_kind kind, enum dtype dtype)
{
    struct tensor *t = arena_alloc(&g->arena, sizeof *t);
    tensor_rename(g, t, arena_strdup(&g->arena, name ? name : ""));
    t->kind = kind;
    t->dtype = dtype;
    t->rank = -1;
    t->offset = -1;
    t->id = g->tensors;
    VEC_PUSH(g->tensor, g->tensors, t);
    return t;
}

void tensor_set_shape(struct tensor *t, int rank, const int64_t *dim)
{
    t->rank = rank;
    for (int i = 0; i < rank; i++)
        t->dim[i] = dim[i];
}

struct tensor *tensor_shaped(struct graph *g, const char *name, enum tensor_kind kind, enum dtype dtype, int rank,
                             const int64_t *dim)
{
    struct tensor *t = tensor_new(g, name, kind, dtype);
    tensor_set_shape(t, rank, dim);
    return t;
}

struct tensor *tensor_const(struct graph *g, const char *name, enum dtype dtype, int rank, const int64_t *dim,
                            const void *data)
{
    struct tensor *t = tensor_shaped(g, name, T_CONST, dtype, rank, dim);
    size_t bytes = (size_t)tensor_count(t) * dtype_size(dtype);
    void *copy = arena_alloc(&g->arena, bytes);
    if (data && bytes)
        memcpy(copy, data, bytes);
    t->data = copy;
    return t;
}

struct tensor *tensor_i64(struct graph *g, const char *name, int n, const int64_t *v)
{
    return tensor_const(g, name, DT_I64, 1, (int64_t[]){n}, v);
}

struct tensor *tensor_f32(struct graph *g, const char *name, float v)
{
    return tensor_const(g, name, DT_F32, 0, NULL, &v);
}

int64_t dims_count(int n, const int64_t *dim)
{
    int64_t count = 1;
    for (int i = 0; i < n; i++)
        count *= dim[i];
    return count;
}

int64_t tensor_count(const struct tensor *t) { return t->rank < 0 ? 0 : dims_count(t->rank, t->dim); }

const struct tensor *slice_root(const struct tensor *t)
{
    while (t->slice)
        t = t->base;
    return t;
}

bool is_cut(const struct tensor *t) { return t->def && t->def->slices && t->slice && t->base == t->def->in[0]; }

bool cuts(const struct node *n)
{
    bool any = false;
    for (int i = 0; i < n->nout && n->slices; i++)
        any |= n->out[i] && is_cut(n->out[i]);
    return any;
}

int64_t tensor_elements_stored(const struct tensor *t)
{
    const struct layout *l = &t->layout;
    bool halo = false;
    for (int i = 0; i < 3; i++)
        halo |= l->before[i] || l->after[i];
    if (!l->block && !halo)
        return tensor_count(t);
    struct extent5 e = extent5(t);
    int64_t c = l->block ? (e.c + l->block - 1) / l->block * (int64_t)l->block : e.c;
    return e.n * c * (e.d + l->before[0] + l->after[0]) * (e.h + l->before[1] + l->after[1]) *
           (e.w + l->before[2] + l->after[2]);
}

bool same_shape(const struct tensor *a, const struct tensor *b)
{
    return a->rank == b->rank && (a->rank <= 0 || memcmp(a->dim, b->dim, sizeof *a->dim * (size_t)a->rank) == 0);
}

const char *shape_text(const struct tensor *t, char text[160])
{
    if (t->rank < 0)
        return strcpy(text, "?");
    if (t->rank == 0)
        return strcpy(text, "scalar");
    size_t n = 0;
    for (int i = 0; i < t->rank; i++)
        n += (size_t)snprintf(text + n, 160 - n, i ? "x%lld" : "%lld", (long long)t->dim[i]);
    return text;
}

bool tensor_is_const(const struct tensor *t) { return t->kind == T_CONST || t->kind == T_PARAM; }

bool tensor_ints(const struct tensor *t, int64_t *v, int max, int *n)
{
    if (!t || !t->data || t->rank < 0 || t->rank > 1 || tensor_count(t) > max)
        return false;
    *n = (int)tensor_count(t);
    for (int i = 0; i < *n; i++) {
        switch (t->dtype) {
        case DT_I64: v[i] = ((const int64_t *)t->data)[i]; break;
        case DT_I32: v[i] = ((const int32_t *)t->data)[i]; break;
        case DT_I16: v[i] = ((const int16_t *)t->data)[i]; break;
        case DT_U8: case DT_BOOL: v[i] = ((const uint8_t *)t->data)[i]; break;
        case DT_I8: v[i] = ((const int8_t *)t->data)[i]; break;
        default: return false;
        }
    }
    return true;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

static struct node *node_at(struct graph *g, int position, const struct op *op, const char *name)
{
    struct node *n = arena_alloc(&g->arena, sizeof *n);
    n->op = op;
    n->name = arena_strdup(&g->arena, name ? name : op->net ? op->net : op->onnx);
    n->onnx_index = -1;
    n->attr = arena_alloc(&g->arena, sizeof *n->attr * (size_t)MAX(op->nattrs, 1));
    VEC_PUSH(g->node, g->nodes, n);
    for (int i = g->nodes - 1; i > position; i--)
        g->node[i] = g->node[i - 1];
    g->node[position] = n;
    for (int i = position; i < g->nodes; i++)
        g->node[i]->id = i;
    return n;
}

struct node *node_new(struct graph *g, const struct op *op, const char *name)
{
    return node_at(g, g->nodes, op, name);
}

static void add_layers(struct graph *g, struct node *to, const struct node *from)
{
    int *both = arena_alloc(&g->arena, sizeof *both * (size_t)(to->layers + from->layers + 1)), n = to->layers;
    for (int i = 0; i < n; i++)
        both[i] = to->layer[i];
    for (int i = 0; i < from->layers; i++) {
        bool there = false;
        for (int k = 0; k < to->layers; k++)
            there |= to->layer[k] == from->layer[i];
        if (!there)
            both[n++] = from->layer[i];
    }
    to->layer = both;
    to->layers = n;
}

void node_move(struct graph *g, struct node *n, int position)
{
    const int step = position > n->id ? 1 : -1;
    for (int i = n->id; i != position; i += step) {
        g->node[i] = g->node[i + step];
        g->node[i]->id = i;
    }
    g->node[position] = n;
    n->id = position;
}

void node_takes_over(struct graph *g, struct node *into, const struct node *n)
{
    into->fused = into->fused ? arena_printf(&g->arena, "%s, %s", into->fused, n->name) : n->name;
    add_layers(g, into, n);
}

struct node *node_insert_before(struct graph *g, struct node *where, const struct op *op, const char *name)
{
    struct node *n = node_at(g, where->id, op, name);
    n->span = where->span;
    n->onnx_index = where->onnx_index;
    add_layers(g, n, where);
    return n;
}

struct node *node_insert_after(struct graph *g, struct node *where, const struct op *op, const char *name)
{
    struct node *n = node_at(g, where->id + 1, op, name);
    n->span = where->span;
    n->onnx_index = where->onnx_index;
    add_layers(g, n, where);
    return n;
}

static void add_user(struct tensor *t, struct node *n)
{
    if (t)
        VEC_PUSH(t->user, t->users, n);
}

static void drop_user(struct tensor *t, struct node *n)
{
    if (!t)
        return;
    for (int i = 0; i < t->users; i++)
        if (t->user[i] == n) {
            memmove(t->user + i, t->user + i + 1, sizeof *t->user * (size_t)(t->users - i - 1));
            t->users--;
            /* VEC_PUSH grows at powers of two: keep the capacity that the new count implies */
            t->user = xrealloc(t->user, sizeof *t->user * (size_t)MAX(1, 2 * t->users));
            return;
        }
}

void node_input(struct graph *g, struct node *n, struct tensor *t)
{
    (void)g;
    VEC_PUSH(n->in, n->nin, t);
    add_user(t, n);
}

void node_set_input(struct graph *g, struct node *n, int i, struct tensor *t)
{
    while (n->nin <= i)
        node_input(g, n, NULL);
    drop_user(n->in[i], n);
    n->in[i] = t;
    add_user(t, n);
}

struct tensor *node_output(struct graph *g, struct node *n, const char *name)
{
    struct tensor *t = name ? tensor_new(g, name, T_VALUE, DT_NONE) : NULL;
    if (t) {
        t->def = n;
        t->def_index = n->nout;
        t->span = n->span;
    }
    VEC_PUSH(n->out, n->nout, t);
    return t;
}

void node_remove(struct graph *g, struct node *n)
{
    for (int i = 0; i < n->nin; i++)
        drop_user(n->in[i], n);
    for (int i = 0; i < n->nout; i++)
        if (n->out[i])
            n->out[i]->def = NULL;
    int at = n->id;
    memmove(g->node + at, g->node + at + 1, sizeof *g->node * (size_t)(g->nodes - at - 1));
    g->nodes--;
    g->node = xrealloc(g->node, sizeof *g->node * (size_t)MAX(1, 2 * g->nodes));
    for (int i = at; i < g->nodes; i++)
        g->node[i]->id = i;
    free(n->in);
    free(n->out);
    for (int b = 0; b < 2; b++) {
        graph_free(n->body[b]);
        n->body[b] = NULL;
    }
    n->in = n->out = NULL;
    n->nin = n->nout = 0;
}

void drop_output(struct graph *g, struct node *n, struct node *into, struct tensor *y)
{
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] == y)
            n->out[i] = NULL;
    node_remove(g, n);
    into->out[0]->def = NULL;
    into->out[0] = y;
    y->def = into;
    y->def_index = 0;
}

struct tensor *node_result(const struct node *n)
{
    struct tensor *t = n->out[0];
    for (; n->pool; n = n->pool)
        t = n->pool_in;
    return t;
}

struct tensor *input(const struct node *n, int i) { return i < n->nin ? n->in[i] : NULL; }

void replace_tensor(struct graph *g, struct tensor *old, struct tensor *now)
{
    while (old->users > 0) {
        struct node *n = old->user[0];
        for (int i = 0; i < n->nin; i++)
            if (n->in[i] == old) {
                node_set_input(g, n, i, now);
                break;
            }
    }
    for (int i = 0; i < g->outputs; i++)
        if (g->output[i] == old) {
            g->output[i] = now;
            now->is_output = true;
            now->keep = old->keep;
            memcpy(now->extent, old->extent, sizeof now->extent);
        }
}

/* Depth first from each node in the present order, so that an order that is already right stays as it is. */
static bool visit(struct graph *g, struct node *n, char *state, struct node **order, int *count)
{
    struct frame {
        struct node *n;
        int next;
    } *stack = xmalloc(sizeof *stack * (size_t)(g->nodes + 1));
    int depth = 0;
    bool ok = true;
    stack[depth++] = (struct frame){n, 0};
    state[n->id] = 1;
    while (depth > 0 && ok) {
        struct frame *f = &stack[depth - 1];
        if (f->next == f->n->nin) {
            state[f->n->id] = 2;
            order[(*count)++] = f->n;
            depth--;
            continue;
        }
        struct tensor *t = f->n->in[f->next++];
        struct node *d = t ? t->def : NULL;
        if (!d || d->id >= g->nodes || g->node[d->id] != d) /* made outside this graph */
            continue;
        if (state[d->id] == 1)
            ok = false;
        else if (state[d->id] == 0) {
            state[d->id] = 1;
            stack[depth++] = (struct frame){d, 0};
        }
    }
    free(stack);
    return ok;
}

bool graph_sort(struct graph *g)
{
    char *state = xcalloc((size_t)g->nodes + 1, 1);
    struct node **order = xmalloc(sizeof *order * (size_t)(g->nodes + 1));
    int count = 0;
    bool ok = true;
    for (int i = 0; i < g->nodes && ok; i++)
        if (!state[i])
            ok = visit(g, g->node[i], state, order, &count);
    if (ok)
        for (int i = 0; i < g->nodes; i++) {
            g->node[i] = order[i];
            order[i]->id = i;
        }
    free(order);
    free(state);
    return ok;
}

/* ---- diagnostics about nodes ------------------------------------------------------------------------------------ */

static bool report(struct graph *g, const struct node *n, struct span span, const char *format, va_list ap)
{
    struct strbuf b = {0};
    char text[1024];
    vsnprintf(text, sizeof text, format, ap);
    if (span.source) {
        diag_error(g->diag, span, "%s: %s", n->op->net ? n->op->net : n->op->onnx, text);
    } else {
        if (n->onnx_index >= 0)
            sb_addf(&b, "%s: node %d '%s' (%s)", g->source ? g->source : g->name, n->onnx_index, n->name, n->op->onnx);
        else
            sb_addf(&b, "%s: layer '%s' (%s)", g->source ? g->source : g->name, n->name, n->op->onnx);
        diag_error_at(g->diag, b.s, "%s", text);
        sb_free(&b);
    }
    return false;
}

bool node_error(struct graph *g, const struct node *n, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    report(g, n, n->span, format, ap);
    va_end(ap);
    return false;
}

bool attr_error(struct graph *g, const struct node *n, const char *attr, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const struct attr *a = attr_get(n, attr);
    report(g, n, a->span.source ? a->span : n->span, format, ap);
    va_end(ap);
    return false;
}

void tensor_note(struct graph *g, const struct tensor *t)
{
    char text[160];
    if (!t)
        return;
    if (t->span.source)
        diag_note(g->diag, t->span, "%s has shape %s", t->name, shape_text(t, text));
}
