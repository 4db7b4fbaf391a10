/* Expressions: constants are computed, calls become layers. */
#include <stdlib.h>
#include <string.h>

#include "net_eval.h"

#define LABEL_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

enum { RANGE_MAX = 100000 };

static struct value eval_name(struct net *net, const struct ast *e)
{
    struct variable *v = lookup(net, e->name);
    if (v) {
        struct value value = v->value;
        value.span = e->span;
        return value;
    }
    struct value f = {.kind = V_FUNCTION, .s = e->name, .span = e->span};
    f.block = find_block(net, e->name);
    f.op = f.block ? NULL : op_by_net(e->name);
    if (!f.block && !f.op) {
        f.kind = V_STRING;
        f.word = true;
    }
    return f;
}

/* "layer1.0" of layer1[0] or layer1.0, "0" of [0], "layer7" of ("layer" + 7) */
static const char *label_text(struct net *net, struct ast *e)
{
    struct ast *index = NULL;
    const char *before = "";
    if (e->kind == AST_NAME)
        return e->name;
    if (e->kind == AST_MEMBER) {
        before = label_text(net, e->a);
        return before ? arena_printf(net->arena, "%s.%s", before, e->name) : NULL;
    }
    if (e->kind == AST_INDEX) {
        before = label_text(net, e->a);
        index = e->b;
    } else if (e->kind == AST_LIST && e->n == 1) {
        index = e->list;
    }
    bool literal = e->kind == AST_STRING || e->kind == AST_BINARY;
    struct value v = (index || literal) && before ? eval(net, index ? index : e) : value_error();
    if ((index || literal) && !value_check(net, &v))
        return NULL;
    if (literal && v.kind == V_STRING && *v.s && v.s[strspn(v.s, LABEL_CHARACTERS)] == '\0')
        return v.s;
    if (literal || v.kind != V_INT) {
        if (before)
            net_error(net, e->span, "a label is a name, like conv1, or a name with a number, like layer1[i]");
        return NULL;
    }
    return arena_printf(net->arena, "%s%s%lld", before, *before ? "." : "", (long long)v.i);
}

static void add_argument(struct call *c, struct argument a)
{
    if (c->args < 4096)
        c->arg[c->args++] = a;
}

static struct value dispatch(struct net *net, struct ast *e, struct call *c)
{
    bool known;
    struct variable *v = lookup(net, c->name);
    struct ast *block = v && v->value.kind == V_FUNCTION ? v->value.block : find_block(net, c->name);
    const struct op *op = v && v->value.kind == V_FUNCTION ? v->value.op : op_by_net(c->name);
    if (v && v->value.kind == V_FUNCTION)
        c->name = v->value.s;
    if (v && v->value.kind == V_ERROR)
        return value_error();
    if (block)
        return call_block(net, block, c);
    if (strcmp(c->name, "parameter") == 0)
        return eval_parameter(net, c);
    if (strcmp(c->name, "constant") == 0)
        return eval_constant(net, c);
    struct value r = value_function(net, c, &known);
    if (known)
        return r;
    if (op)
        return call_op(net, op, c);
    if (v)
        net_error(net, e->name_span, "'%s' is %s, not a layer or block", c->name, value_text(net, &v->value));
    else
        net_error(net, e->name_span, "there is no layer or block '%s'%s", c->name, near_name(net, c->name, false));
    return value_error();
}

/* name or name(arguments), with the value that came through |> in front. */
static struct value eval_call(struct net *net, struct ast *e, const struct value *piped, const char *label, int wanted)
{
    int results = piped && piped->kind == V_LIST && value_has_tensor(piped) ? piped->n : 1;
    struct call c = {.name = e->name, .name_span = e->name_span, .span = e->span, .label = label, .wanted = wanted};
    c.arg = arena_alloc(net->arena, sizeof *c.arg * (size_t)(e->n + results + 1));
    if (piped) {
        for (int i = 0; i < results; i++)
            add_argument(&c, (struct argument){.span = piped->span, .value = results > 1 ? piped->item[i] : *piped});
        c.piped = results;
    }
    bool ok = true;
    for (struct ast *a = e->kind == AST_CALL ? e->list : NULL; a; a = a->next) {
        struct argument arg = {.name = a->name, .name_span = a->name_span, .span = a->span, .value = eval(net, a->a)};
        ok = ok && arg.value.kind != V_ERROR;
        add_argument(&c, arg);
    }
    if (!ok || (piped && piped->kind == V_ERROR)) {
        if (op_by_net(c.name) && !find_block(net, c.name) && !lookup(net, c.name))
            check_call(net, op_by_net(c.name), &c);
        else if (!op_by_net(c.name) && !find_block(net, c.name) && !lookup(net, c.name) && !value_is_function(c.name) &&
            strcmp(c.name, "parameter") != 0 && strcmp(c.name, "constant") != 0)
            dispatch(net, e, &(struct call){.name = c.name, .name_span = c.name_span, .span = c.span});
        return value_error();
    }
    return dispatch(net, e, &c);
}

static struct value eval_stage(struct net *net, struct ast *e, const struct value *piped, int wanted)
{
    const char *label = NULL;
    if (e->kind == AST_LABEL) {
        label = label_text(net, e->a);
        if (!label)
            return value_error();
        e = e->b;
        if (e->kind != AST_CALL && !(e->kind == AST_NAME && piped)) {
            net_error(net, e->span, "only a layer or a block can have a label");
            return value_error();
        }
    }
    if (e->kind != AST_CALL && e->kind != AST_NAME) {
        net_error(net, e->span, "expected a layer behind |>, as in |> relu or |> conv(64, 3x3)");
        return value_error();
    }
    return eval_call(net, e, piped, label, wanted);
}

static struct value eval_pipe(struct net *net, struct ast *e, int wanted)
{
    struct value v = eval(net, e->list);
    if (!value_check(net, &v))
        v = value_error();
    for (struct ast *s = e->list->next; s; s = s->next)
        v = eval_stage(net, s, &v, s->next ? 1 : wanted);
    return v;
}

static struct value eval_list(struct net *net, struct ast *e)
{
    struct value v = value_list(net, e->n, e->span);
    int i = 0;
    for (struct ast *x = e->list; x; x = x->next) {
        v.item[i] = eval(net, x);
        if (v.item[i++].kind == V_ERROR)
            return value_error();
    }
    return v;
}

static struct value eval_range(struct net *net, struct ast *e)
{
    struct value a = eval(net, e->a), b = eval(net, e->b);
    if (!value_check(net, &a) || !value_check(net, &b))
        return value_error();
    if (a.kind != V_INT || b.kind != V_INT) {
        const struct value *bad = a.kind != V_INT ? &a : &b;
        net_error(net, bad->span, "the end of a range is %s, expected an integer", value_text(net, bad));
        return value_error();
    }
    int64_t n;
    if (__builtin_sub_overflow(b.i, a.i, &n) || n >= RANGE_MAX) {
        net_error(net, e->span, "the range %lld..%lld has more than %d numbers", (long long)a.i, (long long)b.i, RANGE_MAX);
        return value_error();
    }
    struct value v = value_list(net, n < 0 ? 0 : (int)n + 1, e->span);
    for (int i = 0; i < v.n; i++)
        v.item[i] = value_int(a.i + i, e->span);
    return v;
}

static struct value eval_index(struct net *net, struct ast *e)
{
    struct value a = eval(net, e->a), b = eval(net, e->b);
    if (!value_check(net, &a) || !value_check(net, &b))
        return value_error();
    if (a.kind != V_LIST || b.kind != V_INT) {
        net_error(net, e->span, a.kind == V_TENSOR ? "a tensor has no [ ]; use slice, split or gather"
                                                   : "[ ] needs a list and an integer");
        return value_error();
    }
    int64_t i = b.i < 0 ? b.i + a.n : b.i;
    if (i < 0 || i >= a.n) {
        net_error(net, e->b->span, "index %lld, but the list has %d element%s", (long long)b.i, a.n, a.n == 1 ? "" : "s");
        return value_error();
    }
    a.item[i].span = e->span;
    return a.item[i];
}

/* x.channels, x.shape: without the batch. */
static struct value eval_member(struct net *net, struct ast *e)
{
    static const char *const names[] = {"shape", "channels", "depth", "height", "width", "rank"};
    struct value a = eval(net, e->a);
    if (!value_check(net, &a))
        return value_error();
    if (a.kind != V_TENSOR || a.t->rank < 1) {
        net_error(net, e->span, "'.%s' is not for %s", e->name, value_text(net, &a));
        return value_error();
    }
    const struct tensor *t = a.t;
    int rank = t->rank, axis = -1;
    if (strcmp(e->name, "rank") == 0)
        return value_int(rank - 1, e->span);
    if (strcmp(e->name, "shape") == 0) {
        struct value v = value_list(net, rank - 1, e->span);
        for (int i = 1; i < rank; i++)
            v.item[i - 1] = value_int(t->dim[i], e->span);
        return v;
    }
    if (strcmp(e->name, "channels") == 0)
        axis = 1;
    else if (strcmp(e->name, "width") == 0 || strcmp(e->name, "length") == 0)
        axis = rank - 1;
    else if (strcmp(e->name, "height") == 0)
        axis = rank - 2;
    else if (strcmp(e->name, "depth") == 0)
        axis = rank - 3;
    else {
        net_error(net, e->name_span, "a tensor has no '%s'%s", e->name, did_you_mean(net, e->name, names, COUNT(names)));
        return value_error();
    }
    if (axis >= rank || axis < (e->name[0] == 'c' ? 1 : 2)) {
        char text[160];
        net_error(net, e->span, "a tensor of shape %s has no %s", shape_text(t, text), e->name);
        return value_error();
    }
    return value_int(t->dim[axis], e->span);
}

static bool condition(struct net *net, struct ast *e, bool *yes)
{
    struct value v = eval(net, e);
    if (!value_check(net, &v))
        return false;
    if (v.kind != V_BOOL)
        net_error(net, e->span, "the condition is %s, expected true or false, as in n > 1", value_text(net, &v));
    *yes = v.i;
    return v.kind == V_BOOL;
}

/* Arithmetic on tensors is the operator of ONNX. */
static struct value eval_operator(struct net *net, struct ast *e)
{
    static const char *const onnx[] = {[OP_ADD] = "Add", [OP_SUB] = "Sub", [OP_MUL] = "Mul", [OP_DIV] = "Div", [OP_IDIV] = "",
                                       [OP_MOD] = "Mod", [OP_POW] = "Pow", [OP_NEG] = "Neg", [OP_NOT] = "Not", [OP_AND] = "And",
                                       [OP_OR] = "Or", [OP_EQ] = "Equal", [OP_NE] = "", [OP_LT] = "Less", [OP_LE] = "LessOrEqual",
                                       [OP_GT] = "Greater", [OP_GE] = "GreaterOrEqual"};
    struct value v[2] = {eval(net, e->a), value_error()};
    if (!value_check(net, &v[0]))
        return value_error();
    if ((e->op == OP_AND || e->op == OP_OR) && v[0].kind == V_BOOL && v[0].i == (e->op == OP_OR))
        return v[0];
    int n = e->kind == AST_BINARY ? 2 : 1;
    if (n == 2) {
        v[1] = eval(net, e->b);
        if (!value_check(net, &v[1]))
            return value_error();
    }
    if (v[0].kind == V_TENSOR || v[1].kind == V_TENSOR) {
        const struct op *op = op_by_onnx(onnx[e->op]);
        struct argument arg[2] = {{.span = e->a->span, .value = v[0]}};
        if (n == 2)
            arg[1] = (struct argument){.span = e->b->span, .value = v[1]};
        struct call c = {.name = op && op->net ? op->net : onnx[e->op], .name_span = e->span, .span = e->span, .wanted = 1, .arg = arg, .args = n};
        if (op)
            return call_op(net, op, &c);
        net_error(net, e->span, "there is no such operation on tensors");
        return value_error();
    }
    if (n == 1)
        return value_unary(net, e, v[0]);
    if ((e->op == OP_AND || e->op == OP_OR) && v[0].kind == V_BOOL && v[1].kind == V_BOOL)
        return v[1];
    return value_binary(net, e, v[0], v[1]);
}

static struct value eval_kind(struct net *net, struct ast *e, int wanted)
{
    bool yes;
    switch (e->kind) {
    case AST_INT: return value_int(e->integer, e->span);
    case AST_FLOAT: return value_float(e->number, e->span);
    case AST_BOOL: return value_bool(e->integer, e->span);
    case AST_STRING: return (struct value){.kind = V_STRING, .s = e->name, .span = e->span};
    case AST_LIST: return eval_list(net, e);
    case AST_NAME: return eval_name(net, e);
    case AST_CALL: return eval_call(net, e, NULL, NULL, wanted);
    case AST_LABEL: return eval_stage(net, e, NULL, wanted);
    case AST_PIPE: return eval_pipe(net, e, wanted);
    case AST_RANGE: return eval_range(net, e);
    case AST_INDEX: return eval_index(net, e);
    case AST_MEMBER: return eval_member(net, e);
    case AST_CHOICE:
        if (!condition(net, e->b, &yes))
            return value_error();
        return eval_wanted(net, yes ? e->a : e->c, wanted);
    case AST_UNARY:
    case AST_BINARY: return eval_operator(net, e);
    default: return value_error();
    }
}

struct value eval_wanted(struct net *net, struct ast *e, int wanted)
{
    if (net->stopped)
        return value_error();
    if (net->depth == EVAL_DEPTH_MAX) {
        net_error(net, e->span, "expressions and blocks are nested more than %d deep", EVAL_DEPTH_MAX);
        net->stopped = true;
        return value_error();
    }
    net->depth++;
    struct value v = eval_kind(net, e, wanted);
    net->depth--;
    if (v.kind != V_LIST || !v.span.source)
        v.span = e->span;
    return v;
}

struct value eval(struct net *net, struct ast *e) { return eval_wanted(net, e, 1); }
