#include "diag.h"

#include <stdarg.h>
#include <string.h>

/* One character of UTF-8 at p (p < end): its bytes in *length, its code point as the result. Bytes that are not UTF-8
 * count as characters of one byte and give -1. */
static long decode(const char *p, const char *end, size_t *length)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xC2 && u[0] < 0xE0 ? 2 : u[0] >= 0xE0 && u[0] < 0xF0 ? 3 : u[0] >= 0xF0 && u[0] < 0xF5 ? 4 : 0;
    *length = 1;
    if (n == 0 || n > (size_t)(end - p))
        return -1;
    long c = n == 1 ? u[0] : u[0] & (0x7F >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80)
            return -1;
        c = c << 6 | (u[i] & 0x3F);
    }
    if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return -1;
    *length = n;
    return c;
}

/* Columns of a terminal that a code point takes. */
static int width(long c)
{
    if ((c >= 0x300 && c < 0x370) || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF)
        return 0;
    bool wide = (c >= 0x1100 && c < 0x1160) || (c >= 0x2E80 && c < 0xA4D0) || (c >= 0xAC00 && c < 0xD7A4) ||
                (c >= 0xF900 && c < 0xFB00) || (c >= 0xFE30 && c < 0xFE70) || (c >= 0xFF00 && c < 0xFF61) ||
                (c >= 0x1F300 && c < 0x1F650) || (c >= 0x1F900 && c < 0x1FA00) || (c >= 0x20000 && c < 0x40000);
    return wide ? 2 : 1;
}

static const char *line_start(const struct source *s, size_t byte)
{
    const char *p = s->text + byte;
    while (p > s->text && p[-1] != '\n')
        p--;
    return p;
}

static const char *line_end(const struct source *s, const char *p)
{
    const char *end = memchr(p, '\n', (size_t)(s->text + s->length - p));
    if (end == NULL)
        end = s->text + s->length;
    if (end > p && end[-1] == '\r')
        end--;
    return end;
}

void source_position(const struct source *s, size_t byte, long *line, long *column)
{
    if (byte > s->length)
        byte = s->length;
    *line = 1;
    for (size_t i = 0; i < byte; i++)
        *line += s->text[i] == '\n';
    *column = 1;
    for (const char *p = line_start(s, byte); p < s->text + byte; ++*column) {
        size_t n;
        decode(p, s->text + s->length, &n);
        p += n;
    }
}

struct span span_join(struct span a, struct span b)
{
    if (a.source == NULL)
        return b;
    if (a.source == b.source) {
        a.first = a.first < b.first ? a.first : b.first;
        a.last = a.last > b.last ? a.last : b.last;
    }
    return a;
}

enum { TAB = 8, WINDOW = 120, AHEAD = 60 };

/* The terminal column in which the character after p starts when p's character stands in column x. */
static long advance(long x, const char **p, const char *end, long *c, size_t *n)
{
    *c = decode(*p, end, n);
    *p += *n;
    return *c == '\t' ? (x / TAB + 1) * TAB : *c < 0x20 || (*c >= 0x7F && *c < 0xA0) ? x + 1 : x + width(*c);
}

/* The line around the span, and the caret. Tabs are drawn as spaces; control characters and broken UTF-8 as '?', so that
 * no input can send an escape sequence to the terminal; of a very long line only a window around the caret. */
static void show(FILE *out, struct span w, long line)
{
    const char *start = line_start(w.source, w.first), *end = line_end(w.source, start);
    const char *first = w.source->text + w.first, *last = w.source->text + w.last;
    long caret = -1, tail = -1, x = 0, c;
    size_t n;

    for (const char *p = start; p < end;) {
        if (caret < 0 && p >= first)
            caret = x;
        if (caret >= 0 && tail < 0 && p >= last)
            tail = x;
        x = advance(x, &p, end, &c, &n);
    }
    if (caret < 0)
        caret = x;
    if (tail <= caret)
        tail = last > first && x > caret ? x : caret + 1;

    long from = 0, to = x;
    if (x > WINDOW) {
        from = caret > AHEAD ? caret - AHEAD : 0;
        to = from + WINDOW < x ? from + WINDOW : x;
        if (tail > to)
            tail = to;
    }

    fprintf(out, "%5ld | %s", line, from > 0 ? "..." : "");
    x = 0;
    for (const char *p = start; p < end;) {
        const char *at = p;
        long before = x;
        x = advance(x, &p, end, &c, &n);
        if (before < from || x > to)
            continue;
        if (c == '\t')
            fprintf(out, "%*s", (int)(x - before), "");
        else if (c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069))
            fputc('?', out);
        else
            fwrite(at, 1, n, out);
    }
    fprintf(out, "%s\n%5s | %*s^", to < x ? "..." : "", "", (int)(caret - from + (from > 0 ? 3 : 0)), "");
    for (long i = caret + 1; i < tail; i++)
        fputc('~', out);
    fputc('\n', out);
}

enum severity { ERROR, WARNING, NOTE };

static void report(struct diag *d, enum severity severity, struct span w, const char *where, const char *fmt, va_list args)
{
    static const char *const name[] = { "error", "warning", "note" };
    FILE *out = d->out != NULL ? d->out : stderr;

    if (severity == ERROR) {
        d->errors++;
        int limit = d->limit > 0 ? d->limit : DIAG_LIMIT;
        d->silent = d->errors > limit;
        if (d->errors > limit)
            diag_stop(d, w.source != NULL ? w.source->path : "cnnc");
    } else if (severity == WARNING) {
        d->warnings++;
        d->silent = diag_full(d);
    }
    if (d->silent)
        return;

    long line = 0, column = 0;
    if (w.source != NULL) {
        if (w.first > w.source->length)
            w.first = w.source->length;
        if (w.last > w.source->length)
            w.last = w.source->length;
        source_position(w.source, w.first, &line, &column);
        fprintf(out, "%s:%ld:%ld: ", w.source->path, line, column);
    } else {
        fprintf(out, "%s: ", where != NULL ? where : "cnnc");
    }
    fprintf(out, "%s: ", name[severity]);
    vfprintf(out, fmt, args);
    fputc('\n', out);
    if (w.source != NULL && severity != NOTE)
        show(out, w, line);
}

#define REPORT(severity, span, where)                   \
    do {                                                \
        va_list args;                                   \
        va_start(args, fmt);                            \
        report(d, severity, span, where, fmt, args);    \
        va_end(args);                                   \
    } while (0)

static const struct span nowhere = { NULL, 0, 0 };

void diag_error(struct diag *d, struct span where, const char *fmt, ...) { REPORT(ERROR, where, NULL); }
void diag_warning(struct diag *d, struct span where, const char *fmt, ...) { REPORT(WARNING, where, NULL); }
void diag_note(struct diag *d, struct span where, const char *fmt, ...) { REPORT(NOTE, where, NULL); }
void diag_error_at(struct diag *d, const char *where, const char *fmt, ...) { REPORT(ERROR, nowhere, where); }
void diag_warning_at(struct diag *d, const char *where, const char *fmt, ...) { REPORT(WARNING, nowhere, where); }
void diag_note_at(struct diag *d, const char *where, const char *fmt, ...) { REPORT(NOTE, nowhere, where); }

bool diag_full(const struct diag *d)
{
    return d->errors >= (d->limit > 0 ? d->limit : DIAG_LIMIT);
}

void diag_stop(struct diag *d, const char *path)
{
    if (!d->stopped)
        fprintf(d->out != NULL ? d->out : stderr, "%s: too many errors, the first %d are shown\n", path,
                d->limit > 0 ? d->limit : DIAG_LIMIT);
    d->stopped = true;
}

static int lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c; }

enum { NAME_MAX_LENGTH = 48 };

/* Damerau-Levenshtein distance (insert, delete, replace, swap neighbours), in halves: a letter of the wrong case or a
 * forgotten underscore costs one, anything else two. */
static int distance(const char *a, size_t na, const char *b, size_t nb)
{
    int row[3][NAME_MAX_LENGTH + 1];
    int *two = row[0], *one = row[1], *now = row[2];
    one[0] = 0;
    for (size_t j = 1; j <= nb; j++)
        one[j] = one[j - 1] + (b[j - 1] == '_' ? 1 : 2);
    for (size_t i = 1; i <= na; i++) {
        int drop = a[i - 1] == '_' ? 1 : 2;
        now[0] = one[0] + drop;
        for (size_t j = 1; j <= nb; j++) {
            int change = a[i - 1] == b[j - 1] ? 0 : lower(a[i - 1]) == lower(b[j - 1]) ? 1 : 2;
            int best = one[j - 1] + change;
            if (one[j] + drop < best)
                best = one[j] + drop;
            if (now[j - 1] + (b[j - 1] == '_' ? 1 : 2) < best)
                best = now[j - 1] + (b[j - 1] == '_' ? 1 : 2);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && two[j - 2] + 2 < best)
                best = two[j - 2] + 2;
            now[j] = best;
        }
        int *spare = two;
        two = one;
        one = now;
        now = spare;
    }
    return one[nb];
}

const char *nearest_name(const char *word, const char *const *candidates, size_t n)
{
    size_t length = strlen(word);
    if (length == 0 || length > NAME_MAX_LENGTH)
        return NULL;
    /* In halves, as above: short words may be off by a letter, long ones by up to three. */
    int best = (length < 3 ? 1 : length < 6 ? 2 : length < 9 ? 4 : 6) + 1;
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = candidates[i] != NULL ? strlen(candidates[i]) : 0;
        if (other == 0 || other > NAME_MAX_LENGTH)
            continue;
        int d = distance(word, length, candidates[i], other);
        if (d < best) {
            best = d;
            found = candidates[i];
        }
    }
    if (found != NULL)
        return found;
    /* The beginning of one, and only one, of the names: "maxp" is maxpool. */
    for (size_t i = 0; i < n && length >= 3; i++)
        if (candidates[i] != NULL && strncmp(candidates[i], word, length) == 0) {
            if (found != NULL)
                return NULL;
            found = candidates[i];
        }
    return found;
}
