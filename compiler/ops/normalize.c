/* Normalisation: over batches, layers, groups of channels, single channels, neighbouring channels, vectors. */
#include "fold_bn.h"
#include "grads.h"
#include "normalize_kernels.h"
#include "past.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void normalize_cost(const struct node *n, struct cost *c) { cost_per_element(n, c, 5); }

static bool check_epsilon(struct graph *g, struct node *n)
{
    const double e = attr_f(n, "epsilon");
    return e >= 0 ? true : attr_error(g, n, "epsilon", "epsilon %g, expected at least 0", e);
}

/* ---- BatchNormalization ----------------------------------------------------------------------------------------- */

static bool channels_of(struct graph *g, struct node *n, int64_t *channels)
{
    if (!check_rank(g, n, 0, 1, MAX_RANK))
        return false;
    *channels = n->in[0]->rank > 1 ? n->in[0]->dim[1] : 1;
    return true;
}

/* A constant or a learned vector of one value per channel. */
static struct tensor *channel_param(struct graph *g, struct node *n, const char *suffix, int64_t channels,
                                    enum init_kind init, bool learned)
{
    if (!learned) {
        struct tensor *t = filled(g, arena_printf(&g->arena, "%s.%s", n->name, suffix), channels, init == INIT_ONE);
        node_input(g, n, t);
        return t;
    }
    return param_new(g, n, suffix, 1, &channels, init, 0, 0);
}

static bool batchnorm_params(struct graph *g, struct node *n)
{
    int64_t channels;
    if (n->nin > 1)
        return true;
    if (!check_rank(g, n, 0, 2, MAX_RANK) || !channels_of(g, n, &channels))
        return false;
    const bool learned = attr_i(n, "affine") != 0;
    channel_param(g, n, "weight", channels, INIT_ONE, learned);
    channel_param(g, n, "bias", channels, INIT_ZERO, learned);
    channel_param(g, n, "running_mean", channels, INIT_ZERO, true)->trainable = false;
    channel_param(g, n, "running_var", channels, INIT_ONE, true)->trainable = false;
    return true;
}

static bool batchnorm_infer(struct graph *g, struct node *n)
{
    static const char *const name[] = {NULL, "the scale", "the bias", "the mean", "the variance"};
    int64_t channels;
    if (!check_type(g, n, 0, TYPES_FLOAT) || !channels_of(g, n, &channels) || !check_epsilon(g, n))
        return false;
    for (int i = 1; i < 5; i++)
        if (!check_type(g, n, i, TYPES_FLOAT) || !check_vector(g, n, i, channels, name[i]))
            return false;
    set_output(n, 1, n->in[3]->dtype, 1, &channels);
    set_output(n, 2, n->in[4]->dtype, 1, &channels);
    return infer_same_as_input(g, n);
}

/* With known statistics: v * scale + bias. */
static bool batchnorm_stage(struct graph *g, const struct node *n, int value, struct stage *s, struct tensor *operand[2])
{
    if (value != 0 || n->out[0]->dtype != DT_F32 || n->out[0]->rank < 2 || attr_i(n, "training_mode"))
        return false;
    for (int i = 1; i < 5; i++)
        if (!tensor_is_const(n->in[i]) || !n->in[i]->data)
            return false;
    const int64_t channels = n->in[0]->dim[1];
    float *scale = xmalloc(sizeof *scale * (size_t)(channels + 1)), *bias = xmalloc(sizeof *bias * (size_t)(channels + 1));
    for (int64_t c = 0; c < channels; c++) {
        const double f = const_element(n->in[1], c) / sqrt(const_element(n->in[4], c) + attr_f(n, "epsilon"));
        scale[c] = (float)f;
        bias[c] = (float)(const_element(n->in[2], c) - const_element(n->in[3], c) * f);
    }
    s->op = CNNC_ST_SCALE;
    s->inputs = 2;
    operand[0] = tensor_const(g, unique_name(g, n->name), DT_F32, 1, &channels, scale);
    operand[1] = tensor_const(g, unique_name(g, n->name), DT_F32, 1, &channels, bias);
    free(scale);
    free(bias);
    return true;
}

/* With known statistics it goes into the weights of a layer before it. */
static bool batchnorm_simplify(struct graph *g, struct node *n)
{
    return !attr_i(n, "training_mode") && fold_affine(g, n, 0, n->in + 1, attr_f(n, "epsilon"));
}

/* ---- building blocks of expansions -------------------------------------------------------------------------------- */

/* A node before n with one result. NULL: an error was reported. */
static struct tensor *made(struct graph *g, struct node *n, const char *op, struct tensor *a, struct tensor *b)
{
    struct node *m = node_insert_before(g, n, op_by_onnx(op), n->name);
    node_input(g, m, a);
    if (b)
        node_input(g, m, b);
    struct tensor *y = node_output(g, m, unique_name(g, n->name));
    return m->op->infer(g, m) ? y : NULL;
}

static struct tensor *number(struct graph *g, struct node *n, enum dtype dtype, double v)
{
    struct tensor *t = tensor_const(g, unique_name(g, n->name), dtype, 0, NULL, NULL);
    type_store_float(dtype, (void *)t->data, 0, v);
    return t;
}

/* The mean over the axes of the mask. */
static struct tensor *mean_over(struct graph *g, struct node *n, struct tensor *x, unsigned mask, bool keep)
{
    int64_t axes[MAX_RANK];
    int count = 0;
    for (int i = 0; i < x->rank; i++)
        if (mask >> i & 1)
            axes[count++] = i;
    struct node *m = node_insert_before(g, n, op_by_onnx("ReduceMean"), n->name);
    node_input(g, m, x);
    node_input(g, m, tensor_i64(g, unique_name(g, n->name), count, axes));
    set_attr_i(g, m, "keepdims", keep);
    struct tensor *y = node_output(g, m, unique_name(g, n->name));
    return m->op->infer(g, m) ? y : NULL;
}

/* In training mode the batch's own statistics normalise it, and the running ones move towards them. */
static struct tensor *moved(struct graph *g, struct node *n, struct tensor *old, struct tensor *now)
{
    const double keep = attr_f(n, "momentum");
    if (now->dtype != old->dtype)
        return NULL;
    struct tensor *a = made(g, n, "Mul", old, number(g, n, old->dtype, keep));
    struct tensor *b = a ? made(g, n, "Mul", now, number(g, n, now->dtype, 1 - keep)) : NULL;
    return b ? made(g, n, "Add", a, b) : NULL;
}

static bool batchnorm_expand(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0];
    const unsigned mask = ((1u << x->rank) - 1) & ~2u;
    if (!attr_i(n, "training_mode") || x->dtype != n->in[3]->dtype)
        return false;
    struct tensor *mean = mean_over(g, n, x, mask, false), *wide = mean_over(g, n, x, mask, true);
    struct tensor *d = wide ? made(g, n, "Sub", x, wide) : NULL, *square = d ? made(g, n, "Mul", d, d) : NULL;
    struct tensor *variance = square ? mean_over(g, n, square, mask, false) : NULL;
    if (!mean || !variance)
        return false;
    struct tensor *now[3] = {NULL, wants_output(n, 1) ? moved(g, n, n->in[3], mean) : NULL,
                             wants_output(n, 2) ? moved(g, n, n->in[4], variance) : NULL};
    struct node *m = node_insert_before(g, n, n->op, n->name);
    for (int i = 0; i < 5; i++)
        node_input(g, m, i < 3 ? n->in[i] : i == 3 ? mean : variance);
    copy_attrs(g, m, n);
    set_attr_i(g, m, "training_mode", 0);
    now[0] = node_output(g, m, unique_name(g, n->name));
    if (!m->op->infer(g, m))
        return false;
    for (int i = 0; i < 3; i++)
        if (now[i]) {
            now[i]->name = n->out[i]->name;
            replace_tensor(g, n->out[i], now[i]);
        }
    node_remove(g, n);
    return true;
}

/* ---- LayerNormalization, RMSNormalization ------------------------------------------------------------------------ */

static bool layernorm_params(struct graph *g, struct node *n)
{
    if (n->nin > 1)
        return true;
    if (!check_rank(g, n, 0, 1, MAX_RANK))
        return false;
    const struct tensor *x = n->in[0];
    const int64_t axis = normal_axis(g, n, "axis", x->rank);
    if (axis < 0)
        return false;
    param_new(g, n, "weight", x->rank - (int)axis, x->dim + axis, INIT_ONE, 0, 0);
    if (strcmp(n->op->onnx, "LayerNormalization") == 0 && attr_i(n, "bias"))
        param_new(g, n, "bias", x->rank - (int)axis, x->dim + axis, INIT_ZERO, 0, 0);
    return true;
}

static bool layernorm_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    char shape[160], whole[160];
    if (!check_type(g, n, 0, TYPES_FLOAT) || !check_rank(g, n, 0, 1, MAX_RANK) || !check_epsilon(g, n))
        return false;
    const int64_t axis = normal_axis(g, n, "axis", x->rank);
    if (axis < 0)
        return false;
    for (int i = 1; i < n->nin; i++) {
        int rank;
        int64_t dim[MAX_RANK];
        const struct tensor *t = n->in[i];
        if (!t)
            continue;
        if (!check_type(g, n, i, TYPES_FLOAT))
            return false;
        if (!broadcast_dims(x->rank, x->dim, t->rank, t->dim, &rank, dim) || rank != x->rank ||
            memcmp(dim, x->dim, sizeof *dim * (size_t)rank) != 0)
            return node_error(g, n, "the %s has shape %s, which does not fit a tensor of shape %s",
                              i == 1 ? "scale" : "bias", shape_text(t, shape), shape_text(x, whole));
    }
    int64_t reduced[MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        reduced[i] = i < axis ? x->dim[i] : 1;
    const enum dtype stash = attr_i(n, "stash_type") == DT_F64 ? DT_F64 : DT_F32;
    set_output(n, 1, stash, x->rank, reduced);
    set_output(n, 2, stash, x->rank, reduced);
    return infer_same_as_input(g, n);
}

/* ---- InstanceNormalization, GroupNormalization -------------------------------------------------------------------- */

static bool per_channel_params(struct graph *g, struct node *n)
{
    if (n->nin > 1)
        return true;
    if (!check_rank(g, n, 0, 3, MAX_RANK))
        return false;
    const bool learned = attr_i(n, "affine") != 0;
    channel_param(g, n, "weight", n->in[0]->dim[1], INIT_ONE, learned);
    channel_param(g, n, "bias", n->in[0]->dim[1], INIT_ZERO, learned);
    return true;
}

static bool groupnorm_infer(struct graph *g, struct node *n)
{
    const bool grouped = strcmp(n->op->onnx, "GroupNormalization") == 0;
    const struct tensor *x = n->in[0];
    if (!check_same_types(g, n, 0, TYPES_FLOAT) || !check_rank(g, n, 0, grouped ? 2 : 3, MAX_RANK) || !check_epsilon(g, n))
        return false;
    const int64_t channels = x->dim[1], groups = grouped ? attr_i(n, "num_groups") : channels;
    if (grouped && !attr_set(n, "num_groups"))
        return node_error(g, n, "the number of groups is missing");
    if (groups < 1 || channels % groups != 0)
        return attr_error(g, n, grouped ? "num_groups" : "epsilon", "%lld channels cannot be divided into %lld groups",
                          (long long)channels, (long long)groups);
    return check_vector(g, n, 1, channels, "the scale") && check_vector(g, n, 2, channels, "the bias") &&
           infer_same_as_input(g, n);
}

/* ---- LRN, MeanVarianceNormalization ---------------------------------------------------------------- */

static bool lrn_infer(struct graph *g, struct node *n)
{
    if (!check_type(g, n, 0, TYPES_FLOAT) || !check_rank(g, n, 0, 2, MAX_RANK))
        return false;
    if (!attr_set(n, "size"))
        return node_error(g, n, "the number of channels is missing");
    if (attr_i(n, "size") < 1)
        return attr_error(g, n, "size", "size %lld, expected at least 1", (long long)attr_i(n, "size"));
    return infer_same_as_input(g, n);
}

/* Bit i: axis i is one of those that the mean goes over. */
static bool mvn_axes(struct graph *g, struct node *n, unsigned *mask)
{
    static const int64_t usual[] = {0, 2, 3};
    const struct attr *a = attr_get(n, "axes");
    const int rank = n->in[0]->rank, count = a->set ? a->n : 3;
    *mask = 0;
    for (int i = 0; i < count; i++) {
        const int64_t axis = a->set ? a->ints[i] : usual[i];
        if (axis < -rank || axis >= rank)
            return attr_error(g, n, "axes", "axis %lld, expected %d to %d", (long long)axis, -rank, rank - 1);
        *mask |= 1u << (axis < 0 ? axis + rank : axis);
    }
    return true;
}

static bool mvn_infer(struct graph *g, struct node *n)
{
    unsigned mask;
    return check_type(g, n, 0, TYPES_FLOAT) && mvn_axes(g, n, &mask) && infer_same_as_input(g, n);
}

/* (x - mean) / (deviation + 1e-9), as ONNX writes it. */
static bool mvn_expand(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0];
    unsigned mask;
    if (!mvn_axes(g, n, &mask))
        return false;
    struct tensor *mean = mean_over(g, n, x, mask, true), *d = mean ? made(g, n, "Sub", x, mean) : NULL;
    struct tensor *square = d ? made(g, n, "Mul", d, d) : NULL, *variance = square ? mean_over(g, n, square, mask, true) : NULL;
    struct tensor *deviation = variance ? made(g, n, "Sqrt", variance, NULL) : NULL;
    struct tensor *safe = deviation ? made(g, n, "Add", deviation, number(g, n, x->dtype, 1e-9)) : NULL;
    struct tensor *y = safe ? made(g, n, "Div", d, safe) : NULL;
    if (!y)
        return false;
    y->name = n->out[0]->name;
    replace_tensor(g, n->out[0], y);
    node_remove(g, n);
    return true;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

#define EPSILON {"epsilon", "eps", A_FLOAT, AT_NONNEG, 1e-5, NULL, "added to the variance"}
#define AFFINE {NULL, "affine", A_BOOL, AT_NET, 1, NULL, "learns a scale and a bias"}
#define STASH {"stash_type", NULL, A_INT, 0, 1, NULL, "element type to compute in"}

static const struct attr_def batchnorm_attrs[] = {
    EPSILON, AFFINE,
    {"momentum", "momentum", A_FLOAT, 0, 0.9, NULL, "share of the old running statistics that training keeps"},
    {"training_mode", NULL, A_BOOL, 0, 0, NULL, "statistics of the batch, not the running ones"},
};
static const struct attr_def layernorm_attrs[] = {
    {"axis", "axis", A_INT, AT_POS, -1, NULL, "first of the axes that are normalised together"}, EPSILON,
    {NULL, "bias", A_BOOL, AT_NET, 1, NULL, "learns a bias"}, STASH,
};
static const struct attr_def rmsnorm_attrs[] = {
    {"axis", "axis", A_INT, AT_POS, -1, NULL, "first of the axes that are normalised together"}, EPSILON, STASH,
};
static const struct attr_def instancenorm_attrs[] = {EPSILON, AFFINE};
static const struct attr_def groupnorm_attrs[] = {
    {"num_groups", "groups", A_INT, AT_POS | AT_REQUIRED | AT_POSITIVE, 0, NULL, "channels are divided into so many groups"},
    EPSILON, AFFINE, STASH,
};
const struct attr_def lrn_attrs[LRN_ATTRS] = {
    {"size", "size", A_INT, AT_POS | AT_REQUIRED | AT_POSITIVE, 0, NULL, "channels that are summed over"},
    {"alpha", "alpha", A_FLOAT, 0, 1e-4, NULL, "factor of the mean square"},
    {"beta", "beta", A_FLOAT, 0, 0.75, NULL, "exponent"},
    {"bias", "bias", A_FLOAT, 0, 1, NULL, "added before the power"},
};
static const struct attr_def mvn_attrs[] = {{"axes", "axes", A_INTS, AT_POS, 0, NULL, "that the mean goes over; 0, 2, 3 if not given"}};

static enum past batchnorm_past(const struct node *n, int i, int axis, int *to) { return axis == 1 ? PAST_BARRED : past_same(n, i, axis, to); }

static enum past layernorm_past(const struct node *n, int i, int axis, int *to)
{
    const int64_t first = attr_i(n, "axis");
    return axis >= first + (first < 0 ? n->in[0]->rank : 0) ? PAST_BARRED : past_same(n, i, axis, to);
}

#define ATTRS(table) .attrs = table, .nattrs = COUNT(table)
const struct op op_batchnorm = {
    .onnx = "BatchNormalization", .net = "batchnorm", .net_aliases = "batch_norm|bn",
    .doc = "channels normalised by running statistics", ATTRS(batchnorm_attrs), .min_in = 5, .max_in = 5, .net_in = 1,
    .learned = {"weight", "bias", "running_mean", "running_var"},
    .max_out = 3, .params = batchnorm_params, .infer = batchnorm_infer, .past = batchnorm_past, .cost = normalize_cost,
    .expand = batchnorm_expand, .simplify = batchnorm_simplify, .grad = batchnorm_grad,
    .flags = OP_STATISTICS | OP_SAMPLEWISE, .in_training = batch_norm_in_training, .as_stage = batchnorm_stage,
    .kernels = batchnorm_kernels, .nkernels = BATCHNORM_KERNELS,
};
const struct op op_layernorm = {
    .onnx = "LayerNormalization", .net = "layernorm", .net_aliases = "layer_norm",
    .doc = "each item normalised over its last axes", ATTRS(layernorm_attrs), .min_in = 2, .max_in = 3, .net_in = 1,
    .learned = {"weight", "bias"}, .max_out = 3, .params = layernorm_params, .infer = layernorm_infer, .past = layernorm_past,
    .grad = layernorm_grad, .cost = normalize_cost,
    .kernels = rownorm_kernels, .nkernels = ROWNORM_KERNELS,
};
const struct op op_rmsnorm = {
    .onnx = "RMSNormalization", .net = "rmsnorm", .net_aliases = "rms_norm",
    .doc = "each item divided by its root mean square", ATTRS(rmsnorm_attrs), .min_in = 2, .max_in = 2, .net_in = 1,
    .learned = {"weight"}, .max_out = 1, .params = layernorm_params, .infer = layernorm_infer, .past = layernorm_past, .grad = layernorm_grad,
    .cost = normalize_cost,
    .kernels = rownorm_kernels, .nkernels = ROWNORM_KERNELS,
};
const struct op op_instancenorm = {
    .onnx = "InstanceNormalization", .net = "instancenorm", .net_aliases = "instance_norm",
    .doc = "each channel of each item normalised", ATTRS(instancenorm_attrs), .min_in = 3, .max_in = 3, .net_in = 1,
    .learned = {"weight", "bias"}, .max_out = 1, .flags = OP_SAMPLEWISE, .params = per_channel_params, .infer = groupnorm_infer, .past = past_batch,
    .grad = groupnorm_grad, .cost = normalize_cost,
    .kernels = rownorm_kernels, .nkernels = ROWNORM_KERNELS,
};
const struct op op_groupnorm = {
    .onnx = "GroupNormalization", .net = "groupnorm", .net_aliases = "group_norm",
    .doc = "groups of channels of each item normalised", ATTRS(groupnorm_attrs), .min_in = 3, .max_in = 3, .net_in = 1,
    .learned = {"weight", "bias"}, .max_out = 1, .params = per_channel_params, .infer = groupnorm_infer, .past = past_batch, .grad = groupnorm_grad,
    .cost = normalize_cost,
    .kernels = rownorm_kernels, .nkernels = ROWNORM_KERNELS,
};
const struct op op_lrn = {
    .onnx = "LRN", .net = "lrn", .net_aliases = "local_response_norm",
    .doc = "values divided by what their neighbouring channels hold (Krizhevsky et al. 2012)", ATTRS(lrn_attrs),
    .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1, .flags = OP_SAMPLEWISE, .infer = lrn_infer, .past = past_batch, .grad = lrn_grad,
    .cost = normalize_cost,
    .kernels = lrn_kernels, .nkernels = LRN_KERNELS,
};
const struct op op_mvn = {
    .onnx = "MeanVarianceNormalization", .net = "mvn", .doc = "mean 0 and variance 1 over the given axes",
    ATTRS(mvn_attrs), .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1, .infer = mvn_infer, .cost = normalize_cost,
    .expand = mvn_expand,
};
