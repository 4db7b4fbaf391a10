/* Files mapped for reading. Weights are hundreds of megabytes; they are used where they lie, never read into the heap. */
#ifndef CNNC_MAPPING_H
#define CNNC_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CNNC_ERROR_BYTES = 512 }; /* size of the `err` buffers that the readers of this folder fill */

struct mapping {
    const uint8_t *data; /* NULL for an empty file */
    size_t bytes;
};

/* True on success; else a sentence in err (CNNC_ERROR_BYTES) and *m empty. Only regular files. */
bool mapping_open(struct mapping *m, const char *path, char *err);
void mapping_close(struct mapping *m);

/* The pages of this part are not needed for now: they stop counting as memory in use, and are read again if touched. */
void mapping_forget(const struct mapping *m, const void *part, size_t bytes);

/* printf into err, for the readers; returns false, so that `return fail(err, ...)` reads well. */
bool reader_fail(char *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
