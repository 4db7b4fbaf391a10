/* Softmax, LogSoftmax, Hardmax: along one axis. */
#include "shared.h"

static bool softmax_infer(struct graph *g, struct node *n)
{
    if (!check_type(g, n, 0, TYPES_FLOAT) || !check_rank(g, n, 0, 1, MAX_RANK))
        return false;
    return normal_axis(g, n, "axis", n->in[0]->rank) >= 0 && infer_same_as_input(g, n);
}

static void softmax_cost(const struct node *n, struct cost *c) { cost_per_element(n, c, 4); }

static const struct attr_def softmax_attrs[] = {
    {"axis", "axis", A_INT, AT_POS, -1, NULL, "along which the values are taken together"},
};
/* clang-format off */
#define SOFTMAX(symbol, onnx_, net_, aliases_, doc_)                                                                    \
    const struct op symbol = {.onnx = onnx_, .net = net_, .net_aliases = aliases_, .doc = doc_, .attrs = softmax_attrs,  \
        .nattrs = COUNT(softmax_attrs), .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1, .infer = softmax_infer,      \
        .cost = softmax_cost}
SOFTMAX(op_softmax, "Softmax", "softmax", NULL, "e^x, divided by its sum");
SOFTMAX(op_log_softmax, "LogSoftmax", "log_softmax", "logsoftmax", "logarithm of the softmax");
SOFTMAX(op_hardmax, "Hardmax", "hardmax", NULL, "1 at the first of the largest values, 0 elsewhere");
/* clang-format on */
