/* quantize: networks say that a tensor is quantised by a QuantizeLinear and a DequantizeLinear behind it, between which it is 8 bits wide; what
 * stands between a DequantizeLinear and the next QuantizeLinear is written in floats. Here it becomes integers:
 *
 * - what only moves elements works on the 8 bits: DequantizeLinear sinks below it, QuantizeLinear rises above it;
 * - a function of one quantised tensor, element by element, is a table, computed by the nodes that it replaces on all 256 values;
 * - other operators say themselves what they are in integers (struct op's `quantize`), with bounds (Relu, Clip) behind them as the bounds of
 *   the result: rounding keeps the order;
 * - operators that read quantised tensors and whose result nothing quantises give floats from their integer sums.
 *
 * Every node that is replaced is gone when its last reader is. What is left of constants in QuantizeLinear and DequantizeLinear folds. */
#include "../pass.h"

#include <math.h>
#include <string.h>

#include "../ops/quantized.h"

static bool is_op(const struct tensor *t, unsigned flag) { return t && t->def && (t->def->op->flags & flag); }

/* What an operand that a DequantizeLinear makes stands for. False: it is something else. */
static bool dequantized(struct graph *g, const struct tensor *t, struct quantized *q)
{
    *q = (struct quantized){0};
    if (!is_op(t, OP_DEQUANTIZES) || t->dtype != DT_F32)
        return false;
    const struct node *d = t->def;
    struct tensor *x = d->in[0];
    const int64_t block = attr_i(d, "block_size"), axis = attr_i(d, "axis");
    double low, high;
    if (block || d->in[1]->rank > 1 || d->in[1]->dtype != DT_F32)
        return false;
    const bool weights = is_known(x);
    const bool byte = x->dtype == DT_U8 || x->dtype == DT_I8, small = x->dtype == DT_U4 || x->dtype == DT_I4 || x->dtype == DT_U2 || x->dtype == DT_I2;
    if (!byte && !(weights && small))
        return false;
    int_range(x->dtype, &low, &high);
    (void)g;
    *q = (struct quantized){x, d->in[1], input(d, 2), axis < 0 ? axis + x->rank : axis, x->dtype, (int)low, (int)high};
    return true;
}

/* The same for what a QuantizeLinear makes of its operand; one scale, known, and 8 bits. */
static bool quantizes(struct graph *g, const struct node *n, struct quantized *q)
{
    double scale, low, high;
    int zero;
    if (!(n->op->flags & OP_QUANTIZES) || n->in[0]->dtype != DT_F32 || n->in[1]->dtype != DT_F32)
        return false;
    const enum dtype y = n->out[0]->dtype;
    int_range(y, &low, &high);
    *q = (struct quantized){NULL, n->in[1], input(n, 2), 0, y, (int)low, (int)high};
    return (y == DT_U8 || y == DT_I8) && one_scale(g, q, &scale, &zero);
}

static bool same_scales(struct graph *g, const struct quantized *a, const struct quantized *b)
{
    double sa, sb;
    int za, zb;
    return a->dtype == b->dtype && one_scale(g, a, &sa, &za) && one_scale(g, b, &sb, &zb) && sa == sb && za == zb;
}

static bool is_private(const struct tensor *t) { return t->users == 1 && !t->is_output; }

/* t, if nobody reads it any more, goes with the node that makes it, and what that read likewise. */
static void drop_unread(struct graph *g, struct tensor *t)
{
    struct node *n = t ? t->def : NULL;
    if (!n || t->is_output || t->users || n->op->flags & (OP_UPDATES | OP_CONTROL))
        return;
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] && (n->out[i]->users || n->out[i]->is_output))
            return;
    struct tensor **in = arena_alloc(&g->arena, sizeof *in * (size_t)(n->nin + 1));
    const int count = n->nin;
    memcpy(in, n->in, sizeof *in * (size_t)count);
    node_remove(g, n);
    for (int i = 0; i < count; i++)
        drop_unread(g, in[i]);
}

/* `now` makes what the QuantizeLinear q made, with all between. */
static void put_in_place(struct graph *g, struct node *q, struct node *now)
{
    struct tensor *x = q->in[0], *y = q->out[0];
    node_takes_over(g, now, q);
    drop_output(g, q, now, y);
    drop_unread(g, x);
}

/* ---- QuantizeLinear of DequantizeLinear ------------------------------------------------------------------------- */

static bool cancel(struct graph *g, struct node *n)
{
    struct quantized from, to;
    if (n->out[0]->is_output || !quantizes(g, n, &to) || !dequantized(g, n->in[0], &from) || !same_scales(g, &from, &to))
        return false;
    struct tensor *x = n->in[0];
    replace_tensor(g, n->out[0], from.q);
    node_remove(g, n);
    drop_unread(g, x);
    return true;
}

/* ---- what only moves elements ----------------------------------------------------------------------------------- */

static bool moves(const struct node *n)
{
    if (!(n->op->flags & OP_MOVES))
        return false;
    for (int i = 0; i < n->nout; i++)
        for (int k = 0; n->out[i] && k < n->out[i]->rank; k++)
            if (n->out[i]->extent[k])
                return false;
    return true;
}

/* QuantizeLinear(move(x)) -> move(QuantizeLinear(x)) */
static bool raise(struct graph *g, struct node *q)
{
    struct node *n = q->in[0]->def;
    struct quantized to;
    if (!n || !moves(n) || n->nout != 1 || !is_private(q->in[0]) || !quantizes(g, q, &to))
        return false;
    for (int i = 0; i < n->nin; i++) {
        if (!n->in[i] || n->in[i]->dtype != DT_F32)
            continue;
        struct node *before = q_node(g, n, q->op, to.dtype, n->in[i]->rank, n->in[i]->dim);
        copy_attrs(g, before, q);
        node_input(g, before, n->in[i]);
        node_input(g, before, to.scale);
        node_input(g, before, to.zero);
        before->name = q->name;
        before->layer = q->layer;
        before->layers = q->layers;
        node_set_input(g, n, i, before->out[0]);
    }
    struct tensor *y = q->out[0];
    drop_output(g, q, n, y);
    return infer_node(g, n);
}

/* move(DequantizeLinear(x)) -> DequantizeLinear(move(x)) */
static bool sink(struct graph *g, struct node *n)
{
    struct quantized first = {0}, other;
    struct node *d = NULL;
    if (!moves(n) || n->out[0]->dtype != DT_F32 || n->out[0]->is_output)
        return false;
    for (int i = 0; i < n->nin; i++) {
        struct tensor *t = n->in[i];
        if (!t || t->dtype != DT_F32)
            continue;
        if (!dequantized(g, t, &other) || (other.dtype != DT_U8 && other.dtype != DT_I8) || is_known(t) || (d && !same_scales(g, &first, &other)))
            return false;
        first = d ? first : other;
        d = t->def;
    }
    double scale;
    int zero;
    if (!d || !one_scale(g, &first, &scale, &zero))
        return false;
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] && n->in[i]->dtype == DT_F32) {
            struct tensor *t = n->in[i];
            node_set_input(g, n, i, t->def->in[0]);
            if (t->def != d)
                drop_unread(g, t);
        }
    for (int k = 0; k < n->nout; k++) {
        struct tensor *t = n->out[k];
        if (!t || t->dtype != DT_F32)
            continue;
        struct node *after = node_insert_after(g, n, d->op, d->name);
        struct tensor *y = node_output(g, after, unique_name(g, t->name));
        copy_attrs(g, after, d);
        y->dtype = DT_F32;
        tensor_set_shape(y, t->rank, t->dim);
        replace_tensor(g, t, y);
        node_input(g, after, t);
        node_input(g, after, first.scale);
        node_input(g, after, first.zero);
    }
    const bool ok = infer_node(g, n);
    drop_unread(g, d->out[0]);
    return ok;
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

enum { DEEP = 12 }; /* of an expression that becomes a table */

/* Is t computed element by element from the one tensor *source that a DequantizeLinear makes, and constants of one element? */
static bool depends_on_one(struct graph *g, const struct tensor *t, const struct tensor **source, int depth)
{
    struct quantized q;
    double scale;
    int zero;
    if (is_known(t))
        return tensor_count(t) == 1;
    if (dequantized(g, t, &q)) {
        if (!one_scale(g, &q, &scale, &zero) || (*source && *source != t))
            return false;
        *source = t;
        return true;
    }
    const struct node *n = t->def;
    if (!n || !(n->op->flags & OP_ELEMENTWISE) || n->nout != 1 || depth == DEEP || n->op->flags & (OP_RANDOM | OP_CONTROL))
        return false;
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] && !depends_on_one(g, n->in[i], source, depth + 1))
            return false;
    return true;
}

/* t for all values of source, which `all` holds: the same nodes once more, in front of n. */
static struct tensor *on_all_values(struct graph *g, struct node *n, struct tensor *t, const struct tensor *source, struct tensor *all)
{
    if (t == source)
        return all;
    if (is_known(t))
        return t;
    struct tensor *in[8];
    const struct node *from = t->def;
    if (from->nin > 8)
        return NULL;
    for (int i = 0; i < from->nin; i++)
        if ((in[i] = from->in[i]) && !(in[i] = on_all_values(g, n, from->in[i], source, all)))
            return NULL;
    struct node *copy = node_insert_before(g, n, from->op, from->name);
    copy_attrs(g, copy, from);
    for (int i = 0; i < from->nin; i++)
        node_input(g, copy, in[i]);
    struct tensor *y = node_output(g, copy, unique_name(g, t->name));
    return infer_node(g, copy) ? y : NULL;
}

static bool tabulate(struct graph *g, struct node *q)
{
    const struct op *table = &op_q_table;
    const struct tensor *source = NULL;
    struct quantized from, to;
    if (!quantizes(g, q, &to) || is_known(q->in[0]) || !depends_on_one(g, q->in[0], &source, 0) || !source ||
        !same_shape(source, q->in[0]) || !dequantized(g, source, &from) || (from.dtype != DT_U8 && from.dtype != DT_I8))
        return false;
    uint8_t bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    const int64_t size = 256;
    struct tensor *values = tensor_const(g, unique_name(g, "bytes"), from.dtype, 1, &size, bytes);
    struct node *d = q_node(g, q, source->def->op, DT_F32, 1, &size);
    node_input(g, d, values);
    node_input(g, d, from.scale);
    node_input(g, d, from.zero);
    struct tensor *results = on_all_values(g, q, q->in[0], source, d->out[0]);
    if (!results)
        return false;
    struct node *all = q_node(g, q, q->op, to.dtype, 1, &size);
    node_input(g, all, results);
    node_input(g, all, to.scale);
    node_input(g, all, to.zero);
    struct node *t = q_node(g, q, table, to.dtype, q->out[0]->rank, q->out[0]->dim);
    node_input(g, t, from.q);
    node_input(g, t, all->out[0]);
    put_in_place(g, q, t);
    return true;
}

/* ---- operators that know an integer form ------------------------------------------------------------------------- */

static double in_steps(double v, double scale, int zero)
{
    const double q = isfinite(v) ? nearbyint(v / scale) + zero : v;
    return MAX(-1024, MIN(1024, q));
}

/* Through Relu and the like, whose bounds go to q; the value that they bound. */
static struct tensor *through_bounds(struct graph *g, struct tensor *t, struct quantized *q)
{
    double scale;
    int zero;
    one_scale(g, q, &scale, &zero);
    for (struct node *n; is_private(t) && (n = t->def) && n->op->as_stage && (n->op->flags & OP_UNARY); t = n->in[0]) {
        struct stage s = {0};
        struct tensor *operand[2];
        if (!n->op->as_stage(g, n, 0, &s, operand) || s.op != CNNC_ST_CLAMP)
            break;
        /* of two bounds the last one wins: those found already */
        const int low = (int)in_steps(s.a, scale, zero), high = (int)in_steps(s.b, scale, zero);
        q->low = MAX(q->low, MIN(low, q->high));
        q->high = MIN(q->high, MAX(high, q->low));
    }
    return t;
}

static bool operands(struct graph *g, const struct node *n, struct quantized in[8])
{
    bool any = false;
    if (n->nin > 8)
        return false;
    for (int i = 0; i < n->nin; i++) {
        in[i] = (struct quantized){0};
        any |= n->in[i] && dequantized(g, n->in[i], &in[i]) && !is_known(n->in[i]);
    }
    return any;
}

static bool convert(struct graph *g, struct node *q)
{
    struct quantized in[8], out;
    if (!quantizes(g, q, &out))
        return false;
    struct tensor *t = through_bounds(g, q->in[0], &out);
    struct node *n = t->def, *now;
    if (!n || !is_private(t) || !n->op->quantize || !operands(g, n, in) || !(now = n->op->quantize(g, n, in, &out)))
        return false;
    for (struct tensor *b = q->in[0]; b != t; b = b->def->in[0])
        node_takes_over(g, now, b->def);
    put_in_place(g, q, now);
    return true;
}

/* Of quantised operands, to a float. */
static bool to_float(struct graph *g, struct node *n)
{
    struct quantized in[8], out = {.dtype = DT_F32};
    struct node *now;
    if (!n->op->quantize || n->op->flags & OP_INTEGER || n->nout != 1 || n->out[0]->dtype != DT_F32 || !operands(g, n, in) ||
        !(now = n->op->quantize(g, n, in, &out)))
        return false;
    struct tensor *y = n->out[0], *was[8];
    const int count = n->nin;
    memcpy(was, n->in, sizeof *was * (size_t)count);
    drop_output(g, n, now, y);
    for (int i = 0; i < count; i++)
        drop_unread(g, was[i]);
    return true;
}

/* Operators that ONNX defines on integers. */
static bool is_integer(struct graph *g, struct node *n)
{
    struct node *now;
    if (!(n->op->flags & OP_INTEGER) || !(now = n->op->quantize(g, n, NULL, NULL)))
        return false;
    drop_output(g, n, now, n->out[0]);
    return true;
}

typedef bool rewrite_fn(struct graph *g, struct node *n);

/* Tries a rewrite on every node until it finds nothing more. */
static bool everywhere(struct graph *g, rewrite_fn *rewrite)
{
    bool any = false;
    for (int i = 0; i < g->nodes && !g->diag->errors; i++)
        if (rewrite(g, g->node[i])) {
            any = true;
            i = MAX(-1, i - 8); /* nodes before it may have come or gone */
        }
    return any;
}

static bool rewrite_quantize(struct graph *g, struct node *n)
{
    return n->op->flags & OP_QUANTIZES && n->in[0] && (cancel(g, n) || raise(g, n) || tabulate(g, n) || convert(g, n));
}

bool pass_quantize(struct graph *g, struct options *o)
{
    (void)o;
    everywhere(g, is_integer);
    while (everywhere(g, sink) || everywhere(g, rewrite_quantize))
        ;
    everywhere(g, to_float);
    g->quantized = true;
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->op->flags & (OP_QUANTIZES | OP_DEQUANTIZES))
            fold_small(g, g->node[i]);
    for (int i = g->nodes - 1; i >= 0; i = MIN(i, g->nodes) - 1)
        if (g->node[i]->nout && g->node[i]->out[0] && !tensor_is_const(g->node[i]->out[0]))
            drop_unread(g, g->node[i]->out[0]);
    return graph_sort(g) && g->diag->errors == 0;
}
