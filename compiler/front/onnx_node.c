#include "onnx_import.h"

#include <stdlib.h>
#include <string.h>

typedef Onnx__AttributeProto attribute;

/* ---- errors ------------------------------------------------------------------------------------------------------ */

const char *raw_where(struct scope *s, const struct raw *r)
{
    return arena_printf(s->im->arena, "%s: node %d '%s' (%s%s%s)", s->where, r->index, r->name, r->domain, *r->domain ? "." : "", r->op);
}

bool raw_error(struct scope *s, const struct raw *r, const char *format, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    diag_error_at(s->im->diag, raw_where(s, r), "%s", text);
    return false;
}

/* ---- operands and attributes of a raw node ----------------------------------------------------------------------- */

struct tensor *raw_in(const struct raw *r, int i)
{
    return i < r->nin && r->in[i] ? r->in[i]->t : NULL;
}

void raw_set_in(struct scope *s, struct raw *r, int i, struct tensor *t)
{
    if (i >= r->nin) {
        struct value **in = arena_alloc(s->im->arena, sizeof *in * (size_t)(i + 1));
        if (r->nin)
            memcpy(in, r->in, sizeof *in * (size_t)r->nin);
        r->in = in;
        r->nin = i + 1;
    }
    r->in[i] = t ? value_of(s, t) : NULL;
}

static bool has_name(const attribute *a, const char *name)
{
    return a->name && strcmp(a->name, name) == 0;
}

attribute *raw_attr(const struct raw *r, const char *name)
{
    for (int i = 0; i < r->nattr; i++)
        if (has_name(r->attr[i], name))
            return r->attr[i];
    return NULL;
}

attribute *raw_take(struct raw *r, const char *name)
{
    for (int i = 0; i < r->nattr; i++)
        if (has_name(r->attr[i], name)) {
            attribute *a = r->attr[i];
            memmove(r->attr + i, r->attr + i + 1, sizeof *r->attr * (size_t)(r->nattr - i - 1));
            r->nattr--;
            return a;
        }
    return NULL;
}

static attribute *new_attribute(struct scope *s, struct raw *r, const char *name, int type)
{
    attribute *a = arena_alloc(s->im->arena, sizeof *a), **all = arena_alloc(s->im->arena, sizeof *all * (size_t)(r->nattr + 1));
    raw_take(r, name);
    if (r->nattr)
        memcpy(all, r->attr, sizeof *all * (size_t)r->nattr);
    onnx__attribute_proto__init(a);
    a->name = arena_strdup(s->im->arena, name);
    a->has_type = 1;
    a->type = (Onnx__AttributeProto__AttributeType)type;
    all[r->nattr++] = a;
    r->attr = all;
    return a;
}

void raw_set_i(struct scope *s, struct raw *r, const char *name, int64_t v)
{
    attribute *a = new_attribute(s, r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = v;
}

void raw_set_f(struct scope *s, struct raw *r, const char *name, float v)
{
    attribute *a = new_attribute(s, r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = v;
}

void raw_set_s(struct scope *s, struct raw *r, const char *name, const char *v)
{
    attribute *a = new_attribute(s, r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s = (ProtobufCBinaryData){ strlen(v), (uint8_t *)arena_strdup(s->im->arena, v) };
}

bool raw_define(struct scope *s, struct raw *r, int i, struct value *v)
{
    if (i < r->nout && *r->out[i])
        scope_set(s, r->out[i], v);
    return true;
}

/* ---- attributes -> the operator's --------------------------------------------------------------------------------- */

/* Files of IR version 1 leave the type out. */
static int type_of(const attribute *a)
{
    if (a->has_type && a->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        return a->type;
    return a->has_f ? 1 : a->has_i ? 2 : a->has_s ? 3 : a->t ? 4 : a->g ? 5 : a->n_floats ? 6 : a->n_ints ? 7 : a->n_strings ? 8 : 0;
}

static const char *string(struct scope *s, ProtobufCBinaryData b)
{
    return arena_strndup(s->im->arena, (const char *)b.data, b.len);
}

static bool set_attribute(struct scope *s, struct raw *r, struct node *n, const struct attr_def *d, const attribute *a, struct attr *to)
{
    struct arena *arena = s->im->arena;
    static const char *const type_names[] = { "undefined", "a float", "an int", "a string", "a tensor", "a graph", "floats", "ints", "strings" };
    int type = type_of(a), want = 0;
    switch (d->type) {
    case A_INT:
    case A_BOOL:
        want = 2;
        to->i = a->i;
        break;
    case A_FLOAT:
        want = 1;
        to->f = (double)a->f;
        break;
    case A_STRING:
        want = 3;
        if (type == want)
            to->s = string(s, a->s);
        break;
    case A_INTS:
    case A_SPATIAL:
    case A_PADS:
        want = 7;
        if (type == want || (type == 0 && !a->has_i)) {
            type = want;
            to->n = (int)a->n_ints;
            to->ints = arena_alloc(arena, sizeof *to->ints * (a->n_ints + 1));
            for (size_t i = 0; i < a->n_ints; i++)
                to->ints[i] = a->ints[i];
        }
        break;
    case A_FLOATS:
        want = 6;
        if (type == want) {
            to->n = (int)a->n_floats;
            to->floats = arena_alloc(arena, sizeof *to->floats * (a->n_floats + 1));
            for (size_t i = 0; i < a->n_floats; i++)
                to->floats[i] = (double)a->floats[i];
        }
        break;
    case A_STRINGS:
        want = 8;
        if (type == want) {
            to->n = (int)a->n_strings;
            to->strings = arena_alloc(arena, sizeof *to->strings * (a->n_strings + 1));
            for (size_t i = 0; i < a->n_strings; i++)
                to->strings[i] = string(s, a->strings[i]);
        }
        break;
    case A_TENSOR:
        want = 4;
        if (type == want && a->t) {
            to->tensor = import_tensor(s, arena_printf(arena, "node %d '%s' (%s): attribute", r->index, r->name, r->op), a->t);
            if (!to->tensor)
                return false;
        }
        break;
    }
    if (type != want)
        return node_error(s->g, n, "attribute '%s' is %s, expected %s", d->onnx, type >= 0 && type <= 8 ? type_names[type] : "of another type", type_names[want]);
    to->set = true;
    return true;
}

static bool set_attributes(struct scope *s, struct raw *r, struct node *n)
{
    const struct op *op = n->op;
    for (int i = 0; i < r->nattr; i++) {
        const char *name = r->attr[i]->name ? r->attr[i]->name : "";
        int k = 0;
        while (k < op->nattrs && (!op->attrs[k].onnx || (op->attrs[k].flags & AT_NET) || strcmp(op->attrs[k].onnx, name) != 0))
            k++;
        if (k == op->nattrs)
            return node_error(s->g, n, "attribute '%s' is not known", name);
        if (!set_attribute(s, r, n, &op->attrs[k], r->attr[i], &n->attr[k]))
            return false;
    }
    for (int k = 0; k < op->nattrs; k++)
        if ((op->attrs[k].flags & AT_REQUIRED) && !(op->attrs[k].flags & AT_NET) && !n->attr[k].set)
            return node_error(s->g, n, "attribute '%s' is missing", op->attrs[k].onnx);
    return true;
}

/* ---- nodes of the graph ------------------------------------------------------------------------------------------- */

bool raw_infer(struct scope *s, struct node *n)
{
    for (int i = 0; i < n->nin; i++)
        if (n->in[i] && (n->in[i]->rank < 0 || !n->in[i]->dtype))
            return true; /* inside a subgraph whose operands get their shapes later */
    return infer_node(s->g, n);
}

static struct node *make_node(struct scope *s, const struct raw *r, const char *name)
{
    const struct op *op = op_by_onnx(r->op);
    static const char *const domains[] = { "", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.training" };
    bool ours = false;
    for (size_t i = 0; i < COUNT(domains); i++)
        ours |= strcmp(r->domain, domains[i]) == 0;
    if (!ours || !op || (op->flags & OP_INTERNAL)) {
        raw_error(s, r, "this operator is not supported");
        return NULL;
    }
    if (s->im->budget-- <= 0) {
        raw_error(s, r, "the model expands into too many nodes");
        return NULL;
    }
    struct node *n = node_new(s->g, op, name);
    n->onnx_index = r->index;
    return n;
}

struct node *raw_node(struct scope *s, const struct raw *r)
{
    return make_node(s, r, node_name_in(s, *r->name ? r->name : *r->out ? *r->out : r->op));
}

bool bind_raw(struct scope *s, struct raw *r)
{
    struct node *n = raw_node(s, r);
    if (!n)
        return false;
    for (int i = 0; i < r->nin; i++) {
        if (r->in[i] && !r->in[i]->t)
            return node_error(s->g, n, "input %d is a sequence or an optional, which is not supported here", i);
        node_input(s->g, n, raw_in(r, i));
    }
    if (strcmp(r->op, "BatchNormalization") == 0) /* running statistics are no parameters that one counts */
        for (int i = 3; i < n->nin; i++)
            if (n->in[i])
                n->in[i]->trainable = false;
    if (!set_attributes(s, r, n))
        return false;
    while (r->nout > 1 && !*r->out[r->nout - 1])
        r->nout--;
    for (int i = 0; i < r->nout; i++) {
        bool named = *r->out[i]; /* the first exists even where nobody wants it: operators rely on it */
        struct tensor *t = node_output(s->g, n, named ? name_in(s, r->out[i]) : i == 0 ? name_in(s, "unnamed") : NULL);
        if (named)
            scope_set(s, r->out[i], value_of(s, t));
    }
    return raw_infer(s, n);
}

struct node *emit_begin(struct scope *s, const struct raw *r, const char *op)
{
    struct raw e = *r;
    e.op = op;
    e.domain = "";
    return make_node(s, &e, node_name_in(s, arena_printf(s->im->arena, "%s.%s", *r->name ? r->name : r->op, op)));
}

struct tensor *emit_end(struct scope *s, struct node *n)
{
    struct tensor *t = node_output(s->g, n, name_in(s, arena_printf(s->im->arena, "%s.out", n->name)));
    return raw_infer(s, n) ? t : NULL;
}

struct tensor *emit1(struct scope *s, const struct raw *r, const char *op, struct tensor *a, struct tensor *b)
{
    struct node *n = emit_begin(s, r, op);
    if (!n)
        return NULL;
    node_input(s->g, n, a);
    if (b)
        node_input(s->g, n, b);
    return emit_end(s, n);
}

struct tensor *output_copy(struct scope *s, struct tensor *t, const char *name)
{
    struct raw r = { .op = "Identity", .domain = "", .name = name, .index = -1 };
    struct node *n = make_node(s, &r, node_name_in(s, name));
    if (!n)
        return NULL;
    node_input(s->g, n, t);
    struct tensor *out = node_output(s->g, n, name);
    out->is_output = true; /* before inference, which would fold a constant away */
    return infer_node(s->g, n) ? out : NULL;
}

struct tensor *const_ints(struct scope *s, int n, const int64_t *v)
{
    return tensor_i64(s->g, name_in(s, "ints"), n, v);
}

bool known_int(const struct tensor *t, int64_t *v)
{
    if (!t || !t->data || t->rank < 0 || tensor_count(t) != 1)
        return false;
    switch (t->dtype) {
    case DT_BOOL:
    case DT_U8: *v = *(const uint8_t *)t->data; return true;
    case DT_I8: *v = *(const int8_t *)t->data; return true;
    case DT_I32: *v = *(const int32_t *)t->data; return true;
    case DT_I64: *v = *(const int64_t *)t->data; return true;
    default: return false;
    }
}

bool known_bool(const struct tensor *t, bool *v)
{
    int64_t i;
    if (!known_int(t, &i))
        return false;
    *v = i != 0;
    return true;
}

/* ---- functions of the model ---------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static const Onnx__FunctionProto *find_function(struct scope *s, const Onnx__NodeProto *node)
{
    const Onnx__ModelProto *m = s->im->file->model;
    for (size_t i = 0; i < m->n_functions; i++) {
        const Onnx__FunctionProto *f = m->functions[i];
        if (same(f->name, node->op_type) && same(f->domain, node->domain) && same(f->overload, node->overload))
            return f;
    }
    return NULL;
}

static int64_t default_opset(Onnx__OperatorSetIdProto **set, size_t n, int64_t otherwise)
{
    for (size_t i = 0; i < n; i++)
        if (!set[i]->domain || !*set[i]->domain || strcmp(set[i]->domain, "ai.onnx") == 0)
            return set[i]->version;
    return otherwise;
}

static bool call_function(struct scope *caller, struct raw *r, const Onnx__FunctionProto *f)
{
    struct scope s = { .im = caller->im, .g = caller->g, .where = raw_where(caller, r), .function = f };
    bool ok = true;
    s.opset = default_opset(f->opset_import, f->n_opset_import, caller->opset);
    s.prefix = arena_printf(s.im->arena, "%s%s/", caller->prefix, *r->name ? r->name : r->op);
    s.arg = r->attr;
    s.args = (size_t)r->nattr;
    for (size_t i = 0; i < f->n_input; i++)
        if ((int)i < r->nin && r->in[i])
            scope_set(&s, f->input[i], r->in[i]);
    ok = import_body(&s, f->node, f->n_node);
    for (int i = 0; i < r->nout && ok; i++) {
        struct value *v = (size_t)i < f->n_output ? scope_find(&s, f->output[i]) : NULL;
        if (v)
            raw_define(caller, r, i, v);
        else if (*r->out[i])
            ok = raw_error(caller, r, "output %d of the function is not defined", i);
    }
    scope_free(&s);
    return ok;
}

/* The attribute's value where it refers to one of the function's; NULL: not given. */
static attribute *resolve(struct scope *s, attribute *a)
{
    if (!a->ref_attr_name || !*a->ref_attr_name)
        return a;
    attribute *value = NULL;
    for (size_t i = 0; s->function && i < s->function->n_attribute_proto; i++)
        if (has_name(s->function->attribute_proto[i], a->ref_attr_name))
            value = s->function->attribute_proto[i];
    for (size_t i = 0; i < s->args; i++)
        if (has_name(s->arg[i], a->ref_attr_name))
            value = s->arg[i];
    if (!value)
        return NULL;
    attribute *copy = arena_alloc(s->im->arena, sizeof *copy);
    *copy = *value;
    copy->name = a->name;
    return copy;
}

/* ---- constants as nodes ------------------------------------------------------------------------------------------- */

static bool import_constant(struct scope *s, struct raw *r)
{
    if (r->nattr != 1 || r->nout < 1)
        return raw_error(s, r, "expected one attribute and one output");
    attribute *a = r->attr[0];
    const char *name = name_in(s, r->out[0]);
    struct tensor *t = NULL;
    if (has_name(a, "value") && a->t) {
        t = import_tensor(s, arena_printf(s->im->arena, "node %d '%s' (Constant): value", r->index, r->name), a->t);
        if (!t)
            return false;
        tensor_rename(s->g, t, name);
    } else if (has_name(a, "value_float") && a->has_f) {
        t = tensor_const(s->g, name, DT_F32, 0, NULL, &a->f);
    } else if (has_name(a, "value_int") && a->has_i) {
        t = tensor_const(s->g, name, DT_I64, 0, NULL, &a->i);
    } else if (has_name(a, "value_floats")) {
        t = tensor_const(s->g, name, DT_F32, 1, (int64_t[]){ (int64_t)a->n_floats }, a->floats);
    } else if (has_name(a, "value_ints")) {
        t = tensor_const(s->g, name, DT_I64, 1, (int64_t[]){ (int64_t)a->n_ints }, a->ints);
    } else {
        return raw_error(s, r, "attribute '%s' is not supported", a->name ? a->name : "");
    }
    return raw_define(s, r, 0, value_of(s, t));
}

/* ---- one node ----------------------------------------------------------------------------------------------------- */

bool import_node(struct scope *s, Onnx__NodeProto *node, int index)
{
    struct arena *arena = s->im->arena;
    struct raw r = { .op = node->op_type ? node->op_type : "", .domain = node->domain ? node->domain : "", .name = node->name ? node->name : "",
                     .index = index, .opset = s->opset, .nin = (int)node->n_input, .nout = (int)node->n_output };
    bool done = false;
    if (strcmp(r.domain, "ai.onnx") == 0)
        r.domain = "";
    r.in = arena_alloc(arena, sizeof *r.in * (size_t)(r.nin + 1));
    r.out = arena_alloc(arena, sizeof *r.out * (size_t)(r.nout + 1));
    r.attr = arena_alloc(arena, sizeof *r.attr * (node->n_attribute + 1));
    for (int i = 0; i < r.nout; i++)
        r.out[i] = node->output[i];
    for (int i = 0; i < r.nin; i++) {
        if (!*node->input[i])
            continue;
        r.in[i] = scope_find(s, node->input[i]);
        if (!r.in[i] && s->function && !s->outer) { /* an optional input that the call leaves out */
            for (size_t k = 0; k < s->function->n_input; k++)
                done |= strcmp(s->function->input[k], node->input[i]) == 0;
            if (done) {
                done = false;
                continue;
            }
        }
        if (!r.in[i])
            return raw_error(s, &r, "input %d, '%s', is not defined", i, node->input[i]);
    }
    for (size_t i = 0; i < node->n_attribute; i++) {
        attribute *a = resolve(s, node->attribute[i]);
        if (a)
            r.attr[r.nattr++] = a;
    }
    if (r.nout == 0)
        return raw_error(s, &r, "it has no outputs");
    const Onnx__FunctionProto *f = find_function(s, node);
    if (f)
        return call_function(s, &r, f);
    if (!*r.domain && strcmp(r.op, "Constant") == 0)
        return import_constant(s, &r);
    if (!*r.domain && !import_control(s, &r, &done))
        return false;
    return done || (rewrite_raw(s, &r) && (*r.domain || import_extents(s, &r, &done)) && (done || bind_raw(s, &r)));
}
