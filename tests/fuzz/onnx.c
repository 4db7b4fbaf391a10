/* libFuzzer target: any bytes as an ONNX model, through the importer, the passes and the printers. */
#include "pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag d = {.out = quiet()};
    uint8_t *copy = malloc(size + 1); /* of exactly this size, for the sanitizer */
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    struct graph *g = onnx_import_bytes("fuzz.onnx", copy, size, &no_options, &d);
    if (g)
        compile(g, &d, size, INT64_MAX);
    else if (d.errors == 0)
        abort();
    graph_free(g);
    free(copy);
    return 0;
}
