/* Attention and rotary position embedding. */
#include "generic.h"

#include <math.h>

#include "../../runtime/attention.h"
#include "shared.h"

static const struct attr_def attention_attrs[] = {
    {"is_causal", NULL, A_BOOL, 0, 0, NULL, "a position sees those before it only"},
    {"q_num_heads", NULL, A_INT, AT_NONNEG, 0, NULL, "heads of the queries, where they are not an axis"},
    {"kv_num_heads", NULL, A_INT, AT_NONNEG, 0, NULL, "heads of keys and values"},
    {"scale", NULL, A_FLOAT, 0, 0, NULL, "factor of the products (1 / sqrt(head size))"},
    {"softcap", NULL, A_FLOAT, 0, 0, NULL, "bound of the scores (none)"},
    {"softmax_precision", NULL, A_INT, 0, 0, NULL, "type of the softmax: always double here"},
    {"qk_matmul_output_mode", NULL, A_INT, 0, 0, NULL, "what the fourth output is"},
};

/* Batch, heads, positions and size of one of q, k, v, and its strides. */
static bool heads_of(const struct tensor *t, int64_t heads, int64_t dim[4], long stride[3])
{
    if (t->rank == 4) {
        memcpy(dim, t->dim, 4 * sizeof *dim);
        stride[0] = (long)(dim[1] * dim[2] * dim[3]);
        stride[1] = (long)(dim[2] * dim[3]);
        stride[2] = (long)dim[3];
        return true;
    }
    if (t->rank != 3 || heads < 1 || t->dim[2] % heads)
        return false;
    dim[0] = t->dim[0];
    dim[1] = heads;
    dim[2] = t->dim[1];
    dim[3] = t->dim[2] / heads;
    stride[0] = (long)(t->dim[1] * t->dim[2]);
    stride[1] = (long)dim[3];
    stride[2] = (long)t->dim[2];
    return true;
}

static bool attention_plan(const struct node *n, struct cnnc_attention *a)
{
    const struct tensor *mask = input(n, 3), *past = input(n, 4), *past_value = input(n, 5);
    int64_t q[4], k[4], v[4];
    *a = (struct cnnc_attention){.dtype = (int)n->in[0]->dtype, .value_dtype = (int)n->in[2]->dtype,
                                 .mask_dtype = mask ? (int)mask->dtype : 0, .causal = (int)attr_i(n, "is_causal"),
                                 .scores = (int)attr_i(n, "qk_matmul_output_mode"), .cap = attr_f(n, "softcap")};
    if (!heads_of(n->in[0], attr_i(n, "q_num_heads"), q, a->q) || !heads_of(n->in[1], attr_i(n, "kv_num_heads"), k, a->k) ||
        !heads_of(n->in[2], attr_i(n, "kv_num_heads"), v, a->v))
        return false;
    if (q[0] != k[0] || q[0] != v[0] || k[1] != v[1] || k[2] != v[2] || q[3] != k[3] || k[1] < 1 || q[1] % k[1])
        return false;
    a->batch = (long)q[0];
    a->heads = (long)q[1];
    a->kv_heads = (long)k[1];
    a->rows = (long)q[2];
    a->fresh = (long)k[2];
    a->size = (long)q[3];
    a->value_size = (long)v[3];
    if (n->in[0]->rank == 4) {
        a->y[0] = a->heads * a->rows * a->value_size;
        a->y[1] = a->rows * a->value_size;
        a->y[2] = a->value_size;
    } else {
        a->y[0] = a->rows * a->heads * a->value_size;
        a->y[1] = a->value_size;
        a->y[2] = a->heads * a->value_size;
    }
    if (past) {
        if (!past_value || past->rank != 4 || past_value->rank != 4 || past->dim[0] != q[0] || past->dim[1] != k[1] ||
            past->dim[3] != k[3] || past_value->dim[3] != v[3] || past_value->dim[2] != past->dim[2] ||
            past_value->dim[0] != q[0] || past_value->dim[1] != k[1])
            return false;
        a->past = (long)past->dim[2];
    }
    if (mask) {
        if (mask->rank < 2 || mask->rank > 4)
            return false;
        long s = (long)(mask->dim[mask->rank - 1] * mask->dim[mask->rank - 2]);
        a->columns = (long)mask->dim[mask->rank - 1];
        a->mask[2] = mask->dim[mask->rank - 2] == 1 ? 0 : a->columns;
        if (a->columns > a->past + a->fresh || (mask->dim[mask->rank - 2] != 1 && mask->dim[mask->rank - 2] != a->rows))
            return false;
        const long expected[2] = {a->batch, a->heads};
        for (int i = mask->rank - 3, d = 1; i >= 0; i--, d--) {
            a->mask[d] = mask->dim[i] == 1 ? 0 : s;
            if (mask->dim[i] != 1 && mask->dim[i] != expected[d])
                return false;
            s *= (long)mask->dim[i];
        }
    }
    a->scale = attr_set(n, "scale") ? attr_f(n, "scale") : 1 / sqrt((double)a->size);
    return true;
}

static bool attention_infer(struct graph *g, struct node *n)
{
    struct cnnc_attention a;
    char q[160], k[160], v[160];
    const struct tensor *valid = input(n, 6);
    if (!check_type(g, n, 0, TYPES_FLOAT) || !same_dtype(g, n, 0, 1) || !check_type(g, n, 2, TYPES_FLOAT) ||
        !check_type(g, n, 3, TYPES_FLOAT | TYPE(DT_BOOL)) || !check_type(g, n, 6, TYPE(DT_I64)))
        return false;
    if (!attention_plan(n, &a) || (valid && tensor_count(valid) != a.batch))
        return node_error(g, n, "queries %s, keys %s and values %s (or the mask or the past) do not fit together",
                          shape_text(n->in[0], q), shape_text(n->in[1], k), shape_text(n->in[2], v));
    absent_inputs(g, n, 7);
    absent_outputs(g, n, 4);
    enum dtype t = n->in[0]->dtype;
    if (n->in[0]->rank == 4)
        set_output(n, 0, t, 4, (int64_t[]){a.batch, a.heads, a.rows, a.value_size});
    else
        set_output(n, 0, t, 3, (int64_t[]){a.batch, a.rows, a.heads * a.value_size});
    set_output(n, 1, t, 4, (int64_t[]){a.batch, a.kv_heads, a.past + a.fresh, a.size});
    set_output(n, 2, n->in[2]->dtype, 4, (int64_t[]){a.batch, a.kv_heads, a.past + a.fresh, a.value_size});
    set_output(n, 3, t, 4, (int64_t[]){a.batch, a.heads, a.rows, a.past + a.fresh});
    return true;
}

static void attention_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    attention_plan(n, geometry);
}
static size_t attention_scratch(const void *geometry)
{
    const struct cnnc_attention *a = geometry;
    return (size_t)(a->past + a->fresh) * sizeof(double);
}
RUN_SCRATCH(attention, attention_scratch)
static void attention_cost(const struct node *n, struct cost *c)
{
    struct cnnc_attention a;
    attention_plan(n, &a);
    c->macs = (int64_t)a.batch * a.heads * a.rows * (a.past + a.fresh) * (a.size + a.value_size);
}
GEOMETRY(attention, FIELD(struct cnnc_attention, batch, F_LONG), FIELD(struct cnnc_attention, heads, F_LONG),
         FIELD(struct cnnc_attention, kv_heads, F_LONG), FIELD(struct cnnc_attention, rows, F_LONG),
         FIELD(struct cnnc_attention, past, F_LONG), FIELD(struct cnnc_attention, fresh, F_LONG),
         FIELD(struct cnnc_attention, size, F_LONG), FIELD(struct cnnc_attention, value_size, F_LONG),
         FIELD_ARRAY(struct cnnc_attention, q, F_LONG, 3), FIELD_ARRAY(struct cnnc_attention, k, F_LONG, 3),
         FIELD_ARRAY(struct cnnc_attention, v, F_LONG, 3), FIELD_ARRAY(struct cnnc_attention, y, F_LONG, 3),
         FIELD_ARRAY(struct cnnc_attention, mask, F_LONG, 3), FIELD(struct cnnc_attention, columns, F_LONG),
         FIELD_LIT(struct cnnc_attention, dtype, F_INT), FIELD_LIT(struct cnnc_attention, value_dtype, F_INT),
         FIELD_LIT(struct cnnc_attention, mask_dtype, F_INT), FIELD_LIT(struct cnnc_attention, causal, F_INT),
         FIELD_LIT(struct cnnc_attention, scores, F_INT), FIELD(struct cnnc_attention, scale, F_DOUBLE),
         FIELD(struct cnnc_attention, cap, F_DOUBLE));
static const struct kernel attention_kernels[] = {{.name = "attention", .part = "attention.h", .geometry = &attention_geometry,
                                                   .fill = attention_fill, .scratch = attention_scratch, .run = run_attention}};
const struct op op_attention = {
    .onnx = "Attention", .doc = "scaled dot-product attention", .attrs = attention_attrs, .nattrs = COUNT(attention_attrs),
    .min_in = 3, .max_in = 7, .max_out = 4, .infer = attention_infer, .cost = attention_cost, .kernels = attention_kernels,
    .nkernels = 1,
};

/* ---- RotaryEmbedding -------------------------------------------------------------------------------------------- */

static const struct attr_def rotary_attrs[] = {
    {"interleaved", NULL, A_BOOL, 0, 0, NULL, "pairs are neighbours, not halves"},
    {"num_heads", NULL, A_INT, AT_NONNEG, 0, NULL, "heads, where they are not an axis"},
    {"rotary_embedding_dim", NULL, A_INT, AT_NONNEG, 0, NULL, "elements of a head that are turned (0: all)"},
};

static bool rotary_plan(const struct node *n, struct cnnc_rotary *r)
{
    const struct tensor *x = n->in[0], *c = n->in[1], *s = n->in[2], *p = input(n, 3);
    int64_t dim[4];
    *r = (struct cnnc_rotary){.dtype = (int)x->dtype, .interleaved = (int)attr_i(n, "interleaved"), .positions = p != NULL};
    if (!heads_of(x, attr_i(n, "num_heads"), dim, r->x))
        return false;
    r->batch = (long)dim[0];
    r->heads = (long)dim[1];
    r->rows = (long)dim[2];
    r->size = (long)dim[3];
    r->half = (long)(attr_i(n, "rotary_embedding_dim") ? attr_i(n, "rotary_embedding_dim") : r->size) / 2;
    if (!same_shape(c, s) || c->rank != (p ? 2 : 3) || c->dim[c->rank - 1] < r->half || 2 * r->half > r->size)
        return false;
    return p ? tensor_count(p) == (int64_t)r->batch * r->rows
             : c->dim[0] == r->batch && c->dim[1] == r->rows && c->dim[2] == r->half;
}

static bool rotary_infer(struct graph *g, struct node *n)
{
    struct cnnc_rotary r;
    char a[160], b[160];
    if (!check_type(g, n, 0, TYPES_FLOAT) || !same_dtype(g, n, 0, 1) || !same_dtype(g, n, 0, 2) || !check_type(g, n, 3, TYPE(DT_I64)))
        return false;
    if (!rotary_plan(n, &r))
        return node_error(g, n, "tables of shape %s do not fit an input of shape %s", shape_text(n->in[1], a),
                          shape_text(n->in[0], b));
    absent_inputs(g, n, 4);
    return infer_same_as_input(g, n);
}

static void rotary_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    rotary_plan(n, geometry);
}
RUN(rotary)
GEOMETRY(rotary, FIELD(struct cnnc_rotary, batch, F_LONG), FIELD(struct cnnc_rotary, heads, F_LONG),
         FIELD(struct cnnc_rotary, rows, F_LONG), FIELD(struct cnnc_rotary, size, F_LONG), FIELD(struct cnnc_rotary, half, F_LONG),
         FIELD_ARRAY(struct cnnc_rotary, x, F_LONG, 3), FIELD_LIT(struct cnnc_rotary, dtype, F_INT),
         FIELD_LIT(struct cnnc_rotary, interleaved, F_INT), FIELD_LIT(struct cnnc_rotary, positions, F_INT));
static const struct kernel rotary_kernels[] = {KERNEL(rotary, "attention.h", rotary, rotary_fill)};
const struct op op_rotary_embedding = {
    .onnx = "RotaryEmbedding", .doc = "pairs of elements turned by an angle that grows with the position", .attrs = rotary_attrs,
    .nattrs = 3, .min_in = 3, .max_in = 4, .max_out = 1, .infer = rotary_infer, .kernels = rotary_kernels, .nkernels = 1,
};
