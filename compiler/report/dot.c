/* The network as written for Graphviz: `cnnc NET --report=dot | dot -Tsvg`. Layers that run as one share a box. */
#include "report.h"


static void quoted(FILE *f, const char *s)
{
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fputc('\\', f);
        fputc(*s, f);
    }
}

static void node(FILE *f, const struct report *r, int i)
{
    const struct layer *l = &r->layer[i];
    char text[160], number[32];
    fprintf(f, "l%d [label=\"", i);
    quoted(f, l->name);
    fputs("\\n", f);
    quoted(f, l->type);
    if (*l->kernel_size)
        fprintf(f, " %s", l->kernel_size);
    fprintf(f, "\\n%s", layer_shape(l, text));
    if (l->parameters)
        fprintf(f, "\\n%s parameters", thousands(l->parameters, number));
    fprintf(f, "\"%s];", i < r->inputs ? ", shape=ellipse" : l->fate ? ", style=dashed" : "");
}

void report_dot(FILE *f, const struct report *r)
{
    fprintf(f, "digraph \"");
    quoted(f, r->g->name);
    fprintf(f, "\" {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n  edge [arrowsize=0.6];\n");
    for (int i = 0; i < r->layers; i++) {
        if (r->layer[i].home >= 0 && r->layer[i].home != i)
            continue;
        bool alone = true;
        for (int k = 0; k < r->layers; k++)
            alone &= k == i || r->layer[k].home != i;
        if (!alone)
            fprintf(f, "  subgraph cluster_%d {\n    style=rounded; color=gray; label=\"%s\"; fontsize=9; fontcolor=gray;\n  ", i, r->layer[i].kernel);
        fputs("  ", f);
        node(f, r, i);
        fputc('\n', f);
        for (int k = 0; k < r->layers && !alone; k++)
            if (k != i && r->layer[k].home == i) {
                fputs("    ", f);
                node(f, r, k);
                fputc('\n', f);
            }
        if (!alone)
            fputs("  }\n", f);
    }
    for (int i = 0; i < r->layers; i++)
        for (int k = 0; k < r->layer[i].sources; k++)
            fprintf(f, "  l%d -> l%d;\n", r->layer[i].source[k], i);
    fputs("}\n", f);
}
