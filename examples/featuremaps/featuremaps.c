/* What a layer looks for, and what it finds: its filters and its feature maps as grids of small pictures.
 *
 *     featuremaps PICTURE PREFIX [PARAMETERS.safetensors]
 *
 * For each output of the network that consists of planes: PREFIX-NAME.png, one cell a channel, each from its smallest (black) to its largest
 * value (white). For each of them with weights NAME.weight in the parameters: PREFIX-NAME-filters.png, one cell a filter; in
 * colour where the layer reads three channels, otherwise the filter's part for the first channel. `show` beside this file does
 * all the steps for a network, a layer and a picture. */
#include "network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, GAP_GREY = 96 };

/* n cells of width x height with `channels` values; value(c, k, i): element i of channel k of cell c. */
typedef double cell_value(const void *data, size_t cell, size_t channel, size_t i);

static int write_grid(const char *path, size_t cells, int width, int height, int channels, int at_least, cell_value *value, const void *data)
{
    int columns = 1, zoom = 1;
    while ((size_t)columns * (size_t)columns < cells)
        columns++;
    while (width * zoom < at_least && height * zoom < at_least)
        zoom++;
    const int rows = (int)((cells + (size_t)columns - 1) / (size_t)columns), cw = width * zoom + GAP, ch = height * zoom + GAP;
    const size_t plane = (size_t)width * (size_t)height;
    struct picture p;
    if (picture_new(&p, columns * cw + GAP, rows * ch + GAP, channels) != 0) {
        fprintf(stderr, "out of memory\n");
        return -1;
    }
    memset(p.pixel, GAP_GREY, (size_t)p.width * (size_t)p.height * (size_t)channels);
    for (size_t c = 0; c < cells; c++) {
        double low = value(data, c, 0, 0), high = low;
        for (size_t k = 0; k < (size_t)channels; k++)
            for (size_t i = 0; i < plane; i++) {
                const double v = value(data, c, k, i);
                low = v < low ? v : low;
                high = v > high ? v : high;
            }
        const int x0 = GAP + (int)(c % (size_t)columns) * cw, y0 = GAP + (int)(c / (size_t)columns) * ch;
        for (int y = 0; y < height * zoom; y++)
            for (int x = 0; x < width * zoom; x++)
                for (size_t k = 0; k < (size_t)channels; k++) {
                    const double v = value(data, c, k, (size_t)(y / zoom) * (size_t)width + (size_t)(x / zoom));
                    p.pixel[((size_t)(y0 + y) * (size_t)p.width + (size_t)(x0 + x)) * (size_t)channels + k] =
                        (uint8_t)(high > low ? 255 * (v - low) / (high - low) + .5 : 0);
                }
    }
    const int status = picture_write(&p, path);
    if (status == 0)
        printf("%s: %zu of %dx%d\n", path, cells, width, height);
    picture_free(&p);
    return status;
}

/* ---- feature maps ----------------------------------------------------------------------------------------------- */

struct maps {
    const struct buffers *b;
    int output;
    size_t plane;
};

static double map_value(const void *data, size_t cell, size_t channel, size_t i)
{
    const struct maps *m = data;
    (void)channel;
    return network_value(m->b, m->output, cell * m->plane + i);
}

static int write_maps(const char *prefix, const struct buffers *b, int output)
{
    const struct cnnc_io *io = &net_outputs[output];
    char path[4096];
    if (io->rank != 4 || io->dim[2] * io->dim[3] < 2)
        return 0;
    struct maps m = {b, output, (size_t)(io->dim[2] * io->dim[3])};
    snprintf(path, sizeof path, "%s-%s.png", prefix, io->name);
    return write_grid(path, (size_t)io->dim[1], (int)io->dim[3], (int)io->dim[2], 1, 40, map_value, &m);
}

/* ---- filters, from a safetensors file: eight bytes of length, a JSON table, the data ------------------------------ */

struct filters {
    const float *data;
    size_t out, in, plane;
};

static double filter_value(const void *data, size_t cell, size_t channel, size_t i)
{
    const struct filters *f = data;
    float v;
    memcpy(&v, f->data + (cell * f->in + channel) * f->plane + i, sizeof v);
    return v;
}

/* Finds "NAME":{"dtype":"F32","shape":[o,i,h,w],"data_offsets":[a,b]} in any order of its members. */
static int find_tensor(const char *json, const char *name, long shape[4], long offset[2])
{
    char key[512];
    snprintf(key, sizeof key, "\"%s\"", name);
    const char *p = strstr(json, key), *end = p ? strchr(p, '}') : NULL;
    if (!end)
        return -1;
    const char *s = strstr(p, "\"shape\""), *d = strstr(p, "\"data_offsets\""), *t = strstr(p, "\"F32\"");
    if (!s || !d || !t || s > end || d > end || t > end || !(s = strchr(s, '[')) || !(d = strchr(d, '[')))
        return -1;
    return sscanf(s, "[%ld ,%ld ,%ld ,%ld ]", &shape[0], &shape[1], &shape[2], &shape[3]) == 4 &&
                   sscanf(d, "[%ld ,%ld ]", &offset[0], &offset[1]) == 2
               ? 0
               : -1;
}

static char *read_text(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *s = NULL;
    if (!f) {
        perror(path);
        return NULL;
    }
    fseek(f, 0, SEEK_END);
    const long n = ftell(f);
    rewind(f);
    if (n > 8 && (s = malloc((size_t)n)) && fread(s, 1, (size_t)n, f) != (size_t)n) {
        free(s);
        s = NULL;
    }
    fclose(f);
    *size = n > 0 ? (size_t)n : 0;
    if (!s)
        fprintf(stderr, "%s: cannot be read\n", path);
    return s;
}

static int write_filters(const char *prefix, const char *parameters)
{
    size_t size, table = 0;
    char *s = read_text(parameters, &size), name[512], path[4096];
    if (!s)
        return -1;
    for (int i = 7; i >= 0; i--)
        table = table << 8 | (unsigned char)s[i];
    if (table > size - 8 || table == 0) {
        fprintf(stderr, "%s: not a safetensors file\n", parameters);
        free(s);
        return -1;
    }
    s[8 + table - 1] = '\0'; /* the closing bracket of the table, or a blank */
    int status = 0;
    for (int o = 0; o < NET_OUTPUTS && status == 0; o++) {
        long shape[4], offset[2];
        snprintf(name, sizeof name, "%s.weight", net_outputs[o].name);
        if (find_tensor(s + 8, name, shape, offset) != 0)
            continue;
        const size_t bytes = (size_t)(shape[0] * shape[1] * shape[2] * shape[3]) * 4;
        if (offset[0] < 0 || 8 + table + (size_t)offset[0] + bytes > size)
            continue;
        struct filters f = {(const float *)(const void *)(s + 8 + table + offset[0]), (size_t)shape[0], (size_t)shape[1], (size_t)(shape[2] * shape[3])};
        snprintf(path, sizeof path, "%s-%s-filters.png", prefix, net_outputs[o].name);
        status = write_grid(path, f.out, (int)shape[3], (int)shape[2], shape[1] == 3 ? 3 : 1, 48, filter_value, &f);
    }
    free(s);
    return status;
}

int main(int argc, char **argv)
{
    static const struct normalisation none = {1, {0, 0, 0}, {1, 1, 1}};
    struct frame f;
    struct picture in;
    struct buffers b;
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: featuremaps PICTURE PREFIX [PARAMETERS.safetensors]\n");
        return 2;
    }
    net_ctx *ctx = network_open(argv[0], NULL, 1);
    if (!ctx || network_frame(&f, ORDER_GUESS) != 0 || network_buffers(&b) != 0 || picture_read(&in, argv[1]) != 0)
        return 1;
    int status = 1;
    if (picture_channels(&in, f.channels) == 0 && picture_fit(&in, f.width, f.height, 0) == 0) {
        network_put(&f, &in, &none, b.in[0], 0);
        status = net_run_v(ctx, (const void *const *)b.in, b.out);
        if (status != CNNC_OK)
            fprintf(stderr, "%s\n", net_strerror(status));
    }
    for (int o = 0; o < NET_OUTPUTS && status == 0; o++)
        status = write_maps(argv[2], &b, o);
    if (status == 0 && argc == 4)
        status = write_filters(argv[2], argv[3]);
    picture_free(&in);
    network_buffers_free(&b);
    net_close(ctx);
    return status ? 1 : 0;
}
