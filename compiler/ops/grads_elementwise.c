/* Derivatives of operators with several operands, element by element, and the small words in which derivatives are written. */
#include <math.h>
#include <string.h>

#include "grads.h"
#include "shared.h"

struct tensor *grad_wanted(struct graph *g, const struct node *n, int i)
{
    return input(n, i) && grad_needed(g, n->in[i]) ? n->in[i] : NULL;
}

struct tensor *grad_value(struct graph *g, const struct node *n, const char *op, struct tensor *a, struct tensor *b, struct tensor *c)
{
    struct node *m = grad_node(g, n, op, "grad", a, b, c, NULL);
    struct tensor *y = node_output(g, m, unique_name(g, arena_printf(&g->arena, "%s.grad", n->name)));
    m->op->infer(g, m); /* what it infers is right: the operands come from a graph that is */
    return y;
}

struct tensor *grad_number(struct graph *g, const struct tensor *like, double v)
{
    struct tensor *t = tensor_const(g, unique_name(g, "number"), like->dtype, 0, NULL, NULL);
    type_store_float(like->dtype, (void *)t->data, 0, v);
    return t;
}

struct tensor *grad_reshaped(struct graph *g, const struct node *n, struct tensor *t, int rank, const int64_t *dim)
{
    return grad_value(g, n, "Reshape", t, tensor_i64(g, unique_name(g, "shape"), rank, dim), NULL);
}

void grad_add_summed(struct graph *g, struct node *n, struct tensor *t, struct tensor *d)
{
    grad_add(g, t, same_shape(t, d) ? d : grad_output(g, grad_node(g, n, "SumTo", "grad_sum", d, NULL, NULL, NULL), t));
}

static struct tensor *dy_of(struct graph *g, const struct node *n) { return grad_of(g, n->out[0]); }
#define OP(op, a, b) grad_value(g, n, op, a, b, NULL)
#define OP1(op, a) grad_value(g, n, op, a, NULL, NULL)
#define NUMBER(v) grad_number(g, n->in[0], v)

bool div_grad(struct graph *g, struct node *n)
{
    struct tensor *share = OP("Div", dy_of(g, n), n->in[1]);
    if (grad_wanted(g, n, 0))
        grad_add_summed(g, n, n->in[0], share);
    if (grad_wanted(g, n, 1))
        grad_add_summed(g, n, n->in[1], OP1("Neg", OP("Mul", share, n->out[0])));
    return true;
}

/* To the operand that was chosen; where both are equal, half to each. */
bool choice_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = dy_of(g, n), *half = NULL;
    if (n->nin > 1)
        half = grad_value(g, n, "Where", OP("Equal", n->in[0], n->in[1]), NUMBER(0.5), NUMBER(1));
    for (int i = 0; i < n->nin; i++)
        if (grad_wanted(g, n, i)) {
            struct tensor *d = grad_value(g, n, "Where", OP("Equal", n->in[i], n->out[0]), dy, NUMBER(0));
            grad_add_summed(g, n, n->in[i], half ? OP("Mul", d, half) : d);
        }
    return true;
}

/* d a^b = b a^(b - 1) da + a^b log a db; the latter where a > 0. */
bool pow_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = dy_of(g, n), *a = n->in[0], *b = n->in[1];
    if (grad_wanted(g, n, 0)) {
        if (b->dtype != a->dtype)
            return node_error(g, n, "has no derivative for operands of two types");
        grad_add_summed(g, n, a, OP("Mul", dy, OP("Mul", b, OP("Pow", a, OP("Sub", b, NUMBER(1))))));
    }
    if (grad_wanted(g, n, 1)) {
        struct tensor *positive = OP("Greater", a, NUMBER(0));
        struct tensor *log = OP1("Log", grad_value(g, n, "Where", positive, a, NUMBER(1)));
        grad_add_summed(g, n, b, OP("Mul", dy, OP("Mul", n->out[0], log)));
    }
    return true;
}

/* a - b q, q a whole number that does not move. */
bool mod_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = dy_of(g, n);
    if (grad_wanted(g, n, 0))
        grad_add_summed(g, n, n->in[0], dy);
    if (grad_wanted(g, n, 1))
        grad_add_summed(g, n, n->in[1], OP("Mul", dy, OP("Div", OP("Sub", n->out[0], n->in[0]), n->in[1])));
    return true;
}

bool where_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = dy_of(g, n), *zero = grad_number(g, n->out[0], 0);
    for (int i = 1; i < 3; i++)
        if (grad_wanted(g, n, i))
            grad_add_summed(g, n, n->in[i], grad_value(g, n, "Where", n->in[0], i == 1 ? dy : zero, i == 1 ? zero : dy));
    return true;
}

bool prelu_grad(struct graph *g, struct node *n)
{
    struct tensor *dy = dy_of(g, n), *x = n->in[0], *negative = OP("Less", x, NUMBER(0));
    if (grad_wanted(g, n, 0))
        grad_add(g, x, OP("Mul", dy, grad_value(g, n, "Where", negative, n->in[1], NUMBER(1))));
    if (grad_wanted(g, n, 1))
        grad_add_summed(g, n, n->in[1], OP("Mul", dy, grad_value(g, n, "Where", negative, x, NUMBER(0))));
    return true;
}

/* Steps: flat wherever there is a derivative. */
bool zero_grad(struct graph *g, struct node *n)
{
    (void)g, (void)n;
    return true;
}

/* Between floating types. */
bool cast_grad(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0];
    struct node *d = grad_node(g, n, "Cast", "grad", dy_of(g, n), NULL, NULL, NULL);
    set_attr_i(g, d, "to", x->dtype);
    grad_add(g, x, grad_output(g, d, x));
    return true;
}
