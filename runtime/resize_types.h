/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of Resize. Operands: in[0] x, out[0] y, plain.
 */
#ifndef CNNC_RESIZE_TYPES_H
#define CNNC_RESIZE_TYPES_H
#include "base.h"

enum cnnc_resize_mode { CNNC_RESIZE_NEAREST, CNNC_RESIZE_LINEAR, CNNC_RESIZE_CUBIC };
enum cnnc_resize_place {
    CNNC_PLACE_HALF_PIXEL, CNNC_PLACE_HALF_PIXEL_SYMMETRIC, CNNC_PLACE_PYTORCH, CNNC_PLACE_ALIGN_CORNERS,
    CNNC_PLACE_ASYMMETRIC, CNNC_PLACE_CROP
};
enum cnnc_resize_nearest { CNNC_NEAREST_PREFER_FLOOR, CNNC_NEAREST_PREFER_CEIL, CNNC_NEAREST_FLOOR, CNNC_NEAREST_CEIL };

/* rounded: integers are rounded to nearest even, not cut. same: axes that stay as they are (neighbours are joined). from, to: the part of the axis that CROP looks at; outside it is
 * `outside`. Scratch: see cnnc_resize_scratch. */
struct cnnc_resize {
    int rank, dtype, bytes, mode, place, nearest, antialias, exclude_outside, rounded;
    int same[8];
    long x[8], y[8];
    double scale[8], from[8], to[8], cubic, outside;
};

#endif
