/* SPDX-License-Identifier: 0BSD
 *
 * Gradient of the weights of a 3x3 convolution of stride 1, dilation 1, one group, by Winograd's F(4x4, 3x3) turned round: of
 * y = A^T [(G w G^T) * (B^T x B)] A the gradient is dw = G^T [sum over tiles of (A dy A^T) * (B^T x B)] G. 36 products a tile where a direct
 * sum takes 144.
 *
 * in x, dy (both blocked, clipped at the border: no halo needed); out dw, or the sums of parts (CNNC_WEIGHT_WINOGRAD). Geometry struct
 * cnnc_grad_weight after cnnc_conv_grad_weight_winograd_plan(). Threads split parts times output blocks; one whose share is not whole
 * parts transforms the input of what others sum, too.
 */
#include "conv_grad_sum.h"
#include "conv_winograd.h"

/* o = A d, A as in cnnc_winograd_out */
CNNC_INLINE void CNNC_FN(cnnc_grad_winograd_out)(cnnc_vf *o, const cnnc_vf *d)
{
    const cnnc_vf two = CNNC_VSET1(2), h = CNNC_VSET1(0.70710678f);
    const cnnc_vf a = CNNC_VFMA(two, d[0], d[2]), b = CNNC_VMUL(h, CNNC_VFMA(two, d[1], d[3]));
    const cnnc_vf c = CNNC_VMUL(h, CNNC_VFMA(two, d[2], d[0])), e = CNNC_VFMA(two, d[3], d[1]);
    o[0] = d[0];
    o[1] = CNNC_VADD(a, b);
    o[2] = CNNC_VSUB(a, b);
    o[3] = CNNC_VADD(c, e);
    o[4] = CNNC_VSUB(c, e);
    o[5] = d[3];
}

/* Transforms of `n` tiles of dy from tile t0 on, `on` output blocks from o0 on: [36][on][TB][B]. */
CNNC_INLINE void CNNC_FN(cnnc_grad_winograd_dy)(const struct cnnc_conv *k, const float *dy, float *W, long o0, long on, long group, long t0,
                                                long n, long TB)
{
    const int across = (k->ow + 3) / 4, tiles = (k->oh + 3) / 4 * across;
    const ptrdiff_t position = cnnc_winograd_position(group, TB);
    float border[4 * 4 * CNNC_B];
    for (long ob = 0; ob < on; ob++) {
        float *w = W + ob * TB * CNNC_B;
        for (long t = 0; t < n; t++, w += CNNC_B) {
            const long image = (t0 + t) / tiles, at = (t0 + t) % tiles, oy = at / across * 4, ox = at % across * 4;
            const float *p = dy + image * k->y.n + (o0 + ob) * k->y.c + oy * k->y.h + ox * CNNC_B;
            ptrdiff_t row = k->y.h;
            if (oy + 4 > k->oh || ox + 4 > k->ow) {
                memset(border, 0, sizeof border);
                for (long r = 0; r < cnnc_min(4, k->oh - oy); r++)
                    memcpy(border + r * 4 * CNNC_B, p + r * row, (size_t)(cnnc_min(4, k->ow - ox) * CNNC_B) * sizeof *border);
                p = border, row = 4 * CNNC_B;
            }
            for (int l = 0; l < CNNC_B; l += CNNC_VL) {
                cnnc_vf d[6][4], e[4], f[6];
                CNNC_UNROLL
                for (int c = 0; c < 4; c++) {
                    CNNC_UNROLL
                    for (int r = 0; r < 4; r++)
                        e[r] = CNNC_VLOAD(p + r * row + c * CNNC_B + l);
                    CNNC_FN(cnnc_grad_winograd_out)(f, e);
                    CNNC_UNROLL
                    for (int r = 0; r < 6; r++)
                        d[r][c] = f[r];
                }
                CNNC_UNROLL
                for (int r = 0; r < 6; r++) {
                    CNNC_FN(cnnc_grad_winograd_out)(f, d[r]);
                    CNNC_UNROLL
                    for (int c = 0; c < 6; c++)
                        CNNC_VSTORE(w + (r * 6 + c) * position + l, f[c]);
                }
            }
        }
    }
}

/* sums of one position and one pair of blocks: plus, or from nothing, the products of n tiles. */
CNNC_INLINE void CNNC_FN(cnnc_grad_winograd_product)(const float *V, const float *W, float *sum, long n, int more)
{
    for (int i0 = 0; i0 < CNNC_B; i0 += CNNC_GRAD_I)
        for (int v0 = 0; v0 < CNNC_VPB; v0 += CNNC_GRAD_V) {
            const float *x = V + i0, *d = W + v0 * CNNC_VL;
            float *s = sum + i0 * CNNC_B + v0 * CNNC_VL;
            cnnc_vf acc[CNNC_GRAD_I * CNNC_GRAD_V];
            CNNC_UNROLL for (int i = 0; i < CNNC_GRAD_I * CNNC_GRAD_V; i++) acc[i] = CNNC_VZERO();
            for (long t = 0; t < n; t++, x += CNNC_B, d += CNNC_B) {
                cnnc_vf y[CNNC_GRAD_V];
                CNNC_UNROLL for (int v = 0; v < CNNC_GRAD_V; v++) y[v] = CNNC_VLOAD(d + v * CNNC_VL);
                CNNC_UNROLL for (int i = 0; i < CNNC_GRAD_I; i++) {
                    const cnnc_vf a = CNNC_VSET1(x[i]);
                    CNNC_UNROLL for (int v = 0; v < CNNC_GRAD_V; v++)
                        acc[i * CNNC_GRAD_V + v] = CNNC_VFMA(a, y[v], acc[i * CNNC_GRAD_V + v]);
                }
            }
            CNNC_UNROLL for (int i = 0; i < CNNC_GRAD_I; i++)
                CNNC_UNROLL for (int v = 0; v < CNNC_GRAD_V; v++) {
                    float *to = s + i * CNNC_B + v * CNNC_VL;
                    CNNC_VSTORE(to, more ? CNNC_VADD(CNNC_VLOAD(to), acc[i * CNNC_GRAD_V + v]) : acc[i * CNNC_GRAD_V + v]);
                }
        }
}

CNNC_INLINE void CNNC_FN(cnnc_conv_grad_weight_winograd)(const struct cnnc_grad_weight *g, const void *const in[], void *const out[],
                                                         struct cnnc_thread t)
{
    struct cnnc_conv c = g->c;
    const struct cnnc_conv *k = &c;
    c.kh = c.kw = 3; /* as literals, whatever the geometry's are */
    const long ibs = cnnc_blocks(k->ic), obs = cnnc_blocks(k->oc), tiles = cnnc_grad_winograd_tiles(k), TB = k->tile_block;
    const ptrdiff_t vp = cnnc_winograd_position(ibs, TB), wp = cnnc_winograd_position(g->group, TB);
    const ptrdiff_t sp = cnnc_grad_winograd_position((g->parts > 1 ? obs : g->group) * ibs);
    float *V = (float *)t.scratch, *W = V + 36 * vp, *room = W + 36 * wp;
    long u, last, held = -1; /* the tile from which on V has transforms */
    cnnc_split(g->parts * obs, t, &u, &last);
    while (u < last) {
        const long part = u / obs, o0 = u % obs, on = cnnc_min(cnnc_min(obs - o0, last - u), g->group);
        const long first = tiles * part / g->parts, end = tiles * (part + 1) / g->parts;
        float *sums = g->parts > 1 ? (float *)out[0] + part * 36 * sp + o0 * ibs * CNNC_B * CNNC_B : room;
        for (long t0 = first; t0 < end; t0 += TB) {
            const long n = cnnc_min(TB, end - t0);
            if (t0 != held)
                CNNC_FN(cnnc_winograd_input)(k, (const float *)in[0], V, 4, t0, n, n, TB);
            held = t0;
            CNNC_FN(cnnc_grad_winograd_dy)(k, (const float *)in[1], W, o0, on, g->group, t0, n, TB);
            for (int p = 0; p < 36; p++)
                for (long ob = 0; ob < on; ob++)
                    for (long ib = 0; ib < ibs; ib++)
                        CNNC_FN(cnnc_grad_winograd_product)(V + p * vp + ib * TB * CNNC_B, W + p * wp + ob * TB * CNNC_B,
                                                            sums + p * sp + (ob * ibs + ib) * CNNC_B * CNNC_B, n, t0 > first);
        }
        for (long q = 0; g->parts == 1 && q < on * ibs; q++)
            CNNC_FN(cnnc_grad_winograd_store)(sums + q * CNNC_B * CNNC_B, sp, 1, 0, (float *)out[0], k->oc, k->ic, o0 + q / ibs, q % ibs);
        u += on;
    }
}
