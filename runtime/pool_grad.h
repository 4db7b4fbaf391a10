/* SPDX-License-Identifier: 0BSD
 *
 * Gradients of pooling on blocked tensors. Geometry struct cnnc_pool_grad, as of the forward operator: x is the view of dx, y of dy.
 * A thread has whole planes of a block: what it adds up is its own.
 *
 * cnnc_max_window_grad_blocked: in dy, x, y, operands of stages; out dx. The first of equal maxima in a window takes its gradient.
 * cnnc_average_pool_grad_blocked: in dy; out dx; of sums, too. Geometry struct cnnc_pool.
 * cnnc_global_pool_grad_blocked: in dy, operands of stages; out dx. Geometry struct cnnc_stages: x of dy, y of dx.
 */
#include "epilogue.h"
#include "pool_types.h"
#include "train_types.h"

/* Windows that do not overlap and leave nothing out: every element is written once. */
CNNC_INLINE int CNNC_FN(cnnc_pool_apart)(const struct cnnc_pool *g)
{
    return g->sw == g->kw && g->sh == g->kh && g->sd == g->kd && g->dw == 1 && g->dh == 1 && g->dd == 1 && g->pd + g->ph + g->pw == 0 &&
           g->od * g->kd == g->id && g->oh * g->kh == g->ih && g->ow * g->kw == g->iw;
}

CNNC_INLINE void CNNC_FN(cnnc_pool_grad_clear)(const struct cnnc_pool *g, float *dx)
{
    for (long z = 0; z < g->id; z++)
        for (long y = 0; y < g->ih; y++)
            memset(dx + z * g->x.d + y * g->x.h, 0, (size_t)g->iw * CNNC_B * sizeof *dx);
}

/* One window: the gradient d goes to the first tap whose x is the maximum. dx, x and args: the window's first element. */
CNNC_INLINE void CNNC_FN(cnnc_max_window)(const struct cnnc_pool_grad *k, float *dx, const float *x, const struct cnnc_stage_args *args,
                                          cnnc_vf most, cnnc_vf d, int td, int th, int tw, const int apart)
{
    const struct cnnc_pool *g = &k->p;
    for (int a = 0; a < td; a++)
        for (int b = 0; b < th; b++)
            for (int c = 0; c < tw; c++) {
                const ptrdiff_t z = (ptrdiff_t)a * g->dd, y = (ptrdiff_t)b * g->dh, right = (ptrdiff_t)c * g->dw * CNNC_B;
                float *to = dx + z * g->x.d + y * g->x.h + right;
                const cnnc_vm is = CNNC_VEQ(CNNC_VLOAD(x + z * k->from.d + y * k->from.h + right), most);
                const cnnc_vf here = CNNC_VSELECT(is, d, CNNC_VZERO());
                d = CNNC_VSELECT(is, CNNC_VZERO(), d);
                CNNC_VSTORE(to, apart ? CNNC_FN(cnnc_epilogue)(&g->ep, here, args, z * g->add.d + y * g->add.h + right, 0)
                                      : CNNC_VADD(CNNC_VLOAD(to), here));
            }
}

CNNC_INLINE void CNNC_FN(cnnc_max_window_grad_blocked)(const struct cnnc_pool_grad *k, const void *const in[], void *const out[],
                                                     struct cnnc_thread t)
{
    const struct cnnc_pool *g = &k->p;
    const long blocks = cnnc_blocks(g->c);
    const int apart = CNNC_FN(cnnc_pool_apart)(g);
    const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 3);
    long u, last;
    cnnc_split(g->n * blocks, t, &u, &last);
    for (; u < last; u++) {
        const long n = u / blocks, ob = u % blocks;
        float *dx = (float *)out[0] + n * g->x.n + ob * g->x.c;
        const float *x = (const float *)in[1] + n * k->from.n + ob * k->from.c;
        const struct cnnc_stage_args plane = cnnc_stage_args_at(&g->ep, args, n * g->add.n + ob * g->add.c, ob * CNNC_B);
        if (!apart)
            CNNC_FN(cnnc_pool_grad_clear)(g, dx);
        for (long r = 0; r < (long)g->od * g->oh; r++) {
            const long oz = r / g->oh, oy = r % g->oh;
            const struct cnnc_window d = cnnc_window((int)oz, g->id, g->od, g->kd, g->sd, g->dd, g->pd, 0, 0, g->op);
            const struct cnnc_window h = cnnc_window((int)oy, g->ih, g->oh, g->kh, g->sh, g->dh, g->ph, 0, 0, g->op);
            const float *dy = (const float *)in[0] + n * g->y.n + ob * g->y.c + oz * g->y.d + oy * g->y.h;
            const float *most = (const float *)in[2] + n * k->most.n + ob * k->most.c + oz * k->most.d + oy * k->most.h;
            for (int ox = 0; ox < g->ow; ox++) {
                const struct cnnc_window w = cnnc_window(ox, g->iw, g->ow, g->kw, g->sw, g->dw, g->pw, 0, 0, g->op);
                const ptrdiff_t column = (ptrdiff_t)w.first * CNNC_B;
                for (int v = 0; v < CNNC_B; v += CNNC_VL) {
                    const cnnc_vf m = CNNC_VLOAD(most + (ptrdiff_t)ox * CNNC_B + v), y = CNNC_VLOAD(dy + (ptrdiff_t)ox * CNNC_B + v);
                    float *to = dx + d.first * g->x.d + h.first * g->x.h + column + v;
                    const float *from = x + d.first * k->from.d + h.first * k->from.h + column + v;
                    const struct cnnc_stage_args here =
                        cnnc_stage_args_at(&g->ep, plane, d.first * g->add.d + h.first * g->add.h + column + v, v);
                    if (apart)
                        CNNC_FN(cnnc_max_window)(k, to, from, &here, m, y, g->kd, g->kh, g->kw, 1);
                    else
                        CNNC_FN(cnnc_max_window)(k, to, from, &here, m, y, d.taps, h.taps, w.taps, 0);
                }
            }
        }
        for (long r = 0; !apart && g->ep.n && r < (long)g->id * g->ih; r++) {
            float *p = dx + r / g->ih * g->x.d + r % g->ih * g->x.h;
            for (ptrdiff_t i = 0; i < (ptrdiff_t)g->iw * CNNC_B; i += CNNC_VL)
                CNNC_VSTORE(p + i, CNNC_FN(cnnc_epilogue)(&g->ep, CNNC_VLOAD(p + i), &plane,
                                                          r / g->ih * g->add.d + r % g->ih * g->add.h + i, i % CNNC_B));
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_average_pool_grad_blocked)(const struct cnnc_pool *g, const void *const in[], void *const out[],
                                                         struct cnnc_thread t)
{
    const long blocks = cnnc_blocks(g->c);
    long u, last;
    cnnc_split(g->n * blocks, t, &u, &last);
    for (; u < last; u++) {
        float *dx = (float *)out[0] + u / blocks * g->x.n + u % blocks * g->x.c;
        CNNC_FN(cnnc_pool_grad_clear)(g, dx);
        for (int oz = 0; oz < g->od; oz++)
            for (int oy = 0; oy < g->oh; oy++)
                for (int ox = 0; ox < g->ow; ox++) {
                    const struct cnnc_window d = cnnc_window(oz, g->id, g->od, g->kd, g->sd, g->dd, g->pd, g->ed, g->adaptive, g->op);
                    const struct cnnc_window h = cnnc_window(oy, g->ih, g->oh, g->kh, g->sh, g->dh, g->ph, g->eh, g->adaptive, g->op);
                    const struct cnnc_window w = cnnc_window(ox, g->iw, g->ow, g->kw, g->sw, g->dw, g->pw, g->ew, g->adaptive, g->op);
                    const float counted = g->op == CNNC_POOL_SUM ? 1 : (float)d.counted * (float)h.counted * (float)w.counted;
                    const float *dy = (const float *)in[0] + u / blocks * g->y.n + u % blocks * g->y.c + oz * g->y.d + oy * g->y.h +
                                      (ptrdiff_t)ox * CNNC_B;
                    for (int v = 0; v < CNNC_B; v += CNNC_VL) {
                        const cnnc_vf share = CNNC_VMUL(CNNC_VLOAD(dy + v), CNNC_VSET1(counted > 0 ? 1 / counted : 0));
                        for (int a = 0; a < d.taps; a++)
                            for (int b = 0; b < h.taps; b++)
                                for (int c = 0; c < w.taps; c++) {
                                    float *p = dx + (d.first + a * d.step) * g->x.d + (h.first + b * h.step) * g->x.h +
                                               (ptrdiff_t)(w.first + c * w.step) * CNNC_B + v;
                                    CNNC_VSTORE(p, CNNC_VADD(CNNC_VLOAD(p), share));
                                }
                    }
                }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_global_pool_grad_blocked)(const struct cnnc_stages *g, const void *const in[], void *const out[],
                                                        struct cnnc_thread t)
{
    const long blocks = cnnc_blocks(g->c), rows = (long)g->d * g->h;
    const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 1);
    const cnnc_vf part = CNNC_VSET1(1.f / (float)(rows * g->w));
    long u, last;
    cnnc_split(g->n * blocks * rows, t, &u, &last);
    for (; u < last; u++) {
        const long k = u % rows, ob = u / rows % blocks, n = u / rows / blocks;
        const float *dy = (const float *)in[0] + n * g->x.n + ob * g->x.c;
        float *dx = (float *)out[0] + n * g->y.n + ob * g->y.c + k / g->h * g->y.d + k % g->h * g->y.h;
        const struct cnnc_stage_args a =
            cnnc_stage_args_at(&g->ep, args, n * g->add.n + ob * g->add.c + k / g->h * g->add.d + k % g->h * g->add.h, ob * CNNC_B);
        for (ptrdiff_t i = 0; i < (ptrdiff_t)g->w * CNNC_B; i += CNNC_VL)
            CNNC_VSTORE(dx + i, CNNC_FN(cnnc_epilogue)(&g->ep, CNNC_VMUL(CNNC_VLOAD(dy + i % CNNC_B), part), &a, i, i % CNNC_B));
    }
}
