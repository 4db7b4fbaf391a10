#include "run.h"

#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: %s --data=PATH [OPTION...]\n"
    "  --data=PATH        IDX files (a folder, or DIR/mnist- for names that begin so), CIFAR-10's binary files, or folders CLASS/*.png, *.jpg\n"
    "                     (or train/CLASS/..., test/CLASS/...)\n"
    "  --test=PATH        pictures to test with, where they do not lie beside the others\n"
    "  --classes=A,B      only these classes\n"
    "  --fit              pictures of another size are resized and cut\n"
    "  --run=DIR          folder for what the run writes (" NET_TEXT(NET) "-run); if it holds a checkpoint, the run goes on from there\n"
    "  --fresh            begins anew even so\n"
    "  --from=FILE        safetensors with the parameters to begin with\n"
    "  --init-missing     those that it does not have, or has in another shape, begin from the seed\n"
    "  --epochs=N --rate=R --seed=N --threads=N\n"
    "  --augment=LIST     flip, shift=PIXELS (edges repeated), crop=PIXELS (of a picture with a black border), or none\n"
    "  --validation=X     share of the training pictures held out to choose the best model (0.1); 0: the test pictures choose\n"
    "  --save-every=S     a checkpoint after so many seconds (60), and after each epoch\n"
    "  --save-steps=N     and after so many steps\n"
    "  --only-test        tests the parameters of --from\n";

static const char *value_of(const char *arg, const char *name)
{
    const size_t n = strlen(name);
    return strncmp(arg, name, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

static int bad(const char *option, const char *value, const char *expected)
{
    fprintf(stderr, "%s=%s: expected %s\n", option, value, expected);
    return -1;
}

static int read_augment(struct settings *s, const char *v)
{
    s->flip = s->shift = s->crop = 0;
    for (const char *p = v; *p && strcmp(v, "none") != 0;) {
        char word[32], *end = NULL;
        const size_t n = strcspn(p, ",");
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        const char *number = value_of(word, "shift") ? value_of(word, "shift") : value_of(word, "crop");
        const long pixels = number ? strtol(number, &end, 10) : 0;
        if (strcmp(word, "flip") == 0)
            s->flip = 1;
        else if (number && *number && !*end && pixels >= 0 && pixels < 1024)
            *(word[0] == 's' ? &s->shift : &s->crop) = (int)pixels;
        else
            return bad("--augment", v, "flip, shift=PIXELS, crop=PIXELS or none");
        p += n + (p[n] == ',');
    }
    return 0;
}

int options_read(struct settings *s, int argc, char **argv)
{
    int epochs = s->epochs, threads = s->threads, steps = 0;
    const struct {
        const char *name;
        const char **to;
    } texts[] = {{"--data", &s->data}, {"--test", &s->test}, {"--classes", &s->classes}, {"--run", &s->run}, {"--from", &s->from}};
    const struct {
        const char *name;
        int *to, least;
    } whole[] = {{"--epochs", &epochs, 1}, {"--threads", &threads, 1}, {"--save-steps", &steps, 1}};
    const struct {
        const char *name;
        double *to, most;
        const char *expected;
    } numbers[] = {{"--rate", &s->rate, 1e6, "a number of at least 0"},
                   {"--validation", &s->validation, 0.9, "a share between 0 and 0.9"},
                   {"--save-every", &s->save_every, 1e9, "seconds"}};
    const struct {
        const char *name;
        int *to;
    } flags[] = {{"--fit", &s->fit}, {"--fresh", &s->fresh}, {"--only-test", &s->only_test}, {"--init-missing", &s->init_missing}};
    for (int i = 1; i < argc; i++) {
        const char *v, *arg = argv[i];
        char *end;
        int known = 0;
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            if ((v = value_of(arg, texts[k].name)))
                known = 1, *texts[k].to = v;
        for (size_t k = 0; k < sizeof whole / sizeof *whole; k++)
            if ((v = value_of(arg, whole[k].name))) {
                const long n = strtol(v, &end, 10);
                if (end == v || *end || n < whole[k].least || n > 1 << 30)
                    return bad(whole[k].name, v, "a whole number of at least 1");
                known = 1, *whole[k].to = (int)n;
            }
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            if ((v = value_of(arg, numbers[k].name))) {
                const double x = strtod(v, &end);
                if (end == v || *end || !(x >= 0 && x <= numbers[k].most))
                    return bad(numbers[k].name, v, numbers[k].expected);
                known = 1, *numbers[k].to = x;
            }
        for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
            if (strcmp(arg, flags[k].name) == 0)
                known = 1, *flags[k].to = 1;
        if ((v = value_of(arg, "--seed"))) {
            s->seed = strtoull(v, &end, 0);
            if (end == v || *end)
                return bad("--seed", v, "a number");
            known = 1;
        }
        if ((v = value_of(arg, "--augment"))) {
            if (read_augment(s, v) != 0)
                return -1;
            known = 1;
        }
        if (!known) {
            const int help = strcmp(arg, "--help") == 0;
            if (!help)
                fprintf(stderr, "there is no option %s\n", arg);
            fprintf(help ? stdout : stderr, usage, argv[0]);
            exit(help ? 0 : 1);
        }
    }
    s->epochs = epochs;
    s->threads = threads;
    s->save_steps = steps;
    if (!s->data) {
        fprintf(stderr, "--data=PATH is missing\n");
        fprintf(stderr, usage, argv[0]);
        return -1;
    }
    if (s->only_test && !s->from) {
        fprintf(stderr, "--only-test needs --from=FILE\n");
        return -1;
    }
    return 0;
}
