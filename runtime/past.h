/* SPDX-License-Identifier: 0BSD
 *
 * Tensors of which only a part is used, as much as the data say: what lies past it gets a value; used parts are joined.
 */
#include "base.h"
#include "past_types.h"

CNNC_INLINE void CNNC_FN(cnnc_fill_past)(const struct cnnc_fill_past *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int64_t told = *(const int64_t *)in[1];
    const long used = told < 0 ? 0 : told > g->axis ? g->axis : (long)told;
    long first, last;
    cnnc_split(g->outer, t, &first, &last);
    for (long o = first; o < last; o++) {
        const long begin = o * g->axis * g->inner;
        if (out[0] != in[0])
            memcpy((char *)out[0] + begin * g->size, (const char *)in[0] + begin * g->size, (size_t)(used * g->inner * g->size));
        for (long i = begin + used * g->inner; i < begin + g->axis * g->inner; i++)
            if (g->size == 1)
                ((uint8_t *)out[0])[i] = (uint8_t)g->value;
            else if (g->size == 2)
                ((uint16_t *)out[0])[i] = (uint16_t)g->value;
            else if (g->size == 4)
                ((uint32_t *)out[0])[i] = (uint32_t)g->value;
            else
                ((uint64_t *)out[0])[i] = (uint64_t)g->value;
    }
}

CNNC_INLINE void CNNC_FN(cnnc_append)(const struct cnnc_append *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long used[2], first, last;
    for (int k = 0; k < 2; k++) {
        const int64_t told = in[2 * k + 1] ? *(const int64_t *)in[2 * k + 1] : g->axis[k];
        used[k] = told < 0 ? 0 : told > g->axis[k] ? g->axis[k] : (long)told;
    }
    cnnc_split(g->outer, t, &first, &last);
    for (long o = first; o < last; o++) {
        char *y = (char *)out[0] + o * (g->axis[0] + g->axis[1]) * g->inner;
        for (int k = 0; k < 2; k++) {
            memcpy(y, (const char *)in[2 * k] + o * g->axis[k] * g->inner, (size_t)(used[k] * g->inner));
            y += used[k] * g->inner;
        }
        memset(y, 0, (size_t)((g->axis[0] + g->axis[1] - used[0] - used[1]) * g->inner));
    }
    if (out[1] && t.index == 0)
        *(int64_t *)out[1] = used[0] + used[1];
}
