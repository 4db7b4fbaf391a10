/* Operators that make tensors out of little: constants, ranges, diagonals, triangles. */
#include "generic.h"
#include "past.h"

#include <math.h>

#include "../../runtime/fill.h"

extern const struct op op_identity;

/* The node becomes Identity of a constant: for what is known now but must still be written to a graph output. */
static void become_constant(struct graph *g, struct node *n, struct tensor *value)
{
    while (n->nin > 0)
        node_set_input(g, n, --n->nin, NULL);
    n->op = &op_identity;
    node_input(g, n, value);
}

/* ---- Constant --------------------------------------------------------------------------------------------------- */

static const struct attr_def constant_attrs[] = {
    {"value", "table", A_TENSOR, AT_POS | AT_REQUIRED, 0, NULL, "a number, a list, or lists of lists"}, /* .net: read by front/net_input.c */
    {"dtype", "dtype", A_STRING, AT_NET, 0, "float32:float32|float64|int32|int64|bool", "type of the elements"},
    {"value_float", NULL, A_FLOAT, 0, 0, NULL, "one number"},
    {"value_floats", NULL, A_FLOATS, 0, 0, NULL, "a list of numbers"},
    {"value_int", NULL, A_INT, 0, 0, NULL, "one integer"},
    {"value_ints", NULL, A_INTS, 0, 0, NULL, "a list of integers"},
    {"value_string", NULL, A_STRING, 0, 0, NULL, "a string"},
    {"value_strings", NULL, A_STRINGS, 0, 0, NULL, "a list of strings"},
    {"sparse_value", NULL, A_TENSOR, 0, 0, NULL, "a sparse tensor"},
};

static bool constant_infer(struct graph *g, struct node *n)
{
    struct tensor *y = n->out[0], *t = attr_get(n, "value")->tensor;
    const char *name = y->name;
    if (!t)
        t = attr_get(n, "sparse_value")->tensor;
    if (attr_set(n, "value_float")) {
        t = tensor_f32(g, name, (float)attr_f(n, "value_float"));
    } else if (attr_set(n, "value_int")) {
        int64_t v = attr_i(n, "value_int");
        t = tensor_const(g, name, DT_I64, 0, NULL, &v);
    } else if (attr_set(n, "value_ints")) {
        const struct attr *a = attr_get(n, "value_ints");
        t = tensor_i64(g, name, a->n, a->ints);
    } else if (attr_set(n, "value_floats")) {
        const struct attr *a = attr_get(n, "value_floats");
        float *v = arena_alloc(&g->arena, sizeof *v * (size_t)(a->n + 1));
        for (int i = 0; i < a->n; i++)
            v[i] = (float)a->floats[i];
        t = tensor_const(g, name, DT_F32, 1, (int64_t[]){a->n}, v);
    }
    if (!t || !t->data)
        return node_error(g, n, attr_set(n, "value_string") || attr_set(n, "value_strings") ? "strings are not supported"
                                                                                            : "a constant without a value");
    tensor_set_shape(y, t->rank, t->dim);
    y->dtype = t->dtype;
    if (y->is_output) {
        become_constant(g, n, t);
    } else {
        y->data = t->data;
        y->kind = T_CONST;
    }
    return true;
}

const struct op op_constant = {
    .onnx = "Constant", .net = "constant", .doc = "a tensor that never changes", .attrs = constant_attrs,
    .nattrs = COUNT(constant_attrs), .min_in = 0, .max_in = 0, .max_out = 1, .infer = constant_infer,
};

/* ---- ConstantOfShape -------------------------------------------------------------------------------------------- */

static const struct attr_def of_shape_attrs[] = {{"value", NULL, A_TENSOR, 0, 0, NULL, "the value of every element (float 0)"}};

static bool of_shape_infer(struct graph *g, struct node *n)
{
    int64_t v[64];
    int count;
    const struct tensor *value = attr_get(n, "value")->tensor;
    if (!known_ints(g, n, 0, "the shape", v, COUNT(v), &count))
        return false;
    if (count > MAX_RANK)
        return node_error(g, n, "shape of rank %d, at most %d is possible", count, MAX_RANK);
    for (int i = 0; i < count; i++)
        if (v[i] < 0)
            return node_error(g, n, "size %lld at position %d of the shape", (long long)v[i], i);
    if (value && (tensor_count(value) != 1 || !value->data))
        return node_error(g, n, "value has %lld elements, expected 1", (long long)tensor_count(value));
    tensor_set_shape(n->out[0], count, v);
    n->out[0]->dtype = value ? value->dtype : DT_F32;
    return true;
}

static void fill_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_fill *f = geometry;
    const struct tensor *value = attr_get(n, "value")->tensor, *y = n->out[0];
    *f = (struct cnnc_fill){(long)tensor_count(y), 0, (int)dtype_size(y->dtype)};
    if (value)
        switch (f->bytes) {
        case 1: f->bits = *(const uint8_t *)value->data; break;
        case 2: f->bits = *(const uint16_t *)value->data; break;
        case 4: f->bits = *(const uint32_t *)value->data; break;
        default: f->bits = *(const int64_t *)value->data; break;
        }
}
RUN(fill)
GEOMETRY(fill, FIELD(struct cnnc_fill, n, F_LONG), FIELD(struct cnnc_fill, bits, F_I64), FIELD_LIT(struct cnnc_fill, bytes, F_INT));
static const struct kernel fill_kernels[] = {KERNEL(fill, "fill.h", fill, fill_fill)};
const struct op op_constant_of_shape = {
    .onnx = "ConstantOfShape", .doc = "a tensor with one value everywhere", .attrs = of_shape_attrs, .nattrs = 1,
    .min_in = 1, .max_in = 1, .max_out = 1, .infer = of_shape_infer, .kernels = fill_kernels, .nkernels = 1,
};

/* ---- Range ------------------------------------------------------------------------------------------------------ */

static bool range_infer(struct graph *g, struct node *n)
{
    double start, limit, delta;
    if (!known_number(g, n, 0, "start", &start) || !known_number(g, n, 1, "limit", &limit) ||
        !known_number(g, n, 2, "delta", &delta) || !same_dtype(g, n, 0, 1) || !same_dtype(g, n, 0, 2))
        return false;
    if (delta == 0 || !isfinite((limit - start) / delta))
        return node_error(g, n, "a range from %g to %g in steps of %g", start, limit, delta);
    double count = MAX(ceil((limit - start) / delta), 0);
    if (count > 1e10)
        return node_error(g, n, "a range of %g elements is too large", count);
    tensor_set_shape(n->out[0], 1, (int64_t[]){(int64_t)count});
    n->out[0]->dtype = n->in[0]->dtype;
    return true;
}

static void range_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    *(struct cnnc_range *)geometry = (struct cnnc_range){(long)n->out[0]->dim[0], (int)n->out[0]->dtype};
}
RUN(range)
GEOMETRY(range, FIELD(struct cnnc_range, n, F_LONG), FIELD_LIT(struct cnnc_range, dtype, F_INT));
static const struct kernel range_kernels[] = {KERNEL(range, "fill.h", range, range_fill)};
const struct op op_range = {
    .onnx = "Range", .doc = "numbers in equal steps", .min_in = 3, .max_in = 3, .max_out = 1, .infer = range_infer,
    .kernels = range_kernels, .nkernels = 1,
};

/* ---- EyeLike ---------------------------------------------------------------------------------------------------- */

static const struct attr_def eye_attrs[] = {
    {"dtype", NULL, A_INT, 0, 0, NULL, "element type (the input's)"},
    {"k", NULL, A_INT, 0, 0, NULL, "diagonal: 0 the main one, positive above"},
};

static bool eye_infer(struct graph *g, struct node *n)
{
    if (!check_rank(g, n, 0, 2, 2))
        return false;
    tensor_set_shape(n->out[0], 2, n->in[0]->dim);
    n->out[0]->dtype = attr_set(n, "dtype") ? (enum dtype)attr_i(n, "dtype") : n->in[0]->dtype;
    if (!dtype_size(n->out[0]->dtype))
        return attr_error(g, n, "dtype", "element type %s is not supported here", dtype_name(n->out[0]->dtype));
    return true;
}

static void eye_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *y = n->out[0];
    *(struct cnnc_eye *)geometry =
        (struct cnnc_eye){(long)y->dim[0], (long)y->dim[1], (long)attr_i(n, "k"), (int)y->dtype};
}
RUN(eye)
GEOMETRY(eye, FIELD(struct cnnc_eye, rows, F_LONG), FIELD(struct cnnc_eye, columns, F_LONG),
         FIELD(struct cnnc_eye, k, F_LONG), FIELD_LIT(struct cnnc_eye, dtype, F_INT));
static const struct kernel eye_kernels[] = {KERNEL(eye, "fill.h", eye, eye_fill)};
const struct op op_eye_like = {
    .onnx = "EyeLike", .doc = "ones on a diagonal", .attrs = eye_attrs, .nattrs = 2, .min_in = 1, .max_in = 1, .max_out = 1,
    .infer = eye_infer, .kernels = eye_kernels, .nkernels = 1,
};

/* ---- Trilu ------------------------------------------------------------------------------------------------------ */

static const struct attr_def trilu_attrs[] = {{"upper", NULL, A_BOOL, 0, 1, NULL, "keep the upper triangle"}};

static bool trilu_infer(struct graph *g, struct node *n)
{
    const struct tensor *k = input(n, 1);
    if (!check_rank(g, n, 0, 2, MAX_RANK))
        return false;
    if (k && (k->dtype != DT_I64 || tensor_count(k) != 1))
        return node_error(g, n, "k is %s with %lld elements, expected one int64", dtype_name(k->dtype), (long long)tensor_count(k));
    absent_inputs(g, n, 2);
    return infer_same_as_input(g, n);
}

static void trilu_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    *(struct cnnc_trilu *)geometry =
        (struct cnnc_trilu){(long)dims_count(x->rank - 2, x->dim), (long)x->dim[x->rank - 2], (long)x->dim[x->rank - 1],
                            (int)attr_i(n, "upper"), (int)dtype_size(x->dtype)};
}
RUN(trilu)
GEOMETRY(trilu, FIELD(struct cnnc_trilu, planes, F_LONG), FIELD(struct cnnc_trilu, rows, F_LONG),
         FIELD(struct cnnc_trilu, columns, F_LONG), FIELD_LIT(struct cnnc_trilu, upper, F_INT),
         FIELD_LIT(struct cnnc_trilu, bytes, F_INT));
static const struct kernel trilu_kernels[] = {KERNEL(trilu, "fill.h", trilu, trilu_fill)};
const struct op op_trilu = {
    .onnx = "Trilu", .doc = "the upper or lower triangle of matrices", .attrs = trilu_attrs, .nattrs = 1, .min_in = 1,
    .max_in = 2, .max_out = 1, .infer = trilu_infer, .past = past_same, .kernels = trilu_kernels, .nkernels = 1,
};
