/* SPDX-License-Identifier: 0BSD
 *
 * Data movement: strided copies, padding, concatenation and its inverse.
 */
#include "base.h"
#include "move_types.h"

/* n elements, strides in elements; with a literal size each case is a load and a store. */
CNNC_INLINE void CNNC_FN(cnnc_move_row)(int size, long n, const char *x, ptrdiff_t sx, char *y, ptrdiff_t sy)
{
    if (sx == 1 && sy == 1) {
        memcpy(y, x, (size_t)n * (size_t)size);
        return;
    }
    switch (size) {
    case 1:
        for (long i = 0; i < n; i++)
            y[i * sy] = x[i * sx];
        break;
    case 2:
        for (long i = 0; i < n; i++)
            ((uint16_t *)(void *)y)[i * sy] = ((const uint16_t *)(const void *)x)[i * sx];
        break;
    case 4:
        for (long i = 0; i < n; i++)
            ((uint32_t *)(void *)y)[i * sy] = ((const uint32_t *)(const void *)x)[i * sx];
        break;
    default:
        for (long i = 0; i < n; i++)
            memcpy(y + i * sy * size, x + i * sx * size, (size_t)size);
    }
}

/* The last two dimensions, in squares when the reads are far apart, so that each line of memory is fetched once. */
CNNC_INLINE void CNNC_FN(cnnc_move_plane)(int size, long rows, long n, const char *x, ptrdiff_t rx, ptrdiff_t sx, char *y, ptrdiff_t ry,
                                          ptrdiff_t sy)
{
    const long square = sx != 1 && rows > 1 ? 16 : n;
    for (long r = 0; r < rows; r += 16)
        for (long i = 0; i < n; i += square)
            for (long k = r; k < cnnc_min(r + 16, rows); k++)
                CNNC_FN(cnnc_move_row)(size, cnnc_min(square, n - i), x + (k * rx + i * sx) * size, sx, y + (k * ry + i * sy) * size, sy);
}

CNNC_INLINE void CNNC_FN(cnnc_move)(const struct cnnc_move *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long dim[CNNC_MOVE_RANK + 2], planes = 1, p, last, rows, split;
    ptrdiff_t x[CNNC_MOVE_RANK + 2], y[CNNC_MOVE_RANK + 2];
    int rank = 2;
    dim[0] = dim[1] = 1, x[0] = x[1] = y[0] = y[1] = 0;
    for (int i = 0; i < g->rank; i++) {
        if (g->dim[i] == 0)
            return;
        if (g->dim[i] == 1)
            continue;
        if (rank > 2 && x[rank - 1] == g->x[i] * g->dim[i] && y[rank - 1] == g->y[i] * g->dim[i]) {
            dim[rank - 1] *= g->dim[i];
        } else {
            dim[rank++] = g->dim[i];
        }
        x[rank - 1] = g->x[i];
        y[rank - 1] = g->y[i];
    }
    for (int i = 0; i < rank - 2; i++)
        planes *= dim[i];
    rows = dim[rank - 2];
    /* enough pieces for every thread: planes, or strips of 16 rows of them, or pieces of one long row */
    split = planes >= t.count ? 1 : rows > 1 ? (rows + 15) / 16 : cnnc_min(t.count, dim[rank - 1]);
    cnnc_split(planes * split, t, &p, &last);
    for (; p < last; p++) {
        const long part = p % split;
        long i = p / split, r0 = 0, r1 = rows, c0 = 0, c1 = dim[rank - 1];
        ptrdiff_t from = g->x0, to = g->y0;
        if (split > 1 && rows > 1) {
            r0 = part * 16;
            r1 = cnnc_min(r0 + 16, rows);
        } else if (split > 1) {
            c0 = dim[rank - 1] * part / split;
            c1 = dim[rank - 1] * (part + 1) / split;
        }
        for (int d = rank - 3; d >= 0; i /= dim[d], d--) {
            from += i % dim[d] * x[d];
            to += i % dim[d] * y[d];
        }
        from += r0 * x[rank - 2] + c0 * x[rank - 1];
        to += r0 * y[rank - 2] + c0 * y[rank - 1];
        CNNC_FN(cnnc_move_plane)(g->size, r1 - r0, c1 - c0, (const char *)in[0] + from * g->size, x[rank - 2], x[rank - 1],
                                 (char *)out[0] + to * g->size, y[rank - 2], y[rank - 1]);
    }
}

/* The position in x that position i of y shows; -1: none. */
CNNC_INLINE long CNNC_FN(cnnc_pad_source)(long i, long n, int mode)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == CNNC_PAD_CONSTANT || n == 0)
        return -1;
    if (mode == CNNC_PAD_EDGE || n == 1)
        return i < 0 ? 0 : n - 1;
    if (mode == CNNC_PAD_WRAP)
        return (i % n + n) % n;
    i = (i < 0 ? -i : i) % (2 * n - 2);
    return i < n ? i : 2 * n - 2 - i;
}

CNNC_INLINE void CNNC_FN(cnnc_pad)(const struct cnnc_pad *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    const int rank = g->rank ? g->rank : 1, size = g->size, axis = rank - 1;
    const long width = g->rank ? g->dim[axis] : 1, before = g->rank ? g->before[axis] : 0;
    const long row = g->rank ? before + width + g->after[axis] : 1;
    const uint64_t zero = 0;
    const char *value = in[2] ? (const char *)in[2] : (const char *)&zero;
    long rows = 1, r, last;
    for (int d = 0; d < axis; d++)
        rows *= g->before[d] + g->dim[d] + g->after[d];
    cnnc_split(row > 0 ? rows : 0, t, &r, &last);
    for (; r < last; r++) {
        char *y = (char *)out[0] + r * row * size;
        ptrdiff_t from = 0, stride = width;
        long i = r;
        int inside = 1;
        for (int d = axis - 1; d >= 0; d--) {
            const long n = g->before[d] + g->dim[d] + g->after[d];
            const long s = CNNC_FN(cnnc_pad_source)(i % n - g->before[d], g->dim[d], g->mode);
            inside = inside && s >= 0;
            from += s * stride;
            stride *= g->dim[d];
            i /= n;
        }
        for (long k = 0; k < row;) {
            const long s = inside ? CNNC_FN(cnnc_pad_source)(k - before, width, g->mode) : -1;
            if (s >= 0 && k >= before && k - before < width) { /* the row itself, as one copy */
                const long n = cnnc_min(width - s, row - k);
                memcpy(y + k * size, (const char *)in[0] + (from + s) * size, (size_t)n * (size_t)size);
                k += n;
            } else {
                memcpy(y + k * size, s < 0 ? value : (const char *)in[0] + (from + s) * size, (size_t)size);
                k++;
            }
        }
    }
}

/* The bytes of part k between positions `first` and `last` of all that it holds. */
CNNC_INLINE void CNNC_FN(cnnc_concat_part)(const char *x, ptrdiff_t row_x, char *y, ptrdiff_t row_y, long row, long first, long last)
{
    while (first < last) {
        const long r = first / row, at = first % row, n = cnnc_min(row - at, last - first);
        memcpy(y + r * row_y + at, x + r * row_x + at, (size_t)n);
        first += n;
    }
}

CNNC_INLINE void CNNC_FN(cnnc_concat)(const struct cnnc_concat *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long total = 0, at = 0, first, last;
    for (int k = 0; k < g->parts; k++)
        total += g->inner[k] * g->size;
    for (int k = 0; k < g->parts; at += g->inner[k] * g->size, k++) {
        cnnc_split(g->outer * g->inner[k] * g->size, t, &first, &last);
        CNNC_FN(cnnc_concat_part)((const char *)in[k], g->inner[k] * g->size, (char *)out[0] + at, total, g->inner[k] * g->size, first, last);
    }
}

CNNC_INLINE void CNNC_FN(cnnc_split_parts)(const struct cnnc_concat *g, const void *const in[], void *const out[], struct cnnc_thread t)
{
    long total = 0, at = 0, first, last;
    for (int k = 0; k < g->parts; k++)
        total += g->inner[k] * g->size;
    for (int k = 0; k < g->parts; at += g->inner[k] * g->size, k++) {
        cnnc_split(g->outer * g->inner[k] * g->size, t, &first, &last);
        if (out[k])
            CNNC_FN(cnnc_concat_part)((const char *)in[0] + at, total, (char *)out[k], g->inner[k] * g->size, g->inner[k] * g->size, first, last);
    }
}
