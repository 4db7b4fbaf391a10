/* SPDX-License-Identifier: 0BSD
 *
 * Convolution in training, on plain tensors with weights [OC][IC / groups][KD][KH][KW] as they are learned: forward, gradient
 * of the input, gradient of the weights. 1-D, 2-D and 3-D, any stride, dilation and groups.
 *
 * cnnc_conv_train: in x, w, bias or NULL; out y. cnnc_conv_grad_input: in dy, w; out dx. cnnc_conv_grad_weight: in x, dy; out dw.
 *
 * The gradient of the input is a convolution of dy, spread by the stride, with the weights turned round: both share the
 * loop nest below. Threads split samples, or the weights; each output is summed by one thread in a fixed order.
 */
#include "base.h"
#include "conv.h"
#include "conv_train_plan.h"
#include "real.h"

/* One plane into its frame: element (y, x) of the source goes to row y * sy + py, column x * sx + px, where it is inside. */
CNNC_INLINE void CNNC_FN(cnnc_frame_fill)(CNNC_REAL *to, const struct cnnc_frame *f, const CNNC_REAL *from, int h, int w, int sy, int sx,
                                          int py, int px)
{
    const long columns = f->row / f->phases * f->phases;
    memset(to, 0, (size_t)f->plane * sizeof *to);
    for (int y = 0; y < h; y++) {
        const long r = (long)y * sy + py;
        if (r < 0 || r >= f->rows)
            continue;
        CNNC_REAL *row = to + r * f->row;
        const CNNC_REAL *p = from + (ptrdiff_t)y * w;
        for (int x = 0; x < w; x++) {
            const long c = (long)x * sx + px;
            if (c >= 0 && c < columns)
                row[f->phases == 1 ? c : c % f->phases * f->width + c / f->phases] = p[x];
        }
    }
}

/* The loop nest: y[o][z][y][x] = bias[o] + sum over i, taps of frame(i, z', y * sh + b * dh, x + c * dw) * w. */
struct cnnc_nest {
    int groups, icg, ocg, id, od, oh, ow;
    int kd, kh, kw, sd, sh, dd, dh, dw, pd;
    ptrdiff_t wo, wi, wt; /* strides of the weights: output channel, input channel; a tap: 1, or -1 and turned round */
    int spread;           /* gradient: planes of the frame lie `sd` apart */
};

CNNC_INLINE void CNNC_FN(cnnc_nest_row)(const struct cnnc_nest *k, const struct cnnc_frame *f, const CNNC_REAL *frame, const CNNC_REAL *w,
                                        const CNNC_REAL *bias, CNNC_REAL *out, long plane, int channels, int oz, int oy)
{
    const CNNC_REAL *wp[CNNC_TRAIN_OC];
    CNNC_UNROLL for (int o = 0; o < CNNC_TRAIN_OC; o++) wp[o] = w + (o < channels ? o : 0) * k->wo;
    for (int x = 0; x < k->ow; x += 2 * CNNC_RL) {
        cnnc_vr acc[CNNC_TRAIN_OC][2];
        CNNC_UNROLL for (int o = 0; o < CNNC_TRAIN_OC; o++) acc[o][0] = acc[o][1] = CNNC_RSET1(bias && o < channels ? bias[o] : 0);
        for (int i = 0; i < k->icg; i++)
            for (int a = 0; a < k->kd; a++) {
                int z = k->spread ? oz + k->pd - a * k->dd : oz * k->sd - k->pd + a * k->dd;
                if (k->spread) {
                    if (z < 0 || z % k->sd)
                        continue;
                    z /= k->sd;
                }
                if (z < 0 || z >= k->id)
                    continue;
                for (int b = 0; b < k->kh; b++) {
                    const CNNC_REAL *row = frame + ((long)i * k->id + z) * f->plane + (long)(oy * k->sh + b * k->dh) * f->row + x;
                    const ptrdiff_t at = i * k->wi + ((ptrdiff_t)(a * k->kh + (k->wt < 0 ? k->kh - 1 - b : b)) * k->kw);
                    CNNC_UNROLL_BY(5) for (int c = 0; c < k->kw; c++) {
                        const int d = c * k->dw;
                        const CNNC_REAL *p = row + (f->phases == 1 ? d : d % f->phases * f->width + d / f->phases);
                        const cnnc_vr v0 = CNNC_RLOAD(p), v1 = CNNC_RLOAD(p + CNNC_RL);
                        const ptrdiff_t tap = at + (k->wt < 0 ? k->kw - 1 - c : c);
                        CNNC_UNROLL for (int o = 0; o < CNNC_TRAIN_OC; o++) {
                            const cnnc_vr q = CNNC_RSET1(wp[o][tap]);
                            acc[o][0] = CNNC_RFMA(q, v0, acc[o][0]);
                            acc[o][1] = CNNC_RFMA(q, v1, acc[o][1]);
                        }
                    }
                }
            }
        CNNC_UNROLL for (int o = 0; o < CNNC_TRAIN_OC; o++)
            for (int v = 0; v < 2; v++) {
                const int left = k->ow - x - v * CNNC_RL;
                if (o < channels && left > 0)
                    CNNC_RSTORE_N(out + o * plane + x + v * CNNC_RL, acc[o][v], left < CNNC_RL ? left : CNNC_RL);
            }
    }
}

/* One sample, its frames filled. */
CNNC_INLINE void CNNC_FN(cnnc_nest)(const struct cnnc_nest *k, const struct cnnc_frame *f, const CNNC_REAL *frame, const CNNC_REAL *w,
                                    ptrdiff_t group_w, const CNNC_REAL *bias, CNNC_REAL *y)
{
    const long plane = (long)k->od * k->oh * k->ow;
    for (int g = 0; g < k->groups; g++)
        for (int o = 0; o < k->ocg; o += CNNC_TRAIN_OC) {
            const int channels = (int)cnnc_min(CNNC_TRAIN_OC, k->ocg - o);
            const long first = (long)g * k->ocg + o;
            for (int oz = 0; oz < k->od; oz++)
                for (int oy = 0; oy < k->oh; oy++)
                    CNNC_FN(cnnc_nest_row)(k, f, frame + (long)g * k->icg * k->id * f->plane, w + g * group_w + o * k->wo,
                                           bias ? bias + first : NULL, y + first * plane + ((long)oz * k->oh + oy) * k->ow, plane,
                                           channels, oz, oy);
        }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_train)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_frame f = cnnc_frame_x(g);
    const int icg = g->ic / g->groups, ocg = g->oc / g->groups;
    const ptrdiff_t taps = (ptrdiff_t)g->kd * g->kh * g->kw;
    const struct cnnc_nest k = {g->groups, icg, ocg, g->id, g->od, g->oh, g->ow, g->kd, g->kh, g->kw, g->sd, g->sh, g->dd, g->dh,
                                g->dw, g->pd, icg * taps, taps, 1, 0};
    CNNC_REAL *frame = t.scratch;
    long n, last;
    cnnc_split(g->n, t, &n, &last);
    for (; n < last; n++) {
        const CNNC_REAL *x = (const CNNC_REAL *)in[0] + n * g->ic * (ptrdiff_t)g->id * g->ih * g->iw;
        for (long p = 0; p < (long)g->ic * g->id; p++)
            CNNC_FN(cnnc_frame_fill)(frame + p * f.plane, &f, x + p * g->ih * g->iw, g->ih, g->iw, 1, 1, g->ph, g->pw);
        CNNC_FN(cnnc_nest)(&k, &f, frame, in[1], ocg * icg * taps, in[2], (CNNC_REAL *)out[0] + n * g->oc * (ptrdiff_t)g->od * g->oh * g->ow);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_grad_input)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_frame f = cnnc_frame_dy(g);
    const int icg = g->ic / g->groups, ocg = g->oc / g->groups;
    const ptrdiff_t taps = (ptrdiff_t)g->kd * g->kh * g->kw;
    const struct cnnc_nest k = {g->groups, ocg, icg, g->od, g->id, g->ih, g->iw, g->kd, g->kh, g->kw, g->sd, 1, g->dd, g->dh,
                                g->dw, g->pd, taps, icg * taps, -1, 1};
    CNNC_REAL *frame = t.scratch;
    long n, last;
    cnnc_split(g->n, t, &n, &last);
    for (; n < last; n++) {
        const CNNC_REAL *dy = (const CNNC_REAL *)in[0] + n * g->oc * (ptrdiff_t)g->od * g->oh * g->ow;
        for (long p = 0; p < (long)g->oc * g->od; p++)
            CNNC_FN(cnnc_frame_fill)(frame + p * f.plane, &f, dy + p * g->oh * g->ow, g->oh, g->ow, g->sh, g->sw,
                                     (g->kh - 1) * g->dh - g->ph, (g->kw - 1) * g->dw - g->pw);
        CNNC_FN(cnnc_nest)(&k, &f, frame, in[1], ocg * icg * taps, NULL, (CNNC_REAL *)out[0] + n * g->ic * (ptrdiff_t)g->id * g->ih * g->iw);
    }
}

/* Of four output channels and one row of taps: sums over the pixels of a plane, a vector each, kept between samples. */
CNNC_INLINE void CNNC_FN(cnnc_weight_rows)(const struct cnnc_conv *g, const struct cnnc_frame *f, const CNNC_REAL *frame,
                                           const CNNC_REAL *const dy[], int b, int c0, CNNC_REAL *sum, ptrdiff_t next)
{
    const int taps = (int)cnnc_min(CNNC_TRAIN_TAPS, g->kw - c0);
    cnnc_vr acc[CNNC_TRAIN_OC][CNNC_TRAIN_TAPS];
    CNNC_UNROLL for (int o = 0; o < CNNC_TRAIN_OC; o++)
        CNNC_UNROLL for (int c = 0; c < CNNC_TRAIN_TAPS; c++)
            acc[o][c] = c < taps ? CNNC_RLOAD(sum + o * next + c * CNNC_RL) : CNNC_RSET1(0);
    for (int y = 0; y < g->oh; y++) {
        const CNNC_REAL *row = frame + (long)(y * g->sh + b * g->dh) * f->row;
        for (int x = 0; x < g->ow; x += CNNC_RL) {
            const int left = g->ow - x < CNNC_RL ? g->ow - x : CNNC_RL;
            cnnc_vr d[CNNC_TRAIN_OC];
            CNNC_UNROLL for (int o = 0; o < CNNC_TRAIN_OC; o++) d[o] = CNNC_RLOAD_N(dy[o] + (ptrdiff_t)y * g->ow + x, left);
            CNNC_UNROLL for (int c = 0; c < CNNC_TRAIN_TAPS; c++) {
                if (c < taps) {
                    const int at = (c0 + c) * g->dw;
                    const cnnc_vr v = CNNC_RLOAD(row + x + (f->phases == 1 ? at : at % f->phases * f->width + at / f->phases));
                    CNNC_UNROLL for (int o = 0; o < CNNC_TRAIN_OC; o++) acc[o][c] = CNNC_RFMA(d[o], v, acc[o][c]);
                }
            }
        }
    }
    CNNC_UNROLL for (int o = 0; o < CNNC_TRAIN_OC; o++)
        CNNC_UNROLL for (int c = 0; c < CNNC_TRAIN_TAPS; c++)
            if (c < taps)
                CNNC_RSTORE(sum + o * next + c * CNNC_RL, acc[o][c]);
}

CNNC_INLINE void CNNC_FN(cnnc_conv_grad_weight)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_frame f = cnnc_frame_x(g);
    const int icg = g->ic / g->groups, ocg = g->oc / g->groups, blocks = (ocg + CNNC_TRAIN_OC - 1) / CNNC_TRAIN_OC;
    const ptrdiff_t taps = (ptrdiff_t)g->kd * g->kh * g->kw, area = (ptrdiff_t)g->oh * g->ow;
    CNNC_REAL *frame = t.scratch, *sum = frame + f.plane;
    long u, last;
    cnnc_split((long)g->groups * blocks * icg, t, &u, &last);
    for (; u < last; u++) {
        const int i = (int)(u % icg), o = (int)(u / icg % blocks) * CNNC_TRAIN_OC, group = (int)(u / icg / blocks);
        const int channels = (int)cnnc_min(CNNC_TRAIN_OC, ocg - o);
        const ptrdiff_t oc = (ptrdiff_t)group * ocg + o, ic = (ptrdiff_t)group * icg + i;
        for (ptrdiff_t k = 0; k < CNNC_TRAIN_OC * taps * CNNC_RL; k++)
            sum[k] = 0;
        for (long n = 0; n < g->n; n++)
            for (int z = 0; z < g->id; z++) {
                CNNC_FN(cnnc_frame_fill)(frame, &f, (const CNNC_REAL *)in[0] + ((n * g->ic + ic) * g->id + z) * (ptrdiff_t)g->ih * g->iw,
                                         g->ih, g->iw, 1, 1, g->ph, g->pw);
                for (int a = 0; a < g->kd; a++) {
                    const int from = z + g->pd - a * g->dd;
                    if (from < 0 || from % g->sd || from / g->sd >= g->od)
                        continue;
                    const CNNC_REAL *dy[CNNC_TRAIN_OC];
                    for (int k = 0; k < CNNC_TRAIN_OC; k++)
                        dy[k] = (const CNNC_REAL *)in[1] + ((n * g->oc + oc + (k < channels ? k : 0)) * g->od + from / g->sd) * area;
                    for (int b = 0; b < g->kh; b++)
                        for (int c = 0; c < g->kw; c += CNNC_TRAIN_TAPS)
                            CNNC_FN(cnnc_weight_rows)(g, &f, frame, dy, b, c, sum + ((ptrdiff_t)(a * g->kh + b) * g->kw + c) * CNNC_RL,
                                                      taps * CNNC_RL);
                }
            }
        for (int k = 0; k < channels; k++)
            for (ptrdiff_t tap = 0; tap < taps; tap++)
                ((CNNC_REAL *)out[0])[((oc + k) * icg + i) * taps + tap] = CNNC_RSUM(CNNC_RLOAD(sum + (k * taps + tap) * CNNC_RL));
    }
}
