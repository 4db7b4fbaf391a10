/* Transposes and views around each other and in front of dense layers: fewer of them, or none. */
#include "rearrange.h"

#include <string.h>

int64_t transpose_axis_of(const struct node *n, int i) { return attr_at(n, "perm", i, n->in[0]->rank - 1 - i); }

static bool is_transpose(const struct node *n) { return n && n->op->flags & OP_PERMUTES; }
/* Sizes that depend on the data stay with the nodes that tell them. */
static bool is_dynamic(const struct tensor *t)
{
    for (int i = 0; i < t->rank; i++)
        if (t->extent[i])
            return true;
    return false;
}

int untranspose_axis(struct graph *g, struct node *n, const int64_t *perm, int64_t to[MAX_RANK])
{
    const int rank = n->in[0]->rank;
    const int64_t axis = attr_i(n, "axis");
    set_attr_i(g, n, "axis", perm[axis + (axis < 0 ? rank : 0)]);
    memcpy(to, perm, sizeof *to * (size_t)rank);
    return rank;
}

static bool is_view(const struct node *n) { return n && n->op->flags & OP_VIEW; }

/* A view of x with y's shape, in the place of n, which made y. */
static bool becomes_view(struct graph *g, struct node *n, struct tensor *x)
{
    struct tensor *y = n->out[0];
    struct node *v = node_insert_before(g, n, op_by_onnx("Reshape"), n->name);
    node_input(g, v, x);
    node_input(g, v, tensor_i64(g, unique_name(g, "shape"), y->rank, y->dim));
    set_attr_i(g, v, "allowzero", 1);
    node_output(g, v, unique_name(g, n->name));
    if (!v->op->infer(g, v))
        return false;
    v->layer = n->layer, v->layers = n->layers;
    drop_output(g, n, v, y);
    return true;
}

/* The axes that are longer than 1 keep their order. */
static bool moves_nothing(const struct node *n)
{
    int64_t last = -1;
    for (int i = 0; i < n->in[0]->rank; i++) {
        const int64_t k = transpose_axis_of(n, i);
        if (n->in[0]->dim[k] == 1)
            continue;
        if (k < last)
            return false;
        last = k;
    }
    return true;
}

/* Transpose of a transpose is one; one that only moves axes of length 1 is a view; one of the identity nothing. */
bool transpose_simplify(struct graph *g, struct node *n)
{
    struct node *before = n->in[0]->def;
    int64_t perm[MAX_RANK];
    const int rank = n->in[0]->rank;
    if (is_transpose(before)) {
        for (int i = 0; i < rank; i++)
            perm[i] = transpose_axis_of(before, (int)transpose_axis_of(n, i));
        set_attr_ints(g, n, "perm", rank, perm);
        node_set_input(g, n, 0, before->in[0]);
        return true;
    }
    bool same = !n->out[0]->is_output;
    for (int i = 0; i < rank; i++)
        same = same && transpose_axis_of(n, i) == i;
    if (same) {
        replace_tensor(g, n->out[0], n->in[0]);
        node_remove(g, n);
        return true;
    }
    return !is_dynamic(n->in[0]) && moves_nothing(n) && becomes_view(g, n, n->in[0]);
}

/* Reshape, Transpose, Reshape that make blocks of pixels of channels: DepthToSpace. */
static bool depth_to_space(struct graph *g, struct node *n)
{
    static const int64_t crd[6] = {0, 1, 4, 2, 5, 3}, dcr[6] = {0, 3, 4, 1, 5, 2};
    struct node *turn = n->in[0]->def, *split = turn ? turn->in[0]->def : NULL;
    if (!is_transpose(turn) || !is_view(split) || split->in[0]->rank != 4 || split->out[0]->rank != 6 || n->out[0]->rank != 4)
        return false;
    const int64_t *x = split->in[0]->dim, *s = split->out[0]->dim, *y = n->out[0]->dim;
    bool is_crd = true, is_dcr = true;
    for (int i = 0; i < 6; i++) {
        is_crd &= transpose_axis_of(turn, i) == crd[i];
        is_dcr &= transpose_axis_of(turn, i) == dcr[i];
    }
    const int64_t block = is_crd ? s[2] : s[1], channels = is_crd ? s[1] : s[3];
    if ((!is_crd && !is_dcr) || s[is_crd ? 3 : 2] != block || block < 1 || s[0] != x[0] || s[4] != x[2] || s[5] != x[3] || y[0] != x[0] ||
        y[1] != channels || y[2] != x[2] * block || y[3] != x[3] * block)
        return false;
    struct node *d = node_insert_before(g, n, op_by_onnx("DepthToSpace"), n->name);
    node_input(g, d, split->in[0]);
    set_attr_i(g, d, "blocksize", block);
    set_attr_s(g, d, "mode", is_crd ? "CRD" : "DCR");
    node_output(g, d, unique_name(g, n->name));
    if (!d->op->infer(g, d))
        return false;
    drop_output(g, n, d, n->out[0]);
    return true;
}

/* A view of a view is one; a view of the same shape is nothing. */
bool view_simplify(struct graph *g, struct node *n)
{
    struct node *before = n->in[0]->def;
    if (!n->out[0]->is_output && same_shape(n->in[0], n->out[0])) {
        replace_tensor(g, n->out[0], n->in[0]);
        node_remove(g, n);
        return true;
    }
    if (is_dynamic(n->in[0]) || is_dynamic(n->out[0]))
        return false;
    return is_view(before) ? becomes_view(g, n, before->in[0]) : depth_to_space(g, n);
}

/* A dense layer of transposed and flattened items: its weights are transposed instead. */
bool gemm_simplify(struct graph *g, struct node *n)
{
    struct node *flat = n->in[0]->def, *turn = is_view(flat) ? flat->in[0]->def : NULL;
    struct tensor *w = n->in[1];
    if (!is_transpose(turn) || attr_i(n, "transA") || !tensor_is_const(w) || !w->data)
        return false;
    const struct tensor *x = turn->in[0], *y = turn->out[0];
    const int rank = x->rank;
    const bool rows = attr_i(n, "transB") != 0; /* the weights are [units][inputs] */
    if (transpose_axis_of(turn, 0) != 0 || n->in[0]->dim[0] != x->dim[0])
        return false;
    /* [units][y's axes] -> [units][x's axes] -> [units][inputs], or the same with the units last */
    int64_t split[MAX_RANK], back[MAX_RANK], perm[MAX_RANK];
    for (int i = 1; i < rank; i++)
        back[transpose_axis_of(turn, i)] = i; /* x's axis -> y's */
    split[rows ? 0 : rank - 1] = w->dim[!rows];
    perm[rows ? 0 : rank - 1] = rows ? 0 : rank - 1;
    for (int i = 1; i < rank; i++) {
        split[rows ? i : i - 1] = y->dim[i];
        perm[rows ? i : i - 1] = rows ? back[i] : back[i] - 1;
    }
    struct tensor *t = w;
    for (int step = 0; step < 3; step++) {
        struct node *m = node_insert_before(g, n, op_by_onnx(step == 1 ? "Transpose" : "Reshape"), w->name);
        node_input(g, m, t);
        if (step == 1)
            set_attr_ints(g, m, "perm", rank, perm);
        else
            node_input(g, m, tensor_i64(g, unique_name(g, "shape"), step ? 2 : rank, step ? w->dim : split));
        t = node_output(g, m, unique_name(g, w->name));
        if (!m->op->infer(g, m))
            return false;
    }
    struct node *view = node_insert_before(g, n, op_by_onnx("Reshape"), flat->name);
    node_input(g, view, turn->in[0]);
    node_input(g, view, tensor_i64(g, unique_name(g, "shape"), 2, n->in[0]->dim));
    struct tensor *item = node_output(g, view, unique_name(g, flat->name));
    if (!view->op->infer(g, view))
        return false;
    node_takes_over(g, n, turn);
    node_set_input(g, n, 0, item);
    node_set_input(g, n, 1, t);
    return true;
}

/* ---- Concat ------------------------------------------------------------------------------------------------------ */

/* A part that holds nothing but zeros, known now. */
static bool is_zero(const struct tensor *t)
{
    if (!tensor_is_const(t) || !t->data || t->dtype != DT_F32)
        return false;
    for (int64_t i = 0; i < tensor_count(t); i++)
        if (((const float *)t->data)[i] != 0)
            return false;
    return true;
}

/* Zeros in front of and behind one tensor are a border. */
bool concat_simplify(struct graph *g, struct node *n)
{
    int64_t pads[2 * MAX_RANK] = {0}, axis = attr_i(n, "axis");
    const int rank = n->in[0]->rank;
    struct tensor *x = NULL;
    axis += axis < 0 ? rank : 0;
    for (int i = 0; i < n->nin; i++)
        if (is_zero(n->in[i]))
            pads[axis + (x ? rank : 0)] += n->in[i]->dim[axis];
        else if (x)
            return false;
        else
            x = n->in[i];
    if (!x || n->nin == 1)
        return false;
    struct node *p = node_insert_before(g, n, op_by_onnx("Pad"), n->name);
    node_input(g, p, x);
    node_input(g, p, tensor_i64(g, unique_name(g, "pads"), 2 * rank, pads));
    node_output(g, p, unique_name(g, n->name));
    if (!p->op->infer(g, p))
        return false;
    p->layer = n->layer, p->layers = n->layers;
    drop_output(g, n, p, n->out[0]);
    return true;
}
