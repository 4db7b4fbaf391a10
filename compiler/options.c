/* The command line: its options, and what each sets. */
#include "options.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"

const char *argp_program_version = "cnnc 0.1";

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
    {"weights-dtype", OPT_WEIGHTS_DTYPE, "f32|f16|bf16", 0, "element type that weights of convolutions and dense layers are stored in (default f32)", 0},
    {"seed", OPT_SEED, "N", 0, "seed of initial weights (default 1)", 0},
    {"batch", OPT_BATCH, "N", 0, "samples in a run (default 1)", 0},
    {"name", OPT_NAME, "NAME", 0, "prefix of the generated names (default: the network's)", 0},
    {"dim", OPT_DIM, "N=SIZE", 0, "ONNX: the size of a symbolic dimension (default of the batch: --batch)", 0},
    {"input-shape", OPT_INPUT_SHAPE, "INPUT=1,3,224,224", 0, "ONNX: the shape of an input", 0},
    {"fix-input", OPT_FIX_INPUT, "INPUT=FILE", 0, "ONNX: an input becomes the constant that a .pb or .npy file holds", 0},
    {"max-rounds", OPT_MAX_ROUNDS, "N", 0, "ONNX: no Loop has more rounds; what it collects needs room for so many", 0},
    {"tolerance", OPT_TOLERANCE, "X", 0, "--verify: accept absolute errors up to this, too", 0},
    {"verify", OPT_VERIFY, "FOLDER", 0, "compile, build with $CC and $CFLAGS, run on FOLDER/input_0.pb (or .npy) ..., compare with output_0.pb ...", 0},
    {"bench", OPT_BENCH, "text|json", OPTION_ARG_OPTIONAL, "build with $CC and $CFLAGS, run, print each layer's time and how near it comes to what the machine can do", 0},
    {"emit", OPT_EMIT, "c|onnx|net", 0, "what to write with -o (default c); net: a .net, with its parameters, if any were given, as .safetensors beside it", 0},
    {"report", OPT_REPORT, "FORMAT", OPTION_ARG_OPTIONAL, "print what the network consists of and what it becomes, as text (the default), json, html or dot; several networks: side by side; errors: the rounding errors of its convolutions, measured", 0},
    {"keep", OPT_KEEP, "LAYER", 0, "make a layer's result an output too", 0},
    {"selftest", OPT_SELFTEST, "FILE|FOLDER", OPTION_ARG_OPTIONAL, "add a check, compiled with -DCNNC_SELFTEST, that runs a stored input (FILE.npy; FOLDER/input_0.npy ...; default: made up) and names the first layer that differs", 0},
    {"target", OPT_TARGET, "portable|cortex-m", 0, "fixes layout and algorithms (default portable)", 0},
    {"dispatch", OPT_DISPATCH, NULL, 0, "on x86: AVX-512, AVX2 and SSE2 code in one file, chosen at run time", 0},
    {"runtime", OPT_RUNTIME, "inline|external", 0, "external: the kernels' text in cnnc_runtime.h, which several networks share (default inline)", 0},
    {"tune", OPT_TUNE, "FILE", OPTION_ARG_OPTIONAL, "choose kernels by their times on this machine, measured with $CC and $CFLAGS and kept in FILE (default: ~/.cache/cnnc/times)", 0},
    {"max-error", OPT_MAX_ERROR, "E", 0, "what fast algorithms (Winograd) may add to rounding errors, as a share of a result's range (default 1e-4; with 0 only F(2x2, 3x3) is taken, which adds nothing)", 0},
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

/* A line for the train section. */
static void add_setting(struct options *o, const char *name, const char *value, const char *end)
{
    struct strbuf line = {0};
    sb_addf(&line, "%s%s%s", name, value, end);
    VEC_PUSH(o->settings, o->nsettings, line.s);
}

/* What reports, measures or verifies works on the finished graph, which these do not make: dumps, and networks as .net or ONNX. */
static void one_purpose(struct argp_state *state, const struct command *c)
{
    const struct options *o = &c->options;
    const char *const given[] = {c->report ? "--report" : NULL, c->bench ? "--bench" : NULL, o->verify ? "--verify" : NULL,
                                 o->emit_net ? "--emit=net" : o->emit_onnx ? "--emit=onnx" : NULL, o->dump ? "--dump" : NULL};
    const char *one = NULL;
    for (size_t i = 0; i < COUNT(given); i++) {
        if (one && given[i])
            argp_error(state, "%s and %s: expected one of them", one, given[i]);
        one = one ? one : given[i];
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct command *c = state->input;
    struct options *o = &c->options;
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
        if (!report_form_named(arg, &c->report))
            argp_error(state, "--report=%s: expected text, json, html, dot or errors", arg);
        o->reports = true;
        return 0;
    case OPT_BENCH:
        if (arg && strcmp(arg, "text") != 0 && strcmp(arg, "json") != 0)
            argp_error(state, "--bench=%s: expected text or json", arg);
        c->bench = arg && *arg == 'j' ? BENCH_JSON : BENCH_TEXT;
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
        if (arg && !*arg)
            argp_error(state, "--tune=: expected the name of a file");
        c->tunes = true;
        c->times = arg;
        return 0;
    case OPT_MAX_ERROR:
        o->target.max_error = strtod(arg, &end);
        if (end == arg || *end || !(o->target.max_error >= 0) || !isfinite(o->target.max_error))
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
        if (!import_add_dim(&c->import, arg, err))
            argp_error(state, "--dim: %s", err);
        return 0;
    case OPT_INPUT_SHAPE:
        if (!import_add_shape(&c->import, arg, err))
            argp_error(state, "--input-shape: %s", err);
        return 0;
    case OPT_FIX_INPUT:
        if (!import_add_fix(&c->import, arg, err))
            argp_error(state, "--fix-input: %s", err);
        return 0;
    case OPT_MAX_ROUNDS:
        c->import.max_rounds = strtoll(arg, &end, 10);
        if (end == arg || *end || c->import.max_rounds < 1 || c->import.max_rounds > INT32_MAX)
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
        if (o->target.half && (o->emit_net || o->emit_onnx))
            argp_error(state, "--weights-dtype goes with C: %s files hold the network's own weights", o->emit_net ? ".net" : "ONNX");
        if ((c->tunes || o->dispatch) && (o->emit_net || o->emit_onnx))
            argp_error(state, "%s goes with C, expected no %s with it", c->tunes ? "--tune" : "--dispatch", o->emit_net ? "--emit=net" : "--emit=onnx");
        one_purpose(state, c);
        if (o->dispatch && strcmp(o->target.name, "cortex-m") == 0)
            argp_error(state, "--dispatch is for x86, expected no --target=cortex-m with it");
        if (o->output && strcmp(o->output, "-") == 0 && !o->emit_net && !o->emit_onnx)
            argp_error(state, "-o -: a header goes with the C, expected the name of a file");
        if (o->output && strcmp(o->output, o->input) == 0)
            argp_error(state, "-o %s: that is the network itself", o->output);
        if (o->ninputs > 1 && (!c->report || o->output))
            argp_error(state, "more than one network: %s and %s", o->inputs[0], o->inputs[1]);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

void command_line(struct command *c, int argc, char **argv)
{
    static const struct argp argp = {option_table, parse_option, "NETWORK.net|MODEL.onnx",
                                     "Compiles a neural network to one standalone C file.", NULL, NULL, NULL};
    *c = (struct command){.options = {.target = targets[0], .batch = 1, .seed = 1, .import = &c->import,
                        .train = {.optimizer = "sgd", .rate = 0.01, .momentum = 0, .beta1 = 0.9, .beta2 = 0.999, .alpha = 0.99, .epsilon = 1e-8,
                                  .decay_all = true, .schedule = {.kind = "constant"}, .dropout = -1, .accumulate = 1, .epochs = 10}}};
    argp_err_exit_status = 1; /* as for every other error */
    argp_parse(&argp, argc, argv, 0, NULL, c);

    c->text = (struct strbuf){0};
    sb_add(&c->text, "cnnc");
    for (int i = 1; i < argc; i++) { /* without folders: where the user keeps things is no part of the output */
        const char *equals = strchr(argv[i], '='), *slash = strrchr(argv[i], '/');
        const int option = equals && slash && equals < slash ? (int)(equals + 1 - argv[i]) : 0;
        sb_addf(&c->text, " %.*s%s", option, argv[i], slash ? slash + 1 : argv[i]);
    }
    c->options.command = c->text.s;
}

void command_free(struct command *c)
{
    import_options_free(&c->import);
    sb_free(&c->text);
    for (int i = 0; i < c->options.nsettings; i++)
        free((char *)c->options.settings[i]);
    free(c->options.settings);
    free(c->options.edits);
    free(c->options.keep);
    free(c->options.inputs);
}
