/* Pictures against each other: filters PICTURE RESULT KERNEL compares RESULT with what the filter makes of PICTURE, computed here as its
 * definition says. Prints the largest difference; status 1 if it is more than rounding. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../examples/common/picture.h"

static const struct {
    const char *name;
    int size;
    double divisor, tap[25];
} filters[] = {
    {"identity", 3, 1, {0, 0, 0, 0, 1, 0, 0, 0, 0}},
    {"box", 3, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"edge", 3, 1, {-1, -1, -1, -1, 8, -1, -1, -1, -1}},
    {"sharpen", 3, 1, {0, -1, 0, -1, 5, -1, 0, -1, 0}},
    {"gaussian3", 3, 16, {1, 2, 1, 2, 4, 2, 1, 2, 1}},
    {"gaussian5", 5, 256, {1, 4, 6, 4, 1, 4, 16, 24, 16, 4, 6, 24, 36, 24, 6, 4, 16, 24, 16, 4, 1, 4, 6, 4, 1}},
};

static double at(const struct picture *p, int x, int y, int c)
{
    return x < 0 || y < 0 || x >= p->width || y >= p->height ? 0 : p->pixel[((size_t)y * (size_t)p->width + (size_t)x) * (size_t)p->channels + (size_t)c];
}

int main(int argc, char **argv)
{
    struct picture in, out;
    int worst = 0;
    if (argc != 4 || picture_read(&in, argv[1]) != 0 || picture_read(&out, argv[2]) != 0)
        return 2;
    if (in.width != out.width || in.height != out.height || in.channels != out.channels)
        return 2;
    for (size_t f = 0; f < sizeof filters / sizeof *filters; f++)
        for (int y = 0; strcmp(filters[f].name, argv[3]) == 0 && y < in.height; y++)
            for (int x = 0; x < in.width; x++)
                for (int c = 0; c < in.channels; c++) {
                    const int n = filters[f].size;
                    double v = 0;
                    for (int i = 0; i < n * n; i++)
                        v += filters[f].tap[i] * at(&in, x + i % n - n / 2, y + i / n - n / 2, c);
                    v /= filters[f].divisor;
                    const int want = (int)(v < 0 ? 0 : v > 255 ? 255 : v + .5), d = abs(want - (int)at(&out, x, y, c));
                    worst = d > worst ? d : worst;
                }
    printf("%s: largest difference %d\n", argv[3], worst);
    return worst > 1;
}
