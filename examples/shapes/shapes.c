/* Draws a data set to train on: ten shapes, turned, moved, in any size, bright on dark, with noise.
 *
 *     shapes DIR [--format=png|jpeg|idx|cifar] [--train=2000] [--test=500] [--seed=1]
 *
 * png, jpeg: DIR/train/CLASS/0001.png and DIR/test/..., 32x32 in colour; idx: DIR/train-images-idx3-ubyte and so on, 28x28 grey, as
 * MNIST has them; cifar: DIR/data_batch_1.bin ... DIR/test_batch.bin. The same seed draws the same pictures. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jpeglib.h>

#include "../common/picture.h"

enum { CLASSES = 10 };
static const char *const class_name[CLASSES] = {"bar", "cross", "disc", "frame", "half", "pair", "ring", "square", "star", "triangle"};

static uint64_t state;
static double uniform(double low, double high) /* splitmix64 */
{
    uint64_t x = state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return low + (high - low) * (double)((x ^ (x >> 31)) >> 11) * (1.0 / 9007199254740992.0);
}

/* Is the point inside the shape? It lies within the unit circle. */
static int inside(int shape, double x, double y)
{
    const double r = hypot(x, y), pi = acos(-1.0), turn = fmod(atan2(y, x) / (2 * pi) + 1, 1);
    switch (shape) {
    case 0: return fabs(x) < 0.9 && fabs(y) < 0.25;
    case 1: return (fabs(x) < 0.9 && fabs(y) < 0.25) || (fabs(y) < 0.9 && fabs(x) < 0.25);
    case 2: return r < 0.85;
    case 3: return fmax(fabs(x), fabs(y)) < 0.75 && fmax(fabs(x), fabs(y)) > 0.45;
    case 4: return r < 0.95 && y > 0;
    case 5: return hypot(x - 0.55, y) < 0.4 || hypot(x + 0.55, y) < 0.4;
    case 6: return r < 0.9 && r > 0.55;
    case 7: return fmax(fabs(x), fabs(y)) < 0.72;
    case 8: return r < 0.35 + 0.6 * fabs(2 * fmod(5 * turn, 1) - 1);
    default: return y > -0.5 && y < 1 - sqrt(3) * fabs(x);
    }
}

static void draw(struct picture *p, int shape)
{
    const int side = p->width, fine = 3, c = p->channels;
    const double size = uniform(0.28, 0.46) * side, angle = uniform(-0.5, 0.5), cx = side / 2.0 + uniform(-3, 3), cy = side / 2.0 + uniform(-3, 3);
    double ink[3], paper[3];
    for (int k = 0; k < c; k++) {
        paper[k] = uniform(0, 90);
        ink[k] = uniform(140, 255);
    }
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int hits = 0;
            for (int i = 0; i < fine * fine; i++) {
                const double u = (x + (i % fine + .5) / fine - cx) / size, v = (y + (i / fine + .5) / fine - cy) / size;
                hits += inside(shape, u * cos(angle) + v * sin(angle), v * cos(angle) - u * sin(angle));
            }
            for (int k = 0; k < c; k++) {
                const double value = paper[k] + (ink[k] - paper[k]) * hits / (fine * fine) + uniform(-25, 25);
                p->pixel[(y * side + x) * c + k] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + .5);
            }
        }
}

/* ---- formats ----------------------------------------------------------------------------------------------------- */

static FILE *open_new(const char *path)
{
    FILE *f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static FILE *create(const char *dir, const char *name)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return open_new(path);
}

static void big_endian(FILE *f, unsigned v)
{
    for (int i = 24; i >= 0; i -= 8)
        fputc((int)(v >> i & 255), f);
}

static void write_jpeg(const struct picture *p, const char *path)
{
    FILE *f = open_new(path);
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr errors;
    j.err = jpeg_std_error(&errors);
    jpeg_create_compress(&j);
    jpeg_stdio_dest(&j, f);
    j.image_width = (JDIMENSION)p->width;
    j.image_height = (JDIMENSION)p->height;
    j.input_components = p->channels;
    j.in_color_space = p->channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, 92, TRUE);
    jpeg_start_compress(&j, TRUE);
    for (int y = 0; y < p->height; y++) {
        JSAMPROW row = p->pixel + y * p->width * p->channels;
        jpeg_write_scanlines(&j, &row, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    fclose(f);
}

static void make_folder(const char *path)
{
    mkdir(path, 0777); /* what is wrong with it shows when a file is opened there */
}

static void write_folders(const char *dir, const char *set, int n, int jpeg)
{
    char sub[1100], path[1200];
    struct picture p;
    if (picture_new(&p, 32, 32, 3) != 0)
        exit(1);
    snprintf(sub, sizeof sub, "%s/%s", dir, set);
    make_folder(sub);
    for (int k = 0; k < CLASSES; k++) {
        snprintf(sub, sizeof sub, "%s/%s/%s", dir, set, class_name[k]);
        make_folder(sub);
    }
    for (int i = 0; i < n; i++) {
        draw(&p, i % CLASSES);
        snprintf(path, sizeof path, "%s/%s/%s/%04d.%s", dir, set, class_name[i % CLASSES], i / CLASSES + 1, jpeg ? "jpg" : "png");
        if (jpeg)
            write_jpeg(&p, path);
        else if (picture_write(&p, path) != 0)
            exit(1);
    }
    picture_free(&p);
}

static void write_idx(const char *dir, const char *set, int n)
{
    char name[64];
    struct picture p;
    if (picture_new(&p, 28, 28, 1) != 0)
        exit(1);
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", set);
    FILE *images = create(dir, name);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", set);
    FILE *labels = create(dir, name);
    big_endian(images, 0x803);
    big_endian(images, (unsigned)n);
    big_endian(images, 28);
    big_endian(images, 28);
    big_endian(labels, 0x801);
    big_endian(labels, (unsigned)n);
    for (int i = 0; i < n; i++) {
        draw(&p, i % CLASSES);
        fwrite(p.pixel, 1, 28 * 28, images);
        fputc(i % CLASSES, labels);
    }
    fclose(images);
    fclose(labels);
    picture_free(&p);
}

static void write_cifar(const char *dir, const char *name, int n)
{
    struct picture p;
    FILE *f = create(dir, name);
    if (picture_new(&p, 32, 32, 3) != 0)
        exit(1);
    for (int i = 0; i < n; i++) {
        draw(&p, i % CLASSES);
        fputc(i % CLASSES, f);
        for (int k = 0; k < 3 * 1024; k++)
            fputc(p.pixel[k % 1024 * 3 + k / 1024], f);
    }
    fclose(f);
    picture_free(&p);
}

int main(int argc, char **argv)
{
    const char *dir = NULL, *format = "png";
    int train = 2000, test = 500;
    state = 1;
    for (int i = 1; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        if (value && strncmp(argv[i], "--format=", 9) == 0)
            format = value + 1;
        else if (value && strncmp(argv[i], "--train=", 8) == 0)
            train = atoi(value + 1);
        else if (value && strncmp(argv[i], "--test=", 7) == 0)
            test = atoi(value + 1);
        else if (value && strncmp(argv[i], "--seed=", 7) == 0)
            state = strtoull(value + 1, NULL, 0);
        else if (argv[i][0] != '-' && !dir)
            dir = argv[i];
        else
            dir = NULL, i = argc;
    }
    const int idx = strcmp(format, "idx") == 0, cifar = strcmp(format, "cifar") == 0, jpeg = strcmp(format, "jpeg") == 0;
    if (!dir || train < 1 || test < 1 || !(idx || cifar || jpeg || strcmp(format, "png") == 0)) {
        fprintf(stderr, "usage: %s DIR [--format=png|jpeg|idx|cifar] [--train=N] [--test=N] [--seed=N]\n", argv[0]);
        return 1;
    }
    make_folder(dir);
    if (idx) {
        write_idx(dir, "train", train);
        write_idx(dir, "t10k", test);
    } else if (cifar) {
        for (int i = 1; i <= 5; i++) {
            char name[64];
            snprintf(name, sizeof name, "data_batch_%d.bin", i);
            write_cifar(dir, name, train / 5);
        }
        write_cifar(dir, "test_batch.bin", test);
        FILE *f = create(dir, "batches.meta.txt");
        for (int k = 0; k < CLASSES; k++)
            fprintf(f, "%s\n", class_name[k]);
        fclose(f);
    } else {
        write_folders(dir, "train", train, jpeg);
        write_folders(dir, "test", test, jpeg);
    }
    return 0;
}
