#include "picture.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

static int complain(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    return -1;
}

int picture_new(struct picture *p, int width, int height, int channels)
{
    *p = (struct picture){width, height, channels, calloc((size_t)width * (size_t)height, (size_t)channels)};
    return p->pixel ? 0 : -1;
}

void picture_free(struct picture *p)
{
    free(p->pixel);
    p->pixel = NULL;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int read_png(struct picture *p, const char *path)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    const png_color white = {255, 255, 255};
    if (!png_image_begin_read_from_file(&image, path))
        return complain(path, image.message);
    image.format = image.format & PNG_FORMAT_FLAG_COLOR ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    if (picture_new(p, (int)image.width, (int)image.height, image.format == PNG_FORMAT_RGB ? 3 : 1) != 0) {
        png_image_free(&image);
        return complain(path, "out of memory");
    }
    if (!png_image_finish_read(&image, &white, p->pixel, 0, NULL)) {
        picture_free(p);
        return complain(path, image.message);
    }
    return 0;
}

struct jpeg_trouble {
    struct jpeg_error_mgr manager;
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
};

static void jpeg_stop(j_common_ptr c)
{
    struct jpeg_trouble *t = (struct jpeg_trouble *)c->err;
    t->manager.format_message(c, t->text);
    longjmp(t->back, 1);
}

static void jpeg_keep(j_common_ptr c) /* the last warning, instead of printing it */
{
    struct jpeg_trouble *t = (struct jpeg_trouble *)c->err;
    t->manager.format_message(c, t->text);
}

static int read_jpeg(struct picture *p, const char *path, FILE *f)
{
    struct jpeg_decompress_struct j;
    struct jpeg_trouble trouble;
    j.err = jpeg_std_error(&trouble.manager);
    trouble.manager.error_exit = jpeg_stop;
    trouble.manager.output_message = jpeg_keep;
    p->pixel = NULL;
    if (setjmp(trouble.back)) {
        jpeg_destroy_decompress(&j);
        picture_free(p);
        return complain(path, trouble.text);
    }
    jpeg_create_decompress(&j);
    jpeg_stdio_src(&j, f);
    jpeg_read_header(&j, TRUE);
    j.out_color_space = j.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&j);
    if (picture_new(p, (int)j.output_width, (int)j.output_height, j.output_components) != 0) {
        jpeg_destroy_decompress(&j);
        return complain(path, "out of memory");
    }
    while (j.output_scanline < j.output_height) {
        JSAMPROW row = p->pixel + (size_t)j.output_scanline * j.output_width * (size_t)j.output_components;
        jpeg_read_scanlines(&j, &row, 1);
    }
    jpeg_finish_decompress(&j);
    const int damaged = trouble.manager.num_warnings > 0;
    jpeg_destroy_decompress(&j);
    if (damaged)
        picture_free(p);
    return damaged ? complain(path, trouble.text) : 0;
}

int picture_read(struct picture *p, const char *path)
{
    unsigned char start[8] = {0};
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return -1;
    }
    const size_t n = fread(start, 1, sizeof start, f);
    rewind(f);
    int status;
    if (n == sizeof start && png_sig_cmp(start, 0, sizeof start) == 0)
        status = read_png(p, path);
    else if (n > 2 && start[0] == 0xFF && start[1] == 0xD8)
        status = read_jpeg(p, path, f);
    else
        status = complain(path, "neither PNG nor JPEG");
    fclose(f);
    return status;
}

int picture_write(const struct picture *p, const char *path)
{
    png_image image = {.version = PNG_IMAGE_VERSION, .width = (png_uint_32)p->width, .height = (png_uint_32)p->height,
                       .format = p->channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
    return png_image_write_to_file(&image, path, 0, p->pixel, 0, NULL) ? 0 : complain(path, image.message);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

static void replace(struct picture *p, struct picture *by)
{
    picture_free(p);
    *p = *by;
}

/* One axis: each output is a mean of inputs with weights that fall off linearly; the support grows with the reduction, so that
 * nothing is skipped (a triangle filter). n lines at distance `line`; elements of a line at distance `step`. */
static void resize_axis(const float *from, float *to, int in, int out, size_t lines, size_t from_line, size_t to_line, size_t from_step,
                        size_t to_step)
{
    const double scale = (double)in / out, support = scale > 1 ? scale : 1;
    for (int o = 0; o < out; o++) {
        const double centre = (o + .5) * scale - .5;
        int first = (int)(centre - support), last = (int)(centre + support) + 1;
        double sum = 0;
        first = first < 0 ? 0 : first;
        last = last > in - 1 ? in - 1 : last;
        for (int i = first; i <= last; i++) {
            const double d = (i > centre ? i - centre : centre - i) / support;
            sum += d < 1 ? 1 - d : 0;
        }
        for (size_t l = 0; l < lines; l++) {
            double v = 0;
            for (int i = first; i <= last; i++) {
                const double d = (i > centre ? i - centre : centre - i) / support;
                v += d < 1 ? (1 - d) * from[l * from_line + (size_t)i * from_step] : 0;
            }
            to[l * to_line + (size_t)o * to_step] = (float)(v / sum);
        }
    }
}

int picture_resize(struct picture *p, int width, int height)
{
    const size_t w = (size_t)p->width, h = (size_t)p->height, c = (size_t)p->channels, nw = (size_t)width, nh = (size_t)height;
    struct picture q;
    if (w == nw && h == nh)
        return 0;
    float *a = malloc(sizeof *a * w * h), *b = malloc(sizeof *b * nw * h), *d = malloc(sizeof *d * nw * nh);
    int status = picture_new(&q, width, height, p->channels);
    if (!a || !b || !d)
        status = -1;
    for (size_t k = 0; k < c && status == 0; k++) {
        for (size_t i = 0; i < w * h; i++)
            a[i] = p->pixel[i * c + k];
        resize_axis(a, b, p->width, width, h, w, nw, 1, 1);
        resize_axis(b, d, p->height, height, nw, 1, 1, nw, nw);
        for (size_t i = 0; i < nw * nh; i++)
            q.pixel[i * c + k] = (uint8_t)(d[i] < 0 ? 0 : d[i] > 255 ? 255 : d[i] + .5f);
    }
    free(a);
    free(b);
    free(d);
    if (status == 0)
        replace(p, &q);
    else
        picture_free(&q);
    return status;
}

int picture_crop(struct picture *p, int x, int y, int width, int height)
{
    struct picture q;
    const size_t c = (size_t)p->channels;
    if (x < 0 || y < 0 || x + width > p->width || y + height > p->height || picture_new(&q, width, height, p->channels) != 0)
        return -1;
    for (int r = 0; r < height; r++)
        memcpy(q.pixel + (size_t)r * (size_t)width * c, p->pixel + ((size_t)(y + r) * (size_t)p->width + (size_t)x) * c, (size_t)width * c);
    replace(p, &q);
    return 0;
}

int picture_channels(struct picture *p, int channels)
{
    struct picture q;
    const size_t n = (size_t)p->width * (size_t)p->height;
    if (p->channels == channels)
        return 0;
    if (picture_new(&q, p->width, p->height, channels) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (channels == 1) /* brightness as in ITU-R BT.601 */
            q.pixel[i] = (uint8_t)((299 * p->pixel[3 * i] + 587 * p->pixel[3 * i + 1] + 114 * p->pixel[3 * i + 2] + 500) / 1000);
        else
            q.pixel[3 * i] = q.pixel[3 * i + 1] = q.pixel[3 * i + 2] = p->pixel[i];
    replace(p, &q);
    return 0;
}

int picture_fit(struct picture *p, int width, int height, int shorter)
{
    double scale = (double)width / p->width > (double)height / p->height ? (double)width / p->width : (double)height / p->height;
    if (shorter > 0) {
        const double wish = (double)shorter / (p->width < p->height ? p->width : p->height);
        scale = wish > scale ? wish : scale;
    }
    int w = (int)(p->width * scale + .5), h = (int)(p->height * scale + .5);
    w = w < width ? width : w;
    h = h < height ? height : h;
    return picture_resize(p, w, h) != 0 ? -1 : picture_crop(p, (w - width) / 2, (h - height) / 2, width, height);
}
