#include "init.h"
#include "random.h"

#include <math.h>

#include "../runtime/element.h"

void *init_values(struct graph *g, const struct tensor *t)
{
    const int64_t count = tensor_count(t);
    if (t->dtype != DT_F32) { /* declared with a type: one value for all */
        void *all = xmalloc_for((size_t)count, dtype_size(t->dtype), t->name);
        for (int64_t i = 0; i < count; i++)
            cnnc_put((int)t->dtype, all, i, t->init == INIT_ONE ? 1 : t->init == INIT_VALUE ? t->init_value : 0);
        return all;
    }
    float *v = xmalloc_for((size_t)count, sizeof *v, t->name);
    const uint64_t key = random_key(g->seed, t->name);
    switch (t->init) {
    case INIT_HE: random_fill_normal(key, sqrt(2.0 / MAX(1, t->fan_in)), v, count); break;
    case INIT_XAVIER: random_fill_uniform(key, sqrt(6.0 / MAX(1, t->fan_in + t->fan_out)), v, count); break;
    default:
        for (int64_t i = 0; i < count; i++)
            v[i] = t->init == INIT_ONE ? 1 : t->init == INIT_VALUE ? (float)t->init_value : 0;
    }
    return v;
}
