/* IDX, the format of MNIST and Fashion-MNIST: a magic number, big-endian sizes, bytes. With .gz or without. */
#include "data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

static uint32_t big_endian(const unsigned char *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

/* PATH/train-images-idx3-ubyte, or PATHtrain-images-... where PATH is no folder. The test set is named t10k or test. */
static gzFile open_one(char path[1200], const char *base, const char *set, const char *what, int rank)
{
    struct stat s;
    const char *slash = stat(base, &s) == 0 && S_ISDIR(s.st_mode) ? "/" : "";
    gzFile f = NULL;
    for (int gz = 0; gz < 2 && !f; gz++) {
        snprintf(path, 1200, "%s%s%s-%s-idx%d-ubyte%s", base, slash, set, what, rank, gz ? ".gz" : "");
        f = gzopen(path, "rb");
    }
    return f;
}

/* The bytes after a header of `rank` sizes; closes f. gzread reads plain files too. */
static unsigned char *read_one(gzFile f, const char *path, int rank, uint32_t *dim)
{
    unsigned char head[16], *data = NULL;
    size_t n = 1;
    const char *wrong = NULL;
    const int got = gzread(f, head, (unsigned)(4 + 4 * rank));
    if (got < 4 + 4 * rank)
        wrong = "truncated header";
    else if (head[0] || head[1] || head[2] != 8 || head[3] != rank)
        wrong = rank == 3 ? "no IDX file of pictures" : "no IDX file of labels";
    for (int i = 0; !wrong && i < rank; i++) {
        dim[i] = big_endian(head + 4 + 4 * i);
        n *= dim[i];
        if (dim[i] == 0 || dim[i] >= 1u << 28 || n >= 1u << 30)
            wrong = "sizes in the header make no sense";
    }
    if (!wrong && !(data = malloc(n)))
        wrong = "no memory";
    if (!wrong) {
        const int bytes = gzread(f, data, (unsigned)n);
        if (bytes != (int)n) {
            fprintf(stderr, "%s: truncated: %d bytes of data, expected %zu\n", path, bytes < 0 ? 0 : bytes, n);
            free(data);
            gzclose(f);
            return NULL;
        }
    }
    gzclose(f);
    if (wrong)
        fprintf(stderr, "%s: %s\n", path, wrong);
    return wrong ? (free(data), NULL) : data;
}

int idx_read(struct data *d, const struct frame *f, const char *path, enum data_part part)
{
    char images[1200], labels[1200];
    uint32_t dim[3], n;
    const char *set = part == DATA_TRAIN ? "train" : "t10k";
    gzFile file = open_one(images, path, set, "images", 3);
    if (!file && part == DATA_TEST)
        file = open_one(images, path, set = "test", "images", 3);
    if (!file)
        return 0;
    unsigned char *image = read_one(file, images, 3, dim), *label = NULL;
    if (!image)
        return -1;
    int most = 0, ok = 0;
    if (dim[1] != (uint32_t)f->height || dim[2] != (uint32_t)f->width || f->channels != 1)
        fprintf(stderr, "%s: pictures of %ux%u with 1 channel, expected %dx%d with %d\n", images, dim[2], dim[1], f->width, f->height,
                f->channels);
    else if (!(file = open_one(labels, path, set, "labels", 1)))
        fprintf(stderr, "%s: cannot be opened\n", labels);
    else if ((label = read_one(file, labels, 1, &n)) && n != dim[0])
        fprintf(stderr, "%s: %u labels, expected %u, one for each picture\n", labels, n, dim[0]);
    else if (label && data_grow(d, f, n) == 0) {
        memcpy(d->image, image, (size_t)n * f->bytes);
        for (uint32_t i = 0; i < n; i++) {
            d->label[i] = label[i];
            most = label[i] > most ? label[i] : most;
        }
        d->n = n;
        ok = data_name_classes(d, most < f->classes ? f->classes : most + 1) == 0;
    }
    free(image);
    free(label);
    return ok ? 1 : -1;
}
