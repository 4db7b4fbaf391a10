/* --help-ops */
#ifndef HELP_H
#define HELP_H

#include "op.h"

/* All layers of the .net language, or one with its arguments; false if there is none of that name. */
bool help_ops(FILE *f, const char *name);

#endif
