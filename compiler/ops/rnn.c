/* RNN, GRU, LSTM. */
#include "generic.h"

#include "../../runtime/rnn.h"
#include "shared.h"

static const struct attr_def rnn_attrs[] = {
    {"hidden_size", NULL, A_INT, AT_POSITIVE, 0, NULL, "size of the state"},
    {"direction", NULL, A_STRING, 0, 0, "forward:forward|reverse|bidirectional", "which way the sequence is read"},
    {"layout", NULL, A_INT, 0, 0, NULL, "1: the batch is the first axis"},
    {"activations", NULL, A_STRINGS, 0, 0, NULL, "functions of the gates, for each direction"},
    {"activation_alpha", NULL, A_FLOATS, 0, 0, NULL, "their first parameters"},
    {"activation_beta", NULL, A_FLOATS, 0, 0, NULL, "their second parameters"},
    {"clip", NULL, A_FLOAT, 0, 0, NULL, "largest magnitude before a function"},
    {"output_sequence", NULL, A_INT, 0, 0, NULL, "of opset 1: not needed"},
    {"linear_before_reset", NULL, A_BOOL, 0, 0, NULL, "GRU: the reset gate comes after the matrix"},
    {"input_forget", NULL, A_BOOL, 0, 0, NULL, "LSTM: forget gate is 1 - input gate"},
};

static int kind_of(const struct node *n)
{
    return n->op->onnx[0] == 'R' ? CNNC_RNN : n->op->onnx[0] == 'G' ? CNNC_GRU : CNNC_LSTM;
}

static bool same_word(const char *a, const char *b) /* letters of either case */
{
    for (; *a && *b; a++, b++)
        if ((*a | 32) != (*b | 32))
            return false;
    return *a == *b;
}

/* The functions of a layer: given, or the kind's own. False if one is not known. */
static bool functions(const struct node *n, struct cnnc_rnn *r)
{
    static const struct {
        const char *name;
        double alpha, beta;
        int parameters;
    } known[] = {{"Tanh", 0, 0, 0}, {"Relu", 0, 0, 0}, {"Sigmoid", 0, 0, 0}, {"Affine", 1, 0, 2}, {"LeakyRelu", 0.01, 0, 1},
                 {"ThresholdedRelu", 1, 0, 1}, {"ScaledTanh", 1, 1, 2}, {"HardSigmoid", 0.2, 0.5, 2}, {"Elu", 1, 0, 1},
                 {"Softsign", 0, 0, 0}, {"Softplus", 0, 0, 0}};
    static const char *const usual[3][3] = {{"Tanh"}, {"Sigmoid", "Tanh"}, {"Sigmoid", "Tanh", "Tanh"}};
    const struct attr *names = attr_get(n, "activations"), *alpha = attr_get(n, "activation_alpha");
    const struct attr *beta = attr_get(n, "activation_beta");
    int each = r->kind + 1, a = 0, b = 0;
    if (names->set && names->n != each * r->directions)
        return false;
    for (int d = 0; d < r->directions; d++)
        for (int i = 0; i < each; i++) {
            const char *name = names->set ? names->strings[d * each + i] : usual[r->kind][i];
            size_t k = 0;
            while (k < COUNT(known) && !same_word(known[k].name, name))
                k++;
            if (k == COUNT(known))
                return false;
            int at = d * 3 + i;
            r->function[at] = (int)k;
            r->alpha[at] = known[k].parameters > 0 && a < alpha->n ? alpha->floats[a++] : known[k].alpha;
            r->beta[at] = known[k].parameters > 1 && b < beta->n ? beta->floats[b++] : known[k].beta;
        }
    return true;
}

static bool rnn_plan(const struct node *n, struct cnnc_rnn *r)
{
    const struct tensor *x = n->in[0], *w = n->in[1], *rec = n->in[2];
    const char *direction = attr_s(n, "direction");
    bool first = attr_i(n, "layout") == 1;
    *r = (struct cnnc_rnn){.kind = kind_of(n), .dtype = (int)x->dtype, .directions = direction[0] == 'b' ? 2 : 1,
                           .backward = direction[0] == 'r' ? 1 : 2, .batch_first = first,
                           .reset_after = (int)attr_i(n, "linear_before_reset"), .input_forget = (int)attr_i(n, "input_forget"),
                           .steps = (long)x->dim[first], .batch = (long)x->dim[!first], .input = (long)x->dim[2],
                           .hidden = (long)rec->dim[2], .clip = attr_f(n, "clip")};
    int64_t rows = (r->kind == CNNC_LSTM ? 4 : r->kind == CNNC_GRU ? 3 : 1) * r->hidden;
    return w->dim[0] == r->directions && rec->dim[0] == r->directions && w->dim[1] == rows && rec->dim[1] == rows &&
           w->dim[2] == r->input && (!attr_set(n, "hidden_size") || attr_i(n, "hidden_size") == r->hidden);
}

static bool rnn_infer(struct graph *g, struct node *n)
{
    struct cnnc_rnn r;
    char a[160], b[160], c[160];
    if (!check_type(g, n, 0, TYPES_FLOAT) || !same_dtype(g, n, 0, 1) || !same_dtype(g, n, 0, 2))
        return false;
    for (int i = 0; i < 3; i++)
        if (!check_rank(g, n, i, 3, 3))
            return false;
    if (!rnn_plan(n, &r))
        return node_error(g, n, "input %s, weights %s and recurrent weights %s do not fit together", shape_text(n->in[0], a),
                          shape_text(n->in[1], b), shape_text(n->in[2], c));
    if (!functions(n, &r))
        return attr_error(g, n, "activations", "activations are not those that the operator has, or not %d for each direction",
                          r.kind + 1);
    int64_t gates = r.kind == CNNC_LSTM ? 4 : r.kind == CNNC_GRU ? 3 : 1;
    const int64_t expected[] = {[3] = r.directions * 2 * gates * r.hidden, [4] = r.batch,
                                [5] = r.directions * (int64_t)r.batch * r.hidden, [6] = r.directions * (int64_t)r.batch * r.hidden,
                                [7] = r.directions * (int64_t)3 * r.hidden};
    for (int i = 3; i < MIN(n->nin, 8); i++)
        if (n->in[i] && (tensor_count(n->in[i]) != expected[i] || n->in[i]->dtype != (i == 4 ? DT_I32 : n->in[0]->dtype)))
            return node_error(g, n, "input %d is %s of shape %s, expected %lld elements of %s", i, dtype_name(n->in[i]->dtype),
                              shape_text(n->in[i], a), (long long)expected[i], i == 4 ? "int32" : dtype_name(n->in[0]->dtype));
    absent_inputs(g, n, 8);
    absent_outputs(g, n, 3);
    enum dtype t = n->in[0]->dtype;
    if (r.batch_first)
        set_output(n, 0, t, 4, (int64_t[]){r.batch, r.steps, r.directions, r.hidden});
    else
        set_output(n, 0, t, 4, (int64_t[]){r.steps, r.directions, r.batch, r.hidden});
    int64_t state[] = {r.directions, r.batch, r.hidden}, turned[] = {r.batch, r.directions, r.hidden};
    for (int i = 1; i < 3; i++)
        set_output(n, i, t, 3, r.batch_first ? turned : state);
    return true;
}

static void rnn_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    rnn_plan(n, geometry);
    functions(n, geometry);
}

static size_t rnn_scratch(const void *geometry)
{
    return (size_t)((const struct cnnc_rnn *)geometry)->hidden * 8 * sizeof(double);
}
RUN_SCRATCH(rnn, rnn_scratch)

static void rnn_cost(const struct node *n, struct cost *c)
{
    struct cnnc_rnn r;
    rnn_plan(n, &r);
    c->macs = (tensor_count(n->in[1]) + tensor_count(n->in[2])) * r.steps * r.batch;
}

GEOMETRY(rnn, FIELD_LIT(struct cnnc_rnn, kind, F_INT), FIELD_LIT(struct cnnc_rnn, dtype, F_INT),
         FIELD_LIT(struct cnnc_rnn, directions, F_INT), FIELD_LIT(struct cnnc_rnn, backward, F_INT),
         FIELD_LIT(struct cnnc_rnn, batch_first, F_INT), FIELD_LIT(struct cnnc_rnn, reset_after, F_INT),
         FIELD_LIT(struct cnnc_rnn, input_forget, F_INT), FIELD(struct cnnc_rnn, steps, F_LONG),
         FIELD(struct cnnc_rnn, batch, F_LONG), FIELD(struct cnnc_rnn, input, F_LONG), FIELD(struct cnnc_rnn, hidden, F_LONG),
         FIELD_ARRAY(struct cnnc_rnn, function, F_INT, 6), FIELD_ARRAY(struct cnnc_rnn, alpha, F_DOUBLE, 6),
         FIELD_ARRAY(struct cnnc_rnn, beta, F_DOUBLE, 6), FIELD(struct cnnc_rnn, clip, F_DOUBLE));
static const struct kernel rnn_kernels[] = {{.name = "rnn", .part = "rnn.h", .geometry = &rnn_geometry, .fill = rnn_fill,
                                             .scratch = rnn_scratch, .run = run_rnn}};
#define RECURRENT(symbol, onnx_, inputs, doc_)                                                                \
    const struct op symbol = {.onnx = onnx_, .doc = doc_, .attrs = rnn_attrs, .nattrs = COUNT(rnn_attrs), .min_in = 3,  \
        .max_in = inputs, .max_out = 3, .infer = rnn_infer, .cost = rnn_cost, .kernels = rnn_kernels, .nkernels = 1}
RECURRENT(op_rnn, "RNN", 6, "recurrent layer");
RECURRENT(op_gru, "GRU", 6, "gated recurrent units");
RECURRENT(op_lstm, "LSTM", 8, "long short-term memory");
