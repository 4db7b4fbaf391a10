#include "random.h"

/* splitmix64 (Steele, Lea, Flood 2014) as a counter-based generator: element i of a tensor depends on nothing else. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline double uniform(uint64_t key, uint64_t i) { return (double)(int64_t)(mix(key ^ mix(i)) >> 11) * 0x1p-53; }

/* A normal deviate from uniform bits without log or cos of the host's libm, whose last bits differ between machines:
 * the sum of twelve 16-bit uniforms (Irwin-Hall), whose variance is exactly 1 and whose tails end at 6 sigma. */
static inline double normal(uint64_t key, uint64_t i)
{
    int64_t sum = 0;
    for (uint64_t k = 0; k < 3; k++) {
        uint64_t r = mix(key ^ mix(3 * i + k));
        sum += (int64_t)((r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48));
    }
    return ((double)sum + 6.0) / 65536.0 - 6.0;
}

double random_uniform(uint64_t key, uint64_t i) { return uniform(key, i); }
double random_normal(uint64_t key, uint64_t i) { return normal(key, i); }

/* Vectors of eight where the machine has a multiplication for them. The deviates are exact in integers and doubles; one product and
 * the step to float are rounded: the values are the same everywhere. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && __GNUC__ >= 12 && !defined(__SANITIZE_ADDRESS__)
#define VECTORS __attribute__((target_clones("arch=x86-64-v4", "default")))
#else
#define VECTORS
#endif

VECTORS void random_fill_uniform(uint64_t key, double bound, int64_t first, int64_t count, float *v)
{
    for (int64_t i = 0; i < count; i++)
        v[i] = (float)(bound * (2 * uniform(key, (uint64_t)(first + i)) - 1));
}

VECTORS void random_fill_normal(uint64_t key, double deviation, int64_t first, int64_t count, float *v)
{
    for (int64_t i = 0; i < count; i++)
        v[i] = (float)(deviation * normal(key, (uint64_t)(first + i)));
}

uint64_t random_key(uint64_t seed, const char *name)
{
    uint64_t key = mix(seed);
    for (const char *p = name; *p; p++)
        key = mix(key ^ (unsigned char)*p);
    return key;
}
