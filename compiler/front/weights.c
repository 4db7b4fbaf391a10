/* Parameters from a safetensors file. Names and sizes must agree on both sides; every disagreement is reported. */
#include "front.h"

#include <stdlib.h>
#include <string.h>

#include "../ops/shared.h"
#include "safetensors.h"

/* Equal but for axes of size 1: a slope per channel may be [64] in the file and [64, 1, 1] in the network. */
static bool fits(const struct tensor_data *v, const struct tensor *t)
{
    int i = 0, k = 0;
    for (;; i++, k++) {
        while (i < v->rank && v->dim[i] == 1)
            i++;
        while (k < t->rank && t->dim[k] == 1)
            k++;
        if (i == v->rank || k == t->rank)
            return i == v->rank && k == t->rank;
        if (v->dim[i] != t->dim[k])
            return false;
    }
}

static const char *dims_text(const struct tensor_data *v, char text[160])
{
    size_t n = 0;
    strcpy(text, "scalar");
    for (int i = 0; i < v->rank && n < 130; i++)
        n += (size_t)snprintf(text + n, 160 - n, i ? "x%lld" : "%lld", (long long)v->dim[i]);
    return text;
}

/* Another value than the file's is wanted: names of parameters that are initialised, in one note. */
struct initialised {
    const char *names;
    int n;
};
static void add_initialised(struct graph *g, struct initialised *list, const struct tensor *t, const struct safetensor *found)
{
    char have[160], want[160];
    const char *text = found ? arena_printf(&g->arena, "%s (%s, not %s)", t->name, shape_text(t, want), dims_text(&found->value, have)) : t->name;
    if (list->n++ < 8)
        list->names = list->names ? arena_printf(&g->arena, "%s, %s", list->names, text) : text;
}

/* A parameter of a layer that --replace took away may stand in the file. */
static bool was_replaced(const struct graph *g, const char *name)
{
    for (int i = 0; i < g->tensors; i++)
        if (strncmp(g->tensor[i]->name, REPLACED, strlen(REPLACED)) == 0 && strcmp(g->tensor[i]->name + strlen(REPLACED), name) == 0)
            return true;
    return false;
}

static bool take(struct graph *g, struct tensor *t, const struct tensor_data *v, const char *path)
{
    char have[160], want[160];
    if (!fits(v, t)) {
        diag_error_at(g->diag, path, "'%s' has shape %s, expected %s", t->name, dims_text(v, have), shape_text(t, want));
        return false;
    }
    if (v->dtype == (int)t->dtype) {
        t->data = v->data;
    } else if (t->dtype == DT_F32 && (v->dtype == DT_F16 || v->dtype == DT_BF16 || v->dtype == DT_F64)) {
        float *data = arena_alloc(&g->arena, sizeof *data * (v->count + 1));
        for (size_t i = 0; i < v->count; i++)
            data[i] = (float)type_load_float((enum dtype)v->dtype, v->data, (int64_t)i);
        t->data = data;
    } else {
        diag_error_at(g->diag, path, "'%s' has type %s, expected %s", t->name, element_name(v->dtype), dtype_name(t->dtype));
        return false;
    }
    t->init = INIT_NONE;
    return true;
}

/* PyTorch counts the batches that its batch norms have seen. */
static bool is_counter(const char *name)
{
    static const char ending[] = ".num_batches_tracked";
    const size_t n = strlen(name), k = sizeof ending - 1;
    return n >= k && strcmp(name + n - k, ending) == 0;
}

bool read_weights(struct graph *g, const char *path, bool init_missing)
{
    struct safetensors s; /* not closed: parameters point into the mapping as long as the program runs */
    char err[CNNC_ERROR_BYTES], shape[160];
    struct initialised initialised = {NULL, 0};
    bool ok = true;
    if (!safetensors_open(&s, path, err)) {
        diag_error_at(g->diag, path, "%s", err);
        return false;
    }
    bool *used = xcalloc(s.tensors + 1, sizeof *used);
    const char **names = xcalloc(s.tensors + 1, sizeof *names);
    for (size_t i = 0; i < s.tensors; i++)
        names[i] = s.tensor[i].name;
    for (int i = 0; i < g->tensors; i++) {
        struct tensor *t = g->tensor[i];
        if (t->kind != T_PARAM || t->data || !t->users)
            continue;
        const struct safetensor *found = safetensors_find(&s, t->name);
        if (found)
            used[found - s.tensor] = true;
        if ((init_missing || t->added) && (!found || !fits(&found->value, t))) {
            add_initialised(g, &initialised, t, found);
            t->added = true;
            continue;
        }
        if (found) {
            ok = take(g, t, &found->value, path) && ok;
            continue;
        }
        const char *near = nearest_name(t->name, names, s.tensors);
        diag_error_at(g->diag, path, "'%s' (%s) is missing%s%s%s", t->name, shape_text(t, shape), near ? "; there is '" : "",
                      near ? near : "", near ? "'" : "");
        ok = false;
    }
    for (size_t i = 0; i < s.tensors; i++)
        if (!used[i] && !is_counter(names[i]) && !was_replaced(g, names[i])) {
            diag_error_at(g->diag, path, "'%s' (%s) is no parameter of %s", names[i], dims_text(&s.tensor[i].value, shape), g->name);
            ok = false;
        }
    if (ok && initialised.n)
        diag_note_at(g->diag, path, "%d parameter%s initialised from the seed: %s%s", initialised.n, initialised.n == 1 ? " is" : "s are",
                     initialised.names, initialised.n > 8 ? ", ..." : "");
    free(used);
    free(names);
    return ok;
}
