/* What the kernel tests share: counting, and seeded numbers. */
#ifndef KERNEL_TEST_H
#define KERNEL_TEST_H
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;

__attribute__((unused, format(printf, 2, 3))) static void check(int good, const char *format, ...)
{
    va_list list;
    if (good) {
        passed++;
        return;
    }
    if (failed++ < 20) {
        va_start(list, format);
        fputs("FAIL ", stdout);
        vprintf(format, list);
        putchar('\n');
        va_end(list);
    }
}

__attribute__((unused)) static int summary(void)
{
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

/* The same numbers on every machine, in [-1, 1). */
__attribute__((unused)) static float random_value(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / (1 << 23) - 1;
}
__attribute__((unused)) static int random_below(unsigned *seed, int n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (int)((*seed >> 8) % (unsigned)n);
}
__attribute__((unused)) static void fill(float *x, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = random_value(&seed);
}

/* Memory of exactly n floats, so that the address sanitizer sees what lies beyond. */
__attribute__((unused)) static float *floats(size_t n)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, n * sizeof(float) + !n))
        abort();
    return p;
}
#endif
