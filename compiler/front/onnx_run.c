/* If, Loop and Scan as nodes that own subgraphs: their course is known in the run only, or too long to write out. */
#include "onnx_import.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- Loop and Scan ------------------------------------------------------------------------------------------------- */

static bool sized_by_data(const struct tensor *t)
{
    for (int k = 0; k < t->rank; k++)
        if (t->extent[k])
            return true;
    return false;
}

/* The operand as the subgraph gets it, or a part of it along axis 0. */
static bool pass_operand(struct scope *s, struct scope *body, struct raw *r, int i, struct tensor *t, const Onnx__ValueInfoProto *formal, int part)
{
    if (!t)
        return raw_error(s, r, "operand %d is missing, or a sequence or an optional, which must be known when compiling", i);
    if (t->rank < part || sized_by_data(t))
        return raw_error(s, r, "operand %d ('%s') has no shape that is known when compiling", i, t->name);
    body_input(body, formal, t->dtype, t->rank - part, t->dim + part);
    return true;
}

/* The counter and the condition: a scalar, or one number on one axis. */
static struct tensor *pass_single(struct scope *body, const Onnx__ValueInfoProto *formal, enum dtype dtype)
{
    const Onnx__TypeProto__Tensor *t = formal->type ? formal->type->tensor_type : NULL;
    return body_input(body, formal, dtype, t && t->shape && t->shape->n_dim == 1, (int64_t[]){ 1 });
}

/* What the subgraph gives out, and the node around it. out: its results; NULL: an error was reported, and the subgraph is gone. */
static struct node *repeat_node(struct scope *s, struct scope *body, struct raw *r, struct tensor **in, int nin, struct tensor **out, int results, int outs)
{
    struct node *n = NULL;
    bool ok = true;
    for (int i = 0; i < results && ok; i++)
        ok = sized_by_data(out[i]) ? raw_error(s, r, "output %d of its subgraph, '%s', has a size that depends on data", i, out[i]->name) : body_output(body, out[i]);
    if (!ok || !(n = raw_node(s, r))) {
        body_drop(body);
        return NULL;
    }
    for (int i = 0; i < nin; i++)
        node_input(s->g, n, in[i]);
    for (int i = 0; i < body->captures->n; i++)
        node_input(s->g, n, body->captures->outer[i]);
    body_end(body, n, 0);
    define_outputs(s, r, n, outs);
    return n;
}

/* The condition that each round gets goes out as it came in, or is true. */
static bool goes_on(const struct tensor *again, const struct tensor *condition)
{
    bool truth;
    if (known_bool(again, &truth))
        return truth;
    while (again->def && again->def->op->flags & OP_IDENTITY)
        again = again->def->in[0];
    return again == condition;
}

bool run_loop(struct scope *s, struct raw *r, const Onnx__GraphProto *graph)
{
    struct captures captures = { 0 };
    struct scope body;
    const int vars = r->nin - 2, outs = (int)graph->n_output - 1;
    struct tensor **in = arena_alloc(s->im->arena, sizeof *in * (size_t)r->nin), **out = arena_alloc(s->im->arena, sizeof *out * graph->n_output);
    int64_t rounds = INT64_MAX, given = s->im->options->max_rounds;
    bool go = true, fixed = true, ok = true;
    body_begin(&body, s, &captures, raw_part(s, r, "body"), raw_where(s, r));
    pass_single(&body, graph->input[0], DT_I64);
    struct tensor *condition = pass_single(&body, graph->input[1], DT_BOOL);
    for (int i = 0; i < r->nin; i++)
        in[i] = raw_in(r, i);
    if (!in[0])
        in[0] = known_scalar(s, DT_I64, &rounds);
    if (!in[1])
        in[1] = known_scalar(s, DT_BOOL, &go);
    for (int i = 0; i < vars && ok; i++)
        ok = pass_operand(s, &body, r, 2 + i, in[2 + i], graph->input[2 + i], 0);
    ok = ok && body_nodes(&body, graph, out);
    if (ok) {
        fixed = known_int(in[0], &rounds);
        if (!fixed)
            size_at_most(s, in[0], &rounds);
        fixed = known_bool(in[1], &go) && goes_on(out[0], condition) && fixed;
        rounds = go ? MAX(rounds, 0) : 0;
        if (given && given < rounds) {
            rounds = given;
            fixed = false;
        }
        if (outs > vars && rounds > INT32_MAX)
            ok = raw_error(s, r, "how many rounds there can be is not known when compiling, and so how large output %d can be (--max-rounds=N says it)", vars);
    }
    struct node *n = NULL;
    if (!ok)
        body_drop(&body);
    else if ((n = repeat_node(s, &body, r, in, r->nin, out, outs + 1, outs))) {
        set_attr_i(s->g, n, "rounds", rounds);
        for (int i = vars; i < outs && !fixed; i++)
            if (i == vars)
                define_size(s, n, n->out[i], 0);
            else
                n->out[i]->extent[0] = n->out[vars]->extent[0];
    }
    free(captures.outer);
    return n && raw_infer(s, n);
}

/* The axis at position `from` moves to `to`. */
static struct tensor *move_axis(struct scope *s, struct raw *r, struct tensor *t, int from, int to)
{
    int64_t perm[MAX_RANK];
    if (from == to)
        return t;
    struct node *n = emit_begin(s, r, "Transpose");
    for (int i = 0, k = 0; i < t->rank; i++)
        if (i != to) {
            k += k == from;
            perm[i] = k++;
        }
    perm[to] = from;
    if (!n)
        return NULL;
    set_attr_ints(s->g, n, "perm", t->rank, perm);
    node_input(s->g, n, t);
    return emit_end(s, n);
}

/* A list of directions for n parts, from r's. */
static void set_directions(struct scope *s, struct raw *r, struct node *n, const char *name, int count)
{
    int64_t *v = arena_alloc(s->im->arena, sizeof *v * (size_t)(count + 1));
    for (int i = 0; i < count; i++)
        v[i] = raw_int_at(r, name, i) != 0;
    set_attr_ints(s->g, n, name, count, v);
}

bool run_scan(struct scope *s, struct raw *r, const Onnx__GraphProto *graph, int states, struct tensor **in, int nin)
{
    struct captures captures = { 0 };
    struct scope body;
    const int outs = (int)graph->n_output;
    struct tensor **out = arena_alloc(s->im->arena, sizeof *out * (size_t)(outs + 1)), **moved = arena_alloc(s->im->arena, sizeof *moved * (size_t)(nin + 1));
    bool ok = true;
    for (int i = 0; i < nin && ok; i++) {
        int64_t axis = i < states ? 0 : raw_int_at(r, "scan_input_axes", i - states);
        axis += axis < 0 ? in[i]->rank : 0;
        ok = (moved[i] = move_axis(s, r, in[i], (int)axis, 0)) != NULL;
    }
    if (!ok)
        return false;
    body_begin(&body, s, &captures, raw_part(s, r, "body"), raw_where(s, r));
    for (int i = 0; i < nin && ok; i++)
        ok = pass_operand(s, &body, r, i, moved[i], graph->input[i], i >= states);
    ok = ok && body_nodes(&body, graph, out);
    struct node *n = NULL;
    if (!ok)
        body_drop(&body);
    else if ((n = repeat_node(s, &body, r, moved, nin, out, outs, outs))) {
        set_attr_i(s->g, n, "num_scan_inputs", nin - states);
        set_directions(s, r, n, "scan_input_directions", nin - states);
        set_directions(s, r, n, "scan_output_directions", outs - states);
        ok = raw_infer(s, n);
    }
    free(captures.outer);
    for (int i = states; n && i < outs && ok; i++) {
        int64_t axis = raw_int_at(r, "scan_output_axes", i - states);
        axis += axis < 0 ? n->out[i]->rank : 0;
        if (axis < 0 || axis >= n->out[i]->rank)
            return raw_error(s, r, "scan output %d: bad axis", i - states);
        struct tensor *t = move_axis(s, r, n->out[i], 0, (int)axis);
        ok = t && raw_define(s, r, i, value_of(s, t));
    }
    return n && ok;
}
