/* A depthwise convolution with the 1x1 that alone reads it (node->pool), and the same with the convolution before it: then the node is that
 * convolution, its pool the 1x1, whose own pool is the depthwise one. Weights and bias of each are inputs 1 and 2, 3 and 4, 5 and 6; a tensor that
 * the last adds is the last input. */
#include "conv_kernels.h"

#include <string.h>

#include "../../runtime/conv_plan.h"
#include "pack.h"

#define C_FIELD(name, kind, literal) {"c." #name, offsetof(struct cnnc_inverted_residual, c.name), kind, literal, 0}
#define D_FIELD(name, kind, literal) {"d." #name, offsetof(struct cnnc_inverted_residual, d.name), kind, literal, 0}
#define E_FIELD(name, kind, literal) {"e." #name, offsetof(struct cnnc_inverted_residual, e.name), kind, literal, 0}
static const struct field fields[] = {CONV_MEMBERS(C_FIELD), CONV_MEMBERS(D_FIELD), CONV_MEMBERS(E_FIELD)};
static const struct field separable_fields[] = {CONV_MEMBERS(D_FIELD), CONV_MEMBERS(E_FIELD)};
const struct geometry inverted_residual_geometry = {"cnnc_inverted_residual", sizeof(struct cnnc_inverted_residual), fields, COUNT(fields)};
const struct geometry depthwise_separable_geometry = {"cnnc_inverted_residual", sizeof(struct cnnc_inverted_residual), separable_fields,
                                                      COUNT(separable_fields)};

/* Of a joined layer's inputs in the node: its weights, the bias behind them. */
enum { SECOND = 3, THIRD = 5 };

/* The convolutions as nodes of their own. */
struct parts3 {
    bool expands;        /* there is c; otherwise the node is d */
    struct node c, d, e;
    struct tensor *c_out, *d_out, *d_in[3], *e_in[4];
};

static void parts_of(const struct node *n, struct parts3 *p)
{
    const struct node *last = n->pool, *middle = last->pool;
    const int w = middle ? THIRD : SECOND;
    *p = (struct parts3){.expands = middle != NULL, .c = *n, .d = middle ? *middle : *n, .e = *last};
    p->c_out = last->pool_in, p->d_out = n->pool_in;
    p->c.out = &p->c_out;
    p->d.out = &p->d_out;
    p->e.out = n->out;
    p->d.nout = p->e.nout = 1;
    p->c.pool = p->d.pool = p->e.pool = NULL;
    if (middle) {
        p->d_in[0] = p->c_out, p->d_in[1] = n->in[SECOND], p->d_in[2] = n->in[SECOND + 1];
        p->d.in = p->d_in, p->d.nin = 3;
    }
    p->e_in[0] = p->d_out, p->e_in[1] = n->in[w], p->e_in[2] = n->in[w + 1], p->e_in[3] = n->in[n->nin - 1];
    p->e.in = p->e_in, p->e.nin = 4;
    for (int i = 0; i < p->e.stages; i++)
        if (cnnc_stage_is_tensor(p->e.stage[i].op))
            p->e.stage[i].first_input = 3;
}

/* Is `next`, which reads n's result or is joined to it, a 1x1 convolution to fewer channels? One to more would end here what goes well with the
 * depthwise convolution behind it. */
static bool projects(const struct node *n, const struct node *next)
{
    const bool joined = next == n->pool;
    const struct tensor *x = joined ? n->pool_in : next->in[0], *y = joined ? n->out[0] : next->out[0];
    if (next->op != n->op || attr_i(next, "group") != 1 || x->dtype != DT_F32 || (x->rank != 3 && x->rank != 4) || y->dim[1] >= x->dim[1])
        return false;
    for (int i = 0; i < x->rank - 2; i++)
        if (attr_at(next, "kernel_shape", i, 1) != 1 || attr_at(next, "strides", i, 1) != 1 || x->dim[2 + i] != y->dim[2 + i])
            return false;
    for (int i = 0; i < next->stages; i++)
        if (next->stage[i].inputs && !cnnc_stage_is_tensor(next->stage[i].op))
            return false;
    return true;
}

bool inverted_residual_joins(const struct node *n, const struct node *next)
{
    const struct node *middle = next == n->pool ? next->pool : n->pool;
    return middle && middle->op == n->op && attr_i(middle, "group") > 1 && !middle->pool && projects(n, next);
}

bool depthwise_separable_joins(const struct node *n, const struct node *next)
{
    const int64_t groups = n->op == next->op ? attr_i(n, "group") : 0;
    for (int i = 0; i < n->in[0]->rank - 2; i++)
        if (groups && attr_at(n, "dilations", i, 1) != 1)
            return false;
    return groups > 1 && groups == n->in[0]->dim[1] && !(next == n->pool ? next->pool : n->pool) && conv_without_operands(n) && projects(n, next);
}

bool inverted_residual_match(const struct node *n, const struct target *t)
{
    struct parts3 p;
    parts_of(n, &p);
    return !t->train && (!p.expands || conv_direct_match(&p.c, t)) && depthwise_match(&p.d, t) && conv_direct_match(&p.e, t);
}

/* Bands of rows cost the last convolution a little: worth it where the tensor that it reads would leave the cache. */
double inverted_residual_cost(const struct node *n, const struct target *t)
{
    struct parts3 p;
    parts_of(n, &p);
    return (p.expands ? conv_direct_cost(&p.c, t) : 0) + depthwise_cost(&p.d, t) + 1.05 * conv_direct_cost(&p.e, t);
}

void inverted_residual_fill(const struct node *n, void *geometry, const struct target *t)
{
    struct cnnc_inverted_residual *g = geometry;
    struct parts3 p;
    parts_of(n, &p);
    memset(g, 0, sizeof *g);
    depthwise_fill(&p.d, &g->d, t);
    if (p.expands) {
        conv_fill(&p.c, &g->c, t);
        g->c.y = g->d.x = (struct cnnc_view){0};
    }
    conv_fill(&p.e, &g->e, t);
    g->d.y = g->e.x = (struct cnnc_view){0};
    cnnc_inverted_residual_plan(g);
}

void inverted_residual_prepare(struct graph *g, struct node *n, const struct target *t)
{
    struct node *const last = n->pool, *const middle = last->pool;
    struct cnnc_inverted_residual k;
    inverted_residual_fill(n, &k, t);
    int factors = conv_operands(n);
    conv_prepare_blocked(g, n, t, middle ? "direct" : "depthwise");
    for (int w = SECOND; w <= (middle ? THIRD : SECOND); w += 2) {
        struct node *const layer = middle && w == SECOND ? middle : last;
        const struct cnnc_conv *c = layer == last ? &k.e : &k.d;
        const char *const form = layer == last ? "direct" : "depthwise";
        pack_vector(g, n, w + 1, conv_block_channels(c->oc, t));
        if (n->half == CNNC_WEIGHTS_F16)
            pack_factors(g, n, layer, w, w + 1, factors += 2, form, c);
        pack_weights(g, n, w, form, false, c);
    }
}

size_t inverted_residual_scratch(const void *geometry) { return cnnc_inverted_residual_scratch(geometry); }
