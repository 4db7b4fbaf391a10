/* What a layer looks for, and what it finds: its filters and its feature maps as grids of small pictures.
 *
 *     featuremaps PICTURE PREFIX
 *
 * PREFIX-NAME.png for each output of the network that consists of planes, made one by `cnnc --keep=NAME`. Feature maps: one cell a
 * channel. Filters (an output NAME.weight): one cell each, in colour where the layer reads three channels, otherwise the
 * filter's part for the first channel. Every cell goes from its smallest value (black) to its largest (white). `show` beside
 * this file does all the steps for a network, a picture and layers. */
#include "network.h"

#include <stdio.h>
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

struct planes {
    const struct buffers *b;
    int output;
    size_t channels, plane; /* of a cell: channels that lie one behind the other */
};

static double plane_value(const void *data, size_t cell, size_t channel, size_t i)
{
    const struct planes *p = data;
    return network_value(p->b, p->output, (cell * p->channels + channel) * p->plane + i);
}

static int write_output(const char *prefix, const struct buffers *b, int output)
{
    const struct cnnc_io *io = &net_outputs[output];
    const size_t n = strlen(io->name);
    const int filters = n > 7 && strcmp(io->name + n - 7, ".weight") == 0;
    char path[4096];
    if (io->rank != 4 || io->dim[2] * io->dim[3] < 2)
        return 0;
    struct planes p = {b, output, filters ? (size_t)io->dim[1] : 1, (size_t)(io->dim[2] * io->dim[3])};
    snprintf(path, sizeof path, "%s-%s.png", prefix, io->name);
    return write_grid(path, (size_t)(filters ? io->dim[0] : io->dim[1]), (int)io->dim[3], (int)io->dim[2],
                      filters && io->dim[1] == 3 ? 3 : 1, 40, plane_value, &p);
}

int main(int argc, char **argv)
{
    static const struct normalisation none = {1, {0, 0, 0}, {1, 1, 1}};
    struct frame f;
    struct picture in;
    struct buffers b;
    if (argc != 3) {
        fprintf(stderr, "usage: featuremaps PICTURE PREFIX\n");
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
        status = write_output(argv[2], &b, o);
    picture_free(&in);
    network_buffers_free(&b);
    net_close(ctx);
    return status ? 1 : 0;
}
