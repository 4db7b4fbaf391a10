/* What is in this picture? The five best classes of a network that cnnc compiled, for PNG and JPEG files.
 *
 *     classify [options] PICTURE...
 *       -l FILE     names of the classes, one a line
 *       -w FILE     the weights file (default: NAME.weights beside this program)
 *       -r N        resize the shorter side to N first, then cut out the middle (default: as the network's input needs)
 *       -i          invert: for dark digits on light paper
 *       -o NAME     the output that holds the classes (default: the first)
 *       -s S -m R,G,B -d R,G,B   for networks that take float: (pixel * S - mean) / deviation (default: S = 1, 0, 1)
 *       -f chw|hwc  where the channels stand (default: guessed from the shape)
 *       -n N -t N   runs to be timed (default: about a fifth of a second's); threads (default 1)
 *       -q          one line a picture: file, best class, probability
 *
 * A network from a .net file that declares uint8, mean and deviation needs none of these: it takes the bytes as they are.
 * Build: cnnc alexnet.net -o alexnet.c
 *        cc -O2 -march=native -DNET=alexnet -I. -I../common classify.c ../common/network.c ../common/picture.c alexnet.c -lpng -ljpeg -lm */
#define _POSIX_C_SOURCE 200809L
#include "network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BEST = 5 };

struct settings {
    const char *labels, *weights, *output;
    struct normalisation normal;
    int shorter, invert, order, runs, threads, quiet;
};

static int usage(void)
{
    fputs("usage: classify [-l LABELS] [-w WEIGHTS] [-r SIZE] [-i] [-o OUTPUT] [-s SCALE] [-m R,G,B] [-d R,G,B] [-f chw|hwc] [-n RUNS] [-t THREADS] [-q] PICTURE...\n", stderr);
    return 2;
}

static int three(const char *s, double v[3])
{
    const int n = sscanf(s, "%lf,%lf,%lf", &v[0], &v[1], &v[2]);
    if (n == 1)
        v[1] = v[2] = v[0];
    return n == 1 || n == 3 ? 0 : -1;
}

static char **read_labels(const char *path, size_t *n)
{
    char line[1024], **list = NULL;
    FILE *f = fopen(path, "r");
    *n = 0;
    if (!f) {
        perror(path);
        return NULL;
    }
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = '\0';
        char **longer = realloc(list, sizeof *list * (*n + 1));
        if (!longer)
            break;
        list = longer;
        list[(*n)++] = strdup(line);
    }
    fclose(f);
    return list;
}

/* Scores become probabilities, unless they are some already. */
static void probabilities(double *v, size_t n)
{
    double sum = 0, highest = v[0], lowest = v[0];
    for (size_t i = 0; i < n; i++) {
        sum += v[i];
        highest = v[i] > highest ? v[i] : highest;
        lowest = v[i] < lowest ? v[i] : lowest;
    }
    if (lowest >= 0 && fabs(sum - 1) < 1e-2)
        return;
    sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i] = exp(v[i] - highest);
    for (size_t i = 0; i < n; i++)
        v[i] /= sum;
}

static void print_best(const struct settings *s, const char *path, double *v, size_t n, char **labels, size_t nlabels)
{
    /* labels with a name for "none of these" in front of the classes, or the other way round */
    const long shift = nlabels == n + 1 ? 1 : nlabels + 1 == n ? -1 : 0;
    if (!s->quiet)
        printf("%s\n", path);
    for (int k = 0; k < BEST && (size_t)k < n; k++) {
        size_t best = 0;
        char number[32];
        for (size_t i = 1; i < n; i++)
            if (v[i] > v[best])
                best = i;
        const long at = (long)best + shift;
        snprintf(number, sizeof number, "%zu", best);
        const char *name = labels && at >= 0 && (size_t)at < nlabels ? labels[at] : number;
        if (s->quiet) {
            printf("%s\t%s\t%.4f\n", path, name, v[best]);
            return;
        }
        printf("  %6.2f %%  %s\n", 100 * v[best], name);
        v[best] = -1;
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int time_runs(const struct settings *s, net_ctx *ctx, struct buffers *b)
{
    double seconds[1000], total = 0;
    int n = 0;
    while (n < 1000 && (s->runs ? n < s->runs : n < 3 || total < 0.2)) {
        const double start = now();
        const int status = net_run_v(ctx, (const void *const *)b->in, b->out);
        if (status != CNNC_OK)
            return status;
        total += seconds[n++] = now() - start;
    }
    qsort(seconds, (size_t)n, sizeof *seconds, compare);
    const char *unit = seconds[n / 2] < 1e-3 ? "us" : "ms";
    const double scale = seconds[n / 2] < 1e-3 ? 1e6 : 1e3;
    printf("%.3g %s a run (median of %d, fastest %.3g %s), %d thread%s", seconds[n / 2] * scale, unit, n, seconds[0] * scale, unit, s->threads,
           s->threads > 1 ? "s" : "");
    printf(net_inputs[0].dim[0] > 1 ? ", %ld pictures a run\n" : "\n", net_inputs[0].dim[0]);
    return CNNC_OK;
}

static int load(const struct settings *s, const struct frame *f, const char *path, void *input, int at)
{
    struct picture p;
    if (picture_read(&p, path) != 0)
        return -1;
    int status = picture_channels(&p, f->channels) != 0 || picture_fit(&p, f->width, f->height, s->shorter) != 0;
    for (size_t i = 0; s->invert && !status && i < (size_t)f->width * (size_t)f->height * (size_t)f->channels; i++)
        p.pixel[i] = (uint8_t)(255 - p.pixel[i]);
    if (status)
        fprintf(stderr, "%s: out of memory\n", path);
    else
        network_put(f, &p, &s->normal, input, at);
    picture_free(&p);
    return status;
}

static int classify(const struct settings *s, net_ctx *ctx, char **path, int paths)
{
    struct frame f;
    struct buffers b;
    size_t nlabels = 0;
    int output = 0, status = 0;
    for (int i = 0; s->output && i < NET_OUTPUTS; i++)
        if (strcmp(net_outputs[i].name, s->output) == 0)
            output = i;
    char **labels = s->labels ? read_labels(s->labels, &nlabels) : NULL;
    if ((s->labels && !labels) || network_frame(&f, s->order) != 0 || network_buffers(&b) != 0)
        return 1;
    const size_t n = network_count(&net_outputs[output]) / (size_t)f.batch;
    double *v = malloc(sizeof *v * (n + 1));
    for (int first = 0; first < paths && v && status == 0; first += f.batch) {
        const int count = paths - first < f.batch ? paths - first : f.batch;
        for (int i = 0; i < count && status == 0; i++)
            status = load(s, &f, path[first + i], b.in[0], i);
        if (status)
            break;
        status = net_run_v(ctx, (const void *const *)b.in, b.out);
        for (int i = 0; i < count && status == CNNC_OK; i++) {
            for (size_t k = 0; k < n; k++)
                v[k] = network_value(&b, output, (size_t)i * n + k);
            probabilities(v, n);
            print_best(s, path[first + i], v, n, labels, nlabels);
        }
    }
    if (status == CNNC_OK && !s->quiet)
        status = time_runs(s, ctx, &b);
    if (status > 0)
        fprintf(stderr, "%s\n", net_strerror(status));
    for (size_t i = 0; i < nlabels; i++)
        free(labels[i]);
    free(labels);
    free(v);
    network_buffers_free(&b);
    return status ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct settings s = {.normal = {1, {0, 0, 0}, {1, 1, 1}}, .threads = 1};
    for (int c; (c = getopt(argc, argv, "l:w:r:io:s:m:d:f:n:t:q")) != -1;)
        switch (c) {
        case 'l': s.labels = optarg; break;
        case 'w': s.weights = optarg; break;
        case 'r': s.shorter = atoi(optarg); break;
        case 'i': s.invert = 1; break;
        case 'o': s.output = optarg; break;
        case 's': s.normal.scale = atof(optarg); break;
        case 'm': if (three(optarg, s.normal.mean) != 0) return usage(); break;
        case 'd': if (three(optarg, s.normal.std) != 0) return usage(); break;
        case 'f': s.order = strcmp(optarg, "hwc") == 0 ? ORDER_HWC : ORDER_CHW; break;
        case 'n': s.runs = atoi(optarg); break;
        case 't': s.threads = atoi(optarg); break;
        case 'q': s.quiet = 1; break;
        default: return usage();
        }
    if (optind == argc)
        return usage();
    net_ctx *ctx = network_open(argv[0], s.weights, s.threads);
    if (!ctx)
        return 1;
    const int status = classify(&s, ctx, argv + optind, argc - optind);
    net_close(ctx);
    return status;
}
