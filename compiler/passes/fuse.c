/* fuse: an elementwise node behind a convolution or a dense layer becomes a stage of its epilogue; a pooling behind that, or a convolution that
 * a kernel computes with it, its pool. Fusion is data in the node; the kernel that is selected computes it. */
#include "../pass.h"

static bool takes_epilogue(const struct node *n)
{
    for (int i = 0; i < n->op->nkernels; i++)
        if (n->op->kernels[i].epilogue)
            return true;
    return false;
}

/* Is t made before node n runs? True for constants, inputs, and what earlier nodes make. */
static bool made_before(const struct tensor *t, const struct node *n) { return !t->def || t->def->id < n->id; }

/* Merges n into the node that makes its operand number `value`, if nobody else reads that. */
static bool absorb_stage(struct graph *g, struct node *n, int value)
{
    struct tensor *through = n->in[value];
    struct node *into = through->def;
    struct stage s = {0};
    struct tensor *operand[2] = {NULL, NULL};
    if (!into || into->pool || into->stages == CNNC_MAX_STAGES || through->users != 1 || through->is_output ||
        !takes_epilogue(into))
        return false;
    if (into->op->flags & OP_STAGES ? through != into->out[0] || through->rank < 3 : into->nout != 1)
        return false;
    if (!n->op->as_stage || !n->op->as_stage(g, n, value, &s, operand) || n->nout != 1 ||
        !same_shape(through, n->out[0]) || through->dtype != n->out[0]->dtype)
        return false;
    bool later = false; /* an operand is made after into: into then waits for it, nobody but n wanted its result */
    for (int i = 0; i < s.inputs; i++) {
        if (!operand[i] || operand[i] == through)
            return false;
        later |= !made_before(operand[i], into);
    }
    /* one operand stands in a view of its own: kernels have one such view */
    if (cnnc_stage_is_tensor(s.op))
        for (int i = 0; i < into->stages; i++)
            if (cnnc_stage_is_tensor(into->stage[i].op))
                return false;
    while (into->nin < into->op->max_in)
        node_input(g, into, NULL);
    s.first_input = into->nin;
    for (int i = 0; i < s.inputs; i++)
        node_input(g, into, operand[i]);
    into->stage[into->stages++] = s;
    node_takes_over(g, into, n);
    /* the value keeps the name of the last node: that is what the source calls it */
    struct tensor *y = n->out[0];
    const int place = n->id - 1; /* n goes */
    drop_output(g, n, into, y);
    if (later)
        node_move(g, into, place);
    return true;
}

/* n, which reads the result of `into`, is computed with it. */
static void join(struct graph *g, struct node *into, struct node *n)
{
    struct node *copy = arena_alloc(&g->arena, sizeof *copy);
    const char *own = into->fused;
    *copy = *n; /* its attributes and shapes stay readable through this copy */
    copy->in = copy->out = NULL;
    copy->nout = 0;
    copy->pool = into->pool;
    copy->pool_in = into->pool_in;
    into->pool = copy;
    into->pool_in = n->in[0];
    node_takes_over(g, into, n);
    if (n->fused)
        into->fused = arena_printf(&g->arena, "%s, %s", into->fused, n->fused);
    copy->before = own; /* should select undo this */
    drop_output(g, n, into, n->out[0]);
}

static bool absorb_pool(struct graph *g, struct node *n)
{
    struct tensor *through = n->in[0];
    struct node *into = through->def;
    if (!(n->op->flags & OP_MAX_OF_WINDOWS) || n->nout != 1 || !into || into->pool || through->users != 1 || through->is_output ||
        through->rank > 4 || attr_i(n, "storage_order"))
        return false;
    for (int i = 0; i < through->rank - 2; i++)
        if (attr_at(n, "dilations", i, 1) != 1)
            return false;
    for (int i = 0; i < into->stages; i++) /* the operand would have to be pooled row by row as well */
        if (cnnc_stage_is_tensor(into->stage[i].op))
            return false;
    bool able = false;
    for (int i = 0; i < into->op->nkernels; i++)
        able |= into->op->kernels[i].pools;
    if (!able)
        return false;
    join(g, into, n);
    return true;
}

/* A convolution that alone reads what another makes, if a kernel computes both. */
static bool absorb_next(struct graph *g, struct node *n)
{
    struct tensor *through = n->nin ? n->in[0] : NULL;
    struct node *into = through ? through->def : NULL;
    bool able = false;
    if (!into || n->pool || n->nout != 1 || through->users != 1 || through->is_output)
        return false;
    for (int i = 0; i < into->op->nkernels; i++)
        able |= into->op->kernels[i].joins && into->op->kernels[i].joins(into, n);
    if (!able)
        return false;
    while (n->nin < n->op->max_in)
        node_input(g, n, NULL);
    while (into->nin < into->op->max_in)
        node_input(g, into, NULL);
    for (int i = 1; i < n->nin; i++)
        node_input(g, into, n->in[i]);
    const int place = n->id - 1; /* n goes; `into` waits for n's weights, which nodes may make */
    join(g, into, n);
    node_move(g, into, place);
    return true;
}

bool pass_fuse(struct graph *g, struct options *o)
{
    if (!o->target.fuse)
        return true;
    fuse_image_inputs(g);
    for (int i = 0; i < g->nodes; i++) {
        struct node *n = g->node[i];
        bool done = false;
        /* of an addition's operands the one made last runs the addition, if it can: then none has to wait */
        for (int waits = 0; waits < 2; waits++)
            for (int k = 0; k < n->nin && !done; k++) {
                const struct tensor *t = n->in[k];
                bool last = t && t->def;
                for (int j = 0; j < n->nin && last; j++)
                    last = j == k || !n->in[j] || made_before(n->in[j], t->def);
                done = t && t->def && last == !waits && absorb_stage(g, n, k);
            }
        if (!done)
            done = absorb_pool(g, n);
        if (done)
            i--;
    }
    for (int i = 0; i < g->nodes && !o->target.train; i++)
        i -= absorb_next(g, g->node[i]); /* it is gone, and its place another's */
    return true;
}
