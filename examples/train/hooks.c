/* The hooks that the generated header declares. To train on other data, or otherwise, put a file of yours in this one's place: the step
 * wants nothing but input[] filled. `user` is the run. */
#include "run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Order and augmentation depend on seed, epoch and place alone, so a run that is resumed sees the same pictures. */
static uint64_t epoch_key(const struct run *r) { return random_mix(r->s.seed ^ random_mix((uint64_t)r->epoch)); }

void hooks_begin_epoch(struct run *r)
{
    const uint64_t key = epoch_key(r);
    for (long i = 0; i < r->train.n; i++)
        r->order[i] = i;
    for (long i = r->train.n - 1; i > 0; i--) { /* Fisher and Yates */
        const long j = (long)(random_mix(key ^ (uint64_t)i) % (uint64_t)(i + 1)), k = r->order[i];
        r->order[i] = r->order[j];
        r->order[j] = k;
    }
}

/* The next pictures of the epoch into input[0], their classes into input[1]. Of processes that train together each takes its share. */
int F(_next_batch)(net_train_ctx *net, void *user)
{
    struct run *r = user;
    const struct frame *f = &r->frame;
    const int64_t left = r->train.n - r->done, first = r->rank * (int64_t)C(_TRAIN_BATCH);
    int n = left <= first ? 0 : left - first < C(_TRAIN_BATCH) ? (int)(left - first) : C(_TRAIN_BATCH);
    for (int i = 0; i < n; i++) {
        const int64_t at = r->done + first + i;
        unsigned char *to = r->image + (size_t)i * f->bytes;
        memcpy(to, r->train.image + (size_t)r->order[at] * f->bytes, f->bytes);
        F(_augment)(r, to, random_mix(~epoch_key(r) ^ (uint64_t)at));
        r->label[i] = r->train.label[r->order[at]];
        for (size_t k = 0; r->pixel && k < f->bytes; k++)
            r->pixel[(size_t)i * f->bytes + k] = (float)to[k] / 255;
    }
    net->input[0] = r->pixel ? (const void *)r->pixel : r->image;
    net->input[1] = r->label;
    return n;
}

/* Moves a picture by dy, dx pixels; what comes in from outside is the nearest edge, or black. */
static void move(const struct frame *f, unsigned char *image, int dy, int dx, int edges)
{
    const int h = f->height, w = f->width, c = f->channels, last = f->channels_last;
    unsigned char *copy = malloc(f->bytes);
    if (!copy)
        return;
    memcpy(copy, image, f->bytes);
    for (int k = 0; k < c; k++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                int v = y + dy, u = x + dx;
                const int outside = v < 0 || v >= h || u < 0 || u >= w;
                v = v < 0 ? 0 : v >= h ? h - 1 : v;
                u = u < 0 ? 0 : u >= w ? w - 1 : u;
                image[last ? (y * w + x) * c + k : (k * h + y) * w + x] =
                    outside && !edges ? 0 : copy[last ? (v * w + u) * c + k : (k * h + v) * w + u];
            }
    free(copy);
}

static void flip(const struct frame *f, unsigned char *image)
{
    const int h = f->height, w = f->width, c = f->channels, last = f->channels_last;
    for (int k = 0; k < c; k++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w / 2; x++) {
                unsigned char *a = image + (last ? (y * w + x) * c + k : (k * h + y) * w + x);
                unsigned char *b = image + (last ? (y * w + w - 1 - x) * c + k : (k * h + y) * w + w - 1 - x), t = *a;
                *a = *b;
                *b = t;
            }
}

/* From -most to most. */
static int between(uint64_t *random, int most)
{
    *random = random_mix(*random);
    return (int)(*random % (unsigned)(2 * most + 1)) - most;
}

void F(_augment)(void *user, unsigned char *image, uint64_t random)
{
    const struct run *r = user;
    if (r->s.flip && random_mix(random) & 1)
        flip(&r->frame, image);
    if (r->s.shift) {
        const int dy = between(&random, r->s.shift), dx = between(&random, r->s.shift);
        move(&r->frame, image, dy, dx, 1);
    }
    if (r->s.crop) {
        const int dy = between(&random, r->s.crop), dx = between(&random, r->s.crop);
        move(&r->frame, image, dy, dx, 0);
    }
}

/* `epoch`: how many are done, with fractions. */
double F(_learning_rate)(void *user, double epoch)
{
    const struct run *r = user;
    return F(_train_schedule)(r->s.rate, epoch, r->s.epochs);
}

/* After an epoch and its evaluation. Not 0: training ends here. */
int F(_end_of_epoch)(net_train_ctx *net, void *user, int epoch, double loss, double validation_loss)
{
    (void)net;
    (void)user;
    (void)epoch;
    (void)validation_loss;
    return !isfinite(loss);
}
