/* The runtime in the generated file: the text of the headers in use, in the order of their includes. */
#include "emit.h"

#include <ctype.h>
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

/* A part's text, without its licence line (the file's head says it once for all) and without the includes of other parts. */
static void print_text(FILE *f, const struct runtime_text *t)
{
    char other[64];
    int i = 0;
    if (t->lines[0] && strstr(t->lines[0], "SPDX-License-Identifier")) {
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

/* "CNNC_PART_CONV_DIRECT" of conv_direct.h: what a file defines that wants the part from the shared header. */
static const char *part_macro(const char *name, char text[80])
{
    int n = snprintf(text, 80, "CNNC_PART_%.*s", (int)strcspn(name, "."), name);
    for (int i = 0; i < n; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    return text;
}

void parts_print(FILE *f, const char *list, bool again, bool external)
{
    char name[64], macro[80];
    if (external)
        fputs("\n/* the parts in use of " RUNTIME_HEADER " */\n", f);
    for (const char *p = list; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p, "\n"), p);
        const struct runtime_text *t = find(name);
        if (again && !repeats(t))
            continue;
        if (external) {
            fprintf(f, "#define %s\n", part_macro(name, macro));
        } else {
            fprintf(f, "\n/* ---- %s ---- */\n", name);
            print_text(f, t);
        }
    }
    if (external)
        fprintf(f, "#include \"%s\"\n#if CNNC_RUNTIME != 0x%08x\n#error \"%s is of another version of cnnc than this file: generate both anew\"\n#endif\n",
                RUNTIME_HEADER, (unsigned)runtime_version(), RUNTIME_HEADER);
}

bool print_program(const char *path, const char *name)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    for (const struct runtime_text *t = program_texts; t->name; t++)
        for (int i = 0; t->lines[i] && strcmp(t->name, name) == 0; i++)
            fputs(t->lines[i], f);
    return fclose(f) == 0;
}

uint32_t runtime_version(void)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (const struct runtime_text *t = runtime_texts; t->name; t++)
        for (int i = 0; t->lines[i]; i++)
            for (const char *c = t->lines[i]; *c; c++)
                h = (h ^ (unsigned char)*c) * 16777619u;
    return h;
}

void print_runtime_header(FILE *f)
{
    struct strbuf list = {0};
    char name[64], macro[80];
    parts_need(&list, "base.h");
    parts_need(&list, "simd.h"); /* before all kernels: it says what CNNC_FN appends */
    for (const struct runtime_text *t = runtime_texts; t->name; t++)
        if (strcmp(t->name, "simd_end.h") != 0)
            parts_need(&list, t->name);
    parts_need(&list, "simd_end.h");
    fprintf(f,
            "/* SPDX-License-Identifier: 0BSD\n *\n"
            " * The runtime of networks that cnnc --runtime=external generated: one copy of its text for all of them, the same whatever\n"
            " * they are. A generated file defines a macro for each part that it wants, and includes this; all functions are static. */\n"
            "#undef CNNC_RUNTIME\n#define CNNC_RUNTIME 0x%08x\n",
            (unsigned)runtime_version());
    for (const char *p = list.s; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p, "\n"), p);
        part_macro(name, macro);
        fprintf(f, "\n/* ---- %s ---- */\n#ifdef %s\n#undef %s\n", name, macro, macro);
        print_text(f, find(name));
        fputs("#endif\n", f);
    }
    sb_free(&list);
}
