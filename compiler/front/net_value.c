/* Constants of the .net language: numbers, lists, and arithmetic on them. */
#include "net_eval.h"

#include <math.h>
#include <string.h>

#include "../../runtime/element.h"
#include "../ops/quantized.h"

struct value value_error(void) { return (struct value){.kind = V_ERROR}; }
struct value value_int(int64_t i, struct span span) { return (struct value){.kind = V_INT, .i = i, .span = span}; }
struct value value_float(double f, struct span span) { return (struct value){.kind = V_FLOAT, .f = f, .span = span}; }
struct value value_bool(bool b, struct span span) { return (struct value){.kind = V_BOOL, .i = b, .span = span}; }

struct value value_tensor(struct tensor *t, struct span span)
{
    return (struct value){.kind = V_TENSOR, .t = t, .span = span};
}

struct value value_list(struct net *net, int n, struct span span)
{
    struct value *item = arena_alloc(net->arena, sizeof *item * (size_t)MAX(n, 1));
    return (struct value){.kind = V_LIST, .n = n, .item = item, .span = span};
}

const char *value_text(struct net *net, const struct value *v)
{
    switch (v->kind) {
    case V_INT: return arena_printf(net->arena, "%lld", (long long)v->i);
    case V_FLOAT: return arena_printf(net->arena, "%g", v->f);
    case V_BOOL: return v->i ? "true" : "false";
    case V_STRING: return arena_printf(net->arena, "the string '%.40s'", v->s);
    case V_LIST: return arena_printf(net->arena, "a list of %d", v->n);
    case V_TENSOR: return "a tensor";
    case V_FUNCTION: return arena_printf(net->arena, "the %s '%s'", v->block ? "block" : "layer", v->s);
    case V_ERROR: break;
    }
    return "an error";
}

bool value_number(const struct value *v, double *f)
{
    if (v->kind == V_INT)
        *f = (double)v->i;
    else if (v->kind == V_FLOAT)
        *f = v->f;
    return v->kind == V_INT || v->kind == V_FLOAT;
}

bool value_has_tensor(const struct value *v)
{
    for (int i = 0; v->kind == V_LIST && i < v->n; i++)
        if (value_has_tensor(&v->item[i]))
            return true;
    return v->kind == V_TENSOR;
}

static bool has_error(const struct value *v)
{
    for (int i = 0; v->kind == V_LIST && i < v->n; i++)
        if (has_error(&v->item[i]))
            return true;
    return v->kind == V_ERROR;
}

bool value_check(struct net *net, const struct value *v)
{
    if (has_error(v))
        return false;
    if (v->kind == V_STRING && v->word) {
        if (!net->missing)
            net_error(net, v->span, "'%s' is not defined%s", v->s, near_name(net, v->s, true));
        return false;
    }
    return true;
}

static const char *const op_text[] = {[OP_ADD] = "+",  [OP_SUB] = "-",  [OP_MUL] = "*",  [OP_DIV] = "/",   [OP_IDIV] = "//",
                                      [OP_MOD] = "%",  [OP_POW] = "**", [OP_NEG] = "-",  [OP_NOT] = "not", [OP_AND] = "and",
                                      [OP_OR] = "or",  [OP_EQ] = "==",  [OP_NE] = "!=",  [OP_LT] = "<",    [OP_LE] = "<=",
                                      [OP_GT] = ">",   [OP_GE] = ">="};

static struct value overflow(struct net *net, const struct ast *e, struct value a, struct value b)
{
    net_error(net, e->span, "%lld %s %lld does not fit into 64 bits", (long long)a.i, op_text[e->op], (long long)b.i);
    return value_error();
}

static struct value integers(struct net *net, const struct ast *e, struct value a, struct value b)
{
    int64_t r = 0;
    bool bad = false;
    switch (e->op) {
    case OP_ADD: bad = __builtin_add_overflow(a.i, b.i, &r); break;
    case OP_SUB: bad = __builtin_sub_overflow(a.i, b.i, &r); break;
    case OP_MUL: bad = __builtin_mul_overflow(a.i, b.i, &r); break;
    case OP_IDIV:
    case OP_MOD:
        if (b.i == 0) {
            net_error(net, e->span, "division by zero");
            return value_error();
        }
        if (b.i == -1) { /* the smallest integer has no opposite */
            bad = e->op == OP_IDIV && __builtin_sub_overflow((int64_t)0, a.i, &r);
            break;
        }
        r = e->op == OP_IDIV ? a.i / b.i : a.i % b.i; /* rounded down, as in mathematics */
        if (a.i % b.i != 0 && (a.i < 0) != (b.i < 0))
            r += e->op == OP_IDIV ? -1 : b.i;
        break;
    case OP_POW:
        if (b.i < 0)
            return value_float(pow((double)a.i, (double)b.i), e->span);
        r = 1;
        for (int64_t k = 0; k < b.i && !bad; k++) {
            bad = __builtin_mul_overflow(r, a.i, &r);
            if (r == 0 || (r == 1 && a.i == 1))
                break;
            if (k > 64 && a.i == -1) {
                r = b.i % 2 ? -1 : 1;
                break;
            }
        }
        break;
    default: break;
    }
    return bad ? overflow(net, e, a, b) : value_int(r, e->span);
}

static struct value reals(struct net *net, const struct ast *e, double a, double b)
{
    double r = 0;
    if (b == 0 && (e->op == OP_DIV || e->op == OP_IDIV || e->op == OP_MOD)) {
        net_error(net, e->span, "division by zero");
        return value_error();
    }
    switch (e->op) {
    case OP_ADD: r = a + b; break;
    case OP_SUB: r = a - b; break;
    case OP_MUL: r = a * b; break;
    case OP_DIV: r = a / b; break;
    case OP_IDIV: r = floor(a / b); break;
    case OP_MOD: r = a - b * floor(a / b); break;
    case OP_POW: r = pow(a, b); break;
    default: break;
    }
    if (!isfinite(r)) {
        net_error(net, e->span, "the result of %g %s %g is not a finite number", a, op_text[e->op], b);
        return value_error();
    }
    return value_float(r, e->span);
}

static struct value wrong_operands(struct net *net, const struct ast *e, const struct value *a, const struct value *b)
{
    net_error(net, e->span, "'%s' is not for %s and %s", op_text[e->op], value_text(net, a), value_text(net, b));
    return value_error();
}

static bool equal(const struct value *a, const struct value *b)
{
    double x, y;
    if (value_number(a, &x) && value_number(b, &y))
        return x == y;
    if (a->kind != b->kind)
        return false;
    if (a->kind == V_STRING || a->kind == V_FUNCTION)
        return strcmp(a->s, b->s) == 0;
    if (a->kind == V_TENSOR)
        return a->t == b->t;
    if (a->kind != V_LIST)
        return a->i == b->i;
    bool same = a->n == b->n;
    for (int i = 0; i < a->n && same; i++)
        same = equal(&a->item[i], &b->item[i]);
    return same;
}

/* A list of numbers takes part element by element: [1, 2, 1] / 4. */
static struct value lists(struct net *net, const struct ast *e, struct value a, struct value b)
{
    int n = a.kind == V_LIST ? a.n : b.n;
    if (a.kind == V_LIST && b.kind == V_LIST && a.n != b.n) {
        net_error(net, e->span, "'%s' of lists with %d and %d elements", op_text[e->op], a.n, b.n);
        return value_error();
    }
    struct value r = value_list(net, n, e->span);
    for (int i = 0; i < n; i++) {
        r.item[i] = value_binary(net, e, a.kind == V_LIST ? a.item[i] : a, b.kind == V_LIST ? b.item[i] : b);
        if (r.item[i].kind == V_ERROR)
            return value_error();
    }
    return r;
}

struct value value_binary(struct net *net, const struct ast *e, struct value a, struct value b)
{
    double x, y;
    if (e->op == OP_EQ || e->op == OP_NE)
        return value_bool(equal(&a, &b) == (e->op == OP_EQ), e->span);
    if (e->op == OP_ADD && a.kind == V_STRING && (b.kind == V_STRING || b.kind == V_INT)) { /* "layer" + i */
        const char *text = b.kind == V_INT ? arena_printf(net->arena, "%s%lld", a.s, (long long)b.i)
                                           : arena_printf(net->arena, "%s%s", a.s, b.s);
        if (strlen(text) <= NET_NAME_MAX)
            return (struct value){.kind = V_STRING, .s = text, .span = e->span};
        net_error(net, e->span, "this string has more than %d characters", NET_NAME_MAX);
        return value_error();
    }
    if (e->op <= OP_POW && (a.kind == V_LIST || b.kind == V_LIST))
        return lists(net, e, a, b);
    if (!value_number(&a, &x) || !value_number(&b, &y))
        return wrong_operands(net, e, &a, &b);
    switch (e->op) {
    case OP_LT: return value_bool(x < y, e->span);
    case OP_LE: return value_bool(x <= y, e->span);
    case OP_GT: return value_bool(x > y, e->span);
    case OP_GE: return value_bool(x >= y, e->span);
    default: break;
    }
    if (a.kind == V_INT && b.kind == V_INT) {
        /* 6 / 2 is the integer 3, 1 / 2 is 0.5: what a reader expects of both */
        if (e->op == OP_DIV && b.i != 0 && b.i != -1 && a.i % b.i == 0)
            return value_int(a.i / b.i, e->span);
        if (e->op != OP_DIV)
            return integers(net, e, a, b);
    }
    return reals(net, e, x, y);
}

struct value value_unary(struct net *net, const struct ast *e, struct value a)
{
    if (e->op == OP_NOT && a.kind == V_BOOL)
        return value_bool(!a.i, e->span);
    if (e->op == OP_NEG && a.kind == V_FLOAT)
        return value_float(-a.f, e->span);
    if (e->op == OP_NEG && a.kind == V_INT && a.i != INT64_MIN)
        return value_int(-a.i, e->span);
    if (e->op == OP_NEG && a.kind == V_LIST) {
        struct value r = value_list(net, a.n, e->span);
        for (int i = 0; i < a.n; i++)
            if ((r.item[i] = value_unary(net, e, a.item[i])).kind == V_ERROR)
                return value_error();
        return r;
    }
    net_error(net, e->span, "'%s' is not for %s", op_text[e->op], value_text(net, &a));
    return value_error();
}

static double round_half_away(double x) { return x < 0 ? -floor(0.5 - x) : floor(0.5 + x); }

static const struct {
    const char *name;
    double (*f)(double);
    bool integer;
} functions[] = {{"sqrt", sqrt, false}, {"exp", exp, false}, {"log", log, false}, {"abs", fabs, false}, {"floor", floor, true},
                 {"ceil", ceil, true}, {"round", round_half_away, true}, {"int", trunc, true}};

bool value_is_function(const char *name)
{
    for (size_t i = 0; i < COUNT(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return true;
    return strcmp(name, "min") == 0 || strcmp(name, "max") == 0 || strcmp(name, "len") == 0;
}

struct value value_function(struct net *net, const struct call *c, bool *known)
{
    bool list = c->args == 1 && c->arg[0].value.kind == V_LIST;
    *known = false;
    for (int i = 0; i < c->args; i++) {
        double f;
        if (c->arg[i].name || (!value_number(&c->arg[i].value, &f) && !list))
            return value_error();
    }
    if (list && strcmp(c->name, "len") == 0) {
        *known = true;
        return value_int(c->arg[0].value.n, c->span);
    }
    if ((strcmp(c->name, "min") == 0 || strcmp(c->name, "max") == 0) && c->args > 0 && !list) {
        struct value best = c->arg[0].value;
        for (int i = 1; i < c->args; i++) {
            double x = 0, y = 0;
            value_number(&best, &x);
            value_number(&c->arg[i].value, &y);
            if (c->name[1] == 'i' ? y < x : y > x)
                best = c->arg[i].value;
        }
        *known = true;
        best.span = c->span;
        return best;
    }
    for (size_t i = 0; i < COUNT(functions); i++)
        if (strcmp(c->name, functions[i].name) == 0 && c->args == 1 && !list) {
            const struct value *v = &c->arg[0].value;
            double x = 0;
            *known = true;
            value_number(v, &x);
            if (v->kind == V_INT && (functions[i].integer || (functions[i].f == fabs && v->i != INT64_MIN)))
                return value_int(functions[i].integer || v->i > 0 ? v->i : -v->i, c->span);
            x = functions[i].f(x);
            if (!isfinite(x) || (functions[i].integer && fabs(x) > 9e18)) {
                net_error(net, c->span, "%s has no finite value here", c->name);
                return value_error();
            }
            return functions[i].integer ? value_int((int64_t)x, c->span) : value_float(x, c->span);
        }
    return value_error();
}

/* The shape of a nested list into dim, checked to be even. */
static bool list_shape(struct net *net, const struct value *v, int level, int *rank, int64_t dim[MAX_RANK])
{
    double f;
    if (v->kind != V_LIST) {
        if (!value_number(v, &f) && v->kind != V_BOOL) {
            if (value_check(net, v))
                net_error(net, v->span, "expected a number, found %s", value_text(net, v));
            return false;
        }
        if (*rank < 0)
            *rank = level;
        if (*rank != level)
            net_error(net, v->span, "the rows of this table are not equally deep");
        return *rank == level;
    }
    if (level == MAX_RANK) {
        net_error(net, v->span, "a tensor has at most %d axes", MAX_RANK);
        return false;
    }
    if (dim[level] < 0)
        dim[level] = v->n;
    if (dim[level] != v->n) {
        net_error(net, v->span, "this row has %d elements, the others have %lld", v->n, (long long)dim[level]);
        return false;
    }
    if (v->n == 0 && *rank < 0)
        *rank = level + 1;
    for (int i = 0; i < v->n; i++)
        if (!list_shape(net, &v->item[i], level + 1, rank, dim))
            return false;
    return true;
}

static void list_copy(const struct value *v, enum dtype dtype, void *data, int64_t *at)
{
    double f = 0;
    if (v->kind == V_LIST) {
        for (int i = 0; i < v->n; i++)
            list_copy(&v->item[i], dtype, data, at);
        return;
    }
    int64_t k = (*at)++, integer = v->kind == V_FLOAT ? 0 : v->i;
    if (!value_number(v, &f))
        f = (double)v->i;
    if (dtype_is_float(dtype))
        cnnc_put((int)dtype, data, k, f);
    else
        cnnc_put_int((int)dtype, data, k, integer);
}

/* The first number in v that an integer type does not hold, or NULL. */
static const struct value *outside(const struct value *v, double low, double high)
{
    const struct value *found = NULL;
    for (int i = 0; v->kind == V_LIST && i < v->n && !found; i++)
        found = outside(&v->item[i], low, high);
    return v->kind == V_INT && ((double)v->i < low || (double)v->i > high) ? v : found;
}

static bool only_integers(const struct value *v)
{
    for (int i = 0; v->kind == V_LIST && i < v->n; i++)
        if (!only_integers(&v->item[i]))
            return false;
    return v->kind != V_FLOAT;
}

/* A number or a nested list as a constant tensor. dtype is what the neighbours have: float32 unless it suits. */
struct tensor *value_constant(struct net *net, const struct value *v, enum dtype dtype, const char *name)
{
    int rank = -1;
    int64_t dim[MAX_RANK] = {-1, -1, -1, -1, -1, -1, -1, -1}, at = 0;
    if (!list_shape(net, v, 0, &rank, dim))
        return NULL;
    const bool integer = dtype == DT_BOOL || (!dtype_is_float(dtype) && dtype_size(dtype));
    double low, high;
    if (dtype != DT_F64 && !(integer && only_integers(v)))
        dtype = DT_F32;
    if (integer && dtype != DT_BOOL && dtype_size(dtype) < 8) {
        int_range(dtype, &low, &high);
        const struct value *wrong = outside(v, low, high);
        if (wrong) {
            net_error(net, wrong->span.source ? wrong->span : v->span, "%lld is no %s", (long long)wrong->i, dtype_name(dtype));
            return NULL;
        }
    }
    struct tensor *t = tensor_const(net->g, name, dtype, rank, dim, NULL);
    list_copy(v, dtype, (void *)t->data, &at);
    t->span = v->span;
    return t;
}
