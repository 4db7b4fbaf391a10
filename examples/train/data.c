#include "data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t random_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

int data_grow(struct data *d, const struct frame *f, long n)
{
    unsigned char *image = realloc(d->image, (size_t)(d->n + n) * f->bytes + 1);
    d->image = image ? image : d->image;
    int32_t *label = realloc(d->label, (size_t)(d->n + n) * sizeof *label + 1);
    d->label = label ? label : d->label;
    if (image && label)
        return 0;
    fprintf(stderr, "no memory for %ld pictures\n", d->n + n);
    return -1;
}

int data_name_classes(struct data *d, int classes)
{
    d->name = calloc((size_t)classes, sizeof *d->name);
    for (int i = 0; d->name && i < classes; i++)
        snprintf(d->name[i], sizeof *d->name, "%d", i);
    d->classes = classes;
    return d->name ? 0 : -1;
}

void data_free(struct data *d)
{
    free(d->image);
    free(d->label);
    free(d->name);
    *d = (struct data){0};
}

int data_read(struct data *d, const struct frame *f, const char *path, enum data_part part, int fit)
{
    *d = (struct data){0};
    int status = idx_read(d, f, path, part);
    if (status == 0)
        status = cifar_read(d, f, path, part);
    if (status == 0)
        status = folder_read(d, f, path, part, fit);
    if (status == 0 && part == DATA_TRAIN) {
        fprintf(stderr, "%s: expected IDX files, CIFAR-10's binary files, or folders of PNG and JPEG, one for each class\n", path);
        status = -1;
    }
    if (status == 1 && d->n == 0) {
        fprintf(stderr, "%s: no pictures\n", path);
        status = -1;
    }
    if (status != 1)
        data_free(d);
    return status;
}

/* Pictures stay where `to` of their number says; to[i] < 0: they go. */
static void keep(struct data *d, const struct frame *f, const int32_t *new_label)
{
    long n = 0;
    for (long i = 0; i < d->n; i++)
        if (new_label[i] >= 0) {
            memmove(d->image + (size_t)n * f->bytes, d->image + (size_t)i * f->bytes, f->bytes);
            d->label[n++] = new_label[i];
        }
    d->n = n;
}

int data_keep_classes(struct data *d, const struct frame *f, const char *list)
{
    int32_t *to = malloc((size_t)d->classes * sizeof *to), *label = malloc((size_t)d->n * sizeof *label + 1);
    char(*name)[64] = calloc((size_t)d->classes + 1, sizeof *name);
    int n = 0, ok = to && label && name;
    for (int i = 0; ok && i < d->classes; i++)
        to[i] = -1;
    for (const char *p = list; ok && *p;) {
        const size_t length = strcspn(p, ",");
        int at = 0;
        while (at < d->classes && (strlen(d->name[at]) != length || strncmp(d->name[at], p, length) != 0))
            at++;
        if (at == d->classes || to[at] >= 0) {
            fprintf(stderr, "--classes: %s class '%.*s'\n", at == d->classes ? "there is no" : "twice the", (int)length, p);
            ok = 0;
            break;
        }
        to[at] = n;
        memcpy(name[n++], d->name[at], sizeof *name);
        p += length + (p[length] == ',');
    }
    if (ok) {
        for (long i = 0; i < d->n; i++)
            label[i] = to[d->label[i]];
        keep(d, f, label);
        free(d->name);
        d->name = name;
        d->classes = n;
    } else {
        free(name);
    }
    free(to);
    free(label);
    return ok ? 0 : -1;
}

int data_split(struct data *from, struct data *to, const struct frame *f, double share, uint64_t seed)
{
    int32_t *label = malloc((size_t)from->n * sizeof *label + 1);
    long *seen = calloc((size_t)from->classes, sizeof *seen), *order = malloc((size_t)from->n * sizeof *order + 1);
    *to = (struct data){.classes = from->classes, .name = calloc((size_t)from->classes, sizeof *to->name)};
    int ok = label && seen && order && to->name && data_grow(to, f, (long)((double)from->n * share) + from->classes) == 0;
    if (ok) {
        memcpy(to->name, from->name, (size_t)from->classes * sizeof *to->name);
        for (long i = 0; i < from->n; i++)
            order[i] = i;
        for (long i = from->n - 1; i > 0; i--) { /* Fisher and Yates */
            const long j = (long)(random_mix(seed ^ random_mix((uint64_t)i)) % (uint64_t)(i + 1)), k = order[i];
            order[i] = order[j];
            order[j] = k;
        }
        for (long i = 0; i < from->n; i++) { /* of the k-th picture of a class, every 1/share-th one */
            const long at = order[i], k = seen[from->label[at]]++;
            const int out = (long)((double)(k + 1) * share) > (long)((double)k * share);
            label[at] = out ? -1 : from->label[at];
        }
        for (long i = 0; i < from->n; i++)
            if (label[i] < 0) {
                memcpy(to->image + (size_t)to->n * f->bytes, from->image + (size_t)i * f->bytes, f->bytes);
                to->label[to->n++] = from->label[i];
            }
        keep(from, f, label);
    }
    free(label);
    free(seen);
    free(order);
    return ok ? 0 : -1;
}
