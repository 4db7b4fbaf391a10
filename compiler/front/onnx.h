/* ONNX models -> graph. */
#ifndef CNNC_ONNX_H
#define CNNC_ONNX_H

#include "../ir.h"
#include "tensor_file.h"

/* What the user says about a model's inputs. */
struct import_options {
    struct import_dim { /* --dim N=1: a symbolic dimension */
        char *name;
        int64_t value;
    } *dim;
    int dims;
    struct import_shape { /* --input-shape image=1,3,224,224 */
        char *name;
        int rank;
        int64_t size[MAX_RANK];
    } *shape;
    int shapes;
    struct import_fix { /* --fix-input NAME=FILE: no input any more, but the constant that the file holds */
        char *name;
        const char *file;
    } *fix;
    int fixes;
    int64_t batch; /* --batch, or that of a training step: the size of an input's first dimension where the file leaves it open; 0 is 1 */
    int64_t max_rounds; /* --max-rounds: of a Loop; 0: any number */
};

/* The options' texts, "N=1" and so on: one more entry, or a sentence in err and false. */
bool import_add_dim(struct import_options *o, const char *text, char *err);
bool import_add_shape(struct import_options *o, const char *text, char *err);
bool import_add_fix(struct import_options *o, const char *text, char *err);
void import_options_free(struct import_options *o);

/* NULL after errors, which went to diag. Otherwise the graph is sorted and shapes are inferred. Weights stay in the mapped file where they
 * are aligned there; graph_free closes it. */
struct graph *onnx_import(const char *path, const struct import_options *o, struct diag *diag);

/* The same from memory, which must outlive the graph; external files are refused. */
struct graph *onnx_import_bytes(const char *name, const uint8_t *data, size_t bytes, const struct import_options *o, struct diag *diag);

/* The model's interface without importing it: inputs that the caller gives (initialisers are none), in order. */
struct onnx_signature {
    int inputs, outputs;
    struct onnx_value {
        char *name;
        int dtype;  /* 0: not a tensor */
        int rank;   /* -1: not given */
        int64_t dim[MAX_RANK]; /* -1: not given */
    } *input, *output;
};
bool onnx_signature_read(struct onnx_signature *s, const char *path, char *err);
void onnx_signature_free(struct onnx_signature *s);

bool is_onnx_file(const char *path); /* by its name */

#endif
