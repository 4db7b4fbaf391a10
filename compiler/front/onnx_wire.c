#include "onnx_wire.h"

#include "mapping.h"
#include "onnx.pb-c.h"

#include <stdlib.h>
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum { MAX_DEPTH = 100, LENGTH_BYTES = 5 };

struct walk {
    const uint8_t *begin; /* of the file, for messages */
    struct wire_scan *out;
    size_t text_room, chunk_room, bulk_room;
    char *err;
};

bool wire_varint(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 70 && *p < end; shift += 7) {
        uint8_t b = *(*p)++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *value = v;
            return true;
        }
    }
    return false;
}

/* Room for `more` elements behind `used`; amortised. */
static bool grow(void **array, size_t *room, size_t used, size_t more, size_t size)
{
    if (*room - used >= more)
        return true;
    size_t want = *room + *room / 2 + more + 64;
    if (want > SIZE_MAX / 2 / size)
        return false;
    void *a = realloc(*array, want * size);
    if (!a)
        return false;
    *array = a;
    *room = want;
    return true;
}

static bool out_of_memory(struct walk *w)
{
    return reader_fail(w->err, "out of memory");
}

static bool put(struct walk *w, const void *bytes, size_t n)
{
    void *text = w->out->text;
    if (!grow(&text, &w->text_room, w->out->text_bytes, n, 1))
        return out_of_memory(w);
    w->out->text = text;
    memcpy(w->out->text + w->out->text_bytes, bytes, n);
    w->out->text_bytes += n;
    return true;
}

static bool put_varint(struct walk *w, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        b[n++] = (uint8_t)(v | 0x80);
    b[n++] = (uint8_t)v;
    return put(w, b, n);
}

static bool note_chunk(struct walk *w, uint32_t field, const uint8_t *data, size_t bytes)
{
    void *a = w->out->chunk;
    if (!grow(&a, &w->chunk_room, w->out->chunks, 1, sizeof(struct wire_chunk)))
        return out_of_memory(w);
    w->out->chunk = a;
    w->out->chunk[w->out->chunks++] = (struct wire_chunk){ field, data, bytes };
    return true;
}

/* Tells protobuf-c's TensorProto where its chunks are. */
static bool note_bulk(struct walk *w, size_t first)
{
    void *a = w->out->bulk;
    size_t chunks = w->out->chunks - first;
    if (chunks == 0)
        return true;
    if (!grow(&a, &w->bulk_room, w->out->bulks, 1, sizeof(struct wire_bulk)))
        return out_of_memory(w);
    w->out->bulk = a;
    w->out->bulk[w->out->bulks] = (struct wire_bulk){ first, chunks };
    return put_varint(w, (uint64_t)100000 << 3 | WIRE_VARINT) && put_varint(w, w->out->bulks++);
}

static bool is_bulk(uint32_t field)
{
    return field == 4 || field == 5 || field == 7 || field == 9 || field == 10 || field == 11;
}

static bool damaged(struct walk *w, const ProtobufCMessageDescriptor *d, const uint8_t *at, const char *what)
{
    return reader_fail(w->err, "not an ONNX file, or damaged: byte %zu, in %s: %s", (size_t)(at - w->begin), d->short_name, what);
}

static bool message(struct walk *w, const ProtobufCMessageDescriptor *d, const uint8_t *p, const uint8_t *end, int depth);

/* A submessage. Its length is known only afterwards: five bytes are kept for it (a varint may be padded). */
static bool submessage(struct walk *w, const ProtobufCMessageDescriptor *d, uint64_t tag, const uint8_t *p, const uint8_t *end, int depth)
{
    static const uint8_t blank[LENGTH_BYTES];
    if (!put_varint(w, tag) || !put(w, blank, LENGTH_BYTES))
        return false;
    size_t start = w->out->text_bytes;
    if (!message(w, d, p, end, depth))
        return false;
    uint64_t length = w->out->text_bytes - start;
    if (length > INT32_MAX)
        return damaged(w, d, p, "more than 2 GB without the tensors' data");
    uint8_t *at = w->out->text + start - LENGTH_BYTES;
    for (int i = 0; i < LENGTH_BYTES; i++, length >>= 7)
        at[i] = (uint8_t)((length & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
    return true;
}

static bool message(struct walk *w, const ProtobufCMessageDescriptor *d, const uint8_t *p, const uint8_t *end, int depth)
{
    bool tensor = d == &onnx__tensor_proto__descriptor;
    size_t first = w->out->chunks;
    if (depth > MAX_DEPTH)
        return damaged(w, d, p, "nested too deeply");
    while (p < end) {
        const uint8_t *at = p, *value;
        uint64_t tag, length;
        if (!wire_varint(&p, end, &tag) || tag >> 3 == 0 || tag >> 32)
            return damaged(w, d, at, "bad field number");
        value = p;
        switch (tag & 7) {
        case WIRE_VARINT:
            if (!wire_varint(&p, end, &length))
                return damaged(w, d, at, "number runs past the end");
            break;
        case WIRE_64:
        case WIRE_32:
            length = (tag & 7) == WIRE_64 ? 8 : 4;
            if (length > (size_t)(end - p))
                return damaged(w, d, at, "number runs past the end");
            p += length;
            break;
        case WIRE_BYTES:
            if (!wire_varint(&p, end, &length))
                return damaged(w, d, at, "length runs past the end");
            if (length > (size_t)(end - p))
                return damaged(w, d, at, "length runs past the end (is the file truncated?)");
            value = p;
            p += length;
            break;
        default:
            return damaged(w, d, at, "bad wire type");
        }
        uint32_t field = (uint32_t)(tag >> 3);
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(d, field);
        if (!f || (tensor && field == 100000))
            continue;
        if (tensor && is_bulk(field)) {
            if (!note_chunk(w, field, value, (size_t)(p - value)))
                return false;
        } else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
            if ((tag & 7) != WIRE_BYTES)
                return damaged(w, d, at, "a number where a message belongs");
            if (!submessage(w, f->descriptor, tag, value, p, depth + 1))
                return false;
        } else if (!put(w, at, (size_t)(p - at))) {
            return false;
        }
    }
    return !tensor || note_bulk(w, first);
}

bool wire_scan(struct wire_scan *s, const ProtobufCMessageDescriptor *root, const uint8_t *data, size_t bytes, char *err)
{
    static const uint8_t nothing[1];
    struct walk w = { .begin = bytes ? data : nothing, .out = s, .err = err };
    *s = (struct wire_scan){ 0 };
    bool ok = message(&w, root, w.begin, w.begin + bytes, 0);
    if (!ok)
        wire_scan_free(s);
    return ok;
}

void wire_scan_free(struct wire_scan *s)
{
    free(s->text);
    free(s->chunk);
    free(s->bulk);
    *s = (struct wire_scan){ 0 };
}

/* An empty message costs two bytes in a file and some hundred in memory: a small hostile file must not take gigabytes. */
struct purse {
    size_t left;
};

static void *purse_alloc(void *data, size_t bytes)
{
    struct purse *p = data;
    if (bytes > p->left)
        return NULL;
    p->left -= bytes;
    return malloc(bytes ? bytes : 1);
}

static void purse_free(void *data, void *pointer)
{
    (void)data;
    free(pointer);
}

ProtobufCMessage *wire_unpack(const struct wire_scan *s, const ProtobufCMessageDescriptor *root, char *err)
{
    struct purse purse = { ((size_t)64 << 20) + s->text_bytes * 64 };
    ProtobufCAllocator allocator = { purse_alloc, purse_free, &purse };
    ProtobufCMessage *m = protobuf_c_message_unpack(root, &allocator, s->text_bytes, s->text);
    if (!m)
        reader_fail(err, "not an ONNX file, or damaged: no valid %s", root->short_name);
    return m;
}
