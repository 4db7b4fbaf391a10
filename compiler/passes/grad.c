/* grad: training as a rewrite of the graph.
 *
 * Parameters become state, layers that behave otherwise in training are exchanged, the losses are appended, then for every node
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

static void parameters_to_state(struct graph *g)
{
    int64_t offset = 0;
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

static struct tensor *scalar_input(struct graph *g, const char *name, enum dtype dtype)
{
    struct tensor *t = tensor_shaped(g, unique_name(g, name), T_INPUT, dtype, 0, NULL);
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

/* ---- losses ----------------------------------------------------------------------------------------------------- */

static struct tensor *loss_operand(struct graph *g, const struct train_loss *l)
{
    struct tensor *t = NULL;
    for (int i = 0; l->tensor && i < g->tensors; i++)
        if (strcmp(g->tensor[i]->name, l->tensor) == 0 && (g->tensor[i]->def || g->tensor[i]->kind == T_INPUT))
            t = g->tensor[i];
    if (l->tensor && !t) {
        diag_error(g->diag, l->span, "there is no tensor %s to take the loss of", l->tensor);
        return NULL;
    }
    if (!t)
        t = g->output[0];
    /* classes: the logits, of which softmax would make probabilities */
    if (strcmp(l->kind, "cross_entropy") == 0 && t->def && is(t->def, "Softmax"))
        t = t->def->in[0];
    return t;
}

static bool append_losses(struct graph *g, const struct train *t, struct tensor **total, struct tensor **right, struct tensor **answer)
{
    struct tensor *label = NULL;
    for (int i = 0; i < t->losses; i++) {
        const struct train_loss *l = &t->loss[i];
        struct tensor *x = loss_operand(g, l), *target;
        if (!x)
            return false;
        const int kind = strcmp(l->kind, "mse") == 0 ? CNNC_TRAIN_MSE : l->kind[0] == 'b' ? CNNC_TRAIN_BCE : CNNC_TRAIN_CROSS_ENTROPY;
        int64_t dim[MAX_RANK] = {0};
        if (x->rank < 1 || (kind == CNNC_TRAIN_CROSS_ENTROPY && x->rank < 2)) {
            diag_error(g->diag, l->span, "%s of %s: expected a batch of values", l->kind, x->name);
            return false;
        }
        if (kind == CNNC_TRAIN_CROSS_ENTROPY) { /* [N, C, ...] -> classes [N, ...] */
            dim[0] = x->dim[0];
            memcpy(dim + 1, x->dim + 2, sizeof *dim * (size_t)(x->rank - 2));
            if (!label) {
                label = tensor_shaped(g, unique_name(g, "label"), T_INPUT, DT_I32, x->rank - 1, dim);
                VEC_PUSH(g->input, g->inputs, label);
            }
            target = label;
            if (tensor_count(target) * x->dim[1] != tensor_count(x)) {
                diag_error(g->diag, l->span, "%s has another number of positions than the first loss", x->name);
                return false;
            }
        } else {
            target = tensor_shaped(g, unique_name(g, "target"), T_INPUT, x->dtype, x->rank, x->dim);
            VEC_PUSH(g->input, g->inputs, target);
        }
        struct node *n = node_new(g, op_by_onnx("TrainLoss"), unique_name(g, arena_printf(&g->arena, "%s.loss", x->name)));
        n->span = l->span;
        node_input(g, n, x);
        node_input(g, n, target);
        node_input(g, n, g->grad->count);
        node_input(g, n, g->grad->samples);
        set_attr_i(g, n, "kind", kind);
        set_attr_f(g, n, "a", l->weight);
        set_attr_f(g, n, "b", t->smoothing);
        struct tensor *loss = grad_output(g, n, g->grad->rate), *d = grad_output(g, n, x);
        struct tensor *correct = grad_output(g, n, g->grad->count);
        correct->dtype = DT_I32;
        if (i == 0 && t->evaluates && kind == CNNC_TRAIN_CROSS_ENTROPY)
            *answer = grad_output(g, n, target);
        if (i == 0) {
            *right = correct;
            *total = loss;
        } else {
            struct node *sum = node_new(g, op_by_onnx("Add"), unique_name(g, "loss.sum"));
            node_input(g, sum, *total);
            node_input(g, sum, loss);
            *total = grad_output(g, sum, loss);
        }
        if (grad_needed(g, x) && !t->evaluates)
            grad_add(g, x, d);
    }
    return true;
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
    grad.count = scalar_input(g, "count", DT_I32);
    grad.step = scalar_input(g, "step", DT_I64);
    grad.rate = scalar_input(g, "rate", t->in_double ? DT_F64 : DT_F32);
    if (t->distributed && t->recompute && t->sync_bn) {
        diag_error_at(g->diag, o->input, "--distributed does not go with --sync-bn and --recompute yet");
        return false;
    }
    if (t->distributed && !t->evaluates) {
        grad.first = scalar_input(g, "first", DT_I32);
        grad.samples = scalar_input(g, "samples", DT_I32);
    }
    bool ok = true;
    if (!t->evaluates)
        ok = training_mode(g, t);
    take_samples(g, inputs);
    const int forward = g->nodes;
    grad.tensors = g->tensors;
    grad.of = xcalloc((size_t)g->tensors + 1, sizeof *grad.of);
    grad.needed = xcalloc((size_t)g->tensors + 1, sizeof *grad.needed);
    grad.whole = xcalloc((size_t)g->tensors + 1, sizeof *grad.whole);
    find_needed(g);
    struct tensor *loss = NULL, *right = NULL, *answer = NULL;
    ok = ok && append_losses(g, t, &loss, &right, &answer);
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
