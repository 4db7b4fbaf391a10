/* What the files of the training program share: the settings, and the state of a run. */
#ifndef RUN_H
#define RUN_H

#include <stdio.h>

#include "data.h"
#include "net.h"

struct settings {
    const char *data, *test, *classes; /* paths; a list of classes, or NULL */
    const char *run, *from;            /* folder of the run's files; safetensors to begin with, or NULL */
    int epochs, threads, fit, fresh, only_test, init_missing;
    int flip, shift, crop;             /* augmentation: mirrored or not; pixels either way, edges repeated; the same, filled with black */
    double rate, validation;           /* learning rate at its highest; share of the training pictures held out */
    double save_every;                 /* seconds between checkpoints; 0: after each epoch */
    long save_steps;                   /* steps between checkpoints; 0: by time alone */
    uint64_t seed;
};

/* An epoch's line in the log. */
struct epoch {
    double rate, loss, accuracy, validation_loss, validation_accuracy, seconds;
};

struct run {
    struct settings s;
    struct frame frame;
    struct data train, validation, test; /* test.n may be 0; validation is the test set where nothing is held out */
    net_train_ctx net;
    int rank, ranks;                     /* of the processes that train together */

    int64_t epoch;                       /* that is under way, from 0 */
    int64_t done;                        /* pictures of it */
    double loss, right, seconds;         /* sums over them; time, this run's earlier processes included */
    double best;                         /* lowest validation loss */
    int64_t best_epoch;                  /* from 1; 0: none yet */
    struct epoch *log;                   /* [epochs] */

    long *order;                         /* the pictures in the epoch's order */
    unsigned char *image;                /* a batch as bytes */
    float *pixel;                        /* the same, where the network takes float; else NULL */
    int32_t *label;
};

/* options.c: 0, or -1 after a message. */
int options_read(struct settings *s, int argc, char **argv);

/* hooks.c, besides the hooks of the generated header: the order of an epoch. */
void hooks_begin_epoch(struct run *r);

/* evaluate.c: mean loss and share of right answers; every picture counts once. confusion[actual * classes + answered], or NULL. */
void evaluate(struct run *r, const struct data *d, double *loss, double *accuracy, long *confusion);
void print_confusion(const struct run *r, const struct data *d, const long *confusion);

/* checkpoint.c: everything that a run needs to go on as if it had never stopped. 1: read or written, 0: no file, -1 after a message. */
int checkpoint_write(struct run *r);
int checkpoint_read(struct run *r);

/* weights.c: parameters as safetensors under PyTorch's names. 0, or -1 after a message. */
int weights_write(struct run *r, const char *path);
int weights_read(struct run *r, const char *path, int init_missing); /* init_missing: what the file lacks stays as it is, and is named */

/* progress.c: a bar on a terminal, else a line now and then. */
void progress_begin(const struct run *r);
void progress_show(const struct run *r);
void progress_clear(const struct run *r);

/* log.c, curve.c: log.csv and curve.svg of the epochs so far. 0, or -1 after a message. */
int log_write(const struct run *r, int epochs);
int curve_write(const struct run *r, int epochs);

/* files.c: files of the run's folder, written beside and renamed, so that they are whole or not there. */
void run_path(const struct run *r, const char *name, char path[1200]);
FILE *file_begin(const char *path);
int file_end(FILE *f, const char *path); /* 0, or -1 after a message */
double now(void);                        /* seconds */

#endif
