/* --selftest: a check for the device, compiled in with -DCNNC_SELFTEST. It runs a stored input layer by layer and compares each result with
 * what the compiler's own kernels had for it: all elements of a small one; of a large one a few, and the sum of all, each with a sign of its
 * own, so that a single wrong one shows. A large made-up input is a formula. */
#include "emit.h"
#include "../halves.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "../passes/reference.h"

static int64_t align_up(int64_t n) { return (n + 63) / 64 * 64; }

static int64_t memory_bytes(const struct graph *g)
{
    int64_t n = 0;
    for (int i = 0; i < g->inputs; i++)
        n += g->reference_input[i] ? 0 : align_up(tensor_count(g->input[i]) * (int64_t)dtype_size(g->input[i]->dtype));
    for (int i = 0; i < g->outputs; i++)
        n += align_up(tensor_count(g->output[i]) * (int64_t)dtype_size(g->output[i]->dtype));
    return n;
}

void emit_selftest_api(const struct emitter *e, FILE *f)
{
    const char *n = e->name, *u = e->upper;
    fprintf(f,
            "#ifdef CNNC_SELFTEST\n"
            "/* Runs a stored input through the network and compares the result of every layer with the stored one. Returns CNNC_OK, or\n"
            " * CNNC_DIFFERS and in *layer, if that is not NULL, the name of the first layer that differs. memory: for inputs and outputs,\n"
            " * at a multiple of 64. */\n"
            "#define %s_SELFTEST_BYTES %" PRId64 "\n"
            "int %s_selftest(%s_ctx *ctx, void *memory, size_t bytes, const char **layer);\n"
            "#endif\n\n",
            u, MAX(memory_bytes(e->g), 64), n, n);
}

/* The reference of the value that a tensor holds: conversions of layout keep it, under other names. */
static const struct reference *reference_for(const struct graph *g, const struct tensor *t)
{
    for (; t; t = t->def->in[0]) {
        const size_t n = strlen(t->name);
        struct tensor outer = *t;
        char name[512];
        const struct reference *r = reference_of(g, t);
        if (!r && n > 6 && n < sizeof name && strcmp(t->name + n - 6, ".inner") == 0) { /* of an output that is converted behind it */
            snprintf(name, sizeof name, "%.*s", (int)n - 6, t->name);
            outer.name = name;
            r = reference_of(g, &outer);
        }
        if (r || !t->def || !(t->def->op->flags & OP_REORDERS))
            return r;
    }
    return NULL;
}

/* How far rounding, Winograd's and that of weights included, may lead; whole numbers that come from rounding may be one off. */
static double tolerance(const struct graph *g, const struct reference *r)
{
    return r->dtype == DT_F32 ? (1e-3 + half_tolerance(g)) * r->range + 1e-6 : 1;
}

/* Does n stand behind the loop for all that its rounds made of one sample each (Samples)? Other nodes that run nothing join or cut tensors of the same
 * batch. */
static bool collects_samples(const struct node *n) { return n->slices && !n->samples && n->in[0]->sample; }

/* The step behind which all of n's results can be looked at; -1: none. A loop over samples leaves what it hands on. What lies inside its operand is
 * there as soon as the step before it in order, which is `before`, has run. */
static int check_step(const struct graph *g, const struct node *n, int before)
{
    return collects_samples(n) ? graph_loop_steps(g, NULL) - 1 : n->samples ? -1 : cuts(n) ? before : n->step;
}

static void print_check(struct emitter *e, FILE *f, int step, const struct node *n, const struct tensor *t, const struct reference *r)
{
    char a[32];
    int where;
    int64_t bytes;
    operand_place(e, t, &where, &bytes);
    const struct layout *l = &slice_root(t)->layout;
    bool plain = !l->block && !t->slice;
    for (int i = 0; i < 3; i++)
        plain &= !l->before[i] && !l->after[i];
    struct extent5 x = {1, 1, 1, 1, (int)tensor_count(t)};
    struct cnnc_view v = {0};
    if (!plain) {
        x = extent5(t);
        v = view_of(t);
    }
    fprintf(f, "    {\"%s\", %d, %d, %" PRId64 ", %d, %d, {%d, %d, %d, %d, %d}, {%td, %td, %td, %td}, ", c_string(&e->arena, cuts(n) ? r->name : n->name), step, where, bytes,
            t->dtype, MAX(l->block, 1), x.n, x.c, x.d, x.h, x.w, v.n, v.c, v.d, v.h);
    fprintf(f, "%s, ", double_text(r->sum, a));
    fprintf(f, "%s, {", double_text(tolerance(e->g, r), a));
    for (int i = 0; i < REFERENCE_SAMPLES; i++)
        fprintf(f, "%s%" PRId64, i ? ", " : "", r->at[i]);
    fputs("}, {", f);
    for (int i = 0; i < REFERENCE_SAMPLES; i++)
        fprintf(f, "%s%s", i ? ", " : "", double_text(r->value[i], a));
    fputs("}, ", f);
    if (r->all)
        fprintf(f, "%s_result_%d},\n", e->name, (int)(r - e->g->reference));
    else
        fputs("NULL},\n", f);
}

/* Calls print for every result that a step leaves where it can be looked at. */
static void each_check(struct emitter *e, FILE *f, void print(struct emitter *, FILE *, int step, const struct node *, const struct tensor *, const struct reference *))
{
    const struct graph *g = e->g;
    int where;
    int64_t bytes;
    for (int i = 0, last = -1; i < g->nodes; i++) {
        const struct node *n = g->node[i];
        const int step = check_step(g, n, last);
        last = MAX(last, n->step);
        for (int k = 0; step >= 0 && k < n->nout; k++) {
            const struct tensor *t = n->out[k];
            const struct reference *r = t ? reference_for(g, t) : NULL;
            if (r && operand_place(e, t, &where, &bytes))
                print(e, f, step, n, t, r);
        }
    }
}

/* A small result, as floats: where a conversion repeats one, it stands once. */
static void print_result(struct emitter *e, FILE *f, int step, const struct node *n, const struct tensor *t, const struct reference *r)
{
    char a[32];
    (void)n, (void)step;
    if (!r->all)
        return;
    for (const struct tensor *s = t; s->def && s->def->op->flags & OP_REORDERS;)
        if (reference_for(e->g, s = s->def->in[0]) == r && s->def && check_step(e->g, s->def, 0) >= 0)
            return;
    fprintf(f, "static const float %s_result_%d[] = {", e->name, (int)(r - e->g->reference));
    for (int64_t i = 0; i < tensor_count(t); i++)
        fprintf(f, "%s%s,", i % 10 ? " " : "\n    ", float_text((float)r->all[i], a));
    fputs("\n};\n\n", f);
}

/* Inputs that are stored. */
static void print_stored(struct emitter *e, FILE *f)
{
    const struct graph *g = e->g;
    for (int i = 0; i < g->inputs; i++) {
        if (!g->reference_input[i])
            continue;
        fprintf(f, "static const CNNC_ALIGN(64) %s %s_input_%d[] = {", dtype_c(g->input[i]->dtype), e->name, i);
        for (int64_t k = 0; k < tensor_count(g->input[i]); k++) {
            fputs(k % 16 ? " " : "\n    ", f);
            print_element(f, g->input[i], g->reference_input[i], k);
            fputs(",", f);
        }
        fputs(tensor_count(g->input[i]) ? "\n};\n\n" : "0};\n\n", f);
    }
}

static void print_inputs(const struct emitter *e, FILE *f)
{
    const struct graph *g = e->g;
    int64_t at = 0;
    for (int i = 0; i < g->inputs; i++) {
        const struct tensor *t = g->input[i];
        if (g->reference_input[i]) {
            fprintf(f, "    in[%d] = %s_input_%d;\n", i, e->name, i);
            continue;
        }
        const char *value = t->dtype == DT_F32 ? "((float)b - 127.5f) / 75.0f" : t->dtype == DT_F64 ? "((double)b - 127.5) / 75.0"
                            : t->dtype == DT_U8 || t->dtype == DT_I8 ? "b" : t->dtype == DT_I32 || t->dtype == DT_I64 || t->dtype == DT_BOOL ? "b & 1" : "0 * b";
        fprintf(f,
                "    in[%d] = (char *)memory + %" PRId64 ";\n"
                "    for (uint32_t i = 0; i < %" PRId64 "u; i++) {\n"
                "        const uint32_t b = %s_hash(i + %uu) >> 24;\n"
                "        ((%s *)(void *)((char *)memory + %" PRId64 "))[i] = (%s)(%s);\n"
                "    }\n",
                i, at, tensor_count(t), e->name, (unsigned)i << 24, dtype_c(t->dtype), at, dtype_c(t->dtype), value);
        at += align_up(tensor_count(t) * (int64_t)dtype_size(t->dtype));
    }
    for (int i = 0; i < g->outputs; i++) {
        fprintf(f, "    out[%d] = (char *)memory + %" PRId64 ";\n", i, at);
        at += align_up(tensor_count(g->output[i]) * (int64_t)dtype_size(g->output[i]->dtype));
    }
}

/* On how many threads a step runs: a subgraph's steps see to that themselves. */
static const char *selftest_threads(struct emitter *e)
{
    const char *one = "";
    for (int i = 0; i < e->g->nodes; i++)
        if (e->g->node[i]->step >= 0 && e->g->node[i]->body[0])
            one = arena_printf(&e->arena, "%s%sstep == %d", one, *one ? " || " : "", e->g->node[i]->step);
    return *one ? arena_printf(&e->arena, "%s ? 1 : own.threads", one) : "own.threads";
}

void emit_selftest(struct emitter *e, FILE *f)
{
    const char *n = e->name;
    const struct graph *g = e->g;
    fputs("\n/* ---- self-test ---- */\n\n#ifdef CNNC_SELFTEST\n", f);
    print_stored(e, f);
    each_check(e, f, print_result);
    fprintf(f,
            "/* A result: of which layer; output it lies in (-1: arena), at which byte; type, channels a block, extents, strides; sum and what\n"
            " * may be missing of a value; some elements, or all. */\n"
            "static const struct %s_check {\n"
            "    const char *layer;\n    int step, where;\n    ptrdiff_t bytes;\n    int dtype, block, dim[5];\n    ptrdiff_t stride[4];\n"
            "    double sum, tolerance;\n    long at[%d];\n    double value[%d];\n    const float *all;\n"
            "} %s_checks[] = {\n",
            n, REFERENCE_SAMPLES, REFERENCE_SAMPLES, n);
    each_check(e, f, print_check);
    fprintf(f, "    {\"\", -1, 0, 0, 0, 0, {0}, {0}, 0, 0, {0}, {0}, NULL}\n};\n\n");
    fprintf(f,
            "static uint32_t %s_hash(uint32_t i)\n"
            "{\n"
            "    uint32_t h = i * 2654435761u + 12345u;\n"
            "    h = (h ^ h >> 15) * 2246822519u;\n"
            "    h = (h ^ h >> 13) * 3266489917u;\n"
            "    return h ^ h >> 16;\n"
            "}\n\n"
            "static double %s_element(const struct %s_check *k, const char *p, ptrdiff_t i)\n"
            "{\n"
            "    switch (k->dtype) {\n"
            "    case 1: return ((const float *)(const void *)p)[i];\n"
            "    case 2: case 9: return ((const uint8_t *)p)[i];\n"
            "    case 3: return ((const int8_t *)p)[i];\n"
            "    case 6: return ((const int32_t *)(const void *)p)[i];\n"
            "    default: return (double)((const int64_t *)(const void *)p)[i];\n"
            "    }\n"
            "}\n\n",
            n, n, n);
    fprintf(f,
            "static int %s_agrees(const %s_ctx *ctx, const struct %s_check *k)\n"
            "{\n"
            "    const char *p = (k->where < 0 ? (const char *)ctx->arena : (const char *)ctx->out[k->where]) + k->bytes;\n"
            "    double sum = 0;\n"
            "    long i = 0;\n"
            "    for (int n = 0; n < k->dim[0]; n++)\n"
            "        for (int c = 0; c < k->dim[1]; c++)\n"
            "            for (int d = 0; d < k->dim[2]; d++)\n"
            "                for (int h = 0; h < k->dim[3]; h++)\n"
            "                    for (int w = 0; w < k->dim[4]; w++, i++) {\n"
            "                        const double v = %s_element(k, p, n * k->stride[0] + c / k->block * k->stride[1] + d * k->stride[2] +\n"
            "                                                              h * k->stride[3] + (ptrdiff_t)w * k->block + c %% k->block);\n"
            "                        sum += %s_hash((uint32_t)i) & 1 ? v : -v;\n"
            "                        if (k->all && !(fabs(v - (double)k->all[i]) <= k->tolerance))\n"
            "                            return 0;\n"
            "                        for (int s = 0; s < %d; s++)\n"
            "                            if (i == k->at[s] && !(fabs(v - k->value[s]) <= k->tolerance))\n"
            "                                return 0;\n"
            "                    }\n"
            "    /* errors of either sign: their sum grows as the root of their number */\n"
            "    return fabs(sum - k->sum) <= k->tolerance * (1 + 0.2 * sqrt((double)i));\n"
            "}\n\n",
            n, n, n, n, n, REFERENCE_SAMPLES);
    if (!e->o->dispatch) {
        fprintf(f, "static %s_layer *const %s_steps[] = {\n", n, n);
        for (int i = 0; i < g->steps; i++)
            fprintf(f, "    %s_%s,\n", n, e->layer[i]);
        fputs("};\n\n", f);
    }
    int samples;
    const int loop_steps = graph_loop_steps(g, &samples);
    const char *function = arena_printf(&e->arena, e->o->dispatch ? "((%s_layer *const *)ctx->level)[step]" : "%s_steps[step]", n);
    fprintf(f,
            "int %s_selftest(%s_ctx *ctx, void *memory, size_t bytes, const char **layer)\n"
            "{\n"
            "    const void *in[%d];\n    void *out[%d];\n"
            "    if (!ctx || !memory)\n        return CNNC_NULL_POINTER;\n"
            "    if (bytes < %s_SELFTEST_BYTES)\n        return CNNC_ARENA_TOO_SMALL;\n"
            "    if ((uintptr_t)memory %% 64)\n        return CNNC_NOT_ALIGNED;\n",
            n, n, MAX(g->inputs, 1), MAX(g->outputs, 1), e->upper);
    print_inputs(e, f);
    fprintf(f,
            "    %s_ctx own = *ctx; /* the caller's shall not point to what ends here */\n"
            "    own.in = in;\n    own.out = out;\n"
            "    const struct %s_check *k = %s_checks;\n",
            n, n, n);
    if (loop_steps)
        fprintf(f,
                "    for (own.sample = 0; own.sample < %d; own.sample++)\n"
                "        for (int step = 0; step < %d; step++)\n"
                "            %s_do(&own, %s, %s);\n",
                samples, loop_steps, n, function, selftest_threads(e));
    fprintf(f,
            "    for (int step = %d; step < %d; step++) {\n"
            "%s        %s_do(&own, %s%s, %s);\n"
            "        for (; k->step == step; k++)\n"
            "            if (!%s_agrees(&own, k)) {\n"
            "                if (layer)\n                    *layer = k->layer;\n"
            "                return CNNC_DIFFERS;\n"
            "            }\n"
            "    }\n"
            "    return CNNC_OK;\n"
            "}\n#endif\n",
            MAX(loop_steps - 1, 0), g->steps, loop_steps ? arena_printf(&e->arena, "        if (step >= %d)\n    ", loop_steps) : "", n,
            e->team ? "NULL, " : "", function,
            selftest_threads(e), n);
}
