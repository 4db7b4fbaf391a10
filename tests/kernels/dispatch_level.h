/* The kernels once more, for the CNNC_ISA of the moment (see dispatch.c). */
#include "simd.h"
#include "conv_direct.h"
#include "conv_first.h"
#include "conv_pool.h"
#include "conv_transpose.h"
#include "conv_winograd.h"
#include "depthwise.h"
static void CNNC_FN(direct)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    struct cnnc_conv k = *g;
    k.kd = 1, k.kh = 3, k.kw = 3, k.sw = 1, k.flat = 0, k.passes = 1, k.tile_w = 0, k.tile_ocb = 2, k.ic_tail = 0, k.ep.n = 0;
    CNNC_FN(cnnc_conv_direct)(&k, in, out, t);
}
static void CNNC_FN(winograd)(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    struct cnnc_conv k = *g;
    k.winograd = 4, k.kh = 3, k.tile_w = 49, k.tile_ocb = 2, k.ic_tail = 0, k.ep.n = 0;
    CNNC_FN(cnnc_conv_winograd)(&k, in, out, t);
}
#include "simd_end.h"
