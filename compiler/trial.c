/* --verify, in steps: read the stored tensors; give the inputs their shapes, and those that decide shapes their values; compile;
 * build with $CC; run; compare. */
#include "trial.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emit/emit.h"
#include "halves.h"
#include "trial_steps.h"

bool trial_fail(struct trial *t, const char *where, const char *what)
{
    diag_error_at(&t->diag, where, "%s", what);
    return false;
}

/* KIND_0, KIND_1, ... as .pb or .npy, until there is none. */
static bool read_stored(struct trial *t, struct stored *s, const char *kind)
{
    for (;; s->n++) {
        char err[CNNC_ERROR_BYTES];
        struct tensor_data d;
        char *path = xasprintf("%s/%s_%d.pb", t->folder, kind, s->n);
        if (access(path, F_OK) != 0) {
            free(path);
            path = xasprintf("%s/%s_%d.npy", t->folder, kind, s->n);
        }
        if (access(path, F_OK) != 0) {
            free(path);
            return true;
        }
        if (!tensor_file_read(&d, path, err)) {
            trial_fail(t, path, err);
            free(path);
            return false;
        }
        int n = s->n, m = s->n;
        VEC_PUSH(s->tensor, n, d);
        VEC_PUSH(s->path, m, path);
    }
}

static void free_stored(struct stored *s)
{
    for (int i = 0; i < s->n; i++) {
        tensor_data_free(&s->tensor[i]);
        free(s->path[i]);
    }
    free(s->tensor);
    free(s->path);
}

/* What the trial says about the inputs on top of the user's own options. */
static struct import_options options_for(const struct trial *t)
{
    const struct import_options *user = t->o->import;
    struct import_options io = { .max_rounds = user->max_rounds };
    for (int i = 0; i < user->dims; i++) {
        struct import_dim d = { xstrdup(user->dim[i].name), user->dim[i].value };
        VEC_PUSH(io.dim, io.dims, d);
    }
    for (int i = 0; i < t->signature.inputs && i < t->in.n; i++) {
        const struct onnx_value *v = &t->signature.input[i];
        if (t->fixed[i]) {
            struct import_fix f = { xstrdup(v->name), xstrdup(t->in.path[i]) };
            VEC_PUSH(io.fix, io.fixes, f);
        } else if (t->in.tensor[i].rank <= MAX_RANK) {
            struct import_shape s = { .name = xstrdup(v->name), .rank = t->in.tensor[i].rank };
            memcpy(s.size, t->in.tensor[i].dim, sizeof *s.size * (size_t)s.rank);
            VEC_PUSH(io.shape, io.shapes, s);
        }
    }
    return io;
}

struct graph *trial_import(struct trial *t, struct diag *d)
{
    struct import_options io = options_for(t);
    const struct import_options *user = t->o->import;
    t->o->import = &io;
    struct graph *g = t->read(t->o, d);
    t->o->import = user;
    import_options_free(&io);
    return g;
}

static bool works(struct trial *t)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *quiet = open_memstream(&text, &bytes);
    struct diag d = { .out = quiet };
    struct graph *g = trial_import(t, &d);
    bool ok = g != NULL && d.errors == 0;
    graph_free(g);
    fclose(quiet);
    free(text);
    return ok;
}

static bool is_small(const struct tensor_data *d)
{
    return d->rank <= 1 && d->count <= 64;
}

/* Inputs that decide shapes must be known. Which ones do shows by trying: all small ones at first, whole numbers before others, then each of
 * them free again if that works. */
static void fix_inputs(struct trial *t)
{
    int n = MIN(t->signature.inputs, t->in.n);
    if (works(t))
        return;
    for (int round = 0; round < 2; round++) {
        bool any = false;
        for (int i = 0; i < n; i++) {
            bool whole = !dtype_is_float((enum dtype)t->in.tensor[i].dtype);
            t->fixed[i] = is_small(&t->in.tensor[i]) && (whole || round);
            any |= t->fixed[i];
        }
        if (!any || !works(t))
            continue;
        for (int i = 0; i < n; i++)
            if (t->fixed[i]) {
                t->fixed[i] = false;
                t->fixed[i] = !works(t);
            }
        return;
    }
    /* All stay fixed: then the error is not that one of them is unknown. */
}

static bool read_signature(struct trial *t)
{
    char err[CNNC_ERROR_BYTES];
    if (is_onnx_file(t->o->input)) {
        if (!onnx_signature_read(&t->signature, t->o->input, err))
            return trial_fail(t, t->o->input, err);
    } else {
        struct graph *g = t->read(t->o, &t->diag);
        if (!g)
            return false;
        for (int i = 0; i < g->inputs; i++) {
            struct onnx_value v = { .name = xstrdup(g->input[i]->name), .dtype = (int)g->input[i]->dtype };
            VEC_PUSH(t->signature.input, t->signature.inputs, v);
        }
        graph_free(g);
    }
    t->fixed = xcalloc((size_t)t->signature.inputs + 1, sizeof *t->fixed);
    return true;
}

/* The stored tensors of the inputs that are left, one after the other. */
bool trial_write_inputs(struct trial *t, const struct graph *g)
{
    char *path = work_path(&t->work, "in"), text[160];
    FILE *f = fopen(path, "wb");
    bool ok = f != NULL;
    for (int i = 0, k = 0; i < t->signature.inputs && ok; i++) {
        if (t->fixed[i])
            continue;
        struct tensor *x = g->input[k++];
        const struct tensor_data *d = &t->in.tensor[i];
        if (d->dtype != (int)x->dtype || d->count != (size_t)tensor_count(x)) {
            diag_error_at(&t->diag, t->in.path[i], "it holds %zu elements of type %s, input '%s' needs %s of shape %s", d->count,
                          dtype_name((enum dtype)d->dtype), x->name, dtype_name(x->dtype), shape_text(x, text));
            fclose(f);
            free(path);
            return false;
        }
        fwrite(d->data, 1, d->bytes, f);
    }
    ok = f && fclose(f) == 0 && ok;
    if (!ok)
        trial_fail(t, path, strerror(errno));
    free(path);
    return ok;
}

bool trial_write_program(struct trial *t, const char *name)
{
    char *path = work_path(&t->work, "main.c");
    const bool ok = print_program(path, name) || trial_fail(t, path, strerror(errno));
    free(path);
    return ok;
}

bool trial_build_and_run(struct trial *t, const char *out)
{
    const char *dir = t->work.dir;
    char *weights = work_path(&t->work, "trial.weights"), *compiler = work_compiler("-O2 -march=native");
    char *build = xasprintf("%s -o %s/program %s/main.c -lm", compiler, dir, dir);
    char *call = xasprintf("%s/program %s/in %s/%s '%s'", dir, dir, dir, out, access(weights, F_OK) == 0 ? weights : "");
    bool ok = work_run(&t->work, "building the generated program", build, NULL) && work_run(&t->work, "running the generated program", call, NULL);
    free(weights);
    free(compiler);
    free(build);
    free(call);
    return ok;
}

/* The step of the last quantisation where the output is what a DequantizeLinear gives; 0 otherwise. */
static double output_step(const struct tensor *t)
{
    const struct node *n = t->def;
    while (n && n->nin > 0 && n->in[0] && ((n->op->flags & OP_VIEW) || strcmp(n->op->onnx, "Identity") == 0))
        n = n->in[0]->def;
    const struct tensor *scale = n && strcmp(n->op->onnx, "DequantizeLinear") == 0 ? input(n, 1) : NULL;
    return scale && scale->data && scale->dtype == DT_F32 && tensor_count(scale) == 1 ? (double)*(const float *)scale->data : 0;
}

struct result trial_result(const struct tensor *y)
{
    struct result r = {.name = xstrdup(y->name), .step = output_step(y)};
    r.shape.dtype = (int)y->dtype;
    r.shape.rank = y->rank;
    memcpy(r.shape.dim, y->dim, sizeof *y->dim * (size_t)MAX(y->rank, 0));
    r.shape.count = (size_t)tensor_count(y);
    r.shape.bytes = r.shape.count * dtype_size(y->dtype);
    return r;
}

/* As ONNX's own runner compares; or, for floats, against the range of the output, which is what matters where values near zero are the
 * differences of large ones. */
bool trial_accepts(const struct trial *t, const struct result *r, const struct comparison *c, const char **why)
{
    *why = "rtol 1e-3, atol 1e-7";
    if (c->close)
        return true;
    *why = "within --tolerance";
    if (c->worst <= t->o->tolerance)
        return true;
    if (!dtype_is_float((enum dtype)r->shape.dtype))
        return false;
    *why = "within 1e-4 of the range";
    if (c->worst <= 1e-4 * c->range)
        return true;
    *why = "within what rounded weights may cost";
    if (c->worst <= t->rounding * (r->shape.count > 1 ? c->range : fabs(c->expected)))
        return true;
    *why = "within one step of the quantisation";
    return r->step > 0 && c->worst <= r->step * 1.001;
}

/* What is used of an output whose size depends on the data, in place. */
static void crop(struct tensor_data *d, const struct result *r, const struct result *all, char *const *data)
{
    size_t item = d->count ? d->bytes / d->count : 1;
    for (int k = 0; k < d->rank; k++) {
        if (r->extent[k] < 0 || all[r->extent[k]].shape.dtype != DT_I64)
            continue;
        int64_t used = *(const int64_t *)(const void *)data[r->extent[k]], whole = d->dim[k];
        if (used < 0 || used > whole)
            continue;
        size_t inner = item * (size_t)dims_count(d->rank - k - 1, d->dim + k + 1);
        for (int64_t o = 0; o < dims_count(k, d->dim); o++)
            memmove((char *)d->data + (size_t)(o * used) * inner, (char *)d->data + (size_t)(o * whole) * inner, (size_t)used * inner);
        d->dim[k] = used;
        d->count = (size_t)dims_count(d->rank, d->dim);
        d->bytes = d->count * item;
    }
}

static bool compare_output(struct trial *t, int i, const struct result *all, char *const *data)
{
    const struct result *r = &all[i];
    struct tensor_data got = r->shape;
    const char *why;
    bool ok = false;
    got.data = data[i];
    crop(&got, r, all, data);
    if (i >= t->out.n) {
        printf("output %d '%s': nothing is stored to compare with\n", i, r->name);
        ok = true;
    } else {
        struct comparison c = compare(&got, &t->out.tensor[i], 1e-3, 1e-7);
        if (!c.same_type) {
            printf("output %d '%s': WRONG: type %s, expected %s\n", i, r->name, dtype_name((enum dtype)got.dtype), dtype_name((enum dtype)t->out.tensor[i].dtype));
        } else if (!c.same_shape) {
            printf("output %d '%s': WRONG: shape [", i, r->name);
            for (int k = 0; k < got.rank; k++)
                printf("%s%lld", k ? "," : "", (long long)got.dim[k]);
            printf("], expected [");
            for (int k = 0; k < t->out.tensor[i].rank; k++)
                printf("%s%lld", k ? "," : "", (long long)t->out.tensor[i].dim[k]);
            printf("]\n");
        } else {
            ok = trial_accepts(t, r, &c, &why);
            printf("output %d '%s': %s: largest error %.3g of a range of %.3g", i, r->name, ok ? "ok" : "WRONG", c.worst, c.range);
            if (c.worst > 0)
                printf(" (%.9g, expected %.9g, at element %zu)", c.got, c.expected, c.at);
            if (ok && c.worst > 0)
                printf(", %s", why);
            if (r->step > 0 || t->rounding > 0)
                printf(", %s top-1", c.same_top ? "same" : "another");
            if (!ok)
                printf("; %zu of %zu elements differ", c.bad, got.count);
            printf("\n");
        }
    }
    return ok;
}

static bool compare_outputs(struct trial *t, const struct result *r, int n)
{
    char *path = work_path(&t->work, "out");
    FILE *f = fopen(path, "rb");
    bool ok = f != NULL || trial_fail(t, path, strerror(errno));
    char **data = xcalloc((size_t)n + 1, sizeof *data);
    for (int i = 0; i < n && f; i++) {
        data[i] = xcalloc(r[i].shape.bytes + 8, 1);
        if (fread(data[i], 1, r[i].shape.bytes, f) != r[i].shape.bytes)
            ok = trial_fail(t, r[i].name, "the program wrote too little");
    }
    for (int i = 0; i < n && f && (i < t->out.n || !r[i].tells); i++)
        ok &= compare_output(t, i, r, data);
    for (int i = 0; i < n; i++)
        free(data[i]);
    free(data);
    if (f)
        fclose(f);
    if (ok && n < t->out.n)
        ok = trial_fail(t, t->folder, "more outputs are stored than the network has");
    free(path);
    return ok;
}

static int64_t constant_bytes(const struct graph *g)
{
    int64_t sum = 0;
    for (int i = 0; i < g->tensors; i++)
        if (tensor_is_const(g->tensor[i]) && g->tensor[i]->rank >= 0)
            sum += tensor_count(g->tensor[i]) * (int64_t)dtype_size(g->tensor[i]->dtype);
    return sum;
}

static bool try_it(struct trial *t)
{
    struct options *o = t->o;
    if (!read_signature(t))
        return false;
    bool tensors = true;
    for (int i = 0; i < t->signature.inputs; i++)
        tensors &= t->signature.input[i].dtype != 0 && t->signature.input[i].dtype != DT_STRING;
    for (int i = 0; i < t->signature.outputs; i++)
        if (!dtype_size((enum dtype)t->signature.output[i].dtype)) {
            diag_error_at(&t->diag, o->input, "output '%s': strings, sequences and optionals are not supported as outputs", t->signature.output[i].name);
            return false;
        }
    if (!tensors) { /* sequences and the like: the import says what is not supported */
        graph_free(t->read(o, &t->diag));
        return t->diag.errors ? false : trial_fail(t, o->input, "inputs or outputs that are not numeric tensors are not supported");
    }
    if (!read_stored(t, &t->in, "input") || !read_stored(t, &t->out, "output"))
        return false;
    if (t->in.n < t->signature.inputs)
        return trial_fail(t, t->folder, "fewer inputs are stored than the network has");
    if (is_onnx_file(o->input))
        fix_inputs(t);
    struct graph *g = trial_import(t, &t->diag);
    if (!g)
        return false;
    for (int i = 0; i < t->signature.inputs; i++)
        if (t->fixed[i])
            printf("input %d '%s' decides shapes: fixed to %s\n", i, t->signature.input[i].name, t->in.path[i]);
    expose_extents(g);
    int n = g->outputs;
    struct result *r = xcalloc((size_t)n + 1, sizeof *r);
    for (int i = 0; i < n; i++) {
        const struct tensor *y = g->output[i];
        r[i] = trial_result(y);
        for (int k = 0; k < MAX_RANK; k++) {
            r[i].extent[k] = -1;
            for (int e = 0; e < n && k < y->rank && y->extent[k]; e++)
                if (g->output[e] == y->extent[k]) {
                    r[i].extent[k] = e;
                    r[e].tells = true;
                }
        }
    }
    o->output = work_path(&t->work, "trial.c");
    o->name = "trial";
    if (o->weights_in == WEIGHTS_AUTO)
        o->weights_in = constant_bytes(g) > 4096 ? WEIGHTS_FILE : WEIGHTS_C;
    bool ok = trial_write_inputs(t, g) && t->compile(g, o) && t->diag.errors == 0;
    t->rounding = half_tolerance(g);
    graph_free(g);
    ok = ok && trial_write_program(t, "verify.c") && trial_build_and_run(t, "out");
    if (ok)
        ok = trial_layers(t, compare_outputs(t, r, n));
    for (int i = 0; i < n; i++)
        free(r[i].name);
    free(r);
    free((char *)(uintptr_t)o->output);
    return ok;
}

bool trial(struct options *o, const char *folder, read_network_fn *read, compile_network_fn *compile)
{
    struct trial t = { .o = o, .folder = folder, .read = read, .compile = compile };
    struct stat st;
    bool ok = false;
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)) {
        trial_fail(&t, folder, "no such folder");
    } else if (work_open(&t.work, "verify", o->input, &t.diag)) {
        ok = try_it(&t);
        work_close(&t.work);
    }
    onnx_signature_free(&t.signature);
    free_stored(&t.in);
    free_stored(&t.out);
    free(t.fixed);
    printf("%s: %s\n", o->input, ok ? "verified" : "NOT verified");
    return ok;
}
