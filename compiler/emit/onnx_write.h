/* Inside --emit=onnx: what onnx.c (tensors, graphs, the file), onnx_node.c (nodes, the model's head) and onnx_sizes.c share. */
#ifndef ONNX_WRITE_H
#define ONNX_WRITE_H

#include "../names.h"
#include "onnx.h"
#include "onnx.pb-c.h"

struct writer {
    struct graph *g;    /* for a subgraph another writer, whose outer is that of the graph around it */
    struct writer *outer;
    struct arena *arena;
    struct names *names, *nodes; /* of tensors, of nodes, in all graphs */
    struct tensor **constant;
    int constants;
    bool *listed;       /* by tensor id */
    const char **name;  /* by tensor id */
    bool external;
    const char *data_name; /* of the external file, beside the model */
};

/* A message of this type in the writer's arena. */
void *make_message(struct writer *w, const ProtobufCMessageDescriptor *d);
#define MAKE(w, type) ((Onnx__##type *)make_message(w, type##_DESCRIPTOR))
#define ModelProto_DESCRIPTOR &onnx__model_proto__descriptor
#define GraphProto_DESCRIPTOR &onnx__graph_proto__descriptor
#define NodeProto_DESCRIPTOR &onnx__node_proto__descriptor
#define AttributeProto_DESCRIPTOR &onnx__attribute_proto__descriptor
#define TensorProto_DESCRIPTOR &onnx__tensor_proto__descriptor
#define ValueInfoProto_DESCRIPTOR &onnx__value_info_proto__descriptor
#define TypeProto_DESCRIPTOR &onnx__type_proto__descriptor
#define TypeProto__Tensor_DESCRIPTOR &onnx__type_proto__tensor__descriptor
#define TensorShapeProto_DESCRIPTOR &onnx__tensor_shape_proto__descriptor
#define TensorShapeProto__Dimension_DESCRIPTOR &onnx__tensor_shape_proto__dimension__descriptor
#define OperatorSetIdProto_DESCRIPTOR &onnx__operator_set_id_proto__descriptor
#define StringStringEntryProto_DESCRIPTOR &onnx__string_string_entry_proto__descriptor

static inline char *copy(struct writer *w, const char *s) { return arena_strdup(w->arena, s); }

/* onnx.c */
uint64_t file_bytes(const struct tensor *t); /* of its elements in a file */
const uint8_t *file_data(struct writer *w, const struct tensor *t, const void *data);
Onnx__TensorProto *tensor_head(struct writer *w, const struct tensor *t, const char *name); /* all but the elements */
Onnx__GraphProto *subgraph_proto(struct writer *outer, const struct node *n, struct graph *g); /* NULL: an error was reported */

/* onnx_node.c */
Onnx__NodeProto *node_proto(struct writer *w, const struct node *n); /* NULL: an error was reported */
Onnx__ModelProto *model_proto(struct writer *w);                     /* all but the graph */
int operands(const struct node *n); /* what subgraphs read of the graph around them they call by its name: it is no operand */

/* onnx_sizes.c: sizes that depend on data become what they are in ONNX, in g and its subgraphs. */
void write_sizes(struct graph *g);

#endif
