#include "run.h"

#include <string.h>

void evaluate(struct run *r, const struct data *d, double *loss, double *accuracy, long *confusion)
{
    const size_t bytes = r->frame.bytes;
    const int classes = r->frame.classes;
    int32_t *answer = confusion ? r->label : NULL; /* its training labels are not needed now */
    long right = 0;
    *loss = 0;
    if (confusion)
        memset(confusion, 0, sizeof *confusion * (size_t)classes * (size_t)classes);
    for (long i = 0; i < d->n; i += C(_TRAIN_BATCH)) {
        const int n = (int)(d->n - i < C(_TRAIN_BATCH) ? d->n - i : C(_TRAIN_BATCH));
        for (size_t k = 0; r->pixel && k < bytes * (size_t)n; k++)
            r->pixel[k] = (float)d->image[(size_t)i * bytes + k] / 255;
        r->net.input[0] = r->pixel ? (const void *)r->pixel : d->image + (size_t)i * bytes;
        r->net.input[1] = d->label + i;
        r->net.answer = answer;
        *loss += (double)F(_eval)(&r->net, n) * n;
        right += r->net.right;
        for (int k = 0; answer && k < n; k++)
            confusion[d->label[i + k] * classes + answer[k]]++;
    }
    r->net.answer = NULL;
    *loss /= (double)d->n;
    *accuracy = (double)right / (double)d->n;
}

void print_confusion(const struct run *r, const struct data *d, const long *confusion)
{
    const int classes = r->frame.classes;
    char path[1200];
    run_path(r, "confusion.csv", path);
    FILE *f = file_begin(path);
    if (f) {
        fprintf(f, "class");
        for (int k = 0; k < classes; k++)
            fprintf(f, ",%s", d->name[k]);
        for (int i = 0; i < classes; i++) {
            fprintf(f, "\n%s", d->name[i]);
            for (int k = 0; k < classes; k++)
                fprintf(f, ",%ld", confusion[i * classes + k]);
        }
        fprintf(f, "\n");
        file_end(f, path);
    }
    if (classes > 20)
        return;
    printf("what the pictures of each class were taken for:\n%12s", "");
    for (int k = 0; k < classes; k++)
        printf(" %6.6s", d->name[k]);
    printf("   right\n");
    for (int i = 0; i < classes; i++) {
        long all = 0;
        printf("%12.12s", d->name[i]);
        for (int k = 0; k < classes; k++) {
            all += confusion[i * classes + k];
            printf(" %6ld", confusion[i * classes + k]);
        }
        printf("  %6.2f%%\n", all ? 100.0 * (double)confusion[i * classes + i] / (double)all : 0);
    }
}
