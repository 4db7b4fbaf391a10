/* SPDX-License-Identifier: 0BSD
 *
 * Softmax and its logarithm on float vectors along any axis (struct cnnc_axis; op is literal). Operands: in[0] x, out[0] y, which may
 * be x. Sums are of vectors where the axis is the last, and one by one elsewhere.
 */
#include "normalize_types.h"
#include "vecmath.h"

/* The first n lanes; the others become `rest`. */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_softmax_keep)(cnnc_vf v, int n, float rest)
{
    float lane[CNNC_VL];
    CNNC_VSTORE(lane, CNNC_VSET1(rest));
    CNNC_VSTORE_N(lane, v, n);
    return CNNC_VLOAD(lane);
}

CNNC_INLINE void CNNC_FN(cnnc_softmax_row)(const float *x, float *y, long n, int op)
{
    const int tail = (int)(n % CNNC_VL);
    const long whole = n - tail;
    cnnc_vf most = CNNC_VSET1(-INFINITY), sum = CNNC_VZERO(), v;
    for (long i = 0; i < whole; i += CNNC_VL)
        most = CNNC_VMAX(most, CNNC_VLOAD(x + i));
    if (tail)
        most = CNNC_VMAX(most, CNNC_FN(cnnc_softmax_keep)(CNNC_VLOAD_N(x + whole, tail), tail, -INFINITY));
    most = CNNC_VSET1(CNNC_VREDUCE_MAX(most));
    for (long i = 0; i < whole; i += CNNC_VL) {
        v = CNNC_VSUB(CNNC_VLOAD(x + i), most);
        const cnnc_vf e = CNNC_FN(cnnc_vexp)(v);
        sum = CNNC_VADD(sum, e);
        CNNC_VSTORE(y + i, op == CNNC_AXIS_SOFTMAX ? e : v);
    }
    if (tail) {
        v = CNNC_VSUB(CNNC_VLOAD_N(x + whole, tail), most);
        const cnnc_vf e = CNNC_FN(cnnc_vexp)(v);
        sum = CNNC_VADD(sum, CNNC_FN(cnnc_softmax_keep)(e, tail, 0));
        CNNC_VSTORE_N(y + whole, op == CNNC_AXIS_SOFTMAX ? e : v, tail);
    }
    sum = CNNC_VSET1(CNNC_VREDUCE_ADD(sum));
    sum = op == CNNC_AXIS_SOFTMAX ? CNNC_VDIV(CNNC_VSET1(1), sum) : CNNC_FN(cnnc_vlog)(sum);
    for (long i = 0; i < n; i += CNNC_VL) {
        const int m = (int)cnnc_min(CNNC_VL, n - i);
        v = CNNC_VLOAD_N(y + i, m);
        CNNC_VSTORE_N(y + i, op == CNNC_AXIS_SOFTMAX ? CNNC_VMUL(v, sum) : CNNC_VSUB(v, sum), m);
    }
}

/* Up to CNNC_VL neighbouring vectors, whose elements are `inner` apart. */
CNNC_INLINE void CNNC_FN(cnnc_softmax_columns)(const float *x, float *y, long n, long inner, int m, int op)
{
    cnnc_vf most = CNNC_VSET1(-INFINITY), sum = CNNC_VZERO();
    for (long i = 0; i < n; i++)
        most = CNNC_VMAX(most, CNNC_VLOAD_N(x + i * inner, m));
    for (long i = 0; i < n; i++) {
        const cnnc_vf v = CNNC_VSUB(CNNC_VLOAD_N(x + i * inner, m), most), e = CNNC_FN(cnnc_vexp)(v);
        sum = CNNC_VADD(sum, e);
        CNNC_VSTORE_N(y + i * inner, op == CNNC_AXIS_SOFTMAX ? e : v, m);
    }
    sum = op == CNNC_AXIS_SOFTMAX ? CNNC_VDIV(CNNC_VSET1(1), sum) : CNNC_FN(cnnc_vlog)(sum);
    for (long i = 0; i < n; i++) {
        const cnnc_vf v = CNNC_VLOAD_N(y + i * inner, m);
        CNNC_VSTORE_N(y + i * inner, op == CNNC_AXIS_SOFTMAX ? CNNC_VMUL(v, sum) : CNNC_VSUB(v, sum), m);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_softmax)(const struct cnnc_axis *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const float *x = (const float *)in[0];
    float *y = (float *)out[0];
    const long groups = (g->inner + CNNC_VL - 1) / CNNC_VL;
    long r, last;
    cnnc_split(g->outer * groups, t, &r, &last);
    for (; r < last; r++) {
        const long i = r % groups * CNNC_VL;
        const ptrdiff_t at = r / groups * g->n * g->inner + i;
        if (g->inner == 1)
            CNNC_FN(cnnc_softmax_row)(x + at, y + at, g->n, g->op);
        else
            CNNC_FN(cnnc_softmax_columns)(x + at, y + at, g->n, g->inner, (int)cnnc_min(CNNC_VL, g->inner - i), g->op);
    }
}
