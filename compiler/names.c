#include "names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static size_t hash(const char *s)
{
    uint64_t h = 1469598103934665603u;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)(h ^ h >> 29);
}

static struct name_entry *slot(const struct names *n, const char *name)
{
    size_t i = hash(name) & (n->room - 1);
    while (n->entry[i].name && strcmp(n->entry[i].name, name) != 0)
        i = (i + 1) & (n->room - 1);
    return &n->entry[i];
}

void *names_find(const struct names *n, const char *name)
{
    return n->room ? slot(n, name)->what : NULL;
}

void names_set(struct names *n, const char *name, void *what)
{
    if (n->used * 2 >= n->room) {
        struct names big = { .room = n->room ? n->room * 2 : 64 };
        big.entry = xcalloc(big.room, sizeof *big.entry);
        for (size_t i = 0; i < n->room; i++)
            if (n->entry[i].name)
                *slot(&big, n->entry[i].name) = n->entry[i];
        big.used = n->used;
        free(n->entry);
        *n = big;
    }
    struct name_entry *e = slot(n, name);
    n->used += e->name == NULL;
    *e = (struct name_entry){ name, what };
}

void names_free(struct names *n)
{
    free(n->entry);
    *n = (struct names){ 0 };
}
