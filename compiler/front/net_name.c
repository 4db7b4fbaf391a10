/* Names: variables and their scopes, the names of layers, errors and the way to them. */
#include <stdlib.h>
#include <string.h>

#include "net_eval.h"

struct wished {
    struct wished *next;
    const char *name;
    bool back;
    int again; /* suffix of the next layer that wishes this name */
};
enum { NAME_BUCKETS = 4096 };

static struct wished *entry(struct net *net, const char *name, bool *found)
{
    unsigned hash = 2166136261u;
    for (const char *p = name; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    if (!net->names)
        net->names = arena_alloc(net->arena, sizeof *net->names * NAME_BUCKETS);
    struct wished **e = &net->names[hash % NAME_BUCKETS];
    for (; *e; e = &(*e)->next)
        if (strcmp((*e)->name, name) == 0) {
            *found = !(*e)->back;
            (*e)->back = false;
            return *e;
        }
    *e = arena_alloc(net->arena, sizeof **e);
    (*e)->name = name;
    (*e)->again = 2;
    *found = false;
    return *e;
}

const char *layer_name(struct net *net, const char *label, const char *wish, bool takes_target)
{
    const char *base = label ? label : wish;
    if (!label && net->target && takes_target && !net->target_taken) {
        base = net->target;
        net->target_taken = true;
    } else if (!label && net->target) {
        base = arena_printf(net->arena, "%s.%s", net->target, wish);
    }
    const char *name = arena_printf(&net->g->arena, "%s%s", net->scope->prefix, base);
    bool found;
    struct wished *first = entry(net, name, &found);
    while (found) {
        name = arena_printf(&net->g->arena, "%s_%d", first->name, first->again++);
        entry(net, name, &found);
    }
    return name;
}

void layer_name_back(struct net *net, const char *name)
{
    bool found;
    entry(net, name, &found)->back = true;
}

struct variable *find(struct scope *scope, const char *name)
{
    for (struct variable *v = scope->variables; v; v = v->next)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

struct variable *lookup(struct net *net, const char *name)
{
    for (struct scope *s = net->scope; s; s = s->outer) {
        struct variable *v = find(s, name);
        if (v) {
            v->used = true;
            return v;
        }
    }
    return NULL;
}

struct variable *define(struct net *net, const char *name, struct span span, struct value value, const struct ast *by)
{
    struct variable *v = find(net->scope, name);
    if (v && v->by != by && (v->constant || by->kind == AST_CONST || by->kind == AST_INPUT)) {
        net_error(net, span, "'%s' has a meaning already%s", name, v->constant ? ": it is a constant" : "");
        diag_note(net->d, v->span, "'%s' is defined here", name);
        return v;
    }
    if (!v) {
        v = arena_alloc(net->arena, sizeof *v);
        v->name = name;
        v->next = net->scope->variables;
        net->scope->variables = v;
    }
    v->span = span;
    v->value = value;
    v->constant = by->kind == AST_CONST;
    v->by = by;
    v->used = false;
    return v;
}

/* A block may have the name of a layer, and then means the layer when it says that name itself. */
struct ast *find_block(struct net *net, const char *name)
{
    if (net->scope && net->scope->name && strcmp(net->scope->name, name) == 0 && op_by_net(name))
        return NULL;
    for (int i = 0; i < net->nblocks; i++)
        if (strcmp(net->blocks[i]->name, name) == 0)
            return net->blocks[i];
    return NULL;
}

const char *near_name(struct net *net, const char *word, bool variables)
{
    const char **names = NULL;
    int n = 0;
    for (const struct scope *s = net->scope; s && variables; s = s->outer)
        for (const struct variable *v = s->variables; v; v = v->next)
            VEC_PUSH(names, n, v->name);
    for (int i = 0; i < net->nblocks; i++)
        VEC_PUSH(names, n, net->blocks[i]->name);
    for (int i = 0; i < op_count && !variables; i++) {
        if (op_table[i]->net)
            VEC_PUSH(names, n, op_table[i]->net);
        for (const char *p = op_table[i]->net_aliases; p && *p;) {
            size_t k = strcspn(p, "|");
            VEC_PUSH(names, n, arena_strndup(net->arena, p, k));
            p += k + (p[k] == '|');
        }
    }
    const char *text = did_you_mean(net, word, names, n);
    free(names);
    return text;
}

const char *did_you_mean(struct net *net, const char *word, const char *const *candidates, int n)
{
    const char *near = nearest_name(word, candidates, (size_t)n);
    return near ? arena_printf(net->arena, "; did you mean '%s'?", near) : "";
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

bool net_reported(struct net *net, struct span where)
{
    for (int i = 0; i < net->nreported; i++)
        if (net->reported[i].first == where.first && net->reported[i].last == where.last)
            return true;
    return false;
}

void net_trace(struct net *net, struct span where)
{
    VEC_PUSH(net->reported, net->nreported, where);
    int shown = 0;
    size_t before = SIZE_MAX;
    for (const struct scope *s = net->scope; s && s->caller && shown < 4; s = s->caller) {
        if (s->call.first != before) { /* a block that calls itself is said once */
            diag_note(net->d, s->call, "in this call of %s", s->name);
            shown++;
        }
        before = s->call.first;
    }
    if (diag_full(net->d))
        net->stopped = true;
}

void net_error(struct net *net, struct span where, const char *format, ...)
{
    if (net_reported(net, where) || net->stopped) {
        net->d->silent = true; /* notes that the caller may add belong to nothing */
        return;
    }
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    diag_error(net->d, where, "%s", text);
    net_trace(net, where);
}
