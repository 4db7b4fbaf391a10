/* --emit=onnx: the graph as an ONNX file. Taken after canonicalise, while every node is still an operator of ONNX.
 *
 * Numbers are streamed: a model of any size needs one tensor in memory at a time. Over 2 GB, which protobuf cannot say, they go to a file
 * beside the model. */
#include "onnx_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INITIALISER = 5, RAW_DATA = 9, GRAPH = 7, BYTES = 2 };

void *make_message(struct writer *w, const ProtobufCMessageDescriptor *d)
{
    ProtobufCMessage *m = arena_alloc(w->arena, d->sizeof_message);
    protobuf_c_message_init(d, m);
    return m;
}
/* ---- tensors ------------------------------------------------------------------------------------------------------ */

/* Elements narrower than a byte, which the compiler holds one per byte, are packed in a file. */
static int file_bits(enum dtype t)
{
    return t == DT_U4 || t == DT_I4 || t == DT_F4E2M1 ? 4 : t == DT_U2 || t == DT_I2 ? 2 : 8 * (int)dtype_size(t);
}

uint64_t file_bytes(const struct tensor *t)
{
    return ((uint64_t)tensor_count(t) * (uint64_t)file_bits(t->dtype) + 7) / 8;
}

const uint8_t *file_data(struct writer *w, const struct tensor *t, const void *data)
{
    int bits = file_bits(t->dtype), per = bits < 8 ? 8 / bits : 1;
    if (per == 1)
        return data;
    uint8_t *packed = arena_alloc(w->arena, (size_t)file_bytes(t) + 1);
    for (int64_t i = 0; i < tensor_count(t); i++)
        packed[i / per] |= (uint8_t)((((const uint8_t *)data)[i] & ((1 << bits) - 1)) << (i % per * bits));
    return packed;
}

Onnx__TensorProto *tensor_head(struct writer *w, const struct tensor *t, const char *name)
{
    Onnx__TensorProto *p = MAKE(w, TensorProto);
    p->name = copy(w, name);
    p->has_data_type = 1;
    p->data_type = (int32_t)t->dtype;
    p->n_dims = (size_t)t->rank;
    p->dims = arena_alloc(w->arena, sizeof *p->dims * (size_t)(t->rank + 1));
    memcpy(p->dims, t->dim, sizeof *p->dims * (size_t)t->rank);
    return p;
}

static void add_entry(struct writer *w, Onnx__TensorProto *p, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *e = MAKE(w, StringStringEntryProto);
    e->key = copy(w, key);
    e->value = copy(w, value);
    p->external_data[p->n_external_data++] = e;
}

static void make_external(struct writer *w, Onnx__TensorProto *p, uint64_t offset, uint64_t bytes)
{
    p->has_data_location = 1;
    p->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    p->external_data = arena_alloc(w->arena, sizeof *p->external_data * 3);
    add_entry(w, p, "location", w->data_name);
    add_entry(w, p, "offset", arena_printf(w->arena, "%llu", (unsigned long long)offset));
    add_entry(w, p, "length", arena_printf(w->arena, "%llu", (unsigned long long)bytes));
}

static Onnx__ValueInfoProto *value_info(struct writer *w, const struct tensor *t)
{
    Onnx__ValueInfoProto *v = MAKE(w, ValueInfoProto);
    Onnx__TypeProto__Tensor *type = MAKE(w, TypeProto__Tensor);
    Onnx__TensorShapeProto *shape = MAKE(w, TensorShapeProto);
    v->name = copy(w, w->name[t->id]);
    v->type = MAKE(w, TypeProto);
    v->type->tensor_type = type;
    type->has_elem_type = 1;
    type->elem_type = (int32_t)t->dtype;
    type->shape = shape;
    shape->n_dim = (size_t)t->rank;
    shape->dim = arena_alloc(w->arena, sizeof *shape->dim * (size_t)(t->rank + 1));
    for (int i = 0; i < t->rank; i++) {
        shape->dim[i] = MAKE(w, TensorShapeProto__Dimension);
        shape->dim[i]->has_dim_value = !t->extent[i];
        shape->dim[i]->dim_value = t->dim[i];
    }
    return v;
}

/* ---- the graph ---------------------------------------------------------------------------------------------------- */

static void name_tensor(struct writer *w, struct tensor *t)
{
    const char *first = t->name && *t->name ? t->name : "unnamed", *name = first;
    if (w->name[t->id])
        return;
    for (int k = 2; names_find(w->names, name); k++)
        name = arena_printf(w->arena, "%s_%d", first, k);
    names_set(w->names, name, t);
    w->name[t->id] = name;
}

/* Every tensor gets a name of its own, as ONNX knows them by nothing else: inputs and outputs first, theirs stay. */
static void name_tensors(struct writer *w)
{
    struct graph *g = w->g;
    for (int i = 0; i < g->inputs; i++)
        name_tensor(w, g->input[i]);
    for (int i = 0; i < g->outputs; i++)
        name_tensor(w, g->output[i]);
    for (int i = 0; i < g->tensors; i++)
        name_tensor(w, g->tensor[i]);
}

static void note_constant(struct writer *w, struct tensor *t)
{
    if (!t || t->def || !tensor_is_const(t) || w->listed[t->id])
        return;
    w->listed[t->id] = true;
    VEC_PUSH(w->constant, w->constants, t);
}

/* The same constant in a graph around this one: the file needs it once. */
static bool around(struct writer *w, const struct tensor *t)
{
    for (struct writer *o = w->outer; o; o = o->outer)
        for (int i = 0; i < o->g->tensors; i++)
            if (o->g->tensor[i]->data == t->data && tensor_is_const(o->g->tensor[i]) && same_shape(o->g->tensor[i], t)) {
                note_constant(o, o->g->tensor[i]);
                w->name[t->id] = o->name[o->g->tensor[i]->id];
                return true;
            }
    return false;
}

static Onnx__GraphProto *graph_proto(struct writer *w, int inputs)
{
    struct graph *g = w->g;
    Onnx__GraphProto *p = MAKE(w, GraphProto);
    p->name = copy(w, g->name);
    p->node = arena_alloc(w->arena, sizeof *p->node * (size_t)(g->nodes + 1));
    p->input = arena_alloc(w->arena, sizeof *p->input * (size_t)(g->inputs + 1));
    p->output = arena_alloc(w->arena, sizeof *p->output * (size_t)(g->outputs + 1));
    for (int i = 0; i < g->nodes; i++) {
        for (int k = 0; k < g->node[i]->nin; k++)
            note_constant(w, g->node[i]->in[k]);
        if (!(p->node[p->n_node++] = node_proto(w, g->node[i])))
            return NULL;
    }
    for (int i = 0; i < inputs; i++)
        p->input[p->n_input++] = value_info(w, g->input[i]);
    for (int i = 0; i < g->outputs; i++) {
        note_constant(w, g->output[i]);
        p->output[p->n_output++] = value_info(w, g->output[i]);
    }
    return p;
}

/* A subgraph: its first inputs are its own, the others have the names of what they stand for. */
Onnx__GraphProto *subgraph_proto(struct writer *outer, const struct node *n, struct graph *g)
{
    struct writer w = { .g = g, .outer = outer, .arena = outer->arena, .names = outer->names, .nodes = outer->nodes };
    const int own = g->inputs - n->captures;
    w.name = arena_alloc(w.arena, sizeof *w.name * (size_t)(g->tensors + 1));
    w.listed = arena_alloc(w.arena, (size_t)g->tensors + 1);
    for (int i = 0; i < n->captures; i++)
        w.name[g->input[own + i]->id] = outer->name[n->in[operands(n) + i]->id];
    for (int i = 0; i < g->tensors; i++)
        if (tensor_is_const(g->tensor[i]) && g->tensor[i]->data && g->tensor[i]->users && around(&w, g->tensor[i]))
            w.listed[i] = true;
    name_tensors(&w);
    Onnx__GraphProto *p = graph_proto(&w, own);
    if (p)
        p->initializer = arena_alloc(w.arena, sizeof *p->initializer * (size_t)(w.constants + 1));
    for (int i = 0; p && i < w.constants; i++) {
        struct tensor *t = w.constant[i];
        const void *data = tensor_value(g, t);
        Onnx__TensorProto *c = p->initializer[p->n_initializer++] = tensor_head(&w, t, w.name[t->id]);
        c->has_raw_data = 1;
        c->raw_data = (ProtobufCBinaryData){ (size_t)file_bytes(t), (uint8_t *)(uintptr_t)(data ? file_data(&w, t, data) : NULL) };
        p = data ? p : NULL;
    }
    free(w.constant);
    return p;
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

static size_t varint(uint64_t v, uint8_t to[10])
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        to[n++] = (uint8_t)(v | 0x80);
    to[n++] = (uint8_t)v;
    return n;
}

static uint64_t field_head(FILE *f, unsigned field, uint64_t length)
{
    uint8_t tag[10], bytes[10];
    size_t n = varint(field << 3 | BYTES, tag), m = varint(length, bytes);
    if (f) {
        fwrite(tag, 1, n, f);
        fwrite(bytes, 1, m, f);
    }
    return n + m;
}

static void write_message(struct writer *w, FILE *f, const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *text = arena_alloc(w->arena, n + 1);
    protobuf_c_message_pack(m, text);
    fwrite(text, 1, n, f);
}

/* An initialiser's length: its head, and its numbers when they are in the model. */
static uint64_t initialiser_bytes(const struct writer *w, const struct tensor *t, const Onnx__TensorProto *head)
{
    uint64_t n = protobuf_c_message_get_packed_size(&head->base), raw = file_bytes(t);
    return w->external ? n : n + field_head(NULL, RAW_DATA, raw) + raw;
}

static bool write_data(struct writer *w, FILE *f, struct tensor *t)
{
    const void *data = tensor_value(w->g, t);
    if (!data)
        return false;
    if (tensor_count(t))
        fwrite(file_data(w, t, data), 1, (size_t)file_bytes(t), f);
    tensor_release(t);
    return true;
}

static bool write_model(struct writer *w, FILE *f, FILE *data)
{
    Onnx__GraphProto *graph = graph_proto(w, w->g->inputs);
    if (!graph)
        return false;
    Onnx__TensorProto **head = arena_alloc(w->arena, sizeof *head * (size_t)(w->constants + 1));
    uint64_t length = protobuf_c_message_get_packed_size(&graph->base), at = 0;
    bool ok = true;
    for (int i = 0; i < w->constants; i++) {
        struct tensor *t = w->constant[i];
        head[i] = tensor_head(w, t, w->name[t->id]);
        if (w->external)
            make_external(w, head[i], at, file_bytes(t));
        at += (file_bytes(t) + 63) / 64 * 64;
        uint64_t n = initialiser_bytes(w, t, head[i]);
        length += field_head(NULL, INITIALISER, n) + n;
    }
    write_message(w, f, &model_proto(w)->base);
    field_head(f, GRAPH, length);
    write_message(w, f, &graph->base);
    for (int i = 0; i < w->constants && ok; i++) {
        struct tensor *t = w->constant[i];
        field_head(f, INITIALISER, initialiser_bytes(w, t, head[i]));
        write_message(w, f, &head[i]->base);
        if (!w->external)
            field_head(f, RAW_DATA, file_bytes(t));
        ok = write_data(w, data ? data : f, t);
        if (data)
            for (uint64_t n = file_bytes(t); n % 64; n++)
                putc(0, data);
    }
    return ok;
}

static uint64_t constants_total(const struct graph *g)
{
    uint64_t sum = 0;
    for (int i = 0; i < g->tensors; i++)
        if (tensor_is_const(g->tensor[i]) && !g->tensor[i]->def && g->tensor[i]->rank >= 0)
            sum += file_bytes(g->tensor[i]);
    return sum;
}

bool emit_onnx(struct graph *g, const char *path)
{
    struct arena arena = { 0 };
    struct names names = { 0 }, nodes = { 0 };
    struct writer w = { .g = g, .arena = &arena, .names = &names, .nodes = &nodes };
    struct outfile model, data = { 0 };
    const char *data_path = arena_printf(&arena, "%s.data", path), *slash = strrchr(data_path, '/');
    bool ok = out_open(&model, path);
    write_sizes(g);
    w.external = constants_total(g) > 2000000000;
    w.data_name = slash ? slash + 1 : data_path;
    if (!ok)
        diag_error_at(g->diag, path, "%s", strerror(errno));
    if (ok && w.external && !out_open(&data, data_path)) {
        diag_error_at(g->diag, data_path, "%s", strerror(errno));
        out_discard(&model);
        ok = false;
    }
    if (ok) {
        w.name = arena_alloc(&arena, sizeof *w.name * (size_t)(g->tensors + 1));
        w.listed = arena_alloc(&arena, (size_t)g->tensors + 1);
        name_tensors(&w);
        ok = write_model(&w, model.f, data.f);
        if (data.f && !ok)
            out_discard(&data);
        else if (data.f && !out_close(&data)) {
            diag_error_at(g->diag, data_path, "%s", strerror(errno));
            ok = false;
        }
        if (!ok)
            out_discard(&model);
        else if (!out_close(&model)) {
            diag_error_at(g->diag, path, "%s", strerror(errno));
            ok = false;
        }
    }
    free(w.constant);
    names_free(&names);
    names_free(&nodes);
    arena_free(&arena);
    return ok;
}
