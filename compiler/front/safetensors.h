/* Weights in the safetensors format: eight bytes of length, a JSON header, the numbers. */
#ifndef CNNC_SAFETENSORS_H
#define CNNC_SAFETENSORS_H

#include "tensor_file.h"

struct safetensor {
    char *name;
    struct tensor_data value;
    size_t begin; /* where the file has it, from the end of the header */
};

struct safetensors {
    struct mapping map;
    struct safetensor *tensor; /* in the order of their data */
    size_t tensors;
};

/* The numbers stay in the mapped file, which safetensors_close unmaps. On failure err says why and *s is empty. */
bool safetensors_open(struct safetensors *s, const char *path, char *err);
void safetensors_close(struct safetensors *s);
struct safetensor *safetensors_find(const struct safetensors *s, const char *name); /* NULL: not there */

/* Largest elements first, so that every tensor is aligned; equal sizes in the order given. `begin` is ignored. The file appears only when it is complete. */
bool safetensors_write(const char *path, const struct safetensor *tensor, size_t n, char *err);

#endif
