/* What operators on quantised tensors share: QScale, the factors of requantisation; QBias, a bias in units of the sums; PackQuantized, weights
 * in the order in which kernels read them. All three mostly work on constants and fold. */
#include "quantized.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "generic.h"
#include "../../runtime/qplain.h"
#include "../../runtime/scalar_math.h"

void int_range(enum dtype t, double *low, double *high)
{
    int bits = t == DT_U4 || t == DT_I4 ? 4 : t == DT_U2 || t == DT_I2 ? 2 : (int)dtype_size(t) * 8;
    bool s = dtype_is_signed(t);
    *low = s ? -ldexp(1, bits - 1) : 0;
    *high = ldexp(1, s ? bits - 1 : bits) - 1;
}

bool is_known(const struct tensor *t)
{
    if (tensor_is_const(t))
        return true;
    if (!t->def || t->def->op->flags & (OP_RANDOM | OP_CONTROL) || t->def->nin == 0)
        return false;
    for (int i = 0; i < t->def->nin; i++)
        if (t->def->in[i] && !is_known(t->def->in[i]))
            return false;
    return true;
}

double known_element(struct graph *g, struct tensor *t, int64_t i)
{
    const void *data = tensor_value(g, t);
    return data ? cnnc_get((int)t->dtype, data, i) : NAN;
}

bool one_scale(struct graph *g, const struct quantized *q, double *scale, int *zero)
{
    if (!q->scale || tensor_count(q->scale) != 1 || !is_known(q->scale) || (q->zero && (tensor_count(q->zero) != 1 || !is_known(q->zero))))
        return false;
    *scale = known_element(g, q->scale, 0);
    *zero = q->zero ? (int)known_element(g, q->zero, 0) : 0;
    return *scale > 0 && isfinite(*scale);
}

struct node *q_node(struct graph *g, struct node *n, const struct op *op, enum dtype dtype, int rank, const int64_t *dim)
{
    struct node *q = node_insert_before(g, n, op, n->name);
    struct tensor *y = node_output(g, q, unique_name(g, n->name));
    y->dtype = dtype;
    tensor_set_shape(y, rank, dim);
    return q;
}

void q_bounds(struct graph *g, struct node *n, const struct quantized *out)
{
    double low, high;
    int_range(n->out[0]->dtype, &low, &high);
    if (dtype_size(n->out[0]->dtype) > 1) /* nothing bounds sums */
        low = high = 0;
    const bool given = out && out->scale;
    set_attr_i(g, n, "low", given ? out->low : (int64_t)low);
    set_attr_i(g, n, "high", given ? out->high : (int64_t)high);
}

/* ---- QScale ----------------------------------------------------------------------------------------------------- */

struct tensor *q_scale(struct graph *g, struct node *n, struct tensor *x, struct tensor *w, struct tensor *y)
{
    const int64_t pairs = tensor_count(x) * tensor_count(w);
    struct node *s = q_node(g, n, &op_q_scale, y ? DT_I32 : DT_F32, 1, (int64_t[]){y ? 2 * pairs : pairs});
    node_input(g, s, x);
    node_input(g, s, w);
    node_input(g, s, y);
    s->name = arena_printf(&g->arena, "%s.scales", n->name);
    return s->out[0];
}

static void scale_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    *(struct cnnc_qscale *)geometry = (struct cnnc_qscale){(int)n->in[0]->dtype, (long)tensor_count(n->in[0]), (long)tensor_count(n->in[1])};
}
RUN(qscale)
GEOMETRY(qscale, FIELD_LIT(struct cnnc_qscale, scale, F_INT), FIELD(struct cnnc_qscale, m, F_LONG), FIELD(struct cnnc_qscale, n, F_LONG));
static const struct kernel scale_kernels[] = {KERNEL(qscale, "qplain.h", qscale, scale_fill)};
const struct op op_q_scale = {
    .onnx = "QScale", .doc = "factors of requantisation", .min_in = 2, .max_in = 3, .max_out = 1, .flags = OP_INTERNAL,
    .kernels = scale_kernels, .nkernels = 1,
};

/* ---- QBias ------------------------------------------------------------------------------------------------------ */

static double bias_element(const void *b, const void *x, const void *w, int64_t i, int64_t scales)
{
    return cnnc_round_even((double)((const float *)b)[i] / ((double)*(const float *)x * (double)((const float *)w)[scales > 1 ? i : 0]));
}

struct tensor *q_bias(struct graph *g, struct node *n, struct tensor *bias, struct tensor *x, struct tensor *w, int64_t inputs)
{
    const int64_t channels = tensor_count(bias);
    const void *b = tensor_value(g, bias), *sx = tensor_value(g, x), *sw = tensor_value(g, w);
    if (!b || !sx || !sw || bias->dtype != DT_F32)
        return NULL;
    for (int64_t i = 0; i < channels; i++)
        if (!(fabs(bias_element(b, sx, sw, i, tensor_count(w))) + 255.0 * 255.0 * (double)inputs < 0x1p31))
            return NULL;
    struct node *q = q_node(g, n, &op_q_bias, DT_I32, 1, &channels);
    node_input(g, q, bias);
    node_input(g, q, x);
    node_input(g, q, w);
    q->name = arena_printf(&g->arena, "%s.bias", n->name);
    return q->out[0];
}

static void bias_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    (void)geometry;
    for (int64_t i = 0; i < tensor_count(n->in[0]); i++)
        ((int32_t *)out[0])[i] = (int32_t)bias_element(in[0], in[1], in[2], i, tensor_count(n->in[2]));
}
static const struct kernel bias_kernels[] = {{.name = "q_bias", .run = bias_run}};
const struct op op_q_bias = {
    .onnx = "QBias", .doc = "a bias in units of the products", .min_in = 3, .max_in = 3, .max_out = 1, .flags = OP_INTERNAL,
    .kernels = bias_kernels, .nkernels = 1,
};

/* ---- PackQuantized ---------------------------------------------------------------------------------------------- */

static const struct attr_def pack_attrs[] = {
    {"dense", NULL, A_INT, 0, 0, NULL, "for qdense, else for qconv"},
    {"geometry", NULL, A_INTS, 0, 0, NULL, "groups, oc, inputs, elements between outputs, between inputs"},
};

static int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

bool can_pack(const struct node *n, int64_t inputs)
{
    for (int i = Q_W; i <= Q_BIAS; i++)
        if (input(n, i) && !(tensor_is_const(n->in[i]) || (n->in[i]->def && n->in[i]->def->folded)))
            return false;
    return inputs <= SUMS_AT_MOST;
}

void pack_quantized(struct graph *g, struct node *n, const struct packing *p)
{
    const int64_t channels = p->groups * round_up(p->oc / p->groups, CNNC_Q_CHANNELS);
    const int64_t size = channels * (p->dense ? round_up(p->inputs, CNNC_Q_PAD) : p->inputs);
    struct node *k = q_node(g, n, &op_pack_quantized, DT_I8, 1, &size);
    bool zeros = n->in[Q_W]->dtype == DT_U8;
    for (int i = Q_W; i <= Q_BIAS; i++)
        node_input(g, k, n->in[i]);
    k->name = arena_printf(&g->arena, "%s.packed", n->name);
    set_attr_i(g, k, "dense", p->dense);
    set_attr_ints(g, k, "geometry", 5, (int64_t[]){p->groups, p->oc, p->inputs, p->by_output, p->by_input});
    for (int i = 1; i < 3; i++) {
        struct tensor *t = node_output(g, k, unique_name(g, k->name));
        t->dtype = DT_I32;
        tensor_set_shape(t, 1, &channels);
    }
    if (n->in[Q_W_ZERO]) /* are there any, once uint8 has become int8? */
        for (int64_t i = 0, all = n->in[Q_W]->dtype == DT_U8 ? 128 : 0; i < tensor_count(n->in[Q_W_ZERO]) && (i == 0 || !zeros); i++)
            zeros = (int64_t)known_element(g, n->in[Q_W_ZERO], i) != all;
    node_set_input(g, n, Q_W, k->out[0]);
    node_set_input(g, n, Q_W_ZERO, zeros ? k->out[1] : NULL);
    node_set_input(g, n, Q_BIAS, k->out[2]);
}

static void pack_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    (void)geometry;
    const int64_t *v = attr_get(n, "geometry")->ints, groups = v[0], oc = v[1] / groups, inputs = v[2];
    const int64_t padded = round_up(oc, CNNC_Q_CHANNELS), stride = round_up(inputs, CNNC_Q_PAD);
    const int type = (int)n->in[0]->dtype, less = type == CNNC_U8 ? 128 : 0;
    const bool dense = attr_i(n, "dense") != 0, several = in[2] && tensor_count(n->in[2]) > 1;
    const int64_t zx = in[1] ? cnnc_get_int((int)n->in[1]->dtype, in[1], 0) : 0;
    int8_t *w = out[0];
    for (int64_t c = 0; c < groups * padded; c++) {
        const int64_t o = c % padded, channel = c / padded * oc + o;
        ((int32_t *)out[1])[c] = ((int32_t *)out[2])[c] = 0;
        if (o >= oc) /* the memory is zero */
            continue;
        const int zero = (in[2] ? (int)cnnc_get_int(type, in[2], several ? channel : 0) : 0) - less;
        uint32_t sum = 0;
        for (int64_t k = 0; k < inputs; k++) {
            const int value = (int)cnnc_get_int(type, in[0], channel * v[3] + k * v[4]) - less;
            w[dense ? c * stride + k : (c / CNNC_Q_CHANNELS * inputs + k) * CNNC_Q_CHANNELS + c % CNNC_Q_CHANNELS] = (int8_t)value;
            sum += (uint32_t)(value - zero);
        }
        ((int32_t *)out[1])[c] = zero;
        ((int32_t *)out[2])[c] = (int32_t)((in[3] ? (uint32_t)((const int32_t *)in[3])[channel] : 0) - (uint32_t)zx * sum);
    }
}
static const struct kernel pack_kernels[] = {{.name = "pack_quantized", .run = pack_run}};
const struct op op_pack_quantized = {
    .onnx = "PackQuantized", .doc = "quantised weights as a kernel reads them", .attrs = pack_attrs, .nattrs = COUNT(pack_attrs),
    .min_in = 1, .max_in = 4, .max_out = 3, .flags = OP_INTERNAL, .kernels = pack_kernels, .nkernels = 1,
};
