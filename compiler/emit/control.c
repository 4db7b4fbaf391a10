/* Nodes that own subgraphs. A subgraph is a function that runs its layers as NAME_run_v runs the network's: on a context of its own, whose inputs
 * and outputs are the node's; its values lie in the arena, where the plan has put the node's scratch memory. The node's own function says which
 * subgraph runs, and how often. One thread runs that; the layers inside share their work among all. */
#include "../ops/control.h"
#include "emit.h"

#include <inttypes.h>
#include <stdlib.h>

bool has_bodies(const struct graph *g)
{
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->step >= 0 && g->node[i]->body[0])
            return true;
    return false;
}

void print_forward(struct emitter *e, FILE *f)
{
    if (!has_bodies(e->g))
        return;
    if (!e->o->dispatch)
        fprintf(f, "struct cnnc_thread;\ntypedef void %s_layer(const %s *ctx, struct cnnc_thread t);\n", e->name, e->ctx);
    fprintf(f, "static void %s_do(%s%s *ctx, %s_layer *layer, int threads);\n\n", e->name, e->profiled ? "" : "const ", e->ctx, e->name);
}

/* The function of subgraph b; its name. */
static const char *emit_body(struct emitter *e, const struct node *n, int b, const char *part)
{
    struct graph *around = e->g, *g = n->body[b];
    const char **layer = e->layer, *name = layer_function(e, function_name(e, arena_printf(&e->arena, "%s_%s", layer[n->step], part)));
    e->g = g;
    name_layers(e);
    emit_steps(e);
    struct strbuf *to = &e->layers;
    sb_addf(to, "\n/* %s: the subgraph '%s'. */\nstatic void %s(const void *outer, const void *const in[], void *const out[])\n{\n", n->name, part, name);
    sb_addf(to, "    %s inner = *(const %s *)outer, *const ctx = &inner;\n    const int all = ctx->threads;\n    (void)all;\n", e->ctx, e->ctx);
    sb_add(to, "    ctx->in = in;\n    ctx->out = out;\n");
    if (e->profiled)
        sb_add(to, "    ctx->profile = NULL; /* its time is the node's */\n");
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->step >= 0)
            sb_addf(to, "    %s_do(ctx, %s, %s);\n", e->name, layer_function(e, e->layer[g->node[i]->step]),
                    is_shared_out(g, g->node[i]) ? "all" : "1");
    sb_add(to, "}\n");
    e->g = around;
    e->layer = layer;
    return name;
}

static void emit_if(struct emitter *e, const struct node *n, const char *const body[2])
{
    print_operands(e, n);
    sb_addf(&e->layers, "    (void)t;\n    if (*(const unsigned char *)in[0])\n        %s(ctx, in + 1, out);\n    else\n        %s(ctx, in + 1, out);\n", body[0], body[1]);
}

static void emit_repeat(struct emitter *e, const struct node *n, const char *body)
{
    struct strbuf *b = &e->layers;
    struct cnnc_repeat r;
    ptrdiff_t *bytes = xcalloc((size_t)(n->nin + n->nout + 1), sizeof *bytes);
    repeat_of(n, &r, bytes);
    const int sizes = r.carried + r.scanned + r.collected;
    parts_need(&e->parts, "control.h");
    print_operands(e, n);
    sb_add(b, "    static const ptrdiff_t bytes[] = {");
    for (int i = 0; i < MAX(sizes, 1); i++)
        sb_addf(b, "%s%td", i ? ", " : "", sizes ? bytes[i] : 0);
    sb_add(b, "};\n    void *const spare[] = {");
    for (int i = 0; i < r.carried; i++)
        sb_addf(b, "%sctx->arena + %" PRId64, i ? ", " : "", n->scratch_offset + spare_offset(n, i));
    sb_addf(b, "%s};\n    const void *from[%d];\n    void *to[%d];\n", r.carried ? "" : "NULL", MAX(n->body[0]->inputs, 1), n->body[0]->outputs);
    sb_addf(b, "    const struct cnnc_repeat repeat = {.counted = %d, .carried = %d, .scanned = %d, .collected = %d, .captured = %d,\n        .sized = %d, .rounds = INT64_C(%" PRId64 "), .bytes = bytes, .spare = spare, .from = from, .to = to};\n", r.counted, r.carried, r.scanned, r.collected,
            r.captured, r.sized, r.rounds);
    sb_addf(b, "    (void)t;\n    cnnc_repeat(&repeat, %s, ctx, in, out);\n", body);
    free(bytes);
}

void emit_control(struct emitter *e, const struct node *n)
{
    const char *body[2];
    for (int b = 0; b < 2 && n->body[b]; b++)
        body[b] = emit_body(e, n, b, n->body[1] ? (b ? "else" : "then") : "body");
    print_comment(e, n);
    sb_addf(&e->layers, "static void %s(const %s *ctx, struct cnnc_thread t)\n{\n", layer_function(e, e->layer[n->step]), e->ctx);
    if (n->body[1])
        emit_if(e, n, body);
    else
        emit_repeat(e, n, body[0]);
    sb_add(&e->layers, "}\n");
}
