/* Determinants, and sums of products written as an equation. */
#include "generic.h"
#include "grads.h"

#include <ctype.h>

#include "../../runtime/linalg.h"
#include "shared.h"

/* ---- Det -------------------------------------------------------------------------------------------------------- */

static bool det_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    char text[160];
    if (!check_rank(g, n, 0, 2, MAX_RANK) || !check_type(g, n, 0, TYPES_FLOAT))
        return false;
    if (x->dim[x->rank - 1] != x->dim[x->rank - 2])
        return node_error(g, n, "matrices of shape %s are not square", shape_text(x, text));
    set_output(n, 0, x->dtype, x->rank - 2, x->dim);
    return true;
}

static void det_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    *(struct cnnc_det *)geometry =
        (struct cnnc_det){(long)dims_count(x->rank - 2, x->dim), (long)x->dim[x->rank - 1], (int)x->dtype};
}
static size_t det_scratch(const void *geometry)
{
    const struct cnnc_det *d = geometry;
    return (size_t)(d->n * d->n) * sizeof(double);
}
RUN_SCRATCH(det, det_scratch)
GEOMETRY(det, FIELD(struct cnnc_det, batch, F_LONG), FIELD(struct cnnc_det, n, F_LONG), FIELD_LIT(struct cnnc_det, dtype, F_INT));
static const struct kernel det_kernels[] = {
    {.name = "det", .part = "linalg.h", .geometry = &det_geometry, .fill = det_fill, .scratch = det_scratch, .run = run_det}};
const struct op op_det = {
    .onnx = "Det", .doc = "determinants", .min_in = 1, .max_in = 1, .max_out = 1, .infer = det_infer, .kernels = det_kernels,
    .nkernels = 1,
};

/* ---- Einsum ----------------------------------------------------------------------------------------------------- */

static const struct attr_def einsum_attrs[] = {
    {"equation", "equation", A_STRING, AT_POS | AT_REQUIRED, 0, NULL, "a letter for each axis: \"bij,bjk->bik\""}};

enum { ELLIPSIS = 128 }; /* index labels from here on are the axes of "...", counted from the last */

/* The labels of one term, whose tensor has rank axes (-1: of the result, whose "..." has `dots` axes). */
static bool read_term(const char *s, const char *end, int rank, int dots, int *label, int *count)
{
    int letters = 0, k = 0;
    const char *ellipsis = NULL;
    for (const char *p = s; p < end; p++)
        if (isalpha((unsigned char)*p)) {
            letters++;
        } else if (p + 2 < end && strncmp(p, "...", 3) == 0 && !ellipsis) {
            ellipsis = p;
            p += 2;
        } else if (*p != ' ') {
            return false;
        }
    int more = rank < 0 ? (ellipsis ? dots : 0) : rank - letters;
    if (more < 0 || (more > 0 && !ellipsis) || letters + more > 16)
        return false;
    for (const char *p = s; p < end; p++)
        if (p == ellipsis) {
            for (int i = more - 1; i >= 0; i--)
                label[k++] = ELLIPSIS + i;
            p += 2;
        } else if (*p != ' ') {
            label[k++] = (unsigned char)*p;
        }
    *count = k;
    return true;
}

static bool einsum_plan(const struct node *n, struct cnnc_einsum *e)
{
    const char *equation = attr_s(n, "equation"), *arrow = strstr(equation, "->"), *p = equation;
    const char *end = arrow ? arrow : equation + strlen(equation);
    int label[4][16], count[4], index[16], result[16], kept = 0, rank = 0, dots = 0;
    long size[16];
    *e = (struct cnnc_einsum){.operands = n->nin, .dtype = (int)n->in[0]->dtype};
    if (n->nin > 4)
        return false;
    for (int k = 0; k < n->nin; k++) {
        const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma ? comma : end;
        if ((comma == NULL) != (k == n->nin - 1) || !read_term(p, stop, n->in[k]->rank, 0, label[k], &count[k]) ||
            count[k] != n->in[k]->rank)
            return false;
        p = stop + 1;
        for (int i = 0; i < count[k]; i++) {
            long d = (long)n->in[k]->dim[i];
            int at = 0;
            while (at < rank && index[at] != label[k][i])
                at++;
            if (at == rank) {
                if (rank == 16)
                    return false;
                index[rank] = label[k][i];
                size[rank++] = d;
            }
            if (label[k][i] >= ELLIPSIS)
                dots = MAX(dots, label[k][i] - ELLIPSIS + 1);
            if (size[at] != d && size[at] != 1 && d != 1)
                return false;
            size[at] = MAX(size[at], d);
        }
    }
    if (arrow) {
        if (!read_term(arrow + 2, arrow + strlen(arrow), -1, dots, result, &kept))
            return false;
    } else { /* "..." first, then letters that stand once, in order */
        for (int i = dots - 1; i >= 0; i--)
            result[kept++] = ELLIPSIS + i;
        for (int c = 'A'; c <= 'z'; c++) {
            int times = 0;
            for (int k = 0; k < n->nin; k++)
                for (int i = 0; i < count[k]; i++)
                    times += label[k][i] == c;
            if (times == 1 && kept < 16)
                result[kept++] = c;
        }
    }
    e->kept = kept;
    int order[16], used = 0;
    for (int i = 0; i < kept; i++) {
        order[i] = result[i];
        bool found = false;
        for (int k = 0; k < i; k++)
            if (result[k] == result[i])
                return false;
        for (int k = 0; k < rank; k++)
            found |= index[k] == result[i];
        if (!found)
            return false;
    }
    used = kept;
    for (int k = 0; k < rank; k++) {
        bool found = false;
        for (int i = 0; i < kept; i++)
            found |= result[i] == index[k];
        if (!found)
            order[used++] = index[k];
    }
    e->rank = used;
    long *const stride[4] = {e->s0, e->s1, e->s2, e->s3};
    for (int d = 0; d < used; d++)
        for (int k = 0; k < rank; k++)
            if (index[k] == order[d])
                e->dim[d] = size[k];
    for (int k = 0; k < n->nin; k++) {
        long s[MAX_RANK];
        strides_of(n->in[k], s);
        for (int i = 0; i < count[k]; i++)
            for (int d = 0; d < used; d++)
                if (order[d] == label[k][i] && n->in[k]->dim[i] != 1)
                    stride[k][d] += s[i];
    }
    return true;
}

static bool einsum_infer(struct graph *g, struct node *n)
{
    struct cnnc_einsum e;
    int64_t dim[16];
    if (!check_same_types(g, n, 0, TYPES_NUMERIC))
        return false;
    if (!einsum_plan(n, &e) || e.kept > MAX_RANK)
        return attr_error(g, n, "equation", "equation '%s' does not fit the shapes of its operands", attr_s(n, "equation"));
    for (int i = 0; i < e.kept; i++)
        dim[i] = e.dim[i];
    set_output(n, 0, n->in[0]->dtype, e.kept, dim);
    return true;
}

static void einsum_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    einsum_plan(n, geometry);
}
static void einsum_cost(const struct node *n, struct cost *c)
{
    struct cnnc_einsum e;
    einsum_plan(n, &e);
    c->macs = 1;
    for (int i = 0; i < e.rank; i++)
        c->macs *= e.dim[i];
}
RUN(einsum)
GEOMETRY(einsum, FIELD_LIT(struct cnnc_einsum, operands, F_INT), FIELD_LIT(struct cnnc_einsum, kept, F_INT),
         FIELD_LIT(struct cnnc_einsum, rank, F_INT), FIELD_LIT(struct cnnc_einsum, dtype, F_INT),
         FIELD_ARRAY(struct cnnc_einsum, dim, F_LONG, 16), FIELD_ARRAY(struct cnnc_einsum, s0, F_LONG, 16),
         FIELD_ARRAY(struct cnnc_einsum, s1, F_LONG, 16), FIELD_ARRAY(struct cnnc_einsum, s2, F_LONG, 16),
         FIELD_ARRAY(struct cnnc_einsum, s3, F_LONG, 16));
static const struct kernel einsum_kernels[] = {KERNEL(einsum, "linalg.h", einsum, einsum_fill)};
const struct op op_einsum = {
    .onnx = "Einsum", .net = "einsum", .doc = "sums of products, as an equation says", .attrs = einsum_attrs, .nattrs = 1,
    .min_in = 1, .max_in = 4, .net_in = -1, .max_out = 1, .infer = einsum_infer, .grad = einsum_grad, .cost = einsum_cost, .kernels = einsum_kernels,
    .nkernels = 1,
};
