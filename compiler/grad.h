/* Automatic differentiation: what an operator's `grad` hook needs. The hook of node n asks for the gradients of its outputs,
 * appends ordinary nodes, and adds what they make to the gradients of its inputs. */
#ifndef GRAD_H
#define GRAD_H

#include "op.h"

/* The gradient that has come together for t; NULL: the loss does not depend on it. */
struct tensor *grad_of(struct graph *g, const struct tensor *t);
/* Does t depend on anything that is trained? Nobody needs its gradient otherwise. */
bool grad_needed(struct graph *g, const struct tensor *t);
/* d is (a part of) the gradient of t and has its shape. */
void grad_add(struct graph *g, struct tensor *t, struct tensor *d);

/* Scalars that every training graph has: samples in the batch (int32), number of the step from 1 (int64). */
struct tensor *grad_count(struct graph *g);
struct tensor *grad_step(struct graph *g);
struct tensor *grad_samples(struct graph *g); /* samples in the batch of all processes: what a gradient is the mean over (int32) */
struct tensor *grad_rate(struct graph *g); /* the learning rate (the type of the gradients) */

struct tensor *grad_first(struct graph *g); /* place of the first sample in the batch of all processes (int32); NULL: there is one process */
/* Training by several processes: the next reduction's number; the gradient of t, once it is added up; what passes and operators do for it. */
int grad_bucket(struct graph *g);
void grad_set(struct graph *g, const struct tensor *t, struct tensor *d);
void distribute_gradients(struct graph *g);
void sync_batch_norm(struct graph *g, struct node *n); /* n is a NormSynced without its sums */
/* Appends the nodes that compute the gradients dx of the sum of y's elements; NULL where y does not depend on x. False: an operator between them has no derivative. */
bool append_gradients(struct graph *g, struct tensor *y, int count, struct tensor *const *x, struct tensor **dx);

/* A node "LAYER.suffix" for layer n at the end of the graph, with up to four inputs (NULL ends them). */
struct node *grad_node(struct graph *g, const struct node *n, const char *op, const char *suffix, struct tensor *a, struct tensor *b,
                       struct tensor *c, struct tensor *d);
/* A node before n that does its work in training and takes over its name and place in the source; n is the caller's to remove. */
struct node *grad_instead(struct graph *g, struct node *n, const char *op);
/* Its next output, shaped like `like`; one that is `state`, written anew. */
struct tensor *grad_output(struct graph *g, struct node *n, const struct tensor *like);
struct tensor *grad_writes(struct graph *g, struct node *n, struct tensor *state);

/* passes/freeze.c: what `t` says of parameters that stay as they are. False: an error was reported. */
struct train;
bool freeze_parameters(struct graph *g, const struct train *t);
/* passes/losses.c. What each loss of `t` is taken of: the logits, where a network ends in what makes probabilities of them. False: an error was reported. */
bool find_logits(struct graph *g, const struct train *t, struct tensor **logits);
/* The losses at the end of the forward pass, and the gradients of their operands. Outputs: their sum, right answers of the first, and its answers where the graph evaluates. */
bool append_losses(struct graph *g, const struct train *t, struct tensor *const *logits, struct tensor **total, struct tensor **right, struct tensor **answer);
/* passes/updates.c: what is trained becomes better, by the gradients that have come together. */
void append_updates(struct graph *g, const struct train *t);
/* passes/recompute.c */
void recompute(struct graph *g, int forward); /* the first `forward` nodes are the forward pass */
void update_early(struct graph *g);

#endif
