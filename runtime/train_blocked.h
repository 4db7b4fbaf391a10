/* SPDX-License-Identifier: 0BSD
 *
 * Batch norm in training, its gradients, and what goes with them, on blocked tensors. Sums are taken plane by plane and put together
 * in double in the order of the samples: the bits are the same for any number of threads.
 */
#include "epilogue.h"
#include "train_types.h"

/* A plane as rows: one, where no halo parts them. */
struct CNNC_FN(cnnc_rows) {
    long rows, pixels;
};
CNNC_INLINE struct CNNC_FN(cnnc_rows) CNNC_FN(cnnc_rows)(int d, int h, int w, struct cnnc_view a, struct cnnc_view b, struct cnnc_view c)
{
    const ptrdiff_t row = (ptrdiff_t)w * CNNC_B, plane = row * h;
    const int whole = a.h == row && b.h == row && c.h == row && (d == 1 || (a.d == plane && b.d == plane && c.d == plane));
    return (struct CNNC_FN(cnnc_rows)){whole ? 1 : (long)d * h, whole ? (long)d * h * w : w};
}
CNNC_INLINE ptrdiff_t CNNC_FN(cnnc_row_at)(const struct CNNC_FN(cnnc_rows) *r, struct cnnc_view v, int h, long row)
{
    return r->rows == 1 ? 0 : row / h * v.d + row % h * v.h;
}

/* Values of a block's channels, zero where there are none. */
CNNC_INLINE void CNNC_FN(cnnc_channels)(float *to, const float *from, long c, long ob)
{
    for (long i = 0; i < CNNC_B; i++)
        to[i] = ob * CNNC_B + i < c ? from[ob * CNNC_B + i] : 0;
}

/* ---- sums of planes ------------------------------------------------------------------------------------------------ */

/* Four sums at once hide the latency of an addition. */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_sum_row)(const float *p, long pixels)
{
    cnnc_vf s[4];
    long i = 0;
    CNNC_UNROLL for (int k = 0; k < 4; k++) s[k] = CNNC_VZERO();
    for (; i + 4 <= pixels; i += 4)
        CNNC_UNROLL for (int k = 0; k < 4; k++) s[k] = CNNC_VADD(s[k], CNNC_VLOAD(p + (i + k) * CNNC_B));
    for (; i < pixels; i++)
        s[0] = CNNC_VADD(s[0], CNNC_VLOAD(p + i * CNNC_B));
    return CNNC_VADD(CNNC_VADD(s[0], s[1]), CNNC_VADD(s[2], s[3]));
}

CNNC_INLINE cnnc_vf CNNC_FN(cnnc_spread_row)(const float *p, long pixels, cnnc_vf mean)
{
    cnnc_vf s[4];
    long i = 0;
    CNNC_UNROLL for (int k = 0; k < 4; k++) s[k] = CNNC_VZERO();
    for (; i + 4 <= pixels; i += 4)
        CNNC_UNROLL for (int k = 0; k < 4; k++) {
            const cnnc_vf d = CNNC_VSUB(CNNC_VLOAD(p + (i + k) * CNNC_B), mean);
            s[k] = CNNC_VFMA(d, d, s[k]);
        }
    for (; i < pixels; i++) {
        const cnnc_vf d = CNNC_VSUB(CNNC_VLOAD(p + i * CNNC_B), mean);
        s[0] = CNNC_VFMA(d, d, s[0]);
    }
    return CNNC_VADD(CNNC_VADD(s[0], s[1]), CNNC_VADD(s[2], s[3]));
}

CNNC_INLINE void CNNC_FN(cnnc_plane_moments)(const struct cnnc_norm_blocked *g, const void *const in[], void *const out[],
                                             struct cnnc_thread t)
{
    const long blocks = cnnc_blocks(g->c);
    const struct CNNC_FN(cnnc_rows) r = CNNC_FN(cnnc_rows)(g->d, g->h, g->w, g->x, g->x, g->x);
    const cnnc_vf share = CNNC_VSET1(1.f / (float)((long)g->d * g->h * g->w));
    long u, last;
    cnnc_split(g->n * blocks, t, &u, &last);
    for (; u < last; u++) {
        const float *x = (const float *)in[0] + u / blocks * g->x.n + u % blocks * g->x.c;
        float *part = (float *)out[0] + u * 2 * CNNC_B;
        for (int v = 0; v < CNNC_B; v += CNNC_VL) {
            cnnc_vf mean = CNNC_VZERO(), spread = CNNC_VZERO();
            for (long k = 0; k < r.rows; k++)
                mean = CNNC_VADD(mean, CNNC_FN(cnnc_sum_row)(x + CNNC_FN(cnnc_row_at)(&r, g->x, g->h, k) + v, r.pixels));
            mean = CNNC_VMUL(mean, share);
            for (long k = 0; k < r.rows; k++)
                spread = CNNC_VADD(spread, CNNC_FN(cnnc_spread_row)(x + CNNC_FN(cnnc_row_at)(&r, g->x, g->h, k) + v, r.pixels, mean));
            CNNC_VSTORE(part + v, mean);
            CNNC_VSTORE(part + CNNC_B + v, spread);
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_batch_norm_sums)(const struct cnnc_norm_blocked *g, const void *const in[], void *const out[],
                                               struct cnnc_thread t)
{
    const long blocks = cnnc_blocks(g->c);
    const struct CNNC_FN(cnnc_rows) r = CNNC_FN(cnnc_rows)(g->d, g->h, g->w, g->x, g->add, g->x);
    long u, last;
    cnnc_split(g->n * blocks, t, &u, &last);
    for (; u < last; u++) {
        const float *dy = (const float *)in[0] + u / blocks * g->add.n + u % blocks * g->add.c;
        const float *x = (const float *)in[1] + u / blocks * g->x.n + u % blocks * g->x.c;
        float mean[CNNC_B], *part = (float *)out[0] + u * 2 * CNNC_B;
        CNNC_FN(cnnc_channels)(mean, in[2], g->c, u % blocks);
        for (int v = 0; v < CNNC_B; v += CNNC_VL) {
            const cnnc_vf m = CNNC_VLOAD(mean + v);
            cnnc_vf sum = CNNC_VZERO(), product = CNNC_VZERO();
            for (long k = 0; k < r.rows; k++) {
                const float *dp = dy + CNNC_FN(cnnc_row_at)(&r, g->add, g->h, k) + v, *xp = x + CNNC_FN(cnnc_row_at)(&r, g->x, g->h, k) + v;
                cnnc_vf s[4], q[4];
                long i = 0;
                CNNC_UNROLL for (int j = 0; j < 4; j++) s[j] = q[j] = CNNC_VZERO();
                for (; i + 4 <= r.pixels; i += 4)
                    CNNC_UNROLL for (int j = 0; j < 4; j++) {
                        const cnnc_vf d = CNNC_VLOAD(dp + (i + j) * CNNC_B);
                        s[j] = CNNC_VADD(s[j], d);
                        q[j] = CNNC_VFMA(d, CNNC_VSUB(CNNC_VLOAD(xp + (i + j) * CNNC_B), m), q[j]);
                    }
                for (; i < r.pixels; i++) {
                    const cnnc_vf d = CNNC_VLOAD(dp + i * CNNC_B);
                    s[0] = CNNC_VADD(s[0], d);
                    q[0] = CNNC_VFMA(d, CNNC_VSUB(CNNC_VLOAD(xp + i * CNNC_B), m), q[0]);
                }
                sum = CNNC_VADD(sum, CNNC_VADD(CNNC_VADD(s[0], s[1]), CNNC_VADD(s[2], s[3])));
                product = CNNC_VADD(product, CNNC_VADD(CNNC_VADD(q[0], q[1]), CNNC_VADD(q[2], q[3])));
            }
            CNNC_VSTORE(part + v, sum);
            CNNC_VSTORE(part + CNNC_B + v, product);
        }
    }
}

/* ---- forward --------------------------------------------------------------------------------------------------------- */

/* Mean and variance of a channel over the samples that are there, from those of its planes (Chan, Golub, LeVeque 1979). */
CNNC_INLINE void CNNC_FN(cnnc_moments_of)(const float *part, long step, long count, double plane, double *mean, double *variance)
{
    double m = 0, s = 0;
    for (long n = 0; n < count; n++)
        m += (double)part[n * step];
    m /= (double)count;
    for (long n = 0; n < count; n++) {
        const double d = (double)part[n * step] - m;
        s += (double)part[n * step + CNNC_B] + plane * d * d;
    }
    *mean = m;
    *variance = s / (plane * (double)count);
}

CNNC_INLINE void CNNC_FN(cnnc_batch_norm_blocked)(const struct cnnc_norm_blocked *g, const void *const in[], void *const out[],
                                                  struct cnnc_thread t)
{
    const long blocks = cnnc_blocks(g->c), count = cnnc_max(1, cnnc_min(g->n, *(const int32_t *)in[5]));
    const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 7);
    const struct CNNC_FN(cnnc_rows) r = CNNC_FN(cnnc_rows)(g->d, g->h, g->w, g->x, g->y, args.p[0] || args.p[1] ? g->add : g->x);
    const double plane = (double)((long)g->d * g->h * g->w), m = plane * (double)count;
    float f[CNNC_B], s[CNNC_B], middle[CNNC_B];
    long u, last, ready = -1;
    cnnc_split(blocks * g->n, t, &u, &last);
    for (; u < last; u++) {
        const long ob = u / g->n, n = u % g->n, lanes = cnnc_min(CNNC_B, g->c - ob * CNNC_B);
        const float *x = (const float *)in[0] + n * g->x.n + ob * g->x.c;
        float *y = (float *)out[0] + n * g->y.n + ob * g->y.c;
        for (long i = 0; ready != ob && i < CNNC_B; i++) {
            const long c = ob * CNNC_B + i;
            double mean, variance;
            f[i] = s[i] = middle[i] = 0;
            if (i >= lanes)
                continue;
            CNNC_FN(cnnc_moments_of)((const float *)in[6] + ob * 2 * CNNC_B + i, blocks * 2 * CNNC_B, count, plane, &mean, &variance);
            const double root = 1 / sqrt(variance + g->epsilon), scale = (double)((const float *)in[1])[c] * root;
            f[i] = (float)scale;
            s[i] = ((const float *)in[2])[c];
            middle[i] = (float)mean;
            if (n == 0) { /* who has the first sample keeps what backward needs, and moves the running statistics */
                float *running[2] = {(float *)out[3] + c, (float *)out[4] + c};
                ((float *)out[1])[c] = (float)mean;
                ((float *)out[2])[c] = (float)root;
                *running[0] = (float)(g->momentum * (double)*running[0] + (1 - g->momentum) * mean);
                *running[1] = (float)(g->momentum * (double)*running[1] + (1 - g->momentum) * variance * m / (m > 1 ? m - 1 : 1));
            }
        }
        ready = ob;
        const float there = n < count ? 1 : 0;
        for (int v = 0; v < CNNC_B; v += CNNC_VL) {
            const cnnc_vf scale = CNNC_VMUL(CNNC_VLOAD(f + v), CNNC_VSET1(there)), shift = CNNC_VMUL(CNNC_VLOAD(s + v), CNNC_VSET1(there));
            const cnnc_vf mean = CNNC_VLOAD(middle + v);
            for (long k = 0; k < r.rows; k++) {
                const float *xp = x + CNNC_FN(cnnc_row_at)(&r, g->x, g->h, k) + v;
                float *yp = y + CNNC_FN(cnnc_row_at)(&r, g->y, g->h, k) + v;
                const struct cnnc_stage_args a = cnnc_stage_args_at(
                    &g->ep, args, n * g->add.n + ob * g->add.c + CNNC_FN(cnnc_row_at)(&r, g->add, g->h, k) + v, ob * CNNC_B + v);
                for (long i = 0; i < r.pixels; i++)
                    CNNC_VSTORE(yp + i * CNNC_B,
                                CNNC_FN(cnnc_epilogue)(&g->ep, CNNC_VFMA(CNNC_VSUB(CNNC_VLOAD(xp + i * CNNC_B), mean), scale, shift), &a,
                                                       i * CNNC_B, 0));
                if (!cnnc_epilogue_zero(&g->ep))
                    for (long i = 0; i < r.pixels; i++)
                        for (long l = cnnc_max(0, lanes - v); l < CNNC_VL; l++)
                            yp[i * CNNC_B + l] = 0;
            }
        }
    }
}

/* ---- backward -------------------------------------------------------------------------------------------------------- */

/* dx = scale * r * (dy - mean of dy - (x - mean) * r^2 * mean of dy * (x - mean)) */
CNNC_INLINE void CNNC_FN(cnnc_batch_norm_grad_blocked)(const struct cnnc_norm_blocked *g, const void *const in[], void *const out[],
                                                       struct cnnc_thread t)
{
    const long blocks = cnnc_blocks(g->c), count = cnnc_max(1, cnnc_min(g->n, *(const int32_t *)in[5]));
    const struct CNNC_FN(cnnc_rows) r = CNNC_FN(cnnc_rows)(g->d, g->h, g->w, g->x, g->y, g->add);
    const double m = (double)((long)g->d * g->h * g->w) * (double)count;
    float factor[CNNC_B], slope[CNNC_B], shift[CNNC_B], mean[CNNC_B];
    long u, last, ready = -1;
    cnnc_split(blocks * g->n, t, &u, &last);
    for (; u < last; u++) {
        const long ob = u / g->n, n = u % g->n;
        const float *dy = (const float *)in[0] + n * g->add.n + ob * g->add.c, *x = (const float *)in[1] + n * g->x.n + ob * g->x.c;
        float *dx = (float *)out[0] + n * g->y.n + ob * g->y.c;
        for (long i = 0; ready != ob && i < CNNC_B; i++) {
            const long c = ob * CNNC_B + i;
            const float *part = (const float *)in[6] + ob * 2 * CNNC_B + i;
            double sum = 0, product = 0;
            factor[i] = slope[i] = shift[i] = mean[i] = 0;
            if (c >= g->c)
                continue;
            for (long k = 0; k < count; k++) {
                sum += (double)part[k * blocks * 2 * CNNC_B];
                product += (double)part[k * blocks * 2 * CNNC_B + CNNC_B];
            }
            const double root = (double)((const float *)in[4])[c], a = (double)((const float *)in[2])[c] * root;
            const double b = -a * root * root * product / m;
            factor[i] = (float)a;
            slope[i] = (float)b;
            shift[i] = (float)(-a * sum / m);
            mean[i] = ((const float *)in[3])[c];
            if (n == 0) {
                ((float *)out[1])[c] = (float)(product * root);
                ((float *)out[2])[c] = (float)sum;
            }
        }
        ready = ob;
        const float there = n < count ? 1 : 0;
        for (int v = 0; v < CNNC_B; v += CNNC_VL) {
            const cnnc_vf one = CNNC_VSET1(there), p = CNNC_VMUL(CNNC_VLOAD(factor + v), one), q = CNNC_VMUL(CNNC_VLOAD(slope + v), one);
            const cnnc_vf s = CNNC_VMUL(CNNC_VLOAD(shift + v), one), middle = CNNC_VLOAD(mean + v);
            for (long k = 0; k < r.rows; k++) {
                const float *dp = dy + CNNC_FN(cnnc_row_at)(&r, g->add, g->h, k) + v, *xp = x + CNNC_FN(cnnc_row_at)(&r, g->x, g->h, k) + v;
                float *to = dx + CNNC_FN(cnnc_row_at)(&r, g->y, g->h, k) + v;
                for (long i = 0; i < r.pixels; i++)
                    CNNC_VSTORE(to + i * CNNC_B, CNNC_VFMA(CNNC_VLOAD(dp + i * CNNC_B), p,
                                                           CNNC_VFMA(CNNC_VSUB(CNNC_VLOAD(xp + i * CNNC_B), middle), q, s)));
            }
        }
    }
}

/* ---- stages alone, sums per channel --------------------------------------------------------------------------------- */

CNNC_INLINE void CNNC_FN(cnnc_stages)(const struct cnnc_stages *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const long blocks = cnnc_blocks(g->c);
    const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 1);
    const struct CNNC_FN(cnnc_rows) r = CNNC_FN(cnnc_rows)(g->d, g->h, g->w, g->x, g->y, g->add);
    long u, last;
    cnnc_split(g->n * blocks * r.rows, t, &u, &last);
    for (; u < last; u++) {
        const long k = u % r.rows, ob = u / r.rows % blocks, n = u / r.rows / blocks;
        const float *x = (const float *)in[0] + n * g->x.n + ob * g->x.c + CNNC_FN(cnnc_row_at)(&r, g->x, g->h, k);
        float *y = (float *)out[0] + n * g->y.n + ob * g->y.c + CNNC_FN(cnnc_row_at)(&r, g->y, g->h, k);
        const struct cnnc_stage_args a =
            cnnc_stage_args_at(&g->ep, args, n * g->add.n + ob * g->add.c + CNNC_FN(cnnc_row_at)(&r, g->add, g->h, k), ob * CNNC_B);
        for (long i = 0; i < r.pixels * CNNC_B; i += CNNC_VL)
            CNNC_VSTORE(y + i, CNNC_FN(cnnc_epilogue)(&g->ep, CNNC_VLOAD(x + i), &a, i, i % CNNC_B));
    }
}

CNNC_INLINE void CNNC_FN(cnnc_channel_sum_blocked)(const struct cnnc_stages *g, const void *const in[], void *const out[],
                                                   struct cnnc_thread t)
{
    const struct CNNC_FN(cnnc_rows) r = CNNC_FN(cnnc_rows)(g->d, g->h, g->w, g->x, g->x, g->x);
    long v, last;
    cnnc_split((long)cnnc_blocks(g->c) * CNNC_VPB, t, &v, &last);
    for (; v < last; v++) {
        const long ob = v / CNNC_VPB, lane = v % CNNC_VPB * CNNC_VL;
        double sum[CNNC_VL] = {0};
        for (long n = 0; n < g->n; n++) {
            const float *x = (const float *)in[0] + n * g->x.n + ob * g->x.c + lane;
            cnnc_vf s = CNNC_VZERO();
            float part[CNNC_VL];
            for (long k = 0; k < r.rows; k++)
                s = CNNC_VADD(s, CNNC_FN(cnnc_sum_row)(x + CNNC_FN(cnnc_row_at)(&r, g->x, g->h, k), r.pixels));
            CNNC_VSTORE(part, s);
            for (int i = 0; i < CNNC_VL; i++)
                sum[i] += (double)part[i];
        }
        for (long i = 0; i < CNNC_VL && v * CNNC_VL + i < g->c; i++)
            ((float *)out[0])[v * CNNC_VL + i] = (float)sum[i];
    }
}
