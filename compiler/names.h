/* A table of names: open addressing, grows by doubling. */
#ifndef NAMES_H
#define NAMES_H

#include <stddef.h>

struct names {
    struct name_entry {
        const char *name;
        void *what;
    } *entry;
    size_t used, room;
};
void *names_find(const struct names *n, const char *name); /* NULL: not there */
void names_set(struct names *n, const char *name, void *what); /* the name is kept, not copied */
void names_free(struct names *n);

#endif
