/* What both fuzzers do with a graph that a front end made: the passes of main.c, then the files that cnnc writes. */
#ifndef FUZZ_PIPELINE_H
#define FUZZ_PIPELINE_H

#include "../../compiler/emit/emit.h"
#include "../../compiler/emit/net.h"
#include "../../compiler/emit/onnx.h"
#include "../../compiler/front/front.h"
#include "../../compiler/front/onnx.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct pass passes[] = {{"infer", pass_infer, "", true}, {"canonicalise", pass_canonicalise, "", false}, {"simplify", pass_simplify, "", false},
                                     {"quantize", pass_quantize, "", false}, {"fuse", pass_fuse, "", false}, {"select", pass_select, "", false},
                                     {"layout", pass_layout, "", false}, {"schedule", pass_schedule, "", false}, {"plan", pass_plan, "", false}};

static const struct import_options no_options;

static FILE *quiet(void)
{
    static FILE *f;
    return f ? f : (f = fopen("/dev/null", "w"));
}

/* Where the files go: each run replaces the one before. */
static const char *folder(void)
{
    static char path[256];
    if (!*path) {
        const char *tmp = getenv("TMPDIR");
        snprintf(path, sizeof path, "%.200s/cnnc-fuzz-XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(path))
            abort();
    }
    return path;
}

/* size tells what is written: every eighth input ONNX, every eighth .net, the others C; of networks with at most so many bytes of weights. */
static void compile(struct graph *g, struct diag *d, size_t size, int64_t weights)
{
    char output[300];
    const bool to_net = size % 8 == 0, to_onnx = size % 8 == 1;
    snprintf(output, sizeof output, "%s/out.%s", folder(), to_net ? "net" : to_onnx ? "onnx" : "c");
    struct options o = {.target = {.name = "portable", .block = 16, .winograd = true, .fuse = true, .max_error = 1e-4, .max_weights = 1.35},
                        .batch = 1, .seed = 1, .import = &no_options, .command = "cnnc", .output = output};
    static const struct train_graphs none;
    bool ok = true, done = false;
    for (size_t i = 0; i < sizeof passes / sizeof *passes && ok && !done; i++) {
        ok = run_pass(&passes[i], g, &o) && d->errors == 0;
        done = (to_net && passes[i].run == pass_infer) || (to_onnx && passes[i].run == pass_canonicalise);
    }
    if (ok && !done && g->weights_bytes > weights)
        return;
    ok = ok && (to_net ? emit_net(g, &o) : to_onnx ? emit_onnx(g, output) : emit(g, &none, &o));
    if (!ok && d->errors == 0)
        abort(); /* a failure without a word */
}

#endif
