/* The passes, in the order of the table in main.c, and what steers them. */
#ifndef PASS_H
#define PASS_H

#include "op.h"
#include "train.h"

enum weights_in { WEIGHTS_AUTO, WEIGHTS_C, WEIGHTS_FILE, WEIGHTS_INCBIN };

/* A layer that the command line replaces, or puts in behind another: "fc8=dense(10)". */
struct edit {
    const char *text;
    bool inserts;
};

struct options {
    const char *input, *output; /* input: the network at hand; output: the .c; the .h and weights stand beside it */
    const char *name;           /* prefix of the generated names; NULL: the network's */
    const char *weights;        /* safetensors to read; NULL: the ONNX file's own, or initialised from the seed */
    const struct import_options *import; /* what is said about an ONNX file's inputs (front/onnx.h) */
    const char *command;        /* the command line, for the generated file's head; no paths but the user's own */
    struct target target;
    enum weights_in weights_in;
    int batch;
    uint64_t seed;
    bool emit_onnx; /* the graph as ONNX instead of C */
    bool emit_net;  /* as .net */
    const char **inputs; /* all networks of the command line: several for a report */
    int ninputs;
    struct train train; /* batch 0: no training */
    const char **settings; /* "lr = 0.1": of the train section, from the command line */
    int nsettings;
    bool dispatch, selftest, external_runtime, profile;
    bool reports; /* what the network becomes is told about */
    const char **keep;
    int keeps;
    double tolerance;   /* absolute error that --verify accepts in any case */
    const char *selftest_input;        /* --selftest=FILE or FOLDER: the user's own input; NULL: made up */
    const char *const *selftest_files; /* instead: one file for each input (--verify) */
    const char *verify; /* folder of stored inputs and outputs to check the generated program with (trial.c) */
    struct edit *edits;
    int nedits;
    bool init_missing; /* parameters that the weights file does not have are initialised */
    const char **consts; /* --const, "width=0.5": for the constants of a .net */
    int nconsts;
    const char *dump; /* pass after which the graph is printed */
};

typedef bool pass_fn(struct graph *g, struct options *o);
struct pass {
    const char *name;
    pass_fn *run;
    const char *doc;
    bool whole; /* not over the subgraphs of nodes: the pass sees to them itself, or they do not matter to it */
};

/* Over the subgraphs of g's nodes (If, Loop, Scan), the innermost first, then over g; what must hold of a graph is checked after each. */
bool run_pass(const struct pass *p, struct graph *g, struct options *o);

pass_fn pass_infer;        /* shapes, types and known values of all nodes */
pass_fn pass_keep;         /* what --keep names becomes an output */
pass_fn pass_statistics;   /* batch norms of a network without weights fit its initial ones */
pass_fn pass_reference;    /* --selftest: what each layer results in for a stored input */
pass_fn pass_canonicalise; /* exporters' debris goes; nothing that training needs */
pass_fn pass_grad;         /* training: loss, backward nodes and updates join the graph */
pass_fn pass_simplify;     /* constants fold, batch norm goes into conv, dead code goes */
pass_fn pass_quantize;     /* what stands between DequantizeLinear and QuantizeLinear is computed in integers */
pass_fn pass_fuse;         /* activations, adds and pools become epilogues */
pass_fn pass_siblings;     /* convolutions of the same tensor become one */
pass_fn pass_select;       /* a kernel, and with it a layout, for every node */
pass_fn pass_layout;       /* the conversions that remain become nodes; halos; concat in place */
pass_fn pass_samples;      /* the first layers of a batch run sample by sample */
pass_fn pass_schedule;     /* constants leave the run, nodes get their step */
pass_fn pass_plan;         /* every tensor gets its place in the arena or among the weights */

/* infer.c. The sizes of outputs that depend on the data become outputs themselves. */
void expose_extents(struct graph *g);

/* image.c, part of fuse: what an input declaration does to a picture becomes one node. */
void fuse_image_inputs(struct graph *g);

/* slices.c, part of layout: what a concat joins is made where the concat wants it. */
void place_slices(struct graph *g);
bool writes_views(const struct tensor *t);

const char *kernel_name(struct arena *a, const struct node *n, const struct kernel *k); /* "conv_direct" */
/* select.c: the first kernel, in table order, that says it matches; the one that takes least time. */
const struct kernel *first_match(const struct node *n, const struct target *target);
const struct kernel *best_kernel(const struct node *n, const struct target *target, double *seconds);

/* subgraph.c. fold_evaluate() of a node that owns subgraphs. */
bool subgraph_evaluate(struct graph *g, struct node *n);

/* halves.c, part of select, for --weights-dtype. What n's weights may get, CNNC_WEIGHTS_...: known floats, that do not change, for one of its operator's
 * kernels. */
int half_wanted(const struct node *n, const struct target *target);
/* The kernels are chosen, and node->half says what is wanted: it is taken back where the kernel cannot read them, or where --max-error forbids it,
 * and the node's note says so. */
void choose_halves(struct graph *g, const struct target *target);

/* main.c: may --dump=NAME stop here? All names, for a message. */
bool is_pass(const char *name);
const char *pass_names(void);

#endif
