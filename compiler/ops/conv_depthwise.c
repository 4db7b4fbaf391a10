/* A convolution together with the depthwise one behind it (node->pool), whose weights and bias are its inputs 3 and 4. */
#include "conv_kernels.h"

#include <string.h>

#include "../../runtime/conv_plan.h"
#include "pack.h"

#define FIRST_FIELD(name, kind, literal) {"c." #name, offsetof(struct cnnc_conv_depthwise, c.name), kind, literal, 0}
#define SECOND_FIELD(name, kind, literal) {"d." #name, offsetof(struct cnnc_conv_depthwise, d.name), kind, literal, 0}
static const struct field fields[] = {CONV_MEMBERS(FIRST_FIELD), CONV_MEMBERS(SECOND_FIELD)};
const struct geometry conv_depthwise_geometry = {"cnnc_conv_depthwise", sizeof(struct cnnc_conv_depthwise), fields, COUNT(fields)};

bool conv_without_operands(const struct node *n)
{
    for (int i = 0; i < n->stages; i++)
        if (n->stage[i].inputs)
            return false;
    return true;
}

/* Planes of float, padding and stride as they come, no dilation. */
bool conv_depthwise_joins(const struct node *n, const struct node *next)
{
    const struct tensor *t = n->pool ? n->pool_in : n->out[0];
    const int64_t groups = next->op == n->op ? attr_i(next, "group") : 0;
    if ((next == n->pool ? next->pool : n->pool) || n->in[0]->dim[1] <= 4) /* pictures have kernels of their own */
        return false;
    for (int i = 0; i < t->rank - 2; i++)
        if (groups && attr_at(next, "dilations", i, 1) != 1)
            return false;
    return groups > 1 && groups == t->dim[1] && attr_i(n, "group") == 1 && t->dtype == DT_F32 && (t->rank == 3 || t->rank == 4) &&
           conv_without_operands(n) && conv_without_operands(next);
}

/* The depthwise convolution as a node of its own. */
static struct node second(const struct node *n, struct tensor *in[3])
{
    struct node d = *n->pool;
    in[0] = n->pool_in, in[1] = input(n, 3), in[2] = input(n, 4);
    d.in = in, d.nin = 3, d.out = n->out, d.nout = 1;
    return d;
}

bool conv_depthwise_match(const struct node *n, const struct target *t)
{
    struct tensor *in[3];
    const struct node d = second(n, in);
    return !t->train && conv_direct_match(n, t) && depthwise_match(&d, t) && d.out[0]->dim[1] == n->pool_in->dim[1];
}

double conv_depthwise_cost(const struct node *n, const struct target *t)
{
    struct tensor *in[3];
    const struct node d = second(n, in);
    struct node c = *n;
    c.pool = NULL, c.out = &c.pool_in;
    return conv_direct_cost(&c, t) + depthwise_cost(&d, t);
}

void conv_depthwise_fill(const struct node *n, void *geometry, const struct target *t)
{
    struct cnnc_conv_depthwise *g = geometry;
    struct tensor *in[3];
    const struct node d = second(n, in);
    memset(g, 0, sizeof *g);
    conv_fill(n, &g->c, t);
    g->c.y = (struct cnnc_view){0};
    depthwise_fill(&d, &g->d, t);
    g->d.x = (struct cnnc_view){0};
    cnnc_conv_depthwise_plan(g);
}

void conv_depthwise_prepare(struct graph *g, struct node *n, const struct target *t)
{
    struct cnnc_conv_depthwise k;
    conv_depthwise_fill(n, &k, t);
    pack_vector(g, n, 4, (k.d.oc + t->block - 1) / t->block * t->block);
    conv_direct_prepare(g, n, t);
    if (n->half == CNNC_WEIGHTS_F16)
        pack_factors(g, n, n->pool, 3, 4, n->nin, "depthwise", &k.d);
    pack_weights(g, n, 3, "depthwise", false, &k.d);
}

size_t conv_depthwise_scratch(const void *geometry) { return cnnc_conv_depthwise_scratch(geometry); }
