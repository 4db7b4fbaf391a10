/* The report for people. */
#include "report.h"
#include "../halves.h"

#include <math.h>
#include <string.h>

/* "runs in" of a layer: its own name is not worth a word. */
static const char *runs_in(const struct report *r, int i, char text[160])
{
    const struct layer *l = &r->layer[i];
    if (l->home >= 0 && l->home != i)
        snprintf(text, 160, "in %s", r->layer[l->home].name);
    else if (l->fate)
        snprintf(text, 160, "%s", l->fate);
    else if (i < r->inputs && l->node)
        snprintf(text, 160, "%d step%s", l->steps, l->steps == 1 ? "" : "s");
    else if (l->steps > 1)
        snprintf(text, 160, "%d steps", l->steps);
    else
        text[0] = '\0';
    return text;
}

static const char *number(int64_t v, char text[32]) { return v ? thousands(v, text) : (text[0] = '\0', text); }

static void print_layers(FILE *f, const struct report *r)
{
    static const struct column columns[] = {
        {"layer", CELL_SHRINK, 0}, {"type", CELL_SHRINK, 0}, {"output", 0, 0}, {"window", CELL_OPTIONAL, 1}, {"stride", CELL_OPTIONAL, 3},
        {"pad", CELL_OPTIONAL, 4}, {"field", CELL_OPTIONAL, 6}, {"parameters", CELL_RIGHT, 0}, {"%", CELL_RIGHT | CELL_OPTIONAL, 7},
        {"multiply-adds", CELL_RIGHT | CELL_OPTIONAL, 2}, {"%", CELL_RIGHT | CELL_OPTIONAL, 8}, {"output bytes", CELL_RIGHT | CELL_OPTIONAL, 9},
        {"fused", CELL_SHRINK | CELL_OPTIONAL, 5}, {"kernel", CELL_SHRINK | CELL_OPTIONAL, 10}, {"weights", CELL_OPTIONAL, 12}, {"estimate, and of other kernels", CELL_SHRINK | CELL_OPTIONAL, 11}};
    struct table t = {.column = columns, .columns = COUNT(columns)};
    char a[160], b[32], c[64];
    for (int i = 0; i < r->layers; i++) {
        const struct layer *l = &r->layer[i];
        const bool own = l->home == i;
        table_cell(&t, "%s", l->name);
        table_cell(&t, i < r->inputs ? "%s, %s" : "%s", l->type, dtype_name(l->dtype));
        table_cell(&t, "%s", layer_shape(l, a));
        table_cell(&t, "%s", l->kernel_size);
        table_cell(&t, "%s", l->stride);
        table_cell(&t, "%s", strcmp(l->pad, "0") == 0 ? "" : l->pad);
        table_cell(&t, "%s", i < r->inputs ? "" : field_text(&l->field, c));
        table_cell(&t, "%s", l->shares && !l->parameters ? "shared" : number(l->parameters, b));
        table_cell(&t, "%s", percent(l->parameters, r->parameters, b));
        table_cell(&t, "%s", number(l->macs, b));
        table_cell(&t, "%s", percent(l->macs, r->macs, b));
        table_cell(&t, "%s", thousands(l->bytes, b));
        table_cell(&t, "%s", runs_in(r, i, a));
        table_cell(&t, "%s", own || i < r->inputs ? l->kernel : "");
        enum dtype type;
        table_cell(&t, "%s", r->o->target.half && own && weights_type(l->node, &type) ? dtype_name(type) : "");
        table_cell(&t, "%s", own ? l->why : "");
    }
    table_rule(&t);
    table_cell(&t, "total");
    for (int i = 1; i < 7; i++)
        table_cell(&t, "%s", "");
    table_cell(&t, "%s", thousands(r->parameters, b));
    table_cell(&t, "%s", "");
    table_cell(&t, "%s", thousands(r->macs, b));
    table_cell(&t, "%s", "");
    table_cell(&t, "%s", thousands(r->activation_bytes, b));
    for (int i = 12; i < (int)COUNT(columns); i++)
        table_cell(&t, "%s", "");
    table_print(&t, f);
    table_free(&t);
}

static void print_kinds(FILE *f, const struct report *r)
{
    fputs("layers         ", f);
    for (int i = 0; i < r->kinds; i++)
        fprintf(f, "%s%d %s", i ? ", " : "", r->kind[i].count, r->kind[i].type);
    fputc('\n', f);
}

/* What the fast algorithms' estimated errors come to: they add up as squares do (select). */
static void print_rounding(FILE *f, const struct graph *g)
{
    double squares = 0;
    int layers = 0;
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->step >= 0 && g->node[i]->error > 0) {
            squares += g->node[i]->error * g->node[i]->error;
            layers++;
        }
    if (layers)
        fprintf(f, "\nrounding       Winograd in %d layer%s: %.1e of the results' range by estimate (--report=errors measures each layer)",
                layers, layers > 1 ? "s" : "", sqrt(squares));
}

static void print_totals(FILE *f, const struct report *r)
{
    const struct graph *g = r->g;
    char a[32], b[32];
    int samples;
    const int loop_steps = graph_loop_steps(g, &samples);
    fprintf(f, "parameters     %s", thousands(r->parameters, a));
    if (r->dense_parameters > 0)
        fprintf(f, "; dense layers hold %s (%s%%)", thousands(r->dense_parameters, a), percent(r->dense_parameters, r->parameters, b));
    if (r->unused_parameters > 0)
        fprintf(f, "; %s are in no layer listed here", thousands(r->unused_parameters, a));
    fprintf(f, "\nmultiply-adds  %s a run (%s)\n", thousands(r->macs, a), count_text(r->macs, b));
    fprintf(f, "weights        %s bytes as packed", thousands(g->weights_bytes, a));
    if (r->parameters > 0)
        fprintf(f, ", %.3f times the parameters", (double)g->weights_bytes / (4.0 * (double)r->parameters));
    if ((double)g->weights_bytes > 1.35 * 4.0 * (double)r->parameters)
        fprintf(f, r->o->target.block > 1 ? "; few channels take whole blocks of %d, literal kernels are no parameters" : "; literal kernels are no parameters", r->o->target.block);
    fputs(half_text(r->g, "; "), f);
    fprintf(f, "\nactivations    %s bytes as written, %s in the arena", thousands(r->activation_bytes, a), thousands(r->arena_bytes, b));
    if (g->scratch_bytes > 0)
        fprintf(f, " (with threads, each: %s more)", thousands(g->scratch_bytes, a));
    fprintf(f, "\n               no plan for this order of steps needs less than %s", thousands(r->arena_lower_bound, a));
    if (r->arena_lower_bound > 0)
        fprintf(f, " (the arena is %.1f%% above)", 100.0 * (double)(r->arena_bytes - r->arena_lower_bound) / (double)r->arena_lower_bound);
    fprintf(f, "\nstack          at most %s bytes", thousands(r->stack_bytes, a));
    fprintf(f, "\ncode           about %s: %d steps, %d specialised kernels", bytes_text(r->code_bytes, a), r->steps, r->instances);
    print_rounding(f, g);
    if (loop_steps)
        fprintf(f, "\nbatch          the first %d steps run for each of %d samples in turn, the others for all at once", loop_steps, samples);
    fprintf(f, "\ndepth          %d layers with weights, %d in all\n", r->weighted_depth, r->depth);
    print_kinds(f, r);
    if (r->reorders)
        fprintf(f, "conversions    %d of layout: %s\n", r->reorders, r->reorder_names);
    if (r->copies)
        fprintf(f, "copies         %d for concat: %s\n", r->copies, r->copy_names);
}

static void print_io(FILE *f, const struct report *r)
{
    char text[160];
    for (int k = 0; k < 2; k++) {
        struct tensor *const *list = k ? r->g->output : r->g->input;
        const int n = k ? r->g->outputs : r->g->inputs;
        for (int i = 0; i < n; i++)
            fprintf(f, "%s %s, %s[%s]\n", k ? "output        " : "input         ", list[i]->name, dtype_name(list[i]->dtype), shape_text(list[i], text));
    }
}

static void print_inner(FILE *f, const struct report *r)
{
    for (int i = 0; i < r->inners; i++) {
        fprintf(f, "\n%s\n\n", r->inner[i]->name);
        print_layers(f, r->inner[i]);
        print_inner(f, r->inner[i]);
    }
}

void report_text(FILE *f, const struct report *r)
{
    fprintf(f, "%s (%s)\n\n", r->g->name, r->source);
    print_layers(f, r);
    print_inner(f, r);
    fputc('\n', f);
    print_io(f, r);
    print_totals(f, r);
    if (r->training)
        training_text(f, r->training);
}
