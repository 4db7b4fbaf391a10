/* Subgraphs that stay subgraphs: the bodies of nodes whose course is known in the run only. */
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

static void body_begin(struct scope *s, struct scope *outer, struct captures *captures, const char *prefix, const char *where)
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

static bool body_output(struct scope *s, struct tensor *t)
{
    if (t->kind != T_VALUE || t->is_output || t->data) /* an input, a constant, or given out twice */
        t = output_copy(s, t, name_in(s, "out"));
    if (!t)
        return false;
    t->is_output = true;
    VEC_PUSH(s->g->output, s->g->outputs, t);
    return true;
}

static bool body_nodes(struct scope *s, const Onnx__GraphProto *body, struct tensor **out)
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

static void body_end(struct scope *s, struct node *n, int b)
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

static void body_drop(struct scope *s)
{
    graph_free(s->g);
    scope_free(s);
}

/* n's outputs, as r calls them. */
static void define_outputs(struct scope *s, struct raw *r, struct node *n, int outs)
{
    for (int i = 0; i < outs; i++) {
        const bool named = i < r->nout && *r->out[i];
        struct tensor *t = node_output(s->g, n, name_in(s, named ? r->out[i] : raw_part(s, r, "unused")));
        if (named)
            scope_set(s, r->out[i], value_of(s, t));
    }
}

/* A further output of n tells how large y is along an axis. */
static void define_size(struct scope *s, struct node *n, struct tensor *y, int axis)
{
    y->extent[axis] = node_output(s->g, n, name_in(s, arena_printf(s->im->arena, "%s_size%d", y->name, axis)));
}

/* ---- If ----------------------------------------------------------------------------------------------------------- */

/* An axis whose size depends on the branch, or within the branch on data: the output has room for the larger, and a further output tells it. */
struct sized {
    int output, axis;
};

/* Room for `dim`: t with zeros behind it. */
static struct tensor *padded(struct scope *s, struct raw *r, struct tensor *t, const int64_t dim[MAX_RANK])
{
    int64_t pads[2 * MAX_RANK] = { 0 };
    bool any = false;
    for (int k = 0; k < t->rank; k++)
        any |= (pads[t->rank + k] = dim[k] - t->dim[k]) != 0;
    return any ? emit1(s, r, "Pad", t, const_ints(s, 2 * t->rank, pads)) : t;
}

static struct tensor *size_in(struct scope *s, struct raw *r, const struct tensor *t, int axis)
{
    struct tensor *e = t->extent[axis];
    if (!e)
        return known_scalar(s, DT_I64, &t->dim[axis]);
    return e->rank ? emit1(s, r, "Reshape", e, const_ints(s, 0, NULL)) : e;
}

/* The branches' outputs get one shape and type. */
static bool agree(struct scope *s, struct scope body[2], struct raw *r, int outs, struct tensor **out[2], struct sized **sized, int *n)
{
    char a[160], b[160];
    for (int i = 0; i < outs; i++) {
        struct tensor *y[2] = { out[0][i], out[1][i] };
        int64_t dim[MAX_RANK];
        if (y[0]->rank != y[1]->rank || y[0]->dtype != y[1]->dtype)
            return raw_error(s, r, "the condition is not known when compiling, and output %d is %s of shape %s in one branch, %s of shape %s in the other", i,
                             dtype_name(y[0]->dtype), shape_text(y[0], a), dtype_name(y[1]->dtype), shape_text(y[1], b));
        for (int k = 0; k < y[0]->rank; k++) {
            dim[k] = MAX(y[0]->dim[k], y[1]->dim[k]);
            if (y[0]->dim[k] != y[1]->dim[k] || y[0]->extent[k] || y[1]->extent[k])
                VEC_PUSH(*sized, *n, ((struct sized){ i, k }));
        }
        for (int k = 0; k < 2; k++)
            if (!(out[k][i] = padded(&body[k], r, y[k], dim)) || !body_output(&body[k], out[k][i]))
                return false;
        out[0][i] = y[0]; /* whose sizes are asked for */
        out[1][i] = y[1];
    }
    for (int i = 0; i < *n; i++)
        for (int k = 0; k < 2; k++) {
            struct tensor *t = size_in(&body[k], r, out[k][(*sized)[i].output], (*sized)[i].axis);
            if (!t || !body_output(&body[k], t))
                return false;
        }
    return true;
}

bool run_if(struct scope *s, struct raw *r, const Onnx__GraphProto *const branch[2])
{
    struct captures captures = { 0 };
    struct scope body[2];
    struct tensor **out[2];
    struct sized *sized = NULL;
    struct node *n = NULL;
    const int outs = (int)branch[0]->n_output;
    int sizes = 0, begun = 0;
    bool ok = true;
    if (branch[0]->n_input || branch[1]->n_input || branch[0]->n_output != branch[1]->n_output || r->nout > outs)
        return raw_error(s, r, "its branches have %zu and %zu inputs, expected none, and %zu and %zu outputs, expected %d", branch[0]->n_input, branch[1]->n_input,
                         branch[0]->n_output, branch[1]->n_output, r->nout);
    for (int b = 0; b < 2 && ok; b++, begun++) {
        body_begin(&body[b], s, &captures, raw_part(s, r, b ? "else" : "then"), raw_where(s, r));
        out[b] = arena_alloc(s->im->arena, sizeof **out * (size_t)(outs + 1));
        ok = body_nodes(&body[b], branch[b], out[b]);
    }
    ok = ok && agree(s, body, r, outs, out, &sized, &sizes) && (n = raw_node(s, r));
    if (ok) {
        node_input(s->g, n, raw_in(r, 0));
        for (int i = 0; i < captures.n; i++)
            node_input(s->g, n, captures.outer[i]);
        body_end(&body[0], n, 0);
        body_end(&body[1], n, 1);
        define_outputs(s, r, n, outs);
        for (int i = 0; i < sizes; i++)
            define_size(s, n, n->out[sized[i].output], sized[i].axis);
        ok = raw_infer(s, n);
    } else {
        for (int b = 0; b < begun; b++)
            body_drop(&body[b]);
    }
    free(sized);
    free(captures.outer);
    return ok;
}
