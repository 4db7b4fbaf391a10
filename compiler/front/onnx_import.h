/* Inside the ONNX importer: names, scopes, and nodes on their way from protobuf to the graph.
 *
 *     onnx.c          the model: opsets, inputs, initialisers, outputs
 *     onnx_graph.c    bodies: order of nodes, scopes, subgraphs, functions
 *     onnx_node.c     one node: attributes by the operator table
 *     onnx_rewrites.c what older opsets said differently
 *     onnx_control.c  If, Loop and Scan, as far as they are known now
 *     onnx_run.c      and as nodes that own subgraphs, which onnx_body.c imports
 *     onnx_extent.c   sizes that depend on data
 *     onnx_sequence.c sequences and optionals */
#ifndef CNNC_ONNX_IMPORT_H
#define CNNC_ONNX_IMPORT_H

#include "../names.h"
#include "../op.h"
#include "../pass.h"
#include "onnx.h"
#include "onnx.pb-c.h"
#include "onnx_wire.h"

/* What a name stands for: a tensor, or, known at compile time only, a sequence or an empty optional. */
struct value {
    struct tensor *t;
    bool sequence;
    struct value **item;
    int items;
    int elem; /* of a sequence made empty: its element type */
};

/* Tensors of outer graphs that the subgraphs of one node read. They become inputs of the node and of each subgraph. */
struct captures {
    struct tensor **outer;
    int n;
};

struct onnx_file {
    struct mapping map;
    struct wire_scan scan;
    struct external_files external;
    Onnx__ModelProto *model;
    void **owned; /* copies of data */
    int nowned;
};

struct importer {
    struct onnx_file *file;
    const struct import_options *options;
    struct diag *diag;
    struct arena *arena; /* the main graph's */
    struct graph *main;
    struct names taken, taken_nodes; /* names of tensors and of nodes, unique in the whole model */
    int depth;          /* of subgraphs and functions */
    long budget;        /* nodes that may still be made: functions and loops must not explode */
};

struct scope {
    struct importer *im;
    struct scope *outer; /* where a name is looked for that is not here; NULL: nowhere */
    struct graph *g;
    struct names names;         /* -> struct value */
    struct captures *captures;  /* set: g is an own graph, other than outer->g */
    struct tensor **inner;      /* parallel to captures->outer: the inputs of g; NULL where it does not read it */
    int inners;
    int64_t opset;              /* of the default domain */
    const char *prefix;         /* of the names made here */
    const char *where;          /* for errors: "model.onnx" or "model.onnx: node 3 'loop' (Loop)" */
    Onnx__AttributeProto **arg; /* a function's attributes */
    size_t args;
    const Onnx__FunctionProto *function;
};

/* A node with its operands looked up. Rewrites change it in place; what it then is goes to the graph. */
struct raw {
    const char *op, *domain, *name;
    int index;
    int64_t opset;
    struct value **in;
    int nin;
    const char **out; /* "" is absent */
    int nout;
    Onnx__AttributeProto **attr;
    int nattr;
};

/* onnx_graph.c */
bool import_body(struct scope *s, Onnx__NodeProto **node, size_t n);
bool import_initialisers(struct scope *s, const Onnx__GraphProto *graph);
struct value *scope_find(struct scope *s, const char *name); /* NULL: not defined */
void scope_set(struct scope *s, const char *name, struct value *v);
void scope_free(struct scope *s);
struct value *value_of(struct scope *s, struct tensor *t);
/* With the scope's prefix, unique, in the arena: for a tensor, for a node. */
const char *name_in(struct scope *s, const char *name);
const char *node_name_in(struct scope *s, const char *name);
/* A whole subgraph inside the scope's own graph (inlined): formals are the values of its inputs; results go to out[]. */
bool inline_graph(struct scope *outer, const Onnx__GraphProto *body, const char *prefix, const char *where, struct value **formal, int formals,
                  struct value **out, int outs);
struct tensor *import_tensor(struct scope *s, const char *what, const Onnx__TensorProto *proto); /* a constant; NULL: error */

/* onnx_node.c */
bool import_node(struct scope *s, Onnx__NodeProto *node, int index);
bool bind_raw(struct scope *s, struct raw *r); /* through the operator table into the graph */
bool raw_error(struct scope *s, const struct raw *r, const char *format, ...) PRINTF_LIKE(3, 4);
const char *raw_where(struct scope *s, const struct raw *r); /* "model.onnx: node 12 'conv1' (Conv)" */
struct tensor *raw_in(const struct raw *r, int i);           /* NULL: absent */
bool raw_define(struct scope *s, struct raw *r, int i, struct value *v); /* output i is this value */
Onnx__AttributeProto *raw_attr(const struct raw *r, const char *name);  /* NULL: not given */
Onnx__AttributeProto *raw_take(struct raw *r, const char *name);        /* the same, and removes it */
void raw_set_i(struct scope *s, struct raw *r, const char *name, int64_t v);
void raw_set_f(struct scope *s, struct raw *r, const char *name, float v);
void raw_set_s(struct scope *s, struct raw *r, const char *name, const char *v);
void raw_set_in(struct scope *s, struct raw *r, int i, struct tensor *t); /* grows; NULL: absent */
/* Further nodes that a rewrite needs. emit_begin, node_input, set_attr_..., emit_end. */
struct node *raw_node(struct scope *s, const struct raw *r); /* r's own, without operands yet; NULL with an error */
bool raw_infer(struct scope *s, struct node *n);
struct node *emit_begin(struct scope *s, const struct raw *r, const char *op); /* NULL with an error: no such operator */
struct tensor *emit_end(struct scope *s, struct node *n);                      /* its output; NULL with an error */
struct tensor *emit1(struct scope *s, const struct raw *r, const char *op, struct tensor *a, struct tensor *b);
/* The tensor under another name: an Identity that is an output of the graph. */
struct tensor *output_copy(struct scope *s, struct tensor *t, const char *name);
struct tensor *const_ints(struct scope *s, int n, const int64_t *v);
bool known_bool(const struct tensor *t, bool *v);
bool known_int(const struct tensor *t, int64_t *v);

/* onnx_rewrites.c */
bool rewrite_raw(struct scope *s, struct raw *r);

/* onnx_body.c: a subgraph as a graph of its own. begin; its inputs; its nodes, whose results go to out[]; what it gives out; end, which hands it to the
 * node, or drop. All bodies of a node share the captures, whose outer tensors are then the node's last inputs. */
void body_begin(struct scope *s, struct scope *outer, struct captures *captures, const char *prefix, const char *where);
struct tensor *body_input(struct scope *s, const Onnx__ValueInfoProto *formal, enum dtype dtype, int rank, const int64_t *dim);
bool body_nodes(struct scope *s, const Onnx__GraphProto *body, struct tensor **out);
bool body_output(struct scope *s, struct tensor *t);
void body_end(struct scope *s, struct node *n, int b);
void body_drop(struct scope *s);
struct value *capture_value(struct scope *s, const char *name, struct value *v);

/* onnx_run.c: nodes that own their subgraphs. */
bool run_if(struct scope *s, struct raw *r, const Onnx__GraphProto *const branch[2]); /* then, else */
bool run_loop(struct scope *s, struct raw *r, const Onnx__GraphProto *body);
bool run_scan(struct scope *s, struct raw *r, const Onnx__GraphProto *body, int states, struct tensor **in, int nin);

/* onnx_control.c, also for onnx_sequence.c and onnx_run.c. */
bool raw_is(const struct raw *r, const char *op);
const Onnx__GraphProto *raw_graph(struct scope *s, struct raw *r, const char *name); /* an attribute; NULL: an error was reported */
int64_t raw_int(const struct raw *r, const char *name, int64_t otherwise);
int64_t raw_int_at(const struct raw *r, const char *name, int i); /* of a list; 0 past its end */
const char *raw_part(struct scope *s, const struct raw *r, const char *part); /* "loop1.3": for names of what it becomes */
struct tensor *known_scalar(struct scope *s, enum dtype type, const void *v);
struct tensor *stack_rounds(struct scope *s, struct raw *r, struct tensor **t, int n, int64_t axis); /* along a new axis */

/* onnx_extent.c: a node that asks for a size that depends on data, or has one among its operands; *done: it was dealt with. */
bool import_extents(struct scope *s, struct raw *r, bool *done);
bool size_at_most(struct scope *s, struct tensor *t, int64_t *at_most); /* a bound of one integer that such sizes make; false: none is known */

/* onnx_sequence.c, onnx_control.c: *done: the node was dealt with. */
bool import_sequence(struct scope *s, struct raw *r, bool *done);
bool import_control(struct scope *s, struct raw *r, bool *done);

#endif
