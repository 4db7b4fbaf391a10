#include "safetensors.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "[10, 32]" */
static void shape_text(const struct tensor_entry *t, char *text, size_t room)
{
    size_t n = (size_t)snprintf(text, room, "[");
    for (int k = 0; k < t->rank && n < room; k++)
        n += (size_t)snprintf(text + n, room - n, "%s%ld", k ? "," : "", t->dim[k]);
    if (n < room)
        snprintf(text + n, room - n, "]");
}

int safetensors_write(const char *path, const struct tensor_entry *t, int n)
{
    char temporary[1210], shape[160];
    size_t at = 0, length = 64;
    for (int i = 0; i < n; i++)
        length += strlen(t[i].name) + sizeof shape + 100;
    char *head = malloc(length);
    if (!head)
        return -1;
    length = (size_t)sprintf(head, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (int i = 0; i < n; i++) {
        shape_text(&t[i], shape, sizeof shape);
        length += (size_t)sprintf(head + length, ",\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", t[i].name, shape, at,
                                  at + t[i].bytes);
        at += t[i].bytes;
    }
    length += (size_t)sprintf(head + length, "}");
    while (length % 8)
        head[length++] = ' ';
    unsigned char size[8];
    for (int i = 0; i < 8; i++)
        size[i] = (unsigned char)((uint64_t)length >> (8 * i));
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *f = fopen(temporary, "wb");
    int ok = f && fwrite(size, 1, 8, f) == 8 && fwrite(head, 1, length, f) == length;
    for (int i = 0; ok && i < n; i++)
        ok = fwrite(t[i].data, 1, t[i].bytes, f) == t[i].bytes;
    ok = ok && fflush(f) == 0 && fsync(fileno(f)) == 0; /* on the disk before the name points at it */
    ok = f && fclose(f) == 0 && ok;
    free(head);
    return ok && rename(temporary, path) == 0 ? 0 : -1;
}

static int wrong(char why[256], const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(why, 256, format, list);
    va_end(list);
    return -1;
}

/* What comes behind "key": in an entry "{...}" of the header, without its blanks; NULL: there is none. */
static const char *value_of(const char *entry, const char *key, char text[256])
{
    const char *end = strchr(entry, '}'), *p = strstr(entry, key);
    size_t n = 0;
    int list = 0;
    p = p ? strchr(p + strlen(key), ':') : NULL;
    if (!end || !p || p > end)
        return NULL;
    for (p++; p < end && n < 255 && (list || *p != ','); p++) {
        list += *p == '[' ? 1 : *p == ']' ? -1 : 0;
        if (*p != ' ')
            text[n++] = *p;
    }
    text[n] = 0;
    return text;
}

/* Finds a tensor in the header: where its bytes begin. 0; -1: it is not there, or not so, and `why`. */
static int find(const char *head, const struct tensor_entry *t, unsigned long long *from, char why[256])
{
    char text[256] = "", shape[160], *key = malloc(strlen(t->name) + 4);
    unsigned long long to;
    if (!key)
        return wrong(why, "no memory");
    sprintf(key, "\"%s\"", t->name);
    const char *entry = strstr(head, key);
    entry = entry ? entry + strlen(key) : NULL;
    free(key);
    if (!entry)
        return wrong(why, "%s is missing", t->name);
    shape_text(t, shape, sizeof shape);
    if (!value_of(entry, "\"dtype\"", text) || strcmp(text, "\"F32\"") != 0)
        return wrong(why, "%s has type %.20s, expected \"F32\"", t->name, text);
    if (!value_of(entry, "\"shape\"", text) || strcmp(text, shape) != 0)
        return wrong(why, "%s has shape %.80s, expected %s", t->name, text, shape);
    if (!value_of(entry, "\"data_offsets\"", text) || sscanf(text, "[%llu,%llu]", from, &to) != 2 || to < *from || to - *from != t->bytes)
        return wrong(why, "%s: the header is damaged", t->name);
    return 0;
}

int safetensors_read(const char *path, const struct tensor_entry *t, int n, char *missing, char why[256])
{
    FILE *f = fopen(path, "rb");
    unsigned char size[8];
    uint64_t length = 0;
    int status = 0;
    if (!f)
        return wrong(why, "cannot be opened");
    if (fread(size, 1, 8, f) != 8)
        status = wrong(why, "no safetensors file");
    for (int i = 0; status == 0 && i < 8; i++)
        length |= (uint64_t)size[i] << (8 * i);
    char *head = status == 0 && length < 1u << 26 ? calloc(length + 1, 1) : NULL;
    if (status == 0 && (!head || fread(head, 1, length, f) != length || head[0] != '{'))
        status = wrong(why, "no safetensors file");
    for (int i = 0; status == 0 && i < n; i++) {
        unsigned long long from;
        const int lacks = find(head, &t[i], &from, why) != 0;
        if (missing)
            missing[i] = (char)lacks;
        if (lacks)
            status = missing ? 0 : -1;
        else if (fseek(f, (long)(8 + length + from), SEEK_SET) != 0 || fread(t[i].data, 1, t[i].bytes, f) != t[i].bytes)
            status = wrong(why, "truncated");
    }
    free(head);
    fclose(f);
    return status;
}
