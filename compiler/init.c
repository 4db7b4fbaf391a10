#include "init.h"
#include "random.h"

#include <math.h>

void *init_values(struct graph *g, const struct tensor *t)
{
    int64_t count = tensor_count(t);
    float *v = xmalloc(sizeof *v * (size_t)count);
    const uint64_t key = random_key(g->seed, t->name);
    double he = sqrt(2.0 / MAX(1, t->fan_in)), xavier = sqrt(6.0 / MAX(1, t->fan_in + t->fan_out));
    for (int64_t i = 0; i < count; i++)
        switch (t->init) {
        case INIT_ONE: v[i] = 1; break;
        case INIT_VALUE: v[i] = (float)t->init_value; break;
        case INIT_HE: v[i] = (float)(he * random_normal(key, (uint64_t)i)); break;
        case INIT_XAVIER: v[i] = (float)(xavier * (2 * random_uniform(key, (uint64_t)i) - 1)); break;
        default: v[i] = 0;
        }
    return v;
}
