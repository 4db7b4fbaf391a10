#include "run.h"

#include "safetensors.h"

static void entries(struct run *r, struct tensor_entry *t)
{
    for (int i = 0; i < C(_PARAMETERS); i++) {
        const struct cnnc_parameter *p = &F(_parameters)[i];
        t[i] = (struct tensor_entry){p->name, p->rank, p->dim, (char *)r->net.parameters + p->offset, p->bytes};
    }
}

int weights_write(struct run *r, const char *path)
{
    struct tensor_entry t[C(_PARAMETERS)];
    entries(r, t);
    if (safetensors_write(path, t, C(_PARAMETERS)) == 0)
        return 0;
    fprintf(stderr, "%s: cannot be written\n", path);
    return -1;
}

int weights_read(struct run *r, const char *path, int init_missing)
{
    struct tensor_entry t[C(_PARAMETERS)];
    char missing[C(_PARAMETERS)] = {0};
    char why[256] = "";
    int lacks = 0;
    entries(r, t);
    if (safetensors_read(path, t, C(_PARAMETERS), init_missing ? missing : NULL, why) != 0) {
        fprintf(stderr, "%s: not the weights of this network: %s\n", path, why);
        return -1;
    }
    for (int i = 0; i < C(_PARAMETERS); i++)
        lacks += missing[i];
    if (lacks == C(_PARAMETERS)) {
        fprintf(stderr, "%s: has none of the parameters of this network\n", path);
        return -1;
    }
    if (lacks && r->rank == 0) {
        printf("not in %s, begun from the seed:", path);
        for (int i = 0; i < C(_PARAMETERS); i++)
            if (missing[i])
                printf(" %s", t[i].name);
        putchar('\n');
    }
    return 0;
}
