/* The train section of a .net: `loss = cross_entropy(fc3)`, `optimizer = sgd(lr=0.1, momentum=0.9)`, `batch = 64` ... */
#include <string.h>

#include "ast.h"
#include "front.h"

struct reader {
    struct graph *g;
    struct train *t;
};

static bool error(struct reader *r, const struct ast *a, const char *what)
{
    diag_error(r->g->diag, a->span, "%s", what);
    return false;
}

static bool number(struct reader *r, const struct ast *a, double *v)
{
    double x, y;
    switch (a->kind) {
    case AST_INT:
    case AST_BOOL: *v = (double)a->integer; return true;
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
        *v = a->op == OP_ADD ? x + y : a->op == OP_SUB ? x - y : a->op == OP_MUL ? x * y : x / y;
        return a->op <= OP_DIV || error(r, a, "settings know + - * / only");
    default: return error(r, a, "expected a number");
    }
}

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
    const char *kind = NULL;
    for (size_t i = 0; i < COUNT(kinds); i++)
        kind = strcmp(a->name, kinds[i]) == 0 ? kinds[i] : kind;
    if (!kind)
        return error(r, a, "there is no such loss; expected cross_entropy, mse or bce");
    if (r->t->losses == MAX_LOSSES)
        return error(r, a, "too many losses");
    struct train_loss *l = &r->t->loss[r->t->losses++];
    *l = (struct train_loss){.kind = kind, .weight = weight, .span = a->span};
    for (const struct ast *arg = a->kind == AST_CALL ? a->list : NULL; arg; arg = arg->next) {
        if (arg->name && strcmp(arg->name, "smoothing") == 0) {
            if (!number(r, arg->a, &r->t->smoothing))
                return false;
        } else if (!arg->name && arg->a->kind == AST_NAME && !l->tensor) {
            l->tensor = arg->a->name;
        } else {
            return error(r, arg, "expected the name of a tensor, or smoothing=NUMBER");
        }
    }
    return true;
}

static bool read_optimizer(struct reader *r, const struct ast *a)
{
    static const char *const kinds[] = {"sgd", "adam", "adamw", "rmsprop"};
    struct train *t = r->t;
    if (a->kind != AST_CALL && a->kind != AST_NAME)
        return error(r, a, "expected an optimizer, as in sgd(lr=0.1)");
    t->optimizer = NULL;
    for (size_t i = 0; i < COUNT(kinds); i++)
        t->optimizer = strcmp(a->name, kinds[i]) == 0 ? kinds[i] : t->optimizer;
    if (!t->optimizer)
        return error(r, a, "there is no such optimizer; expected sgd, adam, adamw or rmsprop");
    t->rate = strcmp(t->optimizer, "sgd") == 0 ? 0.01 : 1e-3;
    for (const struct ast *arg = a->kind == AST_CALL ? a->list : NULL; arg; arg = arg->next) {
        struct {
            const char *name;
            double *to;
        } known[] = {{"lr", &t->rate},       {"momentum", &t->momentum}, {"weight_decay", &t->decay}, {"beta1", &t->beta1},
                     {"beta2", &t->beta2},   {"eps", &t->epsilon},       {"alpha", &t->alpha}};
        const char *name = arg->name ? arg->name : "lr";
        double v;
        bool done = false;
        if (!number(r, arg->a, &v))
            return false;
        for (size_t i = 0; i < COUNT(known); i++)
            if (strcmp(known[i].name, name) == 0) {
                *known[i].to = v;
                done = true;
            }
        if (strcmp(name, "nesterov") == 0)
            done = true, t->nesterov = v != 0;
        if (strcmp(name, "decay_all") == 0)
            done = true, t->decay_all = v != 0;
        if (!done)
            return error(r, arg, "expected lr, momentum, nesterov, weight_decay, decay_all, beta1, beta2, alpha or eps");
    }
    return true;
}

bool read_train_section(struct graph *g, struct train *t)
{
    struct reader r = {g, t};
    const struct ast *body = g->train;
    double v;
    t->losses = 0;
    for (const struct ast *s = body ? body->list : NULL; s; s = s->next) {
        const char *name = s->list->name;
        bool ok = true;
        if (strcmp(name, "loss") == 0) {
            ok = add_losses(&r, s->a, 1);
        } else if (strcmp(name, "optimizer") == 0) {
            ok = read_optimizer(&r, s->a);
        } else if (strcmp(name, "batch") == 0 || strcmp(name, "epochs") == 0) {
            ok = number(&r, s->a, &v) && ((v >= 1 && v < 1e6) || error(&r, s->a, "expected a number of at least 1"));
            if (ok)
                *(name[0] == 'b' ? &t->batch : &t->epochs) = (int)v;
        } else if (strcmp(name, "schedule") == 0) {
            t->schedule = s->a->kind == AST_NAME || s->a->kind == AST_CALL || s->a->kind == AST_STRING ? s->a->name : "constant";
        } else if (strcmp(name, "augment") != 0) {
            ok = error(&r, s, "expected loss, optimizer, schedule, augment, batch or epochs");
        }
        if (!ok)
            return false;
    }
    if (t->losses == 0)
        t->loss[t->losses++] = (struct train_loss){.kind = "cross_entropy", .weight = 1};
    return true;
}
