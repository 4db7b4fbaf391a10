/* Reductions over every set of axes against sums over all elements; arg max, running sums, every row of the table. */
#include "../../runtime/base.h"
#include "../../runtime/reduce.h"
#include "kernel_test.h"

#define RESULT_SAME(tag) tag
#define RESULT_INT64(tag) i64
#define ROW(op, tag, type, res, s0, m0, step, ...) CNNC_REDUCE(op##_##tag, tag, res, type, s0, m0, step, __VA_ARGS__)
#define CLASS_FLOAT(op, r, ...) ROW(op, f32, double, RESULT_##r(f32), __VA_ARGS__) ROW(op, bf16, double, RESULT_##r(bf16), __VA_ARGS__)
#define CLASS_WRAP(op, r, ...) ROW(op, i32, uint64_t, RESULT_##r(i32), __VA_ARGS__) ROW(op, u4, uint64_t, RESULT_##r(u4), __VA_ARGS__)
#define CLASS_SINT(op, r, ...) ROW(op, i32, int64_t, RESULT_##r(i32), __VA_ARGS__)
#define CLASS_UINT(op, r, ...) ROW(op, u8, uint64_t, RESULT_##r(u8), __VA_ARGS__)
#define CNNC_RD(op, class, result, ...) CLASS_##class(op, result, __VA_ARGS__)
#include "../../runtime/reduce.def"
CNNC_SCAN(cumsum_f32, f32, double, 0, s += a)

typedef void kernel(const struct cnnc_reduce *, const void *const[], void *const[], struct cnnc_thread);

enum { SUM, MEAN, MAX, MIN, PROD, L1, L2, SQUARE, LSE, NAIVE };
static void naive(const struct cnnc_reduce *g, const float *x, double *y, long *count, int op)
{
    long total = 1, kept = 1;
    for (int d = 0; d < g->rank; d++) {
        total *= g->dim[d];
        kept *= g->axes >> d & 1 ? 1 : g->dim[d];
    }
    for (long o = 0; o < kept; o++) {
        y[o] = op == PROD ? 1 : op == MAX ? -INFINITY : op == MIN ? INFINITY : 0;
        count[o] = 0;
    }
    for (long i = 0; i < total; i++) {
        long rest = i, o = 0, stride = 1;
        const double v = x[i];
        for (int d = g->rank - 1; d >= 0; rest /= g->dim[d], d--)
            if (!(g->axes >> d & 1)) {
                o += rest % g->dim[d] * stride;
                stride *= g->dim[d];
            }
        count[o]++;
        switch (op) {
        case PROD: y[o] *= v; break;
        case MAX: y[o] = v > y[o] ? v : y[o]; break;
        case MIN: y[o] = v < y[o] ? v : y[o]; break;
        case L1: y[o] += fabs(v); break;
        case L2: case SQUARE: y[o] += v * v; break;
        case LSE: y[o] += exp(v); break;
        default: y[o] += v;
        }
    }
    for (long o = 0; o < kept; o++)
        y[o] = op == MEAN ? y[o] / (double)count[o] : op == L2 ? sqrt(y[o]) : op == LSE ? log(y[o]) : y[o];
}

static void sweep(void)
{
    static float x[5000], y[5000];
    static double want[5000];
    static long count[5000];
    static kernel *const kernels[NAIVE] = {ReduceSum_f32, ReduceMean_f32, ReduceMax_f32, ReduceMin_f32, ReduceProd_f32, ReduceL1_f32, ReduceL2_f32, ReduceSumSquare_f32, ReduceLogSumExp_f32};
    unsigned seed = 5;
    fill(x, 5000, 9);
    for (int n = 0; n < 300; n++) {
        struct cnnc_reduce g = {n % 6, {0}, (unsigned)random_below(&seed, 64), {0}};
        long kept = 1;
        int good = 1;
        const int op = n % NAIVE, threads = 1 + n % 3;
        for (int d = 0; d < g.rank; d++)
            kept *= (g.dim[d] = 1 + random_below(&seed, 5)) * 0 + (g.axes >> d & 1 ? 1 : g.dim[d]);
        naive(&g, x, want, count, op);
        for (int i = 0; i < threads; i++)
            kernels[op](&g, (const void *[]){x}, (void *[]){y}, (struct cnnc_thread){i, threads, NULL});
        for (long o = 0; o < kept; o++)
            good = good && fabs(y[o] - want[o]) <= 1e-6 * (1 + fabs(want[o]));
        check(good, "reduction %d rank %d axes %x", op, g.rank, g.axes);
    }
}

int main(void)
{
    const float x[8] = {1, 5, 5, 2, -1, -1, 3, 0};
    struct cnnc_reduce g = {2, {2, 4}, 2, {0, 0}};
    int64_t at[4];
    float y[8];
    int32_t i[4] = {INT32_MAX, 1, 2, 3}, r[2];
    sweep();
    ArgMax_f32(&g, (const void *[]){x}, (void *[]){at}, (struct cnnc_thread){0, 1, NULL});
    check(at[0] == 1 && at[1] == 2, "arg max");
    g.p[0] = 1;
    ArgMax_f32(&g, (const void *[]){x}, (void *[]){at}, (struct cnnc_thread){0, 1, NULL});
    check(at[0] == 2 && at[1] == 2, "arg max, last index");
    ArgMin_f32(&g, (const void *[]){x}, (void *[]){at}, (struct cnnc_thread){0, 1, NULL});
    check(at[0] == 0 && at[1] == 1, "arg min, last index");
    g = (struct cnnc_reduce){1, {2}, 1, {0, 0}};
    ReduceSum_i32(&g, (const void *[]){i}, (void *[]){r}, (struct cnnc_thread){0, 1, NULL});
    check(r[0] == INT32_MIN, "integer sums wrap");
    g = (struct cnnc_reduce){2, {3, 0}, 2, {-INFINITY, 0}};
    ReduceMax_f32(&g, (const void *[]){x}, (void *[]){y}, (struct cnnc_thread){0, 1, NULL});
    check(y[2] == -INFINITY, "the maximum of nothing");
    for (int k = 0; k < 4; k++) {
        const struct cnnc_scan s = {1, 4, 2, k & 1, k >> 1};
        static const float want[4][8] = {{1, 5, 6, 7, 5, 6, 8, 6}, {0, 0, 1, 5, 6, 7, 5, 6}, {8, 6, 7, 1, 2, -1, 3, 0}, {7, 1, 2, -1, 3, 0, 0, 0}};
        for (int j = 0; j < 2; j++)
            cumsum_f32(&s, (const void *[]){x}, (void *[]){y}, (struct cnnc_thread){j, 2, NULL});
        check(memcmp(y, want[k], sizeof y) == 0, "running sum, exclusive %d reverse %d", k & 1, k >> 1);
    }
    return summary();
}
