/* SPDX-License-Identifier: 0BSD
 *
 * The geometry of Fourier transforms and what goes with them. Complex numbers are an axis of size 2.
 */
#ifndef CNNC_SIGNAL_TYPES_H
#define CNNC_SIGNAL_TYPES_H
#include "base.h"

/* DFT: in x [outer][given][inner][parts]; out y [outer][bins][inner][out_parts]. length: of the transform. Scratch: 2 * length
 * doubles. half: the given ones are the first half of a spectrum whose rest follows from symmetry. */
struct cnnc_dft {
    long outer, given, length, bins, inner;
    int parts, out_parts, inverse, half, dtype;
};

/* STFT: in signal [batch][samples][parts], step, window [length] or NULL; out [batch][frames][bins][2]. Scratch as above. */
struct cnnc_stft {
    long batch, samples, step, length, frames, bins;
    int parts, dtype;
};

/* Windows: out y [n] = a - b cos(2 pi i / period) + c cos(4 pi i / period). */
struct cnnc_window {
    long n, period;
    double a, b, c;
    int dtype;
};

/* MelWeightMatrix: in bands, length of the transform, sample rate, lower and upper frequency; out [bins][bands]. Scratch:
 * bands + 2 longs. */
struct cnnc_mel {
    long bins, bands;
    int dtype, in[5];
};

#endif
