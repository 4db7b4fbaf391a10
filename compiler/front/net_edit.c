/* --replace LAYER=CALL and --insert LAYER=CALL: a layer of a network that was read, from .net or ONNX, gives way to another call of the .net
 * language, or gets one behind it.
 *
 * The call is an expression of x, the operand of the layer that goes, or the result that the new layer takes; where x is not
 * mentioned it comes first, as through |>. What stands behind is inferred anew; parameters keep their names and, but for the new layer's, their values. */
#include <stdlib.h>
#include <string.h>

#include "front.h"
#include "net_eval.h"

struct change {
    const struct edit *edit;
    const char *option; /* "--replace fc8", for messages */
    const char *layer;
    struct ast *call;
    struct node *at;    /* the layer; NULL: done */
    struct node *tail;  /* the last node of the layer: itself, or what adds its bias */
    struct tensor *t;   /* its result */
};

/* ---- which layer ------------------------------------------------------------------------------------------------ */

/* "fc8" of the parameter fc8.weight; NULL: the layer has none with such a name. */
static const char *stem_of(struct graph *g, const struct node *n)
{
    for (int i = 0; i < n->nin; i++) {
        const char *name = n->in[i] && n->in[i]->kind == T_PARAM ? n->in[i]->name : "", *dot = strrchr(name, '.');
        if (dot && strcmp(dot, ".weight") == 0)
            return arena_strndup(&g->arena, name, (size_t)(dot - name));
    }
    return NULL;
}

static bool is_called(struct graph *g, const struct node *n, const char *name, int way, struct tensor **t)
{
    *t = n->out[0];
    if (way == 0)
        return strcmp(n->name, name) == 0;
    if (way == 2) {
        const char *stem = stem_of(g, n);
        return stem && strcmp(stem, name) == 0;
    }
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] && strcmp(n->out[i]->name, name) == 0) {
            *t = n->out[i];
            return true;
        }
    return false;
}

static bool is_constant(const struct tensor *t)
{
    if (!t || tensor_is_const(t) || !t->def)
        return !t || tensor_is_const(t);
    for (int i = 0; i < t->def->nin; i++)
        if (!is_constant(t->def->in[i]))
            return false;
    return true;
}

/* A product with a constant, then a sum with one value for each of its columns (MatMul and Add): one layer. */
static struct node *tail_of(struct node *n)
{
    struct node *next = n->out[0] && n->out[0]->users == 1 && !n->out[0]->is_output ? n->out[0]->user[0] : NULL;
    if (!next || n->op->params || n->op->flags & OP_ELEMENTWISE || n->nin != 2 || !(next->op->flags & OP_ELEMENTWISE) || next->nin != 2)
        return n;
    const struct tensor *bias = next->in[0] == n->out[0] ? next->in[1] : next->in[0], *w = n->in[1], *y = n->out[0];
    const bool whole = is_constant(bias) && is_constant(w) && w->rank == 2 && y->rank > 0 && tensor_count(bias) == w->dim[1] && y->dim[y->rank - 1] == w->dim[1];
    return whole ? next : n;
}

/* By its own name, its result's, or that of its parameters. In conv1 = conv(...) |> relu the layer conv1 is the convolution, and the value conv1
 * what relu makes: a layer is put in behind the value. */
static bool find_layer(struct graph *g, struct change *c)
{
    static const int order[2][3] = {{0, 1, 2}, {1, 0, 2}};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < g->nodes; i++)
            if (is_called(g, g->node[i], c->layer, order[c->edit->inserts][k], &c->t)) {
                c->at = c->tail = g->node[i];
                if (!c->edit->inserts && (c->tail = tail_of(c->at)) != c->at)
                    c->t = c->tail->out[0];
                return true;
            }
    const char **names = xcalloc((size_t)(3 * g->nodes + 1), sizeof *names);
    int n = 0;
    for (int i = 0; i < g->nodes; i++) {
        const char *stem = stem_of(g, g->node[i]);
        if (stem)
            names[n++] = stem;
        names[n++] = g->node[i]->name;
        if (g->node[i]->out[0])
            names[n++] = g->node[i]->out[0]->name;
    }
    const char *near = nearest_name(c->layer, names, (size_t)n);
    diag_error_at(g->diag, c->option, "there is no layer '%s'%s%s%s", c->layer, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(names);
    return false;
}

/* ---- the call --------------------------------------------------------------------------------------------------- */

static struct ast *name_x(struct graph *g, struct ast *like)
{
    struct ast *x = arena_alloc(&g->arena, sizeof *x);
    memset(x, 0, sizeof *x);
    x->kind = AST_NAME;
    x->name = "x";
    x->span = like->span;
    return x;
}

static bool parse_call(struct graph *g, const char *text, struct change *c)
{
    struct source *source = arena_alloc(&g->arena, sizeof *source);
    *source = (struct source){c->option, arena_strdup(&g->arena, text), strlen(text)};
    const int errors = g->diag->errors;
    struct ast *body = net_parse(g->diag, source, &g->arena), *s = body ? body->list : NULL;
    if (g->diag->errors > errors)
        return false;
    if (!s || s->next || s->kind != AST_EVAL) {
        diag_error_at(g->diag, c->option, "expected a layer, as in dense(10) or conv(64, 3x3) |> relu; found '%s'", text);
        return false;
    }
    c->call = s->a;
    if (ast_mentions(s->a, "x") || (s->a->kind != AST_PIPE && s->a->kind != AST_CALL && s->a->kind != AST_NAME && s->a->kind != AST_LABEL))
        return true;
    struct ast *x = name_x(g, s->a), *pipe = name_x(g, s->a);
    x->next = s->a->kind == AST_PIPE ? s->a->list : s->a;
    pipe->kind = AST_PIPE;
    pipe->list = x;
    c->call = pipe;
    return true;
}

/* What x is: the operand; several as a list. */
static struct value operand(struct net *net, const struct change *c)
{
    const struct node *n = c->at;
    struct value list = value_list(net, n->nin, c->call->span);
    if (c->edit->inserts)
        return value_tensor(c->t, c->call->span);
    list.n = 0;
    for (int i = 0; i < n->nin; i++)
        if (!is_constant(n->in[i]))
            list.item[list.n++] = value_tensor(n->in[i], c->call->span);
    return list.n == 1 ? list.item[0] : list;
}

static struct tensor *evaluate(struct graph *g, const struct options *o, const struct change *c, const char *target)
{
    struct scope *global = arena_alloc(&g->arena, sizeof *global);
    memset(global, 0, sizeof *global);
    global->prefix = "";
    struct net net = {.g = g, .d = g->diag, .arena = &g->arena, .batch = o->batch, .global = global, .scope = global};
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i] != c->at || c->edit->inserts)
            layer_name(&net, g->node[i]->name, NULL, false);
    const struct value x = operand(&net, c);
    if (x.kind == V_LIST && x.n == 0) {
        diag_error_at(g->diag, c->option, "%s has no operand that another layer could take", c->layer);
        return NULL;
    }
    define(&net, "x", c->call->span, x, c->call);
    net.target = target;
    net.target_taken = true; /* --insert: the new layer is LAYER.batchnorm */
    const struct value v = c->edit->inserts ? eval(&net, c->call) : eval_named(&net, c->call, target, c->call->span, 1);
    free(net.reported);
    if (v.kind == V_TENSOR)
        return v.t;
    if (v.kind != V_ERROR)
        diag_error_at(g->diag, c->option, "expected a layer, found %s", value_text(&net, &v));
    return NULL;
}

/* ---- the graph -------------------------------------------------------------------------------------------------- */

/* A parameter that goes makes room for one of the new layer. */
static void leave_name(struct graph *g, struct tensor *t)
{
    if (strncmp(t->name, REPLACED, strlen(REPLACED)) != 0)
        tensor_rename(g, t, arena_printf(&g->arena, REPLACED "%s", t->name));
    t->trainable = false;
}

/* What nobody reads any more goes, with what leads to it; a parameter keeps its name, for the weights file that has it. */
static void drop(struct graph *g, struct node *n)
{
    struct tensor **in = xcalloc((size_t)n->nin + 1, sizeof *in);
    const int count = n->nin;
    memcpy(in, n->in, sizeof *in * (size_t)count);
    node_remove(g, n);
    for (int i = 0; i < count; i++) {
        struct tensor *t = in[i];
        if (!t || t->users > 0 || t->is_output)
            continue;
        if (t->def) {
            bool used = false;
            for (int k = 0; k < t->def->nout; k++)
                used |= t->def->out[k] && (t->def->out[k]->users > 0 || t->def->out[k]->is_output);
            if (!used)
                drop(g, t->def);
        } else if (t->kind == T_PARAM) {
            leave_name(g, t);
        }
    }
    free(in);
}

static void rename_tensor(struct graph *g, struct tensor *t, const char *name)
{
    for (int i = 0; i < g->tensors; i++)
        if (g->tensor[i] != t && strcmp(g->tensor[i]->name, name) == 0)
            tensor_rename(g, g->tensor[i], unique_name(g, arena_printf(&g->arena, "%s.before", name)));
    tensor_rename(g, t, name);
}

static bool apply(struct graph *g, const struct options *o, struct change *c)
{
    const int nodes = g->nodes, tensors = g->tensors, place = c->at->id + c->edit->inserts;
    struct tensor *old = c->t;
    const char *name = old->name, *stem = stem_of(g, c->at), *target = c->edit->inserts ? c->layer : stem ? stem : c->at->name;
    if (!c->edit->inserts) {
        for (int i = 0; i < c->tail->nout; i++)
            if (c->tail->out[i] && c->tail->out[i] != old && (c->tail->out[i]->users > 0 || c->tail->out[i]->is_output)) {
                diag_error_at(g->diag, c->option, "%s has several results that are read: it cannot be replaced", c->layer);
                return false;
            }
        for (int i = 0; i < c->at->nin; i++)
            if (c->at->in[i] && c->at->in[i]->kind == T_PARAM && c->at->in[i]->users == 1)
                leave_name(g, c->at->in[i]);
        old->name = arena_printf(&g->arena, REPLACED "%s", name);
    }
    struct tensor *now = evaluate(g, o, c, target);
    if (!now)
        return false;
    const bool made = now->def && now->def->id >= nodes;
    if (!made && (old->is_output || c->edit->inserts)) {
        diag_error_at(g->diag, c->option, "expected a layer: this one makes nothing new");
        return false;
    }
    for (int i = tensors; i < g->tensors; i++)
        g->tensor[i]->added = g->tensor[i]->kind == T_PARAM;
    const int fresh = g->nodes - nodes;
    for (int k = 0; k < fresh; k++)
        node_move(g, g->node[nodes + k], place + k);
    if (c->edit->inserts) { /* all readers but the new nodes */
        for (int i = place + fresh; i < g->nodes; i++)
            for (int k = 0; k < g->node[i]->nin; k++)
                if (g->node[i]->in[k] == old)
                    node_set_input(g, g->node[i], k, now);
        if (old->is_output) {
            old->is_output = false;
            now->is_output = true;
            for (int i = 0; i < g->outputs; i++)
                g->output[i] = g->output[i] == old ? now : g->output[i];
            rename_tensor(g, now, name);
        }
    } else {
        replace_tensor(g, old, now);
        old->is_output = false;
        drop(g, c->tail);
        if (made)
            rename_tensor(g, now, name);
    }
    c->at = NULL;
    return true;
}

/* Shapes from node `from` on; layers that are to go are not asked. */
static bool infer_to(struct graph *g, const struct change *change, int n, int from, int to)
{
    for (int i = from; i < to; i++) {
        bool goes = false;
        for (int k = 0; k < n; k++)
            goes |= !change[k].edit->inserts && change[k].at && (change[k].at == g->node[i] || change[k].tail == g->node[i]);
        if (goes || infer_node(g, g->node[i]))
            continue;
        for (int k = 0; k < n; k++)
            if (!change[k].at)
                diag_note(g->diag, change[k].call->span, "since this change; what does not fit it can be replaced, too");
        return false;
    }
    return true;
}

bool edit_network(struct graph *g, const struct options *o)
{
    struct change *change = xcalloc((size_t)o->nedits + 1, sizeof *change);
    int n = 0;
    bool ok = true;
    for (int i = 0; i < o->nedits && ok; i++) {
        struct change *c = &change[n++];
        const char *equals = strchr(o->edits[i].text, '=');
        c->edit = &o->edits[i];
        c->layer = arena_strndup(&g->arena, o->edits[i].text, (size_t)(equals - o->edits[i].text));
        c->option = arena_printf(&g->arena, "--%s %s", o->edits[i].inserts ? "insert" : "replace", c->layer);
        ok = find_layer(g, c) && parse_call(g, equals + 1, c);
        for (int k = 0; k + 1 < n && ok; k++)
            if (change[k].at == c->at && !change[k].edit->inserts && !c->edit->inserts) {
                diag_error_at(g->diag, c->option, "this layer is replaced twice");
                ok = false;
            }
    }
    int from = 0;
    for (int done = 0; done < n && ok; done++) { /* the first in the order of the network comes first */
        struct change *first = NULL;
        for (int k = 0; k < n; k++)
            if (change[k].at && (!first || change[k].at->id < first->at->id || (change[k].at == first->at && !change[k].edit->inserts)))
                first = &change[k];
        const int at = first->at->id + first->edit->inserts;
        struct tensor *old = first->t;
        ok = (done == 0 || infer_to(g, change, n, from, at)) && apply(g, o, first);
        from = at;
        for (int k = 0; k < n && ok && !first->edit->inserts; k++) /* what comes behind the layer comes behind the new one */
            if (change[k].at && change[k].t == old)
                ok = find_layer(g, &change[k]);
    }
    ok = ok && (n == 0 || infer_to(g, change, n, from, g->nodes));
    free(change);
    return ok;
}
