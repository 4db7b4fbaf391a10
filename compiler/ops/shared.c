#include "shared.h"

#include <math.h>

#include "../../runtime/convert.h"

static void type_names(type_set set, char text[256])
{
    struct strbuf b = {0};
    for (int t = 1; t < DT_COUNT; t++)
        if (set & TYPE(t))
            sb_addf(&b, "%s%s", b.n ? ", " : "", dtype_name((enum dtype)t));
    snprintf(text, 256, "%s", b.n ? b.s : "none");
    sb_free(&b);
}

bool check_type(struct graph *g, struct node *n, int i, type_set allowed)
{
    const struct tensor *t = input(n, i);
    char names[256];
    if (!t || (allowed & TYPE(t->dtype)))
        return true;
    type_names(allowed, names);
    return node_error(g, n, "input %d has type %s, expected %s", i, dtype_name(t->dtype), names);
}

bool check_same_types(struct graph *g, struct node *n, int first, type_set allowed)
{
    const struct tensor *a = input(n, first);
    for (int i = first; i < n->nin; i++) {
        const struct tensor *t = input(n, i);
        if (!check_type(g, n, i, allowed))
            return false;
        if (t && a && t->dtype != a->dtype)
            return node_error(g, n, "input %d has type %s, input %d has type %s, expected the same", first,
                              dtype_name(a->dtype), i, dtype_name(t->dtype));
    }
    return true;
}

bool check_vector(struct graph *g, struct node *n, int i, int64_t length, const char *what)
{
    const struct tensor *t = input(n, i);
    char shape[160];
    if (!t || (t->rank == 1 && t->dim[0] == length))
        return true;
    return node_error(g, n, "%s has shape %s, expected %lld value%s", what, shape_text(t, shape), (long long)length,
                      length == 1 ? "" : "s");
}

bool wants_output(const struct node *n, int i) { return i < n->nout && n->out[i]; }

void set_output(struct node *n, int i, enum dtype dtype, int rank, const int64_t *dim)
{
    if (!wants_output(n, i))
        return;
    n->out[i]->dtype = dtype;
    tensor_set_shape(n->out[i], rank, dim);
}

/* X(type, tag) for every type that the runtime can load and store. */
#define FLOAT_TYPES(X)                                                                                                 \
    X(DT_F32, f32) X(DT_F64, f64) X(DT_F16, f16) X(DT_BF16, bf16) X(DT_F8E4M3FN, e4m3fn) X(DT_F8E4M3FNUZ, e4m3fnuz)    \
    X(DT_F8E5M2, e5m2) X(DT_F8E5M2FNUZ, e5m2fnuz) X(DT_F8E8M0, e8m0) X(DT_F4E2M1, e2m1)
#define INT_TYPES(X)                                                                                                   \
    X(DT_I8, i8) X(DT_I16, i16) X(DT_I32, i32) X(DT_I64, i64) X(DT_U8, u8) X(DT_U16, u16) X(DT_U32, u32)               \
    X(DT_U64, u64) X(DT_BOOL, bool) X(DT_I4, i4) X(DT_U4, u4)

const char *type_tag(enum dtype t)
{
    switch (t) {
#define TAG(type, tag) case type: return #tag;
        FLOAT_TYPES(TAG) INT_TYPES(TAG)
    default: return NULL;
    }
}

#define LOAD(type, tag) case type: return cnnc_load_##tag(p, (ptrdiff_t)i);
#define STORE(type, tag) case type: cnnc_store_##tag(p, (ptrdiff_t)i, v); break;
double type_load_float(enum dtype t, const void *p, int64_t i)
{
    switch (t) {
        FLOAT_TYPES(LOAD)
    default: return NAN;
    }
}
#undef LOAD
#define LOAD(type, tag) case type: return (int64_t)cnnc_load_##tag(p, (ptrdiff_t)i);
int64_t type_load_int(enum dtype t, const void *p, int64_t i)
{
    switch (t) {
        INT_TYPES(LOAD)
    default: return 0;
    }
}
void type_store_float(enum dtype t, void *p, int64_t i, double v)
{
    switch (t) {
        FLOAT_TYPES(STORE)
    default: break;
    }
}
#undef STORE
#define STORE(type, tag) case type: cnnc_store_##tag(p, (ptrdiff_t)i, v); break;
void type_store_int(enum dtype t, void *p, int64_t i, int64_t v)
{
    switch (t) {
        INT_TYPES(STORE)
    default: break;
    }
}

double const_element(const struct tensor *t, int64_t i)
{
    return dtype_is_float(t->dtype) ? type_load_float(t->dtype, t->data, i)
           : t->dtype == DT_U64     ? (double)(uint64_t)type_load_int(t->dtype, t->data, i)
                                    : (double)type_load_int(t->dtype, t->data, i);
}

bool is_constant(const struct tensor *t) { return tensor_is_const(t) || (t->def && t->def->folded); }

bool const_scalar(const struct tensor *t, double *v)
{
    if (!t || !tensor_is_const(t) || !t->data || tensor_count(t) != 1)
        return false;
    *v = const_element(t, 0);
    return !isnan(*v);
}

struct tensor *filled(struct graph *g, const char *name, int64_t length, float v)
{
    struct tensor *t = tensor_const(g, unique_name(g, name), DT_F32, 1, &length, NULL);
    for (int64_t i = 0; i < length; i++)
        ((float *)t->data)[i] = v;
    return t;
}

struct tensor *per_channel(struct graph *g, struct tensor *t, const struct tensor *of)
{
    if (!t || !tensor_is_const(t) || t->dtype != DT_F32 || of->rank < 2 || t->rank > of->rank)
        return NULL;
    const int64_t channels = of->dim[1], count = tensor_count(t);
    const int axis = t->rank - (of->rank - 1); /* of t, that meets the channels */
    if (axis >= 0 && axis < t->rank && t->dim[axis] == count && count == channels)
        return t;
    return count == 1 && t->data ? filled(g, t->name, channels, *(const float *)t->data) : NULL;
}

void cost_per_element(const struct node *n, struct cost *c, int64_t flops)
{
    c->macs = 0;
    c->flops = n->nout && n->out[0] ? flops * tensor_count(n->out[0]) : 0;
}
