/* emit: the graph, planned, as C. One file each: the driver (emit.c), the public header (api.c), instances and layers
 * (layers.c), the runtime's text (parts.c), weights (weights.c). */
#ifndef EMIT_H
#define EMIT_H

#include "../names.h"
#include "../pass.h"

/* What the printers share. */
struct emitter {
    struct graph *g;
    const struct options *o;
    const char *name;      /* prefix: a C identifier */
    const char *ctx;       /* the struct that its functions take: "lenet5_ctx" */
    const char *upper;     /* prefix of macros: the same in capitals */
    const char *source, *header; /* names of the .c and of the .h as the .c includes it, without folder */
    const char *weights_file; /* name of the weights file, without folder; NULL: in the C text */
    enum weights_in weights_in;
    bool profiled;         /* its context has a place for the time of each step */
    bool team;             /* the run is one parallel region: its threads meet after each layer instead of being started for each */
    uint64_t identity;     /* hash of what code and weights must agree on */
    struct arena arena;    /* of the names */
    struct names used;     /* those of functions, without the prefix */
    const char **layer;    /* C names of the steps of g */
    struct strbuf parts;   /* runtime headers in use, a line each */
    struct strbuf defines, instances, layers;
    unsigned stages;       /* of epilogues in use: a bit for each CNNC_ST_... */
};

/* The graphs of a network that is trained; all NULL otherwise. */
struct train_graphs {
    struct graph *step, *eval;
};

/* Writes the generated files. False: an error was reported and no file is left behind. */
bool emit(struct graph *g, const struct train_graphs *train, const struct options *o);

/* Prints the runtime headers that define these parts, those they include first, each once. */
void parts_need(struct strbuf *list, const char *part);
/* again: only those that every instruction set needs; external: not their text, but what takes it from the shared header. */
void parts_print(FILE *f, const char *list, bool again, bool external);
#define RUNTIME_HEADER "cnnc_runtime.h"
void print_runtime_header(FILE *f); /* all parts, each where a macro asks for it */
uint32_t runtime_version(void);     /* a hash of their text */

void emit_layers(struct emitter *e);       /* fills defines, instances, layers */
/* layers.c, for control.c: the steps of e->g; the text of one. */
void name_layers(struct emitter *e);
void emit_steps(struct emitter *e);
void print_stages(const struct emitter *e, FILE *f); /* tells the runtime which of its epilogues' stages are in use */
void print_comment(struct emitter *e, const struct node *n);
void print_operands(struct emitter *e, const struct node *n);
const char *function_name(struct emitter *e, const char *wish); /* no other function has it */
const char *layer_function(struct emitter *e, const char *name); /* as C has it: with the prefix, and a suffix by instruction set */
void emit_control(struct emitter *e, const struct node *n); /* control.c: the functions of a node that owns subgraphs */
bool has_bodies(const struct graph *g);
void print_forward(struct emitter *e, FILE *f); /* what these need that stands further down */
void print_operand(struct emitter *e, struct strbuf *b, const struct tensor *t); /* a pointer to it, as C */
void emit_api(const struct emitter *e, struct emitter *const train[2], FILE *f);
void emit_source(struct emitter *e, struct emitter *const train[2], FILE *f); /* train: step and eval, or NULL */
bool is_shared_out(const struct graph *g, const struct node *layer); /* of g: whether it runs on all threads, or on one */
bool stays_together(const struct emitter *e); /* whether a run is one parallel region: only layers, one after the other, some of them shared out */
void print_share(struct emitter *e, FILE *f); /* how a layer is divided among threads */
void print_steps(struct emitter *e, FILE *f); /* the calls of all layers */
void print_io_table(struct emitter *e, FILE *f, const char *what, struct tensor *const *list, int n);
void emit_train_api(struct emitter *step, struct emitter *eval, FILE *f);
void emit_train_hooks(struct emitter *step, FILE *f); /* the end of it */
void emit_reductions(struct emitter *step, FILE *f); /* constants about what is exchanged between processes */
void emit_train_settings(struct emitter *step, FILE *f); /* the train section as a text */
void emit_train_schedule(struct emitter *step, FILE *f);
void emit_train_source(struct emitter *step, struct emitter *eval, FILE *f);
bool emit_weights_c(struct emitter *e, FILE *f);    /* constants as C text */
bool emit_weights_file(struct emitter *e, FILE *f); /* header and payload */
void print_element(FILE *f, const struct tensor *t, const void *data, int64_t i); /* as a C constant */
void weights_identity(struct emitter *e);

/* --selftest (selftest.c). */
void emit_selftest_api(const struct emitter *e, FILE *f);
void emit_selftest(struct emitter *e, FILE *f);
/* Where a tensor's first element lies during a run: in output `where`, or -1: in the arena. False: elsewhere. */
bool operand_place(const struct emitter *e, const struct tensor *t, int *where, int64_t *bytes);

void print_run_signature(const struct emitter *e, FILE *f);
const char *io_name(const struct emitter *e, struct arena *a, const char *prefix, struct tensor *const *list, int i);

const char *c_string(struct arena *a, const char *s); /* with escapes, without quotes */
const char *c_identifier(struct arena *a, const char *name); /* letters, digits and _, not beginning with a digit */

/* The file of weights: this header, then the constants at their planned offsets. Little endian. */
enum { WEIGHTS_VERSION = 1, WEIGHTS_HEADER = 64 };

/* Runtime headers as text, made by the build. */
struct runtime_text {
    const char *name;
    const char *const *lines;
};
extern const struct runtime_text runtime_texts[];
extern const struct runtime_text program_texts[]; /* programs around a generated network (compiler/program/) */
bool print_program(const char *path, const char *name); /* into a file; false with errno set */

#endif
