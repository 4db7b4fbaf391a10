/* SPDX-License-Identifier: 0BSD
 *
 * Convolution and transposed convolution on plain tensors with weights as ONNX has them, [OC][IC / groups][KD][KH][KW] and
 * [IC][OC / groups][KD][KH][KW], for any type: CNNC_CONV_PLAIN(name, tag, wtag, type) defines a kernel for elements of that tag
 * (convert.h) that computes in that type. No halo: windows are clipped at the edges before the loops over them, which
 * therefore test nothing. In plain C, for machines without vectors and as the reference for those with. */
#include "base.h"
#include "conv.h"
#include "convert.h"
#include "scalar_math.h"

#ifndef CNNC_CONV_PLAIN_H
#define CNNC_CONV_PLAIN_H

/* The taps of a window that begins at `at` which lie inside 0 .. size. */
CNNC_INLINE void cnnc_conv_clip(int at, int size, int taps, int dilation, int *first, int *end)
{
    *first = at >= 0 ? 0 : (-at + dilation - 1) / dilation;
    *end = (int)cnnc_min(taps, size > at ? (size - at + dilation - 1) / dilation : 0);
}

/* The stages of an epilogue on one value; the channel's values and the tensors' elements are read at these places. */
CNNC_INLINE float cnnc_stage_scalar(const struct cnnc_stage *s, float v, const float *p, const float *q)
{
    switch (s->op) {
    case CNNC_ST_ADD: return v + *p;
    case CNNC_ST_MUL: return v * *p;
    case CNNC_ST_MASK: return *p > 0 ? v : 0;
    case CNNC_ST_SCALE: return v * *p + *q;
    case CNNC_ST_PRELU: return v < 0 ? v * *p : v;
    case CNNC_ST_CLAMP: return v < s->a ? s->a : v > s->b ? s->b : v;
    case CNNC_ST_LEAKY: return v < 0 ? v * s->a : v;
    case CNNC_ST_ELU: return v < 0 ? s->a * expm1f(v) : v;
    case CNNC_ST_SELU: return s->b * (v < 0 ? s->a * expm1f(v) : v);
    case CNNC_ST_SIGMOID: return cnnc_sigmoid_f32(v);
    case CNNC_ST_HSIGMOID: return fminf(1, fmaxf(0, s->a * v + s->b));
    case CNNC_ST_TANH: return tanhf(v);
    case CNNC_ST_SWISH: return v * cnnc_sigmoid_f32(s->a * v);
    case CNNC_ST_HSWISH: return v * fminf(1, fmaxf(0, v * (1.f / 6) + 0.5f));
    case CNNC_ST_GELU: return 0.5f * v * (1 + erff(v * 0.707106781186547524f));
    case CNNC_ST_GELU_TANH: return 0.5f * v * (1 + tanhf(0.797884560802865f * (v + 0.044715f * v * v * v)));
    case CNNC_ST_SOFTPLUS: return fmaxf(v, 0) + log1pf(expf(-fabsf(v)));
    default: return v;
    }
}

CNNC_INLINE float cnnc_epilogue_scalar(const struct cnnc_epilogue *e, float v, const struct cnnc_stage_args *args, ptrdiff_t tensor,
                                       ptrdiff_t channel)
{
    for (int i = 0; i < e->n; i++) {
        const ptrdiff_t at = cnnc_stage_is_tensor(e->s[i].op) ? tensor : channel;
        v = cnnc_stage_scalar(&e->s[i], v, args->p[i] ? args->p[i] + at : NULL, args->q[i] ? args->q[i] + at : NULL);
    }
    return v;
}
#endif

/* clang-format off */
#define CNNC_CONV_PLAIN(name, tag, wtag, type)                                                                                  \
    CNNC_UNUSED static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t) \
    {                                                                                                                     \
        const int icg = g->ic / g->groups, ocg = g->oc / g->groups;                                                       \
        const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 3);                                               \
        long r, last;                                                                                                     \
        cnnc_split((long)g->n * g->oc * g->od * g->oh, t, &r, &last);                                                     \
        for (; r < last; r++) {                                                                                           \
            const int oy = (int)(r % g->oh), oz = (int)(r / g->oh % g->od);                                               \
            const int o = (int)(r / g->oh / g->od % g->oc), n = (int)(r / g->oh / g->od / g->oc);                         \
            const int z = oz * g->sd - g->pd, y = oy * g->sh - g->ph;                                                     \
            int z0, z1, y0, y1, x0, x1;                                                                                   \
            cnnc_conv_clip(z, g->id, g->kd, g->dd, &z0, &z1);                                                             \
            cnnc_conv_clip(y, g->ih, g->kh, g->dh, &y0, &y1);                                                             \
            for (int ox = 0; ox < g->ow; ox++) {                                                                          \
                const int x = ox * g->sw - g->pw;                                                                         \
                type acc = in[2] ? (type)cnnc_load_##tag(in[2], o) : 0;                                                   \
                cnnc_conv_clip(x, g->iw, g->kw, g->dw, &x0, &x1);                                                         \
                for (int i = 0; i < icg; i++)                                                                             \
                    for (int a = z0; a < z1; a++)                                                                         \
                        for (int b = y0; b < y1; b++) {                                                                   \
                            const ptrdiff_t at = n * g->x.n + (o / ocg * icg + i) * g->x.c + (z + a * g->dd) * g->x.d +   \
                                                 (y + b * g->dh) * g->x.h + x;                                            \
                            const ptrdiff_t w = ((((ptrdiff_t)o * icg + i) * g->kd + a) * g->kh + b) * g->kw;             \
                            for (int c = x0; c < x1; c++)                                                                 \
                                acc += (type)cnnc_load_##tag(in[0], at + c * g->dw) * (type)cnnc_load_##wtag(in[1], w + c); \
                        }                                                                                                 \
                if (g->ep.n)                                                                                              \
                    acc = (type)cnnc_epilogue_scalar(&g->ep, (float)acc, &args, n * g->add.n + o * g->add.c + oz * g->add.d + oy * g->add.h + ox, o); \
                cnnc_store_##tag(out[0], n * g->y.n + o * g->y.c + oz * g->y.d + oy * g->y.h + ox, acc);                  \
            }                                                                                                             \
        }                                                                                                                 \
    }

/* In gather form: an output asks which inputs reach it. */
#define CNNC_CONV_TRANSPOSE_PLAIN(name, tag, wtag, type)                                                                        \
    CNNC_UNUSED static void name(const struct cnnc_conv *g, const void *const in[], void *const out[], struct cnnc_thread t) \
    {                                                                                                                     \
        const int icg = g->ic / g->groups, ocg = g->oc / g->groups;                                                       \
        const struct cnnc_stage_args args = cnnc_stage_args(&g->ep, in, 3);                                               \
        long r, last;                                                                                                     \
        cnnc_split((long)g->n * g->oc * g->od * g->oh, t, &r, &last);                                                     \
        for (; r < last; r++) {                                                                                           \
            const int oy = (int)(r % g->oh), oz = (int)(r / g->oh % g->od);                                               \
            const int o = (int)(r / g->oh / g->od % g->oc), n = (int)(r / g->oh / g->od / g->oc);                         \
            for (int ox = 0; ox < g->ow; ox++) {                                                                          \
                type acc = in[2] ? (type)cnnc_load_##tag(in[2], o) : 0;                                                   \
                for (int a = 0; a < g->kd; a++) {                                                                         \
                    const int z = oz + g->pd - a * g->dd;                                                                 \
                    if (z < 0 || z % g->sd != 0 || z / g->sd >= g->id)                                                    \
                        continue;                                                                                         \
                    for (int b = 0; b < g->kh; b++) {                                                                     \
                        const int y = oy + g->ph - b * g->dh;                                                             \
                        if (y < 0 || y % g->sh != 0 || y / g->sh >= g->ih)                                                \
                            continue;                                                                                     \
                        for (int c = 0; c < g->kw; c++) {                                                                 \
                            const int x = ox + g->pw - c * g->dw;                                                         \
                            if (x < 0 || x % g->sw != 0 || x / g->sw >= g->iw)                                            \
                                continue;                                                                                 \
                            for (int i = 0; i < icg; i++) {                                                               \
                                const int ic = o / ocg * icg + i;                                                         \
                                const ptrdiff_t at = n * g->x.n + ic * g->x.c + z / g->sd * g->x.d + y / g->sh * g->x.h + x / g->sw; \
                                const ptrdiff_t w = ((((ptrdiff_t)ic * ocg + o % ocg) * g->kd + a) * g->kh + b) * g->kw + c; \
                                acc += (type)cnnc_load_##tag(in[0], at) * (type)cnnc_load_##wtag(in[1], w);                \
                            }                                                                                             \
                        }                                                                                                 \
                    }                                                                                                     \
                }                                                                                                         \
                if (g->ep.n)                                                                                              \
                    acc = (type)cnnc_epilogue_scalar(&g->ep, (float)acc, &args, n * g->add.n + o * g->add.c + oz * g->add.d + oy * g->add.h + ox, o); \
                cnnc_store_##tag(out[0], n * g->y.n + o * g->y.c + oz * g->y.d + oy * g->y.h + ox, acc);                  \
            }                                                                                                             \
        }                                                                                                                 \
    }
/* clang-format on */
