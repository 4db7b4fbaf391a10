/* --emit=net: a graph as .net text again, one line a layer, and its parameters as safetensors beside it.
 *
 * An operator's operands past those that .net gives (op->net_in) are either learned, and then have the names that the
 * operator gives its parameters (op->learned), or they are values that .net writes as arguments: the AT_NET attributes, in the
 * order in which ONNX has them as inputs. Where layers make what could be learned (weights behind a DequantizeLinear, which must
 * not fold), it is given by name: conv(x, weight=w). */
#include "net.h"

#include "net_arguments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/element.h"

bool net_cannot(struct printer *p, const struct node *n, const char *what)
{
    node_error(p->g, n, "cannot be written as .net: %s", what);
    return p->ok = false;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static bool is_word(const char *s)
{
    static const char *const words[] = {"network", "input", "const", "block", "repeat", "in", "if", "else", "return", "output",
                                        "train", "and", "or", "not", "true", "false", "constant", "parameter"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcmp(words[i], s) == 0)
            return true;
    return false;
}

/* A name of the language for a tensor, its own as nearly as possible. */
static const char *name_of(struct printer *p, const struct tensor *t)
{
    if (p->names.of[t->id])
        return p->names.of[t->id];
    char *base = arena_printf(&p->g->arena, "%s%.100s", *t->name >= '0' && *t->name <= '9' ? "_" : "", *t->name ? t->name : "t");
    for (char *c = base; *c; c++)
        if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
            *c = '_';
    const char *name = base;
    for (int k = 2;; k++) {
        bool taken = is_word(name);
        for (int i = 0; i < p->names.n && !taken; i++)
            taken = strcmp(p->names.taken[i], name) == 0;
        if (!taken)
            break;
        name = arena_printf(&p->g->arena, "%s_%d", base, k);
    }
    VEC_PUSH(p->names.taken, p->names.n, name);
    return p->names.of[t->id] = name;
}

static bool is_plain(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return name[n] == '\0' && n > 0 && !(name[0] >= '0' && name[0] <= '9') && !is_word(name);
}

/* The layer's name as its parameters have it: letters, digits, '_' and '.'. */
static const char *label_of(struct printer *p, const struct node *n)
{
    char *label = arena_printf(&p->g->arena, "%.120s", *n->name ? n->name : "layer");
    for (char *c = label; *c; c++)
        if (*c == '/' || *c == ':')
            *c = '.';
        else if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '.'))
            *c = '_';
    return label;
}

static bool known(const struct printer *p, const struct tensor *t) { return p->known[t->id]; }

/* Gemm's matrix may stand the other way round than a dense layer's. */
static const float *transposed(struct printer *p, const float *x, int64_t rows, int64_t columns)
{
    float *y = arena_alloc(&p->g->arena, sizeof *y * (size_t)(rows * columns));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            y[j * rows + i] = x[i * columns + j];
    return y;
}

enum form { AS_IT_IS, TURNED, FLAT, ONE_ITEM }; /* ONE_ITEM: without the axis of the batch */

static bool has_weights(const struct graph *g)
{
    bool any = g->from_onnx;
    for (int i = 0; i < g->tensors; i++)
        any |= g->tensor[i]->kind == T_PARAM && g->tensor[i]->data && !g->tensor[i]->owned;
    return any;
}

static bool add_weight(struct printer *p, struct tensor *t, const char *name, enum form form)
{
    if (t->kind == T_PARAM && !t->data && !has_weights(p->g))
        return true; /* a network without weights stays one */
    const void *data = tensor_value(p->g, t);
    if (!data)
        return p->ok = false;
    struct safetensor w = {.name = xstrdup(name)};
    w.value.dtype = (int)t->dtype;
    w.value.rank = t->rank;
    for (int i = 0; i < t->rank; i++)
        w.value.dim[i] = t->dim[i];
    w.value.data = data;
    w.value.count = (size_t)tensor_count(t);
    w.value.bytes = (size_t)tensor_count(t) * dtype_size(t->dtype);
    if (form == FLAT) {
        w.value.rank = 1;
        w.value.dim[0] = tensor_count(t);
    } else if (form == TURNED) {
        w.value.data = transposed(p, data, t->dim[0], t->dim[1]);
        w.value.dim[0] = t->dim[1];
        w.value.dim[1] = t->dim[0];
    }
    if (form == ONE_ITEM) {
        w.value.rank--;
        memmove(w.value.dim, w.value.dim + 1, sizeof *w.value.dim * (size_t)w.value.rank);
    }
    VEC_PUSH(p->weight, p->weights, w);
    return true;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void print_ints(FILE *f, const int64_t *v, int n, bool sizes)
{
    bool same = n > 0;
    for (int i = 0; i < n; i++) {
        same = same && v[i] == v[0];
        sizes = sizes && v[i] >= 0;
    }
    if (sizes && n > 1) {
        for (int i = 0; i < n; i++)
            fprintf(f, i ? "x%lld" : "%lld", (long long)v[i]);
    } else if (sizes && same) {
        fprintf(f, "%lld", (long long)v[0]);
    } else {
        fputc('[', f);
        for (int i = 0; i < n; i++)
            fprintf(f, i ? ", %lld" : "%lld", (long long)v[i]);
        fputc(']', f);
    }
}

static const char *number(double v, char text[32])
{
    float_text((float)v, text);
    size_t n = strlen(text);
    if ((double)(float)v != v)
        return double_text(v, text);
    if (n > 0 && text[n - 1] == 'f')
        text[n - 1] = '\0';
    n = strlen(text);
    if (n > 0 && text[n - 1] == '.')
        strcpy(text + n, "0");
    return text;
}

static bool table_value(const struct tensor *t, int64_t i, char text[32])
{
    switch (t->dtype) {
    case DT_F32: number(((const float *)t->data)[i], text); return isfinite(((const float *)t->data)[i]);
    case DT_F64: number(((const double *)t->data)[i], text); return isfinite(((const double *)t->data)[i]);
    case DT_I64: snprintf(text, 32, "%lld", (long long)((const int64_t *)t->data)[i]); return ((const int64_t *)t->data)[i] > INT64_MIN;
    case DT_BOOL: strcpy(text, ((const uint8_t *)t->data)[i] ? "true" : "false"); return true;
    default:
        if (dtype_is_float(t->dtype) || t->dtype == DT_U64)
            return false;
        snprintf(text, 32, "%lld", (long long)cnnc_get_int((int)t->dtype, t->data, i));
        return true;
    }
}

static bool print_table(FILE *f, const struct tensor *t, int axis, int64_t *at)
{
    char text[32];
    if (axis == t->rank) {
        bool ok = table_value(t, (*at)++, text);
        fputs(text, f);
        return ok;
    }
    bool ok = true;
    fputc('[', f);
    for (int64_t i = 0; i < t->dim[axis]; i++) {
        fputs(i ? ", " : "", f);
        ok = print_table(f, t, axis + 1, at) && ok;
    }
    fputc(']', f);
    return ok;
}

/* Scales and zero points of many channels are no pleasure to read. */
static int table_max(const struct node *n) { return n->op->flags & (OP_QUANTIZES | OP_DEQUANTIZES) ? 1 : 64; }

/* An operand that no layer makes: small ones are written down, others are parameters that the weights file holds. */
static bool print_constant(struct printer *p, const struct node *n, struct tensor *t)
{
    bool small = t->kind != T_PARAM && tensor_count(t) <= table_max(n) && tensor_count(t) > 0;
    char text[32];
    if (small && tensor_value(p->g, t) && table_value(t, 0, text)) {
        int64_t at = 0;
        const bool plain = t->dtype == DT_F32, number = plain && t->rank == 0 && !n->op->params;
        fputs(number ? "" : "constant(", p->f);
        if (!print_table(p->f, t, 0, &at))
            return net_cannot(p, n, "a constant that is not finite");
        if (!plain)
            fprintf(p->f, ", dtype=%s", dtype_name(t->dtype));
        fputs(number ? "" : ")", p->f);
        return true;
    }
    const char *name = name_of(p, t);
    fputs(name, p->f);
    return true;
}

static bool is_default(const struct attr_def *d, const struct attr *a)
{
    bool all = true;
    switch (d->type) {
    case A_INT: case A_BOOL: return (double)a->i == d->value;
    case A_FLOAT: return a->f == d->value || (float)a->f == (float)d->value;
    case A_STRING: {
        size_t n = d->text ? strcspn(d->text, ":") : 0;
        return !a->s || (d->text && strlen(a->s) == n && memcmp(a->s, d->text, n) == 0);
    }
    case A_SPATIAL: case A_PADS:
        for (int i = 0; i < a->n; i++)
            all = all && (double)a->ints[i] == d->value;
        return all && a->n > 0 && !(d->flags & AT_REQUIRED);
    default: return false;
    }
}

static bool print_value(struct printer *p, const struct node *n, const struct attr_def *d, const struct attr *a)
{
    char text[32];
    switch (d->type) {
    case A_INT: fprintf(p->f, "%lld", (long long)a->i); return true;
    case A_BOOL: fputs(a->i ? "true" : "false", p->f); return true;
    case A_FLOAT: fputs(number(a->f, text), p->f); return isfinite(a->f) || net_cannot(p, n, "an argument that is not finite");
    case A_STRING: fprintf(p->f, "\"%s\"", a->s); return true;
    case A_SPATIAL: print_ints(p->f, a->ints, a->n, true); return true;
    case A_PADS:
        if (a->s)
            fputs(a->s, p->f);
        else
            print_ints(p->f, a->ints, a->n, false);
        return true;
    case A_INTS: print_ints(p->f, a->ints, a->n, false); return true;
    case A_FLOATS:
        fputc('[', p->f);
        for (int i = 0; i < a->n; i++)
            fprintf(p->f, "%s%s", i ? ", " : "", number(a->floats[i], text));
        fputc(']', p->f);
        return true;
    case A_TENSOR: {
        int64_t at = 0;
        if (!a->tensor || !tensor_value(p->g, a->tensor))
            return net_cannot(p, n, d->net);
        return print_table(p->f, a->tensor, 0, &at) || net_cannot(p, n, "a table that is not finite");
    }
    default: return net_cannot(p, n, d->net);
    }
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

/* A slope for each channel, or for all; and how it stands in the weights. */
static bool slope_form(struct printer *p, struct node *n, enum form *form)
{
    const struct tensor *x = n->in[0], *w = n->in[1];
    const int64_t count = tensor_count(w);
    const int axis = w->rank - (x->rank - 1);
    *form = count == 1 ? FLAT : axis == 1 ? ONE_ITEM : AS_IT_IS;
    return count == 1 || (x->rank > 1 && axis >= 0 && axis <= 1 && w->dim[axis] == count && count == x->dim[1]) ||
           net_cannot(p, n, "slopes that are not one for each channel");
}

static bool print_layer(struct printer *p, struct node *n)
{
    const struct op *op = n->op;
    int given = op->net_in < 0 ? n->nin : op->net_in;
    while (n->nin > 0 && !n->in[n->nin - 1])
        n->nin--;
    const char *const *suffix = op->learned[0] && n->nin > given ? op->learned : NULL;
    if (!op->net)
        return net_cannot(p, n, "the language has no such layer");
    bool made = false; /* parameters that layers make */
    for (int i = given; i < n->nin && suffix; i++)
        made = made || (n->in[i] && !known(p, n->in[i]));
    bool literal = false, dense = strcmp(op->onnx, "Gemm") == 0 && suffix, turn = dense && !attr_i(n, "transB");
    for (int i = 0; i < op->nattrs; i++)
        literal = literal || (op->attrs[i].type == A_TENSOR && n->attr[i].set);
    if (made && turn)
        return net_cannot(p, n, "a matrix that a layer makes, rows and columns in the order of the inputs");
    if (dense && (attr_i(n, "transA") || attr_f(n, "alpha") != 1 || attr_f(n, "beta") != 1 || n->in[1]->dtype != DT_F32 ||
                  (input(n, 2) && tensor_count(n->in[2]) != n->out[0]->dim[1])))
        return net_cannot(p, n, "a matrix product that is not a dense layer");
    const bool slopes = suffix && op->flags & OP_ELEMENTWISE;
    enum form slope = AS_IT_IS;
    if (slopes && !made && !slope_form(p, n, &slope))
        return false;
    if (made)
        ;
    else if (suffix && !literal)
        net_arguments_from_weights(n);
    else if (strcmp(op->onnx, "Resize") == 0 ? !net_resize_arguments(p, n) : !literal && n->nin > given && !net_arguments_from_inputs(p, n, given))
        return false;

    if (!net_plane_pads(p, n))
        return false;
    for (int i = 0; i < (made ? n->nin : given) && i < n->nin; i++) /* big constants first, on lines of their own */
        if (n->in[i] && known(p, n->in[i]) && !p->names.of[n->in[i]->id] &&
            (i >= given || n->in[i]->kind == T_PARAM || tensor_count(n->in[i]) > table_max(n))) {
            struct tensor *t = n->in[i];
            fprintf(p->f, "%s = parameter(", name_of(p, t));
            print_ints(p->f, t->dim, t->rank, false);
            fprintf(p->f, t->kind == T_PARAM && t->trainable && dtype_is_float(t->dtype) ? "" : ", trainable=false");
            fprintf(p->f, t->dtype == DT_F32 ? ")\n" : ", dtype=%s)\n", dtype_name(t->dtype));
            if (!add_weight(p, t, name_of(p, t), AS_IT_IS))
                return false;
        }

    int results = n->nout;
    while (results > 1 && !(op->flags & OP_VARIADIC_OUT) && (!n->out[results - 1] || (!n->out[results - 1]->users && !n->out[results - 1]->is_output)))
        results--;
    for (int i = 0; i < results; i++)
        fprintf(p->f, "%s%s", i ? ", " : "", n->out[i] ? name_of(p, n->out[i]) : arena_printf(&p->g->arena, "unused_%d_%d", n->id, i));
    fputs(" = ", p->f);
    if (suffix && !literal && !made) {
        const char *label = label_of(p, n);
        if (strcmp(label, name_of(p, n->out[0])) != 0)
            fprintf(p->f, is_plain(label) ? "%s: " : "(\"%s\"): ", label);
        for (int i = given; i < n->nin; i++) {
            if (!n->in[i])
                continue;
            if (i - given >= 4 || !suffix[i - given] || !known(p, n->in[i]))
                return net_cannot(p, n, "an operand in the place of a parameter");
            if (!add_weight(p, n->in[i], arena_printf(&p->g->arena, "%s.%s", label, suffix[i - given]), i == 1 && turn ? TURNED : i == 2 && dense ? FLAT : slope))
                return false;
        }
    }
    fprintf(p->f, "%s(", op->net);
    bool first = true, positional = true;
    for (int i = 0; i < given && i < n->nin; i++) {
        if (!n->in[i])
            return net_cannot(p, n, "an operand is left out");
        fputs(first ? "" : ", ", p->f);
        first = false;
        if (!known(p, n->in[i]) || p->names.of[n->in[i]->id])
            fputs(name_of(p, n->in[i]), p->f);
        else if (!print_constant(p, n, n->in[i]))
            return false;
    }
    positional = !made;
    for (int i = 0; i < op->nattrs; i++) {
        const struct attr_def *d = &op->attrs[i];
        const struct attr *a = &n->attr[i];
        bool wanted = a->set && (!is_default(d, a) || (d->flags & AT_REQUIRED) || (positional && (d->flags & AT_POS)));
        if (literal && d->type == A_INT && strcmp(d->net, "groups") == 0)
            wanted = false;
        if (!d->net) {
            if (wanted && d->type != A_STRING && !(dense && strcmp(d->onnx, "transB") == 0) && strcmp(d->onnx, "to") != 0)
                return net_cannot(p, n, d->onnx);
            continue;
        }
        if (!wanted || (literal && strcmp(d->net, "kernel") == 0)) {
            positional = positional && !(d->flags & AT_POS);
            continue;
        }
        fputs(first ? "" : ", ", p->f);
        first = false;
        if (!positional || !(d->flags & AT_POS))
            fprintf(p->f, "%s=", d->net);
        positional = positional && (d->flags & AT_POS);
        if (!print_value(p, n, d, a))
            return false;
    }
    for (int i = given; i < n->nin && made; i++)
        if (n->in[i])
            fprintf(p->f, ", %s=%s", suffix[i - given], name_of(p, n->in[i]));
    fputs(")\n", p->f);
    return true;
}

static void print_inputs(struct printer *p)
{
    for (int i = 0; i < p->g->inputs; i++) {
        const struct tensor *t = p->g->input[i];
        bool batch = t->rank > 0 && t->dim[0] == p->batch;
        fprintf(p->f, "input %s[", name_of(p, t));
        for (int k = batch; k < t->rank; k++)
            fprintf(p->f, "%s%lld", k > batch ? ", " : "", (long long)t->dim[k]);
        fputc(']', p->f);
        const char *separator = " (";
        if (t->dtype != DT_F32)
            fprintf(p->f, "%s%s%s", separator, dtype_name(t->dtype), t->dtype == DT_U8 ? ", raw" : ""), separator = ", ";
        if (!batch)
            fprintf(p->f, "%sbatch=false", separator), separator = ", ";
        fputs(*separator == ',' ? ")\n" : "\n", p->f);
    }
}

static void find_known(struct printer *p)
{
    struct graph *g = p->g;
    p->known = xcalloc((size_t)g->tensors + 1, sizeof *p->known);
    for (int i = 0; i < g->tensors; i++)
        p->known[i] = tensor_is_const(g->tensor[i]);
    for (int i = 0; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        bool all = !(n->op->flags & (OP_CONTROL | OP_RANDOM | OP_QUANTIZES | OP_DEQUANTIZES)), learns = false;
        for (int k = 0; k < n->nin; k++)
            if (n->in[k]) {
                all = all && p->known[n->in[k]->id];
                learns = learns || (n->in[k]->kind == T_PARAM && !n->in[k]->data);
            }
        for (int k = 0; k < n->nout; k++)
            if (n->out[k] && !n->out[k]->is_output)
                p->known[n->out[k]->id] = (all && !learns) || n->out[k]->data;
    }
}

bool emit_net(struct graph *g, const struct options *o)
{
    const char *path = o->output ? o->output : "-";
    struct outfile out;
    char err[CNNC_ERROR_BYTES] = "";
    if (!out_open(&out, path)) {
        diag_error_at(g->diag, path, "cannot be written");
        return false;
    }
    struct printer p = {.g = g, .f = out.f, .batch = o->batch, .ok = true};
    p.names.of = xcalloc((size_t)g->tensors + 1, sizeof *p.names.of);
    fprintf(p.f, "network %s\n\n", is_plain(g->name) ? g->name : "net");
    print_inputs(&p);
    fputc('\n', p.f);
    for (int i = 0; i < g->nodes; i++) /* operands that are only written out to the shape that they have anyway */
        if (g->node[i]->op->flags & OP_ELEMENTWISE && g->node[i]->op->max_in == 2 && g->node[i]->op->expand)
            g->node[i]->op->expand(g, g->node[i]);
    find_known(&p);
    for (int i = 0; i < g->nodes && p.ok; i++)
        if (g->node[i]->nout > 0 && !(g->node[i]->out[0] && p.known[g->node[i]->out[0]->id]))
            print_layer(&p, g->node[i]);
    fputc('\n', p.f);
    for (int i = 0; i < g->outputs; i++)
        fprintf(p.f, "output %s\n", name_of(&p, g->output[i]));

    if (p.ok && p.weights > 0 && strcmp(path, "-") != 0) {
        size_t stem = strlen(path) > 4 && strcmp(path + strlen(path) - 4, ".net") == 0 ? strlen(path) - 4 : strlen(path);
        char *file = xasprintf("%.*s.safetensors", (int)stem, path);
        if (!safetensors_write(file, p.weight, (size_t)p.weights, err)) {
            diag_error_at(g->diag, file, "%s", err);
            p.ok = false;
        }
        free(file);
    }
    if (!p.ok)
        out_discard(&out);
    else if (!out_close(&out)) {
        diag_error_at(g->diag, path, "cannot be written");
        p.ok = false;
    }
    for (int i = 0; i < p.weights; i++)
        free(p.weight[i].name);
    free(p.weight);
    free(p.known);
    free(p.names.of);
    free(p.names.taken);
    return p.ok;
}
