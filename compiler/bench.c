/* --bench, in steps: compile; build with $CC; run program/bench.c; print what it measured as a table or as JSON.
 *
 * The limit of a step is the longer of two times: its arithmetic at the speed of multiply-adds in registers, and its bytes at the speed of
 * reading. Weights arrive at the speed of a buffer as large as all that a run touches, activations at that of one as large as themselves. */
#include "bench.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emit/emit.h"
#include "report/report.h"
#include "work.h"

enum { THREADS = 2, SIZES = 8 }; /* one thread, and all */

struct step {
    const struct node *n;
    const char *kernel;
    double flops;      /* as written: twice the multiply-adds, and the rest */
    double arithmetic; /* that the kernel does: Winograd does less */
    double weights, activations; /* bytes */
    double ms[THREADS], limit[THREADS]; /* limit: ms */
};

struct speed {
    int threads, sizes;
    double peak;                      /* GFLOP/s */
    double bytes[SIZES], read[SIZES]; /* GB/s over a buffer of so many bytes */
    double median, least;             /* ms of a run */
    int runs;
};

struct measured {
    struct graph *g;
    const struct options *o;
    const char *compiler, *processor;
    struct arena arena;
    struct step *step;
    int steps, counts; /* counts: of threads that were tried */
    struct speed speed[THREADS];
    bool mapped; /* the weights: from a file */
    double build_seconds, open_ms, first_ms, flops, footprint;
};

/* ---- what is known before ----------------------------------------------------------------------------------------- */

static bool is_weight(const struct tensor *t) { return tensor_is_const(t) || (t->def && t->def->folded); }

static void describe(struct measured *m)
{
    struct graph *g = m->g;
    m->step = arena_alloc(&m->arena, sizeof *m->step * (size_t)(g->steps + 1));
    m->footprint = (double)g->weights_bytes + (double)g->arena_bytes;
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        struct cost c = {0};
        if (n->step < 0)
            continue;
        struct step *s = &m->step[m->steps++];
        if (n->op->cost)
            n->op->cost(n, &c);
        s->n = n;
        s->kernel = kernel_name(&m->arena, n, n->kernel);
        const double times = n->samples ? n->samples : 1;
        s->flops = times * (2.0 * (double)c.macs + (double)c.flops);
        s->arithmetic = times * (2.0 * (double)c.macs * (n->kernel->arithmetic > 0 ? n->kernel->arithmetic : 1) + (double)c.flops);
        m->flops += s->flops;
        for (int k = 0; k < n->nin + n->nout; k++) {
            const struct tensor *t = k < n->nin ? n->in[k] : n->out[k - n->nin];
            if (t)
                *(is_weight(t) ? &s->weights : &s->activations) += (is_weight(t) ? 1 : times) * (double)tensor_count(t) * (double)dtype_size(t->dtype);
        }
    }
}

/* ---- what was measured -------------------------------------------------------------------------------------------- */

static double read_speed(const struct speed *s, double bytes)
{
    int i = 0;
    while (i < s->sizes - 1 && s->bytes[i] < bytes)
        i++;
    return s->sizes ? s->read[i] * 1e9 : INFINITY;
}

/* Of a size that was measured before the best counts. */
static void add_read_speed(struct speed *s, double bytes, double speed)
{
    int i = 0;
    while (i < s->sizes && s->bytes[i] != bytes)
        i++;
    if (i == s->sizes && i < SIZES)
        s->bytes[s->sizes++] = bytes;
    if (i < SIZES)
        s->read[i] = MAX(s->read[i], speed);
}

static bool read_results(struct measured *m, const char *path)
{
    char line[160];
    int threads, index, runs;
    double x, y;
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        struct speed *s = m->counts ? &m->speed[m->counts - 1] : NULL;
        if (sscanf(line, "peak %d %lf", &threads, &x) == 2) {
            if (s && s->threads == threads) /* measured twice: the best counts */
                s->peak = MAX(s->peak, x);
            else if (m->counts < THREADS)
                m->speed[m->counts++] = (struct speed){.threads = threads, .peak = x};
        } else if (s && sscanf(line, "read %d %lf %lf", &threads, &x, &y) == 3) {
            add_read_speed(s, x, y);
        } else if (s && sscanf(line, "run %d %lf %lf %d", &threads, &x, &y, &runs) == 4) {
            s->median = x;
            s->least = y;
            s->runs = runs;
        } else if (s && sscanf(line, "step %d %d %lf", &threads, &index, &x) == 3 && index < m->steps)
            m->step[index].ms[m->counts - 1] = x * 1e-6;
        else if (sscanf(line, "open %lf", &x) == 1)
            m->open_ms = x;
        else if (sscanf(line, "first %lf", &x) == 1)
            m->first_ms = x;
    }
    if (f)
        fclose(f);
    for (int k = 0; k < m->counts; k++)
        for (int i = 0; i < m->steps; i++) {
            struct step *p = &m->step[i];
            const struct speed *s = &m->speed[k];
            const double moving = p->weights / read_speed(s, m->footprint) + p->activations / read_speed(s, p->activations);
            p->limit[k] = MAX(p->arithmetic / (s->peak * 1e9), moving) * 1e3;
        }
    return m->counts > 0 && m->speed[m->counts - 1].runs > 0;
}

static double sum_ms(const struct measured *m, int k)
{
    double sum = 0;
    for (int i = 0; i < m->steps; i++)
        sum += m->step[i].ms[k];
    return sum;
}

static double sum_limit(const struct measured *m, int k)
{
    double sum = 0;
    for (int i = 0; i < m->steps; i++)
        sum += m->step[i].limit[k];
    return sum;
}

static double share_of(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

/* ---- text --------------------------------------------------------------------------------------------------------- */

static void speed_cell(struct table *t, double flops, double ms)
{
    const double gflops = ms > 0 ? flops / ms * 1e-6 : 0;
    if (gflops > 0)
        table_cell(t, "%.*f", gflops < 10 ? 1 : 0, gflops);
    else
        table_cell(t, "%s", "");
}

static void ms_cell(struct table *t, double ms) { table_cell(t, "%.*f", ms < 1 ? 4 : ms < 100 ? 3 : 1, ms); }

static void percent_cell(struct table *t, double p)
{
    if (p > 0)
        table_cell(t, "%.1f", p);
    else
        table_cell(t, "%s", "");
}

static void print_machine(const struct measured *m)
{
    const struct speed *a = &m->speed[0], *b = &m->speed[m->counts - 1];
    char text[32];
    printf("\nmachine        %s: multiply-adds %.0f GFLOP/s", m->processor, a->peak);
    if (m->counts > 1)
        printf(" with one thread, %.0f with %d", b->peak, b->threads);
    for (int i = 0; i < a->sizes; i++) {
        printf("%s %s: %.0f", i ? ";" : "\nreading GB/s  ", bytes_text((int64_t)a->bytes[i], text), a->read[i]);
        if (m->counts > 1 && i < b->sizes)
            printf(", %.0f", b->read[i]);
    }
    printf("\nbuilt with     %s, in %.1f s\n", m->compiler, m->build_seconds);
    printf("open           %.2f ms, weights %s; first run %.2f ms\n", m->open_ms, m->mapped ? "mapped from their file" : "in the program", m->first_ms);
    for (int k = 0; k < m->counts; k++) {
        const struct speed *s = &m->speed[k];
        printf("%d thread%s      %s%.3f ms a run (median of %d; fastest %.3f), %.0f GFLOP/s", s->threads, s->threads == 1 ? " " : "s",
               s->threads < 10 ? "" : "\b", s->median, s->runs, s->least, m->flops / s->median * 1e-6);
        if (k > 0)
            printf(", %.2f times as fast as with one", m->speed[0].median / s->median);
        putchar('\n');
    }
}

static void print_text(const struct measured *m)
{
    static const struct column columns[] = {
        {"step", CELL_SHRINK, 0}, {"type", CELL_SHRINK | CELL_OPTIONAL, 3}, {"fused", CELL_SHRINK | CELL_OPTIONAL, 6}, {"kernel", CELL_SHRINK | CELL_OPTIONAL, 5},
        {"flops", CELL_RIGHT | CELL_OPTIONAL, 4}, {"bytes", CELL_RIGHT | CELL_OPTIONAL, 2},
        {"ms", CELL_RIGHT, 0}, {"share %", CELL_RIGHT, 0}, {"GFLOP/s", CELL_RIGHT, 0}, {"limit %", CELL_RIGHT, 0},
        {"ms", CELL_RIGHT | CELL_OPTIONAL, 1}, {"share %", CELL_RIGHT | CELL_OPTIONAL, 7}, {"GFLOP/s", CELL_RIGHT | CELL_OPTIONAL, 7}, {"limit %", CELL_RIGHT | CELL_OPTIONAL, 1}};
    struct table t = {.column = columns, .columns = 6 + 4 * m->counts};
    char text[32];
    double bytes = 0;
    for (int i = 0; i < m->steps; i++) {
        const struct step *s = &m->step[i];
        table_cell(&t, "%s", s->n->name);
        table_cell(&t, "%s", !m->g->from_onnx && s->n->op->net ? s->n->op->net : s->n->op->onnx);
        table_cell(&t, "%s", s->n->fused ? s->n->fused : "");
        table_cell(&t, "%s", s->kernel);
        table_cell(&t, "%s", s->flops > 0 ? count_text((int64_t)s->flops, text) : "");
        table_cell(&t, "%s", bytes_text((int64_t)(s->weights + s->activations), text));
        bytes += s->weights + s->activations;
        for (int k = 0; k < m->counts; k++) {
            ms_cell(&t, s->ms[k]);
            percent_cell(&t, share_of(s->ms[k], sum_ms(m, k)));
            speed_cell(&t, s->flops, s->ms[k]);
            percent_cell(&t, share_of(s->limit[k], s->ms[k]));
        }
    }
    table_rule(&t);
    table_cell(&t, "total");
    for (int i = 1; i < 4; i++)
        table_cell(&t, "%s", "");
    table_cell(&t, "%s", count_text((int64_t)m->flops, text));
    table_cell(&t, "%s", bytes_text((int64_t)bytes, text));
    for (int k = 0; k < m->counts; k++) {
        ms_cell(&t, sum_ms(m, k));
        table_cell(&t, "%s", "");
        speed_cell(&t, m->flops, sum_ms(m, k));
        percent_cell(&t, share_of(sum_limit(m, k), sum_ms(m, k)));
    }
    printf("%s (%s): with 1 thread", m->g->name, m->o->input);
    if (m->counts > 1)
        printf(", and with %d", m->speed[1].threads);
    printf("\n\n");
    table_print(&t, stdout);
    table_free(&t);
    print_machine(m);
}

/* ---- JSON --------------------------------------------------------------------------------------------------------- */

static json_t *speed_json(const struct measured *m, const struct speed *s)
{
    json_t *o = json_object(), *sizes = json_array();
    json_object_set_new(o, "threads", json_integer(s->threads));
    json_object_set_new(o, "median_ms", json_real(s->median));
    json_object_set_new(o, "min_ms", json_real(s->least));
    json_object_set_new(o, "runs", json_integer(s->runs));
    json_object_set_new(o, "gflops", json_real(m->flops / s->median * 1e-6));
    json_object_set_new(o, "peak_gflops", json_real(s->peak));
    for (int i = 0; i < s->sizes; i++)
        json_array_append_new(sizes, json_pack("{s:I,s:f}", "bytes", (json_int_t)s->bytes[i], "gb_per_s", s->read[i]));
    json_object_set_new(o, "read", sizes);
    return o;
}

static json_t *step_json(const struct measured *m, const struct step *s)
{
    json_t *o = json_object(), *times = json_array(), *layers = json_array();
    json_object_set_new(o, "name", json_string(s->n->name));
    json_object_set_new(o, "operator", json_string(s->n->op->onnx));
    for (int i = 0; i < s->n->layers; i++)
        json_array_append_new(layers, json_string(m->g->layers[s->n->layer[i]].name));
    json_object_set_new(o, "layers", layers);
    json_object_set_new(o, "kernel", json_string(s->kernel));
    json_object_set_new(o, "flops", json_real(s->flops));
    json_object_set_new(o, "bytes", json_real(s->weights + s->activations));
    for (int k = 0; k < m->counts; k++)
        json_array_append_new(times, json_pack("{s:i,s:f,s:f,s:f,s:f}", "threads", m->speed[k].threads, "ms", s->ms[k], "share_percent",
                                               share_of(s->ms[k], sum_ms(m, k)), "gflops", s->ms[k] > 0 ? s->flops / s->ms[k] * 1e-6 : 0,
                                               "limit_percent", share_of(s->limit[k], s->ms[k])));
    json_object_set_new(o, "times", times);
    return o;
}

static void print_json(const struct measured *m)
{
    json_t *o = json_object(), *runs = json_array(), *steps = json_array();
    json_object_set_new(o, "network", json_string(m->g->name));
    json_object_set_new(o, "processor", json_string(m->processor));
    json_object_set_new(o, "compiler", json_string(m->compiler));
    json_object_set_new(o, "build_s", json_real(m->build_seconds));
    json_object_set_new(o, "flops", json_real(m->flops));
    json_object_set_new(o, "weights_bytes", json_integer(m->g->weights_bytes));
    json_object_set_new(o, "arena_bytes", json_integer(m->g->arena_bytes + m->g->scratch_bytes));
    json_object_set_new(o, "weights", json_string(m->mapped ? "mapped" : "in the program"));
    json_object_set_new(o, "open_ms", json_real(m->open_ms));
    json_object_set_new(o, "first_ms", json_real(m->first_ms));
    for (int k = 0; k < m->counts; k++)
        json_array_append_new(runs, speed_json(m, &m->speed[k]));
    for (int i = 0; i < m->steps; i++)
        json_array_append_new(steps, step_json(m, &m->step[i]));
    json_object_set_new(o, "runs", runs);
    json_object_set_new(o, "steps", steps);
    json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(o);
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

static void progress(const char *what)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s", what);
}

static bool build_and_run(struct measured *m, const struct work *w)
{
    const char *d = w->dir;
    char *source = work_path(w, "program.c"), *weights = work_path(w, "bench.weights"), *results = work_path(w, "results");
    bool ok = print_program(source, "bench.c");
    if (!ok)
        diag_error_at(w->diag, source, "%s", strerror(errno));
    char *network = xasprintf("%s -DCNNC_PROFILE -c -o '%s/bench.o' '%s/bench.c'", m->compiler, d, d);
    char *link = xasprintf("%s -ffp-contract=fast -DCNNC_PROFILE -include '%s/bench.h' -o '%s/program' '%s/program.c' '%s/bench.o' -lm", m->compiler, d, d, d, d);
    m->mapped = access(weights, F_OK) == 0;
    char *call = xasprintf("'%s/program' '%s' 1", d, m->mapped ? weights : "");
    progress("building");
    const double start = work_seconds();
    ok = ok && work_run(w, "building the generated program", network, NULL);
    m->build_seconds = work_seconds() - start;
    ok = ok && work_run(w, "building the program that measures", link, NULL);
    progress("measuring");
    ok = ok && work_run(w, "running the generated program", call, "results") && read_results(m, results);
    progress("");
    free(source);
    free(weights);
    free(results);
    free(network);
    free(link);
    free(call);
    return ok;
}

bool bench(struct options *o, bool json, read_network_fn *read, compile_network_fn *compile)
{
    struct diag d = {0};
    struct work w;
    struct measured m = {.o = o};
    if (!work_open(&w, "bench", o->input, &d))
        return false;
    char *output = work_path(&w, "bench.c"), *compiler = work_compiler("-O2 -march=native -fopenmp");
    o->output = output;
    o->name = "bench";
    if (o->weights_in == WEIGHTS_AUTO)
        o->weights_in = WEIGHTS_FILE;
    m.compiler = compiler;
    m.processor = work_processor(&m.arena);
    progress("compiling the network");
    m.g = read(o, &d);
    bool ok = m.g && compile(m.g, o);
    if (ok) {
        describe(&m);
        ok = build_and_run(&m, &w);
    }
    if (ok && json)
        print_json(&m);
    else if (ok)
        print_text(&m);
    graph_free(m.g);
    free(output);
    free(compiler);
    arena_free(&m.arena);
    work_close(&w);
    return ok;
}
