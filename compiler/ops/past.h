/* Axes of which the data say how much is used: hooks that families of operators share (op.h, struct op, past). */
#ifndef PAST_H
#define PAST_H

#include "../op.h"

enum past past_same(const struct node *n, int i, int axis, int *to);      /* the result has input 0's axes, and places do not mix */
enum past past_batch(const struct node *n, int i, int axis, int *to);     /* items of axis 0 do not mix */
enum past past_broadcast(const struct node *n, int i, int axis, int *to); /* as elementwise operators line up their operands */
enum past past_view(const struct node *n, int i, int axis, int *to);      /* the same elements under another shape, which has that axis too */

#endif
