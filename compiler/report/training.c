/* What training costs: memory by its kinds, and of each layer what it keeps for its backward nodes, its gradients, or that it is frozen. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* Steps of the losses: before lies the forward pass, behind them what is computed backwards or again. */
static void find_losses(const struct graph *g, int *first, int *last)
{
    *first = g->steps;
    *last = -1;
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        if (n->step < 0 || !(n->op->flags & OP_LOSS))
            continue;
        *first = MIN(*first, n->step);
        *last = MAX(*last, n->step);
    }
}

static int layer_of(const struct node *n) { return n && n->layers > 0 ? n->layer[n->layers - 1] : -1; }

/* Of the layers that a step computes together, the one with parameters. */
static int owner_of(const struct graph *g, const struct node *n)
{
    for (int k = 0; k < n->layers; k++)
        if (g->layers[n->layer[k]].parameters > 0 || g->layers[n->layer[k]].shares)
            return n->layer[k];
    return layer_of(n);
}

/* The layer that has a parameter: the first that reads it. */
static int reader_of(const struct graph *g, const struct tensor *w)
{
    int layer = -1, step = g->steps;
    for (int i = 0; i < w->users; i++) {
        const struct node *n = w->user[i];
        if (layer_of(n) >= 0 && n->step >= 0 && n->step < step) {
            step = n->step;
            layer = owner_of(g, n);
        }
    }
    return layer;
}

static bool is_statistic(const struct graph *g, const struct tensor *t)
{
    for (int i = 0; i < g->nodes; i++)
        for (int k = 0; k < g->node[i]->nout; k++)
            if (g->node[i]->out[k] && g->node[i]->out[k]->base == t && !t->trainable)
                return true;
    return false;
}

static void add_parameters(struct training *r, const struct graph *g)
{
    for (int i = 0; i < g->tensors; i++) {
        const struct tensor *t = g->tensor[i];
        const int layer = t->kind == T_STATE && !t->moment ? reader_of(g, t) : -1;
        if (t->kind != T_STATE || t->moment)
            continue;
        const bool frozen = t->frozen, running = !frozen && !t->trainable && is_statistic(g, t);
        *(frozen ? &r->frozen : running ? &r->statistics : &r->trained) += tensor_count(t);
        if (layer >= 0 && !running)
            *(frozen ? &r->layer[layer].frozen : &r->layer[layer].trained) += tensor_count(t);
    }
}

/* A gradient is what an update of something trained reads first. */
static void add_gradients(struct training *r, const struct graph *g)
{
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        if (n->step < 0 || !(n->op->flags & OP_UPDATES) || !n->in[0] || !n->out[0])
            continue;
        const struct tensor *w = n->out[0]->base;
        if (!w || w->kind != T_STATE || !w->trainable || w->moment)
            continue;
        const int64_t bytes = tensor_count(w) * (int64_t)dtype_size(w->dtype);
        const int layer = reader_of(g, w);
        r->gradient_bytes += bytes;
        if (layer >= 0)
            r->layer[layer].gradient_bytes += bytes;
    }
}

static void add_activations(struct training *r, const struct graph *g, int first, int last)
{
    for (int i = 0; i < g->tensors; i++) {
        const struct tensor *t = g->tensor[i];
        if (t->kind != T_VALUE || t->base || t->is_output || t->offset < 0 || !t->def || t->def->folded || t->first >= first || t->last <= last)
            continue;
        r->kept_bytes += t->bytes;
        if (layer_of(t->def) >= 0)
            r->layer[layer_of(t->def)].kept_bytes += t->bytes;
    }
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        if (n->step < 0)
            continue;
        *(n->step < first ? &r->forward : &r->backward) += 1;
        for (int k = 0; k < n->layers && n->step > last; k++) /* one step may serve several */
            *(n->again ? &r->layer[n->layer[k]].again : &r->layer[n->layer[k]].backward) += 1;
    }
}

/* The kernels behind the losses that have an algorithm of their own. */
static void add_algorithms(struct training *r, const struct graph *g, int last)
{
    struct arena names = {0};
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        if (n->step <= last || !n->kernel || !n->kernel->algorithm || layer_of(n) < 0)
            continue;
        struct strbuf list = {0};
        struct layer_training *l = &r->layer[layer_of(n)];
        sb_addf(&list, "%s%s%s", l->fast ? l->fast : "", l->fast ? ", " : "", kernel_name(&names, n, n->kernel));
        free(l->fast);
        l->fast = xstrdup(list.s);
        sb_free(&list);
    }
    arena_free(&names);
}

struct training *training_figures(struct graph *step, struct graph *eval, const struct options *o)
{
    struct training *r = xcalloc(1, sizeof *r);
    int first, last;
    r->batch = o->train.batch;
    r->optimizer = o->train.optimizer;
    r->values = strncmp(r->optimizer, "adam", 4) == 0 ? 2 : (strcmp(r->optimizer, "rmsprop") == 0) + (o->train.momentum > 0);
    r->layers = step->nlayers;
    r->layer = xcalloc((size_t)step->nlayers + 1, sizeof *r->layer);
    for (int i = 0; i < step->nlayers; i++)
        r->layer[i].name = xstrdup(step->layers[i].name);
    r->inputs = 0;
    for (int i = 0; i < step->nlayers; i++)
        r->inputs += step->layers[i].op == NULL;
    find_losses(step, &first, &last);
    add_parameters(r, step);
    add_gradients(r, step);
    add_activations(r, step, first, last);
    add_algorithms(r, step, last);
    r->code_bytes = code_estimate(step, o, "step", &r->instances) + code_estimate(eval, o, "eval", NULL); /* whose kernels are mostly inference's */
    r->real = o->train.in_double ? 8 : 4;
    r->parameter_bytes = step->parameter_bytes;
    r->state_bytes = step->state_bytes;
    r->arena_bytes = MAX(step->arena_bytes, eval->arena_bytes);
    r->arena_lower_bound = step->arena_lower_bound;
    r->scratch_bytes = MAX(step->scratch_bytes, eval->scratch_bytes);
    return r;
}

void training_free(struct training *r)
{
    for (int i = 0; r && i < r->layers; i++) {
        free((char *)r->layer[i].name);
        free(r->layer[i].fast);
    }
    if (r)
        free(r->layer);
    free(r);
}

/* What is fast about its way back. Or only parameters that are frozen, or nothing of its own and nothing backward: the way back does not come here. */
static const char *state_of(const struct layer_training *l)
{
    return l->fast ? l->fast : l->backward ? "" : l->frozen ? "frozen: no backward" : "no backward";
}

static const char *number(int64_t v, char text[32]) { return v ? thousands(v, text) : (text[0] = '\0', text); }

static void steps_cell(struct table *t, int steps)
{
    if (steps)
        table_cell(t, "%d step%s", steps, steps == 1 ? "" : "s");
    else
        table_cell(t, "%s", "");
}

static void print_layers(FILE *f, const struct training *r)
{
    static const struct column columns[] = {{"layer", CELL_SHRINK, 0}, {"trained", CELL_RIGHT, 0}, {"frozen", CELL_RIGHT, 0}, {"gradient bytes", CELL_RIGHT, 0},
                                            {"kept bytes", CELL_RIGHT, 0}, {"backward", CELL_RIGHT, 0}, {"again", CELL_RIGHT | CELL_OPTIONAL, 1}, {"", 0, 0}};
    struct table t = {.column = columns, .columns = COUNT(columns)};
    char a[32];
    for (int i = 0; i < r->layers; i++) {
        const struct layer_training *l = &r->layer[i];
        if (!l->trained && !l->frozen && !l->kept_bytes && !l->backward)
            continue;
        table_cell(&t, "%s", l->name);
        table_cell(&t, "%s", number(l->trained, a));
        table_cell(&t, "%s", number(l->frozen, a));
        table_cell(&t, "%s", number(l->gradient_bytes, a));
        table_cell(&t, "%s", number(l->kept_bytes, a));
        steps_cell(&t, l->backward);
        steps_cell(&t, l->again);
        table_cell(&t, "%s", i < r->inputs ? "" : state_of(l));
    }
    table_rule(&t);
    table_cell(&t, "total");
    table_cell(&t, "%s", number(r->trained, a));
    table_cell(&t, "%s", number(r->frozen, a));
    table_cell(&t, "%s", number(r->gradient_bytes, a));
    table_cell(&t, "%s", number(r->kept_bytes, a));
    table_cell(&t, "%d steps", r->backward);
    table_cell(&t, "%s", "");
    table_cell(&t, "%s", "");
    table_print(&t, f);
    table_free(&t);
}

static int64_t together(const struct training *r) { return r->parameter_bytes + r->state_bytes + r->arena_bytes; }

void training_text(FILE *f, const struct training *r)
{
    char a[32], b[32], c[32];
    fprintf(f, "\ntraining: batches of %d, %s\n\n", r->batch, r->optimizer);
    print_layers(f, r);
    fprintf(f, "\nparameters     %s bytes: %s trained", thousands(r->parameter_bytes, a), thousands(r->trained, b));
    if (r->frozen)
        fprintf(f, ", %s frozen (running statistics included)", thousands(r->frozen, b));
    if (r->statistics)
        fprintf(f, ", %s running statistics", thousands(r->statistics, b));
    fprintf(f, "\noptimizer      %s bytes: %s keeps %d value%s of each trained parameter", thousands(r->state_bytes, a), r->optimizer, r->values,
            r->values == 1 ? "" : "s");
    fprintf(f, "\n               (sgd 0; with momentum, rmsprop: %s; adam, adamw, rmsprop with momentum: %s)", thousands(r->trained * r->real, b),
            thousands(2 * r->trained * r->real, c));
    fprintf(f, "\ngradients      %s bytes, each until its update", thousands(r->gradient_bytes, a));
    fprintf(f, "\nactivations    %s bytes kept from forward to backward", thousands(r->kept_bytes, a));
    fprintf(f, "\narena          %s bytes for these and all that is computed on the way", thousands(r->arena_bytes, a));
    if (r->scratch_bytes)
        fprintf(f, " (with threads, each: %s more)", thousands(r->scratch_bytes, a));
    fprintf(f, "\n               no plan for this order of steps needs less than %s", thousands(r->arena_lower_bound, a));
    fprintf(f, "\ntogether       %s bytes", thousands(together(r), a));
    fprintf(f, "\ncode           about %s more than inference: %d specialised kernels\n", bytes_text(r->code_bytes, a), r->instances);
}

json_t *training_json(const struct training *r)
{
    json_t *o = json_object(), *layers = json_array();
    const struct {
        const char *name;
        int64_t value;
    } sums[] = {{"batch", r->batch}, {"trained_parameters", r->trained}, {"frozen_parameters", r->frozen}, {"running_statistics", r->statistics},
                {"parameter_bytes", r->parameter_bytes}, {"optimizer_bytes", r->state_bytes}, {"gradient_bytes", r->gradient_bytes},
                {"kept_activation_bytes", r->kept_bytes}, {"arena_bytes", r->arena_bytes}, {"arena_lower_bound_bytes", r->arena_lower_bound},
                {"scratch_bytes", r->scratch_bytes}, {"memory_bytes", together(r)}, {"code_bytes", r->code_bytes}, {"forward_steps", r->forward}, {"backward_steps", r->backward}};
    json_object_set_new(o, "optimizer", json_string(r->optimizer));
    for (size_t i = 0; i < COUNT(sums); i++)
        json_object_set_new(o, sums[i].name, json_integer(sums[i].value));
    for (int i = r->inputs; i < r->layers; i++) {
        const struct layer_training *l = &r->layer[i];
        json_array_append_new(layers, json_pack("{s:s, s:I, s:I, s:I, s:I, s:i, s:i, s:s*}", "name", l->name, "trained_parameters", (json_int_t)l->trained,
                                                "frozen_parameters", (json_int_t)l->frozen, "gradient_bytes", (json_int_t)l->gradient_bytes, "kept_bytes",
                                                (json_int_t)l->kept_bytes, "backward_steps", l->backward, "recomputed_steps", l->again, "algorithms", l->fast));
    }
    json_object_set_new(o, "layers", layers);
    return o;
}
