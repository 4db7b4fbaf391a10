/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of operators of classical machine learning (ai.onnx.ml) and of text.
 */
#ifndef CNNC_ML_TYPES_H
#define CNNC_ML_TYPES_H
#include "base.h"

/* TfIdfVectorizer: in x [rows][columns], then constants: pool of n-grams (int64), where those of each length start (int64),
 * column of each n-gram (int64), weights or NULL; out y [rows][width]. lengths: how many starts there are. */
enum cnnc_tf_idf_mode { CNNC_TF, CNNC_IDF, CNNC_TFIDF };
struct cnnc_tf_idf {
    long rows, columns, width, pool, lengths, shortest, longest, skips;
    int mode, dtype;
};

/* Binarizer: in x [n]; out y: x > threshold. */
struct cnnc_binarizer {
    long n;
    double threshold;
    int dtype;
};

/* TreeEnsemble: in x [rows][features], then constants: roots (int64), of each inner node its feature, mode, true and false
 * branch, whether they are leaves (int64), splits and members of sets (double; a set ends with NaN and starts where the
 * split says), of each leaf its target (int64) and weight (double); out y [rows][targets]. */
struct cnnc_trees {
    long rows, features, targets, trees;
    int aggregate, transform, dtype;
};

#endif
