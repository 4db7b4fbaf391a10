/* A computed tensor against the stored one. */
#ifndef COMPARE_H
#define COMPARE_H

#include "front/tensor_file.h"

struct comparison {
    bool same_type, same_shape;
    bool close;         /* every element within absolute + relative * |expected| */
    double worst;       /* largest absolute difference (1/0 where one is a number and the other is not) */
    size_t at;          /* where */
    double got, expected; /* there */
    double range;       /* largest minus smallest expected value */
    bool same_top;      /* where got is largest, so is what is expected */
    size_t bad;         /* elements that are not close */
};

struct comparison compare(const struct tensor_data *got, const struct tensor_data *expected, double relative, double absolute);

/* Component i of the tensor as a number; complex tensors have two for each element. */
double tensor_number(const struct tensor_data *t, size_t i);

#endif
