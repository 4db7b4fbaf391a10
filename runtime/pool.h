/* SPDX-License-Identifier: 0BSD
 *
 * Pooling on the blocked layout: a vector holds channels, so every tap is one load. Literals that shape the code: op,
 * adaptive, kd, kh, kw, dd, dh, dw, sw, ep.
 */
#include "epilogue.h"
#include "pool_types.h"

CNNC_INLINE cnnc_vf CNNC_FN(cnnc_pool_power)(cnnc_vf v, float p)
{
    float lane[CNNC_VL];
    if (p == 1)
        return CNNC_VABS(v);
    if (p == 2)
        return CNNC_VMUL(v, v);
    CNNC_VSTORE(lane, CNNC_VABS(v));
    for (int i = 0; i < CNNC_VL; i++)
        lane[i] = powf(lane[i], p);
    return CNNC_VLOAD(lane);
}

CNNC_INLINE cnnc_vf CNNC_FN(cnnc_pool_step)(int op, float p, cnnc_vf acc, cnnc_vf v)
{
    if (op == CNNC_POOL_MAX)
        return CNNC_VMAX(acc, v);
    return CNNC_VADD(acc, op == CNNC_POOL_LP ? CNNC_FN(cnnc_pool_power)(v, p) : v);
}

CNNC_INLINE cnnc_vf CNNC_FN(cnnc_pool_finish)(int op, float p, cnnc_vf acc, float counted)
{
    if (op == CNNC_POOL_AVERAGE || op == CNNC_POOL_AVERAGE_PAD)
        return CNNC_VMUL(acc, CNNC_VSET1(counted > 0 ? 1 / counted : 0));
    if (op == CNNC_POOL_LP && p == 2)
        return CNNC_VSQRT(acc);
    if (op == CNNC_POOL_LP && p != 1)
        return CNNC_FN(cnnc_pool_power)(acc, 1 / p);
    return acc;
}

/* Where an output row's epilogue finds things: the operands at its first pixel, the true channels of its block. */
struct CNNC_FN(cnnc_pool_row) {
    struct cnnc_stage_args args;
    int channels;
    float *y;
};

/* One output pixel, all channels of the block. x: the window's first tap. */
CNNC_INLINE void CNNC_FN(cnnc_pool_pixel)(const struct cnnc_pool *g, const struct CNNC_FN(cnnc_pool_row) *row, int ow, const float *x,
                                          int td, int th, int tw, float counted)
{
    const ptrdiff_t sd = g->adaptive ? g->x.d : g->dd * g->x.d, sh = g->adaptive ? g->x.h : g->dh * g->x.h;
    const ptrdiff_t sw = g->adaptive ? CNNC_B : (ptrdiff_t)g->dw * CNNC_B, at = (ptrdiff_t)ow * CNNC_B;
    const int empty = td == 0 || th == 0 || tw == 0;
    cnnc_vf acc[CNNC_VPB];
    CNNC_UNROLL for (int v = 0; v < CNNC_VPB; v++)
        acc[v] = g->op == CNNC_POOL_MAX && !empty ? CNNC_VLOAD(x + v * CNNC_VL) : CNNC_VZERO();
    for (int d = 0; d < td; d++)
        for (int h = 0; h < th; h++)
            for (int w = 0; w < tw; w++)
                CNNC_UNROLL for (int v = 0; v < CNNC_VPB; v++)
                    acc[v] = CNNC_FN(cnnc_pool_step)(g->op, g->p, acc[v], CNNC_VLOAD(x + d * sd + h * sh + w * sw + v * CNNC_VL));
    CNNC_UNROLL for (int v = 0; v < CNNC_VPB; v++) {
        acc[v] = CNNC_FN(cnnc_pool_finish)(g->op, g->p, acc[v], counted);
        acc[v] = CNNC_FN(cnnc_epilogue)(&g->ep, acc[v], &row->args, at + v * CNNC_VL, v * CNNC_VL);
        CNNC_VSTORE(row->y + at + v * CNNC_VL, acc[v]);
    }
    if (!cnnc_epilogue_zero(&g->ep))
        for (int k = row->channels; k < CNNC_B; k++)
            row->y[at + k] = 0;
}

CNNC_INLINE void CNNC_FN(cnnc_pool)(const struct cnnc_pool *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int blocks = cnnc_blocks(g->c);
    const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 1);
    /* outputs whose windows lie inside along the width: [inner, edge) */
    const int inner = g->adaptive ? g->ow : (int)cnnc_min(g->ow, (g->pw + g->sw - 1) / g->sw);
    const int reach = g->iw + g->pw - (g->kw - 1) * g->dw;
    const int edge = g->adaptive ? g->ow : (int)cnnc_max(inner, cnnc_min(g->ow, reach > 0 ? (reach - 1) / g->sw + 1 : 0));
    const long rows = (long)g->od * g->oh, planes = (long)g->n * blocks;
    const int by_rows = cnnc_by_rows(g->n * rows, t);
    long first, last, r, end;
    cnnc_split(by_rows ? g->n * rows : planes * rows, t, &first, &last);
    for (long plane = 0; plane < planes; plane++) {
        const int b = (int)(plane % blocks), n = (int)(plane / blocks);
        for (cnnc_share_rows(by_rows, n, b, blocks, rows, first, last, &r, &end); r < end; r++) {
            const int y = (int)(r % g->oh), z = (int)(r / g->oh);
            const struct cnnc_window d = cnnc_window(z, g->id, g->od, g->kd, g->sd, g->dd, g->pd, g->ed, g->adaptive, g->op);
            const struct cnnc_window h = cnnc_window(y, g->ih, g->oh, g->kh, g->sh, g->dh, g->ph, g->eh, g->adaptive, g->op);
            const float *x = (const float *)in[0] + n * g->x.n + b * g->x.c + d.first * g->x.d + h.first * g->x.h;
            const float counted = (float)d.counted * (float)h.counted;
            const int whole = !g->adaptive && d.taps == g->kd && h.taps == g->kh;
            struct CNNC_FN(cnnc_pool_row) row;
            row.args = cnnc_stage_args_at(&g->ep, args, n * g->add.n + b * g->add.c + z * g->add.d + y * g->add.h, (ptrdiff_t)b * CNNC_B);
            row.channels = (int)cnnc_min(CNNC_B, g->c - (long)b * CNNC_B);
            row.y = (float *)out[0] + n * g->y.n + b * g->y.c + z * g->y.d + y * g->y.h;
            for (int i = 0; i < g->ow; i++) {
                if (whole && i == inner)
                    for (; i < edge; i++) /* here the window is literal, and its loops vanish */
                        CNNC_FN(cnnc_pool_pixel)(g, &row, i, x + (ptrdiff_t)(i * g->sw - g->pw) * CNNC_B, g->kd, g->kh, g->kw, counted * (float)g->kw);
                if (i < g->ow) {
                    const struct cnnc_window w = cnnc_window(i, g->iw, g->ow, g->kw, g->sw, g->dw, g->pw, g->ew, g->adaptive, g->op);
                    CNNC_FN(cnnc_pool_pixel)(g, &row, i, x + (ptrdiff_t)w.first * CNNC_B, d.taps, h.taps, w.taps, counted * (float)w.counted);
                }
            }
        }
    }
}

/* Over all of a plane or volume: od = oh = ow = 1. Four sums at once hide the latency of an addition. */
CNNC_INLINE void CNNC_FN(cnnc_pool_global)(const struct cnnc_pool *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int blocks = cnnc_blocks(g->c);
    const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 1);
    long r, last;
    cnnc_split((long)g->n * blocks, t, &r, &last);
    for (; r < last; r++) {
        const int b = (int)(r % blocks), n = (int)(r / blocks);
        const float *x = (const float *)in[0] + n * g->x.n + b * g->x.c;
        float *y = (float *)out[0] + n * g->y.n + b * g->y.c;
        const struct cnnc_stage_args a = cnnc_stage_args_at(&g->ep, args, n * g->add.n + b * g->add.c, (ptrdiff_t)b * CNNC_B);
        for (int v = 0; v < CNNC_VPB; v++) {
            cnnc_vf acc[4];
            CNNC_UNROLL for (int i = 0; i < 4; i++)
                acc[i] = g->op == CNNC_POOL_MAX ? CNNC_VLOAD(x + v * CNNC_VL) : CNNC_VZERO();
            for (int d = 0; d < g->id; d++)
                for (int h = 0; h < g->ih; h++) {
                    const float *p = x + d * g->x.d + h * g->x.h + v * CNNC_VL;
                    int w = 0;
                    for (; w + 4 <= g->iw; w += 4, p += 4 * CNNC_B)
                        CNNC_UNROLL for (int i = 0; i < 4; i++)
                            acc[i] = CNNC_FN(cnnc_pool_step)(g->op, g->p, acc[i], CNNC_VLOAD(p + i * CNNC_B));
                    CNNC_UNROLL for (int i = 0; i < 3; i++)
                        if (w + i < g->iw)
                            acc[i] = CNNC_FN(cnnc_pool_step)(g->op, g->p, acc[i], CNNC_VLOAD(p + i * CNNC_B));
                }
            if (g->op == CNNC_POOL_MAX)
                acc[0] = CNNC_VMAX(CNNC_VMAX(acc[0], acc[1]), CNNC_VMAX(acc[2], acc[3]));
            else
                acc[0] = CNNC_VADD(CNNC_VADD(acc[0], acc[1]), CNNC_VADD(acc[2], acc[3]));
            acc[0] = CNNC_FN(cnnc_pool_finish)(g->op, g->p, acc[0], (float)g->id * (float)g->ih * (float)g->iw);
            CNNC_VSTORE(y + v * CNNC_VL, CNNC_FN(cnnc_epilogue)(&g->ep, acc[0], &a, v * CNNC_VL, v * CNNC_VL));
        }
        if (!cnnc_epilogue_zero(&g->ep))
            for (long k = g->c - (long)b * CNNC_B; k < CNNC_B; k++)
                y[k] = 0;
    }
}
