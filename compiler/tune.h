/* --tune: times the kernels that each layer could have, on this machine, with $CC and $CFLAGS; select goes by that. */
#ifndef TUNE_H
#define TUNE_H

#include "trial.h"

/* path: the file of times (passes/tuned.h); NULL: in the user's cache. Only what the file does not have for this machine is measured, and added
 * to it. Sets o->target.tuned. False: an error was reported. */
bool tune(struct options *o, const char *path, read_network_fn *read, compile_network_fn *compile);

#endif
