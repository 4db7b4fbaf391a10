/* Loop and Scan: a subgraph that is repeated. Values of fixed shape are carried from round to round. */
#include "control.h"

#include "shared.h"

#include <string.h>

static bool is_loop(const struct node *n) { return attr_i(n, "num_scan_inputs") == 0; }

static int scanned(const struct node *n) { return (int)attr_i(n, "num_scan_inputs"); }

static int carried(const struct node *n) { return n->nin - n->captures - scanned(n) - (is_loop(n) ? 2 : 0); }

static int collected(const struct node *n) { return n->body[0]->outputs - carried(n) - is_loop(n); }

static int64_t rounds(const struct node *n) { return is_loop(n) ? attr_i(n, "rounds") : n->in[carried(n)]->dim[0]; }

static bool check_carried(struct graph *g, struct node *n, int i)
{
    const struct tensor *before = n->in[(is_loop(n) ? 2 : 0) + i], *after = n->body[0]->output[is_loop(n) + i];
    char a[160], b[160];
    if (before->dtype != after->dtype || !same_shape(before, after))
        return node_error(g, n, "carried value %d ('%s') is %s of shape %s before a round, %s of shape %s after it; it must stay the same", i, before->name,
                          dtype_name(before->dtype), shape_text(before, a), dtype_name(after->dtype), shape_text(after, b));
    set_output(n, i, after->dtype, after->rank, after->dim);
    return true;
}

static bool check_scanned(struct graph *g, struct node *n)
{
    struct tensor *const *in = n->in + carried(n);
    for (int i = 0; i < scanned(n); i++)
        if (in[i]->rank < 1 || in[i]->dim[0] != in[0]->dim[0])
            return node_error(g, n, "scan input %d has no axis to scan, or another length than the first", i);
    return true;
}

static bool repeat_infer(struct graph *g, struct node *n)
{
    const int state = carried(n), parts = collected(n), sized = n->nout - state - parts;
    if (is_loop(n) && (!check_type(g, n, 0, TYPE(DT_I64)) || !check_type(g, n, 1, TYPE(DT_BOOL))))
        return false;
    for (int i = 0; is_loop(n) && i < 2; i++)
        if (tensor_count(n->in[i]) != 1)
            return node_error(g, n, "input %d has %lld elements, expected 1", i, (long long)tensor_count(n->in[i]));
    if (state < 0 || parts < 0 || sized < 0 || sized > 1)
        return node_error(g, n, "%d inputs and %d outputs do not fit its subgraph", n->nin, n->nout);
    if (!check_scanned(g, n) || !infer_subgraph(g, n, 0, is_loop(n) ? 2 : 0, scanned(n)))
        return false;
    const struct tensor *again = n->body[0]->output[0];
    if (is_loop(n) && (again->dtype != DT_BOOL || tensor_count(again) != 1))
        return node_error(g, n, "its subgraph must say first whether there is another round, one bool");
    for (int i = 0; i < state; i++)
        if (!check_carried(g, n, i))
            return false;
    for (int i = 0; i < parts; i++) {
        const struct tensor *part = n->body[0]->output[is_loop(n) + state + i];
        int64_t dim[MAX_RANK + 1] = {rounds(n)};
        if (part->rank == MAX_RANK)
            return node_error(g, n, "output %d has more than %d axes", state + i, MAX_RANK);
        memcpy(dim + 1, part->dim, sizeof *dim * (size_t)part->rank);
        set_output(n, state + i, part->dtype, part->rank + 1, dim);
    }
    if (sized)
        set_output(n, state + parts, DT_I64, 0, NULL);
    return true;
}

static ptrdiff_t bytes_of(const struct tensor *t) { return (ptrdiff_t)(tensor_count(t) * (int64_t)dtype_size(t->dtype)); }

static int reversed(const struct node *n, const char *directions, int i) { return !is_loop(n) && attr_at(n, directions, i, 0) ? -1 : 1; }

void repeat_of(const struct node *n, struct cnnc_repeat *r, ptrdiff_t *bytes)
{
    const struct graph *body = n->body[0];
    const int first = is_loop(n) ? 2 : 0;
    *r = (struct cnnc_repeat){.counted = is_loop(n), .carried = carried(n), .scanned = scanned(n), .collected = collected(n), .captured = n->captures,
                              .rounds = rounds(n)};
    r->sized = n->nout > r->carried + r->collected;
    for (int i = 0; i < r->carried; i++)
        *bytes++ = bytes_of(body->input[first + i]);
    for (int i = 0; i < r->scanned; i++)
        *bytes++ = bytes_of(body->input[first + r->carried + i]) * reversed(n, "scan_input_directions", i);
    for (int i = 0; i < r->collected; i++)
        *bytes++ = bytes_of(body->output[is_loop(n) + r->carried + i]) * reversed(n, "scan_output_directions", i);
}

int64_t spare_offset(const struct node *n, int i)
{
    int64_t bytes = 0;
    for (int k = 0; k < i; k++)
        bytes += (bytes_of(n->out[k]) + 63) / 64 * 64;
    return bytes;
}

static int64_t carried_bytes(const struct node *n) { return spare_offset(n, carried(n)); }

/* As many rounds as there can be, where that is said; otherwise one. */
static int64_t likely(const struct node *n) { return rounds(n) < INT32_MAX ? rounds(n) : 1; }

static void repeat_cost(const struct node *n, struct cost *c)
{
    subgraph_cost(n->body[0], c);
    c->macs *= likely(n);
    c->flops *= likely(n);
}

static double repeat_time(const struct node *n, const struct target *target)
{
    (void)target;
    return subgraph_time(n->body[0]) * (double)likely(n);
}

static const struct attr_def loop_attrs[] = {
    {"num_scan_inputs", NULL, A_INT, AT_NET, 0, NULL, "none"},
    {"rounds", NULL, A_INT, AT_NET, 0, NULL, "at most"},
};
static const struct attr_def scan_attrs[] = {
    {"num_scan_inputs", NULL, A_INT, AT_ONNX_REQUIRED, 0, NULL, "operands of which a round sees a part"},
    {"scan_input_directions", NULL, A_INTS, 0, 0, NULL, "1: from the last part to the first"},
    {"scan_output_directions", NULL, A_INTS, 0, 0, NULL, "likewise"},
};
static const struct kernel repeat_kernels[] = {{.name = "repeat", .part = "control.h", .cost = repeat_time}};
const struct op op_loop = {
    .onnx = "Loop", .doc = "a subgraph, repeated as long as a condition holds", .attrs = loop_attrs, .nattrs = COUNT(loop_attrs), .body = {"body"},
    .min_in = 2, .max_in = -1, .max_out = 1, .flags = OP_CONTROL | OP_VARIADIC_OUT, .infer = repeat_infer, .cost = repeat_cost,
    .spare = carried_bytes,
    .kernels = repeat_kernels, .nkernels = 1,
};
const struct op op_scan = {
    .onnx = "Scan", .doc = "a subgraph, repeated over the parts of its operands", .attrs = scan_attrs, .nattrs = COUNT(scan_attrs), .body = {"body"},
    .min_in = 1, .max_in = -1, .max_out = 1, .flags = OP_CONTROL | OP_VARIADIC_OUT, .infer = repeat_infer, .cost = repeat_cost,
    .spare = carried_bytes,
    .kernels = repeat_kernels, .nkernels = 1,
};
