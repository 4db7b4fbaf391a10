#include "halves.h"

#include <inttypes.h>
#include <math.h>

static double layer_error(int half) { return half == CNNC_WEIGHTS_F16 ? 1.5e-4 : 1.2e-3; }

double half_error(const struct node *n)
{
    int layers = 1;
    for (const struct node *p = n->pool; p; p = p->pool)
        layers += p->nin > 1; /* joined, with weights of its own */
    return sqrt(layers) * layer_error(n->half);
}

const char *weights_type_name(int half) { return dtype_name((const enum dtype[]){DT_F32, DT_F16, DT_BF16}[half]); }

bool weights_type(const struct node *n, enum dtype *type)
{
    const struct tensor *w = n->nin > 1 ? n->in[1] : NULL;
    struct cost c = {0};
    if (n->op->cost)
        n->op->cost(n, &c);
    if (!c.macs || !w || !(tensor_is_const(w) || (w->def && w->def->folded)))
        return false;
    *type = n->half == CNNC_WEIGHTS_F16 ? DT_F16 : n->half == CNNC_WEIGHTS_BF16 ? DT_BF16 : w->dtype;
    return true;
}

static int64_t bytes_of(const struct tensor *t) { return t && t->bytes > 0 ? t->bytes : 0; }

int64_t half_bytes(const struct graph *g, int *half)
{
    int64_t bytes = 0;
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        for (int b = 0; b < 2 && n->body[b]; b++)
            bytes += half_bytes(n->body[b], half);
        if (!n->half || n->step < 0)
            continue;
        *half = n->half;
        bytes += bytes_of(n->in[1]);
        int w = n->op->max_in; /* behind the layer's own inputs, weights and bias of each that is joined to it */
        for (const struct node *p = n->pool; p; p = p->pool)
            if (p->nin > 1)
                bytes += bytes_of(n->in[w]), w += 2;
    }
    return bytes;
}

double half_tolerance(const struct graph *g)
{
    double sum = 0;
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        double inner;
        for (int b = 0; b < 2 && n->body[b]; b++)
            inner = half_tolerance(n->body[b]), sum += inner * inner / 16;
        if (n->half)
            sum += half_error(n) * half_error(n);
    }
    return 4 * sqrt(sum);
}

const char *half_text(struct graph *g, const char *prefix)
{
    int half = CNNC_WEIGHTS_FLOAT;
    const int64_t bytes = half_bytes(g, &half);
    return half ? arena_printf(&g->arena, "%s%" PRId64 " of them hold weights rounded to %s", prefix, bytes, weights_type_name(half)) : "";
}
