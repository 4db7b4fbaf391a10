/* Runs the network NET on the inputs of FILE.in and compares with FILE.out: every output is one case. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define OF(name) JOIN(NET, name)

static char *read_file(const char *base, const char *ending)
{
    char path[1000];
    snprintf(path, sizeof path, "%s%s", base, ending);
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, f) != (size_t)size)
        exit(1);
    fclose(f);
    return data;
}

/* The largest difference, as a share of the largest expected magnitude (at least 1); exact for integers. */
static double difference(const struct cnnc_io *io, const void *result, const void *expected)
{
    if (io->dtype != 1)
        return memcmp(result, expected, io->bytes) != 0;
    const float *a = result, *b = expected;
    double worst = 0, largest = 1;
    for (size_t i = 0; i < io->bytes / sizeof *a; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        worst = d <= worst ? worst : isnan(d) ? INFINITY : d;
        largest = fmax(largest, fabs((double)b[i]));
    }
    return worst / largest;
}

int main(int argc, char **argv)
{
    const int inputs = sizeof OF(_inputs) / sizeof *OF(_inputs), outputs = sizeof OF(_outputs) / sizeof *OF(_outputs);
    const void *in[sizeof OF(_inputs) / sizeof *OF(_inputs)];
    void *out[sizeof OF(_outputs) / sizeof *OF(_outputs)];
    int status, failed = 0;
    if (argc < 2)
        return 1;
    const char *given = read_file(argv[1], ".in"), *expected = read_file(argv[1], ".out");
    for (int i = 0; i < inputs; given += OF(_inputs)[i++].bytes)
        in[i] = given;
    for (int i = 0; i < outputs; i++)
        out[i] = calloc(OF(_outputs)[i].bytes + 1, 1);
    OF(_ctx) *net = OF(_open)(argc > 2 ? argv[2] : NULL, 1, 0, &status);
    if (!net || (status = OF(_run_v)(net, in, out)) != 0) {
        printf("%s: %s\n", argv[1], OF(_strerror)(status));
        return 1;
    }
    for (int i = 0; i < outputs; expected += OF(_outputs)[i++].bytes) {
        const double d = difference(&OF(_outputs)[i], out[i], expected);
        if (!(d <= 1e-5)) {
            printf("%s: %s differs by %g\n", argv[1], OF(_outputs)[i].name, d);
            failed++;
        }
    }
    printf("%s: %d of %d right\n", argv[1], outputs - failed, outputs);
    OF(_close)(net);
    return failed != 0;
}
