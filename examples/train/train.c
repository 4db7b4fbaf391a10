/* Trains a network that cnnc generated with --train on pictures: see README.md here. The order of the files: options.c, data.c with the
 * readers idx.c, cifar.c, folder.c; hooks.c, which one replaces; evaluate.c, checkpoint.c, weights.c; progress.c, log.c, curve.c. */
#include "run.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "team.h"

static volatile sig_atomic_t asked_to_stop;
static void stop(int signal)
{
    (void)signal;
    asked_to_stop = 1;
}

static void *zeros(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    return p ? memset(p, 0, bytes) : NULL;
}

/* ---- set-up ------------------------------------------------------------------------------------------------------ */

static int read_frame(struct frame *f)
{
    const struct cnnc_io *x = &F(_train_inputs)[0], *y = &F(_outputs)[0];
    if (C(_TRAIN_INPUTS) != 2 || F(_train_inputs)[1].dtype != 6 || F(_train_inputs)[1].rank != 1 || x->rank != 4 ||
        (x->dtype != 1 && x->dtype != 2)) {
        fprintf(stderr, "this program trains networks that tell classes of pictures; " NET_TEXT(NET) " takes something else\n");
        return -1;
    }
    f->channels_last = x->dim[1] != 1 && x->dim[1] != 3;
    f->channels = (int)x->dim[f->channels_last ? 3 : 1];
    f->height = (int)x->dim[f->channels_last ? 1 : 2];
    f->width = (int)x->dim[f->channels_last ? 2 : 3];
    f->classes = (int)y->dim[1];
    f->bytes = (size_t)f->channels * (size_t)f->height * (size_t)f->width;
    if (f->channels != 1 && f->channels != 3) {
        fprintf(stderr, "input %s has %d channels, expected 1 or 3\n", x->name, f->channels);
        return -1;
    }
    return 0;
}

static int check_classes(struct run *r, struct data *d)
{
    if (r->s.classes && data_keep_classes(d, &r->frame, r->s.classes) != 0)
        return -1;
    if (d->classes == r->frame.classes)
        return 0;
    fprintf(stderr, "%s: %d classes, expected %d, as the network has\n", r->s.data, d->classes, r->frame.classes);
    return -1;
}

static int read_data(struct run *r)
{
    const struct settings *s = &r->s;
    int test = 0;
    if (data_read(&r->train, &r->frame, s->data, DATA_TRAIN, s->fit) < 0 || check_classes(r, &r->train) != 0)
        return -1;
    test = s->test ? data_read(&r->test, &r->frame, s->test, DATA_TEST, s->fit) : data_read(&r->test, &r->frame, s->data, DATA_TEST, s->fit);
    if (s->test && test == 0) /* a set by itself */
        test = data_read(&r->test, &r->frame, s->test, DATA_TRAIN, s->fit);
    if (test < 0 || (test > 0 && check_classes(r, &r->test) != 0))
        return -1;
    for (int k = 0; test > 0 && k < r->frame.classes; k++)
        if (strcmp(r->train.name[k], r->test.name[k]) != 0) {
            fprintf(stderr, "class %d is %s in the training set, but %s in the test set\n", k, r->train.name[k], r->test.name[k]);
            return -1;
        }
    if (s->validation > 0 && data_split(&r->train, &r->validation, &r->frame, s->validation, s->seed) != 0)
        return -1;
    if (s->validation == 0)
        r->validation = r->test;
    if (r->validation.n == 0) {
        fprintf(stderr, "%s: no pictures to choose the best model by; expected a test set, or --validation above 0 and enough pictures\n",
                s->data);
        return -1;
    }
    return 0;
}

static int set_up(struct run *r)
{
    const size_t batch = C(_TRAIN_BATCH), arena_bytes = C(_TRAIN_ARENA_BYTES)(r->s.threads);
    void *parameters = zeros(C(_PARAMETERS_BYTES)), *state = zeros(C(_STATE_BYTES)), *arena = zeros(arena_bytes);
    r->log = calloc((size_t)r->s.epochs, sizeof *r->log);
    r->order = malloc((size_t)r->train.n * sizeof *r->order);
    r->image = malloc(batch * r->frame.bytes);
    r->label = malloc(batch * sizeof *r->label);
    r->pixel = F(_train_inputs)[0].dtype == 1 ? malloc(batch * r->frame.bytes * sizeof *r->pixel) : NULL;
    if (!parameters || !state || !arena || !r->log || !r->order || !r->image || !r->label || (F(_train_inputs)[0].dtype == 1 && !r->pixel)) {
        fprintf(stderr, "no memory\n");
        return -1;
    }
    const int status = F(_train_init)(&r->net, parameters, state, arena, arena_bytes, r->s.threads);
    if (status != CNNC_OK) {
        fprintf(stderr, "%s\n", F(_strerror)(status));
        return -1;
    }
    F(_train_reset)(&r->net, r->s.seed);
    r->best = INFINITY;
    if (r->s.from && weights_read(r, r->s.from, r->s.init_missing) != 0)
        return -1;
    if (mkdir(r->s.run, 0777) != 0 && errno != EEXIST) {
        perror(r->s.run);
        return -1;
    }
    return team_connect(&r->net);
}

static void tear_down(struct run *r)
{
    if (r->s.validation > 0)
        data_free(&r->validation);
    data_free(&r->train);
    data_free(&r->test);
    free(r->net.parameters);
    free(r->net.state);
    free(r->net.arena);
    free(r->log);
    free(r->order);
    free(r->image);
    free(r->pixel);
    free(r->label);
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static int is_first(const struct run *r) { return r->rank == 0; }

/* The rest of the epoch under way. 1: done, 0: asked to stop (a checkpoint is written), -1 after a message. */
static int train_epoch(struct run *r)
{
    double began = now(), saved = began;
    hooks_begin_epoch(r);
    while (r->done < r->train.n) {
        const int64_t left = r->train.n - r->done, whole = (int64_t)r->ranks * C(_TRAIN_BATCH);
        const int n = F(_next_batch)(&r->net, r);
        r->net.rate = (float)F(_learning_rate)(r, (double)r->epoch + (double)r->done / (double)r->train.n);
        const int all = (int)(left < whole ? left : whole);
        team_samples(&r->net, all);
        const double loss = (double)F(_train_step)(&r->net, n); /* its share of the mean over all */
        double sum[4] = {loss * all, r->net.right, n, asked_to_stop};
        team_sum(sum, 4);
        r->loss += sum[0];
        r->right += sum[1];
        r->done += (int64_t)sum[2];
        const double t = now();
        r->seconds += t - began;
        began = t;
        const int leave = sum[3] > 0;
        if (is_first(r))
            progress_show(r);
        if (leave || (r->s.save_every > 0 && t - saved >= r->s.save_every) || (r->s.save_steps && r->net.step % r->s.save_steps == 0)) {
            if (is_first(r) && checkpoint_write(r) < 0)
                return -1;
            saved = t;
        }
        if (leave)
            return 0;
    }
    return 1;
}

/* Validation, log, the best model, checkpoint. 1: training ends here, 0: it goes on, -1 after a message. */
static int end_epoch(struct run *r)
{
    char path[1200];
    struct epoch *e = &r->log[r->epoch];
    *e = (struct epoch){.rate = F(_learning_rate)(r, (double)r->epoch), .loss = r->loss / (double)r->train.n,
                        .accuracy = r->right / (double)r->train.n, .seconds = r->seconds};
    evaluate(r, &r->validation, &e->validation_loss, &e->validation_accuracy, NULL);
    const int better = e->validation_loss < r->best;
    r->epoch++;
    if (better) {
        r->best = e->validation_loss;
        r->best_epoch = r->epoch;
    }
    r->done = 0;
    r->loss = r->right = r->seconds = 0;
    const int ends = F(_end_of_epoch)(&r->net, r, (int)r->epoch, e->loss, e->validation_loss);
    if (!is_first(r))
        return ends;
    progress_clear(r);
    printf("epoch %2d  loss %.4f  accuracy %.2f%%  validation loss %.4f  accuracy %.2f%%%s  %.1f s\n", (int)r->epoch, e->loss,
           100 * e->accuracy, e->validation_loss, 100 * e->validation_accuracy, better ? " *" : "  ", e->seconds);
    fflush(stdout);
    run_path(r, "best.safetensors", path);
    if ((better && weights_write(r, path) != 0) || log_write(r, (int)r->epoch) != 0 || curve_write(r, (int)r->epoch) != 0 ||
        checkpoint_write(r) < 0)
        return -1;
    return ends;
}

static int test(struct run *r)
{
    const struct data *d = r->test.n ? &r->test : &r->validation;
    long *confusion = calloc((size_t)r->frame.classes * (size_t)r->frame.classes, sizeof *confusion);
    double loss, accuracy;
    if (!confusion)
        return -1;
    evaluate(r, d, &loss, &accuracy, confusion);
    printf("%s loss %.4f  accuracy %.2f%% (%ld pictures)\n", r->test.n ? "test" : "validation", loss, 100 * accuracy, d->n);
    print_confusion(r, d, confusion);
    free(confusion);
    return 0;
}

static int train(struct run *r)
{
    char path[1200];
    const int found = r->s.fresh ? 0 : checkpoint_read(r);
    if (found < 0)
        return -1;
    double place[3] = {found, (double)r->epoch, (double)r->done}; /* of all processes, which read the same checkpoint */
    team_sum(place, 3);
    if (place[0] != found * r->ranks || place[1] != (double)r->epoch * r->ranks || place[2] != (double)r->done * r->ranks) {
        fprintf(stderr, "%s/checkpoint: not the same for all processes; they need a folder that they share\n", r->s.run);
        return -1;
    }
    if (is_first(r)) {
        printf(NET_TEXT(NET) ": %ld pictures to train with, %ld to validate with%s, %ld to test with; batches of %d\n", r->train.n,
               r->validation.n, r->s.validation > 0 ? "" : " (those of the test)", r->test.n, C(_TRAIN_BATCH) * r->ranks);
        if (found)
            printf("going on from %s/checkpoint: epoch %lld, picture %lld\n", r->s.run, (long long)r->epoch + 1, (long long)r->done);
        fflush(stdout);
    }
    progress_begin(r);
    for (int ends = 0; !ends && r->epoch < r->s.epochs;) {
        const int status = train_epoch(r);
        if (status == 0) {
            if (is_first(r)) {
                progress_clear(r);
                printf("stopped; the same command goes on from here\n");
            }
            return 0;
        }
        ends = status < 0 ? -1 : end_epoch(r);
        if (ends < 0)
            return -1;
        if (ends && is_first(r))
            printf("ended early, after epoch %lld\n", (long long)r->epoch);
    }
    if (!is_first(r))
        return 0;
    run_path(r, "last.safetensors", path);
    if (weights_write(r, path) != 0)
        return -1;
    run_path(r, "best.safetensors", path);
    if (!r->best_epoch)
        return 0;
    printf("%s/best.safetensors, after epoch %lld: ", r->s.run, (long long)r->best_epoch);
    return weights_read(r, path, 0) == 0 ? test(r) : -1;
}

int main(int argc, char **argv)
{
    static struct run r;
    r.s = (struct settings){.run = NET_TEXT(NET) "-run", .epochs = C(_TRAIN_EPOCHS), .threads = 1, .rate = C(_TRAIN_RATE), .seed = 1,
                            .flip = C(_TRAIN_FLIP), .shift = C(_TRAIN_SHIFT), .crop = C(_TRAIN_CROP), .validation = 0.1, .save_every = 60};
    team_begin(&argc, &argv, &r.rank, &r.ranks);
    int status = options_read(&r.s, argc, argv);
    if (status == 0)
        status = read_frame(&r.frame);
    if (status == 0)
        status = read_data(&r);
    if (status == 0)
        status = set_up(&r);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    if (status == 0)
        status = r.s.only_test ? test(&r) : train(&r);
    tear_down(&r);
    team_end(status);
    return status == 0 ? 0 : 1;
}
