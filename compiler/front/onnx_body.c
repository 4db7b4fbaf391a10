/* Subgraphs that stay subgraphs: graphs of their own. */
#include "onnx_import.h"

#include <stdlib.h>
#include <string.h>

/* A tensor of an outer graph, as the scope's own graph sees it: the same constant, or an input. */
static struct tensor *capture(struct scope *s, const char *name, struct tensor *o)
{
    struct tensor *t;
    if (tensor_is_const(o) && o->data) {
        t = tensor_shaped(s->g, name, o->kind, o->dtype, o->rank, o->dim);
        t->data = o->data;
        t->trainable = o->trainable;
        return t;
    }
    int i = 0;
    while (i < s->captures->n && s->captures->outer[i] != o)
        i++;
    if (i < s->inners && s->inner[i])
        return s->inner[i];
    if (i == s->captures->n)
        VEC_PUSH(s->captures->outer, s->captures->n, o);
    while (s->inners < s->captures->n)
        VEC_PUSH(s->inner, s->inners, NULL);
    t = tensor_shaped(s->g, name, T_INPUT, o->dtype, MAX(o->rank, 0), o->dim);
    s->inner[i] = t;
    for (int k = 0; k < o->rank; k++) /* how far it holds anything depends on data, too */
        if (o->extent[k])
            t->extent[k] = capture(s, o->extent[k]->name, o->extent[k]);
    return t;
}

struct value *capture_value(struct scope *s, const char *name, struct value *v)
{
    if (!v->t)
        return v; /* sequences live at compile time: no graph owns them */
    v = value_of(s, capture(s, name, v->t));
    scope_set(s, name, v);
    return v;
}

void body_begin(struct scope *s, struct scope *outer, struct captures *captures, const char *prefix, const char *where)
{
    *s = (struct scope){ .im = outer->im, .outer = outer, .opset = outer->opset, .where = where, .arg = outer->arg, .args = outer->args,
                         .function = outer->function, .captures = captures };
    s->prefix = arena_printf(s->im->arena, "%s%s/", outer->prefix, prefix);
    s->g = graph_new(s->im->diag, prefix);
    s->g->source = where;
    s->g->outer = outer->g;
    s->g->from_onnx = true;
    s->g->seed = outer->g->seed;
}

/* The shape that the file gives it is not asked: it is that of the value it stands for. */
struct tensor *body_input(struct scope *s, const Onnx__ValueInfoProto *formal, enum dtype dtype, int rank, const int64_t *dim)
{
    struct tensor *t = tensor_shaped(s->g, name_in(s, formal->name && *formal->name ? formal->name : "input"), T_INPUT, dtype, rank, dim);
    VEC_PUSH(s->g->input, s->g->inputs, t);
    if (formal->name)
        scope_set(s, formal->name, value_of(s, t));
    return t;
}

bool body_output(struct scope *s, struct tensor *t)
{
    if (t->kind != T_VALUE || t->is_output || t->data) /* an input, a constant, or given out twice */
        t = output_copy(s, t, name_in(s, "out"));
    if (!t)
        return false;
    t->is_output = true;
    VEC_PUSH(s->g->output, s->g->outputs, t);
    return true;
}

bool body_nodes(struct scope *s, const Onnx__GraphProto *body, struct tensor **out)
{
    bool ok = import_initialisers(s, body) && import_body(s, body->node, body->n_node);
    for (size_t i = 0; i < body->n_output && ok; i++) {
        const char *name = body->output[i]->name ? body->output[i]->name : "";
        struct value *v = scope_find(s, name);
        if (!v || !v->t) {
            diag_error_at(s->im->diag, s->where, v ? "output '%s' of its subgraph is a sequence or an optional, which must be known when compiling"
                                                  : "output '%s' of its subgraph is not defined", name);
            ok = false;
        } else {
            out[i] = v->t;
        }
    }
    return ok;
}

void body_end(struct scope *s, struct node *n, int b)
{
    for (int i = 0; i < s->captures->n; i++) {
        struct tensor *t = i < s->inners ? s->inner[i] : NULL, *o = s->captures->outer[i];
        if (!t) /* the other branch reads it */
            t = tensor_shaped(s->g, o->name, T_INPUT, o->dtype, o->rank, o->dim);
        VEC_PUSH(s->g->input, s->g->inputs, t);
    }
    n->body[b] = s->g;
    n->captures = s->captures->n;
    scope_free(s);
}

void body_drop(struct scope *s)
{
    graph_free(s->g);
    scope_free(s);
}
