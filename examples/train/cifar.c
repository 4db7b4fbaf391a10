/* CIFAR-10's binary format: records of a label and three planes of 32x32. */
#include "data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, RECORD = 1 + 3 * PLANE };

static int read_file(struct data *d, const struct frame *f, const char *path, int must)
{
    unsigned char record[RECORD];
    FILE *file = fopen(path, "rb");
    if (!file) {
        if (must)
            perror(path);
        return must ? -1 : 0;
    }
    int ok = fseek(file, 0, SEEK_END) == 0;
    const long bytes = ok ? ftell(file) : -1;
    rewind(file);
    if (bytes < RECORD || bytes % RECORD) {
        fprintf(stderr, "%s: %ld bytes, expected records of %d (a label and 3x32x32)\n", path, bytes, RECORD);
        fclose(file);
        return -1;
    }
    if (f->height != SIDE || f->width != SIDE || f->channels != 3) {
        fprintf(stderr, "%s: pictures of 32x32 with 3 channels, expected %dx%d with %d\n", path, f->width, f->height, f->channels);
        fclose(file);
        return -1;
    }
    ok = data_grow(d, f, bytes / RECORD) == 0;
    for (long i = 0; ok && i < bytes / RECORD; i++) {
        unsigned char *to = d->image + (size_t)d->n * f->bytes;
        ok = fread(record, 1, RECORD, file) == RECORD;
        if (record[0] > 9) {
            fprintf(stderr, "%s: record %ld has label %d, expected 0 to 9\n", path, i, record[0]);
            ok = 0;
        }
        for (int k = 0; k < 3 * PLANE; k++)
            to[f->channels_last ? k % PLANE * 3 + k / PLANE : k] = record[1 + k];
        d->label[d->n++] = record[0];
    }
    fclose(file);
    return ok ? 1 : -1;
}

/* The classes' names, one a line, where batches.meta.txt lies beside the data: in the folder that is the first `length` characters of dir. */
static int name_classes(struct data *d, const char *dir, size_t length)
{
    char path[1200], line[64];
    if (data_name_classes(d, 10) != 0)
        return -1;
    snprintf(path, sizeof path, "%.*sbatches.meta.txt", (int)length, dir);
    FILE *file = fopen(path, "r");
    for (int i = 0; file && i < 10 && fgets(line, sizeof line, file); i++) {
        line[strcspn(line, "\r\n")] = 0;
        memcpy(d->name[i], line, sizeof line);
    }
    if (file)
        fclose(file);
    return 1;
}

int cifar_read(struct data *d, const struct frame *f, const char *path, enum data_part part)
{
    const size_t length = strlen(path);
    char file[1200];
    int status;
    if (length > 4 && strcmp(path + length - 4, ".bin") == 0) {
        const char *slash = strrchr(path, '/');
        status = part == DATA_TRAIN ? read_file(d, f, path, 1) : 0;
        return status == 1 ? name_classes(d, path, slash ? (size_t)(slash - path) + 1 : 0) : status;
    }
    snprintf(file, sizeof file, "%s/%s", path, part == DATA_TRAIN ? "data_batch_1.bin" : "test_batch.bin");
    status = read_file(d, f, file, 0);
    for (int i = 2; status == 1 && part == DATA_TRAIN && i <= 5; i++) {
        snprintf(file, sizeof file, "%s/data_batch_%d.bin", path, i);
        status = read_file(d, f, file, 1);
    }
    snprintf(file, sizeof file, "%s/", path);
    return status == 1 ? name_classes(d, file, strlen(file)) : status;
}
