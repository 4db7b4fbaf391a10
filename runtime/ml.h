/* SPDX-License-Identifier: 0BSD
 *
 * Operators of classical machine learning and of text.
 */
#include "base.h"
#include "element.h"
#include "ml_types.h"

CNNC_INLINE void CNNC_FN(cnnc_tf_idf)(const struct cnnc_tf_idf *g, const void *const in[], void *const out[],
                                      struct cnnc_thread t)
{
    const int64_t *pool = in[1], *start = in[2], *column = in[3];
    const float *weight = in[4];
    float *y = out[0];
    long first, last;
    cnnc_split(g->rows, t, &first, &last);
    for (long r = first; r < last; r++) {
        for (long i = 0; i < g->width; i++)
            y[r * g->width + i] = 0;
        for (long n = 1, gram = 0; n <= g->lengths; n++) {
            const long from = (long)start[n - 1], to = n < g->lengths ? (long)start[n] : g->pool;
            for (long p = from; p + n <= to; p += n, gram++) {
                if (n < g->shortest || n > g->longest)
                    continue;
                for (long step = 1; step <= (n > 1 ? g->skips + 1 : 1); step++)
                    for (long at = 0; at + (n - 1) * step < g->columns; at++) {
                        long k = 0;
                        while (k < n && cnnc_get_int(g->dtype, in[0], r * g->columns + at + k * step) == pool[p + k])
                            k++;
                        if (k == n)
                            y[r * g->width + column[gram]] += 1;
                    }
            }
        }
        for (long n = 1, gram = 0; n <= g->lengths && g->mode != CNNC_TF; n++) {
            const long from = (long)start[n - 1], to = n < g->lengths ? (long)start[n] : g->pool;
            for (long p = from; p + n <= to; p += n, gram++) {
                float *v = y + r * g->width + column[gram];
                const float w = weight ? weight[gram] : 1;
                *v = g->mode == CNNC_IDF ? (*v > 0 ? w : 0) : *v * w;
            }
        }
    }
}

CNNC_INLINE void CNNC_FN(cnnc_binarizer)(const struct cnnc_binarizer *g, const void *const in[], void *const out[],
                                         struct cnnc_thread t)
{
    long first, last;
    cnnc_split(g->n, t, &first, &last);
    for (long i = first; i < last; i++)
        cnnc_put(g->dtype, out[0], i, cnnc_get(g->dtype, in[0], i) > g->threshold);
}

enum { CNNC_TREE_LEQ, CNNC_TREE_LT, CNNC_TREE_GTE, CNNC_TREE_GT, CNNC_TREE_EQ, CNNC_TREE_NEQ, CNNC_TREE_MEMBER };

CNNC_INLINE void CNNC_FN(cnnc_trees)(const struct cnnc_trees *g, const void *const in[], void *const out[],
                                     struct cnnc_thread t)
{
    const int64_t *root = in[1], *feature = in[2], *mode = in[3], *branch[2] = {in[5], in[4]}, *leaf[2] = {in[7], in[6]};
    const double *split = in[8], *member = in[9], *weight = in[11];
    const int64_t *target = in[10];
    long first, last;
    cnnc_split(g->rows, t, &first, &last);
    for (long r = first; r < last; r++)
        for (long c = 0; c < g->targets; c++) {
            double sum = 0;
            long votes = 0;
            for (long k = 0; k < g->trees; k++) {
                int64_t node = root[k];
                for (int at_leaf = 0; !at_leaf;) {
                    const double v = cnnc_get(g->dtype, in[0], r * g->features + (long)feature[node]), s = split[node];
                    int yes = 0;
                    switch (mode[node]) {
                    case CNNC_TREE_LEQ: yes = v <= s; break;
                    case CNNC_TREE_LT: yes = v < s; break;
                    case CNNC_TREE_GTE: yes = v >= s; break;
                    case CNNC_TREE_GT: yes = v > s; break;
                    case CNNC_TREE_EQ: yes = v == s; break;
                    case CNNC_TREE_NEQ: yes = v != s; break;
                    default:
                        for (long m = (long)s; member[m] == member[m]; m++)
                            yes |= member[m] == v;
                    }
                    at_leaf = leaf[yes][node] != 0;
                    node = branch[yes][node];
                }
                if (target[node] != c)
                    continue;
                const double w = weight[node];
                sum = g->aggregate <= 1 || votes == 0 ? sum + w : g->aggregate == 2 ? (w < sum ? w : sum) : (w > sum ? w : sum);
                votes++;
            }
            if (g->aggregate == 0 && g->trees)
                sum /= (double)g->trees;
            cnnc_put(g->dtype, out[0], r * g->targets + c, g->transform == 1 ? 1 / (1 + exp(-sum)) : sum);
        }
}
