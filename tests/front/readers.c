/* The readers of weights and tensors: TensorProto in every form, .npy, safetensors, external data, and damaged files of each. */
#include "../../compiler/front/safetensors.h"
#include "../../compiler/front/tensor_file.h"
#include "../../compiler/front/onnx_wire.h"
#include "onnx.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;
#define CHECK(x)                                                                     \
    do {                                                                             \
        if (!(x)) {                                                                  \
            failures++;                                                              \
            fprintf(stderr, "%s:%d: %s is false (%s)\n", __FILE__, __LINE__, #x, err); \
        }                                                                            \
    } while (0)

static char err[CNNC_ERROR_BYTES];

static void write_file(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0)
        exit(2);
}

/* A tensor message with the given fields, packed by protobuf-c itself. */
static size_t pack(uint8_t *to, const Onnx__TensorProto *t)
{
    return onnx__tensor_proto__pack(t, to);
}

static Onnx__TensorProto proto(int dtype, size_t rank, int64_t *dims)
{
    Onnx__TensorProto t = ONNX__TENSOR_PROTO__INIT;
    t.has_data_type = 1;
    t.data_type = dtype;
    t.n_dims = rank;
    t.dims = dims;
    return t;
}

static bool read_bytes(struct tensor_data *t, const uint8_t *bytes, size_t n)
{
    write_file("t.pb", bytes, n);
    *err = 0;
    return tensor_file_read(t, "t.pb", err);
}

static bool read_packed(struct tensor_data *t, const Onnx__TensorProto *p)
{
    static uint8_t buffer[4096];
    return read_bytes(t, buffer, pack(buffer, p));
}

static void test_raw_and_typed(void)
{
    int64_t d23[] = { 2, 3 }, d3[] = { 3 }, d5[] = { 5 }, d0[] = { 4, 0 };
    float f[] = { 1, -2, 3.5f, 4, 5, 6 };
    struct tensor_data t;

    Onnx__TensorProto p = proto(1, 2, d23);
    p.has_raw_data = 1;
    p.raw_data = (ProtobufCBinaryData){ sizeof f, (uint8_t *)f };
    CHECK(read_packed(&t, &p) && t.rank == 2 && t.dim[1] == 3 && t.count == 6 && memcmp(t.data, f, sizeof f) == 0);
    tensor_data_free(&t);
    p.raw_data.len -= 4;
    CHECK(!read_packed(&t, &p) && strstr(err, "20 bytes") && strstr(err, "24"));

    p = proto(1, 2, d23);
    p.float_data = f;
    p.n_float_data = 6;
    CHECK(read_packed(&t, &p) && memcmp(t.data, f, sizeof f) == 0);
    tensor_data_free(&t);
    p.data_type = 6;
    CHECK(!read_packed(&t, &p) && strstr(err, "another type"));

    int32_t i32[] = { -1, 127, -128 };
    p = proto(3, 1, d3); /* int8 in int32_data: sign-extended to ten bytes on the wire */
    p.int32_data = i32;
    p.n_int32_data = 3;
    CHECK(read_packed(&t, &p) && t.bytes == 3 && memcmp(t.data, "\xff\x7f\x80", 3) == 0);
    tensor_data_free(&t);
    p.n_int32_data = 2;
    CHECK(!read_packed(&t, &p));
    p.data_type = 6;
    p.n_int32_data = 3;
    CHECK(read_packed(&t, &p) && memcmp(t.data, i32, sizeof i32) == 0);
    tensor_data_free(&t);

    int64_t i64[] = { INT64_MIN, 0, 7 };
    p = proto(7, 1, d3);
    p.int64_data = i64;
    p.n_int64_data = 3;
    CHECK(read_packed(&t, &p) && memcmp(t.data, i64, sizeof i64) == 0);
    tensor_data_free(&t);

    double d[] = { 1, 2, 3 };
    p = proto(11, 1, d3);
    p.double_data = d;
    p.n_double_data = 3;
    CHECK(read_packed(&t, &p) && memcmp(t.data, d, sizeof d) == 0);
    tensor_data_free(&t);

    /* int4: two to a byte, low half first, raw and typed. */
    uint8_t four[] = { 0x8f, 0x21, 0x07 };
    p = proto(22, 1, d5);
    p.has_raw_data = 1;
    p.raw_data = (ProtobufCBinaryData){ 3, four };
    CHECK(read_packed(&t, &p) && t.bytes == 5 && memcmp(t.data, "\xff\xf8\x01\x02\x07", 5) == 0);
    tensor_data_free(&t);
    int32_t four32[] = { 0x8f, 0x21, 0x07 };
    p = proto(21, 1, d5);
    p.int32_data = four32;
    p.n_int32_data = 3;
    CHECK(read_packed(&t, &p) && memcmp(t.data, "\x0f\x08\x01\x02\x07", 5) == 0);
    tensor_data_free(&t);
    uint8_t two[] = { 0xe4, 0x03 };
    p = proto(26, 1, d5);
    p.has_raw_data = 1;
    p.raw_data = (ProtobufCBinaryData){ 2, two };
    CHECK(read_packed(&t, &p) && memcmp(t.data, "\x00\x01\xfe\xff\xff", 5) == 0);
    tensor_data_free(&t);

    p = proto(1, 2, d0); /* no elements, no data */
    CHECK(read_packed(&t, &p) && t.count == 0 && t.rank == 2 && t.data);
    tensor_data_free(&t);
    p = proto(1, 0, NULL); /* rank 0 */
    p.float_data = f;
    p.n_float_data = 1;
    CHECK(read_packed(&t, &p) && t.count == 1 && t.rank == 0);
    tensor_data_free(&t);

    /* Not packed: two float_data fields one after the other, as other writers make them. */
    uint8_t loose[] = { 0x08, 2, 0x10, 1, 0x25, 0, 0, 0x80, 0x3f, 0x25, 0, 0, 0, 0x40 };
    CHECK(read_bytes(&t, loose, sizeof loose) && t.count == 2 && ((const float *)t.data)[1] == 2);
    tensor_data_free(&t);
}

static void test_damage(void)
{
    int64_t huge[] = { INT64_MAX, 4 }, million[] = { 1 << 20, 1 << 10 }, negative[] = { -2 }, d2[] = { 64 };
    float f[64] = { 1 };
    struct tensor_data t;
    Onnx__TensorProto p = proto(1, 2, huge);
    CHECK(!read_packed(&t, &p) && strstr(err, "overflows"));
    p = proto(1, 2, million);
    CHECK(!read_packed(&t, &p) && strstr(err, "no data"));
    p.data_type = 6;
    p.n_int32_data = 1;
    p.int32_data = &(int32_t){ 1 };
    CHECK(!read_packed(&t, &p) && strstr(err, "fewer"));
    p = proto(1, 1, negative);
    CHECK(!read_packed(&t, &p) && strstr(err, "-2"));
    p = proto(77, 1, d2);
    CHECK(!read_packed(&t, &p) && strstr(err, "77"));
    p = proto(8, 1, d2);
    CHECK(!read_packed(&t, &p) && strstr(err, "string"));

    /* Every truncation and every single flipped bit: an error or a tensor, never a crash (the sanitizers look on). */
    uint8_t good[512], bad[512];
    p = proto(1, 1, d2);
    p.float_data = f;
    p.n_float_data = 64;
    p.name = "x";
    size_t n = pack(good, &p);
    for (size_t i = 0; i < n; i++) {
        if (read_bytes(&t, good, i))
            tensor_data_free(&t);
    }
    for (size_t i = 0; i < 8 * 24; i++) {
        memcpy(bad, good, n);
        bad[i / 8] ^= (uint8_t)(1 << i % 8);
        if (read_bytes(&t, bad, n))
            tensor_data_free(&t);
    }

    /* A model of graphs in graphs: ModelProto.graph > node > attribute > g > ... */
    uint8_t nest[8192];
    size_t at = sizeof nest;
    for (int i = 0; at > 16 && i < 999; i++) {
        static const uint8_t tag[] = { 0x32 /* attribute.g */, 0x2a /* node.attribute */, 0x0a /* graph.node */ };
        size_t length = sizeof nest - at;
        nest[--at] = (uint8_t)(length >> 7);
        nest[--at] = (uint8_t)(length | 0x80);
        nest[--at] = tag[i % 3];
    }
    struct wire_scan s;
    CHECK(!wire_scan(&s, &onnx__graph_proto__descriptor, nest + at, sizeof nest - at, err) && strstr(err, "deep"));

    /* Many empty nodes: bounded memory, no crash. */
    uint8_t *many = malloc(2 << 20);
    for (size_t i = 0; i < 1 << 20; i++) {
        many[2 * i] = 0x0a;
        many[2 * i + 1] = 0;
    }
    CHECK(wire_scan(&s, &onnx__graph_proto__descriptor, many, 2 << 20, err));
    ProtobufCMessage *m = wire_unpack(&s, &onnx__graph_proto__descriptor, err);
    if (m)
        protobuf_c_message_free_unpacked(m, NULL);
    wire_scan_free(&s);
    free(many);
}

static void test_external(void)
{
    int64_t d4[] = { 4 };
    float f[] = { 1, 2, 3, 4, 5 };
    mkdir("model", 0777);
    mkdir("model/sub", 0777);
    write_file("model/sub/w.bin", f, sizeof f);
    write_file("secret.bin", f, sizeof f);
    unlink("model/link.bin");
    CHECK(symlink("../secret.bin", "model/link.bin") == 0);
    static const struct {
        const char *location, *offset, *length, *error; /* NULL: none */
    } cases[] = {
        { "sub/w.bin", "4", "16", NULL },       { "sub/w.bin", "4", NULL, NULL },
        { "./sub/w.bin", NULL, NULL, NULL },    { "sub/w.bin", "8", "16", "20 bytes" },
        { "../secret.bin", NULL, NULL, "outside" }, { "sub/../../secret.bin", NULL, NULL, "outside" },
        { "/etc/passwd", NULL, NULL, "outside" },   { "link.bin", NULL, NULL, "outside" },
        { "gone.bin", NULL, NULL, "cannot open" },  { "sub", NULL, NULL, "regular" },
        { "", NULL, NULL, "no location" },          { "sub/w.bin", "-4", NULL, "bad offset" },
        { "sub/w.bin", "99999999999999999999", NULL, "bad offset" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Onnx__StringStringEntryProto entry[3], *entries[3];
        size_t n = 0;
        const char *kv[3][2] = { { "location", cases[i].location }, { "offset", cases[i].offset }, { "length", cases[i].length } };
        for (int k = 0; k < 3; k++)
            if (kv[k][1]) {
                onnx__string_string_entry_proto__init(&entry[n]);
                entry[n].key = (char *)kv[k][0];
                entry[n].value = (char *)kv[k][1];
                entries[n] = &entry[n];
                n++;
            }
        Onnx__TensorProto p = proto(1, 1, d4);
        p.has_data_location = 1;
        p.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        p.n_external_data = n;
        p.external_data = entries;
        struct external_files e;
        struct tensor_data t;
        struct wire_scan none = { 0 };
        *err = 0;
        CHECK(external_files_init(&e, "model", err));
        bool ok = tensor_proto_read(&t, &p, &none, &e, err);
        if (ok != !cases[i].error || (!ok && !strstr(err, cases[i].error))) {
            failures++;
            fprintf(stderr, "external case %zu: %s: %s\n", i, ok ? "accepted" : "refused", err);
        }
        if (ok) {
            CHECK(((const float *)t.data)[0] == (cases[i].offset ? 2 : 1));
            CHECK(!t.owned); /* used where it lies */
            tensor_data_free(&t);
        }
        external_files_free(&e);
    }
}

static bool npy(struct tensor_data *t, const char *header, const void *data, size_t bytes)
{
    uint8_t file[512] = "\x93NUMPY\x01\x00";
    size_t n = strlen(header);
    file[8] = (uint8_t)n;
    memcpy(file + 10, header, n);
    memcpy(file + 10 + n, data, bytes);
    write_file("t.npy", file, 10 + n + bytes);
    *err = 0;
    return tensor_file_read(t, "t.npy", err);
}

static void test_npy(void)
{
    struct tensor_data t;
    float f[] = { 1, 2, 3, 4, 5, 6 };
    CHECK(npy(&t, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", f, sizeof f) && t.dtype == 1 && t.rank == 2 &&
          memcmp(t.data, f, sizeof f) == 0);
    tensor_data_free(&t);
    CHECK(npy(&t, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", f, sizeof f) && ((const float *)t.data)[1] == 3);
    tensor_data_free(&t);
    CHECK(npy(&t, "{'descr': '>i2', 'fortran_order': False, 'shape': (1,), }\n", "\x01\x02", 2) && *(const int16_t *)t.data == 0x102);
    tensor_data_free(&t);
    CHECK(npy(&t, "{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", "\x01", 1) && t.dtype == 9 && t.rank == 0);
    tensor_data_free(&t);
    CHECK(!npy(&t, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }\n", f, sizeof f));
    CHECK(!npy(&t, "{'descr': '<U4', 'fortran_order': False, 'shape': (2, 4), }\n", f, sizeof f));
    CHECK(!npy(&t, "{'descr': '<f4', 'shape': (2, 4), }\n", f, sizeof f));
}

static bool st(struct safetensors *s, const char *header, size_t data)
{
    uint8_t file[1024] = { 0 };
    size_t n = strlen(header);
    file[0] = (uint8_t)n;
    file[1] = (uint8_t)(n >> 8);
    memcpy(file + 8, header, n);
    write_file("t.safetensors", file, 8 + n + data);
    *err = 0;
    return safetensors_open(s, "t.safetensors", err);
}

static void test_safetensors(void)
{
    struct safetensors s;
    float f[] = { 1, 2, 3, 4, 5, 6 };
    int8_t b[] = { 1, 2, 3 };
    struct safetensor out[2] = {
        { "a \"b\"", { .dtype = 3, .rank = 1, .dim = { 3 }, .count = 3, .bytes = 3, .data = b }, 0 },
        { "conv.weight", { .dtype = 1, .rank = 2, .dim = { 2, 3 }, .count = 6, .bytes = 24, .data = f }, 0 },
    };
    CHECK(safetensors_write("w.safetensors", out, 2, err));
    CHECK(safetensors_open(&s, "w.safetensors", err) && s.tensors == 2);
    struct safetensor *w = safetensors_find(&s, "conv.weight"), *a = safetensors_find(&s, "a \"b\"");
    CHECK(w && w->value.rank == 2 && memcmp(w->value.data, f, sizeof f) == 0 && !w->value.owned);
    CHECK(a && memcmp(a->value.data, b, 3) == 0 && !safetensors_find(&s, "none"));
    safetensors_close(&s);

    static const struct {
        const char *header;
        size_t data;
        const char *error;
    } cases[] = {
        { "{}", 0, NULL },
        { "{\"__metadata__\":{\"a\":\"b\"},\"x\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, NULL },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 8, "8" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "outside" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "outside" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "-2" },
        { "{\"x\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "F31" },
        { "{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 8, "overflow" },
        { "{\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"y\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "overlap" },
        { "{\"x\":1}", 0, "needs" }, { "[1]", 0, "not an object" }, { "{\"x\":", 0, "bad header" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool ok = st(&s, cases[i].header, cases[i].data);
        if (ok != !cases[i].error || (!ok && !strstr(err, cases[i].error))) {
            failures++;
            fprintf(stderr, "safetensors case %zu: %s: %s\n", i, ok ? "accepted" : "refused", err);
        }
        if (ok)
            safetensors_close(&s);
    }
    write_file("t.safetensors", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    CHECK(!safetensors_open(&s, "t.safetensors", err) && strstr(err, "truncated"));
    write_file("t.safetensors", "", 0);
    CHECK(!safetensors_open(&s, "t.safetensors", err));
}

int main(int argc, char **argv)
{
    if (argc != 2 || chdir(argv[1]) != 0)
        return fprintf(stderr, "usage: %s FOLDER-TO-WRITE-IN\n", argv[0]), 2;
    test_raw_and_typed();
    test_damage();
    test_external();
    test_npy();
    test_safetensors();
    printf("readers: %s\n", failures ? "FAILED" : "ok");
    return failures != 0;
}
