/* --verify: which layer is wrong. */
#include "trial_steps.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An intermediate tensor that is stored. */
struct stage_file {
    char *path;
    struct result result;
    int output; /* of the program */
    const char *type;
    long line; /* of the .net, or 0 */
};

/* "input_0", "output_12": those files hold something else. */
static bool is_reserved(const char *name)
{
    const char *number = strncmp(name, "input_", 6) == 0 ? name + 6 : strncmp(name, "output_", 7) == 0 ? name + 7 : "";
    return *number && number[strspn(number, "0123456789")] == 0;
}

/* FOLDER/NAME.npy or .pb, if it is there. Heap memory. */
static char *stored_path(const struct trial *t, const char *name)
{
    static const char *const endings[] = {"npy", "pb"};
    for (size_t i = 0; i < COUNT(endings) && !is_reserved(name); i++) {
        char *path = xasprintf("%s/%s.%s", t->folder, name, endings[i]);
        for (char *p = path + strlen(t->folder) + 1; *p; p++)
            if (*p == '/')
                *p = '_';
        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

static struct stage_file *find_files(struct trial *t, struct graph *g, int *n)
{
    struct stage_file *list = NULL;
    int kept = 0;
    for (int i = 0; i < g->nodes; i++)
        for (int k = 0; k < g->node[i]->nout; k++) {
            const struct node *l = g->node[i];
            const struct tensor *y = l->out[k];
            char *path = y && y->rank >= 0 && dtype_size(y->dtype) ? stored_path(t, y->name) : NULL;
            if (!path)
                continue;
            struct stage_file s = {.path = path, .result = trial_result(y), .type = l->op->net ? l->op->net : l->op->onnx, .output = -1};
            long column;
            if (l->span.source)
                source_position(l->span.source, l->span.first, &s.line, &column);
            for (int o = 0; o < g->outputs; o++)
                if (g->output[o] == y)
                    s.output = o;
            if (s.output < 0) {
                s.output = g->outputs + kept++;
                VEC_PUSH(t->o->keep, t->o->keeps, s.result.name);
            }
            VEC_PUSH(list, *n, s);
        }
    return list;
}

/* One stored tensor against what the program gave. */
static bool compare_file(struct trial *t, const struct stage_file *s, const void *data)
{
    struct tensor_data got = s->result.shape, expected;
    char err[CNNC_ERROR_BYTES];
    const char *why;
    if (!tensor_file_read(&expected, s->path, err))
        return trial_fail(t, s->path, err);
    got.data = data;
    const struct comparison c = compare(&got, &expected, 1e-3, 1e-7);
    const bool ok = c.same_type && c.same_shape && trial_accepts(t, &s->result, &c, &why);
    printf("layer '%s': ", s->result.name);
    if (!c.same_type)
        printf("WRONG: type %s, expected %s\n", element_name(got.dtype), element_name(expected.dtype));
    else if (!c.same_shape)
        printf("WRONG: it has another shape than the stored tensor\n");
    else
        printf("%s: largest error %.3g of a range of %.3g%s\n", ok ? "ok" : "WRONG", c.worst, c.range, ok ? "" : ":");
    if (c.same_type && c.same_shape && !ok)
        printf("    %.9g, expected %.9g, at element %zu; %zu of %zu elements differ\n", c.got, c.expected, c.at, c.bad, got.count);
    tensor_data_free(&expected);
    return ok;
}

static bool read_out(struct trial *t, char **data, const size_t *bytes, int n)
{
    char *path = work_path(&t->work, "layers");
    FILE *f = fopen(path, "rb");
    bool ok = f != NULL;
    for (int i = 0; i < n && ok; i++) {
        data[i] = xcalloc(bytes[i] + 8, 1);
        ok = fread(data[i], 1, bytes[i], f) == bytes[i];
    }
    if (f)
        fclose(f);
    if (!ok)
        trial_fail(t, path, "the program wrote too little");
    free(path);
    return ok;
}

/* The program anew, with every stored tensor as an output. *any: there are some. */
static bool compare_files(struct trial *t, bool *any, bool *named)
{
    struct graph *g = trial_import(t, &t->diag);
    int n = 0, outputs;
    if (!g)
        return false;
    expose_extents(g);
    const int keeps = t->o->keeps;
    struct stage_file *list = find_files(t, g, &n);
    outputs = g->outputs + t->o->keeps - keeps;
    size_t *bytes = xcalloc((size_t)outputs + 1, sizeof *bytes);
    char **data = xcalloc((size_t)outputs + 1, sizeof *data);
    for (int i = 0; i < g->outputs; i++)
        bytes[i] = (size_t)tensor_count(g->output[i]) * dtype_size(g->output[i]->dtype);
    for (int i = 0; i < n; i++)
        bytes[list[i].output] = list[i].result.shape.bytes;
    *any = n > 0;
    bool ok = n == 0 || (t->compile(g, t->o) && t->diag.errors == 0 && trial_write_program(t, "verify.c") && trial_build_and_run(t, "layers") && read_out(t, data, bytes, outputs));
    graph_free(g);
    for (int i = 0; i < n && ok; i++) {
        ok = compare_file(t, &list[i], data[list[i].output]);
        if (ok)
            continue;
        *named = true;
        printf("first layer that differs from what is stored: '%s' (%s", list[i].result.name, list[i].type);
        printf(list[i].line ? ", line %ld)\n" : ")\n", list[i].line);
    }
    for (int i = 0; i < outputs; i++)
        free(data[i]);
    free(data);
    free(bytes);
    t->o->keeps = keeps;
    for (int i = 0; i < n; i++) {
        free(list[i].path);
        free(list[i].result.name);
    }
    free(list);
    return ok;
}

/* The same program with a self-test for the stored inputs: each step, as it was fused, against the network computed as it is written. */
static void ask_selftest(struct trial *t)
{
    struct graph *g = trial_import(t, &t->diag);
    if (!g)
        return;
    const char **files = NULL;
    int n = 0;
    for (int i = 0; i < t->signature.inputs; i++)
        if (!t->fixed[i])
            VEC_PUSH(files, n, t->in.path[i]);
    expose_extents(g);
    t->o->selftest = true;
    t->o->selftest_files = files;
    bool ok = t->compile(g, t->o) && t->diag.errors == 0;
    t->o->selftest = false;
    t->o->selftest_files = NULL;
    graph_free(g);
    free(files);
    if (!ok || !trial_write_program(t, "verify_layers.c") || !trial_build_and_run(t, "layer"))
        return;
    char *path = work_path(&t->work, "layer"), *layer = read_file(path, NULL);
    if (layer && *layer)
        printf("first layer that differs from the compiler's own evaluation of the network: '%s'\n", layer);
    else if (layer)
        printf("every layer that the compiler can compute itself agrees with that: the stored tensors are those of another network or input, or the network was "
               "read otherwise\n");
    free(layer);
    free(path);
}

bool trial_layers(struct trial *t, bool agrees)
{
    bool any = false, named = false;
    const bool same = compare_files(t, &any, &named);
    if (!agrees && !named && t->diag.errors == 0)
        ask_selftest(t);
    return agrees && same;
}
