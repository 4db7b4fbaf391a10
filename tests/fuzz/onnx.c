/* libFuzzer target: any bytes as an ONNX model, through the importer and the passes up to the plan. */
#include "../../compiler/emit/emit.h"
#include "../../compiler/front/onnx.h"

#include <stdlib.h>

static const struct pass passes[] = {
    { "infer", pass_infer, "", true },    { "canonicalise", pass_canonicalise, "", false }, { "simplify", pass_simplify, "", false },
    { "fuse", pass_fuse, "", false },     { "select", pass_select, "", false },             { "layout", pass_layout, "", false },
    { "schedule", pass_schedule, "", false }, { "plan", pass_plan, "", false } };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct import_options none;
    static FILE *quiet;
    if (!quiet)
        quiet = fopen("/dev/null", "w");
    struct diag d = { .out = quiet };
    struct options o = { .target = { .name = "portable", .block = 16, .winograd = true, .fuse = true, .max_error = 1e-4 },
                         .batch = 1, .seed = 1, .import = &none, .command = "cnnc" };
    uint8_t *copy = malloc(size + 1); /* of exactly this size, for the sanitizer */
    if (!copy)
        return 0;
    for (size_t i = 0; i < size; i++)
        copy[i] = data[i];
    struct graph *g = onnx_import_bytes("fuzz.onnx", copy, size, &none, &d);
    bool ok = g != NULL;
    for (size_t i = 0; i < sizeof passes / sizeof *passes && ok; i++)
        ok = run_pass(&passes[i], g, &o) && d.errors == 0;
    if (g && !ok && d.errors == 0)
        abort(); /* a failure without a word */
    graph_free(g);
    free(copy);
    return 0;
}
