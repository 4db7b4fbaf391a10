/* What became of the layers, and the sums. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "../emit/emit.h"

/* ---- where each layer went -------------------------------------------------------------------------------------- */

/* Of the nodes that compute part of a layer: the one with the layer's own operator; otherwise the one whose epilogue it joined;
 * otherwise the last. Conversions of layout are nobody's work. */
static void find_nodes(struct report *r)
{
    for (int i = 0; i < r->g->nodes; i++) {
        const struct node *n = r->g->node[i];
        if (n->step < 0 || (n->op->flags & OP_REORDERS))
            continue;
        for (int k = 0; k < n->layers; k++) {
            struct layer *l = &r->layer[n->layer[k]];
            const struct node *old = l->node;
            l->steps++;
            if (!old || (n->op == l->op && old->op != l->op) ||
                (old->op != l->op && !(old->stages || old->pool)))
                l->node = n;
        }
    }
}

/* The layer that a node is named after: the one with its operator, or its first. */
static int home_of(const struct report *r, const struct node *n)
{
    for (int k = 0; k < n->layers; k++)
        if (r->layer[n->layer[k]].op == n->op)
            return n->layer[k];
    return n->layers > 0 ? n->layer[0] : -1;
}

/* Why nothing runs for a layer. */
static const char *fate_of(const struct report *r, int layer)
{
    const struct layer *l = &r->layer[layer];
    for (int i = 0; i < r->g->nodes; i++) {
        const struct node *n = r->g->node[i];
        for (int k = 0; k < n->layers; k++) {
            if (n->layer[k] != layer || n->op != l->op)
                continue;
            if (n->folded)
                return "computed by the compiler";
            if (n->slices)
                return "in place";
            if (n->op->flags & OP_VIEW)
                return "no work";
        }
    }
    if (l->op && (l->op->flags & (OP_TRAINING | OP_IDENTITY)))
        return "identity";
    if (l->op && (l->op->flags & OP_VIEW)) /* the layer behind it reads its elements where they lie */
        return "no work";
    return l->op ? "removed" : NULL;
}

static void map_layers(struct report *r)
{
    find_nodes(r);
    for (int i = 0; i < r->layers; i++) {
        struct layer *l = &r->layer[i];
        l->kernel = l->why = "";
        l->home = -1;
        if (!l->node) {
            l->fate = fate_of(r, i);
            continue;
        }
        const int home = home_of(r, l->node);
        l->home = home;
        l->kernel = kernel_name(&r->arena, l->node, l->node->kernel);
        l->why = l->node->kernel_note ? l->node->kernel_note : "";
    }
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

/* Tensors and scratch alive at each step; nothing that keeps this schedule needs less than their largest sum. */
static void add_memory(struct report *r)
{
    const struct graph *g = r->g;
    r->alive = arena_alloc(&r->arena, sizeof *r->alive * (size_t)(g->steps + 1));
    r->scratch = arena_alloc(&r->arena, sizeof *r->scratch * (size_t)(g->steps + 1));
    for (int i = 0; i < g->tensors; i++) {
        const struct tensor *t = g->tensor[i];
        if (t->kind != T_VALUE || t->offset < 0 || t->base || t->is_output || tensor_is_const(t) || (t->def && t->def->folded))
            continue;
        for (int s = MAX(t->first, 0); s <= t->last && s < g->steps; s++)
            r->alive[s] += t->bytes;
    }
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->step >= 0)
            r->alive[g->node[i]->step] += r->scratch[g->node[i]->step] = g->node[i]->scratch_bytes;
    r->arena_lower_bound = g->arena_lower_bound;
    r->arena_bytes = g->arena_bytes;
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

static int by_count(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;
    return x->count != y->count ? y->count - x->count : strcmp(x->type, y->type);
}

static void add_kinds(struct report *r)
{
    r->kind = arena_alloc(&r->arena, sizeof *r->kind * (size_t)(r->layers + 1));
    for (int i = r->inputs; i < r->layers; i++) {
        const struct layer *l = &r->layer[i];
        int k = 0;
        while (k < r->kinds && strcmp(r->kind[k].type, l->type) != 0)
            k++;
        r->kinds += k == r->kinds;
        r->kind[k].type = l->type;
        r->kind[k].count++;
        r->kind[k].parameters += l->parameters;
        r->kind[k].macs += l->macs;
    }
    qsort(r->kind, (size_t)r->kinds, sizeof *r->kind, by_count);
}

static void add_sums(struct report *r)
{
    const struct graph *g = r->g;
    int64_t counted = 0;
    for (int i = 0; i < r->layers; i++) {
        const struct layer *l = &r->layer[i];
        counted += l->parameters;
        r->macs += l->macs;
        r->activation_bytes += i < r->inputs ? 0 : l->bytes;
        r->depth = MAX(r->depth, l->depth);
        r->weighted_depth = MAX(r->weighted_depth, l->weighted_depth);
        if (l->op && (strcmp(l->op->onnx, "Gemm") == 0 || strcmp(l->op->onnx, "MatMul") == 0))
            r->dense_parameters += l->parameters;
    }
    for (int i = 0; i < g->tensors; i++)
        if (g->tensor[i]->kind == T_PARAM && g->tensor[i]->trainable)
            r->parameters += tensor_count(g->tensor[i]);
    r->unused_parameters = r->parameters - counted;
}

static const char *joined(struct report *r, const char *list, const char *name, int n)
{
    if (n > 8) /* enough to know which kind */
        return n == 9 ? arena_printf(&r->arena, "%s, ...", list) : list;
    return list ? arena_printf(&r->arena, "%s, %s", list, name) : name;
}

static void add_copy(struct report *r, const struct node *n, const char *why)
{
    r->copies++;
    r->copy_names = joined(r, r->copy_names, arena_printf(&r->arena, "%s (%s)", n->name, why), r->copies);
}

/* A node whose operator can run in place of its operands, but with this kernel copies all of them: why. */
static const char *not_in_place(struct report *r, const struct node *n)
{
    bool can = false;
    for (int i = 0; i < n->op->nkernels; i++)
        can |= n->op->kernels[i].slices;
    if (!can || n->kernel->slices)
        return NULL;
    const int block = r->o->target.block;
    for (int i = 0; i + 1 < n->nin && n->in[i]->rank >= 3; i++)
        if (n->in[i]->dim[1] % block != 0)
            return arena_printf(&r->arena, "%lld channels are no whole blocks of %d", (long long)n->in[i]->dim[1], block);
    return "in plain layout";
}

static void add_conversions(struct report *r)
{
    for (int i = 0; i < r->g->nodes; i++) {
        const struct node *n = r->g->node[i];
        r->steps += n->step >= 0;
        const char *why = n->step >= 0 ? not_in_place(r, n) : NULL;
        if (why)
            add_copy(r, n, why);
        if (n->step < 0 || !(n->op->flags & OP_REORDERS))
            continue;
        if (n->out[0]->slice) {
            add_copy(r, n, n->kernel_note ? n->kernel_note : "converted from another layout");
        } else {
            r->reorders++;
            r->reorder_names = joined(r, r->reorder_names, n->name, r->reorders);
        }
    }
}

/* Fitted to the code and constants of what gcc 12 makes at -O2 of LeNet-5, VGG-6, ResNet-20, MobileNet v1 and AlexNet, and what training adds
 * to it. For SSE2, AVX2 and AVX-512 the estimate is between 24 % too low and 25 % too high; plain C may take twice as much, where loops are
 * unrolled; for a Cortex-M4 (no Winograd, pointers of 4 bytes) it is between 15 % too low and 40 % too high. Every step has its geometry. */
enum { SETUP_BYTES = 2500, LAYER_BYTES = 170, WINOGRAD_BYTES = 10000, INSTANCE_BYTES = 1500, INSTANCE_BYTES_M = 500 };

/* The largest frame is that of a Winograd kernel, with its 36 values of a tile (5.2 kB); the others stay below 2 kB; the chain of calls above
 * them is short. tests/report compares the bound with -fstack-usage. */
enum { STACK_WINOGRAD = 8192, STACK_OTHERS = 4096 };

int64_t code_estimate(struct graph *g, const struct options *o, const char *name, int *instances)
{
    struct emitter e = {.g = g, .o = o, .name = name, .upper = name, .header = "", .weights_in = WEIGHTS_FILE};
    const bool small = o->target.block == 1;
    int64_t bytes = SETUP_BYTES + (int64_t)g->steps * LAYER_BYTES;
    int n = 0, winograd = 0;
    emit_layers(&e);
    for (const char *p = e.instances.s; p && (p = strstr(p, "CNNC_NOINLINE")); p++, n++) {
        const char *word = strstr(p, "winograd");
        winograd += word && word < strchr(p, '('); /* in the function's name */
    }
    for (const char *p = e.defines.s; p && (p = strchr(p, '\n')); p++)
        n++;
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->step >= 0 && g->node[i]->kernel->geometry)
            bytes += (int64_t)g->node[i]->kernel->geometry->size * (small ? 3 : 4) / 4;
    sb_free(&e.parts);
    sb_free(&e.defines);
    sb_free(&e.instances);
    sb_free(&e.layers);
    names_free(&e.used);
    arena_free(&e.arena);
    if (!instances)
        return bytes;
    *instances = n;
    return bytes + (int64_t)(n - winograd) * (small ? INSTANCE_BYTES_M : INSTANCE_BYTES) + (int64_t)winograd * WINOGRAD_BYTES;
}

static void add_code(struct report *r)
{
    r->code_bytes = code_estimate(r->g, r->o, r->name, &r->instances);
    r->stack_bytes = STACK_OTHERS;
    for (int i = 0; i < r->g->nodes; i++) {
        const struct node *n = r->g->node[i];
        if (n->step >= 0 && strstr(kernel_name(&r->arena, n, n->kernel), "winograd"))
            r->stack_bytes = STACK_WINOGRAD;
    }
}

/* Without the code, of which subgraphs have none by themselves. */
static struct report *report_of(struct graph *g, const struct options *o)
{
    struct report *r = xcalloc(1, sizeof *r);
    r->g = g;
    r->o = o;
    r->layer = g->layers;
    r->layers = g->nlayers;
    r->inputs = g->inputs;
    map_layers(r);
    add_memory(r);
    add_sums(r);
    add_kinds(r);
    add_conversions(r);
    for (int i = 0; i < g->nodes; i++)
        for (int b = 0; b < 2 && g->node[i]->body[b] && g->node[i]->step >= 0; b++) {
            struct report *inner = report_of(g->node[i]->body[b], o);
            inner->name = arena_printf(&inner->arena, "%s of %s (%s)", g->node[i]->op->body[b], g->node[i]->name, g->node[i]->op->onnx);
            VEC_PUSH(r->inner, r->inners, inner);
            r->unused_parameters = MAX(0, r->unused_parameters - (inner->parameters - inner->unused_parameters)); /* they are the network's */
        }
    return r;
}

struct report *report_new(struct graph *g, struct training *training, const struct options *o)
{
    struct report *r = report_of(g, o);
    const char *slash = g->source ? strrchr(g->source, '/') : NULL;
    r->training = training;
    r->name = c_identifier(&r->arena, o->name ? o->name : g->name);
    r->source = slash ? slash + 1 : g->source ? g->source : g->name;
    add_code(r);
    return r;
}

void report_free(struct report *r)
{
    if (!r)
        return;
    training_free(r->training);
    for (int i = 0; i < r->inners; i++)
        report_free(r->inner[i]);
    free(r->inner);
    arena_free(&r->arena);
    free(r);
}

bool report_form_named(const char *name, enum report_form *form)
{
    static const char *const names[] = {[REPORT_TEXT] = "text", [REPORT_JSON] = "json", [REPORT_HTML] = "html", [REPORT_DOT] = "dot", [REPORT_ERRORS] = "errors"};
    *form = REPORT_TEXT;
    if (!name)
        return true;
    for (int i = REPORT_TEXT; i <= REPORT_ERRORS; i++)
        if (strcmp(names[i], name) == 0) {
            *form = (enum report_form)i;
            return true;
        }
    return false;
}

void report_print(FILE *f, enum report_form form, struct report *const *list, int n)
{
    switch (form) {
    case REPORT_NONE: break;
    case REPORT_JSON: report_json(f, list, n); break;
    case REPORT_HTML: report_html(f, list, n); break;
    case REPORT_DOT:
        for (int i = 0; i < n; i++)
            report_dot(f, list[i]);
        break;
    case REPORT_ERRORS:
        for (int i = 0; i < n; i++)
            report_errors(f, list[i]);
        break;
    case REPORT_TEXT:
        if (n > 1)
            report_compare(f, list, n);
        else
            report_text(f, list[0]);
        break;
    }
}
