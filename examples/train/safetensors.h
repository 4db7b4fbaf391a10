/* Parameters as a safetensors file: names and shapes as PyTorch's state_dict has them, float32. */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H
#include <stddef.h>

struct tensor_entry {
    const char *name;
    int rank;
    const long *dim;
    void *data;
    size_t bytes;
};
int safetensors_write(const char *path, const struct tensor_entry *t, int n); /* 0: written, whole or not at all */
/* All n by name, of these shapes, float32. 0: done; -1: why not. With missing, those that the file does not have, or not so, stay as they are and are marked there. */
int safetensors_read(const char *path, const struct tensor_entry *t, int n, char *missing, char why[256]);
#endif
