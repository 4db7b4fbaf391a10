/* The first look at an ONNX file: one walk over its protobuf wire format.
 *
 * before: a mapped file of any size, trusted in nothing.
 * after:  `text`, a small, well-formed copy for protobuf-c without the tensors' numbers (protobuf-c would copy them) and without
 *         fields that the schema does not know; and `bulk`, a note of where each tensor's numbers lie in the file.
 *
 * The walk follows protobuf-c's own descriptors, so it needs no list of messages. It checks nesting depth and every length, so
 * that what reaches protobuf-c is bounded. */
#ifndef CNNC_ONNX_WIRE_H
#define CNNC_ONNX_WIRE_H

#include "mapping.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One occurrence of a data field. `data` is in the wire form of a packed field; several chunks of one field follow each other. */
struct wire_chunk {
    uint32_t field;
    const uint8_t *data;
    size_t bytes;
};

/* The numbers of one TensorProto: chunk[0 .. chunks). */
struct wire_bulk {
    size_t first;
    size_t chunks;
};

struct wire_scan {
    uint8_t *text;
    size_t text_bytes;
    struct wire_chunk *chunk;
    size_t chunks;
    struct wire_bulk *bulk; /* indexed by TensorProto.bulk */
    size_t bulks;
    struct mapping map; /* of the file, where the caller sets it: it outlives the tensors, which then need not be copied */
};

/* root: &onnx__model_proto__descriptor or another message of grammar/onnx.proto. The bytes must outlive the scan's users.
 * On failure err (CNNC_ERROR_BYTES) says what and where, and *s is empty. */
bool wire_scan(struct wire_scan *s, const ProtobufCMessageDescriptor *root, const uint8_t *data, size_t bytes, char *err);
void wire_scan_free(struct wire_scan *s);

/* protobuf_c_message_unpack on the scan's text, with a bound on the memory it may take. Free with protobuf_c_message_free_unpacked(m, NULL). */
ProtobufCMessage *wire_unpack(const struct wire_scan *s, const ProtobufCMessageDescriptor *root, char *err);

/* One varint; advances *p. False when it does not end before `end` or is longer than ten bytes. */
bool wire_varint(const uint8_t **p, const uint8_t *end, uint64_t *value);

#endif
