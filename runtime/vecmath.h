/* SPDX-License-Identifier: 0BSD
 *
 * Elementary functions on vectors, 2 ulp or better over all floats (tests/kernels/vecmath.c): exp, expm1, log, log1p of [0, 1],
 * tanh, sigmoid, erf. Infinities and NaNs come out as in C. Guarded as simd.h says. */
#ifndef CNNC_VECMATH_H
#define CNNC_VECMATH_H
#include "simd.h"

/* Lane by lane in plain C these are too long to be repeated at every use. */
#undef CNNC_VMATH
#if CNNC_LEVEL == 0
#define CNNC_VMATH CNNC_NOINLINE
#else
#define CNNC_VMATH CNNC_INLINE
#endif

/* x = n ln 2 + r, |r| <= ln(2) / 2; the first part of ln 2 has so few bits that its product with n is exact, FMA or not */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vexp_reduce)(cnnc_vf x, cnnc_vf *n)
{
    *n = CNNC_VROUND(CNNC_VMUL(x, CNNC_VSET1(1.44269504088896341f)));
    x = CNNC_VFNMA(*n, CNNC_VSET1(0.693359375f), x);
    return CNNC_VFNMA(*n, CNNC_VSET1(-2.12194440e-4f), x);
}

/* (exp(r) - 1 - r) / r^2 on the reduced range */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vexp_poly)(cnnc_vf r)
{
    cnnc_vf p = CNNC_VSET1(1.9875691500e-4f);
    p = CNNC_VFMA(p, r, CNNC_VSET1(1.3981999507e-3f));
    p = CNNC_VFMA(p, r, CNNC_VSET1(8.3334519073e-3f));
    p = CNNC_VFMA(p, r, CNNC_VSET1(4.1665795894e-2f));
    p = CNNC_VFMA(p, r, CNNC_VSET1(1.6666665459e-1f));
    return CNNC_VFMA(p, r, CNNC_VSET1(5.0000001201e-1f));
}

/* 2^n for integers n that keep it normal */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vpow2)(cnnc_vi n)
{
    return CNNC_VAS_FLOAT(CNNC_VISHL(CNNC_VIADD(n, CNNC_VISET1(127)), 23));
}

CNNC_VMATH cnnc_vf CNNC_FN(cnnc_vexp)(cnnc_vf x)
{
    cnnc_vf n, r, p;
    x = CNNC_VMIN(CNNC_VSET1(89.f), CNNC_VMAX(CNNC_VSET1(-105.f), x));
    r = CNNC_FN(cnnc_vexp_reduce)(x, &n);
    p = CNNC_VADD(CNNC_VFMA(CNNC_FN(cnnc_vexp_poly)(r), CNNC_VMUL(r, r), r), CNNC_VSET1(1));
    /* in two steps: 2^n alone is no normal float at either end of the range */
    cnnc_vi i = CNNC_VTO_INT(n), h = CNNC_VISAR(i, 1);
    return CNNC_VMUL(CNNC_VMUL(p, CNNC_FN(cnnc_vpow2)(h)), CNNC_FN(cnnc_vpow2)(CNNC_VISUB(i, h)));
}

/* exp(x) - 1 without the cancellation near 0 */
CNNC_VMATH cnnc_vf CNNC_FN(cnnc_vexpm1)(cnnc_vf x)
{
    cnnc_vf n, r, m, s, c = CNNC_VMIN(CNNC_VSET1(88.f), CNNC_VMAX(CNNC_VSET1(-20.f), x));
    r = CNNC_FN(cnnc_vexp_reduce)(c, &n);
    m = CNNC_VFMA(CNNC_FN(cnnc_vexp_poly)(r), CNNC_VMUL(r, r), r);
    s = CNNC_FN(cnnc_vpow2)(CNNC_VTO_INT(n));
    m = CNNC_VFMA(s, m, CNNC_VSUB(s, CNNC_VSET1(1)));
    return CNNC_VSELECT(CNNC_VGT(x, CNNC_VSET1(88.f)), CNNC_FN(cnnc_vexp)(x), m);
}

/* log(m 2^e) for m in [sqrt 1/2, sqrt 2), given m - 1 */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_vlog_poly)(cnnc_vf m, cnnc_vf e)
{
    cnnc_vf z = CNNC_VMUL(m, m), p = CNNC_VSET1(7.0376836292e-2f);
    p = CNNC_VFMA(p, m, CNNC_VSET1(-1.1514610310e-1f));
    p = CNNC_VFMA(p, m, CNNC_VSET1(1.1676998740e-1f));
    p = CNNC_VFMA(p, m, CNNC_VSET1(-1.2420140846e-1f));
    p = CNNC_VFMA(p, m, CNNC_VSET1(1.4249322787e-1f));
    p = CNNC_VFMA(p, m, CNNC_VSET1(-1.6668057665e-1f));
    p = CNNC_VFMA(p, m, CNNC_VSET1(2.0000714765e-1f));
    p = CNNC_VFMA(p, m, CNNC_VSET1(-2.4999993993e-1f));
    p = CNNC_VFMA(p, m, CNNC_VSET1(3.3333331174e-1f));
    p = CNNC_VMUL(CNNC_VMUL(p, m), z);
    p = CNNC_VFMA(e, CNNC_VSET1(-2.12194440e-4f), p);
    p = CNNC_VFNMA(CNNC_VSET1(0.5f), z, p);
    return CNNC_VFMA(e, CNNC_VSET1(0.693359375f), CNNC_VADD(m, p));
}

CNNC_VMATH cnnc_vf CNNC_FN(cnnc_vlog)(cnnc_vf x)
{
    const cnnc_vf one = CNNC_VSET1(1), zero = CNNC_VZERO();
    /* subnormals are scaled up first */
    cnnc_vm tiny = CNNC_VLT(x, CNNC_VSET1(1.17549435e-38f));
    cnnc_vf y = CNNC_VSELECT(tiny, CNNC_VMUL(x, CNNC_VSET1(8388608.f)), x);
    cnnc_vi b = CNNC_VAS_INT(y);
    cnnc_vf e = CNNC_VTO_FLOAT(CNNC_VISUB(CNNC_VISHR(b, 23), CNNC_VISET1(126)));
    e = CNNC_VSUB(e, CNNC_VSELECT(tiny, CNNC_VSET1(23), zero));
    cnnc_vf m = CNNC_VAS_FLOAT(CNNC_VIOR(CNNC_VIAND(b, CNNC_VISET1(0x7fffff)), CNNC_VISET1(0x3f000000)));
    cnnc_vm low = CNNC_VLT(m, CNNC_VSET1(0.707106781186547524f));
    e = CNNC_VSUB(e, CNNC_VSELECT(low, one, zero));
    m = CNNC_VSUB(CNNC_VADD(m, CNNC_VSELECT(low, m, zero)), one);
    cnnc_vf r = CNNC_FN(cnnc_vlog_poly)(m, e);
    r = CNNC_VSELECT(CNNC_VLT(x, CNNC_VSET1(INFINITY)), r, x); /* infinity, NaN */
    r = CNNC_VSELECT(CNNC_VEQ(x, zero), CNNC_VSET1(-INFINITY), r);
    return CNNC_VSELECT(CNNC_VLT(x, zero), CNNC_VSET1(NAN), r);
}

/* log(1 + x) for 0 <= x <= 1: what the sum rounds away is put back to first order */
CNNC_VMATH cnnc_vf CNNC_FN(cnnc_vlog1p01)(cnnc_vf x)
{
    cnnc_vf u = CNNC_VADD(x, CNNC_VSET1(1));
    cnnc_vf lost = CNNC_VSUB(x, CNNC_VSUB(u, CNNC_VSET1(1)));
    return CNNC_VADD(CNNC_FN(cnnc_vlog)(u), CNNC_VDIV(lost, u));
}

CNNC_VMATH cnnc_vf CNNC_FN(cnnc_vtanh)(cnnc_vf x)
{
    cnnc_vf a = CNNC_VABS(x), z = CNNC_VMUL(x, x), p = CNNC_VSET1(-5.70498872745e-3f);
    p = CNNC_VFMA(p, z, CNNC_VSET1(2.06390887954e-2f));
    p = CNNC_VFMA(p, z, CNNC_VSET1(-5.37397155531e-2f));
    p = CNNC_VFMA(p, z, CNNC_VSET1(1.33314422036e-1f));
    p = CNNC_VFMA(p, z, CNNC_VSET1(-3.33332819422e-1f));
    p = CNNC_VFMA(CNNC_VMUL(p, z), x, x);
    cnnc_vf e = CNNC_FN(cnnc_vexp)(CNNC_VADD(a, a));
    cnnc_vf t = CNNC_VSUB(CNNC_VSET1(1), CNNC_VDIV(CNNC_VSET1(2), CNNC_VADD(e, CNNC_VSET1(1))));
    t = CNNC_VOR(t, CNNC_VAND(x, CNNC_VSET1(-0.f)));
    return CNNC_VSELECT(CNNC_VGT(a, CNNC_VSET1(0.625f)), t, p);
}

/* from exp(-|x|), which never overflows; what is lost in 1 + e goes into the quotient afterwards (1 / (1 + e) is 1 - e / (1 + e)) */
CNNC_VMATH cnnc_vf CNNC_FN(cnnc_vsigmoid)(cnnc_vf x)
{
    cnnc_vf one = CNNC_VSET1(1), e = CNNC_FN(cnnc_vexp)(CNNC_VOR(x, CNNC_VSET1(-0.f))), s = CNNC_VADD(one, e);
    cnnc_vf lost = CNNC_VSUB(e, CNNC_VSUB(s, one)), q = CNNC_VDIV(CNNC_VSELECT(CNNC_VLT(x, CNNC_VZERO()), e, one), s);
    return CNNC_VFNMA(CNNC_VMUL(q, lost), CNNC_VSUB(one, q), q);
}

/* two fits: x P(x^2) up to 475/512; beyond, 1 - exp(Q(|x|)) */
CNNC_VMATH cnnc_vf CNNC_FN(cnnc_verf)(cnnc_vf x)
{
    cnnc_vf a = CNNC_VABS(x), s = CNNC_VMUL(x, x), t = CNNC_VMIN(CNNC_VSET1(4.f), a), t2 = CNNC_VMUL(t, t);
    cnnc_vf p = CNNC_VSET1(-5.96761703e-4f);
    p = CNNC_VFMA(p, s, CNNC_VSET1(4.99119423e-3f));
    p = CNNC_VFMA(p, s, CNNC_VSET1(-2.67681349e-2f));
    p = CNNC_VFMA(p, s, CNNC_VSET1(1.12819925e-1f));
    p = CNNC_VFMA(p, s, CNNC_VSET1(-3.76125336e-1f));
    p = CNNC_VFMA(p, s, CNNC_VSET1(1.28379166e-1f));
    p = CNNC_VFMA(p, x, x);
    cnnc_vf q = CNNC_VFMA(CNNC_VSET1(-1.72853470e-5f), t, CNNC_VSET1(3.83197126e-4f));
    cnnc_vf u = CNNC_VFMA(CNNC_VSET1(-3.88396438e-3f), t, CNNC_VSET1(2.42546219e-2f));
    q = CNNC_VFMA(q, t2, u);
    q = CNNC_VFMA(q, t, CNNC_VSET1(-1.06777877e-1f));
    q = CNNC_VFMA(q, t, CNNC_VSET1(-6.34846687e-1f));
    q = CNNC_VFMA(q, t, CNNC_VSET1(-1.28717512e-1f));
    q = CNNC_VSUB(CNNC_VMUL(q, t), t);
    q = CNNC_VSUB(CNNC_VSET1(1), CNNC_FN(cnnc_vexp)(q));
    q = CNNC_VOR(q, CNNC_VAND(x, CNNC_VSET1(-0.f)));
    return CNNC_VSELECT(CNNC_VGT(a, CNNC_VSET1(0.927734375f)), q, p);
}
#endif
