/* Tensors from files: ONNX's TensorProto (inside a model, or alone in a .pb), NumPy's .npy; and external data. */
#ifndef CNNC_TENSOR_FILE_H
#define CNNC_TENSOR_FILE_H

#include "mapping.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TENSOR_FILE_RANK = 16 };

/* A constant as the compiler holds it: little-endian, row-major, one element per byte where the file packs several (int4, int2, float4:
 * sign-extended, or the code in the low bits). `data` is aligned to the element's size. It points into a mapping (which must
 * outlive it), or into `owned`. */
struct tensor_data {
    int dtype; /* TensorProto.DataType's number */
    int rank;
    int64_t dim[TENSOR_FILE_RANK];
    size_t count; /* elements */
    size_t bytes;
    const void *data;
    void *owned; /* free() it; NULL when data lies in a mapping */
};

/* Files that tensors refer to, each mapped once; never outside `folder`. */
struct external_files {
    char *folder; /* resolved; NULL: external data are refused */
    struct external_file {
        char *location;
        struct mapping map;
    } *file;
    size_t files;
};

/* Bytes of one element as the compiler holds it; 0 for strings and unknown types. Bits in a file: below 8 for the packed types. */
size_t element_bytes(int dtype);
int element_file_bits(int dtype);
const char *element_name(int dtype); /* "float32", ...; "?" */

void tensor_data_free(struct tensor_data *t);

/* A whole file holding one TensorProto, or an .npy (told by its first bytes). The file is not needed afterwards. */
bool tensor_file_read(struct tensor_data *t, const char *path, char *err);

/* The numbers of a TensorProto read through wire_scan(). `external` may be NULL. Large data stay in the file where its
 * alignment allows, and are copied otherwise. */
struct Onnx__TensorProto;
struct wire_scan;
bool tensor_proto_read(struct tensor_data *t, const struct Onnx__TensorProto *proto, const struct wire_scan *scan,
                       struct external_files *external, char *err);

/* folder: of the model file. Opens nothing yet. */
bool external_files_init(struct external_files *e, const char *folder, char *err);
void external_files_free(struct external_files *e);

/* Pieces of tensor_file.c that other readers share. Bytes as they lie in a file -> *t, whose dtype, dims, count and bytes are set.
 * `stay`: the mapping that they lie in and that will outlive *t, so that they need not be copied unless they are not aligned; NULL: copy. */
bool tensor_data_from_bytes(struct tensor_data *t, const uint8_t *data, size_t bytes, const struct mapping *stay, char *err);
bool tensor_data_count(struct tensor_data *t, char *err);
bool npy_read(struct tensor_data *t, const uint8_t *data, size_t bytes, char *err);

#endif
