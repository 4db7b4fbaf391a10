/* grad: training as a rewrite of the graph.
 *
 * Parameters become state, layers that behave otherwise in training are exchanged, the losses are appended (losses.c), then for every node
 * that something trained lies behind, last first, its operator's hook appends the backward nodes; at the end stand the updates
 * (updates.c), which write parameters and moments in place. From then on it is a graph like any other. */
#include "../grad.h"

#include <stdlib.h>
#include <string.h>

#include "../../runtime/train_types.h"
#include "../pass.h"

struct grad {
    struct tensor **of; /* gradients by tensor id, for the tensors that were there before */
    bool *needed;
    const struct node **whole; /* of a tensor of whole numbers that depends on what is trained: the node that makes it */
    int tensors;
    struct tensor *count, *step, *rate;
    struct tensor *first, *samples; /* with several processes: the place of the first sample among all, their number */
    int buckets;
};

/* ---- what hooks call -------------------------------------------------------------------------------------------- */

struct tensor *grad_of(struct graph *g, const struct tensor *t) { return t->id < g->grad->tensors ? g->grad->of[t->id] : NULL; }
bool grad_needed(struct graph *g, const struct tensor *t) { return t->id < g->grad->tensors && g->grad->needed[t->id]; }
struct tensor *grad_count(struct graph *g) { return g->grad->count; }
struct tensor *grad_step(struct graph *g) { return g->grad->step; }
struct tensor *grad_samples(struct graph *g) { return g->grad->samples ? g->grad->samples : g->grad->count; }
struct tensor *grad_first(struct graph *g) { return g->grad->first; }
int grad_bucket(struct graph *g) { return g->grad->buckets++; }
void grad_set(struct graph *g, const struct tensor *t, struct tensor *d) { g->grad->of[t->id] = d; }
struct tensor *grad_rate(struct graph *g) { return g->grad->rate; }

struct node *grad_node(struct graph *g, const struct node *n, const char *op, const char *suffix, struct tensor *a, struct tensor *b,
                       struct tensor *c, struct tensor *d)
{
    struct tensor *const in[] = {a, b, c, d};
    struct node *m = node_new(g, op_by_onnx(op), arena_printf(&g->arena, "%s.%s", n->name, suffix));
    m->span = n->span;
    m->onnx_index = n->onnx_index;
    m->layer = n->layer;
    m->layers = n->layers;
    for (int i = 0; i < 4 && in[i]; i++)
        node_input(g, m, in[i]);
    return m;
}

struct node *grad_instead(struct graph *g, struct node *n, const char *op)
{
    struct node *m = node_insert_before(g, n, op_by_onnx(op), n->name);
    m->span = n->span;
    m->onnx_index = n->onnx_index;
    return m;
}

struct tensor *grad_output(struct graph *g, struct node *n, const struct tensor *like)
{
    struct tensor *t = node_output(g, n, unique_name(g, n->name));
    tensor_set_shape(t, like->rank, like->dim);
    t->dtype = like->dtype;
    return t;
}

struct tensor *grad_writes(struct graph *g, struct node *n, struct tensor *state)
{
    struct tensor *t = grad_output(g, n, state);
    t->base = state;
    return t;
}

void grad_add(struct graph *g, struct tensor *t, struct tensor *d)
{
    struct tensor **of = &g->grad->of[t->id];
    if (!*of) {
        *of = d;
        return;
    }
    struct node *sum = node_new(g, op_by_onnx("Add"), unique_name(g, arena_printf(&g->arena, "%s.grad", t->name)));
    node_input(g, sum, *of);
    node_input(g, sum, d);
    *of = grad_output(g, sum, t);
}

/* ---- before: state, double, scalars ----------------------------------------------------------------------------- */

static bool is(const struct node *n, const char *op) { return strcmp(n->op->onnx, op) == 0; }

/* To check gradients everything is double; then shapes and types are inferred anew. */
static bool make_double(struct graph *g)
{
    for (int i = 0; i < g->tensors; i++) {
        struct tensor *t = g->tensor[i];
        if (t->dtype != DT_F32 || t->kind == T_VALUE)
            continue;
        if (t->kind == T_CONST && t->data) {
            const int64_t n = tensor_count(t);
            double *v = arena_alloc(&g->arena, sizeof *v * (size_t)(n + 1));
            for (int64_t k = 0; k < n; k++)
                v[k] = (double)((const float *)t->data)[k];
            t->data = v;
            t->owned = false;
        }
        t->dtype = DT_F64;
    }
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (is(n, "Cast") && attr_i(n, "to") == DT_F32)
            set_attr_i(g, n, "to", DT_F64);
        if (n->op->infer && !n->op->infer(g, n))
            return false;
    }
    return true;
}

/* Parameters that a file brought do not say how they begin: scales, variances and slopes do as those of a .net. */
static void initial_values(const struct node *n)
{
    for (int k = n->op->net_in; k >= 0 && k < n->nin && k - n->op->net_in < (int)COUNT(n->op->learned) && !n->op->channel_axis; k++) {
        const char *role = n->op->learned[k - n->op->net_in];
        struct tensor *t = n->in[k];
        if (!role || !t || t->kind != T_PARAM || t->init != INIT_NONE || (strcmp(role, "weight") != 0 && strcmp(role, "running_var") != 0))
            continue;
        t->init = INIT_VALUE;
        t->init_value = n->op->flags & OP_ELEMENTWISE ? 0.25 : 1;
    }
}

/* Nor of how many products a result is the sum, which is how large the weights of a layer begin. */
static void count_products(const struct node *n)
{
    struct tensor *w = n->nin > 1 ? n->in[1] : NULL;
    struct cost c = {0};
    int axis;
    int64_t groups;
    if (!w || w->kind != T_PARAM || w->init != INIT_NONE || w->rank < 2)
        return;
    if (n->op->channel_axis && n->op->channel_axis(n, &axis, &groups)) {
        w->fan_in = (int)(tensor_count(w) / MAX(1, w->dim[axis] * groups));
    } else if (n->op->cost) {
        n->op->cost(n, &c);
        w->fan_in = (int)MIN(c.macs / MAX(1, tensor_count(n->out[0])), INT32_MAX);
    }
}

static void parameters_to_state(struct graph *g)
{
    int64_t offset = 0;
    for (int i = 0; i < g->nodes; i++) {
        initial_values(g->node[i]);
        count_products(g->node[i]);
    }
    for (int i = 0; i < g->tensors; i++) {
        struct tensor *t = g->tensor[i];
        if (t->kind != T_PARAM || !dtype_is_float(t->dtype) || t->users == 0)
            continue;
        t->kind = T_STATE;
        t->offset = offset;
        t->bytes = tensor_count(t) * (int64_t)dtype_size(t->dtype);
        offset += (t->bytes + 63) / 64 * 64;
    }
    g->parameter_bytes = offset;
}

static struct tensor *scalar_input(struct graph *g, const char *name, const char *from, enum dtype dtype)
{
    struct tensor *t = tensor_shaped(g, unique_name(g, name), T_INPUT, dtype, 0, NULL);
    t->from_step = from;
    VEC_PUSH(g->input, g->inputs, t);
    return t;
}

/* Layers that behave otherwise in training. What stands in their place has no such form itself. */
static bool training_mode(struct graph *g, const struct train *t)
{
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (n->op->in_training && !n->op->in_training(g, n, t))
            return false;
        i -= i < g->nodes && g->node[i] != n;
    }
    return true;
}

/* Samples past the count are zeros, whatever the caller's memory holds. */
static void take_samples(struct graph *g, int inputs)
{
    for (int i = 0; i < inputs; i++) {
        struct tensor *x = g->input[i];
        if (x->rank == 0 || x->users == 0)
            continue;
        struct node *m = node_insert_before(g, g->node[0], op_by_onnx("Take"), arena_printf(&g->arena, "%s.batch", x->name));
        struct tensor *y = grad_output(g, m, x);
        replace_tensor(g, x, y);
        node_input(g, m, x);
        node_input(g, m, g->grad->count);
    }
}

/* ---- backward --------------------------------------------------------------------------------------------------- */

/* What is computed from what needs a gradient needs one. */
static void pass_on_needed(struct graph *g, int nodes)
{
    for (int i = 0; i < nodes; i++) {
        const struct node *n = g->node[i];
        bool any = false, whole = false;
        for (int k = 0; k < n->nin; k++) {
            any |= n->in[k] && g->grad->needed[n->in[k]->id];
            whole |= n->in[k] && g->grad->whole[n->in[k]->id];
        }
        for (int k = 0; k < n->nout; k++) {
            const struct tensor *y = n->out[k];
            if (y)
                g->grad->needed[y->id] |= (any || whole) && dtype_is_float(y->dtype) && !y->base;
            if (y && (any || whole) && !dtype_is_float(y->dtype) && y->dtype != DT_BOOL) /* bool: a step, which is flat */
                g->grad->whole[y->id] = n;
        }
    }
}

static void find_needed(struct graph *g)
{
    for (int i = 0; i < g->tensors; i++)
        g->grad->needed[i] = g->tensor[i]->kind == T_STATE && g->tensor[i]->trainable;
    pass_on_needed(g, g->nodes);
}

/* Where the way back ends at whole numbers alone: the node that makes them. */
static const struct node *end_of_way(struct graph *g, const struct node *n)
{
    const struct node *end = NULL;
    for (int i = 0; i < n->nin; i++) {
        const struct tensor *x = n->in[i];
        if (x && grad_needed(g, x))
            return NULL;
        if (x && x->id < g->grad->tensors && g->grad->whole[x->id])
            end = g->grad->whole[x->id];
    }
    return end;
}

static bool no_derivative(struct graph *g, const struct node *n)
{
    return node_error(g, n, "%s has no derivative: a layer before it cannot be trained", n->op->net ? n->op->net : n->op->onnx);
}

static bool backward(struct graph *g, int forward)
{
    for (int i = forward - 1; i >= 0; i--) {
        struct node *n = g->node[i];
        bool arrives = false;
        for (int k = 0; k < n->nout; k++)
            arrives |= n->out[k] && grad_of(g, n->out[k]);
        bool needed = false;
        for (int k = 0; k < n->nout; k++)
            needed |= n->out[k] && grad_needed(g, n->out[k]);
        if (!arrives || !needed)
            continue;
        if (end_of_way(g, n))
            return no_derivative(g, end_of_way(g, n));
        if (!n->op->grad)
            return no_derivative(g, n);
        if (!n->op->grad(g, n))
            return false;
    }
    return true;
}

bool append_gradients(struct graph *g, struct tensor *y, int count, struct tensor *const *x, struct tensor **dx)
{
    const int tensors = g->tensors, forward = y->def ? y->def->id + 1 : 0;
    struct grad grad = {.of = xcalloc((size_t)tensors + 1, sizeof *grad.of), .needed = xcalloc((size_t)tensors + 1, 1), .whole = xcalloc((size_t)tensors + 1, sizeof *grad.whole), .tensors = tensors};
    g->grad = &grad;
    for (int i = 0; i < count; i++)
        grad.needed[x[i]->id] = true;
    pass_on_needed(g, forward);
    struct tensor *one = tensor_const(g, unique_name(g, arena_printf(&g->arena, "%s.grad", y->name)), y->dtype, y->rank, y->dim, NULL);
    for (int64_t i = 0; i < tensor_count(y); i++)
        if (y->dtype == DT_F32)
            ((float *)one->data)[i] = 1;
        else
            ((double *)one->data)[i] = 1;
    grad_add(g, y, one);
    const bool ok = backward(g, forward);
    for (int i = 0; i < count && ok; i++)
        dx[i] = grad.of[x[i]->id];
    g->grad = NULL;
    free(grad.of);
    free(grad.needed);
    free(grad.whole);
    return ok;
}

bool pass_grad(struct graph *g, struct options *o)
{
    const struct train *t = &o->train;
    const int inputs = g->inputs;
    if (t->in_double && !make_double(g))
        return false;
    parameters_to_state(g);
    if (!freeze_parameters(g, t))
        return false;
    struct grad grad = {.tensors = 0};
    g->grad = &grad;
    grad.count = scalar_input(g, "count", "count", DT_I32);
    grad.step = scalar_input(g, "step", "step", DT_I64);
    grad.rate = scalar_input(g, "rate", "ctx->rate", t->in_double ? DT_F64 : DT_F32);
    if (t->distributed && !t->evaluates) {
        grad.first = scalar_input(g, "first", "first", DT_I32);
        grad.samples = scalar_input(g, "samples", "samples", DT_I32);
    }
    bool ok = true;
    if (!t->evaluates)
        ok = training_mode(g, t);
    take_samples(g, inputs);
    struct tensor *logits[MAX_LOSSES];
    ok = ok && find_logits(g, t, logits);
    const int forward = g->nodes;
    grad.tensors = g->tensors;
    grad.of = xcalloc((size_t)g->tensors + 1, sizeof *grad.of);
    grad.needed = xcalloc((size_t)g->tensors + 1, sizeof *grad.needed);
    grad.whole = xcalloc((size_t)g->tensors + 1, sizeof *grad.whole);
    find_needed(g);
    struct tensor *loss = NULL, *right = NULL, *answer = NULL;
    ok = ok && append_losses(g, t, logits, &loss, &right, &answer);
    for (int i = 0; i < g->outputs; i++)
        g->output[i]->is_output = false;
    g->outputs = 0;
    if (ok) {
        loss->is_output = right->is_output = true;
        VEC_PUSH(g->output, g->outputs, loss);
        VEC_PUSH(g->output, g->outputs, right);
        if (answer) {
            answer->is_output = true;
            VEC_PUSH(g->output, g->outputs, answer);
        }
        if (!t->evaluates && (ok = backward(g, forward))) {
            if (t->recompute)
                recompute(g, forward);
            if (t->distributed)
                distribute_gradients(g);
            append_updates(g, t);
            if (!t->distributed)
                update_early(g);
        }
    }
    free(grad.of);
    free(grad.needed);
    free(grad.whole);
    g->grad = NULL;
    return ok && g->diag->errors == 0;
}
