/* The report for programs. */
#include "report.h"
#include "../halves.h"

#include <jansson.h>
#include <stdlib.h>

#include "../emit/emit.h"

static json_t *shape_json(int rank, const int64_t *dim)
{
    json_t *a = json_array();
    for (int i = 0; i < rank; i++)
        json_array_append_new(a, json_integer(dim[i]));
    return a;
}

static json_t *string_or_null(const char *s) { return s && *s ? json_string(s) : json_null(); }

static json_t *io_json(const struct report *r, struct tensor *const *list, int n)
{
    struct emitter e = {.g = r->g};
    struct arena a = {0};
    json_t *all = json_array();
    for (int i = 0; i < n; i++) {
        json_t *o = json_object();
        json_object_set_new(o, "name", json_string(list[i]->name));
        json_object_set_new(o, "shape", shape_json(list[i]->rank, list[i]->dim));
        json_object_set_new(o, "dtype", json_string(dtype_name(list[i]->dtype)));
        json_object_set_new(o, "c_name", json_string(io_name(&e, &a, "", list, i)));
        json_object_set_new(o, "c_type", json_string(dtype_c(list[i]->dtype)));
        json_array_append_new(all, o);
    }
    arena_free(&a);
    return all;
}

static json_t *layer_json(const struct report *r, int i)
{
    const struct layer *l = &r->layer[i];
    char text[64];
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(l->name));
    json_object_set_new(o, "type", json_string(l->type));
    json_object_set_new(o, "operator", json_string(l->op->onnx));
    json_object_set_new(o, "output_shape", shape_json(l->rank, l->dim));
    json_object_set_new(o, "dtype", json_string(dtype_name(l->dtype)));
    json_object_set_new(o, "kernel_size", string_or_null(l->kernel_size));
    json_object_set_new(o, "stride", string_or_null(l->stride));
    json_object_set_new(o, "padding", string_or_null(l->pad));
    json_object_set_new(o, "receptive_field", string_or_null(field_text(&l->field, text)));
    json_object_set_new(o, "parameters", json_integer(l->parameters));
    json_object_set_new(o, "macs", json_integer(l->macs));
    json_object_set_new(o, "activation_bytes", json_integer(l->bytes));
    json_object_set_new(o, "fused_into", l->home >= 0 && l->home != i ? json_string(r->layer[l->home].name) : json_null());
    json_object_set_new(o, "fate", string_or_null(l->fate));
    json_object_set_new(o, "kernel", string_or_null(l->kernel));
    enum dtype type;
    json_object_set_new(o, "weights_dtype", l->home == i && weights_type(l->node, &type) ? json_string(dtype_name(type)) : json_null());
    json_object_set_new(o, "kernel_choice", string_or_null(l->why));
    return o;
}

static json_t *layers_json(const struct report *r)
{
    json_t *layers = json_array();
    for (int i = r->inputs; i < r->layers; i++)
        json_array_append_new(layers, layer_json(r, i));
    return layers;
}

/* Those that nodes own: a name, layers, and what these own. */
static json_t *subgraphs_json(const struct report *r)
{
    json_t *all = json_array();
    for (int i = 0; i < r->inners; i++) {
        json_t *o = json_object();
        json_object_set_new(o, "name", json_string(r->inner[i]->name));
        json_object_set_new(o, "layers", layers_json(r->inner[i]));
        json_object_set_new(o, "subgraphs", subgraphs_json(r->inner[i]));
        json_array_append_new(all, o);
    }
    return all;
}

static json_t *network_json(const struct report *r)
{
    const struct graph *g = r->g;
    json_t *o = json_object(), *kinds = json_object();
    json_object_set_new(o, "network", json_string(g->name));
    json_object_set_new(o, "source", json_string(r->source));
    json_object_set_new(o, "target", json_string(r->o->target.name));
    json_object_set_new(o, "parameters", json_integer(r->parameters));
    json_object_set_new(o, "dense_parameters", json_integer(r->dense_parameters));
    json_object_set_new(o, "macs", json_integer(r->macs));
    json_object_set_new(o, "weights_bytes", json_integer(g->weights_bytes));
    int half = CNNC_WEIGHTS_FLOAT;
    json_object_set_new(o, "weights_16bit_bytes", json_integer(half_bytes(g, &half)));
    json_object_set_new(o, "weights_dtype", json_string(weights_type_name(half)));
    json_object_set_new(o, "arena_bytes", json_integer(r->arena_bytes));
    json_object_set_new(o, "arena_lower_bound_bytes", json_integer(r->arena_lower_bound));
    json_object_set_new(o, "scratch_bytes", json_integer(g->scratch_bytes));
    json_object_set_new(o, "activation_bytes", json_integer(r->activation_bytes));
    json_object_set_new(o, "stack_bytes", json_integer(r->stack_bytes));
    json_object_set_new(o, "code_bytes", json_integer(r->code_bytes));
    json_object_set_new(o, "depth", json_integer(r->depth));
    json_object_set_new(o, "depth_with_weights", json_integer(r->weighted_depth));
    json_object_set_new(o, "steps", json_integer(r->steps));
    json_object_set_new(o, "steps_by_sample", json_integer(graph_loop_steps(r->g, NULL)));
    json_object_set_new(o, "reorders", json_integer(r->reorders));
    json_object_set_new(o, "concat_copies", json_integer(r->copies));
    json_object_set_new(o, "inputs", io_json(r, g->input, g->inputs));
    json_object_set_new(o, "outputs", io_json(r, g->output, g->outputs));
    for (int i = 0; i < r->kinds; i++)
        json_object_set_new(kinds, r->kind[i].type, json_integer(r->kind[i].count));
    json_object_set_new(o, "layers_by_kind", kinds);
    json_object_set_new(o, "layers", layers_json(r));
    if (r->inners)
        json_object_set_new(o, "subgraphs", subgraphs_json(r));
    if (r->training)
        json_object_set_new(o, "training", training_json(r->training));
    return o;
}

/* One object, or a list of them for several networks. */
void report_json(FILE *f, struct report *const *list, int n)
{
    json_t *all = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(all, network_json(list[i]));
    json_dumpf(n == 1 ? json_array_get(all, 0) : all, f, JSON_INDENT(2));
    fputc('\n', f);
    json_decref(all);
}
