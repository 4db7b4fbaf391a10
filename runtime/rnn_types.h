/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of recurrent layers. Operands (ONNX's order): in[0] x, in[1] w, in[2] r, in[3] bias, in[4] lengths (int32),
 * in[5] first h, in[6] first c, in[7] peepholes, each of the last five or NULL; out[0] y, out[1] last h, out[2] last c, each
 * or NULL. Scratch: 8 * hidden doubles.
 */
#ifndef CNNC_RNN_TYPES_H
#define CNNC_RNN_TYPES_H
#include "base.h"

enum cnnc_rnn_kind { CNNC_RNN, CNNC_GRU, CNNC_LSTM };
enum cnnc_rnn_function {
    CNNC_RNN_TANH, CNNC_RNN_RELU, CNNC_RNN_SIGMOID, CNNC_RNN_AFFINE, CNNC_RNN_LEAKY, CNNC_RNN_THRESHOLDED, CNNC_RNN_SCALED_TANH,
    CNNC_RNN_HARD_SIGMOID, CNNC_RNN_ELU, CNNC_RNN_SOFTSIGN, CNNC_RNN_SOFTPLUS
};

/* batch_first: x [batch][steps][input], else [steps][batch][input]. function: three for each direction. backward: bit 0 for
 * the first direction, bit 1 for the second. clip: 0 for none. */
struct cnnc_rnn {
    int kind, dtype, directions, backward, batch_first, reset_after, input_forget;
    long steps, batch, input, hidden;
    int function[6];
    double alpha[6], beta[6], clip;
};

#endif
