/* --verify: the generated program, built and run on stored inputs, against the stored outputs. */
#ifndef TRIAL_H
#define TRIAL_H

#include "pass.h"

/* Reads the network, or NULL after errors. `import` has what --verify found out about an ONNX file's inputs. */
typedef struct graph *read_network_fn(const struct options *o, struct diag *d);
typedef bool compile_network_fn(struct graph *g, struct options *o);

/* folder: input_0.pb, output_0.pb, ... or .npy. True if every output agrees; the rest was printed. */
bool trial(struct options *o, const char *folder, read_network_fn *read, compile_network_fn *compile);

#endif
