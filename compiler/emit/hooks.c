/* The part of the header for training programs: what a user replaces is declared, and what the train section says about it. */
#include "emit.h"

#include <string.h>

void emit_train_hooks(struct emitter *step, FILE *f)
{
    const struct augment *a = &step->o->train.augment;
    const char *u = step->upper, *n = arena_strndup(&step->arena, step->name, strlen(step->name) - strlen("_train"));
    fprintf(f, "/* What the train section says about samples. */\n#define %s_FLIP %d\n#define %s_SHIFT %d\n#define %s_CROP %d\n\n", u, a->flip, u,
            a->shift, u, a->crop);
    fprintf(f, "/* The learning rate of the train section after `epoch` of so many epochs, with fractions, if it is `rate` at its highest. */\n"
               "double %s_schedule(double rate, double epoch, double epochs);\n\n", step->name);
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

/* What a checkpoint has in common with the program that goes on from it, besides sizes: the train section in one form, whatever it was given as. */
void emit_train_settings(struct emitter *step, FILE *f)
{
    const struct train *t = &step->o->train;
    const struct schedule *s = &t->schedule;
    fprintf(f, "#define %s_SETTINGS \"", step->upper);
    for (int i = 0; i < t->losses; i++)
        fprintf(f, "%s%g*%s(%s,%g)", i ? "+" : "", t->loss[i].weight, t->loss[i].kind, t->loss[i].tensor ? c_string(&step->arena, t->loss[i].tensor) : "",
                t->loss[i].smoothing >= 0 ? t->loss[i].smoothing : t->smoothing);
    fprintf(f, " %s momentum=%g", t->optimizer, t->momentum);
    if (strcmp(t->optimizer, "sgd") != 0)
        fprintf(f, " beta=%g,%g alpha=%g eps=%g", t->beta1, t->beta2, t->alpha, t->epsilon);
    fprintf(f, "%s decay=%g%s clip=%g accumulate=%d dropout=%g %s", t->nesterov ? " nesterov" : "", t->decay, t->decay_all ? "" : " (weights)", t->clip,
            t->accumulate, t->dropout, s->kind);
    if (strcmp(s->kind, "step") == 0)
        fprintf(f, " every=%g factor=%g", s->every, s->factor);
    for (int i = 0; i < s->n; i++)
        fprintf(f, "%s%g", i ? "," : " at=", s->at[i]);
    fprintf(f, " warmup=%g to=%g\" /* in words, for checkpoints */\n", s->warmup, s->to);
}

void emit_reductions(struct emitter *step, FILE *f)
{
    const struct graph *g = step->g;
    int64_t bytes = 0;
    int reductions = 0;
    for (int i = 0; i < g->nodes; i++)
        if (g->node[i]->op->flags & OP_REDUCES) {
            const struct tensor *t = g->node[i]->out[0];
            reductions++;
            bytes += tensor_count(t) * (int64_t)dtype_size(t->dtype);
        }
    fprintf(f, "#define %s_REDUCTIONS %d\n#define %s_REDUCED_BYTES %lld /* of a step */\n", step->upper, reductions, step->upper, (long long)bytes);
}

void emit_train_schedule(struct emitter *step, FILE *f)
{
    const struct schedule *s = &step->o->train.schedule;
    char a[32], b[32];
    const bool cosine = strcmp(s->kind, "cosine") == 0, steps = strcmp(s->kind, "step") == 0;
    fprintf(f, "\n/* Schedule: %s. */\ndouble %s_schedule(double rate, double epoch, double epochs)\n{\n", s->kind, step->name);
    if (!cosine)
        fputs("    (void)epochs;\n", f);
    if (!cosine && !steps && s->warmup == 0)
        fputs("    (void)epoch;\n", f);
    if (s->warmup > 0)
        fprintf(f, "    if (epoch < %s) /* warm-up */\n        return rate * epoch / %s;\n", double_text(s->warmup, a), double_text(s->warmup, b));
    if (steps && s->every > 0)
        fprintf(f, "    rate *= pow(%s, floor(epoch / %s));\n", double_text(s->factor, a), double_text(s->every, b));
    for (int i = 0; steps && i < s->n; i++)
        fprintf(f, "    if (epoch >= %s)\n        rate *= %s;\n", double_text(s->at[i], a), double_text(s->factor, b));
    if (cosine) {
        const char *from = s->warmup > 0 ? arena_printf(&step->arena, " - %s", double_text(s->warmup, a)) : "";
        fprintf(f, "    const double share = %sepoch%s%s / %sepochs%s%s, low = %s;\n", from[0] ? "(" : "", from, from[0] ? ")" : "",
                from[0] ? "(" : "", from, from[0] ? ")" : "", double_text(s->to, b));
        fputs("    return low + (rate - low) * 0.5 * (1 + cos(3.14159265358979323846 * (share < 1 ? share : 1)));\n", f);
    } else {
        fputs("    return rate;\n", f);
    }
    fputs("}\n", f);
}
