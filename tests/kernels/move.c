/* Transposes, slices, padding, concatenation, gathers for all element sizes and thread counts, against index by index. */
#include "../../runtime/base.h"
#include "../../runtime/gather.h"
#include "../../runtime/move.h"
#include "kernel_test.h"

static unsigned char x[400000], y[400000], z[400000];
static struct cnnc_thread thread(int i, int n) { return (struct cnnc_thread){i, n, NULL}; }

/* a random slice with steps of both signs, transposed */
static void moves(unsigned *seed, int n)
{
    struct cnnc_move g = {1 << n % 4, 1 + n % 5, {0}, {0}, {0}, 0, 0};
    long full[8], stride = 1, total = 1, out = 1;
    const int threads = 1 + n % 4;
    for (int d = g.rank - 1; d >= 0; d--) {
        const int step = 1 + random_below(seed, 2), negative = random_below(seed, 3) == 0;
        full[d] = 1 + random_below(seed, n % 7 == 0 ? 40 / g.rank : 6);
        g.dim[d] = (full[d] + step - 1) / step;
        g.x[d] = stride * (negative ? -step : step);
        g.x0 += negative ? stride * (full[d] - 1) : 0;
        stride *= full[d];
        total *= g.dim[d];
    }
    for (int d = 0; d < g.rank; d++) { /* permute what is read */
        const int e = d + random_below(seed, g.rank - d);
        const long n1 = g.dim[d];
        const ptrdiff_t s1 = g.x[d];
        g.dim[d] = g.dim[e], g.dim[e] = n1;
        g.x[d] = g.x[e], g.x[e] = s1;
    }
    for (int d = g.rank - 1; d >= 0; out *= g.dim[d], d--)
        g.y[d] = out;
    memset(y, 0xee, sizeof y);
    memset(z, 0xee, sizeof z);
    for (long i = 0; i < total; i++) {
        long rest = i;
        ptrdiff_t from = g.x0;
        for (int d = g.rank - 1; d >= 0; rest /= g.dim[d], d--)
            from += rest % g.dim[d] * g.x[d];
        memcpy(z + i * g.size, x + from * g.size, (size_t)g.size);
    }
    for (int i = 0; i < threads; i++)
        cnnc_move(&g, (const void *[]){x}, (void *[]){y}, thread(i, threads));
    check(memcmp(y, z, sizeof y) == 0, "move rank %d size %d threads %d", g.rank, g.size, threads);
}

static void pads(unsigned *seed, int n)
{
    struct cnnc_pad g = {1 << n % 4, n % 5, n / 5 % 4, {0}, {0}, {0}};
    long total = 1, stride = 1;
    const long value = 0x1122334455667788;
    int good = 1;
    const int threads = 1 + n % 3;
    for (int d = 0; d < g.rank; d++) {
        g.dim[d] = 1 + random_below(seed, 6);
        g.before[d] = random_below(seed, 4) - (g.dim[d] > 2 ? 1 : 0);
        g.after[d] = random_below(seed, 8) - (g.dim[d] > 2 ? 1 : 0);
        total *= g.before[d] + g.dim[d] + g.after[d];
    }
    for (int i = 0; i < threads; i++)
        cnnc_pad(&g, (const void *[]){x, NULL, n & 1 ? &value : NULL}, (void *[]){y}, thread(i, threads));
    for (long i = 0; i < total; i++) {
        long rest = i, from = 0;
        const long zero = 0;
        int inside = 1;
        stride = 1;
        for (int d = g.rank - 1; d >= 0; d--) {
            const long w = g.before[d] + g.dim[d] + g.after[d];
            long p = rest % w - g.before[d];
            const long last = g.dim[d] - 1;
            if (g.mode == CNNC_PAD_CONSTANT)
                inside = inside && p >= 0 && p <= last;
            else if (g.mode == CNNC_PAD_EDGE || last == 0)
                p = p < 0 ? 0 : p > last ? last : p;
            else if (g.mode == CNNC_PAD_WRAP)
                while (p < 0 || p > last)
                    p += p < 0 ? g.dim[d] : -g.dim[d];
            else
                while (p < 0 || p > last)
                    p = p < 0 ? -p : 2 * last - p;
            from += p * stride;
            stride *= g.dim[d];
            rest /= w;
        }
        good = good && memcmp(y + i * g.size, inside ? x + from * g.size : (const unsigned char *)(n & 1 ? &value : &zero), (size_t)g.size) == 0;
    }
    check(good, "pad mode %d rank %d size %d", g.mode, g.rank, g.size);
}

static void concats(unsigned *seed, int n)
{
    struct cnnc_concat g = {1 << n % 4, 1 + random_below(seed, 5), 1 + random_below(seed, 4), {0}};
    const void *in[8];
    void *out[8];
    long at = 0, total = 0;
    int good = 1;
    const int threads = 1 + n % 3;
    for (int k = 0; k < g.parts; k++) {
        g.inner[k] = random_below(seed, 30);
        in[k] = x + at * g.size, out[k] = z + at * g.size;
        at += g.inner[k] * g.outer;
        total += g.inner[k];
    }
    for (int i = 0; i < threads; i++)
        cnnc_concat(&g, in, (void *[]){y}, thread(i, threads));
    for (long o = 0; o < g.outer; o++)
        for (long k = 0, column = 0; k < g.parts; column += g.inner[k], k++)
            good = good && memcmp(y + (o * total + column) * g.size, (const char *)in[k] + o * g.inner[k] * g.size, (size_t)(g.inner[k] * g.size)) == 0;
    check(good, "concat of %d parts, outer %ld", g.parts, g.outer);
    for (int i = 0; i < threads; i++)
        cnnc_split_parts(&g, (const void *[]){y}, out, thread(i, threads));
    check(memcmp(x, z, (size_t)(at * g.size)) == 0, "split of %d parts", g.parts);
}

CNNC_SCATTER_ND(scatter_nd_add, f32, float, a + b)
CNNC_SCATTER_ELEMENTS(scatter_set, f32, float, b)

static void gathers(void)
{
    const float data[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    const struct cnnc_gather g = {4, 1, 2, 3, 2, 4};
    const struct cnnc_elements e = {4, 0, 2, 0, {4, 3}, {2, 3}};
    const struct cnnc_nd nd = {4, 1, 1, 3, 3, {4}}, deep = {4, 2, 1, 2, 1, {4, 3}};
    float r[48];
    const float want[16] = {0, 1, 4, 5, 4, 5, 2, 3, 6, 7, 10, 11, 10, 11, 8, 9};
    for (int i = 0; i < 3; i++)
        cnnc_gather(&g, (const void *[]){data, (int64_t[]){0, 2, -1, 1}}, (void *[]){r}, thread(i, 3));
    check(memcmp(r, want, sizeof want) == 0, "gather");
    cnnc_gather(&g, (const void *[]){data, (int64_t[]){0, 2, 99, -99}}, (void *[]){r}, thread(0, 1));
    check(r[4] == 4 && r[6] == 0, "gather: wrong indices stay inside");
    cnnc_gather_elements(&e, (const void *[]){data, (int32_t[]){3, -1, 0, 0, 1, 2}}, (void *[]){r}, thread(0, 1));
    check(r[0] == 9 && r[1] == 10 && r[2] == 2 && r[3] == 0 && r[4] == 4 && r[5] == 8, "gather elements");
    cnnc_gather_nd(&nd, (const void *[]){data, (int64_t[]){3, 0, -2}}, (void *[]){r}, thread(0, 1));
    check(r[0] == 9 && r[3] == 0 && r[6] == 6 && r[8] == 8, "gather slices");
    cnnc_gather_nd(&deep, (const void *[]){data, (int64_t[]){3, 1, -1, -1}}, (void *[]){r}, thread(0, 1));
    check(r[0] == 10 && r[1] == 11, "gather tuples");
    scatter_nd_add(&nd, (const void *[]){data, (int64_t[]){3, 0, 3}, (float[]){1, 2, 3, 4, 5, 6, 7, 8, 9}}, (void *[]){r}, thread(0, 1));
    check(r[0] == 4 && r[3] == 3 && r[9] == 17 && r[11] == 23, "scatter slices, adding");
    scatter_set(&e, (const void *[]){data, (int32_t[]){3, -1, 0, 0, 1, 2}, (float[]){-1, -2, -3, -4, -5, -6}}, (void *[]){r}, thread(0, 1));
    check(r[9] == -1 && r[10] == -2 && r[2] == -3 && r[0] == -4 && r[4] == -5 && r[8] == -6 && r[1] == 1, "scatter elements");
}

int main(void)
{
    unsigned seed = 11;
    for (size_t i = 0; i < sizeof x; i++)
        x[i] = (unsigned char)(i * 31 + i / 251);
    for (int n = 0; n < 300; n++) {
        moves(&seed, n);
        pads(&seed, n);
        concats(&seed, n);
    }
    gathers();
    return summary();
}
