/* Numbers as people read them. */
#include "report.h"

#include <inttypes.h>
#include <string.h>

const char *thousands(int64_t v, char text[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, v), k = 0;
    for (int i = 0; i < n; i++) {
        text[k++] = digits[i];
        if (digits[i] != '-' && (n - i - 1) % 3 == 0 && i + 1 < n)
            text[k++] = ',';
    }
    text[k] = '\0';
    return text;
}

static const char *scaled(double v, const char *unit, const char *none, char text[32])
{
    static const char *const prefix[] = {"", "k", "M", "G", "T", "P"};
    size_t p = 0;
    while (v >= 999.5 && p + 1 < COUNT(prefix)) {
        v /= 1000;
        p++;
    }
    if (p == 0)
        snprintf(text, 32, "%.0f%s%s", v, *unit ? " " : none, unit);
    else
        snprintf(text, 32, "%.*f %s%s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, prefix[p], unit);
    return text;
}

const char *bytes_text(int64_t v, char text[32]) { return scaled((double)v, "B", "", text); }
const char *count_text(int64_t v, char text[32]) { return scaled((double)v, "", "", text); }

const char *percent(int64_t part, int64_t whole, char text[32])
{
    text[0] = '\0';
    if (whole > 0 && part > 0)
        snprintf(text, 32, "%.1f", 100.0 * (double)part / (double)whole);
    return text;
}

const char *layer_shape(const struct layer *l, char text[160])
{
    struct tensor t = {.rank = l->rank};
    memcpy(t.dim, l->dim, sizeof t.dim);
    if (l->rank > 1 && l->dim[0] == 1) {
        t.rank--;
        memmove(t.dim, t.dim + 1, sizeof *t.dim * (size_t)t.rank);
    }
    return shape_text(&t, text);
}
