/* Diagnostics: where something stands in a source text, and how to say what is wrong with it.
 *
 *     alexnet.net:9:38: error: conv: 256 filters cannot be divided into 3 groups
 *         9 | conv2 = conv(norm1, 256, 5x5, pad=2, groups=3)
 *           |                                      ^~~~~~~~
 *     alexnet.net:8:1: note: norm1 has shape 96x27x27
 *
 * Errors and warnings show the line with a caret; notes belong to the error before them and vanish with it. Columns count
 * characters from 1. Nothing here exits: whoever drives looks at `errors`. */
#ifndef CNNC_DIAG_H
#define CNNC_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#if defined(__GNUC__)
#define DIAG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define DIAG_PRINTF(f, a)
#endif

/* A text that was read. It may hold any bytes; it lives as long as its spans. */
struct source {
    const char *path;
    const char *text;
    size_t length;
};

/* The bytes [first, last) of a source. source == NULL: no place is known. */
struct span {
    const struct source *source;
    size_t first, last;
};

enum { DIAG_LIMIT = 20 };

struct diag {
    FILE *out;          /* NULL: stderr */
    int errors;         /* all that were found, also those past the limit */
    int warnings;
    int limit;          /* how many errors are printed; 0: DIAG_LIMIT */
    bool stopped;       /* "too many errors" was said */
    bool silent;        /* the last error was not printed, so neither are its notes */
};

void diag_error(struct diag *d, struct span where, const char *fmt, ...) DIAG_PRINTF(3, 4);
void diag_warning(struct diag *d, struct span where, const char *fmt, ...) DIAG_PRINTF(3, 4);
void diag_note(struct diag *d, struct span where, const char *fmt, ...) DIAG_PRINTF(3, 4);

/* For what has no text to point into: `where` is free text, "model.onnx: node 12 'conv1' (Conv)". NULL: the program. */
void diag_error_at(struct diag *d, const char *where, const char *fmt, ...) DIAG_PRINTF(3, 4);
void diag_warning_at(struct diag *d, const char *where, const char *fmt, ...) DIAG_PRINTF(3, 4);
void diag_note_at(struct diag *d, const char *where, const char *fmt, ...) DIAG_PRINTF(3, 4);

/* Enough errors were printed: more work on this input helps nobody. */
bool diag_full(const struct diag *d);

/* For whoever then stops: says so, once. */
void diag_stop(struct diag *d, const char *path);

/* Line and column, both from 1, of a byte of the source. */
void source_position(const struct source *s, size_t byte, long *line, long *column);

/* From the first byte of a to the last of b. */
struct span span_join(struct span a, struct span b);

/* The candidate that `word` was probably meant to be, or NULL if none is near. */
const char *nearest_name(const char *word, const char *const *candidates, size_t n);

#endif
