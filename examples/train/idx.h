/* Pictures and classes from IDX files (LeCun's format of MNIST), compressed or not. */
#ifndef IDX_H
#define IDX_H
#include <stdint.h>

struct idx {
    long n;
    int h, w;
    long bytes; /* of a picture */
    unsigned char *image;
    int32_t *label;
};

/* DIR/PREFIXtrain-images-idx3-ubyte[.gz] and -labels-idx1-ubyte[.gz]; set is "train" or "t10k". 0, with a message, on failure. */
int idx_read(struct idx *x, const char *dir, const char *prefix, const char *set);
void idx_free(struct idx *x);
#endif
