/* What the files of --emit=net share. */
#ifndef EMIT_NET_ARGUMENTS_H
#define EMIT_NET_ARGUMENTS_H

#include "../front/safetensors.h"
#include "../pass.h"

struct printer {
    struct graph *g;
    FILE *f;
    int64_t batch;
    struct {
        const char **of; /* by tensor id; NULL: not printed yet */
        const char **taken;
        int n;
    } names;
    bool *known;          /* by tensor id: a constant, or computed from constants only; never printed as a layer */
    struct safetensor *weight;
    int weights;
    bool ok;
};

/* An error about the node; always false. */
bool net_cannot(struct printer *p, const struct node *n, const char *what);

/* .net writes as arguments what ONNX has as inputs, from input `first` on, or leaves to the weights. They set attributes. */
bool net_arguments_from_inputs(struct printer *p, struct node *n, int first);
void net_arguments_from_weights(struct node *n);
bool net_resize_arguments(struct printer *p, struct node *n);
bool net_plane_pads(struct printer *p, struct node *n);

#endif
