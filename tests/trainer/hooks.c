/* Hooks in place of examples/train/hooks.c, as a user would write them: the picture is the class (a bright column), nothing comes from
 * files, and training ends when the loss is low. */
#include "run.h"

#include <string.h>

void hooks_begin_epoch(struct run *r) { (void)r; }

int F(_next_batch)(net_train_ctx *net, void *user)
{
    struct run *r = user;
    for (int i = 0; i < C(_TRAIN_BATCH); i++) {
        unsigned char *to = r->image + (size_t)i * r->frame.bytes;
        r->label[i] = (int32_t)(random_mix((uint64_t)net->step << 20 | (uint64_t)i) % 10);
        memset(to, 0, r->frame.bytes);
        for (int y = 0; y < r->frame.height; y++)
            for (int x = 0; x < 3; x++)
                to[y * r->frame.width + 1 + 2 * r->label[i] + x / 2] = 255;
    }
    net->input[0] = r->image;
    net->input[1] = r->label;
    return C(_TRAIN_BATCH);
}

void F(_augment)(void *user, unsigned char *sample, uint64_t random)
{
    (void)user;
    (void)sample;
    (void)random;
}

double F(_learning_rate)(void *user, double epoch)
{
    (void)user;
    return epoch < 1 ? 0.02 : 0.01;
}

int F(_end_of_epoch)(net_train_ctx *net, void *user, int epoch, double loss, double validation_loss)
{
    (void)net;
    (void)user;
    (void)epoch;
    (void)validation_loss;
    return loss < 0.1;
}
