/* The graph: what every pass reads and writes.
 *
 * A graph owns its nodes and tensors (one arena; pointers are stable until graph_free). Operators are ONNX's at the
 * newest opset, with ONNX's names and attributes, whichever front end they came from; a few internal ones
 * (Reorder, PackConv, ...) are added by passes. The invariants are in verify.c, which runs after every pass.
 */
#ifndef IR_H
#define IR_H

#include "diag.h"
#include "dtype.h"
#include "names.h"
#include "util.h"

#include "../runtime/conv.h" /* the stages of an epilogue */

#define MAX_RANK 8
#define ELEMENTS_MAX INT32_MAX /* of a tensor: kernels count elements, or those of an axis, in int */

/* How an activation lies in memory. block: channels per block of axis 1 (0: plain, row-major). before / after: the
 * zeroed halo around depth, height and width, in elements. */
struct layout {
    int block;
    int before[3], after[3];
};

enum tensor_kind {
    T_VALUE, /* made by a node */
    T_INPUT, /* given by the caller of the generated code */
    T_CONST, /* data known now */
    T_PARAM, /* learned: has data once weights are read or initialised; until then only a shape */
    T_STATE  /* running statistics, optimiser moments: written by nodes, kept between runs */
};

/* How a parameter that no weights file gives is filled, always from a seed and its name. */
enum init_kind { INIT_NONE, INIT_ZERO, INIT_ONE, INIT_HE, INIT_XAVIER, INIT_VALUE };

struct node;
struct graph;
struct grad;

struct tensor {
    const char *name;
    int id; /* position in graph->tensors */
    enum tensor_kind kind;
    enum dtype dtype;
    int rank; /* -1: not inferred yet */
    int64_t dim[MAX_RANK];
    struct tensor *extent[MAX_RANK]; /* run-time size of an axis whose dim is only an upper bound; mostly NULL */
    const void *data;                /* elements, row-major; NULL if not known (yet: see tensor_value in op.h) */
    bool owned;                      /* data is heap memory that tensor_value made */
    bool trainable;                  /* a parameter that a report counts (running statistics are not) */
    enum init_kind init;
    double init_value;
    int fan_in, fan_out;
    struct span span; /* where the source names it, if it does */

    struct node *def; /* the node that makes it; NULL for inputs, constants, parameters */
    int def_index;
    struct node **user; /* one entry per use: a node that reads it twice stands twice */
    int users;
    bool is_output; /* of the graph: has a C name and the declared layout */
    bool keep;      /* --keep: made an output by the user */

    bool added;  /* a parameter of a layer that --replace or --insert brought in, or that the weights lack */
    bool frozen; /* a parameter that training leaves as it is */
    const char *from_step; /* an input that is none of the caller's arrays but a number of the training step: what it is called there */
    bool moment; /* of T_STATE: an optimiser's own, not part of what is learned */
    struct layout layout;
    struct tensor *base; /* lives inside this tensor's memory: the same elements under another shape ... */
    bool slice;          /* ... or some of its channels, with its strides and halo, from ... */
    bool sample;         /* ... or one of its samples: the one at hand of the run */
    int64_t base_block;  /* ... this channel block on (plain layout: channel) */
    int64_t offset;      /* planned: bytes from the start of the arena (or of the weights) to the storage; -1: none */
    int64_t bytes;       /* of the storage, halo and padding included */
    int first, last;     /* steps of the schedule between which it is alive */
};

enum attr_type {
    A_INT, A_FLOAT, A_STRING, A_BOOL,
    A_INTS, A_FLOATS, A_STRINGS,
    A_SPATIAL, /* ints, one per spatial axis; .net may give one for all ("stride=2") or 3x3 */
    A_PADS,    /* ints, before each spatial axis then after each (ONNX); .net: one for all, HxW, a full list, or same */
    A_TENSOR
};

struct attr {
    bool set; /* given; otherwise the default of its definition holds */
    int64_t i;
    double f;
    const char *s;
    int n; /* length of ints, floats or strings */
    int64_t *ints;
    double *floats;
    const char **strings;
    struct tensor *tensor;
    struct span span; /* .net: the argument's text */
};

/* One stage of a node's epilogue and the tensors it reads, which stand among the node's inputs from first_input on. */
struct stage {
    enum cnnc_stage_op op;
    double a, b;
    int first_input, inputs;
};

struct node {
    const struct op *op;
    const char *name; /* the layer's name in the source */
    int id;
    struct tensor **in; /* absent optional inputs are NULL */
    int nin;
    struct tensor **out;
    int nout;
    struct attr *attr; /* parallel to op->attrs */
    /* OP_CONTROL: the subgraphs (If: then and else), which the node owns. Each has an input for every input of the node that it may read, in order; what it
     * reads of the graph around it (captures) are the node's last inputs. Constants it has itself. */
    struct graph *body[2];
    int captures;

    struct span span;  /* .net: the call's text */
    int onnx_index;    /* ONNX: position in its graph, -1 otherwise */

    struct stage stage[CNNC_MAX_STAGES]; /* filled by fuse */
    int stages;
    struct node *pool;       /* fuse: the pooling done on the way out, or the convolution (detached from the graph; its attributes hold). Of its
                              * nin operands the first is pool_in, the others are the last inputs of this node. It has such a pool itself where
                              * another stands between. */
    struct tensor *pool_in;  /* what it reads: has the shape of the convolution's output, and no memory */
    const char *before;      /* of a pool: what `fused` of the node that took it in was */
    const char *fused;       /* names of the layers merged into this one, for comments: "relu1, pool1" */
    int *layer;              /* what it computes of the network as written: places in graph->layers */
    int layers;

    const struct kernel *kernel;
    int half;                /* its weights are stored in 16 bits: CNNC_WEIGHTS_... (runtime/conv.h); set by select */
    double estimate;         /* the cost model's seconds on one core */
    double error;            /* what the kernel adds to rounding errors (struct kernel) */
    const char *tuned;       /* --tune: the layer as the file of times has it */
    const char *kernel_note; /* why this kernel, for the report: "410 us; conv_plain: 8.2 ms" */
    bool slices;             /* runs nothing: its inputs lie inside its output, or its outputs inside its input 0 */
    bool again;              /* computes a second time what would have to be kept otherwise (recompute.c) */
    bool folded;             /* computed by the compiler: constants only */
    int samples;             /* in the loop over a batch's samples (passes/samples.c): their number; otherwise 0 */
    int step;                /* position in the schedule */
    int64_t scratch_bytes, scratch_offset; /* what its kernel needs beside its tensors, of each thread; a single one's lies in the arena */
};

/* --selftest: a tensor's result as the compiler computes it (passes/reference.c). */
enum { REFERENCE_SAMPLES = 8 };
struct reference {
    const char *name;
    int rank;
    int64_t dim[MAX_RANK];
    enum dtype dtype;
    double sum;   /* of all elements, each with a sign that depends on its position */
    double range; /* largest minus smallest */
    int64_t at[REFERENCE_SAMPLES];
    double value[REFERENCE_SAMPLES];
    double *all;  /* every element, where they are few; or NULL */
};

struct graph {
    const char *name;
    const char *source; /* path as the user gave it */
    struct diag *diag;
    struct arena arena;
    struct graph *outer; /* of a subgraph */
    struct node **node;  /* topological order */
    int nodes;
    struct tensor **tensor;
    int tensors;
    struct names named; /* every name that a tensor ever got -> the last that got it */
    struct tensor **input;
    int inputs;
    struct tensor **output;
    int outputs;
    bool from_onnx;
    bool quantized; /* pass quantize has run */
    uint64_t seed;
    int steps;             /* of the schedule */
    struct reference *reference; /* --selftest: what layers must result in (passes/reference.h); heap memory */
    int references;
    void **reference_input; /* one for each input: its elements, or NULL where a formula gives them */
    struct layer *layers; /* the network as written, taken before rewriting: rows of the report */
    int nlayers;
    int64_t arena_bytes, arena_lower_bound, weights_bytes; /* arena: with the scratch of one thread */
    int64_t scratch_bytes; /* of each thread, if they are several: the most that a step needs */
    int64_t parameter_bytes, state_bytes; /* training: what is learned, what the optimiser keeps */
    void (*release)(void *); /* what constants point into (a mapped file), given back by graph_free */
    void *release_arg;
    struct grad *grad;     /* while pass grad runs (grad.h) */
    void *train;           /* settings of a train section (front/ast.h), or NULL */
};

struct graph *graph_new(struct diag *diag, const char *name);
void graph_free(struct graph *g);
int graph_loop_steps(const struct graph *g, int *samples); /* the first steps run once for each sample of a batch: how many; of so many (or NULL) */

struct tensor *tensor_new(struct graph *g, const char *name, enum tensor_kind kind, enum dtype dtype);
struct tensor *tensor_shaped(struct graph *g, const char *name, enum tensor_kind kind, enum dtype dtype, int rank,
                             const int64_t *dim);
/* A constant with its own copy of the data. */
struct tensor *tensor_const(struct graph *g, const char *name, enum dtype dtype, int rank, const int64_t *dim,
                            const void *data);
struct tensor *tensor_i64(struct graph *g, const char *name, int n, const int64_t *v); /* rank 1 */
struct tensor *tensor_f32(struct graph *g, const char *name, float v);                 /* rank 0 */
void tensor_set_shape(struct tensor *t, int rank, const int64_t *dim);
int64_t tensor_count(const struct tensor *t);         /* elements, product of dims */
int64_t dims_count(int n, const int64_t *dim);
const struct tensor *slice_root(const struct tensor *t); /* the tensor whose strides and halo t has: itself, mostly */
bool is_cut(const struct tensor *t);                     /* a part of a larger tensor, which its node reads and leaves as it is */
bool cuts(const struct node *n);                         /* makes such parts */
int64_t tensor_elements_stored(const struct tensor *t); /* layout, halo and channel padding included */
bool same_shape(const struct tensor *a, const struct tensor *b);
const char *shape_text(const struct tensor *t, char text[160]); /* "96x27x27" without the batch: "1x96x27x27" */
bool tensor_is_const(const struct tensor *t);    /* T_CONST or T_PARAM */
bool tensor_ints(const struct tensor *t, int64_t *v, int max, int *n); /* known integers; false if not known */
const char *unique_name(struct graph *g, const char *wish);
void tensor_rename(struct graph *g, struct tensor *t, const char *name); /* the name is kept, not copied */

/* Appends a node; its outputs are made by node_output. Names may be NULL: derived from the operator. */
struct node *node_new(struct graph *g, const struct op *op, const char *name);
struct node *node_insert_before(struct graph *g, struct node *where, const struct op *op, const char *name);
struct node *node_insert_after(struct graph *g, struct node *where, const struct op *op, const char *name);
void node_input(struct graph *g, struct node *n, struct tensor *t); /* appends; NULL = absent */
void node_set_input(struct graph *g, struct node *n, int i, struct tensor *t);
struct tensor *node_output(struct graph *g, struct node *n, const char *name);
void node_remove(struct graph *g, struct node *n); /* unlinks its inputs; its outputs must have no users */
/* Puts n elsewhere in the order; those between move up or down by one. */
void node_move(struct graph *g, struct node *n, int position);
/* `into` computes from now on what n did: for reports. A node that is inserted before or after another computes part of what that does. */
void node_takes_over(struct graph *g, struct node *into, const struct node *n);
/* `into` makes y from now on, in place of its present output 0 (which loses its maker); n goes. */
void drop_output(struct graph *g, struct node *n, struct node *into, struct tensor *y);
/* What n's own operator makes: its output, or what the first of those reads that fuse joined to it. */
struct tensor *node_result(const struct node *n);
struct tensor *input(const struct node *n, int i); /* NULL when absent or past the end */
/* Every use of `old`, and its place among the graph's outputs, becomes `now`. */
void replace_tensor(struct graph *g, struct tensor *old, struct tensor *now);
bool graph_sort(struct graph *g); /* topological order, stable; false on a cycle */

/* Attributes by their ONNX name (or .net name for those that ONNX does not have). The default holds if not set. */
struct attr *attr_get(const struct node *n, const char *name);
int64_t attr_i(const struct node *n, const char *name);
double attr_f(const struct node *n, const char *name);
const char *attr_s(const struct node *n, const char *name); /* "" if none */
bool attr_set(const struct node *n, const char *name);
/* The value of axis i of an ints attribute, or `otherwise` where it is not set or too short. */
int64_t attr_at(const struct node *n, const char *name, int i, int64_t otherwise);
void set_attr_i(struct graph *g, struct node *n, const char *name, int64_t v);
void set_attr_f(struct graph *g, struct node *n, const char *name, double v);
void set_attr_s(struct graph *g, struct node *n, const char *name, const char *v);
void set_attr_ints(struct graph *g, struct node *n, const char *name, int count, const int64_t *v);
void copy_attrs(struct graph *g, struct node *to, const struct node *from);

/* An error about a node (.net: its span; ONNX: index, name and operator), an attribute or an operand of it. Always false. */
bool node_error(struct graph *g, const struct node *n, const char *format, ...) PRINTF_LIKE(3, 4);
bool attr_error(struct graph *g, const struct node *n, const char *attr, const char *format, ...) PRINTF_LIKE(4, 5);
void tensor_note(struct graph *g, const struct tensor *t); /* "note: norm1 has shape 96x27x27" where it is made */

void graph_dump(const struct graph *g, FILE *f);  /* dump.c: the graph as text, --dump=PASS */
bool graph_verify(struct graph *g, const char *after); /* verify.c: false and an internal error if an invariant is broken */

#endif
