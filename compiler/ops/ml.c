/* Operators of classical machine learning (ai.onnx.ml) and of text. */
#include "generic.h"
#include "past.h"

#include <math.h>

#include "../../runtime/gather.h"
#include "../../runtime/ml.h"
#include "shared.h"

static struct tensor *ints_of(struct graph *g, const struct node *n, const char *attr)
{
    const struct attr *a = attr_get(n, attr);
    return tensor_i64(g, unique_name(g, attr), a->n, a->ints);
}

/* ---- TfIdfVectorizer -------------------------------------------------------------------------------------------- */

static const struct attr_def tf_idf_attrs[] = {
    {"max_gram_length", NULL, A_INT, AT_POSITIVE, 1, NULL, "longest n-gram"},
    {"max_skip_count", NULL, A_INT, AT_NONNEG, 0, NULL, "most items left out between those of an n-gram"},
    {"min_gram_length", NULL, A_INT, AT_POSITIVE, 1, NULL, "shortest n-gram"},
    {"mode", NULL, A_STRING, 0, 0, "TF:TF|IDF|TFIDF", "counts, weights or their products"},
    {"ngram_counts", NULL, A_INTS, AT_NONNEG, 0, NULL, "where the n-grams of each length start"},
    {"ngram_indexes", NULL, A_INTS, AT_NONNEG, 0, NULL, "column of each n-gram"},
    {"pool_int64s", NULL, A_INTS, 0, 0, NULL, "the n-grams"},
    {"pool_strings", NULL, A_STRINGS, 0, 0, NULL, "the n-grams, as strings"},
    {"weights", NULL, A_FLOATS, 0, 0, NULL, "weight of each n-gram"},
};

static bool tf_idf_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    const struct attr *pool = attr_get(n, "pool_int64s"), *starts = attr_get(n, "ngram_counts");
    const struct attr *columns = attr_get(n, "ngram_indexes"), *weights = attr_get(n, "weights");
    int64_t width = 0, grams = 0;
    if (attr_set(n, "pool_strings"))
        return node_error(g, n, "n-grams of strings are not supported");
    if (!check_rank(g, n, 0, 1, 2) || !check_type(g, n, 0, TYPE(DT_I32) | TYPE(DT_I64)))
        return false;
    for (int i = 0; i < starts->n; i++) {
        int64_t end = i + 1 < starts->n ? starts->ints[i + 1] : pool->n;
        if (starts->ints[i] < 0 || end < starts->ints[i] || end > pool->n)
            return attr_error(g, n, "ngram_counts", "the starts do not fit a pool of %d", pool->n);
        grams += (end - starts->ints[i]) / (i + 1);
    }
    if (grams != columns->n || (weights->set && weights->n != columns->n))
        return attr_error(g, n, "ngram_indexes", "%d columns, expected %lld", columns->n, (long long)grams);
    for (int i = 0; i < columns->n; i++) {
        if (columns->ints[i] < 0 || columns->ints[i] > 1 << 28)
            return attr_error(g, n, "ngram_indexes", "column %lld", (long long)columns->ints[i]);
        width = MAX(width, columns->ints[i] + 1);
    }
    if (n->nin == 1) {
        node_input(g, n, ints_of(g, n, "pool_int64s"));
        node_input(g, n, ints_of(g, n, "ngram_counts"));
        node_input(g, n, ints_of(g, n, "ngram_indexes"));
        struct tensor *w = NULL;
        if (weights->set) {
            w = tensor_const(g, unique_name(g, "weights"), DT_F32, 1, (int64_t[]){weights->n}, NULL);
            for (int i = 0; i < weights->n; i++)
                ((float *)w->data)[i] = (float)weights->floats[i];
        }
        node_input(g, n, w);
    }
    if (x->rank == 1)
        set_output(n, 0, DT_F32, 1, &width);
    else
        set_output(n, 0, DT_F32, 2, (int64_t[]){x->dim[0], width});
    return true;
}

static void tf_idf_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0], *y = n->out[0];
    const char *mode = attr_s(n, "mode");
    *(struct cnnc_tf_idf *)geometry = (struct cnnc_tf_idf){
        x->rank == 2 ? (long)x->dim[0] : 1, (long)x->dim[x->rank - 1], (long)y->dim[y->rank - 1], (long)n->in[1]->dim[0],
        (long)n->in[2]->dim[0], (long)attr_i(n, "min_gram_length"), (long)attr_i(n, "max_gram_length"),
        (long)attr_i(n, "max_skip_count"), mode[0] == 'I' ? CNNC_IDF : mode[2] ? CNNC_TFIDF : CNNC_TF, (int)x->dtype};
}
RUN(tf_idf)
GEOMETRY(tf_idf, FIELD(struct cnnc_tf_idf, rows, F_LONG), FIELD(struct cnnc_tf_idf, columns, F_LONG),
         FIELD(struct cnnc_tf_idf, width, F_LONG), FIELD(struct cnnc_tf_idf, pool, F_LONG), FIELD(struct cnnc_tf_idf, lengths, F_LONG),
         FIELD(struct cnnc_tf_idf, shortest, F_LONG), FIELD(struct cnnc_tf_idf, longest, F_LONG),
         FIELD(struct cnnc_tf_idf, skips, F_LONG), FIELD_LIT(struct cnnc_tf_idf, mode, F_INT),
         FIELD_LIT(struct cnnc_tf_idf, dtype, F_INT));
static const struct kernel tf_idf_kernels[] = {KERNEL(tf_idf, "ml.h", tf_idf, tf_idf_fill)};
const struct op op_tf_idf_vectorizer = {
    .onnx = "TfIdfVectorizer", .doc = "counts of n-grams", .attrs = tf_idf_attrs, .nattrs = COUNT(tf_idf_attrs), .min_in = 1,
    .max_in = 5, .max_out = 1, .infer = tf_idf_infer, .kernels = tf_idf_kernels, .nkernels = 1,
};

/* ---- Binarizer, ArrayFeatureExtractor --------------------------------------------------------------------------- */

static const struct attr_def binarizer_attrs[] = {{"threshold", NULL, A_FLOAT, 0, 0, NULL, "values above it are 1"}};

static void binarizer_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    *(struct cnnc_binarizer *)geometry =
        (struct cnnc_binarizer){(long)tensor_count(n->in[0]), attr_f(n, "threshold"), (int)n->in[0]->dtype};
}
RUN(binarizer)
GEOMETRY(binarizer, FIELD(struct cnnc_binarizer, n, F_LONG), FIELD(struct cnnc_binarizer, threshold, F_DOUBLE),
         FIELD_LIT(struct cnnc_binarizer, dtype, F_INT));
static const struct kernel binarizer_kernels[] = {KERNEL(binarizer, "ml.h", binarizer, binarizer_fill)};
const struct op op_binarizer = {
    .onnx = "Binarizer", .doc = "1 above a threshold, else 0", .attrs = binarizer_attrs, .nattrs = 1, .min_in = 1, .max_in = 1,
    .max_out = 1, .infer = infer_same_as_input, .past = past_same, .kernels = binarizer_kernels, .nkernels = 1,
};

static bool extractor_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0], *index = n->in[1];
    int64_t dim[MAX_RANK];
    if (!check_rank(g, n, 0, 1, MAX_RANK) || !check_type(g, n, 1, TYPE(DT_I64)))
        return false;
    memcpy(dim, x->dim, sizeof dim);
    dim[x->rank - 1] = tensor_count(index);
    if (x->rank == 1) {
        dim[1] = dim[0];
        dim[0] = 1;
    }
    set_output(n, 0, x->dtype, MAX(x->rank, 2), dim);
    return true;
}

static void extractor_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    *(struct cnnc_gather *)geometry =
        (struct cnnc_gather){.size = (int)dtype_size(x->dtype), .index64 = 1, .outer = outer_of(x, x->rank - 1),
                             .axis = (long)x->dim[x->rank - 1], .inner = 1, .count = (long)tensor_count(n->in[1])};
}
RUN(gather)
GEOMETRY(gather, FIELD_LIT(struct cnnc_gather, size, F_INT), FIELD_LIT(struct cnnc_gather, index64, F_INT),
         FIELD(struct cnnc_gather, outer, F_LONG), FIELD(struct cnnc_gather, axis, F_LONG),
         FIELD(struct cnnc_gather, inner, F_LONG), FIELD(struct cnnc_gather, count, F_LONG));
static const struct kernel extractor_kernels[] = {KERNEL(gather, "gather.h", gather, extractor_fill)};
const struct op op_array_feature_extractor = {
    .onnx = "ArrayFeatureExtractor", .doc = "elements of the last axis by index", .min_in = 2, .max_in = 2, .max_out = 1,
    .infer = extractor_infer, .kernels = extractor_kernels, .nkernels = 1,
};

/* ---- TreeEnsemble ----------------------------------------------------------------------------------------------- */

static const struct attr_def tree_attrs[] = {
    {"aggregate_function", NULL, A_INT, 0, 1, NULL, "0 average, 1 sum, 2 smallest, 3 largest"},
    {"leaf_targetids", NULL, A_INTS, AT_NONNEG, 0, NULL, "output of each leaf"},
    {"leaf_weights", NULL, A_TENSOR, 0, 0, NULL, "value of each leaf"},
    {"membership_values", NULL, A_TENSOR, 0, 0, NULL, "members of sets, NaN between sets"},
    {"n_targets", NULL, A_INT, AT_POSITIVE, 1, NULL, "number of outputs"},
    {"nodes_falseleafs", NULL, A_INTS, 0, 0, NULL, "the false branch is a leaf"},
    {"nodes_falsenodeids", NULL, A_INTS, AT_NONNEG, 0, NULL, "the false branch"},
    {"nodes_featureids", NULL, A_INTS, AT_NONNEG, 0, NULL, "feature to compare"},
    {"nodes_hitrates", NULL, A_TENSOR, 0, 0, NULL, "how often: not needed"},
    {"nodes_missing_value_tracks_true", NULL, A_INTS, 0, 0, NULL, "NaN takes the true branch"},
    {"nodes_modes", NULL, A_TENSOR, 0, 0, NULL, "comparison of each node"},
    {"nodes_splits", NULL, A_TENSOR, 0, 0, NULL, "value to compare with"},
    {"nodes_trueleafs", NULL, A_INTS, 0, 0, NULL, "the true branch is a leaf"},
    {"nodes_truenodeids", NULL, A_INTS, AT_NONNEG, 0, NULL, "the true branch"},
    {"post_transform", NULL, A_INT, 0, 0, NULL, "0 none, 1 logistic"},
    {"tree_roots", NULL, A_INTS, AT_NONNEG, 0, NULL, "first node of each tree"},
};

static struct tensor *doubles(struct graph *g, const char *name, const struct tensor *from, int64_t extra)
{
    int64_t count = from ? tensor_count(from) : 0, total = count + extra;
    struct tensor *t = tensor_const(g, unique_name(g, name), DT_F64, 1, &total, NULL);
    for (int64_t i = 0; i < total; i++)
        ((double *)t->data)[i] = i < count ? const_element(from, i) : (double)NAN;
    return t;
}

/* Every branch leads to a node or a leaf that there is, and no node is reached before the one that leads to it: no cycles. */
static bool trees_sound(const struct node *n)
{
    const struct attr *feature = attr_get(n, "nodes_featureids"), *roots = attr_get(n, "tree_roots");
    const struct attr *ids[2] = {attr_get(n, "nodes_falsenodeids"), attr_get(n, "nodes_truenodeids")};
    const struct attr *leafs[2] = {attr_get(n, "nodes_falseleafs"), attr_get(n, "nodes_trueleafs")};
    const struct tensor *modes = attr_get(n, "nodes_modes")->tensor, *splits = attr_get(n, "nodes_splits")->tensor;
    const struct tensor *weights = attr_get(n, "leaf_weights")->tensor, *members = attr_get(n, "membership_values")->tensor;
    int nodes = feature->n, leaves = attr_get(n, "leaf_targetids")->n;
    if (!modes || !splits || !weights || tensor_count(modes) != nodes || tensor_count(splits) != nodes ||
        tensor_count(weights) != leaves || roots->n < 1)
        return false;
    if (modes->dtype != DT_U8 || !dtype_is_float(splits->dtype) || !dtype_is_float(weights->dtype) || (members && !dtype_is_float(members->dtype)))
        return false;
    for (int i = 0; i < roots->n; i++)
        if (roots->ints[i] >= nodes)
            return false;
    for (int i = 0; i < leaves; i++)
        if (attr_get(n, "leaf_targetids")->ints[i] >= attr_i(n, "n_targets"))
            return false;
    for (int b = 0; b < 2; b++) {
        if (ids[b]->n != nodes || leafs[b]->n != nodes)
            return false;
        for (int i = 0; i < nodes; i++)
            if (ids[b]->ints[i] >= (leafs[b]->ints[i] ? leaves : nodes) ||
                (!leafs[b]->ints[i] && ids[b]->ints[i] <= i))
                return false;
    }
    return true;
}

static bool trees_infer(struct graph *g, struct node *n)
{
    const struct tensor *x = n->in[0];
    if (!check_rank(g, n, 0, 2, 2) || !check_type(g, n, 0, TYPES_FLOAT))
        return false;
    if (!trees_sound(n))
        return node_error(g, n, "the nodes of the trees do not fit together");
    const struct attr *feature = attr_get(n, "nodes_featureids");
    for (int i = 0; i < feature->n; i++)
        if (feature->ints[i] >= x->dim[1])
            return attr_error(g, n, "nodes_featureids", "feature %lld of %lld", (long long)feature->ints[i], (long long)x->dim[1]);
    if (n->nin == 1) {
        static const char *const names[] = {"tree_roots", "nodes_featureids", NULL, "nodes_truenodeids", "nodes_falsenodeids",
                                            "nodes_trueleafs", "nodes_falseleafs", NULL, NULL, "leaf_targetids", NULL};
        const struct tensor *modes = attr_get(n, "nodes_modes")->tensor;
        struct tensor *splits = doubles(g, "splits", attr_get(n, "nodes_splits")->tensor, 0);
        struct tensor *members = doubles(g, "members", attr_get(n, "membership_values")->tensor, 1);
        int64_t sets = 0, *mode = arena_alloc(&g->arena, sizeof *mode * (size_t)(feature->n + 1));
        for (int i = 0; i < feature->n; i++) {
            mode[i] = cnnc_get_int((int)modes->dtype, modes->data, i);
            if (mode[i] == CNNC_TREE_MEMBER) { /* the split becomes the start of the node's set */
                ((double *)splits->data)[i] = (double)sets;
                while (sets + 1 < tensor_count(members) && !isnan(((const double *)members->data)[sets]))
                    sets++;
                sets += sets + 1 < tensor_count(members);
            }
        }
        for (int i = 0; i < 11; i++)
            node_input(g, n, i == 2 ? tensor_i64(g, unique_name(g, "modes"), feature->n, mode) : i == 7 ? splits : i == 8 ? members
                             : i == 10 ? doubles(g, "weights", attr_get(n, "leaf_weights")->tensor, 0) : ints_of(g, n, names[i]));
    }
    set_output(n, 0, x->dtype, 2, (int64_t[]){x->dim[0], attr_i(n, "n_targets")});
    return true;
}

static void trees_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    const struct tensor *x = n->in[0];
    *(struct cnnc_trees *)geometry =
        (struct cnnc_trees){(long)x->dim[0], (long)x->dim[1], (long)attr_i(n, "n_targets"), (long)attr_get(n, "tree_roots")->n,
                            (int)attr_i(n, "aggregate_function"), (int)attr_i(n, "post_transform"), (int)x->dtype};
}
RUN(trees)
GEOMETRY(trees, FIELD(struct cnnc_trees, rows, F_LONG), FIELD(struct cnnc_trees, features, F_LONG),
         FIELD(struct cnnc_trees, targets, F_LONG), FIELD(struct cnnc_trees, trees, F_LONG),
         FIELD_LIT(struct cnnc_trees, aggregate, F_INT), FIELD_LIT(struct cnnc_trees, transform, F_INT),
         FIELD_LIT(struct cnnc_trees, dtype, F_INT));
static const struct kernel trees_kernels[] = {KERNEL(trees, "ml.h", trees, trees_fill)};
const struct op op_tree_ensemble = {
    .onnx = "TreeEnsemble", .doc = "decision trees added up", .attrs = tree_attrs, .nattrs = COUNT(tree_attrs), .min_in = 1,
    .max_in = 12, .max_out = 1, .infer = trees_infer, .kernels = trees_kernels, .nkernels = 1,
};
