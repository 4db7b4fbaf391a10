/* Derivatives of operators that move elements: the way back, in operators of the same kind. */
#include <string.h>

#include "grads.h"
#include "shared.h"

static struct tensor *dy_of(struct graph *g, const struct node *n) { return grad_of(g, n->out[0]); }

static struct tensor *ints(struct graph *g, int n, const int64_t *v) { return tensor_i64(g, unique_name(g, "ints"), n, v); }

struct tensor *grad_transposed(struct graph *g, const struct node *n, struct tensor *t, const int64_t *perm)
{
    struct node *m = grad_node(g, n, "Transpose", "grad", t, NULL, NULL, NULL);
    set_attr_ints(g, m, "perm", t->rank, perm);
    struct tensor *y = node_output(g, m, unique_name(g, m->name));
    m->op->infer(g, m);
    return y;
}

/* Elements first, first + step, ... of an axis, `count` of them. */
static struct tensor *sliced(struct graph *g, const struct node *n, struct tensor *t, int64_t axis, int64_t first, int64_t count, int64_t step)
{
    const int64_t end = first + count * step;
    struct node *m = grad_node(g, n, "Slice", "grad", t, ints(g, 1, &first), ints(g, 1, (int64_t[]){end < 0 ? INT64_MIN / 2 : end}),
                               ints(g, 1, &axis));
    node_input(g, m, ints(g, 1, &step));
    struct tensor *y = node_output(g, m, unique_name(g, m->name));
    m->op->infer(g, m);
    return y;
}

static struct tensor *padded(struct graph *g, const struct node *n, struct tensor *t, int64_t axis, int64_t before, int64_t after)
{
    int64_t width[2 * MAX_RANK] = {0};
    if (before == 0 && after == 0)
        return t;
    width[axis] = before;
    width[t->rank + axis] = after;
    return grad_value(g, n, "Pad", t, ints(g, 2 * t->rank, width), NULL);
}

bool transpose_grad(struct graph *g, struct node *n)
{
    const int rank = n->in[0]->rank;
    int64_t back[MAX_RANK];
    for (int i = 0; i < rank; i++)
        back[attr_at(n, "perm", i, rank - 1 - i)] = i;
    grad_add(g, n->in[0], grad_transposed(g, n, dy_of(g, n), back));
    return true;
}

/* Zeros between the elements, as many as were stepped over, then around them. */
bool slice_grad(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    struct tensor *d = dy_of(g, n);
    int64_t first[MAX_RANK], step[MAX_RANK], dim[MAX_RANK];
    slice_places(n, first, step, dim);
    for (int a = 0; a < x->rank; a++) {
        int64_t shape[MAX_RANK], m = d->dim[a], s = step[a];
        if (m == x->dim[a] && s == 1)
            continue;
        if (s < 0) {
            d = sliced(g, n, d, a, m - 1, m, -1);
            first[a] += (m - 1) * s;
            s = -s;
        }
        if (s > 1 && m > 1) {
            const int rank = d->rank;
            if (rank == MAX_RANK)
                return node_error(g, n, "has no derivative for a step in %d dimensions", rank);
            memcpy(shape, d->dim, sizeof shape);
            memmove(shape + a + 2, shape + a + 1, sizeof *shape * (size_t)(rank - a - 1));
            shape[a + 1] = 1;
            struct tensor *apart = padded(g, n, grad_reshaped(g, n, d, rank + 1, shape), a + 1, 0, s - 1);
            memcpy(shape, d->dim, sizeof shape);
            shape[a] = m * s;
            d = sliced(g, n, grad_reshaped(g, n, apart, rank, shape), a, 0, (m - 1) * s + 1, 1);
        }
        d = padded(g, n, d, a, first[a], x->dim[a] - first[a] - d->dim[a]);
    }
    grad_add(g, n->in[0], d);
    return true;
}

bool split_grad(struct graph *g, struct node *n)
{
    struct node *d = grad_node(g, n, "Concat", "grad", NULL, NULL, NULL, NULL);
    set_attr_i(g, d, "axis", attr_i(n, "axis"));
    for (int i = 0; i < n->nout; i++) {
        const struct tensor *y = n->out[i];
        struct tensor *dy = y ? grad_of(g, y) : NULL;
        if (!y)
            return node_error(g, n, "has no derivative while a part is not used");
        if (!dy) { /* nobody needs this part */
            dy = tensor_const(g, unique_name(g, "zeros"), y->dtype, y->rank, y->dim, NULL);
            memset((void *)dy->data, 0, (size_t)tensor_count(y) * dtype_size(y->dtype));
        }
        node_input(g, d, dy);
    }
    grad_add(g, n->in[0], grad_output(g, d, n->in[0]));
    return true;
}

bool expand_grad(struct graph *g, struct node *n)
{
    grad_add_summed(g, n, n->in[0], dy_of(g, n));
    return true;
}

/* What was padded is cut off again; what stood in the border goes to where it came from. */
bool pad_grad(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *d = dy_of(g, n);
    const char *mode = attr_s(n, "mode");
    int64_t before[MAX_RANK], after[MAX_RANK];
    if (!pad_widths(n, before, after))
        return node_error(g, n, "has no derivative: its border must be known");
    for (int a = x->rank - 1; a >= 0; a--) {
        const int64_t size = x->dim[a], b = before[a], e = after[a];
        if (b == 0 && e == 0)
            continue;
        struct tensor *inner = padded(g, n, d, a, -b, -e);
        if (mode[0] != 'c') {
            if (b < 0 || e < 0 || b >= size || e >= size)
                return node_error(g, n, "has no derivative for a border as wide as what it frames");
            struct tensor *part[2] = {b ? sliced(g, n, d, a, 0, b, 1) : NULL, e ? sliced(g, n, d, a, b + size, e, 1) : NULL};
            for (int k = 0; k < 2; k++) {
                if (!part[k])
                    continue;
                int64_t at = mode[0] == 'w' ? (k ? 0 : size - b) : mode[0] == 'r' ? (k ? size - 1 - e : 1) : k ? size - 1 : 0;
                if (mode[0] == 'r')
                    part[k] = sliced(g, n, part[k], a, (k ? e : b) - 1, k ? e : b, -1);
                if (mode[0] == 'e')
                    part[k] = grad_value(g, n, "ReduceSum", part[k], ints(g, 1, (int64_t[]){a}), NULL);
                inner = grad_value(g, n, "Add", inner, padded(g, n, part[k], a, at, size - at - part[k]->dim[a]), NULL);
            }
        }
        d = inner;
    }
    grad_add(g, x, d);
    return true;
}

bool depth_to_space_grad(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    const int64_t b = attr_i(n, "blocksize");
    struct tensor *d = dy_of(g, n);
    if (strcmp(attr_s(n, "mode"), "CRD") == 0) {
        const int64_t c = x->dim[1] / (b * b), apart[] = {x->dim[0], c, x->dim[2], b, x->dim[3], b}, back[] = {0, 1, 3, 5, 2, 4};
        d = grad_reshaped(g, n, grad_transposed(g, n, grad_reshaped(g, n, d, 6, apart), back), 4, x->dim);
        grad_add(g, n->in[0], d);
        return true;
    }
    struct node *m = grad_node(g, n, "SpaceToDepth", "grad", d, NULL, NULL, NULL);
    set_attr_i(g, m, "blocksize", b);
    grad_add(g, n->in[0], grad_output(g, m, x));
    return true;
}

bool space_to_depth_grad(struct graph *g, struct node *n)
{
    struct node *m = grad_node(g, n, "DepthToSpace", "grad", dy_of(g, n), NULL, NULL, NULL);
    set_attr_i(g, m, "blocksize", attr_i(n, "blocksize"));
    grad_add(g, n->in[0], grad_output(g, m, n->in[0]));
    return true;
}

bool gather_grad(struct graph *g, struct node *n)
{
    struct node *m = grad_node(g, n, "GatherGrad", "grad", dy_of(g, n), n->in[1], NULL, NULL);
    copy_attrs(g, m, n);
    grad_add(g, n->in[0], grad_output(g, m, n->in[0]));
    return true;
}

/* The places count through the whole of what was pooled. */
bool unpool_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = dy_of(g, n), *x = n->in[0];
    if (input(n, 2))
        return node_error(g, n, "has no derivative with a shape of its own");
    struct tensor *flat = grad_reshaped(g, n, dy, 1, (int64_t[]){tensor_count(dy)});
    grad_add(g, x, grad_value(g, n, "Gather", flat, n->in[1], NULL));
    return true;
}
