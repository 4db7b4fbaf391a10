#include "init.h"
#include "random.h"

#include <math.h>

#include "../runtime/element.h"

void init_part(const struct graph *g, const struct tensor *t, int64_t first, int64_t count, void *values)
{
    const uint64_t key = random_key(g->seed, t->name);
    const double all = t->init == INIT_ONE ? 1 : t->init == INIT_VALUE ? t->init_value : 0;
    float *v = values;
    if (t->dtype != DT_F32) /* declared with a type: one value for all */
        for (int64_t i = 0; i < count; i++)
            cnnc_put((int)t->dtype, values, i, all);
    else if (t->init == INIT_HE)
        random_fill_normal(key, sqrt(2.0 / MAX(1, t->fan_in)), first, count, v);
    else if (t->init == INIT_XAVIER)
        random_fill_uniform(key, sqrt(6.0 / MAX(1, t->fan_in + t->fan_out)), first, count, v);
    else
        for (int64_t i = 0; i < count; i++)
            v[i] = (float)all;
}

void *init_values(const struct graph *g, const struct tensor *t)
{
    const int64_t count = tensor_count(t);
    void *v = xmalloc_for((size_t)count, dtype_size(t->dtype), t->name);
    init_part(g, t, 0, count, v);
    return v;
}
