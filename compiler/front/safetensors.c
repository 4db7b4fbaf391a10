#include "safetensors.h"

#include "../ir.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum dtype dtype;
} type_name[] = {
    { "F32", DT_F32 }, { "U8", DT_U8 }, { "I8", DT_I8 }, { "U16", DT_U16 }, { "I16", DT_I16 }, { "I32", DT_I32 }, { "I64", DT_I64 },
    { "BOOL", DT_BOOL }, { "F16", DT_F16 }, { "F64", DT_F64 }, { "U32", DT_U32 }, { "U64", DT_U64 }, { "C64", DT_C64 }, { "BF16", DT_BF16 },
    { "F8_E4M3", DT_F8E4M3FN }, { "F8_E5M2", DT_F8E5M2 }, { "F8_E8M0", DT_F8E8M0 },
};

static enum dtype type_of(const char *name)
{
    for (size_t i = 0; i < COUNT(type_name); i++)
        if (strcmp(type_name[i].name, name) == 0)
            return type_name[i].dtype;
    return DT_NONE;
}

/* One entry of the header: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}. */
static bool read_entry(struct safetensor *t, json_t *entry, const struct mapping *map, const uint8_t *data, size_t room, char *err)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
    struct tensor_data *v = &t->value;
    if (!type || !json_is_array(shape) || json_array_size(offsets) != 2)
        return reader_fail(err, "tensor '%.100s': needs dtype, shape and data_offsets", t->name);
    v->dtype = type_of(type);
    if (!v->dtype)
        return reader_fail(err, "tensor '%.100s': dtype '%.20s' is not known", t->name, type);
    if (json_array_size(shape) > TENSOR_FILE_RANK)
        return reader_fail(err, "tensor '%.100s': rank %zu is more than %d", t->name, json_array_size(shape), TENSOR_FILE_RANK);
    v->rank = (int)json_array_size(shape);
    for (int i = 0; i < v->rank; i++) {
        json_t *d = json_array_get(shape, (size_t)i);
        if (!json_is_integer(d))
            return reader_fail(err, "tensor '%.100s': dimension %d is not an integer", t->name, i);
        v->dim[i] = json_integer_value(d);
    }
    char why[CNNC_ERROR_BYTES];
    if (!tensor_data_count(v, why))
        return reader_fail(err, "tensor '%.100s': %.300s", t->name, why);
    json_t *b = json_array_get(offsets, 0), *e = json_array_get(offsets, 1);
    json_int_t begin = json_integer_value(b), end = json_integer_value(e);
    if (!json_is_integer(b) || !json_is_integer(e) || begin < 0 || end < begin || (uintmax_t)end > room)
        return reader_fail(err, "tensor '%.100s': data_offsets lie outside the file's %zu bytes of data", t->name, room);
    t->begin = (size_t)begin;
    if (!tensor_data_from_bytes(v, data + begin, (size_t)(end - begin), map, why))
        return reader_fail(err, "tensor '%.100s': %.300s", t->name, why);
    return true;
}

static int by_begin(const void *a, const void *b)
{
    const struct safetensor *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : x->value.bytes < y->value.bytes ? -1 : x->value.bytes > y->value.bytes;
}

static bool read_header(struct safetensors *s, char *err)
{
    uint64_t length = 0;
    json_error_t why;
    if (s->map.bytes < 8)
        return reader_fail(err, "not a safetensors file: %zu bytes", s->map.bytes);
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)s->map.data[i] << (8 * i);
    if (length > s->map.bytes - 8 || length > 100u << 20)
        return reader_fail(err, "not a safetensors file, or truncated: a header of %" PRIu64 " bytes in a file of %zu", length, s->map.bytes);
    json_t *header = json_loadb((const char *)s->map.data + 8, (size_t)length, JSON_REJECT_DUPLICATES, &why);
    if (!header)
        return reader_fail(err, "bad header: %s", why.text);
    bool ok = json_is_object(header) || reader_fail(err, "bad header: not an object");
    size_t n = json_object_size(header), room = s->map.bytes - 8 - (size_t)length;
    const char *name;
    json_t *entry;
    s->tensor = xcalloc(n + 1, sizeof *s->tensor);
    if (ok)
        json_object_foreach(header, name, entry) {
            if (strcmp(name, "__metadata__") == 0)
                continue;
            struct safetensor *t = &s->tensor[s->tensors++];
            t->name = xstrdup(name);
            ok = ok && read_entry(t, entry, &s->map, s->map.data + 8 + length, room, err);
        }
    json_decref(header);
    if (!ok)
        return false;
    qsort(s->tensor, s->tensors, sizeof *s->tensor, by_begin);
    for (size_t i = 1; i < s->tensors; i++)
        if (s->tensor[i].begin < s->tensor[i - 1].begin + s->tensor[i - 1].value.bytes)
            return reader_fail(err, "tensors '%.100s' and '%.100s' overlap", s->tensor[i - 1].name, s->tensor[i].name);
    return true;
}

bool safetensors_open(struct safetensors *s, const char *path, char *err)
{
    *s = (struct safetensors){ 0 };
    bool ok = mapping_open(&s->map, path, err) && read_header(s, err);
    if (!ok)
        safetensors_close(s);
    return ok;
}

void safetensors_close(struct safetensors *s)
{
    for (size_t i = 0; i < s->tensors; i++) {
        free(s->tensor[i].name);
        tensor_data_free(&s->tensor[i].value);
    }
    free(s->tensor);
    mapping_close(&s->map);
    *s = (struct safetensors){ 0 };
}

struct safetensor *safetensors_find(const struct safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->tensors; i++)
        if (strcmp(s->tensor[i].name, name) == 0)
            return &s->tensor[i];
    return NULL;
}

static void json_text(struct strbuf *b, const char *s)
{
    sb_add(b, "\"");
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            sb_addf(b, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            sb_addf(b, "\\u%04x", *s);
        else
            sb_addn(b, s, 1);
    sb_add(b, "\"");
}

bool safetensors_write(const char *path, const struct safetensor *tensor, size_t n, char *err)
{
    struct strbuf header = { 0 };
    struct outfile o;
    size_t at = 0;
    bool ok = true;
    sb_add(&header, "{");
    for (size_t size = 16; size; size /= 2)
        for (size_t i = 0; i < n; i++) {
            const struct tensor_data *v = &tensor[i].value;
            if (element_bytes(v->dtype) != size)
                continue;
            size_t type = 0;
            while (type < COUNT(type_name) && type_name[type].dtype != (enum dtype)v->dtype)
                type++;
            if (type == COUNT(type_name)) {
                ok = reader_fail(err, "safetensors has no type for %s ('%.100s')", element_name(v->dtype), tensor[i].name);
                continue;
            }
            sb_add(&header, header.n > 1 ? "," : "");
            json_text(&header, tensor[i].name);
            sb_addf(&header, ":{\"dtype\":\"%s\",\"shape\":[", type_name[type].name);
            for (int d = 0; d < v->rank; d++)
                sb_addf(&header, "%s%" PRId64, d ? "," : "", v->dim[d]);
            sb_addf(&header, "],\"data_offsets\":[%zu,%zu]}", at, at + v->bytes);
            at += v->bytes;
        }
    sb_add(&header, "}");
    while ((header.n + 8) % 64)
        sb_add(&header, " ");
    ok = ok && (out_open(&o, path) || reader_fail(err, "%s: %s", path, strerror(errno)));
    if (ok) {
        for (int i = 0; i < 8; i++)
            putc((int)((uint64_t)header.n >> (8 * i) & 255), o.f);
        fwrite(header.s, 1, header.n, o.f);
        for (size_t size = 16; size; size /= 2)
            for (size_t i = 0; i < n; i++)
                if (element_bytes(tensor[i].value.dtype) == size && tensor[i].value.bytes)
                    fwrite(tensor[i].value.data, 1, tensor[i].value.bytes, o.f);
        ok = out_close(&o) || reader_fail(err, "%s: %s", path, strerror(errno));
    }
    sb_free(&header);
    return ok;
}
