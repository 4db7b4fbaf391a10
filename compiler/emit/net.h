/* --emit=net */
#ifndef EMIT_NET_H
#define EMIT_NET_H

#include "../pass.h"

/* Writes a graph, just inferred, as .net to o->output (NULL: standard output) and the parameters that it has as
 * safetensors beside it. False: an error was reported, nothing is left behind. */
bool emit_net(struct graph *g, const struct options *o);

#endif
