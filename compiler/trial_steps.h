/* What the files of --verify share: trial.c has the trial, trial_layers.c looks for the layer that is wrong. */
#ifndef TRIAL_STEPS_H
#define TRIAL_STEPS_H

#include "compare.h"
#include "front/onnx.h"
#include "trial.h"
#include "work.h"

struct stored {
    int n;
    struct tensor_data *tensor;
    char **path;
};

struct trial {
    struct options *o;
    const char *folder;
    read_network_fn *read;
    compile_network_fn *compile;
    struct diag diag;
    struct stored in, out;
    struct onnx_signature signature; /* of an ONNX file; of another network made from its graph */
    bool *fixed;                     /* parallel to signature.input */
    struct work work;
    double rounding;                 /* what --weights-dtype may cost, as a share of a result's range */
};

/* An output of the program. */
struct result {
    char *name;
    struct tensor_data shape; /* type and shape of an output */
    int extent[MAX_RANK];     /* the output that tells how much of an axis is used; -1: all of it */
    bool tells;               /* it is such an output itself */
    double step;
};

struct result trial_result(const struct tensor *y); /* its name is heap memory */

/* With an error about `where`. Always false. */
bool trial_fail(struct trial *t, const char *where, const char *what);
/* The network, with what is stored said about its inputs. NULL: an error was reported. */
struct graph *trial_import(struct trial *t, struct diag *d);
bool trial_write_inputs(struct trial *t, const struct graph *g); /* to the file `in` */
bool trial_write_program(struct trial *t, const char *name);      /* main.c from compiler/program/; false: an error was reported */
bool trial_build_and_run(struct trial *t, const char *out);   /* main.c, which takes `in`, the file to write and the weights file */
/* Is an output near enough to the stored one, and by which rule? */
bool trial_accepts(const struct trial *t, const struct result *r, const struct comparison *c, const char **why);

/* After the outputs were compared. Compares the intermediate tensors that the folder holds (NAME.npy or NAME.pb; / in a name is _), if any;
 * otherwise, if the outputs do not agree, each layer with the compiler's own evaluation. Names the first that differs.
 * True if the outputs agree and no stored tensor differs. */
bool trial_layers(struct trial *t, bool agrees);

#endif
