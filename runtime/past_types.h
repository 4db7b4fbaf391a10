/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of operators on tensors of which only a part is used.
 */
#ifndef CNNC_PAST_TYPES_H
#define CNNC_PAST_TYPES_H
#include "base.h"

/* FillPast: in x [outer][axis][inner], how much of the axis is used (one int64); out y, with the bits `value` past that. size: bytes of an element. */
struct cnnc_fill_past {
    long outer, axis, inner;
    int size;
    int64_t value;
};

/* Append: in a [outer][axis 0][inner bytes], how much of it is used (int64; NULL: all), b, likewise; out [outer][axis 0 + axis 1][inner], how much of it. */
struct cnnc_append {
    long outer, axis[2], inner;
};

#endif
