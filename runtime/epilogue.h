/* SPDX-License-Identifier: 0BSD
 *
 * The stages of an epilogue on vectors. The list is literal in an instance, so all that remains is its arithmetic: loops
 * over it are written out, because a compiler unrolls them too late to see the constants. Guarded as simd.h says. */
#ifndef CNNC_EPILOGUE_H
#define CNNC_EPILOGUE_H
#include "conv.h"
#include "vecmath.h"

CNNC_INLINE cnnc_vf CNNC_FN(cnnc_stage)(const struct cnnc_stage *s, cnnc_vf v, const float *p, const float *q)
{
    const cnnc_vf zero = CNNC_VZERO(), one = CNNC_VSET1(1), half = CNNC_VSET1(0.5f), a = CNNC_VSET1(s->a), b = CNNC_VSET1(s->b);
#define CNNC_IS_(name) (CNNC_STAGES >> CNNC_ST_##name & 1 && s->op == CNNC_ST_##name)
    if (CNNC_IS_(ADD))
        return CNNC_VADD(v, CNNC_VLOAD(p));
    if (CNNC_IS_(MUL))
        return CNNC_VMUL(v, CNNC_VLOAD(p));
    if (CNNC_IS_(MASK))
        return CNNC_VSELECT(CNNC_VGT(CNNC_VLOAD(p), zero), v, zero);
    if (CNNC_IS_(SCALE))
        return CNNC_VFMA(v, CNNC_VLOAD(p), CNNC_VLOAD(q));
    if (CNNC_IS_(PRELU))
        return CNNC_VSELECT(CNNC_VLT(v, zero), CNNC_VMUL(v, CNNC_VLOAD(p)), v);
    if (CNNC_IS_(CLAMP)) {
        if (s->a > -INFINITY)
            v = CNNC_VMAX(a, v);
        return s->b < INFINITY ? CNNC_VMIN(b, v) : v;
    }
    if (CNNC_IS_(LEAKY))
        return CNNC_VSELECT(CNNC_VLT(v, zero), CNNC_VMUL(v, a), v);
    if (CNNC_IS_(ELU))
        return CNNC_VSELECT(CNNC_VLT(v, zero), CNNC_VMUL(a, CNNC_FN(cnnc_vexpm1)(v)), v);
    if (CNNC_IS_(SELU))
        return CNNC_VMUL(b, CNNC_VSELECT(CNNC_VLT(v, zero), CNNC_VMUL(a, CNNC_FN(cnnc_vexpm1)(v)), v));
    if (CNNC_IS_(SIGMOID))
        return CNNC_FN(cnnc_vsigmoid)(v);
    if (CNNC_IS_(HSIGMOID))
        return CNNC_VMIN(one, CNNC_VMAX(zero, CNNC_VFMA(a, v, b)));
    if (CNNC_IS_(TANH))
        return CNNC_FN(cnnc_vtanh)(v);
    if (CNNC_IS_(SWISH))
        return CNNC_VMUL(v, CNNC_FN(cnnc_vsigmoid)(CNNC_VMUL(a, v)));
    if (CNNC_IS_(HSWISH))
        return CNNC_VMUL(v, CNNC_VMIN(one, CNNC_VMAX(zero, CNNC_VFMA(v, CNNC_VSET1(1.f / 6), half))));
    if (CNNC_IS_(GELU))
        return CNNC_VMUL(CNNC_VMUL(half, v), CNNC_VADD(one, CNNC_FN(cnnc_verf)(CNNC_VMUL(v, CNNC_VSET1(0.707106781186547524f)))));
    if (CNNC_IS_(GELU_TANH)) {
        cnnc_vf u = CNNC_VFMA(CNNC_VMUL(CNNC_VMUL(v, v), v), CNNC_VSET1(0.044715f), v);
        return CNNC_VMUL(CNNC_VMUL(half, v), CNNC_VADD(one, CNNC_FN(cnnc_vtanh)(CNNC_VMUL(u, CNNC_VSET1(0.797884560802865f)))));
    }
    if (CNNC_IS_(SOFTPLUS)) {
        cnnc_vf e = CNNC_FN(cnnc_vexp)(CNNC_VOR(v, CNNC_VSET1(-0.f)));
        return CNNC_VADD(CNNC_VMAX(zero, v), CNNC_FN(cnnc_vlog1p01)(e));
    }
#undef CNNC_IS_
    return v;
}

/* v through all stages. Operands of y's shape are read `tensor` elements past their start, those of one value per channel `channel`. */
CNNC_INLINE cnnc_vf CNNC_FN(cnnc_epilogue)(const struct cnnc_epilogue *e, cnnc_vf v, const struct cnnc_stage_args *args,
                                           ptrdiff_t tensor, ptrdiff_t channel)
{
#define CNNC_STAGE_(i)                                                                      \
    if (e->n > i) {                                                                         \
        ptrdiff_t at = cnnc_stage_is_tensor(e->s[i].op) ? tensor : channel;                 \
        int n = cnnc_stage_operands(e->s[i].op);                                            \
        v = CNNC_FN(cnnc_stage)(&e->s[i], v, n > 0 ? args->p[i] + at : NULL, n > 1 ? args->q[i] + at : NULL); \
    }
    CNNC_STAGE_(0)
    CNNC_STAGE_(1)
    CNNC_STAGE_(2)
    CNNC_STAGE_(3)
#undef CNNC_STAGE_
    return v;
}
#endif
