/* The processes that train together: alone.c for one, mpi.c for several. */
#ifndef TEAM_H
#define TEAM_H

#include "run.h"

void team_begin(int *argc, char ***argv, int *rank, int *ranks);
/* The network's step reduces its gradients over all. 0, or -1 after a message. */
int team_connect(net_train_ctx *net);
/* Before a step: how many samples it takes altogether. */
void team_samples(net_train_ctx *net, int all);
/* The sum over all processes, in each of them. */
void team_sum(double *v, int n);
/* status: 0, or something failed here; then the others, which would wait for this process, end too. */
void team_end(int status);

#endif
