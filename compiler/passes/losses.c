/* Losses: what each is taken of, and the nodes that compute them at the end of the forward pass.
 *
 *     prob = Softmax(fc)      cross_entropy(prob), or of a view of it, takes the loss of fc, or of that view of it
 */
#include <string.h>

#include "../../runtime/train_types.h"
#include "../grad.h"
#include "../train.h"

static const struct loss {
    const char *name;
    int kind;
    unsigned of; /* flag of the operators that make probabilities of what this loss takes */
} losses[] = {
    {"cross_entropy", CNNC_TRAIN_CROSS_ENTROPY, OP_PROBABILITIES},
    {"mse", CNNC_TRAIN_MSE, 0},
    {"bce", CNNC_TRAIN_BCE, OP_PROBABILITY},
};

static const struct loss *loss_named(const char *name)
{
    const struct loss *l = losses;
    while (strcmp(l->name, name) != 0)
        l++;
    return l;
}

/* ---- operands --------------------------------------------------------------------------------------------------- */

static struct tensor *operand_of(struct graph *g, const struct train_loss *l)
{
    struct tensor *t = NULL;
    for (int i = 0; l->tensor && i < g->tensors; i++)
        if (strcmp(g->tensor[i]->name, l->tensor) == 0 && (g->tensor[i]->def || g->tensor[i]->kind == T_INPUT))
            t = g->tensor[i];
    if (l->tensor && !t)
        diag_error(g->diag, l->span, "there is no tensor %s to take the loss of", l->tensor);
    return l->tensor ? t : g->output[0];
}

/* The node that makes the elements of t, whatever shape they have been given since. */
static struct node *maker_of(const struct tensor *t)
{
    struct node *n = t->def;
    while (n && n->op->flags & OP_VIEW && n->in[0]->def)
        n = n->in[0]->def;
    return n;
}

/* What t would be if `of` did nothing. */
static struct tensor *without(struct graph *g, struct tensor *t, const struct node *of)
{
    struct node *n = t->def;
    if (n == of)
        return n->in[0];
    struct node *m = grad_node(g, n, n->op->onnx, "logits", without(g, n->in[0], of), NULL, NULL, NULL);
    for (int i = 1; i < n->nin; i++)
        node_input(g, m, n->in[i]);
    copy_attrs(g, m, n);
    return grad_output(g, m, t);
}

static bool check_operand(struct graph *g, const struct train *t, const struct train_loss *l, const struct tensor *x)
{
    const bool classes = loss_named(l->kind)->kind == CNNC_TRAIN_CROSS_ENTROPY;
    if (x->rank < 1 || (classes && x->rank < 2)) {
        diag_error(g->diag, l->span, "%s of %s: expected a batch of values", l->kind, x->name);
        return false;
    }
    if (x->dim[0] != t->batch) {
        diag_error(g->diag, l->span, "%s of %s: its first axis has %lld places, expected the %d samples of a batch", l->kind, x->name,
                   (long long)x->dim[0], t->batch);
        return false;
    }
    const struct node *n = maker_of(x);
    if (classes && n && n->op->flags & OP_PROBABILITIES) {
        const struct tensor *y = n->out[0];
        const int axis = (int)attr_i(n, "axis") + (attr_i(n, "axis") < 0 ? y->rank : 0);
        if (dims_count(axis, y->dim) != x->dim[0] || y->dim[axis] != x->dim[1]) {
            diag_error(g->diag, l->span, "%s of %s: its %s goes along axis %d, expected the axis behind the batch", l->kind, x->name,
                       n->op->net, axis);
            return false;
        }
    } else if (!t->evaluates && loss_named(l->kind)->of && n && n->op->flags & (OP_PROBABILITIES | OP_PROBABILITY) && !(n->op->flags & loss_named(l->kind)->of)) {
        diag_warning(g->diag, l->span, "%s of %s: takes logits, not the probabilities that %s makes", l->kind, x->name, n->op->net);
    }
    return true;
}

bool find_logits(struct graph *g, const struct train *t, struct tensor **logits)
{
    for (int i = 0; i < t->losses; i++) {
        struct tensor *x = operand_of(g, &t->loss[i]);
        if (!x || !check_operand(g, t, &t->loss[i], x))
            return false;
        const struct node *n = maker_of(x);
        logits[i] = n && n->op->flags & loss_named(t->loss[i].kind)->of ? without(g, x, n) : x;
    }
    return true;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

/* The classes of all cross entropies: [N, C, ...] -> [N, ...]. */
static struct tensor *label_of(struct graph *g, const struct train_loss *l, const struct tensor *x, struct tensor *label)
{
    if (!label) {
        int64_t dim[MAX_RANK] = {x->dim[0]};
        memcpy(dim + 1, x->dim + 2, sizeof *dim * (size_t)(x->rank - 2));
        label = tensor_shaped(g, unique_name(g, "label"), T_INPUT, DT_I32, x->rank - 1, dim);
        VEC_PUSH(g->input, g->inputs, label);
    }
    if (tensor_count(label) * x->dim[1] == tensor_count(x))
        return label;
    diag_error(g->diag, l->span, "%s has another number of positions than the first loss", x->name);
    return NULL;
}

bool append_losses(struct graph *g, const struct train *t, struct tensor *const *logits, struct tensor **total, struct tensor **right, struct tensor **answer)
{
    struct tensor *label = NULL;
    for (int i = 0; i < t->losses; i++) {
        const struct train_loss *l = &t->loss[i];
        const int kind = loss_named(l->kind)->kind;
        struct tensor *x = logits[i], *target;
        if (kind == CNNC_TRAIN_CROSS_ENTROPY) {
            if (!(target = label = label_of(g, l, x, label)))
                return false;
        } else {
            target = tensor_shaped(g, unique_name(g, "target"), T_INPUT, x->dtype, x->rank, x->dim);
            VEC_PUSH(g->input, g->inputs, target);
        }
        struct node *n = node_new(g, op_by_onnx("TrainLoss"), unique_name(g, arena_printf(&g->arena, "%s.loss", x->name)));
        n->span = l->span;
        node_input(g, n, x);
        node_input(g, n, target);
        node_input(g, n, grad_count(g));
        node_input(g, n, grad_samples(g));
        set_attr_i(g, n, "kind", kind);
        set_attr_f(g, n, "a", l->weight);
        set_attr_f(g, n, "b", l->smoothing >= 0 ? l->smoothing : t->smoothing);
        struct tensor *loss = grad_output(g, n, grad_rate(g)), *d = grad_output(g, n, x);
        struct tensor *correct = grad_output(g, n, grad_count(g));
        correct->dtype = DT_I32;
        if (i == 0 && t->evaluates && kind == CNNC_TRAIN_CROSS_ENTROPY)
            *answer = grad_output(g, n, target);
        if (i == 0) {
            *right = correct;
            *total = loss;
        } else {
            struct node *sum = node_new(g, op_by_onnx("Add"), unique_name(g, "loss.sum"));
            node_input(g, sum, *total);
            node_input(g, sum, loss);
            *total = grad_output(g, sum, loss);
        }
        if (grad_needed(g, x) && !t->evaluates)
            grad_add(g, x, d);
    }
    return true;
}
