/* --tune, in steps: in turn each candidate of every layer (select, with target.explore), the network built with -DCNNC_PROFILE and run, and the
 * times of its steps kept. Layers are measured where they stand: with their neighbours' caches and memory. */
#include "tune.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emit/emit.h"
#include "passes/tuned.h"
#include "work.h"

struct tuning {
    struct options *o;
    struct tuned *tuned;
    struct work work;
    read_network_fn *read;
    compile_network_fn *compile;
};

static void progress(int variant, int variants, const char *what)
{
    if (!isatty(STDERR_FILENO)) {
        if (what)
            fprintf(stderr, "tuning: %d of %d: %s\n", variant + 1, variants, what);
        return;
    }
    char bar[31] = "";
    for (int i = 0; i < 30; i++)
        bar[i] = i * variants < 30 * variant ? '#' : '.';
    if (what)
        fprintf(stderr, "\r\033[Ktuning [%s] %d of %d: %s", bar, variant + 1, variants, what);
    else
        fputs("\r\033[K", stderr);
}

/* The network with the variant's kernels; emitted if o->output is set. NULL: an error was reported. */
static struct graph *variant_of(struct tuning *t, struct explore *explore)
{
    struct options *o = t->o;
    o->target.explore = explore;
    struct graph *g = t->read(o, t->work.diag);
    const bool ok = g && t->compile(g, o);
    o->target.explore = NULL;
    if (!ok) {
        graph_free(g);
        return NULL;
    }
    return g;
}

static bool is_new(const struct tuning *t, const struct node *n)
{
    struct arena a = {0};
    const bool is = n->step >= 0 && n->tuned && n->op->nkernels > 1 && tuned_seconds(t->tuned, n->tuned, tuned_kernel(&a, n, n->kernel)) < 0;
    arena_free(&a);
    return is;
}

static bool has_new(const struct tuning *t, const struct graph *g)
{
    bool any = false;
    for (int i = 0; i < g->nodes; i++)
        any |= is_new(t, g->node[i]);
    return any;
}

static bool keep_times(struct tuning *t, struct graph *g, const char *path)
{
    char line[160];
    FILE *f = fopen(path, "r");
    int threads, index, steps = 0;
    double ns, *time = xcalloc((size_t)g->steps + 1, sizeof *time);
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "step %d %d %lf", &threads, &index, &ns) == 3 && index >= 0 && index < g->steps) {
            time[index] = ns * 1e-9;
            steps++;
        }
    if (f)
        fclose(f);
    /* layers that are alike: the least of their times, as the caches' state differs */
    for (int i = 0; i < g->nodes && steps == g->steps; i++) {
        const struct node *n = g->node[i];
        if (n->step < 0 || !n->tuned || n->op->nkernels < 2)
            continue;
        const char *kernel = tuned_kernel(&g->arena, n, n->kernel);
        const double known = tuned_seconds(t->tuned, n->tuned, kernel);
        if (known < 0 || time[n->step] < known)
            tuned_set(t->tuned, n->tuned, kernel, time[n->step]);
    }
    free(time);
    if (steps != g->steps)
        diag_error_at(t->work.diag, path, "the program measured %d steps of %d", steps, g->steps);
    return steps == g->steps;
}

static bool measure(struct tuning *t, int variant, int variants, const char *compiler)
{
    const char *d = t->work.dir;
    struct explore explore = {.variant = variant};
    char *source = work_path(&t->work, "program.c"), *weights = work_path(&t->work, "bench.weights"), *results = work_path(&t->work, "results");
    char *build = xasprintf("%s -DCNNC_PROFILE -include '%s/bench.h' -o '%s/program' '%s/program.c' '%s/bench.c' -lm", compiler, d, d, d, d);
    progress(variant, variants, "building");
    struct graph *g = variant_of(t, &explore);
    char *call = xasprintf("'%s/program' '%s' 0.5 steps", d, access(weights, F_OK) == 0 ? weights : "");
    bool ok = g && print_program(source, "bench.c") && work_run(&t->work, "--tune: building the network", build, NULL);
    if (ok) {
        progress(variant, variants, "measuring");
        ok = work_run(&t->work, "--tune: running the network", call, "results") && keep_times(t, g, results);
    }
    graph_free(g);
    free(source);
    free(weights);
    free(results);
    free(build);
    free(call);
    return ok;
}

/* What is not in the table yet is measured, if the file can be written where the times go; *any: something was. */
static bool measure_new(struct tuning *t, const char *file, bool *any)
{
    struct options *o = t->o;
    const struct options before = *o;
    char *output = work_path(&t->work, "bench.c"), *compiler = work_compiler("-O2 -march=native");
    int variants = 1;
    bool ok = true;
    o->name = "bench";
    o->emit_onnx = o->emit_net = o->selftest = o->external_runtime = false;
    o->dump = NULL;
    o->keeps = 0;
    o->train.batch = 0;
    if (o->weights_in != WEIGHTS_FILE)
        o->weights_in = WEIGHTS_FILE;
    for (int v = 0; v < variants && ok; v++) {
        struct explore explore = {.variant = v};
        o->output = NULL;
        struct graph *g = variant_of(t, &explore); /* quick: no weights */
        const bool wanted = g && has_new(t, g);
        ok = g != NULL;
        graph_free(g);
        variants = MAX(variants, explore.variants);
        o->output = output;
        if (wanted) {
            *any = *any || tuned_write(t->tuned, file, t->work.diag); /* sooner than minutes later */
            ok = *any && measure(t, v, variants, compiler);
        }
    }
    progress(variants, variants, NULL);
    *o = before;
    free(output);
    free(compiler);
    return ok;
}

/* $XDG_CACHE_HOME/cnnc/times, or in ~/.cache; folders are made. Heap memory; NULL: neither variable is set. */
static char *default_path(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (!(cache && *cache) && !(home && *home))
        return NULL;
    char *base = cache && *cache ? xstrdup(cache) : xasprintf("%s/.cache", home);
    char *folder = xasprintf("%s/cnnc", base), *path = xasprintf("%s/times", folder);
    mkdir(base, 0777);
    mkdir(folder, 0777);
    free(base);
    free(folder);
    return path;
}

bool tune(struct options *o, const char *path, read_network_fn *read, compile_network_fn *compile)
{
    struct diag d = {0};
    struct tuning t = {.o = o, .read = read, .compile = compile};
    struct arena a = {0};
    char *file = path ? xstrdup(path) : default_path(), *compiler = work_compiler("-O2 -march=native");
    bool any = false;
    if (!file)
        diag_error_at(&d, "--tune", "neither XDG_CACHE_HOME nor HOME says where times are kept, expected --tune=FILE");
    t.tuned = tuned_new(arena_printf(&a, "%s; %s", work_processor(&a), compiler));
    bool ok = file && tuned_read(t.tuned, file, &d) && work_open(&t.work, "tune", o->input, &d);
    if (ok) {
        ok = measure_new(&t, file, &any);
        if (any && !tuned_write(t.tuned, file, &d)) /* also what was measured before an error */
            ok = false;
        work_close(&t.work);
    }
    o->target.tuned = t.tuned;
    free(file);
    free(compiler);
    arena_free(&a);
    return ok;
}
