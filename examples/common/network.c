#include "network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole file, aligned as the generated code asks. */
static void *read_whole(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    void *p = NULL;
    if (!f)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0) {
        const long n = ftell(f);
        rewind(f);
        *bytes = n > 0 ? (size_t)n : 0;
        p = aligned_alloc(64, (*bytes / 64 + 1) * 64);
        if (p && fread(p, 1, *bytes, f) != *bytes) {
            free(p);
            p = NULL;
        }
    }
    fclose(f);
    return p;
}

net_ctx *network_open(const char *program, const char *path, int threads)
{
    char beside[4096];
    if (!path) {
        const char *slash = strrchr(program, '/');
        snprintf(beside, sizeof beside, "%.*s" NET_TEXT(NET) ".weights", slash ? (int)(slash - program) + 1 : 0, program);
        path = beside;
    }
    int status = net_weights_check(NULL, 0); /* are they part of the code? */
    if (status != CNNC_OK) {
        size_t bytes = 0;
        void *weights = read_whole(path, &bytes);
        if (!weights) {
            perror(path);
            return NULL;
        }
        status = net_weights_check(weights, bytes);
        free(weights);
    }
    net_ctx *ctx = status == CNNC_OK ? net_open(path, threads, 0, &status) : NULL;
    if (!ctx)
        fprintf(stderr, "%s: %s\n", path, net_strerror(status));
    return ctx;
}

size_t network_count(const struct cnnc_io *io)
{
    size_t n = 1;
    for (int i = 0; i < io->rank; i++)
        n *= (size_t)io->dim[i];
    return n;
}

int network_frame(struct frame *f, int order)
{
    const struct cnnc_io *io = &net_inputs[0];
    const long *d = io->dim;
    if (io->rank != 4 || (io->dtype != 1 && io->dtype != 2) || (d[1] != 1 && d[1] != 3 && d[3] != 1 && d[3] != 3)) {
        fprintf(stderr, "input %s of " NET_TEXT(NET) " is no picture\n", io->name);
        return -1;
    }
    f->channels_last = order == ORDER_HWC || (order == ORDER_GUESS && d[1] != 1 && d[1] != 3);
    f->batch = (int)d[0];
    f->channels = (int)(f->channels_last ? d[3] : d[1]);
    f->height = (int)(f->channels_last ? d[1] : d[2]);
    f->width = (int)(f->channels_last ? d[2] : d[3]);
    if (f->channels != 1 && f->channels != 3) {
        fprintf(stderr, "input %s of " NET_TEXT(NET) " has %d channels, expected 1 or 3\n", io->name, f->channels);
        return -1;
    }
    return 0;
}

void network_put(const struct frame *f, const struct picture *p, const struct normalisation *n, void *input, int at)
{
    const size_t plane = (size_t)f->width * (size_t)f->height, c = (size_t)f->channels, start = plane * c * (size_t)at;
    for (size_t k = 0; k < c; k++)
        for (size_t i = 0; i < plane; i++) {
            const uint8_t v = p->pixel[i * c + k];
            const size_t to = start + (f->channels_last ? i * c + k : k * plane + i);
            if (net_inputs[0].dtype == 2)
                ((uint8_t *)input)[to] = v;
            else
                ((float *)input)[to] = (float)((v * n->scale - n->mean[k]) / n->std[k]);
        }
}

int network_buffers(struct buffers *b)
{
    memset(b, 0, sizeof *b);
    if (NET_INPUTS > 8 || NET_OUTPUTS > 64) {
        fprintf(stderr, NET_TEXT(NET) " has more inputs or outputs than this program handles\n");
        return -1;
    }
    int ok = 1;
    for (int i = 0; i < NET_INPUTS; i++)
        ok &= (b->in[i] = calloc(1, net_inputs[i].bytes + 64)) != NULL;
    for (int i = 0; i < NET_OUTPUTS; i++)
        ok &= (b->out[i] = calloc(1, net_outputs[i].bytes + 64)) != NULL;
    if (!ok)
        fprintf(stderr, "out of memory\n");
    return ok ? 0 : -1;
}

void network_buffers_free(struct buffers *b)
{
    for (int i = 0; i < NET_INPUTS && i < 8; i++)
        free(b->in[i]);
    for (int i = 0; i < NET_OUTPUTS && i < 64; i++)
        free(b->out[i]);
}

double network_value(const struct buffers *b, int o, size_t i)
{
    const void *p = b->out[o];
    switch (net_outputs[o].dtype) {
    case 1: return ((const float *)p)[i];
    case 2: case 9: return ((const uint8_t *)p)[i];
    case 3: return ((const int8_t *)p)[i];
    case 6: return ((const int32_t *)p)[i];
    case 7: return (double)((const int64_t *)p)[i];
    case 11: return ((const double *)p)[i];
    }
    return 0;
}
