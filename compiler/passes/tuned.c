#include "tuned.h"
#include "../halves.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../pass.h"

struct entry {
    const char *machine, *layer, *kernel;
    double us;
};

struct tuned {
    const char *machine;
    struct entry *entry;
    int entries;
    struct arena arena;
};

struct tuned *tuned_new(const char *machine)
{
    struct tuned *t = xcalloc(1, sizeof *t);
    t->machine = arena_strdup(&t->arena, machine);
    return t;
}

void tuned_free(struct tuned *t)
{
    if (!t)
        return;
    free(t->entry);
    arena_free(&t->arena);
    free(t);
}

/* ---- the layer as text -------------------------------------------------------------------------------------------- */

static void add_shape(struct strbuf *b, const struct tensor *t)
{
    char text[160];
    if (!t)
        sb_add(b, " -");
    else
        sb_addf(b, " %s%s", tensor_is_const(t) || (t->def && t->def->folded) ? "*" : "", t->rank ? shape_text(t, text) : "scalar");
}

static void add_attrs(struct strbuf *b, const struct node *n)
{
    for (int i = 0; i < n->op->nattrs; i++) {
        const struct attr *a = n->attr ? &n->attr[i] : NULL;
        const struct attr_def *d = &n->op->attrs[i];
        if (!a || !a->set || !d->onnx || (d->flags & AT_NET))
            continue;
        if (d->type == A_STRING && d->text && a->s && strncmp(a->s, d->text, strcspn(d->text, ":")) == 0)
            continue; /* the default */
        sb_addf(b, "; %s", d->onnx);
        if (d->type == A_STRING)
            sb_addf(b, " %s", a->s ? a->s : "");
        else if (d->type == A_FLOAT)
            sb_addf(b, " %.6g", a->f);
        else if (d->type == A_INT || d->type == A_BOOL)
            sb_addf(b, " %lld", (long long)a->i);
        for (int k = 0; k < a->n && a->ints; k++)
            sb_addf(b, " %lld", (long long)a->ints[k]);
    }
}

const char *tuned_layer(struct arena *a, const struct node *n)
{
    struct strbuf b = {0};
    const struct tensor *x = n->nin && n->in[0] ? n->in[0] : n->out[0];
    sb_addf(&b, "%s %s", n->op->onnx, dtype_name(x->dtype));
    for (int i = 0; i < n->nin; i++)
        add_shape(&b, n->in[i]);
    sb_add(&b, " ->");
    add_shape(&b, n->out[0]);
    add_attrs(&b, n);
    for (int i = 0; i < n->stages; i++)
        sb_addf(&b, "%s %d", i ? "" : "; stages", (int)n->stage[i].op);
    for (const struct node *p = n->pool; p; p = p->pool) {
        sb_addf(&b, "; %s", p->op->onnx);
        add_attrs(&b, p);
        for (int i = 0; i < p->stages; i++)
            sb_addf(&b, "%s %d", i ? "" : "; stages", (int)p->stage[i].op);
    }
    if (n->half)
        sb_addf(&b, "; weights %s", weights_type_name(n->half));
    const char *r = arena_strdup(a, b.s);
    sb_free(&b);
    return r;
}

const char *tuned_kernel(struct arena *a, const struct node *n, const struct kernel *k)
{
    const char *name = kernel_name(a, n, k);
    bool several = false;
    for (int i = 0; k->name && i < n->op->nkernels; i++) {
        const struct kernel *other = &n->op->kernels[i];
        several |= other != k && other->name && strcmp(other->name, k->name) == 0 &&
                   (other->in_layout != k->in_layout || other->out_layout != k->out_layout);
    }
    return several ? arena_printf(a, "%s, %s to %s", name, k->in_layout == LAYOUT_BLOCKED ? "blocks" : "plain",
                                  k->out_layout == LAYOUT_BLOCKED ? "blocks" : "plain")
                   : name;
}

/* ---- times -------------------------------------------------------------------------------------------------------- */

static struct entry *find(const struct tuned *t, const char *machine, const char *layer, const char *kernel)
{
    for (int i = 0; i < t->entries; i++)
        if (strcmp(t->entry[i].layer, layer) == 0 && strcmp(t->entry[i].kernel, kernel) == 0 && strcmp(t->entry[i].machine, machine) == 0)
            return &t->entry[i];
    return NULL;
}

double tuned_seconds(const struct tuned *t, const char *layer, const char *kernel)
{
    const struct entry *e = find(t, t->machine, layer, kernel);
    return e ? e->us * 1e-6 : -1;
}

static void set(struct tuned *t, const char *machine, const char *layer, const char *kernel, double us)
{
    struct entry *e = find(t, machine, layer, kernel);
    if (e) {
        e->us = us;
        return;
    }
    const struct entry add = {arena_strdup(&t->arena, machine), arena_strdup(&t->arena, layer), arena_strdup(&t->arena, kernel), us};
    VEC_PUSH(t->entry, t->entries, add);
}

void tuned_set(struct tuned *t, const char *layer, const char *kernel, double seconds) { set(t, t->machine, layer, kernel, seconds * 1e6); }

/* ---- the file ----------------------------------------------------------------------------------------------------- */

/* "LAYER | KERNEL | MICROSECONDS", in place. */
static bool parse_line(char *line, const char **kernel, double *us)
{
    char *end, *bar[2] = {NULL, NULL};
    for (char *p = line; (p = strstr(p, " | ")); p += 3)
        bar[0] = bar[1], bar[1] = p;
    if (!bar[0] || bar[0] == line)
        return false;
    *bar[0] = *bar[1] = '\0';
    *kernel = bar[0] + 3;
    *us = strtod(bar[1] + 3, &end);
    return end != bar[1] + 3 && end[strspn(end, " \t\r")] == '\0' && *us >= 0;
}

bool tuned_read(struct tuned *t, const char *path, struct diag *d)
{
    char *text = read_file(path, NULL), *machine = NULL;
    if (!text) {
        if (errno != ENOENT)
            diag_error_at(d, path, "%s", strerror(errno));
        return errno == ENOENT;
    }
    bool ok = true;
    int number = 1;
    for (char *line = text, *next; line && ok; line = next, number++) {
        const char *kernel;
        double us;
        if ((next = strchr(line, '\n')))
            *next++ = '\0';
        const size_t n = strlen(line);
        if (*line == '#' || line[strspn(line, " \t\r")] == '\0')
            continue;
        if (*line == '[' && line[n - 1] == ']') {
            machine = arena_strndup(&t->arena, line + 1, n - 2);
        } else if (machine && parse_line(line, &kernel, &us)) {
            set(t, machine, line, kernel, us);
        } else {
            char *where = xasprintf("%s:%d", path, number);
            diag_error_at(d, where, machine ? "expected LAYER | KERNEL | MICROSECONDS" : "expected [PROCESSOR; COMPILER] before the first layer");
            free(where);
            ok = false;
        }
    }
    free(text);
    return ok;
}

static int by_text(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = strcmp(x->machine, y->machine);
    c = c ? c : strcmp(x->layer, y->layer);
    return c ? c : strcmp(x->kernel, y->kernel);
}

bool tuned_write(const struct tuned *t, const char *path, struct diag *d)
{
    struct outfile o;
    if (!out_open(&o, path)) {
        diag_error_at(d, path, "%s", strerror(errno));
        return false;
    }
    if (t->entries)
        qsort(t->entry, (size_t)t->entries, sizeof *t->entry, by_text);
    fputs("# Times of kernels, measured by cnnc --tune: layer | kernel | microseconds of one thread\n", o.f);
    for (int i = 0; i < t->entries; i++) {
        const struct entry *e = &t->entry[i];
        if (i == 0 || strcmp(e->machine, e[-1].machine) != 0)
            fprintf(o.f, "\n[%s]\n", e->machine);
        fprintf(o.f, "%s | %s | %.6g\n", e->layer, e->kernel, e->us);
    }
    if (out_close(&o))
        return true;
    diag_error_at(d, path, "%s", strerror(errno));
    return false;
}
