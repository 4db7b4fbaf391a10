/* A call of an operator: its arguments are matched with the operator's description, and a node is appended. */
#include "net_eval.h"

#include <stdlib.h>
#include <string.h>

#include "../pass.h"

static const char *near_attr(struct net *net, const struct op *op, const char *word)
{
    const char *names[64];
    int n = 0;
    for (int i = 0; i < op->nattrs && n < 64; i++)
        if (op->attrs[i].net)
            names[n++] = op->attrs[i].net;
    return did_you_mean(net, word, names, n);
}

static int attr_index(const struct op *op, const char *name)
{
    for (int i = 0; i < op->nattrs; i++)
        if (op->attrs[i].net && strcmp(op->attrs[i].net, name) == 0)
            return i;
    return -1;
}

/* ---- values of attributes --------------------------------------------------------------------------------------- */

struct slot {
    struct net *net;
    const struct call *call;
    const struct attr_def *def;
    struct attr *attr;
    const struct argument *arg;
    int spatial; /* axes of the first operand besides batch and channels; 0: not known */
};

static bool wrong_type(const struct slot *s, const struct value *v, const char *expected)
{
    if (value_check(s->net, v))
        net_error(s->net, v->span.source ? v->span : s->arg->span, "%s: %s is %s, expected %s", s->call->name, s->def->net,
                  value_text(s->net, v), expected);
    return false;
}

static bool in_range(const struct slot *s, int64_t i, double f, bool integer)
{
    double low = s->def->flags & AT_POSITIVE ? 1 : 0;
    if (!(s->def->flags & (AT_POSITIVE | AT_NONNEG)) || (integer ? (double)i : f) >= low)
        return true;
    if (integer)
        net_error(s->net, s->arg->span, "%s: %s is %lld, expected at least %g", s->call->name, s->def->net, (long long)i, low);
    else
        net_error(s->net, s->arg->span, "%s: %s is %g, expected at least %g", s->call->name, s->def->net, f, low);
    return false;
}

static bool set_int(const struct slot *s, const struct value *v, int64_t *to)
{
    if (v->kind != V_INT)
        return wrong_type(s, v, "an integer");
    *to = v->i;
    return in_range(s, v->i, 0, true);
}

static bool set_float(const struct slot *s, const struct value *v, double *to)
{
    if (!value_number(v, to))
        return wrong_type(s, v, "a number");
    return in_range(s, 0, *to, false);
}

/* One of "a|b|c", behind the colon of the definition's text; anything where nothing is listed. */
static bool set_string(const struct slot *s, const struct value *v, const char **to)
{
    if (v->kind != V_STRING && v->kind != V_FUNCTION)
        return wrong_type(s, v, "a name");
    const char *list = s->def->text ? strchr(s->def->text, ':') : NULL, *names[32];
    int n = 0;
    *to = v->s;
    for (const char *p = list ? list + 1 : ""; *p && n < 32;) {
        size_t k = strcspn(p, "|");
        names[n++] = arena_strndup(s->net->arena, p, k);
        if (strcmp(names[n - 1], v->s) == 0)
            return true;
        p += k + (p[k] == '|');
    }
    if (n == 0)
        return true;
    net_error(s->net, v->span, "%s: %s is '%s', expected %s%s", s->call->name, s->def->net, v->s, list + 1,
              did_you_mean(s->net, v->s, names, n));
    return false;
}

static bool set_ints(const struct slot *s, const struct value *v)
{
    struct attr *a = s->attr;
    a->n = v->kind == V_LIST ? v->n : 1;
    a->ints = arena_alloc(&s->net->g->arena, sizeof *a->ints * (size_t)MAX(a->n, 1));
    if (v->kind != V_LIST && v->kind != V_INT)
        return wrong_type(s, v, "an integer or a list of integers");
    for (int i = 0; i < a->n; i++)
        if (!set_int(s, v->kind == V_LIST ? &v->item[i] : v, &a->ints[i]))
            return false;
    return true;
}

/* Repeats what was given until there are `want` values: stride=2 is 2x2, pad=[1, 2] is [1, 2, 1, 2]. */
static bool spread(const struct slot *s, int want, bool half)
{
    struct attr *a = s->attr;
    if (s->spatial == 0 || a->n == want)
        return true;
    if (a->n != 1 && !(half && a->n == want / 2)) {
        net_error(s->net, s->arg->span, half ? "%s: %s has %d values, expected 1, %d or %d" : "%s: %s has %d values, expected 1 or %d",
                  s->call->name, s->def->net, a->n, half ? want / 2 : want, want);
        return false;
    }
    int64_t *all = arena_alloc(&s->net->g->arena, sizeof *all * (size_t)want);
    for (int i = 0; i < want; i++)
        all[i] = a->ints[i % a->n];
    a->ints = all;
    a->n = want;
    return true;
}

static bool set_attr(const struct slot *s)
{
    const struct value *v = &s->arg->value;
    struct graph *g = s->net->g;
    struct attr *a = s->attr;

    a->span = s->arg->span;
    a->set = true;
    switch (s->def->type) {
    case A_INT:
        return set_int(s, v, &a->i);
    case A_BOOL:
        if (v->kind != V_BOOL)
            return wrong_type(s, v, "true or false");
        a->i = v->i;
        return true;
    case A_FLOAT:
        return set_float(s, v, &a->f);
    case A_STRING:
        return set_string(s, v, &a->s);
    case A_INTS:
        return set_ints(s, v);
    case A_SPATIAL:
        return set_ints(s, v) && spread(s, s->spatial, false);
    case A_PADS:
        if (v->kind == V_STRING && (strcmp(v->s, "same") == 0 || strcmp(v->s, "valid") == 0)) {
            a->set = strcmp(v->s, "same") == 0;
            a->s = a->set ? "same" : NULL;
            return true;
        }
        if (v->kind == V_STRING || v->kind == V_FUNCTION) {
            net_error(s->net, v->span, "%s: %s is '%s', expected a number, a list, same or valid%s", s->call->name, s->def->net, v->s,
                      did_you_mean(s->net, v->s, (const char *[]){"same", "valid"}, 2));
            return false;
        }
        if (v->kind != V_INT && v->kind != V_LIST)
            return wrong_type(s, v, "a number, a list, same or valid");
        return set_ints(s, v) && spread(s, 2 * s->spatial, true);
    case A_FLOATS:
    case A_STRINGS:
        a->n = v->kind == V_LIST ? v->n : 1;
        a->floats = arena_alloc(&g->arena, sizeof *a->floats * (size_t)MAX(a->n, 1));
        a->strings = arena_alloc(&g->arena, sizeof *a->strings * (size_t)MAX(a->n, 1));
        for (int i = 0; i < a->n; i++) {
            const struct value *x = v->kind == V_LIST ? &v->item[i] : v;
            if (s->def->type == A_FLOATS ? !set_float(s, x, &a->floats[i]) : !set_string(s, x, &a->strings[i]))
                return false;
        }
        return true;
    case A_TENSOR:
        if (v->kind == V_TENSOR && v->t->kind == T_CONST)
            a->tensor = v->t;
        else if (v->kind == V_LIST || v->kind == V_INT || v->kind == V_FLOAT)
            a->tensor = value_constant(s->net, v, DT_F32, unique_name(g, arena_printf(&g->arena, "%s.%s", s->call->label, s->def->net)));
        else
            return wrong_type(s, v, "a table of numbers");
        return a->tensor != NULL;
    default:
        return wrong_type(s, v, "something that .net cannot say");
    }
}

/* ---- operands and arguments ------------------------------------------------------------------------------------- */

/* How many tensors the operator takes at least and at most (-1: any number). Parameters are not given by the user. */
static void operand_counts(const struct op *op, int *least, int *most)
{
    *most = op->net_in != 0 || op->params ? op->net_in : op->max_in;
    *least = op->params && *most >= 0 ? *most : op->min_in;
    if (*most >= 0 && *least > *most)
        *least = *most;
}

static bool add_operand(struct net *net, const struct call *c, struct node *n, const struct argument *a, int least, int most)
{
    const struct value *v = &a->value;
    if (v->kind == V_LIST && value_has_tensor(v)) { /* results of a layer with several, or [a, b, c] */
        for (int i = 0; i < v->n; i++) {
            struct argument one = *a;
            one.value = v->item[i];
            if (!add_operand(net, c, n, &one, least, most))
                return false;
        }
        return true;
    }
    if (v->kind != V_TENSOR && (n->op->params || (v->kind != V_INT && v->kind != V_FLOAT && v->kind != V_BOOL && v->kind != V_LIST))) {
        if (value_check(net, v))
            net_error(net, a->span, "%s: expected a tensor, found %s", c->name, value_text(net, v));
        return false;
    }
    if (most >= 0 && n->nin == most) {
        net_error(net, a->span, "%s: this is one tensor more than the %d that it takes", c->name, most);
        return false;
    }
    struct tensor *t = v->t;
    if (v->kind != V_TENSOR) {
        enum dtype dtype = DT_F32;
        for (int i = 0; i < c->args; i++)
            if (c->arg[i].value.kind == V_TENSOR)
                dtype = c->arg[i].value.t->dtype;
        for (int i = 0; i < n->nin; i++) /* those that were taken already */
            if (n->in[i] && n->in[i]->dtype != DT_BOOL)
                dtype = n->in[i]->dtype;
        t = value_constant(net, v, dtype, unique_name(net->g, arena_printf(&net->g->arena, "%s.constant", n->name)));
        if (!t)
            return false;
    }
    node_input(net->g, n, t);
    return true;
}

/* weight=W: a tensor in the place of what the layer would learn. *done: this is one (the table of a literal kernel is an attribute). */
static bool give_learned(struct net *net, struct node *n, int index, const struct argument *a, bool *done)
{
    const struct op *op = n->op;
    const bool table = index >= 0 && op->attrs[index].type == A_TENSOR && a->value.kind == V_TENSOR && a->value.t->kind == T_CONST;
    *done = false;
    for (int k = 0; k < (int)COUNT(op->learned) && op->learned[k] && a->value.kind == V_TENSOR && !table; k++)
        if (strcmp(op->learned[k], a->name) == 0) {
            *done = true;
            while (n->nin <= op->net_in + k)
                node_input(net->g, n, NULL);
            if (n->in[op->net_in + k]) {
                net_error(net, a->span, "%s: %s is given twice", op->net, a->name);
                return false;
            }
            node_set_input(net->g, n, op->net_in + k, a->value.t);
        }
    return true;
}

static bool set_argument(struct net *net, const struct call *c, struct node *n, int index, const struct argument *a)
{
    const struct attr_def *def = &n->op->attrs[index];
    struct call named = *c;
    named.label = n->name;
    if (n->attr[index].span.source) {
        net_error(net, a->span, "%s: %s is given twice", c->name, def->net);
        return false;
    }
    struct slot s = {net, &named, def, &n->attr[index], a, n->nin > 0 && n->in[0]->rank > 2 ? n->in[0]->rank - 2 : 0};
    return set_attr(&s);
}

static bool match_arguments(struct net *net, struct call *c, struct node *n)
{
    const struct op *op = n->op;
    int least, most, positional = 0, next = 0;
    bool ok = true;

    operand_counts(op, &least, &most);
    for (int i = 0; i < op->nattrs; i++)
        positional += op->attrs[i].net && (op->attrs[i].flags & AT_POS);

    for (int i = 0; i < c->args; i++) { /* tensors first: the meaning of the rest depends on their rank */
        struct argument *a = &c->arg[i];
        bool room = most < 0 || n->nin < most;
        if (a->name || !(value_has_tensor(&a->value) || n->nin < least || (room && positional == 0)))
            continue;
        if (!add_operand(net, c, n, a, least, most))
            return false;
        a->value.kind = V_ERROR; /* done */
    }
    if (n->nin < least) {
        net_error(net, c->span, "%s: %d tensor%s given, expected %s%d", c->name, n->nin, n->nin == 1 ? " is" : "s are",
                  most == least ? "" : "at least ", least);
        return false;
    }
    for (int i = 0; i < c->args; i++) {
        struct argument *a = &c->arg[i];
        if (a->value.kind == V_ERROR)
            continue;
        int index = -1;
        if (a->name) {
            bool given;
            index = attr_index(op, a->name);
            ok = give_learned(net, n, index, a, &given) && ok;
            if (given)
                continue;
            if (index < 0) {
                net_error(net, a->name_span, "%s: there is no argument '%s'%s", c->name, a->name, near_attr(net, op, a->name));
                ok = false;
                continue;
            }
        } else {
            while (next < op->nattrs && !(op->attrs[next].net && (op->attrs[next].flags & AT_POS)))
                next++;
            if (next == op->nattrs) {
                if (positional == 0)
                    net_error(net, a->span, "%s: this is one argument too many", c->name);
                else
                    net_error(net, a->span, "%s: too many arguments, at most %d stand without a name%s", c->name, positional,
                              positional < op->nattrs ? "; name this one, as in stride=2" : "");
                return false;
            }
            index = next++;
        }
        ok = set_argument(net, c, n, index, a) && ok;
    }
    const bool given = op->learned[0] && n->nin > op->net_in;
    if (given && !n->in[op->net_in] && !(attr_index(op, op->learned[0]) >= 0 && n->attr[attr_index(op, op->learned[0])].set)) {
        net_error(net, c->span, "%s: a layer that is given some of its parameters needs %s, too", c->name, op->learned[0]);
        return false;
    }
    for (int i = 0; i < op->nattrs && ok && !given; i++)
        if (op->attrs[i].net && (op->attrs[i].flags & AT_REQUIRED) && !n->attr[i].set) {
            net_error(net, c->span, "%s: argument '%s' is missing: %s", c->name, op->attrs[i].net, op->attrs[i].doc);
            ok = false;
        }
    return ok;
}

/* A call with an argument that is an error already makes no layer, but what else is wrong in it can be said in the same run. Names are checked,
 * and values as far as they do not depend on a tensor. */
void check_call(struct net *net, const struct op *op, const struct call *c)
{
    struct attr *scratch = arena_alloc(net->arena, sizeof *scratch * (size_t)MAX(op->nattrs, 1));
    struct call named = *c;
    int least, most, next = 0;
    named.label = c->name;
    operand_counts(op, &least, &most);
    for (int i = 0, operand = 0; i < c->args; i++) {
        const struct argument *a = &c->arg[i];
        int index = a->name ? attr_index(op, a->name) : -1;
        if (a->name && index < 0)
            net_error(net, a->name_span, "%s: there is no argument '%s'%s", c->name, a->name, near_attr(net, op, a->name));
        if (!a->name && (most != least || operand++ < most)) /* where tensors end and values begin is known for a fixed number of tensors */
            continue;
        for (; !a->name && index < 0 && next < op->nattrs; next++)
            if (op->attrs[next].net && (op->attrs[next].flags & AT_POS))
                index = next;
        if (index >= 0 && a->value.kind != V_ERROR && !value_has_tensor(&a->value))
            set_attr(&(struct slot){net, &named, &op->attrs[index], &scratch[index], a, 0});
    }
}

/* Results that the statement takes apart, or those that the arguments ask for. */
static int result_count(const struct node *n, const struct call *c)
{
    if (!(n->op->flags & OP_VARIADIC_OUT))
        return MIN(MAX(c->wanted, 1), n->op->max_out);
    for (int i = 0; i < n->op->nattrs; i++) {
        const struct attr_def *d = &n->op->attrs[i];
        const char *name = d->onnx ? d->onnx : d->net;
        if (n->attr[i].set && strcmp(name, "num_outputs") == 0 && n->attr[i].i > 0 && n->attr[i].i < 4096)
            return (int)n->attr[i].i;
        if (n->attr[i].set && strcmp(name, "split") == 0 && n->attr[i].n > 0)
            return n->attr[i].n;
    }
    return MAX(c->wanted, 1);
}

struct value call_op(struct net *net, const struct op *op, struct call *c)
{
    struct graph *g = net->g;
    for (int i = 0; i < c->args; i++) {
        if (c->arg[i].value.kind == V_ERROR)
            return value_error();
        if (i > 0 && !c->arg[i].name && c->arg[i - 1].name) {
            net_error(net, c->arg[i].span, "%s: an argument without a name stands behind one with a name", c->name);
            return value_error();
        }
    }
    if (g->nodes >= LAYERS_MAX) {
        if (!net->stopped)
            net_error(net, c->span, "the network has more than %d layers", LAYERS_MAX);
        net->stopped = true;
        return value_error();
    }

    bool taken = net->target_taken;
    struct node *n = node_new(g, op, layer_name(net, c->label, op->net ? op->net : op->onnx, op->params != NULL));
    n->span = c->span;
    if (!taken && net->target_taken)
        net->target_node = n;
    net->unlabelled = c->label ? NULL : n;
    if (!match_arguments(net, c, n) || net_reported(net, c->span))
        return value_error();
    int results = result_count(n, c);
    if (op->params && !op->params(g, n)) {
        net_trace(net, c->span);
        return value_error();
    }
    bool learns = false; /* reshape has operands made of its arguments, but nothing to learn: it leaves the name to others */
    for (int i = 0; i < n->nin; i++)
        learns = learns || (n->in[i] && n->in[i]->kind == T_PARAM);
    if (!learns && net->target_node == n) {
        net->target_node = NULL;
        net->target_taken = false;
        layer_name_back(net, n->name);
        n->name = layer_name(net, NULL, op->net ? op->net : op->onnx, false);
    }
    for (int i = 0; i < results; i++)
        node_output(g, n, unique_name(g, i == 0 ? n->name : arena_printf(&g->arena, "%s.%d", n->name, i)));
    if (!infer_node(g, n)) {
        net_trace(net, c->span);
        return value_error();
    }
    if (results == 1)
        return value_tensor(n->out[0], c->span);
    struct value list = value_list(net, results, c->span);
    for (int i = 0; i < results; i++)
        list.item[i] = value_tensor(n->out[i], c->span);
    return list;
}
