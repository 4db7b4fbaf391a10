/* The end of a training step: the optimiser's updates, with what they keep from step to step.
 *
 * Gradients of several calls are added up first, and the norm of all together is taken where it is bounded; then each parameter
 * and its moments are written in place. */
#include <string.h>

#include "../../runtime/train_types.h"
#include "../grad.h"
#include "../train.h"

static struct tensor *state(struct graph *g, const char *name, enum dtype dtype, int rank, const int64_t *dim)
{
    struct tensor *t = tensor_shaped(g, name, T_STATE, dtype, rank, dim);
    t->moment = true;
    t->offset = g->state_bytes;
    t->bytes = tensor_count(t) * (int64_t)dtype_size(dtype);
    g->state_bytes += (t->bytes + 63) / 64 * 64;
    return t;
}

static struct tensor *moment(struct graph *g, const struct tensor *w, const char *name)
{
    return state(g, arena_printf(&g->arena, "%s.%s", w->name, name), w->dtype, w->rank, w->dim);
}

/* What the optimiser keeps of a parameter, under PyTorch's names. */
static const struct optimizer {
    const char *name;
    int kind;
    const char *moment[2];
} optimizers[] = {
    {"adam", CNNC_UPDATE_ADAM, {"exp_avg", "exp_avg_sq"}},
    {"adamw", CNNC_UPDATE_ADAMW, {"exp_avg", "exp_avg_sq"}},
    {"rmsprop", CNNC_UPDATE_RMSPROP_MOMENTUM, {"square_avg", "momentum_buffer"}},
    {"rmsprop", CNNC_UPDATE_RMSPROP, {"square_avg", NULL}},
    {"sgd", CNNC_UPDATE_NESTEROV, {"momentum_buffer", NULL}},
    {"sgd", CNNC_UPDATE_MOMENTUM, {"momentum_buffer", NULL}},
    {"sgd", CNNC_UPDATE_SGD, {NULL, NULL}},
};

static const struct optimizer *optimizer_of(const struct train *t)
{
    size_t i = 0;
    while (strcmp(optimizers[i].name, t->optimizer) != 0 || (t->momentum == 0 && optimizers[i].moment[0] &&
                                                             strcmp(optimizers[i].moment[optimizers[i].moment[1] != NULL], "momentum_buffer") == 0) ||
           (optimizers[i].kind == CNNC_UPDATE_NESTEROV && !t->nesterov))
        i++;
    return &optimizers[i];
}

/* Several calls make one step: the gradient becomes the mean over the samples of all. */
static struct tensor *accumulated(struct graph *g, const struct train *t, const struct tensor *w, struct tensor *d, struct tensor *samples)
{
    struct node *n = node_new(g, op_by_onnx("Accumulate"), arena_printf(&g->arena, "%s.accumulate", w->name));
    node_input(g, n, d);
    node_input(g, n, grad_samples(g));
    node_input(g, n, grad_step(g));
    node_input(g, n, samples);
    set_attr_i(g, n, "calls", t->accumulate);
    struct tensor *mean = grad_output(g, n, w);
    grad_writes(g, n, moment(g, w, "grad_sum"));
    return mean;
}

/* What the loss does not depend on stays as it is. */
static void warn_of_untrained(struct graph *g)
{
    const struct tensor *first = NULL;
    int count = 0;
    for (int i = 0; i < g->tensors; i++) {
        const struct tensor *w = g->tensor[i];
        if (w->kind == T_STATE && w->trainable && !grad_of(g, w)) {
            first = first ? first : w;
            count++;
        }
    }
    if (first)
        diag_warning(g->diag, first->span, "the loss does not depend on %s%s: not trained", first->name,
                     count > 1 ? arena_printf(&g->arena, " and %d more", count - 1) : "");
}

void append_updates(struct graph *g, const struct train *t)
{
    const struct optimizer *o = optimizer_of(t);
    warn_of_untrained(g);
    const bool adam = strncmp(o->name, "adam", 4) == 0;
    const int tensors = g->tensors; /* those that come have no gradient */
    struct tensor *norm = NULL, *samples = t->accumulate > 1 ? state(g, "samples_so_far", t->in_double ? DT_F64 : DT_F32, 0, NULL) : NULL;
    for (int i = 0; i < tensors; i++) {
        struct tensor *w = g->tensor[i], *d = grad_of(g, w);
        if (w->kind != T_STATE || !w->trainable || !d)
            continue;
        if (samples)
            grad_set(g, w, d = accumulated(g, t, w, d, samples));
        if (t->clip > 0) {
            struct node *n = node_new(g, op_by_onnx("SumSquares"), arena_printf(&g->arena, "%s.norm", w->name));
            node_input(g, n, d);
            node_input(g, n, norm);
            norm = node_output(g, n, n->name);
            tensor_set_shape(norm, 0, NULL);
            norm->dtype = DT_F64;
        }
    }
    for (int i = 0; i < tensors; i++) {
        struct tensor *w = g->tensor[i], *d = grad_of(g, w);
        if (w->kind != T_STATE || !w->trainable || !d)
            continue;
        struct node *n = node_new(g, op_by_onnx("Update"), arena_printf(&g->arena, "%s.update", w->name));
        n->span = w->span;
        node_input(g, n, d);
        node_input(g, n, grad_rate(g));
        node_input(g, n, grad_step(g));
        node_input(g, n, norm);
        grad_writes(g, n, w);
        for (int k = 0; k < 2; k++) /* the kernel looks at all three */
            if (o->moment[k])
                grad_writes(g, n, moment(g, w, o->moment[k]));
            else
                grad_output(g, n, w)->base = w;
        set_attr_i(g, n, "kind", o->kind);
        set_attr_f(g, n, "a", adam ? t->beta1 : strcmp(o->name, "rmsprop") == 0 ? t->alpha : t->momentum);
        set_attr_f(g, n, "b", adam ? t->beta2 : t->momentum);
        set_attr_f(g, n, "epsilon", t->epsilon);
        set_attr_f(g, n, "decay", w->rank > 1 || t->decay_all ? t->decay : 0);
        set_attr_f(g, n, "clip", t->clip);
        set_attr_i(g, n, "calls", t->accumulate);
    }
    if (samples) {
        struct node *n = node_new(g, op_by_onnx("CountSamples"), "samples.count");
        node_input(g, n, grad_samples(g));
        node_input(g, n, grad_step(g));
        grad_writes(g, n, samples);
        set_attr_i(g, n, "calls", t->accumulate);
    }
}
