/* SPDX-License-Identifier: 0BSD
 *
 * The epilogue on plain tensors, whose rows end where they end: the first n lanes, and no operand is read beyond them.
 * Guarded as simd.h says. */
#ifndef CNNC_EPILOGUE_PLAIN_H
#define CNNC_EPILOGUE_PLAIN_H
#include "epilogue.h"

CNNC_INLINE cnnc_vf CNNC_FN(cnnc_epilogue_n)(const struct cnnc_epilogue *e, cnnc_vf v, const struct cnnc_stage_args *args,
                                             ptrdiff_t tensor, ptrdiff_t channel, int n)
{
    float buffer[2 * CNNC_MAX_STAGES][CNNC_VL];
    struct cnnc_stage_args a;
    if (n == CNNC_VL || e->n == 0)
        return CNNC_FN(cnnc_epilogue)(e, v, args, tensor, channel);
#define CNNC_STAGE_(i)                                                                                                  \
    a.p[i] = a.q[i] = NULL;                                                                                             \
    if (e->n > i && args->p[i]) {                                                                                       \
        CNNC_VSTORE(buffer[2 * i], CNNC_VLOAD_N(args->p[i] + (cnnc_stage_is_tensor(e->s[i].op) ? tensor : channel), n)); \
        a.p[i] = buffer[2 * i];                                                                                         \
    }                                                                                                                   \
    if (e->n > i && args->q[i]) {                                                                                       \
        CNNC_VSTORE(buffer[2 * i + 1], CNNC_VLOAD_N(args->q[i] + channel, n));                                          \
        a.q[i] = buffer[2 * i + 1];                                                                                     \
    }
    CNNC_STAGE_(0)
    CNNC_STAGE_(1)
    CNNC_STAGE_(2)
    CNNC_STAGE_(3)
#undef CNNC_STAGE_
    return CNNC_FN(cnnc_epilogue)(e, v, &a, 0, 0);
}
#endif
