/* Part of simplify: operators that an exporter wrote out as simpler ones become the operator again.
 *
 * A pattern is an expression over operators: a lower-case letter stands for any tensor (the same one wherever it stands; "e=Exp(x)"
 * names what matches), "$a" for the value of a constant of one element, a number for such a constant of that value, "-" for an absent
 * operand, and [name=value] after an operator for its attributes. Operands of commutative operators match in either order.
 * Some names stand for several spellings: Times(p, c) and Plus(p, c) with a constant, Square(p), Cube(p), Negative(p), Positive(p).
 * All reductions of a pattern keep the reduced axes and go over the same ones, which are a row's (trailing) where a result needs that. */
#include "simplify.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 26, MATCHED = 24 };

struct match {
    struct tensor *tensor[NAMES]; /* a to z */
    double number[NAMES];         /* $a to $z */
    unsigned numbers;             /* which of them are known */
    unsigned axes;                /* of the reductions */
    bool keep;                    /* they keep the axes */
    struct node *node[MATCHED];
    int nodes;
};

struct rule {
    const char *op;      /* what the pattern is */
    const char *inputs;  /* its operands: names; $a makes a scalar; 1 makes ones of a row's shape; # the axes */
    const char *attrs;   /* "alpha=$a axis=#first": of the result */
    const char *pattern;
    bool (*check)(const struct match *m); /* NULL: none */
};

/* A slope of at most 1: then the larger of x and a x is a leaky ReLU. */
static bool slope(const struct match *m) { return m->number[0] >= 0 && m->number[0] <= 1; }

/* x itself on the positive side */
#define CONTINUOUS(op, inputs, attrs, below)                                                                           \
    {op, inputs, attrs, "Where(Negative(x), " below ", x)", NULL}, {op, inputs, attrs, "Where(Positive(x), x, " below ")", NULL}
#define SIGMOID(x) "Reciprocal(Plus(Exp(Neg(" x ")), 1))"
#define HSIG "HardSigmoid[alpha=0.166666667,beta=0.5](x)"
#define SIX "Clip(Plus(x, 3), 0, 6)"
#define PHI "Plus(Erf(Times(x, 0.707106781)), 1)"
#define TANH_PHI(inner) "Plus(Tanh(" inner "), 1)"
#define TANH_A TANH_PHI("Times(Add(x, Times(Cube(x), 0.044715)), 0.797884561)")
#define TANH_B TANH_PHI("Times(Mul(x, Plus(Times(Square(x), 0.044715), 1)), 0.797884561)")
#define TANH_C TANH_PHI("Mul(Times(x, 0.797884561), Plus(Times(Square(x), 0.044715), 1))")
#define GELU(attrs, phi)                                                                                               \
    {"Gelu", "x", attrs, "Times(Mul(x, " phi "), 0.5)", NULL}, {"Gelu", "x", attrs, "Mul(Times(x, 0.5), " phi ")", NULL}, \
    {"Gelu", "x", attrs, "Mul(x, Times(" phi ", 0.5))", NULL}
#define DEVIATION_A "Sqrt(Plus(ReduceMean(Square(d)), $e))"
#define DEVIATION_B "Sqrt(Plus(Sub(ReduceMean(Square(x)), Square(m)), $e))"
#define CENTRED "d=Sub(x, m=ReduceMean(x))"
#define ROWS(op, inputs, wrap, normal)                                                                                 \
    {op, inputs, "axis=#first epsilon=$e", wrap(normal), NULL}
#define WITH_BOTH(n) "Add(Mul(" n ", w), b)"
#define WITH_SCALE(n) "Mul(" n ", w)"
#define WITH_NONE(n) n
#define LAYER_NORM(n)                                                                                                  \
    ROWS("LayerNormalization", "xwb", WITH_BOTH, n), ROWS("LayerNormalization", "xw", WITH_SCALE, n),                  \
    ROWS("LayerNormalization", "x1", WITH_NONE, n)
#define MEAN_SQUARE "Plus(ReduceMean(Square(x)), $e)"
#define RMS_NORM(n) ROWS("RMSNormalization", "xw", WITH_SCALE, n), ROWS("RMSNormalization", "x1", WITH_NONE, n)

/* In this order at each node, from the last node on, again until nothing changes: what one rule makes is what another's pattern names. */
static const struct rule rules[] = {
    {"Relu", "x", "", "Max(x, 0)", NULL},
    {"Relu", "x", "", "Clip(x, 0, -)", NULL},
    CONTINUOUS("Relu", "x", "", "0"),
    {"LeakyRelu", "x", "alpha=$a", "Max(x, Times(x, $a))", slope},
    CONTINUOUS("LeakyRelu", "x", "alpha=$a", "Times(x, $a)"),
    CONTINUOUS("PRelu", "xw", "", "Mul(w, x)"),
    {"PRelu", "xw", "", "Sub(Relu(x), Mul(w, Relu(Neg(x))))", NULL},
    {"ThresholdedRelu", "x", "alpha=$a", "Where(Less($a, x), x, 0)", NULL},
    {"Clip", "x$a$b", "", "Min(Max(x, $a), $b)", NULL},
    CONTINUOUS("Elu", "x", "", "Plus(Exp(x), -1)"),
    CONTINUOUS("Elu", "x", "alpha=$a", "Times(Plus(Exp(x), -1), $a)"),
    {"Selu", "x", "alpha=$a gamma=$b", "Where(Negative(x), Times(Sub(Times(Exp(x), $a), $a), $b), Times(x, $b))", NULL},
    {"Sigmoid", "x", "", SIGMOID("x"), NULL},
    {"Sigmoid", "x", "", "Div(1, Plus(Exp(Neg(x)), 1))", NULL},
    {"HardSigmoid", "x", "alpha=$a beta=$b", "Clip(Plus(Times(x, $a), $b), 0, 1)", NULL},
    {"HardSigmoid", "x", "alpha=$a beta=$b", "Max(0, Min(1, Plus(Times(x, $a), $b)))", NULL},
    {"HardSigmoid", "x", "alpha=$a beta=$b", "Relu(Min(1, Plus(Times(x, $a), $b)))", NULL},
    {"HardSigmoid", "x", "alpha=0.16666666666666666 beta=0.5", "Times(" SIX ", 0.166666667)", NULL},
    {"HardSwish", "x", "", "Mul(x, " HSIG ")", NULL},
    {"HardSwish", "x", "", "Times(Mul(x, " SIX "), 0.166666667)", NULL},
    {"HardSwish", "x", "", "Mul(Times(x, 0.166666667), " SIX ")", NULL},
    {"Swish", "x", "", "Mul(x, Sigmoid(x))", NULL},
    {"Swish", "x", "alpha=$a", "Mul(x, Sigmoid(Times(x, $a)))", NULL},
    {"Swish", "x", "", "Div(x, Plus(Exp(Neg(x)), 1))", NULL},
    {"Softplus", "x", "", "Log(Plus(Exp(x), 1))", NULL},
    {"Mish", "x", "", "Mul(x, Tanh(Softplus(x)))", NULL},
    {"Softsign", "x", "", "Div(x, Plus(Abs(x), 1))", NULL},
    GELU("", PHI), GELU("approximate=tanh", TANH_A), GELU("approximate=tanh", TANH_B), GELU("approximate=tanh", TANH_C),
    {"LogSoftmax", "x", "axis=#one", "Sub(s=Sub(x, ReduceMax(x)), Log(ReduceSum(Exp(s))))", NULL},
    {"LogSoftmax", "x", "axis=$a", "Log(Softmax[axis=$a](x))", NULL},
    {"Softmax", "x", "axis=#one", "Div(e=Exp(Sub(x, ReduceMax(x))), ReduceSum(e))", NULL},
    {"ReduceLogSumExp", "x#", "", "Log(ReduceSum(Exp(x)))", NULL},
    {"ReduceL2", "x#", "", "Sqrt(ReduceSum(Square(x)))", NULL},
    {"ReduceL2", "x#", "", "Sqrt(ReduceSumSquare(x))", NULL},
    {"ReduceL1", "x#", "", "ReduceSum(Abs(x))", NULL},
    {"ReduceSumSquare", "x#", "", "ReduceSum(Square(x))", NULL},
    LAYER_NORM("Div(" CENTRED ", " DEVIATION_A ")"),
    LAYER_NORM("Div(" CENTRED ", " DEVIATION_B ")"),
    LAYER_NORM("Mul(" CENTRED ", Reciprocal(" DEVIATION_A "))"),
    LAYER_NORM("Mul(" CENTRED ", Reciprocal(" DEVIATION_B "))"),
    RMS_NORM("Div(x, Sqrt(" MEAN_SQUARE "))"),
    RMS_NORM("Mul(x, Reciprocal(Sqrt(" MEAN_SQUARE ")))"),
    RMS_NORM("Mul(x, Div(1, Sqrt(" MEAN_SQUARE ")))"),
    RMS_NORM("Mul(x, Pow(" MEAN_SQUARE ", -0.5))"),
};

/* ---- matching --------------------------------------------------------------------------------------------------- */

/* The end of the expression at p. */
static const char *skip(const char *p)
{
    for (int depth = 0; *p; p++) {
        if (*p == '(' || *p == '[')
            depth++;
        else if ((*p == ')' || *p == ']') && --depth < 0)
            break;
        else if (*p == ',' && depth == 0)
            break;
    }
    return p;
}

/* The expression after the comma at p. */
static const char *next(const char *p)
{
    p += *p == ',';
    return p + strspn(p, " ");
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-4 * fabs(b) + 1e-12; }

static bool scalar(const struct tensor *t, double *v)
{
    if (!t || !t->data || t->kind != T_CONST || tensor_count(t) != 1)
        return false;
    if (t->dtype == DT_F32)
        *v = (double)*(const float *)t->data;
    return t->dtype == DT_F32;
}

/* A number as the pattern has it: "$a" is bound, or compared if it is known. */
static bool number(struct match *m, const char *p, double v)
{
    if (*p != '$')
        return near(v, strtod(p, NULL));
    const int k = p[1] - 'a';
    if (m->numbers >> k & 1)
        return near(v, m->number[k]);
    m->numbers |= 1u << k;
    m->number[k] = v;
    return true;
}

static bool attributes(struct match *m, const char *p, const struct node *n)
{
    char name[32];
    while (*p != ']') {
        const size_t length = strcspn(p, "=");
        snprintf(name, sizeof name, "%.*s", (int)length, p);
        p += length + 1;
        const struct attr *a = attr_get(n, name);
        const bool whole = n->op->attrs[a - n->attr].type == A_INT;
        if (!number(m, p, whole ? (double)attr_i(n, name) : attr_f(n, name)))
            return false;
        p += strcspn(p, ",]");
        p += *p == ',';
    }
    return true;
}

/* A reduction's axes must be those of the others. */
static bool same_axes(struct match *m, const struct node *n)
{
    const struct tensor *x = n->in[0];
    int64_t v[MAX_RANK];
    int count = 0;
    unsigned axes = 0;
    if (input(n, 1) && !tensor_ints(n->in[1], v, MAX_RANK, &count))
        return false;
    for (int i = 0; i < count; i++)
        axes |= 1u << (v[i] + (v[i] < 0 ? x->rank : 0));
    if (!count && !attr_i(n, "noop_with_empty_axes"))
        axes = (1u << x->rank) - 1;
    if (!axes || (m->axes && (m->axes != axes || m->keep != (attr_i(n, "keepdims") != 0))))
        return false;
    m->axes = axes;
    m->keep = attr_i(n, "keepdims") != 0;
    return true;
}

static bool is_reduction(const struct node *n)
{
    for (int i = 0; i < n->op->nattrs; i++)
        if (n->op->attrs[i].onnx && strcmp(n->op->attrs[i].onnx, "noop_with_empty_axes") == 0)
            return true;
    return false;
}

static bool expression(struct match *m, const char *p, struct tensor *t);

static bool with_constant(struct match *m, const char *args, const struct node *n, const char *plain, const char *inverse, bool times)
{
    const char *c = next(skip(args));
    double v;
    if (strcmp(n->op->onnx, plain) == 0)
        for (int i = 0; i < 2; i++)
            if (scalar(n->in[1 - i], &v)) {
                struct match before = *m;
                if (number(m, c, v) && expression(m, args, n->in[i]))
                    return true;
                *m = before;
            }
    if (strcmp(n->op->onnx, inverse) == 0 && scalar(n->in[1], &v) && (!times || v != 0))
        return number(m, c, times ? 1 / v : -v) && expression(m, args, n->in[0]);
    return false;
}

static bool is(const struct node *n, const char *op) { return n && strcmp(n->op->onnx, op) == 0; }

static bool square(struct match *m, const char *arg, const struct node *n)
{
    double v;
    return ((is(n, "Mul") && n->in[0] == n->in[1]) || (is(n, "Pow") && scalar(n->in[1], &v) && v == 2)) && expression(m, arg, n->in[0]);
}

static bool cube(struct match *m, const char *arg, const struct node *n)
{
    double v;
    if (is(n, "Pow") && scalar(n->in[1], &v) && v == 3)
        return expression(m, arg, n->in[0]);
    for (int i = 0; i < 2 && is(n, "Mul"); i++) {
        const struct node *s = n->in[i]->def;
        if (((is(s, "Mul") && s->in[0] == s->in[1]) || (is(s, "Pow") && scalar(s->in[1], &v) && v == 2)) && s->in[0] == n->in[1 - i])
            return expression(m, arg, s->in[0]);
    }
    return false;
}

/* x < 0, or x > 0 if `positive`; at 0 itself both sides of a condition agree. */
static bool sign(struct match *m, const char *arg, const struct node *n, bool positive)
{
    double v;
    const bool less = is(n, "Less") || is(n, "LessOrEqual"), greater = is(n, "Greater") || is(n, "GreaterOrEqual");
    if (!less && !greater)
        return false;
    const int x = less == positive; /* the operand that is x */
    return scalar(n->in[1 - x], &v) && v == 0 && expression(m, arg, n->in[x]);
}

static bool operands(struct match *m, const char *args, const struct node *n)
{
    const bool reduces = is_reduction(n);
    const char *p = args;
    if (reduces && !same_axes(m, n))
        return false;
    for (int i = 0; i < n->nin && !(reduces && i > 0); i++, p = next(skip(p)))
        if (*p == ')' ? n->in[i] != NULL : !expression(m, p, n->in[i]))
            return false;
    while (*p != ')' && *p == '-') /* absent at the end */
        p = next(skip(p));
    return *p == ')';
}

static bool named(const char *p, size_t length, const char *name) { return strlen(name) == length && memcmp(p, name, length) == 0; }

static bool call(struct match *m, const char *p, struct node *n)
{
    const size_t length = strcspn(p, "([");
    const char *args = p + length, *attrs = NULL;
    if (*args == '[') {
        attrs = args + 1;
        args += strcspn(args, "]") + 1;
    }
    args++;
    if (m->nodes == MATCHED)
        return false;
    m->node[m->nodes++] = n;
    if (named(p, length, "Times"))
        return with_constant(m, args, n, "Mul", "Div", true);
    if (named(p, length, "Plus"))
        return with_constant(m, args, n, "Add", "Sub", false);
    if (named(p, length, "Square"))
        return square(m, args, n);
    if (named(p, length, "Cube"))
        return cube(m, args, n);
    if (named(p, length, "Negative") || named(p, length, "Positive"))
        return sign(m, args, n, *p == 'P');
    if (!named(p, length, n->op->onnx) || (attrs && !attributes(m, attrs, n)))
        return false;
    struct match before = *m;
    if (operands(m, args, n))
        return true;
    *m = before;
    if (!(n->op->flags & OP_COMMUTATIVE) || n->nin != 2)
        return false;
    return expression(m, args, n->in[1]) && expression(m, next(skip(args)), n->in[0]);
}

static bool expression(struct match *m, const char *p, struct tensor *t)
{
    double v;
    if (*p == '-' && !isdigit((unsigned char)p[1]))
        return t == NULL;
    if (!t)
        return false;
    if (*p == '$' || *p == '-' || isdigit((unsigned char)*p))
        return scalar(t, &v) && number(m, p, v);
    if (isupper((unsigned char)*p))
        return t->def && call(m, p, t->def);
    const int k = *p - 'a';
    if (m->tensor[k])
        return m->tensor[k] == t;
    if (p[1] == '=' && !(t->def && expression(m, p + 2, t)))
        return false;
    m->tensor[k] = t;
    return true;
}

static bool matches(struct match *m, const char *pattern, struct node *n)
{
    *m = (struct match){.nodes = 0};
    return n->nout == 1 && n->out[0]->dtype == DT_F32 && call(m, pattern, n);
}

/* ---- the result ------------------------------------------------------------------------------------------------- */

/* First of the axes if they are a row's: from one on to the last. */
static bool trailing(unsigned axes, int rank, int *first)
{
    *first = axes ? __builtin_ctz(axes) : 0;
    return axes && axes == (((1u << rank) - 1) & ~((1u << *first) - 1));
}

/* A row's scale or bias, without leading axes of length 1; NULL if it has another shape. */
static struct tensor *of_row(struct graph *g, struct node *at, struct tensor *t, const struct tensor *x, int first)
{
    const int rank = x->rank - first;
    if (t->rank < rank || t->dtype != x->dtype)
        return NULL;
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] != (i < t->rank - rank ? 1 : x->dim[first + i - (t->rank - rank)]))
            return NULL;
    if (t->rank == rank)
        return t;
    struct node *n = node_insert_before(g, at, op_by_onnx("Reshape"), t->name);
    node_input(g, n, t);
    node_input(g, n, tensor_i64(g, unique_name(g, t->name), rank, x->dim + first));
    struct tensor *y = node_output(g, n, unique_name(g, t->name));
    return infer_node(g, n) ? y : NULL;
}

static struct tensor *ones(struct graph *g, const struct tensor *x, int first)
{
    struct tensor *t = tensor_const(g, unique_name(g, "ones"), DT_F32, x->rank - first, x->dim + first, NULL);
    for (int64_t i = 0; i < tensor_count(t); i++)
        ((float *)(void *)(uintptr_t)t->data)[i] = 1;
    return t;
}

static struct tensor *axes_tensor(struct graph *g, unsigned axes)
{
    int64_t v[MAX_RANK];
    int n = 0;
    for (int i = 0; i < MAX_RANK; i++)
        if (axes >> i & 1)
            v[n++] = i;
    return tensor_i64(g, unique_name(g, "axes"), n, v);
}

static bool set_attributes(struct graph *g, struct node *n, const char *p, const struct match *m, int first)
{
    char name[32], value[32];
    while (*p) {
        sscanf(p, "%31[^=]=%31s", name, value);
        p += strcspn(p, " ");
        p += strspn(p, " ");
        const enum attr_type type = n->op->attrs[attr_get(n, name) - n->attr].type;
        const double v = *value == '$' ? m->number[value[1] - 'a'] : *value == '#' ? first : strtod(value, NULL);
        if (type == A_STRING)
            set_attr_s(g, n, name, value);
        else if (type == A_FLOAT)
            set_attr_f(g, n, name, (double)(float)v);
        else
            set_attr_i(g, n, name, (int64_t)v);
    }
    return true;
}

static bool becomes(struct graph *g, struct node *root, const struct rule *r, const struct match *m)
{
    struct tensor *x = m->tensor['x' - 'a'], *y = root->out[0], *operand[4];
    const bool row = strstr(r->attrs, "#first") != NULL, one = strstr(r->attrs, "#one") != NULL;
    int first = 0, count = 0;
    if ((r->check && !r->check(m)) || x->rank < 0 || (row && (!trailing(m->axes, x->rank, &first) || !m->keep)))
        return false;
    if (one && (!m->keep || m->axes & (m->axes - 1)))
        return false;
    if (one)
        first = __builtin_ctz(m->axes);
    if (!strchr(r->inputs, '#') && !same_shape(x, y))
        return false;
    for (const char *p = r->inputs; *p; p++) {
        struct tensor *t = *p == '#' ? axes_tensor(g, m->axes) : *p == '1' ? ones(g, x, first)
                           : *p == '$' ? tensor_f32(g, unique_name(g, "value"), (float)m->number[*++p - 'a']) : m->tensor[*p - 'a'];
        if (row && t != x && *p != '1' && !(t = of_row(g, root, t, x, first)))
            return false;
        operand[count++] = t;
    }
    for (int i = 1; i < count; i++) /* PRelu's slope must not make the result wider */
        if (!strchr(r->inputs, '#') && operand[i]->rank > x->rank)
            return false;
    struct node *n = node_insert_before(g, root, op_by_onnx(r->op), root->name);
    for (int i = 0; i < count; i++)
        node_input(g, n, operand[i]);
    set_attributes(g, n, r->attrs, m, first);
    if (strchr(r->inputs, '#'))
        set_attr_i(g, n, "keepdims", m->keep);
    node_output(g, n, unique_name(g, y->name));
    if (!infer_node(g, n))
        return false;
    for (int i = 1; i < m->nodes; i++)
        if (m->node[i] != root)
            node_takes_over(g, n, m->node[i]);
    n->fused = NULL; /* nothing was merged: it is what was meant */
    drop_output(g, root, n, y);
    return true;
}

bool recognise(struct graph *g)
{
    bool any = false;
    for (int i = g->nodes - 1; i >= 0; i--) /* the widest patterns first: a layer norm with scale and bias */
        for (size_t r = 0; r < COUNT(rules); r++) {
            struct match m;
            if (matches(&m, rules[r].pattern, g->node[i]) && becomes(g, g->node[i], &rules[r], &m)) {
                any = true;
                break;
            }
        }
    return any;
}
