#include "work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

bool work_open(struct work *w, const char *kind, const char *where, struct diag *d)
{
    const char *tmp = getenv("TMPDIR");
    *w = (struct work){.dir = xasprintf("%s/cnnc-%s-XXXXXX", tmp && *tmp ? tmp : "/tmp", kind), .where = where, .diag = d};
    if ((w->folder = folder_make(w->dir))) {
        if (getenv("CNNC_KEEP")) {
            folder_drop(w->folder, true);
            w->folder = NULL;
        }
        return true;
    }
    diag_error_at(d, w->dir, "%s", strerror(errno));
    free(w->dir);
    w->dir = NULL;
    return false;
}

void work_close(struct work *w)
{
    folder_drop(w->folder, false);
    free(w->dir);
    w->folder = NULL;
    w->dir = NULL;
}

char *work_path(const struct work *w, const char *name) { return xasprintf("%s/%s", w->dir, name); }

static void show_beginning(const char *path)
{
    char *text = read_file(path, NULL), *end = text;
    for (int lines = 0; end && *end && lines < 12; end++)
        lines += *end == '\n';
    if (text)
        fprintf(stderr, "%.*s", (int)(end - text), text);
    free(text);
}

bool work_run(const struct work *w, const char *what, const char *command, const char *output)
{
    char *out = work_path(w, output ? output : "log"), *log = work_path(w, "log");
    char *line = output ? xasprintf("%s >%s 2>%s", command, out, log) : xasprintf("%s >%s 2>&1", command, log);
    const int status = command_run(line), code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (status != 0) {
        diag_error_at(w->diag, w->where, code < 128 ? "%s: exit status %d: %s" : "%s: ended by signal: status %d: %s", what, code, command);
        show_beginning(log);
    }
    free(out);
    free(log);
    free(line);
    return status == 0;
}

char *work_compiler(const char *flags)
{
    const char *cc = getenv("CC"), *given = getenv("CFLAGS");
    return xasprintf("%s %s", cc && *cc ? cc : "cc", given ? given : flags);
}

double work_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

const char *work_processor(struct arena *a)
{
    char line[256], *name;
    const char *found = NULL;
    struct utsname u;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && !found && fgets(line, sizeof line, f))
        if (strncmp(line, "model name", 10) == 0 && (name = strchr(line, ':'))) {
            name += 1 + strspn(name + 1, " \t");
            found = arena_strndup(a, name, strcspn(name, "\n"));
        }
    if (f)
        fclose(f);
    return found ? found : uname(&u) == 0 ? arena_strdup(a, u.machine) : "unknown processor";
}
