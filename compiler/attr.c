/* Attributes of nodes: setting them, and reading them with the default that their definition gives. */
#include "ir.h"

#include <stdlib.h>
#include <string.h>

#include "op.h"

static const struct attr_def *attr_def(const struct node *n, const char *name, int *at)
{
    for (int i = 0; i < n->op->nattrs; i++) {
        const struct attr_def *d = &n->op->attrs[i];
        if ((d->onnx && strcmp(d->onnx, name) == 0) || (!d->onnx && d->net && strcmp(d->net, name) == 0)) {
            *at = i;
            return d;
        }
    }
    fprintf(stderr, "cnnc: internal error: operator %s has no attribute %s\n", n->op->onnx, name);
    abort();
}

struct attr *attr_get(const struct node *n, const char *name)
{
    int i;
    attr_def(n, name, &i);
    return &n->attr[i];
}

bool attr_set(const struct node *n, const char *name) { return attr_get(n, name)->set; }

int64_t attr_i(const struct node *n, const char *name)
{
    int i;
    const struct attr_def *d = attr_def(n, name, &i);
    return n->attr[i].set ? n->attr[i].i : (int64_t)d->value;
}

double attr_f(const struct node *n, const char *name)
{
    int i;
    const struct attr_def *d = attr_def(n, name, &i);
    return n->attr[i].set ? n->attr[i].f : d->value;
}

/* The default stands before the colon, when there is one: "NOTSET:NOTSET|SAME_UPPER". */
static const char *default_text(struct graph *g, const struct attr_def *d)
{
    (void)g;
    static _Thread_local char text[64];
    if (!d->text)
        return "";
    snprintf(text, sizeof text, "%.*s", (int)strcspn(d->text, ":"), d->text);
    return text;
}

const char *attr_s(const struct node *n, const char *name)
{
    int i;
    const struct attr_def *d = attr_def(n, name, &i);
    return n->attr[i].set && n->attr[i].s ? n->attr[i].s : default_text(NULL, d);
}

int64_t attr_at(const struct node *n, const char *name, int i, int64_t otherwise)
{
    const struct attr *a = attr_get(n, name);
    return a->set && i < a->n ? a->ints[i] : otherwise;
}

void set_attr_i(struct graph *g, struct node *n, const char *name, int64_t v)
{
    (void)g;
    struct attr *a = attr_get(n, name);
    a->set = true;
    a->i = v;
}

void set_attr_f(struct graph *g, struct node *n, const char *name, double v)
{
    (void)g;
    struct attr *a = attr_get(n, name);
    a->set = true;
    a->f = v;
}

void set_attr_s(struct graph *g, struct node *n, const char *name, const char *v)
{
    struct attr *a = attr_get(n, name);
    a->set = true;
    a->s = arena_strdup(&g->arena, v);
}

void set_attr_ints(struct graph *g, struct node *n, const char *name, int count, const int64_t *v)
{
    struct attr *a = attr_get(n, name);
    a->set = true;
    a->n = count;
    a->ints = arena_alloc(&g->arena, sizeof *v * (size_t)MAX(count, 1));
    if (count)
        memcpy(a->ints, v, sizeof *v * (size_t)count);
}

void copy_attrs(struct graph *g, struct node *to, const struct node *from)
{
    (void)g; /* attribute values are never changed in place, so both may point at them */
    memcpy(to->attr, from->attr, sizeof *to->attr * (size_t)to->op->nattrs);
}
