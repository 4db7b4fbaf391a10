/* Control flow, as far as the compiler can see through it: If with a known condition is its branch, Loop and Scan with few rounds, whose number is
 * known, are written out. What is left becomes a node with subgraphs (onnx_run.c). */
#include "onnx_import.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 4096 }; /* that are written out where rounds differ in shape */

bool raw_is(const struct raw *r, const char *op)
{
    return strcmp(r->op, op) == 0;
}

const Onnx__GraphProto *raw_graph(struct scope *s, struct raw *r, const char *name)
{
    Onnx__AttributeProto *a = raw_attr(r, name);
    if (!a || !a->g)
        raw_error(s, r, "attribute '%s' must be a graph", name);
    return a ? a->g : NULL;
}

int64_t raw_int(const struct raw *r, const char *name, int64_t otherwise)
{
    Onnx__AttributeProto *a = raw_attr(r, name);
    return a && a->has_i ? a->i : otherwise;
}

int64_t raw_int_at(const struct raw *r, const char *name, int i)
{
    Onnx__AttributeProto *a = raw_attr(r, name);
    return a && (size_t)i < a->n_ints ? a->ints[i] : 0;
}

const char *raw_part(struct scope *s, const struct raw *r, const char *part)
{
    return arena_printf(s->im->arena, "%s.%s", *r->name ? r->name : r->op, part);
}

/* ---- If ----------------------------------------------------------------------------------------------------------- */

static bool import_if(struct scope *s, struct raw *r)
{
    const Onnx__GraphProto *branch[2] = { raw_graph(s, r, "then_branch"), raw_graph(s, r, "else_branch") };
    bool truth;
    if (!branch[0] || !branch[1])
        return false;
    if (!raw_in(r, 0))
        return raw_error(s, r, "it has no condition");
    if (!known_bool(raw_in(r, 0), &truth))
        return run_if(s, r, branch);
    struct value **out = arena_alloc(s->im->arena, sizeof *out * (size_t)(r->nout + 1));
    if (!inline_graph(s, branch[!truth], raw_part(s, r, truth ? "then" : "else"), raw_where(s, r), NULL, 0, out, r->nout))
        return false;
    for (int i = 0; i < r->nout; i++)
        raw_define(s, r, i, out[i]);
    return true;
}

/* ---- Loop and Scan ------------------------------------------------------------------------------------------------- */

/* Results of the rounds along a new axis. */
struct tensor *stack_rounds(struct scope *s, struct raw *r, struct tensor **t, int n, int64_t axis)
{
    struct node *concat;
    struct tensor *at = const_ints(s, 1, &axis);
    if (n == 0) {
        raw_error(s, r, "no rounds, so that the shape of an output is not known");
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if (!(t[i] = emit1(s, r, "Unsqueeze", t[i], at)))
            return NULL;
    if (n == 1)
        return t[0];
    if (!(concat = emit_begin(s, r, "Concat")))
        return NULL;
    set_attr_i(s->g, concat, "axis", axis);
    for (int i = 0; i < n; i++)
        node_input(s->g, concat, t[i]);
    return emit_end(s, concat);
}

struct tensor *known_scalar(struct scope *s, enum dtype type, const void *v)
{
    return tensor_const(s->g, name_in(s, "scalar"), type, 0, NULL, v);
}

enum course { DONE, FAILED, OPEN }; /* OPEN: too many rounds, or another one depends on data */

/* A Loop written out, if it has at most so many rounds. */
static enum course unroll(struct scope *s, struct raw *r, const Onnx__GraphProto *body, int64_t limit, bool go, int64_t most)
{
    int vars = r->nin - 2, scans = (int)body->n_output - 1 - vars;
    int64_t round = 0;
    enum course course = go && limit > most ? OPEN : DONE;
    struct value **in = xcalloc((size_t)r->nin, sizeof *in), **out = xcalloc(body->n_output, sizeof *out);
    struct tensor ***kept = xcalloc((size_t)scans + 1, sizeof *kept);
    memcpy(in, r->in, sizeof *in * (size_t)r->nin);
    for (; round < limit && go && course == DONE; round++) {
        uint8_t yes = 1;
        if (round == most) {
            course = OPEN;
            break;
        }
        in[0] = value_of(s, known_scalar(s, DT_I64, &round));
        in[1] = value_of(s, known_scalar(s, DT_BOOL, &yes));
        if (!inline_graph(s, body, raw_part(s, r, arena_printf(s->im->arena, "%lld", (long long)round)), raw_where(s, r), in, r->nin, out, (int)body->n_output))
            course = FAILED;
        else if (!known_bool(out[0]->t, &go))
            course = OPEN;
        for (int i = 0; i < vars && course == DONE; i++)
            in[2 + i] = out[1 + i];
        for (int i = 0; i < scans && course == DONE; i++) {
            int n = (int)round;
            if (out[1 + vars + i]->t)
                VEC_PUSH(kept[i], n, out[1 + vars + i]->t);
            else if (!raw_error(s, r, "a sequence or an optional cannot be a scan output"))
                course = FAILED;
        }
    }
    if (course == DONE && round == 0 && scans) /* the outputs' shapes: the subgraph knows them */
        course = OPEN;
    for (int i = 0; i < r->nout && course == DONE; i++) {
        struct tensor *t = NULL;
        if (i < vars)
            raw_define(s, r, i, in[2 + i]);
        else if (i - vars < scans && *r->out[i] && !((t = stack_rounds(s, r, kept[i - vars], (int)round, 0)) && raw_define(s, r, i, value_of(s, t))))
            course = FAILED;
    }
    for (int i = 0; i < scans; i++)
        free(kept[i]);
    free(kept);
    free(in);
    free(out);
    return course;
}

/* So many rounds are written out rather than repeated: few, of small subgraphs. */
static int64_t few(const Onnx__GraphProto *body)
{
    enum { ROUNDS = 16, NODES = 512 };
    return MAX(1, MIN(ROUNDS, NODES / (int64_t)MAX(1, body->n_node)));
}

/* Where the import stands, to go back there. */
struct mark {
    int nodes;
    long budget;
    struct diag diag;
};

static struct mark mark(struct scope *s) { return (struct mark){ s->g->nodes, s->im->budget, *s->im->diag }; }

static void undo(struct scope *s, const struct mark *m)
{
    while (s->g->nodes > m->nodes)
        node_remove(s->g, s->g->node[s->g->nodes - 1]);
    s->im->budget = m->budget;
}

/* Tries what may fail without a word: then all is as before. */
static bool quietly(struct scope *s, bool (*run)(struct scope *, struct raw *, void *), struct raw *r, void *arg)
{
    struct mark before = mark(s);
    char *text = NULL;
    size_t bytes = 0;
    FILE *nobody = open_memstream(&text, &bytes);
    *s->im->diag = (struct diag){ .out = nobody };
    const bool ok = run(s, r, arg);
    *s->im->diag = before.diag;
    fclose(nobody);
    free(text);
    if (!ok)
        undo(s, &before);
    return ok;
}

static bool loop_again(struct scope *s, struct raw *r, void *body) { return run_loop(s, r, body); }

static bool import_loop(struct scope *s, struct raw *r)
{
    const Onnx__GraphProto *body = raw_graph(s, r, "body");
    int64_t limit = INT64_MAX;
    bool go = true;
    int vars = r->nin - 2;
    if (!body)
        return false;
    if (vars < 0 || body->n_input != (size_t)r->nin || body->n_output < (size_t)vars + 1 || (size_t)r->nout > body->n_output - 1)
        return raw_error(s, r, "its body has %zu inputs and %zu outputs for %d operands and %d results", body->n_input, body->n_output, r->nin, r->nout);
    if ((r->in[0] && !known_int(raw_in(r, 0), &limit)) || (r->in[1] && !known_bool(raw_in(r, 1), &go)))
        return run_loop(s, r, body);
    struct mark before = mark(s);
    enum course course = unroll(s, r, body, limit, go, few(body));
    if (course != OPEN)
        return course == DONE;
    undo(s, &before);
    if (quietly(s, loop_again, r, (void *)(uintptr_t)body))
        return true;
    /* what a round gives the next may have another shape each time */
    course = limit > few(body) && limit <= MAX_ROUNDS ? unroll(s, r, body, limit, go, MAX_ROUNDS) : OPEN;
    if (course == OPEN)
        undo(s, &before);
    return course == OPEN ? run_loop(s, r, body) : course == DONE;
}

static struct tensor *slice_at(struct scope *s, struct raw *r, struct tensor *t, int64_t axis, int64_t i)
{
    struct node *n = emit_begin(s, r, "Gather");
    if (!n)
        return NULL;
    set_attr_i(s->g, n, "axis", axis);
    node_input(s->g, n, t);
    node_input(s->g, n, known_scalar(s, DT_I64, &i));
    return emit_end(s, n);
}

/* One Scan over in[0 .. states) and in[states ..]; results to out[]. */
static bool scan(struct scope *s, struct raw *r, const Onnx__GraphProto *body, int states, struct tensor **in, int nin, struct tensor **out, const char *part)
{
    int scans = nin - states, kept_n = (int)body->n_output - states;
    int64_t length = -1;
    bool ok = true;
    const char *directions = raw_attr(r, "directions") ? "directions" : "scan_input_directions"; /* the first before opset 9 */
    for (int i = 0; i < scans; i++) {
        struct tensor *t = in[states + i];
        int64_t axis = raw_int_at(r, "scan_input_axes", i);
        axis += axis < 0 ? t->rank : 0;
        if (t->rank < 1 || axis < 0 || axis >= t->rank || (length >= 0 && t->dim[axis] != length))
            return raw_error(s, r, "scan input %d: bad axis or length", i);
        length = t->dim[axis];
    }
    if (length > MAX_ROUNDS)
        return raw_error(s, r, "more than %d rounds", MAX_ROUNDS);
    struct value **formal = xcalloc((size_t)nin + 1, sizeof *formal), **result = xcalloc(body->n_output + 1, sizeof *result);
    struct tensor ***kept = xcalloc((size_t)kept_n + 1, sizeof *kept);
    for (int i = 0; i < kept_n; i++)
        kept[i] = xcalloc((size_t)length + 1, sizeof **kept);
    for (int i = 0; i < states; i++)
        formal[i] = value_of(s, in[i]);
    for (int64_t k = 0; k < length && ok; k++) {
        for (int i = 0; i < scans && ok; i++) {
            struct tensor *t = in[states + i];
            int64_t axis = raw_int_at(r, "scan_input_axes", i);
            axis += axis < 0 ? t->rank : 0;
            t = slice_at(s, r, t, axis, raw_int_at(r, directions, i) ? length - 1 - k : k);
            ok = t != NULL;
            formal[states + i] = t ? value_of(s, t) : NULL;
        }
        ok = ok && inline_graph(s, body, raw_part(s, r, arena_printf(s->im->arena, "%s%lld", part, (long long)k)), raw_where(s, r), formal, nin, result, (int)body->n_output);
        for (int i = 0; i < (int)body->n_output && ok; i++) {
            if (!result[i]->t)
                ok = raw_error(s, r, "a sequence or an optional in its body's outputs");
            else if (i < states)
                formal[i] = result[i];
            else
                kept[i - states][raw_int_at(r, "scan_output_directions", i - states) ? length - 1 - k : k] = result[i]->t;
        }
    }
    for (int i = 0; i < states && ok; i++)
        out[i] = formal[i]->t;
    for (int i = 0; i < kept_n && ok; i++) {
        out[states + i] = stack_rounds(s, r, kept[i], (int)length, raw_int_at(r, "scan_output_axes", i));
        ok = out[states + i] != NULL;
    }
    for (int i = 0; i < kept_n; i++)
        free(kept[i]);
    free(kept);
    free(formal);
    free(result);
    return ok;
}

/* Before opset 9 every operand has a batch axis in front, and each batch is a scan of its own. */
static bool scan_batches(struct scope *s, struct raw *r, const Onnx__GraphProto *body, int states, struct tensor **in, int nin, struct tensor **out)
{
    int64_t batches = in[0]->rank > 0 ? in[0]->dim[0] : 0;
    int outs = (int)body->n_output;
    struct tensor **part = xcalloc((size_t)nin + 1, sizeof *part), **result = xcalloc((size_t)outs + 1, sizeof *result);
    struct tensor ***kept = xcalloc((size_t)outs + 1, sizeof *kept);
    bool ok = batches > 0 || raw_error(s, r, "no batches");
    for (int i = 0; i < outs; i++)
        kept[i] = xcalloc((size_t)batches + 1, sizeof **kept);
    for (int64_t b = 0; b < batches && ok; b++) {
        for (int i = 0; i < nin && ok; i++)
            ok = (in[i]->rank > 0 && in[i]->dim[0] == batches) ? (part[i] = slice_at(s, r, in[i], 0, b)) != NULL : raw_error(s, r, "operands differ in their batch");
        ok = ok && scan(s, r, body, states, part, nin, result, arena_printf(s->im->arena, "%lld.", (long long)b));
        for (int i = 0; i < outs && ok; i++)
            kept[i][b] = result[i];
    }
    for (int i = 0; i < outs && ok; i++)
        ok = (out[i] = stack_rounds(s, r, kept[i], (int)batches, 0)) != NULL;
    for (int i = 0; i < outs; i++)
        free(kept[i]);
    free(kept);
    free(part);
    free(result);
    return ok;
}

struct scan_call {
    const Onnx__GraphProto *body;
    int states, nin;
    struct tensor **in;
};

static bool scan_again(struct scope *s, struct raw *r, void *arg)
{
    const struct scan_call *c = arg;
    return run_scan(s, r, c->body, c->states, c->in, c->nin);
}

/* Long enough to be repeated, and all axes are there. */
static bool is_long(struct raw *r, const struct scan_call *c)
{
    int64_t length = 0;
    for (int i = c->states; i < c->nin; i++) {
        int64_t axis = raw_int_at(r, "scan_input_axes", i - c->states);
        axis += axis < 0 ? c->in[i]->rank : 0;
        if (axis < 0 || axis >= c->in[i]->rank)
            return false;
        length = c->in[i]->dim[axis];
    }
    return length == 0 || length > few(c->body);
}

static bool import_scan(struct scope *s, struct raw *r)
{
    const Onnx__GraphProto *body = raw_graph(s, r, "body");
    int first = r->opset < 9, nin = r->nin - first;
    int64_t scans = raw_int(r, "num_scan_inputs", 0);
    if (!body)
        return false;
    if (scans < 1 || scans > nin || body->n_input != (size_t)nin || body->n_output < (size_t)(nin - scans) || (size_t)r->nout > body->n_output)
        return raw_error(s, r, "its body has %zu inputs and %zu outputs for %d operands", body->n_input, body->n_output, nin);
    if (first && r->in[0])
        return raw_error(s, r, "lengths per sequence are not supported");
    struct tensor **in = xcalloc((size_t)nin, sizeof *in), **out = xcalloc(body->n_output, sizeof *out);
    bool ok = true;
    for (int i = 0; i < nin && ok; i++) {
        in[i] = raw_in(r, i + first);
        if (!in[i] || in[i]->rank < 0)
            ok = raw_error(s, r, "operand %d is missing, or its shape is not known", i);
    }
    struct scan_call call = { body, nin - (int)scans, nin, in };
    if (ok && !first && is_long(r, &call) && quietly(s, scan_again, r, &call)) {
        free(in);
        free(out);
        return true;
    }
    ok = ok && (first ? scan_batches(s, r, body, nin - (int)scans, in, nin, out) : scan(s, r, body, nin - (int)scans, in, nin, out, ""));
    for (int i = 0; i < r->nout && ok; i++)
        raw_define(s, r, i, value_of(s, out[i]));
    free(in);
    free(out);
    return ok;
}

bool import_control(struct scope *s, struct raw *r, bool *done)
{
    *done = true;
    if (raw_is(r, "If"))
        return import_if(s, r);
    if (raw_is(r, "Loop"))
        return import_loop(s, r);
    if (raw_is(r, "Scan"))
        return import_scan(s, r);
    return import_sequence(s, r, done);
}
