#include "idx.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static uint32_t big_endian(const unsigned char *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

/* The bytes after a header of `rank` sizes. gzread reads plain files too. */
static unsigned char *read_one(const char *dir, const char *prefix, const char *set, const char *what, int rank, uint32_t *dim)
{
    char path[1024];
    unsigned char head[16];
    gzFile f = NULL;
    for (int gz = 0; gz < 2 && !f; gz++) {
        snprintf(path, sizeof path, "%s/%s%s-%s-idx%d-ubyte%s", dir, prefix, set, what, rank, gz ? ".gz" : "");
        f = gzopen(path, "rb");
    }
    if (!f) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return NULL;
    }
    size_t n = 1;
    int ok = gzread(f, head, (unsigned)(4 + 4 * rank)) == 4 + 4 * rank && head[2] == 8 && head[3] == rank;
    for (int i = 0; ok && i < rank; i++) {
        dim[i] = big_endian(head + 4 + 4 * i);
        ok = dim[i] > 0 && dim[i] < 1u << 28;
        n *= ok ? dim[i] : 1;
    }
    unsigned char *data = ok && n < 1u << 30 ? malloc(n) : NULL;
    ok = data && gzread(f, data, (unsigned)n) == (int)n;
    gzclose(f);
    if (ok)
        return data;
    fprintf(stderr, "%s: no IDX file of bytes\n", path);
    free(data);
    return NULL;
}

int idx_read(struct idx *x, const char *dir, const char *prefix, const char *set)
{
    uint32_t dim[3], n;
    *x = (struct idx){0};
    x->image = read_one(dir, prefix, set, "images", 3, dim);
    unsigned char *label = x->image ? read_one(dir, prefix, set, "labels", 1, &n) : NULL;
    x->label = label ? malloc(n * sizeof *x->label) : NULL;
    if (!x->label || n != dim[0]) {
        if (x->label)
            fprintf(stderr, "%s: %u pictures, but %u labels\n", set, dim[0], n);
        free(label);
        idx_free(x);
        return 0;
    }
    x->n = n;
    x->h = (int)dim[1];
    x->w = (int)dim[2];
    x->bytes = (long)x->h * x->w;
    for (uint32_t i = 0; i < n; i++)
        x->label[i] = label[i];
    free(label);
    return 1;
}

void idx_free(struct idx *x)
{
    free(x->image);
    free(x->label);
    *x = (struct idx){0};
}
