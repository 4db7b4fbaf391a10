/* The part of the header for training programs: what a user replaces is declared, and what the train section says about it. */
#include "emit.h"

#include <string.h>

void emit_train_hooks(struct emitter *step, FILE *f)
{
    const struct augment *a = &step->o->train.augment;
    const char *u = step->upper, *n = arena_strndup(&step->arena, step->name, strlen(step->name) - strlen("_train"));
    fprintf(f, "/* What the train section says about samples. */\n#define %s_FLIP %d\n#define %s_SHIFT %d\n#define %s_CROP %d\n\n", u, a->flip, u,
            a->shift, u, a->crop);
    fprintf(f,
            "/* Hooks: the training program calls them, nothing here does. cnnc's examples/train has the program, and hooks.c there is the\n"
            " * file to replace. `user` is the program's own. */\n"
            "/* Fills input[] with the next samples of the epoch. @return their number, at most %s_BATCH; 0: none is left. */\n"
            "int %s_next_batch(%s_train_ctx *ctx, void *user);\n"
            "/* Changes one sample of input[0], in place. The random number depends on seed, epoch and sample. */\n"
            "void %s_augment(void *user, unsigned char *sample, uint64_t random);\n"
            "/* The rate after so many epochs, with fractions. */\n"
            "double %s_learning_rate(void *user, double epoch);\n"
            "/* After each epoch and its validation. @return other than 0: training ends. */\n"
            "int %s_end_of_epoch(%s_train_ctx *ctx, void *user, int epoch, double loss, double validation_loss);\n\n",
            u, n, n, n, n, n, n);
}
