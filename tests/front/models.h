/* Small ONNX models, built by hand for tests. Everything is allocated and never freed; sizes are bounded by the arrays. */
#ifndef TEST_MODELS_H
#define TEST_MODELS_H

#include "onnx.pb-c.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MODEL_MAX = 64 };

static inline void *test_alloc(size_t n)
{
    void *p = calloc(1, n);
    if (!p)
        exit(2);
    return p;
}

static inline char *test_text(const char *s)
{
    return strcpy(test_alloc(strlen(s) + 1), s);
}

/* "a b c", "-" for an absent one -> strings */
static inline size_t test_words(const char *s, char ***list)
{
    size_t n = 0;
    *list = test_alloc(sizeof **list * MODEL_MAX);
    while (*s) {
        size_t k = strcspn(s, " ");
        char *w = test_alloc(k + 1);
        memcpy(w, s, k);
        (*list)[n++] = strcmp(w, "-") == 0 ? test_text("") : w;
        s += k + (s[k] == ' ');
    }
    return n;
}

static inline Onnx__GraphProto *test_graph(const char *name)
{
    Onnx__GraphProto *g = test_alloc(sizeof *g);
    onnx__graph_proto__init(g);
    g->name = test_text(name);
    g->node = test_alloc(sizeof *g->node * MODEL_MAX);
    g->input = test_alloc(sizeof *g->input * MODEL_MAX);
    g->output = test_alloc(sizeof *g->output * MODEL_MAX);
    g->initializer = test_alloc(sizeof *g->initializer * MODEL_MAX);
    return g;
}

static inline Onnx__ModelProto *test_model(int opset)
{
    Onnx__ModelProto *m = test_alloc(sizeof *m);
    Onnx__OperatorSetIdProto *o = test_alloc(sizeof *o);
    onnx__model_proto__init(m);
    onnx__operator_set_id_proto__init(o);
    m->has_ir_version = 1;
    m->ir_version = 8;
    m->graph = test_graph("test");
    m->opset_import = test_alloc(sizeof *m->opset_import * 4);
    m->opset_import[m->n_opset_import++] = o;
    m->functions = test_alloc(sizeof *m->functions * 4);
    o->domain = test_text("");
    o->has_version = 1;
    o->version = opset;
    return m;
}

/* rank dims follow; a dimension of -1000 is left unknown */
static inline Onnx__ValueInfoProto *test_value(const char *name, int type, int rank, va_list dims)
{
    Onnx__ValueInfoProto *v = test_alloc(sizeof *v);
    onnx__value_info_proto__init(v);
    v->name = test_text(name);
    v->type = test_alloc(sizeof *v->type);
    onnx__type_proto__init(v->type);
    v->type->tensor_type = test_alloc(sizeof *v->type->tensor_type);
    onnx__type_proto__tensor__init(v->type->tensor_type);
    v->type->tensor_type->has_elem_type = 1;
    v->type->tensor_type->elem_type = type;
    Onnx__TensorShapeProto *s = v->type->tensor_type->shape = test_alloc(sizeof *s);
    onnx__tensor_shape_proto__init(s);
    s->dim = test_alloc(sizeof *s->dim * MODEL_MAX);
    for (int i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *d = s->dim[s->n_dim++] = test_alloc(sizeof *d);
        onnx__tensor_shape_proto__dimension__init(d);
        d->dim_value = va_arg(dims, int);
        d->has_dim_value = d->dim_value != -1000;
    }
    return v;
}

static inline Onnx__ValueInfoProto *test_input(Onnx__GraphProto *g, const char *name, int type, int rank, ...)
{
    va_list ap;
    va_start(ap, rank);
    Onnx__ValueInfoProto *v = g->input[g->n_input++] = test_value(name, type, rank, ap);
    va_end(ap);
    return v;
}

static inline void test_output(Onnx__GraphProto *g, const char *name, int type, int rank, ...)
{
    va_list ap;
    va_start(ap, rank);
    g->output[g->n_output++] = test_value(name, type, rank, ap);
    va_end(ap);
}

static inline Onnx__NodeProto *test_node(const char *op, const char *in, const char *out)
{
    Onnx__NodeProto *n = test_alloc(sizeof *n);
    onnx__node_proto__init(n);
    n->op_type = test_text(op);
    n->n_input = test_words(in, &n->input);
    n->n_output = test_words(out, &n->output);
    n->attribute = test_alloc(sizeof *n->attribute * MODEL_MAX);
    return n;
}

static inline Onnx__NodeProto *test_add_node(Onnx__GraphProto *g, const char *op, const char *in, const char *out)
{
    return g->node[g->n_node++] = test_node(op, in, out);
}

static inline Onnx__AttributeProto *test_attribute(Onnx__NodeProto *n, const char *name, int type)
{
    Onnx__AttributeProto *a = n->attribute[n->n_attribute++] = test_alloc(sizeof *a);
    onnx__attribute_proto__init(a);
    a->name = test_text(name);
    a->has_type = 1;
    a->type = (Onnx__AttributeProto__AttributeType)type;
    return a;
}

static inline void test_attr_i(Onnx__NodeProto *n, const char *name, int64_t v)
{
    Onnx__AttributeProto *a = test_attribute(n, name, 2);
    a->has_i = 1;
    a->i = v;
}

static inline void test_attr_f(Onnx__NodeProto *n, const char *name, float v)
{
    Onnx__AttributeProto *a = test_attribute(n, name, 1);
    a->has_f = 1;
    a->f = v;
}

static inline void test_attr_ints(Onnx__NodeProto *n, const char *name, int count, ...)
{
    Onnx__AttributeProto *a = test_attribute(n, name, 7);
    va_list ap;
    va_start(ap, count);
    a->ints = test_alloc(sizeof *a->ints * MODEL_MAX);
    for (int i = 0; i < count; i++)
        a->ints[a->n_ints++] = va_arg(ap, int);
    va_end(ap);
}

static inline void test_attr_graph(Onnx__NodeProto *n, const char *name, Onnx__GraphProto *g)
{
    test_attribute(n, name, 5)->g = g;
}

/* One axis; 0 elements: a scalar */
static inline Onnx__TensorProto *test_initialiser(Onnx__GraphProto *g, const char *name, int type, int64_t count, const void *data, size_t bytes)
{
    Onnx__TensorProto *t = g->initializer[g->n_initializer++] = test_alloc(sizeof *t);
    onnx__tensor_proto__init(t);
    t->name = test_text(name);
    t->has_data_type = 1;
    t->data_type = type;
    t->dims = test_alloc(sizeof *t->dims * MODEL_MAX);
    if (count)
        t->dims[t->n_dims++] = count;
    t->has_raw_data = 1;
    t->raw_data.len = bytes;
    t->raw_data.data = test_alloc(bytes + 1);
    memcpy(t->raw_data.data, data, bytes);
    return t;
}

static inline uint8_t *test_bytes(const Onnx__ModelProto *m, size_t *n)
{
    *n = onnx__model_proto__get_packed_size(m);
    uint8_t *b = test_alloc(*n + 1);
    onnx__model_proto__pack(m, b);
    return b;
}

#endif
