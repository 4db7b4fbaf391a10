/* What comes from outside. Inputs, and how a picture arrives: bytes, channels last, mean and deviation become nodes behind
 * the input. Parameters and constants that are tensors. Constants of the command line. */
#include "net_eval.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../pass.h"

struct picture {
    enum dtype dtype;
    bool given, raw, hwc, batch;
    double scale;
    double *mean, *std; /* one per channel, or NULL */
};

static const char *const option_names[] = {"hwc", "chw", "raw", "batch", "scale", "mean", "std", "float32", "float64", "float16",
                                           "bfloat16", "uint8", "int8", "uint16", "int16", "int32", "int64", "uint32", "uint64",
                                           "bool"};

static enum dtype dtype_named(const char *name)
{
    for (int t = DT_F32; t < DT_COUNT; t++)
        if (dtype_size((enum dtype)t) > 0 && strcmp(dtype_name((enum dtype)t), name) == 0)
            return (enum dtype)t;
    return DT_NONE;
}

/* mean=[123.7, 116.3, 103.5] or one number for all channels. */
static double *per_channel(struct net *net, const struct ast *o, const struct value *v, int64_t channels)
{
    double *list = arena_alloc(net->arena, sizeof *list * (size_t)MAX(channels, 1)), f;
    if (v->kind == V_LIST && v->n != channels) {
        net_error(net, o->span, "%s has %d values, expected 1 or %lld, one per channel", o->name, v->n, (long long)channels);
        return NULL;
    }
    for (int64_t i = 0; i < channels; i++) {
        const struct value *x = v->kind == V_LIST ? &v->item[i] : v;
        if (!value_number(x, &f)) {
            if (value_check(net, x))
                net_error(net, o->span, "%s is %s, expected a number or a list of numbers", o->name, value_text(net, x));
            return NULL;
        }
        if (f == 0 && strcmp(o->name, "std") == 0) {
            net_error(net, o->span, "std is 0, expected a deviation to divide by");
            return NULL;
        }
        list[i] = f;
    }
    return list;
}

/* What is wrong is reported and changes nothing. */
static void read_option(struct net *net, const struct ast *o, struct picture *p, int64_t channels)
{
    const bool flag = !o->a;
    const bool scale = strcmp(o->name, "scale") == 0, mean = strcmp(o->name, "mean") == 0, std = strcmp(o->name, "std") == 0;
    const bool batch = strcmp(o->name, "batch") == 0, hwc = strcmp(o->name, "hwc") == 0;
    if (flag && dtype_named(o->name) != DT_NONE) {
        p->dtype = dtype_named(o->name);
    } else if (flag && (hwc || strcmp(o->name, "chw") == 0)) {
        p->hwc = hwc;
        p->given |= hwc;
    } else if (flag && strcmp(o->name, "raw") == 0) {
        p->raw = true;
    } else if (!scale && !mean && !std && !batch) {
        net_error(net, o->name_span, "there is no input option '%s'%s", o->name,
                  did_you_mean(net, o->name, option_names, COUNT(option_names)));
    } else if (flag) {
        net_error(net, o->span, "%s needs a value, as in %s", o->name, scale ? "scale=1/255" : batch ? "batch=false" : mean ? "mean=127.5" : "std=58");
    } else {
        const struct value v = eval(net, o->a);
        p->given |= !batch;
        if (!value_check(net, &v))
            return;
        if (batch && v.kind == V_BOOL)
            p->batch = v.i;
        else if (batch)
            net_error(net, o->span, "batch is %s, expected true or false", value_text(net, &v));
        else if (mean)
            p->mean = per_channel(net, o, &v, channels);
        else if (std)
            p->std = per_channel(net, o, &v, channels);
        else if (!value_number(&v, &p->scale))
            net_error(net, o->span, "scale is %s, expected a number", value_text(net, &v));
    }
}

static struct tensor *append(struct net *net, const struct ast *s, const char *onnx, struct tensor *x, struct tensor *operand,
                             int64_t to, int rank, const int64_t *perm)
{
    struct graph *g = net->g;
    const struct op *op = op_by_onnx(onnx);
    if (!op) {
        net_error(net, s->span, "this input needs the operator %s, which this compiler does not have", onnx);
        return NULL;
    }
    struct node *n = node_new(g, op, arena_printf(&g->arena, "%s.%s", s->name, op->net ? op->net : op->onnx));
    n->span = s->span;
    node_input(g, n, x);
    if (operand)
        node_input(g, n, operand);
    if (to)
        set_attr_i(g, n, "to", to);
    if (perm)
        set_attr_ints(g, n, "perm", rank, perm);
    struct tensor *y = node_output(g, n, unique_name(g, n->name));
    return infer_node(g, n) ? y : NULL;
}

/* A constant that broadcasts over channels: C x 1 x 1. */
static struct tensor *channel_constant(struct net *net, const struct ast *s, const char *what, int rank, int64_t channels, bool one,
                                       const double *v)
{
    int64_t dim[MAX_RANK];
    for (int i = 0; i < rank; i++)
        dim[i] = i == 0 && !one ? channels : 1;
    char *name = arena_printf(&net->g->arena, "%s.%s", s->name, what);
    struct tensor *t = tensor_const(net->g, unique_name(net->g, name), DT_F32, rank, dim, NULL);
    for (int64_t i = 0; i < (one ? 1 : channels); i++)
        ((float *)t->data)[i] = (float)v[i];
    return t;
}

void eval_input(struct net *net, const struct ast *s)
{
    struct graph *g = net->g;
    struct picture p = {.dtype = DT_F32, .batch = true, .scale = 1};
    int64_t dim[MAX_RANK];
    double elements = 1;
    int rank = 0;

    define(net, s->name, s->name_span, value_error(), s);
    for (struct ast *e = s->a->list; e; e = e->next) {
        struct value v = eval(net, e);
        if (!value_check(net, &v))
            return;
        for (int i = 0; i < (v.kind == V_LIST ? v.n : 1); i++) {
            const struct value *size = v.kind == V_LIST ? &v.item[i] : &v;
            if (size->kind != V_INT || size->i < 1) {
                net_error(net, e->span, "a size of an input is %s, expected a positive integer, as in image[3, 224, 224]", value_text(net, size));
                return;
            }
            if (rank == MAX_RANK - 1) {
                net_error(net, s->a->span, "an input has at most %d axes besides the batch", MAX_RANK - 1);
                return;
            }
            dim[rank++] = size->i;
            elements *= (double)size->i;
        }
    }
    if (elements > ELEMENTS_MAX) {
        net_error(net, s->a->span, "this input has %.0f elements, expected at most %d", elements, ELEMENTS_MAX);
        return;
    }
    for (const struct ast *o = s->list; o; o = o->next)
        read_option(net, o, &p, rank > 0 ? dim[0] : 1); /* one that is wrong changes no shape: what follows can be checked all the same */
    if (p.hwc && rank < 2) {
        net_error(net, s->span, "hwc needs an input with channels and at least one more axis");
        p.hwc = false;
    }
    bool picture = !p.raw && (p.given || p.dtype == DT_U8);

    int64_t shape[MAX_RANK], perm[MAX_RANK];
    int lead = p.batch ? 1 : 0;
    if (p.batch)
        shape[0] = net->batch;
    for (int i = 0; i < rank; i++)
        shape[lead + i] = p.hwc ? dim[(i + 1) % rank] : dim[i];
    perm[0] = 0;
    for (int i = 0; i < rank; i++)
        perm[lead + i] = lead + (i == 0 ? rank - 1 : i - 1);

    struct tensor *t = tensor_shaped(g, unique_name(g, s->name), T_INPUT, p.dtype, lead + rank, shape);
    t->span = s->name_span;
    VEC_PUSH(g->input, g->inputs, t);
    if (picture && p.dtype != DT_F32)
        t = append(net, s, "Cast", t, NULL, DT_F32, 0, NULL);
    if (t && p.hwc)
        t = append(net, s, "Transpose", t, NULL, 0, lead + rank, perm);
    int64_t channels = rank > 0 ? dim[0] : 1;
    double *mean = arena_alloc(net->arena, sizeof *mean * (size_t)channels), *factor = arena_alloc(net->arena, sizeof *mean * (size_t)channels);
    bool same = true, scaled = p.scale != 1 || p.std;
    for (int64_t i = 0; i < channels; i++) { /* (x * scale - mean) / std */
        factor[i] = p.scale / (p.std ? p.std[i] : 1);
        mean[i] = p.mean ? p.mean[i] / (p.scale != 0 ? p.scale : 1) : 0;
        same = same && factor[i] == factor[0];
    }
    if (t && p.mean)
        t = append(net, s, "Sub", t, channel_constant(net, s, "mean", rank, channels, false, mean), 0, 0, NULL);
    if (t && scaled)
        t = append(net, s, "Mul", t, channel_constant(net, s, "scale", rank, channels, same, factor), 0, 0, NULL);
    if (t) {
        t->span = s->name_span;
        define(net, s->name, s->name_span, value_tensor(t, s->name_span), s);
    }
}

struct value eval_parameter(struct net *net, struct call *c)
{
    static const char *const names[] = {"shape", "init", "trainable", "dtype"};
    const struct value *shape = NULL;
    enum init_kind init = INIT_ZERO;
    enum dtype dtype = DT_F32;
    bool trainable = true;
    double f = 0;
    int64_t dim[MAX_RANK];
    double count = 1;

    for (int i = 0; i < c->args; i++) {
        const struct argument *a = &c->arg[i];
        const char *name = a->name ? a->name : i < 2 ? names[i] : "";
        if (a->value.kind == V_ERROR)
            return value_error();
        if (strcmp(name, "shape") == 0 && (a->value.kind == V_LIST || a->value.kind == V_INT)) {
            shape = &a->value;
        } else if (strcmp(name, "init") == 0 && value_number(&a->value, &f)) {
            init = INIT_VALUE;
        } else if (strcmp(name, "trainable") == 0 && a->value.kind == V_BOOL) {
            trainable = a->value.i;
        } else if (strcmp(name, "dtype") == 0 && a->value.kind == V_STRING && dtype_named(a->value.s) != DT_NONE) {
            dtype = dtype_named(a->value.s);
        } else {
            net_error(net, a->span, "parameter: expected a shape, then init=NUMBER, trainable=false or dtype=NAME%s",
                      a->name ? did_you_mean(net, a->name, names, COUNT(names)) : "");
            return value_error();
        }
    }
    if (!shape || (shape->kind == V_LIST && shape->n > MAX_RANK)) {
        net_error(net, c->span, "parameter: expected a shape with at most %d sizes, as in parameter(64x3)", MAX_RANK);
        return value_error();
    }
    int rank = shape->kind == V_LIST ? shape->n : 1;
    for (int i = 0; i < rank; i++) {
        const struct value *v = shape->kind == V_LIST ? &shape->item[i] : shape;
        if (v->kind != V_INT || v->i < 1) {
            net_error(net, shape->span, "parameter: a size is %s, expected a positive integer", value_text(net, v));
            return value_error();
        }
        dim[i] = v->i;
        count *= (double)v->i;
    }
    if (count > ELEMENTS_MAX) {
        net_error(net, shape->span, "parameter: %.0f elements, expected at most %d", count, ELEMENTS_MAX);
        return value_error();
    }
    struct tensor *t = tensor_shaped(net->g, unique_name(net->g, layer_name(net, c->label, "parameter", false)), T_PARAM, dtype, rank, dim);
    t->trainable = trainable;
    t->init = init;
    t->init_value = f;
    t->span = c->span;
    return value_tensor(t, c->span);
}

struct value eval_constant(struct net *net, struct call *c)
{
    enum dtype dtype = DT_F32;
    const struct argument *table = c->args > 0 ? &c->arg[0] : NULL, *type = c->args > 1 ? &c->arg[1] : NULL;
    if (c->args < 1 || c->args > 2 || table->name || (type && type->name && strcmp(type->name, "dtype") != 0)) {
        net_error(net, c->span, "constant: expected a table of numbers, as in constant([1, 2, 3]), and dtype=int64 if need be");
        return value_error();
    }
    if (type) {
        if (type->value.kind == V_STRING)
            dtype = dtype_named(type->value.s);
        if (type->value.kind != V_STRING || (dtype != DT_F32 && dtype != DT_F64 && dtype != DT_BOOL && (dtype_is_float(dtype) || !dtype_size(dtype)))) {
            net_error(net, type->span, "constant: expected float32, float64, bool or an integer type");
            return value_error();
        }
    }
    struct tensor *t = value_constant(net, &table->value, dtype, unique_name(net->g, layer_name(net, c->label, "constant", false)));
    return t ? value_tensor(t, c->span) : value_error();
}

/* --const NAME=VALUE: a number or a word in the place of the constant's value. */
struct value net_const(struct net *net, const struct ast *s, struct value v)
{
    size_t n = strlen(s->name);
    for (int i = 0; i < net->nconsts; i++) {
        const char *text = net->consts[i];
        if (strncmp(text, s->name, n) != 0 || text[n] != '=')
            continue;
        char *end_int, *end_float;
        text += n + 1;
        errno = 0;
        long long integer = strtoll(text, &end_int, 10);
        bool fits = errno == 0;
        double real = strtod(text, &end_float);
        net->const_used[i] = true;
        if (*text && *end_int == '\0' && fits)
            v = value_int(integer, s->span);
        else if (*text && *end_float == '\0')
            v = value_float(real, s->span);
        else if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
            v = value_bool(*text == 't', s->span);
        else
            v = (struct value){.kind = V_STRING, .s = text, .span = s->span};
    }
    return v;
}

/* A constant that the network does not have is a mistake in the command line. */
void net_check_consts(struct net *net)
{
    const char **names = NULL;
    int n = 0;
    for (const struct variable *v = net->global->variables; v; v = v->next)
        if (v->constant)
            VEC_PUSH(names, n, v->name);
    for (int i = 0; i < net->nconsts; i++)
        if (!net->const_used[i]) {
            char *name = arena_strndup(net->arena, net->consts[i], strcspn(net->consts[i], "="));
            diag_error_at(net->d, net->g->source, "--const=%s: the network has no constant '%s'%s", net->consts[i], name,
                          did_you_mean(net, name, names, n));
        }
    free(names);
}

/* "my-net.v2.net" -> "my_net_v2" */
const char *net_name_of_path(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    char *name = arena_printf(arena, "%s%.*s", *base >= '0' && *base <= '9' ? "net" : "", dot && dot > base ? (int)(dot - base) : (int)strlen(base), base);
    for (char *p = name; *p; p++)
        if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')))
            *p = '_';
    return *name ? name : "net";
}
