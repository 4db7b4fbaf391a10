/* Pictures: PNG and JPEG in, PNG out, and what a network asks of one: its size, its channels. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stddef.h>
#include <stdint.h>

struct picture {
    int width, height, channels; /* 1: grey, 3: red, green, blue */
    uint8_t *pixel;              /* rows from top to bottom, channels last */
};

/* 0, or -1 after a message on stderr. Transparent pixels lie on white. */
int picture_read(struct picture *p, const char *path);
int picture_write(const struct picture *p, const char *path); /* PNG */
int picture_new(struct picture *p, int width, int height, int channels); /* black */
void picture_free(struct picture *p);

/* In place; 0, or -1 where there is no memory. Resizing is bilinear, and averages over what it makes smaller. */
int picture_resize(struct picture *p, int width, int height);
int picture_crop(struct picture *p, int x, int y, int width, int height);
int picture_channels(struct picture *p, int channels);

/* The shorter side becomes `shorter` (0: as the frame needs), then the middle is cut out. */
int picture_fit(struct picture *p, int width, int height, int shorter);

#endif
