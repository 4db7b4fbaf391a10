/* Checks and values that the generic families share. */
#include "generic.h"

bool need_known(struct graph *g, struct node *n, int i, const char *what)
{
    const struct tensor *t = input(n, i);
    if (t && t->data)
        return true;
    return node_error(g, n, "%s (input %d, '%s') must be known when compiling: --fix-input %s=FILE gives a value", what, i,
                      t ? t->name : "", t ? t->name : "NAME");
}

bool known_ints(struct graph *g, struct node *n, int i, const char *what, int64_t *v, int max, int *count)
{
    const struct tensor *t = input(n, i);
    if (!need_known(g, n, i, what))
        return false;
    if (tensor_ints(t, v, max, count))
        return true;
    char text[160];
    return node_error(g, n, "%s (input %d) is %s of shape %s, expected at most %d integers", what, i, dtype_name(t->dtype),
                      shape_text(t, text), max);
}

bool known_number(struct graph *g, struct node *n, int i, const char *what, double *v)
{
    const struct tensor *t = input(n, i);
    if (!need_known(g, n, i, what))
        return false;
    if (tensor_count(t) != 1)
        return node_error(g, n, "%s (input %d) has %lld elements, expected 1", what, i, (long long)tensor_count(t));
    *v = cnnc_get((int)t->dtype, t->data, 0);
    return true;
}

void set_known(struct graph *g, struct tensor *t, const void *data)
{
    if (!t || t->is_output)
        return;
    size_t bytes = (size_t)tensor_count(t) * dtype_size(t->dtype);
    void *copy = arena_alloc(&g->arena, bytes + 1);
    memcpy(copy, data, bytes);
    t->data = copy;
    t->kind = T_CONST;
}

bool check_dtype(struct graph *g, struct node *n, int i, const enum dtype *allowed)
{
    const struct tensor *t = input(n, i);
    if (!t)
        return true;
    for (const enum dtype *a = allowed; *a; a++)
        if (t->dtype == *a)
            return true;
    return node_error(g, n, "input %d is %s, which this operator does not take", i, dtype_name(t->dtype));
}

bool check_index_type(struct graph *g, struct node *n, int i)
{
    const struct tensor *t = input(n, i);
    if (!t || t->dtype == DT_I64 || t->dtype == DT_I32)
        return true;
    return node_error(g, n, "input %d is %s, expected int32 or int64", i, dtype_name(t->dtype));
}

bool same_dtype(struct graph *g, struct node *n, int i, int k)
{
    if (n->in[i]->dtype == n->in[k]->dtype)
        return true;
    return node_error(g, n, "input %d is %s and input %d is %s, expected the same type", i, dtype_name(n->in[i]->dtype), k,
                      dtype_name(n->in[k]->dtype));
}

void strides_of(const struct tensor *t, long stride[MAX_RANK])
{
    long s = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        stride[i] = s;
        s *= (long)t->dim[i];
    }
}

int64_t axis_in(struct graph *g, struct node *n, int64_t axis, int rank)
{
    if (axis >= -rank && axis < rank)
        return axis < 0 ? axis + rank : axis;
    node_error(g, n, "axis %lld is outside the tensor's rank, expected %d to %d", (long long)axis, -rank, rank - 1);
    return -1;
}

void absent_inputs(struct graph *g, struct node *n, int count)
{
    while (n->nin < count)
        node_input(g, n, NULL);
}

void absent_outputs(struct graph *g, struct node *n, int count)
{
    while (n->nout < count)
        node_output(g, n, NULL);
}
