/* How many pictures of an IDX test set the generated network classifies as their labels say. */
#include <stdint.h>
#include <stdio.h>

#include "lenet5.h"

int main(int argc, char **argv)
{
    static lenet5_ctx net;
    static _Alignas(64) char arena[LENET5_ARENA_BYTES(1)];
    static uint8_t head[16], picture[28 * 28];
    float prob[10];
    char path[1200];
    long n = 0, right = 0;
    if (argc != 2 || lenet5_init(&net, NULL, 0, arena, sizeof arena, 1) != 0)
        return 1;
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte", argv[1]);
    FILE *images = fopen(path, "rb");
    snprintf(path, sizeof path, "%s/t10k-labels-idx1-ubyte", argv[1]);
    FILE *labels = fopen(path, "rb");
    if (!images || !labels || fread(head, 1, 16, images) != 16 || fread(head, 1, 8, labels) != 8)
        return 1;
    for (int label; (label = fgetc(labels)) != EOF && fread(picture, 1, sizeof picture, images) == sizeof picture; n++) {
        int best = 0;
        if (lenet5_run(&net, picture, prob) != 0)
            return 1;
        for (int k = 1; k < 10; k++)
            best = prob[k] > prob[best] ? k : best;
        right += best == label;
    }
    printf("%ld of %ld", right, n);
    fclose(images);
    fclose(labels);
    return 0;
}
