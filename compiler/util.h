/* Memory, strings and files: what every other part of the compiler needs and no library of C has. */
#ifndef UTIL_H
#define UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#if defined(__GNUC__)
#define PRINTF_LIKE(f, first) __attribute__((format(printf, f, first)))
#else
#define PRINTF_LIKE(f, first)
#endif

/* Heap memory or exit status 1 with a message: a compiler that runs out of memory has nothing left to do. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same for `count` elements of `size` > 0 bytes; the message names what they are for. */
void *xmalloc_for(size_t count, size_t size, const char *what);
void *xcalloc_for(size_t count, size_t size, const char *what);

/* An arena: many small allocations that live and die together. Memory is zeroed and aligned to 16 bytes. */
struct arena {
    struct arena_chunk *chunk;
};
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
void arena_free(struct arena *a);

/* A string that grows. Always NUL-terminated once something was added; free with sb_free. */
struct strbuf {
    char *s;
    size_t n, cap;
};
void sb_add(struct strbuf *b, const char *s);
void sb_addn(struct strbuf *b, const char *s, size_t n);
void sb_addf(struct strbuf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void sb_free(struct strbuf *b);

/* Appends to an array that grows by doubling: VEC_PUSH(v, n, x) where v is a pointer and n its count. */
#define VEC_PUSH(v, n, x)                                                                                              \
    do {                                                                                                               \
        if (((n) & ((n)-1)) == 0)                                                                                      \
            (v) = xrealloc((v), ((n) ? 2 * (size_t)(n) : 1) * sizeof *(v));                                            \
        (v)[(n)++] = (x);                                                                                              \
    } while (0)

/* The whole of a file, NUL-terminated, in heap memory; NULL with errno set. */
char *read_file(const char *path, size_t *size);

/* A file that appears under its name only when it is complete: written beside it, renamed by out_close. If the compiler ends
 * before that, by exit or by a signal, what was written is removed. */
struct outfile {
    FILE *f;
    char *path;
    struct unfinished *temporary;
};
bool out_open(struct outfile *o, const char *path);  /* "-" is standard output; false with errno set */
bool out_close(struct outfile *o);                   /* false with errno set: nothing is left behind */
void out_discard(struct outfile *o);

/* A folder of a name that ends in XXXXXX (mkdtemp's, which fills that in): removed with all that lies in it by folder_drop, or when the
 * compiler ends before that. NULL with errno set. */
struct unfinished *folder_make(char *path);
void folder_drop(struct unfinished *folder, bool keep); /* keep: it stays from now on. NULL: nothing */

/* As system(), but a signal that ends the compiler ends the command first. */
int command_run(const char *line);

/* Float as the shortest text that reads back as the same value and is a C constant of type float; INFINITY, NAN. */
const char *float_text(float v, char text[32]);
const char *double_text(double v, char text[32]);

#endif
