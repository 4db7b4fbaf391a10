/* Part of fuse: the steps that bring a picture into the network's form become one ImageInput node. */
#include "../pass.h"

#include <string.h>

static bool is(const struct node *n, const char *op) { return n && strcmp(n->op->onnx, op) == 0; }

/* The only reader of t, if there is just one and t is nothing else. */
static struct node *only_reader(const struct tensor *t) { return t->users == 1 && !t->is_output ? t->user[0] : NULL; }

/* perm of a Transpose that brings the last axis to second place: 0 3 1 2. */
static bool channels_first(const struct node *n)
{
    const struct attr *perm = attr_get(n, "perm");
    const int rank = n->in[0]->rank;
    if (!perm->set || perm->n != rank || rank < 3 || rank > 5 || perm->ints[0] != 0 || perm->ints[1] != rank - 1)
        return false;
    for (int i = 2; i < rank; i++)
        if (perm->ints[i] != i - 1)
            return false;
    return true;
}

/* The values of a constant that holds one per channel of `of` (its last axis, or its second), or one for all, as a vector; NULL if it is
 * anything else. */
static struct tensor *per_channel(struct graph *g, const struct tensor *t, const struct tensor *of, bool last, bool inverse)
{
    if (!t || t->kind != T_CONST || !t->data || t->dtype != DT_F32)
        return NULL;
    const int64_t channels = of->dim[last ? of->rank - 1 : 1], count = tensor_count(t);
    const int behind = last ? 1 : of->rank - 1; /* axes from the channels on */
    if (count != 1 && (count != channels || t->rank < behind || t->dim[t->rank - behind] != channels))
        return NULL;
    struct tensor *v = tensor_const(g, unique_name(g, t->name), DT_F32, 1, &channels, NULL);
    for (int64_t i = 0; i < channels; i++) {
        const float f = ((const float *)t->data)[count == 1 ? 0 : i];
        ((float *)v->data)[i] = inverse ? 1 / f : f;
    }
    return v;
}

static void join(struct graph *g, struct tensor *x)
{
    struct node *steps[4];
    int n = 0;
    struct node *step = only_reader(x);
    if (is(step, "Take")) /* in training: the samples that are there */
        x = step->out[0], step = only_reader(x);
    struct tensor *mean = NULL, *scale = NULL, *last = x;
    bool hwc = false;
    if (is(step, "Cast") && step->out[0]->dtype == DT_F32 && x->dtype == DT_U8)
        last = (steps[n++] = step)->out[0], step = only_reader(last);
    if (last->dtype != DT_F32)
        return;
    if (is(step, "Transpose") && channels_first(step))
        hwc = true, last = (steps[n++] = step)->out[0], step = only_reader(last);
    if (last->rank < 3 || last->rank > 5)
        return;
    const struct node *after = step; /* simplify may have raised the arithmetic above the transposition */
    while (is(after, "Sub") || is(after, "Mul") || is(after, "Div"))
        after = only_reader(after->out[0]);
    const bool late = !hwc && is(after, "Transpose") && channels_first(after);
    if (is(step, "Sub") && step->in[0] == last && (mean = per_channel(g, step->in[1], last, late, false)))
        last = (steps[n++] = step)->out[0], step = only_reader(last);
    if ((is(step, "Mul") || is(step, "Div")) && step->in[0] == last &&
        (scale = per_channel(g, step->in[1], last, late, is(step, "Div"))))
        last = (steps[n++] = step)->out[0], step = only_reader(last);
    if (late && step == after)
        hwc = true, last = (steps[n++] = (struct node *)after)->out[0];
    else if (late)
        return;
    if (n < 1 || last->is_output)
        return;
    struct node *image = node_insert_before(g, steps[0], op_by_onnx("ImageInput"), x->name);
    set_attr_i(g, image, "hwc", hwc);
    node_input(g, image, x);
    node_input(g, image, mean);
    node_input(g, image, scale);
    node_output(g, image, unique_name(g, arena_printf(&g->arena, "%s.float", x->name)));
    infer_node(g, image);
    for (int i = 0; i < n; i++)
        node_takes_over(g, image, steps[i]);
    replace_tensor(g, last, image->out[0]);
    for (int i = n - 1; i >= 0; i--)
        node_remove(g, steps[i]);
}

void fuse_image_inputs(struct graph *g)
{
    for (int i = 0; i < g->inputs; i++)
        join(g, g->input[i]);
}
