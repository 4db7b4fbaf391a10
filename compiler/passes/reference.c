/* reference: for --selftest, the network as written is computed for an input, the user's or a made-up one, by the kernels that fold constants: plain C, one
 * layer after the other, nothing fused, no layout. What the generated code will say has gone through all passes instead. */
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../front/tensor_file.h"
#include "../pass.h"

uint32_t reference_hash(uint32_t i)
{
    uint32_t h = i * 2654435761u + 12345u;
    h = (h ^ h >> 15) * 2246822519u;
    h = (h ^ h >> 13) * 3266489917u;
    return h ^ h >> 16;
}

static void fill_input(struct tensor *t, uint32_t number)
{
    const int64_t n = tensor_count(t);
    const size_t size = dtype_size(t->dtype);
    unsigned char *p = xcalloc((size_t)n + 1, MAX(size, 1));
    for (int64_t i = 0; i < n; i++) {
        const uint32_t b = reference_hash((uint32_t)i + (number << 24)) >> 24;
        const int bit = (int)(b & 1);
        switch (t->dtype) {
        case DT_F32: ((float *)(void *)p)[i] = ((float)b - 127.5f) / 75.0f; break;
        case DT_F64: ((double *)(void *)p)[i] = ((double)b - 127.5) / 75.0; break;
        case DT_U8: p[i] = (unsigned char)b; break;
        case DT_I8: p[i] = (unsigned char)b; break;
        case DT_I32: ((int32_t *)(void *)p)[i] = bit; break;
        case DT_I64: ((int64_t *)(void *)p)[i] = bit; break;
        case DT_BOOL: p[i] = (unsigned char)bit; break;
        default: break; /* zeros */
        }
    }
    t->data = p;
    t->owned = true;
}

/* The user's input number i: FILE, or FOLDER/input_I.pb or .npy as for --verify. */
static bool read_input(struct graph *g, const struct options *o, int i)
{
    struct tensor *t = g->input[i];
    struct tensor_data d;
    struct stat st;
    char err[CNNC_ERROR_BYTES], text[160];
    const char *path = o->selftest_files ? o->selftest_files[i] : o->selftest_input;
    if (!o->selftest_files && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        const char *folder = path;
        path = arena_printf(&g->arena, "%s/input_%d.pb", folder, i);
        if (stat(path, &st) != 0)
            path = arena_printf(&g->arena, "%s/input_%d.npy", folder, i);
    } else if (!o->selftest_files && g->inputs > 1) {
        diag_error_at(g->diag, path, "the network has %d inputs: expected a folder with input_0.npy, ...", g->inputs);
        return false;
    }
    if (!tensor_file_read(&d, path, err)) {
        diag_error_at(g->diag, path, "%s", err);
        return false;
    }
    const bool fits = d.dtype == (int)t->dtype && d.count == (size_t)tensor_count(t);
    if (fits) {
        void *p = xcalloc(d.count + 1, MAX(dtype_size(t->dtype), 1));
        memcpy(p, d.data, d.bytes);
        t->data = p;
        t->owned = true;
    } else {
        diag_error_at(g->diag, path, "it holds %zu elements of type %s, input '%s' needs %s of shape %s", d.count, element_name(d.dtype), t->name,
                      dtype_name(t->dtype), shape_text(t, text));
    }
    tensor_data_free(&d);
    return fits;
}

static bool readable(enum dtype t) { return t == DT_F32 || t == DT_U8 || t == DT_I8 || t == DT_I32 || t == DT_I64 || t == DT_BOOL; }

static double element(const struct tensor *t, int64_t i)
{
    switch (t->dtype) {
    case DT_F32: return ((const float *)t->data)[i];
    case DT_U8: case DT_BOOL: return ((const uint8_t *)t->data)[i];
    case DT_I8: return ((const int8_t *)t->data)[i];
    case DT_I32: return ((const int32_t *)t->data)[i];
    case DT_I64: return (double)((const int64_t *)t->data)[i];
    default: return 0;
    }
}

static int64_t stored_elements(const struct graph *g)
{
    int64_t n = 0;
    for (int i = 0; i < g->references; i++)
        n += g->reference[i].all ? dims_count(g->reference[i].rank, g->reference[i].dim) : 0;
    return n;
}

static void record(struct graph *g, const struct tensor *t)
{
    const int64_t n = tensor_count(t);
    if (!t->data || !readable(t->dtype) || n < 1)
        return;
    struct reference r = {.name = t->name, .rank = t->rank, .dtype = t->dtype};
    double low = element(t, 0), high = low;
    memcpy(r.dim, t->dim, sizeof r.dim);
    for (int64_t i = 0; i < n; i++) {
        const double v = element(t, i);
        low = v < low ? v : low;
        high = v > high ? v : high;
        r.sum += reference_hash((uint32_t)i) & 1 ? v : -v;
    }
    for (int i = 0; i < REFERENCE_SAMPLES; i++) {
        r.at[i] = i == 0 ? 0 : i == 1 ? n - 1 : (int64_t)(reference_hash((uint32_t)(g->references * REFERENCE_SAMPLES + i)) % (uint64_t)n);
        r.value[i] = element(t, r.at[i]);
    }
    r.range = high > low ? high - low : fabs(high);
    if (!isfinite(r.sum) || !isfinite(r.range))
        return;
    if (n <= REFERENCE_WHOLE && stored_elements(g) + n <= REFERENCE_ALL && high < 1 << 24 && low > -(1 << 24)) { /* a float holds them */
        r.all = xmalloc(sizeof *r.all * (size_t)n);
        for (int64_t i = 0; i < n; i++)
            r.all[i] = element(t, i);
    }
    VEC_PUSH(g->reference, g->references, r);
}

const struct reference *reference_of(const struct graph *g, const struct tensor *t)
{
    for (int i = 0; i < g->references; i++) {
        const struct reference *r = &g->reference[i];
        if (strcmp(r->name, t->name) == 0 && r->rank == t->rank && r->dtype == t->dtype &&
            (t->rank == 0 || memcmp(r->dim, t->dim, sizeof *t->dim * (size_t)t->rank) == 0))
            return r;
    }
    return NULL;
}

static bool known(const struct node *n)
{
    for (int k = 0; k < n->nin; k++)
        if (n->in[k] && !n->in[k]->data && !tensor_is_const(n->in[k]))
            return false;
    return true;
}

/* After node i, what no later one reads goes. Parameters are made again when they are written. */
static void forget(struct graph *g, int i)
{
    struct node *n = g->node[i];
    for (int k = 0; k < n->nin; k++) {
        struct tensor *t = n->in[k];
        bool read = false;
        for (int u = 0; t && u < t->users; u++)
            read |= t->user[u]->id > i;
        if (!t || read)
            continue;
        if (t->kind == T_VALUE || t->kind == T_INPUT)
            tensor_forget(t);
        else
            tensor_release(t);
    }
}

bool pass_reference(struct graph *g, struct options *o)
{
    int unknown = 0;
    if (!o->selftest)
        return true;
    const bool own = o->selftest_input || o->selftest_files;
    for (int i = 0; i < g->inputs; i++)
        if (!own)
            fill_input(g->input[i], (uint32_t)i);
        else if (!read_input(g, o, i))
            return false;
    g->reference_input = xcalloc((size_t)g->inputs + 1, sizeof *g->reference_input);
    for (int i = 0; i < g->inputs; i++) {
        const struct tensor *t = g->input[i];
        if (t->data && dtype_size(t->dtype) && (own || tensor_count(t) <= REFERENCE_WHOLE)) {
            const size_t bytes = (size_t)tensor_count(t) * dtype_size(t->dtype);
            memcpy(g->reference_input[i] = xcalloc(1, bytes + 1), t->data, bytes);
        }
    }
    for (int i = 0; i < g->nodes && g->diag->errors == 0; i++) {
        struct node *n = g->node[i];
        /* a layer that the compiler cannot compute (random, control flow), and what depends on it, is not checked */
        if (n->out[0] && n->out[0]->data) /* a constant already */
            continue;
        if (!known(n) || (n->op->flags & OP_RANDOM && !(n->op->flags & OP_TRAINING)) || !(n->body[0] ? subgraph_evaluate(g, n) : fold_evaluate(g, n)))
            unknown++;
        for (int k = 0; k < n->nout; k++)
            if (n->out[k] && n->out[k]->data && n->out[k]->kind == T_VALUE)
                record(g, n->out[k]);
        forget(g, i);
    }
    for (int i = 0; i < g->tensors; i++)
        if (g->tensor[i]->kind == T_VALUE || g->tensor[i]->kind == T_INPUT)
            tensor_forget(g->tensor[i]);
    if (unknown > 0)
        diag_warning_at(g->diag, g->source, "--selftest: %d of %d layers cannot be computed by the compiler and are not checked", unknown, g->nodes);
    return g->diag->errors == 0;
}
