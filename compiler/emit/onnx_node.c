/* --emit=onnx: nodes, and the versions of the operator sets that they need. */
#include "onnx_write.h"

#include <string.h>

static ProtobufCBinaryData bytes_of(struct writer *w, const char *s)
{
    return (ProtobufCBinaryData){ strlen(s), (uint8_t *)copy(w, s) };
}

/* p's list becomes one of a's length, its element i what `each` says. */
#define SET_LIST(kind, list, each)                                                      \
    do {                                                                                \
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##kind;                        \
        p->n_##list = (size_t)a->n;                                                     \
        p->list = arena_alloc(w->arena, sizeof *p->list * (size_t)(a->n + 1));          \
        for (int i = 0; i < a->n; i++)                                                  \
            p->list[i] = each;                                                          \
    } while (0)

static Onnx__AttributeProto *attribute(struct writer *w, const struct attr_def *d, const struct attr *a)
{
    Onnx__AttributeProto *p = MAKE(w, AttributeProto);
    p->name = copy(w, d->onnx);
    p->has_type = 1;
    switch (d->type) {
    case A_INT:
    case A_BOOL:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        p->has_i = 1;
        p->i = a->i;
        break;
    case A_FLOAT:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        p->has_f = 1;
        p->f = (float)a->f;
        break;
    case A_STRING:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        p->has_s = 1;
        p->s = bytes_of(w, a->s);
        break;
    case A_INTS:
    case A_SPATIAL:
    case A_PADS:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        p->n_ints = (size_t)a->n;
        p->ints = a->ints;
        break;
    case A_FLOATS:
        SET_LIST(FLOATS, floats, (float)a->floats[i]);
        break;
    case A_STRINGS:
        SET_LIST(STRINGS, strings, bytes_of(w, a->strings[i]));
        break;
    case A_TENSOR:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
        p->t = tensor_head(w, a->tensor, a->tensor->name);
        p->t->has_raw_data = 1;
        p->t->raw_data = (ProtobufCBinaryData){ (size_t)file_bytes(a->tensor), (uint8_t *)(uintptr_t)file_data(w, a->tensor, a->tensor->data) };
        break;
    }
    return p;
}

/* The domains beside the default one, and the operators of the default one that came after opset 22. */
static const struct {
    const char *op, *domain;
    int opset;
} special[] = {
    { "ArrayFeatureExtractor", "ai.onnx.ml", 5 }, { "Binarizer", "ai.onnx.ml", 5 }, { "LabelEncoder", "ai.onnx.ml", 5 },
    { "TreeEnsemble", "ai.onnx.ml", 5 },          { "Adagrad", "ai.onnx.preview.training", 1 }, { "Adam", "ai.onnx.preview.training", 1 },
    { "Momentum", "ai.onnx.preview.training", 1 }, { "Attention", "", 24 }, { "RMSNormalization", "", 23 },
    { "RotaryEmbedding", "", 23 },                { "Swish", "", 24 },     { "TensorScatter", "", 24 },
};

static Onnx__AttributeProto *subgraph(struct writer *w, const struct node *n, int b)
{
    Onnx__AttributeProto *p = MAKE(w, AttributeProto);
    p->name = copy(w, n->op->body[b]);
    p->has_type = 1;
    p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    p->g = subgraph_proto(w, n, n->body[b]);
    return p->g ? p : NULL;
}

int operands(const struct node *n)
{
    return n->body[0] ? n->nin - n->captures : n->nin;
}

/* A name that no other node has: ONNX Runtime asks for that. */
static const char *node_name(struct writer *w, const struct node *n)
{
    const char *name = n->name ? n->name : "";
    for (int k = 2; *name && names_find(w->nodes, name); k++)
        name = arena_printf(w->arena, "%s_%d", n->name, k);
    if (*name)
        names_set(w->nodes, name, w);
    return name;
}

Onnx__NodeProto *node_proto(struct writer *w, const struct node *n)
{
    Onnx__NodeProto *p = MAKE(w, NodeProto);
    if (n->op->flags & OP_INTERNAL) {
        node_error(w->g, n, "ONNX has no such operator");
        return NULL;
    }
    p->name = copy(w, node_name(w, n));
    p->op_type = copy(w, n->op->onnx);
    for (size_t i = 0; i < COUNT(special); i++)
        if (*special[i].domain && strcmp(special[i].op, n->op->onnx) == 0)
            p->domain = copy(w, special[i].domain);
    p->input = arena_alloc(w->arena, sizeof *p->input * (size_t)(n->nin + 1));
    p->output = arena_alloc(w->arena, sizeof *p->output * (size_t)(n->nout + 1));
    for (int i = 0; i < operands(n); i++)
        p->input[p->n_input++] = copy(w, n->in[i] ? w->name[n->in[i]->id] : "");
    while (p->n_input && !*p->input[p->n_input - 1])
        p->n_input--;
    for (int i = 0; i < n->nout; i++)
        p->output[p->n_output++] = copy(w, n->out[i] ? w->name[n->out[i]->id] : "");
    while (p->n_output > 1 && !*p->output[p->n_output - 1])
        p->n_output--;
    p->attribute = arena_alloc(w->arena, sizeof *p->attribute * (size_t)(n->op->nattrs + 3));
    for (int i = 0; i < n->op->nattrs; i++) {
        const struct attr_def *d = &n->op->attrs[i];
        if (n->attr[i].set && d->onnx && !(d->flags & AT_NET) && !(p->attribute[p->n_attribute++] = attribute(w, d, &n->attr[i]))) {
            node_error(w->g, n, "attribute '%s' cannot be written", d->onnx);
            return NULL;
        }
    }
    for (int b = 0; b < 2 && n->body[b]; b++)
        if (!(p->attribute[p->n_attribute++] = subgraph(w, n, b)))
            return NULL;
    return p;
}

/* Is there such an operator, in subgraphs or here? */
static bool uses(const struct graph *g, const char *op)
{
    for (int i = 0; i < g->nodes; i++) {
        if (strcmp(g->node[i]->op->onnx, op) == 0)
            return true;
        for (int b = 0; b < 2 && g->node[i]->body[b]; b++)
            if (uses(g->node[i]->body[b], op))
                return true;
    }
    return false;
}

Onnx__ModelProto *model_proto(struct writer *w)
{
    Onnx__ModelProto *m = MAKE(w, ModelProto);
    int opset = 21, domains = 1;
    m->opset_import = arena_alloc(w->arena, sizeof *m->opset_import * 4);
    for (size_t i = 0; i < COUNT(special); i++) {
        if (!uses(w->g, special[i].op))
            continue;
        if (!*special[i].domain) {
            opset = MAX(opset, special[i].opset);
            continue;
        }
        bool there = false;
        for (int d = 1; d < domains; d++)
            there |= strcmp(m->opset_import[d]->domain, special[i].domain) == 0;
        if (there)
            continue;
        Onnx__OperatorSetIdProto *o = m->opset_import[domains++] = MAKE(w, OperatorSetIdProto);
        o->domain = copy(w, special[i].domain);
        o->has_version = 1;
        o->version = special[i].opset;
    }
    Onnx__OperatorSetIdProto *o = m->opset_import[0] = MAKE(w, OperatorSetIdProto);
    o->domain = copy(w, "");
    o->has_version = 1;
    o->version = opset;
    m->n_opset_import = (size_t)domains;
    m->has_ir_version = 1;
    m->ir_version = opset >= 24 ? 12 : opset == 23 ? 11 : 10;
    m->producer_name = copy(w, "cnnc");
    return m;
}
