/* Receptive fields: through a window of k taps at distance d, the field grows by (k - 1) d steps of the layer before; a
 * stride multiplies the step. (Dumoulin and Visin 2016: A guide to convolution arithmetic for deep learning.) */
#include "report.h"

#include <string.h>

static bool is(const struct node *n, const char *op) { return strcmp(n->op->onnx, op) == 0; }

static bool has(const struct node *n, const char *attr)
{
    for (int i = 0; i < n->op->nattrs; i++)
        if (n->op->attrs[i].onnx && strcmp(n->op->attrs[i].onnx, attr) == 0)
            return true;
    return false;
}

struct receptive field_of_input(const struct tensor *t)
{
    struct receptive f = {.axes = t->rank >= 3 && t->rank <= 5 ? t->rank - 2 : 0};
    for (int i = 0; i < 3; i++)
        f.size[i] = f.jump[i] = 1;
    return f;
}

/* Operands that come together: the largest of their fields. */
static struct receptive together(const struct node *n, const struct receptive *of_tensor)
{
    struct receptive f = {0};
    bool any = false;
    for (int i = 0; i < n->nin; i++) {
        if (!n->in[i] || tensor_is_const(n->in[i]))
            continue;
        const struct receptive *x = &of_tensor[n->in[i]->id];
        if (!any) {
            f = *x;
        } else {
            f.all |= x->all;
            f.unknown |= x->unknown;
            if (x->axes > f.axes)
                f.axes = x->axes;
            for (int k = 0; k < 3; k++) {
                f.size[k] = MAX(f.size[k], x->size[k]);
                f.jump[k] = MAX(f.jump[k], x->jump[k]);
            }
        }
        any = true;
    }
    return f;
}

static void window(const struct node *n, struct receptive *f)
{
    for (int i = 0; i < f->axes; i++) {
        const double k = (double)attr_at(n, "kernel_shape", i, 1), s = (double)attr_at(n, "strides", i, 1);
        const double d = has(n, "dilations") ? (double)attr_at(n, "dilations", i, 1) : 1;
        if (is(n, "ConvTranspose")) { /* an output reads as many inputs as taps fall on it */
            f->jump[i] /= s;
            f->size[i] += (double)((int64_t)((k - 1) * d / s)) * f->jump[i] * s;
        } else {
            f->size[i] += (k - 1) * d * f->jump[i];
            f->jump[i] *= s;
        }
    }
}

static bool keeps_space(const struct node *n) /* a Transpose that leaves the spatial axes in order */
{
    const struct attr *perm = attr_get(n, "perm");
    int last = -1, rank = n->in[0]->rank;
    bool channels_last = perm->n == rank && rank > 1 && perm->ints[1] == rank - 1;
    for (int i = channels_last ? 2 : 1; i < perm->n; i++) {
        if (perm->ints[i] <= last)
            return false;
        last = (int)perm->ints[i];
    }
    return true;
}

struct receptive field_through(const struct node *n, const struct receptive *of_tensor)
{
    static const char *const everything[] = {"Gemm", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "RNN", "LSTM", "GRU",
                                             "InstanceNormalization", "GroupNormalization", "LayerNormalization"};
    struct receptive f = together(n, of_tensor);
    const struct tensor *x = input(n, 0), *y = n->nout > 0 ? n->out[0] : NULL;
    if (!x || !y)
        return f;
    for (size_t i = 0; i < COUNT(everything); i++)
        f.all |= is(n, everything[i]);
    if (has(n, "kernel_shape") && has(n, "strides")) {
        window(n, &f);
    } else if (is(n, "MatMul")) {
        f.all |= x->rank <= 2;
        f.unknown |= x->rank > 2;
    } else if (strncmp(n->op->onnx, "Reduce", 6) == 0 || strncmp(n->op->onnx, "Arg", 3) == 0) {
        f.all |= y->rank < 3 || dims_count(y->rank - 2, y->dim + 2) == 1;
        f.unknown |= !f.all && y->rank != x->rank;
    } else if (strncmp(n->op->onnx, "Adaptive", 8) == 0) {
        const bool one = dims_count(y->rank - 2, y->dim + 2) == 1;
        f.all |= one;
        for (int i = 0; i < f.axes && !one; i++) {
            const double cells = (double)((x->dim[2 + i] + y->dim[2 + i] - 1) / y->dim[2 + i]);
            f.size[i] += (cells - 1) * f.jump[i];
            f.jump[i] *= (double)x->dim[2 + i] / (double)y->dim[2 + i];
        }
    } else if ((is(n, "Resize") || is(n, "Upsample")) && x->rank == y->rank) {
        for (int i = 0; i < f.axes; i++) {
            if (x->dim[2 + i] != y->dim[2 + i] && strcmp(attr_s(n, "mode"), "nearest") != 0)
                f.size[i] += f.jump[i]; /* two neighbours */
            f.jump[i] *= (double)x->dim[2 + i] / (double)MAX(y->dim[2 + i], 1);
        }
    } else if (is(n, "Transpose") && !f.all) {
        f.unknown |= f.axes > 0 && !keeps_space(n);
    } else if (is(n, "Reshape") && !f.all) {
        f.unknown |= f.axes > 0 && y->rank > 2 && !(y->rank == x->rank && memcmp(y->dim + 2, x->dim + 2, sizeof *y->dim * (size_t)(y->rank - 2)) == 0);
    }
    return f;
}

const char *field_text(const struct receptive *f, char text[64])
{
    size_t n = 0;
    text[0] = '\0';
    if (f->all)
        return strcpy(text, "all");
    if (f->unknown || f->axes == 0)
        return text;
    for (int i = 0; i < f->axes; i++)
        n += (size_t)snprintf(text + n, 64 - n, i ? "x%.0f" : "%.0f", f->size[i]);
    return text;
}
