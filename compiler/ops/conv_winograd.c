/* Convolutions by Winograd's minimal filtering, for the rows of the kernel tables: when, at what cost, with what error. */
#include "conv_winograd.h"

#include <math.h>

#include "../../runtime/conv_plan.h"
#include "conv_kernels.h"

static bool square_match(const struct node *n, const struct target *t, int side)
{
    struct cnnc_conv c;
    if (!t->winograd || !conv_is_convolution(n, t) || n->in[0]->rank != 4 || attr_i(n, "group") != 1)
        return false;
    conv_fill(n, &c, t);
    return c.kh == side && c.kw == side && c.sh == 1 && c.sw == 1 && c.dh == 1 && c.dw == 1 && c.ic >= 16 && c.oc >= 16 &&
           c.oh > 1 && c.ow > 1;
}

bool winograd_match(const struct node *n, const struct target *t) { return square_match(n, t, 3); }

/* Not in training, where the rounding of every step adds to the next one's. */
bool winograd4_match(const struct node *n, const struct target *t) { return !t->train && winograd_match(n, t); }
bool winograd25_match(const struct node *n, const struct target *t) { return !t->train && square_match(n, t, 5); }

/* The product runs at the direct kernel's speed; each transform moves its tiles through the cache once; weights larger than the
 * cache arrive partly while others are multiplied. */
static double winograd_cost(const struct node *n, const struct target *t, int m)
{
    struct cnnc_conv c;
    conv_fill(n, &c, t);
    c.winograd = m;
    cnnc_winograd_plan(&c);
    const double s = cnnc_winograd_points(&c), tiles = (double)c.n * ((c.oh + m - 1) / m) * ((c.ow + m - 1) / m);
    const double ic = c.ic, oc = (double)conv_block_channels(c.oc, t), weights = s * ic * oc * 4;
    return 1e-6 + tiles * ic * oc * s / 55e9 + tiles * s * (ic + oc) * 4 / 25e9 + weights / (weights > 4e6 ? 25e9 : 60e9);
}

/* Weights transformed as they are used: besides the product, the operations that make 36 positions of a vector of weights, for every group of
 * tiles; fewer where more positions are made at once. Nine elements of each filter arrive, ahead of their use. */
double winograd_raw_cost(const struct node *n, const struct target *t)
{
    struct cnnc_conv c;
    conv_fill(n, &c, t);
    cnnc_winograd_raw_plan(&c);
    const double tiles = (double)c.n * ((c.oh + 3) / 4) * ((c.ow + 3) / 4), blocks = ceil(tiles / c.tile_block);
    const double together = cnnc_plan_cut(c.tile_block, 13) /* cnnc_winograd_raw_nw() */, groups = blocks * ceil(c.tile_block / together);
    const double ic = c.ic, oc = (double)conv_block_channels(c.oc, t), weights = 9 * ic * oc * 4;
    const double making = together <= 4 ? 60 : together <= 8 ? 84 : 100;
    return 1e-6 + groups * ic * oc * (36 * together + making) / 55e9 + tiles * 36 * (ic + oc) * 4 / 25e9 +
           weights / (weights > 4e6 ? 30e9 : 60e9);
}

void winograd_raw_fill(const struct node *n, void *geometry, const struct target *t)
{
    struct cnnc_conv *c = geometry;
    conv_fill(n, c, t);
    c->pool = n->pool != NULL;
    cnnc_winograd_raw_plan(c);
}
size_t winograd_raw_scratch(const void *geometry) { return cnnc_winograd_raw_scratch(geometry); }

void winograd_fill(const struct node *n, void *geometry, const struct target *t, int m)
{
    struct cnnc_conv *c = geometry;
    conv_fill(n, c, t);
    c->winograd = m;
    c->pool = n->pool != NULL;
    cnnc_winograd_plan(c);
}

double winograd2_cost(const struct node *n, const struct target *t) { return winograd_cost(n, t, 2); }
double winograd4_cost(const struct node *n, const struct target *t) { return winograd_cost(n, t, 4); }
void winograd2_fill(const struct node *n, void *g, const struct target *t) { winograd_fill(n, g, t, 2); }
void winograd4_fill(const struct node *n, void *g, const struct target *t) { winograd_fill(n, g, t, 4); }
double winograd2_weights(const struct node *n) { return (double)tensor_count(n->in[1]) * 16 / 9; }
double winograd4_weights(const struct node *n) { return (double)tensor_count(n->in[1]) * 4; }
double winograd25_weights(const struct node *n) { return (double)tensor_count(n->in[1]) * 36 / 25; }
/* Measured over normal data and weights. F(2x2, 3x3) is no worse than a direct sum. */
double winograd4_error(const struct node *n) { return 8e-8 * sqrt((double)n->in[1]->dim[1]); }
double winograd25_error(const struct node *n) { return 8e-8 * sqrt((double)n->in[1]->dim[1]); }
size_t winograd_scratch(const void *geometry) { return cnnc_winograd_scratch(geometry); }
void winograd2_prepare(struct graph *g, struct node *n, const struct target *t)
{
    conv_prepare_blocked(g, n, t, "winograd2");
}
void winograd4_prepare(struct graph *g, struct node *n, const struct target *t)
{
    conv_prepare_blocked(g, n, t, "winograd4");
}
