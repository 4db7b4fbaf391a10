/* Whose weights are stored in 16 bits: those of all layers whose kernels read them, unless --max-error forbids it. */
#include "../halves.h"
#include "../pass.h"

#include <stdlib.h>

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
        bool full = false;
        for (const struct node *p = n; p; p = p->pool)
            full |= p->stages == CNNC_MAX_STAGES;
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
        const double e = half_error(list[i]);
        if (sum + e * e > target->max_error * target->max_error)
            stay_float(g, list[i], "rounded ones would pass --max-error");
        else
            sum += e * e;
    }
    free(list);
}
