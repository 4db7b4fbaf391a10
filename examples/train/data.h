/* Pictures with classes, in memory, as the network takes them. */
#ifndef DATA_H
#define DATA_H

#include <stddef.h>
#include <stdint.h>

/* What the network's input asks of a picture. */
struct frame {
    int height, width, channels;
    int channels_last; /* in memory: rows of pixels, not planes */
    int classes;
    size_t bytes;      /* of one picture */
};

struct data {
    long n;
    unsigned char *image; /* n pictures, one after the other */
    int32_t *label;       /* n classes */
    char (*name)[64];     /* of the classes */
    int classes;
};

enum data_part { DATA_TRAIN, DATA_TEST };

/* Reads a set; where `path` leads decides how:
 *     DIR or prefix with train-images-idx3-ubyte[.gz] and so on: IDX (MNIST, Fashion-MNIST); "DIR/mnist-" for DIR/mnist-train-images...
 *     DIR with data_batch_1.bin ... test_batch.bin, or one FILE.bin: CIFAR-10's binary format
 *     DIR with folders CLASS of PNG and JPEG, or train/CLASS and test/CLASS
 * fit: pictures of another size are resized and cut, else refused.
 * @return 1; 0: there is no such part (only for DATA_TEST); -1 after a message on stderr. */
int data_read(struct data *d, const struct frame *f, const char *path, enum data_part part, int fit);
void data_free(struct data *d);

/* Keeps the classes of a list "cat,dog", in its order; the others go. 0, or -1 after a message. */
int data_keep_classes(struct data *d, const struct frame *f, const char *list);

/* The share of every class that is held out moves from `from` to `to`; which pictures, the seed decides. 0, or -1 without memory. */
int data_split(struct data *from, struct data *to, const struct frame *f, double share, uint64_t seed);

/* ---- the readers. 1, 0: not of this kind, -1 after a message. */
int idx_read(struct data *d, const struct frame *f, const char *path, enum data_part part);
int cifar_read(struct data *d, const struct frame *f, const char *path, enum data_part part);
int folder_read(struct data *d, const struct frame *f, const char *path, enum data_part part, int fit);

/* n more places (image and label undefined), and what readers share. 0, or -1 after a message. */
int data_grow(struct data *d, const struct frame *f, long n);
int data_name_classes(struct data *d, int classes); /* "0", "1", ... */

/* splitmix64: a number that depends on x alone and looks random. Order, split and augmentation come from it. */
uint64_t random_mix(uint64_t x);

#endif
