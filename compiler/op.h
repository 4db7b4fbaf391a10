/* What an operator is: one row in ops.def, one struct in ops/FAMILY.c. The .net checker, the ONNX importer, "did you
 * mean", --help-ops and the operator table of the documentation all read this description; nothing else in the compiler
 * knows an operator's name unless it is about that operator. */
#ifndef OP_H
#define OP_H

#include "ir.h"

enum attr_flags {
    AT_POS = 1,      /* .net: may be given by position, in table order, after the tensors */
    AT_REQUIRED = 2, /* must be given in .net */
    AT_NET = 4,      /* .net only: not an attribute of ONNX (filters, units, bias) */
    AT_POSITIVE = 8, /* every value >= 1 */
    AT_NONNEG = 16,  /* every value >= 0 */
    AT_ONNX_REQUIRED = 32 /* must be given in ONNX */
};

struct attr_def {
    const char *onnx; /* ONNX name; for AT_NET the name that attr_get uses */
    const char *net;  /* .net name; NULL: not to be given there */
    enum attr_type type;
    unsigned flags;
    double value;      /* default of A_INT, A_BOOL, A_FLOAT; A_SPATIAL: of each axis; A_PADS: of each entry */
    const char *text;  /* default of A_STRING; allowed values "a|b|c" follow a colon: "NOTSET:NOTSET|SAME_UPPER" */
    const char *doc;
};

enum op_flags {
    OP_ELEMENTWISE = 1 << 0,      /* output has the shape of the (broadcast) inputs, each element from its peers */
    OP_UNARY = 1 << 1,            /* elementwise with one tensor operand: may run in place, may become a stage of an epilogue */
    OP_COMMUTATIVE = 1 << 2,
    OP_VIEW = 1 << 3,             /* output is input 0's elements in the same order under another shape: costs nothing */
    OP_INTERNAL = 1 << 4,         /* made by passes only */
    OP_CONTROL = 1 << 5,          /* owns subgraphs */
    OP_RANDOM = 1 << 6,
    OP_VARIADIC_OUT = 1 << 7,
    OP_UPDATES = 1 << 8,          /* writes state: never dead */
    OP_MOVES = 1 << 9,            /* what its first output holds are elements of its inputs of the same type: of a quantised tensor likewise */
    OP_QUANTIZES = 1 << 10,       /* QuantizeLinear: float to integers; folded only after pass quantize has seen it */
    OP_DEQUANTIZES = 1 << 11,     /* DequantizeLinear: the way back */
    OP_INTEGER = 1 << 12,         /* its operands are quantised tensors, scales and zero points: pass quantize calls `quantize` */
    OP_REDUCES = 1 << 13,         /* output 0 is added up over all processes: reduction `bucket` begins after the node */
    OP_AWAITS = 1 << 14,          /* and has ended before this one */
    OP_PERMUTES = 1 << 15,        /* output is input 0's elements in another order */
    OP_IDENTITY = 1 << 16,        /* the result is input 0 */
    OP_TRAINING = 1 << 17,        /* outside training the result is input 0 */
    OP_STAGES = 1 << 18,          /* an epilogue applies to output 0, though there are others; on blocked tensors only */
    OP_REORDERS = 1 << 19,        /* output is input 0 in another memory layout: nobody's layer */
    OP_MAX_OF_WINDOWS = 1 << 20,  /* output is the largest value of each window of input 0: a layer whose kernel pools may take it along */
    OP_STATISTICS = 1 << 21,      /* inputs 3 and 4 are the running mean and variance of input 0's channels */
    OP_LOSS = 1 << 22,            /* a loss and its gradient: behind it lies what training computes backwards */
    OP_PROBABILITIES = 1 << 23,   /* makes probabilities of logits, along its axis: cross entropy takes the logits */
    OP_PROBABILITY = 1 << 24,     /* makes a probability of each logit: binary cross entropy takes the logits */
    OP_SAMPLEWISE = 1 << 25       /* sample i (place i on axis 0) of output 0 is made of the operands' sample i and of constants */
};

/* A quantised tensor: real value = (q - zero) * scale. As an operand q is NULL where that is a float. As the result wanted: q is NULL, scale
 * and zero hold one element, and low .. high are the bounds of q; scale NULL: a float is wanted. */
struct quantized {
    struct tensor *q, *scale, *zero;
    int64_t axis; /* of the scales, if they are several */
    enum dtype dtype;
    int low, high;
};

struct cost {
    int64_t macs;  /* multiply-adds */
    int64_t flops; /* other arithmetic */
};

/* How a field of a kernel's geometry is printed. A literal shapes the code: it is assigned in the instance; the others
 * are run-time values of the layer. */
enum field_kind { F_INT, F_LONG, F_FLOAT, F_DOUBLE, F_VIEW, F_EPILOGUE, F_I64 };
struct field {
    const char *name;
    size_t offset;
    enum field_kind kind;
    bool literal;
    int count; /* of an array; 0: scalar */
};
#define FIELD(type, member, kind) {#member, offsetof(type, member), kind, false, 0}
#define FIELD_LIT(type, member, kind) {#member, offsetof(type, member), kind, true, 0}
#define FIELD_ARRAY(type, member, kind, n) {#member, offsetof(type, member), kind, false, n}

struct geometry {
    const char *type; /* "cnnc_conv": struct tag in the runtime */
    size_t size;
    const struct field *field;
    int fields;
};

struct tuned;
struct explore;

/* What the generated code runs on, from --target and other options. */
struct target {
    const char *name; /* "portable", "cortex-m" */
    int block;        /* channels per block; 1: blocked layouts are not used */
    bool winograd;
    bool fuse;
    double max_error;   /* what fast algorithms may add to the rounding errors: root of the sum of their squares, as a share of a result's range */
    double max_weights; /* packed weights at most so many times the parameters */
    bool train;        /* a graph of training: weights change, and are packed in the run */
    bool bounded;       /* max_error was given: it holds for weights of 16 bits, too */
    int half;           /* --weights-dtype: CNNC_WEIGHTS_... (runtime/conv.h) */
    struct tuned *tuned;       /* measured times (passes/tuned.h) that count more than the model's, or NULL */
    struct explore *explore;   /* while --tune measures: select takes the kernels in turn */
    bool train_double; /* training in double, to check gradients */
};

enum { LAYOUT_PLAIN, LAYOUT_BLOCKED };

struct parts {
    int64_t count, in, out; /* elements of a part in the input and in the result */
};

struct kernel {
    const char *name;  /* the C function without the prefix cnnc_; NULL: name_of says */
    const char *algorithm; /* what a report adds to the name: "F(4x4, 3x3)"; mostly NULL */
    const char *part;  /* header in runtime/ that defines it */
    const struct geometry *geometry;
    int in_layout, out_layout; /* of the activations (constants are always plain) */
    unsigned plain_inputs;     /* with in_layout blocked: the inputs (bits) that are plain all the same */
    bool inplace;              /* output 0 may share input 0's memory */
    bool epilogue;             /* takes the stages of a node's epilogue */
    bool half;                 /* reads weights of 16 bits, as node->half says: prepare packs them so */
    bool scales;               /* with float16 it needs a stage of the epilogue for their factors */
    bool views;                /* writes through a view: its outputs may have a halo or be a slice of a larger tensor */
    bool slices;               /* nothing runs: its inputs come to lie inside its output (concat of whole blocks) */
    bool cuts;                 /* nothing runs: its outputs are read where they lie inside its input 0 (split into whole blocks) */
    bool pools;                /* computes node->pool as well, a pooling, and only such nodes */
    bool (*joins)(const struct node *n, const struct node *next); /* the same for a `next` with weights of its own that reads n's result; NULL: none */
    bool (*match)(const struct node *n, const struct target *target); /* can it compute this node? NULL: always */
    double (*cost)(const struct node *n, const struct target *target); /* estimated seconds on one core; NULL: 1e9, a last resort */
    double (*weights)(const struct node *n); /* elements of its packed weights, where they are more than the weights */
    double (*error)(const struct node *n); /* what it adds to the rounding errors of a direct sum, as a share of the result's range; NULL: nothing */
    double arithmetic;         /* the share of the node's multiply-adds that it does; 0: all */
    /* The zeroed border that it reads around input i (already zero in before/after). */
    void (*halo)(const struct node *n, int i, int before[3], int after[3]);
    /* Rewires inputs (weights become PackConv of weights, ...). Called once, after selection. */
    void (*prepare)(struct graph *g, struct node *n, const struct target *target);
    void (*fill)(const struct node *n, void *geometry, const struct target *target);
    size_t (*scratch)(const void *geometry); /* bytes per thread */
    /* For templates: prints the function's name, and the lines (once per file) that instantiate it. */
    void (*name_of)(const struct node *n, struct strbuf *name, struct strbuf *define);
    /* The same kernel inside the compiler, for constant folding; NULL: cannot be folded. */
    void (*run)(const struct node *n, const void *geometry, const void *const in[], void *const out[]);
    /* Where the result is made in equal parts, each from an equal part of the only input (the last of those may be shorter): tells so,
     * false if not with these attributes. And makes `count` parts from part `first` on; in: elements of that part and those after it. */
    bool (*parts)(const struct node *n, struct parts *p);
    void (*run_parts)(const struct node *n, int64_t first, int64_t count, const void *in, void *out);
};

/* Where the data say how much of an axis is used (tensor.extent), what lies past that has no meaning. What an operator takes there: */
enum past {
    PAST_BARRED, /* nothing: such an axis is not supported */
    PAST_APART,  /* anything: places of the axis do not mix */
    PAST_ZERO, PAST_ONE, PAST_LOWEST, PAST_HIGHEST /* this value, with which the result is what it would be without */
};

struct train;
struct op {
    const char *onnx; /* the name in the IR */
    const char *net;  /* the name in .net; NULL: not to be called there */
    const char *net_aliases; /* further ones, "|"-separated */
    const char *doc;  /* one line */
    const struct attr_def *attrs;
    int nattrs;
    const char *body[2]; /* OP_CONTROL: the attributes of ONNX that hold the subgraphs */
    int min_in, max_in; /* tensors; max -1: any number. For .net only the first net_in are given by the user */
    int net_in;         /* .net: operands that are tensors; -1: any number (concat) */
    const char *learned[4]; /* .net: names of the operands from net_in on, which `params` appends unless the user gives them: weight=W */
    int max_out;
    unsigned flags;
    /* .net: after attributes are set and operands inferred, appends parameter tensors (conv's weight and bias; none where there are more
     * operands than net_in: the user gave them), may insert nodes before it (flatten before dense). NULL: none. False: an error was reported. */
    bool (*params)(struct graph *g, struct node *n);
    /* Shapes, types, and the values of shape arithmetic; checks everything. False: an error was reported. */
    bool (*infer)(struct graph *g, struct node *n);
    /* What it makes of such an axis of input i. *to: which axis of each output is used as far; -1: none. After infer. NULL: an elementwise
     * operator's places do not mix; others are barred. */
    enum past (*past)(const struct node *n, int i, int axis, int *to);
    void (*cost)(const struct node *n, struct cost *c);
    int64_t (*spare)(const struct node *n); /* OP_CONTROL: bytes that it needs in the run beside its subgraphs' values; NULL: none */
    /* canonicalise: puts simpler nodes in the place of this one (Mean of three: two Adds and a Div) and removes it. True
     * if it did. NULL: every node of this operator is one that kernels know. */
    bool (*expand)(struct graph *g, struct node *n);
    /* simplify, for inference only: puts fewer or cheaper nodes in the place of this one, or takes a neighbour's work into itself
     * (a border into a convolution's padding, a factor into its weights). True if the graph changed. */
    bool (*simplify)(struct graph *g, struct node *n);
    /* n, whose operands (input 0; all, where there may be any number) are transposed by `perm`, is made to read them as they were before: its
     * attributes follow, and the outputs are then to be transposed by to[], of the rank that is returned; 0: it cannot, nothing is changed. */
    int (*untranspose)(struct graph *g, struct node *n, const int64_t *perm, int64_t to[MAX_RANK]);
    /* Each channel of the result is a product with a part of the weights (input 1) plus a bias (input 2, may be absent): which axis of the
     * weights counts the channels (of one of *groups groups). False: not so with these attributes. */
    bool (*channel_axis)(const struct node *n, int *axis, int64_t *groups);
    /* The stage of an epilogue that does this node's work on the value that arrives through its input `value`. Tensors
     * that the stage reads go to operand[] (s->inputs of them; it may make constants); first_input is the caller's. */
    bool (*as_stage)(struct graph *g, const struct node *n, int value, struct stage *s, struct tensor *operand[2]);
    /* quantize: puts before n nodes that compute it in integers. in: for each operand where it comes from. Returns the last of these nodes, whose
     * output 0 is the result, with its type and shape; NULL: it has no such form. OP_INTEGER: in and out are NULL. */
    struct node *(*quantize)(struct graph *g, struct node *n, const struct quantized *in, const struct quantized *out);
    /* Appends the nodes that turn the gradients of n's outputs into those of its inputs (grad.h). NULL: no derivative. */
    bool (*grad)(struct graph *g, struct node *n);
    /* Puts in the place of n what it is while its network learns (BatchNormTrain for BatchNormalization), unless it is the same.
     * False: an error was reported. */
    bool (*in_training)(struct graph *g, struct node *n, const struct train *t);
    const struct kernel *kernels;
    int nkernels;
};

extern const struct op *const op_table[];
extern const int op_count;
const struct op *op_by_onnx(const char *name);
const struct op *op_by_net(const char *name); /* aliases too */

/* ops/infer.c. One node: arity, inference, and folding if its inputs are known and small. What front ends call as they build. */
bool infer_node(struct graph *g, struct node *n);

/* ops/fold.c: values of constants, evaluated when they are needed. A node whose inputs are all constants is computed here,
 * with the scalar form of the runtime's kernels, and never runs in generated code. */
bool node_is_foldable(const struct node *n);
const void *tensor_value(struct graph *g, struct tensor *t); /* NULL: an error was reported */
void tensor_release(struct tensor *t);                       /* what tensor_value computed may go */
void tensor_forget(struct tensor *t);                        /* data that a tensor owns is freed */
bool fold_evaluate(struct graph *g, struct node *n);         /* outputs from the inputs' data; false if no kernel can */
bool fold_small(struct graph *g, struct node *n);            /* true if the node's outputs are constants now */
bool fold_parameters(struct graph *g, struct node *n);       /* the same, of parameters too whose values are known */
/* ops/pieces.c. The bytes of a constant in order, in pieces that a cache holds where it is made of such: weights of hundreds of megabytes need no
 * memory. False: an error was reported, or take said so. */
typedef bool take_piece(void *arg, const void *data, size_t bytes);
bool tensor_pieces(struct graph *g, struct tensor *t, take_piece *take, void *arg);

/* ops/past.c. Sizes that depend on data pass through n, whose shapes are inferred: to its outputs; before its inputs goes what lies past them
 * where that matters. False: an error was reported. */
bool take_extents(struct graph *g, struct node *n);
enum past past_of(const struct node *n, int i, int axis, int *to); /* n's hook, or what flags say */
/* Of t's axis `size` places (one int64) are used: FillPast before n (NULL: at the end of the graph). NULL: an error was reported. */
struct tensor *fill_past(struct graph *g, struct node *n, struct tensor *t, struct tensor *size, int axis, enum past with);
struct tensor *append_used(struct graph *g, struct tensor *a, struct tensor *b, int axis, int onnx_index); /* the used parts of both, joined; likewise */
bool is_filled(const struct tensor *t, int axis, enum past with);

/* ops/common.c: helpers that families share. */
bool infer_same_as_input(struct graph *g, struct node *n); /* output 0 has input 0's shape and type */
bool infer_broadcast(struct graph *g, struct node *n);     /* numpy broadcasting of all inputs; type of input 0 */
bool broadcast_dims(int ra, const int64_t *a, int rb, const int64_t *b, int *r, int64_t *d);
bool check_rank(struct graph *g, struct node *n, int i, int min, int max); /* error if input i's rank is outside */
int64_t normal_axis(struct graph *g, struct node *n, const char *attr, int rank); /* -1 with an error if out of range */
/* A parameter "LAYER.suffix" of the layer that node n is. fan_in 0: not a weight. */
struct tensor *param_new(struct graph *g, struct node *n, const char *suffix, int rank, const int64_t *dim,
                         enum init_kind init, int fan_in, int fan_out);
/* An activation's shape as batch, channels, depth, height, width (1-D: h = d = 1), and its strides as it is laid out. */
struct extent5 {
    int n, c, d, h, w;
};
struct extent5 extent5(const struct tensor *t);
struct cnnc_view view_of(const struct tensor *t);
bool is_stage_operand(const struct node *n, int i); /* does a stage of the epilogue read input i? */
/* Copies the epilogue of n into e; view of the first ADD / MUL operand into *add when there is one. */
void fill_epilogue(const struct node *n, struct cnnc_epilogue *e, struct cnnc_view *add);
/* Window geometry shared by conv and pool: output size of one axis, padding resolved. axis counts spatial axes. */
struct window {
    int64_t kernel, stride, dilation, before, after, out;
};
bool window_infer(struct graph *g, struct node *n, int axis, int spatial, int64_t in, int64_t kernel, bool ceil_mode,
                  struct window *w);

#endif
