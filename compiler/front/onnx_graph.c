#include "onnx_import.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 64 };

/* ---- names ------------------------------------------------------------------------------------------------------- */

static const char *unique_in(struct scope *s, struct names *taken, const char *name)
{
    char *wish = arena_printf(s->im->arena, "%s%s", s->prefix, name), *unique = wish;
    int *wishes = names_find(taken, wish); /* how often this was wished for: a loop's rounds do so thousands of times */
    while (names_find(taken, unique))
        unique = arena_printf(s->im->arena, "%s_%d", wish, ++*wishes);
    wishes = arena_alloc(s->im->arena, sizeof *wishes);
    *wishes = 1;
    names_set(taken, unique, wishes);
    return unique;
}

const char *name_in(struct scope *s, const char *name)
{
    return unique_in(s, &s->im->taken, name);
}

const char *node_name_in(struct scope *s, const char *name)
{
    return unique_in(s, &s->im->taken_nodes, name);
}

/* ---- scopes ------------------------------------------------------------------------------------------------------ */

struct value *value_of(struct scope *s, struct tensor *t)
{
    struct value *v = arena_alloc(s->im->arena, sizeof *v);
    v->t = t;
    return v;
}

void scope_set(struct scope *s, const char *name, struct value *v)
{
    names_set(&s->names, name, v);
}

struct value *scope_find(struct scope *s, const char *name)
{
    struct value *v = names_find(&s->names, name);
    if (v || !s->outer)
        return v;
    v = scope_find(s->outer, name);
    return v && s->captures ? capture_value(s, name, v) : v;
}

void scope_free(struct scope *s)
{
    names_free(&s->names);
    free(s->inner);
}

/* ---- constants --------------------------------------------------------------------------------------------------- */

struct tensor *import_tensor(struct scope *s, const char *what, const Onnx__TensorProto *proto)
{
    struct onnx_file *f = s->im->file;
    struct tensor_data d;
    char err[CNNC_ERROR_BYTES];
    if (!tensor_proto_read(&d, proto, &f->scan, &f->external, err)) {
        diag_error_at(s->im->diag, s->where, "%s '%s': %s", what, proto->name ? proto->name : "", err);
        return NULL;
    }
    if (d.rank > MAX_RANK) {
        diag_error_at(s->im->diag, s->where, "%s '%s': rank %d is more than %d", what, proto->name ? proto->name : "", d.rank, MAX_RANK);
        tensor_data_free(&d);
        return NULL;
    }
    if (d.owned)
        VEC_PUSH(f->owned, f->nowned, d.owned);
    struct tensor *t = tensor_shaped(s->g, name_in(s, proto->name && *proto->name ? proto->name : "constant"), T_CONST, (enum dtype)d.dtype, d.rank, d.dim);
    t->data = d.data;
    return t;
}

/* values[i] at indices[i] (positions in the flat tensor, or one coordinate tuple each); zero elsewhere. */
static struct tensor *densify(struct scope *s, const Onnx__SparseTensorProto *p)
{
    const char *name = p->values && p->values->name ? p->values->name : "";
    if (!p->values || !p->indices) {
        diag_error_at(s->im->diag, s->where, "sparse initialiser '%s' lacks its %s", name, p->values ? "indices" : "values");
        return NULL;
    }
    struct tensor *values = import_tensor(s, "sparse initialiser", p->values);
    struct tensor *indices = values ? import_tensor(s, "indices of sparse initialiser", p->indices) : NULL;
    if (!indices)
        return NULL;
    int64_t dim[MAX_RANK], count = 1, n = tensor_count(values);
    bool ok = p->n_dims >= 1 && p->n_dims <= MAX_RANK && indices->dtype == DT_I64 && values->rank == 1 && indices->rank <= 2 &&
              tensor_count(indices) == n * (indices->rank == 2 ? (int64_t)p->n_dims : 1) && (indices->rank < 2 || indices->dim[0] == n);
    for (size_t i = 0; i < p->n_dims && ok; i++) {
        dim[i] = p->dims[i];
        ok = dim[i] >= 0 && !__builtin_mul_overflow(count, dim[i], &count);
    }
    if (!ok || count > 1 << 28) {
        diag_error_at(s->im->diag, s->where, "sparse initialiser '%s': bad or too large shape", name);
        return NULL;
    }
    size_t size = dtype_size(values->dtype);
    char *data = xcalloc((size_t)count + 1, size);
    VEC_PUSH(s->im->file->owned, s->im->file->nowned, data);
    for (int64_t i = 0; i < n; i++) {
        const int64_t *index = (const int64_t *)indices->data;
        int64_t at = 0;
        if (indices->rank == 2)
            for (size_t k = 0; k < p->n_dims && at >= 0; k++) {
                int64_t v = index[i * (int64_t)p->n_dims + (int64_t)k];
                at = v < 0 || v >= dim[k] ? -1 : at * dim[k] + v;
            }
        else
            at = index[i];
        if (at < 0 || at >= count) {
            diag_error_at(s->im->diag, s->where, "sparse initialiser '%s': index %lld is out of range", name, (long long)i);
            return NULL;
        }
        memcpy(data + (size_t)at * size, (const char *)values->data + (size_t)i * size, size);
    }
    struct tensor *t = tensor_shaped(s->g, name_in(s, *name ? name : "sparse"), T_CONST, values->dtype, (int)p->n_dims, dim);
    t->data = data;
    return t;
}

/* A parameter in the sense of reports and of training, rather than a number that shapes the computation. */
static void mark_parameter(struct tensor *t)
{
    bool weights = dtype_is_float(t->dtype) ? t->rank >= 1 : dtype_size(t->dtype) == 1 && t->dtype != DT_BOOL && t->rank >= 2;
    if (weights && tensor_count(t) > 1) {
        t->kind = T_PARAM;
        t->trainable = true;
    }
}

bool import_initialisers(struct scope *s, const Onnx__GraphProto *graph)
{
    bool ok = true;
    for (size_t i = 0; i < graph->n_initializer && !diag_full(s->im->diag); i++) {
        const Onnx__TensorProto *p = graph->initializer[i];
        if (names_find(&s->names, p->name ? p->name : "")) /* fixed by the user */
            continue;
        struct tensor *t = import_tensor(s, "initialiser", p);
        if (t && s->g == s->im->main)
            mark_parameter(t);
        if (t)
            scope_set(s, p->name ? p->name : "", value_of(s, t));
        ok = ok && t;
    }
    for (size_t i = 0; i < graph->n_sparse_initializer && ok; i++) {
        struct tensor *t = densify(s, graph->sparse_initializer[i]);
        if (t && graph->sparse_initializer[i]->values->name)
            scope_set(s, graph->sparse_initializer[i]->values->name, value_of(s, t));
        ok = t != NULL;
    }
    return ok;
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

struct order {
    struct scope *s;
    Onnx__NodeProto **node;
    size_t n;
    struct names producer; /* name -> &node[i] */
    unsigned char *state;  /* 0: to do, 1: being visited, 2: done */
    size_t *stack, depth;
};

/* Calls f for every name that the node reads, those inside its subgraphs included; stops at false. */
static bool each_read(const Onnx__NodeProto *n, bool (*f)(struct order *, const char *), struct order *o)
{
    for (size_t i = 0; i < n->n_input; i++)
        if (!f(o, n->input[i]))
            return false;
    for (size_t a = 0; a < n->n_attribute; a++) {
        const Onnx__AttributeProto *at = n->attribute[a];
        for (size_t k = 0; k < at->n_graphs + (at->g != NULL); k++) {
            const Onnx__GraphProto *g = k < at->n_graphs ? at->graphs[k] : at->g;
            for (size_t i = 0; i < g->n_node; i++)
                if (!each_read(g->node[i], f, o))
                    return false;
            for (size_t i = 0; i < g->n_output; i++)
                if (g->output[i]->name && !f(o, g->output[i]->name))
                    return false;
        }
    }
    return true;
}

/* True: nothing to wait for. False: the producer was pushed. */
static bool ready(struct order *o, const char *name)
{
    Onnx__NodeProto **p = names_find(&o->producer, name);
    if (!p)
        return true;
    size_t i = (size_t)(p - o->node);
    if (o->state[i] == 2 || i == o->stack[o->depth - 1])
        return true; /* a node that reads its own output finds it undefined later */
    if (o->state[i] == 1) {
        Onnx__NodeProto *n = o->node[i];
        diag_error_at(o->s->im->diag, o->s->where, "the graph has a cycle through node %zu '%s' (%s)", i, n->name ? n->name : "", n->op_type ? n->op_type : "");
        o->state[i] = 3;
    } else if (o->state[i] == 0) {
        o->state[i] = 1;
        o->stack[o->depth++] = i;
    }
    return false;
}

bool import_body(struct scope *s, Onnx__NodeProto **node, size_t n)
{
    struct order o = { .s = s, .node = node, .n = n };
    bool ok = true;
    if (++s->im->depth > DEEPEST) {
        diag_error_at(s->im->diag, s->where, "graphs or functions are nested too deeply");
        ok = false;
    }
    for (size_t i = 0; i < n && ok; i++)
        for (size_t k = 0; k < node[i]->n_output; k++) {
            const char *name = node[i]->output[k];
            if (!*name)
                continue;
            if (names_find(&o.producer, name) || names_find(&s->names, name)) {
                diag_error_at(s->im->diag, s->where, "'%s' is defined twice, the second time by node %zu '%s' (%s)", name, i,
                              node[i]->name ? node[i]->name : "", node[i]->op_type ? node[i]->op_type : "");
                ok = false;
            }
            names_set(&o.producer, name, &node[i]);
        }
    o.state = xcalloc(n + 1, 1);
    o.stack = xcalloc(n + 1, sizeof *o.stack);
    for (size_t i = 0; i < n && ok; i++) {
        if (o.state[i])
            continue;
        o.state[i] = 1;
        o.stack[o.depth++] = i;
        while (o.depth && ok) {
            size_t at = o.stack[o.depth - 1];
            int before = s->im->diag->errors;
            if (!each_read(node[at], ready, &o)) {
                ok = s->im->diag->errors == before;
                continue;
            }
            o.depth--;
            o.state[at] = 2;
            ok = import_node(s, node[at], (int)at);
        }
    }
    s->im->depth--;
    names_free(&o.producer);
    free(o.state);
    free(o.stack);
    return ok;
}

bool inline_graph(struct scope *outer, const Onnx__GraphProto *body, const char *prefix, const char *where, struct value **formal, int formals,
                  struct value **out, int outs)
{
    struct scope s = { .im = outer->im, .outer = outer, .g = outer->g, .opset = outer->opset, .where = where, .arg = outer->arg,
                       .args = outer->args, .function = outer->function };
    s.prefix = arena_printf(s.im->arena, "%s%s/", outer->prefix, prefix);
    bool ok = true;
    if ((size_t)formals != body->n_input || (size_t)outs != body->n_output) {
        diag_error_at(s.im->diag, where, "its subgraph has %zu inputs and %zu outputs, expected %d and %d", body->n_input, body->n_output, formals, outs);
        return false;
    }
    for (int i = 0; i < formals; i++)
        if (body->input[i]->name)
            scope_set(&s, body->input[i]->name, formal[i]);
    ok = import_initialisers(&s, body) && import_body(&s, body->node, body->n_node);
    for (int i = 0; i < outs && ok; i++) {
        const char *name = body->output[i]->name ? body->output[i]->name : "";
        out[i] = scope_find(&s, name);
        if (!out[i]) {
            diag_error_at(s.im->diag, where, "output '%s' of its subgraph is not defined", name);
            ok = false;
        }
    }
    scope_free(&s);
    return ok;
}
