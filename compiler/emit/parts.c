/* The runtime in the generated file: the text of the headers in use, in the order of their includes. */
#include "emit.h"

#include <stdlib.h>
#include <string.h>

static const struct runtime_text *find(const char *name)
{
    for (const struct runtime_text *t = runtime_texts; t->name; t++)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

static bool listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = list; p && *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (strncmp(p, name, n) == 0 && p[n] == '\n')
            return true;
    return false;
}

/* The name in `#include "name"`, or NULL. */
static const char *included(const char *line, char name[64])
{
    return sscanf(line, "#include \"%63[^\"]\"", name) == 1 ? name : NULL;
}

void parts_need(struct strbuf *list, const char *part)
{
    const struct runtime_text *t = find(part);
    if (!t) {
        fprintf(stderr, "cnnc: internal error: no runtime part %s\n", part);
        abort();
    }
    if (list->s && listed(list->s, part))
        return;
    char name[64];
    for (int i = 0; t->lines[i]; i++)
        if (included(t->lines[i], name))
            parts_need(list, name);
    if (!list->s || !listed(list->s, part))
        sb_addf(list, "%s\n", part);
}

/* Does the part have kernels, of which every instruction set needs its own? */
static bool repeats(const struct runtime_text *t)
{
    for (int i = 0; t->lines[i]; i++)
        if (strstr(t->lines[i], "CNNC_FN(") || strncmp(t->name, "simd", 4) == 0)
            return true;
    return false;
}

bool parts_print(FILE *f, const char *list, bool again)
{
    char name[64];
    for (const char *p = list; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p, "\n"), p);
        const struct runtime_text *t = find(name);
        if (again && !repeats(t))
            continue;
        fprintf(f, "\n/* ---- %s ---- */\n", name);
        char other[64];
        int i = 0;
        if (t->lines[0] && strstr(t->lines[0], "SPDX-License-Identifier")) { /* the file's head says it once for all */
            i = 1;
            if (!strstr(t->lines[0], "*/")) { /* the comment goes on: its first words take the place */
                i += t->lines[1] && strcmp(t->lines[1], " *\n") == 0;
                fprintf(f, "/*%s", t->lines[i] + (strncmp(t->lines[i], " *", 2) == 0 ? 2 : 0));
                i++;
            }
        }
        for (; t->lines[i]; i++)
            if (!included(t->lines[i], other))
                fputs(t->lines[i], f);
    }
    return !ferror(f);
}
