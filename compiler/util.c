#include "util.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *or_exit(void *p, size_t count, size_t size, const char *what)
{
    if (!p) {
        fprintf(stderr, "cnnc: error: out of memory: %zu bytes for %s\n", count * size, what);
        exit(1);
    }
    return p;
}

/* Weights come in tensors of up to hundreds of megabytes, and half of the time went into their page faults. */
static void *in_huge_pages(void *p, size_t size)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t huge = (uintptr_t)1 << 21, first = ((uintptr_t)p + huge - 1) & ~(huge - 1), last = ((uintptr_t)p + size) & ~(huge - 1);
    if (first < last)
        (void)madvise((void *)first, last - first, MADV_HUGEPAGE);
#else
    (void)size;
#endif
    return p;
}

void *xmalloc_for(size_t count, size_t size, const char *what)
{
    return in_huge_pages(or_exit(count > SIZE_MAX / size ? NULL : malloc(MAX(count, 1) * size), count, size, what), count * size);
}
void *xcalloc_for(size_t count, size_t size, const char *what)
{
    return in_huge_pages(or_exit(calloc(MAX(count, 1), size), count, size, what), count * size);
}
void *xmalloc(size_t size) { return xmalloc_for(size, 1, "the compiler's own work"); }
void *xcalloc(size_t count, size_t size) { return xcalloc_for(count, MAX(size, 1), "the compiler's own work"); }
void *xrealloc(void *p, size_t size) { return or_exit(realloc(p, size ? size : 1), size, 1, "the compiler's own work"); }
char *xstrdup(const char *s) { return or_exit(strdup(s), strlen(s), 1, "the compiler's own work"); }

static char *vprint(const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *s = xmalloc((size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, format, ap);
    return s;
}

char *xasprintf(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *s = vprint(format, ap);
    va_end(ap);
    return s;
}

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (!a->chunk || a->chunk->size - a->chunk->used < size) {
        size_t room = MAX(size, (size_t)64 << 10);
        struct arena_chunk *c = xcalloc(1, sizeof *c + room);
        c->size = room;
        c->next = a->chunk;
        a->chunk = c;
    }
    void *p = a->chunk->data + a->chunk->used;
    a->chunk->used += size;
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    if (n)
        memcpy(p, s, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *s = vprint(format, ap);
    va_end(ap);
    char *p = arena_strdup(a, s);
    free(s);
    return p;
}

void arena_free(struct arena *a)
{
    while (a->chunk) {
        struct arena_chunk *next = a->chunk->next;
        free(a->chunk);
        a->chunk = next;
    }
}

void sb_addn(struct strbuf *b, const char *s, size_t n)
{
    if (b->n + n + 1 > b->cap) {
        b->cap = MAX(2 * b->cap, b->n + n + 64);
        b->s = xrealloc(b->s, b->cap);
    }
    memcpy(b->s + b->n, s, n);
    b->n += n;
    b->s[b->n] = 0;
}

void sb_add(struct strbuf *b, const char *s) { sb_addn(b, s, strlen(s)); }

void sb_addf(struct strbuf *b, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *s = vprint(format, ap);
    va_end(ap);
    sb_add(b, s);
    free(s);
}

void sb_free(struct strbuf *b)
{
    free(b->s);
    *b = (struct strbuf){0};
}

char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t n = 0, cap = 64 << 10;
    char *s = xmalloc(cap);
    for (;;) {
        size_t got = fread(s + n, 1, cap - n - 1, f);
        if (got == 0)
            break;
        n += got;
        if (n + 1 == cap)
            s = xrealloc(s, cap *= 2);
    }
    int failed = ferror(f) ? errno ? errno : EIO : 0;
    fclose(f);
    if (failed) {
        free(s);
        errno = failed;
        return NULL;
    }
    s[n] = 0;
    if (size)
        *size = n;
    return s;
}

const char *double_text(double v, char text[32])
{
    if (isnan(v))
        return strcpy(text, "NAN");
    if (isinf(v))
        return strcpy(text, v < 0 ? "-INFINITY" : "INFINITY");
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, 28, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    return text;
}

const char *float_text(float v, char text[32])
{
    if (isnan(v) || isinf(v))
        return double_text(v, text);
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, 28, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    return strcat(text, "f");
}
