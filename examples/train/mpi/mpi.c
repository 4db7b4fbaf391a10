/* In place of ../alone.c: processes that train together, over MPI. Compile with mpicc, start with mpirun; the network comes from
 * cnnc --train=SHARE --distributed, where SHARE is what one process takes of a batch. A reduction begins when its block of gradients is
 * complete, and runs while the layers before are computed. */
#include "../team.h"

#include <stdlib.h>

#include <mpi.h>

static struct team {
    MPI_Request request[C(_TRAIN_REDUCTIONS) + 1];
    int begun[C(_TRAIN_REDUCTIONS) + 1], n; /* those under way, in order */
} team;

static void check(int status, const char *what)
{
    if (status != MPI_SUCCESS) {
        fprintf(stderr, "MPI: %s failed\n", what);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

static void reduce_begin(void *p, int reduction, void *values, long n, int type)
{
    struct team *t = p;
    int done;
    check(MPI_Iallreduce(MPI_IN_PLACE, values, (int)n, type == 11 ? MPI_DOUBLE : MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &t->request[reduction]),
          "MPI_Iallreduce");
    t->begun[t->n++] = reduction;
    for (int i = 0; i < t->n; i++) /* Open MPI moves data only when it is called: those before go on now */
        if (t->request[t->begun[i]] != MPI_REQUEST_NULL)
            check(MPI_Test(&t->request[t->begun[i]], &done, MPI_STATUS_IGNORE), "MPI_Test");
}

static void reduce_wait(void *p, int reduction)
{
    struct team *t = p;
    check(MPI_Wait(&t->request[reduction], MPI_STATUS_IGNORE), "MPI_Wait");
    int left = 0;
    for (int i = 0; i < t->n; i++)
        if (t->begun[i] != reduction)
            t->begun[left++] = t->begun[i];
    t->n = left;
}

void team_begin(int *argc, char ***argv, int *rank, int *ranks)
{
    int level;
    check(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread");
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, ranks);
}

int team_connect(net_train_ctx *net)
{
    for (int i = 0; i < C(_TRAIN_REDUCTIONS); i++)
        team.request[i] = MPI_REQUEST_NULL;
    net->team = &team;
    net->reduce_begin = reduce_begin;
    net->reduce_wait = reduce_wait;
    return 0;
}

void team_samples(net_train_ctx *net, int all)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    net->samples = all;
    net->first = rank * C(_TRAIN_BATCH);
}

void team_sum(double *v, int n) { check(MPI_Allreduce(MPI_IN_PLACE, v, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD), "MPI_Allreduce"); }

void team_end(int status)
{
    if (status != 0)
        MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
}
