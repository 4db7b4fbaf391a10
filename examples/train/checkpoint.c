/* A checkpoint: what the run is (as text, so that another run's is refused and says why), where it stands, its log, parameters and the
 * optimiser's state. */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IDENTITY = 1024 };

static void identity(const struct run *r, char text[IDENTITY])
{
    memset(text, 0, IDENTITY);
    snprintf(text, IDENTITY,
             NET_TEXT(NET) " parameters=%zu state=%zu batch=%d ranks=%d pictures=%ld+%ld epochs=%d rate=%g seed=%llu flip=%d shift=%d crop=%d classes=%s %s",
             (size_t)C(_PARAMETERS_BYTES), (size_t)C(_STATE_BYTES), C(_TRAIN_BATCH), r->ranks, r->train.n, r->validation.n, r->s.epochs,
             r->s.rate, (unsigned long long)r->s.seed, r->s.flip, r->s.shift, r->s.crop, r->s.classes ? r->s.classes : "all",
             C(_TRAIN_SETTINGS));
}

struct part {
    void *p;
    size_t bytes;
};
static int parts(struct run *r, struct part part[12])
{
    const struct part all[] = {{&r->epoch, sizeof r->epoch},     {&r->done, sizeof r->done},
                               {&r->loss, sizeof r->loss},       {&r->right, sizeof r->right},
                               {&r->seconds, sizeof r->seconds}, {&r->best, sizeof r->best},
                               {&r->best_epoch, sizeof r->best_epoch}, {r->log, (size_t)r->s.epochs * sizeof *r->log},
                               {&r->net.step, sizeof r->net.step}, {r->net.parameters, C(_PARAMETERS_BYTES)},
                               {r->net.state, C(_STATE_BYTES)}};
    memcpy(part, all, sizeof all);
    return (int)(sizeof all / sizeof *all);
}

int checkpoint_write(struct run *r)
{
    char path[1200], text[IDENTITY];
    struct part part[12];
    const int n = parts(r, part);
    run_path(r, "checkpoint", path);
    identity(r, text);
    FILE *f = file_begin(path);
    if (!f)
        return -1;
    fwrite(text, 1, IDENTITY, f);
    for (int i = 0; i < n; i++)
        fwrite(part[i].p, 1, part[i].bytes, f);
    return file_end(f, path) == 0 ? 1 : -1;
}

int checkpoint_read(struct run *r)
{
    char path[1200], text[IDENTITY], found[IDENTITY + 1] = "";
    struct part part[12];
    const int n = parts(r, part);
    run_path(r, "checkpoint", path);
    identity(r, text);
    FILE *f = fopen(path, "rb");
    if (!f && errno == ENOENT)
        return 0;
    int ok = f && fread(found, 1, IDENTITY, f) == IDENTITY;
    if (ok && memcmp(text, found, IDENTITY) != 0) {
        fprintf(stderr, "%s: of another run (--fresh begins anew):\n  there  %.1023s\n  now    %s\n", path, found, text);
        fclose(f);
        return -1;
    }
    for (int i = 0; ok && i < n; i++)
        ok = fread(part[i].p, 1, part[i].bytes, f) == part[i].bytes;
    ok = ok && fgetc(f) == EOF;
    if (!ok)
        fprintf(stderr, "%s: %s\n", path, f ? "damaged" : strerror(errno));
    if (f)
        fclose(f);
    return ok ? 1 : -1;
}
