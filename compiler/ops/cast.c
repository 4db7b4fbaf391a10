/* Cast and CastLike: every element type to every other. */
#include <string.h>

#include "grads.h"
#include "elementwise_rows.h"

#include "../../runtime/convert.h"

/* float8 results that are too large saturate, or become infinity or NaN: a type tag of its own. */
static void cast_tag(const struct node *n, char tag[24])
{
    const enum dtype t = n->out[0]->dtype;
    const char *mode = t == DT_F8E8M0 ? attr_s(n, "round_mode") : "";
    snprintf(tag, 24, "%s%s", type_tag(t),
             t == DT_F8E8M0 ? strcmp(mode, "down") == 0 ? "_down" : strcmp(mode, "nearest") == 0 ? "_nearest" : ""
             : (TYPES_FLOAT8 & TYPE(t)) && !attr_i(n, "saturate") ? "_inf" : "");
}

static void cast_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    char tag[24];
    cast_tag(n, tag);
    sb_addf(name, "cnnc_cast_%s_%s", type_tag(n->in[0]->dtype), tag);
    sb_addf(define, "CNNC_CAST(CNNC_FN(cnnc_cast_%s_%s), %s, %s)\n", type_tag(n->in[0]->dtype), tag,
            type_tag(n->in[0]->dtype), tag);
}

static void cast_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const enum dtype from = n->in[0]->dtype, to = n->out[0]->dtype;
    const int64_t count = tensor_count(n->out[0]);
    char tag[24];
    (void)geometry;
    cast_tag(n, tag);
    for (int64_t i = 0; i < count; i++) {
        const bool is_float = dtype_is_float(from);
        const double f = is_float ? type_load_float(from, in[0], i) : 0;
        const int64_t v = is_float ? 0 : type_load_int(from, in[0], i);
        if (strcmp(tag, "e4m3fn_inf") == 0)
            cnnc_store_e4m3fn_inf(out[0], i, is_float ? f : (double)v);
        else if (strcmp(tag, "e4m3fnuz_inf") == 0)
            cnnc_store_e4m3fnuz_inf(out[0], i, is_float ? f : (double)v);
        else if (strcmp(tag, "e5m2_inf") == 0)
            cnnc_store_e5m2_inf(out[0], i, is_float ? f : (double)v);
        else if (strcmp(tag, "e5m2fnuz_inf") == 0)
            cnnc_store_e5m2fnuz_inf(out[0], i, is_float ? f : (double)v);
        else if (strcmp(tag, "e8m0_down") == 0)
            cnnc_store_e8m0_down(out[0], i, is_float ? f : (double)v);
        else if (strcmp(tag, "e8m0_nearest") == 0)
            cnnc_store_e8m0_nearest(out[0], i, is_float ? f : (double)v);
        else if (dtype_is_float(to))
            type_store_float(to, out[0], i, is_float ? f : from == DT_U64 ? (double)(uint64_t)v : (double)v);
        else if (to == DT_BOOL)
            ((uint8_t *)out[0])[i] = is_float ? f != 0 : v != 0;
        else
            type_store_int(to, out[0], i,
                           !is_float ? v : dtype_is_signed(to) ? cnnc_f64_to_i64(f) : (int64_t)cnnc_f64_to_u64(f));
    }
}

static const struct kernel cast_kernels[] = {
    {.part = "elementwise.h", .geometry = &elementwise_geometry, .in_layout = LAYOUT_PLAIN, .out_layout = LAYOUT_PLAIN,
     .fill = elementwise_fill, .cost = elementwise_cost, .name_of = cast_name, .run = cast_run},
};

/* Where the types are known it is a Cast, or nothing. */
static bool cast_like_expand(struct graph *g, struct node *n)
{
    struct node *cast = node_insert_before(g, n, op_by_onnx("Cast"), n->name);
    node_input(g, cast, n->in[0]);
    set_attr_i(g, cast, "to", n->out[0]->dtype);
    set_attr_i(g, cast, "saturate", attr_i(n, "saturate"));
    set_attr_s(g, cast, "round_mode", attr_s(n, "round_mode"));
    node_output(g, cast, unique_name(g, n->name));
    if (!infer_same_as_input(g, cast))
        return false;
    cast->out[0]->dtype = n->out[0]->dtype;
    drop_output(g, n, cast, n->out[0]);
    return true;
}

static bool cast_expand(struct graph *g, struct node *n)
{
    if (n->in[0]->dtype != n->out[0]->dtype || n->out[0]->is_output)
        return false;
    replace_tensor(g, n->out[0], n->in[0]);
    node_remove(g, n);
    return true;
}

/* ---- the operators ---------------------------------------------------------------------------------------------- */

static bool cast_infer(struct graph *g, struct node *n)
{
    const struct tensor *like = input(n, 1);
    const enum dtype to = like ? like->dtype : (enum dtype)attr_i(n, "to");
    if (!check_type(g, n, 0, TYPES_ALL))
        return false;
    if (!like && !attr_set(n, "to"))
        return node_error(g, n, "the type to cast to is missing");
    if ((unsigned)to >= DT_COUNT || !(TYPES_ALL & TYPE(to)))
        return node_error(g, n, "element type %s (%d) is not supported", dtype_name(to), (int)to);
    infer_same_as_input(g, n);
    n->out[0]->dtype = to;
    return true;
}

/* .net names the type; ONNX has numbers for them. */
static bool cast_params(struct graph *g, struct node *n)
{
    const char *name = attr_s(n, "type");
    for (int t = DT_F32; t < DT_COUNT; t++)
        if (strcmp(dtype_name((enum dtype)t), name) == 0)
            set_attr_i(g, n, "to", t);
    return attr_set(n, "to") ? true : node_error(g, n, "the type to cast to is missing");
}

static const struct attr_def cast_attrs[] = {
    {NULL, "type", A_STRING, AT_NET | AT_POS, 0,
     ":float32|float64|float16|bfloat16|int8|int16|int32|int64|uint8|uint16|uint32|uint64|bool|float8e4m3fn|"
     "float8e4m3fnuz|float8e5m2|float8e5m2fnuz|float8e8m0|int4|uint4|float4e2m1",
     "element type"},
    {"to", "to", A_INT, 0, 0, NULL, "element type, by ONNX's number (1: float32, 7: int64)"},
    {"saturate", "saturate", A_BOOL, 0, 1, NULL, "float8: what is too large becomes the largest value"},
    {"round_mode", "round_mode", A_STRING, 0, 0, "up:up|down|nearest", "float8e8m0: rounding"},
};
static const struct attr_def cast_like_attrs[] = {
    {"saturate", "saturate", A_BOOL, 0, 1, NULL, "float8: what is too large becomes the largest value"},
    {"round_mode", "round_mode", A_STRING, 0, 0, "up:up|down|nearest", "float8e8m0: rounding"},
};
const struct op op_cast = {
    .onnx = "Cast", .net = "cast", .doc = "its operand in another element type",
    .attrs = cast_attrs, .nattrs = COUNT(cast_attrs), .min_in = 1, .max_in = 1, .net_in = 1, .max_out = 1,
    .flags = OP_ELEMENTWISE | OP_UNARY, .params = cast_params, .infer = cast_infer, .expand = cast_expand, .grad = cast_grad,
    .cost = elementwise_flops, .kernels = cast_kernels,
    .nkernels = COUNT(cast_kernels),
};
const struct op op_cast_like = {
    .onnx = "CastLike", .net = "cast_like", .doc = "its operand in the element type of another",
    .attrs = cast_like_attrs, .nattrs = COUNT(cast_like_attrs), .min_in = 2, .max_in = 2, .net_in = 2, .max_out = 1,
    .infer = cast_infer, .expand = cast_like_expand, .grad = cast_grad,
    .cost = elementwise_flops, .kernels = cast_kernels, .nkernels = COUNT(cast_kernels),
};
