/* SPDX-License-Identifier: 0BSD
 *
 * What the gradient of a convolution's weights needs to know before it runs: its choices, and its room.
 */
#ifndef CNNC_CONV_GRAD_WEIGHT_PLAN_H
#define CNNC_CONV_GRAD_WEIGHT_PLAN_H
#include "conv.h"

/* Few weights are too little work to share out. Then the samples are summed in several parts, which the geometry alone decides so that the
 * bits are the same for any number of threads; what is written are the sums of the parts, and cnnc_weight_sum makes dw of them. */
struct cnnc_grad_weight {
    struct cnnc_conv c;
    int parts; /* literal; 1: dw itself is written */
    int group; /* Winograd: output blocks whose sums are kept at once */
};

/* in: sums of parts; out dw [oc][ic][taps] */
enum cnnc_weight_form {
    CNNC_WEIGHT_BLOCKED, /* [parts][OC / B][IC / B][taps][B in][B out] */
    CNNC_WEIGHT_FIRST,   /* [parts][OC / B][IC][taps][B] */
    CNNC_WEIGHT_WINOGRAD /* [parts][36][OC / B][IC / B][B in][B out], positions cnnc_grad_winograd_position() apart */
};
struct cnnc_weight_sum {
    int oc, ic, taps, parts; /* ic: of a group */
    int form;                /* literal; enum cnnc_weight_form */
};

/* Floats between the 36 positions of sums for so many pairs of blocks, not a power of two. */
CNNC_INLINE ptrdiff_t cnnc_grad_winograd_position(long pairs) { return (ptrdiff_t)(pairs * CNNC_B + 1) * CNNC_B; }

/* Floats of a part's sums. */
CNNC_INLINE ptrdiff_t cnnc_weight_sum_part(const struct cnnc_weight_sum *g)
{
    const long ob = cnnc_blocks(g->oc), ib = cnnc_blocks(g->ic);
    return g->form == CNNC_WEIGHT_WINOGRAD ? 36 * cnnc_grad_winograd_position(ob * ib)
                                           : (ptrdiff_t)ob * g->taps * CNNC_B * (g->form == CNNC_WEIGHT_FIRST ? g->ic : ib * CNNC_B);
}

/* Parts for work that falls into `units`: none where these are enough; at most 8 of at least one of `most`, and 4 MB. */
CNNC_INLINE int cnnc_grad_parts(const struct cnnc_grad_weight *g, int form, long units, long most)
{
    const struct cnnc_weight_sum s = {g->c.oc, g->c.ic / g->c.groups, g->c.kd * g->c.kh * g->c.kw, 1, form};
    return units >= 12 ? 1 : (int)cnnc_max(1, cnnc_min(cnnc_min(8, most), (1 << 20) / cnnc_weight_sum_part(&s)));
}

/* ---- direct ---- */

/* A sample with its padding, as far as windows reach. */
CNNC_INLINE long cnnc_grad_frame_w(const struct cnnc_conv *g) { return (long)(g->ow - 1) * g->sw + (long)(g->kw - 1) * g->dw + 1; }
CNNC_INLINE long cnnc_grad_frame_h(const struct cnnc_conv *g) { return (long)(g->oh - 1) * g->sh + (long)(g->kh - 1) * g->dh + 1; }

CNNC_INLINE void cnnc_conv_grad_weight_plan(struct cnnc_grad_weight *g, int form)
{
    struct cnnc_conv *c = &g->c;
    const long rows = (long)c->kd * c->kh * cnnc_blocks(c->ic / c->groups);
    c->ic_tail = c->ic < CNNC_B ? c->ic : 0;
    g->parts = cnnc_grad_parts(g, form, cnnc_blocks(c->oc) * (form == CNNC_WEIGHT_FIRST ? 1 : rows), c->n);
}

/* Sums of all taps of one pair of blocks. */
CNNC_INLINE size_t cnnc_conv_grad_weight_blocked_scratch(const struct cnnc_grad_weight *g)
{
    return g->parts > 1 ? 0 : (size_t)(g->c.kd * g->c.kh * g->c.kw) * CNNC_B * CNNC_B * sizeof(float);
}
/* A frame, and sums of all taps. */
CNNC_INLINE size_t cnnc_conv_grad_weight_first_scratch(const struct cnnc_grad_weight *g)
{
    const struct cnnc_conv *c = &g->c;
    return (size_t)(c->ic * cnnc_grad_frame_w(c) * cnnc_grad_frame_h(c) + 16 + (long)cnnc_blocks(c->oc) * CNNC_B * c->ic * c->kh * c->kw) *
           sizeof(float);
}

/* ---- Winograd ---- */

/* Tiles of all samples. */
CNNC_INLINE long cnnc_grad_winograd_tiles(const struct cnnc_conv *g) { return (long)g->n * ((g->oh + 3) / 4) * ((g->ow + 3) / 4); }

/* Tiles that are transformed at once: all of a part, where the input's transform is then no more than some 4 MB; otherwise so many that
 * the transforms take some 2 MB, and 64 at least, which makes it cheap to read and write the sums. */
CNNC_INLINE void cnnc_conv_grad_weight_winograd_plan(struct cnnc_grad_weight *g)
{
    struct cnnc_conv *c = &g->c;
    const long ib = cnnc_blocks(c->ic), ob = cnnc_blocks(c->oc), tiles = cnnc_grad_winograd_tiles(c);
    c->winograd = 4, c->ic_tail = 0;
    g->parts = cnnc_grad_parts(g, CNNC_WEIGHT_WINOGRAD, ob, cnnc_max(1, tiles / 32));
    const long each = (tiles + g->parts - 1) / g->parts;
    const int whole = each * ib <= 2048;
    g->group = (int)(g->parts > 1 ? ob : cnnc_min(ob, cnnc_max(whole ? 4 : 64 / ib, 1)));
    c->tile_block = (int)(whole ? each : cnnc_min(each, cnnc_max(64, 896 / (ib + g->group))));
}

/* Transforms of the input and of dy; and, where dw is made at once, sums of a group. */
CNNC_INLINE size_t cnnc_conv_grad_weight_winograd_scratch(const struct cnnc_grad_weight *g)
{
    const long ib = cnnc_blocks(g->c.ic), tb = g->c.tile_block;
    const ptrdiff_t transforms = 36 * (cnnc_winograd_position(ib, tb) + cnnc_winograd_position(g->group, tb));
    return (size_t)(transforms + (g->parts > 1 ? 0 : 36 * cnnc_grad_winograd_position(g->group * ib))) * sizeof(float);
}
#endif
