#include "safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int safetensors_write(const char *path, const struct tensor_entry *t, int n)
{
    char temporary[1024], *head = malloc(256 * (size_t)(n + 1));
    size_t at = 0, length;
    if (!head)
        return -1;
    length = (size_t)sprintf(head, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (int i = 0; i < n; i++) {
        length += (size_t)sprintf(head + length, ",\"%.120s\":{\"dtype\":\"F32\",\"shape\":[", t[i].name);
        for (int k = 0; k < t[i].rank; k++)
            length += (size_t)sprintf(head + length, "%s%ld", k ? "," : "", t[i].dim[k]);
        length += (size_t)sprintf(head + length, "],\"data_offsets\":[%zu,%zu]}", at, at + t[i].bytes);
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
    ok = f && fclose(f) == 0 && ok;
    free(head);
    return ok && rename(temporary, path) == 0 ? 0 : -1;
}

int safetensors_read(const char *path, const struct tensor_entry *t, int n, char *missing)
{
    FILE *f = fopen(path, "rb");
    unsigned char size[8];
    uint64_t length = 0;
    int ok = f && fread(size, 1, 8, f) == 8;
    for (int i = 0; ok && i < 8; i++)
        length |= (uint64_t)size[i] << (8 * i);
    char *head = ok && length < 1u << 26 ? calloc(length + 1, 1) : NULL;
    ok = head && fread(head, 1, length, f) == length;
    for (int i = 0; ok && i < n; i++) {
        char key[256];
        unsigned long long from, to;
        snprintf(key, sizeof key, "\"%s\":", t[i].name);
        const char *p = strstr(head, key);
        p = p ? strstr(p, "\"data_offsets\":") : NULL;
        ok = p && sscanf(p, "\"data_offsets\": [%llu , %llu", &from, &to) == 2 && to - from == t[i].bytes;
        if (missing && (missing[i] = !ok)) {
            ok = 1;
            continue;
        }
        ok = ok && fseek(f, (long)(8 + length + from), SEEK_SET) == 0 &&
             fread(t[i].data, 1, t[i].bytes, f) == t[i].bytes;
    }
    free(head);
    if (f)
        fclose(f);
    return ok ? 0 : -1;
}
