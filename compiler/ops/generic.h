/* For the families whose kernels are scalar code on plain operands: rows, runs, and inputs that must be known now. */
#ifndef GENERIC_H
#define GENERIC_H

#include "../op.h"

#include <stdlib.h>
#include <string.h>

#ifndef CNNC_FN
#define CNNC_FN(name) name
#endif
#include "../../runtime/element.h"

/* The kernel inside the compiler: one thread. RUN_SCRATCH: with the scratch memory that SCRATCH_kernel says. */
#define RUN(kernel)                                                                                                    \
    static void run_##kernel(const struct node *n, const void *g, const void *const in[], void *const out[])           \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        cnnc_##kernel(g, in, out, (struct cnnc_thread){0, 1, NULL});                                                   \
    }
#define RUN_SCRATCH(kernel, bytes)                                                                                     \
    static void run_##kernel(const struct node *n, const void *g, const void *const in[], void *const out[])           \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        void *scratch = xcalloc(bytes(g) + 64, 1);                                                                     \
        cnnc_##kernel(g, in, out, (struct cnnc_thread){0, 1, scratch});                                                \
        free(scratch);                                                                                                 \
    }
#define GEOMETRY(tag, ...)                                                                                             \
    static const struct field tag##_fields[] = {__VA_ARGS__};                                                          \
    static const struct geometry tag##_geometry = {"cnnc_" #tag, sizeof(struct cnnc_##tag), tag##_fields,              \
                                                   COUNT(tag##_fields)}
#define KERNEL(kernel, header, tag, filler)                                                                            \
    {.name = #kernel, .part = header, .geometry = &tag##_geometry, .fill = filler, .run = run_##kernel}

/* A tensor's dimensions before, at and after an axis. */
static inline long outer_of(const struct tensor *t, int64_t axis) { return (long)dims_count((int)axis, t->dim); }
static inline long inner_of(const struct tensor *t, int64_t axis)
{
    return (long)dims_count(t->rank - (int)axis - 1, t->dim + axis + 1);
}

/* The integers of input i, which decide shapes and so must be known now. False: an error was reported. */
bool known_ints(struct graph *g, struct node *n, int i, const char *what, int64_t *v, int max, int *count);
/* The same for one number of any type. */
bool known_number(struct graph *g, struct node *n, int i, const char *what, double *v);
/* The data of input i if it is known, else an error. */
bool need_known(struct graph *g, struct node *n, int i, const char *what);
/* The output's value is known now: count elements. A graph output keeps its node, whose kernel must write it. */
void set_known(struct graph *g, struct tensor *t, const void *data);
/* Input i has one of the types (DT_NONE ends the list). */
bool check_dtype(struct graph *g, struct node *n, int i, const enum dtype *allowed);
bool check_index_type(struct graph *g, struct node *n, int i); /* int32 or int64 */
bool same_dtype(struct graph *g, struct node *n, int i, int k);
/* The row-major strides of t in elements. */
void strides_of(const struct tensor *t, long stride[MAX_RANK]);
/* At least `count` inputs, absent where there are none: kernels read the operands that they know. */
void absent_inputs(struct graph *g, struct node *n, int count);
void absent_outputs(struct graph *g, struct node *n, int count); /* likewise */
/* An axis of n's input 0 that is counted from the end where negative; -1 with an error. */
int64_t axis_in(struct graph *g, struct node *n, int64_t axis, int rank);

#endif
