/* libFuzzer target: any text as a .net, through the language, the passes and the printers. */
#include "pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag d = {.out = quiet()};
    const struct options o = {.batch = 1, .seed = 1, .import = &no_options};
    char *copy = malloc(size + 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    struct graph *g = read_net_text("fuzz.net", copy, size, &o, &d);
    if (g)
        compile(g, &d, size, 1 << 22); /* making up weights takes time */
    else if (d.errors == 0)
        abort();
    graph_free(g);
    free(copy);
    return 0;
}
