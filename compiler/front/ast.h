/* The syntax tree of a .net text. grammar/net.y builds it, net_parse() returns it, net.c turns it into a graph.
 *
 * One struct serves all kinds; the comment of a kind says which fields it uses. A list hangs off `list` and is chained
 * through `next`. The tree and its strings live in an arena; it points into the source for spans only.
 * Nothing is deeper than AST_DEPTH_MAX, so recursion over the tree is safe. */
#ifndef CNNC_FRONT_AST_H
#define CNNC_FRONT_AST_H

#include "../diag.h"
#include "../util.h"

enum ast_kind {
    /* expressions */
    AST_INT,        /* integer */
    AST_FLOAT,      /* number */
    AST_STRING,     /* name: the characters */
    AST_BOOL,       /* integer: 0, 1 */
    AST_LIST,       /* list: the items. 5x5 is a list of integers with integer = 1 */
    AST_NAME,       /* name */
    AST_CALL,       /* name(list), the list of AST_ARG */
    AST_ARG,        /* a, with a keyword in name or NULL there. Also parameters, options, outputs; there a may be NULL */
    AST_MEMBER,     /* a.name */
    AST_INDEX,      /* a[b] */
    AST_UNARY,      /* op a */
    AST_BINARY,     /* a op b */
    AST_CHOICE,     /* a if b else c */
    AST_RANGE,      /* a..b */
    AST_PIPE,       /* list: the source, then the stages */
    AST_LABEL,      /* a: b; a is a path of AST_NAME, AST_MEMBER, AST_INDEX or a list of one index; b a stage or a body */
    /* statements */
    AST_NETWORK,    /* name */
    AST_INPUT,      /* name[a] (list): a an AST_LIST of sizes, list the options as AST_ARG */
    AST_CONST,      /* name = a */
    AST_BLOCK,      /* name(list) { a }: list the parameters as AST_ARG */
    AST_ASSIGN,     /* list = a: list of AST_NAME */
    AST_EVAL,       /* a */
    AST_REPEAT,     /* list in a { b }: list of AST_NAME, empty for a mere count */
    AST_IF,         /* if a { b } else c: c is NULL, an AST_BODY or another AST_IF */
    AST_RETURN,     /* list */
    AST_OUTPUT,     /* list of AST_ARG */
    AST_TRAIN,      /* b: a body of assignments, not evaluated here */
    AST_BODY,       /* list: the statements */
};

enum ast_op { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_IDIV, OP_MOD, OP_POW, OP_NEG, OP_NOT, OP_AND, OP_OR, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE };

enum { AST_DEPTH_MAX = 400, NET_NAME_MAX = 128, NET_BYTES_MAX = 8 << 20 };

struct ast {
    enum ast_kind kind;
    enum ast_op op;
    int depth;                  /* 1 for a leaf */
    int n;                      /* length of list */
    struct span span;           /* all of it */
    struct span name_span;      /* of name, where that is a part */
    const char *name;
    long long integer;
    double number;
    struct ast *a, *b, *c;
    struct ast *list, *next;
};

struct ast_list {
    struct ast *first, *last;
    int n, depth;
};

/* The state of one parse, shared by scanner and parser. */
struct net_bracket {
    char c;
    size_t at;
};

struct net_parser {
    struct diag *diag;
    const struct source *source;
    struct arena *arena;
    struct ast *result;         /* an AST_BODY */
    size_t at;                  /* byte that the scanner has come to */
    size_t indent;              /* column of the first token of the statement */
    int last;                   /* token before this one, 0 at the start of a line */
    int open;                   /* brackets that are open, innermost last */
    struct net_bracket bracket[AST_DEPTH_MAX];
    struct net_bracket forgotten;   /* the one that was open when the statement ended, c == 0: none */
    bool garbled;               /* this statement has tokens that are none: no syntax error on top of that */
    bool deep;                  /* nesting too deep: said once */
};

struct ast *ast_new(struct net_parser *p, enum ast_kind kind, struct span span);
struct ast *ast_tree(struct net_parser *p, enum ast_kind kind, struct span span, struct ast *a, struct ast *b, struct ast *c);
struct ast *ast_named(struct net_parser *p, enum ast_kind kind, struct span span, const struct ast *name, struct ast *a);
struct ast *ast_operator(struct net_parser *p, enum ast_op op, struct span span, struct ast *a, struct ast *b);
struct ast *ast_with(struct net_parser *p, struct ast *tree, struct ast_list list);
struct ast_list ast_append(struct ast_list list, struct ast *item);

/* Parses a source. The result is an AST_BODY of what could be understood; d->errors tells whether it is all. NULL only when
 * there is nothing to be had (too big). */
struct ast *net_parse(struct diag *d, const struct source *source, struct arena *arena);

#endif
