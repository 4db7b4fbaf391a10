#include "ast.h"

/* Too deep a tree is an error that is said once; the branch is cut off so that the limit holds all the same. */
static void deepen(struct net_parser *p, struct ast *t, struct ast **branch)
{
    if (*branch == NULL)
        return;
    if ((*branch)->depth >= AST_DEPTH_MAX) {
        if (!p->deep)
            diag_error(p->diag, t->span, "this is nested more than %d deep", AST_DEPTH_MAX);
        p->deep = true;
        *branch = ast_new(p, AST_BOOL, t->span);
    }
    if (t->depth <= (*branch)->depth)
        t->depth = (*branch)->depth + 1;
}

struct ast *ast_new(struct net_parser *p, enum ast_kind kind, struct span span)
{
    struct ast *t = arena_alloc(p->arena, sizeof *t);
    t->kind = kind;
    t->span = t->name_span = span;
    t->depth = 1;
    return t;
}

struct ast *ast_tree(struct net_parser *p, enum ast_kind kind, struct span span, struct ast *a, struct ast *b, struct ast *c)
{
    struct ast *t = ast_new(p, kind, span);
    t->a = a;
    t->b = b;
    t->c = c;
    deepen(p, t, &t->a);
    deepen(p, t, &t->b);
    deepen(p, t, &t->c);
    return t;
}

struct ast *ast_named(struct net_parser *p, enum ast_kind kind, struct span span, const struct ast *name, struct ast *a)
{
    struct ast *t = ast_tree(p, kind, span, a, NULL, NULL);
    t->name = name->name;
    t->name_span = name->span;
    return t;
}

struct ast *ast_operator(struct net_parser *p, enum ast_op op, struct span span, struct ast *a, struct ast *b)
{
    struct ast *t = ast_tree(p, b != NULL ? AST_BINARY : AST_UNARY, span, a, b, NULL);
    t->op = op;
    return t;
}

struct ast *ast_with(struct net_parser *p, struct ast *t, struct ast_list list)
{
    t->list = list.first;
    t->n = list.n;
    if (list.depth >= AST_DEPTH_MAX) {
        if (!p->deep)
            diag_error(p->diag, t->span, "this is nested more than %d deep", AST_DEPTH_MAX);
        p->deep = true;
        t->list = NULL;
        t->n = 0;
    } else if (t->depth <= list.depth) {
        t->depth = list.depth + 1;
    }
    return t;
}

struct ast_list ast_append(struct ast_list list, struct ast *item)
{
    if (list.last != NULL)
        list.last->next = item;
    else
        list.first = item;
    list.last = item;
    list.n++;
    if (item->depth > list.depth)
        list.depth = item->depth;
    return list;
}
