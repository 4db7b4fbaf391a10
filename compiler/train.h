/* Training, as a .net's train section or the command line says. */
#ifndef TRAIN_H
#define TRAIN_H

#include <stdbool.h>

#include "diag.h"

struct train_loss {
    const char *kind;   /* "cross_entropy", "mse", "bce" */
    const char *tensor; /* NULL: the network's first output, or what its softmax takes */
    double weight;
    double smoothing;   /* of cross_entropy: -1: what all losses have */
    struct span span;
};
enum { MAX_LOSSES = 8 };
/* The learning rate over the epochs. */
struct schedule {
    const char *kind;   /* "constant", "step", "cosine" */
    double warmup;      /* epochs in which it grows from 0 */
    double every, factor, at[16]; /* step: times factor every so many epochs, or at n of them */
    int n;
    double to;          /* cosine: where it ends */
};
/* What happens to pictures before they are trained on: mirrored or not; moved by so many pixels; cut out of a black border. */
struct augment {
    bool flip;
    int shift, crop;
};
struct train {
    struct train_loss loss[MAX_LOSSES];
    int losses;
    const char *optimizer; /* "sgd", "adam", "adamw", "rmsprop" */
    double rate, momentum, beta1, beta2, alpha, epsilon, decay, smoothing;
    bool nesterov, decay_all; /* decay_all: of biases and norms too (as PyTorch does) */
    struct schedule schedule;
    double clip;           /* the norm of all gradients together is at most this; 0: any */
    double dropout;        /* the ratio of every dropout; -1: its own */
    const char *freeze[16]; /* patterns of parameters that stay as they are; "UNTIL=LAYER" */
    int freezes;
    bool recompute;        /* activations are computed again instead of being kept */
    int accumulate;        /* calls of a step whose gradients make one update */
    int batch, epochs;
    struct augment augment;
    bool distributed, sync_bn; /* several processes add up their gradients; and the sums of their batch norms */
    bool in_double;        /* to check gradients */
    bool evaluates;        /* this graph is the one for evaluation: no backward, no updates */
};

#endif
