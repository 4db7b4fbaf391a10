/* The parts of simplify; each returns true if the graph changed. */
#ifndef PASSES_SIMPLIFY_H
#define PASSES_SIMPLIFY_H

#include "../pass.h"

bool recognise(struct graph *g);   /* recognise.c: operators written out as simpler ones */
bool share_nodes(struct graph *g); /* share.c: what is computed twice */
bool arrange(struct graph *g);     /* arrange.c: activations rise to their layers, transposes sink */
void delay_layers(struct graph *g);

#endif
