/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of operators that read images at places that need not be pixels.
 */
#ifndef CNNC_SAMPLE_TYPES_H
#define CNNC_SAMPLE_TYPES_H
#include "base.h"

/* GridSample: in x [n][c][in..], grid [n][out..][rank]; out y [n][c][out..]. places: product of out. */
enum cnnc_sample_mode { CNNC_SAMPLE_LINEAR, CNNC_SAMPLE_NEAREST, CNNC_SAMPLE_CUBIC };
enum cnnc_sample_border { CNNC_BORDER_ZEROS, CNNC_BORDER_EDGE, CNNC_BORDER_REFLECT };
struct cnnc_grid_sample {
    int rank, mode, border, align, dtype, grid;
    long n, c, in[3], places;
};

/* AffineGrid: in theta [n][rank][rank + 1], size; out [n][out..][rank]. */
struct cnnc_affine_grid {
    int rank, align, dtype;
    long n, out[3];
};

/* RoiAlign: in x [.][c][h][w], rois [n][4], batch of each [n] int64; out y [n][c][oh][ow]. */
struct cnnc_roi_align {
    long n, c, h, w, oh, ow, samples;
    double scale, shift;
    int max, dtype;
};

/* MaxRoiPool: in x [.][c][h][w], rois [n][5]; out y [n][c][oh][ow]. */
struct cnnc_roi_pool {
    long n, c, h, w, oh, ow;
    double scale;
    int dtype;
};

/* DeformConv: in x, w, offsets [n][groups_offset * taps * rank][out..], bias or NULL, mask [n][groups_offset * taps][out..] or
 * NULL; out y. Two spatial axes. */
struct cnnc_deform_conv {
    long n, groups, offset_groups, ic, oc, in[2], out[2], kernel[2], stride[2], dilation[2], before[2];
    int dtype;
};

#endif
