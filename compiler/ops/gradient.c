/* Gradient of ai.onnx.preview.training: becomes the backward nodes of the graph that it names. */
#include "../grad.h"
#include "shared.h"

#include <string.h>

static const struct attr_def gradient_attrs[] = {
    {"xs", NULL, A_STRINGS, AT_ONNX_REQUIRED, 0, NULL, "tensors to differentiate with respect to"},
    {"y", NULL, A_STRING, AT_ONNX_REQUIRED, 0, NULL, "the tensor that is differentiated"},
    {"zs", NULL, A_STRINGS, 0, 0, NULL, "tensors that are constants in this"},
};

static struct tensor *named(const struct graph *g, const char *name)
{
    for (int i = 0; i < g->tensors; i++)
        if (strcmp(g->tensor[i]->name, name) == 0 && (g->tensor[i]->def || g->tensor[i]->kind != T_VALUE))
            return g->tensor[i];
    return NULL;
}

static bool gradient_infer(struct graph *g, struct node *n)
{
    const struct attr *xs = attr_get(n, "xs"), *zs = attr_get(n, "zs");
    const struct tensor *y = named(g, attr_s(n, "y"));
    if (n->nin != xs->n + zs->n || n->nout > xs->n)
        return node_error(g, n, "%d inputs and %d outputs, expected %d inputs (xs, zs) and at most %d outputs", n->nin, n->nout, xs->n + zs->n, xs->n);
    if (!y || !(TYPE(y->dtype) & (TYPE(DT_F32) | TYPE(DT_F64))))
        return node_error(g, n, "there is no float or double tensor '%s' to differentiate", attr_s(n, "y"));
    for (int i = 0; i < n->nin; i++) {
        const char *name = i < xs->n ? xs->strings[i] : zs->strings[i - xs->n];
        if (named(g, name) != n->in[i])
            return node_error(g, n, "input %d is '%s' and stands for '%s': gradients at other values are not supported", i, n->in[i]->name, name);
        if (i < n->nout)
            set_output(n, i, n->in[i]->dtype, n->in[i]->rank, n->in[i]->dim);
    }
    return true;
}

static bool gradient_expand(struct graph *g, struct node *n)
{
    struct tensor *dx[64];
    if (n->nout > (int)COUNT(dx)) {
        node_error(g, n, "%d gradients, expected at most %d", n->nout, (int)COUNT(dx));
        return false;
    }
    if (!append_gradients(g, named(g, attr_s(n, "y")), n->nout, n->in, dx))
        return false;
    for (int i = 0; i < n->nout; i++) {
        struct tensor *y = n->out[i];
        if (!y)
            continue;
        if (!dx[i])
            dx[i] = tensor_const(g, unique_name(g, y->name), y->dtype, y->rank, y->dim, NULL);
        struct node *id = node_new(g, op_by_onnx("Identity"), n->name);
        node_input(g, id, dx[i]);
        struct tensor *now = grad_output(g, id, y);
        const char *name = now->name; /* it takes the place of y */
        replace_tensor(g, y, now);
        now->name = y->name;
        y->name = name;
    }
    node_remove(g, n);
    return graph_sort(g);
}

const struct op op_gradient = {
    .onnx = "Gradient", .doc = "derivatives of a tensor", .attrs = gradient_attrs, .nattrs = COUNT(gradient_attrs), .min_in = 1, .max_in = -1,
    .max_out = 64, .flags = OP_VARIADIC_OUT, .infer = gradient_infer, .expand = gradient_expand,
};
