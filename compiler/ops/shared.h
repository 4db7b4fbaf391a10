/* What the families of neural-network operators share: sets of element types, outputs, attribute rows. */
#ifndef OPS_SHARED_H
#define OPS_SHARED_H

#include "../op.h"

/* Sets of element types, as ONNX's type constraints name them. */
typedef uint32_t type_set;
#define TYPE(t) ((type_set)1 << (t))
#define TYPES_HALF (TYPE(DT_F16) | TYPE(DT_BF16))
#define TYPES_FLOAT (TYPE(DT_F32) | TYPE(DT_F64) | TYPES_HALF)
#define TYPES_SIGNED (TYPE(DT_I8) | TYPE(DT_I16) | TYPE(DT_I32) | TYPE(DT_I64))
#define TYPES_UNSIGNED (TYPE(DT_U8) | TYPE(DT_U16) | TYPE(DT_U32) | TYPE(DT_U64))
#define TYPES_INT (TYPES_SIGNED | TYPES_UNSIGNED)
#define TYPES_NUMERIC (TYPES_FLOAT | TYPES_INT)
#define TYPES_FLOAT8 (TYPE(DT_F8E4M3FN) | TYPE(DT_F8E4M3FNUZ) | TYPE(DT_F8E5M2) | TYPE(DT_F8E5M2FNUZ) | TYPE(DT_F8E8M0))
#define TYPES_SMALL (TYPE(DT_U4) | TYPE(DT_I4) | TYPE(DT_F4E2M1) | TYPE(DT_U2) | TYPE(DT_I2))
#define TYPES_ALL (TYPES_NUMERIC | TYPE(DT_BOOL) | TYPES_FLOAT8 | TYPES_SMALL)

/* False with an error if input i is there and its type is not in the set. */
bool check_type(struct graph *g, struct node *n, int i, type_set allowed);
/* The same for every input from `first` on, which must also all have the type of input `first`. */
bool check_same_types(struct graph *g, struct node *n, int first, type_set allowed);
/* Input i, which must have rank 1 and `length` elements; false with an error that calls them `what`. */
bool check_vector(struct graph *g, struct node *n, int i, int64_t length, const char *what);
void set_output(struct node *n, int i, enum dtype dtype, int rank, const int64_t *dim); /* nothing if absent */
bool wants_output(const struct node *n, int i);
/* The tag that the runtime gives an element type (convert.h); NULL for strings and complex numbers. */
const char *type_tag(enum dtype t);
/* Elements of any type in memory: floating ones through double, the others through int64_t (uint64: the same bits). */
double type_load_float(enum dtype t, const void *p, int64_t i);
int64_t type_load_int(enum dtype t, const void *p, int64_t i);
void type_store_float(enum dtype t, void *p, int64_t i, double v);
void type_store_int(enum dtype t, void *p, int64_t i, int64_t v);
/* Known when the generated code is written: a constant, or computed from constants. After selection. */
bool is_constant(const struct tensor *t);
/* The single value of a constant; false if it is not known. */
bool const_scalar(const struct tensor *t, double *v);
/* Element i of known data as a double. */
double const_element(const struct tensor *t, int64_t i);
/* A constant vector of one value. */
struct tensor *filled(struct graph *g, const char *name, int64_t length, float v);
/* The tensor is constant and holds one value per channel (or one for all) of an activation shaped like `of`: a tensor
 * with `of`'s channel count (t itself, if it has that), NULL if it is anything else. */
struct tensor *per_channel(struct graph *g, struct tensor *t, const struct tensor *of);
/* t is x with a constant border around its planes only: x, with the widths as in "pads", and the value. NULL: it is not. */
struct tensor *plane_border(const struct tensor *t, int64_t pads[6], double *value);
void cost_per_element(const struct node *n, struct cost *c, int64_t flops);

#endif
