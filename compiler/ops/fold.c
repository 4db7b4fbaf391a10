/* Values of constants. Large ones (weights, packed weights) are computed only when they are written, one at a time, so
 * that a network of 500 MB needs little more than that; small ones at once, because shapes depend on them. */
#include "../op.h"

#include <stdlib.h>
#include <string.h>

#include "../init.h"

enum { SMALL = 1 << 16 }; /* elements */

bool node_is_foldable(const struct node *n)
{
    if (n->op->flags & (OP_RANDOM | OP_CONTROL))
        return false;
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] && !tensor_is_const(n->in[i]) && !(n->in[i]->def && n->in[i]->def->folded))
            return false;
    return true;
}

/* A kernel that the compiler can run itself: those for plain layouts only. */
static const struct kernel *fold_kernel(const struct node *n)
{
    static const struct target scalar = {.name = "fold", .block = 1};
    for (int i = 0; i < n->op->nkernels; i++) {
        const struct kernel *k = &n->op->kernels[i];
        if (k->run && k->in_layout == LAYOUT_PLAIN && k->out_layout == LAYOUT_PLAIN && (!k->match || k->match(n, &scalar)))
            return k;
    }
    return NULL;
}

bool fold_evaluate(struct graph *g, struct node *n)
{
    static const struct target scalar = {.name = "fold", .block = 1};
    const struct kernel *k = fold_kernel(n);
    if (!k)
        return false;
    const void **in = xcalloc((size_t)MAX(n->nin, n->op->max_in) + 1, sizeof *in);
    void **out = xcalloc((size_t)MAX(n->nout, n->op->max_out) + 1, sizeof *out);
    bool ok = true;
    for (int i = 0; i < n->nin && ok; i++)
        if (n->in[i]) {
            in[i] = tensor_value(g, n->in[i]);
            ok = in[i] != NULL;
        }
    for (int i = 0; i < n->nout && ok; i++)
        if (n->out[i])
            out[i] = xcalloc_for((size_t)tensor_count(n->out[i]) + 1, dtype_size(n->out[i]->dtype), n->out[i]->name);
    if (ok) {
        void *geometry = xcalloc(1, k->geometry ? k->geometry->size : 1);
        if (k->fill)
            k->fill(n, geometry, &scalar);
        k->run(n, geometry, in, out);
        free(geometry);
        for (int i = 0; i < n->nout; i++)
            if (n->out[i]) {
                free((void *)(n->out[i]->owned ? n->out[i]->data : NULL));
                n->out[i]->data = out[i];
                n->out[i]->owned = true;
            }
    }
    free(in);
    free(out);
    return ok;
}

const void *tensor_value(struct graph *g, struct tensor *t)
{
    if (t->data)
        return t->data;
    if (t->def) {
        if (!fold_evaluate(g, t->def)) {
            node_error(g, t->def, "this constant cannot be computed");
            return NULL;
        }
        return t->data;
    }
    if (t->init != INIT_NONE) {
        t->data = init_values(g, t);
        t->owned = true;
        return t->data;
    }
    char text[160];
    diag_error_at(g->diag, g->source, "parameter '%s' (%s) has no value", t->name, shape_text(t, text));
    return NULL;
}

void tensor_forget(struct tensor *t)
{
    if (t->owned)
        free((void *)t->data);
    if (t->owned)
        t->data = NULL;
    t->owned = false;
}

void tensor_release(struct tensor *t)
{
    if (!t || !t->owned || t->kind == T_CONST || (!t->def && t->init == INIT_NONE))
        return; /* what cannot be made again stays */
    tensor_forget(t);
    if (t->def)
        for (int i = 0; i < t->def->nin; i++)
            tensor_release(t->def->in[i]);
}

static bool fold(struct graph *g, struct node *n, bool parameters)
{
    if (!node_is_foldable(n) || !fold_kernel(n) || (!g->quantized && n->op->flags & (OP_QUANTIZES | OP_DEQUANTIZES)))
        return false;
    for (int i = 0; i < n->nin; i++) /* parameters keep their names until they are written */
        if (n->in[i] && ((n->in[i]->kind == T_PARAM && !parameters) || tensor_count(n->in[i]) > SMALL || !n->in[i]->data))
            return false;
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] && (n->out[i]->rank < 0 || tensor_count(n->out[i]) > SMALL || n->out[i]->is_output ||
                          !dtype_size(n->out[i]->dtype)))
            return false;
    if (!fold_evaluate(g, n))
        return false;
    for (int i = 0; i < n->nout; i++) {
        struct tensor *t = n->out[i];
        if (!t)
            continue;
        size_t bytes = (size_t)tensor_count(t) * dtype_size(t->dtype);
        void *copy = arena_alloc(&g->arena, bytes);
        memcpy(copy, t->data, bytes);
        free((void *)t->data);
        t->data = copy;
        t->owned = false;
        t->kind = T_CONST;
    }
    return true;
}

bool fold_small(struct graph *g, struct node *n) { return fold(g, n, false); }
bool fold_parameters(struct graph *g, struct node *n) { return fold(g, n, true); }
