/* Files that appear under their names only when they are complete, and folders for a while. What is still there when the compiler
 * ends, by exit, by the end of memory or by a signal, is removed, and a command that is running ends with it. */
#include "util.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct unfinished {
    struct unfinished *next;
    bool folder;
    char path[];
};
static struct unfinished *volatile unfinished; /* newest first; signals are blocked while the list changes */
static volatile pid_t running;                 /* the command's process group, or 0 */

static const int fatal[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGXCPU, SIGXFSZ};

/* Also in a signal handler, where a folder cannot be read. */
static void remove_path(const char *path, bool folder)
{
    pid_t rm = -1;
    if (!folder)
        unlink(path);
    else if ((rm = fork()) == 0) {
        execl("/bin/rm", "rm", "-rf", path, (char *)NULL);
        _exit(127);
    }
    while (rm > 0 && waitpid(rm, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void remove_all(void)
{
    for (const struct unfinished *u = unfinished; u; u = u->next)
        remove_path(u->path, u->folder);
}

/* Two seconds to end in order: C compilers have files of their own to remove. */
static void end_command(void)
{
    const pid_t group = running;
    if (group <= 0)
        return;
    kill(-group, SIGTERM);
    for (int i = 0; i < 200 && waitpid(group, NULL, WNOHANG) == 0; i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    kill(-group, SIGKILL);
}

static void on_signal(int number)
{
    end_command();
    remove_all();
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
    atexit(remove_all);
    for (size_t i = 0; i < COUNT(fatal); i++) {
        struct sigaction old, handler = {.sa_handler = on_signal};
        if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) /* nohup's stays ignored */
            sigaction(fatal[i], &handler, NULL);
    }
}

/* What begins to be there now, by the caller's hand, while signals are blocked. */
static void add_unfinished(struct unfinished *u)
{
    u->next = unfinished;
    unfinished = u;
}

static void drop_unfinished(const struct unfinished *u)
{
    if (unfinished == u)
        unfinished = u->next;
    else
        for (struct unfinished *p = unfinished; p; p = p->next)
            if (p->next == u)
                p->next = u->next;
}

bool out_open(struct outfile *o, const char *path)
{
    *o = (struct outfile){0};
    if (strcmp(path, "-") == 0) {
        o->f = stdout;
        return true;
    }
    struct stat what;
    if (stat(path, &what) == 0 && !S_ISREG(what.st_mode) && !S_ISDIR(what.st_mode)) { /* /dev/null and the like stay what they are */
        o->f = fopen(path, "wb");
        return o->f != NULL;
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
        u->folder = false;
        add_unfinished(u);
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
    drop_unfinished(u);
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
        return (o->f == stdout ? fflush(o->f) : fclose(o->f)) == 0 && !failed;
    failed |= fclose(o->f) != 0;
    return finish(o, !failed);
}

struct unfinished *folder_make(char *path)
{
    const size_t room = strlen(path) + 1;
    struct unfinished *u = xmalloc(sizeof *u + room);
    watch();
    block(true);
    const bool made = mkdtemp(path) != NULL;
    const int e = errno;
    u->folder = true;
    memcpy(u->path, path, room);
    if (made)
        add_unfinished(u);
    block(false);
    if (made)
        return u;
    free(u);
    errno = e;
    return NULL;
}

void folder_drop(struct unfinished *u, bool keep)
{
    if (!u)
        return;
    if (!keep)
        remove_path(u->path, true);
    block(true);
    drop_unfinished(u);
    block(false);
    free(u);
}

int command_run(const char *line)
{
    int status = 0;
    watch();
    block(true);
    const pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        block(false);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        setpgid(child, child); /* whichever comes first */
    running = child;
    block(false);
    if (child < 0)
        return 127 << 8;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    running = 0;
    return status;
}
