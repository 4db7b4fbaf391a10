#include "tensor_file.h"

#include "../ir.h"
#include "onnx.pb-c.h"
#include "onnx_wire.h"

#include <stdlib.h>
#include <string.h>

enum { RAW_DATA = 9 };

/* The field of a TensorProto that holds typed (not raw) data of an element type. */
static uint32_t typed_field(int dtype)
{
    switch (dtype) {
    case DT_F32:
    case DT_C64: return 4;
    case DT_I64: return 7;
    case DT_F64:
    case DT_C128: return 10;
    case DT_U32:
    case DT_U64: return 11;
    default: return 5;
    }
}

size_t element_bytes(int dtype)
{
    return dtype_size((enum dtype)dtype);
}

const char *element_name(int dtype)
{
    return dtype_name((enum dtype)dtype);
}

int element_file_bits(int dtype)
{
    switch (dtype) {
    case DT_U4:
    case DT_I4:
    case DT_F4E2M1: return 4;
    case DT_U2:
    case DT_I2: return 2;
    default: return 8 * (int)element_bytes(dtype);
    }
}

void tensor_data_free(struct tensor_data *t)
{
    free(t->owned);
    *t = (struct tensor_data){ 0 };
}

/* dims -> count and bytes, without overflow. */
bool tensor_data_count(struct tensor_data *t, char *err)
{
    size_t size = element_bytes(t->dtype);
    bool empty = false;
    if (!size)
        return reader_fail(err, t->dtype == DT_STRING ? "string tensors are not supported" : "element type %d is not known", t->dtype);
    t->count = 1;
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] < 0)
            return reader_fail(err, "dimension %d is %lld", i, (long long)t->dim[i]);
        else if (t->dim[i] == 0)
            empty = true;
    for (int i = 0; i < t->rank && !empty; i++) {
        if ((uint64_t)t->dim[i] > SIZE_MAX / 4 / size / t->count)
            return reader_fail(err, "the declared size overflows");
        t->count *= (size_t)t->dim[i];
    }
    if (empty)
        t->count = 0;
    t->bytes = t->count * size;
    return true;
}

/* Bytes that `count` elements take in a file. */
static size_t file_bytes(const struct tensor_data *t)
{
    int bits = element_file_bits(t->dtype);
    return bits >= 8 ? t->bytes : (t->count * (size_t)bits + 7) / 8;
}

static void *allocate(struct tensor_data *t, char *err)
{
    t->owned = malloc(t->bytes ? t->bytes : 1);
    t->data = t->owned;
    if (!t->owned)
        reader_fail(err, "out of memory for %zu bytes", t->bytes);
    return t->owned;
}

/* Element i of a packed type, as the compiler holds it. */
static uint8_t unpack_element(int dtype, const uint8_t *packed, size_t i)
{
    int bits = element_file_bits(dtype), per_byte = 8 / bits;
    int v = packed[i / (size_t)per_byte] >> (i % (size_t)per_byte * (size_t)bits) & ((1 << bits) - 1);
    bool is_signed = dtype == DT_I4 || dtype == DT_I2;
    if (is_signed && v >> (bits - 1))
        v -= 1 << bits;
    return (uint8_t)v;
}

/* Copies; what was read of a mapped file stops counting as memory on the way, so that data are not there twice. */
static void copy_from(uint8_t *to, const uint8_t *from, size_t bytes, const struct mapping *map)
{
    enum { STEP = 4 << 20 };
    while (bytes) {
        size_t n = bytes < STEP ? bytes : STEP;
        memcpy(to, from, n);
        if (map && n == STEP)
            mapping_forget(map, from, n);
        to += n;
        from += n;
        bytes -= n;
    }
}

bool tensor_data_from_bytes(struct tensor_data *t, const uint8_t *data, size_t bytes, const struct mapping *stay, char *err)
{
    size_t size = element_bytes(t->dtype), align = size > 8 ? 8 : size;
    if (bytes != file_bytes(t))
        return reader_fail(err, "%zu bytes of data where its shape and type (%s) need %zu", bytes, element_name(t->dtype), file_bytes(t));
    bool packed = element_file_bits(t->dtype) < 8;
    if (!packed && stay && stay->data && bytes && (uintptr_t)data % align == 0) {
        t->data = data;
        return true;
    }
    uint8_t *to = allocate(t, err);
    if (!to)
        return false;
    if (!packed)
        copy_from(to, data, bytes, stay);
    else
        for (size_t i = 0; i < t->count; i++)
            to[i] = unpack_element(t->dtype, data, i);
    return true;
}

/* Typed data: varints (int32_data, int64_data, uint64_data) or little-endian floats, in one or several chunks. */
static bool from_varints(struct tensor_data *t, const struct wire_chunk *c, size_t chunks, char *err)
{
    size_t size = element_bytes(t->dtype), n = 0, values = t->count;
    int bits = element_file_bits(t->dtype);
    if (bits < 8)
        values = file_bytes(t); /* each number is one packed byte */
    /* A number takes at least a byte: a declared size beyond the data must not allocate. */
    size_t have = 0;
    for (size_t i = 0; i < chunks; i++)
        have += c[i].bytes;
    if (have < values)
        return reader_fail(err, "the shape needs %zu numbers, there are fewer", values);
    uint8_t *to = allocate(t, err);
    if (!to)
        return false;
    for (size_t i = 0; i < chunks; i++) {
        const uint8_t *p = c[i].data, *end = p + c[i].bytes;
        for (; p < end; n++) {
            uint64_t v;
            if (!wire_varint(&p, end, &v))
                return reader_fail(err, "damaged number");
            if (n >= values)
                return reader_fail(err, "the shape needs %zu numbers, there are more", values);
            if (bits >= 8) {
                memcpy(to + n * size, &v, size);
                continue;
            }
            uint8_t byte = (uint8_t)v;
            size_t per_byte = 8 / (size_t)bits;
            for (size_t k = 0; k < per_byte && n * per_byte + k < t->count; k++)
                to[n * per_byte + k] = unpack_element(t->dtype, &byte, k);
        }
    }
    if (n != values)
        return reader_fail(err, "the shape needs %zu numbers, there are %zu", values, n);
    return true;
}

static bool from_floats(struct tensor_data *t, const struct wire_chunk *c, size_t chunks, const struct mapping *stay, char *err)
{
    size_t have = 0;
    if (chunks == 1)
        return tensor_data_from_bytes(t, c->data, c->bytes, stay, err);
    for (size_t i = 0; i < chunks; i++)
        have += c[i].bytes;
    if (have != t->bytes)
        return reader_fail(err, "%zu bytes of data where its shape and type (%s) need %zu", have, element_name(t->dtype), t->bytes);
    uint8_t *to = allocate(t, err);
    if (!to)
        return false;
    for (size_t i = 0; i < chunks; to += c[i++].bytes)
        memcpy(to, c[i].data, c[i].bytes);
    return true;
}

static bool from_external(struct tensor_data *t, const Onnx__TensorProto *proto, struct external_files *external, char *err);

static bool read_proto(struct tensor_data *t, const Onnx__TensorProto *proto, const struct wire_scan *scan,
                       struct external_files *external, char *err)
{
    t->dtype = proto->data_type;
    if (proto->n_dims > TENSOR_FILE_RANK)
        return reader_fail(err, "rank %zu is more than %d", proto->n_dims, TENSOR_FILE_RANK);
    t->rank = (int)proto->n_dims;
    for (int i = 0; i < t->rank; i++)
        t->dim[i] = proto->dims[i];
    if (!tensor_data_count(t, err))
        return false;
    if (proto->segment)
        return reader_fail(err, "data in segments are not supported");
    if (proto->has_data_location && proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return from_external(t, proto, external, err);

    const struct wire_chunk *c = NULL;
    size_t chunks = 0;
    if (proto->has_bulk && proto->bulk < scan->bulks) {
        c = scan->chunk + scan->bulk[proto->bulk].first;
        chunks = scan->bulk[proto->bulk].chunks;
    }
    if (chunks == 0) {
        if (t->count)
            return reader_fail(err, "no data for %zu elements", t->count);
        return allocate(t, err) != NULL;
    }
    for (size_t i = 1; i < chunks; i++)
        if (c[i].field != c->field)
            return reader_fail(err, "data in two fields");
    if (c->field == RAW_DATA)
        return tensor_data_from_bytes(t, c[chunks - 1].data, c[chunks - 1].bytes, &scan->map, err);
    if (c->field != typed_field(t->dtype))
        return reader_fail(err, "data of type %s in a field of another type", element_name(t->dtype));
    return c->field == 4 || c->field == 10 ? from_floats(t, c, chunks, &scan->map, err) : from_varints(t, c, chunks, err);
}

bool tensor_proto_read(struct tensor_data *t, const Onnx__TensorProto *proto, const struct wire_scan *scan,
                       struct external_files *external, char *err)
{
    *t = (struct tensor_data){ 0 };
    bool ok = read_proto(t, proto, scan, external, err);
    if (!ok)
        tensor_data_free(t);
    return ok;
}

bool external_files_init(struct external_files *e, const char *folder, char *err)
{
    *e = (struct external_files){ .folder = realpath(folder, NULL) };
    return e->folder || reader_fail(err, "cannot resolve the folder %s", folder);
}

void external_files_free(struct external_files *e)
{
    for (size_t i = 0; i < e->files; i++) {
        free(e->file[i].location);
        mapping_close(&e->file[i].map);
    }
    free(e->file);
    free(e->folder);
    *e = (struct external_files){ 0 };
}

/* Absolute, or with a part "..": refused by its text alone. */
static bool leaves_folder(const char *location)
{
    if (*location == '/')
        return true;
    for (const char *p = location; *p;) {
        size_t n = strcspn(p, "/\\");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return true;
        p += n + (p[n] != 0);
    }
    return false;
}

static const struct mapping *external_open(struct external_files *e, const char *location, char *err)
{
    for (size_t i = 0; i < e->files; i++)
        if (strcmp(e->file[i].location, location) == 0)
            return &e->file[i].map;
    size_t folder = strlen(e->folder), n = folder + strlen(location) + 2;
    struct external_file *file = realloc(e->file, (e->files + 1) * sizeof *file);
    if (file)
        e->file = file;
    char *path = malloc(n), *real = NULL, *name = NULL;
    struct mapping map = { NULL, 0 };
    char why[CNNC_ERROR_BYTES];
    bool ok = false;
    if (!file || !path) {
        reader_fail(err, "out of memory");
        goto out;
    }
    memcpy(path, e->folder, folder);
    path[folder] = '/';
    memcpy(path + folder + 1, location, n - folder - 1);
    real = realpath(path, NULL);
    /* A link inside the folder may point outside it. */
    bool inside = real && strncmp(real, e->folder, folder) == 0 && (real[folder] == '/' || strcmp(e->folder, "/") == 0);
    if (!real)
        reader_fail(err, "external data: cannot open '%.200s'", location);
    else if (!inside)
        reader_fail(err, "external data: '%.200s' lies outside the model's folder", location);
    else if (!mapping_open(&map, real, why))
        reader_fail(err, "external data: '%.200s': %.200s", location, why);
    else if ((name = strdup(location)))
        ok = true;
    else
        reader_fail(err, "out of memory");
    if (ok)
        e->file[e->files++] = (struct external_file){ name, map };
    else
        mapping_close(&map);
out:
    free(path);
    free(real);
    return ok ? &e->file[e->files - 1].map : NULL;
}

/* A decimal number that fits, and nothing else. */
static bool parse_size(const char *s, size_t *value)
{
    size_t v = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || v > (SIZE_MAX - 9) / 10)
            return false;
        v = v * 10 + (size_t)(*s - '0');
    }
    *value = v;
    return true;
}

static bool from_external(struct tensor_data *t, const Onnx__TensorProto *proto, struct external_files *external, char *err)
{
    const char *location = NULL;
    size_t offset = 0, length = file_bytes(t);
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const char *key = proto->external_data[i]->key, *value = proto->external_data[i]->value;
        if (!key || !value)
            continue;
        if (strcmp(key, "location") == 0)
            location = value;
        else if (strcmp(key, "offset") == 0 && !parse_size(value, &offset))
            return reader_fail(err, "external data: bad offset '%.100s'", value);
        else if (strcmp(key, "length") == 0 && !parse_size(value, &length))
            return reader_fail(err, "external data: bad length '%.100s'", value);
    }
    if (!location || !*location)
        return reader_fail(err, "external data: no location");
    if (!external || !external->folder)
        return reader_fail(err, "external data are not possible here");
    if (leaves_folder(location))
        return reader_fail(err, "external data: '%.200s' lies outside the model's folder", location);
    const struct mapping *m = external_open(external, location, err);
    if (!m)
        return false;
    if (offset > m->bytes || length > m->bytes - offset)
        return reader_fail(err, "external data: '%.200s' has %zu bytes, the tensor needs %zu at offset %zu", location, m->bytes, length, offset);
    return tensor_data_from_bytes(t, m->data ? m->data + offset : NULL, length, m, err);
}

bool tensor_file_read(struct tensor_data *t, const char *path, char *err)
{
    struct mapping map;
    struct wire_scan scan;
    bool ok = false;
    *t = (struct tensor_data){ 0 };
    if (!mapping_open(&map, path, err))
        return false;
    if (map.bytes >= 6 && memcmp(map.data, "\x93NUMPY", 6) == 0) {
        ok = npy_read(t, map.data, map.bytes, err);
    } else if (wire_scan(&scan, &onnx__tensor_proto__descriptor, map.data, map.bytes, err)) {
        ProtobufCMessage *m = wire_unpack(&scan, &onnx__tensor_proto__descriptor, err);
        ok = m && tensor_proto_read(t, (const Onnx__TensorProto *)m, &scan, NULL, err);
        if (m)
            protobuf_c_message_free_unpacked(m, NULL);
        wire_scan_free(&scan);
    }
    mapping_close(&map);
    return ok;
}
