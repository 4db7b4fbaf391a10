/* Trains a network that cnnc generated with --train on pictures in IDX files (MNIST, Fashion-MNIST; .gz or not).
 *
 *     cnnc examples/lenet5.net --train -o lenet5.c
 *     cc -O2 -march=native -fopenmp -DNET=lenet5 -DNET_UPPER=LENET5 -DNET_HEADER='"lenet5.h"' \
 *        examples/train/train.c examples/train/idx.c examples/train/safetensors.c lenet5.c -lz -lm -o train-lenet5
 *     ./train-lenet5 --data=DIR --out=lenet5.safetensors
 *
 * DIR holds train-images-idx3-ubyte[.gz] and so on, under any prefix that --prefix gives ("mnist-"). The network has one input of
 * bytes and classes as labels. What one would change for other data: read_data, next_batch, learning_rate, end_of_epoch. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include NET_HEADER
#include "idx.h"
#include "safetensors.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define F(name) JOIN(NET, name)       /* lenet5_train_step */
#define C(name) JOIN(NET_UPPER, name) /* LENET5_TRAIN_BATCH */

struct settings {
    const char *data, *prefix, *out, *from, *checkpoint;
    int epochs, threads, shift;
    double rate;
    uint64_t seed;
};

/* splitmix64: the order of the samples and their shifts depend on seed, epoch and place alone. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void *aligned(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    return memset(p, 0, bytes);
}

/* A picture into the batch, moved by up to s->shift pixels either way. */
static void augment(const struct settings *s, unsigned char *to, const unsigned char *from, int h, int w, uint64_t random)
{
    const int range = 2 * s->shift + 1, dy = (int)(random % (unsigned)range) - s->shift,
              dx = (int)(random / (unsigned)range % (unsigned)range) - s->shift;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const int v = y + dy, u = x + dx;
            to[y * w + x] = v >= 0 && v < h && u >= 0 && u < w ? from[v * w + u] : 0;
        }
}

static double learning_rate(const struct settings *s, double progress)
{
    if (strcmp(C(_TRAIN_SCHEDULE), "cosine") == 0)
        return s->rate * 0.5 * (1 + cos(acos(-1.0) * progress));
    return s->rate;
}

/* Mean loss and share of right answers over a whole set; every sample counts once. */
static void evaluate(F(_train_ctx) *net, const struct idx *set, double *loss, double *accuracy)
{
    long right = 0;
    *loss = 0;
    for (long i = 0; i < set->n; i += C(_TRAIN_BATCH)) {
        const int n = (int)(set->n - i < C(_TRAIN_BATCH) ? set->n - i : C(_TRAIN_BATCH));
        net->input[0] = set->image + i * set->bytes;
        net->input[1] = set->label + i;
        *loss += F(_eval)(net, n) * n;
        right += net->right;
    }
    *loss /= (double)set->n;
    *accuracy = (double)right / (double)set->n;
}

static int save(F(_train_ctx) *net, const char *path)
{
    struct tensor_entry t[C(_PARAMETERS)];
    for (int i = 0; i < C(_PARAMETERS); i++) {
        const struct cnnc_parameter *p = &F(_parameters)[i];
        t[i] = (struct tensor_entry){p->name, p->rank, p->dim, (char *)net->parameters + p->offset, p->bytes};
    }
    return safetensors_write(path, t, C(_PARAMETERS));
}

static int load(F(_train_ctx) *net, const char *path)
{
    struct tensor_entry t[C(_PARAMETERS)];
    for (int i = 0; i < C(_PARAMETERS); i++) {
        const struct cnnc_parameter *p = &F(_parameters)[i];
        t[i] = (struct tensor_entry){p->name, p->rank, p->dim, (char *)net->parameters + p->offset, p->bytes};
    }
    return safetensors_read(path, t, C(_PARAMETERS));
}

/* Checkpoint: epochs done, steps done, parameters, state; written beside and renamed, so that it is whole or not there. */
static int checkpoint(F(_train_ctx) *net, const char *path, int64_t *epoch, int writes)
{
    char temporary[1024];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *f = fopen(writes ? temporary : path, writes ? "wb" : "rb");
    if (!f)
        return -1;
    struct {
        void *p;
        size_t n;
    } part[] = {{epoch, sizeof *epoch}, {&net->step, sizeof net->step}, {net->parameters, C(_PARAMETERS_BYTES)}, {net->state, C(_STATE_BYTES)}};
    int ok = 1;
    for (int i = 0; i < 4; i++)
        ok &= (writes ? fwrite(part[i].p, 1, part[i].n, f) : fread(part[i].p, 1, part[i].n, f)) == part[i].n;
    ok &= fclose(f) == 0;
    return ok && (!writes || rename(temporary, path) == 0) ? 0 : -1;
}

static void train_epoch(F(_train_ctx) *net, const struct settings *s, const struct idx *set, int epoch, double *loss, double *accuracy)
{
    static int32_t label[C(_TRAIN_BATCH)];
    unsigned char *image = malloc(C(_TRAIN_BATCH) * (size_t)set->bytes);
    long *order = malloc((size_t)set->n * sizeof *order), done = 0, right = 0;
    const long steps = (set->n + C(_TRAIN_BATCH) - 1) / C(_TRAIN_BATCH);
    const uint64_t key = mix(s->seed ^ mix((uint64_t)epoch));
    for (long i = 0; i < set->n; i++)
        order[i] = i;
    for (long i = set->n - 1; i > 0; i--) { /* Fisher and Yates */
        const long j = (long)(mix(key ^ (uint64_t)i) % (uint64_t)(i + 1)), k = order[i];
        order[i] = order[j];
        order[j] = k;
    }
    *loss = 0;
    for (long step = 0; step < steps; step++) {
        const int n = (int)(set->n - done < C(_TRAIN_BATCH) ? set->n - done : C(_TRAIN_BATCH));
        for (int i = 0; i < n; i++) {
            augment(s, image + i * set->bytes, set->image + order[done + i] * set->bytes, set->h, set->w,
                    mix(~key ^ (uint64_t)(done + i)));
            label[i] = set->label[order[done + i]];
        }
        net->input[0] = image;
        net->input[1] = label;
        net->rate = (float)learning_rate(s, (epoch + (double)step / (double)steps) / s->epochs);
        *loss += F(_train_step)(net, n) * n;
        right += net->right;
        done += n;
    }
    *loss /= (double)done;
    *accuracy = (double)right / (double)done;
    free(image);
    free(order);
}

static const char *option(const char *arg, const char *name)
{
    const size_t n = strlen(name);
    return strncmp(arg, name, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

int main(int argc, char **argv)
{
    struct settings s = {".", "", NULL, NULL, NULL, C(_TRAIN_EPOCHS), 1, 0, C(_TRAIN_RATE), 1};
    for (int i = 1; i < argc; i++) {
        const char *v;
        if ((v = option(argv[i], "--data")))
            s.data = v;
        else if ((v = option(argv[i], "--prefix")))
            s.prefix = v;
        else if ((v = option(argv[i], "--out")))
            s.out = v;
        else if ((v = option(argv[i], "--from")))
            s.from = v;
        else if ((v = option(argv[i], "--checkpoint")))
            s.checkpoint = v;
        else if ((v = option(argv[i], "--epochs")))
            s.epochs = atoi(v);
        else if ((v = option(argv[i], "--threads")))
            s.threads = atoi(v);
        else if ((v = option(argv[i], "--shift")))
            s.shift = atoi(v);
        else if ((v = option(argv[i], "--rate")))
            s.rate = atof(v);
        else if ((v = option(argv[i], "--seed")))
            s.seed = strtoull(v, NULL, 0);
        else {
            fprintf(stderr, "usage: %s [--data=DIR] [--prefix=P] [--out=FILE.safetensors] [--from=FILE.safetensors] [--checkpoint=FILE]\n"
                            "    [--epochs=N] [--rate=R] [--shift=PIXELS] [--threads=N] [--seed=N]\n", argv[0]);
            return 1;
        }
    }
    struct idx train, test;
    if (!idx_read(&train, s.data, s.prefix, "train") || !idx_read(&test, s.data, s.prefix, "t10k"))
        return 1;
    if ((size_t)train.bytes * C(_TRAIN_BATCH) != F(_train_inputs)[0].bytes) {
        fprintf(stderr, "pictures of %d x %d do not fit the network's input\n", train.h, train.w);
        return 1;
    }
    static F(_train_ctx) net;
    void *parameters = aligned(C(_PARAMETERS_BYTES)), *state = aligned(C(_STATE_BYTES)), *arena = aligned(C(_TRAIN_ARENA_BYTES)(s.threads));
    if (F(_train_init)(&net, parameters, state, arena, C(_TRAIN_ARENA_BYTES)(s.threads), s.threads) != CNNC_OK)
        return 1;
    F(_train_reset)(&net, s.seed);
    if (s.from && load(&net, s.from) != 0) {
        fprintf(stderr, "%s: not the weights of this network\n", s.from);
        return 1;
    }
    int64_t epoch = 0;
    if (s.checkpoint)
        checkpoint(&net, s.checkpoint, &epoch, 0);
    for (; epoch < s.epochs; epoch++) {
        struct timespec a, b;
        double loss, accuracy, test_loss, test_accuracy;
        timespec_get(&a, TIME_UTC);
        train_epoch(&net, &s, &train, (int)epoch, &loss, &accuracy);
        timespec_get(&b, TIME_UTC);
        evaluate(&net, &test, &test_loss, &test_accuracy);
        printf("epoch %2d  loss %.4f  accuracy %.2f%%  test loss %.4f  test accuracy %.2f%%  %.1f s\n", (int)epoch + 1, loss, 100 * accuracy,
               test_loss, 100 * test_accuracy, (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec));
        fflush(stdout);
        int64_t done = epoch + 1;
        if (s.checkpoint && checkpoint(&net, s.checkpoint, &done, 1) != 0)
            fprintf(stderr, "%s: cannot be written\n", s.checkpoint);
        if (s.out && save(&net, s.out) != 0) {
            fprintf(stderr, "%s: cannot be written\n", s.out);
            return 1;
        }
    }
    if (s.epochs == 0 || epoch == s.epochs) {
        double loss, accuracy;
        evaluate(&net, &test, &loss, &accuracy);
        printf("test loss %.4f  test accuracy %.2f%%\n", loss, 100 * accuracy);
    }
    idx_free(&train);
    idx_free(&test);
    free(parameters);
    free(state);
    free(arena);
    return 0;
}
