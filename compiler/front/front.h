/* The front ends: a file becomes a graph. */
#ifndef FRONT_H
#define FRONT_H

#include "../pass.h"

/* A .net text. NULL: errors were reported to d. Every node is inferred; parameters have no data yet. */
struct graph *read_net(const char *path, const struct options *o, struct diag *d);
struct graph *read_net_text(const char *path, const char *text, size_t length, const struct options *o, struct diag *d);

/* An ONNX file, its initialisers mapped and not copied: they live until onnx_close. NULL: errors were reported. */
struct graph *read_onnx(const char *path, const struct options *o, struct diag *d);

/* --replace and --insert, before weights are read. Names of parameters that went begin with REPLACED. */
#define REPLACED "replaced "
bool edit_network(struct graph *g, const struct options *o);

/* What a .net's train section says, then the command line (o; NULL: nothing), over what t holds already. */
bool read_train_section(struct graph *g, const struct options *o, struct train *t);
struct ast;
bool read_augment(struct graph *g, const struct ast *a, struct augment *to); /* its setting `augment` */

/* Parameters from a safetensors file, by name; names and shapes that do not match are errors, but for layers that --replace and --insert brought
 * in, and with init_missing for all: those are initialised from the seed, and named. The mapping lives as long as the program. */
bool read_weights(struct graph *g, const char *path, bool init_missing);

#endif
