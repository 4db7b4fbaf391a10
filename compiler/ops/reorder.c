/* Reorder: the same tensor in another memory layout, made by the layout pass. Its first kernel that matches the layouts of
 * input and output is the one. The last row zeroes a halo; layers call it before they write a tensor that has one. */
#include "../op.h"

#include <string.h>

#include "../../runtime/copy_types.h"
#include "../../runtime/reorder_types.h"
#include "past.h"

static bool has_halo(const struct tensor *t)
{
    const struct layout *l = &slice_root(t)->layout;
    for (int i = 0; i < 3; i++)
        if (l->before[i] || l->after[i])
            return true;
    return false;
}

static void fill_reorder(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_reorder *r = geometry;
    struct extent5 e = extent5(n->in[0]);
    int block = n->in[0]->layout.block && n->out[0]->layout.block ? n->in[0]->layout.block : 1;
    *r = (struct cnnc_reorder){e.n, e.c, e.d, e.h, e.w, view_of(n->in[0]), view_of(n->out[0]), block};
}

static void fill_halo(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_halo *h = geometry;
    const struct tensor *y = n->out[0];
    struct extent5 e = extent5(y);
    int block = y->layout.block ? y->layout.block : 1;
    *h = (struct cnnc_halo){.n = e.n, .c = (e.c + block - 1) / block, .d = e.d, .h = e.h, .w = e.w, .y = view_of(y),
                            .block = block};
    memcpy(h->before, slice_root(y)->layout.before, sizeof h->before);
    memcpy(h->after, slice_root(y)->layout.after, sizeof h->after);
}

static void fill_copy(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    ((struct cnnc_copy *)geometry)->bytes =
        tensor_elements_stored(n->in[0]) * (ptrdiff_t)dtype_size(n->in[0]->dtype);
}

static bool to_blocked(const struct node *n, const struct target *t)
{
    (void)t;
    return n->in[0]->dtype == DT_F32 && !n->in[0]->layout.block && n->out[0]->layout.block;
}
static bool to_plain(const struct node *n, const struct target *t)
{
    (void)t;
    return n->in[0]->dtype == DT_F32 && n->in[0]->layout.block && !n->out[0]->layout.block;
}
static bool same_bytes(const struct node *n, const struct target *t)
{
    (void)t;
    return n->in[0]->layout.block == n->out[0]->layout.block && !has_halo(n->in[0]) && !has_halo(n->out[0]) &&
           !n->in[0]->slice && !n->out[0]->slice;
}
static bool same_block(const struct node *n, const struct target *t)
{
    (void)t;
    return n->in[0]->dtype == DT_F32 && n->in[0]->layout.block == n->out[0]->layout.block;
}
static bool never(const struct node *n, const struct target *t)
{
    (void)n, (void)t;
    return false;
}

static const struct geometry reorder_geometry = {
    "cnnc_reorder", sizeof(struct cnnc_reorder),
    (const struct field[]){FIELD(struct cnnc_reorder, n, F_INT), FIELD(struct cnnc_reorder, c, F_INT),
                           FIELD(struct cnnc_reorder, d, F_INT), FIELD(struct cnnc_reorder, h, F_INT),
                           FIELD(struct cnnc_reorder, w, F_INT), FIELD(struct cnnc_reorder, x, F_VIEW),
                           FIELD(struct cnnc_reorder, y, F_VIEW), FIELD(struct cnnc_reorder, block, F_INT)},
    8};
static const struct geometry halo_geometry = {
    "cnnc_halo", sizeof(struct cnnc_halo),
    (const struct field[]){FIELD(struct cnnc_halo, n, F_INT), FIELD(struct cnnc_halo, c, F_INT),
                           FIELD(struct cnnc_halo, d, F_INT), FIELD(struct cnnc_halo, h, F_INT),
                           FIELD(struct cnnc_halo, w, F_INT), FIELD_ARRAY(struct cnnc_halo, before, F_INT, 3),
                           FIELD_ARRAY(struct cnnc_halo, after, F_INT, 3), FIELD(struct cnnc_halo, y, F_VIEW),
                           FIELD(struct cnnc_halo, block, F_INT)},
    9};
static const struct geometry copy_geometry = {
    "cnnc_copy", sizeof(struct cnnc_copy), (const struct field[]){FIELD(struct cnnc_copy, bytes, F_LONG)}, 1};

static const struct kernel kernels[] = {
    {.name = "copy", .part = "copy.h", .geometry = &copy_geometry, .match = same_bytes, .fill = fill_copy},
    {.name = "to_blocked", .part = "reorder.h", .geometry = &reorder_geometry, .match = to_blocked, .fill = fill_reorder,
     .views = true},
    {.name = "to_plain", .part = "reorder.h", .geometry = &reorder_geometry, .match = to_plain, .fill = fill_reorder,
     .views = true},
    {.name = "copy_view", .part = "reorder.h", .geometry = &reorder_geometry, .match = same_block,
     .fill = fill_reorder, .views = true},
    {.name = "halo", .part = "reorder.h", .geometry = &halo_geometry, .match = never, .fill = fill_halo},
};

const struct op op_reorder = {
    .onnx = "Reorder", .doc = "another memory layout", .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL | OP_REORDERS | OP_SAMPLEWISE,
    .infer = infer_same_as_input, .past = past_same, .kernels = kernels, .nkernels = COUNT(kernels),
};

/* Where a loop over the samples of a batch meets the rest of the graph (passes/samples.c): the sample at hand of a tensor; all of its samples. They
 * name memory and run nothing. */
const struct op op_sample = {
    .onnx = "Sample", .doc = "the sample at hand of a batch", .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL | OP_VIEW,
};
const struct op op_samples = {
    .onnx = "Samples", .doc = "a batch that is made sample by sample", .min_in = 1, .max_in = 1, .max_out = 1, .flags = OP_INTERNAL,
};
