/* Losses over classes. */
#include "generic.h"

#include "../../runtime/loss.h"
#include "shared.h"

static const struct attr_def loss_attrs[] = {
    {"ignore_index", NULL, A_INT, 0, 0, NULL, "a class that does not count"},
    {"reduction", NULL, A_STRING, 0, 0, "mean:mean|sum|none", "what becomes of the losses"},
};

static bool is_cross_entropy(const struct node *n) { return n->op->onnx[0] == 'S'; }

static bool loss_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *label = n->in[1];
    char a[160], b[160];
    if (!check_rank(g, n, 0, 2, MAX_RANK) || !check_type(g, n, 0, TYPES_FLOAT) || !check_index_type(g, n, 1))
        return false;
    bool fits = label->rank == x->rank - 1 && label->dim[0] == x->dim[0];
    for (int i = 1; fits && i < label->rank; i++)
        fits = label->dim[i] == x->dim[i + 1];
    if (!fits)
        return node_error(g, n, "classes of shape %s do not fit values of shape %s", shape_text(label, a), shape_text(x, b));
    if (!check_vector(g, n, 2, x->dim[1], "weights"))
        return false;
    absent_inputs(g, n, 3);
    absent_outputs(g, n, 2);
    bool none = strcmp(attr_s(n, "reduction"), "none") == 0;
    set_output(n, 0, x->dtype, none ? label->rank : 0, label->dim);
    set_output(n, 1, x->dtype, x->rank, x->dim);
    return true;
}

static void loss_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    const char *r = attr_s(n, "reduction");
    *(struct cnnc_class_loss *)geometry = (struct cnnc_class_loss){
        (long)x->dim[0], (long)x->dim[1], inner_of(x, 1), attr_i(n, "ignore_index"), (int)x->dtype, (int)n->in[1]->dtype,
        r[0] == 'n' ? CNNC_LOSS_NONE : r[0] == 's' ? CNNC_LOSS_SUM : CNNC_LOSS_MEAN, attr_set(n, "ignore_index"),
        is_cross_entropy(n)};
}
RUN(class_loss)
GEOMETRY(class_loss, FIELD(struct cnnc_class_loss, n, F_LONG), FIELD(struct cnnc_class_loss, classes, F_LONG),
         FIELD(struct cnnc_class_loss, inner, F_LONG), FIELD(struct cnnc_class_loss, ignored, F_I64),
         FIELD_LIT(struct cnnc_class_loss, dtype, F_INT), FIELD_LIT(struct cnnc_class_loss, label, F_INT),
         FIELD_LIT(struct cnnc_class_loss, reduction, F_INT), FIELD_LIT(struct cnnc_class_loss, ignores, F_INT),
         FIELD_LIT(struct cnnc_class_loss, logits, F_INT));
static const struct kernel loss_kernels[] = {KERNEL(class_loss, "loss.h", class_loss, loss_fill)};
#define LOSS(symbol, onnx_, doc_)                                                                                      \
    const struct op symbol = {.onnx = onnx_, .doc = doc_, .attrs = loss_attrs, .nattrs = 2, .min_in = 2, .max_in = 3,   \
        .max_out = 2, .infer = loss_infer, .kernels = loss_kernels, .nkernels = 1}
LOSS(op_nll_loss, "NegativeLogLikelihoodLoss", "how unlikely the given classes are, from logarithms of probabilities");
LOSS(op_cross_entropy_loss, "SoftmaxCrossEntropyLoss", "how unlikely the given classes are, from scores");
