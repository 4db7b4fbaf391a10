/* Whose weights are stored in 16 bits: those of all layers whose kernels read them, unless --max-error forbids it. */
#include "halves.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* What rounding them costs: a layer's largest error as a share of its result's range, as --report=errors measures. */
static double half_error(int half) { return half == CNNC_WEIGHTS_F16 ? 1.5e-4 : 1.2e-3; }

int half_wanted(const struct node *n, const struct target *target)
{
    const struct tensor *w = n->nin > 1 ? n->in[1] : NULL;
    bool able = false;
    for (int i = 0; i < n->op->nkernels; i++)
        able |= n->op->kernels[i].half;
    return able && !target->train && w && (tensor_is_const(w) || (w->def && w->def->folded)) && w->dtype == DT_F32 && n->in[0]->dtype == DT_F32
               ? target->half
               : CNNC_WEIGHTS_FLOAT;
}

/* The largest first. */
static int by_weights(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    const int64_t p = tensor_count(x->in[1]), q = tensor_count(y->in[1]);
    return p != q ? (p < q ? 1 : -1) : x->id - y->id;
}

static void stay_float(struct graph *g, struct node *n, const char *why)
{
    n->half = CNNC_WEIGHTS_FLOAT;
    n->kernel_note = arena_printf(&g->arena, "%s%sweights stay float32: %s", n->kernel_note ? n->kernel_note : "", n->kernel_note ? "; " : "", why);
}

/* Is it a layer with known weights of floats, besides those that kernels read in 16 bits? */
static bool multiplies(const struct node *n)
{
    struct cost c = {0};
    const struct tensor *w = n->nin > 1 ? n->in[1] : NULL;
    if (!w || w->dtype != DT_F32 || !(tensor_is_const(w) || (w->def && w->def->folded)) || !n->op->cost)
        return false;
    n->op->cost(n, &c);
    return c.macs > 0;
}

void choose_halves(struct graph *g, const struct target *target)
{
    struct node **list = NULL;
    int count = 0;
    double sum = 0; /* of squares, of what fast algorithms cost and rounding */
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        const bool full = n->stages == CNNC_MAX_STAGES || (n->pool && n->pool->stages == CNNC_MAX_STAGES);
        sum += n->kernel ? n->error * n->error : 0;
        if (!n->half || !n->kernel) {
            n->half = CNNC_WEIGHTS_FLOAT;
            if (target->half && !target->train && n->kernel && multiplies(n))
                stay_float(g, n, "no kernel of this operator reads others");
        } else if (!n->kernel->half)
            stay_float(g, n, "this kernel reads no others");
        else if (n->half == CNNC_WEIGHTS_F16 && n->kernel->scales && full)
            stay_float(g, n, "no stage is left for the factors of float16");
        else
            VEC_PUSH(list, count, n);
    }
    if (count)
        qsort(list, (size_t)count, sizeof(struct node *), by_weights);
    for (int i = 0; i < count && target->bounded; i++) {
        const double e = half_error(list[i]->half);
        if (sum + e * e > target->max_error * target->max_error)
            stay_float(g, list[i], "rounded ones would pass --max-error");
        else
            sum += e * e;
    }
    free(list);
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
        bytes += bytes_of(n->in[1]) + (n->pool && n->pool->nin > 1 ? bytes_of(n->in[3]) : 0);
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
            sum += half_error(n->half) * half_error(n->half);
    }
    return 4 * sqrt(sum);
}

const char *half_text(struct graph *g, const char *prefix)
{
    int half = CNNC_WEIGHTS_FLOAT;
    const int64_t bytes = half_bytes(g, &half);
    return half ? arena_printf(&g->arena, "%s%" PRId64 " of them hold weights rounded to %s", prefix, bytes, weights_type_name(half)) : "";
}
