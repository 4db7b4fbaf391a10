/* Fourier transforms, windows, mel filters. */
#include "generic.h"

#include "../../runtime/signal.h"
#include "shared.h"

/* ---- DFT -------------------------------------------------------------------------------------------------------- */

static const struct attr_def dft_attrs[] = {
    {"axis", NULL, A_INT, 0, 1, NULL, "of opset 17: the axis"},
    {"inverse", NULL, A_BOOL, 0, 0, NULL, "from the spectrum back"},
    {"onesided", NULL, A_BOOL, 0, 0, NULL, "only the half of a spectrum that symmetry leaves"},
};

static bool dft_plan(struct graph *g, const struct node *n, struct cnnc_dft *d, int *axis)
{
    const struct tensor *x = n->in[0], *length = input(n, 1), *where = input(n, 2);
    int64_t a = where ? cnnc_get_int((int)where->dtype, where->data, 0) : attr_set(n, "axis") ? attr_i(n, "axis") : -2;
    bool inverse = attr_i(n, "inverse") != 0, onesided = attr_i(n, "onesided") != 0;
    (void)g;
    a += a < 0 ? x->rank : 0;
    if (a < 0 || a >= x->rank - 1 || (x->dim[x->rank - 1] != 1 && x->dim[x->rank - 1] != 2))
        return false;
    *axis = (int)a;
    *d = (struct cnnc_dft){.outer = outer_of(x, a), .given = (long)x->dim[a], .inverse = inverse, .parts = (int)x->dim[x->rank - 1],
                           .inner = (long)dims_count(x->rank - (int)a - 2, x->dim + a + 1), .dtype = (int)x->dtype};
    d->half = inverse && onesided;
    d->length = length ? (long)cnnc_get_int((int)length->dtype, length->data, 0) : d->half ? 2 * (d->given - 1) : d->given;
    d->bins = onesided && !inverse ? d->length / 2 + 1 : d->length;
    d->out_parts = d->half ? 1 : 2;
    return d->length >= 1 && d->length < 1 << 24 && !(onesided && !inverse && d->parts == 2);
}

static bool dft_infer(struct graph *g, struct node *n)
{
    struct cnnc_dft d;
    int axis;
    int64_t dim[MAX_RANK];
    char text[160];
    double v;
    if (!check_rank(g, n, 0, 2, MAX_RANK) || !check_type(g, n, 0, TYPES_FLOAT) ||
        (input(n, 1) && (!known_number(g, n, 1, "the length", &v) || !check_index_type(g, n, 1))) ||
        (input(n, 2) && (!known_number(g, n, 2, "the axis", &v) || !check_index_type(g, n, 2))))
        return false;
    if (!dft_plan(g, n, &d, &axis))
        return node_error(g, n, "axis, length and form do not fit an input of shape %s", shape_text(n->in[0], text));
    memcpy(dim, n->in[0]->dim, sizeof dim);
    dim[axis] = d.bins;
    dim[n->in[0]->rank - 1] = d.out_parts;
    set_output(n, 0, n->in[0]->dtype, n->in[0]->rank, dim);
    return true;
}

static void dft_fill(const struct node *n, void *geometry, const struct target *target)
{
    int axis;
    (void)target;
    dft_plan(NULL, n, geometry, &axis);
}
static size_t dft_scratch(const void *g) { return (size_t)((const struct cnnc_dft *)g)->length * 2 * sizeof(double); }
RUN_SCRATCH(dft, dft_scratch)
GEOMETRY(dft, FIELD(struct cnnc_dft, outer, F_LONG), FIELD(struct cnnc_dft, given, F_LONG), FIELD(struct cnnc_dft, length, F_LONG),
         FIELD(struct cnnc_dft, bins, F_LONG), FIELD(struct cnnc_dft, inner, F_LONG), FIELD_LIT(struct cnnc_dft, parts, F_INT),
         FIELD_LIT(struct cnnc_dft, out_parts, F_INT), FIELD_LIT(struct cnnc_dft, inverse, F_INT),
         FIELD_LIT(struct cnnc_dft, half, F_INT), FIELD_LIT(struct cnnc_dft, dtype, F_INT));
static const struct kernel dft_kernels[] = {{.name = "dft", .part = "signal.h", .geometry = &dft_geometry, .fill = dft_fill,
                                             .scratch = dft_scratch, .run = run_dft}};
const struct op op_dft = {
    .onnx = "DFT", .doc = "discrete Fourier transform", .attrs = dft_attrs, .nattrs = 3, .min_in = 1, .max_in = 3, .max_out = 1,
    .infer = dft_infer, .kernels = dft_kernels, .nkernels = 1,
};

/* ---- STFT ------------------------------------------------------------------------------------------------------- */

static const struct attr_def stft_attrs[] = {{"onesided", NULL, A_BOOL, 0, 1, NULL, "only the half that symmetry leaves"}};

static bool stft_plan(const struct node *n, struct cnnc_stft *s)
{
    const struct tensor *x = n->in[0], *step = n->in[1], *window = input(n, 2), *length = input(n, 3);
    *s = (struct cnnc_stft){.batch = (long)x->dim[0], .samples = (long)x->dim[1], .parts = x->rank == 3 ? (int)x->dim[2] : 1,
                            .step = (long)cnnc_get_int((int)step->dtype, step->data, 0), .dtype = (int)x->dtype};
    s->length = length ? (long)cnnc_get_int((int)length->dtype, length->data, 0) : window ? (long)window->dim[0] : s->samples;
    if (s->step < 1 || s->length < 1 || s->length > s->samples || s->parts < 1 || s->parts > 2 ||
        (window && (window->rank != 1 || window->dim[0] != s->length)))
        return false;
    s->frames = (s->samples - s->length) / s->step + 1;
    s->bins = attr_i(n, "onesided") ? s->length / 2 + 1 : s->length;
    return true;
}

static bool stft_infer(struct graph *g, struct node *n)
{
    struct cnnc_stft s;
    char text[160];
    double v;
    if (!check_rank(g, n, 0, 2, 3) || !check_type(g, n, 0, TYPES_FLOAT) || !known_number(g, n, 1, "the step", &v) ||
        !check_index_type(g, n, 1) || (input(n, 2) && !same_dtype(g, n, 0, 2)) ||
        (input(n, 3) && (!known_number(g, n, 3, "the frame's length", &v) || !check_index_type(g, n, 3))))
        return false;
    if (!stft_plan(n, &s))
        return node_error(g, n, "step, window and length do not fit a signal of shape %s", shape_text(n->in[0], text));
    absent_inputs(g, n, 3);
    set_output(n, 0, n->in[0]->dtype, 4, (int64_t[]){s.batch, s.frames, s.bins, 2});
    return true;
}

static void stft_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    stft_plan(n, geometry);
}
static size_t stft_scratch(const void *g) { return (size_t)((const struct cnnc_stft *)g)->length * 2 * sizeof(double); }
RUN_SCRATCH(stft, stft_scratch)
GEOMETRY(stft, FIELD(struct cnnc_stft, batch, F_LONG), FIELD(struct cnnc_stft, samples, F_LONG), FIELD(struct cnnc_stft, step, F_LONG),
         FIELD(struct cnnc_stft, length, F_LONG), FIELD(struct cnnc_stft, frames, F_LONG), FIELD(struct cnnc_stft, bins, F_LONG),
         FIELD_LIT(struct cnnc_stft, parts, F_INT), FIELD_LIT(struct cnnc_stft, dtype, F_INT));
static const struct kernel stft_kernels[] = {{.name = "stft", .part = "signal.h", .geometry = &stft_geometry, .fill = stft_fill,
                                              .scratch = stft_scratch, .run = run_stft}};
const struct op op_stft = {
    .onnx = "STFT", .doc = "Fourier transforms of overlapping frames", .attrs = stft_attrs, .nattrs = 1, .min_in = 2,
    .max_in = 4, .max_out = 1, .infer = stft_infer, .kernels = stft_kernels, .nkernels = 1,
};

/* ---- windows ---------------------------------------------------------------------------------------------------- */

static const struct attr_def window_attrs[] = {
    {"output_datatype", NULL, A_INT, 0, DT_F32, NULL, "element type"},
    {"periodic", NULL, A_BOOL, 0, 1, NULL, "the last value is not the first again"},
};

static bool window_op_infer(struct graph *g, struct node *n)
{
    double size;
    enum dtype t = (enum dtype)attr_i(n, "output_datatype");
    if (!known_number(g, n, 0, "the size", &size))
        return false;
    if (!(size >= 0 && size < 1e9) || !(TYPES_NUMERIC >> t & 1))
        return node_error(g, n, "a window of %g elements of %s", size, dtype_name(t));
    set_output(n, 0, t, 1, (int64_t[]){(int64_t)size});
    return true;
}

static void window_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    long size = (long)n->out[0]->dim[0];
    char kind = n->op->onnx[0] == 'B' ? 'B' : n->op->onnx[2]; /* Blackman, haNn, haMming */
    *(struct cnnc_window *)geometry =
        (struct cnnc_window){size, attr_i(n, "periodic") ? size : MAX(size - 1, 1), kind == 'B' ? 0.42 : kind == 'n' ? 0.5 : 25.0 / 46,
                             kind == 'm' ? 21.0 / 46 : 0.5, kind == 'B' ? 0.08 : 0, (int)n->out[0]->dtype};
}
RUN(window)
GEOMETRY(window, FIELD(struct cnnc_window, n, F_LONG), FIELD(struct cnnc_window, period, F_LONG), FIELD(struct cnnc_window, a, F_DOUBLE),
         FIELD(struct cnnc_window, b, F_DOUBLE), FIELD(struct cnnc_window, c, F_DOUBLE), FIELD_LIT(struct cnnc_window, dtype, F_INT));
static const struct kernel window_kernels[] = {KERNEL(window, "signal.h", window, window_fill)};
#define WINDOW(symbol, onnx_, doc_)                                                                                    \
    const struct op symbol = {.onnx = onnx_, .doc = doc_, .attrs = window_attrs, .nattrs = 2, .min_in = 1, .max_in = 1, \
        .max_out = 1, .infer = window_op_infer, .kernels = window_kernels, .nkernels = 1}
WINDOW(op_hann_window, "HannWindow", "Hann's window");
WINDOW(op_hamming_window, "HammingWindow", "Hamming's window");
WINDOW(op_blackman_window, "BlackmanWindow", "Blackman's window");

/* ---- MelWeightMatrix -------------------------------------------------------------------------------------------- */

static bool mel_infer(struct graph *g, struct node *n)
{
    double bands, length;
    if (!known_number(g, n, 0, "the number of bands", &bands) || !known_number(g, n, 1, "the length of the transform", &length))
        return false;
    for (int i = 2; i < 5; i++)
        if (tensor_count(n->in[i]) != 1)
            return node_error(g, n, "input %d has %lld elements, expected 1", i, (long long)tensor_count(n->in[i]));
    if (!(bands >= 1 && bands < 1e6) || !(length >= 1 && length < 1e8) || !(TYPES_NUMERIC >> attr_i(n, "output_datatype") & 1))
        return node_error(g, n, "%g bands of a transform of length %g", bands, length);
    set_output(n, 0, (enum dtype)attr_i(n, "output_datatype"), 2, (int64_t[]){(int64_t)length / 2 + 1, (int64_t)bands});
    return true;
}

static void mel_fill(const struct node *n, void *geometry, const struct target *target)
{
    (void)target;
    struct cnnc_mel *m = geometry;
    *m = (struct cnnc_mel){.bins = (long)n->out[0]->dim[0], .bands = (long)n->out[0]->dim[1], .dtype = (int)n->out[0]->dtype};
    for (int i = 0; i < 5; i++)
        m->in[i] = (int)n->in[i]->dtype;
}
static size_t mel_scratch(const void *g) { return (size_t)(((const struct cnnc_mel *)g)->bands + 2) * sizeof(long); }
RUN_SCRATCH(mel, mel_scratch)
GEOMETRY(mel, FIELD(struct cnnc_mel, bins, F_LONG), FIELD(struct cnnc_mel, bands, F_LONG), FIELD_LIT(struct cnnc_mel, dtype, F_INT),
         FIELD_ARRAY(struct cnnc_mel, in, F_INT, 5));
static const struct kernel mel_kernels[] = {{.name = "mel", .part = "signal.h", .geometry = &mel_geometry, .fill = mel_fill,
                                             .scratch = mel_scratch, .run = run_mel}};
const struct op op_mel_weight_matrix = {
    .onnx = "MelWeightMatrix", .doc = "weights from a spectrum to mel bands", .attrs = window_attrs, .nattrs = 1, .min_in = 5,
    .max_in = 5, .max_out = 1, .infer = mel_infer, .kernels = mel_kernels, .nkernels = 1,
};
