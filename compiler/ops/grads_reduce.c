/* Derivatives of what sums: reductions, softmax, norms, products of matrices, pools that are not maxima or means. */
#include <math.h>
#include <string.h>

#include "grads.h"
#include "shared.h"

static bool is_op(const struct node *n, const char *op) { return strcmp(n->op->onnx, op) == 0; }
static struct tensor *dy_of(struct graph *g, const struct node *n) { return grad_of(g, n->out[0]); }
#define OP(op, a, b) grad_value(g, n, op, a, b, NULL)
#define OP1(op, a) grad_value(g, n, op, a, NULL, NULL)
#define NUMBER(v) grad_number(g, n->in[0], v)

/* Over axes first to last, which stay as axes of size 1. */
static struct tensor *over(struct graph *g, const struct node *n, const char *reduce, struct tensor *t, int first, int last)
{
    int64_t axes[MAX_RANK];
    for (int i = first; i <= last; i++)
        axes[i - first] = i;
    return grad_value(g, n, reduce, t, tensor_i64(g, unique_name(g, "axes"), last - first + 1, axes), NULL);
}

static struct tensor *axes_of(struct graph *g, const struct tensor *x, unsigned axes)
{
    int64_t list[MAX_RANK];
    int count = 0;
    for (int i = 0; i < x->rank; i++)
        if (axes >> i & 1)
            list[count++] = i;
    return tensor_i64(g, unique_name(g, "axes"), count, list);
}

bool reduce_grad(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *dy = dy_of(g, n), *y, *d;
    const unsigned axes = reduced_axes(n);
    int64_t kept[MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        kept[i] = axes >> i & 1 ? 1 : x->dim[i];
    dy = grad_reshaped(g, n, dy, x->rank, kept);
    y = grad_reshaped(g, n, n->out[0], x->rank, kept);
    if (is_op(n, "ReduceMean"))
        dy = OP("Mul", dy, NUMBER((double)tensor_count(n->out[0]) / (double)tensor_count(x)));
    if (is_op(n, "ReduceSum") || is_op(n, "ReduceMean")) {
        d = OP("Expand", dy, tensor_i64(g, unique_name(g, "shape"), x->rank, x->dim));
    } else if (is_op(n, "ReduceMax") || is_op(n, "ReduceMin")) { /* shared by those that are equal, as PyTorch does */
        struct tensor *hit = grad_value(g, n, "Where", OP("Equal", x, y), NUMBER(1), NUMBER(0));
        struct tensor *hits = OP("ReduceSum", hit, axes_of(g, x, axes));
        d = OP("Mul", hit, OP("Div", dy, hits));
    } else if (is_op(n, "ReduceProd")) {
        /* the product of the others: of all that are not 0, divided by this one, unless another is 0 */
        struct tensor *zero = OP("Equal", x, NUMBER(0)), *axis = axes_of(g, x, axes);
        struct tensor *factor = grad_value(g, n, "Where", zero, NUMBER(1), x), *product = OP("ReduceProd", factor, axis);
        struct tensor *others = grad_value(g, n, "Where", zero, NUMBER(1), NUMBER(0));
        others = OP("Sub", OP("ReduceSum", others, axis), others);
        d = grad_value(g, n, "Where", OP("Equal", others, NUMBER(0)), OP("Mul", dy, OP("Div", product, factor)), NUMBER(0));
    } else if (is_op(n, "ReduceL1")) {
        d = OP("Mul", dy, OP1("Sign", x));
    } else if (is_op(n, "ReduceL2")) {
        struct tensor *safe = grad_value(g, n, "Where", OP("Equal", y, NUMBER(0)), NUMBER(1), y);
        d = OP("Mul", OP("Div", dy, safe), x);
    } else if (is_op(n, "ReduceSumSquare")) {
        d = OP("Mul", OP("Mul", dy, NUMBER(2)), x);
    } else if (is_op(n, "ReduceLogSum")) {
        d = OP("Expand", OP("Div", dy, OP1("Exp", y)), tensor_i64(g, unique_name(g, "shape"), x->rank, x->dim));
    } else if (is_op(n, "ReduceLogSumExp")) {
        d = OP("Mul", dy, OP1("Exp", OP("Sub", x, y)));
    } else {
        return node_error(g, n, "%s has no derivative: a layer before it cannot be trained", n->op->net ? n->op->net : n->op->onnx);
    }
    grad_add(g, x, d);
    return true;
}

bool softmax_grad(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *y = n->out[0], *dy = dy_of(g, n);
    int axis = (int)attr_i(n, "axis");
    axis += axis < 0 ? x->rank : 0;
    if (is_op(n, "LogSoftmax")) {
        grad_add(g, x, OP("Sub", dy, OP("Mul", OP1("Exp", y), over(g, n, "ReduceSum", dy, axis, axis))));
    } else if (is_op(n, "LpNormalization")) {
        const bool one = attr_i(n, "p") == 1;
        struct tensor *norm = over(g, n, one ? "ReduceL1" : "ReduceL2", x, axis, axis);
        struct tensor *along = over(g, n, "ReduceSum", OP("Mul", dy, y), axis, axis);
        grad_add(g, x, OP("Div", OP("Sub", dy, OP("Mul", one ? OP1("Sign", x) : y, along)), norm));
    } else if (is_op(n, "Softmax")) {
        grad_add(g, x, OP("Mul", y, OP("Sub", dy, over(g, n, "ReduceSum", OP("Mul", dy, y), axis, axis))));
    } else {
        return node_error(g, n, "%s has no derivative: a layer before it cannot be trained", n->op->net ? n->op->net : n->op->onnx);
    }
    return true;
}

/* y = scale * h + bias with h = (x - mean) / deviation over the axes from `first` on of x under shape `dim`. */
static void normal_grad(struct graph *g, struct node *n, int rank, const int64_t *dim, int first, int scale_rank, const int64_t *scale_dim)
{
    const bool rms = is_op(n, "RMSNormalization");
    struct tensor *x = n->in[0], *dy = dy_of(g, n);
    struct tensor *v = grad_reshaped(g, n, x, rank, dim);
    struct tensor *d = rms ? v : OP("Sub", v, over(g, n, "ReduceMean", v, first, rank - 1));
    struct tensor *variance = OP("Add", over(g, n, "ReduceMean", OP("Mul", d, d), first, rank - 1), NUMBER(attr_f(n, "epsilon")));
    struct tensor *r = OP1("Reciprocal", OP1("Sqrt", variance)), *h = OP("Mul", d, r);
    struct tensor *scale = input(n, 1) ? grad_reshaped(g, n, n->in[1], scale_rank, scale_dim) : NULL;
    if (grad_wanted(g, n, 1)) {
        struct tensor *sum = OP("Mul", dy, grad_reshaped(g, n, h, x->rank, x->dim)), like = *scale;
        struct tensor *to = grad_output(g, grad_node(g, n, "SumTo", "grad_scale", sum, NULL, NULL, NULL), &like);
        grad_add(g, n->in[1], grad_reshaped(g, n, to, n->in[1]->rank, n->in[1]->dim));
    }
    if (grad_wanted(g, n, 2)) {
        struct tensor like = *n->in[2];
        tensor_set_shape(&like, scale_rank, scale_dim);
        if (tensor_count(&like) != tensor_count(n->in[2])) /* one for all */
            like = *n->in[2];
        struct tensor *to = grad_output(g, grad_node(g, n, "SumTo", "grad_bias", dy, NULL, NULL, NULL), &like);
        grad_add(g, n->in[2], grad_reshaped(g, n, to, n->in[2]->rank, n->in[2]->dim));
    }
    if (!grad_wanted(g, n, 0))
        return;
    struct tensor *dh = grad_reshaped(g, n, scale ? OP("Mul", dy, scale) : dy, rank, dim);
    struct tensor *along = OP("Mul", h, over(g, n, "ReduceMean", OP("Mul", dh, h), first, rank - 1));
    struct tensor *dx = OP("Sub", rms ? dh : OP("Sub", dh, over(g, n, "ReduceMean", dh, first, rank - 1)), along);
    grad_add(g, x, grad_reshaped(g, n, OP("Mul", dx, r), x->rank, x->dim));
}

bool layernorm_grad(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *w = n->in[1];
    int first = (int)attr_i(n, "axis");
    first += first < 0 ? x->rank : 0;
    normal_grad(g, n, x->rank, x->dim, first, w->rank, w->dim);
    return true;
}

bool groupnorm_grad(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    const int64_t groups = is_op(n, "GroupNormalization") ? attr_i(n, "num_groups") : x->dim[1];
    const int64_t dim[3] = {x->dim[0], groups, tensor_count(x) / (x->dim[0] * groups)};
    int64_t scale[MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        scale[i] = i == 1 ? x->dim[1] : 1;
    normal_grad(g, n, 3, dim, 2, x->rank, scale);
    return true;
}

/* Running statistics that do not move: a factor for each channel. */
bool batchnorm_grad(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *dy = dy_of(g, n);
    int64_t dim[MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        dim[i] = i == 1 ? x->dim[1] : 1;
    struct tensor *r = OP1("Reciprocal", OP1("Sqrt", OP("Add", n->in[4], NUMBER(attr_f(n, "epsilon")))));
    if (grad_wanted(g, n, 1)) {
        struct tensor *h = OP("Mul", OP("Sub", x, grad_reshaped(g, n, n->in[3], x->rank, dim)), grad_reshaped(g, n, r, x->rank, dim));
        grad_add(g, n->in[1], grad_output(g, grad_node(g, n, "ChannelSum", "grad_scale", OP("Mul", dy, h), NULL, NULL, NULL), n->in[1]));
    }
    if (grad_wanted(g, n, 2))
        grad_add(g, n->in[2], grad_output(g, grad_node(g, n, "ChannelSum", "grad_bias", dy, NULL, NULL, NULL), n->in[2]));
    if (grad_wanted(g, n, 0))
        grad_add(g, x, OP("Mul", dy, grad_reshaped(g, n, OP("Mul", n->in[1], r), x->rank, dim)));
    return true;
}

static struct tensor *turned(struct graph *g, struct node *n, struct tensor *t)
{
    int64_t perm[MAX_RANK];
    for (int i = 0; i < t->rank; i++)
        perm[i] = i < t->rank - 2 ? i : 2 * t->rank - 3 - i;
    return grad_transposed(g, n, t, perm);
}

bool matmul_grad(struct graph *g, struct node *n)
{
    struct tensor *a = n->in[0], *b = n->in[1], *dy = dy_of(g, n);
    if (a->rank < 2 || b->rank < 2)
        return node_error(g, n, "has no derivative for vectors; reshape them to matrices");
    if (grad_wanted(g, n, 0))
        grad_add_summed(g, n, a, OP("MatMul", dy, turned(g, n, b)));
    if (grad_wanted(g, n, 1))
        grad_add_summed(g, n, b, OP("MatMul", turned(g, n, a), dy));
    return true;
}

/* "ij,jk->ik": of the first "ik,jk->ij". Letters that only one operand has and the result lacks are not covered. */
bool einsum_grad(struct graph *g, struct node *n)
{
    const char *equation = attr_s(n, "equation"), *arrow = strstr(equation, "->");
    const char *term[4];
    size_t length[4];
    int terms = 0;
    if (!arrow || strchr(equation, '.') || strchr(equation, ' '))
        return node_error(g, n, "has a derivative only for an equation such as 'ij,jk->ik'");
    for (const char *p = equation; p < arrow && terms < 4; p += length[terms++] + 1) {
        term[terms] = p;
        length[terms] = strcspn(p, ",-");
    }
    for (int i = 0; i < n->nin; i++) {
        if (!grad_wanted(g, n, i))
            continue;
        struct strbuf s = {0};
        struct node *d = grad_node(g, n, "Einsum", "grad", dy_of(g, n), NULL, NULL, NULL);
        sb_add(&s, arrow + 2);
        for (int k = 0; k < n->nin; k++)
            if (k != i) {
                node_input(g, d, n->in[k]);
                sb_addf(&s, ",%.*s", (int)length[k], term[k]);
            }
        bool known = true;
        for (size_t k = 0; k < length[i]; k++)
            known = known && strchr(s.s, term[i][k]) && !memchr(term[i] + k + 1, term[i][k], length[i] - k - 1);
        sb_addf(&s, "->%.*s", (int)length[i], term[i]);
        set_attr_s(g, d, "equation", arena_strdup(&g->arena, s.s));
        sb_free(&s);
        if (!known)
            return node_error(g, n, "has no derivative: a letter stands in one operand alone, or twice");
        struct tensor *dx = node_output(g, d, unique_name(g, d->name));
        if (!d->op->infer(g, d))
            return false;
        grad_add(g, n->in[i], dx);
    }
    return true;
}

/* Sum of |x|^p over a window, then the root. */
bool lp_pool_grad(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *y = n->out[0], *dy = dy_of(g, n), *spread;
    const double p = (double)attr_i(n, "p");
    struct tensor *safe = grad_value(g, n, "Where", OP("Equal", y, NUMBER(0)), NUMBER(1), y);
    struct tensor *share = OP("Mul", dy, OP("Pow", safe, NUMBER(1 - p)));
    if (is_op(n, "LpPool")) {
        struct node *d = grad_node(g, n, "SumPoolGrad", "grad", share, NULL, NULL, NULL);
        static const char *const names[] = {"kernel_shape", "strides", "dilations", "pads"};
        for (int k = 0; k < 4; k++) {
            int64_t v[6];
            const int count = (x->rank - 2) * (k == 3 ? 2 : 1);
            for (int a = 0; a < count; a++)
                v[a] = attr_at(n, names[k], a, k != 3);
            set_attr_ints(g, d, names[k], count, v);
        }
        spread = grad_output(g, d, x);
    } else {
        spread = share;
    }
    struct tensor *slope = p == 1 ? OP1("Sign", x) : p == 2 ? x : OP("Mul", OP1("Sign", x), OP("Pow", OP1("Abs", x), NUMBER(p - 1)));
    grad_add(g, x, OP("Mul", slope, spread));
    return true;
}

bool sum_pool_grad(struct graph *g, struct node *n)
{
    struct node *d = grad_node(g, n, "SumPoolGrad", "grad", dy_of(g, n), NULL, NULL, NULL);
    copy_attrs(g, d, n);
    grad_add(g, n->in[0], grad_output(g, d, n->in[0]));
    return true;
}

bool adaptive_pool_grad(struct graph *g, struct node *n)
{
    struct node *d = grad_node(g, n, "AdaptiveAveragePoolGrad", "grad", dy_of(g, n), NULL, NULL, NULL);
    copy_attrs(g, d, n);
    grad_add(g, n->in[0], grad_output(g, d, n->in[0]));
    return true;
}
