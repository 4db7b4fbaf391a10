#include "run.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void run_path(const struct run *r, const char *name, char path[1200]) { snprintf(path, 1200, "%s/%s", r->s.run, name); }

static void beside(const char *path, char temporary[1210]) { snprintf(temporary, 1210, "%s.tmp", path); }

FILE *file_begin(const char *path)
{
    char temporary[1210];
    beside(path, temporary);
    FILE *f = fopen(temporary, "wb");
    if (!f)
        fprintf(stderr, "%s: %s\n", temporary, strerror(errno));
    return f;
}

int file_end(FILE *f, const char *path)
{
    char temporary[1210];
    beside(path, temporary);
    int ok = fflush(f) == 0 && !ferror(f) && fsync(fileno(f)) == 0; /* on the disk before the name points at it */
    ok = fclose(f) == 0 && ok;
    if (ok && rename(temporary, path) == 0)
        return 0;
    fprintf(stderr, "%s: cannot be written: %s\n", path, strerror(errno));
    return -1;
}

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
