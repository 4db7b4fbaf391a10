/* SPDX-License-Identifier: 0BSD
 *
 * What a generated network needs around its kernels: the check of a weights file, the texts of errors, and, where there is an
 * operating system, mapping the weights and allocating context and arena. */
#ifndef CNNC_OPEN_H
#define CNNC_OPEN_H
#include "checksum.h"

static CNNC_UNUSED const char *cnnc_status_text(int status)
{
    switch (status) {
    case CNNC_OK: return "no error";
    case CNNC_NULL_POINTER: return "an argument that must not be NULL is";
    case CNNC_ARENA_TOO_SMALL: return "the arena is too small";
    case CNNC_NOT_ALIGNED: return "arena or weights do not begin at a multiple of 64 bytes";
    case CNNC_BAD_THREADS: return "the number of threads is less than one";
    case CNNC_NOT_WEIGHTS: return "not a weights file of cnnc";
    case CNNC_BAD_VERSION: return "the weights file has another version of the format";
    case CNNC_OTHER_NETWORK: return "the weights do not belong to this code";
    case CNNC_TRUNCATED: return "the weights file is truncated";
    case CNNC_DAMAGED: return "the weights file is damaged";
    case CNNC_NO_FILE: return "the weights file cannot be read";
    case CNNC_NO_MEMORY: return "out of memory";
    case CNNC_TOO_LONG: return "the weights file is longer than its header says";
    case CNNC_DIFFERS: return "a layer's result is not the stored one";
    }
    return "unknown status";
}

/* Is this a whole weights file (64-byte header, then the payload), for the network with this identity? A caller's buffer may be larger; what
 * reads a file itself refuses one that is. */
static CNNC_UNUSED int cnnc_weights_header(const void *weights, size_t bytes, uint64_t identity, size_t payload)
{
    const unsigned char *p = weights;
    if (!p)
        return CNNC_NULL_POINTER;
    if ((uintptr_t)p % 64)
        return CNNC_NOT_ALIGNED;
    if (bytes < 64)
        return CNNC_TRUNCATED;
    if (memcmp(p, "cnncwts", 8) != 0)
        return CNNC_NOT_WEIGHTS;
    if (cnnc_get_u32(p + 8) != 1 || cnnc_get_u32(p + 12) != 64)
        return CNNC_BAD_VERSION;
    struct cnnc_checksum sum = cnnc_checksum_begin();
    cnnc_checksum_add(&sum, p, 56);
    if (cnnc_checksum_end(&sum) != cnnc_get_u64(p + 56))
        return CNNC_DAMAGED;
    if (cnnc_get_u64(p + 16) != identity || cnnc_get_u64(p + 24) != payload)
        return CNNC_OTHER_NETWORK;
    return bytes - 64 < payload ? CNNC_TRUNCATED : CNNC_OK;
}

static CNNC_UNUSED int cnnc_weights_payload(const void *weights)
{
    const unsigned char *p = weights;
    struct cnnc_checksum sum = cnnc_checksum_begin();
    cnnc_checksum_add(&sum, p + 64, (size_t)cnnc_get_u64(p + 24));
    return cnnc_checksum_end(&sum) == cnnc_get_u64(p + 32) ? CNNC_OK : CNNC_DAMAGED;
}

#ifndef CNNC_FREESTANDING
#include <stdio.h>
#include <stdlib.h>
#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#define CNNC_HAVE_MMAP 1
#ifdef MAP_POPULATE /* Linux: all pages at once, not the first run's one by one */
#define CNNC_POPULATE MAP_POPULATE
#else
#define CNNC_POPULATE 0
#endif
#endif

struct cnnc_opened {
    void *context, *arena;
    const void *weights;
    size_t arena_bytes, weights_bytes;
};

/* In front of the context stands what cnnc_close must give back. */
struct cnnc_owned {
    void *arena, *weights;
    size_t mapped; /* bytes of a mapping; 0: weights is heap memory */
};
#define CNNC_OWNED_BYTES 64

static CNNC_UNUSED void cnnc_close(void *context)
{
    if (!context)
        return;
    struct cnnc_owned *o = (struct cnnc_owned *)(void *)((char *)context - CNNC_OWNED_BYTES);
#ifdef CNNC_HAVE_MMAP
    if (o->mapped)
        munmap(o->weights, o->mapped);
    else
#endif
        free(o->weights);
    free(o->arena);
    free(o);
}

static CNNC_UNUSED void *cnnc_aligned(size_t bytes, size_t align)
{
    return aligned_alloc(align, (bytes + align - 1) / align * align);
}

#ifdef CNNC_HAVE_MMAP
static CNNC_UNUSED int cnnc_load(struct cnnc_owned *own, struct cnnc_opened *o, const char *path, int huge)
{
    struct stat s;
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return CNNC_NO_FILE;
    if (fstat(fd, &s) != 0 || s.st_size <= 0) {
        close(fd);
        return s.st_size == 0 ? CNNC_TRUNCATED : CNNC_NO_FILE;
    }
    o->weights_bytes = (size_t)s.st_size;
    if (huge) {
        /* 2 MB pages: a dense layer reads hundreds of megabytes once, and misses the TLB at every 4 KB page otherwise */
        own->weights = cnnc_aligned(o->weights_bytes, (size_t)2 << 20);
        size_t got = 0;
        if (own->weights) {
#ifdef MADV_HUGEPAGE
            (void)madvise(own->weights, o->weights_bytes, MADV_HUGEPAGE);
#endif
            while (got < o->weights_bytes) {
                ssize_t n = read(fd, (char *)own->weights + got, o->weights_bytes - got);
                if (n <= 0)
                    break;
                got += (size_t)n;
            }
        }
        close(fd);
        if (!own->weights)
            return CNNC_NO_MEMORY;
        if (got < o->weights_bytes)
            return CNNC_NO_FILE;
    } else {
        void *p = mmap(NULL, o->weights_bytes, PROT_READ, MAP_PRIVATE | CNNC_POPULATE, fd, 0);
        close(fd);
        if (p == MAP_FAILED)
            return CNNC_NO_FILE;
        own->weights = p;
        own->mapped = o->weights_bytes;
    }
    o->weights = own->weights;
    return CNNC_OK;
}
#else
static CNNC_UNUSED int cnnc_load(struct cnnc_owned *own, struct cnnc_opened *o, const char *path, int huge)
{
    (void)huge;
    FILE *f = fopen(path, "rb");
    if (!f)
        return CNNC_NO_FILE;
    fseek(f, 0, SEEK_END);
    long bytes = ftell(f);
    rewind(f);
    own->weights = bytes > 0 ? cnnc_aligned((size_t)bytes, 64) : NULL;
    size_t got = own->weights ? fread(own->weights, 1, (size_t)bytes, f) : 0;
    fclose(f);
    if (bytes <= 0 || got != (size_t)bytes)
        return CNNC_NO_FILE;
    o->weights = own->weights;
    o->weights_bytes = got;
    return CNNC_OK;
}
#endif

/* An arena, for free(), whose pages are there, so that the first run does not wait for each: large ones (2 MB) where it fills two or more. */
static CNNC_UNUSED void *cnnc_arena(size_t bytes)
{
    const size_t large = (size_t)2 << 20;
    char *arena = cnnc_aligned(bytes, bytes < 2 * large ? 64 : large);
    if (!arena)
        return NULL;
#if defined(CNNC_HAVE_MMAP) && defined(MADV_HUGEPAGE)
    if (bytes >= 2 * large)
        (void)madvise(arena, bytes / large * large, MADV_HUGEPAGE);
#endif
    for (size_t i = 0; i < bytes; i += 4096)
        arena[i] = 0;
    return arena;
}

static CNNC_UNUSED int cnnc_open(struct cnnc_opened *o, size_t context_bytes, size_t arena_bytes, const char *path, int huge)
{
    memset(o, 0, sizeof *o);
    struct cnnc_owned *own = calloc(1, CNNC_OWNED_BYTES + context_bytes);
    if (!own)
        return CNNC_NO_MEMORY;
    o->context = (char *)own + CNNC_OWNED_BYTES;
    if (!arena_bytes)
        return CNNC_BAD_THREADS;
    own->arena = o->arena = cnnc_arena(arena_bytes);
    o->arena_bytes = arena_bytes;
    if (!o->arena)
        return CNNC_NO_MEMORY;
    return path ? cnnc_load(own, o, path, huge) : CNNC_OK;
}
#endif
#endif
