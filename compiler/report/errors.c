/* --report=errors: the rounding error of each convolution, and of dense layers with weights of 16 bits, as its kernel computes it, against a
 * direct sum in double with the weights as they were. The layer's own weights (batch norm folded in), all its input channels, positive normal data; eight by eight outputs of sixteen channels. Kernels run in plain C. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../random.h"
#include "../../runtime/conv_direct.h"
#include "../../runtime/conv_plan.h"
#include "../../runtime/conv_winograd.h"
#include "../../runtime/dense.h"
#include "../../runtime/dense_half.h"
#include "../../runtime/half.h"
#include "../halves.h"

enum { SIDE = 8 };

struct error {
    double worst, mean; /* largest, and root of the mean square: as shares of the range */
};

static float *floats(size_t n) { return xcalloc((n + 15) / 16 * 16, sizeof(float)); }

/* Weights as written: what prepare packed. */
static const float *weights_of(struct graph *g, const struct node *n, struct tensor **t)
{
    *t = n->in[1];
    while ((*t)->def && strncmp((*t)->def->op->onnx, "Pack", 4) == 0)
        *t = (*t)->def->in[0];
    return (*t)->dtype == DT_F32 ? tensor_value(g, *t) : NULL;
}

/* Output o, row r, column c, in double. x: [channels / B][rows][columns][B] */
static double exact(const struct cnnc_conv *k, const float *x, const float *w, int o, int r, int c)
{
    double sum = 0;
    for (int i = 0; i < k->ic; i++)
        for (int a = 0; a < k->kh; a++)
            for (int b = 0; b < k->kw; b++)
                sum += (double)w[((o * k->ic + i) * k->kh + a) * k->kw + b] *
                       (double)x[i / CNNC_B * k->x.c + (r + a) * k->x.h + (c + b) * CNNC_B + i % CNNC_B];
    return sum;
}

/* Instances, as generated code has them. */
typedef void kernel_fn(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t);
#define INSTANCE(name, kernel, m)                                                                                      \
    static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t)       \
    {                                                                                                                  \
        struct cnnc_conv k = *g;                                                                                       \
        k.winograd = m;                                                                                                \
        kernel(&k, in, out, t);                                                                                        \
    }
INSTANCE(direct, cnnc_conv_direct, 0)
INSTANCE(winograd2, cnnc_conv_winograd, 2)
INSTANCE(winograd4, cnnc_conv_winograd, 4)
INSTANCE(winograd_raw, cnnc_conv_winograd_raw, 4)

/* Packed weights in 16 bits, float16 ones divided by a factor for each channel. */
static uint16_t *halves(const struct cnnc_conv *k, const float *w, size_t size, void (*pack)(const struct cnnc_conv *, const float *, float *), float factor[CNNC_B])
{
    const int each = k->ic * k->kh * k->kw;
    float *down = floats((size_t)(k->oc * each)), *packed = floats(size);
    uint16_t *to = xcalloc(size + CNNC_B, sizeof *to);
    for (int o = 0; o < k->oc; o++) {
        float most = 0;
        for (int i = 0; i < each; i++)
            most = fmaxf(most, fabsf(w[o * each + i]));
        factor[o] = k->half == CNNC_WEIGHTS_F16 ? cnnc_half_factor(most) : 1;
        for (int i = 0; i < each; i++)
            down[o * each + i] = w[o * each + i] / factor[o];
    }
    pack(k, down, packed);
    cnnc_halve(packed, size, k->half, to);
    free(down);
    free(packed);
    return to;
}

static void run(const struct node *n, struct cnnc_conv *k, const float *x, const float *w, float *y)
{
    const char *name = n->kernel->name ? n->kernel->name : "";
    const bool winograd = strncmp(name, "conv_winograd", 13) == 0, raw = strncmp(name, "conv_winograd_raw", 17) == 0;
    float *scratch = NULL, factor[CNNC_B] = {0};
    void *packed;
    if (winograd) {
        k->winograd = n->kernel->arithmetic < 0.3 ? 4 : 2;
        (raw ? cnnc_winograd_raw_plan : cnnc_winograd_plan)(k);
        scratch = floats((raw ? cnnc_winograd_raw_scratch(k) : cnnc_winograd_scratch(k)) / sizeof *scratch + 16);
    } else {
        cnnc_conv_plan(k);
    }
    const size_t size = winograd && !raw ? cnnc_winograd_weights_size(k) : cnnc_pack_conv_size(k);
    packed = k->half ? (void *)halves(k, w, size, winograd && !raw ? cnnc_winograd_weights : cnnc_pack_conv, factor) : (void *)floats(size);
    if (!k->half)
        (winograd && !raw ? cnnc_winograd_weights : cnnc_pack_conv)(k, w, packed);
    const void *const in[] = {x, packed, NULL, NULL, NULL, NULL, NULL, NULL};
    void *const out[] = {y};
    const struct cnnc_thread t = {0, 1, (void *)(((uintptr_t)scratch + 63) / 64 * 64)};
    kernel_fn *f = raw ? winograd_raw : !winograd ? direct : k->winograd == 2 ? winograd2 : winograd4;
    f(k, in, out, t);
    for (int i = 0; k->half && i < SIDE * SIDE * CNNC_B; i++)
        y[i] *= factor[i % CNNC_B];
    free(packed);
    free(scratch);
}

static bool measure(struct graph *g, const struct node *n, struct error *e, int *products)
{
    struct tensor *wt;
    const float *w = weights_of(g, n, &wt);
    if (!w || wt->rank > 4 || wt->rank < 3)
        return false;
    struct cnnc_conv k = {.n = 1, .groups = 1, .ic = (int)wt->dim[1], .id = 1, .od = 1, .oh = SIDE, .ow = SIDE, .kd = 1, .kh = (int)(wt->rank == 4 ? wt->dim[2] : 1),
                          .kw = (int)wt->dim[wt->rank - 1], .sd = 1, .sh = 1, .sw = 1, .dd = 1, .dh = 1, .dw = 1, .half = n->half};
    *products = k.ic * k.kh * k.kw;
    k.oc = (int)MIN(wt->dim[0] / attr_i(n, "group"), CNNC_B);
    k.ih = SIDE + k.kh - 1, k.iw = SIDE + k.kw - 1;
    k.x = (struct cnnc_view){0, (ptrdiff_t)k.ih * k.iw * CNNC_B, 0, (ptrdiff_t)k.iw * CNNC_B};
    k.y = (struct cnnc_view){0, SIDE * SIDE * CNNC_B, 0, SIDE * CNNC_B};
    const int pixels = k.ih * k.iw;
    float *x = floats((size_t)(k.ic + CNNC_B) * (size_t)pixels), *y = floats(SIDE * SIDE * CNNC_B);
    const uint64_t key = random_key(1, n->name);
    for (int i = 0; i < k.ic; i++)
        for (int p = 0; p < pixels; p++)
            x[i / CNNC_B * k.x.c + p * CNNC_B + i % CNNC_B] = (float)fabs(random_normal(key, (uint64_t)i * (uint64_t)pixels + (uint64_t)p));
    run(n, &k, x, w, y);
    double low = INFINITY, high = -INFINITY, sum = 0, worst = 0;
    for (int o = 0; o < k.oc; o++)
        for (int r = 0; r < SIDE; r++)
            for (int c = 0; c < SIDE; c++) {
                const double v = exact(&k, x, w, o, r, c), d = fabs(v - (double)y[(r * SIDE + c) * CNNC_B + o]);
                low = fmin(low, v), high = fmax(high, v), worst = fmax(worst, d), sum += d * d;
            }
    const double range = high > low ? high - low : 1;
    e->worst = worst / range;
    e->mean = sqrt(sum / (k.oc * SIDE * SIDE)) / range;
    free(x);
    free(y);
    tensor_release(wt);
    return true;
}

#define DENSE(name, type)                                                                                              \
    static void name(const struct cnnc_dense *g, const void *const in[], void *const out[], struct cnnc_thread t)      \
    {                                                                                                                  \
        struct cnnc_dense k = *g;                                                                                      \
        k.half = type;                                                                                                 \
        cnnc_dense(&k, in, out, t);                                                                                    \
    }
DENSE(dense_f16, CNNC_WEIGHTS_F16)
DENSE(dense_bf16, CNNC_WEIGHTS_BF16)

/* The first rows of a dense layer. */
static bool measure_dense(struct graph *g, const struct node *n, struct error *e, int *products)
{
    struct tensor *wt;
    const int half = n->half;
    if (n->in[1]->def == NULL || strcmp(n->in[1]->def->op->onnx, "PackDense") != 0 || !half)
        return false;
    const float *w = weights_of(g, n, &wt);
    if (!w || wt->rank != 2)
        return false;
    const bool turned = attr_i(n->in[1]->def, "transposed");
    const int ic = (int)wt->dim[!turned], oc = (int)wt->dim[turned], rows = MIN(oc, 64), row = CNNC_DENSE_ROW16(ic);
    const struct cnnc_dense k = {.n = 1, .ic = ic, .oc = rows, .row = row, .xn = ic, .yn = rows};
    float *x = floats((size_t)ic), *wide = floats((size_t)(rows * row)), *y = floats((size_t)rows);
    uint32_t *packed = xcalloc(CNNC_DENSE_WORDS((size_t)(rows * row)), sizeof *packed);
    const uint64_t key = random_key(1, n->name);
    double low = INFINITY, high = -INFINITY, sum = 0;
    for (int i = 0; i < ic; i++)
        x[i] = (float)fabs(random_normal(key, (uint64_t)i));
    for (int o = 0; o < rows; o++)
        for (int i = 0; i < ic; i++)
            wide[o * row + i] = w[turned ? (int64_t)i * oc + o : (int64_t)o * ic + i];
    cnnc_dense_halve(wide, (long)rows * row, half, packed);
    (half == CNNC_WEIGHTS_F16 ? dense_f16 : dense_bf16)(&k, (const void *[8]){x, packed}, (void *[]){y}, (struct cnnc_thread){0, 1, NULL});
    *products = ic;
    *e = (struct error){0, 0};
    for (int o = 0; o < rows; o++) {
        double v = 0;
        for (int i = 0; i < ic; i++)
            v += (double)wide[o * row + i] * (double)x[i];
        const double d = fabs(v - (double)y[o]);
        low = fmin(low, v), high = fmax(high, v), e->worst = fmax(e->worst, d), sum += d * d;
    }
    const double range = high > low ? high - low : 1;
    e->worst /= range;
    e->mean = sqrt(sum / rows) / range;
    free(x);
    free(wide);
    free(y);
    free(packed);
    tensor_release(wt);
    return true;
}

static bool neither(struct graph *g, const struct node *n, struct error *e, int *products)
{
    return (void)g, (void)n, (void)e, (void)products, false;
}

void report_errors(FILE *f, const struct report *r)
{
    static const struct column columns[] = {{"layer", CELL_SHRINK, 0}, {"kernel", CELL_SHRINK, 0}, {"products in a sum", CELL_RIGHT, 0},
                                            {"weights", 0, 0}, {"largest error", CELL_RIGHT, 0}, {"root mean square", CELL_RIGHT, 0}, {"estimate", CELL_RIGHT, 0}};
    struct table t = {.column = columns, .columns = COUNT(columns)};
    struct arena a = {0};
    double worst = 0, mean = 0, estimate = 0;
    for (int i = 0; i < r->g->nodes; i++) {
        const struct node *n = r->g->node[i];
        struct error e;
        int products;
        if (n->step < 0 || !(strcmp(n->op->onnx, "Conv") == 0 ? measure : strcmp(n->op->onnx, "Gemm") == 0 ? measure_dense : neither)(r->g, n, &e, &products))
            continue;
        table_cell(&t, "%s", n->name);
        table_cell(&t, "%s", kernel_name(&a, n, n->kernel));
        table_cell(&t, "%d", products);
        table_cell(&t, "%s", weights_type_name(n->half));
        table_cell(&t, "%.2e", e.worst);
        table_cell(&t, "%.2e", e.mean);
        if (n->kernel->error)
            table_cell(&t, "%.2e", n->error);
        else
            table_cell(&t, "%s", "");
        worst = fmax(worst, e.worst);
        mean += e.mean * e.mean;
        estimate += n->error * n->error;
    }
    fprintf(f, "%s (%s): rounding errors as shares of a result's range\n\n", r->g->name, r->source);
    table_print(&t, f);
    table_free(&t);
    arena_free(&a);
    fprintf(f, "\nlargest        %.2e\nall layers     %.2e (root of the sum of mean squares)\n", worst, sqrt(mean));
    fprintf(f, "estimate       fast algorithms add %.2e; --max-error is %g\n", sqrt(estimate), r->o->target.max_error);
}
