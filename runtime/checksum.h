/* SPDX-License-Identifier: 0BSD
 *
 * The checksum of a weights file: four independent 64-bit multiply-xor lanes over 32-byte stripes, which runs at memory
 * speed in plain C, little-endian on every machine. Any change of a word changes its lane. */
#ifndef CNNC_CHECKSUM_H
#define CNNC_CHECKSUM_H
#include "base.h"

struct cnnc_checksum {
    uint64_t lane[4];
    uint64_t bytes;
    unsigned char rest[32];
};

static inline CNNC_UNUSED uint64_t cnnc_get_u64(const unsigned char *p)
{
    uint64_t v = 0;
#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&v, p, sizeof v);
#else
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
#endif
    return v;
}
static inline CNNC_UNUSED uint32_t cnnc_get_u32(const unsigned char *p) { return (uint32_t)(cnnc_get_u64(p) & 0xffffffffu); }
static inline CNNC_UNUSED void cnnc_put_u64(unsigned char *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}
static inline CNNC_UNUSED void cnnc_put_u32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

static inline CNNC_UNUSED struct cnnc_checksum cnnc_checksum_begin(void)
{
    struct cnnc_checksum c = {{1, 2, 3, 4}, 0, {0}};
    return c;
}

static inline CNNC_UNUSED uint64_t cnnc_checksum_mix(uint64_t lane, const unsigned char *p)
{
    const uint64_t v = (lane ^ cnnc_get_u64(p)) * UINT64_C(0x9e3779b97f4a7c15);
    return v ^ v >> 29;
}

static inline CNNC_UNUSED void cnnc_checksum_stripes(struct cnnc_checksum *c, const unsigned char *p, size_t stripes)
{
    uint64_t a = c->lane[0], b = c->lane[1], d = c->lane[2], e = c->lane[3];
    for (; stripes; stripes--, p += 32) {
        a = cnnc_checksum_mix(a, p);
        b = cnnc_checksum_mix(b, p + 8);
        d = cnnc_checksum_mix(d, p + 16);
        e = cnnc_checksum_mix(e, p + 24);
    }
    c->lane[0] = a, c->lane[1] = b, c->lane[2] = d, c->lane[3] = e;
}

static inline CNNC_UNUSED void cnnc_checksum_add(struct cnnc_checksum *c, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    size_t have = (size_t)(c->bytes % 32);
    c->bytes += bytes;
    for (; have && bytes; bytes--) {
        c->rest[have++] = *p++;
        if (have == 32) {
            cnnc_checksum_stripes(c, c->rest, 1);
            have = 0;
        }
    }
    cnnc_checksum_stripes(c, p, bytes / 32);
    memcpy(c->rest, p + bytes / 32 * 32, bytes % 32);
}

static inline CNNC_UNUSED uint64_t cnnc_checksum_end(struct cnnc_checksum *c)
{
    size_t have = (size_t)(c->bytes % 32);
    if (have) {
        memset(c->rest + have, 0, 32 - have);
        cnnc_checksum_stripes(c, c->rest, 1);
    }
    uint64_t v = c->bytes;
    for (int i = 0; i < 4; i++) {
        v = (v ^ c->lane[i]) * UINT64_C(0xbf58476d1ce4e5b9);
        v ^= v >> 31;
    }
    return v;
}

#endif
