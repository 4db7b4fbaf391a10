/* The graph as text: one line a node, for --dump=PASS and for tests. */
#include "op.h"

#include <inttypes.h>

static void dump_tensor(FILE *f, const struct tensor *t)
{
    char text[160];
    if (!t) {
        fputs("-", f);
        return;
    }
    fprintf(f, "%s[%s]", t->name, shape_text(t, text));
    if (t->dtype != DT_F32)
        fprintf(f, ":%s", dtype_name(t->dtype));
    if (t->layout.block)
        fprintf(f, ":c%d", t->layout.block);
    if (t->layout.before[0] | t->layout.before[1] | t->layout.before[2] | t->layout.after[0] | t->layout.after[1] | t->layout.after[2])
        fprintf(f, ":halo(%d,%d,%d/%d,%d,%d)", t->layout.before[0], t->layout.before[1], t->layout.before[2],
                t->layout.after[0], t->layout.after[1], t->layout.after[2]);
    if (t->base)
        fprintf(f, ":in(%s+%" PRId64 ")", t->base->name, t->base_block);
    else if (t->offset >= 0)
        fprintf(f, "@%" PRId64, t->offset);
}

static void dump_attr(FILE *f, const struct attr_def *d, const struct attr *a)
{
    fprintf(f, " %s=", d->onnx ? d->onnx : d->net);
    switch (d->type) {
    case A_INT: case A_BOOL: fprintf(f, "%" PRId64, a->i); break;
    case A_FLOAT: fprintf(f, "%g", a->f); break;
    case A_STRING: fprintf(f, "%s", a->s ? a->s : ""); break;
    case A_INTS: case A_SPATIAL: case A_PADS:
        if (a->s)
            fputs(a->s, f);
        for (int i = 0; i < a->n; i++)
            fprintf(f, "%s%" PRId64, i ? "," : "", a->ints[i]);
        break;
    case A_FLOATS:
        for (int i = 0; i < a->n; i++)
            fprintf(f, "%s%g", i ? "," : "", a->floats[i]);
        break;
    case A_STRINGS:
        for (int i = 0; i < a->n; i++)
            fprintf(f, "%s%s", i ? "," : "", a->strings[i]);
        break;
    case A_TENSOR: dump_tensor(f, a->tensor); break;
    }
}

static void dump(const struct graph *g, FILE *f, int depth)
{
    const int indent = 4 * depth;
    fprintf(f, "%*sgraph %s\n", indent, "", g->name);
    for (int i = 0; i < g->inputs; i++) {
        fprintf(f, "%*s  input ", indent, "");
        dump_tensor(f, g->input[i]);
        fputc('\n', f);
    }
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        fprintf(f, "%*s  ", indent, "");
        for (int k = 0; k < n->nout; k++) {
            fputs(k ? ", " : "", f);
            dump_tensor(f, n->out[k]);
        }
        fprintf(f, " = %s(", n->op->onnx);
        for (int k = 0; k < n->nin; k++) {
            fputs(k ? ", " : "", f);
            dump_tensor(f, n->in[k]);
        }
        fputs(")", f);
        for (int k = 0; k < n->op->nattrs; k++)
            if (n->attr[k].set)
                dump_attr(f, &n->op->attrs[k], &n->attr[k]);
        if (n->folded)
            fputs(" folded", f);
        else if (n->kernel)
            fprintf(f, " kernel=%s", n->kernel->name ? n->kernel->name : "template");
        if (n->fused)
            fprintf(f, " fused=\"%s\"", n->fused);
        fputc('\n', f);
        for (int b = 0; b < 2 && n->body[b]; b++)
            dump(n->body[b], f, depth + 1);
    }
    for (int i = 0; i < g->outputs; i++) {
        fprintf(f, "%*s  output ", indent, "");
        dump_tensor(f, g->output[i]);
        fputc('\n', f);
    }
}

void graph_dump(const struct graph *g, FILE *f) { dump(g, f, 0); }
