/* Every word of the vector vocabulary against scalar C.
 * Build: gcc -O2 -Iruntime [-march=native | -mavx2 -mfma | -DCNNC_SIMD=0 | -DCNNC_ISA=n [-DCNNC_EMULATE]] tests/kernels/simd.c -lm */
#include "simd.h"
#include <stdio.h>

static int passed, failed;
static void check(int ok, const char *what, int lane)
{
    if (ok)
        passed++;
    else if (failed++ < 20)
        printf("FAIL %s, lane %d\n", what, lane);
}
static int near_(float a, float b) { return a == b || !memcmp(&a, &b, 4) || fabsf(a - b) <= 2e-7f * fabsf(b); }

#define F1(name, expr)                                                  \
    do {                                                                \
        CNNC_VSTORE(r, name(CNNC_VLOAD(a)));                            \
        for (int i = 0; i < CNNC_VL; i++) { float x = a[i]; check(near_(r[i], expr), #name, i); } \
    } while (0)
#define F2(name, expr)                                                  \
    do {                                                                \
        CNNC_VSTORE(r, name(CNNC_VLOAD(a), CNNC_VLOAD(b)));             \
        for (int i = 0; i < CNNC_VL; i++) { float x = a[i], y = b[i]; check(near_(r[i], expr), #name, i); } \
    } while (0)
#define M2(name, op)                                                    \
    do {                                                                \
        CNNC_VSTORE(r, CNNC_VSELECT(name(CNNC_VLOAD(a), CNNC_VLOAD(b)), CNNC_VSET1(1), CNNC_VSET1(2))); \
        for (int i = 0; i < CNNC_VL; i++) check(r[i] == (a[i] op b[i] ? 1 : 2), #name, i); \
    } while (0)
#define I2(name, expr)                                                  \
    do {                                                                \
        CNNC_VISTORE(q, name(CNNC_VILOAD(m), CNNC_VILOAD(n)));          \
        for (int i = 0; i < CNNC_VL; i++) { int32_t x = m[i], y = n[i]; check(q[i] == (int32_t)(expr), #name, i); } \
    } while (0)
#define I1(name, expr)                                                  \
    do {                                                                \
        CNNC_VISTORE(q, name(CNNC_VILOAD(m), 3));                       \
        for (int i = 0; i < CNNC_VL; i++) { int32_t x = m[i]; check(q[i] == (int32_t)(expr), #name, i); } \
    } while (0)

static float bits(uint32_t u) { float f; memcpy(&f, &u, 4); return f; }
static uint32_t word(float f) { uint32_t u; memcpy(&u, &f, 4); return u; }

int main(void)
{
    unsigned s = 1;
    for (int round = 0; round < 200; round++) {
        float a[16], b[16], c[16], r[16];
        int32_t m[16], n[16], q[16];
        for (int i = 0; i < 16; i++) {
            s = s * 1664525u + 1013904223u, a[i] = (float)(int)(s >> 16) / 64 - 512;
            s = s * 1664525u + 1013904223u, b[i] = round % 3 ? (float)(int)(s >> 20) / 8 - 256 : a[i];
            s = s * 1664525u + 1013904223u, c[i] = (float)(int)(s >> 16) / 64;
            s = s * 1664525u + 1013904223u, m[i] = (int32_t)s;
            s = s * 1664525u + 1013904223u, n[i] = (int32_t)s >> (s & 15);
            if (b[i] == 0)
                b[i] = 1;
        }
        F2(CNNC_VADD, x + y); F2(CNNC_VSUB, x - y); F2(CNNC_VMUL, x * y); F2(CNNC_VDIV, x / y);
        F2(CNNC_VMIN, x < y ? x : y); F2(CNNC_VMAX, x > y ? x : y);
        F2(CNNC_VAND, bits(word(x) & word(y))); F2(CNNC_VOR, bits(word(x) | word(y)));
        F2(CNNC_VXOR, bits(word(x) ^ word(y))); F2(CNNC_VANDNOT, bits(~word(x) & word(y)));
        F1(CNNC_VABS, fabsf(x)); F1(CNNC_VNEG, -x); F1(CNNC_VROUND, nearbyintf(x)); F1(CNNC_VFLOOR, floorf(x));
        M2(CNNC_VLT, <); M2(CNNC_VLE, <=); M2(CNNC_VGT, >); M2(CNNC_VGE, >=); M2(CNNC_VEQ, ==);
        CNNC_VSTORE(r, CNNC_VSQRT(CNNC_VLOAD(c)));
        for (int i = 0; i < CNNC_VL; i++) check(near_(r[i], sqrtf(c[i])), "sqrt", i);
        CNNC_VSTORE(r, CNNC_VFMA(CNNC_VLOAD(a), CNNC_VLOAD(b), CNNC_VLOAD(c)));
        for (int i = 0; i < CNNC_VL; i++) check(fabsf(r[i] - (float)((double)a[i] * b[i] + c[i])) < 0.05f, "fma", i);
        CNNC_VSTORE(r, CNNC_VFNMA(CNNC_VLOAD(a), CNNC_VLOAD(b), CNNC_VLOAD(c)));
        for (int i = 0; i < CNNC_VL; i++) check(fabsf(r[i] - (float)(c[i] - (double)a[i] * b[i])) < 0.05f, "fnma", i);
        I2(CNNC_VIADD, (uint32_t)x + (uint32_t)y); I2(CNNC_VISUB, (uint32_t)x - (uint32_t)y);
        I2(CNNC_VIMUL, (uint32_t)x * (uint32_t)y); I2(CNNC_VIMIN, x < y ? x : y); I2(CNNC_VIMAX, x > y ? x : y);
        I2(CNNC_VIAND, x & y); I2(CNNC_VIOR, x | y);
        I1(CNNC_VISHL, (uint32_t)x << 3); I1(CNNC_VISHR, (uint32_t)x >> 3); I1(CNNC_VISAR, x >> 3);
        CNNC_VISTORE(q, CNNC_VTO_INT(CNNC_VLOAD(a)));
        for (int i = 0; i < CNNC_VL; i++) check(q[i] == (int32_t)lrintf(a[i]), "to int", i);
        CNNC_VSTORE(r, CNNC_VTO_FLOAT(CNNC_VILOAD(m)));
        for (int i = 0; i < CNNC_VL; i++) check(r[i] == (float)m[i], "to float", i);
        CNNC_VISTORE(q, CNNC_VAS_INT(CNNC_VLOAD(a)));
        CNNC_VSTORE(r, CNNC_VAS_FLOAT(CNNC_VILOAD(q)));
        for (int i = 0; i < CNNC_VL; i++) check(q[i] == (int32_t)word(a[i]) && r[i] == a[i], "bits", i);
        float sum = 0, top = a[0];
        for (int i = 0; i < CNNC_VL; i++)
            sum += a[i], top = a[i] > top ? a[i] : top;
        check(fabsf(CNNC_VREDUCE_ADD(CNNC_VLOAD(a)) - sum) < 0.01f, "reduce add", 0);
        check(CNNC_VREDUCE_MAX(CNNC_VLOAD(a)) == top, "reduce max", 0);
        int8_t i8[16];
        uint8_t u8[16];
        for (int i = 0; i < 16; i++)
            i8[i] = (int8_t)m[i], u8[i] = (uint8_t)m[i];
        CNNC_VISTORE(q, CNNC_VLOAD_S8(i8));
        for (int i = 0; i < CNNC_VL; i++) check(q[i] == i8[i], "load s8", i);
        CNNC_VISTORE(q, CNNC_VLOAD_U8(u8));
        for (int i = 0; i < CNNC_VL; i++) check(q[i] == u8[i], "load u8", i);
        for (int i = 0; i < 16; i++)
            n[i] = round % 2 ? m[i] >> 22 : m[i];
        CNNC_VSTORE_S8(i8, CNNC_VILOAD(n));
        CNNC_VSTORE_U8(u8, CNNC_VILOAD(n));
        for (int i = 0; i < CNNC_VL; i++) {
            check(i8[i] == (n[i] < -128 ? -128 : n[i] > 127 ? 127 : n[i]), "store s8", i);
            check(u8[i] == (n[i] < 0 ? 0 : n[i] > 255 ? 255 : n[i]), "store u8", i);
        }
        for (int k = 0; k <= CNNC_VL; k++) {
            for (int i = 0; i < 16; i++)
                r[i] = 7;
            CNNC_VSTORE_N(r, CNNC_VLOAD(a), k);
            for (int i = 0; i < 16; i++) check(r[i] == (i < k ? a[i] : 7), "store n", i);
            CNNC_VSTORE(r, CNNC_VLOAD_N(a, k));
            for (int i = 0; i < CNNC_VL; i++) check(r[i] == (i < k ? a[i] : 0), "load n", i);
        }
    }
    float nan = bits(0x7fc00000u), r[16];
    CNNC_VSTORE(r, CNNC_VMAX(CNNC_VZERO(), CNNC_VSET1(nan)));
    check(r[0] != r[0], "max keeps a NaN that comes second", 0);
    CNNC_VSTORE(r, CNNC_VMIN(CNNC_VZERO(), CNNC_VSET1(nan)));
    check(r[0] != r[0], "min keeps a NaN that comes second", 0);
    printf("simd level %d: %d passed, %d failed\n", CNNC_LEVEL, passed, failed);
    return failed != 0;
}
#include "simd_end.h"
