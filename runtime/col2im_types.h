/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of Col2Im.
 */
#ifndef CNNC_COL2IM_TYPES_H
#define CNNC_COL2IM_TYPES_H
#include "base.h"

/* Col2Im: in x [n][c * kernel][blocks]; out y [n][c][image]. */
struct cnnc_col2im {
    int rank, dtype;
    long n, c, image[4], kernel[4], stride[4], dilation[4], before[4], count[4];
};

#endif
