/* SPDX-License-Identifier: 0BSD
 *
 * Weights in the order in which a convolution reads them, packed in the run, once a step. What conv_plan.h does for constants, in
 * vectors and threads; the weights of the gradient too. Threads split blocks of output and input channels.
 */
#include "pack_types.h"
#include "simd.h"

/* Where tap 0 of the weights between output channel o and input channel i lies, or NULL: there are none. */
CNNC_INLINE const float *CNNC_FN(cnnc_pack_at)(const struct cnnc_pack *p, const float *w, long o, long i)
{
    const long icg = p->ic / p->groups, ocg = p->oc / p->groups, taps = (long)p->kd * p->kh * p->kw;
    if (o >= p->oc || i >= p->ic || o / ocg != i / icg)
        return NULL;
    return w + (p->swapped ? i * ocg + o % ocg : o * icg + i % icg) * taps + (p->turned ? taps - 1 : 0);
}

/* All taps between a block of output channels and input channel i (depthwise: their own), `step` floats apart. */
CNNC_INLINE void CNNC_FN(cnnc_pack_taps)(const struct cnnc_pack *p, const float *w, long ob, long i, float *to, ptrdiff_t step)
{
    const long taps = (long)p->kd * p->kh * p->kw;
    const int way = p->turned ? -1 : 1;
    const float *from[CNNC_B];
    int whole = 1;
    for (long o = 0; o < CNNC_B; o++) {
        const long at = ob * CNNC_B + o;
        from[o] = CNNC_FN(cnnc_pack_at)(p, w, at, p->form == CNNC_PACK_DEPTHWISE ? at : i);
        whole = whole && from[o];
    }
    for (long t = 0; t < taps; t++, to += step) {
        float lane[CNNC_B];
        if (whole)
            CNNC_UNROLL for (int o = 0; o < CNNC_B; o++) lane[o] = from[o][way * t];
        else
            for (int o = 0; o < CNNC_B; o++)
                lane[o] = from[o] ? from[o][way * t] : 0;
        memcpy(to, lane, sizeof lane);
    }
}

/* y = G x for three rows; m is 2 or 4. */
CNNC_INLINE void CNNC_FN(cnnc_pack_g)(cnnc_vf *y, cnnc_vf a, cnnc_vf b, cnnc_vf c, const int m)
{
    y[0] = a;
    if (m == 2) {
        const cnnc_vf sum = CNNC_VADD(a, c);
        y[1] = CNNC_VMUL(CNNC_VADD(sum, b), CNNC_VSET1(0.5f));
        y[2] = CNNC_VMUL(CNNC_VSUB(sum, b), CNNC_VSET1(0.5f));
    } else { /* the points of cnnc_winograd_in; 0.2357...: sqrt(2) / 6 */
        const cnnc_vf near = CNNC_VMUL(CNNC_VSET1(-1.f / 3), CNNC_VFMA(CNNC_VSET1(0.5f), c, a)), odd = CNNC_VMUL(b, CNNC_VSET1(0.23570226f));
        const cnnc_vf far = CNNC_VMUL(CNNC_VSET1(0.23570226f), CNNC_VFMA(CNNC_VSET1(2), c, a)), third = CNNC_VMUL(b, CNNC_VSET1(1.f / 3));
        y[1] = CNNC_VSUB(near, odd);
        y[2] = CNNC_VADD(near, odd);
        y[3] = CNNC_VADD(far, third);
        y[4] = CNNC_VSUB(far, third);
    }
    y[m + 1] = c;
}

/* U = G w G^T of one input channel; positions are `position` floats apart. */
CNNC_INLINE void CNNC_FN(cnnc_pack_winograd)(const float *tap, float *to, ptrdiff_t position, const int m)
{
    for (int v = 0; v < CNNC_VPB; v++) {
        cnnc_vf row[6][3];
        for (int c = 0; c < 3; c++) {
            const float *w = tap + c * CNNC_B + v * CNNC_VL;
            cnnc_vf y[6];
            CNNC_FN(cnnc_pack_g)(y, CNNC_VLOAD(w), CNNC_VLOAD(w + 3 * CNNC_B), CNNC_VLOAD(w + 6 * CNNC_B), m);
            CNNC_UNROLL for (int r = 0; r < m + 2; r++) row[r][c] = y[r];
        }
        for (int r = 0; r < m + 2; r++) {
            cnnc_vf y[6];
            CNNC_FN(cnnc_pack_g)(y, row[r][0], row[r][1], row[r][2], m);
            CNNC_UNROLL for (int c = 0; c < m + 2; c++) CNNC_VSTORE(to + (r * (m + 2) + c) * position + v * CNNC_VL, y[c]);
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_pack)(const struct cnnc_pack *p, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const struct cnnc_conv k = {.groups = p->groups, .ic = p->ic, .oc = p->oc, .kd = p->kd, .kh = p->kh, .kw = p->kw, .ic_tail = p->ic_tail};
    const int winograd = p->form == CNNC_PACK_WINOGRAD4 ? 4 : p->form == CNNC_PACK_WINOGRAD2 ? 2 : 0;
    const long taps = (long)p->kd * p->kh * p->kw;
    const long blocks = p->form == CNNC_PACK_DIRECT ? cnnc_conv_in_blocks(&k) : p->form == CNNC_PACK_DEPTHWISE ? 1 : cnnc_blocks(p->ic);
    const ptrdiff_t position = (ptrdiff_t)cnnc_blocks(p->oc) * p->ic * CNNC_B;
    const float *w = in[0];
    float *packed = out[0];
    long u, last;
    cnnc_split(cnnc_blocks(p->oc) * blocks, t, &u, &last);
    for (; u < last; u++) {
        const long ob = u / blocks, b = u % blocks;
        const long from = p->form == CNNC_PACK_DIRECT ? (cnnc_conv_in_first(&k, (int)ob, (int)blocks) + b) * CNNC_B : b * CNNC_B;
        if (p->form == CNNC_PACK_DIRECT) {
            const long channels = b == blocks - 1 && p->ic_tail ? p->ic_tail : CNNC_B;
            float *to = packed + ob * cnnc_conv_w_block(&k, (int)blocks) + b * taps * CNNC_B * CNNC_B;
            for (long i = 0; i < channels; i++)
                CNNC_FN(cnnc_pack_taps)(p, w, ob, from + i, to + i * CNNC_B, channels * CNNC_B);
        } else if (winograd) {
            for (long i = from; i < cnnc_min(p->ic, from + CNNC_B); i++) {
                float tap[9 * CNNC_B];
                CNNC_FN(cnnc_pack_taps)(p, w, ob, i, tap, CNNC_B);
                CNNC_FN(cnnc_pack_winograd)(tap, packed + (ob * p->ic + i) * CNNC_B, position, winograd);
            }
        } else if (p->form == CNNC_PACK_FIRST) {
            for (long i = from; i < cnnc_min(p->ic, from + CNNC_B); i++)
                CNNC_FN(cnnc_pack_taps)(p, w, ob, i, packed + (ob * taps * p->ic + i) * CNNC_B, (ptrdiff_t)p->ic * CNNC_B);
        } else {
            CNNC_FN(cnnc_pack_taps)(p, w, ob, 0, packed + ob * taps * CNNC_B, CNNC_B);
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_pack_vector)(const struct cnnc_pack_vector *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    if (t.index)
        return;
    memcpy(out[0], in[0], (size_t)g->n * sizeof(float));
    memset((float *)out[0] + g->n, 0, (size_t)(g->size - g->n) * sizeof(float));
}
