/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of pooling.
 *
 * Operands: in[0] x, then the operands of the epilogue's stages (blocked kernels). out[0] y, out[1] the indices of the
 * maxima as int64_t or NULL (plain kernels).
 */
#ifndef CNNC_POOL_TYPES_H
#define CNNC_POOL_TYPES_H
#include "conv.h"

enum cnnc_pool_op {
    CNNC_POOL_MAX,
    CNNC_POOL_AVERAGE,                  /* over the pixels of the image in the window */
    CNNC_POOL_AVERAGE_PAD,              /* padding counts, what lies beyond it (ceil mode) does not */
    CNNC_POOL_SUM,
    CNNC_POOL_LP                        /* (sum of |x|^p)^(1/p) */
};

/* Windows are clipped at the borders: x needs no halo. A window that lies outside altogether gives 0.
 * 1-D and 2-D are volumes whose depth (and height) is 1. */
struct cnnc_pool {
    int n, c;
    int id, ih, iw;                     /* input: depth, height, width */
    int od, oh, ow;                     /* output; ceil mode shows here only */
    int kd, kh, kw;                     /* window */
    int sd, sh, sw;                     /* stride */
    int dd, dh, dw;                     /* dilation */
    int pd, ph, pw;                     /* padding before */
    int ed, eh, ew;                     /* padding after: only CNNC_POOL_AVERAGE_PAD looks at it */
    int op;                             /* literal: enum cnnc_pool_op */
    int adaptive;                       /* literal: output o takes [floor(o * i / n), ceil((o + 1) * i / n)); k, s, d, p unused */
    int column_major;                   /* indices count along the height first */
    float p;
    struct cnnc_view x, y, add;
    struct cnnc_epilogue ep;
};

/* A gradient: the geometry of the forward operator, with dx as x and dy as y; maximum: the views of the forward operator's x and y. */
struct cnnc_pool_grad {
    struct cnnc_pool p;
    struct cnnc_view from, most;
};

/* The part of a window that lies in the image, along one axis. */
struct cnnc_window {
    int first, taps, step;              /* positions first, first + step, ... */
    int counted;                        /* taps that the average divides by */
};

CNNC_INLINE struct cnnc_window cnnc_window(int o, int in, int out, int k, int s, int d, int before, int after, int adaptive, int op)
{
    struct cnnc_window w;
    if (adaptive) {
        w.first = (int)((long)o * in / out);
        w.taps = w.counted = (int)((((long)o + 1) * in + out - 1) / out) - w.first;
        w.step = 1;
    } else {
        const int start = o * s - before, skip = start < 0 ? (-start + d - 1) / d : 0;
        const int end = start >= in ? 0 : (int)cnnc_min(k, (in - 1 - start) / d + 1);
        const int padded = start >= in + after ? 0 : (int)cnnc_min(k, (in + after - 1 - start) / d + 1);
        w.first = start + skip * d;
        w.taps = end > skip ? end - skip : 0;
        w.step = d;
        w.counted = op == CNNC_POOL_AVERAGE_PAD ? padded : w.taps;
    }
    return w;
}

#endif
