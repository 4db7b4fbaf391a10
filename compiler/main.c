/* cnnc: the pipeline. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "emit/emit.h"
#include "emit/net.h"
#include "emit/onnx.h"
#include "front/front.h"
#include "front/onnx.h"
#include "options.h"
#include "pass.h"
#include "passes/tuned.h"
#include "report/report.h"
#include "trial.h"
#include "tune.h"

/* Everything that happens to a network between the file it comes from and the file it becomes. */
static const struct pass passes[] = {
    {"infer", pass_infer, "shapes, types and known values", true},
    {"keep", pass_keep, "what --keep names becomes an output", true},
    {"statistics", pass_statistics, "batch norms of a network without weights fit the initial ones", true},
    {"reference", pass_reference, "--selftest: what each layer results in", true},
    {"layers", pass_layers, "a list of the layers as written, for reports", false},
    {"canonicalise", pass_canonicalise, "exporters' debris goes", false},
    {"simplify", pass_simplify, "constants and batch norm fold, dead code goes", false},
    {"quantize", pass_quantize, "what is quantised is computed in integers", false},
    {"fuse", pass_fuse, "activations, additions and pools join the layer before", false},
    {"siblings", pass_siblings, "convolutions that read the same tensor become one", false},
    {"select", pass_select, "a kernel and a layout for every layer", false},
    {"layout", pass_layout, "the conversions that remain", false},
    {"samples", pass_samples, "of a batch, the first layers run sample by sample", true},
    {"schedule", pass_schedule, "the order of the run", false},
    {"plan", pass_plan, "places in the arena and among the weights", false},
};

/* Of a graph that is trained: pass grad comes in, weights never become constants, and what backward reads is not merged away. */
static const struct pass train_passes[] = {
    {"infer", pass_infer, "shapes, types and known values", true},
    {"layers", pass_layers, "a list of the layers as written, for reports", false},
    {"canonicalise", pass_canonicalise, "exporters' debris goes", false},
    {"grad", pass_grad, "loss, backward and updates", false},
    {"simplify", pass_simplify, "dead code goes", false},
    {"fuse", pass_fuse, "what nobody else reads joins the node before", false},
    {"select", pass_select, "a kernel for every node", false},
    {"layout", pass_layout, "the conversions that remain", false},
    {"schedule", pass_schedule, "the order of the run", false},
    {"plan", pass_plan, "places in the arena", false},
};

bool is_pass(const char *name)
{
    const bool training = strncmp(name, "train:", 6) == 0;
    for (size_t i = 0; i < (training ? COUNT(train_passes) : COUNT(passes)); i++)
        if (strcmp(training ? train_passes[i].name : passes[i].name, training ? name + 6 : name) == 0)
            return true;
    return false;
}

const char *pass_names(void)
{
    static char text[512];
    for (size_t i = 0, n = 0; i < COUNT(passes); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? ", " : "", passes[i].name);
    return strcat(text, "; with --train also train:infer and so on");
}

static bool ends_with(const char *s, const char *ending)
{
    size_t n = strlen(s), k = strlen(ending);
    return n >= k && strcmp(s + n - k, ending) == 0;
}

static struct graph *read_network(const struct options *o, struct diag *d);

/* The graph of a training step, or of evaluation, from the network's file anew. */
static struct graph *compile_train(struct options *o, struct diag *d, bool evaluates)
{
    struct options t = *o;
    t.train.evaluates = evaluates;
    t.target.train = true;
    t.target.block = t.train.in_double ? 1 : o->target.block;
    t.target.fuse = o->target.fuse && t.target.block > 1;
    t.weights = NULL;
    for (int again = 0;; again++) { /* the batch may stand in the network's own text */
        struct graph *g;
        t.batch = MAX(1, t.train.batch);
        if (!(g = read_network(&t, d)))
            return NULL;
        const int batch = t.train.batch;
        if (!read_train_section(g, o, &t.train)) {
            graph_free(g);
            return NULL;
        }
        if (o->train.batch > 0)
            t.train.batch = o->train.batch;
        if (t.train.batch < 1)
            t.train.batch = 32;
        if (!again && t.train.batch != batch) {
            graph_free(g);
            continue;
        }
        for (int i = 0; i < g->nodes; i++)
            if (g->node[i]->body[0]) {
                node_error(g, g->node[i], "a network with subgraphs that are chosen or repeated in the run cannot be trained");
                graph_free(g);
                return NULL;
            }
        for (int i = 0; i < g->inputs && g->from_onnx; i++)
            if (g->input[i]->rank < 1 || g->input[i]->dim[0] != t.train.batch) {
                diag_error_at(d, o->input, "input '%s' takes %lld samples, a batch has %d: expected the same, or a size that is open in the "
                              "file; --emit=net makes a .net, which trains with any batch", g->input[i]->name, g->input[i]->rank < 1 ? 1 : (long long)g->input[i]->dim[0], t.train.batch);
                graph_free(g);
                return NULL;
            }
        for (size_t i = 0; i < COUNT(train_passes); i++) {
            if (!run_pass(&train_passes[i], g, &t)) {
                graph_free(g);
                return NULL;
            }
            if (o->dump && strncmp(o->dump, "train:", 6) == 0 && strcmp(o->dump + 6, train_passes[i].name) == 0 && !evaluates)
                graph_dump(g, stdout);
        }
        o->train = t.train;
        return g;
    }
}

static struct training *training; /* of the network that was compiled last, for its report */

/* With --train: the graphs beside the one for inference. */
static bool emit_all(struct graph *g, struct options *o, struct diag *d)
{
    struct train_graphs train = {NULL, NULL};
    bool ok = true;
    if (o->train.batch) {
        if (o->dispatch) {
            diag_error_at(d, o->input, "--train does not go with --dispatch yet");
            return false;
        }
        if (o->target.half) {
            diag_error_at(d, o->input, "--weights-dtype does not go with --train: weights that are learned are float32");
            return false;
        }
        if (o->train.sync_bn && !o->train.distributed) {
            diag_error_at(d, o->input, "--sync-bn goes with --distributed");
            return false;
        }
        ok = (train.step = compile_train(o, d, false)) && (train.eval = compile_train(o, d, true));
    }
    if (ok && train.step && o->reports)
        training = training_figures(train.step, train.eval, o);
    ok = ok && (!o->output || emit(g, &train, o));
    if (train.step)
        graph_free(train.step);
    if (train.eval)
        graph_free(train.eval);
    return ok;
}

static bool compile(struct graph *g, struct options *o)
{
    for (size_t i = 0; i < COUNT(passes); i++) {
        const bool weights = passes[i].run == pass_statistics || passes[i].run == pass_reference, unseen = o->dump || !o->output || o->target.explore;
        if (!(weights && unseen) && !run_pass(&passes[i], g, o))
            return false;
        if (o->emit_net && strcmp(passes[i].name, "infer") == 0)
            return emit_net(g, o);
        if (o->dump && strcmp(o->dump, passes[i].name) == 0) {
            graph_dump(g, stdout);
            return true;
        }
        if (o->emit_onnx && strcmp(passes[i].name, "canonicalise") == 0)
            return !o->output || emit_onnx(g, o->output);
    }
    return emit_all(g, o, g->diag);
}

static struct graph *read_network(const struct options *o, struct diag *d)
{
    struct graph *g = ends_with(o->input, ".onnx") ? read_onnx(o->input, o, d) : read_net(o->input, o, d);
    if (g)
        g->seed = o->seed;
    if (g && (!edit_network(g, o) || (o->weights && !read_weights(g, o->weights, o->init_missing)))) {
        graph_free(g);
        return NULL;
    }
    return g;
}

/* All networks of the command line, compiled, then told about. */
static bool report(struct options *o, enum report_form form, struct diag *d)
{
    struct report **list = xcalloc((size_t)o->ninputs, sizeof *list);
    struct graph **graph = xcalloc((size_t)o->ninputs, sizeof *graph);
    const struct train train = o->train;
    bool ok = true;
    for (int i = 0; i < o->ninputs; i++) {
        o->input = o->inputs[i];
        graph[i] = read_network(o, d);
        if (graph[i] && compile(graph[i], o))
            list[i] = report_new(graph[i], training, o);
        training = NULL;
        o->train = train;
        ok &= list[i] != NULL;
    }
    if (ok)
        report_print(stdout, form, list, o->ninputs);
    for (int i = 0; i < o->ninputs; i++) {
        report_free(list[i]);
        graph_free(graph[i]);
    }
    free(list);
    free(graph);
    return ok;
}

int main(int argc, char **argv)
{
    struct command c;
    command_line(&c, argc, argv);
    struct options o = c.options;
    struct diag d = {0};
    bool ok = true;
    for (int i = 0; i < o.ninputs && c.tunes && ok; i++) {
        tuned_free(o.target.tuned);
        o.target.tuned = NULL;
        o.input = o.inputs[i];
        ok = tune(&o, c.times, read_network, compile);
    }
    o.input = o.inputs[0];
    if (!ok) {
        ; /* what was wrong has been said */
    } else if (o.verify) {
        ok = trial(&o, o.verify, read_network, compile);
    } else if (c.bench) {
        ok = bench(&o, c.bench == BENCH_JSON, read_network, compile);
    } else if (c.report) {
        ok = report(&o, c.report, &d);
    } else {
        struct graph *g = read_network(&o, &d);
        ok = g && compile(g, &o);
        graph_free(g);
    }
    tuned_free(o.target.tuned);
    command_free(&c);
    return ok && d.errors == 0 ? 0 : 1;
}
