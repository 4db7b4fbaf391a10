/* SPDX-License-Identifier: 0BSD
 *
 * A subgraph that is repeated (ONNX: Loop, Scan). It is a function that reads operands and writes results, each at the address that it is given, so that
 * no round copies what the next one reads: a value that is carried from round to round has two places, which take turns.
 */
#ifndef CNNC_CONTROL_H
#define CNNC_CONTROL_H

#include "base.h"

typedef void cnnc_body(const void *context, const void *const in[], void *const out[]);

/* in: if counted, the number of rounds (int64_t) and whether there is a first one (bool); then what is carried, what is scanned,
 * what is captured. out: what is carried, what is collected, and how many rounds there were (int64_t) if that is asked for. The subgraph's operands: if
 * counted, the number of the round from 0 and `true`; what is carried; a round's part of what is scanned; what is captured. Its results: if counted, whether there is
 * another round; what is carried; a round's part of what is collected. */
struct cnnc_repeat {
    int counted, carried, scanned, collected, captured;
    int sized;              /* the number of rounds is asked for */
    int64_t rounds;         /* at most; there is room for so many parts */
    const ptrdiff_t *bytes; /* of what is carried, and of the parts of what is scanned and of what is collected; negative: from the last to the first */
    void *const *spare;     /* the second places of what is carried; the first are in out */
    const void **from;      /* room for the addresses of the subgraph's operands */
    void **to;              /* and of its results */
};

CNNC_INLINE char *cnnc_part(const void *whole, ptrdiff_t bytes, int64_t round, int64_t rounds)
{
    return (char *)(uintptr_t)whole + (bytes < 0 ? (rounds - 1 - round) * -bytes : round * bytes);
}

CNNC_INLINE void cnnc_repeat(const struct cnnc_repeat *g, cnnc_body *body, const void *context, const void *const in[], void *const out[])
{
    const void *const *operand = in + (g->counted ? 2 : 0), **from = g->from;
    void **to = g->to;
    const ptrdiff_t *scanned = g->bytes + g->carried, *collected = scanned + g->scanned;
    int64_t round = 0, rounds = g->rounds;
    unsigned char go = 1, again = 1;
    if (g->counted) {
        if (*(const int64_t *)in[0] < rounds)
            rounds = *(const int64_t *)in[0];
        go = *(const unsigned char *)in[1];
        *from++ = &round;
        *from++ = &go;
        *to++ = &again;
    }
    for (int i = 0; i < g->carried; i++)
        from[i] = operand[i];
    for (int i = 0; i < g->captured; i++)
        from[g->carried + g->scanned + i] = operand[g->carried + g->scanned + i];
    for (; round < rounds && go; round++) {
        for (int i = 0; i < g->carried; i++)
            to[i] = round % 2 ? g->spare[i] : out[i];
        for (int i = 0; i < g->scanned; i++)
            from[g->carried + i] = cnnc_part(operand[g->carried + i], scanned[i], round, g->rounds);
        for (int i = 0; i < g->collected; i++)
            to[g->carried + i] = cnnc_part(out[g->carried + i], collected[i], round, g->rounds);
        body(context, g->from, g->to);
        go = again;
        for (int i = 0; i < g->carried; i++)
            from[i] = to[i];
    }
    for (int i = 0; i < g->carried; i++)
        if (from[i] != out[i])
            memcpy(out[i], from[i], (size_t)g->bytes[i]);
    for (int i = 0; i < g->collected; i++)
        if (collected[i] > 0 && round < g->rounds)
            memset(cnnc_part(out[g->carried + i], collected[i], round, g->rounds), 0, (size_t)((g->rounds - round) * collected[i]));
    if (g->sized)
        *(int64_t *)out[g->carried + g->collected] = round;
}

#endif
