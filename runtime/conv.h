/* SPDX-License-Identifier: 0BSD
 *
 * The geometry that all convolution kernels share, and the epilogue: what is done to a value between its last
 * accumulation and its store.
 *
 * Operands: in[0] x, in[1] packed weights, in[2] bias padded to whole blocks (or NULL), then one tensor for each
 * stage of the epilogue that has an operand, in order. out[0] y. A tensor operand may be y itself. */
#ifndef CNNC_CONV_H
#define CNNC_CONV_H
#include "base.h"

#ifndef CNNC_B
#define CNNC_B 16
#endif
#ifndef CNNC_L2_BYTES
#define CNNC_L2_BYTES (1 << 20)
#endif

enum cnnc_stage_op {
    CNNC_ST_ADD,       /* v + operand (a tensor of y's shape, laid out as g->add says) */
    CNNC_ST_MUL,       /* v * operand, likewise */
    CNNC_ST_SCALE,     /* v * operand[c] + next operand[c], one value per channel, padded to whole blocks with zeros */
    CNNC_ST_PRELU,     /* v < 0 ? v * operand[c] : v */
    CNNC_ST_CLAMP,     /* min(max(v, a), b): relu is 0, INFINITY; relu6 is 0, 6 */
    CNNC_ST_LEAKY,     /* v < 0 ? v * a : v */
    CNNC_ST_ELU,       /* v < 0 ? a * (exp(v) - 1) : v */
    CNNC_ST_SELU,      /* b * (v < 0 ? a * (exp(v) - 1) : v) */
    CNNC_ST_SIGMOID,   /* 1 / (1 + exp(-v)) */
    CNNC_ST_HSIGMOID,  /* min(max(a * v + b, 0), 1) */
    CNNC_ST_TANH,
    CNNC_ST_SWISH,     /* v * sigmoid(a * v) */
    CNNC_ST_HSWISH,    /* v * min(max(v / 6 + 1/2, 0), 1) */
    CNNC_ST_GELU,      /* v / 2 * (1 + erf(v / sqrt 2)) */
    CNNC_ST_GELU_TANH, /* the tanh approximation of it */
    CNNC_ST_SOFTPLUS,  /* log(1 + exp(v)) */
    CNNC_ST_MASK       /* operand > 0 ? v : 0, an operand as for CNNC_ST_ADD: the gradient of relu */
};

/* The stages that a file has, a bit for each. A generated one says it: the code of the others is then gone before the compiler copies a stage to
 * each of its places, rather than after. */
#ifndef CNNC_STAGES
#define CNNC_STAGES (~0u)
#endif

struct cnnc_stage {
    int op; /* enum cnnc_stage_op */
    float a, b;
};

/* What packed weights are stored in. Those of 16 bits lie in the same order as floats; kernels widen them where they load them. Float16 ones
 * are finite and 0 or of 2^-14 and more, so that widening is one multiplication where the machine has no instruction for it; the
 * compiler divides each output channel's weights by a power of two to that end, and a CNNC_ST_SCALE stage gives it back. */
enum { CNNC_WEIGHTS_FLOAT, CNNC_WEIGHTS_F16, CNNC_WEIGHTS_BF16 };

/* Element n of such weights. */
CNNC_INLINE const void *cnnc_weights_at(const void *w, ptrdiff_t n, const int half) { return (const char *)w + n * (half ? 2 : 4); }

#define CNNC_MAX_STAGES 4
struct cnnc_epilogue {
    int n;
    struct cnnc_stage s[CNNC_MAX_STAGES];
};

/* The operands of the stages, each at its own place in the list. */
struct cnnc_stage_args {
    const float *p[CNNC_MAX_STAGES], *q[CNNC_MAX_STAGES];
};

/* y[n,o,..] = epilogue(bias[o] + sum over i, k of x[n, i, stride*p - pad + dilation*k] * w[o, i, k])
 * 1-D and 2-D are volumes whose depth (and height) is 1. Channel counts are the true ones, not rounded up.
 * Transposed: y[n, o, stride*p - pad + dilation*k] gets x[n, i, p] * w[i, o, k]. */
struct cnnc_conv {
    int n, groups;
    int ic, id, ih, iw;                 /* input: channels (of all groups), depth, height, width */
    int oc, od, oh, ow;                 /* output */
    int kd, kh, kw;                     /* kernel */
    int sd, sh, sw;                     /* stride; sw is literal */
    int dd, dh, dw;                     /* dilation; dw is literal */
    int pd, ph, pw;                     /* padding before; the halo of x covers it on both sides where the kernel needs it */
    struct cnnc_view x, y, add;
    struct cnnc_epilogue ep;            /* literal */
    /* choices of cnnc_conv_plan(), all literal */
    int tile_w;                         /* the row width that register tiles are cut for; 0: rows of 32 pixels and more */
    int tile_ocb;                       /* output blocks of a tile where a block is one vector */
    int ic_tail;                        /* channels of the last input block if it is not full, else 0 */
    int oc_low;                        /* direct: tile_ocb is all output blocks, and the upper half of the last is padding */
    int flat;                           /* 1x1, stride 1, rows without gaps: the pixels of a plane are one row */
    int passes;                         /* passes over the input channels, when their weights overflow the cache */
    int clip;                           /* depthwise: x has no halo */
    int winograd;                       /* Winograd: outputs per tile and dimension, 2 or 4 */
    int tile_block;                     /* Winograd: tiles computed together; not literal */
    int pool;                           /* Winograd: y has the maxima of 2x2 squares; not literal */
    int half;                           /* element type of the packed weights, CNNC_WEIGHTS_...; literal */
};

/* ---- epilogues ---- */

CNNC_INLINE int cnnc_stage_operands(int op)
{
    return op == CNNC_ST_SCALE ? 2 : op == CNNC_ST_ADD || op == CNNC_ST_MUL || op == CNNC_ST_MASK || op == CNNC_ST_PRELU;
}
CNNC_INLINE int cnnc_stage_is_tensor(int op) { return op == CNNC_ST_ADD || op == CNNC_ST_MUL || op == CNNC_ST_MASK; }

/* Cheap enough to be unrolled over a whole register tile. */
CNNC_INLINE int cnnc_stage_is_cheap(int op)
{
    return op <= CNNC_ST_LEAKY || op == CNNC_ST_HSIGMOID || op == CNNC_ST_HSWISH || op == CNNC_ST_MASK;
}

/* Written out, as in epilogue.h, to be folded away. */
CNNC_INLINE int cnnc_epilogue_is_cheap(const struct cnnc_epilogue *e)
{
    return (e->n < 1 || cnnc_stage_is_cheap(e->s[0].op)) && (e->n < 2 || cnnc_stage_is_cheap(e->s[1].op)) &&
           (e->n < 3 || cnnc_stage_is_cheap(e->s[2].op)) && (e->n < 4 || cnnc_stage_is_cheap(e->s[3].op));
}

/* Whether a stage makes something of nothing: padding channels must then be cleared. */
CNNC_INLINE int cnnc_stage_zero(const struct cnnc_stage *s, int zero)
{
    switch (s->op) {
    case CNNC_ST_MUL:
    case CNNC_ST_MASK:
    case CNNC_ST_SCALE: return 1; /* padding of the operand is zero */
    case CNNC_ST_CLAMP: return zero && s->a <= 0 && s->b >= 0;
    case CNNC_ST_HSIGMOID: return zero && s->b <= 0;
    case CNNC_ST_SIGMOID:
    case CNNC_ST_SOFTPLUS: return 0;
    default: return zero;
    }
}
CNNC_INLINE int cnnc_epilogue_zero(const struct cnnc_epilogue *e)
{
    int z = 1;
    z = e->n > 0 ? cnnc_stage_zero(&e->s[0], z) : z;
    z = e->n > 1 ? cnnc_stage_zero(&e->s[1], z) : z;
    z = e->n > 2 ? cnnc_stage_zero(&e->s[2], z) : z;
    return e->n > 3 ? cnnc_stage_zero(&e->s[3], z) : z;
}

/* Gives the operands in[first], in[first + 1]... to the stages that have some. */
CNNC_INLINE struct cnnc_stage_args cnnc_stage_args(const struct cnnc_epilogue *e, const void *const in[], int first)
{
    struct cnnc_stage_args a;
#define CNNC_STAGE_(i)                                                                              \
    a.p[i] = e->n > i && cnnc_stage_operands(e->s[i].op) > 0 ? (const float *)in[first++] : NULL;   \
    a.q[i] = e->n > i && cnnc_stage_operands(e->s[i].op) > 1 ? (const float *)in[first++] : NULL;
    CNNC_STAGE_(0)
    CNNC_STAGE_(1)
    CNNC_STAGE_(2)
    CNNC_STAGE_(3)
#undef CNNC_STAGE_
    return a;
}

/* How many operands all stages have. */
CNNC_INLINE int cnnc_epilogue_operands(const struct cnnc_epilogue *e)
{
    return (e->n > 0 ? cnnc_stage_operands(e->s[0].op) : 0) + (e->n > 1 ? cnnc_stage_operands(e->s[1].op) : 0) +
           (e->n > 2 ? cnnc_stage_operands(e->s[2].op) : 0) + (e->n > 3 ? cnnc_stage_operands(e->s[3].op) : 0);
}

/* The same operands further on: tensors by `tensor` elements, values per channel by `channel`. */
CNNC_INLINE struct cnnc_stage_args cnnc_stage_args_at(const struct cnnc_epilogue *e, struct cnnc_stage_args a, ptrdiff_t tensor,
                                                      ptrdiff_t channel)
{
#define CNNC_STAGE_(i)                                                                      \
    if (a.p[i])                                                                             \
        a.p[i] += cnnc_stage_is_tensor(e->s[i].op) ? tensor : channel;                      \
    if (a.q[i])                                                                             \
        a.q[i] += channel;
    CNNC_STAGE_(0)
    CNNC_STAGE_(1)
    CNNC_STAGE_(2)
    CNNC_STAGE_(3)
#undef CNNC_STAGE_
    return a;
}

/* ---- blocks of channels ---- */

CNNC_INLINE int cnnc_blocks(int channels) { return (channels + CNNC_B - 1) / CNNC_B; }

/* Groups that are whole blocks are computed apart. Others share blocks: every output block then reads all input blocks
 * that one of its groups touches, with zero weights between groups; the count is that of the widest. */
CNNC_INLINE int cnnc_conv_aligned(const struct cnnc_conv *g)
{
    return g->groups == 1 || (g->ic / g->groups % CNNC_B == 0 && g->oc / g->groups % CNNC_B == 0);
}

/* The input blocks that output block ob needs, before the count is made uniform. */
CNNC_INLINE void cnnc_conv_touched(const struct cnnc_conv *g, int ob, int *first, int *end)
{
    int icg = g->ic / g->groups, ocg = g->oc / g->groups;
    int last = (int)cnnc_min(ob * CNNC_B + CNNC_B, g->oc) - 1;
    *first = ob * CNNC_B / ocg * icg / CNNC_B;
    *end = cnnc_blocks((last / ocg + 1) * icg);
}

/* How many input blocks each output block reads. */
CNNC_INLINE int cnnc_conv_in_blocks(const struct cnnc_conv *g)
{
    int most = 0;
    if (cnnc_conv_aligned(g))
        return cnnc_blocks(g->ic / g->groups);
    for (int ob = 0, first, end; ob < cnnc_blocks(g->oc); ob++) {
        cnnc_conv_touched(g, ob, &first, &end);
        most = (int)cnnc_max(most, end - first);
    }
    return most;
}

/* The first of them, for output block ob. */
CNNC_INLINE int cnnc_conv_in_first(const struct cnnc_conv *g, int ob, int count)
{
    int first, end;
    if (g->groups == 1)
        return 0;
    cnnc_conv_touched(g, ob, &first, &end);
    return (int)cnnc_min(first, cnnc_blocks(g->ic) - count);
}

/* Elements of one output block's weights: [input blocks][KD][KH][KW][B, or ic_tail in the last][B]. */
CNNC_INLINE ptrdiff_t cnnc_conv_w_block(const struct cnnc_conv *g, int in_blocks)
{
    return (ptrdiff_t)(g->ic_tail ? (in_blocks - 1) * CNNC_B + g->ic_tail : in_blocks * CNNC_B) * g->kd * g->kh * g->kw * CNNC_B;
}

/* Whether threads share out the rows (or tiles) of planes rather than strips of output channels: each then reads all weights, but less of
 * what other threads wrote. */
CNNC_INLINE int cnnc_conv_by_rows(const struct cnnc_conv *g, long rows, struct cnnc_thread t)
{
    const long weights = (long)cnnc_conv_w_block(g, cnnc_conv_in_blocks(g)) * cnnc_blocks(g->oc);
    const long tensors = ((long)g->id * g->ih * g->iw * cnnc_blocks(g->ic) + (long)g->od * g->oh * g->ow * cnnc_blocks(g->oc)) * CNNC_B;
    return weights < tensors && cnnc_by_rows(g->n * rows, t);
}

/* Tiles of a plane to do for all output channels before going on. Either the input of all tiles is read for each of the `strips` of
 * output channels, or all weights for each chunk: what reads less from beyond the level 2 cache. In floats. */
CNNC_INLINE long cnnc_conv_chunk(long tiles, long x_per_tile, long weights, long strips)
{
    const long cache = CNNC_L2_BYTES / 2 / (long)sizeof(float), x = tiles * x_per_tile, n = (x + cache - 1) / cache;
    return n > 1 && n * weights + x < weights + strips * x ? (tiles + n - 1) / n : tiles;
}

/* ---- the first layer's band of rows ---- */

/* Floats of a row with its padding. */
CNNC_INLINE long cnnc_first_width(const struct cnnc_conv *g) { return (long)(g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1; }

/* Output rows that a band serves: as many as keep it within 96 KB, at most 16. */
CNNC_INLINE long cnnc_first_rows(const struct cnnc_conv *g)
{
    const long line = cnnc_first_width(g) * g->ic * g->kd, lines = 24576 / line - ((g->kh - 1) * g->dh + 1);
    return cnnc_max(1, cnnc_min(cnnc_min(16, g->oh), lines / g->sh + 1));
}
CNNC_INLINE size_t cnnc_conv_first_scratch(const struct cnnc_conv *g)
{
    return (size_t)(g->kd * ((cnnc_first_rows(g) - 1) * g->sh + (g->kh - 1) * g->dh + 1) * g->ic * cnnc_first_width(g)) * sizeof(float);
}

/* ---- Winograd ---- */

/* Floats between the positions of a transform, `blocks` times `rows` vectors each: an odd number of cache lines, so that what is written
 * to all positions at once does not meet in a few sets of the cache. */
CNNC_INLINE ptrdiff_t cnnc_winograd_position(long blocks, long rows) { return (ptrdiff_t)(blocks * rows | 1) * CNNC_B; }

/* Positions of a transform: the square of the tile's side. */
CNNC_INLINE int cnnc_winograd_points(const struct cnnc_conv *g) { return (g->winograd + g->kh - 1) * (g->winograd + g->kh - 1); }

/* Room for the transforms of a block of tiles, rounded up to the register tiles of any level. */
CNNC_INLINE size_t cnnc_winograd_scratch(const struct cnnc_conv *g)
{
    const long s = cnnc_winograd_points(g), tiles = g->tile_block + 28;
    return (size_t)(s * (cnnc_winograd_position(cnnc_blocks(g->ic), tiles) + cnnc_winograd_position(cnnc_blocks(g->oc), tiles))) * sizeof(float);
}

/* Transformed in the run: input blocks whose weights, 9 KB each, are used together. */
#define CNNC_WINOGRAD_RAW_BLOCKS 2

/* Elements 2 i - 1 and 2 i of a filter's transform, scaled: g[0] + even g[2] +- odd g[1]. Variables, so that rows share their code. */
struct cnnc_winograd_pair {
    float even, odd;
};
CNNC_INLINE struct cnnc_winograd_pair cnnc_winograd_raw_pair(int i)
{
    return i == 1 ? (struct cnnc_winograd_pair){0.5f, 0.70710678f} : (struct cnnc_winograd_pair){2, 1.41421356f};
}

/* Position p of the P columns made together in turn q: of two, the first and the last, then those that share most of their transform. */
CNNC_INLINE int cnnc_winograd_raw_column(int P, int q, int p) { return P > 2 ? q * P + p : q == 0 ? 5 * p : 2 * q - 1 + p; }

CNNC_INLINE size_t cnnc_winograd_raw_scratch(const struct cnnc_conv *g)
{
    const long tiles = g->tile_block + 28;
    const ptrdiff_t v = cnnc_winograd_position(cnnc_blocks(g->ic), tiles), m = cnnc_winograd_position(1, tiles);
    return (size_t)(36 * (v + m) + (g->half ? CNNC_WINOGRAD_RAW_BLOCKS * 9 * CNNC_B * CNNC_B : 0)) * sizeof(float);
}

/* ---- convolution and max pooling ---- */

struct cnnc_conv_pool {
    struct cnnc_conv c;                 /* c.y: the pooled output */
    int pool_oh, pool_ow;               /* pooled output */
    int pool_kh, pool_kw;               /* window; literal */
    int pool_sh, pool_sw;               /* stride; literal */
    int pool_ph, pool_pw;               /* padding before; windows are clipped */
};

/* The ring of rows: of one tile of channels, and of all channels beside the band. */
CNNC_INLINE size_t cnnc_conv_direct_pool_scratch(const struct cnnc_conv_pool *g)
{
    return (size_t)cnnc_max(g->c.tile_ocb, 1) * (size_t)g->pool_kh * (size_t)g->c.ow * CNNC_B * sizeof(float);
}
CNNC_INLINE size_t cnnc_conv_first_pool_scratch(const struct cnnc_conv_pool *g)
{
    return cnnc_conv_first_scratch(&g->c) + (size_t)cnnc_blocks(g->c.oc) * (size_t)g->pool_kh * (size_t)g->c.ow * CNNC_B * sizeof(float);
}

/* The rows of the convolution that pooled row p needs. */
CNNC_INLINE void cnnc_pool_needs(const struct cnnc_conv_pool *k, long p, long *r0, long *r1)
{
    *r0 = cnnc_max(p * k->pool_sh - k->pool_ph, 0);
    *r1 = cnnc_min(p * k->pool_sh - k->pool_ph + k->pool_kh, k->c.oh);
}

/* ---- convolution and depthwise convolution ---- */

struct cnnc_conv_depthwise {
    struct cnnc_conv c, d;              /* d reads what c makes; c.y is not used */
};

/* Floats of a row of the ring in which d finds what c makes, the padding to its left and right included. */
CNNC_INLINE ptrdiff_t cnnc_ring_row(const struct cnnc_conv *c, const struct cnnc_conv *d)
{
    return cnnc_max(d->pw + c->ow, (d->ow - 1) * d->sw + (d->kw - 1) * d->dw + 1) * CNNC_B;
}
CNNC_INLINE size_t cnnc_conv_depthwise_scratch(const struct cnnc_conv_depthwise *g)
{
    return (size_t)cnnc_max(g->c.tile_ocb, 1) * (size_t)(g->d.kh * cnnc_ring_row(&g->c, &g->d)) * sizeof(float);
}

/* ---- depthwise convolution and the 1x1 behind it ---- */

struct cnnc_inverted_residual {
    struct cnnc_conv c, d, e;           /* d reads what c makes (or x, and c is not used), e what d makes; c.y, d.y and e.x are not used */
};

/* Rows of a band: a quarter of the level 2 cache, and bands as equal as can be. */
CNNC_INLINE long cnnc_inverted_residual_rows(const struct cnnc_inverted_residual *g)
{
    const long row = (long)cnnc_blocks(g->d.oc) * g->d.ow * CNNC_B * (long)sizeof(float), most = cnnc_max(1, CNNC_L2_BYTES / 4 / row);
    const long bands = (g->d.oh + most - 1) / most;
    return (g->d.oh + bands - 1) / bands;
}

/* The rings, if there are any, and a band. */
CNNC_INLINE size_t cnnc_inverted_residual_scratch(const struct cnnc_inverted_residual *g)
{
    const ptrdiff_t ring = g->c.oc ? g->d.kh * cnnc_ring_row(&g->c, &g->d) : 0;
    return (size_t)cnnc_blocks(g->d.oc) * (size_t)(ring + (ptrdiff_t)cnnc_inverted_residual_rows(g) * g->d.ow * CNNC_B) * sizeof(float);
}

/* ---- to few channels ---- */

/* A vector that begins within a row may end so many floats behind it. */
#define CNNC_NARROW_SLACK 512

/* Floats of the weights that a kernel widens before it begins, because it reads them one by one. */
CNNC_INLINE size_t cnnc_conv_narrow_weights(const struct cnnc_conv *g)
{
    return g->half ? (size_t)(g->kd * g->kh * g->kw * g->ic * CNNC_B) : 0;
}

/* The band, a ring of rows of the convolution (pairs of rows that hold `window` and one more), their maxima, and a row of the output. The tiles of
 * a row of the ring have at most CNNC_TILE_ACC / oc vectors, and it ends with a whole tile. */
CNNC_INLINE size_t cnnc_conv_narrow_scratch(const struct cnnc_conv *g, int window)
{
    const size_t row = (size_t)g->ow + CNNC_NARROW_SLACK / (size_t)g->oc, ring = (size_t)(window + 3) * (size_t)g->oc * row;
    return cnnc_conv_first_scratch(g) + (CNNC_NARROW_SLACK + ring + CNNC_B * (size_t)g->ow + cnnc_conv_narrow_weights(g)) * sizeof(float);
}

/* ---- transposed ---- */

/* The input coordinate that tap `t` of output `o` reads, or -1 if it falls between two inputs or outside. */
CNNC_INLINE long cnnc_transpose_reads(long o, int t, int pad, int dilation, int stride, int size)
{
    const long at = o + pad - (long)t * dilation;
    return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : -1;
}

#endif
