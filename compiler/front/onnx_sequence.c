/* Sequences and optionals: lists of values that live while importing. */
#include "onnx_import.h"

#include <stdlib.h>
#include <string.h>

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
    int64_t axis = raw_int(r, "axis", 0), size[1024];
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
        v->item[i] = value_of(s, node_output(s->g, split, name_in(s, raw_part(s, r, "part"))));
    if (!infer_node(s->g, split))
        return false;
    if (!parts && raw_int(r, "keepdims", 1) == 0)
        for (int i = 0; i < n; i++)
            if (!(v->item[i]->t = emit1(s, r, "Squeeze", v->item[i]->t, const_ints(s, 1, &axis))))
                return false;
    return raw_define(s, r, 0, v);
}

static bool concat_from_sequence(struct scope *s, struct raw *r, struct value *q)
{
    int64_t axis = raw_int(r, "axis", 0);
    struct tensor **t = arena_alloc(s->im->arena, sizeof *t * (size_t)(q->items + 1)), *out;
    for (int i = 0; i < q->items; i++)
        if (!(t[i] = q->item[i]->t))
            return raw_error(s, r, "its sequence holds what is no tensor");
    if (raw_int(r, "new_axis", 0)) {
        out = stack_rounds(s, r, t, q->items, axis);
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
    const Onnx__GraphProto *body = raw_graph(s, r, "body");
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
        if (!inline_graph(s, body, raw_part(s, r, arena_printf(s->im->arena, "%d", i)), raw_where(s, r), in, r->nin, out, r->nout))
            return false;
        for (int k = 0; k < r->nout; k++)
            if (!(result[k]->item[i] = out[k]))
                return raw_error(s, r, "its body leaves an output out");
    }
    for (int k = 0; k < r->nout; k++)
        raw_define(s, r, k, result[k]);
    return true;
}

bool import_sequence(struct scope *s, struct raw *r, bool *done)
{
    struct value *q = r->nin > 0 ? r->in[0] : NULL, *v;
    bool is_sequence = q && q->sequence;
    int64_t at;
    *done = true;
    if (raw_is(r, "SequenceEmpty"))
        return raw_define(s, r, 0, sequence(s, 0));
    if (raw_is(r, "SequenceConstruct")) {
        v = sequence(s, r->nin);
        for (int i = 0; i < r->nin; i++)
            if (!(v->item[i] = r->in[i]))
                return raw_error(s, r, "its operand %d is missing", i);
        return raw_define(s, r, 0, v);
    }
    if (raw_is(r, "SplitToSequence"))
        return split_to_sequence(s, r);
    if (raw_is(r, "SequenceMap"))
        return sequence_map(s, r);
    if (raw_is(r, "Optional")) {
        v = q ? q : arena_alloc(s->im->arena, sizeof *v);
        return raw_define(s, r, 0, v);
    }
    if (raw_is(r, "OptionalHasElement")) {
        uint8_t has = q && (q->t || q->sequence);
        return raw_define(s, r, 0, value_of(s, known_scalar(s, DT_BOOL, &has)));
    }
    if (raw_is(r, "OptionalGetElement") && q && (q->t || q->sequence))
        return raw_define(s, r, 0, q);
    if (raw_is(r, "Identity") && q && !q->t)
        return raw_define(s, r, 0, q);
    static const char *const on_sequence[] = { "SequenceAt", "SequenceLength", "SequenceInsert", "SequenceErase", "ConcatFromSequence" };
    *done = false;
    for (size_t i = 0; i < COUNT(on_sequence); i++)
        *done |= raw_is(r, on_sequence[i]);
    if (!*done)
        return true;
    if (!is_sequence)
        return raw_error(s, r, "its first operand is no sequence that is known when compiling");
    if (raw_is(r, "SequenceLength")) {
        at = q->items;
        return raw_define(s, r, 0, value_of(s, known_scalar(s, DT_I64, &at)));
    }
    if (raw_is(r, "ConcatFromSequence"))
        return concat_from_sequence(s, r, q);
    if (raw_is(r, "SequenceAt"))
        return position(s, r, 1, q->items, q->items, -1, &at) && (at >= 0 || raw_error(s, r, "it has no position")) && raw_define(s, r, 0, q->item[at]);
    if (raw_is(r, "SequenceInsert")) {
        if (r->nin < 2 || !r->in[1])
            return raw_error(s, r, "it has nothing to insert");
        if (!position(s, r, 2, q->items, q->items + 1, q->items, &at))
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
