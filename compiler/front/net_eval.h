/* What the files net*.c share: values, scopes, and the state of one evaluation. */
#ifndef NET_EVAL_H
#define NET_EVAL_H

#include "../op.h"
#include "ast.h"

enum value_kind {
    V_ERROR,    /* an error was reported: whatever touches it stays silent */
    V_INT, V_FLOAT, V_BOOL,
    V_STRING,   /* s; word: an unknown name, which may be a string where one is expected ("pad=same") */
    V_LIST,     /* item[n] */
    V_TENSOR,   /* t */
    V_FUNCTION  /* op or block, named s */
};

struct value {
    enum value_kind kind;
    bool word;
    int n;
    struct span span;           /* the text that it comes from */
    union {
        int64_t i;
        double f;
        const char *s;
        struct value *item;
        struct tensor *t;
    };
    const struct op *op;
    struct ast *block;
};

struct variable {
    struct variable *next;
    const char *name;
    struct span span;
    struct value value;
    bool constant, parameter, used;
    const struct ast *by;       /* the statement that made it */
};

struct scope {
    struct variable *variables; /* newest first */
    struct scope *outer;
    const char *prefix;         /* of layer names: "layer1.0." */
    const struct scope *caller; /* of a block ... */
    struct span call;           /* ... the call in its text ... */
    const char *name;           /* ... and the block's name */
};

struct argument {
    const char *name;           /* NULL: by position */
    struct span name_span, span;
    struct value value;
};

struct call {
    const char *name;           /* as written */
    struct span name_span, span;
    const char *label;          /* "conv1" in front of a colon, or NULL */
    int wanted;                 /* results that the statement takes apart; 1 mostly */
    struct argument *arg;
    int args;
    int piped;                  /* so many arguments came through |> */
};

enum { BLOCK_DEPTH_MAX = 64, EVAL_DEPTH_MAX = 1500, STEPS_MAX = 1000000, LAYERS_MAX = 20000 };

struct net {
    struct graph *g;
    struct diag *d;
    struct arena *arena;
    int64_t batch;
    const char **consts;        /* "width=0.5" of the command line */
    int nconsts;
    bool *const_used;
    struct scope *global, *scope;
    struct ast **blocks;
    int nblocks;
    struct wished **names;  /* of layers, hashed */
    int depth, calls;
    long steps;
    bool missing;               /* something was skipped after an error: unknown names prove nothing any more */
    bool named;                 /* a network statement was there */
    bool stopped;               /* a limit was reached */
    struct span *reported;      /* where an error was found: the second round of a loop need not say it again */
    int nreported;

    /* The statement at work: the name that its first layer with parameters takes. */
    const char *target;
    bool target_taken;
    struct node *target_node;   /* the layer that took it; NULL if it was a block */
    struct node *unlabelled;    /* the last layer that was named after its operator */
};

/* net_value.c */
struct value value_error(void);
struct value value_int(int64_t i, struct span span);
struct value value_float(double f, struct span span);
struct value value_bool(bool b, struct span span);
struct value value_list(struct net *net, int n, struct span span);
struct value value_tensor(struct tensor *t, struct span span);
const char *value_text(struct net *net, const struct value *v); /* "3", "a tensor", for messages */
bool value_number(const struct value *v, double *f);
bool value_has_tensor(const struct value *v);
bool value_check(struct net *net, const struct value *v); /* false if it is an error, or a word: reported here */
struct value value_binary(struct net *net, const struct ast *e, struct value a, struct value b);
struct value value_unary(struct net *net, const struct ast *e, struct value a);
struct value value_function(struct net *net, const struct call *c, bool *known); /* sqrt(2): functions of constants */
bool value_is_function(const char *name);
struct tensor *value_constant(struct net *net, const struct value *v, enum dtype dtype, const char *name);

/* net_call.c */
struct value call_op(struct net *net, const struct op *op, struct call *c);
void check_call(struct net *net, const struct op *op, const struct call *c); /* where an argument is an error: reports others */

/* net_input.c */
void eval_input(struct net *net, const struct ast *s);
struct value eval_parameter(struct net *net, struct call *c); /* parameter(3x4): a learned tensor by itself */
struct value eval_constant(struct net *net, struct call *c);  /* constant([[1, 2], [3, 4]]) */
struct value net_const(struct net *net, const struct ast *s, struct value v); /* v, or what --const says */
void net_check_consts(struct net *net);                                       /* errors about those that nobody took */
const char *net_name_of_path(struct arena *arena, const char *path);

/* net_name.c */
struct variable *lookup(struct net *net, const char *name);                 /* through all scopes; counts as a use */
struct variable *find(struct scope *scope, const char *name);               /* in this one */
struct variable *define(struct net *net, const char *name, struct span span, struct value v, const struct ast *by);
struct ast *find_block(struct net *net, const char *name);
/* A layer's name, unique: the label, the statement's target if it is still free and the layer takes it, or the wish. */
const char *layer_name(struct net *net, const char *label, const char *wish, bool takes_target);
void layer_name_back(struct net *net, const char *name); /* not wanted after all */
/* "; did you mean 'conv'?" or "". near_name looks among variables and blocks, or among layers and blocks. */
const char *did_you_mean(struct net *net, const char *word, const char *const *candidates, int n);
const char *near_name(struct net *net, const char *word, bool variables);
void net_error(struct net *net, struct span where, const char *format, ...) PRINTF_LIKE(3, 4);
bool net_reported(struct net *net, struct span where);
void net_trace(struct net *net, struct span where); /* behind an error of somebody else's: remembers it, notes the calls */

/* net_expr.c */
struct value eval(struct net *net, struct ast *e);
struct value eval_wanted(struct net *net, struct ast *e, int wanted); /* the statement takes so many results apart */

/* net_train.c: names of constants give way to their values. */
void train_constants(struct net *net, struct ast *a);

/* net.c */
/* An expression whose value gets a name; target NULL: none, layers are named after their operators. */
struct value eval_named(struct net *net, struct ast *e, const char *target, struct span span, int wanted);
bool ast_mentions(const struct ast *e, const char *name);
struct value call_block(struct net *net, struct ast *block, struct call *c);

#endif
