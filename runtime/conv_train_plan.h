/* SPDX-License-Identifier: 0BSD
 *
 * Room that the convolutions of training need: a thread copies what it convolves into a frame of zeros, so that no loop
 * tests for edges. Elements of `real` bytes.
 */
#ifndef CNNC_CONV_TRAIN_PLAN_H
#define CNNC_CONV_TRAIN_PLAN_H
#include "conv.h"

enum { CNNC_FRAME_SLACK = 32, CNNC_TRAIN_OC = 4, CNNC_TRAIN_TAPS = 5 };

/* Planes of rows in which neighbouring outputs read neighbouring elements: a row is split into `phases` = stride rows. */
struct cnnc_frame {
    int phases;
    long width, row, rows, plane; /* elements of a phase, of a row, rows, elements of a plane */
};

CNNC_INLINE struct cnnc_frame cnnc_frame(int out_w, int stride, int reach_w, int out_h, int stride_h, int reach_h)
{
    struct cnnc_frame f;
    f.phases = stride;
    f.width = out_w + (reach_w + stride - 1) / stride + CNNC_FRAME_SLACK;
    f.row = f.width * stride;
    f.rows = (long)(out_h - 1) * stride_h + reach_h + 1;
    f.plane = f.row * f.rows;
    return f;
}

/* Of the input, as the forward convolution and the gradient of the weights read it. */
CNNC_INLINE struct cnnc_frame cnnc_frame_x(const struct cnnc_conv *g)
{
    return cnnc_frame(g->ow, g->sw, (g->kw - 1) * g->dw, g->oh, g->sh, (g->kh - 1) * g->dh);
}
/* Of the output's gradient, spread by the stride, as the gradient of the input reads it. */
CNNC_INLINE struct cnnc_frame cnnc_frame_dy(const struct cnnc_conv *g)
{
    return cnnc_frame(g->iw, 1, (g->kw - 1) * g->dw, g->ih, 1, (g->kh - 1) * g->dh);
}

CNNC_INLINE size_t cnnc_conv_train_scratch(const struct cnnc_conv *g, size_t real)
{
    return (size_t)(cnnc_frame_x(g).plane * g->ic * g->id) * real;
}
CNNC_INLINE size_t cnnc_conv_grad_input_scratch(const struct cnnc_conv *g, size_t real)
{
    return (size_t)(cnnc_frame_dy(g).plane * g->oc * g->od) * real;
}
CNNC_INLINE size_t cnnc_conv_grad_weight_scratch(const struct cnnc_conv *g, size_t real)
{
    return (size_t)(cnnc_frame_x(g).plane + (long)CNNC_TRAIN_OC * g->kd * g->kh * g->kw * 16) * real;
}
#endif
