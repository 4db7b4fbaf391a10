/* One node: arity, what its operator infers, sizes; and its value, if that is small and known. */
#include "../op.h"

/* Any number of like operands, none of them optional. */
static bool is_variadic(const struct op *op) { return (op->max_in < 0 || op->net_in < 0) && !(op->flags & (OP_CONTROL | OP_INTERNAL)); }

static bool check_arity(struct graph *g, struct node *n)
{
    int given = n->nin;
    while (given > 0 && !n->in[given - 1])
        given--;
    if (given < n->op->min_in || (n->op->max_in >= 0 && given > n->op->max_in)) {
        if (n->op->max_in < 0)
            return node_error(g, n, "%d inputs, expected at least %d", given, n->op->min_in);
        if (n->op->min_in == n->op->max_in)
            return node_error(g, n, "%d inputs, expected %d", given, n->op->min_in);
        return node_error(g, n, "%d inputs, expected %d to %d", given, n->op->min_in, n->op->max_in);
    }
    const int needed = is_variadic(n->op) ? given : n->op->min_in; /* one of several cannot be left out */
    for (int i = 0; i < needed && !(n->op->flags & OP_INTERNAL); i++)
        if (!n->in[i])
            return node_error(g, n, "input %d is missing", i);
    if (n->nout < 1 || (n->nout > n->op->max_out && !(n->op->flags & OP_VARIADIC_OUT)))
        return node_error(g, n, "%d outputs, expected 1 to %d", n->nout, n->op->max_out);
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] && n->in[i]->rank < 0)
            return node_error(g, n, "the shape of input %d ('%s') is not known", i, n->in[i]->name);
    return true;
}

/* Kernels count elements, and what belongs to an axis, in int. */
static bool check_size(struct graph *g, const struct node *n, const struct tensor *t, bool result)
{
    char text[160];
    double count = 1;
    for (int k = 0; k < t->rank; k++) {
        if (t->dim[k] < 0)
            return node_error(g, n, "output '%s' has size %lld on axis %d", t->name, (long long)t->dim[k], k);
        count *= MAX((double)t->dim[k], 1);
    }
    return count <= ELEMENTS_MAX || node_error(g, n, "%s has shape %s, %.0f elements, expected at most %d", result ? "the result" : t->name,
                                               shape_text(t, text), count, ELEMENTS_MAX);
}

bool infer_node(struct graph *g, struct node *n)
{
    if (!check_arity(g, n))
        return false;
    while (n->nin > (is_variadic(n->op) ? 0 : n->op->max_in >= 0 ? n->op->max_in : n->nin) && !n->in[n->nin - 1]) /* operators count their inputs */
        n->nin--;
    for (int i = 0; i < n->nin; i++) /* a network's own parameters; what a file brings has been read already */
        if (n->in[i] && n->in[i]->kind == T_PARAM && n->in[i]->rank > 0 && !check_size(g, n, n->in[i], false))
            return false;
    if (n->op->infer && !n->op->infer(g, n))
        return false;
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] && !check_size(g, n, n->out[i], true))
            return false;
    if (!take_extents(g, n))
        return false;
    fold_small(g, n);
    return true;
}
