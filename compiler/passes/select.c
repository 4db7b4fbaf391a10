/* select: for each node in order the kernel with the least estimated time, the price of converting its operands to the
 * layout it wants included. A pooling that fuse joined to a convolution is set apart again where that is faster. Kernels whose
 * packed weights outgrow the parameters (Winograd) are kept where they save most time for the space, within 1.35 times the parameters; those that
 * add rounding errors likewise, within --max-error. With --tune measured times take the place of estimates. Then it says whose weights are
 * stored in 16 bits (halves.c). */
#include "../pass.h"
#include "tuned.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_constant(const struct tensor *t) { return tensor_is_const(t) || (t->def && t->def->folded); }

/* Bytes that a change of layout moves: the plain tensor, and the other with its channels padded to blocks. */
static double moved(const struct tensor *t, int block)
{
    const double padded = t->rank > 1 && t->dim[1] > 0 ? (double)((t->dim[1] + block - 1) / block * block) / (double)t->dim[1] : 1;
    return (1 + padded) * (double)tensor_count(t) * (double)dtype_size(t->dtype);
}

static double conversion_cost(const struct node *n, const struct kernel *k, const struct target *target)
{
    double bytes = 0;
    for (int i = 0; i < n->nin; i++) {
        const struct tensor *t = n->in[i];
        if (!t || is_constant(t) || t->kind == T_STATE || t->rank < 3)
            continue;
        if ((t->layout.block != 0) != (k->in_layout == LAYOUT_BLOCKED && !(i < 32 && k->plain_inputs >> i & 1)))
            bytes += moved(t, target->block);
    }
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] && n->out[i]->is_output && k->out_layout == LAYOUT_BLOCKED)
            bytes += moved(n->out[i], target->block);
    return bytes ? 2e-7 + bytes / 4e9 : 0;
}

const struct kernel *first_match(const struct node *n, const struct target *target)
{
    for (int i = 0; i < n->op->nkernels; i++)
        if (!n->op->kernels[i].match || n->op->kernels[i].match(n, target))
            return &n->op->kernels[i];
    return NULL;
}

const char *kernel_name(struct arena *a, const struct node *n, const struct kernel *k)
{
    struct strbuf name = {0}, define = {0};
    if (k->name)
        return k->algorithm ? arena_printf(a, "%s %s", k->name, k->algorithm) : k->name;
    k->name_of(n, &name, &define);
    const char *r = arena_strdup(a, strncmp(name.s, "cnnc_", 5) == 0 ? name.s + 5 : name.s);
    sb_free(&name);
    sb_free(&define);
    return r;
}

/* Is what fuse joined to n a layer with weights, and not a pooling? */
static bool joined(const struct node *n) { return n->pool && n->pool->nin > 1; }

static bool can_run(const struct node *n, const struct kernel *k, const struct target *target)
{
    const bool blocked = k->in_layout == LAYOUT_BLOCKED || k->out_layout == LAYOUT_BLOCKED;
    return !(blocked && target->block <= 1) && !(n->stages && !k->epilogue) && (n->pool && !joined(n)) == k->pools &&
           (k->joins ? joined(n) && k->joins(n, n->pool) : !joined(n)) && (!k->match || k->match(n, target));
}

/* Seconds that --tune measured, or -1. */
static double measured(const struct node *n, const struct kernel *k, const struct target *target)
{
    struct arena a = {0};
    const double t = target->tuned ? tuned_seconds(target->tuned, tuned_layer(&a, n), tuned_kernel(&a, n, k)) : -1;
    arena_free(&a);
    return t;
}

static double estimate(const struct node *n, const struct kernel *k, const struct target *target)
{
    const double t = measured(n, k, target);
    return (t >= 0 ? t : k->cost ? k->cost(n, target) : 1e3) + conversion_cost(n, k, target);
}

static const char *time_text(double seconds, char text[32])
{
    if (seconds >= 1e3) /* a last resort, nobody estimated it */
        return "no estimate";
    snprintf(text, 32, seconds < 1e-3 ? "%.3g us" : "%.3g ms", seconds * (seconds < 1e-3 ? 1e6 : 1e3));
    return text;
}

/* "410 us, conv_plain: 8.2 ms": the estimate, and those of the other kernels that could have done it; behind that, why the fastest is not
 * taken. Called before the choice is carried out, while the node still looks as the others would have it. */
static void explain(struct graph *g, struct node *n, const struct target *target)
{
    char text[32];
    struct strbuf b = {0};
    sb_add(&b, time_text(n->estimate, text));
    for (int i = 0; i < n->op->nkernels; i++) {
        const struct kernel *k = &n->op->kernels[i];
        if (k != n->kernel && can_run(n, k, target))
            sb_addf(&b, ", %s: %s", kernel_name(&g->arena, n, k), time_text(estimate(n, k, target), text));
    }
    if (n->kernel_note)
        sb_addf(&b, "; %s", n->kernel_note);
    n->kernel_note = arena_strdup(&g->arena, b.s);
    sb_free(&b);
}

/* Which kernels may be chosen. */
struct limits {
    bool slim;    /* packed weights no more than the weights */
    double error; /* struct kernel's error below this */
};
static const struct limits no_limits = {false, INFINITY};

static bool allowed(const struct node *n, const struct kernel *k, const struct target *target, const struct limits *limits)
{
    return !(limits->slim && k->weights) && !(k->error && k->error(n) >= limits->error) && can_run(n, k, target);
}

/* The fastest kernel for n as it stands, or NULL. Where some were measured, the others do not count. */
static const struct kernel *fastest(const struct node *n, const struct target *target, const struct limits *limits, double *time)
{
    const struct kernel *best = NULL;
    bool tuned = false;
    *time = INFINITY;
    for (int k = 0; target->tuned && k < n->op->nkernels; k++)
        tuned |= allowed(n, &n->op->kernels[k], target, limits) && measured(n, &n->op->kernels[k], target) >= 0;
    for (int k = 0; k < n->op->nkernels; k++) {
        const struct kernel *kernel = &n->op->kernels[k];
        if (!allowed(n, kernel, target, limits) || (tuned && measured(n, kernel, target) < 0))
            continue;
        const double t = estimate(n, kernel, target);
        if (t < *time) {
            *time = t;
            best = kernel;
        }
    }
    return best;
}

const struct kernel *best_kernel(const struct node *n, const struct target *target, double *seconds)
{
    return fastest(n, target, &no_limits, seconds);
}

/* The pooling of n, or the layer joined to it, becomes a node of its own again. */
static void split_pool(struct graph *g, struct node *n)
{
    struct node *p = n->pool;
    struct tensor *y = n->out[0];
    struct node *apart = node_insert_after(g, n, p->op, p->name);
    copy_attrs(g, apart, p);
    apart->span = p->span;
    apart->onnx_index = p->onnx_index;
    apart->layer = p->layer;
    apart->layers = p->layers;
    apart->half = p->half;
    int kept = 0; /* n no longer computes the pooling's layers */
    for (int i = 0; i < n->layers; i++) {
        bool gone = false;
        for (int k = 0; k < p->layers; k++)
            gone |= n->layer[i] == p->layer[k];
        if (!gone)
            n->layer[kept++] = n->layer[i];
    }
    n->layers = kept;
    n->fused = p->before;
    apart->fused = p->fused;
    memcpy(apart->stage, p->stage, sizeof p->stage);
    apart->stages = p->stages;
    n->kernel_note = joined(n) ? arena_printf(&g->arena, "%s apart is faster", p->name) : "pooling apart is faster";
    n->out[0] = n->pool_in;
    n->out[0]->def = n;
    n->out[0]->def_index = 0;
    n->pool = p->pool;
    n->pool_in = p->pool_in;
    node_input(g, apart, n->out[0]);
    const int own = n->nin - (p->nin - 1);
    for (int i = own; i < n->nin; i++) {
        node_input(g, apart, n->in[i]);
        node_set_input(g, n, i, NULL);
    }
    n->nin = own;
    VEC_PUSH(apart->out, apart->nout, y);
    y->def = apart;
    y->def_index = 0;
}

/* pool by itself, from x to y; operands: the others that it reads. */
static double pooling_time(const struct node *pool, struct tensor *x, struct tensor **operands, struct tensor *y, const struct target *target)
{
    struct tensor *in[4] = {x}; /* a joined convolution has weights, a bias and one tensor for its stages beside it */
    struct node apart = *pool;
    double best = INFINITY;
    for (int i = 1; i < pool->nin; i++)
        in[i] = operands[i - 1];
    apart.in = in, apart.out = &y, apart.nout = 1, apart.pool = NULL;
    if (apart.nin > 1) { /* a tensor that the cache does not keep is written and read at its speed */
        const double bytes = 4 * (double)tensor_count(x);
        x->layout.block = target->block; /* as a kernel leaves it that is worth a comparison */
        return fastest(&apart, target, &no_limits, &best) ? best + (bytes > 1e6 ? 2 * bytes / 60e9 : 0) : INFINITY;
    }
    for (int k = 0; target->tuned && k < apart.op->nkernels; k++) {
        const double t = can_run(&apart, &apart.op->kernels[k], target) ? measured(&apart, &apart.op->kernels[k], target) : -1;
        best = t >= 0 && t < best ? t : best;
    }
    return best < INFINITY ? best : 3e-7 + 4.0 * ((double)tensor_count(x) + (double)tensor_count(y)) / 12e9;
}

/* n as it were without its pooling (the last of what is joined to it), and back. */
static struct node *without_pool(struct node *n, struct tensor **y)
{
    struct node *pool = n->pool;
    *y = n->out[0];
    n->nin -= pool->nin - 1;
    n->out[0] = n->pool_in;
    n->pool = pool->pool;
    n->pool_in = pool->pool_in;
    return pool;
}

static void with_pool(struct node *n, struct node *pool, struct tensor *y)
{
    n->pool = pool;
    n->nin += pool->nin - 1;
    n->pool_in = n->out[0];
    n->out[0] = y;
}

/* What n without its pooling (or that apart again), and the pooling after it, would take. */
static double time_apart(struct node *n, const struct target *target, const struct limits *limits)
{
    struct tensor *y;
    struct node *pool = without_pool(n, &y);
    double alone;
    fastest(n, target, limits, &alone);
    if (n->pool)
        alone = fmin(alone, time_apart(n, target, limits));
    with_pool(n, pool, y);
    return alone + pooling_time(pool, n->pool_in, n->in + n->nin - (pool->nin - 1), y, target);
}

enum { CANDIDATES = 16 };

/* The kernels that are worth a measurement: no last resorts. */
static int candidates(const struct node *n, const struct target *target, const struct kernel *list[CANDIDATES])
{
    double best;
    int count = 0;
    if (!fastest(n, target, &no_limits, &best))
        return 0;
    for (int k = 0; k < n->op->nkernels && count < CANDIDATES; k++)
        if (can_run(n, &n->op->kernels[k], target) && estimate(n, &n->op->kernels[k], target) <= 8 * best)
            list[count++] = &n->op->kernels[k];
    return count;
}

/* How many candidates n has; behind those with the pooling come those without. */
static int variants(struct node *n, const struct target *target)
{
    const struct kernel *list[CANDIDATES];
    int count = candidates(n, target, list);
    if (n->pool) {
        struct tensor *y;
        struct node *pool = without_pool(n, &y);
        count += variants(n, target);
        with_pool(n, pool, y);
    }
    return count;
}

/* --tune: the candidate whose turn it is. */
static const struct kernel *explored(struct graph *g, struct node *n, const struct target *target)
{
    const struct kernel *list[CANDIDATES];
    const int count = variants(n, target);
    int turn = target->explore->variant < count ? target->explore->variant : 0, here;
    target->explore->variants = MAX(target->explore->variants, count);
    if (!count)
        return NULL;
    while ((here = candidates(n, target, list)) <= turn) {
        turn -= here;
        split_pool(g, n);
    }
    return list[turn];
}

static bool choose(struct graph *g, struct node *n, const struct options *o, const struct limits *limits)
{
    double time;
    if (o->target.explore) {
        n->kernel = explored(g, n, &o->target);
        time = n->kernel ? estimate(n, n->kernel, &o->target) : 0;
    } else {
        double apart;
        char text[32];
        for (;;) {
            n->kernel = fastest(n, &o->target, limits, &time);
            apart = n->pool ? time_apart(n, &o->target, limits) : INFINITY;
            if (!n->pool || (n->kernel && time <= apart))
                break;
            split_pool(g, n);
        }
        if (joined(n))
            n->kernel_note = arena_printf(&g->arena, "with %s, apart: %s", n->pool->name, time_text(apart, text));
    }
    if (!n->kernel)
        return node_error(g, n, "no kernel computes this on %s for element type %s", o->target.name,
                          dtype_name(n->nin && n->in[0] ? n->in[0]->dtype : n->out[0]->dtype));
    n->estimate = time;
    n->error = n->kernel->error ? n->kernel->error(n) : 0;
    for (int k = 0; k < n->nout; k++)
        if (n->out[k])
            n->out[k]->layout.block = n->kernel->out_layout == LAYOUT_BLOCKED && n->out[k]->rank > 2 ? o->target.block : 0;
    return true;
}

struct saving {
    struct node *n;
    double extra, per_element; /* elements more than the weights; seconds saved by each */
};

static int by_value(const void *a, const void *b)
{
    const struct saving *x = a, *y = b;
    return x->per_element != y->per_element ? (x->per_element < y->per_element ? 1 : -1) : x->n->id - y->n->id;
}

/* Keeps the kernels with large packed weights that are worth most, as long as all weights together stay within the limit. */
static bool limit_weights(struct graph *g, const struct options *o)
{
    const struct limits slim_only = {true, INFINITY};
    struct saving *list = NULL;
    int count = 0;
    double parameters = 0;
    bool ok = true;
    for (int i = 0; i < g->tensors; i++)
        if (g->tensor[i]->users && tensor_is_const(g->tensor[i]) && g->tensor[i]->dtype == DT_F32)
            parameters += (double)tensor_count(g->tensor[i]);
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        double slim;
        if (!n->kernel || !n->kernel->weights || !fastest(n, &o->target, &slim_only, &slim))
            continue;
        const double extra = n->kernel->weights(n) - (double)tensor_count(n->in[1]);
        VEC_PUSH(list, count, ((struct saving){n, extra, (slim - n->estimate) / extra}));
    }
    if (count)
        qsort(list, (size_t)count, sizeof *list, by_value);
    /* other packings pad channels to whole blocks: a twentieth is kept for that */
    double room = (o->target.max_weights - 1.05) * parameters;
    for (int i = 0; i < count && ok; i++) {
        if (list[i].extra <= room) {
            room -= list[i].extra;
            continue;
        }
        ok = choose(g, list[i].n, o, &slim_only);
        list[i].n->kernel_note = "transformed weights would take too much memory";
    }
    free(list);
    return ok;
}

/* Kernels that add rounding errors give way to others, the one that saves least for its error first, until the root of the sum of squares is
 * within the limit. */
static bool limit_error(struct graph *g, const struct options *o)
{
    const double most = o->target.max_error * o->target.max_error;
    for (;;) {
        struct node *worst = NULL;
        double sum = 0, best = -1;
        for (int i = 0; i < g->nodes; i++) {
            struct node *n = g->node[i];
            const double e = n->kernel ? n->error : 0;
            double time;
            const struct limits less = {!(n->kernel && n->kernel->weights), e};
            sum += e * e;
            if (e > 0 && fastest(n, &o->target, &less, &time)) {
                const double value = e * e / MAX(time - n->estimate, 1e-9);
                if (value > best)
                    best = value, worst = n;
            }
        }
        if (sum <= most || !worst)
            return true;
        const struct limits less = {!worst->kernel->weights, worst->error};
        if (!choose(g, worst, o, &less))
            return false;
        worst->kernel_note = "a faster one would pass --max-error";
    }
}

bool pass_select(struct graph *g, struct options *o)
{
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        n->folded = node_is_foldable(n);
        n->half = half_wanted(n, &o->target);
        for (struct node *p = n->pool; p; p = p->pool)
            p->half = n->half;
        if (!n->folded && !(n->op->flags & OP_VIEW) && !choose(g, n, o, &no_limits))
            return false;
    }
    if (!o->target.train && !o->target.explore && !limit_weights(g, o)) /* in training they are no weights but values of the run */
        return false;
    if (!o->target.explore && !limit_error(g, o))
        return false;
    choose_halves(g, &o->target);
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->kernel) {
            if (o->target.explore || o->target.tuned)
                g->node[i]->tuned = tuned_layer(&g->arena, g->node[i]);
            explain(g, g->node[i], &o->target);
        }
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (n->kernel && n->kernel->prepare)
            n->kernel->prepare(g, n, &o->target);
        i = n->id; /* it may have put nodes before itself */
    }
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        n->folded = node_is_foldable(n);
        if (!n->folded && !n->kernel && !(n->op->flags & OP_VIEW) && !choose(g, n, o, &no_limits)) /* put there by prepare */
            return false;
    }
    return g->diag->errors == 0;
}
