/* Tables of text. What does not fit the terminal goes column by column; then the widest text is cut. */
#include "report.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { GAP = 2, NO_LIMIT = 100000 };

bool plain_ascii(FILE *f)
{
    if (!isatty(fileno(f)))
        return true;
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}

/* Columns of the terminal, or as $COLUMNS says; a file takes all there is. */
static int line_width(FILE *f)
{
    struct winsize w;
    const char *s = getenv("COLUMNS");
    if (s && atoi(s) > 0)
        return atoi(s);
    return isatty(fileno(f)) && ioctl(fileno(f), TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : NO_LIMIT;
}

void table_cell(struct table *t, const char *format, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    int cells = t->rows; /* counted in cells until it is printed */
    VEC_PUSH(t->cell, cells, arena_strdup(&t->arena, text));
    t->rows = cells;
}

void table_rule(struct table *t)
{
    for (int i = 0; i < t->columns; i++) {
        int cells = t->rows;
        VEC_PUSH(t->cell, cells, NULL);
        t->rows = cells;
    }
}

/* Characters, not bytes: names may be UTF-8. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void print_cell(FILE *f, const char *s, int width, bool right, bool last)
{
    int n = width_of(s);
    if (n <= width) {
        if (right)
            fprintf(f, "%*s", width - n, "");
        fputs(s, f);
        if (!right && !last)
            fprintf(f, "%*s", width - n, "");
        return;
    }
    /* the beginning and the end say more than the middle */
    const int keep = width > 6 ? width - 2 : width, head = width > 6 ? keep / 2 : keep;
    int at = 0;
    for (const char *p = s; *p; p++) {
        const bool start = ((unsigned char)*p & 0xC0) != 0x80;
        if (start && at == head && width > 6)
            fputs("..", f);
        if (at - !start < head || at - !start >= n - (keep - head))
            fputc(*p, f);
        at += start;
    }
}

static void print_rule(FILE *f, int width, bool ascii)
{
    for (int i = 0; i < width; i++)
        fputs(ascii ? "-" : "\u2500", f);
    fputc('\n', f);
}

void table_print(struct table *t, FILE *f)
{
    const int columns = t->columns, rows = t->rows / columns, limit = line_width(f);
    const bool ascii = plain_ascii(f);
    int *width = xcalloc((size_t)columns, sizeof *width), total = 0;
    bool *filled = xcalloc((size_t)columns, sizeof *filled);
    for (int c = 0; c < columns; c++) {
        for (int r = 0; r < rows; r++) {
            const char *s = t->cell[r * columns + c];
            if (s && *s) {
                filled[c] = true;
                width[c] = MAX(width[c], width_of(s));
            }
        }
        if (filled[c])
            width[c] = MAX(width[c], width_of(t->column[c].title));
        total += width[c] ? width[c] + GAP : 0;
    }
    while (total - GAP > limit) {
        int worst = -1;
        for (int c = 0; c < columns; c++)
            if (width[c] && (t->column[c].flags & CELL_OPTIONAL) && (worst < 0 || t->column[c].rank > t->column[worst].rank))
                worst = c;
        if (worst < 0)
            break;
        total -= width[worst] + GAP;
        width[worst] = 0;
    }
    while (total - GAP > limit) {
        int widest = -1;
        for (int c = 0; c < columns; c++)
            if ((t->column[c].flags & CELL_SHRINK) && width[c] > 8 && (widest < 0 || width[c] > width[widest]))
                widest = c;
        if (widest < 0)
            break;
        width[widest]--;
        total--;
    }
    for (int r = -1; r < rows; r++) {
        if (r == 0 || (r > 0 && !t->cell[r * columns])) {
            print_rule(f, MAX(total - GAP, 1), ascii);
            if (r > 0)
                continue;
        }
        if (r == 0 && !t->cell[0])
            continue;
        int last = columns - 1; /* no blanks at the end of a line */
        while (last > 0 && (!width[last] || !*(r < 0 ? t->column[last].title : t->cell[r * columns + last])))
            last--;
        for (int c = 0; c <= last; c++) {
            if (!width[c])
                continue;
            print_cell(f, r < 0 ? t->column[c].title : t->cell[r * columns + c], width[c], t->column[c].flags & CELL_RIGHT, c == last);
            if (c < last)
                fprintf(f, "%*s", GAP, "");
        }
        fputc('\n', f);
    }
    free(width);
    free(filled);
}

void table_free(struct table *t)
{
    free(t->cell);
    arena_free(&t->arena);
}
