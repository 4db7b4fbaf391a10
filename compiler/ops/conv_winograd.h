/* The hooks of the Winograd kernels: F(2x2, 3x3) winograd2, F(4x4, 3x3) winograd4, F(2x2, 5x5) winograd25, and F(4x4, 3x3) whose weights
 * are transformed in the run, winograd_raw. */
#ifndef OPS_CONV_WINOGRAD_H
#define OPS_CONV_WINOGRAD_H

#include "../op.h"

bool winograd_match(const struct node *n, const struct target *t);
bool winograd4_match(const struct node *n, const struct target *t);
bool winograd25_match(const struct node *n, const struct target *t);
double winograd_raw_cost(const struct node *n, const struct target *t);
void winograd_raw_fill(const struct node *n, void *geometry, const struct target *t);
size_t winograd_raw_scratch(const void *geometry);
void winograd_fill(const struct node *n, void *geometry, const struct target *t, int m);
double winograd2_cost(const struct node *n, const struct target *t);
double winograd4_cost(const struct node *n, const struct target *t);
void winograd2_fill(const struct node *n, void *g, const struct target *t);
void winograd4_fill(const struct node *n, void *g, const struct target *t);
double winograd2_weights(const struct node *n);
double winograd4_weights(const struct node *n);
double winograd25_weights(const struct node *n);
double winograd4_error(const struct node *n);
double winograd25_error(const struct node *n);
size_t winograd_scratch(const void *geometry);
void winograd2_prepare(struct graph *g, struct node *n, const struct target *t);
void winograd4_prepare(struct graph *g, struct node *n, const struct target *t);

#endif
