/* A folder for a generated program, and the commands that build and run it: what --verify, --bench and --tune share. */
#ifndef WORK_H
#define WORK_H

#include "diag.h"
#include "util.h"

struct work {
    char *dir;         /* $TMPDIR/cnnc-KIND-..., removed at the end, also by a signal's, unless $CNNC_KEEP is set */
    struct unfinished *folder;
    const char *where; /* what errors are about: the network's file */
    struct diag *diag;
};

bool work_open(struct work *w, const char *kind, const char *where, struct diag *d); /* false: an error was reported */
void work_close(struct work *w);
char *work_path(const struct work *w, const char *name); /* heap memory */

/* Runs a command line; its output goes to the file `output` in the folder (NULL: "log"). Where it fails, an error says so and shows the beginning
 * of what it said. */
bool work_run(const struct work *w, const char *what, const char *command, const char *output);

/* "gcc -O2 ...": $CC (cc) and $CFLAGS (or `flags`). Heap memory. */
char *work_compiler(const char *flags);

double work_seconds(void);             /* of a clock that only goes forward */
const char *work_processor(struct arena *a); /* "AMD EPYC 9354", or the machine's architecture */

#endif
