/* What older opsets said differently, brought to the newest: one row per operator and change, applied in order.
 *
 * A row holds for nodes below its opset. Shapes of operands are known here (nodes are inferred as they are imported), which the
 * broadcasting of the first opsets and the old softmax need. */
#include "onnx_import.h"

#include <float.h>
#include <string.h>

typedef Onnx__AttributeProto attribute;

static bool known_shape(struct scope *s, struct raw *r, int i)
{
    struct tensor *t = raw_in(r, i);
    return (t && t->rank >= 0) || raw_error(s, r, "the shape of input %d must be known to read opset %lld", i, (long long)r->opset);
}

static struct tensor *reshape(struct scope *s, struct raw *r, struct tensor *t, int rank, const int64_t *dim)
{
    return emit1(s, r, "Reshape", t, const_ints(s, rank, dim));
}

/* An attribute of ints becomes input i. */
static bool ints_to_input(struct scope *s, struct raw *r, const char *name, int i)
{
    attribute *a = raw_take(r, name);
    if (a)
        raw_set_in(s, r, i, const_ints(s, (int)a->n_ints, a->ints));
    return true;
}

/* A float attribute becomes input i, of the type of input 0. */
static struct tensor *number_like(struct scope *s, struct raw *r, float v)
{
    struct tensor *x = raw_in(r, 0), *t = tensor_f32(s->g, name_in(s, "number"), v);
    if (!x || x->dtype == DT_F32 || x->dtype == DT_NONE)
        return t;
    struct node *cast = emit_begin(s, r, "Cast");
    if (!cast)
        return NULL;
    set_attr_i(s->g, cast, "to", x->dtype);
    node_input(s->g, cast, t);
    return emit_end(s, cast);
}

static bool float_to_input(struct scope *s, struct raw *r, const char *name, int i)
{
    attribute *a = raw_take(r, name);
    if (!a)
        return true;
    struct tensor *t = number_like(s, r, a->f);
    raw_set_in(s, r, i, t);
    return t != NULL;
}

static bool drop(struct raw *r, const char *name)
{
    raw_take(r, name);
    return true;
}

static void keep_outputs(struct raw *r, int n)
{
    r->nout = MIN(r->nout, n);
}

/* ---- one function per change --------------------------------------------------------------------------------------- */

static bool consumed_inputs(struct scope *s, struct raw *r)
{
    (void)s;
    return drop(r, "consumed_inputs");
}

/* broadcast=1, axis=k: the second operand's axes lie at k.. of the first's. */
static bool old_broadcast(struct scope *s, struct raw *r)
{
    attribute *broadcast = raw_take(r, "broadcast"), *axis = raw_take(r, "axis");
    if (!broadcast || !broadcast->i || !axis)
        return true;
    if (!known_shape(s, r, 0) || !known_shape(s, r, 1))
        return false;
    struct tensor *a = raw_in(r, 0), *b = raw_in(r, 1);
    int64_t k = axis->i < 0 ? axis->i + a->rank : axis->i, dim[MAX_RANK];
    if (k < 0 || k + b->rank > a->rank)
        return raw_error(s, r, "axis %lld does not fit", (long long)axis->i);
    if (k + b->rank == a->rank)
        return true;
    int rank = a->rank - (int)k;
    for (int i = 0; i < rank; i++)
        dim[i] = i < b->rank ? b->dim[i] : 1;
    b = reshape(s, r, b, rank, dim);
    raw_set_in(s, r, 1, b);
    return b != NULL;
}

static bool gemm_broadcast(struct scope *s, struct raw *r)
{
    (void)s;
    return drop(r, "broadcast");
}

static bool slope_per_channel(struct scope *s, struct raw *r)
{
    if (!known_shape(s, r, 0) || !known_shape(s, r, 1))
        return false;
    struct tensor *x = raw_in(r, 0), *slope = raw_in(r, 1);
    int64_t dim[MAX_RANK];
    if (slope->rank != 1 || slope->dim[0] == 1 || x->rank <= 2)
        return true;
    dim[0] = slope->dim[0];
    for (int i = 1; i < x->rank - 1; i++)
        dim[i] = 1;
    slope = reshape(s, r, slope, x->rank - 1, dim);
    raw_set_in(s, r, 1, slope);
    return slope != NULL;
}

static bool batch_norm_7(struct scope *s, struct raw *r)
{
    (void)s;
    return drop(r, "is_test");
}

static bool batch_norm_9(struct scope *s, struct raw *r)
{
    attribute *spatial = raw_take(r, "spatial");
    return !spatial || spatial->i || raw_error(s, r, "statistics per element (spatial=0) are not supported");
}

static bool batch_norm_14(struct scope *s, struct raw *r)
{
    (void)s;
    keep_outputs(r, 1); /* the others belong to training */
    return true;
}

static bool dropout_7(struct scope *s, struct raw *r)
{
    (void)s;
    return drop(r, "is_test");
}

static bool dropout_12(struct scope *s, struct raw *r)
{
    (void)s; /* outside training the ratio says nothing */
    return drop(r, "ratio");
}

static bool reshape_5(struct scope *s, struct raw *r)
{
    return ints_to_input(s, r, "shape", 1);
}

static bool axes_to_input(struct scope *s, struct raw *r)
{
    return ints_to_input(s, r, "axes", 1);
}

static bool split_to_input(struct scope *s, struct raw *r)
{
    return ints_to_input(s, r, "split", 1);
}

/* Without sizes the number of parts was the number of outputs; now it is said. */
static bool split_18(struct scope *s, struct raw *r)
{
    if (!raw_in(r, 1))
        raw_set_i(s, r, "num_outputs", r->nout);
    return true;
}

static bool clip_11(struct scope *s, struct raw *r)
{
    return float_to_input(s, r, "min", 1) && float_to_input(s, r, "max", 2);
}

static bool pad_2(struct scope *s, struct raw *r)
{
    attribute *a = raw_take(r, "paddings");
    if (a)
        raw_set_in(s, r, 1, const_ints(s, (int)a->n_ints, a->ints));
    return true;
}

static bool pad_11(struct scope *s, struct raw *r)
{
    return ints_to_input(s, r, "pads", 1) && float_to_input(s, r, "value", 2);
}

static bool slice_10(struct scope *s, struct raw *r)
{
    return ints_to_input(s, r, "starts", 1) && ints_to_input(s, r, "ends", 2) && ints_to_input(s, r, "axes", 3);
}

static bool top_k_10(struct scope *s, struct raw *r)
{
    attribute *k = raw_take(r, "k");
    if (k)
        raw_set_in(s, r, 1, const_ints(s, 1, &k->i));
    return true;
}

static bool concat_4(struct scope *s, struct raw *r)
{
    if (!raw_attr(r, "axis"))
        raw_set_i(s, r, "axis", 1);
    return true;
}

static bool cast_6(struct scope *s, struct raw *r)
{
    static const char *const names[] = { "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16",
                                         "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128" };
    attribute *to = raw_attr(r, "to");
    if (!to || !to->has_s)
        return true;
    for (size_t i = 1; i < COUNT(names); i++)
        if (to->s.len == strlen(names[i]) && memcmp(to->s.data, names[i], to->s.len) == 0) {
            raw_set_i(s, r, "to", (int64_t)i);
            return true;
        }
    return raw_error(s, r, "attribute 'to': type '%.*s' is not known", (int)MIN(to->s.len, 40), (const char *)to->s.data);
}

/* The operand used to be seen as a matrix, all axes from `axis` on being its rows' elements. */
static bool softmax_13(struct scope *s, struct raw *r)
{
    if (!known_shape(s, r, 0))
        return false;
    attribute *a = raw_take(r, "axis");
    struct tensor *x = raw_in(r, 0);
    int64_t axis = a ? a->i : 1, before = 1, inner = 1;
    axis += axis < 0 ? x->rank : 0;
    if (axis < 0 || axis > x->rank)
        return raw_error(s, r, "axis %lld is out of range", (long long)axis);
    int wide = -1, several = 0;
    for (int i = 0; i < x->rank; i++) {
        if (i < axis)
            before *= x->dim[i];
        else
            inner *= x->dim[i];
        if (i >= axis && x->dim[i] != 1) {
            wide = i;
            several++;
        }
    }
    if (several <= 1 && axis < x->rank) { /* only one of these axes has a length: the newest form says the same */
        raw_set_i(s, r, "axis", several ? wide : axis);
        return true;
    }
    struct tensor *flat = reshape(s, r, x, 2, (int64_t[]){ before, inner });
    struct node *n = flat ? emit_begin(s, r, r->op) : NULL;
    if (!n)
        return false;
    node_input(s->g, n, flat);
    set_attr_i(s->g, n, "axis", 1);
    flat = emit_end(s, n);
    if (!flat)
        return false;
    r->op = "Reshape"; /* this node shapes it back */
    raw_set_in(s, r, 0, flat);
    raw_set_in(s, r, 1, const_ints(s, x->rank, x->dim));
    return true;
}

/* Upsample is Resize that rounds down from asymmetric coordinates. */
static bool upsample(struct scope *s, struct raw *r)
{
    attribute *scales = raw_take(r, "scales"), *h = raw_take(r, "height_scale"), *w = raw_take(r, "width_scale"), *mode = raw_take(r, "mode");
    struct tensor *t = raw_in(r, 1);
    float hw[4] = { 1, 1, h ? h->f : 1, w ? w->f : 1 };
    if (scales)
        t = tensor_const(s->g, name_in(s, "scales"), DT_F32, 1, (int64_t[]){ (int64_t)scales->n_floats }, scales->floats);
    else if (h || w)
        t = tensor_const(s->g, name_in(s, "scales"), DT_F32, 1, (int64_t[]){ 4 }, hw);
    if (!t)
        return raw_error(s, r, "it has no scales");
    bool linear = mode && mode->s.len >= 6 && (memcmp(mode->s.data, "linear", 6) == 0 || memcmp(mode->s.data, "biline", 6) == 0);
    r->op = "Resize";
    raw_set_in(s, r, 1, NULL);
    raw_set_in(s, r, 2, t);
    raw_set_s(s, r, "mode", linear ? "linear" : "nearest");
    raw_set_s(s, r, "coordinate_transformation_mode", "asymmetric");
    raw_set_s(s, r, "nearest_mode", "floor");
    return true;
}

static bool resize_11(struct scope *s, struct raw *r)
{
    raw_set_in(s, r, 2, raw_in(r, 1));
    raw_set_in(s, r, 1, NULL);
    raw_set_s(s, r, "coordinate_transformation_mode", "asymmetric");
    raw_set_s(s, r, "nearest_mode", "floor");
    return true;
}

static bool scatter(struct scope *s, struct raw *r)
{
    (void)s;
    r->op = "ScatterElements";
    return true;
}

static bool selu_6(struct scope *s, struct raw *r)
{
    if (!raw_attr(r, "alpha"))
        raw_set_f(s, r, "alpha", 1.6732f);
    if (!raw_attr(r, "gamma"))
        raw_set_f(s, r, "gamma", 1.0507f);
    return true;
}

static bool lp_pool_2(struct scope *s, struct raw *r)
{
    attribute *p = raw_attr(r, "p");
    if (p && p->has_f && !p->has_i)
        raw_set_i(s, r, "p", (int64_t)p->f);
    return true;
}

static bool recurrent_7(struct scope *s, struct raw *r)
{
    (void)s;
    return drop(r, "output_sequence");
}

static bool roi_align_16(struct scope *s, struct raw *r)
{
    if (!raw_attr(r, "coordinate_transformation_mode"))
        raw_set_s(s, r, "coordinate_transformation_mode", "output_half_pixel");
    return true;
}

static bool grid_sample_20(struct scope *s, struct raw *r)
{
    attribute *m = raw_attr(r, "mode");
    if (m && m->s.len == 8 && memcmp(m->s.data, "bilinear", 8) == 0)
        raw_set_s(s, r, "mode", "linear");
    else if (m && m->s.len == 7 && memcmp(m->s.data, "bicubic", 7) == 0)
        raw_set_s(s, r, "mode", "cubic");
    return true;
}

/* Scale and bias were given per group. */
static bool group_norm_21(struct scope *s, struct raw *r)
{
    attribute *g = raw_attr(r, "num_groups");
    if (!g || g->i < 1 || !known_shape(s, r, 0) || raw_in(r, 0)->rank < 2 || raw_in(r, 0)->dim[1] % g->i)
        return raw_error(s, r, "num_groups must divide the channels");
    int64_t groups = g->i, each = raw_in(r, 0)->dim[1] / groups;
    for (int i = 1; i < 3; i++) {
        if (!known_shape(s, r, i))
            return false;
        struct tensor *t = reshape(s, r, raw_in(r, i), 2, (int64_t[]){ groups, 1 });
        t = t ? emit1(s, r, "Expand", t, const_ints(s, 2, (int64_t[]){ groups, each })) : NULL;
        t = t ? reshape(s, r, t, 1, (int64_t[]){ groups * each }) : NULL;
        if (!t)
            return false;
        raw_set_in(s, r, i, t);
    }
    return true;
}

static bool dft_20(struct scope *s, struct raw *r)
{
    attribute *axis = raw_take(r, "axis");
    int64_t v = axis ? axis->i : 1;
    raw_set_in(s, r, 2, tensor_const(s->g, name_in(s, "axis"), DT_I64, 0, NULL, &v));
    return true;
}

/* Opset 1 repeats along one axis. */
static bool tile_6(struct scope *s, struct raw *r)
{
    int64_t repeats[MAX_RANK], tiles, axis;
    if (r->nin != 3 || !known_shape(s, r, 0) || !known_int(raw_in(r, 1), &tiles) || !known_int(raw_in(r, 2), &axis) || axis < 0 ||
        axis >= raw_in(r, 0)->rank)
        return raw_error(s, r, "tiles and axis must be known");
    for (int i = 0; i < raw_in(r, 0)->rank; i++)
        repeats[i] = i == axis ? tiles : 1;
    raw_set_in(s, r, 1, const_ints(s, raw_in(r, 0)->rank, repeats));
    r->nin = 2;
    return true;
}


static const struct {
    const char *op; /* NULL: every operator */
    int below;
    bool (*change)(struct scope *s, struct raw *r);
} rewrites[] = {
    { NULL, 6, consumed_inputs },
    { "Add", 7, old_broadcast },        { "Sub", 7, old_broadcast },      { "Mul", 7, old_broadcast },
    { "Div", 7, old_broadcast },        { "Pow", 7, old_broadcast },      { "And", 7, old_broadcast },
    { "Or", 7, old_broadcast },         { "Xor", 7, old_broadcast },      { "Equal", 7, old_broadcast },
    { "Greater", 7, old_broadcast },    { "Less", 7, old_broadcast },     { "Gemm", 7, gemm_broadcast },
    { "PRelu", 7, slope_per_channel },  { "BatchNormalization", 7, batch_norm_7 }, { "BatchNormalization", 9, batch_norm_9 },
    { "BatchNormalization", 14, batch_norm_14 }, { "Dropout", 7, dropout_7 }, { "Dropout", 12, dropout_12 },
    { "Reshape", 5, reshape_5 },        { "Squeeze", 13, axes_to_input }, { "Unsqueeze", 13, axes_to_input },
    { "ReduceSum", 13, axes_to_input }, { "ReduceMean", 18, axes_to_input }, { "ReduceMax", 18, axes_to_input },
    { "ReduceMin", 18, axes_to_input }, { "ReduceProd", 18, axes_to_input }, { "ReduceL1", 18, axes_to_input },
    { "ReduceL2", 18, axes_to_input },  { "ReduceLogSum", 18, axes_to_input }, { "ReduceLogSumExp", 18, axes_to_input },
    { "ReduceSumSquare", 18, axes_to_input }, { "Split", 13, split_to_input }, { "Split", 18, split_18 },
    { "Clip", 11, clip_11 },            { "Pad", 2, pad_2 },              { "Pad", 11, pad_11 },
    { "Slice", 10, slice_10 },          { "TopK", 10, top_k_10 },         { "Concat", 4, concat_4 },
    { "Cast", 6, cast_6 },              { "Softmax", 13, softmax_13 },    { "LogSoftmax", 13, softmax_13 },
    { "Hardmax", 13, softmax_13 },      { "Resize", 11, resize_11 },      { "Upsample", INT32_MAX, upsample },
    { "Scatter", INT32_MAX, scatter },  { "Selu", 6, selu_6 },            { "LpPool", 2, lp_pool_2 },
    { "GlobalLpPool", 2, lp_pool_2 },   { "LSTM", 7, recurrent_7 },       { "GRU", 7, recurrent_7 },
    { "RNN", 7, recurrent_7 },          { "RoiAlign", 16, roi_align_16 }, { "GridSample", 20, grid_sample_20 },
    { "GroupNormalization", 21, group_norm_21 }, { "DFT", 20, dft_20 },   { "Tile", 6, tile_6 },
};

bool rewrite_raw(struct scope *s, struct raw *r)
{
    if (*r->domain)
        return true;
    const char *op = r->op; /* a change may rename it; the rows are about what it was */
    for (size_t i = 0; i < COUNT(rewrites); i++)
        if (r->opset < rewrites[i].below && (!rewrites[i].op || strcmp(rewrites[i].op, op) == 0) && !rewrites[i].change(s, r))
            return false;
    return true;
}
