/* The train section of a .net: `loss = cross_entropy(fc3)`, `optimizer = sgd(lr=0.1, momentum=0.9)`, `batch = 64` ...
 * Options of the command line are settings too, of a section of their own that comes after. */
#include <math.h>
#include <string.h>

#include "front.h"
#include "net_eval.h"

struct reader {
    struct graph *g;
    struct train *t;
    const char *name; /* of the setting that is read, or of its argument: what errors begin with */
};

static bool error(struct reader *r, const struct ast *a, const char *what)
{
    diag_error(r->g->diag, a->span, "%s: %s", r->name, what);
    return false;
}

static const char *near_text(const struct reader *r, const char *word, const char *const *names, size_t n)
{
    const char *near = nearest_name(word, names, n);
    return near ? arena_printf(&r->g->arena, "; did you mean '%s'?", near) : "";
}

/* "a, b or c" */
static const char *alternatives(const struct reader *r, const char *const *names, size_t n)
{
    const char *list = "";
    for (size_t i = 0; i < n; i++)
        list = arena_printf(&r->g->arena, "%s%s%s", list, i == 0 ? "" : i + 1 < n ? ", " : " or ", names[i]);
    return list;
}

/* ---- constants of the network ----------------------------------------------------------------------------------- */

static struct ast *literal(struct net *net, const struct value *v, struct span span)
{
    struct ast *a = arena_alloc(net->arena, sizeof *a), **next = &a->list;
    memset(a, 0, sizeof *a);
    a->span = span;
    switch (v->kind) {
    case V_INT: a->kind = AST_INT, a->integer = v->i; break;
    case V_BOOL: a->kind = AST_BOOL, a->integer = v->i; break;
    case V_FLOAT: a->kind = AST_FLOAT, a->number = v->f; break;
    case V_STRING: a->kind = AST_STRING, a->name = v->s; break;
    default: a->kind = AST_LIST, a->n = v->n;
    }
    for (int i = 0; v->kind == V_LIST && i < v->n; i++) {
        *next = literal(net, &v->item[i], span);
        next = &(*next)->next;
    }
    return a;
}

void train_constants(struct net *net, struct ast *a)
{
    for (; a; a = a->next) {
        struct variable *v = a->kind == AST_NAME ? lookup(net, a->name) : NULL;
        if (v && v->value.kind != V_ERROR && v->value.kind != V_FUNCTION && !value_has_tensor(&v->value)) {
            struct ast *next = a->next;
            *a = *literal(net, &v->value, a->span);
            a->next = next;
        }
        train_constants(net, a->a);
        train_constants(net, a->b);
        train_constants(net, a->c);
        train_constants(net, a->kind == AST_ASSIGN ? NULL : a->list);
    }
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static bool number(struct reader *r, const struct ast *a, double *v)
{
    double x, y;
    switch (a->kind) {
    case AST_INT: *v = (double)a->integer; return true;
    case AST_FLOAT: *v = a->number; return true;
    case AST_UNARY:
        if (a->op == OP_NEG && number(r, a->a, v)) {
            *v = -*v;
            return true;
        }
        return false;
    case AST_BINARY:
        if (!number(r, a->a, &x) || !number(r, a->b, &y))
            return false;
        switch (a->op) {
        case OP_ADD: *v = x + y; return true;
        case OP_SUB: *v = x - y; return true;
        case OP_MUL: *v = x * y; return true;
        case OP_DIV: *v = x / y; return true;
        case OP_IDIV: *v = floor(x / y); return true;
        case OP_POW: *v = pow(x, y); return true;
        default: return error(r, a, "settings know + - * / // ** only");
        }
    default:
        diag_error(r->g->diag, a->span, "%s is %s, expected a number", r->name,
                   a->kind == AST_STRING || a->kind == AST_NAME ? arena_printf(&r->g->arena, "'%s'", a->name)
                   : a->kind == AST_BOOL                        ? (a->integer ? "true" : "false")
                                                                : "something else");
        return false;
    }
}

static bool number_between(struct reader *r, const struct ast *a, double low, double high, double *v)
{
    if (!number(r, a, v))
        return false;
    if (!(*v >= low && *v <= high)) {
        diag_error(r->g->diag, a->span, "%s is %g, expected %g to %g", r->name, *v, low, high);
        return false;
    }
    return true;
}

static bool flag(struct reader *r, const struct ast *a, bool *to)
{
    if (a->kind != AST_BOOL)
        return error(r, a, "expected true or false");
    *to = a->integer;
    return true;
}

/* One of the words; its place among them, or -1 and an error that lists them. */
static int word(struct reader *r, const struct ast *a, const char *const *words, size_t n)
{
    const char *name = a->kind == AST_CALL || a->kind == AST_NAME || a->kind == AST_STRING ? a->name : NULL;
    for (size_t i = 0; name && i < n; i++)
        if (strcmp(name, words[i]) == 0)
            return (int)i;
    if (name)
        diag_error(r->g->diag, a->span, "%s is '%s', expected %s%s", r->name, name, alternatives(r, words, n), near_text(r, name, words, n));
    else
        diag_error(r->g->diag, a->span, "%s: expected %s", r->name, alternatives(r, words, n));
    return -1;
}

static const struct ast *arguments(const struct ast *a) { return a->kind == AST_CALL ? a->list : NULL; }

/* Named numbers or flags of a call; `first` is the name of one without. */
struct named {
    const char *name;
    double *to, low, high;
    bool *flag;
};
static bool set_named(struct reader *r, const char *of, const struct ast *arg, const char *first, const struct named *known, size_t n)
{
    const char *name = arg->name ? arg->name : first, *names[16];
    for (size_t i = 0; i < n; i++) {
        names[i] = known[i].name;
        if (strcmp(names[i], name) == 0) {
            r->name = name;
            return known[i].flag ? flag(r, arg->a, known[i].flag) : number_between(r, arg->a, known[i].low, known[i].high, known[i].to);
        }
    }
    diag_error(r->g->diag, arg->span, "%s: there is no argument '%s', expected %s%s", of, name, alternatives(r, names, n),
               near_text(r, name, names, n));
    return false;
}

/* ---- settings --------------------------------------------------------------------------------------------------- */

static bool add_losses(struct reader *r, const struct ast *a, double weight)
{
    double w;
    if (a->kind == AST_BINARY && a->op == OP_ADD)
        return add_losses(r, a->a, weight) && add_losses(r, a->b, weight);
    if (a->kind == AST_BINARY && a->op == OP_MUL)
        return a->a->kind == AST_CALL ? number(r, a->b, &w) && add_losses(r, a->a, w * weight)
                                      : number(r, a->a, &w) && add_losses(r, a->b, w * weight);
    if (a->kind != AST_CALL && a->kind != AST_NAME)
        return error(r, a, "expected a loss, as in cross_entropy(fc3)");
    static const char *const kinds[] = {"cross_entropy", "mse", "bce"};
    const int kind = word(r, a, kinds, COUNT(kinds));
    if (kind < 0)
        return false;
    if (r->t->losses == MAX_LOSSES)
        return error(r, a, "too many losses");
    struct train_loss *l = &r->t->loss[r->t->losses++];
    *l = (struct train_loss){.kind = kinds[kind], .weight = weight, .smoothing = -1, .span = a->span};
    for (const struct ast *arg = arguments(a); arg; arg = arg->next) {
        if (arg->name && strcmp(arg->name, "smoothing") == 0) {
            if (kind != 0)
                return error(r, arg, "only cross_entropy has classes to smooth");
            if (!number_between(r, arg->a, 0, 1, &l->smoothing))
                return false;
        } else if (!arg->name && arg->a->kind == AST_NAME && !l->tensor) {
            l->tensor = arg->a->name;
        } else {
            return error(r, arg, "expected the name of a tensor, or smoothing=NUMBER");
        }
    }
    return true;
}

static bool set_loss(struct reader *r, const struct ast *a)
{
    r->t->losses = 0;
    return add_losses(r, a, 1);
}

static bool set_optimizer(struct reader *r, const struct ast *a)
{
    static const char *const kinds[] = {"sgd", "adam", "adamw", "rmsprop"};
    struct train *t = r->t;
    const int kind = word(r, a, kinds, COUNT(kinds));
    if (kind < 0)
        return false;
    t->nesterov = false;
    t->decay_all = true;
    t->optimizer = kinds[kind];
    t->rate = kind == 0 || kind == 3 ? 0.01 : 1e-3;
    t->momentum = 0;
    t->decay = kind == 2 ? 0.01 : 0;
    struct named known[9] = {{"lr", &t->rate, 0, 1e6, NULL}, {"weight_decay", &t->decay, 0, 1e6, NULL}, {"decay_all", NULL, 0, 0, &t->decay_all}};
    int n = 3;
    if (kind == 0 || kind == 3)
        known[n++] = (struct named){"momentum", &t->momentum, 0, 1, NULL};
    if (kind == 0)
        known[n++] = (struct named){"nesterov", NULL, 0, 0, &t->nesterov};
    if (kind == 1 || kind == 2) {
        known[n++] = (struct named){"beta1", &t->beta1, 0, 1, NULL};
        known[n++] = (struct named){"beta2", &t->beta2, 0, 1, NULL};
    }
    if (kind == 3)
        known[n++] = (struct named){"alpha", &t->alpha, 0, 1, NULL};
    if (kind != 0)
        known[n++] = (struct named){"eps", &t->epsilon, 0, 1, NULL};
    for (const struct ast *arg = arguments(a); arg; arg = arg->next)
        set_named(r, kinds[kind], arg, "lr", known, (size_t)n);
    return true;
}

static bool set_schedule(struct reader *r, const struct ast *a)
{
    static const char *const kinds[] = {"constant", "step", "cosine"};
    struct schedule *s = &r->t->schedule;
    *s = (struct schedule){.kind = "constant", .factor = 0.1};
    const int kind = word(r, a, kinds, COUNT(kinds));
    if (kind < 0)
        return false;
    s->kind = kinds[kind];
    const struct named known[] = {{"warmup", &s->warmup, 0, 1e6, NULL}, {"factor", &s->factor, 0, 1e6, NULL}, {"every", &s->every, 0, 1e6, NULL},
                                  {"to", &s->to, 0, 1e6, NULL}};
    for (const struct ast *arg = arguments(a); arg; arg = arg->next) {
        if (kind != 1 || !arg->name || strcmp(arg->name, "at") != 0) {
            if (!set_named(r, kinds[kind], arg, kind == 1 ? "every" : kind == 2 ? "to" : "warmup", known, COUNT(known)))
                return false;
            continue;
        }
        const struct ast *item = arg->a->kind == AST_LIST ? arg->a->list : arg->a;
        for (; item; item = item->next, s->n++)
            if (s->n == COUNT(s->at))
                return error(r, item, "too many epochs");
            else if (!number_between(r, item, 0, 1e6, &s->at[s->n]))
                return false;
            else if (arg->a->kind != AST_LIST)
                return s->n++, true;
    }
    if (kind == 1 && s->n == 0 && s->every == 0)
        return error(r, a, "when? As in step(every=30, factor=0.1) or step(at=[82, 123], factor=0.1)");
    return true;
}

static bool set_whole(struct reader *r, const struct ast *a, int *to)
{
    double v;
    if (!number_between(r, a, 1, 1e6, &v))
        return false;
    if (v != floor(v)) {
        diag_error(r->g->diag, a->span, "%s is %g, expected a whole number", r->name, v);
        return false;
    }
    *to = (int)v;
    return true;
}
static bool set_batch(struct reader *r, const struct ast *a) { return set_whole(r, a, &r->t->batch); }
static bool set_epochs(struct reader *r, const struct ast *a) { return set_whole(r, a, &r->t->epochs); }
static bool set_accumulate(struct reader *r, const struct ast *a) { return set_whole(r, a, &r->t->accumulate); }
static bool set_lr(struct reader *r, const struct ast *a) { return number_between(r, a, 0, 1e6, &r->t->rate); }
static bool set_momentum(struct reader *r, const struct ast *a) { return number_between(r, a, 0, 1, &r->t->momentum); }
static bool set_decay(struct reader *r, const struct ast *a) { return number_between(r, a, 0, 1e6, &r->t->decay); }
static bool set_smoothing(struct reader *r, const struct ast *a) { return number_between(r, a, 0, 1, &r->t->smoothing); }
static bool set_clip(struct reader *r, const struct ast *a) { return number_between(r, a, 0, 1e30, &r->t->clip); }
static bool set_dropout(struct reader *r, const struct ast *a) { return number_between(r, a, 0, 0.999, &r->t->dropout); }
static bool set_freeze(struct reader *r, const struct ast *a)
{
    for (const struct ast *item = a->kind == AST_LIST ? a->list : a; item; item = a->kind == AST_LIST ? item->next : NULL) {
        if (item->kind != AST_STRING && item->kind != AST_NAME)
            return error(r, item, "expected the name of a layer, as in freeze = [\"conv*\"] or freeze = \"UNTIL=pool5\"");
        if (r->t->freezes == (int)COUNT(r->t->freeze))
            return error(r, item, "too many patterns");
        r->t->freeze[r->t->freezes++] = item->name;
    }
    return true;
}
static bool set_recompute(struct reader *r, const struct ast *a) { return flag(r, a, &r->t->recompute); }
static bool set_augment(struct reader *r, const struct ast *a) { return read_augment(r->g, a, &r->t->augment); }

static const struct {
    const char *name;
    bool (*set)(struct reader *r, const struct ast *a);
} settings[] = {
    {"loss", set_loss}, {"optimizer", set_optimizer}, {"lr", set_lr}, {"momentum", set_momentum}, {"weight_decay", set_decay},
    {"schedule", set_schedule}, {"smoothing", set_smoothing}, {"clip", set_clip}, {"accumulate", set_accumulate},
    {"dropout", set_dropout}, {"freeze", set_freeze}, {"recompute", set_recompute}, {"batch", set_batch}, {"epochs", set_epochs}, {"augment", set_augment},
};

static bool read_settings(struct reader *r, const struct ast *body)
{
    const int errors = r->g->diag->errors;
    for (const struct ast *s = body ? body->list : NULL; s; s = s->next) {
        if (s->kind != AST_ASSIGN || s->n != 1)
            continue; /* no setting, as has been said */
        const char *names[COUNT(settings)], *name = s->list->name;
        size_t i = 0;
        for (; i < COUNT(settings) && strcmp(settings[i].name, name) != 0; i++)
            names[i] = settings[i].name;
        r->name = name;
        if (i < COUNT(settings))
            settings[i].set(r, s->a);
        else
            diag_error(r->g->diag, s->list->span, "there is no setting '%s'%s", name, near_text(r, name, names, COUNT(names)));
    }
    return r->g->diag->errors == errors;
}

/* Settings of the command line, "lr = 0.1" each, as the text of a section. */
static struct ast *parse_options(struct graph *g, const char *const *text, int n)
{
    struct strbuf all = {0};
    for (int i = 0; i < n; i++)
        sb_addf(&all, i ? "\n  %s" : "train {\n  %s", text[i]);
    sb_add(&all, "\n}\n");
    struct source *source = arena_alloc(&g->arena, sizeof *source);
    *source = (struct source){"command line", arena_strdup(&g->arena, all.s), all.n};
    sb_free(&all);
    const int errors = g->diag->errors;
    const struct ast *body = net_parse(g->diag, source, &g->arena);
    if (g->diag->errors > errors || !body || !body->list || body->list->kind != AST_TRAIN)
        return NULL;
    for (const struct ast *s = body->list->b->list; s; s = s->next)
        if (s->kind != AST_ASSIGN || s->n != 1) {
            diag_error(g->diag, s->span, "expected NAME=VALUE");
            return NULL;
        }
    return body->list->b;
}

bool read_train_section(struct graph *g, const struct options *o, struct train *t)
{
    struct reader r = {g, t, ""};
    const struct ast *given = NULL;
    t->losses = t->freezes = 0;
    if (o && o->nsettings && !(given = parse_options(g, o->settings, o->nsettings)))
        return false;
    if (!read_settings(&r, g->train) || !read_settings(&r, given))
        return false;
    if (t->nesterov && t->momentum == 0) {
        diag_error_at(g->diag, o ? o->input : g->source, "optimizer: nesterov=true, but momentum is 0, expected a momentum above 0");
        return false;
    }
    if (t->losses == 0)
        t->loss[t->losses++] = (struct train_loss){.kind = "cross_entropy", .weight = 1, .smoothing = -1};
    return true;
}
