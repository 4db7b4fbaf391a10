/* Conv and ConvTranspose: 1-D, 2-D and 3-D. */
#include "../op.h"

#include <string.h>

#include "conv_kernels.h"
#include "grads.h"
#include "past.h"
#include "qhooks.h"
#include "shared.h"

const struct attr_def conv_attrs[CONV_ATTRS] = {
    {NULL, "filters", A_INT, AT_POS | AT_NET | AT_POSITIVE, 0, NULL, "number of output channels"},
    {"kernel_shape", "kernel", A_SPATIAL, AT_POS | AT_POSITIVE, 0, NULL, "size of the window"},
    {"strides", "stride", A_SPATIAL, AT_POSITIVE, 1, NULL, "step of the window"},
    {"pads", "pad", A_PADS, AT_NONNEG, 0, NULL, "zeros around the input, or same"},
    {"dilations", "dilation", A_SPATIAL, AT_POSITIVE, 1, NULL, "distance between taps"},
    {"group", "groups", A_INT, AT_POSITIVE, 1, NULL, "channels are split into so many independent parts"},
    {"auto_pad", NULL, A_STRING, 0, 0, "NOTSET:NOTSET|SAME_UPPER|SAME_LOWER|VALID", "padding by rule"},
    {NULL, "bias", A_BOOL, AT_NET, 1, NULL, "add a learned value per channel"},
    {NULL, "weight", A_TENSOR, AT_NET, 0, NULL, "a literal kernel in place of learned weights"},
};

/* Weights of a literal kernel: [out][in/groups][k...] as given, or one [k...] kernel for each channel alone. */
static bool literal_kernel(struct graph *g, struct node *n, int spatial)
{
    struct attr *a = attr_get(n, "weight");
    struct tensor *k = a->tensor, *x = n->in[0];
    if (k->rank != spatial && k->rank != spatial + 2)
        return attr_error(g, n, "weight", "a kernel of rank %d, expected %d (one for every channel) or %d", k->rank,
                          spatial, spatial + 2);
    if (k->rank == spatial + 2) {
        node_input(g, n, k);
        return true;
    }
    int64_t dim[MAX_RANK] = {x->dim[1], 1}, size = tensor_count(k);
    memcpy(dim + 2, k->dim, sizeof *dim * (size_t)spatial);
    struct tensor *w = tensor_const(g, arena_printf(&g->arena, "%s.weight", n->name), DT_F32, spatial + 2, dim, NULL);
    for (int64_t c = 0; c < x->dim[1]; c++)
        memcpy((float *)w->data + c * size, k->data, sizeof(float) * (size_t)size);
    set_attr_i(g, n, "group", x->dim[1]);
    node_input(g, n, w);
    return true;
}

static bool conv_params(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    bool transposed = strcmp(n->op->onnx, "ConvTranspose") == 0;
    if (!check_rank(g, n, 0, 3, 5))
        return false;
    int spatial = x->rank - 2;
    if (n->nin > 1) {
        if (attr_set(n, "weight"))
            return attr_error(g, n, "weight", "a table does not go with a bias that is given");
        const int64_t given = n->in[1]->rank < 2 ? 0 : transposed ? n->in[1]->dim[1] * attr_i(n, "group") : n->in[1]->dim[0];
        if (attr_set(n, "filters") && attr_i(n, "filters") != given)
            return attr_error(g, n, "filters", "%lld filters, but the weight that is given has %lld", (long long)attr_i(n, "filters"), (long long)given);
        return true;
    }
    if (attr_set(n, "weight")) {
        if (!literal_kernel(g, n, spatial))
            return false;
        if (attr_set(n, "bias") && attr_i(n, "bias"))
            param_new(g, n, "bias", 1, (int64_t[]){n->in[1]->dim[0]}, INIT_ZERO, 0, 0);
        return true;
    }
    if (!attr_set(n, "filters"))
        return node_error(g, n, "the number of filters is missing, as in %s(x, 64, 3x3)", n->op->net);
    if (!attr_set(n, "kernel_shape"))
        return node_error(g, n, "the kernel's size is missing, as in %s(x, 64, 3x3)", n->op->net);
    int64_t filters = attr_i(n, "filters"), groups = attr_i(n, "group"), channels = x->dim[1];
    if (filters % groups != 0)
        return attr_error(g, n, "group", "%lld filters cannot be divided into %lld groups", (long long)filters,
                          (long long)groups);
    if (channels % groups != 0) {
        attr_error(g, n, "group", "%lld input channels cannot be divided into %lld groups", (long long)channels,
                   (long long)groups);
        tensor_note(g, x);
        return false;
    }
    int64_t dim[MAX_RANK] = {transposed ? channels : filters, (transposed ? filters : channels) / groups};
    int64_t taps = 1;
    for (int i = 0; i < spatial; i++)
        taps *= dim[2 + i] = attr_at(n, "kernel_shape", i, 1);
    param_new(g, n, "weight", spatial + 2, dim, INIT_HE, (int)(channels / groups * taps), (int)(filters / groups * taps));
    if (attr_i(n, "bias"))
        param_new(g, n, "bias", 1, &filters, INIT_ZERO, 0, 0);
    return true;
}

static bool check_weight(struct graph *g, struct node *n, int64_t in_per_group, int64_t out)
{
    const struct tensor *x = n->in[0], *w = n->in[1], *b = input(n, 2);
    char text[160];
    if (w->rank != x->rank)
        return node_error(g, n, "weight has shape %s (rank %d), expected rank %d like the input", shape_text(w, text),
                          w->rank, x->rank);
    int64_t groups = attr_i(n, "group");
    if (groups < 1)
        return attr_error(g, n, "group", "%lld groups, expected at least 1", (long long)groups);
    if (in_per_group * groups != x->dim[1])
        return node_error(g, n, "weight has shape %s: %lld x %lld groups = %lld input channels, but the input has %lld",
                          shape_text(w, text), (long long)in_per_group, (long long)groups,
                          (long long)(in_per_group * groups), (long long)x->dim[1]);
    if (out % groups != 0)
        return attr_error(g, n, "group", "%lld filters cannot be divided into %lld groups", (long long)out,
                          (long long)groups);
    if (b && (tensor_count(b) != out || b->rank != 1))
        return node_error(g, n, "bias has shape %s, expected %lld, one value per output channel", shape_text(b, text),
                          (long long)out);
    for (int i = 0; i < x->rank - 2; i++)
        if (attr_at(n, "kernel_shape", i, w->dim[2 + i]) != w->dim[2 + i])
            return attr_error(g, n, "kernel_shape", "kernel_shape[%d] is %lld, but the weight's is %lld", i,
                              (long long)attr_at(n, "kernel_shape", i, 1), (long long)w->dim[2 + i]);
    return true;
}

static bool conv_infer(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *w = n->in[1], *y = n->out[0];
    if (!check_rank(g, n, 0, 3, 5) || !check_rank(g, n, 1, 3, 5) || !check_same_types(g, n, 0, TYPES_FLOAT))
        return false;
    if (!check_weight(g, n, w->dim[1], w->dim[0]))
        return false;
    int spatial = x->rank - 2;
    int64_t dim[MAX_RANK] = {x->dim[0], w->dim[0]}, pads[6];
    for (int i = 0; i < spatial; i++) {
        struct window win;
        if (!window_infer(g, n, i, spatial, x->dim[2 + i], w->dim[2 + i], false, &win))
            return false;
        dim[2 + i] = win.out;
        pads[i] = win.before;
        pads[i + spatial] = win.after;
    }
    /* from here on the padding is explicit: no pass needs to know the rules again */
    struct span span = attr_get(n, "pads")->span;
    set_attr_ints(g, n, "pads", 2 * spatial, pads);
    attr_get(n, "pads")->s = NULL;
    attr_get(n, "pads")->span = span;
    set_attr_s(g, n, "auto_pad", "NOTSET");
    set_attr_ints(g, n, "kernel_shape", spatial, w->dim + 2);
    tensor_set_shape(y, x->rank, dim);
    y->dtype = x->dtype;
    return true;
}

/* From the attributes: a pass may have put packed weights in the place of the weights. */
static int64_t taps(const struct node *n)
{
    const struct attr *k = attr_get(n, "kernel_shape");
    return dims_count(k->n, k->ints);
}

static void conv_cost(const struct node *n, struct cost *c)
{
    const struct tensor *y = n->out[0];
    const struct tensor *x = n->pool_in;
    for (const struct node *p = n->pool; p; y = x, x = p->pool_in, p = p->pool)
        if (p->nin > 1) /* a convolution behind it */
            c->macs += tensor_count(y) * (x->dim[1] / MAX(1, attr_i(p, "group"))) * taps(p);
    c->macs += tensor_count(y) * (n->in[0]->dim[1] / MAX(1, attr_i(n, "group"))) * taps(n);
}

static bool conv_channels(const struct node *n, int *axis, int64_t *groups)
{
    (void)n;
    *axis = 0;
    *groups = 1;
    return true;
}

/* A border of zeros around the planes is padding. */
static bool conv_simplify(struct graph *g, struct node *n)
{
    int64_t pads[6];
    double value;
    struct tensor *x = plane_border(n->in[0], pads, &value);
    const int spatial = n->in[0]->rank - 2;
    if (!x || value != 0)
        return false;
    for (int i = 0; i < 2 * spatial; i++)
        pads[i] += attr_at(n, "pads", i, 0);
    set_attr_ints(g, n, "pads", 2 * spatial, pads);
    node_takes_over(g, n, n->in[0]->def);
    node_set_input(g, n, 0, x);
    return true;
}

const struct op op_conv = {
    .onnx = "Conv", .net = "conv", .doc = "convolution",
    .attrs = conv_attrs, .nattrs = COUNT(conv_attrs),
    .min_in = 2, .max_in = 3, .net_in = 1, .learned = {"weight", "bias"}, .max_out = 1, .flags = OP_SAMPLEWISE,
    .params = conv_params, .infer = conv_infer, .past = past_batch, .cost = conv_cost, .grad = conv_grad, .quantize = conv_quantize,
    .simplify = conv_simplify, .channel_axis = conv_channels,
    .kernels = conv_kernels, .nkernels = CONV_KERNELS,
};

/* ---- ConvTranspose ---------------------------------------------------------------------------------------------- */

static const struct attr_def transpose_attrs[] = {
    {NULL, "filters", A_INT, AT_POS | AT_NET | AT_POSITIVE, 0, NULL, "number of output channels"},
    {"kernel_shape", "kernel", A_SPATIAL, AT_POS | AT_POSITIVE, 0, NULL, "size of the window"},
    {"strides", "stride", A_SPATIAL, AT_POSITIVE, 1, NULL, "step of the window in the output"},
    {"pads", "pad", A_PADS, AT_NONNEG, 0, NULL, "cut off the output's edges, or same"},
    {"output_padding", "output_pad", A_SPATIAL, AT_NONNEG, 0, NULL, "added to the output's size at the end"},
    {"output_shape", "output_size", A_SPATIAL, AT_POSITIVE, 0, NULL, "size of the output; the padding follows"},
    {"dilations", "dilation", A_SPATIAL, AT_POSITIVE, 1, NULL, "distance between taps"},
    {"group", "groups", A_INT, AT_POSITIVE, 1, NULL, "channels are split into so many independent parts"},
    {"auto_pad", NULL, A_STRING, 0, 0, "NOTSET:NOTSET|SAME_UPPER|SAME_LOWER|VALID", "padding by rule"},
    {NULL, "bias", A_BOOL, AT_NET, 1, NULL, "add a learned value per channel"},
    {NULL, "weight", A_TENSOR, AT_NET, 0, NULL, "a literal kernel in place of learned weights"},
};

/* ONNX: total_padding = stride * (in - 1) + output_padding + dilation * (kernel - 1) + 1 - output_shape, its odd unit at the end
 * for SAME_UPPER and at the beginning otherwise. */
static bool transpose_axis(struct graph *g, struct node *n, int i, int spatial, int64_t *before, int64_t *after, int64_t *out)
{
    const struct attr *pads = attr_get(n, "pads");
    const char *mode = pads->set && pads->s ? "SAME_UPPER" : attr_s(n, "auto_pad");
    const int64_t stride = attr_at(n, "strides", i, 1), dilation = attr_at(n, "dilations", i, 1);
    const int64_t extra = attr_at(n, "output_padding", i, 0), in = n->in[0]->dim[2 + i], kernel = n->in[1]->dim[2 + i];
    if (stride < 1 || dilation < 1 || extra < 0 || kernel < 1)
        return node_error(g, n, "stride %lld, dilation %lld, output padding %lld, kernel %lld: expected positive values",
                          (long long)stride, (long long)dilation, (long long)extra, (long long)kernel);
    const int64_t full = stride * (in - 1) + extra + dilation * (kernel - 1) + 1;
    const bool same = strncmp(mode, "SAME", 4) == 0;
    if (attr_set(n, "output_shape") || same) {
        *out = attr_set(n, "output_shape") ? attr_at(n, "output_shape", i, full) : in * stride;
        const int64_t total = MAX(0, full - *out);
        *before = strcmp(mode, "SAME_UPPER") == 0 ? total / 2 : total - total / 2;
        *after = total - *before;
        if (*out > full)
            *after = full - *out; /* further rows hold nothing but the bias */
        return true;
    }
    *before = strcmp(mode, "VALID") == 0 ? 0 : attr_at(n, "pads", i, 0);
    *after = strcmp(mode, "VALID") == 0 ? 0 : attr_at(n, "pads", i + spatial, 0);
    *out = full - *before - *after;
    if (*out < 1)
        return attr_error(g, n, "pads", "padding %lld and %lld leave nothing of an output of %lld", (long long)*before,
                          (long long)*after, (long long)full);
    return true;
}

static bool transpose_infer(struct graph *g, struct node *n)
{
    struct tensor *x = n->in[0], *w = n->in[1], *y = n->out[0];
    if (!check_rank(g, n, 0, 3, 5) || !check_rank(g, n, 1, 3, 5) || !check_same_types(g, n, 0, TYPES_FLOAT))
        return false;
    const int64_t groups = MAX(1, attr_i(n, "group"));
    if (!check_weight(g, n, w->dim[0] / groups, w->dim[1] * groups))
        return false;
    const int spatial = x->rank - 2;
    int64_t dim[MAX_RANK] = {x->dim[0], w->dim[1] * groups}, pads[6];
    for (int i = 0; i < spatial; i++)
        if (!transpose_axis(g, n, i, spatial, &pads[i], &pads[i + spatial], &dim[2 + i]))
            return false;
    const struct span span = attr_get(n, "pads")->span; /* explicit from here on */
    set_attr_ints(g, n, "pads", 2 * spatial, pads);
    attr_get(n, "pads")->s = NULL;
    attr_get(n, "pads")->span = span;
    set_attr_s(g, n, "auto_pad", "NOTSET");
    set_attr_ints(g, n, "kernel_shape", spatial, w->dim + 2);
    attr_get(n, "output_shape")->set = false;
    int64_t extra[3];
    for (int i = 0; i < spatial; i++)
        extra[i] = attr_at(n, "output_padding", i, 0) + MAX(0, -pads[i + spatial]);
    for (int i = 0; i < spatial; i++)
        pads[i + spatial] = MAX(0, pads[i + spatial]);
    set_attr_ints(g, n, "pads", 2 * spatial, pads);
    set_attr_ints(g, n, "output_padding", spatial, extra);
    tensor_set_shape(y, x->rank, dim);
    y->dtype = x->dtype;
    return true;
}

static void transpose_cost(const struct node *n, struct cost *c)
{
    c->macs = tensor_count(n->in[0]) * (n->out[0]->dim[1] / MAX(1, attr_i(n, "group"))) * taps(n);
}

static bool transpose_channels(const struct node *n, int *axis, int64_t *groups)
{
    *axis = 1;
    *groups = attr_i(n, "group");
    return true;
}

const struct op op_conv_transpose = {
    .onnx = "ConvTranspose", .net = "conv_transpose", .net_aliases = "deconv", .doc = "transposed convolution",
    .attrs = transpose_attrs, .nattrs = COUNT(transpose_attrs),
    .min_in = 2, .max_in = 3, .net_in = 1, .learned = {"weight", "bias"}, .max_out = 1, .flags = OP_SAMPLEWISE,
    .params = conv_params, .infer = transpose_infer, .past = past_batch, .grad = conv_transpose_grad, .cost = transpose_cost,
    .channel_axis = transpose_channels,
    .kernels = conv_transpose_kernels, .nkernels = CONV_TRANSPOSE_KERNELS,
};
