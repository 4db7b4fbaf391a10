/* FoldBatchNorm: the weights and bias of a convolution or dense layer with the batch norm behind it folded in. A node on
 * parameters only, so it is computed when the weights are written; made by simplify. */
#include "../op.h"

#include <math.h>

static const struct attr_def attrs[] = {
    {"epsilon", NULL, A_FLOAT, 0, 1e-5, NULL, "added to the variance"},
    {"axis", NULL, A_INT, 0, 0, NULL, "axis of the weights that counts output channels (of one group)"},
    {"groups", NULL, A_INT, 0, 1, NULL, "groups of a transposed convolution, whose weights are [in][out / groups][...]"},
};

/* Inputs: weights, bias (may be absent), scale, shift, mean, variance. Outputs: weights, bias. */
static bool infer(struct graph *g, struct node *n)
{
    (void)g;
    tensor_set_shape(n->out[0], n->in[0]->rank, n->in[0]->dim);
    tensor_set_shape(n->out[1], 1, n->in[2]->dim);
    n->out[0]->dtype = n->out[1]->dtype = DT_F32;
    return true;
}

static void run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    (void)geometry;
    const struct tensor *w = n->in[0];
    const float *from = in[0], *b = in[1], *gamma = in[2], *beta = in[3], *mean = in[4], *var = in[5];
    float *to = out[0], *bias = out[1];
    const double epsilon = attr_f(n, "epsilon");
    const int axis = (int)attr_i(n, "axis");
    const int64_t channels = n->out[1]->dim[0], groups = attr_i(n, "groups");
    const int64_t outer = dims_count(axis, w->dim), per_group = w->dim[axis];
    const int64_t inner = dims_count(w->rank - axis - 1, w->dim + axis + 1);
    for (int64_t c = 0; c < channels; c++) {
        double s = gamma[c] / sqrt(var[c] + epsilon);
        bias[c] = (float)(((b ? b[c] : 0.0) - mean[c]) * s + beta[c]);
    }
    for (int64_t o = 0; o < outer; o++) {
        int64_t group = o / (outer / groups);
        for (int64_t k = 0; k < per_group; k++) {
            int64_t c = group * per_group + k;
            double s = gamma[c] / sqrt(var[c] + epsilon);
            for (int64_t i = 0; i < inner; i++) {
                int64_t at = (o * per_group + k) * inner + i;
                to[at] = (float)(from[at] * s);
            }
        }
    }
}

static const struct kernel kernels[] = {{.name = "fold_batch_norm", .run = run}};

const struct op op_fold_batch_norm = {
    .onnx = "FoldBatchNorm", .doc = "batch norm folded into weights", .attrs = attrs, .nattrs = COUNT(attrs),
    .min_in = 6, .max_in = 6, .max_out = 2, .flags = OP_INTERNAL, .infer = infer, .kernels = kernels,
    .nkernels = COUNT(kernels),
};
