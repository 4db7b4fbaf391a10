/* Kernels of normalisation on the plain layout, for every floating type. */
#ifndef NORMALIZE_KERNELS_H
#define NORMALIZE_KERNELS_H

#include "shared.h"

enum { LRN_ATTRS = 4, BATCHNORM_KERNELS = 3, ROWNORM_KERNELS = 2, LRN_KERNELS = 3 };
extern const struct attr_def lrn_attrs[LRN_ATTRS];
extern const struct kernel batchnorm_kernels[BATCHNORM_KERNELS];
extern const struct kernel rownorm_kernels[ROWNORM_KERNELS]; /* layers, groups, instances */
extern const struct kernel lrn_kernels[LRN_KERNELS];

#endif
