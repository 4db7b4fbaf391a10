/* --bench: the generated network, built with $CC and run: time, share, speed and percentage of the machine's limit of every step. */
#ifndef BENCH_H
#define BENCH_H

#include "trial.h"

/* json: for programs. False: an error was reported. */
bool bench(struct options *o, bool json, read_network_fn *read, compile_network_fn *compile);

#endif
