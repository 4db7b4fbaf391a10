/* SPDX-License-Identifier: 0BSD */
#ifndef CNNC_COPY_TYPES_H
#define CNNC_COPY_TYPES_H
#include "base.h"

struct cnnc_copy {
    ptrdiff_t bytes;
};

#endif
