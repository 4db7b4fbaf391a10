/* Operators that only training graphs have: losses, updates, one kernel each. Pass grad and the hooks in grads.c make them, with
 * their shapes. */
#include "generic.h"

#include "../../runtime/train_types.h"
#include "../random.h"
#include "../train.h"
#include "grads.h"
#include "shared.h"

static const struct attr_def train_attrs[] = {
    {"kind", NULL, A_INT, 0, 0, NULL, "which of them"},
    {"a", NULL, A_FLOAT, 0, 0, NULL, "first number of the formula"},
    {"b", NULL, A_FLOAT, 0, 0, NULL, "second number"},
    {"epsilon", NULL, A_FLOAT, 0, 0, NULL, "added to a root"},
    {"decay", NULL, A_FLOAT, 0, 0, NULL, "weight decay"},
    {"clip", NULL, A_FLOAT, 0, 0, NULL, "largest norm of all gradients"},
    {"calls", NULL, A_INT, 0, 1, NULL, "calls that make one step"},
    {"seed", NULL, A_INT, 0, 0, NULL, "of random numbers"},
};

/* What a node on one core costs, roughly: a pass over its largest tensor. */
static double pass_cost(const struct node *n, const struct target *t)
{
    int64_t most = 0;
    (void)t;
    for (int i = 0; i < n->nin; i++)
        most = n->in[i] ? MAX(most, tensor_count(n->in[i])) : most;
    for (int i = 0; i < n->nout; i++)
        most = n->out[i] ? MAX(most, tensor_count(n->out[i])) : most;
    return 1e-7 + 1e-9 * (double)most;
}

static long plane_of(const struct tensor *t) { return t->rank < 2 ? 1 : inner_of(t, 1); }
static long channels_of(const struct tensor *t) { return t->rank < 2 ? 1 : (long)t->dim[1]; }

#define FILL(name, type)                                                                                               \
    static void name(const struct node *n, void *geometry, const struct target *target)                                \
    {                                                                                                                  \
        struct cnnc_##type *g = geometry;                                                                              \
        (void)target;

FILL(sum_to_fill, sum_to)
    const struct tensor *x = n->in[0], *y = n->out[0];
    long stride = 1;
    *g = (struct cnnc_sum_to){.rank = x->rank, .size = (long)tensor_count(y)};
    for (int k = x->rank - 1, j = y->rank - 1; k >= 0; k--, j--) {
        g->dim[k] = (long)x->dim[k];
        if (j >= 0) {
            g->stride[k] = y->dim[j] == 1 ? 0 : stride;
            stride *= (long)y->dim[j];
        }
    }
}
FILL(loss_fill, train_loss)
    const struct tensor *x = n->in[0];
    const bool classes = attr_i(n, "kind") == CNNC_TRAIN_CROSS_ENTROPY;
    *g = (struct cnnc_train_loss){(long)x->dim[0], classes ? channels_of(x) : inner_of(x, 0), classes ? plane_of(x) : 1,
                                  (int)attr_i(n, "kind"), attr_f(n, "a"), attr_f(n, "b")};
}
FILL(update_fill, update)
    *g = (struct cnnc_update){(long)tensor_count(n->in[0]), (int)attr_i(n, "kind"), attr_f(n, "a"), attr_f(n, "b"),
                              attr_f(n, "epsilon"), attr_f(n, "decay"), attr_f(n, "clip"), (long)attr_i(n, "calls")};
}
FILL(accumulate_fill, accumulate)
    *g = (struct cnnc_accumulate){(long)tensor_count(n->in[0]), (long)attr_i(n, "calls")};
}
FILL(take_fill, take)
    const struct tensor *x = n->out[0];
    *g = (struct cnnc_take){(long)x->dim[0], inner_of(x, 0) * (long)dtype_size(x->dtype)};
}
FILL(drop_fill, drop)
    *g = (struct cnnc_drop){(long)tensor_count(n->out[0]), inner_of(n->out[0], 0), attr_f(n, "a"), attr_i(n, "seed")};
}

GEOMETRY(sum_to, FIELD(struct cnnc_sum_to, rank, F_INT), FIELD_ARRAY(struct cnnc_sum_to, dim, F_LONG, 8),
         FIELD_ARRAY(struct cnnc_sum_to, stride, F_LONG, 8), FIELD(struct cnnc_sum_to, size, F_LONG));
GEOMETRY(train_loss, FIELD(struct cnnc_train_loss, n, F_LONG), FIELD(struct cnnc_train_loss, classes, F_LONG),
         FIELD(struct cnnc_train_loss, inner, F_LONG), FIELD_LIT(struct cnnc_train_loss, kind, F_INT),
         FIELD(struct cnnc_train_loss, weight, F_DOUBLE), FIELD(struct cnnc_train_loss, smoothing, F_DOUBLE));
GEOMETRY(update, FIELD(struct cnnc_update, n, F_LONG), FIELD_LIT(struct cnnc_update, kind, F_INT), FIELD(struct cnnc_update, a, F_DOUBLE),
         FIELD(struct cnnc_update, b, F_DOUBLE), FIELD(struct cnnc_update, epsilon, F_DOUBLE), FIELD(struct cnnc_update, decay, F_DOUBLE),
         FIELD(struct cnnc_update, clip, F_DOUBLE), FIELD(struct cnnc_update, calls, F_LONG));
GEOMETRY(accumulate, FIELD(struct cnnc_accumulate, n, F_LONG), FIELD(struct cnnc_accumulate, calls, F_LONG));
GEOMETRY(take, FIELD(struct cnnc_take, n, F_LONG), FIELD(struct cnnc_take, bytes, F_LONG));
GEOMETRY(drop, FIELD(struct cnnc_drop, n, F_LONG), FIELD(struct cnnc_drop, each, F_LONG), FIELD(struct cnnc_drop, ratio, F_DOUBLE),
         FIELD(struct cnnc_drop, seed, F_I64));

/* clang-format off */
#define TRAIN_OP(symbol, onnx_, part_, kernel_, tag, filler, in, outs, flags_, doc_, ...)                               \
    static const struct kernel symbol##_kernels[] = {{.name = #kernel_, .part = part_, .geometry = &tag##_geometry, \
        .cost = pass_cost, .fill = filler}};                                                                            \
    const struct op symbol = {.onnx = onnx_, .doc = doc_, .attrs = train_attrs, .nattrs = COUNT(train_attrs), .min_in = in, \
        .max_in = in, .max_out = outs, .flags = OP_INTERNAL | (flags_), .kernels = symbol##_kernels, .nkernels = 1, __VA_ARGS__}

TRAIN_OP(op_sum_to, "SumTo", "train.h", sum_to, sum_to, sum_to_fill, 1, 1, 0, "sum over the axes that were broadcast", .grad = NULL);
TRAIN_OP(op_train_loss, "TrainLoss", "train.h", train_loss, train_loss, loss_fill, 4, 4, OP_LOSS, "loss and its gradient", .grad = NULL);
TRAIN_OP(op_update, "Update", "update.h", update, update, update_fill, 4, 3, OP_UPDATES, "a step of an optimiser", .grad = NULL);
TRAIN_OP(op_sum_squares, "SumSquares", "update.h", sum_squares, update, update_fill, 2, 1, 0, "sum of squares", .grad = NULL);
TRAIN_OP(op_accumulate, "Accumulate", "update.h", accumulate, accumulate, accumulate_fill, 4, 2, OP_UPDATES, "gradients of several calls",
    .grad = NULL);
TRAIN_OP(op_count_samples, "CountSamples", "update.h", count_samples, accumulate, accumulate_fill, 2, 1, OP_UPDATES, "samples of several calls",
    .grad = NULL);
TRAIN_OP(op_take, "Take", "train.h", take, take, take_fill, 2, 1, 0, "the samples that are there", .grad = NULL);
TRAIN_OP(op_drop, "Drop", "train.h", drop, drop, drop_fill, 3, 1, 0, "dropout in training", .grad = drop_grad);
/* clang-format on */

bool dropout_in_training(struct graph *g, struct node *n, const struct train *t)
{
    const double ratio = t->dropout >= 0 ? t->dropout : attr_f(n, "ratio");
    struct tensor *y = n->in[0];
    if (ratio > 0 && attr_f(n, "ratio") > 0) {
        struct node *m = grad_instead(g, n, "Drop");
        node_input(g, m, n->in[0]);
        node_input(g, m, grad_step(g));
        node_input(g, m, grad_first(g));
        set_attr_f(g, m, "a", ratio);
        set_attr_i(g, m, "seed", (int64_t)random_key(g->seed, n->out[0]->name));
        y = grad_output(g, m, n->out[0]);
    }
    replace_tensor(g, n->out[0], y);
    node_remove(g, n);
    return true;
}
