#include "run.h"

#include <unistd.h>

static double began, shown;
static int64_t first; /* pictures seen before this process */

static int on_terminal(const struct run *r) { return isatty(1) && r->ranks == 1; } /* mpirun gives one where there is none */
static int64_t seen(const struct run *r) { return r->epoch * r->train.n + r->done; }

void progress_begin(const struct run *r)
{
    began = now();
    shown = on_terminal(r) ? 0 : began; /* a bar at once, a line after a while */
    first = seen(r);
}

void progress_show(const struct run *r)
{
    const int terminal = on_terminal(r);
    const double t = now();
    if (t - shown < (terminal ? 0.1 : 60))
        return;
    shown = t;
    const double speed = (double)(seen(r) - first) / (t - began), left = ((double)r->s.epochs * (double)r->train.n - (double)seen(r)) / speed;
    const long s = (long)(left + .5);
    char bar[21];
    for (int i = 0; i < 20; i++)
        bar[i] = i < (int)(20 * r->done / r->train.n) ? '=' : ' ';
    bar[20] = 0;
    printf(terminal ? "\repoch %*lld/%d [%s] loss %.4f  accuracy %.2f%%  %.0f/s  %ld:%02ld:%02ld left \033[K"
                    : "epoch %*lld/%d [%s] loss %.4f  accuracy %.2f%%  %.0f/s  %ld:%02ld:%02ld left\n",
           r->s.epochs > 99 ? 3 : 2, (long long)r->epoch + 1, r->s.epochs, bar, r->loss / (double)r->done,
           100 * r->right / (double)r->done, speed, s / 3600, s / 60 % 60, s % 60);
    fflush(stdout);
}

void progress_clear(const struct run *r)
{
    if (on_terminal(r))
        printf("\r\033[K");
}
