/* Statements and blocks: the syntax tree is evaluated from top to bottom, and the calls that it meets build the graph. */
#include "front.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net_eval.h"

struct flow {
    bool returned;
    struct value value; /* of the return statement, or of the last expression of a body */
};
static struct flow run_body(struct net *net, struct ast *body);

/* ---- assignment ------------------------------------------------------------------------------------------------- */

bool ast_mentions(const struct ast *e, const char *name)
{
    for (; e; e = e->next)
        if ((e->kind == AST_NAME && strcmp(e->name, name) == 0) || (e->a && ast_mentions(e->a, name)) || (e->b && ast_mentions(e->b, name)) ||
            (e->c && ast_mentions(e->c, name)) || (e->list && ast_mentions(e->list, name)))
            return true;
    return false;
}

static bool name_is_free(struct graph *g, const char *name)
{
    return unique_name(g, name)[strlen(name)] == '\0';
}

/* What the name stands for now is called so in the graph as well, if this statement made it. */
static void name_result(struct net *net, struct tensor *t, const char *target, struct span span, int first_tensor)
{
    struct graph *g = net->g;
    const char *full = arena_printf(&g->arena, "%s%s", net->scope->prefix, target);
    if (t->id < first_tensor)
        return;
    if (!t->def) { /* w = parameter(4x4) */
        if (tensor_is_const(t) && name_is_free(g, full))
            tensor_rename(g, t, full);
        t->span = span;
        return;
    }
    struct node *taker = net->target_node;
    if (taker && taker != t->def && taker->nout > 0) /* conv1 = conv(...) |> relu: conv1 is what relu makes */
        tensor_rename(g, taker->out[0], unique_name(g, arena_printf(&g->arena, "%s.%s", full, taker->op->net)));
    size_t n = strlen(full);
    if (!net->target_taken && net->unlabelled == t->def && strncmp(t->def->name, full, n) == 0 && t->def->name[n] == '.')
        t->def->name = layer_name(net, target, "", false);
    if (name_is_free(g, full))
        tensor_rename(g, t, full);
    t->span = span;
}

struct value eval_named(struct net *net, struct ast *e, const char *target, struct span span, int wanted)
{
    const char *outer = net->target;
    bool outer_taken = net->target_taken;
    struct node *outer_node = net->target_node;
    int first_tensor = net->g->tensors;

    net->target = target;
    net->target_taken = false;
    net->target_node = NULL;
    struct value v = eval_wanted(net, e, wanted);
    if (!value_check(net, &v))
        v = value_error();
    if (v.kind == V_TENSOR && target)
        name_result(net, v.t, target, span, first_tensor);
    net->target = outer;
    net->target_taken = outer_taken;
    net->target_node = outer_node;
    return v;
}

static void assign_one(struct net *net, struct ast *s)
{
    const struct ast *to = s->list;
    struct variable *old = find(net->scope, to->name);
    /* x = f(x): "x" would be the name of many layers */
    const char *target = (old && (old->parameter || old->by != s)) || ast_mentions(s->a, to->name) ? NULL : to->name;
    struct value v = eval_named(net, s->a, target, to->span, 1);
    if (v.kind == V_TENSOR && v.t->def)
        v.t->span = to->span;
    struct variable *now = define(net, to->name, to->span, v, s);
    now->parameter = old && old->parameter;
}

static void assign_several(struct net *net, struct ast *s)
{
    struct value v = eval_named(net, s->a, NULL, s->span, s->n);
    if (v.kind != V_ERROR && (v.kind != V_LIST || v.n != s->n)) {
        net_error(net, s->a->span, "%d names, but %d value%s", s->n, v.kind == V_LIST ? v.n : 1,
                  v.kind != V_LIST || v.n == 1 ? "" : "s");
        v = value_error();
    }
    int i = 0;
    for (const struct ast *to = s->list; to; to = to->next, i++) {
        struct value one = v.kind == V_LIST ? v.item[i] : value_error();
        if (one.kind == V_TENSOR && one.t->def)
            one.t->span = to->span;
        define(net, to->name, to->span, one, s);
    }
}

/* ---- outputs ---------------------------------------------------------------------------------------------------- */

static void add_output(struct net *net, struct tensor *t, const char *name, struct span span)
{
    struct graph *g = net->g;
    if (t->is_output || !t->def) { /* the same value twice, or an input: a name of its own needs a tensor of its own */
        const struct op *identity = op_by_onnx("Identity");
        if (!identity) {
            net_error(net, span, "this is an input, or an output already");
            return;
        }
        struct argument arg = {.span = span, .value = value_tensor(t, span)};
        struct call c = {.name = "identity", .name_span = span, .span = span, .label = name, .wanted = 1, .arg = &arg, .args = 1};
        struct value v = call_op(net, identity, &c);
        if (v.kind != V_TENSOR)
            return;
        t = v.t;
    }
    if (name && strcmp(t->name, name) != 0) {
        for (int i = 0; i < g->tensors; i++) /* an earlier x makes room for the x that the world sees */
            if (strcmp(g->tensor[i]->name, name) == 0 && g->tensor[i]->kind == T_VALUE && !g->tensor[i]->is_output) {
                tensor_rename(g, g->tensor[i], unique_name(g, arena_printf(&g->arena, "%s.%s", name, g->tensor[i]->def ? g->tensor[i]->def->name : "x")));
                break;
            }
        if (name_is_free(g, name))
            tensor_rename(g, t, arena_strdup(&g->arena, name));
    }
    t->is_output = true;
    VEC_PUSH(g->output, g->outputs, t);
}

static void run_output(struct net *net, struct ast *s)
{
    for (struct ast *o = s->list; o; o = o->next) {
        const char *name = o->name ? o->name : o->a->kind == AST_NAME ? o->a->name : NULL;
        struct value v = eval_named(net, o->a, o->name, o->name_span, 1);
        if (v.kind != V_ERROR && !value_has_tensor(&v))
            net_error(net, o->a->span, "an output is a tensor, this is %s", value_text(net, &v));
        else if (v.kind == V_TENSOR)
            add_output(net, v.t, name, o->span);
        for (int i = 0; v.kind == V_LIST && i < v.n; i++)
            if (v.item[i].kind == V_TENSOR)
                add_output(net, v.item[i].t, NULL, o->span);
        if (o->name) {
            struct variable *made = define(net, o->name, o->name_span, v, s);
            made->used = true;
        }
        net->missing |= v.kind == V_ERROR;
    }
}

/* ---- repetition and choice -------------------------------------------------------------------------------------- */

static void bind_names(struct net *net, struct ast *s, struct value *v)
{
    if (s->n == 1) {
        define(net, s->list->name, s->list->span, *v, s);
        return;
    }
    if (v->kind != V_LIST || v->n != s->n)
        net_error(net, s->a->span, "%d names, but an element has %d value%s", s->n, v->kind == V_LIST ? v->n : 1,
                  v->kind == V_LIST && v->n != 1 ? "s" : "");
    int i = 0;
    for (struct ast *name = s->list; name; name = name->next, i++)
        define(net, name->name, name->span, v->kind == V_LIST && v->n == s->n ? v->item[i] : value_error(), s);
}

static struct flow run_repeat(struct net *net, struct ast *s)
{
    struct flow f = {0};
    struct value v = eval(net, s->a);
    if (!value_check(net, &v)) {
        net->missing = true;
        return f;
    }
    if (s->n == 0 ? v.kind != V_INT : v.kind != V_LIST) {
        net_error(net, s->a->span, s->n == 0 ? "repeat needs an integer, this is %s" : "repeat ... in needs a range or a list, this is %s",
                  value_text(net, &v));
        net->missing = true;
        return f;
    }
    int64_t n = v.kind == V_INT ? v.i : v.n;
    if (n < 0)
        net_error(net, s->a->span, "repeat %lld times", (long long)n);
    const int errors = net->d->errors;
    for (int64_t i = 0; i < n && !f.returned && !net->stopped; i++) {
        if (net->d->errors > errors) { /* a million rounds have the same */
            net->missing = true;
            break;
        }
        if (s->n > 0)
            bind_names(net, s, &v.item[i]);
        f = run_body(net, s->b);
    }
    return f;
}

static struct flow run_if(struct net *net, struct ast *s)
{
    struct value v = eval(net, s->a);
    if (value_check(net, &v) && v.kind != V_BOOL)
        net_error(net, s->a->span, "the condition is %s, expected true or false, as in n > 1", value_text(net, &v));
    if (v.kind != V_BOOL) {
        net->missing = true;
        return (struct flow){0};
    }
    if (v.i)
        return run_body(net, s->b);
    return s->c ? run_body(net, s->c) : (struct flow){0};
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

static bool bind_arguments(struct net *net, struct ast *block, const struct call *c, struct scope *inner, struct scope *outer)
{
    const char *names[256];
    int n = 0, given = 0;
    bool ok = true;
    for (struct ast *p = block->list; p && n < 256; p = p->next)
        names[n++] = p->name;

    struct ast *next = block->list;
    for (int i = 0; i < c->args; i++) {
        const struct argument *a = &c->arg[i];
        struct ast *p = a->name ? block->list : next;
        while (a->name && p && strcmp(p->name, a->name) != 0)
            p = p->next;
        if (!p) {
            if (a->name)
                net_error(net, a->name_span, "%s: there is no argument '%s'%s", c->name, a->name, did_you_mean(net, a->name, names, n));
            else
                net_error(net, a->span, "%s: %d arguments, expected at most %d", c->name, given + 1, block->n);
            diag_note(net->d, block->name_span, "%s is defined here", block->name);
            return false;
        }
        if (!a->name)
            next = p->next, given++;
        if (find(inner, p->name)) {
            net_error(net, a->span, "%s: %s is given twice", c->name, p->name);
            return false;
        }
        net->scope = inner;
        define(net, p->name, p->name_span, a->value, block)->parameter = true;
        net->scope = outer;
    }
    for (struct ast *p = block->list; p; p = p->next) {
        if (find(inner, p->name))
            continue;
        if (!p->a) {
            net_error(net, c->span, "%s: argument '%s' is missing", c->name, p->name);
            diag_note(net->d, block->name_span, "%s is defined here", block->name);
            return false;
        }
        net->scope = inner; /* a default may use the parameters before it */
        struct value v = eval(net, p->a);
        ok = ok && v.kind != V_ERROR;
        define(net, p->name, p->name_span, v, block)->parameter = true;
        net->scope = outer;
    }
    return ok;
}

struct value call_block(struct net *net, struct ast *block, struct call *c)
{
    if (net->calls == BLOCK_DEPTH_MAX) {
        net_error(net, c->span, "blocks call each other more than %d deep", BLOCK_DEPTH_MAX);
        net->stopped = true;
        return value_error();
    }
    struct scope *outer = net->scope, *inner = arena_alloc(net->arena, sizeof *inner);
    inner->outer = net->global;
    inner->caller = outer;
    inner->call = c->span;
    inner->name = block->name;
    if (!bind_arguments(net, block, c, inner, outer))
        return value_error();
    bool taken = net->target_taken;
    const char *name = layer_name(net, c->label, block->name, true);
    inner->prefix = arena_printf(net->arena, "%s.", name);

    int errors = net->d->errors;
    net->scope = inner;
    net->calls++;
    struct flow f = run_body(net, block->a);
    net->calls--;
    net->scope = outer;
    if (!f.returned && !f.value.span.source) {
        if (net->d->errors == errors && !net->missing)
            net_error(net, block->name_span, "block %s has no result; end it with return", block->name);
        return value_error();
    }
    if (f.value.kind != V_ERROR && !value_has_tensor(&f.value)) { /* a block that computes a number is no layer */
        layer_name_back(net, name);
        net->target_taken = taken;
    }
    f.value.span = c->span;
    return f.value;
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

static struct value run_return(struct net *net, struct ast *s)
{
    if (net->calls == 0) {
        net_error(net, s->span, "return stands outside a block");
        return value_error();
    }
    struct value v = value_list(net, s->n, s->span);
    int i = 0;
    for (struct ast *e = s->list; e; e = e->next)
        v.item[i++] = eval_named(net, e, NULL, s->span, 1);
    return s->n == 1 ? v.item[0] : v;
}

static struct flow run_statement(struct net *net, struct ast *s)
{
    struct flow f = {0};
    if (++net->steps > STEPS_MAX) {
        net_error(net, s->span, "the network has more than %d statements once its blocks and repetitions are expanded", STEPS_MAX);
        net->stopped = true;
    }
    if (net->depth == EVAL_DEPTH_MAX || net->stopped)
        return f;
    net->depth++;
    switch (s->kind) {
    case AST_BODY: /* the inputs of one statement, or what was left of a wrong one */
        f = run_body(net, s);
        break;
    case AST_NETWORK:
        if (net->named)
            net_error(net, s->span, "the network has a name already: %s", net->g->name);
        net->named = true;
        net->g->name = arena_strdup(&net->g->arena, s->name);
        break;
    case AST_INPUT:
        if (net->calls > 0)
            net_error(net, s->span, "an input inside a block");
        else
            eval_input(net, s);
        break;
    case AST_CONST: {
        struct value v = eval(net, s->a);
        if (net->calls == 0)
            v = net_const(net, s, v);
        if (value_check(net, &v) && value_has_tensor(&v))
            net_error(net, s->a->span, "a constant is a number, a string or a list, this is %s", value_text(net, &v));
        define(net, s->name, s->name_span, value_check(net, &v) && !value_has_tensor(&v) ? v : value_error(), s);
        break;
    }
    case AST_BLOCK:
        if (net->calls > 0)
            net_error(net, s->name_span, "a block inside a block");
        break;
    case AST_ASSIGN:
        if (s->n == 1)
            assign_one(net, s);
        else
            assign_several(net, s);
        break;
    case AST_EVAL:
        f.value = eval_named(net, s->a, NULL, s->span, 1);
        f.value.span = s->span;
        break;
    case AST_REPEAT:
        f = run_repeat(net, s);
        break;
    case AST_IF:
        f = run_if(net, s);
        break;
    case AST_RETURN:
        f.value = run_return(net, s);
        f.returned = true;
        break;
    case AST_OUTPUT:
        if (net->calls > 0)
            net_error(net, s->span, "an output inside a block; return it instead");
        else
            run_output(net, s);
        break;
    case AST_TRAIN:
        if (net->g->train)
            net_error(net, s->span, "there is a train section already");
        for (struct ast *t = s->b->list; t; t = t->next)
            if (t->kind != AST_ASSIGN || t->n != 1)
                net_error(net, t->span, "a train section holds settings, as in optimizer = sgd(lr=0.1)");
        for (struct ast *t = s->b->list; t; t = t->next)
            train_constants(net, t->a);
        net->g->train = s->b;
        read_train_section(net->g, NULL, &(struct train){0}); /* what is wrong is said also where nobody trains */
        break;
    default:
        break;
    }
    net->depth--;
    return f;
}

static struct flow run_body(struct net *net, struct ast *body)
{
    struct flow f = {0};
    if (body->kind == AST_IF)
        return run_statement(net, body);
    for (struct ast *s = body->list; s && !f.returned && !net->stopped; s = s->next)
        f = run_statement(net, s);
    return f;
}

/* ---- the whole text --------------------------------------------------------------------------------------------- */

static void collect_blocks(struct net *net, struct ast *body)
{
    for (struct ast *s = body->list; s; s = s->next) {
        if (s->kind != AST_BLOCK)
            continue;
        struct ast *twin = find_block(net, s->name);
        if (twin) {
            net_error(net, s->name_span, "there is a block '%s' already", s->name);
            diag_note(net->d, twin->name_span, "it is defined here");
            continue;
        }
        for (struct ast *p = s->list; p; p = p->next)
            for (struct ast *q = s->list; q != p; q = q->next)
                if (strcmp(p->name, q->name) == 0)
                    net_error(net, p->name_span, "block %s has two parameters '%s'", s->name, p->name);
        VEC_PUSH(net->blocks, net->nblocks, s);
    }
}

static void check_whole(struct net *net, const struct source *source)
{
    struct span start = {source, 0, 0};
    if (net->d->errors > 0)
        return;
    if (net->g->inputs == 0)
        net_error(net, start, "the network has no input, as in: input image[3, 224, 224]");
    else if (net->g->outputs == 0)
        net_error(net, start, "the network has no output, as in: output prob");
    struct variable *order[64];
    int n = 0;
    if (net->d->errors > 0)
        return;
    for (struct variable *v = net->global->variables; v && n < 64; v = v->next)
        if (!v->used && v->value.kind == V_TENSOR && !v->value.t->is_output)
            order[n++] = v;
    while (n-- > 0)
        diag_warning(net->d, order[n]->span, "'%s' is not used", order[n]->name);
}

struct graph *read_net_text(const char *path, const char *text, size_t length, const struct options *o, struct diag *d)
{
    struct graph *g = graph_new(d, "net");
    g->name = net_name_of_path(&g->arena, path);
    g->source = arena_strdup(&g->arena, path);
    struct source *source = arena_alloc(&g->arena, sizeof *source);
    *source = (struct source){g->source, NULL, length};
    char *copy = arena_alloc(&g->arena, length + 1);
    if (length > 0)
        memcpy(copy, text, length);
    source->text = copy;

    int errors = d->errors;
    struct ast *body = net_parse(d, source, &g->arena);
    if (d->errors == errors) {
        struct scope *global = arena_alloc(&g->arena, sizeof *global);
        global->prefix = "";
        struct net net = {.g = g, .d = d, .arena = &g->arena, .batch = o->batch, .global = global, .scope = global,
                          .consts = o->consts, .nconsts = o->nconsts};
        net.const_used = arena_alloc(&g->arena, sizeof *net.const_used * (size_t)MAX(o->nconsts, 1));
        collect_blocks(&net, body);
        run_body(&net, body);
        if (d->errors == errors)
            net_check_consts(&net);
        check_whole(&net, source);
        if (net.stopped && diag_full(d))
            diag_stop(d, g->source);
        free(net.blocks);
        free(net.reported);
    }
    if (d->errors > errors) {
        graph_free(g);
        return NULL;
    }
    return g;
}

struct graph *read_net(const char *path, const struct options *o, struct diag *d)
{
    size_t length;
    char *text = read_file(path, &length);
    if (!text) {
        diag_error_at(d, path, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    struct graph *g = read_net_text(path, text, length, o, d);
    free(text);
    return g;
}
