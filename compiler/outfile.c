/* Files that appear under their names only when they are complete. What is still being written when the compiler ends, by
 * exit, by the end of memory or by a signal, is removed. */
#include "util.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct unfinished {
    struct unfinished *next;
    char path[];
};
static struct unfinished *volatile unfinished; /* newest first; signals are blocked while the list changes */

static const int fatal[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGXCPU, SIGXFSZ};

static void unlink_all(void)
{
    for (const struct unfinished *u = unfinished; u; u = u->next)
        unlink(u->path);
}

static void on_signal(int number)
{
    unlink_all();
    signal(number, SIG_DFL);
    raise(number); /* taken when this returns: the caller sees the signal, as without a handler */
}

static void block(bool on)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNT(fatal); i++)
        sigaddset(&set, fatal[i]);
    sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static void watch(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    atexit(unlink_all);
    for (size_t i = 0; i < COUNT(fatal); i++) {
        struct sigaction old, handler = {.sa_handler = on_signal};
        if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) /* nohup's stays ignored */
            sigaction(fatal[i], &handler, NULL);
    }
}

bool out_open(struct outfile *o, const char *path)
{
    *o = (struct outfile){0};
    if (strcmp(path, "-") == 0) {
        o->f = stdout;
        return true;
    }
    watch();
    o->path = xstrdup(path);
    const size_t room = strlen(path) + 32;
    struct unfinished *u = xmalloc(sizeof *u + room);
    snprintf(u->path, room, "%s.%ld.tmp", path, (long)getpid());
    block(true);
    o->f = fopen(u->path, "wb");
    const int e = errno;
    if (o->f) {
        o->temporary = u;
        u->next = unfinished;
        unfinished = u;
    }
    block(false);
    if (o->f)
        return true;
    free(u);
    free(o->path);
    *o = (struct outfile){0};
    errno = e;
    return false;
}

/* Under its name, or gone; either way no longer unfinished. */
static bool finish(struct outfile *o, bool keep)
{
    struct unfinished *u = o->temporary;
    block(true);
    const bool ok = keep && rename(u->path, o->path) == 0;
    const int e = errno;
    if (!ok)
        unlink(u->path);
    if (unfinished == u)
        unfinished = u->next;
    else
        for (struct unfinished *p = unfinished; p; p = p->next)
            if (p->next == u)
                p->next = u->next;
    block(false);
    free(o->path);
    free(u);
    *o = (struct outfile){0};
    errno = e;
    return ok;
}

void out_discard(struct outfile *o)
{
    const int e = errno;
    if (o->f && o->f != stdout)
        fclose(o->f);
    if (o->path)
        finish(o, false);
    *o = (struct outfile){0};
    errno = e;
}

bool out_close(struct outfile *o)
{
    bool failed = ferror(o->f) != 0;
    if (!o->path)
        return fflush(o->f) == 0 && !failed;
    failed |= fclose(o->f) != 0;
    return finish(o, !failed);
}
