/* The share of pictures that a generated network puts into the right class.
 *
 *     cc -include net.h accuracy.c net.c -lm      (a network named net, one float input, one output of scores)
 *     accuracy WEIGHTS PICTURES OFFSET STRIDE LABELS OFFSET STRIDE COUNT ORDER SCALE [MEAN DEVIATION]...
 *
 * Picture i is NET_INPUTS' number of bytes, channels first, at OFFSET + i * STRIDE of the file PICTURES; its class a byte of LABELS. ORDER:
 * chw or hwc, as the network wants it; a value is byte * SCALE, minus MEAN, divided by DEVIATION of its channel. Prints the share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char *read_all(const char *path, long *size)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0 || (*size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0)
        return NULL;
    unsigned char *p = malloc((size_t)*size + 1);
    if (p && fread(p, 1, (size_t)*size, f) != (size_t)*size)
        p = NULL;
    fclose(f);
    return p;
}

int main(int argc, char **argv)
{
    if (argc < 11)
        return 2;
    long pictures = 0, labels = 0, count = atol(argv[8]), right = 0;
    const unsigned char *x = read_all(argv[2], &pictures), *y = read_all(argv[5], &labels);
    const long x0 = atol(argv[3]), xs = atol(argv[4]), y0 = atol(argv[6]), ys = atol(argv[7]);
    const int hwc = strcmp(argv[9], "hwc") == 0, channels = argc > 11 ? (argc - 11) / 2 : 1;
    const float scale = (float)atof(argv[10]);
    const size_t values = net_inputs[0].bytes / sizeof(float), plane = values / (size_t)channels, classes = net_outputs[0].bytes / sizeof(float);
    float *in = malloc(values * sizeof *in), *out = malloc(classes * sizeof *out);
    int status = 0;
    net_ctx *net = net_open(*argv[1] ? argv[1] : NULL, 1, 0, &status);
    if (!x || !y || !in || !out || !net || x0 + (count - 1) * xs + (long)values > pictures || y0 + (count - 1) * ys >= labels)
        return fprintf(stderr, "cannot start: %s\n", net ? "files" : net_strerror(status)), 2;
    for (long i = 0; i < count; i++) {
        for (size_t k = 0; k < values; k++) {
            const size_t c = k / plane, at = hwc ? k % plane * (size_t)channels + c : k;
            const float mean = argc > 11 ? (float)atof(argv[11 + 2 * c]) : 0, deviation = argc > 11 ? (float)atof(argv[12 + 2 * c]) : 1;
            in[at] = ((float)x[x0 + i * xs + (long)k] * scale - mean) / deviation;
        }
        if (net_run_v(net, (const void *const[]){in}, (void *const[]){out}) != 0)
            return 3;
        size_t best = 0;
        for (size_t k = 1; k < classes; k++)
            best = out[k] > out[best] ? k : best;
        right += best == y[y0 + i * ys];
    }
    printf("%.4f\n", (double)right / (double)count);
    net_close(net);
    return 0;
}
