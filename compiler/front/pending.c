/* Stand-ins for what is being written. */
#include "front.h"
__attribute__((weak)) struct graph *read_onnx(const char *path, const struct options *o, struct diag *d) { (void)o; diag_error_at(d, path, "ONNX is not read yet"); return NULL; }
__attribute__((weak)) struct graph *read_net(const char *path, const struct options *o, struct diag *d) { (void)o; diag_error_at(d, path, ".net is not read yet"); return NULL; }
