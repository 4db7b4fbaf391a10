/* One program for any network: compile it with -DNET=alexnet, beside the alexnet.h and alexnet.c that cnnc wrote. */
#ifndef NETWORK_H
#define NETWORK_H

#define NET_TEXT_(x) #x
#define NET_TEXT(x) NET_TEXT_(x)
#ifndef NET
#error compile with -DNET=NAME, the name of the network
#endif
#ifndef NET_HEADER
#define NET_HEADER NET_TEXT(NET.h)
#endif
#include NET_HEADER

#define NET_JOIN_(a, b) a##b
#define NET_JOIN(a, b) NET_JOIN_(a, b)
#define net_ctx NET_JOIN(NET, _ctx)
#define net_inputs NET_JOIN(NET, _inputs)
#define net_outputs NET_JOIN(NET, _outputs)
#define net_open NET_JOIN(NET, _open)
#define net_close NET_JOIN(NET, _close)
#define net_run_v NET_JOIN(NET, _run_v)
#define net_strerror NET_JOIN(NET, _strerror)
#define net_weights_check NET_JOIN(NET, _weights_check)
#define NET_INPUTS ((int)(sizeof net_inputs / sizeof *net_inputs))
#define NET_OUTPUTS ((int)(sizeof net_outputs / sizeof *net_outputs))

#include "picture.h"

/* Checks the weights, then opens the network. path: NULL: NAME.weights beside the program. NULL after a message. */
net_ctx *network_open(const char *program, const char *path, int threads);

/* How input 0 takes a picture. */
struct frame {
    int batch, width, height, channels;
    int channels_last;
};
enum { ORDER_GUESS, ORDER_CHW, ORDER_HWC };
int network_frame(struct frame *f, int order); /* 0, or -1 after a message: input 0 is no picture */

/* Puts a picture of the frame's size in place `at` of the batch. Where the input is float: (pixel * scale - mean) / std. */
struct normalisation {
    double scale, mean[3], std[3];
};
void network_put(const struct frame *f, const struct picture *p, const struct normalisation *n, void *input, int at);

/* Memory for all inputs and outputs. 0, or -1 after a message. */
struct buffers {
    void *in[8], *out[64];
};
int network_buffers(struct buffers *b);
void network_buffers_free(struct buffers *b);

/* Element i of output o, whatever its type. */
double network_value(const struct buffers *b, int o, size_t i);
size_t network_count(const struct cnnc_io *io);

#endif
