/* select: for each node in order the kernel with the least estimated time, the price of converting its operands to the
 * layout it wants included. */
#include "../pass.h"

#include <math.h>
#include <string.h>

static double conversion_cost(const struct node *n, const struct kernel *k, const struct target *target)
{
    double bytes = 0;
    for (int i = 0; i < n->nin; i++) {
        const struct tensor *t = n->in[i];
        if (!t || tensor_is_const(t) || (t->def && t->def->folded) || t->rank < 3)
            continue;
        if ((t->layout.block != 0) != (k->in_layout == LAYOUT_BLOCKED))
            bytes += 2.0 * (double)tensor_count(t) * (double)dtype_size(t->dtype);
    }
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] && n->out[i]->is_output && k->out_layout == LAYOUT_BLOCKED)
            bytes += 2.0 * (double)tensor_count(n->out[i]) * (double)dtype_size(n->out[i]->dtype);
    (void)target;
    return bytes ? 2e-7 + bytes / 4e9 : 0;
}

const struct kernel *first_match(const struct node *n, const struct target *target)
{
    for (int i = 0; i < n->op->nkernels; i++)
        if (!n->op->kernels[i].match || n->op->kernels[i].match(n, target))
            return &n->op->kernels[i];
    return NULL;
}

static const char *time_text(double seconds, char text[32])
{
    if (seconds >= 1e3) /* a last resort, nobody estimated it */
        return "no estimate";
    snprintf(text, 32, seconds < 1e-3 ? "%.3g us" : "%.3g ms", seconds * (seconds < 1e-3 ? 1e6 : 1e3));
    return text;
}

/* "410 us, conv_plain: 8.2 ms": the estimate, and those of the kernels that could have done it. */
static void add_note(struct graph *g, struct node *n, const struct kernel *other, double seconds)
{
    char text[32];
    n->kernel_note = arena_printf(&g->arena, "%s, %s: %s", n->kernel_note ? n->kernel_note : "", kernel_name(&g->arena, n, other),
                                  time_text(seconds, text));
}

const char *kernel_name(struct arena *a, const struct node *n, const struct kernel *k)
{
    struct strbuf name = {0}, define = {0};
    if (k->name)
        return k->name;
    k->name_of(n, &name, &define);
    const char *r = arena_strdup(a, strncmp(name.s, "cnnc_", 5) == 0 ? name.s + 5 : name.s);
    sb_free(&name);
    sb_free(&define);
    return r;
}

bool pass_select(struct graph *g, struct options *o)
{
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        n->folded = node_is_foldable(n);
        if (n->folded || (n->op->flags & OP_VIEW))
            continue;
        double best = INFINITY;
        for (int k = 0; k < n->op->nkernels; k++) {
            const struct kernel *kernel = &n->op->kernels[k];
            bool blocked = kernel->in_layout == LAYOUT_BLOCKED || kernel->out_layout == LAYOUT_BLOCKED;
            if ((blocked && o->target.block <= 1) || (n->stages && !kernel->epilogue) || (n->pool && !kernel->pools) ||
                (!n->pool && kernel->pools) || (kernel->match && !kernel->match(n, &o->target)))
                continue;
            double t = (kernel->cost ? kernel->cost(n, &o->target) : 1e3) + conversion_cost(n, kernel, &o->target);
            const struct kernel *other = t < best ? n->kernel : kernel;
            if (other)
                add_note(g, n, other, MAX(t, best));
            if (t < best) {
                best = t;
                n->kernel = kernel;
            }
        }
        if (!n->kernel)
            return node_error(g, n, "no kernel computes this on %s for element type %s", o->target.name,
                              dtype_name(n->in && n->in[0] ? n->in[0]->dtype : n->out[0]->dtype));
        n->estimate = best;
        char text[32];
        n->kernel_note = arena_printf(&g->arena, "%s%s", time_text(best, text), n->kernel_note ? n->kernel_note : "");
        if (n->kernel->out_layout == LAYOUT_BLOCKED)
            for (int k = 0; k < n->nout; k++)
                if (n->out[k])
                    n->out[k]->layout.block = o->target.block;
    }
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        if (n->kernel && n->kernel->prepare)
            n->kernel->prepare(g, n, &o->target);
        i = n->id; /* it may have put nodes before itself */
    }
    for (int i = 0; i < g->nodes; i++)
        g->node[i]->folded = node_is_foldable(g->node[i]);
    return g->diag->errors == 0;
}
