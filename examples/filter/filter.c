/* A picture through a network that makes pictures: the filters in examples/filters, compiled by cnnc.
 *
 *     filter PICTURE OUTPUT.png
 *
 * The picture is fitted to the network's input (the middle is cut out). The output's values are clipped to 0..255.
 * Build: cnnc ../filters/sobel.net -o sobel.c
 *        cc -O2 -march=native -DNET=sobel -I. -I../common filter.c ../common/network.c ../common/picture.c sobel.c -lpng -ljpeg -lm */
#include "network.h"

#include <stdio.h>

/* Output 0 as a picture: channels first, or last where the shape says so. */
static int picture_of_output(struct picture *p, const struct buffers *b)
{
    const struct cnnc_io *io = &net_outputs[0];
    const long *d = io->dim;
    const int last = io->rank == 4 && d[1] != 1 && d[1] != 3 && (d[3] == 1 || d[3] == 3);
    if (io->rank != 4 || (!last && d[1] != 1 && d[1] != 3)) {
        fprintf(stderr, "output %s of " NET_TEXT(NET) " is no picture\n", io->name);
        return -1;
    }
    const int channels = (int)(last ? d[3] : d[1]), height = (int)(last ? d[1] : d[2]), width = (int)(last ? d[2] : d[3]);
    const size_t plane = (size_t)width * (size_t)height, c = (size_t)channels;
    if (picture_new(p, width, height, channels) != 0) {
        fprintf(stderr, "out of memory\n");
        return -1;
    }
    for (size_t k = 0; k < c; k++)
        for (size_t i = 0; i < plane; i++) {
            const double v = network_value(b, 0, last ? i * c + k : k * plane + i);
            p->pixel[i * c + k] = (uint8_t)(v > 0 ? v < 255 ? v + .5 : 255 : 0);
        }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct normalisation none = {1, {0, 0, 0}, {1, 1, 1}};
    struct frame f;
    struct picture in, out;
    struct buffers b;
    if (argc != 3) {
        fprintf(stderr, "usage: filter PICTURE OUTPUT.png\n");
        return 2;
    }
    net_ctx *ctx = network_open(argv[0], NULL, 1);
    if (!ctx || network_frame(&f, ORDER_GUESS) != 0 || network_buffers(&b) != 0 || picture_read(&in, argv[1]) != 0)
        return 1;
    if (in.width != f.width || in.height != f.height)
        printf("%s: %dx%d, fitted to %dx%d\n", argv[1], in.width, in.height, f.width, f.height);
    int status = 1;
    if (picture_channels(&in, f.channels) == 0 && picture_fit(&in, f.width, f.height, 0) == 0) {
        network_put(&f, &in, &none, b.in[0], 0);
        status = net_run_v(ctx, (const void *const *)b.in, b.out);
        if (status != CNNC_OK)
            fprintf(stderr, "%s\n", net_strerror(status));
        else if ((status = picture_of_output(&out, &b)) == 0) {
            status = picture_write(&out, argv[2]);
            picture_free(&out);
        }
    }
    picture_free(&in);
    network_buffers_free(&b);
    net_close(ctx);
    return status ? 1 : 0;
}
