/* Networks side by side: their totals, their kinds of layers, and their layers, like beside like. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

static void totals(FILE *f, struct report *const *list, int n)
{
    struct column *columns = xcalloc((size_t)n + 2, sizeof *columns);
    struct table t = {.column = columns, .columns = n + 1 + (n == 2)};
    columns[0].title = "";
    columns[n + 1] = (struct column){"ratio", CELL_RIGHT | CELL_OPTIONAL, 1};
    for (int i = 0; i < n; i++)
        columns[i + 1] = (struct column){list[i]->g->name, CELL_RIGHT, 0};
    static const char *const rows[] = {"parameters", "  in dense layers", "  in dense layers, %", "multiply-adds", "weights, bytes", "arena, bytes",
                                       "  lower bound", "activations, bytes", "code, about bytes", "layers", "depth", "depth with weights"};
    char a[32];
    for (size_t k = 0; k < COUNT(rows); k++) {
        int64_t v[2] = {0, 0};
        table_cell(&t, "%s", rows[k]);
        for (int i = 0; i < n; i++) {
            const struct report *r = list[i];
            const int64_t value[] = {r->parameters, r->dense_parameters, 0, r->macs, r->g->weights_bytes, r->arena_bytes, r->arena_lower_bound,
                                     r->activation_bytes, r->code_bytes, r->layers - r->inputs, r->depth, r->weighted_depth};
            if (k == 2) {
                const char *p = percent(r->dense_parameters, r->parameters, a);
                table_cell(&t, "%s", *p ? p : "0.0");
            } else {
                table_cell(&t, "%s", thousands(value[k], a));
                v[i & 1] = value[k];
            }
        }
        if (n == 2 && v[0] > 0)
            table_cell(&t, "%.2f", (double)v[1] / (double)v[0]);
        else if (n == 2)
            table_cell(&t, "%s", "");
    }
    table_print(&t, f);
    table_free(&t);
    free(columns);
}

static void kinds(FILE *f, struct report *const *list, int n)
{
    struct column *columns = xcalloc((size_t)(3 * n) + 1, sizeof *columns);
    struct table t = {.column = columns, .columns = 3 * n + 1};
    const char **type = NULL;
    int count = 0;
    columns[0].title = "kind";
    for (int i = 0; i < n; i++) {
        columns[3 * i + 1] = (struct column){list[i]->g->name, CELL_RIGHT, 0};
        columns[3 * i + 2] = (struct column){"parameters", CELL_RIGHT | CELL_OPTIONAL, 2};
        columns[3 * i + 3] = (struct column){"multiply-adds", CELL_RIGHT | CELL_OPTIONAL, 1};
        for (int k = 0; k < list[i]->kinds; k++) {
            bool known = false;
            for (int j = 0; j < count; j++)
                known |= strcmp(type[j], list[i]->kind[k].type) == 0;
            if (!known)
                VEC_PUSH(type, count, list[i]->kind[k].type);
        }
    }
    char a[32];
    for (int j = 0; j < count; j++) {
        table_cell(&t, "%s", type[j]);
        for (int i = 0; i < n; i++) {
            const struct kind *found = NULL;
            for (int k = 0; k < list[i]->kinds; k++)
                if (strcmp(list[i]->kind[k].type, type[j]) == 0)
                    found = &list[i]->kind[k];
            table_cell(&t, "%s", found ? thousands(found->count, a) : "");
            table_cell(&t, "%s", found && found->parameters ? thousands(found->parameters, a) : "");
            table_cell(&t, "%s", found && found->macs ? thousands(found->macs, a) : "");
        }
    }
    table_print(&t, f);
    table_free(&t);
    free(type);
    free(columns);
}

/* How well two layers match: the same operator at least; better with the same output, window, name. */
static int likeness(const struct layer *a, const struct layer *b)
{
    if (a->op != b->op)
        return 0;
    return 4 + 2 * (a->rank == b->rank && memcmp(a->dim, b->dim, sizeof *a->dim * (size_t)a->rank) == 0) +
           (strcmp(a->kernel_size, b->kernel_size) == 0) + (strcmp(a->name, b->name) == 0);
}

static void side(struct table *t, const struct layer *l)
{
    char a[160], b[32];
    table_cell(t, "%s", l ? l->name : "");
    table_cell(t, "%s", l ? l->type : "");
    table_cell(t, "%s", l ? layer_shape(l, a) : "");
    table_cell(t, "%s", l ? l->kernel_size : "");
    table_cell(t, "%s", l && l->parameters ? thousands(l->parameters, b) : "");
    table_cell(t, "%s", l && l->macs ? thousands(l->macs, b) : "");
}

/* The alignment with the greatest sum of likeness (Needleman and Wunsch 1970). */
static void align(FILE *f, const struct report *x, const struct report *y)
{
    static const struct column columns[] = {
        {"layer", CELL_SHRINK, 0}, {"type", CELL_SHRINK, 0}, {"output", 0, 0}, {"window", CELL_OPTIONAL, 2}, {"parameters", CELL_RIGHT, 0},
        {"multiply-adds", CELL_RIGHT | CELL_OPTIONAL, 1}, {"|", 0, 0}, {"layer", CELL_SHRINK, 0}, {"type", CELL_SHRINK, 0}, {"output", 0, 0},
        {"window", CELL_OPTIONAL, 4}, {"parameters", CELL_RIGHT, 0}, {"multiply-adds", CELL_RIGHT | CELL_OPTIONAL, 3}};
    struct table t = {.column = columns, .columns = COUNT(columns)};
    const int n = x->layers, m = y->layers;
    if ((int64_t)n * m > 10000000) /* nobody reads that */
        return;
    int *best = xcalloc((size_t)(n + 1) * (size_t)(m + 1), sizeof *best);
#define AT(i, j) best[(size_t)(i) * (size_t)(m + 1) + (size_t)(j)]
    for (int i = n - 1; i >= 0; i--)
        for (int j = m - 1; j >= 0; j--) {
            const int like = likeness(&x->layer[i], &y->layer[j]);
            AT(i, j) = MAX(AT(i + 1, j), AT(i, j + 1));
            if (like)
                AT(i, j) = MAX(AT(i, j), AT(i + 1, j + 1) + like);
        }
    for (int i = 0, j = 0; i < n || j < m;) {
        const int like = i < n && j < m ? likeness(&x->layer[i], &y->layer[j]) : 0;
        const bool pair = like && AT(i, j) == AT(i + 1, j + 1) + like;
        const bool left = pair || (i < n && (j == m || AT(i, j) == AT(i + 1, j)));
        const bool right = pair || !left;
        side(&t, left ? &x->layer[i] : NULL);
        table_cell(&t, "|");
        side(&t, right ? &y->layer[j] : NULL);
        i += left;
        j += right;
    }
#undef AT
    free(best);
    table_print(&t, f);
    table_free(&t);
}

void report_compare(FILE *f, struct report *const *list, int n)
{
    totals(f, list, n);
    fputc('\n', f);
    kinds(f, list, n);
    if (n == 2) {
        fputc('\n', f);
        align(f, list[0], list[1]);
    }
}
