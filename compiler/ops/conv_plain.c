/* The plain kernel of convolutions and transposed ones: any element type, any layout of theirs, and what the compiler itself computes with. */
#include "conv_kernels.h"

#include <string.h>

#include "../../runtime/conv_plain.h"
#include "pack.h"
#include "shared.h"

static const enum dtype plain_types[] = {DT_F32, DT_F64, DT_F16, DT_BF16};

bool conv_plain_match(const struct node *n, const struct target *t)
{
    (void)t;
    bool able = false;
    for (size_t i = 0; i < COUNT(plain_types); i++)
        able |= n->in[0]->dtype == plain_types[i];
    return able && (!n->stages || n->in[0]->dtype == DT_F32);
}

double conv_plain_cost(const struct node *n, const struct target *t)
{
    (void)t;
    return 1e-7 + conv_macs(n) / 0.7e9;
}

static bool is_transposed(const struct node *n) { return strcmp(n->op->onnx, "ConvTranspose") == 0; }

void conv_plain_name(const struct node *n, struct strbuf *name, struct strbuf *define)
{
    const char *tag = type_tag(n->in[0]->dtype), *form = is_transposed(n) ? "conv_transpose_plain" : "conv_plain";
    struct arena a = {0};
    const char *macro = is_transposed(n) ? "CNNC_CONV_TRANSPOSE_PLAIN" : "CNNC_CONV_PLAIN";
    const char *weights = type_tag(n->in[1]->dtype), *apart = weights == tag ? "" : arena_printf(&a, "_%s", weights);
    sb_addf(name, "cnnc_%s_%s%s", form, tag, apart);
    sb_addf(define, "%s(cnnc_%s_%s%s, %s, %s, %s)\n", macro, form, tag, apart, tag, weights, n->in[0]->dtype == DT_F64 ? "double" : "float");
    arena_free(&a);
}

CNNC_CONV_PLAIN(run_f32, f32, f32, float)
CNNC_CONV_PLAIN(run_f64, f64, f64, double)
CNNC_CONV_PLAIN(run_f16, f16, f16, float)
CNNC_CONV_PLAIN(run_bf16, bf16, bf16, float)
CNNC_CONV_TRANSPOSE_PLAIN(run_transposed_f32, f32, f32, float)
CNNC_CONV_TRANSPOSE_PLAIN(run_transposed_f64, f64, f64, double)
CNNC_CONV_TRANSPOSE_PLAIN(run_transposed_f16, f16, f16, float)
CNNC_CONV_TRANSPOSE_PLAIN(run_transposed_bf16, bf16, bf16, float)

void conv_plain_run(const struct node *n, const void *geometry, const void *const in[], void *const out[])
{
    const struct cnnc_thread all = {0, 1, NULL};
    const void *operand[3] = {in[0], in[1], n->nin > 2 ? in[2] : NULL};
    const bool t = is_transposed(n);
    if (!t && n->in[0]->dtype == DT_F32 && n->stages == 0) {
        conv_eval(geometry, in[0], in[1], operand[2], out[0]);
        return;
    }
    switch (n->in[0]->dtype) {
    case DT_F64: (t ? run_transposed_f64 : run_f64)(geometry, operand, out, all); break;
    case DT_F16: (t ? run_transposed_f16 : run_f16)(geometry, operand, out, all); break;
    case DT_BF16: (t ? run_transposed_bf16 : run_bf16)(geometry, operand, out, all); break;
    default: (t ? run_transposed_f32 : run_f32)(geometry, operand, out, all); break;
    }
}

/* The kernel looks at in[2] to see whether there is a bias. */
void conv_plain_prepare(struct graph *g, struct node *n, const struct target *target)
{
    struct cnnc_conv c;
    while (n->nin < 3)
        node_input(g, n, NULL);
    if (!n->half)
        return;
    conv_fill(n, &c, target);
    const char *form = is_transposed(n) ? "plain_transposed" : "plain";
    if (n->half == CNNC_WEIGHTS_F16)
        pack_factors(g, n, n, 1, 2, 3, form, &c);
    pack_weights(g, n, 1, form, false, &c);
}
