/* Control flow and containers, as far as the compiler can see through them.
 *
 * If with a known condition is its branch; with another one both branches and a choice, where their results agree in shape. Loop with a
 * known number of rounds and Scan are unrolled. Sequences and optionals are lists of values while importing. What is left
 * becomes a node with subgraphs, where the operator table has one. */
#include "onnx_import.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 65536 };

static bool is(const struct raw *r, const char *op)
{
    return strcmp(r->op, op) == 0;
}

static const Onnx__GraphProto *graph_of(struct scope *s, struct raw *r, const char *name)
{
    Onnx__AttributeProto *a = raw_attr(r, name);
    if (!a || !a->g)
        raw_error(s, r, "attribute '%s' must be a graph", name);
    return a ? a->g : NULL;
}

static int64_t int_of(const struct raw *r, const char *name, int64_t otherwise)
{
    Onnx__AttributeProto *a = raw_attr(r, name);
    return a && a->has_i ? a->i : otherwise;
}

static int64_t ints_at(const struct raw *r, const char *name, int i)
{
    Onnx__AttributeProto *a = raw_attr(r, name);
    return a && (size_t)i < a->n_ints ? a->ints[i] : 0;
}

static const char *part_name(struct scope *s, const struct raw *r, const char *part)
{
    return arena_printf(s->im->arena, "%s.%s", *r->name ? r->name : r->op, part);
}

/* ---- If ----------------------------------------------------------------------------------------------------------- */

static struct tensor *choose(struct scope *s, struct raw *r, struct tensor *condition, struct tensor *a, struct tensor *b)
{
    struct node *n;
    char ta[160], tb[160];
    if (a == b)
        return a;
    if (!same_shape(a, b) || a->dtype != b->dtype) {
        raw_error(s, r, "the condition is not known, and the branches give different shapes: %s and %s", shape_text(a, ta), shape_text(b, tb));
        return NULL;
    }
    if (!(n = emit_begin(s, r, "Where")))
        return NULL;
    node_input(s->g, n, condition);
    node_input(s->g, n, a);
    node_input(s->g, n, b);
    return emit_end(s, n);
}

static bool import_if(struct scope *s, struct raw *r)
{
    const Onnx__GraphProto *branch[2] = { graph_of(s, r, "else_branch"), graph_of(s, r, "then_branch") };
    struct value **out[2];
    struct tensor *condition = raw_in(r, 0);
    bool known, truth = false, ok = true;
    if (!branch[0] || !branch[1])
        return false;
    if (!condition)
        return raw_error(s, r, "it has no condition");
    known = known_bool(condition, &truth);
    for (int i = 0; i < 2 && ok; i++) {
        out[i] = arena_alloc(s->im->arena, sizeof **out * (size_t)r->nout);
        if (!known || i == truth)
            ok = inline_graph(s, branch[i], part_name(s, r, i ? "then" : "else"), raw_where(s, r), NULL, 0, out[i], r->nout);
    }
    for (int i = 0; i < r->nout && ok; i++) {
        struct value *v = out[truth][i];
        if (!known) {
            if (!out[0][i]->t || !out[1][i]->t)
                return raw_error(s, r, "sequences or optionals from a branch whose condition is not known are not supported");
            struct tensor *t = choose(s, r, condition, out[1][i]->t, out[0][i]->t);
            if (!t)
                return false;
            v = value_of(s, t);
        }
        raw_define(s, r, i, v);
    }
    return ok;
}

/* ---- Loop and Scan ------------------------------------------------------------------------------------------------- */

/* Results of the rounds along a new axis. */
static struct tensor *stack(struct scope *s, struct raw *r, struct tensor **t, int n, int64_t axis)
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

static struct tensor *scalar(struct scope *s, enum dtype type, const void *v)
{
    return tensor_const(s->g, name_in(s, "scalar"), type, 0, NULL, v);
}

static bool import_loop(struct scope *s, struct raw *r)
{
    const Onnx__GraphProto *body = graph_of(s, r, "body");
    int64_t limit = INT64_MAX, round = 0;
    bool go = true, ok = true;
    int vars = r->nin - 2, scans;
    if (!body)
        return false;
    if (vars < 0 || body->n_input != (size_t)r->nin || body->n_output < (size_t)vars + 1)
        return raw_error(s, r, "its body has %zu inputs and %zu outputs for %d operands", body->n_input, body->n_output, r->nin);
    scans = (int)body->n_output - 1 - vars;
    if (r->in[0] && !known_int(raw_in(r, 0), &limit))
        return raw_error(s, r, "the number of rounds is not known when compiling (--fix-input may give it)");
    if (r->in[1] && !known_bool(raw_in(r, 1), &go))
        return raw_error(s, r, "the condition is not known when compiling (--fix-input may give it)");
    struct value **in = xcalloc((size_t)r->nin, sizeof *in), **out = xcalloc(body->n_output, sizeof *out);
    struct tensor ***kept = xcalloc((size_t)scans + 1, sizeof *kept);
    memcpy(in, r->in, sizeof *in * (size_t)r->nin);
    for (; round < limit && go && ok; round++) {
        uint8_t yes = 1;
        if (round == MAX_ROUNDS) {
            ok = raw_error(s, r, "more than %d rounds", MAX_ROUNDS);
            break;
        }
        in[0] = value_of(s, scalar(s, DT_I64, &round));
        in[1] = value_of(s, scalar(s, DT_BOOL, &yes));
        ok = inline_graph(s, body, part_name(s, r, arena_printf(s->im->arena, "%lld", (long long)round)), raw_where(s, r), in, r->nin, out, (int)body->n_output);
        if (ok && !known_bool(out[0]->t, &go))
            ok = raw_error(s, r, "whether there is another round after round %lld depends on data", (long long)round);
        for (int i = 0; i < vars && ok; i++)
            in[2 + i] = out[1 + i];
        for (int i = 0; i < scans && ok; i++) {
            int n = (int)round;
            if (!out[1 + vars + i]->t)
                ok = raw_error(s, r, "a sequence or an optional cannot be a scan output");
            else
                VEC_PUSH(kept[i], n, out[1 + vars + i]->t);
        }
    }
    for (int i = 0; i < r->nout && ok; i++) {
        struct tensor *t = NULL;
        if (i < vars)
            raw_define(s, r, i, in[2 + i]);
        else if (i - vars < scans && *r->out[i]) {
            t = stack(s, r, kept[i - vars], (int)round, 0);
            ok = t && raw_define(s, r, i, value_of(s, t));
        }
    }
    for (int i = 0; i < scans; i++)
        free(kept[i]);
    free(kept);
    free(in);
    free(out);
    return ok;
}

static struct tensor *slice_at(struct scope *s, struct raw *r, struct tensor *t, int64_t axis, int64_t i)
{
    struct node *n = emit_begin(s, r, "Gather");
    if (!n)
        return NULL;
    set_attr_i(s->g, n, "axis", axis);
    node_input(s->g, n, t);
    node_input(s->g, n, scalar(s, DT_I64, &i));
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
        int64_t axis = ints_at(r, "scan_input_axes", i);
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
            int64_t axis = ints_at(r, "scan_input_axes", i);
            axis += axis < 0 ? t->rank : 0;
            t = slice_at(s, r, t, axis, ints_at(r, directions, i) ? length - 1 - k : k);
            ok = t != NULL;
            formal[states + i] = t ? value_of(s, t) : NULL;
        }
        ok = ok && inline_graph(s, body, part_name(s, r, arena_printf(s->im->arena, "%s%lld", part, (long long)k)), raw_where(s, r), formal, nin, result, (int)body->n_output);
        for (int i = 0; i < (int)body->n_output && ok; i++) {
            if (!result[i]->t)
                ok = raw_error(s, r, "a sequence or an optional in its body's outputs");
            else if (i < states)
                formal[i] = result[i];
            else
                kept[i - states][ints_at(r, "scan_output_directions", i - states) ? length - 1 - k : k] = result[i]->t;
        }
    }
    for (int i = 0; i < states && ok; i++)
        out[i] = formal[i]->t;
    for (int i = 0; i < kept_n && ok; i++) {
        out[states + i] = stack(s, r, kept[i], (int)length, ints_at(r, "scan_output_axes", i));
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
        ok = (out[i] = stack(s, r, kept[i], (int)batches, 0)) != NULL;
    for (int i = 0; i < outs; i++)
        free(kept[i]);
    free(kept);
    free(part);
    free(result);
    return ok;
}

static bool import_scan(struct scope *s, struct raw *r)
{
    const Onnx__GraphProto *body = graph_of(s, r, "body");
    int first = r->opset < 9, nin = r->nin - first;
    int64_t scans = int_of(r, "num_scan_inputs", 0);
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
    ok = ok && (first ? scan_batches(s, r, body, nin - (int)scans, in, nin, out) : scan(s, r, body, nin - (int)scans, in, nin, out, ""));
    for (int i = 0; i < r->nout && ok; i++)
        raw_define(s, r, i, value_of(s, out[i]));
    free(in);
    free(out);
    return ok;
}

/* ---- sequences and optionals --------------------------------------------------------------------------------------- */

static struct value *sequence(struct scope *s, int items)
{
    struct value *v = arena_alloc(s->im->arena, sizeof *v);
    v->sequence = true;
    v->items = items;
    v->item = arena_alloc(s->im->arena, sizeof *v->item * (size_t)(items + 1));
    return v;
}

/* The position in input i, below `room`, counting from `items` if negative; `otherwise` where it is absent. */
static bool position(struct scope *s, struct raw *r, int i, int64_t items, int64_t room, int64_t otherwise, int64_t *at)
{
    *at = otherwise;
    if (i >= r->nin || !r->in[i])
        return true;
    if (!known_int(raw_in(r, i), at))
        return raw_error(s, r, "the position is not known when compiling (--fix-input may give it)");
    *at += *at < 0 ? items : 0;
    return (*at >= 0 && *at < room) || raw_error(s, r, "the position lies outside the sequence");
}

static bool split_to_sequence(struct scope *s, struct raw *r)
{
    struct tensor *x = raw_in(r, 0), *parts = raw_in(r, 1);
    int64_t axis = int_of(r, "axis", 0), size[1024];
    int n = 0;
    if (!x || x->rank < 1)
        return raw_error(s, r, "its input has no axis to split");
    axis += axis < 0 ? x->rank : 0;
    if (axis < 0 || axis >= x->rank)
        return raw_error(s, r, "axis %lld is out of range", (long long)axis);
    int64_t length = x->dim[axis], step = 1;
    if (parts && parts->rank == 1) {
        if (!tensor_ints(parts, size, 1024, &n))
            return raw_error(s, r, "the split is not known when compiling (--fix-input may give it)");
    } else {
        if (parts && (!known_int(parts, &step) || step < 1))
            return raw_error(s, r, "the split is not known when compiling (--fix-input may give it)");
        if (length / step >= 1024)
            return raw_error(s, r, "more than 1024 parts");
        for (int64_t at = 0; at < length; at += step)
            size[n++] = MIN(step, length - at);
    }
    struct node *split = emit_begin(s, r, "Split");
    struct value *v = sequence(s, n);
    if (!split || n == 0)
        return split && raw_error(s, r, "an axis of size 0");
    set_attr_i(s->g, split, "axis", axis);
    node_input(s->g, split, x);
    node_input(s->g, split, const_ints(s, n, size));
    for (int i = 0; i < n; i++)
        v->item[i] = value_of(s, node_output(s->g, split, name_in(s, part_name(s, r, "part"))));
    if (!infer_node(s->g, split))
        return false;
    if (!parts && int_of(r, "keepdims", 1) == 0)
        for (int i = 0; i < n; i++)
            if (!(v->item[i]->t = emit1(s, r, "Squeeze", v->item[i]->t, const_ints(s, 1, &axis))))
                return false;
    return raw_define(s, r, 0, v);
}

static bool concat_from_sequence(struct scope *s, struct raw *r, struct value *q)
{
    int64_t axis = int_of(r, "axis", 0);
    struct tensor **t = arena_alloc(s->im->arena, sizeof *t * (size_t)(q->items + 1)), *out;
    for (int i = 0; i < q->items; i++)
        if (!(t[i] = q->item[i]->t))
            return raw_error(s, r, "its sequence holds what is no tensor");
    if (int_of(r, "new_axis", 0)) {
        out = stack(s, r, t, q->items, axis);
    } else {
        struct node *n = emit_begin(s, r, "Concat");
        if (!n)
            return false;
        set_attr_i(s->g, n, "axis", axis);
        for (int i = 0; i < q->items; i++)
            node_input(s->g, n, t[i]);
        out = emit_end(s, n);
    }
    return out && raw_define(s, r, 0, value_of(s, out));
}

static bool sequence_map(struct scope *s, struct raw *r)
{
    const Onnx__GraphProto *body = graph_of(s, r, "body");
    if (!body)
        return false;
    if (r->nin < 1 || !r->in[0] || !r->in[0]->sequence)
        return raw_error(s, r, "its first operand is no sequence");
    int items = r->in[0]->items;
    struct value **in = arena_alloc(s->im->arena, sizeof *in * (size_t)(r->nin + 1)), **out = arena_alloc(s->im->arena, sizeof *out * (size_t)(r->nout + 1));
    struct value **result = arena_alloc(s->im->arena, sizeof *result * (size_t)(r->nout + 1));
    for (int k = 0; k < r->nout; k++)
        result[k] = sequence(s, items);
    for (int i = 0; i < items; i++) {
        for (int k = 0; k < r->nin; k++) {
            in[k] = r->in[k];
            if (in[k] && in[k]->sequence && in[k]->items < items)
                return raw_error(s, r, "its sequences differ in length");
            if (in[k] && in[k]->sequence)
                in[k] = in[k]->item[i];
        }
        if (!inline_graph(s, body, part_name(s, r, arena_printf(s->im->arena, "%d", i)), raw_where(s, r), in, r->nin, out, r->nout))
            return false;
        for (int k = 0; k < r->nout; k++)
            result[k]->item[i] = out[k];
    }
    for (int k = 0; k < r->nout; k++)
        raw_define(s, r, k, result[k]);
    return true;
}

static bool import_sequence(struct scope *s, struct raw *r, bool *done)
{
    struct value *q = r->nin > 0 ? r->in[0] : NULL, *v;
    bool is_sequence = q && q->sequence;
    int64_t at;
    *done = true;
    if (is(r, "SequenceEmpty"))
        return raw_define(s, r, 0, sequence(s, 0));
    if (is(r, "SequenceConstruct")) {
        v = sequence(s, r->nin);
        for (int i = 0; i < r->nin; i++)
            v->item[i] = r->in[i];
        return raw_define(s, r, 0, v);
    }
    if (is(r, "SplitToSequence"))
        return split_to_sequence(s, r);
    if (is(r, "SequenceMap"))
        return sequence_map(s, r);
    if (is(r, "Optional")) {
        v = q ? q : arena_alloc(s->im->arena, sizeof *v);
        return raw_define(s, r, 0, v);
    }
    if (is(r, "OptionalHasElement")) {
        uint8_t has = q && (q->t || q->sequence);
        return raw_define(s, r, 0, value_of(s, scalar(s, DT_BOOL, &has)));
    }
    if (is(r, "OptionalGetElement") && q && (q->t || q->sequence))
        return raw_define(s, r, 0, q);
    if (is(r, "Identity") && q && !q->t)
        return raw_define(s, r, 0, q);
    static const char *const on_sequence[] = { "SequenceAt", "SequenceLength", "SequenceInsert", "SequenceErase", "ConcatFromSequence" };
    *done = false;
    for (size_t i = 0; i < COUNT(on_sequence); i++)
        *done |= is(r, on_sequence[i]);
    if (!*done)
        return true;
    if (!is_sequence)
        return raw_error(s, r, "its first operand is no sequence that is known when compiling");
    if (is(r, "SequenceLength")) {
        at = q->items;
        return raw_define(s, r, 0, value_of(s, scalar(s, DT_I64, &at)));
    }
    if (is(r, "ConcatFromSequence"))
        return concat_from_sequence(s, r, q);
    if (is(r, "SequenceAt"))
        return position(s, r, 1, q->items, q->items, -1, &at) && (at >= 0 || raw_error(s, r, "it has no position")) && raw_define(s, r, 0, q->item[at]);
    if (is(r, "SequenceInsert")) {
        if (r->nin < 2 || !r->in[1] || !position(s, r, 2, q->items, q->items + 1, q->items, &at))
            return false;
        v = sequence(s, q->items + 1);
        for (int i = 0; i < v->items; i++)
            v->item[i] = i < at ? q->item[i] : i == at ? r->in[1] : q->item[i - 1];
        return raw_define(s, r, 0, v);
    }
    if (q->items == 0 || !position(s, r, 1, q->items, q->items, q->items - 1, &at))
        return q->items ? false : raw_error(s, r, "the sequence is empty");
    v = sequence(s, q->items - 1);
    for (int i = 0; i < v->items; i++)
        v->item[i] = q->item[i < at ? i : i + 1];
    return raw_define(s, r, 0, v);
}

bool import_control(struct scope *s, struct raw *r, bool *done)
{
    *done = true;
    if (is(r, "If"))
        return import_if(s, r);
    if (is(r, "Loop"))
        return import_loop(s, r);
    if (is(r, "Scan"))
        return import_scan(s, r);
    return import_sequence(s, r, done);
}
