/* NumPy's .npy: a magic, a Python dictionary as text, the numbers. */
#include "tensor_file.h"

#include "../ir.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    char code[4];
    enum dtype dtype;
} npy_type[] = {
    { "f2", DT_F16 }, { "f4", DT_F32 }, { "f8", DT_F64 }, { "i1", DT_I8 }, { "i2", DT_I16 }, { "i4", DT_I32 }, { "i8", DT_I64 },
    { "u1", DT_U8 }, { "u2", DT_U16 }, { "u4", DT_U32 }, { "u8", DT_U64 }, { "b1", DT_BOOL }, { "c8", DT_C64 }, { "c16", DT_C128 },
};

/* The text behind 'key': in the header, or NULL. */
static const char *value_of(const char *header, const char *key)
{
    const char *p = strstr(header, key);
    if (!p)
        return NULL;
    p += strlen(key);
    while (*p == ' ' || *p == ':')
        p++;
    return p;
}

static bool parse_type(struct tensor_data *t, const char *p, bool *swap, char *err)
{
    if (*p != '\'' && *p != '"')
        return reader_fail(err, ".npy: structured arrays are not supported");
    char order = p[1];
    size_t n = order ? strcspn(p + 2, "'\"") : 0;
    for (size_t i = 0; i < sizeof npy_type / sizeof *npy_type; i++)
        if (n == strlen(npy_type[i].code) && memcmp(p + 2, npy_type[i].code, n) == 0)
            t->dtype = npy_type[i].dtype;
    if (t->dtype == 0 || !strchr("<>|=", order))
        return reader_fail(err, ".npy: element type %.8s is not supported", p);
    *swap = order == '>';
    return true;
}

static bool parse_shape(struct tensor_data *t, const char *p, char *err)
{
    if (*p++ != '(')
        return reader_fail(err, ".npy: bad shape");
    for (;;) {
        while (*p == ' ' || *p == ',')
            p++;
        if (*p == ')')
            return true;
        int64_t v = 0;
        const char *start = p;
        for (; *p >= '0' && *p <= '9'; p++) {
            if (v > (INT64_MAX - 9) / 10)
                return reader_fail(err, ".npy: bad shape");
            v = v * 10 + (*p - '0');
        }
        if (p == start || t->rank == TENSOR_FILE_RANK)
            return reader_fail(err, ".npy: bad shape");
        t->dim[t->rank++] = v;
    }
}

static void swap_bytes(uint8_t *p, size_t count, size_t size)
{
    for (; count; count--, p += size)
        for (size_t i = 0; i < size / 2; i++) {
            uint8_t b = p[i];
            p[i] = p[size - 1 - i];
            p[size - 1 - i] = b;
        }
}

/* Column-major (Fortran) order -> row-major: walks the source in order. */
static bool to_row_major(struct tensor_data *t, char *err)
{
    size_t size = element_bytes(t->dtype), stride[TENSOR_FILE_RANK], at = 0, step = size;
    int64_t index[TENSOR_FILE_RANK] = { 0 };
    const uint8_t *from = t->data;
    uint8_t *to = malloc(t->bytes ? t->bytes : 1);
    if (!to)
        return reader_fail(err, "out of memory");
    for (int i = t->rank - 1; i >= 0; step *= (size_t)t->dim[i--])
        stride[i] = step;
    for (size_t n = 0; n < t->count; n++, from += size) {
        memcpy(to + at, from, size);
        for (int i = 0; i < t->rank; i++) {
            at += stride[i];
            if (++index[i] < t->dim[i])
                break;
            at -= stride[i] * (size_t)t->dim[i];
            index[i] = 0;
        }
    }
    free(t->owned);
    t->data = t->owned = to;
    return true;
}

bool npy_read(struct tensor_data *t, const uint8_t *data, size_t bytes, char *err)
{
    char header[4096];
    bool swap = false;
    if (bytes < 10)
        return reader_fail(err, ".npy: truncated");
    size_t start = data[6] == 1 ? 10 : 12;
    size_t length = data[8] | (size_t)data[9] << 8;
    if (start == 12) {
        if (bytes < 12)
            return reader_fail(err, ".npy: truncated");
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    }
    if (length >= sizeof header || length > bytes - start)
        return reader_fail(err, ".npy: header of %zu bytes", length);
    memcpy(header, data + start, length);
    header[length] = 0;
    const char *descr = value_of(header, "'descr'"), *order = value_of(header, "'fortran_order'"), *shape = value_of(header, "'shape'");
    if (!descr || !order || !shape)
        return reader_fail(err, ".npy: bad header");
    bool ok = parse_type(t, descr, &swap, err) && parse_shape(t, shape, err) && tensor_data_count(t, err) &&
              tensor_data_from_bytes(t, data + start + length, bytes - start - length, NULL, err);
    if (ok && swap) {
        bool complex = t->dtype == DT_C64 || t->dtype == DT_C128;
        size_t size = element_bytes(t->dtype) / (complex ? 2 : 1);
        swap_bytes(t->owned, t->bytes / size, size);
    }
    if (ok && strncmp(order, "True", 4) == 0 && t->rank > 1)
        ok = to_row_major(t, err);
    if (!ok)
        tensor_data_free(t);
    return ok;
}
