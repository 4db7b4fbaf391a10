#include "onnx.h"

#include "front.h"
#include "onnx_import.h"

#include <stdlib.h>
#include <string.h>

bool is_onnx_file(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".onnx") == 0;
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

/* "name=value" cut at `equals`: a copy of the name. */
static char *cut(const char *text, const char *equals, const char *form, const char **value, char *err)
{
    if (!equals || equals == text || !equals[1]) {
        reader_fail(err, "'%.200s' is not of the form %s", text, form);
        return NULL;
    }
    *value = equals + 1;
    return xasprintf("%.*s", (int)(equals - text), text);
}

static bool parse_dim(const char **p, int64_t *v)
{
    char *end;
    long long n = **p >= '0' && **p <= '9' ? strtoll(*p, &end, 10) : -1;
    if (n < 0 || n > INT32_MAX)
        return false;
    *v = n;
    *p = end;
    return true;
}

bool import_add_dim(struct import_options *o, const char *text, char *err)
{
    const char *value;
    struct import_dim d = { .name = cut(text, strrchr(text, '='), "N=1", &value, err) };
    if (!d.name)
        return false;
    if (!parse_dim(&value, &d.value) || *value) {
        free(d.name);
        return reader_fail(err, "'%.200s': a size is expected behind the '='", text);
    }
    VEC_PUSH(o->dim, o->dims, d);
    return true;
}

bool import_add_shape(struct import_options *o, const char *text, char *err)
{
    const char *value;
    struct import_shape s = { .name = cut(text, strrchr(text, '='), "image=1,3,224,224", &value, err) };
    if (!s.name)
        return false;
    while (s.rank < MAX_RANK && parse_dim(&value, &s.size[s.rank])) {
        s.rank++;
        if (*value != ',' && *value != 'x')
            break;
        value++;
    }
    if (*value) {
        free(s.name);
        return reader_fail(err, "'%.200s': sizes with commas between them are expected behind the '='", text);
    }
    VEC_PUSH(o->shape, o->shapes, s);
    return true;
}

bool import_add_fix(struct import_options *o, const char *text, char *err)
{
    struct import_fix f = { .name = cut(text, strchr(text, '='), "NAME=FILE", &f.file, err) };
    if (!f.name)
        return false;
    f.file = xstrdup(f.file);
    VEC_PUSH(o->fix, o->fixes, f);
    return true;
}

void import_options_free(struct import_options *o)
{
    for (int i = 0; i < o->dims; i++)
        free(o->dim[i].name);
    for (int i = 0; i < o->shapes; i++)
        free(o->shape[i].name);
    for (int i = 0; i < o->fixes; i++) {
        free(o->fix[i].name);
        free((char *)(uintptr_t)o->fix[i].file);
    }
    free(o->dim);
    free(o->shape);
    free(o->fix);
    *o = (struct import_options){ 0 };
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

static void onnx_close(void *file)
{
    struct onnx_file *f = file;
    if (!f)
        return;
    if (f->model)
        protobuf_c_message_free_unpacked(&f->model->base, NULL);
    for (int i = 0; i < f->nowned; i++)
        free(f->owned[i]);
    free(f->owned);
    wire_scan_free(&f->scan);
    external_files_free(&f->external);
    mapping_close(&f->map);
    free(f);
}

/* What the mapping holds, checked and unpacked; external files lie in `folder` (NULL: none may be read). */
static struct onnx_file *open_bytes(struct mapping map, bool mapped, const char *folder, char *err)
{
    struct onnx_file *f = xcalloc(1, sizeof *f);
    bool ok = (!folder || external_files_init(&f->external, folder, err)) &&
              wire_scan(&f->scan, &onnx__model_proto__descriptor, map.data, map.bytes, err);
    if (mapped)
        f->scan.map = f->map = map;
    if (ok) {
        f->model = (Onnx__ModelProto *)wire_unpack(&f->scan, &onnx__model_proto__descriptor, err);
        ok = f->model && (f->model->graph || reader_fail(err, "the file holds no graph"));
    }
    if (!ok) {
        onnx_close(f);
        return NULL;
    }
    return f;
}

static struct onnx_file *open_model(const char *path, char *err)
{
    struct mapping map;
    if (!mapping_open(&map, path, err))
        return NULL;
    const char *slash = strrchr(path, '/');
    char *folder = slash ? xasprintf("%.*s", (int)(slash - path + 1), path) : xstrdup(".");
    struct onnx_file *f = open_bytes(map, true, folder, err);
    free(folder);
    return f;
}

static bool is_initialiser(const Onnx__GraphProto *g, struct names *inits, const char *name)
{
    static char here;
    if (!inits->room) {
        names_set(inits, "", &here);
        for (size_t i = 0; i < g->n_initializer; i++)
            names_set(inits, g->initializer[i]->name ? g->initializer[i]->name : "", &here);
        for (size_t i = 0; i < g->n_sparse_initializer; i++)
            if (g->sparse_initializer[i]->values && g->sparse_initializer[i]->values->name)
                names_set(inits, g->sparse_initializer[i]->values->name, &here);
    }
    return names_find(inits, name) != NULL;
}

static struct onnx_value describe(const Onnx__ValueInfoProto *v)
{
    struct onnx_value o = { .name = xstrdup(v->name ? v->name : ""), .rank = -1 };
    const Onnx__TypeProto__Tensor *t = v->type ? v->type->tensor_type : NULL;
    if (!t)
        return o;
    o.dtype = t->has_elem_type ? t->elem_type : 0;
    if (!t->shape || t->shape->n_dim > MAX_RANK)
        return o;
    o.rank = (int)t->shape->n_dim;
    for (int i = 0; i < o.rank; i++)
        o.dim[i] = t->shape->dim[i]->has_dim_value ? t->shape->dim[i]->dim_value : -1;
    return o;
}

bool onnx_signature_read(struct onnx_signature *s, const char *path, char *err)
{
    *s = (struct onnx_signature){ 0 };
    struct onnx_file *f = open_model(path, err);
    struct names inits = { 0 };
    if (!f)
        return false;
    const Onnx__GraphProto *g = f->model->graph;
    for (size_t i = 0; i < g->n_input; i++)
        if (!is_initialiser(g, &inits, g->input[i]->name ? g->input[i]->name : ""))
            VEC_PUSH(s->input, s->inputs, describe(g->input[i]));
    for (size_t i = 0; i < g->n_output; i++)
        VEC_PUSH(s->output, s->outputs, describe(g->output[i]));
    names_free(&inits);
    onnx_close(f);
    return true;
}

void onnx_signature_free(struct onnx_signature *s)
{
    for (int i = 0; i < s->inputs; i++)
        free(s->input[i].name);
    for (int i = 0; i < s->outputs; i++)
        free(s->output[i].name);
    free(s->input);
    free(s->output);
    *s = (struct onnx_signature){ 0 };
}

/* ---- inputs ------------------------------------------------------------------------------------------------------- */

/* The size that --dim or the batch's default gives to a symbol; -1: none. */
static int64_t symbol_size(struct importer *im, struct names *symbols, const char *symbol)
{
    for (int i = 0; i < im->options->dims; i++)
        if (strcmp(im->options->dim[i].name, symbol) == 0)
            return im->options->dim[i].value;
    return names_find(symbols, symbol) ? MAX(1, im->options->batch) : -1;
}

static const struct import_shape *given_shape(struct importer *im, const char *name)
{
    for (int i = 0; i < im->options->shapes; i++)
        if (strcmp(im->options->shape[i].name, name) == 0)
            return &im->options->shape[i];
    return NULL;
}

static bool input_shape(struct importer *im, const Onnx__ValueInfoProto *v, struct names *symbols, int *rank, int64_t *dim)
{
    const Onnx__TensorShapeProto *shape = v->type->tensor_type->shape;
    const struct import_shape *given = given_shape(im, v->name);
    const char *where = arena_printf(im->arena, "%s: input '%s'", im->main->source, v->name);
    if (!shape && !given) {
        diag_error_at(im->diag, where, "its shape is not given: use --input-shape %s=...", v->name);
        return false;
    }
    *rank = shape ? (int)MIN(shape->n_dim, MAX_RANK + 1) : given->rank;
    if (*rank > MAX_RANK) {
        diag_error_at(im->diag, where, "rank %zu is more than %d", shape->n_dim, MAX_RANK);
        return false;
    }
    if (given && given->rank != *rank) {
        diag_error_at(im->diag, where, "--input-shape gives %d dimensions, the model has %d", given->rank, *rank);
        return false;
    }
    for (int i = 0; i < *rank; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape ? shape->dim[i] : NULL;
        bool fixed = d && d->has_dim_value;
        const char *symbol = d && !fixed && d->dim_param && *d->dim_param ? d->dim_param : NULL;
        int64_t size = fixed ? d->dim_value : symbol ? symbol_size(im, symbols, symbol) : i == 0 && shape ? MAX(1, im->options->batch) : -1;
        if (given && (!fixed || d->dim_value == given->size[i])) {
            size = given->size[i];
        } else if (given) {
            diag_error_at(im->diag, where, "dimension %d is %lld, --input-shape says %lld", i, (long long)d->dim_value, (long long)given->size[i]);
            return false;
        } else if (fixed && size < 0) {
            diag_error_at(im->diag, where, "dimension %d is %lld", i, (long long)size);
            return false;
        } else if (size < 0 && symbol) {
            diag_error_at(im->diag, where, "dimension %d, '%s', is not known: use --dim %s=... or --input-shape %s=...", i, symbol, symbol, v->name);
            return false;
        } else if (size < 0) {
            diag_error_at(im->diag, where, "dimension %d is not known: use --input-shape %s=...", i, v->name);
            return false;
        }
        dim[i] = size;
    }
    int64_t count = 1;
    for (int i = 0; i < *rank; i++)
        if (__builtin_mul_overflow(count, MAX(dim[i], 1), &count) || count > ELEMENTS_MAX) {
            diag_error_at(im->diag, where, "it is too large: more than %d elements", ELEMENTS_MAX);
            return false;
        }
    return true;
}

/* --fix-input: the input is the constant that a file holds. */
static bool fix_inputs(struct scope *s, const Onnx__GraphProto *graph)
{
    struct importer *im = s->im;
    for (int i = 0; i < im->options->fixes; i++) {
        const struct import_fix *f = &im->options->fix[i];
        struct tensor_data d;
        char err[CNNC_ERROR_BYTES];
        bool found = false;
        for (size_t k = 0; k < graph->n_input; k++)
            found |= graph->input[k]->name && strcmp(graph->input[k]->name, f->name) == 0;
        if (!found) {
            diag_error_at(im->diag, s->where, "--fix-input: there is no input '%s'", f->name);
            return false;
        }
        if (!tensor_file_read(&d, f->file, err) || d.rank > MAX_RANK) {
            diag_error_at(im->diag, f->file, "%s", d.rank > MAX_RANK ? "its rank is too large" : err);
            tensor_data_free(&d);
            return false;
        }
        VEC_PUSH(im->file->owned, im->file->nowned, d.owned);
        struct tensor *t = tensor_shaped(s->g, name_in(s, f->name), T_CONST, (enum dtype)d.dtype, d.rank, d.dim);
        t->data = d.data;
        scope_set(s, f->name, value_of(s, t));
    }
    return true;
}

static bool import_inputs(struct scope *s, const Onnx__GraphProto *graph)
{
    struct importer *im = s->im;
    struct names inits = { 0 }, symbols = { 0 };
    static char here;
    bool ok = true;
    for (size_t i = 0; i < graph->n_input; i++) { /* what stands first is the batch, wherever else its symbol stands */
        const Onnx__TypeProto *type = graph->input[i]->type;
        const Onnx__TensorShapeProto *shape = type && type->tensor_type ? type->tensor_type->shape : NULL;
        if (shape && shape->n_dim && !shape->dim[0]->has_dim_value && shape->dim[0]->dim_param)
            names_set(&symbols, shape->dim[0]->dim_param, &here);
    }
    for (size_t i = 0; i < graph->n_input && ok; i++) {
        const Onnx__ValueInfoProto *v = graph->input[i];
        int64_t dim[MAX_RANK];
        int rank;
        if (!v->name || !*v->name) {
            diag_error_at(im->diag, s->where, "input %zu has no name", i);
            ok = false;
        } else if (is_initialiser(graph, &inits, v->name) || names_find(&s->names, v->name)) {
            continue;
        } else if (!v->type || !v->type->tensor_type) {
            diag_error_at(im->diag, s->where, "input '%s' is not a tensor: sequences, optionals, maps and sparse tensors are not supported as inputs", v->name);
            ok = false;
        } else if (!dtype_size((enum dtype)v->type->tensor_type->elem_type)) {
            diag_error_at(im->diag, s->where, "input '%s': element type %s is not supported", v->name, dtype_name((enum dtype)v->type->tensor_type->elem_type));
            ok = false;
        } else {
            ok = input_shape(im, v, &symbols, &rank, dim);
            if (!ok)
                break;
            struct tensor *t = tensor_shaped(s->g, name_in(s, v->name), T_INPUT, (enum dtype)v->type->tensor_type->elem_type, rank, dim);
            VEC_PUSH(s->g->input, s->g->inputs, t);
            scope_set(s, v->name, value_of(s, t));
        }
    }
    for (int i = 0; i < im->options->shapes && ok; i++)
        if (!names_find(&s->names, im->options->shape[i].name)) {
            diag_error_at(im->diag, s->where, "--input-shape: there is no input '%s'", im->options->shape[i].name);
            ok = false;
        }
    names_free(&inits);
    names_free(&symbols);
    return ok;
}

/* ---- outputs ------------------------------------------------------------------------------------------------------ */

static bool import_outputs(struct scope *s, const Onnx__GraphProto *graph)
{
    for (size_t i = 0; i < graph->n_output; i++) {
        const char *name = graph->output[i]->name ? graph->output[i]->name : "";
        struct value *v = scope_find(s, name);
        if (!v) {
            diag_error_at(s->im->diag, s->where, "output '%s' is not defined", name);
            return false;
        }
        if (!v->t) {
            diag_error_at(s->im->diag, s->where, "output '%s' is a sequence or an optional, which is not supported", name);
            return false;
        }
        struct tensor *t = v->t;
        if (t->kind != T_VALUE || t->is_output || t->data) /* an input, a constant, or given out twice */
            t = output_copy(s, t, name);
        if (!t)
            return false;
        tensor_rename(s->g, t, arena_strdup(s->im->arena, name));
        t->is_output = true;
        VEC_PUSH(s->g->output, s->g->outputs, t);
    }
    if (!s->g->outputs) {
        diag_error_at(s->im->diag, s->where, "the graph has no outputs");
        return false;
    }
    return true;
}

static const char *base_name(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t n = strlen(base);
    return arena_strndup(a, base, is_onnx_file(base) ? n - 5 : n);
}

static bool import_model(struct scope *s)
{
    const Onnx__ModelProto *m = s->im->file->model;
    s->opset = 0;
    for (size_t i = 0; i < m->n_opset_import; i++)
        if (!m->opset_import[i]->domain || !*m->opset_import[i]->domain || strcmp(m->opset_import[i]->domain, "ai.onnx") == 0)
            s->opset = m->opset_import[i]->version;
    if (s->opset == 0) /* IR versions 1 and 2 have no opsets; a model of other domains only does not care */
        s->opset = m->ir_version >= 3 ? INT32_MAX : 1;
    return fix_inputs(s, m->graph) && import_initialisers(s, m->graph) && import_inputs(s, m->graph) &&
           import_body(s, m->graph->node, m->graph->n_node) && import_outputs(s, m->graph);
}

static struct graph *import_file(struct onnx_file *file, const char *path, const struct import_options *o, struct diag *diag)
{
    static const struct import_options none;
    struct graph *g = graph_new(diag, "");
    struct importer im = { .file = file, .options = o ? o : &none, .diag = diag, .arena = &g->arena, .main = g, .budget = 1000000 };
    struct scope s = { .im = &im, .g = g, .prefix = "" };
    g->name = base_name(&g->arena, path);
    g->source = arena_strdup(&g->arena, path);
    g->from_onnx = true;
    g->release = onnx_close;
    g->release_arg = file;
    s.where = g->source;
    bool ok = import_model(&s);
    scope_free(&s);
    names_free(&im.taken);
    names_free(&im.taken_nodes);
    if (ok && !graph_sort(g)) {
        diag_error_at(diag, path, "the graph has a cycle");
        ok = false;
    }
    if (!ok) {
        graph_free(g);
        return NULL;
    }
    return g;
}

struct graph *onnx_import(const char *path, const struct import_options *o, struct diag *diag)
{
    char err[CNNC_ERROR_BYTES];
    struct onnx_file *file = open_model(path, err);
    if (!file) {
        diag_error_at(diag, path, "%s", err);
        return NULL;
    }
    return import_file(file, path, o, diag);
}

struct graph *onnx_import_bytes(const char *name, const uint8_t *data, size_t bytes, const struct import_options *o, struct diag *diag)
{
    char err[CNNC_ERROR_BYTES];
    struct onnx_file *file = open_bytes((struct mapping){ data, bytes }, false, NULL, err);
    if (!file) {
        diag_error_at(diag, name, "%s", err);
        return NULL;
    }
    return import_file(file, name, o, diag);
}

struct graph *read_onnx(const char *path, const struct options *o, struct diag *d)
{
    struct import_options import = *o->import;
    import.batch = o->batch;
    return onnx_import(path, &import, d);
}
