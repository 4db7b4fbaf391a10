/* What a generated network says of photographs, and the inputs that it got, for whoever wants to ask another program.
 *
 *     cc -include net.h photos.c ../../examples/common/picture.c net.c -lpng -ljpeg -lm   (a network named net, one float input, one output of scores)
 *     photos WEIGHTS DIR ORDER SCALE MEAN... PHOTO...
 *
 * ORDER: hwc with red first, or chw with blue first (as Caffe's networks want it). A value is byte * SCALE - MEAN, a MEAN for each channel. Prints a
 * line for each photograph: its name, the best class, its score and the next one's. The input goes to DIR/NAME.bin. */
#include "../../examples/common/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long word(const unsigned char *p, int bytes)
{
    long v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (long)p[i] << 8 * i;
    return v;
}

/* BMP of 24 bits, not compressed: rows from the bottom upwards, blue first, each filled up to 4 bytes. */
static int read_bmp(struct picture *p, const char *path)
{
    unsigned char head[54], *row = NULL;
    FILE *f = fopen(path, "rb");
    if (!f || fread(head, 1, sizeof head, f) != sizeof head || word(head + 28, 2) != 24 || word(head + 30, 4) != 0)
        return fprintf(stderr, "%s: no BMP of 24 bits\n", path), -1;
    const int width = (int)word(head + 18, 4), height = (int)word(head + 22, 4);
    const size_t line = ((size_t)width * 3 + 3) / 4 * 4;
    int status = picture_new(p, width, height, 3) || !(row = malloc(line)) || fseek(f, word(head + 10, 4), SEEK_SET) ? -1 : 0;
    for (int y = height - 1; y >= 0 && status == 0; y--) {
        status = fread(row, 1, line, f) == line ? 0 : -1;
        for (int x = 0; x < 3 * width && status == 0; x++)
            p->pixel[(size_t)y * (size_t)width * 3 + (size_t)x] = row[x / 3 * 3 + 2 - x % 3];
    }
    free(row);
    fclose(f);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 9)
        return 2;
    const int hwc = strcmp(argv[3], "hwc") == 0, side = (int)net_inputs[0].dim[2];
    const size_t plane = (size_t)side * (size_t)side, classes = net_outputs[0].bytes / sizeof(float);
    float *in = malloc(net_inputs[0].bytes), *out = malloc(net_outputs[0].bytes);
    int status = 0;
    net_ctx *net = net_open(*argv[1] ? argv[1] : NULL, 1, 0, &status);
    if (!in || !out || !net || net_inputs[0].bytes != 3 * plane * sizeof(float))
        return fprintf(stderr, "cannot start: %s\n", net ? "the network's input" : net_strerror(status)), 2;
    for (char **photo = argv + 8; *photo; photo++) {
        const char *name = strrchr(*photo, '/') ? strrchr(*photo, '/') + 1 : *photo;
        struct picture p;
        char path[1024];
        if ((strstr(name, ".bmp") ? read_bmp(&p, *photo) : picture_read(&p, *photo)) || picture_channels(&p, 3) || picture_fit(&p, side, side, 0))
            return 3;
        for (size_t i = 0; i < plane; i++)
            for (size_t c = 0; c < 3; c++)
                in[hwc ? 3 * i + c : c * plane + i] = (float)p.pixel[3 * i + (hwc ? c : 2 - c)] * (float)atof(argv[4]) - (float)atof(argv[5 + c]);
        picture_free(&p);
        snprintf(path, sizeof path, "%s/%s.bin", argv[2], name);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(in, 1, net_inputs[0].bytes, f) != net_inputs[0].bytes || fclose(f) != 0)
            return perror(path), 3;
        if (net_run_v(net, (const void *const[]){in}, (void *const[]){out}) != 0)
            return 3;
        size_t best = 0, next = 1;
        for (size_t k = 1; k < classes; k++)
            if (out[k] > out[best])
                next = best, best = k;
            else if (k != best && (next == best || out[k] > out[next]))
                next = k;
        printf("%s %zu %.4f %.4f\n", name, best, (double)out[best], (double)out[next]);
    }
    net_close(net);
    free(in);
    free(out);
    return 0;
}
