/* The graph as an ONNX file. */
#ifndef EMIT_ONNX_H
#define EMIT_ONNX_H

#include "../pass.h"

/* After canonicalise. "-" is standard output. False: an error was reported and no file is left behind. */
bool emit_onnx(struct graph *g, const char *path);

#endif
