/* --emit=net: arguments of .net from operands of ONNX. */
#include "net_arguments.h"

#include <string.h>

/* What ONNX has as inputs and .net as arguments; false if a value is not known. */
bool net_arguments_from_inputs(struct printer *p, struct node *n, int first)
{
    int k = first;
    for (int i = 0; i < n->op->nattrs && k < n->nin; i++) {
        const struct attr_def *d = &n->op->attrs[i];
        struct attr *a = &n->attr[i];
        int64_t v[64];
        int count;
        if (!(d->flags & AT_NET))
            continue;
        struct tensor *t = n->in[k++];
        if (!t || a->set)
            continue;
        if (!p->known[t->id] || !tensor_value(p->g, t))
            return net_cannot(p, n, "an operand that is not constant");
        if (strcmp(d->net, "shape") == 0 && strcmp(n->op->onnx, "Reshape") == 0) { /* 0 and -1 are resolved by now */
            const struct tensor *y = n->out[0];
            const bool batch = y->rank > 0 && n->in[0]->rank > 0 && y->dim[0] == n->in[0]->dim[0];
            if (!batch)
                set_attr_i(p->g, n, "batch", 0);
            a->ints = arena_alloc(&p->g->arena, sizeof v);
            memcpy(a->ints, y->dim + batch, sizeof *v * (size_t)(y->rank - batch));
            a->n = y->rank - batch;
        } else if ((d->type == A_INTS || d->type == A_PADS) && tensor_ints(t, v, 64, &count)) {
            a->ints = arena_alloc(&p->g->arena, sizeof v);
            memcpy(a->ints, v, sizeof v);
            a->n = count;
        } else if (d->type == A_FLOAT && t->dtype == DT_F32 && tensor_count(t) == 1) {
            a->f = *(const float *)t->data;
        } else {
            return net_cannot(p, n, d->net);
        }
        a->set = true;
    }
    return k >= n->nin || net_cannot(p, n, "an operand that its .net form does not have");
}

/* Resize: region, scales, sizes, of all axes. */
bool net_resize_arguments(struct printer *p, struct node *n)
{
    struct tensor *scales = input(n, 2), *sizes = input(n, 3);
    struct attr *scale = attr_get(n, "scale"), *size = attr_get(n, "size");
    int rank = n->in[0]->rank;
    if (scale->set || size->set)
        return true;
    if (sizes && tensor_count(sizes) > 0) {
        size->n = rank - 2;
        size->ints = n->out[0]->dim + 2;
        size->set = true;
        return true;
    }
    if (!scales || !p->known[scales->id] || !tensor_value(p->g, scales) || tensor_count(scales) != rank || scales->dtype != DT_F32)
        return net_cannot(p, n, "its scales");
    scale->n = rank - 2;
    scale->floats = arena_alloc(&p->g->arena, sizeof *scale->floats * MAX_RANK);
    for (int i = 2; i < rank; i++)
        scale->floats[i - 2] = ((const float *)scales->data)[i];
    return scale->set = true;
}

/* filters, units, bias: .net says what ONNX leaves to the weights. */
void net_arguments_from_weights(struct node *n)
{
    for (int i = 0; i < n->op->nattrs; i++) {
        const struct attr_def *d = &n->op->attrs[i];
        struct attr *a = &n->attr[i];
        const struct tensor *w = input(n, 1);
        if (!(d->flags & AT_NET) || a->set || !w)
            continue;
        bool transposed = strcmp(n->op->onnx, "ConvTranspose") == 0;
        if (strcmp(d->net, "filters") == 0)
            a->i = transposed ? w->dim[1] * attr_i(n, "group") : w->dim[0];
        else if (strcmp(d->net, "units") == 0)
            a->i = w->dim[attr_i(n, "transB") ? 0 : 1];
        else if (strcmp(d->net, "shared") == 0)
            a->i = tensor_count(w) == 1;
        else if (strcmp(d->net, "bias") == 0 && !input(n, 2))
            a->i = 0;
        else
            continue;
        a->set = true;
    }
}

/* ONNX pads every axis, .net the planes, and the channels by an argument of their own. */
bool net_plane_pads(struct printer *p, struct node *n)
{
    for (int i = 0; i < n->op->nattrs; i++) {
        struct attr *a = &n->attr[i], *c = NULL;
        int rank = n->nin > 0 && n->in[0] ? n->in[0]->rank : 0;
        if (n->op->attrs[i].type != A_PADS || !a->set || a->n != 2 * rank || rank < 3)
            continue;
        for (int k = 0; k < n->op->nattrs; k++)
            if (n->op->attrs[k].net && strcmp(n->op->attrs[k].net, "channels") == 0)
                c = &n->attr[k];
        int64_t *v = arena_alloc(&p->g->arena, sizeof *v * (size_t)(2 * rank));
        memcpy(v, a->ints, sizeof *v * (size_t)(2 * rank));
        if (v[0] || v[rank] || ((v[1] || v[rank + 1]) && !c))
            return net_cannot(p, n, "padding of the batch");
        if (c && !c->set && (v[1] || v[rank + 1])) {
            c->set = true;
            c->n = 2;
            c->ints = arena_alloc(&p->g->arena, 2 * sizeof *v);
            c->ints[0] = v[1];
            c->ints[1] = v[rank + 1];
        }
        memmove(v, v + 2, sizeof *v * (size_t)(rank - 2));
        memmove(v + rank - 2, v + rank + 2, sizeof *v * (size_t)(rank - 2));
        a->ints = v;
        a->n = 2 * (rank - 2);
    }
    return true;
}
