/* Folders of PNG and JPEG: one folder for each class, in alphabetical order. */
#include "data.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "../common/picture.h"

static int is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static int is_picture(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && name[0] != '.' && (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void free_list(char **list, int n)
{
    for (int i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

/* Names in a folder, sorted: of sub-folders, or of pictures. -1: no folder. */
static int list_folder(const char *path, int folders, char ***list)
{
    DIR *dir = opendir(path);
    int n = 0, room = 0;
    char sub[1200];
    *list = NULL;
    if (!dir)
        return -1;
    for (struct dirent *e; (e = readdir(dir));) {
        snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
        if (folders ? e->d_name[0] == '.' || !is_folder(sub) : !is_picture(e->d_name))
            continue;
        if (n == room) {
            char **more = realloc(*list, sizeof *more * (size_t)(room = 2 * room + 16));
            if (!more)
                break;
            *list = more;
        }
        if (!((*list)[n] = malloc(strlen(e->d_name) + 1)))
            break;
        strcpy((*list)[n++], e->d_name);
    }
    closedir(dir);
    qsort(*list, (size_t)n, sizeof **list, by_name);
    return n;
}

static int read_picture(unsigned char *to, const struct frame *f, const char *path, int fit)
{
    struct picture p;
    if (picture_read(&p, path) != 0)
        return -1;
    if (!fit && (p.width != f->width || p.height != f->height)) {
        fprintf(stderr, "%s: %dx%d pixels, expected %dx%d (--fit resizes)\n", path, p.width, p.height, f->width, f->height);
        picture_free(&p);
        return -1;
    }
    if (picture_fit(&p, f->width, f->height, 0) != 0 || picture_channels(&p, f->channels) != 0) {
        fprintf(stderr, "%s: no memory\n", path);
        picture_free(&p);
        return -1;
    }
    const size_t c = (size_t)f->channels, plane = f->bytes / c;
    for (size_t i = 0; i < plane; i++)
        for (size_t k = 0; k < c; k++)
            to[f->channels_last ? i * c + k : k * plane + i] = p.pixel[i * c + k];
    picture_free(&p);
    return 0;
}

static int read_classes(struct data *d, const struct frame *f, const char *path, int fit)
{
    char **name, **file, dir[1200], picture[2400];
    const int classes = list_folder(path, 1, &name);
    int ok = classes > 0 && (d->name = calloc((size_t)classes, sizeof *d->name)) != NULL;
    d->classes = ok ? classes : 0;
    for (int k = 0; ok && k < classes; k++) {
        snprintf(d->name[k], sizeof *d->name, "%s", name[k]);
        snprintf(dir, sizeof dir, "%s/%s", path, name[k]);
        const int n = list_folder(dir, 0, &file);
        if (n <= 0)
            fprintf(stderr, "%s: no PNG or JPEG in it\n", dir);
        ok = n > 0 && data_grow(d, f, n) == 0;
        for (int i = 0; ok && i < n; i++, d->n++) {
            snprintf(picture, sizeof picture, "%s/%s", dir, file[i]);
            d->label[d->n] = k;
            ok = read_picture(d->image + (size_t)d->n * f->bytes, f, picture, fit) == 0;
        }
        free_list(file, n < 0 ? 0 : n);
    }
    free_list(name, classes < 0 ? 0 : classes);
    return classes <= 0 ? 0 : ok ? 1 : -1;
}

int folder_read(struct data *d, const struct frame *f, const char *path, enum data_part part, int fit)
{
    char sub[1200];
    snprintf(sub, sizeof sub, "%s/%s", path, part == DATA_TRAIN ? "train" : "test");
    if (is_folder(sub))
        return read_classes(d, f, sub, fit);
    return part == DATA_TRAIN ? read_classes(d, f, path, fit) : 0;
}
