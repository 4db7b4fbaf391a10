/* Tensors of which the data say how much is used (tensor.extent), where a node asks for their size or makes something of that size: Shape and
 * Size are numbers of the run, and shapes that hold such numbers are upper bounds with a size beside them. */
#include "onnx_import.h"

#include <string.h>

/* A number that serves as a size: known, or `at_most` what `number` (one element) says in the run. */
struct size {
    struct tensor *number;
    int64_t at_most;
};

static bool is_sized_by_data(const struct tensor *t)
{
    for (int k = 0; t && k < t->rank; k++)
        if (t->extent[k])
            return true;
    return false;
}

/* t tells how much of some axis is used. */
static bool is_extent(struct scope *s, struct tensor *t, int64_t *at_most)
{
    bool found = false;
    for (int i = 0; i < s->g->tensors; i++) {
        const struct tensor *o = s->g->tensor[i];
        for (int k = 0; k < o->rank; k++)
            if (o->extent[k] == t) {
                *at_most = found ? MIN(*at_most, o->dim[k]) : o->dim[k];
                found = true;
            }
    }
    return found;
}

static bool trace(struct scope *s, struct tensor *t, int64_t at, struct size *v, int depth);

/* The result of arithmetic on two sizes, one of them not known now. */
static bool trace_arithmetic(struct scope *s, struct tensor *t, struct size *v, int depth)
{
    const char *op = t->def->op->onnx;
    struct size a, b;
    if (tensor_count(t) != 1 || t->def->nin != 2 || !trace(s, t->def->in[0], 0, &a, depth) || !trace(s, t->def->in[1], 0, &b, depth))
        return false;
    v->number = t;
    if (strcmp(op, "Min") == 0)
        v->at_most = MIN(a.at_most, b.at_most);
    else if (strcmp(op, "Max") == 0)
        v->at_most = MAX(a.at_most, b.at_most);
    else if (strcmp(op, "Add") == 0)
        return !__builtin_add_overflow(a.at_most, b.at_most, &v->at_most);
    else if (strcmp(op, "Mul") == 0)
        return a.at_most >= 0 && b.at_most >= 0 && !__builtin_mul_overflow(a.at_most, b.at_most, &v->at_most);
    else if (strcmp(op, "Sub") == 0 && !b.number)
        return !__builtin_sub_overflow(a.at_most, b.at_most, &v->at_most);
    else if (strcmp(op, "Div") == 0 && !b.number && b.at_most > 0)
        v->at_most = a.at_most / b.at_most;
    else
        return false;
    return true;
}

/* Element `at` of integers. */
static bool trace(struct scope *s, struct tensor *t, int64_t at, struct size *v, int depth)
{
    int64_t known[64];
    int count;
    if (!t || t->rank < 0 || t->rank > 1 || at < 0 || at >= tensor_count(t) || depth > 64)
        return false;
    *v = (struct size){ NULL, 0 };
    if (t->data) {
        if (!tensor_ints(t, known, (int)COUNT(known), &count) || at >= count)
            return false;
        v->at_most = known[at];
        return true;
    }
    if (tensor_count(t) == 1 && t->dtype == DT_I64 && is_extent(s, t, &v->at_most)) {
        v->number = t;
        return true;
    }
    const struct node *n = t->def;
    if (!n || n->nin < 1 || !n->in[0])
        return false;
    if (strcmp(n->op->onnx, "Concat") == 0) {
        for (int i = 0; i < n->nin; at -= tensor_count(n->in[i++]))
            if (at < tensor_count(n->in[i]))
                return trace(s, n->in[i], at, v, depth + 1);
        return false;
    }
    if (n->op->flags & (OP_VIEW | OP_IDENTITY))
        return trace(s, n->in[0], at, v, depth + 1);
    if (strcmp(n->op->onnx, "Cast") == 0 && n->in[0]->dtype == DT_I64)
        return trace(s, n->in[0], at, v, depth + 1);
    if (strcmp(n->op->onnx, "Gather") == 0 && n->in[0]->rank == 1 && n->in[1]->data && tensor_ints(n->in[1], known, (int)COUNT(known), &count) && at < count)
        return trace(s, n->in[0], known[at] + (known[at] < 0 ? n->in[0]->dim[0] : 0), v, depth + 1);
    if (strcmp(n->op->onnx, "Slice") == 0 && n->in[0]->rank == 1 && tensor_ints(n->in[1], known, 1, &count) && count == 1 && !(n->nin > 4 && n->in[4]))
        return trace(s, n->in[0], at + known[0] + (known[0] < 0 ? n->in[0]->dim[0] : 0), v, depth + 1);
    return t->dtype == DT_I64 && trace_arithmetic(s, t, v, depth + 1);
}

/* All elements of a shape of which at least one is not known now. */
static bool trace_shape(struct scope *s, struct tensor *t, struct size v[MAX_RANK])
{
    bool any = false;
    if (!t || t->data || t->rank != 1 || t->dim[0] > MAX_RANK)
        return false;
    for (int i = 0; i < t->dim[0]; i++) {
        if (!trace(s, t, i, &v[i], 0))
            return false;
        any |= v[i].number != NULL;
    }
    return any;
}

bool size_at_most(struct scope *s, struct tensor *t, int64_t *at_most)
{
    struct size v;
    if (!t || tensor_count(t) != 1 || !trace(s, t, 0, &v, 0))
        return false;
    *at_most = v.at_most;
    return true;
}

static struct tensor *bounds(struct scope *s, const struct size *v, int n)
{
    int64_t most[MAX_RANK];
    for (int i = 0; i < n; i++)
        most[i] = MAX(v[i].at_most, v[i].number ? 0 : INT64_MIN);
    return const_ints(s, n, most);
}

/* The node as it stands, under another name: what becomes of it has the node's. NULL: an error was reported. */
static struct tensor *room(struct scope *s, struct raw *r)
{
    const char *name = raw_part(s, r, "room");
    struct raw c = *r;
    c.out = &name;
    c.nout = 1;
    return bind_raw(s, &c) ? scope_find(s, name)->t : NULL;
}

/* ---- what a size is ------------------------------------------------------------------------------------------------ */

static struct tensor *size_of_axis(struct scope *s, struct raw *r, struct tensor *x, int k, int rank)
{
    struct tensor *e = x->extent[k] ? x->extent[k] : rank ? const_ints(s, 1, &x->dim[k]) : known_scalar(s, DT_I64, &x->dim[k]);
    return e->rank == rank ? e : emit1(s, r, "Reshape", e, const_ints(s, rank, (int64_t[]){ 1 }));
}

static bool import_shape(struct scope *s, struct raw *r)
{
    struct tensor *x = raw_in(r, 0);
    int64_t start = raw_int(r, "start", 0), end = raw_int(r, "end", x->rank);
    start = MIN(MAX(start + (start < 0 ? x->rank : 0), 0), x->rank);
    end = MIN(MAX(end + (end < 0 ? x->rank : 0), start), x->rank);
    struct node *n = emit_begin(s, r, "Concat");
    if (!n)
        return false;
    set_attr_i(s->g, n, "axis", 0);
    for (int64_t k = start; k < end; k++) {
        struct tensor *e = size_of_axis(s, r, x, (int)k, 1);
        if (!e)
            return false;
        node_input(s->g, n, e);
    }
    struct tensor *y = start < end ? emit_end(s, n) : const_ints(s, 0, NULL);
    return y && raw_define(s, r, 0, value_of(s, y));
}

static bool import_size(struct scope *s, struct raw *r)
{
    struct tensor *x = raw_in(r, 0), *y = NULL;
    for (int k = 0; k < x->rank; k++) {
        struct tensor *e = size_of_axis(s, r, x, k, 0);
        y = e && y ? emit1(s, r, "Mul", y, e) : e;
        if (!y)
            return false;
    }
    return raw_define(s, r, 0, value_of(s, y));
}

/* ---- what is done along an axis of such a size ---------------------------------------------------------------------- */

static bool import_concat(struct scope *s, struct raw *r, bool *done)
{
    struct tensor *x = raw_in(r, 0);
    int64_t axis = raw_int(r, "axis", 0);
    bool along = false;
    axis += x && axis < 0 ? x->rank : 0;
    for (int i = 0; i < r->nin; i++) {
        if (!raw_in(r, i) || raw_in(r, i)->rank <= axis || axis < 0)
            return true;
        along |= raw_in(r, i)->extent[axis] != NULL;
    }
    if (!along)
        return true;
    *done = true;
    for (int i = 1; i < r->nin && x; i++)
        x = append_used(s->g, x, raw_in(r, i), (int)axis, r->index);
    return x && raw_define(s, r, 0, value_of(s, x));
}

/* A mean is a sum, divided by how many there are. */
static bool import_mean(struct scope *s, struct raw *r)
{
    struct tensor *x = raw_in(r, 0), *axes = raw_in(r, 1), *count = NULL;
    int64_t v[MAX_RANK], noop = raw_int(r, "noop_with_empty_axes", 0);
    int n = 0;
    unsigned reduced = 0;
    if (axes && !tensor_ints(axes, v, MAX_RANK, &n))
        return true;
    for (int i = 0; i < n; i++)
        reduced |= 1u << ((v[i] + (v[i] < 0 ? x->rank : 0)) & 31);
    for (int k = 0; k < x->rank; k++) {
        if (n ? !(reduced >> k & 1) : noop != 0)
            continue;
        struct tensor *e = size_of_axis(s, r, x, k, 0);
        if (!(count = e && count ? emit1(s, r, "Mul", count, e) : e))
            return false;
    }
    if (!count || count->data)
        return true;
    struct node *cast = emit_begin(s, r, "Cast");
    if (!cast)
        return false;
    node_input(s->g, cast, count);
    set_attr_i(s->g, cast, "to", x->dtype);
    r->op = "ReduceSum";
    struct tensor *sum = (count = emit_end(s, cast)) ? room(s, r) : NULL;
    r->op = "Div";
    r->nattr = 0;
    r->nin = 2;
    raw_set_in(s, r, 0, sum);
    raw_set_in(s, r, 1, count);
    return sum != NULL;
}

/* A place that counts from the end of an axis where it is negative, counted from the front. */
static struct tensor *from_front(struct scope *s, struct raw *r, struct tensor *at, struct tensor *size)
{
    int64_t zero = 0;
    at = size && at->rank ? emit1(s, r, "Reshape", at, const_ints(s, 0, NULL)) : at;
    struct tensor *negative = size && at ? emit1(s, r, "Less", at, known_scalar(s, DT_I64, &zero)) : NULL, *other = negative ? emit1(s, r, "Add", at, size) : NULL;
    struct node *where = other ? emit_begin(s, r, "Where") : NULL;
    if (!where)
        return NULL;
    node_input(s->g, where, negative);
    node_input(s->g, where, other);
    node_input(s->g, where, at);
    return emit_end(s, where);
}

/* A part that begins at a known place and ends at one that the data say: as much room as it can need, and how much of it is used. */
static bool import_slice(struct scope *s, struct raw *r, bool *done)
{
    struct tensor *x = raw_in(r, 0), *used[MAX_RANK] = { NULL };
    int64_t axes[MAX_RANK], starts[MAX_RANK], ends[MAX_RANK], steps[MAX_RANK];
    int n, count;
    bool any = false;
    if (!x || x->rank < 0 || !raw_in(r, 1) || !raw_in(r, 2) || !tensor_ints(raw_in(r, 1), starts, MAX_RANK, &n) || raw_in(r, 2)->rank != 1 || raw_in(r, 2)->dim[0] != n)
        return true;
    if (raw_in(r, 3) && (!tensor_ints(raw_in(r, 3), axes, MAX_RANK, &count) || count != n))
        return true;
    if (raw_in(r, 4) && (!tensor_ints(raw_in(r, 4), steps, MAX_RANK, &count) || count != n))
        return true;
    for (int i = 0; i < n; i++) {
        const int64_t k = raw_in(r, 3) ? axes[i] + (axes[i] < 0 ? x->rank : 0) : i;
        struct size end;
        if (k < 0 || k >= x->rank)
            return true;
        if (!trace(s, raw_in(r, 2), i, &end, 0)) { /* any number of the run: it may count from the end */
            if (n != 1 || starts[i] < 0 || raw_in(r, 2)->data || raw_in(r, 2)->dtype != DT_I64)
                return true;
            end = (struct size){ from_front(s, r, raw_in(r, 2), size_of_axis(s, r, x, (int)k, 0)), x->dim[k] };
            if (!end.number)
                return false;
        }
        ends[i] = end.number ? MAX(end.at_most, 0) : end.at_most;
        if (!end.number && !x->extent[k])
            continue;
        if (starts[i] == 0 && !end.number && end.at_most >= x->dim[k] && (!raw_in(r, 4) || steps[i] == 1))
            continue; /* all of it */
        if (starts[i] < 0 || ends[i] < 0 || (raw_in(r, 4) && steps[i] != 1))
            return true; /* counted from the end: the operator says that it cannot */
        struct tensor *e = end.number ? end.number : known_scalar(s, DT_I64, &ends[i]), *zero = known_scalar(s, DT_I64, &(int64_t){ 0 });
        e = e->rank ? emit1(s, r, "Reshape", e, const_ints(s, 0, NULL)) : e;
        e = e ? emit1(s, r, "Min", e, size_of_axis(s, r, x, (int)k, 0)) : NULL;
        e = e && starts[i] ? emit1(s, r, "Sub", e, known_scalar(s, DT_I64, &starts[i])) : e;
        if (!e || !(used[k] = emit1(s, r, "Max", e, zero)))
            return false;
        tensor_rename(s->g, used[k], name_in(s, arena_printf(s->im->arena, "%s_size%d", r->out[0], (int)k)));
        any = true;
    }
    if (!any)
        return true;
    raw_set_in(s, r, 2, const_ints(s, n, ends));
    struct node *slice = emit_begin(s, r, "Slice");
    if (!slice)
        return false;
    for (int i = 0; i < r->nin; i++)
        node_input(s->g, slice, raw_in(r, i));
    struct tensor *y = node_output(s->g, slice, name_in(s, raw_part(s, r, "room")));
    for (int k = 0; k < x->rank; k++)
        y->extent[k] = x->extent[k] ? used[k] : NULL;
    if (!raw_infer(s, slice))
        return false;
    for (int k = 0; k < x->rank && y; k++)
        if (used[k] && !x->extent[k])
            y = fill_past(s->g, NULL, y, used[k], k, PAST_ZERO);
    *done = true;
    return y && raw_define(s, r, 0, value_of(s, y));
}

/* ---- shapes that hold such a size ----------------------------------------------------------------------------------- */

/* The operand that is a shape becomes its upper bounds; of the result's last axes v says how much is used. */
static bool import_shaped(struct scope *s, struct raw *r, int operand, bool *done)
{
    struct size v[MAX_RANK];
    if (!trace_shape(s, raw_in(r, operand), v))
        return true;
    const int n = (int)raw_in(r, operand)->dim[0];
    raw_set_in(s, r, operand, bounds(s, v, n));
    if (raw_is(r, "Reshape"))
        return true; /* it has its operand's elements, of which it is known */
    struct tensor *y = room(s, r);
    *done = true;
    for (int i = 0; i < n && y; i++) {
        const int k = y->rank - n + i;
        struct tensor *e = v[i].number;
        if (!e || y->extent[k] || (v[i].at_most <= 1 && y->dim[k] > 1))
            continue;
        e = e->rank ? emit1(s, r, "Reshape", e, const_ints(s, 0, NULL)) : e;
        y = e ? fill_past(s->g, NULL, y, e, k, PAST_ZERO) : NULL;
    }
    return y && raw_define(s, r, 0, value_of(s, y));
}

/* 0, 1, 2 ... as far as the data say. */
static bool import_range(struct scope *s, struct raw *r, bool *done)
{
    struct tensor *end = raw_in(r, 1), *y;
    struct size v;
    int64_t start, step;
    if (!end || end->data || !known_int(raw_in(r, 0), &start) || !known_int(raw_in(r, 2), &step) || start != 0 || step != 1 ||
        end->dtype != DT_I64 || tensor_count(end) != 1 || !trace(s, end, 0, &v, 0))
        return true;
    const int64_t most = MAX(v.at_most, 0);
    *done = true;
    raw_set_in(s, r, 1, known_scalar(s, DT_I64, &most));
    end = end->rank ? emit1(s, r, "Reshape", end, const_ints(s, 0, NULL)) : end;
    y = end ? room(s, r) : NULL;
    y = y ? fill_past(s->g, NULL, y, end, 0, PAST_ZERO) : NULL;
    return y && raw_define(s, r, 0, value_of(s, y));
}

bool import_extents(struct scope *s, struct raw *r, bool *done)
{
    bool sized = false;
    for (int i = 0; i < r->nin; i++) {
        if (raw_in(r, i) && raw_in(r, i)->rank < 0)
            return true;
        sized |= is_sized_by_data(raw_in(r, i));
    }
    if (raw_is(r, "Slice"))
        return import_slice(s, r, done);
    if (raw_is(r, "Range"))
        return import_range(s, r, done);
    if (raw_is(r, "ConstantOfShape"))
        return import_shaped(s, r, 0, done);
    if (raw_is(r, "Expand") || raw_is(r, "Reshape"))
        return import_shaped(s, r, 1, done);
    if (!sized)
        return true;
    if (raw_is(r, "Shape") || raw_is(r, "Size")) {
        *done = true;
        return raw_is(r, "Shape") ? import_shape(s, r) : import_size(s, r);
    }
    if (raw_is(r, "Concat"))
        return import_concat(s, r, done);
    return raw_is(r, "ReduceMean") ? import_mean(s, r) : true;
}
