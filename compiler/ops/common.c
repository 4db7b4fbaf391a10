/* What the operator families share: the table, broadcasting, windows, strides. */
#include "../op.h"

#include <string.h>

#define OP(symbol) extern const struct op symbol;
#include "../ops.def"
#undef OP

const struct op *const op_table[] = {
#define OP(symbol) &symbol,
#include "../ops.def"
#undef OP
};
const int op_count = COUNT(op_table);

const struct op *op_by_onnx(const char *name)
{
    for (int i = 0; i < op_count; i++)
        if (op_table[i]->onnx && strcmp(op_table[i]->onnx, name) == 0)
            return op_table[i];
    return NULL;
}

static bool in_list(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p && *p; p += *p == '|') {
        size_t k = strcspn(p, "|");
        if (k == n && memcmp(p, word, n) == 0)
            return true;
        p += k;
    }
    return false;
}

const struct op *op_by_net(const char *name)
{
    for (int i = 0; i < op_count; i++)
        if (op_table[i]->net && (strcmp(op_table[i]->net, name) == 0 || in_list(op_table[i]->net_aliases, name)))
            return op_table[i];
    return NULL;
}

bool infer_same_as_input(struct graph *g, struct node *n)
{
    (void)g;
    tensor_set_shape(n->out[0], n->in[0]->rank, n->in[0]->dim);
    n->out[0]->dtype = n->in[0]->dtype;
    return true;
}

bool broadcast_dims(int ra, const int64_t *a, int rb, const int64_t *b, int *r, int64_t *d)
{
    int64_t result[MAX_RANK];
    *r = MAX(ra, rb);
    for (int i = 0; i < *r; i++) {
        int64_t x = i < *r - ra ? 1 : a[i - (*r - ra)], y = i < *r - rb ? 1 : b[i - (*r - rb)];
        if (x != y && x != 1 && y != 1)
            return false;
        result[i] = x == 1 ? y : x;
    }
    memcpy(d, result, sizeof *d * (size_t)*r);
    return true;
}

bool infer_broadcast(struct graph *g, struct node *n)
{
    int rank = n->in[0]->rank;
    int64_t dim[MAX_RANK];
    memcpy(dim, n->in[0]->dim, sizeof dim);
    for (int i = 1; i < n->nin; i++)
        if (n->in[i] && !broadcast_dims(rank, dim, n->in[i]->rank, n->in[i]->dim, &rank, dim)) {
            char a[160], b[160];
            node_error(g, n, "shapes %s and %s do not fit together", shape_text(n->in[0], a), shape_text(n->in[i], b));
            tensor_note(g, n->in[0]);
            tensor_note(g, n->in[i]);
            return false;
        }
    tensor_set_shape(n->out[0], rank, dim);
    n->out[0]->dtype = n->in[0]->dtype;
    return true;
}

bool check_rank(struct graph *g, struct node *n, int i, int min, int max)
{
    const struct tensor *t = n->in[i];
    char text[160], expected[32];
    if (t->rank >= min && t->rank <= max)
        return true;
    if (min == max)
        snprintf(expected, sizeof expected, "%d", min);
    else
        snprintf(expected, sizeof expected, "%d to %d", min, max);
    node_error(g, n, "input %d has shape %s (rank %d), expected rank %s", i, shape_text(t, text), t->rank, expected);
    tensor_note(g, t);
    return false;
}

int64_t normal_axis(struct graph *g, struct node *n, const char *attr, int rank)
{
    int64_t axis = attr_i(n, attr);
    if (axis >= -rank && axis < rank)
        return axis < 0 ? axis + rank : axis;
    attr_error(g, n, attr, "axis %lld is outside the tensor's rank, expected %d to %d", (long long)axis, -rank, rank - 1);
    return -1;
}

struct tensor *param_new(struct graph *g, struct node *n, const char *suffix, int rank, const int64_t *dim,
                         enum init_kind init, int fan_in, int fan_out)
{
    struct tensor *t = tensor_shaped(g, arena_printf(&g->arena, "%s.%s", n->name, suffix), T_PARAM, DT_F32, rank, dim);
    t->trainable = true;
    t->init = init;
    t->fan_in = fan_in;
    t->fan_out = fan_out;
    t->span = n->span;
    node_input(g, n, t);
    return t;
}

struct extent5 extent5(const struct tensor *t)
{
    struct extent5 e = {1, 1, 1, 1, 1};
    int r = t->rank;
    if (r > 0)
        e.n = (int)t->dim[0];
    if (r > 1)
        e.c = (int)t->dim[1];
    if (r > 2)
        e.w = (int)t->dim[r - 1];
    if (r > 3)
        e.h = (int)t->dim[r - 2];
    if (r > 4)
        e.d = (int)dims_count(r - 4, t->dim + 2);
    return e;
}

bool is_stage_operand(const struct node *n, int i)
{
    for (int k = 0; k < n->stages; k++)
        if (i >= n->stage[k].first_input && i < n->stage[k].first_input + n->stage[k].inputs)
            return true;
    return false;
}

struct cnnc_view view_of(const struct tensor *t)
{
    const struct tensor *whole = slice_root(t);
    struct extent5 e = extent5(whole);
    const struct layout *l = &whole->layout;
    ptrdiff_t b = l->block ? l->block : 1;
    struct cnnc_view v;
    v.h = (e.w + l->before[2] + l->after[2]) * b;
    v.d = v.h * (e.h + l->before[1] + l->after[1]);
    v.c = v.d * (e.d + l->before[0] + l->after[0]);
    v.n = v.c * (l->block ? (e.c + b - 1) / b : e.c);
    return v;
}

void fill_epilogue(const struct node *n, struct cnnc_epilogue *e, struct cnnc_view *add)
{
    memset(e, 0, sizeof *e);
    e->n = n->stages;
    for (int i = 0; i < n->stages; i++) {
        const struct stage *s = &n->stage[i];
        e->s[i] = (struct cnnc_stage){s->op, (float)s->a, (float)s->b};
        if (cnnc_stage_is_tensor(s->op) && add)
            *add = view_of(n->in[s->first_input]);
    }
}

bool window_infer(struct graph *g, struct node *n, int axis, int spatial, int64_t in, int64_t kernel, bool ceil_mode,
                  struct window *w)
{
    const struct attr *pads = attr_get(n, "pads");
    const char *mode = pads->set && pads->s ? "SAME_UPPER" : attr_s(n, "auto_pad");
    w->kernel = kernel;
    w->stride = attr_at(n, "strides", axis, 1);
    w->dilation = attr_at(n, "dilations", axis, 1);
    w->before = w->after = 0;
    if (w->stride < 1 || w->stride > INT32_MAX)
        return attr_error(g, n, "strides", "stride %lld, expected at least 1%s", (long long)w->stride, w->stride < 1 ? "" : " and below 2^31");
    if (w->dilation < 1 || w->dilation > INT32_MAX)
        return attr_error(g, n, "dilations", "dilation %lld, expected at least 1%s", (long long)w->dilation, w->dilation < 1 ? "" : " and below 2^31");
    if (kernel < 1 || kernel > INT32_MAX)
        return node_error(g, n, "kernel size %lld, expected at least 1%s", (long long)kernel, kernel < 1 ? "" : " and below 2^31");
    const int64_t reach = w->dilation * (kernel - 1) + 1;
    if (reach > INT32_MAX)
        return node_error(g, n, "a window of %lld elements is too large", (long long)reach);
    if (strncmp(mode, "SAME", 4) == 0) {
        w->out = (in + w->stride - 1) / w->stride;
        int64_t total = MAX(0, (w->out - 1) * w->stride + reach - in);
        w->before = strcmp(mode, "SAME_LOWER") == 0 ? total - total / 2 : total / 2;
        w->after = total - w->before;
        return in + total <= INT32_MAX || node_error(g, n, "%lld elements, padding included, are too many", (long long)(in + total));
    }
    if (strcmp(mode, "VALID") != 0 && pads->set) {
        w->before = attr_at(n, "pads", axis, 0);
        w->after = attr_at(n, "pads", axis + spatial, 0);
    }
    if (w->before < 0 || w->after < 0 || w->before > INT32_MAX || w->after > INT32_MAX)
        return attr_error(g, n, "pads", "padding %lld and %lld, expected at least 0", (long long)w->before,
                          (long long)w->after);
    if (in + w->before + w->after > INT32_MAX)
        return node_error(g, n, "%lld elements, padding included, are too many", (long long)(in + w->before + w->after));
    int64_t room = in + w->before + w->after - reach;
    if (room < 0) {
        char text[160];
        node_error(g, n, "window of %lld does not fit into %lld%s", (long long)reach,
                   (long long)(in + w->before + w->after), w->before + w->after ? " (padding included)" : "");
        (void)text;
        tensor_note(g, n->in[0]);
        return false;
    }
    w->out = room / w->stride + 1;
    /* ceil mode: one more window, unless it would start in the padding behind the input (PyTorch and ONNX agree) */
    if (ceil_mode && room % w->stride != 0 && w->out * w->stride < in + w->before)
        w->out++;
    return true;
}
