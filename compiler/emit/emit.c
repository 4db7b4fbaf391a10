#include "emit.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { C_TEXT_LIMIT = 1 << 20 }; /* bytes of weights above which they go to a file of their own */

const char *c_string(struct arena *a, const char *s)
{
    struct strbuf b = {0};
    sb_add(&b, "");
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            sb_addf(&b, "\\%c", *s);
        else if (isprint((unsigned char)*s))
            sb_addn(&b, s, 1);
        else
            sb_addf(&b, "\\%03o", (unsigned char)*s);
    const char *r = arena_strdup(a, b.s);
    sb_free(&b);
    return r;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "dir/net.c" and ".h" -> "dir/net.h" */
static const char *with_ending(struct arena *a, const char *path, const char *ending)
{
    size_t n = strlen(path);
    if (n > 2 && strcmp(path + n - 2, ".c") == 0)
        n -= 2;
    return arena_printf(a, "%.*s%s", (int)n, path, ending);
}

static bool file_error(struct graph *g, const char *path)
{
    diag_error_at(g->diag, path, "%s", strerror(errno));
    return false;
}

/* --runtime=external: the shared header beside the .c. One that is there already and the same stays as it is, so that nothing is built anew. */
static bool write_runtime(struct graph *g, struct arena *a, const char *output)
{
    const char *slash = strrchr(output, '/'), *path = arena_printf(a, "%.*s" RUNTIME_HEADER, slash ? (int)(slash + 1 - output) : 0, output);
    char *text = NULL, *there = read_file(path, NULL);
    size_t bytes = 0;
    FILE *m = open_memstream(&text, &bytes);
    print_runtime_header(m);
    fclose(m);
    struct outfile h;
    bool ok = there && strcmp(there, text) == 0;
    if (!ok && out_open(&h, path)) {
        fwrite(text, 1, bytes, h.f);
        ok = out_close(&h);
    }
    free(there);
    free(text);
    return ok || file_error(g, path);
}

/* The emitter of a training graph: functions NAME_train_... or NAME_eval_..., one context and one arena for both. What the
 * graphs need of the runtime stands in the file once. */
static void init_train(struct emitter *t, struct emitter *e, struct graph *g, const char *suffix)
{
    *t = (struct emitter){.g = g, .o = e->o, .weights_in = WEIGHTS_C, .header = e->header,
                          .parts = e->parts, .defines = e->defines, .stages = e->stages};
    t->name = arena_printf(&t->arena, "%s_%s", e->name, suffix);
    t->ctx = arena_printf(&t->arena, "%s_train_ctx", e->name);
    t->upper = arena_printf(&t->arena, "%s_TRAIN", e->upper);
    emit_layers(t);
    e->parts = t->parts;
    e->defines = t->defines;
    e->stages = t->stages;
    t->parts = t->defines = (struct strbuf){0};
}

static void free_emitter(struct emitter *e)
{
    sb_free(&e->parts);
    sb_free(&e->defines);
    sb_free(&e->instances);
    sb_free(&e->layers);
    names_free(&e->used);
    arena_free(&e->arena);
}

bool emit(struct graph *g, const struct train_graphs *graphs, const struct options *o)
{
    struct emitter e = {.g = g, .o = o, .profiled = true};
    e.name = c_identifier(&e.arena, o->name ? o->name : g->name);
    if (strcmp(e.name, "cnnc") == 0) {
        diag_error_at(g->diag, o->input, "the name cnnc is the runtime's own, expected another (--name gives one)");
        arena_free(&e.arena);
        return false;
    }
    char *upper = arena_strdup(&e.arena, e.name);
    for (char *p = upper; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    e.upper = upper;
    e.ctx = arena_printf(&e.arena, "%s_ctx", e.name);
    const char *header = with_ending(&e.arena, o->output, ".h"), *weights = with_ending(&e.arena, o->output, ".weights");
    e.source = base_name(o->output);
    e.header = base_name(header);
    e.weights_in = o->weights_in;
    if (e.weights_in == WEIGHTS_AUTO)
        e.weights_in = g->weights_bytes <= C_TEXT_LIMIT ? WEIGHTS_C : WEIGHTS_FILE;
    if (e.weights_in != WEIGHTS_C)
        e.weights_file = base_name(weights);
    weights_identity(&e);
    emit_layers(&e);
    parts_need(&e.parts, "profile.h");
    e.team = stays_together(&e);
    if (e.team)
        parts_need(&e.parts, "team.h");
    struct emitter step = {0}, eval = {0}, *both[] = {&step, &eval}, *const *train = graphs->step ? both : NULL;
    if (train) {
        init_train(&step, &e, graphs->step, "train");
        init_train(&eval, &e, graphs->eval, "eval");
    }
    parts_need(&e.parts, "open.h");

    struct outfile c, h, w = {0};
    bool ok = true;
    if (!out_open(&c, o->output))
        ok = file_error(g, o->output);
    else if (!out_open(&h, header)) {
        ok = file_error(g, header);
        out_discard(&c);
    } else if (e.weights_file && !out_open(&w, weights)) {
        ok = file_error(g, weights);
        out_discard(&c);
        out_discard(&h);
    } else {
        emit_api(&e, train, h.f);
        emit_source(&e, train, c.f);
        ok = g->diag->errors == 0 && (!e.weights_file || emit_weights_file(&e, w.f));
        if (!ok && g->diag->errors == 0)
            file_error(g, weights);
        struct {
            struct outfile *f;
            const char *path;
        } files[] = {{&w, weights}, {&h, header}, {&c, o->output}};
        for (size_t i = 0; i < COUNT(files); i++)
            if (!files[i].f->f)
                continue;
            else if (!ok)
                out_discard(files[i].f);
            else if (!out_close(files[i].f))
                ok = file_error(g, files[i].path);
        ok = ok && (!o->external_runtime || write_runtime(g, &e.arena, o->output));
    }
    free_emitter(&e);
    free_emitter(&step);
    free_emitter(&eval);
    return ok;
}
