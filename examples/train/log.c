#include "run.h"

int log_write(const struct run *r, int epochs)
{
    char path[1200];
    run_path(r, "log.csv", path);
    FILE *f = file_begin(path);
    if (!f)
        return -1;
    fprintf(f, "epoch,rate,loss,accuracy,validation_loss,validation_accuracy,seconds\n");
    for (int i = 0; i < epochs; i++) {
        const struct epoch *e = &r->log[i];
        fprintf(f, "%d,%.6g,%.6f,%.6f,%.6f,%.6f,%.1f\n", i + 1, e->rate, e->loss, e->accuracy, e->validation_loss, e->validation_accuracy,
                e->seconds);
    }
    return file_end(f, path);
}
