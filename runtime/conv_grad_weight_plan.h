/* SPDX-License-Identifier: 0BSD
 *
 * What the gradient of a convolution's weights needs to know before it runs: its choices, and its room.
 */
#ifndef CNNC_CONV_GRAD_WEIGHT_PLAN_H
#define CNNC_CONV_GRAD_WEIGHT_PLAN_H
#include "conv.h"

/* A sample with its padding, as far as windows reach. */
CNNC_INLINE long cnnc_grad_frame_w(const struct cnnc_conv *g) { return (long)(g->ow - 1) * g->sw + (long)(g->kw - 1) * g->dw + 1; }
CNNC_INLINE long cnnc_grad_frame_h(const struct cnnc_conv *g) { return (long)(g->oh - 1) * g->sh + (long)(g->kh - 1) * g->dh + 1; }

CNNC_INLINE void cnnc_conv_grad_weight_plan(struct cnnc_conv *g) { g->ic_tail = g->ic < CNNC_B ? g->ic : 0; }

/* Sums of all taps of one pair of blocks. */
CNNC_INLINE size_t cnnc_conv_grad_weight_blocked_scratch(const struct cnnc_conv *g)
{
    return (size_t)(g->kd * g->kh * g->kw) * CNNC_B * CNNC_B * sizeof(float);
}
/* A frame, and sums of all taps. */
CNNC_INLINE size_t cnnc_conv_grad_weight_first_scratch(const struct cnnc_conv *g)
{
    return (size_t)(g->ic * cnnc_grad_frame_w(g) * cnnc_grad_frame_h(g) + 16 + (long)cnnc_blocks(g->oc) * CNNC_B * g->ic * g->kh * g->kw) *
           sizeof(float);
}
#endif
