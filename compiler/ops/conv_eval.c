/* The convolution that the compiler runs itself, over seeded data, to set the statistics of batch norms: rows of four output
 * channels at a time. Each output adds its terms in the order of the plain kernel and without contraction, so the result has the
 * plain kernel's bits on every machine, whatever vectors the host's compiler makes of the loops. */
#include "conv_kernels.h"

#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

enum { LANES = 4 };

/* y[lane][0..count) += w[lane] * x[0..count) with the inputs `stride` apart. */
static void add_row(float *const y[LANES], const float w[LANES], const float *x, long count, long stride)
{
    float *restrict a = y[0], *restrict b = y[1], *restrict c = y[2], *restrict d = y[3];
    if (stride == 1)
        for (long i = 0; i < count; i++) {
            a[i] += w[0] * x[i];
            b[i] += w[1] * x[i];
            c[i] += w[2] * x[i];
            d[i] += w[3] * x[i];
        }
    else
        for (long i = 0; i < count; i++) {
            const float v = x[i * stride];
            a[i] += w[0] * v;
            b[i] += w[1] * v;
            c[i] += w[2] * v;
            d[i] += w[3] * v;
        }
}

/* The outputs whose tap at `offset` lies inside 0 .. in, of 0 .. out. */
static void inside(long offset, long stride, long in, long out, long *first, long *end)
{
    *first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    *end = offset >= in ? 0 : MIN(out, (in - 1 - offset) / stride + 1);
}

void conv_eval(const struct cnnc_conv *g, const float *x, const float *w, const float *bias, float *y)
{
    const long icg = g->ic / g->groups, ocg = g->oc / g->groups, taps = (long)g->kd * g->kh * g->kw;
    const long plane = (long)g->od * g->oh * g->ow, x_plane = (long)g->id * g->ih * g->iw;
    const bool flat = taps == 1 && g->sd * g->sh * g->sw == 1 && g->pd + g->ph + g->pw == 0 && x_plane == plane;
    float *spare = xcalloc((size_t)plane + 1, sizeof *spare); /* where lanes that do not exist go */
    for (long n = 0; n < g->n; n++)
        for (long o = 0, lanes; o < g->oc; o += lanes) {
            lanes = MIN(LANES, (o / ocg + 1) * ocg - o);
            float *to[LANES];
            for (long l = 0; l < LANES; l++) {
                to[l] = l < lanes ? y + (n * g->oc + o + l) * plane : spare;
                for (long i = 0; i < plane && l < lanes; i++)
                    to[l][i] = bias ? bias[o + l] : 0;
            }
            for (long i = 0; i < icg; i++) {
                const float *from = x + (n * g->ic + o / ocg * icg + i) * x_plane;
                for (long t = 0; t < taps; t++) {
                    float v[LANES] = {0};
                    for (long l = 0; l < lanes; l++)
                        v[l] = w[((o + l) * icg + i) * taps + t];
                    if (flat) {
                        add_row(to, v, from, plane, 1);
                        continue;
                    }
                    const long dx = t % g->kw * g->dw - g->pw, dy = t / g->kw % g->kh * g->dh - g->ph;
                    const long dz = t / g->kw / g->kh * g->dd - g->pd;
                    long x0, x1, y0, y1, z0, z1;
                    inside(dx, g->sw, g->iw, g->ow, &x0, &x1);
                    inside(dy, g->sh, g->ih, g->oh, &y0, &y1);
                    inside(dz, g->sd, g->id, g->od, &z0, &z1);
                    for (long z = z0; z < z1; z++)
                        for (long r = y0; r < y1 && x1 > x0; r++) {
                            float *row[LANES];
                            for (long l = 0; l < LANES; l++)
                                row[l] = to[l] + (z * g->oh + r) * g->ow + x0;
                            add_row(row, v, from + ((z * g->sd + dz) * g->ih + r * g->sh + dy) * g->iw + x0 * g->sw + dx, x1 - x0, g->sw);
                        }
                }
            }
        }
    free(spare);
}
