/* SPDX-License-Identifier: 0BSD
 *
 * A copy of bytes: in[0] to out[0]. */
#include "copy_types.h"

CNNC_INLINE void CNNC_FN(cnnc_copy)(const struct cnnc_copy *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long first, last;
    cnnc_split((g->bytes + 63) / 64, t, &first, &last);
    ptrdiff_t from = 64 * (ptrdiff_t)first, to = 64 * (ptrdiff_t)last;
    if (to > g->bytes)
        to = g->bytes;
    if (to > from)
        memcpy((char *)out[0] + from, (const char *)in[0] + from, (size_t)(to - from));
}
