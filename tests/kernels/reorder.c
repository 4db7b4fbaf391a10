/* Layouts there and back, with halo, tails, batches and threads; the user's picture; what must stay untouched. */
#include "../../runtime/base.h"
#include "../../runtime/reorder.h"
#include "kernel_test.h"

#define B CNNC_B
static struct cnnc_view view(int c, int d, int h, int w, const int halo[3], int block, ptrdiff_t *start, size_t *size)
{
    struct cnnc_view v;
    const int planes = (c + block - 1) / block;
    v.h = (ptrdiff_t)(w + 2 * halo[2]) * block;
    v.d = v.h * (h + 2 * halo[1]);
    v.c = v.d * (d + 2 * halo[0]);
    v.n = v.c * planes;
    *start = halo[0] * v.d + halo[1] * v.h + (ptrdiff_t)halo[2] * block;
    *size = (size_t)v.n;
    return v;
}

static void there_and_back(int n, int c, int d, int h, int w, const int halo[3], int threads)
{
    static const int none[3] = {0, 0, 0};
    struct cnnc_reorder g = {n, c, d, h, w, {0}, {0}, 0};
    struct cnnc_halo border = {n, (c + B - 1) / B, d, h, w, {halo[0], halo[1], halo[2]}, {halo[0], halo[1], halo[2]}, {0}, B};
    ptrdiff_t start, zero;
    size_t xs, ys;
    float *x, *y, *z;
    int good = 1;
    g.x = view(c, d, h, w, none, 1, &zero, &xs);
    g.y = view(c, d, h, w, halo, B, &start, &ys);
    x = floats(xs * (size_t)n), z = floats(xs * (size_t)n), y = floats(ys * (size_t)n);
    fill(x, xs * (size_t)n, 7);
    for (size_t i = 0; i < ys * (size_t)n; i++)
        y[i] = NAN;
    border.y = g.y;
    for (int i = 0; i < threads; i++) {
        const struct cnnc_thread t = {i, threads, NULL};
        cnnc_halo(&border, NULL, (void *[]){y + start}, t);
        cnnc_to_blocked(&g, (const void *[]){x}, (void *[]){y + start}, t);
    }
    for (int in = 0; in < n; in++)
        for (int ic = 0; ic < (c + B - 1) / B * B; ic++)
            for (int id = -halo[0]; id < d + halo[0]; id++)
                for (int ih = -halo[1]; ih < h + halo[1]; ih++)
                    for (int iw = -halo[2]; iw < w + halo[2]; iw++) {
                        const float got = y[start + in * g.y.n + ic / B * g.y.c + id * g.y.d + ih * g.y.h + iw * B + ic % B];
                        const int inside = ic < c && id >= 0 && id < d && ih >= 0 && ih < h && iw >= 0 && iw < w;
                        good = good && got == (inside ? x[in * g.x.n + ic * g.x.c + id * g.x.d + ih * g.x.h + iw] : 0);
                    }
    check(good, "to blocked n %d c %d %dx%dx%d halo %d %d %d threads %d", n, c, d, h, w, halo[0], halo[1], halo[2], threads);
    struct cnnc_reorder back = {n, c, d, h, w, g.y, g.x, 0};
    for (int i = 0; i < threads; i++)
        cnnc_to_plain(&back, (const void *[]){y + start}, (void *[]){z}, (struct cnnc_thread){i, threads, NULL});
    check(memcmp(x, z, xs * (size_t)n * sizeof *x) == 0, "to plain n %d c %d %dx%dx%d", n, c, d, h, w);
    free(x), free(y), free(z);
}

static void picture(int u8, int hwc, int blocked, int c, int h, int w, int halo)
{
    const int block = blocked ? B : 1, at[3] = {0, halo, halo};
    const float mean[4] = {100, 110, 120, 130}, scale[4] = {.1f, .2f, .3f, .4f};
    struct cnnc_input g = {1, c, 1, h, w, 0, hwc ? 1 : (ptrdiff_t)h * w, 0, hwc ? (ptrdiff_t)w * c : w, hwc ? c : 1, {0}, u8, blocked};
    ptrdiff_t start;
    size_t size;
    float *y, *x = floats((size_t)(c * h * w));
    unsigned char *bytes = malloc((size_t)(c * h * w));
    int good = 1;
    g.y = view(c, 1, h, w, at, block, &start, &size);
    y = floats(size);
    for (int i = 0; i < c * h * w; i++)
        x[i] = bytes[i] = (unsigned char)(i * 37);
    for (int i = 0; i < 2; i++)
        cnnc_input(&g, (const void *[]){u8 ? (void *)bytes : (void *)x, mean, scale}, (void *[]){y + start}, (struct cnnc_thread){i, 2, NULL});
    for (int k = 0; k < (c + block - 1) / block * block; k++)
        for (int i = 0; i < h; i++)
            for (int j = 0; j < w; j++) {
                const float got = y[start + k / block * g.y.c + i * g.y.h + j * block + k % block];
                const float want = k < c ? (bytes[hwc ? (i * w + j) * c + k : (k * h + i) * w + j] - mean[k]) * scale[k] : 0;
                good = good && fabsf(got - want) < 1e-5f;
            }
    check(good, "picture u8 %d hwc %d blocked %d c %d %dx%d", u8, hwc, blocked, c, h, w);
    free(x), free(y), free(bytes);
}

int main(void)
{
    unsigned seed = 3;
    for (int i = 0; i < 200; i++) {
        const int halo[3] = {random_below(&seed, 2), random_below(&seed, 3), random_below(&seed, 3)};
        there_and_back(1 + random_below(&seed, 2), 1 + random_below(&seed, 40), 1 + random_below(&seed, 2), 1 + random_below(&seed, 7),
                       1 + random_below(&seed, 20), halo, 1 + random_below(&seed, 3));
    }
    for (int i = 0; i < 64; i++)
        picture(i & 1, i >> 1 & 1, i >> 2 & 1, 1 + (i >> 3 & 3), 5 + i % 3, 7 + i % 5, i >> 5);
    for (int w = 1; w <= 300; w += w < 40 ? 1 : 29) /* rows of bytes become floats by the vector, 128 at once */
        for (int hwc = 0; hwc < 2; hwc++)
            picture(1, hwc, 0, 3, 2, w, w & 1);
    return summary();
}
