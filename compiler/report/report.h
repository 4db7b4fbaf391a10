/* Reports: the network as written, and what became of it. Nothing here reads or computes weights.
 *
 * pass_layers takes the list of layers after infer, before anything is rewritten; nodes carry the numbers of the layers they
 * compute from then on (node->layer), and report_new() looks up, after plan, where each went. */
#ifndef REPORT_H
#define REPORT_H

#include "../pass.h"

/* The part of the input that one element depends on, along each spatial axis. */
struct receptive {
    int axes;       /* 0: no space */
    bool all;       /* everything */
    bool unknown;   /* axes were mixed */
    double size[3]; /* in elements of the input */
    double jump[3]; /* from one element to the next */
};

struct layer {
    const char *name, *type; /* type: the operator, as the source calls it */
    const struct op *op;     /* NULL: an input */
    int rank;
    int64_t dim[MAX_RANK]; /* output 0 */
    enum dtype dtype;
    const char *kernel_size, *stride, *pad; /* "3x3", "2", "1"; empty where there is no window */
    const char *input;       /* shapes of the operands: "96x27x27" */
    struct receptive field;
    int64_t parameters, macs, bytes; /* bytes: of the outputs, as written */
    bool shares;             /* parameters that an earlier layer has counted */
    int depth, weighted_depth;
    int *source, sources;    /* layers that it reads */

    /* known after plan */
    const struct node *node; /* that computes it; NULL: nothing runs for it */
    int home;                /* the layer whose node that is: itself, or the one it is fused into; -1 */
    const char *fate;        /* why nothing runs: "costs nothing: same elements", "removed", ...; NULL */
    const char *kernel;      /* "" if none */
    const char *why;         /* the estimate, and those of other kernels */
    int steps;               /* nodes that run for it */
};

/* One kind of layer. */
struct kind {
    const char *type;
    int count;
    int64_t parameters, macs;
};

/* --train: what a layer, and a step, needs beside inference. */
struct layer_training {
    const char *name;
    int64_t trained, frozen;            /* parameters */
    int64_t gradient_bytes, kept_bytes; /* of its parameters; of activations that it makes and a backward node reads */
    int backward, again;                /* steps behind the losses: on the way back; that compute once more what is not kept */
    char *fast;                         /* kernels of these that do fewer multiply-adds, and by which algorithm; or NULL */
};
struct training {
    int batch, inputs, layers; /* the first `inputs` layers are inputs */
    const char *optimizer;
    int values;                /* that the optimiser keeps of a parameter */
    int real;                  /* bytes of one */
    int64_t trained, frozen, statistics; /* numbers */
    int64_t parameter_bytes, state_bytes, gradient_bytes, kept_bytes, arena_bytes, arena_lower_bound, scratch_bytes;
    int forward, backward;     /* steps */
    int64_t code_bytes;        /* of a training step and of evaluation, about */
    int instances;             /* specialised kernels in it */
    struct layer_training *layer;
};

struct report {
    struct training *training; /* or NULL */
    struct graph *g;
    const struct options *o;
    const char *name, *source; /* source: without folders */
    struct layer *layer;
    int layers, inputs; /* the first `inputs` of the list are the network's inputs */
    struct kind *kind;
    int kinds;
    int64_t parameters, dense_parameters, unused_parameters, macs, activation_bytes;
    int64_t arena_bytes, arena_lower_bound; /* with one thread's scratch */
    int64_t stack_bytes, code_bytes;
    int depth, weighted_depth;
    int steps, instances;
    struct report **inner; /* of subgraphs, in the order of the nodes that own them; `name` says which */
    int inners;
    int reorders, copies; /* conversions of layout; operands of a concat that are copied, each with the reason */
    const char *reorder_names, *copy_names;
    int64_t *alive, *scratch; /* bytes in use at each step, scratch included; of scratch */
    struct arena arena;
};

pass_fn pass_layers;

enum report_form { REPORT_NONE, REPORT_TEXT, REPORT_JSON, REPORT_HTML, REPORT_DOT, REPORT_ERRORS };
bool report_form_named(const char *name, enum report_form *form); /* NULL: text */

/* training.c: step and eval are planned. Heap memory, which nothing points out of. */
struct training *training_figures(struct graph *step, struct graph *eval, const struct options *o);
void training_free(struct training *t);
void training_text(FILE *f, const struct training *t);
struct json_t;
struct json_t *training_json(const struct training *t);

/* report.c. Bytes of machine code and constants that a graph's layers become, about, and how many kernels are specialised for it; instances
 * NULL: its kernels are those of other graphs in the file. */
int64_t code_estimate(struct graph *g, const struct options *o, const char *name, int *instances);
/* g: planned. The report points into it. It takes `training` (NULL: none). */
struct report *report_new(struct graph *g, struct training *training, const struct options *o);
void report_free(struct report *r);
void report_print(FILE *f, enum report_form form, struct report *const *list, int n);

void report_text(FILE *f, const struct report *r);
void report_compare(FILE *f, struct report *const *list, int n);
void report_json(FILE *f, struct report *const *list, int n);
void report_html(FILE *f, struct report *const *list, int n);
void report_dot(FILE *f, const struct report *r);
void report_errors(FILE *f, const struct report *r); /* computes weights */

/* field.c */
struct receptive field_of_input(const struct tensor *t);
struct receptive field_through(const struct node *n, const struct receptive *of_tensor); /* indexed by tensor id */
const char *field_text(const struct receptive *f, char text[64]);

/* table.c: rows of cells that line up. */
enum { CELL_RIGHT = 1, CELL_OPTIONAL = 2, CELL_SHRINK = 4 };
struct column {
    const char *title;
    int flags;
    int rank; /* of optional ones: the highest goes first where the line is too narrow */
};
struct table {
    const struct column *column;
    int columns, rows;
    const char **cell; /* columns of row 0, of row 1, ...; a row of NULLs is a rule */
    struct arena arena;
};
void table_cell(struct table *t, const char *format, ...) PRINTF_LIKE(2, 3); /* the next one */
void table_rule(struct table *t);
void table_print(struct table *t, FILE *f);
void table_free(struct table *t);
bool plain_ascii(FILE *f); /* no UTF-8 terminal */

/* numbers.c */
const char *thousands(int64_t v, char text[32]);         /* "62,378,344" */
const char *bytes_text(int64_t v, char text[32]);        /* "249.5 MB" */
const char *count_text(int64_t v, char text[32]);        /* "1.14 G" */
const char *percent(int64_t part, int64_t whole, char text[32]); /* "94.0"; "" of nothing */
const char *layer_shape(const struct layer *l, char text[160]);  /* without the batch where that is 1 */

#endif
