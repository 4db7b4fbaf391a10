/* Training in the generated file: a context of its own, the table of parameters, one function for a step and one for evaluation. */
#include "emit.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *base_of(const struct emitter *step) /* "lenet5" of "lenet5_train" */
{
    return arena_strndup((struct arena *)&step->arena, step->name, strlen(step->name) - strlen("_train"));
}

static bool is_parameter(const struct tensor *t) { return t->kind == T_STATE && !t->moment; }

static const char *upper_of(struct emitter *step) /* "LENET5" of "LENET5_TRAIN" */
{
    return arena_strndup(&step->arena, step->upper, strlen(step->upper) - strlen("_TRAIN"));
}

/* What a process of several sets, and the hooks that add up. */
static const char distributed_fields[] =
    "    int32_t samples;       /* that all processes take in this step, 0: as many as this one; the loss is this one's share of their mean */\n"
    "    int32_t first;         /* of them, before this process's own */\n"
    "    /* Adds up n values (ONNX's type: 1 float, 11 double) of all processes, in place; the memory belongs to the hook until\n"
    "     * reduce_wait has returned. All processes begin the same reductions in the same order. */\n"
    "    void (*reduce_begin)(void *team, int reduction, void *values, long n, int type);\n"
    "    void (*reduce_wait)(void *team, int reduction);\n"
    "    void *team;\n";

void emit_train_api(struct emitter *step, struct emitter *eval, FILE *f)
{
    const char *n = base_of(step), *u = upper_of(step), *real = step->o->train.in_double ? "double" : "float";
    const struct train *t = &step->o->train;
    char text[160], number[32];
    int parameters = 0, inputs = 0;
    for (int i = 0; i < step->g->tensors; i++)
        parameters += is_parameter(step->g->tensor[i]);
    for (int i = 0; i < step->g->inputs; i++)
        inputs += !step->g->input[i]->from_step;
    fprintf(f, "/* ---- training ----\n *\n * The caller owns the parameters (%s, each as PyTorch has it, %s_parameters[] says where) and the optimiser's state.\n *\n",
            real, n);
    for (int i = 0, k = 0; i < step->g->inputs; i++)
        if (!step->g->input[i]->from_step)
            fprintf(f, " * input[%d]  %-10s %s[%s]\n", k++, step->g->input[i]->name, dtype_name(step->g->input[i]->dtype),
                    shape_text(step->g->input[i], text));
    fprintf(f,
            " *\n * A step takes n samples, at most a batch, and returns their mean loss (0 samples: 0, and nothing changes); rate is the\n"
            " * learning rate. */\n"
            "#ifndef CNNC_PARAMETER\n#define CNNC_PARAMETER\n"
            "struct cnnc_parameter {\n    const char *name;\n    int rank;\n    long dim[8];\n"
            "    size_t offset, bytes; /* in the block of parameters */\n"
            "    int trainable;        /* 0: running statistics, or frozen */\n"
            "    int init;             /* 0: all `value`, 1: normal with deviation `value`, 2: uniform within +-`value` */\n"
            "    double value;\n};\n#endif\n\n");
    fprintf(f, "#define %s_PARAMETERS %d\n#define %s_PARAMETERS_BYTES %" PRId64 "\n#define %s_STATE_BYTES %" PRId64 "\n", u, parameters, u,
            step->g->parameter_bytes, u, MAX(step->g->state_bytes, 64));
    fprintf(f, "#define %s_BATCH %d\n#define %s_EPOCHS %d\n#define %s_RATE %s\n", step->upper, t->batch, step->upper, t->epochs, step->upper,
            double_text(t->rate, number));
    emit_train_settings(step, f);
    fprintf(f, "#define %s_INPUTS %d\n", step->upper, inputs);
    if (t->distributed)
        emit_reductions(step, f);
    fprintf(f, "#define %s_SCRATCH_BYTES %" PRId64 " /* of each thread, if they are several */\n", step->upper,
            MAX(step->g->scratch_bytes, eval->g->scratch_bytes));
    fprintf(f, "#define %s_ARENA_BYTES(threads) (%" PRId64 " + %s_SCRATCH_BYTES * (size_t)((threads) > 1 ? (threads) : 0))\n\n", step->upper,
            MAX(MAX(step->g->arena_bytes, eval->g->arena_bytes), 64), step->upper);
    fprintf(f,
            "typedef struct %s_train_ctx {\n"
            "    const void *input[%s_INPUTS];\n"
            "    %s rate;\n"
            "    int64_t step;          /* done so far */\n"
            "    int right;             /* of the last call: samples whose class was right */\n"
            "    int32_t *answer;       /* %s_eval puts the class of each sample there; or NULL */\n"
            "    %s *parameters;\n    void *state;\n    char *arena;\n    int threads;\n"
            "    void (*parallel_for)(void *pool, int threads, void (*fn)(void *arg, int thread, int threads), void *arg);\n"
            "%s    void *pool;\n    const void *const *in; /* of the call under way */\n    void *const *out;\n} %s_train_ctx;\n\n",
            n, step->upper, real, n, real, t->distributed ? distributed_fields : "", n);
    fprintf(f,
            "extern const struct cnnc_parameter %s_parameters[%s_PARAMETERS];\nextern const struct cnnc_io %s_train_inputs[%s_INPUTS];\n\n"
            "/* Blocks begin at multiples of 64 bytes. The parameters keep what they hold; the state becomes zero. */\n"
            "int %s_train_init(%s_train_ctx *ctx, %s *parameters, void *state, void *arena, size_t arena_bytes, int threads);\n"
            "/* Initial parameters (He et al. 2015), from a seed; the state becomes zero. */\n"
            "void %s_train_reset(%s_train_ctx *ctx, uint64_t seed);\n"
            "%s %s_train_step(%s_train_ctx *ctx, int n);\n"
            "/* The mean loss as inference computes it; nothing changes. */\n"
            "%s %s_eval(%s_train_ctx *ctx, int n);\n\n",
            n, u, n, step->upper, n, n, real, n, n, real, n, n, real, n, n);
    emit_train_hooks(step, f);
}

static void print_graph(struct emitter *e, FILE *f)
{
    emit_weights_c(e, f);
    if (e->instances.n)
        fprintf(f, "\n/* ---- instances ---- */\n%s", e->instances.s);
    fprintf(f, "\n/* ---- layers ---- */\n%s", e->layers.s ? e->layers.s : "");
    print_share(e, f);
}

static void print_call(struct emitter *e, FILE *f, const char *n, const char *function, const char *real, bool steps)
{
    struct graph *g = e->g;
    fprintf(f, "%s %s(%s_train_ctx *ctx, int n)\n{\n", real, function, n);
    const bool distributed = steps && e->o->train.distributed;
    fprintf(f, "    const int32_t count = n < 0 ? 0 : n < %d ? n : %d;\n", e->o->train.batch, e->o->train.batch);
    if (distributed)
        fputs("    const int32_t first = ctx->first, samples = ctx->samples > 0 ? ctx->samples : count;\n", f);
    fprintf(f,
            "    const int64_t step = ctx->step + 1;\n    const int all = ctx->threads;\n"
            "    %s loss = 0;\n    int32_t right = 0;\n%s    const void *const in[] = {",
            real, distributed ? "" : "    ctx->right = 0;\n    if (count == 0)\n        return 0;\n");
    for (int i = 0, k = 0; i < g->inputs; i++)
        if (!g->input[i]->from_step)
            fprintf(f, "%sctx->input[%d]", i ? ", " : "", k++);
        else
            fprintf(f, "%s&%s", i ? ", " : "", g->input[i]->from_step);
    fprintf(f, "};\n    void *const out[] = {&loss, &right%s};\n", g->outputs > 2 ? ", ctx->answer" : "");
    fputs("    (void)all;\n    ctx->in = in;\n    ctx->out = out;\n", f);
    print_steps(e, f);
    if (steps)
        fputs("    ctx->step = step;\n", f);
    fputs("    ctx->in = NULL;\n    ctx->out = NULL;\n    ctx->right = right;\n    return loss;\n}\n", f);
}

static void print_parameters(struct emitter *e, FILE *f, const char *n)
{
    char number[32];
    fprintf(f, "\nconst struct cnnc_parameter %s_parameters[] = {\n", n);
    for (int i = 0; i < e->g->tensors; i++) {
        const struct tensor *t = e->g->tensor[i];
        if (!is_parameter(t))
            continue;
        double value = t->init == INIT_ONE ? 1 : t->init == INIT_VALUE ? t->init_value : 0;
        int init = 0;
        if (t->init == INIT_HE || (t->init == INIT_NONE && t->rank > 1)) {
            init = 1;
            value = sqrt(2.0 / MAX(1, t->fan_in ? t->fan_in : (int)(tensor_count(t) / MAX(1, t->dim[0]))));
        } else if (t->init == INIT_XAVIER) {
            init = 2;
            value = sqrt(6.0 / MAX(1, t->fan_in + t->fan_out));
        }
        fprintf(f, "    {\"%s\", %d, {", c_string(&e->arena, t->name), t->rank);
        for (int k = 0; k < t->rank; k++)
            fprintf(f, "%s%" PRId64, k ? ", " : "", t->dim[k]);
        fprintf(f, "%s}, %" PRId64 ", %" PRId64 ", %d, %d, %s},\n", t->rank ? "" : "0", t->offset, t->bytes, t->trainable, init,
                double_text(value, number));
    }
    fputs("};\n", f);
}

void emit_train_source(struct emitter *step, struct emitter *eval, FILE *f)
{
    const char *n = base_of(step), *u = upper_of(step), *real = step->o->train.in_double ? "double" : "float";
    fputs("\n/* ==== training ==== */\n", f);
    print_graph(step, f);
    fprintf(f, "/* Forward, loss, backward, update. */\n");
    print_call(step, f, n, arena_printf(&step->arena, "%s_step", step->name), real, true);
    fputs("\n/* ==== evaluation with the parameters as they are ==== */\n", f);
    print_graph(eval, f);
    print_call(eval, f, n, eval->name, real, false);
    print_parameters(step, f, n);
    emit_train_schedule(step, f);
    struct tensor **list = xmalloc(sizeof *list * (size_t)(step->g->inputs + 1));
    int inputs = 0;
    for (int i = 0; i < step->g->inputs; i++)
        if (!step->g->input[i]->from_step)
            list[inputs++] = step->g->input[i];
    print_io_table(step, f, "inputs", list, inputs);
    fprintf(f,
            "\nint %s_train_init(%s_train_ctx *ctx, %s *parameters, void *state, void *arena, size_t arena_bytes, int threads)\n{\n"
            "    if (!ctx || !parameters || !state || !arena)\n        return CNNC_NULL_POINTER;\n"
            "    if (threads < 1)\n        return CNNC_BAD_THREADS;\n"
            "    if (arena_bytes < %s_ARENA_BYTES(threads))\n        return CNNC_ARENA_TOO_SMALL;\n"
            "    if ((uintptr_t)arena %% 64 || (uintptr_t)parameters %% 64 || (uintptr_t)state %% 64)\n        return CNNC_NOT_ALIGNED;\n"
            "    memset(ctx, 0, sizeof *ctx);\n    memset(state, 0, %s_STATE_BYTES);\n"
            "    ctx->parameters = parameters;\n    ctx->state = state;\n    ctx->arena = arena;\n    ctx->threads = threads;\n"
            "    return CNNC_OK;\n}\n\n",
            n, n, real, step->upper, u);
    fprintf(f,
            "/* A value depends on seed, parameter and place alone. Normal: the sum of twelve uniforms. */\n"
            "void %s_train_reset(%s_train_ctx *ctx, uint64_t seed)\n{\n"
            "    for (int k = 0; k < %s_PARAMETERS; k++) {\n"
            "        const struct cnnc_parameter *p = &%s_parameters[k];\n"
            "        %s *v = (%s *)((char *)ctx->parameters + p->offset);\n"
            "        uint64_t key = cnnc_mix(seed);\n"
            "        for (const char *c = p->name; *c; c++)\n            key = cnnc_mix(key ^ (unsigned char)*c);\n"
            "        for (size_t i = 0; i < p->bytes / sizeof *v; i++) {\n"
            "            double sum = 0;\n"
            "            for (uint64_t j = 0; j < 12; j++)\n"
            "                sum += (double)(cnnc_mix(key ^ cnnc_mix(12 * (uint64_t)i + j)) >> 11) * (1.0 / 9007199254740992.0);\n"
            "            const double u = (double)(cnnc_mix(key ^ cnnc_mix(i)) >> 11) * (2.0 / 9007199254740992.0) - 1;\n"
            "            v[i] = (%s)(p->init == 0 ? p->value : p->init == 1 ? p->value * (sum - 6) : p->value * u);\n"
            "        }\n    }\n"
            "    memset(ctx->state, 0, %s_STATE_BYTES);\n    ctx->step = 0;\n}\n",
            n, n, u, n, real, real, real, u);
    free(list);
}
