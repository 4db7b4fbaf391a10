/* cnnc: options, then the pipeline. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "emit/emit.h"
#include "emit/net.h"
#include "emit/onnx.h"
#include "front/front.h"
#include "front/onnx.h"
#include "help.h"
#include "pass.h"
#include "passes/tuned.h"
#include "report/report.h"
#include "trial.h"
#include "tune.h"

const char *argp_program_version = "cnnc 0.1";

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
    {"select", pass_select, "a kernel and a layout for every layer", false},
    {"layout", pass_layout, "the conversions that remain", false},
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

static const struct target targets[] = {
    {.name = "portable", .block = 16, .winograd = true, .fuse = true, .max_error = 1e-4, .max_weights = 1.35},
    {.name = "cortex-m", .block = 1, .winograd = false, .fuse = true, .max_error = 1e-4, .max_weights = 1.35},
};

enum {
    OPT_WEIGHTS = 256, OPT_WEIGHTS_IN, OPT_SEED, OPT_TARGET, OPT_BATCH, OPT_DUMP, OPT_NO_FUSE, OPT_NAME, OPT_DIM, OPT_INPUT_SHAPE,
    OPT_FIX_INPUT, OPT_MAX_ROUNDS, OPT_VERIFY, OPT_TOLERANCE, OPT_HELP_OPS, OPT_CONST, OPT_EMIT, OPT_REPLACE, OPT_INSERT, OPT_INIT_MISSING,
    OPT_DISPATCH, OPT_WEIGHTS_DTYPE,
    OPT_TRAIN, OPT_DISTRIBUTED, OPT_SYNC_BN, OPT_REAL, OPT_REPORT, OPT_KEEP, OPT_SELFTEST, OPT_RUNTIME, OPT_BENCH, OPT_TUNE, OPT_MAX_ERROR,
    OPT_OPTIMIZER, OPT_LR, OPT_LOSS, OPT_SCHEDULE, OPT_SET, OPT_FREEZE, OPT_RECOMPUTE /* settings of training */
};

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE.c", 0, "write the C here; FILE.h and, for big networks, FILE.weights beside it", 0},
    {"weights", OPT_WEIGHTS, "FILE", 0, "parameters from a safetensors file (.net); otherwise initialised from the seed", 0},
    {"init-missing", OPT_INIT_MISSING, NULL, 0, "parameters that the --weights file does not have, or has in another shape, are initialised from the seed", 0},
    {"replace", OPT_REPLACE, "LAYER=CALL", 0, "another layer in the place of this one, as .net has it: 'fc8=dense(10)'", 0},
    {"insert", OPT_INSERT, "LAYER=CALL", 0, "a further layer behind this one: 'conv3=batchnorm'", 0},
    {"weights-in", OPT_WEIGHTS_IN, "c|file|incbin", 0, "where the weights go (default: by size)", 0},
    {"weights-dtype", OPT_WEIGHTS_DTYPE, "f32|f16|bf16", 0, "element type that dense layers' weights are stored in (default f32)", 0},
    {"seed", OPT_SEED, "N", 0, "seed of initial weights (default 1)", 0},
    {"batch", OPT_BATCH, "N", 0, "samples in a run (default 1)", 0},
    {"name", OPT_NAME, "NAME", 0, "prefix of the generated names (default: the network's)", 0},
    {"dim", OPT_DIM, "N=SIZE", 0, "ONNX: the size of a symbolic dimension (default of the batch: 1)", 0},
    {"input-shape", OPT_INPUT_SHAPE, "INPUT=1,3,224,224", 0, "ONNX: the shape of an input", 0},
    {"fix-input", OPT_FIX_INPUT, "INPUT=FILE", 0, "ONNX: an input becomes the constant that a .pb or .npy file holds", 0},
    {"max-rounds", OPT_MAX_ROUNDS, "N", 0, "ONNX: no Loop has more rounds; what it collects needs room for so many", 0},
    {"tolerance", OPT_TOLERANCE, "X", 0, "--verify: accept absolute errors up to this, too", 0},
    {"verify", OPT_VERIFY, "FOLDER", 0, "compile, build with $CC and $CFLAGS, run on FOLDER/input_0.pb (or .npy) ..., compare with output_0.pb ...", 0},
    {"bench", OPT_BENCH, "text|json", OPTION_ARG_OPTIONAL, "build with $CC and $CFLAGS, run, print each layer's time and how near it comes to what the machine can do", 0},
    {"emit", OPT_EMIT, "c|onnx|net", 0, "what to write with -o (default c); net: a .net, with its parameters as .safetensors beside it", 0},
    {"report", OPT_REPORT, "text|json|html|dot|errors", OPTION_ARG_OPTIONAL, "print what the network consists of and what it becomes (default text); several networks: side by side; errors: the rounding errors of its convolutions, measured", 0},
    {"keep", OPT_KEEP, "LAYER", 0, "make a layer's result an output too", 0},
    {"selftest", OPT_SELFTEST, "FILE|FOLDER", OPTION_ARG_OPTIONAL, "add a check, compiled with -DCNNC_SELFTEST, that runs a stored input (FILE.npy; FOLDER/input_0.npy ...; default: made up) and names the first layer that differs", 0},
    {"target", OPT_TARGET, "portable|cortex-m", 0, "fixes layout and algorithms (default portable)", 0},
    {"dispatch", OPT_DISPATCH, NULL, 0, "on x86: AVX-512, AVX2 and SSE2 code in one file, chosen at run time", 0},
    {"runtime", OPT_RUNTIME, "inline|external", 0, "external: the kernels' text in cnnc_runtime.h, which several networks share (default inline)", 0},
    {"tune", OPT_TUNE, "FILE", OPTION_ARG_OPTIONAL, "choose kernels by their times on this machine, measured with $CC and $CFLAGS and kept in FILE (default: ~/.cache/cnnc/times)", 0},
    {"max-error", OPT_MAX_ERROR, "E", 0, "what fast algorithms (Winograd) may add to rounding errors, as a share of a result's range (default 1e-4; 0: nothing)", 0},
    {"no-fuse", OPT_NO_FUSE, NULL, 0, "every layer by itself", 0},
    {"train", OPT_TRAIN, "BATCH", OPTION_ARG_OPTIONAL, "also a training step, as the train section of a .net says", 0},
    {"distributed", OPT_DISTRIBUTED, NULL, 0, "training: gradients are added up over several processes, by hooks (MPI: examples/train/mpi)", 0},
    {"sync-bn", OPT_SYNC_BN, NULL, 0, "training: so are the sums of batch norms", 0},
    {"optimizer", OPT_OPTIMIZER, "NAME[(...)]", 0, "training: sgd, adam, adamw or rmsprop, as in a train section: 'sgd(lr=0.1, momentum=0.9)'", 0},
    {"lr", OPT_LR, "X", 0, "training: the learning rate", 0},
    {"loss", OPT_LOSS, "LOSS", 0, "training: what is made small: 'cross_entropy(fc) + 0.3*cross_entropy(aux)'", 0},
    {"schedule", OPT_SCHEDULE, "NAME[(...)]", 0, "training: the learning rate over the epochs: constant, step or cosine", 0},
    {"set", OPT_SET, "NAME=VALUE", 0, "training: any setting of a train section: clip=1, accumulate=4, dropout=0 ...", 0},
    {"freeze", OPT_FREEZE, "PATTERN|UNTIL=LAYER", 0, "training: these parameters, or all up to a layer, stay as they are", 0},
    {"recompute", OPT_RECOMPUTE, NULL, 0, "training: less memory, activations are computed twice", 0},
    {"real", OPT_REAL, "float|double", 0, "element type of the training step (double: to check gradients)", 0},
    {"const", OPT_CONST, "NAME=VALUE", 0, ".net: another value for a constant of the network", 0},
    {"help-ops", OPT_HELP_OPS, "LAYER", OPTION_ARG_OPTIONAL, "list the layers of the .net language, or one with its arguments", 0},
    {"dump", OPT_DUMP, "PASS", 0, "print the graph after a pass and stop", 0},
    {0},
};

static struct import_options import_options;
static enum report_form report_form;
static bool tunes;
static const char *times; /* --tune=FILE */
static enum { BENCH_NONE, BENCH_TEXT, BENCH_JSON } bench_form;

/* A line for the train section. */
static void add_setting(struct options *o, const char *name, const char *value, const char *end)
{
    struct strbuf line = {0};
    sb_addf(&line, "%s%s%s", name, value, end);
    VEC_PUSH(o->settings, o->nsettings, line.s);
}

static bool is_pass(const char *name)
{
    const bool training = strncmp(name, "train:", 6) == 0;
    for (size_t i = 0; i < (training ? COUNT(train_passes) : COUNT(passes)); i++)
        if (strcmp(training ? train_passes[i].name : passes[i].name, training ? name + 6 : name) == 0)
            return true;
    return false;
}

static const char *pass_names(void)
{
    static char text[512];
    for (size_t i = 0, n = 0; i < COUNT(passes); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? ", " : "", passes[i].name);
    return strcat(text, "; with --train also train:infer and so on");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    char *end = NULL, err[CNNC_ERROR_BYTES];
    switch (key) {
    case 'o': o->output = arg; return 0;
    case OPT_WEIGHTS: o->weights = arg; return 0;
    case OPT_NAME: o->name = arg; return 0;
    case OPT_CONST:
        if (!strchr(arg, '='))
            argp_error(state, "--const=%s: expected NAME=VALUE", arg);
        VEC_PUSH(o->consts, o->nconsts, arg);
        return 0;
    case OPT_REPLACE:
    case OPT_INSERT:
        if (!strchr(arg, '=') || *arg == '=')
            argp_error(state, "--%s=%s: expected LAYER=CALL, as in fc8=dense(10)", key == OPT_REPLACE ? "replace" : "insert", arg);
        VEC_PUSH(o->edits, o->nedits, ((struct edit){arg, key == OPT_INSERT}));
        return 0;
    case OPT_INIT_MISSING: o->init_missing = true; return 0;
    case OPT_HELP_OPS:
        if (!help_ops(stdout, arg))
            argp_error(state, "--help-ops=%s: there is no such layer", arg);
        exit(0);
    case OPT_REPORT:
        if (!report_form_named(arg, &report_form))
            argp_error(state, "--report=%s: expected text, json, html, dot or errors", arg);
        return 0;
    case OPT_BENCH:
        if (arg && strcmp(arg, "text") != 0 && strcmp(arg, "json") != 0)
            argp_error(state, "--bench=%s: expected text or json", arg);
        bench_form = arg && *arg == 'j' ? BENCH_JSON : BENCH_TEXT;
        return 0;
    case OPT_KEEP: VEC_PUSH(o->keep, o->keeps, arg); return 0;
    case OPT_SELFTEST: o->selftest = true; o->selftest_input = arg; return 0;
    case OPT_TRAIN:
        o->train.batch = o->train.batch ? o->train.batch : -1; /* the train section's, or 32 */
        if (arg && ((o->train.batch = (int)strtol(arg, &end, 10)) < 1 || *end))
            argp_error(state, "--train=%s: expected the size of a batch", arg);
        return 0;
    case OPT_DISTRIBUTED: o->train.distributed = true; return 0;
    case OPT_SYNC_BN: o->train.sync_bn = true; return 0;
    case OPT_OPTIMIZER: add_setting(o, "optimizer = ", arg, ""); return 0;
    case OPT_LR: add_setting(o, "lr = ", arg, ""); return 0;
    case OPT_LOSS: add_setting(o, "loss = ", arg, ""); return 0;
    case OPT_SCHEDULE: add_setting(o, "schedule = ", arg, ""); return 0;
    case OPT_FREEZE: add_setting(o, "freeze = \"", arg, "\""); return 0;
    case OPT_RECOMPUTE: add_setting(o, "recompute = ", "true", ""); return 0;
    case OPT_SET:
        if (!strchr(arg, '='))
            argp_error(state, "--set=%s: expected NAME=VALUE", arg);
        add_setting(o, "", arg, "");
        return 0;
    case OPT_REAL:
        if (strcmp(arg, "float") != 0 && strcmp(arg, "double") != 0)
            argp_error(state, "--real=%s: expected float or double", arg);
        o->train.in_double = o->target.train_double = strcmp(arg, "double") == 0;
        return 0;
    case OPT_DUMP:
        if (!is_pass(arg))
            argp_error(state, "--dump=%s: expected one of %s", arg, pass_names());
        o->dump = arg;
        return 0;
    case OPT_DISPATCH: o->dispatch = true; return 0;
    case OPT_RUNTIME:
        o->external_runtime = strcmp(arg, "external") == 0;
        if (!o->external_runtime && strcmp(arg, "inline") != 0)
            argp_error(state, "--runtime=%s: expected inline or external", arg);
        return 0;
    case OPT_WEIGHTS_DTYPE:
        for (int i = 0; i < 3; i++)
            if (strcmp(arg, (const char *[]){"f32", "f16", "bf16"}[i]) == 0) {
                o->target.half = i;
                return 0;
            }
        argp_error(state, "--weights-dtype=%s: expected f32, f16 or bf16", arg);
        return 0;
    case OPT_TUNE:
        tunes = true;
        times = arg;
        return 0;
    case OPT_MAX_ERROR:
        o->target.max_error = strtod(arg, &end);
        if (end == arg || *end || !(o->target.max_error >= 0))
            argp_error(state, "--max-error=%s: expected a number of at least 0", arg);
        o->target.bounded = true;
        return 0;
    case OPT_NO_FUSE: o->target.fuse = false; return 0;
    case OPT_SEED:
        o->seed = strtoull(arg, &end, 0);
        if (end == arg || *end)
            argp_error(state, "--seed=%s: expected a number", arg);
        return 0;
    case OPT_VERIFY: o->verify = arg; return 0;
    case OPT_TOLERANCE:
        o->tolerance = strtod(arg, &end);
        if (end == arg || *end || !(o->tolerance >= 0))
            argp_error(state, "--tolerance=%s: expected a number of at least 0", arg);
        return 0;
    case OPT_EMIT:
        if (strcmp(arg, "c") != 0 && strcmp(arg, "onnx") != 0 && strcmp(arg, "net") != 0)
            argp_error(state, "--emit=%s: expected c, onnx or net", arg);
        o->emit_onnx = strcmp(arg, "onnx") == 0;
        o->emit_net = strcmp(arg, "net") == 0;
        return 0;
    case OPT_DIM:
        if (!import_add_dim(&import_options, arg, err))
            argp_error(state, "--dim: %s", err);
        return 0;
    case OPT_INPUT_SHAPE:
        if (!import_add_shape(&import_options, arg, err))
            argp_error(state, "--input-shape: %s", err);
        return 0;
    case OPT_FIX_INPUT:
        if (!import_add_fix(&import_options, arg, err))
            argp_error(state, "--fix-input: %s", err);
        return 0;
    case OPT_MAX_ROUNDS:
        import_options.max_rounds = strtoll(arg, &end, 10);
        if (end == arg || *end || import_options.max_rounds < 1 || import_options.max_rounds > INT32_MAX)
            argp_error(state, "--max-rounds=%s: expected a number of at least 1", arg);
        return 0;
    case OPT_BATCH: {
        long n = strtol(arg, &end, 10);
        if (end == arg || *end || n < 1 || n > 1 << 20)
            argp_error(state, "--batch=%s: expected a number of at least 1", arg);
        o->batch = (int)n;
        return 0;
    }
    case OPT_WEIGHTS_IN:
        for (int i = WEIGHTS_C; i <= WEIGHTS_INCBIN; i++)
            if (strcmp(arg, (const char *[]){"", "c", "file", "incbin"}[i]) == 0) {
                o->weights_in = (enum weights_in)i;
                return 0;
            }
        argp_error(state, "--weights-in=%s: expected c, file or incbin", arg);
        return 0;
    case OPT_TARGET:
        for (size_t i = 0; i < COUNT(targets); i++)
            if (strcmp(targets[i].name, arg) == 0) {
                const struct target given = o->target;
                o->target = targets[i];
                o->target.fuse = given.fuse;
                o->target.max_error = given.max_error;
                o->target.bounded = given.bounded;
                o->target.half = given.half;
                o->target.train_double = given.train_double;
                return 0;
            }
        argp_error(state, "--target=%s: expected portable or cortex-m", arg);
        return 0;
    case ARGP_KEY_ARG:
        VEC_PUSH(o->inputs, o->ninputs, arg);
        o->input = o->inputs[0];
        return 0;
    case ARGP_KEY_END:
        if (o->ninputs == 0)
            argp_error(state, "no network given");
        if (o->dump && strncmp(o->dump, "train:", 6) == 0 && !o->train.batch)
            argp_error(state, "--dump=%s goes with --train", o->dump);
        if (o->output && strcmp(o->output, "-") == 0 && !o->emit_net && !o->emit_onnx)
            argp_error(state, "-o -: a header goes with the C, expected the name of a file");
        if (o->ninputs > 1 && (!report_form || o->output))
            argp_error(state, "more than one network: %s and %s", o->inputs[0], o->inputs[1]);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
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
                diag_error_at(d, o->input, "input '%s' takes %lld samples, a batch has %d: --dim gives a symbolic size; where it is fixed, --emit=net "
                              "makes a .net, which trains with any batch", g->input[i]->name, g->input[i]->rank < 1 ? 1 : (long long)g->input[i]->dim[0], t.train.batch);
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
        if (o->train.sync_bn && !o->train.distributed) {
            diag_error_at(d, o->input, "--sync-bn goes with --distributed");
            return false;
        }
        ok = (train.step = compile_train(o, d, false)) && (train.eval = compile_train(o, d, true));
    }
    if (ok && train.step && report_form)
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
    if (g && (!edit_network(g, o) || (o->weights && !read_weights(g, o->weights, o->init_missing)))) {
        graph_free(g);
        return NULL;
    }
    return g;
}

/* All networks of the command line, compiled, then told about. */
static bool report(struct options *o, struct diag *d)
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
        report_print(stdout, report_form, list, o->ninputs);
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
    static const struct argp argp = {option_table, parse_option, "NETWORK.net|MODEL.onnx",
                                     "Compiles a neural network to one standalone C file.", NULL, NULL, NULL};
    struct options o = {.target = targets[0], .batch = 1, .seed = 1, .import = &import_options,
                        .train = {.optimizer = "sgd", .rate = 0.01, .momentum = 0, .beta1 = 0.9, .beta2 = 0.999, .alpha = 0.99, .epsilon = 1e-8,
                                  .decay_all = true, .schedule = {.kind = "constant"}, .dropout = -1, .accumulate = 1, .epochs = 10}};
    argp_err_exit_status = 1; /* as for every other error */
    argp_parse(&argp, argc, argv, 0, NULL, &o);

    struct strbuf command = {0};
    sb_add(&command, "cnnc");
    for (int i = 1; i < argc; i++) { /* without folders: where the user keeps things is no part of the output */
        const char *equals = strchr(argv[i], '='), *slash = strrchr(argv[i], '/');
        const int option = equals && slash && equals < slash ? (int)(equals + 1 - argv[i]) : 0;
        sb_addf(&command, " %.*s%s", option, argv[i], slash ? slash + 1 : argv[i]);
    }
    o.command = command.s;

    struct diag d = {0};
    bool ok = true;
    for (int i = 0; i < o.ninputs && tunes && ok; i++) {
        tuned_free(o.target.tuned);
        o.target.tuned = NULL;
        o.input = o.inputs[i];
        ok = tune(&o, times, read_network, compile);
    }
    o.input = o.inputs[0];
    if (!ok) {
        ; /* what was wrong has been said */
    } else if (o.verify) {
        ok = trial(&o, o.verify, read_network, compile);
    } else if (bench_form) {
        ok = bench(&o, bench_form == BENCH_JSON, read_network, compile);
    } else if (report_form) {
        ok = report(&o, &d);
    } else {
        struct graph *g = read_network(&o, &d);
        ok = g && compile(g, &o);
        graph_free(g);
    }
    tuned_free(o.target.tuned);
    import_options_free(&import_options);
    sb_free(&command);
    for (int i = 0; i < o.nsettings; i++)
        free((char *)o.settings[i]);
    free(o.settings);
    free(o.edits);
    free(o.keep);
    free(o.inputs);
    return ok && d.errors == 0 ? 0 : 1;
}
