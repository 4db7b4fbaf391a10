/* Kernels that do elementwise operators as stages of an epilogue: on blocks of channels, and chains of them. */
#ifndef OPS_MAP_H
#define OPS_MAP_H

#include "shared.h"

/* A kernel row for elementwise operators that are a stage by themselves, float in blocks of channels. */
extern const struct geometry map_geometry;
bool map_match(const struct node *n, const struct target *target);
double map_cost(const struct node *n, const struct target *target);
void map_prepare(struct graph *g, struct node *n, const struct target *target);
void map_fill(const struct node *n, void *geometry, const struct target *target);
#define MAP_KERNEL                                                                                                     \
    {.name = "map", .part = "map.h", .geometry = &map_geometry, .in_layout = LAYOUT_BLOCKED,                           \
     .out_layout = LAYOUT_BLOCKED, .inplace = true, .views = true, .match = map_match, .cost = map_cost,               \
     .prepare = map_prepare, .fill = map_fill}

/* Batch norms that no convolution took, with what follows them. */
bool batchnorm_map_match(const struct node *n, const struct target *target);
bool batchnorm_plain_match(const struct node *n, const struct target *target);
double batchnorm_plain_cost(const struct node *n, const struct target *target);
void batchnorm_prepare(struct graph *g, struct node *n, const struct target *target);
void batchnorm_plain_prepare(struct graph *g, struct node *n, const struct target *target);
#define BATCHNORM_MAP_KERNELS                                                                                          \
    {.name = "map", .part = "map.h", .geometry = &map_geometry, .in_layout = LAYOUT_BLOCKED,                           \
     .out_layout = LAYOUT_BLOCKED, .inplace = true, .epilogue = true, .views = true, .match = batchnorm_map_match,     \
     .cost = map_cost, .prepare = batchnorm_prepare, .fill = map_fill},                                                \
    {.name = "map_plain", .part = "map_plain.h", .geometry = &map_geometry, .inplace = true, .epilogue = true,         \
     .match = batchnorm_plain_match, .cost = batchnorm_plain_cost, .prepare = batchnorm_plain_prepare, .fill = map_fill}

#endif
