#include "team.h"

void team_begin(int *argc, char ***argv, int *rank, int *ranks)
{
    (void)argc;
    (void)argv;
    *rank = 0;
    *ranks = 1;
}
int team_connect(net_train_ctx *net)
{
    (void)net;
    return 0;
}
void team_samples(net_train_ctx *net, int all)
{
    (void)net;
    (void)all;
}
void team_sum(double *v, int n)
{
    (void)v;
    (void)n;
}
void team_end(int status) { (void)status; }
